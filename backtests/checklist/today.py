"""What a rule says now: the same code path as the backtest, for one instant."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from undertow.backtests.checklist.lines import (
    Line,
    alarms_to_come,
    check_seen,
    checklist,
    loudest,
    pending_notes,
    text_of,
    unknown_notes,
)
from undertow.backtests.checklist.orders import Order, coming_orders
from undertow.backtests.checklist.similar import Similar, similar
from undertow.backtests.costs import Costs
from undertow.market.asof import instant_of, last_known, market_at
from undertow.market.calendar import Fill
from undertow.market.clock import FloatArray
from undertow.market.errors import DataError, ParameterError
from undertow.market.market import Market
from undertow.signals.decisions.table import DecisionTable
from undertow.strategies.reasons.counterfactual import counterfactual, escalations
from undertow.strategies.reasons.exit_conditions import exit_conditions
from undertow.strategies.reasons.explain import explain_row
from undertow.strategies.reasons.reasons import Reasons, reasons
from undertow.strategies.rules import evaluate
from undertow.strategies.rules.strategy import RuleStrategy
from undertow.strategies.strategy import Strategy

# Closed sessions that a market may lack before what it says of now is an error: a week.
MOST_MISSING = 5
EXIT_CODES = {"calm": 0, "watch": 10, "reduce": 20, "cash": 30}


@dataclass(frozen=True)
class Today:
    """The checklist at one instant.

    `session` is the one that is decided, `filled_at` when its orders would be filled. `exposure`, `hedge` and
    `rotation` are shares of capital from then on, those with `_before` until then. `orders` are what an account that
    has followed the rule would send, priced at the last known prices. `exit_conditions` says what brings stocks back,
    `changes` what would change the answer, `notes` what to beware of; `hidden` counts conditions that are not shown,
    which are the least alarming.
    """

    asof: str
    session: str
    decided_at: str
    filled_at: str
    strategy: str
    universe: str
    tier: str
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

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        return asdict(self)

    @property
    def sales(self) -> tuple[Order, ...]:
        """The stocks that are sold, largest first."""
        return tuple(each for each in self.orders if each.leg == "stocks" and each.side == "sell")

    @property
    def exit_code(self) -> int:
        """0 calm, 10 watch, 20 reduce, 30 cash; a tier of another name counts as reduce where stocks are sold."""
        if self.tier in EXIT_CODES:
            return EXIT_CODES[self.tier]
        return EXIT_CODES["reduce" if self.exposure - self.hedge < 1.0 else "calm"]


def today(
    strategy: Strategy,
    market: Market,
    *,
    asof: str | pd.Timestamp | None = None,
    universe: str = "growth",
    fill: Fill = "open",
    weighting: str = "equal",
    rebalance: str = "monthly",
    costs: Costs | None = None,
) -> Today:
    """What `strategy` says at `asof`, an instant with a zone; without one: when the market last learned anything.

    Everything that became known later is out of sight. At a session's own decision instant, and from then until its
    fill, the answer is what a backtest decided for that session; before it is what would be decided now for the session
    that is filled next.
    Raises `ParameterError` for a strategy that is not put together from parts, `DataError` where the market lacks more
    than a week of sessions that had closed by then, and where it has no data for any condition of the trigger.
    """
    if not isinstance(strategy, RuleStrategy):
        raise ParameterError(
            f"`{strategy.name()}` is not put together from parts; name one that is, such as risk-tiers"
        )
    strategy.check_market(market)
    instant = last_known(market) if asof is None else instant_of(asof)
    known, decided = market_at(market, instant, fill)
    missing = _missing(known, instant)
    table = DecisionTable(known, universe, fill, decided)
    rule, row = strategy.rule(), len(table) - 1
    decision = evaluate.decide_rules(table, [rule])
    why = reasons(table, rule)
    explained = explain_row(why, row)
    exposure, hedge, rotation = map(_last_two, (decision.exposure, decision.hedge, decision.rotation))
    lines = checklist(table, why, row, instant, alarms_to_come(rule, market, instant, universe, fill))
    check_seen(market, why, lines, instant)
    shown = loudest(lines)
    return Today(
        asof=text_of(instant),
        session=str(table.decisions.sessions[row].date()),
        decided_at=text_of(decided.at[row]),
        filled_at=text_of(decided.filled_at[row]),
        strategy=strategy.label,
        universe=table.universe.name,
        tier=explained.tier,
        tier_before=explained.before,
        event=explained.event,
        action=_action(exposure, hedge),
        score=explained.score,
        stale=bool(decision.stale[row, 0]),
        exposure=exposure[1],
        before=exposure[0],
        hedge=hedge[1],
        hedge_before=hedge[0],
        hedge_symbol=decision.hedge_symbol or str(known.benchmark or ""),
        rotation=rotation[1],
        rotation_before=rotation[0],
        basket=decision.basket,
        vetoed=explained.vetoed,
        label=explained.label,
        lines=shown,
        hidden=len(lines) - len(shown),
        orders=coming_orders(table, decision, weighting, rebalance, costs or Costs()),
        source=rule.source,
        lag_hours=tuple(sorted({rule.lag_of(each) for each in rule.trigger.when})),
        over_sessions=rule.timing.sessions,
        deadline_hours=rule.timing.deadline,
        exit_conditions=exit_conditions(why, row),
        changes=tuple(filter(None, (counterfactual(why, row), *escalations(why, row)))),
        notes=(
            *pending_notes(lines),
            *_notes(why, row, bool(decision.stale[row, 0]), explained.vetoed, missing, known),
            *unknown_notes(lines),
            *_silent(table),
        ),
        similar=similar(why, *_level(table), row),
    )


def _missing(known: Market, instant: np.datetime64) -> int:
    """How many sessions had closed by `instant` without any price of theirs; raises `DataError` on more than a week."""
    closed = int((known.calendar.closes <= instant).sum())
    priced = np.flatnonzero(np.isfinite(known.prices.close[:closed]).any(axis=1))
    last = int(priced[-1]) if len(priced) else -1
    missing = closed - 1 - last
    if missing > MOST_MISSING:
        ends = f"ends on {known.sessions[last].date()}" if last >= 0 else "has no price"
        raise DataError(
            f"market {known.name!r} {ends}: {missing} sessions had closed since by {text_of(instant)}; bring it up to"
            " date, or ask for an earlier instant"
        )
    return missing


def _notes(why: Reasons, row: int, stale: bool, vetoed: bool, missing: int, known: Market) -> tuple[str, ...]:
    found = []
    if np.isnan(why.score[row]):
        found.append("The score is unknown: the last state is held.")
    elif stale:
        found.append("A signal that the rule needs is unknown: the last state is held.")
    if vetoed:
        found.append(f"Held back from a higher tier by {', '.join(why.gates_on(row))}.")
    if missing:
        last = known.sessions[np.flatnonzero(np.isfinite(known.prices.close).any(axis=1))[-1]]
        lack = "1 closed session is" if missing == 1 else f"{missing} closed sessions are"
        found.append(f"Prices end on {last.date()}: {lack} missing.")
    return tuple(found)


def _last_two(values: FloatArray | None) -> tuple[float, float]:
    if values is None:
        return 0.0, 0.0
    return float(values[-2, 0]) if len(values) > 1 else float(values[-1, 0]), float(values[-1, 0])


def _action(exposure: tuple[float, float], hedge: tuple[float, float]) -> str:
    """What to do at the next fill: reduce before hedge, and wait where nothing changes."""
    if exposure[1] < exposure[0]:
        return "reduce"
    if hedge[1] > hedge[0]:
        return "hedge"
    return "return" if exposure[1] > exposure[0] or hedge[1] < hedge[0] else "wait"


def _silent(table: DecisionTable) -> tuple[str, ...]:
    """The names that may be held and have no price on the last session that has any."""
    priced = np.isfinite(table.close)
    last = int(np.flatnonzero(priced.any(axis=1))[-1])
    silent = np.array(table.symbols)[table.alive[-1] & ~priced[last]]
    if not len(silent):
        return ()
    shown = ", ".join(silent[:5]) + (f" and {len(silent) - 5} more" if len(silent) > 5 else "")
    have, are = ("has", "it counts") if len(silent) == 1 else ("have", "they count")
    day = table.decisions.sessions[last].date()
    return (f"{shown} {have} no price on {day}, the last session: {are} as still held.",)


def _level(table: DecisionTable) -> tuple[FloatArray, FloatArray]:
    """The basket's level known at each decision (T,), and how many sessions had no basket until then."""
    returns = table.basket_returns
    blank = np.cumsum(np.isnan(returns)).astype(np.float64)
    return table.known(np.cumprod(1.0 + np.nan_to_num(returns))), table.known(blank)
