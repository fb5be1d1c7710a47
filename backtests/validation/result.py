"""The result of a walk-forward: its folds, and the account that joins their tests."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution

from undertow.backtests.folders import json_ready, replacing, write_json
from undertow.backtests.ledger.trial_count import TrialCount
from undertow.backtests.runs.lag_hours import LagHours
from undertow.backtests.runs.run import Run
from undertow.backtests.sweeps.reserved import FOLD_FIGURES
from undertow.backtests.validation.cpcv import CpcvResult
from undertow.backtests.validation.settings import WalkSettings
from undertow.backtests.validation.splits import Fold, WalkForward
from undertow.market import FloatArray
from undertow.signals.base import PAGES, load
from undertow.strategies import Strategy

# In its test, a fold that does not pass its gate holds the basket, or acts all the same.
HOLD, ACT = "hold", "act"
ON_FAIL = (HOLD, ACT)
# The topics of `sentences` that judge the walk.
_VERDICTS = ("buy-and-hold", "vol-target", "timing", "gate")


@dataclass(frozen=True, eq=False)
class FoldResult:
    """One fold: its sessions, the chosen parameters, and their metrics.

    Metrics are decimal, annualised where the name says so; an excess is total return less that of the baseline over the
    same sessions.

    Args:
        fold: the fold.
        train: first and last training session.
        test: first and last tested session.
        parameters: the chosen parameters, all of the strategy's.
        in_sample: metrics in training.
        out_of_sample: metrics in the test; those of the basket where the choice does not act.
        trials: one row a trial.
        p: p of the gate over the trials in training, NaN without a gate.
        passed: whether the trials passed the gate, None without a gate.
        acts: whether the choice acts in the test; else the test holds the basket.
        feasible: whether the choice keeps every constraint in training; False for the nearest miss where no trial does.
        lag_hours: hours from the shock to the fill of the choice in training; None where no episode has a shock.
        unreached: the reason why the objective has no value in the test, "" where it has one.
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

    def __repr__(self) -> str:
        train, test = (f"{first:%Y-%m-%d} to {last:%Y-%m-%d}" for first, last in (self.train, self.test))
        return f"<FoldResult {self.fold.number}: trained on {train}, tested on {test}, {len(self.trials)} trials>"


