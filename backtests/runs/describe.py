"""The record of a run: series, weights, counts, extreme moves and recipe."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from undertow.backtests.account import Account, Recipe
from undertow.backtests.command import rule_trust_argv, strategy_word
from undertow.backtests.kernel.path import AccountPath
from undertow.backtests.kernel.prices import carried
from undertow.backtests.kernel.sleeves import hedge_symbol
from undertow.backtests.runs.notes import MOST_MOVES, move_record
from undertow.market import (
    BoolArray,
    FloatArray,
    Market,
    align,
    error_findings,
    is_extreme,
    market_findings,
    price_changes,
)
from undertow.signals.decisions import DecisionTable
from undertow.strategies import Decision, Strategy, unpriced_weights
from undertow.strategies.rules import FreeRule

_VERSIONED = ("undertow", "vectorbt", "vectorbt-rust", "numpy", "pandas", "numba", "exchange-calendars")


def run_series(
    table: DecisionTable, rows: slice, run: AccountPath, hold: AccountPath, exposure: FloatArray
) -> pd.DataFrame:
    """The columns of `Run.series`, one row a session.

    Args:
        table: decisions of every session of the market.
        rows: sessions of the run.
        run: account of the strategy.
        hold: account of the same basket without the rule.
        exposure: target share of capital in stocks (T,).
    """
    columns = {
        "value": run.values,
        "return": run.returns,
        "exposure": exposure,
        "cash_share": run.cash_share,
        "cash_before": run.cash_before,
        "turnover": 0.5 * run.traded.sum(axis=1) / run.before,
        "costs": run.paid.sum(axis=1),
        "hold_before": hold.before,
        "hold_value": hold.values,
        "hold_return": hold.returns,
        "hold_cash_share": hold.cash_share,
        "benchmark_return": _benchmark_returns(table, rows),
        "cash_return": known_cash_returns(table, rows, run.grid.cash_returns),
        "btc": _btc(table)[rows],
    }
    return pd.DataFrame(columns, index=run.grid.sessions.rename("session"))


def _benchmark_returns(table: DecisionTable, rows: slice) -> FloatArray:
    if table.market.benchmark is None:
        return np.full(rows.stop - rows.start, np.nan)
    prices = table.market.prices
    column = int(prices.columns_of([table.market.benchmark])[0])
    # Carried over a gap, whose whole move counts on the session after it.
    close = carried(prices.close[:, [column]])[rows, 0]
    first = (prices.open_in_range if table.decisions.fill == "open" else prices.close)[rows.start, column]
    growth = close / np.concatenate(([first], close[:-1])) - 1.0
    return np.where(np.isfinite(prices.close[rows, column]), growth, np.nan)


def known_cash_returns(table: DecisionTable, rows: slice, returns: FloatArray) -> FloatArray:
    """Returns of the cash symbol (T,), NaN on sessions where it has no price.

    Also NaN on the session of its first price, which has no return. A market without a cash symbol has cash that earns
    nothing, which is known.

    Args:
        table: decisions of every session of the market.
        rows: sessions of the run.
        returns: those of the account's cash (T,), which earns nothing without a price.
    """
    market = table.market
    if market.cash is None:
        return returns
    known = np.isfinite(market.prices.close[:, market.prices.columns_of([market.cash])[0]])
    first = int(known.argmax())
    # The cash of a run that begins with the market is bought at the first close.
    if known.any() and first > 0:
        known[first] = False
    return np.where(known[rows], returns, np.nan)


def _btc(table: DecisionTable) -> FloatArray:
    bars = table.market.feeds_of("bars", "BTC")
    if not bars:
        return np.full(len(table), np.nan)
    return align(bars[0].known_at, bars[0]["close"], table.market.calendar.closes, tolerance=bars[0].lifetimes)


def run_weights(run: AccountPath) -> pd.DataFrame:
    """Shares of the account's value at the close (sessions, symbols), cash last."""
    weights = pd.DataFrame(run.weights, index=run.grid.sessions, columns=pd.Index(run.grid.symbols, name="symbol"))
    weights["cash"] = run.cash_share
    return weights


