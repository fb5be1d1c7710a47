"""The training of a fold: a task that any engine may run, and what it brings back."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from undertow.backtests.runs.backtest import session_rows
from undertow.backtests.runs.lag_hours import LagHours, lag_hours
from undertow.backtests.sweeps.sweep import sweep
from undertow.backtests.tuning.search import TuningError
from undertow.backtests.validation.gate import FoldGate, gate_passed
from undertow.backtests.validation.settings import Tuned, Tuner, WalkSettings
from undertow.market.market import Market
from undertow.signals.decisions.table import shared_table
from undertow.strategies.buy_and_hold import BuyAndHold
from undertow.strategies.strategy import Strategy
from undertow.strategies.vol_target import VolTarget


class FoldTask(NamedTuple):
    """What the tasks of all folds have in common."""

    strategy: type[Strategy]
    market: Market
    seed: int
    settings: WalkSettings
    tuner: Tuner
    gate: FoldGate | None


class Trained(NamedTuple):
    """A fold's training: what the tuner found, total returns of the baselines, and p where a gate was asked for."""

    found: Tuned
    held: dict[str, float]
    p: float
    lag: LagHours | None


def tune_fold(shared: FoldTask, span: tuple[pd.Timestamp, pd.Timestamp]) -> Trained:
    """What a fold finds in its training sessions `span`, both ends included: a task of `run_tasks`."""
    strategy, market, seed, settings, tuner, gate = shared
    start, end = span
    try:
        found = tuner(strategy, market, start, end, seed, settings)
    except TuningError as error:
        raise TuningError(f"the fold that is trained on {start:%Y-%m-%d} to {end:%Y-%m-%d}: {error}") from None
    held = {
        f"excess_over_{kind.name().replace('-', '_')}": float(
            sweep(kind, market, pd.DataFrame(index=range(1)), start=start, end=end, **settings.account).table[
                "total_return"
            ][0]
        )
        for kind in (BuyAndHold, VolTarget)
    }
    p = float("nan") if gate is None else gate_passed(gate, strategy, market, found, start, end, settings)
    chosen, rows = strategy.create(found.parameters), session_rows(market, start, end)
    return Trained(found, held, p, lag_hours(chosen, shared_table(market, settings.universe, settings.fill), rows))
