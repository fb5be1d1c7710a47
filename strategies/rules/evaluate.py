"""From rules to decisions: rules of one shape at once, their numbers as columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from undertow.market import BoolArray, FloatArray, IntArray, ParameterError, in_threads
from undertow.signals.decisions import DecisionTable
from undertow.strategies.plan import Decision
from undertow.strategies.rules.parts import Condition, Tier
from undertow.strategies.rules.rule import Rule
from undertow.strategies.rules.scoring import (
    COMBINES,
    FELL_BACK,
    PARTIAL,
    VETOED,
    RuleCodes,
    Uint8Array,
    walk_rules_nb,
)
from undertow.strategies.rules.severity import (
    FALLBACK,
    SEVERITIES,
    ConditionColumns,
    Int8Array,
    Levels,
    severity_codes_nb,
)
from undertow.strategies.rules.sources import selling_orders
from undertow.strategies.rules.tier_machine import Clock, Ladder, SetsPath, TierPath, empty_path

# An exposure this close to its target has reached it.
_NEAR = 1e-9


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
    # By what the rules may do, not by what they did: a later session must not change an earlier decision.
    hedged = any(tier.hedge for rule in rules for tier in rule.ladder)
    parts = [[rules[column] for column in columns] for columns in groups.values()]
    lines = _read_lines(table, parts)
    path, flags = empty_path(len(rules), len(table), hedged=hedged), np.empty((len(rules), len(table)), dtype=np.uint8)
    for columns, part, codes in zip(groups.values(), parts, lines, strict=True):
        _walk(table, part, codes, np.array(columns), path, flags)
    exposure = path.exposure.T
    scores, score_of_set = selling_orders(table, np.array([rule.source for rule in rules]))
    basket = _one_name("basket", rules)
    share = np.array([rule.destination.share if rule.destination.basket else 0.0 for rule in rules])
    return Decision(
        exposure,
        path.stale.T,
        score_of_set,
        scores,
        _flags(flags) | _short_of_target(path, rules),
        rotation=(1.0 - exposure) * share if basket else None,
        basket=basket,
        hedge=path.hedge.T if hedged else None,
        hedge_symbol=_one_name("hedge_symbol", rules),
        above=(path.tier > 0).T,
        resting=np.array([1.0 - rule.ladder[0].cash for rule in rules]),
    )


def shape_key(rule: Rule) -> object:
    """What rules must share to be evaluated together: everything that is not a number."""
    tiers = tuple((tier.name, tier.to) for tier in rule.ladder)
    conditions = tuple(tuple((*_kind(c), c.side, c.how) for c in family) for family in _families(rule))
    return rule.trigger.combine, conditions, tiers


def _kind(condition: Condition) -> tuple[object, ...]:
    """What conditions must share to be read together."""
    names = tuple(sorted(condition.parameters))
    signal = (condition.signal, condition.source, condition.fallback)
    return (*signal, names)


def _flags(flags: Uint8Array) -> dict[str, BoolArray]:
    bits = {"fallback": FELL_BACK, "partial": PARTIAL, "vetoed": VETOED}
    return {name: (flags & bit).astype(np.bool_).T for name, bit in bits.items()}


def _short_of_target(path: SetsPath, rules: Sequence[Rule]) -> dict[str, BoolArray]:
    """Sessions (T, P) on which a tier was left before its cash was raised.

    Left for a lower one, that is. Where a rule raises its cash in one session, none is.
    """
    short = np.zeros(path.tier.T.shape, dtype=np.bool_)
    for column, rule in enumerate(rules):
        if rule.timing.sessions == 1:
            continue
        tier, exposure = path.tier[column], path.exposure[column]
        target = np.array([1.0 - tier.cash for tier in rule.ladder])[tier[:-1]]
        short[1:, column] = (tier[1:] < tier[:-1]) & (exposure[:-1] > target + _NEAR)
    return {"short_of_target": short}


def evaluate_rules(table: DecisionTable, rules: Sequence[Rule]) -> Evaluation:
    """Scores, all-clear and tiers of rules of one shape."""
    path, flags = empty_path(len(rules), len(table)), np.empty((len(rules), len(table)), dtype=np.uint8)
    scores = np.empty((3, *flags.shape))
    _walk(table, rules, _read_lines(table, [rules])[0], np.arange(len(rules)), path, flags, scores)
    score, ungated, clear = (part.T for part in scores)
    return Evaluation(score, ungated, clear, _basket(table), path.by_session(), _flags(flags))


def _basket(table: DecisionTable) -> FloatArray:
    """The level of the basket known at each decision (T,)."""
    return table.cached(("basket",), lambda: (table.known(np.cumprod(1.0 + np.nan_to_num(table.basket_returns))),))[0]


class _Lines(NamedTuple):
    """Where the severities of the rules of one shape stand: lines of `codes` (S, T).

    Conditions of the trigger (C, P), gates (G, P) and conditions of the return (A, P).
    """

    codes: Int8Array
    conditions: IntArray
    gates: IntArray
    clears: IntArray


def _read_lines(table: DecisionTable, parts: Sequence[Sequence[Rule]]) -> list[_Lines]:
    """The severities of rules of several shapes.

    Conditions of one kind are read together.
    """
    slots: dict[object, list[tuple[int, int, int]]] = {}
    for number, rules in enumerate(parts):
        for family, conditions in enumerate(_families(rules[0])):
            for position, condition in enumerate(conditions):
                slots.setdefault(_kind(condition), []).append((number, family, position))
    lines = [[np.empty((len(family), len(rules)), dtype=np.int64) for family in _families(rules[0])] for rules in parts]
    codes: list[Int8Array] = []
    count = 0
    for places in slots.values():
        conditions, lags = [], []
        for number, family, position in places:
            conditions += [_families(rule)[family][position] for rule in parts[number]]
            lags += [rule.timing.lag for rule in parts[number]]
        _, found, line = _read_codes(table, conditions, np.array(lags))
        ends = np.cumsum([len(parts[number]) for number, _, _ in places])
        for (number, family, position), of_rules in zip(places, np.split(line, ends[:-1]), strict=True):
            lines[number][family][position] = of_rules + count
        codes.append(found)
        count += len(found)
    joined = np.concatenate(codes)
    return [_Lines(joined, *families) for families in lines]


def _families(rule: Rule) -> tuple[Sequence[Condition], Sequence[Condition], Sequence[Condition]]:
    return rule.trigger.when, rule.gates, rule.reentry.when


def _walk(
    table: DecisionTable,
    rules: Sequence[Rule],
    lines: _Lines,
    places: IntArray,
    path: SetsPath,
    flags: Uint8Array,
    scores: FloatArray | None = None,
) -> None:
    """Paths, flags and, if wanted, scores (3, P, T) of rules of one shape."""
    codes = RuleCodes(
        lines.codes,
        lines.conditions,
        _numbers([[condition.weight for condition in rule.trigger.when] for rule in rules]),
        lines.gates,
        _numbers([[gate.scale for gate in rule.gates] for rule in rules]),
        lines.clears,
        np.array([rule.trigger.known for rule in rules]),
        COMBINES.index(rules[0].trigger.combine),
        places,
    )
    clock = Clock(*map(np.ascontiguousarray, (table.hours, table.next_hours, _basket(table))))
    ladder = ladder_of(rules)
    kept = np.empty((3, 0, 0)) if scores is None else scores

    def walk(begin: int, end: int) -> None:
        walk_rules_nb(codes, clock, ladder, path, flags, kept, begin=begin, end=end)

    in_threads(walk, len(rules))


def _numbers(of_rules: list[list[float]]) -> FloatArray:
    """Numbers of P rules as (C, P)."""
    return np.ascontiguousarray(np.array(of_rules, dtype=np.float64).reshape(len(of_rules), -1).T)


def _read_codes(
    table: DecisionTable, conditions: Sequence[Condition], lags: FloatArray
) -> tuple[tuple[ConditionColumns, ConditionColumns], Int8Array, IntArray]:
    """One condition of P sets.

    Its columns, distinct lines of codes (S, T), and the line of each set (P,).
    """
    first = conditions[0]
    lag = np.array([rule_lag if c.lag is None else c.lag for c, rule_lag in zip(conditions, lags, strict=True)])
    parameters = {name: np.array([c.parameters[name] for c in conditions]) for name in first.parameters}
    how = [c.how for c in conditions]
    names: dict[str, Any] = {"source": first.source, "lag": lag, "how": how}
    columns = ConditionColumns(*table.read(first.spec, parameters, **names))
    substitute = ConditionColumns(np.empty((0, len(table))), np.zeros(len(conditions), dtype=np.int64))
    if first.fallback:
        spec = first.model_copy(update={"signal": first.fallback}).spec
        missing = np.isnan(columns.values).any(axis=0)
        substitute = ConditionColumns(*table.read(spec, parameters, **names, wanted=np.asarray(missing)))
    numbers = np.array([_levels_of(condition) for condition in conditions])
    keys = np.column_stack((columns.position, substitute.position, numbers))
    distinct, chosen, position = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    levels = Levels(*np.ascontiguousarray(distinct[:, 2:].T))
    first_of, second_of = columns.position[chosen], substitute.position[chosen]
    codes = np.empty((len(chosen), len(table)), dtype=np.int8)

    def encode(begin: int, end: int) -> None:
        codes[begin:end] = severity_codes_nb(
            columns._replace(position=first_of[begin:end]),
            substitute._replace(position=second_of[begin:end]),
            Levels(*(values[begin:end] for values in levels)),
        )

    in_threads(encode, len(chosen))
    return (columns, substitute), codes, position.ravel()


def _levels_of(condition: Condition) -> tuple[float, float, float, float]:
    """The fields of `Levels` of one condition."""
    level, side = condition.level, condition.side
    watch = side * np.inf if condition.watch is None else condition.watch
    return level, watch, level if condition.leave is None else condition.leave, side


def read_condition(table: DecisionTable, conditions: Sequence[Condition], lags: FloatArray) -> ConditionValues:
    """One condition of P sets; `lags` (P,) are hours, for conditions without a lag."""
    (columns, substitute), codes, position = _read_codes(table, conditions, lags)
    codes = codes[position]
    fallback = codes >= FALLBACK
    values = columns.values[columns.position]
    if len(substitute.values):
        values = np.where(fallback, substitute.values[substitute.position], values)
    return ConditionValues(values.T, SEVERITIES[codes % FALLBACK].T, fallback.T)


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
        hedge=tiers("hedge", missing=0.0),
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
