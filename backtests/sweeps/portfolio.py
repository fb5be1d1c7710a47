"""The sets of a sweep as one vectorbt portfolio, one group of columns a set."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from undertow.backtests.kernel.path import walk_plan
from undertow.backtests.kernel.sleeves import add_sleeves, append_hold_set, decision_for_rows, plan_for_rows
from undertow.backtests.runs.backtest import book_account, check_agreement, stack_books
from undertow.backtests.sweeps.chunk import SweepTask
from undertow.market import DataError, ParameterError, is_whole
from undertow.strategies import decided

if TYPE_CHECKING:
    from undertow.backtests.runs.vectorbt_portfolio import Portfolio

# Each set has a column for every name: more sets take more memory than they are worth.
MOST_BOOKED = 100
# The level that tells sets apart where their parameters do not.
SET_LEVEL = "set"


def book_sets(task: SweepTask, sets: pd.DataFrame, varied: Sequence[str]) -> Portfolio:
    """Walk some sets of a sweep and book their orders with vectorbt.

    Each is booked by itself, as `backtest` books it, and its value compared with the kernel's.

    Raises `BookkeepingError` where the two differ by more than 1e-9, `DataError` with the set whose account is worth
    nothing.

    Args:
        task: strategy, market, sessions and account.
        sets: parameters of the sets (P rows), as the strategy reads them; the index has their rows in the sweep.
        varied: the parameters that become column levels.
    """
    prepared, account, market = task.prepared, task.account, task.market
    table, rows, costs = prepared.table, prepared.rows, account.costs
    decision = decided(task.strategy, table, task.strategy.sets_of(sets))
    table.forget()
    in_run = append_hold_set(decision_for_rows(decision, rows))
    plan = plan_for_rows(table, in_run, rows, prepared.base, prepared.rebalanced)
    grid = add_sleeves(prepared.grid, table, rows, decision, costs)
    walk = partial(walk_plan, grid, plan, costs=costs, capital=account.capital)
    hold, year, orders = walk(len(sets)).values, market.calendar.sessions_a_year, []
    for number, row in enumerate(sets.index):
        try:
            path = walk(number)
        except DataError as error:
            raise DataError(f"set {row}: {error}") from None
        portfolio = book_account(grid, path.amounts, path.cash_trades, market.cash, account, hold, year)
        check_agreement(portfolio, path.values, account.capital)
        orders.append(portfolio.order_records)
    return stack_books(portfolio, orders, set_levels(sets, varied))


def set_levels(sets: pd.DataFrame, varied: Sequence[str]) -> pd.Index:
    """One label a set: a level for each of its varied parameters.

    With a level "set", the row in the sweep, where the parameters do not tell the sets apart.
    """
    levels: dict[str, list[Any]] = {name: [_label(value) for value in sets[name].tolist()] for name in varied}
    if len(set(zip(*levels.values(), strict=True))) < len(sets):
        levels[SET_LEVEL] = sets.index.tolist()
    arrays = [pd.Index(values, name=name) for name, values in levels.items()]
    index: pd.Index = pd.MultiIndex.from_arrays(arrays) if len(arrays) > 1 else arrays[0]
    return index


def _label(value: Any) -> Any:
    # A list or a rule is known by its text; a missing value equals nothing, so that no label could choose it.
    if value is None or value != value:
        return "none"
    return value if isinstance(value, str | int | float) else str(value)


def set_rows(rows: Sequence[int] | pd.DataFrame | None, count: int) -> list[int]:
    """The numbers of the rows that are asked for, checked.

    Raises `ParameterError` on none, on more than 100, on a repeated row and on one that the sweep does not have.

    Args:
        rows: row numbers, or rows of the sweep's table such as `best` returns; None for all.
        count: number of sets of the sweep.
    """
    chosen = range(count) if rows is None else rows.index if isinstance(rows, pd.DataFrame) else rows
    numbers: list[int] = np.ravel(np.asarray(chosen)).tolist()
    if not 1 <= len(numbers) <= MOST_BOOKED:
        raise ParameterError(
            f"`rows` must be 1 to {MOST_BOOKED} sets, got {len(numbers):,}; choose some, such as sweep.best(top=20)"
        )
    for number in numbers:
        if not is_whole(number, 0) or not number < count:
            raise ParameterError(f"`rows` must be row numbers of the sweep, 0 to {count - 1}, got {number!r}")
    if len(set(numbers)) < len(numbers):
        repeated = next(number for number in numbers if numbers.count(number) > 1)
        raise ParameterError(f"`rows` has row {repeated} twice; each set is one group of the portfolio")
    return numbers
