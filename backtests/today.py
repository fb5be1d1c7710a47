"""What a rule says now: the same code path as the backtest, for one instant."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from undertow.backtests.orders import take_nb
from undertow.backtests.path import selling_order
from undertow.backtests.similar import Similar, similar
from undertow.market.asof import instant_of, last_known, market_at
from undertow.market.calendar import Fill
from undertow.market.clock import HOUR, FloatArray
from undertow.market.errors import ParameterError
from undertow.market.market import Market
from undertow.signals.table import DecisionTable
from undertow.strategies import evaluate
from undertow.strategies.parts import ALARM, Condition
from undertow.strategies.plan import Decision
from undertow.strategies.reasons import Reasons, reasons, score_of
from undertow.strategies.rule import RuleStrategy
from undertow.strategies.strategy import Strategy
from undertow.strategies.weights import base_weights

LINES = 12
# Renewals are at most a quarter apart.
_LOOK_BACK = 70  # sessions
EXIT_CODES = {"calm": 0, "watch": 10, "reduce": 20, "cash": 30}


@dataclass(frozen=True)
class Line:
    """One line of the checklist: `state` is ok, watch, alarm or unknown; `age_hours` is that of its oldest input."""

    name: str
    state: str
    value: float
    watch: float | None
    alarm: float
    side: str
    age_hours: float
    contribution: float


@dataclass(frozen=True)
class Sale:
    """A name to sell, as a share of capital."""

    symbol: str
    share: float


@dataclass(frozen=True)
class Today:
    """The checklist at one instant.

    `session` is the one that is decided, `filled_at` when its orders would be filled. `exposure`, `hedge` and
    `rotation` are shares of capital from then on, `before` the exposure and `hedge_before` the hedge until then.
    `sales` raise the cash from a basket at its base weights, drifted since the last renewal. `changes` say what would
    change the answer; `hidden` counts conditions that are not shown.
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
    basket: str
    vetoed: bool
    label: str
    lines: tuple[Line, ...]
    hidden: int
    sales: tuple[Sale, ...]
    source: str
    changes: tuple[str, ...]
    similar: Similar

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        return asdict(self)

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
) -> Today:
    """What `strategy` says at `asof`, an instant with a zone; without one: when the market last learned anything.

    Everything that became known later is out of sight. At a session's own decision instant the answer is what a
    backtest decided for that session; between two of them it is what would be decided now for the coming session.
    Raises `ParameterError` for a strategy that is not put together from parts.
    """
    if not isinstance(strategy, RuleStrategy):
        raise ParameterError(
            f"`{strategy.name()}` is not put together from parts; name one that is, such as risk-tiers"
        )
    instant = last_known(market) if asof is None else instant_of(asof)
    known, decided = market_at(market, instant, fill)
    table = DecisionTable(known, universe, fill, decided)
    rule, row = strategy.rule(), len(table) - 1
    decision = evaluate.decide(table, [rule])
    why = reasons(table, rule)
    explained = why.explain_row(row)
    exposure, hedge = _last_two(decision.exposure), _last_two(decision.hedge)
    lines = _lines(table, why, row, instant)
    return Today(
        asof=_text(instant),
        session=str(table.decisions.sessions[row].date()),
        decided_at=_text(decided.at[row]),
        filled_at=_text(decided.filled_at[row]),
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
        rotation=0.0 if decision.rotation is None else float(decision.rotation[row, 0]),
        basket=decision.basket,
        vetoed=explained.vetoed,
        label=explained.label,
        lines=lines[:LINES],
        hidden=max(0, len(lines) - LINES),
        sales=_sales(table, decision, weighting, rebalance),
        source=rule.source,
        changes=tuple(filter(None, (why.counterfactual(row), *_worse(why, row)))),
        similar=similar(why, _level(table), row),
    )


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


def _level(table: DecisionTable) -> FloatArray:
    return table.known(np.cumprod(1.0 + np.nan_to_num(table.basket_returns)))


