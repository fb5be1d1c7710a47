"""One path through one segment, as a scaled copy where that is exact."""

from __future__ import annotations

import numpy as np
from numba import njit

from undertow.backtests.kernel.records import Rates
from undertow.backtests.kernel.state import (
    CASH,
    CLOSED,
    DE_RISK,
    DEFERRED,
    DUST,
    GAPS,
    NONE,
    PAID,
    RE_ENTRY,
    REBALANCE,
    TURNOVER,
    WAITED,
    any_nb,
    due_nb,
    reason_nb,
)
from undertow.backtests.segments.cut import Segments
from undertow.backtests.segments.orders import close_gaps_nb, gaps_nb, holdings_worth_nb, line_nb, trade_names_nb
from undertow.backtests.segments.records import (
    ADDED,
    BOUND,
    OFF_BASE,
    PENDING,
    SCALE,
    UNITS,
    SegmentAccount,
    SegmentPath,
    SegmentResults,
    Session,
    SessionNames,
)
from undertow.market import FloatArray, IntArray


@njit(cache=True)
def book_trades_nb(sold: float, bought: float, value: float, rates: Rates, sums: FloatArray) -> None:
    """Add the turnover and the costs of a session to the sums.

    Args:
        sold: money sold for at fill prices, USD.
        bought: money bought for at fill prices, USD.
        value: value of the account before trading, USD.
        rates: rates of trading.
        sums: sums of the path (3,), changed in place.
    """
    fee, slippage = rates.fee, rates.slippage
    sums[TURNOVER] += 0.5 * (sold + bought) / value
    sums[PAID] += sold * (slippage + fee * (1.0 - slippage)) + bought * (slippage + fee * (1.0 + slippage))


@njit(cache=True)
def write_out_nb(held: FloatArray, units: FloatArray, state: FloatArray) -> None:
    """Write out the holdings (N,) of a scaled copy, name by name."""
    if state[SCALE] != 1.0 or state[ADDED] != 0.0:
        for name in range(len(held)):
            held[name] = state[SCALE] * held[name] + state[ADDED] * units[name]
        state[BOUND] = state[SCALE] * state[BOUND] + state[ADDED]
        state[SCALE], state[ADDED] = 1.0, 0.0


@njit(cache=True)
def rebalance_proportional_nb(
    held: FloatArray,
    state: FloatArray,
    mark: FloatArray,
    units: FloatArray,
    cash: float,
    exposure: float,
    rates: Rates,
) -> tuple[bool, float, float, float, float]:
    """Rebalance where every name has a price and cash is raised in proportion.

    Returns as `rescale_nb`.

    Args:
        held: shares held (N,), changed in place.
        state: state of the path, its holdings written out.
        mark: last known prices (N,).
        units: shares of the base portfolio (N,) for one unit of money.
        cash: cash before the trades, USD.
        exposure: share of the value in stocks.
        rates: rates of trading.
    """
    value = cash + holdings_worth_nb(held, mark)
    keep = (1.0 - exposure) * value
    goal = exposure * value
    short, over = gaps_nb(held, units, mark, goal, DUST * value)
    cash += over * rates.sell
    if cash < keep and goal > 0.0:
        # Sales do not bring the cash in: goals are lowered, name by name.
        return False, cash, 0.0, 0.0, value
    spare = cash - keep if cash - keep > DUST * (cash + short) else 0.0
    filled = min(1.0, spare / (short * rates.buy)) if short > 0.0 else 0.0
    close_gaps_nb(held, units, mark, goal, DUST * value, filled)
    state[BOUND] = goal
    return True, cash - short * filled * rates.buy, over, short * filled, value


