"""The flagship: raise cash some hours after Bitcoin longs are force-sold, come back when crypto has stabilised."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from undertow.market.clock import BoolArray, FloatArray, InstantArray
from undertow.signals.drawdown import Drawdown, RowsSinceLow
from undertow.signals.liquidation import LiquidationSpike
from undertow.signals.proxy import LiquidationProxy
from undertow.signals.table import DecisionTable
from undertow.strategies.drawdown_de_risk import clock_hours, when_known
from undertow.strategies.machine import exposure_nb
from undertow.strategies.plan import Decision
from undertow.strategies.sources import SOURCES, selling_orders
from undertow.strategies.strategy import Sets, Strategy

TRIGGERS = ("any", "all", "drawdown", "spike")
HOURS_A_DAY = 24.0


class LiquidityDrain(Strategy):
    """After a BTC cascade, raise cash `lag` hours later from what funds sell first, and re-enter when crypto is calm.

    Trigger: BTC's drawdown from its trailing high reaches `drawdown`, or the day's long liquidations rank at or above
    `spike` among those of the last `spike_days`, or both, as `trigger` says; the worst since the previous decision
    counts, so a weekend cascade that has recovered is seen. Where no liquidation feed has a value the OHLCV proxy
    stands in and the result says for how many sessions.

    Then the cash target `cash` is raised by selling in proportion, last quarter's winners first, or highest beta first.
    After `min_hold` hours the position comes back once BTC has made no new low (of `low_days`) for `calm` hours, after
    `max_hold` hours at the latest, in `steps` equal steps, one a session. The lag delays the trigger alone: the
    all-clear is read at the decision itself.
    """

    summary: ClassVar[str] = "Raise cash some hours after a BTC liquidation cascade, re-enter when crypto is calm"

    trigger: Annotated[str, CategoricalDistribution(TRIGGERS)] = "any"
    window: Annotated[int, IntDistribution(24, 720, log=True)] = 168  # hours
    drawdown: Annotated[float, FloatDistribution(-0.40, -0.05)] = -0.15
    spike: Annotated[float, FloatDistribution(0.80, 1.0)] = 0.98  # rank
    spike_days: Annotated[int, IntDistribution(30, 365)] = 90
    lag: Annotated[int, IntDistribution(0, 96)] = 24  # hours
    cash: Annotated[float, FloatDistribution(0.05, 1.0)] = 0.5  # of capital
    source: Annotated[str, CategoricalDistribution(SOURCES)] = "winners"
    min_hold: Annotated[int, IntDistribution(0, 120)] = 24  # hours
    max_hold: Annotated[int, IntDistribution(24, 480)] = 120  # hours
    low_days: Annotated[int, IntDistribution(1, 30)] = 7
    calm: Annotated[int, IntDistribution(0, 168)] = 48  # hours
    steps: Annotated[int, IntDistribution(1, 5)] = 2  # sessions

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        """Exposure and selling order; held, and stale, where what the trigger needs is NaN."""
        fell = table.signal(Drawdown, {"window": sets["window"]}, lag=sets["lag"], how="min")
        rank, stood_in = cls._rank(table, sets)
        trigger = _combined(
            sets["trigger"],
            when_known(fell, fell <= sets["drawdown"]),
            when_known(rank, rank >= sets["spike"]),
        )
        age = table.signal(RowsSinceLow, {"window": sets["low_days"] * HOURS_A_DAY})
        exposure, stale = exposure_nb(
            trigger,
            when_known(age, age * _hours_a_row(table) >= sets["calm"]),
            clock_hours(table),
            sets["cash"].astype(np.float64),
            sets["min_hold"].astype(np.float64),
            sets["max_hold"].astype(np.float64),
            sets["steps"].astype(np.int64),
        )
        scores, which = selling_orders(table, sets["source"])
        marks = {"stand_in": stood_in & (sets["trigger"] != "drawdown")}
        return Decision(exposure, stale, which, scores, marks)

    @classmethod
    def _rank(cls, table: DecisionTable, sets: Sets) -> tuple[FloatArray, BoolArray]:
        days: dict[str, npt.ArrayLike] = {"horizon": HOURS_A_DAY, "window": sets["spike_days"] * HOURS_A_DAY}
        rank = table.signal(LiquidationSpike, days, output="rank", lag=sets["lag"], how="max")
        proxy = table.signal(LiquidationProxy, days, output="rank", lag=sets["lag"], how="max")
        stand_in = np.isnan(rank) & np.isfinite(proxy)
        return np.where(stand_in, proxy, rank), stand_in

    def shocks(self, table: DecisionTable) -> InstantArray:
        """When the trigger became known in each decision's window: "any" by the first condition, "all" by the last."""
        lag = float(self.lag)
        falls = table.first_breach(Drawdown, {"window": self.window}, lambda x: x <= self.drawdown, lag=lag)
        days = {"horizon": HOURS_A_DAY, "window": self.spike_days * HOURS_A_DAY}
        has_feed = np.isfinite(table.signal(LiquidationSpike, days, output="rank", lag=lag, how="max")[:, 0])
        spikes, proxies = (
            table.first_breach(signal, days, lambda x: x >= self.spike, output="rank", lag=lag)
            for signal in (LiquidationSpike, LiquidationProxy)
        )
        spikes = np.where(has_feed, spikes, proxies)
        if self.trigger in ("drawdown", "spike"):
            return falls if self.trigger == "drawdown" else spikes
        return np.fmin(falls, spikes) if self.trigger == "any" else np.maximum(falls, spikes)


def _combined(rule: npt.NDArray[np.str_], fell: FloatArray, spiked: FloatArray) -> FloatArray:
    """The trigger (T, P) in three-valued logic: what is unknown stays NaN unless the other condition settles it."""
    either = np.where((fell == 1) | (spiked == 1), 1.0, fell + spiked)
    both = np.where((fell == 0) | (spiked == 0), 0.0, fell * spiked)
    return np.select([rule == "any", rule == "all", rule == "drawdown"], [either, both, fell], spiked)


def _hours_a_row(table: DecisionTable) -> float:
    bars = table.market.feeds_of("bars", "BTC")
    return bars[0].interval.minutes / 60.0 if bars else 1.0