def _lines(table: DecisionTable, why: Reasons, row: int, instant: np.datetime64) -> tuple[Line, ...]:
    """Every driver of the score, in the order of the rule."""
    added = why.contributions(row)
    return tuple(
        Line(
            name=name,
            state=_state(float(why.severity[row, place])),
            value=float(why.values[row, place]),
            watch=driver.watch,
            alarm=driver.level,
            side="above" if driver.side > 0 else "below",
            age_hours=_age(table, driver, instant),
            contribution=float(added[place]),
        )
        for place, (name, driver) in enumerate(zip(why.names, why.rule.drivers, strict=True))
    )


def _state(severity: float) -> str:
    if np.isnan(severity):
        return "unknown"
    return "alarm" if severity == ALARM else "watch" if severity > 0 else "ok"


def _age(table: DecisionTable, driver: Condition, instant: np.datetime64) -> float:
    """Hours since the oldest of the driver's inputs became known; NaN where one is not there at all."""
    spec, market = driver.spec, table.market
    known: list[np.datetime64] = []
    for kind, column in spec.inputs.values():
        if kind == "prices":
            known.append(market.calendar.closes[market.calendar.closes <= instant][-1])
        elif kind != "sessions" and column != "regime":
            name, _, asset = kind.partition(":")
            feeds = market.feeds_of(name, "" if name == "macro" else asset or driver.asset)
            rows = [feed.known_at[np.isfinite(feed[column])] for feed in feeds if column in feed.columns]
            ends = [times[-1] for times in rows if len(times)]
            known += [max(ends)] if ends else []
    return float((instant - min(known)) / HOUR) if known else float("nan")


def _sales(table: DecisionTable, decision: Decision, weighting: str, rebalance: str) -> tuple[Sale, ...]:
    """What is sold to get from a whole basket to the exposure of the last row, in the order of the source."""
    needed = 1.0 - float(decision.exposure[-1, 0])
    holdings = _holdings(table, weighting, rebalance)
    score = int(decision.score_of_set[0])
    order = selling_order(decision.scores[score][-1:])[0] if score >= 0 else np.zeros(0, dtype=np.int64)
    taken = take_nb(holdings, order, needed)
    names = order if len(order) else np.argsort(-taken, kind="stable")
    return tuple(Sale(table.symbols[name], float(taken[name])) for name in names if taken[name] > 0)


def _holdings(table: DecisionTable, weighting: str, rebalance: str) -> FloatArray:
    """The base weights of the last renewal (N,), drifted with the closes known since; summing to 1."""
    rows = slice(max(0, len(table) - _LOOK_BACK), len(table))
    base, renewed = base_weights(table, rows, weighting, rebalance)
    last = int(np.flatnonzero(renewed >= 0)[-1])
    close = table.known(table.close)[rows]
    grown = np.nan_to_num(base[renewed[last]] * close[-1] / close[last])
    total = grown.sum()
    return np.ascontiguousarray(grown / total) if total > 0 else grown


def _worse(why: Reasons, row: int) -> tuple[str, ...]:
    """Which single drivers would take the rule to a higher tier if they alarmed."""
    rule, have = why.rule, why.wanted(float(why.score[row])) if np.isfinite(why.score[row]) else 0
    severity = np.nan_to_num(why.severity[row])
    found = []
    for place, driver in enumerate(rule.trigger.when):
        if severity[place] < ALARM:
            changed = severity.copy()
            changed[place] = ALARM
            goal = why.wanted(float(score_of(rule, changed[None, :])[0]))
            if goal > have:
                side = "above" if driver.side > 0 else "below"
                found.append(f"{rule.ladder[goal].name}, were {why.names[place]} {side} {driver.level:.4g}")
    return tuple(found[:4])


def _text(instant: np.datetime64) -> str:
    return f"{pd.Timestamp(instant):%Y-%m-%dT%H:%M}Z"
