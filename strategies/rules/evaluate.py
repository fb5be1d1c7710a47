"""From rules to decisions: rules of one shape at once, their numbers as columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from undertow.market import BoolArray, FloatArray, IntArray, ParameterError
from undertow.signals.decisions import DecisionTable
from undertow.strategies.plan import Decision
from undertow.strategies.rules.parts import ALARM, Condition, Tier
from undertow.strategies.rules.rule import Rule
from undertow.strategies.rules.severity import severity_nb
from undertow.strategies.rules.sources import selling_orders
from undertow.strategies.rules.tier_machine import Ladder, TierPath, walk_tiers

# A score that meets a tier's level exactly must not miss it by the rounding of a sum.
DECIMALS = 12


class ConditionValues(NamedTuple):
    """One condition of every set, each (T, P).

    `values` are the signal's, `severity` is 0 ok, 0.5 watch, 1 alarm, and `fallback` marks where the fallback was read.
    """

    values: FloatArray
    severity: FloatArray
    fallback: BoolArray


class Evaluation(NamedTuple):
    """Rules of one shape on a table: each (T, P), and the basket's `level` (T,).

    `score` is after the gates, `ungated` before them; `clear` is 1 where the all-clear is on, 0 or NaN; `path` are the
    tiers; `level` is as it was known at each decision; `flags` are those of a `Decision`.
    """

    score: FloatArray
    ungated: FloatArray
    clear: FloatArray
    level: FloatArray
    path: TierPath
    flags: dict[str, BoolArray]


def decide_rules(table: DecisionTable, rules: Sequence[Rule]) -> Decision:
    """The decision of several rules; those of one shape are evaluated together."""
    groups: dict[object, list[int]] = {}
    for column, rule in enumerate(rules):
        groups.setdefault(shape_key(rule), []).append(column)
    rows, sets = len(table), len(rules)
    exposure, hedge, stale = np.ones((rows, sets)), np.zeros((rows, sets)), np.zeros((rows, sets), np.bool_)
    flags = {name: np.zeros((rows, sets), np.bool_) for name in ("fallback", "partial", "vetoed")}
    above = np.zeros((rows, sets), np.bool_)
    for columns in groups.values():
        evaluation = evaluate_rules(table, [rules[column] for column in columns])
        exposure[:, columns] = evaluation.path.exposure
        hedge[:, columns] = evaluation.path.hedge
        stale[:, columns] = evaluation.path.stale
        above[:, columns] = evaluation.path.tier > 0
        for name, flag in evaluation.flags.items():
            flags[name][:, columns] = flag
    scores, score_of_set = selling_orders(table, np.array([rule.source for rule in rules]))
    basket = _one_name("basket", rules)
    share = np.array([rule.destination.share if rule.destination.basket else 0.0 for rule in rules])
    return Decision(
        exposure,
        stale,
        score_of_set,
        scores,
        flags,
        rotation=(1.0 - exposure) * share if basket else None,
        basket=basket,
        # By what the rules may do, not by what they did: a later session must not change an earlier decision.
        hedge=hedge if any(tier.hedge > 0.0 for rule in rules for tier in rule.ladder) else None,
        hedge_symbol=_one_name("hedge_symbol", rules),
        above=above,
        resting=np.array([1.0 - rule.ladder[0].cash for rule in rules]),
    )


def shape_key(rule: Rule) -> object:
    """What rules must share to be evaluated together: everything that is not a number."""

    def of(condition: Condition) -> tuple[object, ...]:
        names = tuple(sorted(condition.parameters))
        return (*_names_of(condition), condition.side, condition.how, names, type(condition))

    tiers = tuple((tier.name, tier.to) for tier in rule.ladder)
    conditions = (*map(of, rule.trigger.when), "gates", *map(of, rule.gates), "clear", *map(of, rule.reentry.when))
    return rule.trigger.combine, conditions, tiers


def _names_of(condition: Condition) -> tuple[str, ...]:
    return condition.signal, condition.output, condition.asset, condition.fallback


def evaluate_rules(table: DecisionTable, rules: Sequence[Rule]) -> Evaluation:
    """Scores, all-clear and tiers of rules of one shape."""
    ungated, flags = _scored(table, rules)
    score = ungated.copy()
    for index in range(len(rules[0].gates)):
        gates = [rule.gates[index] for rule in rules]
        severity = read_condition(table, gates, _lags(rules)).severity
        scaled = np.round(score * np.array([gate.scale for gate in gates]), DECIMALS)
        score = np.where(severity == ALARM, scaled, score)
        flags["partial"] |= np.isnan(severity) & ~np.isnan(score)
    ladder = ladder_of(rules)
    flags["vetoed"] = _tier_of(score, ladder.at) < _tier_of(ungated, ladder.at)
    clear = _all_clear(table, rules)
    level = table.known(np.cumprod(1.0 + np.nan_to_num(table.basket_returns)))
    path = walk_tiers(score, clear, table.hours, table.next_hours, level, ladder)
    return Evaluation(score, ungated, clear, level, path, flags)


def read_condition(table: DecisionTable, conditions: Sequence[Condition], lags: FloatArray) -> ConditionValues:
    """One condition of P sets; `lags` (P,) are hours, for conditions without a lag."""
    first = conditions[0]
    lag = np.array([rule_lag if c.lag is None else c.lag for c, rule_lag in zip(conditions, lags, strict=True)])
    parameters = {name: np.array([c.parameters[name] for c in conditions]) for name in first.parameters}
    values = table.signal(first.spec, parameters, output=first.output, asset=first.asset, lag=lag, how=first.how)
    fallback = np.zeros(values.shape, np.bool_)
    if first.fallback:
        spec = first.model_copy(update={"signal": first.fallback}).spec
        substitute = table.signal(spec, parameters, output=first.output, asset=first.asset, lag=lag, how=first.how)
        fallback = np.isnan(values) & np.isfinite(substitute)
        values = np.where(fallback, substitute, values)
    alarm = np.array([c.level for c in conditions])
    watch = np.array([np.nan if c.watch is None else c.watch for c in conditions])
    leave = np.array([c.level if c.leave is None else c.leave for c in conditions])
    return ConditionValues(values, severity_nb(np.ascontiguousarray(values), alarm, watch, leave, first.side), fallback)


def _lags(rules: Sequence[Rule]) -> FloatArray:
    return np.array([rule.timing.lag for rule in rules])


def _scored(table: DecisionTable, rules: Sequence[Rule]) -> tuple[FloatArray, dict[str, BoolArray]]:
    """The score (T, P) before gates, with the flags `fallback` and `partial`."""
    shape, lags = (len(table), len(rules)), _lags(rules)
    accumulator = ScoreAccumulator(rules[0].trigger.combine, shape)
    fallback, partial = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    for index in range(len(rules[0].trigger.when)):
        conditions = [rule.trigger.when[index] for rule in rules]
        reading = read_condition(table, conditions, lags)
        accumulator.add(reading.severity, np.array([condition.weight for condition in conditions]))
        fallback |= reading.fallback
        partial |= np.isnan(reading.severity)
    score = accumulator.result(np.array([rule.trigger.known for rule in rules]))
    return score, {"fallback": fallback, "partial": partial & ~np.isnan(score)}


class ScoreAccumulator:
    """The sum of severities, one condition at a time: no array exceeds (T, P)."""

    def __init__(self, combine: str, shape: tuple[int, int]) -> None:
        self.combine = combine
        self.highest, self.lowest = np.zeros(shape), np.ones(shape)
        self.total, self.weight = np.zeros(shape), np.zeros(shape)
        self.all_weight = np.zeros(shape[1])

    def add(self, severity: FloatArray, weight: FloatArray) -> None:
        """One condition (T, P) with its weights (P,)."""
        known = ~np.isnan(severity)
        self.highest = np.fmax(self.highest, severity)
        self.lowest = np.fmin(self.lowest, severity)
        self.total += np.where(known, severity, 0.0) * weight
        self.weight += known * weight
        self.all_weight = self.all_weight + weight

    def result(self, known_share: FloatArray) -> FloatArray:
        """The score (T, P), NaN where unknown conditions could change it.

        A "score" is NaN where less than `known_share` (P,) of the weight is known.
        """
        complete = self.weight >= self.all_weight * (1.0 - 1e-12)
        if self.combine == "any":
            return np.where(complete | (self.highest == ALARM), self.highest, np.nan)
        if self.combine == "all":
            return np.where(complete | (self.lowest == 0.0), self.lowest, np.nan)
        enough = (self.weight > 0) & (self.weight >= known_share * self.all_weight * (1.0 - 1e-12))
        score = np.divide(self.total, self.weight, out=np.full(self.total.shape, np.nan), where=enough)
        return np.asarray(np.round(score, DECIMALS), dtype=np.float64)


def _all_clear(table: DecisionTable, rules: Sequence[Rule]) -> FloatArray:
    """The all-clear (T, P): 1 if all conditions of the return are on, else 0; or NaN."""
    clear = np.ones((len(table), len(rules)))
    for index in range(len(rules[0].reentry.when)):
        severity = read_condition(table, [rule.reentry.when[index] for rule in rules], _lags(rules)).severity
        on = np.where(np.isnan(severity), np.nan, severity == ALARM)
        clear = np.where((clear == 0) | (on == 0), 0.0, clear * on)
    return clear


def _tier_of(score: FloatArray, at: FloatArray) -> IntArray:
    """The highest tier whose level the score reaches (T, P)."""
    tier = np.zeros(score.shape, dtype=np.int64)
    for number in range(1, len(at)):
        tier = np.where(score >= at[number], number, tier)
    return tier


def ladder_of(rules: Sequence[Rule]) -> Ladder:
    """The tiers of several rules as arrays; None becomes infinity: no limit."""
    ladders = [rule.ladder for rule in rules]

    def tiers(name: str, missing: float = np.inf) -> FloatArray:
        columns = [[getattr(tier, name) for tier in ladder] for ladder in ladders]
        return np.array([[missing if x is None else float(x) for x in column] for column in columns]).T.copy()

    def limits(part: str, name: str, missing: float = np.inf) -> FloatArray:
        values = [getattr(getattr(rule, part), name) for rule in rules]
        return np.array([missing if value is None else float(value) for value in values])

    return Ladder(
        at=tiers("at"),
        leave=tiers("leave"),
        cash=tiers("cash"),
        hedge=tiers("hedge"),
        min_stay=tiers("min_stay"),
        max_stay=tiers("max_stay"),
        allowed=_allowed(ladders[0]),
        sessions=limits("timing", "sessions").astype(np.int64),
        deadline=limits("timing", "deadline"),
        steps=limits("reentry", "steps").astype(np.int64),
        wrong=limits("reentry", "wrong"),
        cool_down=limits("reentry", "cool_down"),
    )


def _allowed(ladder: Sequence[Tier]) -> BoolArray:
    names = [tier.name for tier in ladder]
    return np.array([[tier.to is None or name in tier.to for name in names] for tier in ladder])


def _one_name(field: str, rules: Sequence[Rule]) -> str:
    names = {getattr(rule.destination, field) for rule in rules} - {""}
    if len(names) > 1:
        raise ParameterError(f"the sets of one call must share one `{field}`, got {', '.join(sorted(names))}")
    return names.pop() if names else ""
