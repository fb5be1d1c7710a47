"""The result of a search: trials, best, front, and the command that repeats it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd

from undertow.backtests.account import Account
from undertow.backtests.folders import replacing, write_json
from undertow.backtests.ledger.trial_count import TrialCount
from undertow.backtests.objectives import Constraint, Metrics, Objective, is_named
from undertow.backtests.runs.backtest import backtest, session_rows
from undertow.backtests.runs.lag_hours import LagHours, lag_hours
from undertow.backtests.runs.notes import hold_label, moves_sentence
from undertow.backtests.runs.run import Run
from undertow.backtests.sweeps.baselines import basket_moves
from undertow.backtests.sweeps.chunk import SweepTask
from undertow.backtests.tuning.argv import search_argv
from undertow.backtests.tuning.plan import SearchPlan
from undertow.backtests.tuning.settings import MAX_FAILED
from undertow.backtests.tuning.space import Parameters, Space, first_sets
from undertow.market import BoolArray, FloatArray, Market
from undertow.signals.base import PAGES, load
from undertow.signals.decisions import shared_table
from undertow.strategies import BuyAndHold, Strategy


@dataclass(frozen=True, eq=False, repr=False)
class Tuning:
    """The result of `optimize`.

    `trials` has one row a trial in the order of the search: trial, batch, design (given, sobol or another sampler),
    state (complete, fail), `objective NAME`, feasible, `missed CONSTRAINT` (0 where met, NaN where the trial failed),
    the parameters, the metrics and the error of a failed one.

    Args:
        plan: everything that decides the trials.
        study: the Optuna study.
        trials: one row a trial.
        baselines: metrics of the baselines on the same sessions, by name.
        trial_count: how many trials were ever made on the market, where a ledger counts them.
    """

    plan: SearchPlan
    study: optuna.Study
    trials: pd.DataFrame
    baselines: Mapping[str, Metrics]
    trial_count: TrialCount | None = None

    def __repr__(self) -> str:
        identity, best = self.identity, self.best
        values = ", ".join(f"{name} {best[f'objective {name}']:.4g}" for name in self.names)
        window = f"{identity['start']} to {identity['end']}"
        return (
            f"<Tuning of {self.strategy.name()!r} on {identity['universe']!r}: {len(self.trials):,} trials, best"
            f" {values} in trial {best['trial']}, {window}>"
        )

    @property
    def strategy(self) -> type[Strategy]:
        """The class of the strategy."""
        return self.plan.strategy

    @property
    def market(self) -> Market:
        """The market of the search."""
        return self.plan.market

    @property
    def space(self) -> Space:
        """The searched and the fixed parameters."""
        return self.plan.space

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """The objectives of the search."""
        return self.plan.search.objectives

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        """The bounds on metrics."""
        return self.plan.search.bounds

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides the trials, as plain values."""
        return self.plan.identity

    @property
    def names(self) -> tuple[str, ...]:
        """The objectives' names."""
        return tuple(objective.name for objective in self.objectives)

    @property
    def account(self) -> Account:
        """The account of every trial."""
        names = [setting.name for setting in fields(Account)]
        return Account(**{name: self.plan.settings[name] for name in names})

    @cached_property
    def feasible(self) -> bool:
        """Whether any trial meets the constraints."""
        return bool(self.trials["feasible"].any())

    @cached_property
    def front(self) -> pd.DataFrame:
        """The feasible trials that no other trial beats in every objective.

        Sorted by the first objective; one row for one objective. Where no trial is feasible it is the one that misses
        the constraints by the least in all.
        """
        if not self.feasible:
            missed = self.trials.filter(like="missed ").sum(axis=1).where(self.trials["state"] == "complete")
            return self.trials.iloc[[int(missed.argmin())]]
        feasible = self.trials[self.trials["feasible"]]
        scores = self._scores(feasible)
        if len(self.objectives) == 1:
            return feasible.iloc[[int(scores[:, 0].argmax())]]
        front = feasible[~dominated(scores)]
        order = np.argsort(-self._scores(front)[:, 0], kind="stable")
        return front.iloc[order]

    @property
    def best(self) -> pd.Series:
        """The best trial, of several objectives by the first; of equals the earliest."""
        return self.front.iloc[0]

    @cached_property
    def best_strategy(self) -> Strategy:
        """The strategy with the best trial's parameters."""
        row = self.best
        return self.strategy.create({**self.space.fixed, **{name: _plain(row[name]) for name in self.space.free}})

    @property
    def best_parameters(self) -> Parameters:
        """The best trial's parameters, the fixed ones included."""
        return self.best_strategy.parameters

    @cached_property
    def lag_hours(self) -> LagHours | None:
        """Hours from the shock to the fill at the best trial's parameters.

        None where no episode has a shock.
        """
        identity = self.identity
        table = shared_table(self.market, identity["universe"], identity["fill"])
        return lag_hours(self.best_strategy, table, session_rows(self.market, identity["start"], identity["end"]))

    @cached_property
    def moves(self) -> list[dict[str, Any]]:
        """The extreme moves of names that the basket held, as `Run.moves` has them."""
        identity = self.identity
        window = identity["universe"], identity["start"], identity["end"]
        return basket_moves(SweepTask(self.strategy, self.market, *window, self.account))

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks on the data behind the figures, as `Run.notes` has them."""
        return tuple(filter(None, [moves_sentence(self.moves)]))

    @property
    def command(self) -> str | None:
        """The command line that makes the same trials again.

        Without the storage, which changes no trial. None for a market that is not a folder, an objective without a
        name, user-defined first sets, weights that lie in no file, and a space that `--narrow` cannot state.
        """
        identity = self.identity
        is_default = identity["first"] == list(first_sets(self.strategy, self.space))
        stated = search_argv(self.strategy, self.space.free, self.space.fixed)
        named = all(map(is_named, self.objectives))
        if self.market.path is None or stated is None or not is_default or not named or not self.account.has_options:
            return None
        argv = ["undertow", "optimize", "--market", str(self.market.path), *stated]
        argv += [text for name in self.names for text in ("--objective", name)]
        argv += [text for constraint in self.constraints for text in ("--constraint", constraint.name)]
        argv += ["--universe", identity["universe"], "--start", identity["start"], "--end", identity["end"]]
        max_failed = self.plan.search.max_failed
        argv += [] if max_failed == MAX_FAILED else ["--max-failed", repr(float(max_failed))]
        argv += ["--trials", str(len(self.trials)), "--batch", str(identity["batch"])]
        argv += ["--sampler", identity["sampler"], "--design", str(identity["design"]), "--seed", str(identity["seed"])]
        return shlex.join([*argv, *self.account.argv()])

    def backtest(self) -> Run:
        """The best strategy's run, over the sessions and with the account of the search."""
        window = {name: self.identity[name] for name in ("universe", "start", "end")}
        run = backtest(self.best_strategy, self.market, **window, **self.account.keywords())
        return replace(run, trial_count=self.trial_count)

    def summary(self) -> dict[str, Any]:
        """The dictionary that `--json` prints and best.json holds."""
        row = self.best
        # Beside missing values of failed trials counts are decimals in the table.
        types = {name: type(value) for name, value in next(iter(self.baselines.values())).items() if name in row}
        return {
            "strategy": self.strategy.name(),
            "study": self.study.study_name,
            "trials": len(self.trials),
            "failed": int((self.trials["state"] == "fail").sum()),
            "feasible": self.feasible,
            "trial": int(row["trial"]),
            "objectives": {name: float(row[f"objective {name}"]) for name in self.names},
            "parameters": self.best_parameters,
            "metrics": {name: None if pd.isna(row[name]) else of_type(row[name]) for name, of_type in types.items()},
            "lag_hours": None if self.lag_hours is None else asdict(self.lag_hours),
            "baselines": {name: dict(metrics) for name, metrics in self.baselines.items()},
            "labels": {BuyAndHold.name(): hold_label(self.account.rebalance)},
            "moves": self.moves,
            "notes": list(self.notes),
            "front": [int(trial) for trial in self.front["trial"]],
            "search": dict(self.identity),
            "command": self.command,
            "ledger": None if self.trial_count is None else asdict(self.trial_count),
        }

    def page(self, path: str | Path) -> Path:
        """Write the study's page, one self-contained HTML file, to `path`."""
        written: Path = load(PAGES, "study")(self, Path(path))
        return written

    def save(self, folder: str | Path) -> Path:
        """Write the best run with trials.csv, best.json and study.html.

        All or nothing.

        Replaces an earlier search in `folder`; returns the folder.
        """
        target = Path(folder)
        with replacing(target, "best.json") as draft:
            self.backtest().save(draft)
            self.trials.to_csv(draft / "trials.csv", index=False)
            write_json(draft / "best.json", self.summary())
            self.page(draft / "study.html")
        return target

    def _scores(self, rows: pd.DataFrame) -> FloatArray:
        signs = [objective.sign for objective in self.objectives]
        scores: FloatArray = rows[[f"objective {name}" for name in self.names]].to_numpy(dtype=np.float64) * signs
        return scores


def dominated(scores: FloatArray) -> BoolArray:
    """Which rows of scores (P, K), all maximised, another row beats.

    A row is beaten by one that is nowhere worse and somewhere better.
    """
    beaten, front, count = np.zeros(len(scores), dtype=np.bool_), np.empty_like(scores), 0
    # In this order a row that is beaten comes after one of the front that beats it.
    for index in np.lexsort(-scores.T[::-1]):
        row, best = scores[index], front[:count]
        beaten[index] = ((best >= row).all(axis=1) & (best > row).any(axis=1)).any()
        if not beaten[index]:
            front[count] = row
            count += 1
    return beaten


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
