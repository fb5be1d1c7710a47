"""Strategy times universe: one backtest, from market to run."""

from __future__ import annotations

import re
import shlex
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from undertow.backtests.checks import check_run
from undertow.backtests.command import cost_words, strategy_word
from undertow.backtests.costs import Costs
from undertow.backtests.kernel.path import AccountPath, walk_plan
from undertow.backtests.kernel.prices import PriceGrid, carried, read_price_grid
from undertow.backtests.kernel.sleeves import add_sleeves, append_hold_set, decision_for_rows, plan_for_rows
from undertow.backtests.metrics import SESSIONS_A_YEAR
from undertow.backtests.runs.attribution import attribution
from undertow.backtests.runs.book import book, check_agreement
from undertow.backtests.runs.episodes import Acting, EpisodeClock, episodes
from undertow.backtests.runs.run import Recipe, Run
from undertow.backtests.runs.tax import tax_of
from undertow.market.calendar import Decisions, Fill, load_calendar
from undertow.market.checks import check_positive
from undertow.market.clock import FloatArray, InstantArray, align
from undertow.market.errors import ParameterError
from undertow.market.market import Market
from undertow.signals.decisions.table import DecisionTable
from undertow.strategies.decided import decided, shocks_of
from undertow.strategies.plan import Decision, Plan
from undertow.strategies.reasons.reasons import Reasons, reasons
from undertow.strategies.rules.strategy import FreeRule, RuleStrategy
from undertow.strategies.strategy import Strategy
from undertow.strategies.weights import base_weights

_VERSIONED = ("undertow", "vectorbt", "vectorbt-rust", "numpy", "pandas", "numba", "exchange-calendars")


def backtest(
    strategy: Strategy,
    market: Market,
    *,
    universe: str = "growth",
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
    fill: Fill = "open",
    costs: Costs | None = None,
    weighting: str = "equal",
    rebalance: str = "monthly",
    capital: float = 1_000_000.0,
) -> Run:
    """Run one strategy over one universe.

    The strategy decides once a session, 30 minutes before the open (`fill="open"`) or 15 minutes before the close
    (`fill="close"`), from what was known then; signals warm up on everything the market has before `start`. Base
    weights ("equal" or "inverse-volatility") are rebalanced "daily", "weekly", "monthly", "quarterly" or "never" over
    the names alive. Raised cash earns the return of the market's cash symbol. Costs default to 5 bps fee and 5 bps
    slippage.

    Raises `ParameterError` on a bad argument, `UnknownNameError` on an unknown universe, `BookkeepingError` where the
    kernel's value and vectorbt's differ by more than 1e-9.
    """
    check_run(strategy, market, universe, costs)
    costs = costs or Costs()
    check_positive("capital", capital)
    strategy.check_market(market)
    table = DecisionTable(market, universe, fill)
    rows = session_rows(market, start, end)
    plan, decision = make_plan(table, [strategy], rows, weighting, rebalance)
    if not plan.base.any():
        raise ParameterError(f"universe `{universe}` has no name with prices in the sessions asked for; move `start`")
    tape = add_sleeves(read_price_grid(table, rows, costs.haircut), table, rows, decision, costs)
    run, hold = (walk_plan(tape, plan, which, costs, capital) for which in (0, 1))
    build = partial(book, tape, run.amounts, run.cash_trades, market.cash, capital, costs, hold.values)
    portfolio = build()
    check_agreement(portfolio, run.values, capital)
    exposure = plan.decision.exposure[:, 0]
    why = reasons(table, strategy.rule()).rows(rows) if isinstance(strategy, RuleStrategy) else None
    acting = _acting(shocks_of(strategy, table)[rows], plan.decision, why)
    outcome = Run(
        recipe=_recipe(strategy, market, table, rows, costs, weighting, rebalance, capital),
        series=_series(table, rows, tape, run, hold, exposure),
        weights=_weights(market, run),
        orders=run.orders(market.cash, market.calendar.name),
        episodes=episodes(acting, _clock(table, rows, hold), run, hold),
        counts=_counts(table, rows, run, tape, decision),
        build_portfolio=build,
        reasons=why,
        attribution_parts=attribution(tape, plan, run, hold),
        find_hold_tax=partial(tax_of, partial(hold.orders, market.cash, market.calendar.name), costs),
    )
    outcome.__dict__["portfolio"] = portfolio
    return outcome


