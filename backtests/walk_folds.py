"""What a fold came to: its figures in training beside those of its test."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from undertow.backtests.metrics import return_metrics
from undertow.backtests.objectives import BASELINES, Metrics, Objective
from undertow.backtests.run import Run
from undertow.backtests.splits import Fold
from undertow.backtests.walk_forward_result import FoldResult
from undertow.backtests.walk_train import Trained
from undertow.market.clock import FloatArray

# Returns that differ by less are equal: two accounts that hold the same add up their sums in another order.
ROUNDING = 1e-7


def fold_result(
    fold: Fold,
    sessions: pd.DatetimeIndex,
    trained: Trained,
    acts: bool,
    proven: bool | None,
    run: Run,
    rival: Run,
    aim: Objective,
) -> FoldResult:
    """The figures of a fold: in training from what its tuner found, in its test from its part of the joined `run`.

    `acts` says whether the choice acted in the test, `proven` whether it passed a proof, None where none was asked for.
    """
    days = slice(sessions[fold.test[0]], sessions[fold.test[-1]])
    own, cash, hold = (_part(run, column, days) for column in ("return", "cash_return", "hold_return"))
    outside = _figures(own, cash)
    growth = {"buy_and_hold": hold, "vol_target": _part(rival, "return", days)}
    outside |= {
        f"excess_over_{name}": _told_apart(outside["total_return"] - float(np.prod(1.0 + each) - 1.0))
        for name, each in growth.items()
    }
    others = dict(zip(BASELINES, (_figures(each, cash) for each in growth.values()), strict=True))
    outside["objective"] = _reached(aim, outside, others)
    found = trained.found
    inside = found.metrics | {"objective": found.objective}
    inside |= {name: found.metrics["total_return"] - each for name, each in trained.held.items()}
    return FoldResult(
        fold=fold,
        train=(sessions[fold.train[0]], sessions[fold.train[-1]]),
        test=(days.start, days.stop),
        parameters=found.parameters,
        in_sample=inside,
        out_of_sample=outside,
        trials=found.trials,
        p=trained.p,
        proven=proven,
        acts=acts,
        feasible=found.feasible,
        lag_hours=trained.lag,
    )


def _part(run: Run, column: str, days: slice) -> FloatArray:
    returns: FloatArray = run.series.loc[days, column].to_numpy(dtype=np.float64)
    return returns


def _figures(returns: FloatArray, cash: FloatArray) -> dict[str, float]:
    # One session has no standard deviation.
    if len(returns) < 2:
        return {"total_return": float(returns[0])}
    return return_metrics(returns, cash)


def _reached(aim: Objective, metrics: Metrics, others: Mapping[str, Metrics]) -> float:
    """The objective of a fold's test; NaN where it raises, or needs what a part of an account lacks: costs."""
    try:
        return aim.value(metrics, others)
    except Exception:  # noqa: BLE001 - an objective is the user's: the folds are chosen, and what they did is kept
        return float("nan")


def _told_apart(excess: float) -> float:
    """An excess, 0 where it is nothing but rounding: a fold that never acted is neither above the basket nor below."""
    return excess if abs(excess) > ROUNDING else 0.0
