"""What a walk-forward leaves behind: the folds, the run they make together, and how steady the choices were."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution

from undertow.backtests.ledger.trial_count import TrialCount
from undertow.backtests.runs.lag_hours import LagHours
from undertow.backtests.runs.run import Run
from undertow.backtests.sweeps.reserved import FOLD_FIGURES
from undertow.backtests.validation.settings import WalkSettings
from undertow.backtests.validation.splits import Fold, WalkForward
from undertow.market.clock import FloatArray
from undertow.strategies.strategy import Strategy

# What a fold does in its test where nothing that was tried in training was passed.
HOLD, ACT = "hold", "act"
ON_FAIL = (HOLD, ACT)


@dataclass(frozen=True, eq=False)
class FoldResult:
    """One fold: its sessions, what was chosen, and its figures inside and outside the training sessions.

    `train` and `test` are the first and last session of each; figures are decimal, annualised where the name says so.
    An excess is total return less the baseline's over the same sessions. `p` is what a gate made of the trials in
    training and `passed` whether they passed it, NaN and None where none was asked for; where the choice does not act
    (`acts`), the test holds the basket.
    `feasible` says whether the choice kept every constraint in training; where no trial did, it is the nearest miss.
    `lag_hours` are those from the shock to the fill of the choice in training, None where no episode has a shock.
    `unreached` says why the objective has no value in the test, "" where it has one.
    """

    fold: Fold
    train: tuple[pd.Timestamp, pd.Timestamp]
    test: tuple[pd.Timestamp, pd.Timestamp]
    parameters: dict[str, Any]
    in_sample: dict[str, float]
    out_of_sample: dict[str, float]
    trials: pd.DataFrame
    p: float = math.nan
    passed: bool | None = None
    acts: bool = True
    feasible: bool = True
    lag_hours: LagHours | None = None
    unreached: str = ""


@dataclass(frozen=True, eq=False)
class WalkForwardResult:
    """A strategy walked forward: `run` is the stitched out-of-sample account, `vol_target` VolTarget on its sessions.

    `trial_count` says how many trials were ever made on the market, where a ledger counts them. `gate` names the test
    of what a fold tried in training, and `on_fail` says what a fold does that does not pass it: "hold" the basket, or
    "act" all the same. `alternative` is the account that does the other of the two, None without a gate.
    """

    strategy: type[Strategy]
    split: WalkForward
    settings: WalkSettings
    seed: int
    tuner: str
    sessions: int
    folds: tuple[FoldResult, ...]
    run: Run
    vol_target: Run
    trial_count: TrialCount | None = None
    gate: str | None = None
    on_fail: str = HOLD
    alternative: Run | None = None

    @property
    def passed(self) -> int:
        """The number of folds that passed the gate; 0 without one."""
        return sum(each.passed is True for each in self.folds)

    @property
    def acting(self) -> int:
        """The number of folds whose choice acted in its test."""
        return sum(each.acts for each in self.folds)

    @property
    def missed(self) -> int:
        """The number of folds in which no trial kept every constraint."""
        return sum(not each.feasible for each in self.folds)

    @property
    def unreached(self) -> list[FoldResult]:
        """The folds in whose test the objective has no value; `unreached` of each says why."""
        return [each for each in self.folds if each.unreached]

    @property
    def untested(self) -> int:
        """Sessions of the span that no test holds: the warm-up before the first."""
        return self.sessions - sum(len(each.fold.test) for each in self.folds)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a fold: sessions, counts, the parameters that were tuned, figures inside (in_) and outside (out_).

        `in_lag_hours` is the median from the shock to the fill at those parameters.

        `objective` is what the folds were tuned for, NaN outside where it needs what a part of an account has not.
        """
        return pd.DataFrame([self._row(each) for each in self.folds])

    def _row(self, each: FoldResult) -> dict[str, Any]:
        return {
            "fold": each.fold.number,
            "train_start": each.train[0],
            "train_end": each.train[1],
            "test_start": each.test[0],
            "test_end": each.test[1],
            "sessions_trained": len(each.fold.train),
            "sessions_tested": len(each.fold.test),
            "purged": each.fold.purged,
            "embargoed": each.fold.embargoed,
            "dropped_with_events": each.fold.dropped,
            "border_moved": each.fold.moved,
            "trials": len(each.trials),
            "proof_p": each.p,
            "passed": each.passed,
            "acts": each.acts,
            "feasible": each.feasible,
            **{name: each.parameters[name] for name in self.settings.space},
            "in_lag_hours": math.nan if each.lag_hours is None else each.lag_hours.median,
            **{f"in_{name}": each.in_sample.get(name, math.nan) for name in FOLD_FIGURES},
            **{f"out_{name}": each.out_of_sample.get(name, math.nan) for name in FOLD_FIGURES},
        }

    @cached_property
    def trials(self) -> pd.DataFrame:
        """Every trial of every fold, the fold's number first."""
        parts = [each.trials.assign(fold=each.fold.number) for each in self.folds]
        joined = pd.concat(parts, ignore_index=True)
        return joined[["fold", *(name for name in joined.columns if name != "fold")]]

    @cached_property
    def stability(self) -> pd.DataFrame:
        """How far the choice of each tuned parameter moved from fold to fold, one row a parameter.

        `spread` is highest less lowest choice as a part of the range that was searched, 0 to 1; for a parameter with
        choices it is the share of folds that did not take the most frequent one.
        """
        rows = [
            _stability(name, space, [each.parameters[name] for each in self.folds])
            for name, space in self.settings.space.items()
        ]
        return pd.DataFrame(rows, columns=["parameter", "searched", "chosen", "typical", "spread"])

    def summary(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            **self.run.summary(),
            "split": self.split.text,
            "objective": self.settings.objective.name,
            "constraints": [each.name for each in self.settings.constraints],
            "trials": self.settings.trials,
            "tuner": self.tuner,
            "not_searched": list(self.settings.unsearched),
            "gate": self.gate,
            "on_fail": None if self.gate is None else self.on_fail,
            "folds_proven": None if self.gate is None else self.passed,
            "counterpart": None if self.alternative is None else self.alternative.metrics,
            "folds_acting": self.acting,
            "folds_infeasible": self.missed,
            "folds_without_objective": {str(each.fold.number): each.unreached for each in self.unreached},
            "ledger": None if self.trial_count is None else asdict(self.trial_count),
            "seed": self.seed,
            "sessions_in_span": self.sessions,
            "sessions_untested": self.untested,
            "vol_target": self.vol_target.metrics,
            "folds": [{name: _plain(value) for name, value in row.items()} for row in self.table.to_dict("records")],
            "stability": self.stability.to_dict("records"),
        }


