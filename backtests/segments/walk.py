"""One path through one segment: a scaled copy where that is exact, name by name where it is not."""

from __future__ import annotations

import numpy as np
from numba import njit

from undertow.backtests.kernel.state import DE_RISK, DUST, NONE, RE_ENTRY, RENEWAL, WAITED
from undertow.backtests.segments.cut import Segments
from undertow.backtests.segments.orders import act_nb, close_gaps_nb, gaps_nb, line_nb, worth_nb
from undertow.market import BoolArray, FloatArray, IntArray

# Positions in the state of a path: holdings are SCALE times its own at the start of the segment plus ADDED base
# portfolios, none of them more than BOUND times the base portfolio's; UNITS of the cash symbol.
SCALE, ADDED, BOUND, UNITS = 0, 1, 2, 3
STATES = 4

# Positions in the flags of a path: it holds what is not in the base, or orders are WAITING for a price.
LOOSE, PENDING = 0, 1
FLAGS = 2

# Positions in the sums of a path: turnover, costs paid, and the share of cash summed over the sessions.
TURNED, SPENT, RESTED = 0, 1, 2
SUMS = 3

# Positions in the counts of a path.
DEFERS, CLOSES, OPENS = 0, 1, 2
COUNTS = 3


@njit(cache=True)
def reason_nb(rebalanced: bool, exposure: float, level: float) -> int:
    """Why anything is traded on a session: a rebalance before a change of exposure."""
    if rebalanced:
        return RENEWAL
    if exposure == level:
        return NONE
    return DE_RISK if exposure < level else RE_ENTRY


@njit(cache=True)
def settle_nb(sold: float, bought: float, value: float, fee: float, slippage: float, sums: FloatArray) -> None:
    """Book what was traded for, in money at fill prices."""
    sums[TURNED] += 0.5 * (sold + bought) / value
    sums[SPENT] += sold * (slippage + fee * (1.0 - slippage)) + bought * (slippage + fee * (1.0 + slippage))


@njit(cache=True)
def spread_nb(held: FloatArray, units: FloatArray, state: FloatArray) -> None:
    """Write out what is held, name by name."""
    if state[SCALE] != 1.0 or state[ADDED] != 0.0:
        for name in range(len(held)):
            held[name] = state[SCALE] * held[name] + state[ADDED] * units[name]
        state[BOUND] = state[SCALE] * state[BOUND] + state[ADDED]
        state[SCALE], state[ADDED] = 1.0, 0.0


@njit(cache=True)
def renew_nb(
    held: FloatArray,
    mark: FloatArray,
    units: FloatArray,
    cash: float,
    exposure: float,
    sell_rate: float,
    buy_rate: float,
    state: FloatArray,
) -> tuple[bool, float, float, float, float]:
    """A rebalance at which every name has a price and cash is raised in proportion. Returns as `scaled_nb`."""
    value = cash + worth_nb(held, mark)
    keep = (1.0 - exposure) * value
    goal = exposure * value
    short, over = gaps_nb(held, units, mark, goal, DUST * value)
    cash += over * sell_rate
    if cash < keep and goal > 0.0:
        # Sales do not bring the cash in: goals are lowered, name by name.
        return False, cash, 0.0, 0.0, value
    spare = cash - keep if cash - keep > DUST * (cash + short) else 0.0
    filled = min(1.0, spare / (short * buy_rate)) if short > 0.0 else 0.0
    close_gaps_nb(held, units, mark, goal, DUST * value, filled)
    state[BOUND] = goal
    return True, cash - short * filled * buy_rate, over, short * filled, value


