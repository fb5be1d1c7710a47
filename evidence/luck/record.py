"""What is known of a rule's skill, as one record."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from undertow.backtests.ledger import DeflatedSharpe
from undertow.evidence.difference import Difference
from undertow.evidence.luck.cross_validation import Overfitting
from undertow.evidence.luck.placebos import UPPER_BOUND, Placebos

_NAMES = {
    "random": "random times",
    "shift": "circular shifts",
    "volatility": "random times of equal volatility",
    "calm": "calm dates (an upper bound: they flatter every rule)",
}
_INK, _MUTED = "#1f3a5f", "#8a8f98"
_CONFIDENT = 0.95


@dataclass(frozen=True, eq=False)
class Skill:
    """Whether the best of the sets tried is more than luck.

    Args:
        best: parameters of the set with the highest Sharpe ratio.
        sharpe_annual: annual Sharpe ratio of its log returns, absolute
        sharpe_over_hold: the same of its log returns less those of buy-and-hold
        absolute: probabilistic and deflated ratio of its log returns: mostly those of the market
        over_hold: the same of its log returns less those of buy-and-hold
        difference: its annual log return less that of buy-and-hold, with intervals
        min_track_record: sessions after which the ratio over buy-and-hold is above 0 at 95 %; infinite where it is not
        min_backtest_years: years below which the best of the trials is expected to have its ratio by luck alone
        overfitting: by cross-validation of the sets; None where there is none
        spa_p: p-value that no set grows faster than buy-and-hold
        reality_check_p: White's; poor sets raise it
        confidence_set: number of sets that cannot be distinguished from the best, and whether buy-and-hold is one
        metrics: headline metrics of the best set with intervals
        placebos: the same episodes at other times
        episodes: Sharpe ratio less that without one episode, by its first session, the most helpful first
        wrong_asset: annual log return over holding it, of the same decisions on other symbols
        sets: number of sets
        converged: whether the best of a guided search stayed for the last half of its trials; None for no search
        remarks: what was left out
        settings: everything that decides the record
    """

    best: dict[str, Any]
    sharpe_annual: float
    sharpe_over_hold: float
    absolute: DeflatedSharpe
    over_hold: DeflatedSharpe
    difference: Difference
    min_track_record: float
    min_backtest_years: float
    overfitting: Overfitting | None
    spa_p: float
    reality_check_p: float
    confidence_set: dict[str, Any] | None
    metrics: pd.DataFrame
    placebos: Placebos
    episodes: pd.DataFrame
    wrong_asset: dict[str, float]
    sets: int
    converged: bool | None = None
    remarks: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Skill of {self.settings.get('strategy')!r}: {self.sets} sets, deflated {self.over_hold.dsr:.2f}>"

    @property
    def heading(self) -> str:
        """Its name, as a heading."""
        return "Skill or luck"

    @property
    def table(self) -> pd.DataFrame:
        """Sharpe ratios over buy-and-hold and absolute: one row each."""
        year = float(self.settings["sessions_a_year"])
        rows = {
            name: {
                "sharpe_annual": ratio.sharpe * math.sqrt(year),
                "psr": ratio.psr,
                "expected_max_annual": ratio.expected_max * math.sqrt(year),
                "dsr": ratio.dsr,
            }
            for name, ratio in (("over buy-and-hold", self.over_hold), ("absolute", self.absolute))
        }
        return _formatted(pd.DataFrame.from_dict(rows, orient="index").rename_axis("log returns"), ".3f")

    def tables(self) -> dict[str, pd.DataFrame]:
        """Its tables by heading."""
        tables = {"Sharpe ratios, and what luck gives": self.table}
        if self.placebos.drawn:
            tables["Placebos: the same episodes at other times"] = _formatted(
                self.placebos.table.rename(index=_NAMES), ".3f"
            )
        tables["Metrics of the best set, 95 % intervals"] = _formatted(self.metrics, ".3f")
        if len(self.episodes):
            tables["Episodes that carry it: Sharpe ratio less that without them"] = _formatted(
                self.episodes.head(5), "+.3f"
            )
        return tables

    def notes(self) -> list[str]:
        """What was left out, or stands in for something else."""
        notes = [f"{_NAMES[kind]}: {missed:,} placements outside their class" for kind, missed in self.missed.items()]
        return [*notes, *self.remarks]

    @property
    def missed(self) -> dict[str, int]:
        """Episodes of placebos for which no session of their class was left, by kind."""
        return self.placebos.missed

    def sentence(self) -> str:
        """The verdict in words."""
        ratio, trials = self.over_hold, self.over_hold.trials
        parts = [
            f"Of {self.sets:,} set{'s' if self.sets != 1 else ''} tried the best ({_words(self.best)}) has an annual"
            f" Sharpe ratio of {self.sharpe_annual:.2f}, and of {self.sharpe_over_hold:+.2f} over buy-and-hold."
        ]
        if math.isnan(ratio.dsr):
            parts.append("It never differs from buy-and-hold, so that there is no skill to judge.")
        else:
            verdict = "more than luck" if ratio.dsr >= _CONFIDENT else "not distinguishable from luck"
            parts.append(
                f"After {trials:,} trial{'s' if trials != 1 else ''} the probability that it beats buy-and-hold by more"
                f" than luck is {ratio.dsr:.0%} (deflated Sharpe ratio; {self.absolute.dsr:.0%} of its absolute returns"
                f" is mostly the market's own): {verdict}."
            )
        if self.overfitting is not None:
            parts.append(f"The best of one half is below the median in the other in {self.overfitting.pbo:.0%} (PBO).")
        parts.append(f"That no set grows faster than buy-and-hold has p = {self.spa_p:.2f} (SPA).")
        beaten = [
            f"{share:.0%} at {_NAMES[kind]}"
            for kind, share in self.placebos.percentile.items()
            if kind != UPPER_BOUND and math.isfinite(share)
        ]
        if beaten:
            parts.append(f"It beats of its placebos {', '.join(beaten)}.")
        return " ".join(parts)

    def figure(self) -> Any:
        """The Sharpe ratios of the placebos and that of the rule, as a plotly figure."""
        from plotly import graph_objects as go

        figure = go.Figure()
        for kind, ratios in self.placebos.drawn.items():
            style = {"color": _MUTED if kind == UPPER_BOUND else _INK}
            label = _NAMES[kind].partition(" (")[0]
            figure.add_trace(
                go.Box(x=np.round(ratios, 4).tolist(), name=label, marker=style, line=style, boxpoints=False)
            )
        figure.add_vline(x=self.placebos.sharpe, line={"color": "#b3261e", "width": 2})
        figure.add_annotation(x=self.placebos.sharpe, y=1.0, yref="paper", text="the rule", showarrow=False, yshift=10)
        figure.update_layout(showlegend=False, margin={"l": 200, "r": 20, "t": 30, "b": 50})
        figure.update_xaxes(title="annual Sharpe ratio")
        return figure

    def to_dict(self) -> dict[str, Any]:
        """The content of `--json`."""
        return {
            "best": self.best,
            "sets": self.sets,
            "sharpe_annual": self.sharpe_annual,
            "sharpe_over_hold": self.sharpe_over_hold,
            "psr": self.absolute.psr,
            "psr_over_hold": self.over_hold.psr,
            "dsr": self.absolute.dsr,
            "dsr_over_hold": self.over_hold.dsr,
            "expected_max": self.absolute.expected_max,
            "expected_max_over_hold": self.over_hold.expected_max,
            "trials": self.over_hold.trials,
            "variance_of": self.over_hold.variance_of,
            "min_track_record": self.min_track_record,
            "min_backtest_years": self.min_backtest_years,
            "pbo": None if self.overfitting is None else self.overfitting.pbo,
            "splits": None if self.overfitting is None else self.overfitting.splits,
            "spa_p": self.spa_p,
            "reality_check_p": self.reality_check_p,
            "confidence_set": self.confidence_set,
            "metrics": self.metrics.to_dict("index"),
            "placebo": self.placebos.percentile,
            "placebo_bound": UPPER_BOUND,
            "episodes": self.episodes.reset_index().to_dict("records"),
            "wrong_asset": self.wrong_asset,
            "converged": self.converged,
            "notes": self.notes(),
            "sentence": self.sentence(),
            "settings": self.settings,
        }


def _words(parameters: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in parameters.items()
    )


def _formatted(frame: pd.DataFrame, form: str) -> pd.DataFrame:
    frame = frame.copy()
    frame.attrs["format"] = form
    return frame