@dataclass(frozen=True, eq=False)
class WalkForwardResult:
    """The result of a walk-forward.

    Args:
        strategy: class of the strategy.
        split: the split.
        settings: settings of the account and of the tuning.
        seed: seed of the tuning.
        tuner: name of the tuner, or the path of a user-defined one.
        sessions: number of sessions of the span.
        folds: the folds in order of time.
        run: the out-of-sample account that joins the tests of all folds.
        vol_target: VolTarget at its defaults on the same sessions.
        trial_count: number of trials ever made on the market; None without a ledger.
        gate: name of the test that the trials of a fold pass; None without a gate.
        on_fail: "hold" or "act", the conduct of a fold that does not pass the gate.
        alternative: the account with the other conduct; None without a gate.
        seeds: one row per seed of the tuning, this walk first; None where no other seeds were walked.
        paths: the combinatorial cross-validation; None where none was made.
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
    seeds: pd.DataFrame | None = None
    paths: CpcvResult | None = None

    def __repr__(self) -> str:
        recipe, hold = self.run.recipe, self.run.baselines["buy-and-hold"]
        return (
            f"<WalkForwardResult {self.strategy.name()!r} on {recipe.universe!r}: {len(self.folds)} folds tested"
            f" {recipe.start} to {recipe.end}, annual Sharpe {self.run.metrics['annual_sharpe']:.2f}, buy-and-hold"
            f" {hold['annual_sharpe']:.2f}>"
        )

    @property
    def passed(self) -> int:
        """The number of folds that passed the gate; 0 without one."""
        return sum(fold.passed is True for fold in self.folds)

    @property
    def acting(self) -> int:
        """The number of folds whose choice acted in its test."""
        return sum(fold.acts for fold in self.folds)

    @property
    def missed(self) -> int:
        """The number of folds in which no trial kept every constraint."""
        return sum(not fold.feasible for fold in self.folds)

    @property
    def unreached(self) -> list[FoldResult]:
        """The folds in whose test the objective has no value."""
        return [fold for fold in self.folds if fold.unreached]

    @property
    def untested(self) -> int:
        """The sessions of the span that are in no test: the warm-up before the first."""
        return self.sessions - sum(len(result.fold.test) for result in self.folds)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per fold: sessions, parameters, metrics in training and in the test.

        Metrics in training have the prefix `in_`, those in the test `out_`. `gate_p` is p of the gate, `passed` whether
        the trials passed it, `acts` whether the choice acted in the test. `in_lag_hours` is the median from the shock
        to the fill at the chosen parameters. The objective is NaN in the test where it needs a metric that a part of an
        account does not have.
        """
        return pd.DataFrame([self._row(result) for result in self.folds])

    def _row(self, result: FoldResult) -> dict[str, Any]:
        fold = result.fold
        return {
            "fold": fold.number,
            "train_start": result.train[0],
            "train_end": result.train[1],
            "test_start": result.test[0],
            "test_end": result.test[1],
            "sessions_trained": len(fold.train),
            "sessions_tested": len(fold.test),
            "purged": fold.purged,
            "embargoed": fold.embargoed,
            "dropped_with_events": fold.dropped,
            "border_moved": fold.moved,
            "trials": len(result.trials),
            "gate_p": result.p,
            "passed": result.passed,
            "acts": result.acts,
            "feasible": result.feasible,
            **{name: result.parameters[name] for name in self.settings.space},
            "in_lag_hours": math.nan if result.lag_hours is None else result.lag_hours.median,
            **{f"in_{name}": result.in_sample.get(name, math.nan) for name in FOLD_FIGURES},
            **{f"out_{name}": result.out_of_sample.get(name, math.nan) for name in FOLD_FIGURES},
        }

    @cached_property
    def trials(self) -> pd.DataFrame:
        """Every trial of every fold, the fold's number first."""
        parts = [result.trials.assign(fold=result.fold.number) for result in self.folds]
        joined = pd.concat(parts, ignore_index=True)
        return joined[["fold", *(name for name in joined.columns if name != "fold")]]

    @cached_property
    def stability(self) -> pd.DataFrame:
        """How far the choices of a parameter moved from fold to fold, one row each.

        `spread` is highest less lowest choice as a part of the range that was searched, 0 to 1; for a parameter with
        choices it is the share of folds that did not take the most frequent one.
        """
        rows = [
            _stability(name, space, [fold.parameters[name] for fold in self.folds])
            for name, space in self.settings.space.items()
        ]
        return pd.DataFrame(rows, columns=["parameter", "searched", "chosen", "typical", "spread"])

    def sentences(self) -> list[tuple[str, str]]:
        """The results as sentences of plain text: (topic, sentence), in the page's order.

        Topics are "seeds" (first where there are several), "lag", "buy-and-hold" and "vol-target" (the verdicts, with
        their intervals), "timing", "gate", "unsearched", "infeasible", "unreached", "paths" and "trials"; those that do
        not apply are left out.
        """
        # Sentences live above this floor: they are found by name, never imported.
        written: list[tuple[str, str]] = load(PAGES, "walk-sentences")(self)
        return written

    @cached_property
    def verdicts(self) -> dict[str, str]:
        """The sentences that judge the walk, by topic.

        Against its baselines, and those of its timing and its gate.
        """
        return {topic: sentence for topic, sentence in self.sentences() if topic in _VERDICTS}

    def summary(self) -> dict[str, Any]:
        """The result as plain values: what `--json` prints and walk.json holds."""
        values = {
            **self.run.summary(),
            "split": self.split.text,
            "objective": self.settings.objective.name,
            "constraints": [constraint.name for constraint in self.settings.constraints],
            "trials": self.settings.trials,
            "tuner": self.tuner,
            "not_searched": list(self.settings.unsearched),
            "gate": self.gate,
            "on_fail": None if self.gate is None else self.on_fail,
            "folds_passed": None if self.gate is None else self.passed,
            "alternative": None if self.alternative is None else self.alternative.metrics,
            "folds_acting": self.acting,
            "folds_infeasible": self.missed,
            "folds_without_objective": {str(result.fold.number): result.unreached for result in self.unreached},
            "ledger": None if self.trial_count is None else asdict(self.trial_count),
            "seed": self.seed,
            "sessions_in_span": self.sessions,
            "sessions_untested": self.untested,
            "vol_target": self.vol_target.metrics,
            "folds": [{name: _plain(value) for name, value in row.items()} for row in self.table.to_dict("records")],
            "stability": self.stability.to_dict("records"),
            "verdicts": self.verdicts,
        }
        if self.seeds is not None:
            values["seeds"] = self.seeds.to_dict("records")
        return values if self.paths is None else {**values, "cpcv": self.paths.summary()}

    def page(self, path: str | Path) -> Path:
        """Write the walk's page, one self-contained HTML file, to `path`."""
        written: Path = load(PAGES, "walk")(self, Path(path), self.paths, self.seeds)
        return written

    def save(self, folder: str | Path) -> Path:
        """Write the run, its tables and pages into `folder`, all or nothing.

        The folder is that of a run with walk.json, walk.html, folds.csv, trials.csv and stability.csv beside it, so
        `load_run` reads it and `compare` takes it.
        """
        target = Path(folder)
        with replacing(target, "walk.json") as draft:
            replace(self.run, trial_count=self.trial_count).save(draft)
            tables = {"folds": self.table, "trials": self.trials, "stability": self.stability, "seeds": self.seeds}
            tables["cpcv_folds"] = None if self.paths is None else self.paths.folds
            for name, table in tables.items():
                if table is not None:
                    table.to_csv(draft / f"{name}.csv", index=False, lineterminator="\n")
            if self.paths is not None:
                self.paths.metrics.to_csv(draft / "cpcv_paths.csv", lineterminator="\n")
            write_json(draft / "walk.json", json_ready(self.summary()))
            self.page(draft / "walk.html")
        return target


def position_in_range(space: BaseDistribution, value: Any) -> float:
    """The position of a value in a search range, 0 to 1.

    In logarithms where the range is logarithmic.
    """
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
        typical = max(counts, key=lambda choice: counts[choice])
        frequencies = ", ".join(f"{choice} {count}" for choice, count in counts.items() if count)
        searched = ", ".join(map(str, space.choices))
        return _stability_row(name, searched, frequencies, str(typical), 1.0 - counts[typical] / len(chosen))
    positions = [position_in_range(space, value) for value in chosen]
    values: FloatArray = np.asarray(chosen, dtype=np.float64)
    searched = f"{space.low:g} to {space.high:g}"  # type: ignore[attr-defined]
    extremes = f"{values.min():.4g} to {values.max():.4g}"
    return _stability_row(name, searched, extremes, f"{np.median(values):.4g}", max(positions) - min(positions))


def _stability_row(name: str, searched: str, chosen: str, typical: str, spread: float) -> dict[str, Any]:
    return {"parameter": name, "searched": searched, "chosen": chosen, "typical": typical, "spread": spread}


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value.date()) if hasattr(value, "date") else value