@njit(cache=True)
def scaled_nb(
    reason: int,
    held: FloatArray,
    mark: FloatArray,
    base: float,
    cash: float,
    exposure: float,
    sell_rate: float,
    buy_rate: float,
    state: FloatArray,
) -> tuple[bool, float, float, float, float]:
    """Change the exposure of a scaled copy; `base` is the worth of the base portfolio.

    Returns whether that could be done, then as `by_name_nb`.
    """
    own = worth_nb(held, mark) if state[SCALE] != 0.0 else 0.0
    stocks = state[SCALE] * own + state[ADDED] * base
    value = cash + stocks
    keep = (1.0 - exposure) * value
    if reason == DE_RISK:
        needed = (keep - cash) / sell_rate
        if needed <= 0.0 or stocks <= 0.0:
            return True, cash, 0.0, 0.0, value
        part = min(1.0, needed / stocks)
        state[SCALE] *= 1.0 - part
        state[ADDED] *= 1.0 - part
        return True, cash + part * stocks * sell_rate, part * stocks, 0.0, value
    if base <= 0.0 or cash <= keep:
        return True, cash, 0.0, 0.0, value
    if state[SCALE] * state[BOUND] + state[ADDED] > value / base:
        return False, cash, 0.0, 0.0, value
    # Every name lacks something against the base portfolio of this value, in all as much as there is cash.
    bought = (cash - keep) / buy_rate
    part = bought / cash
    state[SCALE] *= 1.0 - part
    state[ADDED] = state[ADDED] * (1.0 - part) + part * value / base
    return True, keep, 0.0, bought, value


@njit(cache=True)
def by_name_nb(
    reason: int,
    weights: FloatArray,
    units: FloatArray,
    fill: FloatArray,
    mark: FloatArray,
    order: IntArray,
    held: FloatArray,
    waiting: FloatArray,
    wanted: FloatArray,
    cash: float,
    exposure: float,
    sell_rate: float,
    buy_rate: float,
    state: FloatArray,
    flags: BoolArray,
    counts: IntArray,
) -> tuple[float, float, float, float]:
    """Any action, name by name; holdings are written out before. Returns cash, sold, bought and the value before."""
    value = cash + worth_nb(held, mark)
    keep = (1.0 - exposure) * value
    cash, sold, bought, deferred = act_nb(
        reason, weights, units, fill, mark, order, held, waiting, wanted, cash, keep, sell_rate, buy_rate
    )
    counts[DEFERS] += deferred
    flags[PENDING] = any_nb(waiting)
    flags[LOOSE] = deferred > 0 or reason == WAITED or (flags[LOOSE] and reason != RENEWAL)
    if reason == RENEWAL:
        state[BOUND] = value
    elif reason == RE_ENTRY:
        total = worth_nb(units, mark)
        state[BOUND] = max(state[BOUND], value / total) if total > 0.0 else state[BOUND]
    return cash, sold, bought, value


@njit(cache=True)
def any_nb(waiting: FloatArray) -> bool:
    """Whether any order waits."""
    for name in range(len(waiting)):  # noqa: SIM110 (what all() and any() would need, numba does not know)
        if waiting[name] != 0.0:
            return True
    return False


@njit(cache=True)
def due_nb(waiting: FloatArray, fill: FloatArray) -> bool:
    """Whether any waiting order finds a price."""
    for name in range(len(waiting)):  # noqa: SIM110 (what all() and any() would need, numba does not know)
        if waiting[name] != 0.0 and not np.isnan(fill[name]):
            return True
    return False


@njit(cache=True)
def close_ended_nb(price: FloatArray, held: FloatArray, waiting: FloatArray, cash: float) -> tuple[float, int]:
    """Turn names that have ended into cash; returns the cash and how many were held."""
    closed = 0
    for name in range(len(price)):
        if not np.isnan(price[name]):
            waiting[name] = 0.0
            if held[name] > 0.0:
                cash += held[name] * price[name]
                held[name] = 0.0
                closed += 1
    return cash, closed


