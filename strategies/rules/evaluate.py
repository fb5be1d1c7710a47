"""From rules to decisions: every rule of the same structure at once, its numbers as columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from undertow.market.clock import BoolArray, FloatArray, IntArray
from undertow.market.errors import ParameterError
from undertow.signals.decisions.table import DecisionTable
from undertow.strategies.plan import Decision
from undertow.strategies.rules.parts import ALARM, Condition, Tier
from undertow.strategies.rules.rule import Rule
from undertow.strategies.rules.severity import severity_nb
from undertow.strategies.rules.sources import selling_orders
from undertow.strategies.rules.tier_machine import Ladder, TierPath, walk_tiers

# A score that meets a tier's level exactly must not miss it by the rounding of a sum.
DECIMALS = 12


class ConditionValues(NamedTuple):
    """One condition of every set (T, P): the signal's values, how alarming they are, where a stand-in was read."""

    values: FloatArray
    severity: FloatArray
    fallback: BoolArray


class Outcome(NamedTuple):
    """What rules of one structure make of a table, each (T, P); `level` (T,) is that of the basket, as it was known."""

    score: FloatArray
    ungated: FloatArray
    clear: FloatArray
    level: FloatArray
    walked: TierPath
    flags: dict[str, BoolArray]


def decide(table: DecisionTable, rules: Sequence[Rule]) -> Decision:
    """The decision of several rules; those of one structure are worked out together."""
    structures: dict[object, list[int]] = {}
    for place, rule in enumerate(rules):
        structures.setdefault(shape_key(rule), []).append(place)
    rows, sets = len(table), len(rules)
    exposure, hedge, stale = np.ones((rows, sets)), np.zeros((rows, sets)), np.zeros((rows, sets), np.bool_)
    marks = {name: np.zeros((rows, sets), np.bool_) for name in ("fallback", "partial", "vetoed")}
    above = np.zeros((rows, sets), np.bool_)
    for places in structures.values():
        outcome = evaluate_rules(table, [rules[place] for place in places])
        exposure[:, places] = outcome.walked.exposure
        hedge[:, places] = outcome.walked.hedge
        stale[:, places] = outcome.walked.stale
        above[:, places] = outcome.walked.tier > 0
        for name, mark in outcome.flags.items():
            marks[name][:, places] = mark
    scores, which = selling_orders(table, np.array([rule.source for rule in rules]))
    basket = _one_name("basket", rules)
    share = np.array([rule.destination.share if rule.destination.basket else 0.0 for rule in rules])
    return Decision(
        exposure,
        stale,
        which,
        scores,
        marks,
        rotation=(1.0 - exposure) * share if basket else None,
        basket=basket,
        # By what the rules could do, not by what they did: a later session must not change an earlier answer.
        hedge=hedge if any(tier.hedge > 0.0 for rule in rules for tier in rule.ladder) else None,
        hedge_symbol=_one_name("hedge_symbol", rules),
        above=above,
        resting=np.array([1.0 - rule.ladder[0].cash for rule in rules]),
    )


def shape_key(rule: Rule) -> object:
    """What two rules must share to be worked out together: all that is not a number."""

    def of(condition: Condition) -> tuple[object, ...]:
        names = tuple(sorted(condition.parameters))
        return (*_names_of(condition), condition.side, condition.how, names, type(condition))

    tiers = tuple((tier.name, tier.to) for tier in rule.ladder)
    conditions = (*map(of, rule.trigger.when), "gates", *map(of, rule.gates), "clear", *map(of, rule.reentry.when))
    return rule.trigger.combine, conditions, tiers


def _names_of(condition: Condition) -> tuple[str, ...]:
    return condition.signal, condition.output, condition.asset, condition.fallback


def evaluate_rules(table: DecisionTable, rules: Sequence[Rule]) -> Outcome:
    """Scores, all-clear and tiers of rules that share a structure."""
    ungated, marks = _scored(table, rules)
    score = ungated.copy()
    for place in range(len(rules[0].gates)):
        gates = [rule.gates[place] for rule in rules]
        severity = read(table, gates, _lags(rules)).severity
        scaled = np.round(score * np.array([gate.scale for gate in gates]), DECIMALS)
        score = np.where(severity == ALARM, scaled, score)
        marks["partial"] |= np.isnan(severity) & ~np.isnan(score)
    ladder = ladder_of(rules)
    marks["vetoed"] = _wanted(score, ladder.at) < _wanted(ungated, ladder.at)
    clear = _all_clear(table, rules)
    level = table.known(np.cumprod(1.0 + np.nan_to_num(table.basket_returns)))
    walked = walk_tiers(score, clear, table.hours, table.next_hours, level, ladder)
    return Outcome(score, ungated, clear, level, walked, marks)


def read(table: DecisionTable, conditions: Sequence[Condition], lags: FloatArray) -> ConditionValues:
    """The same condition of every set; `lags` (P,) hours are those of conditions that name none."""
    first = conditions[0]
    lag = np.array([own if each.lag is None else each.lag for each, own in zip(conditions, lags, strict=True)])
    given = {name: np.array([each.parameters[name] for each in conditions]) for name in first.parameters}
    values = table.signal(first.spec, given, output=first.output, asset=first.asset, lag=lag, how=first.how)
    fallback = np.zeros(values.shape, np.bool_)
    if first.fallback:
        other = first.model_copy(update={"signal": first.fallback}).spec
        found = table.signal(other, given, output=first.output, asset=first.asset, lag=lag, how=first.how)
        fallback = np.isnan(values) & np.isfinite(found)
        values = np.where(fallback, found, values)
    alarm = np.array([each.level for each in conditions])
    watch = np.array([np.nan if each.watch is None else each.watch for each in conditions])
    leave = np.array([each.level if each.leave is None else each.leave for each in conditions])
    return ConditionValues(values, severity_nb(np.ascontiguousarray(values), alarm, watch, leave, first.side), fallback)


