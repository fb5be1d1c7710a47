"""The record of a run: series, weights, counts and recipe."""

from __future__ import annotations

import shlex
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from undertow.backtests.account import Account
from undertow.backtests.command import strategy_word
from undertow.backtests.kernel.path import AccountPath
from undertow.backtests.kernel.prices import carried
from undertow.backtests.metrics import SESSIONS_A_YEAR
from undertow.backtests.runs.run import Recipe
from undertow.market import FloatArray, Market, align
from undertow.signals.decisions import DecisionTable
from undertow.strategies import Decision, Strategy
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
        "benchmark_return": _benchmark_returns(table, rows),
        "cash_return": run.grid.cash_returns,
        "btc": _btc(table)[rows],
    }
    return pd.DataFrame(columns, index=run.grid.sessions.rename("session"))


def _benchmark_returns(table: DecisionTable, rows: slice) -> FloatArray:
    if table.market.benchmark is None:
        return np.full(rows.stop - rows.start, np.nan)
    prices = table.market.prices
    column = int(prices.columns_of([table.market.benchmark])[0])
    close = carried(prices.close[:, [column]])[rows, 0]
    first = (prices.open_in_range if table.decisions.fill == "open" else prices.close)[rows.start, column]
    growth = close / np.concatenate(([first if np.isfinite(first) else close[0]], close[:-1])) - 1.0
    return np.where(np.isfinite(growth), growth, 0.0)


def _btc(table: DecisionTable) -> FloatArray:
    bars = table.market.feeds_of("bars", "BTC")
    if not bars:
        return np.full(len(table), np.nan)
    return align(bars[0].known_at, bars[0]["close"], table.market.calendar.closes, tolerance=bars[0].tolerance)


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
        "sessions_without_members": int((~table.alive[rows].any(axis=1)).sum()),
        "sessions_without_prices": int(np.isnan(table.close[rows]).all(axis=1).sum()),
        "universe_symbols": len(table.universe.symbols),
        "symbols_without_prices": len(table.unpriced),
        "absent_feeds": dict(sorted(table.absent.items())),
        "signal_sources": {
            feed: int(used[rows].sum()) for feed, used in sorted(table.used.items()) if used[rows].any()
        },
    }


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
    settings = account.as_dict()
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
        sessions_a_year=SESSIONS_A_YEAR,
        versions={name: version(name) for name in _VERSIONED},
        command=_command(strategy, market, table.universe.name, window, account),
    )


def _command(
    strategy: Strategy, market: Market, universe: str, window: tuple[str, str], account: Account
) -> str | None:
    """The command line of the run; None where market or rule lies in no file."""
    if market.path is None or (strategy.origin is None and isinstance(strategy, FreeRule)):
        return None
    span = ["--universe", universe, "--start", window[0], "--end", window[1]]
    argv = ["undertow", "backtest", "--market", market.path, *_strategy_argv(strategy), *span, *account.argv()]
    return shlex.join(argv)


def _strategy_argv(strategy: Strategy) -> list[str]:
    if strategy.origin is not None:
        return ["--rule", strategy.origin]
    settings = [text for name, value in strategy.parameters.items() for text in ("--set", f"{name}={value}")]
    return ["--strategy", strategy_word(type(strategy)), *settings]
