"""The mechanism itself: bitcoin falls, and its holders have to sell stocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from numba import njit
from optuna.distributions import FloatDistribution, IntDistribution

from undertow.market import SESSIONS_A_YEAR, BoolArray, FloatArray
from undertow.signals import SharedBudget, WeekendGap, kept_stocks_nb, risk_ceiling_nb
from undertow.signals.decisions import DecisionTable
from undertow.strategies.common import SourceOfCash
from undertow.strategies.plan import Decision
from undertow.strategies.rules.sources import selling_orders
from undertow.strategies.strategy import Sets, Strategy


class SharedRiskBudget(Strategy):
    """Sell the stocks that a holder of bitcoin under a risk budget has to sell.

    A model holder has `crypto` of capital in bitcoin and the remainder in stocks, under a volatility `target` and a
    `limit` of the loss with the value at risk. A fall of bitcoin raises the volatility and uses up the limit, and the
    stocks that no longer fit are sold over `hours`, in equal parts an hour, those of `source` first; the next sessions
    do it in advance where the exchange is closed. What bitcoin has done since the last close counts as one more return
    of it. They are bought back, at once, when the budget allows `band` more. See `SharedBudget` for the model; the
    account itself holds no bitcoin.
    """

    summary: ClassVar[str] = "Sell what a holder of BTC under a risk budget has to sell, over a stated number of hours"
    least_active: ClassVar[Mapping[str, Any]] = {"target": 0.60, "limit": 0.50, "crypto": 0.01}

    crypto: Annotated[float, FloatDistribution(0.01, 0.50)] = 0.10  # of capital, before the fall
    target: Annotated[float, FloatDistribution(0.05, 0.60)] = 0.25  # a year
    limit: Annotated[float, FloatDistribution(0.02, 0.50)] = 0.15  # of capital
    window: Annotated[int, IntDistribution(10, 252, log=True)] = 63  # sessions
    decay: Annotated[float, FloatDistribution(0.80, 0.99)] = 0.94  # a session
    hours: Annotated[float, FloatDistribution(0.0, 96.0)] = 36.0
    band: Annotated[float, FloatDistribution(0.0, 0.30)] = 0.05  # of capital
    source: SourceOfCash = "winners"

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        """Exposure from closes and bitcoin's move since; stale until the window is full."""
        names = ("window", "decay", "crypto", "target", "limit")
        settings = {name: sets[name] for name in names}
        risk = [
            np.ascontiguousarray(table.signal(SharedBudget, settings, output=output))
            for output in ("loss", "btc_volatility", "stock_volatility", "correlation")
        ]
        gap = np.ascontiguousarray(table.signal(WeekendGap, {}, output="gap"))
        numbers = [np.asarray(sets[name], dtype=np.float64) for name in ("crypto", "target", "limit", "decay")]
        target = budget_exposure_nb(risk[0], risk[1], risk[2], risk[3], gap[:, 0], np.stack(numbers))
        pace = [np.asarray(sets[name], dtype=np.float64) for name in ("hours", "band")]
        exposure, stale = paced_nb(target, table.next_hours - table.hours, pace[0], pace[1])
        scores, score_of_set = selling_orders(table, np.asarray(sets["source"]))
        return Decision(exposure, stale, score_of_set, scores)


@njit(cache=True)
def budget_exposure_nb(
    loss: FloatArray, btc: FloatArray, equity: FloatArray, rho: FloatArray, gap: FloatArray, numbers: FloatArray
) -> FloatArray:
    """The share of the stocks that is kept at each decision (T, P).

    NaN where a number is.

    The return of bitcoin since the last close enters its variance with the weight of one session, 1 - decay, and its
    loss in full; the correlation stays.

    Args:
        loss: loss by bitcoin at the last close (T, P), share of capital.
        btc: its volatility (T, P), decimal a year.
        equity: volatility of the stocks (T, P).
        rho: their correlation (T, P).
        gap: return of bitcoin since the last close (T,).
        numbers: share in crypto, target, limit and decay of each set (4, P).
    """
    rows, sets = loss.shape
    out = np.full((rows, sets), np.nan)
    for column in range(sets):
        crypto, target, limit, decay = numbers[:, column]
        for row in range(rows):
            move = gap[row]
            volatility = np.sqrt(decay * btc[row, column] ** 2 + (1.0 - decay) * SESSIONS_A_YEAR * move**2)
            lost = max(0.0, crypto - (crypto - loss[row, column]) * (1.0 + move))
            if np.isnan(volatility + lost):
                continue
            held, stocks = (crypto - lost) / (1.0 - lost), (1.0 - crypto) / (1.0 - lost)
            ceiling = risk_ceiling_nb(target, limit, lost)
            kept = kept_stocks_nb(held, stocks, volatility, equity[row, column], rho[row, column], ceiling)
            out[row, column] = min(1.0, kept / stocks)
    return out


@njit(cache=True)
def paced_nb(
    target: FloatArray, passing: FloatArray, over: FloatArray, band: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """Exposure (T, P) that falls to `target` (T, P) in equal parts an hour.

    A new aim is taken where the target differs from the last one by `band` or more; a sale then lasts `over` hours, and
    a decision sells the part of the hours until the next one. A rise is followed at once. Starts at 1. Also `stale`
    (T, P): the target is NaN and nothing is sold; a sale that has begun goes on.

    Args:
        target: exposures (T, P).
        passing: hours from each decision to the next (T,).
        over: hours of a sale (P,).
        band: least change of the aim (P,), share of capital.
    """
    rows, sets = target.shape
    exposure = np.ones((rows, sets))
    stale = np.zeros((rows, sets), dtype=np.bool_)
    for column in range(sets):
        level, aim, rate = 1.0, 1.0, np.inf
        for row in range(rows):
            goal, before = target[row, column], level
            if not np.isnan(goal) and goal != aim and abs(goal - aim) >= band[column]:
                aim = goal
                rate = (level - aim) / over[column] if over[column] > 0.0 else np.inf
            if level > aim:
                # The last part is what rounding leaves.
                left = level - rate * passing[row] if rate < np.inf else aim
                level = aim if left < aim + 1e-12 else left
            else:
                level = aim
            exposure[row, column] = level
            stale[row, column] = np.isnan(goal) and level == before
    return exposure, stale