def run_counts(table: DecisionTable, rows: slice, run: AccountPath, decision: Decision) -> dict[str, Any]:
    """The events that a run handled, by name, such as deferred orders.

    Args:
        table: decisions of every session of the market.
        rows: sessions of the run.
        run: account of the strategy.
        decision: decision of the strategy for every session of the market.
    """
    return {
        "deferred_fills": run.deferred,
        "orders_open_at_end": run.open_at_end,
        "price_ends_closed": run.closed,
        "gap_ends_closed": run.closed_in_gaps,
        "margin_calls": run.margin_calls,
        "opens_outside_range": _opens_outside_range(table, rows),
        "stopped_positions": run.stopped,
        "stale_sessions": int(decision.stale[rows, 0].sum()),
        "fallback_sessions": 0,
        **{f"{name}_sessions": int(flag[rows, 0].sum()) for name, flag in decision.flags.items()},
        "cash_sessions_without_price": run.grid.cash_gaps,
        "benchmark_sessions_without_price": _gaps(table.market, table.market.benchmark, rows),
        "hedge_sessions_without_price": _hedge_gaps(table, rows, decision),
        "sessions_without_members": int((~table.alive[rows].any(axis=1)).sum()),
        "sessions_without_prices": int(np.isnan(table.close[rows]).all(axis=1).sum()),
        **universe_counts(table, rows, run.grid.fill[:, : run.grid.stocks]),
        "absent_feeds": dict(sorted(table.absent.items())),
        "unused_feeds": dict(sorted(table.unused.items())),
        "frozen_feeds": {
            feed: int(frozen[rows].sum()) for feed, frozen in sorted(table.frozen.items()) if frozen[rows].any()
        },
        "data_findings": market_findings(table.market) | _error_findings(table, rows),
        "signal_sources": {
            feed: int(used[rows].sum()) for feed, used in sorted(table.used.items()) if used[rows].any()
        },
    }


# What is wrong in the data depends on the market, the names and the sessions alone, and takes a third of a backtest.
_FOUND: WeakKeyDictionary[Market, dict[tuple[int, int, bytes], dict[str, str]]] = WeakKeyDictionary()


def _error_findings(table: DecisionTable, rows: slice) -> dict[str, str]:
    """The errors of the data behind a run, found once for a market, span and names."""
    of_market = _FOUND.setdefault(table.market, {})
    used = (int(rows.start), int(rows.stop), np.asarray(table.columns).tobytes())
    if used not in of_market:
        of_market[used] = error_findings(table.market, rows, table.columns)
    return of_market[used]


def weight_counts(table: DecisionTable, rows: slice, account: Account) -> dict[str, dict[str, int]]:
    """The names of stated weights without a price, with the number of rebalances.

    `weights_without_price`; nothing for an account whose weights are not stated.
    """
    if account.weight_table is None:
        return {}
    return {"weights_without_price": unpriced_weights(table, rows, account.rebalance, account.weight_table)}


def _gaps(market: Market, symbol: str | None, rows: slice) -> int:
    """The sessions on which a symbol has no close; 0 where none is named."""
    if symbol is None:
        return 0
    return int(np.isnan(market.prices.close[rows, market.prices.columns_of([symbol])[0]]).sum())


def _hedge_gaps(table: DecisionTable, rows: slice, decision: Decision) -> int:
    """The sessions on which the rule had a hedge whose symbol has no close."""
    if decision.hedge is None:
        return 0
    column = table.market.prices.columns_of([hedge_symbol(table, decision)])[0]
    return int(((decision.hedge[rows, 0] > 0.0) & np.isnan(table.market.prices.close[rows, column])).sum())


def _opens_outside_range(table: DecisionTable, rows: slice) -> int:
    """Opens of the universe outside the range of their session."""
    if table.decisions.fill != "open":
        return 0
    prices = table.market.prices
    opens = np.isfinite(prices.open[rows][:, table.columns])
    return int((opens & np.isnan(prices.open_in_range[rows][:, table.columns])).sum())