def session_rows(market: Market, start: str | pd.Timestamp | None, end: str | pd.Timestamp | None) -> slice:
    """The rows of the market's sessions from `start` to `end`, both included.

    Raises `ParameterError` where the market does not reach that far, or where fewer than two sessions are left: a
    window is never shortened without a word.
    """
    sessions = market.sessions
    first = sessions[0] if start is None else _date("start", start)
    last = sessions[-1] if end is None else _date("end", end)
    covered = f"market {market.name!r} has sessions from {sessions[0].date()} to {sessions[-1].date()}"
    if first < sessions[0] and len(load_calendar(market.calendar.name, first, sessions[0]).sessions) > 1:
        raise ParameterError(f"`start` {first.date()} is before the first session; {covered}")
    if last > sessions[-1] and len(load_calendar(market.calendar.name, sessions[-1], last).sessions) > 1:
        raise ParameterError(f"`end` {last.date()} is after the last session; {covered}")
    for name, day, beyond in (("start", first, first > sessions[-1]), ("end", last, last < sessions[0])):
        if beyond:
            side = "after the last" if name == "start" else "before the first"
            raise ParameterError(f"`{name}` {day.date()} is {side} session; {covered}")
    rows = slice(int(sessions.searchsorted(first, "left")), int(sessions.searchsorted(last, "right")))
    if rows.stop - rows.start < 2:
        raise ParameterError(f"`start` {first.date()} to `end` {last.date()} holds fewer than two sessions; {covered}")
    return rows


def _date(name: str, value: str | pd.Timestamp) -> pd.Timestamp:
    problem = ParameterError(f"`{name}` must be a date such as 2018-01-02, got {str(value)!r}")
    try:
        stamp = pd.Timestamp(value)
    except (ValueError, TypeError):
        raise problem from None
    # 03/04/2019 is two days, and 2019 is none.
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value.strip()):
        raise problem
    if pd.isna(stamp) or stamp.tz is not None or stamp != stamp.normalize():
        raise problem
    return stamp


def make_plan(
    table: DecisionTable, strategies: list[Strategy], rows: slice, weighting: str, rebalance: str
) -> tuple[Plan, Decision]:
    """The plan of several strategies of one class for the sessions in `rows`, with full exposure as its last set."""
    kind = type(strategies[0])
    decision = decided(kind, table, kind.stack(strategies))
    base, rebalanced = base_weights(table, rows, weighting, rebalance)
    return plan_for_rows(table, append_hold_set(decision_for_rows(decision, rows)), rows, base, rebalanced), decision


def _acting(shocks: InstantArray, decision: Decision, why: Reasons | None) -> Acting:
    stocks = decision.exposure[:, 0]
    exposure = stocks - (0.0 if decision.hedge is None else decision.hedge[:, 0])
    blank = np.full(len(exposure), "", dtype=object)
    if why is None:
        return Acting(decision.acting[:, 0], exposure, stocks, shocks, blank, blank)
    labels = blank.copy()
    for row in why.changes():
        labels[row] = why.label(row, why.contributions(row))
    # The money may still be on its way back when the rule is calm again.
    resting = 1.0 - why.rule.ladder[0].cash
    active = (why.tier > 0) & (exposure != resting) | (exposure < resting)
    return Acting(active, exposure, stocks, shocks, why.tiers.to_numpy(dtype=object), labels)


def _clock(table: DecisionTable, rows: slice, hold: AccountPath) -> EpisodeClock:
    decided = table.decisions
    stretch = Decisions(decided.sessions[rows], decided.at[rows], decided.filled_at[rows], decided.fill)
    calendar, prices = table.market.calendar, table.market.prices
    before = hold.grid.close[:-1, : hold.grid.stocks]
    opened = prices.open[rows][1:, table.columns]
    # A name without an open has not moved yet.
    moves = np.where(np.isfinite(opened), opened / before - 1.0, 0.0)
    overnight = np.concatenate(([np.nan], (hold.weights[:-1, : hold.grid.stocks] * moves).sum(axis=1)))
    return EpisodeClock(stretch, calendar.opens[rows], calendar.closes[rows], overnight)


def _series(
    table: DecisionTable, rows: slice, tape: PriceGrid, run: AccountPath, hold: AccountPath, exposure: FloatArray
) -> pd.DataFrame:
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
        "cash_return": tape.cash_returns,
        "btc": _btc(table)[rows],
    }
    return pd.DataFrame(columns, index=tape.sessions.rename("session"))


