"""One backtest: a strategy over a universe of a market, from decisions to a run."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import pandas as pd

from undertow.backtests.account import Account, AccountSettings, make_account
from undertow.backtests.checks import check_run
from undertow.backtests.kernel.path import AccountPath, walk_plan
from undertow.backtests.kernel.prices import read_price_grid
from undertow.backtests.kernel.sleeves import add_sleeves, append_hold_set, decision_for_rows, plan_for_rows
from undertow.backtests.runs.attribution import attribution
from undertow.backtests.runs.describe import (
    held_moves,
    run_counts,
    run_recipe,
    run_series,
    run_weights,
    weight_counts,
)
from undertow.backtests.runs.episodes import Acting, EpisodeClock, acted_before, episodes
from undertow.backtests.runs.run import Run
from undertow.backtests.runs.tax import tax_of
from undertow.market import BookkeepingError, Decisions, FloatArray, InstantArray, Market, ParameterError, load_calendar
from undertow.signals.decisions import DecisionTable, shared_table
from undertow.strategies import BuyAndHold, Decision, Plan, Strategy, base_weights, decided, shocks_of
from undertow.strategies.reasons import Reasons, reasons
from undertow.strategies.rules import RuleStrategy

if TYPE_CHECKING:
    from undertow.backtests.runs.vectorbt_portfolio import Portfolio

# Highest difference between the values of kernel and vectorbt, as a share of the value or of the capital.
AGREEMENT = 1e-9


def backtest(
    strategy: Strategy,
    market: Market,
    *,
    universe: str = "growth",
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
    account: Account | None = None,
    **settings: Unpack[AccountSettings],
) -> Run:
    """Run one strategy over one universe.

    The strategy decides once a session, 30 minutes before the open (`fill="open"`) or 15 minutes before the close
    (`fill="close"`), from what was known then; signals warm up on everything the market has before `start`. Base
    weights are rebalanced over the names alive. Raised cash earns the return of the market's cash symbol.

    Raises `ParameterError` on a bad argument, `UnknownNameError` on an unknown universe, `BookkeepingError` where the
    kernel's value and vectorbt's differ by more than 1e-9.

    Args:
        strategy: the strategy, with its parameters set.
        market: prices and feeds, from `load_market` or `simulate_market`.
        universe: name of a universe, or a screen such as "growth | top 50 by dollar-volume | monthly".
        start: first session, a date; by default the market's first.
        end: last session, a date, included; by default the market's last.
        account: fill, costs, weighting or weights, rebalance and capital; by default `Account()`.
        settings: single settings of the account by name, in place of those in `account`: fill="close".
    """
    check_run(strategy, market, universe)
    account = make_account(account, settings)
    strategy.check_market(market)
    table = DecisionTable(market, universe, account.fill)
    rows = session_rows(market, start, end)
    plan, decision = make_plan(table, [strategy], rows, account)
    if not plan.base.any():
        raise ParameterError(f"universe `{universe}` has no name with prices in the requested sessions; move `start`")
    costs = account.costs
    grid = add_sleeves(read_price_grid(table, rows, costs.haircut), table, rows, decision, costs)
    run, hold = (walk_plan(grid, plan, number, costs, account.capital) for number in (0, 1))
    year = market.calendar.sessions_a_year
    build = partial(book_account, grid, run.amounts, run.cash_trades, market.cash, account, hold.values, year)
    portfolio = build()
    check_agreement(portfolio, run.values, account.capital)
    exposure = plan.decision.exposure[:, 0]
    drivers = reasons(table, strategy.rule()).rows(rows) if isinstance(strategy, RuleStrategy) else None
    before = acted_before(decision, rows.start)[0]
    acting = acting_of(shocks_of(strategy, table)[rows], plan.decision, drivers, bool(before))
    result = Run(
        recipe=run_recipe(strategy, table, rows, account),
        series=run_series(table, rows, run, hold, exposure),
        weights=run_weights(run),
        orders=run.orders(market.cash, market.calendar.name),
        episodes=episodes(acting, episode_clock(table, rows, hold), run, hold),
        counts={
            **run_counts(table, rows, run, decision),
            **weight_counts(table, rows, account),
            "moves": held_moves({"run": run, BuyAndHold.name(): hold}),
        },
        build_portfolio=build,
        reasons=drivers,
        attribution_parts=attribution(grid, plan, run, hold),
        find_hold_tax=partial(tax_of, partial(hold.orders, market.cash, market.calendar.name), costs),
    )
    result.__dict__["portfolio"] = portfolio
    return result


def account_path(
    strategy: Strategy,
    market: Market,
    *,
    universe: str = "growth",
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
    account: Account | None = None,
    **settings: Unpack[AccountSettings],
) -> AccountPath:
    """The account of a backtest alone, neither booked nor described.

    Raises what `backtest` does, and `DataError` where the account is worth nothing.

    Args:
        strategy: the strategy, with its parameters set.
        market: prices and feeds.
        universe: name of a universe, or a screen.
        start: first session, a date; by default the market's first.
        end: last session, a date, included; by default the market's last.
        account: fill, costs, weighting, rebalance and capital.
        settings: single settings of the account by name.
    """
    account = make_account(account, settings)
    table, costs = shared_table(market, universe, account.fill), account.costs
    rows = session_rows(market, start, end)
    plan, decision = make_plan(table, [strategy], rows, account)
    grid = add_sleeves(read_price_grid(table, rows, costs.haircut), table, rows, decision, costs)
    return walk_plan(grid, plan, 0, costs, account.capital)


def book_account(*arguments: Any) -> Portfolio:
    """The portfolio of `book_orders`, with the same arguments."""
    # vectorbt takes two seconds to import, and a sweep needs this module without it.
    from undertow.backtests.runs.vectorbt_portfolio import book_orders

    return book_orders(*arguments)


def stack_books(*arguments: Any) -> Portfolio:
    """The portfolio of `stack_accounts`, with the same arguments."""
    from undertow.backtests.runs.vectorbt_portfolio import stack_accounts

    return stack_accounts(*arguments)


def check_agreement(portfolio: Portfolio, values: FloatArray, capital: float) -> None:
    """Raise `BookkeepingError` where vectorbt's value and the kernel's differ."""
    booked = np.asarray(portfolio.value(), dtype=np.float64).ravel()
    difference = np.abs(booked - values) / np.maximum(capital, np.abs(values))
    worst = int(difference.argmax())
    if not difference[worst] <= AGREEMENT:
        session = portfolio.wrapper.index[worst].date()
        raise BookkeepingError(
            f"kernel and vectorbt disagree on {session}: {values[worst]:.6f} against {booked[worst]:.6f};"
            " please report this with the market and the command"
        )


def session_rows(market: Market, start: str | pd.Timestamp | None, end: str | pd.Timestamp | None) -> slice:
    """The rows of the market's sessions from `start` to `end`, both included.

    Raises `ParameterError` where the market does not reach that far, so that no window is shortened silently, and
    where the window holds fewer than two sessions.
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
    # 03/04/2019 is ambiguous, and 2019 is not a day.
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value.strip()):
        raise problem
    if pd.isna(stamp) or stamp.tz is not None or stamp != stamp.normalize():
        raise problem
    return stamp