@njit(cache=True)
def rescale_nb(
    reason: int,
    state: FloatArray,
    worth: float,
    base: float,
    cash: float,
    exposure: float,
    rates: Rates,
) -> tuple[bool, float, float, float, float]:
    """Change the exposure of a scaled copy.

    Returns whether that could be done, the cash, the money sold and bought for, and the value before trading.

    Args:
        reason: `DE_RISK` or `RE_ENTRY`.
        state: state of the path, changed in place.
        worth: worth of the holdings at the start of the segment, USD.
        base: worth of the base portfolio.
        cash: cash before the trades, USD.
        exposure: share of the value in stocks.
        rates: rates of trading.
    """
    stocks = state[SCALE] * worth + state[ADDED] * base
    value = cash + stocks
    keep = (1.0 - exposure) * value
    if reason == DE_RISK:
        needed = (keep - cash) / rates.sell
        if needed <= 0.0 or stocks <= 0.0:
            return True, cash, 0.0, 0.0, value
        part = min(1.0, needed / stocks)
        state[SCALE] *= 1.0 - part
        state[ADDED] *= 1.0 - part
        return True, cash + part * stocks * rates.sell, part * stocks, 0.0, value
    if base <= 0.0 or cash <= keep:
        return True, cash, 0.0, 0.0, value
    if state[SCALE] * state[BOUND] + state[ADDED] > value / base:
        return False, cash, 0.0, 0.0, value
    # Every name lacks something against the base portfolio of this value, in all as much as there is cash.
    bought = (cash - keep) / rates.buy
    part = bought / cash
    state[SCALE] *= 1.0 - part
    state[ADDED] = state[ADDED] * (1.0 - part) + part * value / base
    return True, keep, 0.0, bought, value


@njit(cache=True)
def trade_by_name_nb(
    reason: int,
    names: SessionNames,
    account: SegmentAccount,
    cash: float,
    exposure: float,
    rates: Rates,
    trades: FloatArray,
) -> tuple[float, float, float, float, int]:
    """Trade for any reason, name by name; the holdings must be written out before.

    Returns the cash, the money sold and bought for, the value before trading, and how many orders began to wait.

    Args:
        reason: why the session trades.
        names: the names of the session.
        account: the account.
        cash: cash before the trades, USD.
        exposure: share of the value in stocks.
        rates: rates of trading.
        trades: shares to trade (N,), written anew.
    """
    state, flags = account.state, account.flags
    value = cash + holdings_worth_nb(account.held, names.mark)
    keep = (1.0 - exposure) * value
    cash, sold, bought, deferred = trade_names_nb(reason, names, account, cash, keep, rates, trades)
    flags[PENDING] = any_nb(account.waiting)
    flags[OFF_BASE] = deferred > 0 or reason == WAITED or (flags[OFF_BASE] and reason != REBALANCE)
    if reason == REBALANCE:
        state[BOUND] = value
    elif reason == RE_ENTRY:
        total = holdings_worth_nb(names.units, names.mark)
        state[BOUND] = max(state[BOUND], value / total) if total > 0.0 else state[BOUND]
    return cash, sold, bought, value, deferred


@njit(cache=True)
def sell_ended_nb(
    row: int, segments: Segments, account: SegmentAccount, cash: float, counts: IntArray
) -> tuple[float, int]:
    """Turn names with an end price into cash; returns the cash and how many were held.

    Args:
        row: the session.
        segments: the segments of the run.
        account: the account, changed in place.
        cash: cash before, USD.
        counts: counts of the path, changed in place.
    """
    held, waiting, price = account.held, account.waiting, segments.end_price[row]
    closed = 0
    for name in range(len(price)):
        if not np.isnan(price[name]):
            waiting[name] = 0.0
            if held[name] > 0.0:
                cash += held[name] * price[name]
                held[name] = 0.0
                closed += 1
                counts[GAPS if segments.last[name] > row else CLOSED] += 1
    account.flags[PENDING] = account.flags[PENDING] and any_nb(waiting)
    return cash, closed


@njit(cache=True)
def trade_scaled_nb(
    session: Session,
    account: SegmentAccount,
    fill: FloatArray,
    mark: FloatArray,
    units: FloatArray,
    rates: Rates,
) -> tuple[bool, int, float, float, float, float]:
    """Trade one session as far as a scaled copy or a rebalance in proportion can.

    Returns whether that is all, the reason, the cash, the money sold and bought for, and the value before trading.

    Args:
        session: the session.
        account: the account.
        fill: price at the fill (N,), NaN where nothing can be filled.
        mark: last known prices (N,).
        units: shares of the base portfolio (N,) for one unit of money.
        rates: rates of trading.
    """
    held, waiting = account.held, account.waiting
    state, flags, exposure, cash = account.state, account.flags, session.exposure, session.cash
    reason = reason_nb(session.rebalanced, exposure, session.level, False, False)
    if reason == NONE and flags[PENDING] and due_nb(waiting, fill):
        reason = WAITED
    sold, bought, value, done = 0.0, 0.0, 1.0, reason == NONE
    if not done and not flags[OFF_BASE] and (session.proportional or reason == RE_ENTRY or exposure >= 1.0):
        if reason == REBALANCE and session.clean:
            before = cash
            done, cash, sold, bought, value = rebalance_proportional_nb(held, state, mark, units, cash, exposure, rates)
            cash = cash if done else before
        elif reason != REBALANCE and session.filled:
            worth = holdings_worth_nb(held, mark) if state[SCALE] != 0.0 else 0.0
            done, cash, sold, bought, value = rescale_nb(
                reason, state, worth, session.base_worth, cash, exposure, rates
            )
    return done, reason, cash, sold, bought, value


