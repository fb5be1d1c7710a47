"""The checklist of a rule at one instant, by the code path of a backtest."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Unpack

import numpy as np
import pandas as pd

from undertow.backtests.account import Account, AccountSettings, make_account
from undertow.backtests.checklist.held_plan import HeldPlan, plan_holdings
from undertow.backtests.checklist.instants import instant_text
from undertow.backtests.checklist.lines import (
    UNKNOWN_LIMIT,
    Line,
    alarms_to_come,
    check_data,
    checklist,
    most_severe,
    pending_conditions,
    pending_notes,
    unknown_notes,
    unknown_share,
)
from undertow.backtests.checklist.orders import Order, coming_orders
from undertow.backtests.checklist.similar import Similar, similar
from undertow.backtests.checklist.states import MarketState, regime_at, scenario_at, warning_at
from undertow.backtests.checklist.steps import Step, action_step, observed_steps
from undertow.market import (
    DataError,
    FloatArray,
    HeldPortfolio,
    HoldingsSource,
    Market,
    ParameterError,
    instant_of,
    last_known,
    market_at,
    read_holdings,
)
from undertow.signals.decisions import DecisionTable
from undertow.strategies import Decision, Strategy
from undertow.strategies.reasons import Reasons, counterfactual, escalations, exit_conditions, explain_row, reasons
from undertow.strategies.rules import RuleStrategy, decide_rules

# A market that lacks more closed sessions than this, a week, is refused.
MOST_MISSING = 5
UNKNOWN = "unknown"
EXIT_CODES = {"calm": 0, "watch": 10, "reduce": 20, "cash": 30, UNKNOWN: 40}


@dataclass(frozen=True, repr=False)
class Today:
    """The checklist at one instant, UTC; exposures are shares of capital.

    Args:
        asof: the instant.
        session: session that is decided.
        decided_at: instant of its decision.
        filled_at: instant at which its orders are filled.
        strategy: name of the rule.
        universe: name of the universe.
        tier: tier from then on; "unknown" where the score is, and where it alarms by nothing and more than
            `unknown_limit` of the checks is unknown.
        tier_held: tier that the rule holds from then on; the same unless that is unknown.
        tier_before: tier until then.
        event: event that led to the tier.
        action: "reduce", "hedge", "return", "wait", or "hold" where an unknown tier leaves everything as it is.
        score: score of the rule, NaN where unknown.
        stale: whether a signal that the rule needs is unknown.
        exposure: share in stocks from then on.
        before: share in stocks until then.
        hedge: share sold short from then on.
        hedge_before: share sold short until then.
        hedge_symbol: symbol that is sold short.
        rotation: share in the basket from then on.
        rotation_before: share in the basket until then.
        basket: universe of the basket.
        vetoed: whether a gate keeps the score from a higher tier.
        blocked: why alarms that stand lead to no tier; empty where none stands.
        unknown_share: share of the checks, by weight, that is unknown.
        unknown_limit: share from which on the tier is unknown.
        unknown: names of all checks without a value.
        label: type of shock.
        lines: lines of the checklist.
        hidden: number of further lines, the least severe ones.
        orders: orders of an account that has followed the rule, at the last known prices.
        source: order in which names are sold.
        lag_hours: lags of the trigger's conditions, hours.
        over_sessions: sessions over which the cash of a tier is raised.
        deadline_hours: hours since the tier was entered by which all cash is raised, None without a deadline.
        exit_conditions: conditions of the return to stocks; in calm what an alarm that stands waits for.
        changes: changes of the inputs that would change the answer.
        notes: remarks.
        similar: returns after similar states.
        steps: the checklist in five steps: macro, leadership, crypto, correlation and timeframes, action.
        regime: regime of the market, and what followed it.
        scenario: scenario A, B, C or none, and what followed it.
        warning: early warning of three precursors, and what followed it.
        held: orders of what is really held; None without holdings.
    """

    asof: str
    session: str
    decided_at: str
    filled_at: str
    strategy: str
    universe: str
    tier: str
    tier_held: str
    tier_before: str
    event: str
    action: str
    score: float
    stale: bool
    exposure: float
    before: float
    hedge: float
    hedge_before: float
    hedge_symbol: str
    rotation: float
    rotation_before: float
    basket: str
    vetoed: bool
    blocked: str
    unknown_share: float
    unknown_limit: float
    unknown: tuple[str, ...]
    label: str
    lines: tuple[Line, ...]
    hidden: int
    orders: tuple[Order, ...]
    source: str
    lag_hours: tuple[float, ...]
    over_sessions: int
    deadline_hours: float | None
    exit_conditions: tuple[str, ...]
    changes: tuple[str, ...]
    notes: tuple[str, ...]
    similar: Similar
    steps: tuple[Step, ...]
    regime: MarketState
    scenario: MarketState
    warning: MarketState
    held: HeldPlan | None = None

    def __repr__(self) -> str:
        state = f"tier {self.tier}, exposure {self.exposure:.0%}, action {self.action}, {len(self.orders)} orders"
        return f"<Today {self.strategy!r} on {self.universe!r} as of {self.asof}: {state} for {self.session}>"

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        return asdict(self)

    @property
    def sales(self) -> tuple[Order, ...]:
        """The sales of stocks, largest first."""
        return tuple(order for order in self.orders if order.sleeve == "stocks" and order.side == "sell")

    @property
    def exit_code(self) -> int:
        """0 calm, 10 watch, 20 reduce, 30 cash, 40 unknown.

        A tier of another name counts as reduce where stocks are sold, else as calm.
        """
        if self.tier in EXIT_CODES:
            return EXIT_CODES[self.tier]
        return EXIT_CODES["reduce" if self.exposure - self.hedge < 1.0 else "calm"]


def today(
    strategy: Strategy,
    market: Market,
    *,
    asof: str | pd.Timestamp | None = None,
    universe: str = "growth",
    holdings: HoldingsSource | None = None,
    fractional: bool = False,
    account: Account | None = None,
    **settings: Unpack[AccountSettings],
) -> Today:
    """The checklist of a rule at an instant.

    Nothing is used that became known later. At a session's decision instant, and from then until its fill, the answer
    is the decision of a backtest for that session; before it is what would be decided now for the session that is
    filled next.

    The tier is unknown where the score is, and where half or more of the checks, by weight, have no value and the
    others enter no tier.

    Raises `ParameterError` for a strategy that is not rule-based, `DataError` where the market lacks more than a week
    of sessions that had closed by then, where it has no feed for any condition of the trigger, and as `read_holdings`.

    Args:
        strategy: a rule-based strategy.
        market: prices and feeds.
        asof: instant with a time zone; by default the last one at which the market learned anything.
        universe: name of a universe or a screen.
        holdings: what is really held, a file or a DataFrame as `read_holdings` takes; `held` has its orders.
        fractional: whether these orders may be of parts of shares.
        account: settings of the account; its capital makes no difference, since orders are shares.
        settings: single settings of the account by name, in place of those in `account`.
    """
    if not isinstance(strategy, RuleStrategy):
        raise ParameterError(f"`{strategy.name()}` is not rule-based; name a rule-based strategy, such as risk-tiers")
    account = make_account(account, settings)
    portfolio = None if holdings is None else read_holdings(holdings)
    strategy.check_market(market)
    instant = last_known(market) if asof is None else instant_of(asof)
    known, decisions = market_at(market, instant, account.fill)
    missing = _missing_sessions(known, instant)
    table = DecisionTable(known, universe, account.fill, decisions)
    rule, row = strategy.rule(), len(table) - 1
    decision, drivers = decide_rules(table, [rule]), reasons(table, rule)
    explained = explain_row(drivers, row)
    exposure, hedge, rotation = map(_last_two, (decision.exposure, decision.hedge, decision.rotation))
    lines = checklist(table, drivers, row, instant, alarms_to_come(rule, market, instant, universe, account.fill))
    check_data(market, drivers, lines, instant)
    visible = most_severe(lines)
    stale = bool(decision.stale[row, 0])
    blind = _is_blind(drivers, row, unknown_share(lines))
    veto_noted = not explained.vetoed or explained.blocked.startswith("vetoed")
    conditions = exit_conditions(drivers, row)
    returns = conditions if explained.tier != "calm" else ()
    action, tier = _action(exposure, hedge, blind=blind), UNKNOWN if blind else explained.tier
    level, gaps = _level(table)
    notes = *pending_notes(lines), *_state_notes(drivers, row, stale, vetoed=not veto_noted)
    return Today(
        asof=instant_text(instant),
        session=str(table.decisions.sessions[row].date()),
        decided_at=instant_text(decisions.at[row]),
        filled_at=instant_text(decisions.filled_at[row]),
        strategy=strategy.label,
        universe=table.universe.name,
        tier=tier,
        tier_held=explained.tier,
        tier_before=explained.before,
        event=explained.event,
        action=action,
        score=explained.score,
        stale=stale,
        exposure=exposure[1],
        before=exposure[0],
        hedge=hedge[1],
        hedge_before=hedge[0],
        hedge_symbol=decision.hedge_symbol or str(known.benchmark or ""),
        rotation=rotation[1],
        rotation_before=rotation[0],
        basket=decision.basket,
        vetoed=explained.vetoed,
        blocked=explained.blocked,
        unknown_share=unknown_share(lines),
        unknown_limit=UNKNOWN_LIMIT,
        unknown=tuple(line.name for line in lines if line.state == "unknown"),
        label=explained.label,
        lines=visible,
        hidden=len(lines) - len(visible),
        orders=coming_orders(table, decision, account),
        source=rule.source,
        lag_hours=tuple(sorted({rule.lag_of(condition) for condition in rule.trigger.when})),
        over_sessions=rule.timing.sessions,
        deadline_hours=rule.timing.deadline,
        exit_conditions=(*conditions, *pending_conditions(lines, calm=explained.tier == "calm")),
        changes=tuple(filter(None, (counterfactual(drivers, row), *escalations(drivers, row)))),
        notes=(*notes, *_price_notes(known, missing), *unknown_notes(lines), *_unpriced_notes(table)),
        similar=similar(drivers, level, gaps, row),
        steps=(*observed_steps(table, row, instant), action_step(lines, action, exposure, hedge, tier)),
        regime=regime_at(table, level, row),
        scenario=scenario_at(table, level, row),
        warning=warning_at(table, level, row),
        held=_held(portfolio, market, table, decision, account, fractional=fractional, returns=returns, blind=blind),
    )


def _is_blind(drivers: Reasons, row: int, share: float) -> bool:
    """Whether the tier is unknown.

    An alarm that the known checks raise is no unknown one, whatever the others would add.
    """
    score = float(drivers.score[row])
    return np.isnan(score) or (share >= UNKNOWN_LIMIT and not drivers.reached(score))


def _missing_sessions(known: Market, instant: np.datetime64) -> int:
    """The number of closed sessions without a price; `DataError` on more than a week."""
    closed = int((known.calendar.closes <= instant).sum())
    priced = np.flatnonzero(np.isfinite(known.prices.close[:closed]).any(axis=1))
    last = int(priced[-1]) if len(priced) else -1
    missing = closed - 1 - last
    if missing > MOST_MISSING:
        ends = f"ends on {known.sessions[last].date()}" if last >= 0 else "has no price"
        raise DataError(
            f"market {known.name!r} {ends}: {missing} sessions had closed since by {instant_text(instant)}; update it,"
            " or choose an earlier instant"
        )
    return missing


def _state_notes(drivers: Reasons, row: int, stale: bool, *, vetoed: bool) -> list[str]:
    notes = []
    if np.isnan(drivers.score[row]):
        notes.append("The score is unknown: the last state is held.")
    elif stale:
        notes.append("A signal that the rule needs is unknown: the last state is held.")
    if vetoed:
        notes.append(f"Held back from a higher tier by {', '.join(drivers.gates_on(row))}.")
    return notes


def _price_notes(known: Market, missing: int) -> list[str]:
    if not missing:
        return []
    last = known.sessions[np.flatnonzero(np.isfinite(known.prices.close).any(axis=1))[-1]]
    lack = "1 closed session is" if missing == 1 else f"{missing} closed sessions are"
    return [f"Prices end on {last.date()}: {lack} missing."]


def _held(
    portfolio: HeldPortfolio | None,
    market: Market,
    table: DecisionTable,
    decision: Decision,
    account: Account,
    *,
    fractional: bool,
    returns: tuple[str, ...],
    blind: bool,
) -> HeldPlan | None:
    """The orders of what is held, with remarks on the tier and the prices."""
    if portfolio is None:
        return None
    portfolio.check_dates(table.decisions.at[-1])
    notes = []
    if blind:
        notes.append("The tier is unknown: these orders follow the last one, which the rule holds.")
    last = market.sessions[-1]
    if last > table.decisions.sessions[-1]:
        notes.append(
            f"Prices are adjusted for splits and dividends until {last.date()}: shares and costs have to be, too."
        )
    return plan_holdings(
        portfolio, table, decision, account, fractional=fractional, returns=returns, notes=tuple(notes)
    )


def _last_two(values: FloatArray | None) -> tuple[float, float]:
    if values is None:
        return 0.0, 0.0
    return float(values[-2, 0]) if len(values) > 1 else float(values[-1, 0]), float(values[-1, 0])


def _action(exposure: tuple[float, float], hedge: tuple[float, float], *, blind: bool) -> str:
    """The action at the next fill: reduce before hedge; without a change wait or hold."""
    if exposure[1] < exposure[0]:
        return "reduce"
    if hedge[1] > hedge[0]:
        return "hedge"
    if exposure[1] > exposure[0] or hedge[1] < hedge[0]:
        return "return"
    return "hold" if blind else "wait"


def _unpriced_notes(table: DecisionTable) -> tuple[str, ...]:
    """The names that may be held and have no price on the last session with prices."""
    priced = np.isfinite(table.close)
    last = int(np.flatnonzero(priced.any(axis=1))[-1])
    unpriced = np.array(table.symbols)[table.alive[-1] & ~priced[last]]
    if not len(unpriced):
        return ()
    names = ", ".join(unpriced[:5]) + (f" and {len(unpriced) - 5} more" if len(unpriced) > 5 else "")
    have, are = ("has", "it counts") if len(unpriced) == 1 else ("have", "they count")
    day = table.decisions.sessions[last].date()
    return (f"{names} {have} no price on {day}, the last session: {are} as still held.",)


def _level(table: DecisionTable) -> tuple[FloatArray, FloatArray]:
    """The basket's known level (T,), and sessions without a basket until then (T,)."""
    returns = table.basket_returns
    missing = np.cumsum(np.isnan(returns)).astype(np.float64)
    return table.known(np.cumprod(1.0 + np.nan_to_num(returns))), table.known(missing)