@njit(cache=True)
def trade_nb(
    part: int,
    row: int,
    segments: Segments,
    exposure: FloatArray,
    order: IntArray,
    capital: float,
    fee: float,
    slippage: float,
    held: FloatArray,
    waiting: FloatArray,
    wanted: FloatArray,
    state: FloatArray,
    flags: BoolArray,
    sums: FloatArray,
    counts: IntArray,
) -> bool:
    """What happens on a session; returns whether holdings were traded name by name."""
    sell_rate, buy_rate = (1.0 - slippage) * (1.0 - fee), (1.0 + slippage) * (1.0 + fee)
    starts = row == segments.first[part]
    fill, mark, units = segments.fill[row], segments.mark[row], segments.units[part]
    rebalanced = starts and segments.rebalance[part]
    reason = reason_nb(rebalanced, exposure[row], exposure[row - 1] if row > 0 else 1.0)
    if reason == NONE and flags[PENDING] and due_nb(waiting, fill):
        reason = WAITED
    cash = state[UNITS] * segments.cash_fill[row] if row > 0 else capital
    closed = 0
    if segments.ending[row]:
        cash, closed = close_ended_nb(segments.end_price[row], held, waiting, cash)
        counts[CLOSES] += closed
        flags[PENDING] = flags[PENDING] and any_nb(waiting)
    sold, bought, value, done = 0.0, 0.0, 1.0, reason == NONE
    if not done and not flags[LOOSE] and (order.shape[1] == 0 or reason == RE_ENTRY or exposure[row] >= 1.0):
        if reason == RENEWAL and segments.clean[part]:
            before = cash
            done, cash, sold, bought, value = renew_nb(
                held, mark, units, cash, exposure[row], sell_rate, buy_rate, state
            )
            cash = cash if done else before
        elif reason != RENEWAL and segments.filled[row]:
            done, cash, sold, bought, value = scaled_nb(
                reason, held, mark, segments.worth_fill[row], cash, exposure[row], sell_rate, buy_rate, state
            )
    if not done:
        spread_nb(held, units, state)
        cash, sold, bought, value = by_name_nb(
            reason,
            segments.weights[part],
            units,
            fill,
            mark,
            order[row],
            held,
            waiting,
            wanted,
            cash,
            exposure[row],
            sell_rate,
            buy_rate,
            state,
            flags,
            counts,
        )
    settle_nb(sold, bought, value, fee, slippage, sums)
    if row == 0 or closed > 0 or sold > 0.0 or bought > 0.0:
        state[UNITS] = max(0.0, cash) / segments.cash_fill[row]
    return not done


@njit(cache=True)
def value_nb(
    cash_close: FloatArray, worth: FloatArray, line: FloatArray, state: FloatArray, values: FloatArray
) -> float:
    """Values at the close of some sessions of a segment; returns the sum of the shares of cash."""
    scale, added, units = state[SCALE], state[ADDED], state[UNITS]
    rested = 0.0
    for at in range(len(values)):
        cash = units * cash_close[at]
        values[at] = cash + (scale * line[at] + added * worth[at])
        rested += cash / values[at] if cash > DUST * values[at] else 0.0
    return rested


@njit(cache=True)
def _line_nb(held: FloatArray, close: FloatArray, line: FloatArray, holding: bool) -> None:
    if holding:
        line_nb(held, close, line)
    else:
        line[: len(close)] = 0.0


@njit(cache=True)
def segment_nb(
    part: int,
    segments: Segments,
    exposure: FloatArray,
    order: IntArray,
    capital: float,
    fee: float,
    slippage: float,
    held: FloatArray,
    waiting: FloatArray,
    wanted: FloatArray,
    line: FloatArray,
    state: FloatArray,
    flags: BoolArray,
    values: FloatArray,
    sums: FloatArray,
    counts: IntArray,
) -> None:
    """One path through one segment."""
    first, last = segments.first[part], segments.first[part + 1]
    if part > 0:
        spread_nb(held, segments.units[part - 1], state)
    row = first
    while row < last:
        if (
            row == first
            or exposure[row] != exposure[row - 1]
            or (flags[PENDING] and due_nb(waiting, segments.fill[row]))
        ):
            by_name = trade_nb(
                part,
                row,
                segments,
                exposure,
                order,
                capital,
                fee,
                slippage,
                held,
                waiting,
                wanted,
                state,
                flags,
                sums,
                counts,
            )
            if row == first or by_name:
                _line_nb(held, segments.close[row:last], line[row - first :], flags[LOOSE] or state[BOUND] > 0.0)
        until = row + 1
        if not flags[PENDING]:
            while until < last and exposure[until] == exposure[row]:
                until += 1
        sums[RESTED] += value_nb(
            segments.cash_close[row:until],
            segments.worth[row:until],
            line[row - first : until - first],
            state,
            values[row:until],
        )
        row = until