@njit(cache=True)
def value_nb(
    cash_close: FloatArray, worth: FloatArray, line: FloatArray, state: FloatArray, values: FloatArray
) -> float:
    """Write values at the close in a segment; returns the sum of the shares of cash.

    Args:
        cash_close: price of the cash symbol at the close (L,).
        worth: worth of the base portfolio at the close (L,).
        line: worth of the holdings of the start of the segment at the close (L,).
        state: state of the path.
        values: values at the close (L,), written in place.
    """
    scale, added, units = state[SCALE], state[ADDED], state[UNITS]
    cash_share = 0.0
    for at in range(len(values)):
        cash = units * cash_close[at]
        values[at] = cash + (scale * line[at] + added * worth[at])
        cash_share += cash / values[at] if cash > DUST * values[at] else 0.0
    return cash_share


@njit(cache=True)
def _value_holdings_nb(held: FloatArray, close: FloatArray, line: FloatArray, holding: bool) -> None:
    if holding:
        line_nb(held, close, line)
    else:
        line[: len(close)] = 0.0


@njit(cache=True)
def segment_nb(
    part: int,
    segments: Segments,
    path: SegmentPath,
    account: SegmentAccount,
    trades: FloatArray,
    line: FloatArray,
    results: SegmentResults,
) -> None:
    """Walk one path through one segment.

    Args:
        part: number of the segment.
        segments: the segments of the run.
        path: exposure, selling order, rates and capital.
        account: the account at the end of the segment before.
        trades: memory for the shares to trade (N,).
        line: memory for the worth of the holdings in the segment (L,).
        results: values, sums and counts of the path.
    """
    exposure, state, flags = path.exposure, account.state, account.flags
    rates, values, sums, counts = path.rates, results.values, results.sums, results.counts
    first, last = segments.first[part], segments.first[part + 1]
    if part > 0:
        write_out_nb(account.held, segments.units[part - 1], state)
    row = first
    while row < last:
        if (
            row == first
            or exposure[row] != exposure[row - 1]
            or (flags[PENDING] and due_nb(account.waiting, segments.fill[row]))
        ):
            fill, mark, units = segments.fill[row], segments.mark[row], segments.units[part]
            cash, closed = state[UNITS] * segments.cash_fill[row] if row > 0 else path.capital, 0
            if segments.ending[row]:
                cash, closed = sell_ended_nb(row, segments, account, cash, counts)
            session = Session(
                exposure=exposure[row],
                level=exposure[row - 1] if row > 0 else 1.0,
                cash=cash,
                base_worth=segments.worth_fill[row],
                proportional=path.order.shape[1] == 0,
                rebalanced=row == first and segments.rebalance[part],
                clean=segments.clean[part],
                filled=segments.filled[row],
            )
            done, reason, cash, sold, bought, value = trade_scaled_nb(session, account, fill, mark, units, rates)
            if not done:
                write_out_nb(account.held, units, state)
                names = SessionNames(segments.weights[part], units, fill, mark, path.order[row])
                cash, sold, bought, value, deferred = trade_by_name_nb(
                    reason, names, account, cash, exposure[row], rates, trades
                )
                counts[DEFERRED] += deferred
            book_trades_nb(sold, bought, value, rates, sums)
            if row == 0 or closed > 0 or sold > 0.0 or bought > 0.0:
                state[UNITS] = max(0.0, cash) / segments.cash_fill[row]
            if row == first or not done:
                holding = flags[OFF_BASE] or state[BOUND] > 0.0
                _value_holdings_nb(account.held, segments.close[row:last], line[row - first :], holding)
        until = row + 1
        if not flags[PENDING]:
            while until < last and exposure[until] == exposure[row]:
                until += 1
        sums[CASH] += value_nb(
            segments.cash_close[row:until],
            segments.worth[row:until],
            line[row - first : until - first],
            state,
            values[row:until],
        )
        row = until
