"""The sleeves of a decision beside its stocks: a basket and a symbol sold short."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from undertow.backtests.costs import Costs
from undertow.backtests.kernel.prices import Panel, PriceGrid, carried, read_panel
from undertow.market import BoolArray, FloatArray, IntArray, ParameterError
from undertow.signals.decisions import DecisionTable
from undertow.strategies import LEAST_TAX, PROPORTIONAL, Decision, Plan

_DAY = np.timedelta64(1, "D")


def decision_for_rows(decision: Decision, rows: slice) -> Decision:
    """The decision of some sessions.

    Raises `ParameterError` where it has a value that cannot be held.
    """
    part = replace(
        decision,
        exposure=decision.exposure[rows],
        stale=decision.stale[rows],
        scores=tuple(score[rows] for score in decision.scores),
        flags={name: flag[rows] for name, flag in decision.flags.items()},
        rotation=None if decision.rotation is None else decision.rotation[rows],
        hedge=None if decision.hedge is None else decision.hedge[rows],
        above=None if decision.above is None else decision.above[rows],
        resting=decision.resting if decision.resting is None or decision.resting.ndim == 1 else decision.resting[rows],
    )
    _check(part)
    return part


def append_hold_set(decision: Decision) -> Decision:
    """The decision with one more set, the last: fully invested, without any sleeve."""

    def append(values: Any, last: float) -> Any:
        if values is None:
            return None
        # Sets lie one after the other in memory, and stay so.
        line = np.full((1, *values.shape[:-1]), last, dtype=values.dtype)
        return np.concatenate([values.T, line]).T

    return replace(
        decision,
        exposure=append(decision.exposure, 1.0),
        stale=append(decision.stale, False),
        score_of_set=append(decision.score_of_set, PROPORTIONAL),
        flags={name: append(flag, False) for name, flag in decision.flags.items()},
        rotation=append(decision.rotation, 0.0),
        hedge=append(decision.hedge, 0.0),
        stop=append(decision.stop, 0.0),
        stop_wait=append(decision.stop_wait, 0),
        above=append(decision.above, False),
        resting=append(decision.resting, 1.0),
    )


def plan_for_rows(
    table: DecisionTable, decision: Decision, rows: slice, base: FloatArray, rebalanced: IntArray
) -> Plan:
    """The plan of a decision cut to `rows`, without a hedge that has no price yet.

    Args:
        table: decisions of the universe, with their market.
        decision: the decision of the sessions in `rows`, as `decision_for_rows` returns it.
        rows: the sessions of the run among those of the table.
        base: base weights (R, N), a row a rebalance.
        rebalanced: row of `base` that takes effect on a session (T,), -1 for none.
    """
    decision = drop_unpriced_hedge(table, decision, rows)
    return Plan(decision, base, rebalanced, _within(table, decision, rows, rebalanced))


def drop_unpriced_hedge(table: DecisionTable, decision: Decision, rows: slice) -> Decision:
    """The decision of the sessions in `rows` without a hedge that has no price yet."""
    if decision.hedge is None:
        return decision
    return replace(decision, hedge=np.where(can_short(table, decision, rows)[:, None], decision.hedge, 0.0))


def add_sleeves(grid: PriceGrid, table: DecisionTable, rows: slice, decision: Decision, costs: Costs) -> PriceGrid:
    """The price grid with the columns of a decision's sleeves.

    It has the known closes too where the decision has a stop.

    Args:
        grid: prices of the stocks.
        table: decisions of the universe, with their market.
        rows: the sessions of the grid among those of the table.
        decision: the decision; the same grid is returned where it has no sleeve.
        costs: haircut on names of the basket that end, cost of borrowing the symbol sold short.
    """
    parts: list[tuple[tuple[str, ...], Panel]] = []
    at_open = table.decisions.fill == "open"
    if decision.rotation is not None:
        basket = _basket(table, decision)
        parts.append((basket.symbols, read_panel(table.market, basket.columns, at_open, costs.haircut)))
    if decision.hedge is not None:
        symbol = hedge_symbol(table, decision)
        panel = read_panel(table.market, table.market.prices.columns_of([symbol]), at_open, 0.0)
        parts.append(((f"{symbol} (short)",), _with_borrow_cost(panel, _borrow_growth(grid, costs), rows)))
    if decision.stop is not None and (decision.stop > 0.0).any():
        grid = replace(grid, known=np.ascontiguousarray(table.known(table.close)[rows]))
    if not parts:
        return grid
    labels = tuple(_label(name, table.symbols) for names, _ in parts for name in names)
    fill, mark, close, end_price = (
        np.ascontiguousarray(
            np.column_stack([getattr(grid, name), *(getattr(panel, name)[rows] for _, panel in parts)])
        )
        for name in Panel._fields
    )
    short = decision.hedge is not None
    return replace(
        grid,
        symbols=grid.symbols + labels,
        fill=fill,
        mark=mark,
        close=close,
        end_price=end_price,
        members=len(labels) - int(short),
        short=short,
    )


def hedge_symbol(table: DecisionTable, decision: Decision) -> str:
    """The symbol that a decision sells short.

    Raises `ParameterError` where neither the decision nor the market names one.
    """
    symbol = decision.hedge_symbol or table.market.benchmark
    if symbol is None:
        raise ParameterError(
            f"a hedge needs a symbol to sell short: market {table.market.name!r} names no `benchmark`; name one"
        )
    return symbol


def can_short(table: DecisionTable, decision: Decision, rows: slice) -> BoolArray:
    """The sessions in `rows` (T,) at whose decision a close of the hedge is known."""
    column = table.market.prices.columns_of([hedge_symbol(table, decision)])
    close = carried(table.market.prices.close[:, column])[:, 0]
    known: BoolArray = np.isfinite(table.known(close)[rows])
    return known


def _basket(table: DecisionTable, decision: Decision) -> DecisionTable:
    basket = DecisionTable(table.market, decision.basket, table.decisions.fill)
    if not basket.symbols:
        raise ParameterError(f"the basket's universe `{decision.basket}` has no name with prices; name another")
    return basket


def _within(table: DecisionTable, decision: Decision, rows: slice, rebalanced: IntArray) -> FloatArray:
    rebalances = np.flatnonzero(rebalanced >= 0)
    if decision.rotation is None:
        return np.zeros((len(rebalances), 0))
    alive = _basket(table, decision).alive[rows][rebalances].astype(np.float64)
    total = alive.sum(axis=1, keepdims=True)
    within: FloatArray = np.divide(alive, total, out=np.zeros_like(alive), where=total > 0)
    return within


def _borrow_growth(grid: PriceGrid, costs: Costs) -> FloatArray:
    # A short position in a price that grows by the cost of borrowing loses the return and the borrowing.
    days = np.diff(np.asarray(grid.sessions, dtype="datetime64[ns]")) / _DAY
    return np.asarray(np.cumprod(np.concatenate(([1.0], 1.0 + costs.borrow * days / 365.0))), dtype=np.float64)


def _with_borrow_cost(panel: Panel, growth: FloatArray, rows: slice) -> Panel:
    factor = np.ones((len(panel.fill), 1), dtype=np.float64)
    factor[rows, 0] = growth
    return Panel(*(prices * factor for prices in panel))


def _label(name: str, stocks: tuple[str, ...]) -> str:
    return f"{name} (basket)" if name in stocks else name


def _check(decision: Decision) -> None:
    exposure, scores = decision.exposure, decision.score_of_set
    _demand("exposure", exposure, (exposure >= 0.0) & (exposure <= 1.0), "in [0, 1] and known")
    _demand("score_of_set", scores, (scores >= LEAST_TAX) & (scores < len(decision.scores)), "the number of a score")
    if decision.rotation is not None:
        if not decision.basket:
            raise ParameterError("a decision with `rotation` must name its `basket`, a universe of the market")
        within = (decision.rotation >= 0.0) & (decision.rotation <= 1.0 - exposure + 1e-9)
        _demand("rotation", decision.rotation, within, "in [0, 1 - exposure]")
    if decision.hedge is not None:
        _demand("hedge", decision.hedge, np.isfinite(decision.hedge) & (decision.hedge >= 0.0), "0 or more")
    if decision.stop is not None:
        _demand(
            "stop", decision.stop, (decision.stop >= 0.0) & (decision.stop < 1.0), "in [0, 1); a fall of 15 % is 0.15"
        )
    if decision.stop_wait is not None:
        _demand("stop_wait", decision.stop_wait, decision.stop_wait >= 0, "0 or more sessions")


def _demand(name: str, values: FloatArray | IntArray, valid: BoolArray, rule: str) -> None:
    if not valid.all():
        first = values[~valid].ravel()[0]
        raise ParameterError(f"a decision's `{name}` must be {rule}, got {first:g}; fix the strategy's `decide`")