def _benchmark_returns(table: DecisionTable, rows: slice) -> FloatArray:
    if table.market.benchmark is None:
        return np.full(rows.stop - rows.start, np.nan)
    prices = table.market.prices
    column = int(prices.columns_of([table.market.benchmark])[0])
    close = carried(prices.close[:, [column]])[rows, 0]
    first = (prices.open if table.decisions.fill == "open" else prices.close)[rows.start, column]
    growth = close / np.concatenate(([first if np.isfinite(first) else close[0]], close[:-1])) - 1.0
    return np.where(np.isfinite(growth), growth, 0.0)


def _btc(table: DecisionTable) -> FloatArray:
    bars = table.market.feeds_of("bars", "BTC")
    if not bars:
        return np.full(len(table), np.nan)
    return align(bars[0].known_at, bars[0]["close"], table.market.calendar.closes, tolerance=bars[0].tolerance)


def _weights(market: Market, run: AccountPath) -> pd.DataFrame:
    weights = pd.DataFrame(run.weights, index=run.grid.sessions, columns=pd.Index(run.grid.symbols, name="symbol"))
    weights["cash"] = run.cash_share
    return weights


def _counts(table: DecisionTable, rows: slice, run: AccountPath, tape: PriceGrid, decision: Decision) -> dict[str, Any]:
    return {
        "deferred_fills": run.deferred,
        "orders_open_at_end": run.open_at_end,
        "price_ends_closed": run.closed,
        "stopped_positions": run.stopped,
        "stale_sessions": int(decision.stale[rows, 0].sum()),
        "fallback_sessions": 0,
        **{f"{name}_sessions": int(mark[rows, 0].sum()) for name, mark in decision.flags.items()},
        "cash_sessions_without_price": tape.cash_gaps,
        "sessions_without_members": int((~table.alive[rows].any(axis=1)).sum()),
        "sessions_without_prices": int(np.isnan(table.close[rows]).all(axis=1).sum()),
        "universe_symbols": len(table.universe.symbols),
        "symbols_without_prices": len(table.unpriced),
        "absent_feeds": dict(sorted(table.absent.items())),
        "signal_sources": {
            feed: int(used[rows].sum()) for feed, used in sorted(table.used.items()) if used[rows].any()
        },
    }


def _recipe(
    strategy: Strategy,
    market: Market,
    table: DecisionTable,
    rows: slice,
    costs: Costs,
    weighting: str,
    rebalance: str,
    capital: float,
) -> Recipe:
    sessions = table.decisions.sessions[rows]
    start, end = str(sessions[0].date()), str(sessions[-1].date())
    return Recipe(
        strategy=strategy.label,
        parameters=strategy.parameters,
        universe=table.universe.name,
        start=start,
        end=end,
        sessions=len(sessions),
        fill=table.decisions.fill,
        weighting=weighting,
        rebalance=rebalance,
        fee_bps=costs.fee_bps,
        slippage_bps=costs.slippage_bps,
        haircut_bps=costs.haircut_bps,
        borrow_bps=costs.borrow_bps,
        tax_rate=costs.tax_rate,
        lots=costs.lots,
        capital=float(capital),
        market=market.name,
        market_path=market.path,
        market_fingerprint=market.fingerprint,
        calendar=market.calendar.name,
        benchmark=market.benchmark,
        cash=market.cash,
        seed=market.truth.seed if market.truth is not None else None,
        sessions_a_year=SESSIONS_A_YEAR,
        versions={name: version(name) for name in _VERSIONED},
        command=_command(strategy, market, table, start, end, costs, weighting, rebalance, capital),
    )


def _command(
    strategy: Strategy,
    market: Market,
    table: DecisionTable,
    start: str,
    end: str,
    costs: Costs,
    weighting: str,
    rebalance: str,
    capital: float,
) -> str | None:
    """The command line that makes this run again; None where the market or a rule of one's own lies in no file."""
    if market.path is None or (strategy.origin is None and isinstance(strategy, FreeRule)):
        return None
    words = ["undertow", "backtest", "--market", market.path, *_rule_words(strategy)]
    words += ["--universe", table.universe.name, "--start", start, "--end", end, "--fill", table.decisions.fill]
    words += [*cost_words(costs), "--weighting", weighting, "--rebalance", rebalance]
    return shlex.join([*words, "--capital", repr(float(capital))])


def _rule_words(strategy: Strategy) -> list[str]:
    if strategy.origin is not None:
        return ["--rule", strategy.origin]
    words = ["--strategy", strategy_word(type(strategy))]
    for name, value in strategy.parameters.items():
        words += ["--set", f"{name}={value}"]
    return words