def run_recipe(strategy: Strategy, table: DecisionTable, rows: slice, account: Account) -> Recipe:
    """The recipe of a run.

    Args:
        strategy: strategy with its parameters.
        table: decisions of every session of the market.
        rows: sessions of the run.
        account: settings of the account.
    """
    market, sessions = table.market, table.decisions.sessions[rows]
    window = str(sessions[0].date()), str(sessions[-1].date())
    settings, stated = account.as_dict(), account.weight_table
    return Recipe(
        strategy=strategy.label,
        parameters=strategy.parameters,
        universe=table.universe.name,
        start=window[0],
        end=window[1],
        sessions=len(sessions),
        **settings.pop("costs"),
        **settings,
        market=market.name,
        market_path=market.path,
        market_fingerprint=market.fingerprint,
        calendar=market.calendar.name,
        benchmark=market.benchmark,
        cash=market.cash,
        seed=market.truth.seed if market.truth is not None else None,
        sessions_a_year=market.calendar.sessions_a_year,
        versions={name: version(name) for name in _VERSIONED},
        command=_command(strategy, market, table.universe.name, window, account),
        weights=None if stated is None else stated.text,
        weights_file=None if stated is None else stated.origin,
    )


def _command(
    strategy: Strategy, market: Market, universe: str, window: tuple[str, str], account: Account
) -> str | None:
    """The command line of the run; None where market, rule or weights lie in no file."""
    if market.path is None or not account.has_options or (strategy.origin is None and isinstance(strategy, FreeRule)):
        return None
    span = ["--universe", universe, "--start", window[0], "--end", window[1]]
    argv = ["undertow", "backtest", "--market", market.path, *_strategy_argv(strategy), *span, *account.argv()]
    return shlex.join(argv)


def _strategy_argv(strategy: Strategy) -> list[str]:
    if strategy.origin is not None:
        return ["--rule", strategy.origin, *rule_trust_argv(strategy)]
    settings = [text for name, value in strategy.parameters.items() for text in ("--set", f"{name}={value}")]
    return ["--strategy", strategy_word(type(strategy)), *settings]


def held_moves(paths: Mapping[str, AccountPath]) -> list[dict[str, Any]]:
    """The extreme moves of names while an account held them, in order of time.

    One row a move, as `move_record` makes it: the change is that since the last known close, or since the fill of a
    name that was bought on the session. Only the `MOST_MOVES` largest are listed.

    Args:
        paths: accounts on the same sessions, by name.
    """
    moves: dict[tuple[int, str], dict[str, Any]] = {}
    for name, path in paths.items():
        changes = _changes_held(path)
        for row, column in zip(*np.nonzero(is_extreme(changes)), strict=True):
            symbol = path.grid.symbols[column]
            move = move_record(symbol, path.grid.sessions[row], float(changes[row, column]))
            moves.setdefault((int(row), symbol), move)["held_by"].append(name)
    largest = sorted(moves, key=lambda key: (-abs(moves[key]["change"]), key))[:MOST_MOVES]
    return [moves[key] for key in sorted(largest)]


def _changes_held(path: AccountPath) -> FloatArray:
    """Changes of price (T, C) that an account had a share in; NaN on all others."""
    held = path.weights != 0.0
    before = np.vstack([np.zeros((1, held.shape[1]), dtype=np.bool_), held[:-1]])
    bought = held & ~before
    since_fill = path.grid.close / path.grid.fill - 1.0
    return np.where(before, price_changes(path.grid.close), np.where(bought, since_fill, np.nan))


def universe_counts(table: DecisionTable, rows: slice, fill: FloatArray) -> dict[str, Any]:
    """The names of the universe in the sessions of a run, and those that it lacks.

    Args:
        table: decisions of every session of the market.
        rows: sessions of the run.
        fill: price of each name at the fill (T, N), NaN where nothing can be filled.
    """
    sessions = table.decisions.sessions[rows]
    strangers = table.universe.members(sessions, table.unpriced).any(axis=0)
    member, closed = table.member[rows], np.isfinite(table.close[rows])
    listed: BoolArray = np.any(member, axis=0)
    priced: BoolArray = np.any(member & closed, axis=0)
    filled: BoolArray = np.any(member & np.isfinite(fill), axis=0)
    never = [symbol for symbol, flag in zip(table.symbols, priced & ~filled, strict=True) if flag]
    return {
        "universe_symbols": int(listed.sum() + strangers.sum()),
        "symbols_without_prices": int((listed & ~priced).sum() + strangers.sum()),
        "symbols_never_filled": len(never),
        "never_filled": never,
    }