def make_plan(table: DecisionTable, strategies: list[Strategy], rows: slice, account: Account) -> tuple[Plan, Decision]:
    """The plan of several strategies of one class, and their whole decision.

    Args:
        table: decisions of every session of the market.
        strategies: strategies of one class, one set of the plan each; full exposure is added as the last set.
        rows: sessions of the plan.
        account: settings of the account; its weighting and rebalance make the base weights.
    """
    strategy_class = type(strategies[0])
    decision = decided(strategy_class, table, strategy_class.stack(strategies))
    base, rebalanced = base_weights(table, rows, *account.basket)
    return plan_for_rows(table, append_hold_set(decision_for_rows(decision, rows)), rows, base, rebalanced), decision


def acting_of(shocks: InstantArray, decision: Decision, drivers: Reasons | None, before: bool) -> Acting:
    """The state of a rule on every session of a run.

    Args:
        shocks: instant at which the trigger became known (T,), NaT without one.
        decision: decision of one set on the same sessions.
        drivers: drivers of a rule-based strategy, None for others.
        before: whether the rule acted on the session before the first one, or there is none.
    """
    stocks = decision.exposure[:, 0]
    exposure = stocks - (0.0 if decision.hedge is None else decision.hedge[:, 0])
    unlabelled = np.full(len(exposure), "", dtype=object)
    if drivers is None:
        return Acting(decision.acting[:, 0], exposure, stocks, shocks, unlabelled, unlabelled, before)
    labels = unlabelled.copy()
    for row in drivers.changes():
        labels[row] = drivers.label(row, drivers.contributions(row))
    # The money may still be on its way back when the rule is calm again.
    resting = 1.0 - drivers.rule.ladder[0].cash
    active = (drivers.tier > 0) & (exposure != resting) | (exposure < resting)
    return Acting(active, exposure, stocks, shocks, drivers.tiers.to_numpy(dtype=object), labels, before)


def episode_clock(table: DecisionTable, rows: slice, hold: AccountPath) -> EpisodeClock:
    """Decisions, opens, closes and overnight returns of the basket in a run."""
    decisions = table.decisions
    in_run = Decisions(decisions.sessions[rows], decisions.at[rows], decisions.filled_at[rows], decisions.fill)
    calendar, prices = table.market.calendar, table.market.prices
    before = hold.grid.close[:-1, : hold.grid.stocks]
    opened = prices.open_in_range[rows][1:, table.columns]
    # A name without an open has not moved yet; where none of those held has one, nothing is known.
    moves = np.where(np.isfinite(opened), opened / before - 1.0, 0.0)
    held = hold.weights[:-1, : hold.grid.stocks]
    known = ((held != 0.0) & np.isfinite(opened)).any(axis=1) | ~(held != 0.0).any(axis=1)
    overnight = np.concatenate(([np.nan], np.where(known, (held * moves).sum(axis=1), np.nan)))
    return EpisodeClock(in_run, calendar.opens[rows], calendar.closes[rows], overnight)
