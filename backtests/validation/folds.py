"""What a fold came to: its figures in training beside those of its test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from undertow.backtests.objectives import Metrics, Objective
from undertow.backtests.runs.run import Run
from undertow.backtests.tuning.study import judge
from undertow.backtests.validation.result import FoldResult
from undertow.backtests.validation.settings import WalkSettings
from undertow.backtests.validation.splits import Fold
from undertow.backtests.validation.train import Trained
from undertow.market.errors import ParameterError
from undertow.signals.decisions.table import DecisionTable
from undertow.strategies.weights import base_weights

# Returns that differ by less are equal: two accounts that hold the same add up their sums in another order.
ROUNDING = 1e-7


@dataclass(frozen=True, eq=False)
class Accounts:
    """The accounts of a walk over its tested sessions: the joined one, and the baselines by their names."""

    own: Run
    baselines: Mapping[str, Run]


def fold_result(
    fold: Fold,
    sessions: pd.DatetimeIndex,
    trained: Trained,
    acts: bool,
    passed: bool | None,
    runs: Accounts,
    objective: Objective,
) -> FoldResult:
    """The figures of a fold: in training from what its tuner found, in its test from its part of the joined account.

    `acts` says whether the choice acted in the test, `passed` whether it passed a gate, None where none was asked for.
    """
    first, last = sessions[fold.test[0]], sessions[fold.test[-1]]
    outside = runs.own.metrics_between(first, last)
    others = {name: each.metrics_between(first, last) for name, each in runs.baselines.items()}
    reached, unreached = _reached(objective, outside, others)
    outside["objective"] = reached
    outside |= {
        f"excess_over_{name.replace('-', '_')}": _told_apart(outside["total_return"] - each["total_return"])
        for name, each in others.items()
    }
    found = trained.found
    inside = found.metrics | {"objective": found.objective}
    inside |= {name: found.metrics["total_return"] - each for name, each in trained.held.items()}
    return FoldResult(
        fold=fold,
        train=(sessions[fold.train[0]], sessions[fold.train[-1]]),
        test=(first, last),
        parameters=found.parameters,
        in_sample=inside,
        out_of_sample=outside,
        trials=found.trials,
        p=trained.p,
        passed=passed,
        acts=acts,
        feasible=found.feasible,
        lag_hours=trained.lag,
        unreached=unreached,
    )


def _reached(aim: Objective, metrics: Metrics, others: Mapping[str, Metrics]) -> tuple[float, str]:
    """The objective in a fold's test; NaN and why where it has none, as where it needs what a part of a run has not."""
    found = judge(metrics, [aim], [], others)
    return (float("nan"), found.error) if found.values is None else (found.values[0], "")


def _told_apart(excess: float) -> float:
    """An excess, 0 where it is nothing but rounding: a fold that never acted is neither above the basket nor below."""
    return excess if abs(excess) > ROUNDING else 0.0


def refuse_empty(table: DecisionTable, folds: Sequence[Fold], rows: slice, settings: WalkSettings) -> None:
    """Raise `ParameterError` where a fold has no name to hold in training or in its test; `rows` are those of the span.

    What is left there is the interest of cash: a Sharpe ratio of twenty that no rule has made.
    """
    sessions = table.decisions.sessions[rows]
    for fold in folds:
        first, last = (rows.start + int(fold.train[place]) for place in (0, -1))
        base, _ = base_weights(table, slice(first, last + 1), settings.weighting, settings.rebalance)
        for what, part, held in (
            ("is trained on", fold.train, bool(base.any())),
            ("is tested on", fold.test, bool(table.alive[rows][fold.test].any())),
        ):
            if not held:
                raise ParameterError(
                    f"fold {fold.number} is empty: it {what} {sessions[part[0]]:%Y-%m-%d} to"
                    f" {sessions[part[-1]]:%Y-%m-%d}, when universe `{settings.universe}` has no name with prices; move"
                    " `start` or `end`, or name another universe"
                )