def _lags(rules: Sequence[Rule]) -> FloatArray:
    return np.array([rule.timing.lag for rule in rules])


def _scored(table: DecisionTable, rules: Sequence[Rule]) -> tuple[FloatArray, dict[str, BoolArray]]:
    """The score (T, P) before gates, with the sessions on which a stand-in was read or a condition unknown."""
    shape, lags = (len(table), len(rules)), _lags(rules)
    adding = ScoreAccumulator(rules[0].trigger.combine, shape)
    fallback, partial = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    for place in range(len(rules[0].trigger.when)):
        conditions = [rule.trigger.when[place] for rule in rules]
        found = read(table, conditions, lags)
        adding.add(found.severity, np.array([each.weight for each in conditions]))
        fallback |= found.fallback
        partial |= np.isnan(found.severity)
    score = adding.result(np.array([rule.trigger.known for rule in rules]))
    return score, {"fallback": fallback, "partial": partial & ~np.isnan(score)}


class ScoreAccumulator:
    """Adds up severities one condition at a time, so that no array has more than (T, P) elements."""

    def __init__(self, combine: str, shape: tuple[int, int]) -> None:
        self.combine = combine
        self.most, self.least = np.zeros(shape), np.ones(shape)
        self.total, self.weight = np.zeros(shape), np.zeros(shape)
        self.all_weight = np.zeros(shape[1])

    def add(self, severity: FloatArray, weight: FloatArray) -> None:
        """One condition (T, P) with its weights (P,)."""
        known = ~np.isnan(severity)
        self.most = np.fmax(self.most, severity)
        self.least = np.fmin(self.least, severity)
        self.total += np.where(known, severity, 0.0) * weight
        self.weight += known * weight
        self.all_weight = self.all_weight + weight

    def result(self, least_known: FloatArray) -> FloatArray:
        """The score (T, P); NaN where what is unknown could change it, or too little is known."""
        whole = self.weight >= self.all_weight * (1.0 - 1e-12)
        if self.combine == "any":
            return np.where(whole | (self.most == ALARM), self.most, np.nan)
        if self.combine == "all":
            return np.where(whole | (self.least == 0.0), self.least, np.nan)
        enough = (self.weight > 0) & (self.weight >= least_known * self.all_weight * (1.0 - 1e-12))
        score = np.divide(self.total, self.weight, out=np.full(self.total.shape, np.nan), where=enough)
        return np.asarray(np.round(score, DECIMALS), dtype=np.float64)


def _all_clear(table: DecisionTable, rules: Sequence[Rule]) -> FloatArray:
    """1 where every condition of the return is on, 0 where one is not, NaN where that is unknown (T, P)."""
    clear = np.ones((len(table), len(rules)))
    for place in range(len(rules[0].reentry.when)):
        severity = read(table, [rule.reentry.when[place] for rule in rules], _lags(rules)).severity
        on = np.where(np.isnan(severity), np.nan, severity == ALARM)
        clear = np.where((clear == 0) | (on == 0), 0.0, clear * on)
    return clear


def _wanted(score: FloatArray, at: FloatArray) -> IntArray:
    wanted = np.zeros(score.shape, dtype=np.int64)
    for number in range(1, len(at)):
        wanted = np.where(score >= at[number], number, wanted)
    return wanted


def ladder_of(rules: Sequence[Rule]) -> Ladder:
    """The tiers of several rules as arrays; what is left out is no limit."""
    ladders = [rule.ladder for rule in rules]

    def tiers(name: str, missing: float = np.inf) -> FloatArray:
        columns = [[getattr(tier, name) for tier in ladder] for ladder in ladders]
        return np.array([[missing if x is None else float(x) for x in column] for column in columns]).T.copy()

    def rule(part: str, name: str, missing: float = np.inf) -> FloatArray:
        found = [getattr(getattr(each, part), name) for each in rules]
        return np.array([missing if value is None else float(value) for value in found])

    return Ladder(
        tiers("at"),
        tiers("leave"),
        tiers("cash"),
        tiers("hedge"),
        tiers("min_stay"),
        tiers("max_stay"),
        _allowed(ladders[0]),
        rule("timing", "sessions").astype(np.int64),
        rule("timing", "deadline"),
        rule("reentry", "steps").astype(np.int64),
        rule("reentry", "wrong"),
        rule("reentry", "cool_down"),
    )


def _allowed(ladder: Sequence[Tier]) -> BoolArray:
    names = [tier.name for tier in ladder]
    return np.array([[tier.to is None or name in tier.to for name in names] for tier in ladder])


def _one_name(field: str, rules: Sequence[Rule]) -> str:
    names = {getattr(rule.destination, field) for rule in rules} - {""}
    if len(names) > 1:
        raise ParameterError(f"the sets of one call must share one `{field}`, got {', '.join(sorted(names))}")
    return names.pop() if names else ""
