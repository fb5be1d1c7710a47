"""The folds of a walk-forward: their tuning, and their metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from undertow.backtests.objectives import Metrics, Objective
from undertow.backtests.runs.backtest import session_rows
from undertow.backtests.runs.lag_hours import LagHours, lag_hours
from undertow.backtests.runs.run import Run
from undertow.backtests.sweeps.sweep import sweep
from undertow.backtests.tuning.search import TuningError
from undertow.backtests.tuning.study import judge
from undertow.backtests.validation.gate import FoldGate, gate_p
from undertow.backtests.validation.result import FoldResult
from undertow.backtests.validation.settings import TunedFold, Tuner, WalkSettings
from undertow.backtests.validation.splits import Fold
from undertow.market import Market, ParameterError
from undertow.signals.decisions import DecisionTable, shared_table
from undertow.strategies import BuyAndHold, Strategy, VolTarget, base_weights

# Returns that differ by less are equal: two accounts with the same holdings add their sums in different orders.
_ROUNDING = 1e-7


class TrainingTask(NamedTuple):
    """The part of a fold's training that all folds share, shipped to the workers once."""

    strategy: type[Strategy]
    market: Market
    seed: int
    settings: WalkSettings
    tuner: Tuner
    gate: FoldGate | None


class FoldTraining(NamedTuple):
    """The training of a fold.

    `baseline_returns` are total returns by baseline, `p` is that of the gate, NaN without one.
    """

    tuned: TunedFold
    baseline_returns: dict[str, float]
    p: float
    lag: LagHours | None


@dataclass(frozen=True, eq=False)
class WalkAccounts:
    """The joined account of a walk, and the baselines by name on the same sessions."""

    joined: Run
    baselines: Mapping[str, Run]


def tune_fold(task: TrainingTask, span: tuple[pd.Timestamp, pd.Timestamp]) -> FoldTraining:
    """Tune a fold on the sessions of `span`, both included; a task of `run_tasks`."""
    start, end = span
    strategy, market, settings = task.strategy, task.market, task.settings
    try:
        tuned = task.tuner(strategy, market, start, end, task.seed, settings)
    except TuningError as error:
        raise TuningError(f"the fold that is trained on {start:%Y-%m-%d} to {end:%Y-%m-%d}: {error}") from None
    no_parameters = pd.DataFrame(index=range(1))
    returns = {
        baseline.name(): float(
            sweep(baseline, market, no_parameters, start=start, end=end, **settings.keywords()).table["total_return"][0]
        )
        for baseline in (BuyAndHold, VolTarget)
    }
    p = float("nan")
    if task.gate is not None:
        p = gate_p(task.gate, strategy, market, tuned, settings, start=start, end=end)
    chosen, rows = strategy.create(tuned.parameters), session_rows(market, start, end)
    table = shared_table(market, settings.universe, settings.account.fill)
    return FoldTraining(tuned, returns, p, lag_hours(chosen, table, rows))


def fold_result(
    fold: Fold,
    sessions: pd.DatetimeIndex,
    training: FoldTraining,
    accounts: WalkAccounts,
    objective: Objective,
    *,
    acts: bool,
    passed: bool | None,
) -> FoldResult:
    """The metrics of a fold in training and in its test.

    Args:
        fold: the fold.
        sessions: sessions of the whole span, to which the fold's rows refer.
        training: the fold's training.
        accounts: the joined account and the baselines.
        objective: objective of the tuning.
        acts: whether the choice acts in the test.
        passed: whether the trials passed the gate; None without a gate.
    """
    first, last = sessions[fold.test[0]], sessions[fold.test[-1]]
    outside = accounts.joined.metrics_between(first, last)
    baselines = {name: run.metrics_between(first, last) for name, run in accounts.baselines.items()}
    value, problem = _test_objective(objective, outside, baselines)
    outside["objective"] = value
    outside |= {
        _excess_name(name): _without_rounding(outside["total_return"] - metrics["total_return"])
        for name, metrics in baselines.items()
    }
    tuned = training.tuned
    inside = tuned.metrics | {"objective": tuned.objective}
    inside |= {
        _excess_name(name): tuned.metrics["total_return"] - total for name, total in training.baseline_returns.items()
    }
    return FoldResult(
        fold=fold,
        train=(sessions[fold.train[0]], sessions[fold.train[-1]]),
        test=(first, last),
        parameters=tuned.parameters,
        in_sample=inside,
        out_of_sample=outside,
        trials=tuned.trials,
        p=training.p,
        passed=passed,
        acts=acts,
        feasible=tuned.feasible,
        lag_hours=training.lag,
        unreached=problem,
    )


def _excess_name(baseline: str) -> str:
    return f"excess_over_{baseline.replace('-', '_')}"


def _test_objective(objective: Objective, metrics: Metrics, baselines: Mapping[str, Metrics]) -> tuple[float, str]:
    """The objective in a fold's test, or NaN and the reason why it has no value."""
    result = judge(metrics, [objective], [], baselines)
    return (float("nan"), result.error) if result.values is None else (result.values[0], "")


def _without_rounding(excess: float) -> float:
    """An excess, 0 where it is only rounding.

    A fold that never acted is neither above the basket nor below.
    """
    return excess if abs(excess) > _ROUNDING else 0.0


def refuse_empty(table: DecisionTable, folds: Sequence[Fold], rows: slice, settings: WalkSettings) -> None:
    """Raise `ParameterError` where a fold has no symbol to hold.

    Such a fold would earn the interest of cash: a Sharpe ratio of twenty that no rule has made.

    Args:
        table: decision table of the whole market.
        folds: the folds, by rows of the span.
        rows: rows of the span in the table.
        settings: settings of the walk.
    """
    sessions, account = table.decisions.sessions[rows], settings.account
    for fold in folds:
        first, last = (rows.start + int(fold.train[row]) for row in (0, -1))
        base, _ = base_weights(table, slice(first, last + 1), *account.basket)
        for role, part, held in (
            ("is trained on", fold.train, bool(base.any())),
            ("is tested on", fold.test, bool(table.alive[rows][fold.test].any())),
        ):
            if not held:
                raise ParameterError(
                    f"fold {fold.number} is empty: it {role} {sessions[part[0]]:%Y-%m-%d} to"
                    f" {sessions[part[-1]]:%Y-%m-%d}, when universe `{settings.universe}` has no name with prices; move"
                    " `start` or `end`, or name another universe"
                )