def place(space: BaseDistribution, value: Any) -> float:
    """Where a value lies in a search range, 0 at its low end to 1 at its high one; logarithmic where the range is."""
    if isinstance(space, CategoricalDistribution):
        return space.choices.index(value) / max(len(space.choices) - 1, 1)
    low, high = float(space.low), float(space.high)  # type: ignore[attr-defined]
    if high == low:
        return 0.5
    if space.log:  # type: ignore[attr-defined]
        return math.log(value / low) / math.log(high / low)
    return (float(value) - low) / (high - low)


def _stability(name: str, space: BaseDistribution, chosen: list[Any]) -> dict[str, Any]:
    if isinstance(space, CategoricalDistribution):
        counts = {choice: chosen.count(choice) for choice in space.choices}
        most = max(counts, key=lambda choice: counts[choice])
        taken = ", ".join(f"{choice} {times}" for choice, times in counts.items() if times)
        searched = ", ".join(map(str, space.choices))
        return _steady(name, searched, taken, str(most), 1.0 - counts[most] / len(chosen))
    places = [place(space, value) for value in chosen]
    values: FloatArray = np.asarray(chosen, dtype=np.float64)
    searched = f"{space.low:g} to {space.high:g}"  # type: ignore[attr-defined]
    taken = f"{values.min():.4g} to {values.max():.4g}"
    return _steady(name, searched, taken, f"{np.median(values):.4g}", max(places) - min(places))


def _steady(name: str, searched: str, chosen: str, typical: str, spread: float) -> dict[str, Any]:
    return {"parameter": name, "searched": searched, "chosen": chosen, "typical": typical, "spread": spread}


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value.date()) if hasattr(value, "date") else value
