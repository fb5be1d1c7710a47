"""From rules to decisions: rules of one shape at once, their numbers as columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from undertow.market import PARALLEL_LOCK, BoolArray, FloatArray, IntArray, ParameterError
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
    Scored,
    Uint8Array,
    walk_rules_nb,
)
from undertow.strategies.rules.severity import (
    FALLBACK,
    SEVERITIES,
    Columns,
    Int8Array,
    Levels,
    severity_codes_nb,
)
from undertow.strategies.rules.sources import selling_orders
from undertow.strategies.rules.tier_machine import Clock, Ladder, SetsPath, TierPath, empty_path


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
    hedged = any(tier.hedge > 0.0 for rule in rules for tier in rule.ladder)
    path, flags = _joined(
        [(columns, _walk(table, [rules[column] for column in columns], hedged)[:2]) for columns in groups.values()]
    )
    exposure = path.exposure.T
    scores, score_of_set = selling_orders(table, np.array([rule.source for rule in rules]))
    basket = _one_name("basket", rules)
    share = np.array([rule.destination.share if rule.destination.basket else 0.0 for rule in rules])
    return Decision(
        exposure,
        path.stale.T,
        score_of_set,
        scores,
        _flags(flags),
        rotation=(1.0 - exposure) * share if basket else None,
        basket=basket,
        hedge=path.hedge.T if hedged else None,
        hedge_symbol=_one_name("hedge_symbol", rules),
        above=(path.tier > 0).T,
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


def _joined(groups: list[tuple[list[int], tuple[SetsPath, Uint8Array]]]) -> tuple[SetsPath, Uint8Array]:
    """Paths and flags of all groups, in the order of the rules."""
    if len(groups) == 1:
        return groups[0][1]
    back = np.argsort(np.concatenate([columns for columns, _ in groups]))
    paths = zip(*(path for _, (path, _) in groups), strict=True)
    flags = np.concatenate([flags for _, (_, flags) in groups])[back]
    return SetsPath(*(np.concatenate(parts)[back] for parts in paths)), flags


def _flags(flags: Uint8Array) -> dict[str, BoolArray]:
    bits = {"fallback": FELL_BACK, "partial": PARTIAL, "vetoed": VETOED}
    return {name: (flags & bit).astype(np.bool_).T for name, bit in bits.items()}


def evaluate_rules(table: DecisionTable, rules: Sequence[Rule]) -> Evaluation:
    """Scores, all-clear and tiers of rules of one shape."""
    path, flags, scored = _walk(table, rules, hedged=True, keep=True)
    score, ungated, clear = (part.T for part in scored)
    return Evaluation(score, ungated, clear, _basket(table), TierPath(*(part.T for part in path)), _flags(flags))


def _basket(table: DecisionTable) -> FloatArray:
    """The level of the basket known at each decision (T,)."""
    return table.cached(("basket",), lambda: (table.known(np.cumprod(1.0 + np.nan_to_num(table.basket_returns))),))[0]


def _walk(
    table: DecisionTable, rules: Sequence[Rule], hedged: bool, keep: bool = False
) -> tuple[SetsPath, Uint8Array, Scored]:
    """Paths, flags and scores, each (P, T), of rules of one shape."""
    lags, first = np.array([rule.timing.lag for rule in rules]), rules[0]
    lines = _Lines(table, lags)
    conditions = [lines.add([rule.trigger.when[number] for rule in rules]) for number in range(len(first.trigger.when))]
    gates = [lines.add([rule.gates[number] for rule in rules]) for number in range(len(first.gates))]
    clears = [lines.add([rule.reentry.when[number] for rule in rules]) for number in range(len(first.reentry.when))]
    codes = RuleCodes(
        np.concatenate(lines.codes),
        _stacked(conditions, len(rules), np.int64),
        _stacked([[c.weight for c in rule.trigger.when] for rule in rules], len(rules), np.float64, by_rule=True),
        _stacked(gates, len(rules), np.int64),
        _stacked([[gate.scale for gate in rule.gates] for rule in rules], len(rules), np.float64, by_rule=True),
        _stacked(clears, len(rules), np.int64),
        np.array([rule.trigger.known for rule in rules]),
        COMBINES.index(first.trigger.combine),
    )
    clock = Clock(*map(np.ascontiguousarray, (table.hours, table.next_hours, _basket(table))))
    sets, rows = len(rules), len(table)
    path, flags = empty_path(sets, rows, hedged=hedged), np.empty((sets, rows), dtype=np.uint8)
    scored = Scored(*(np.empty((sets, rows if keep else 0)) for _ in Scored._fields))
    with PARALLEL_LOCK:
        walk_rules_nb(codes, clock, ladder_of(rules), path, flags, scored)
    return path, flags, scored


def _stacked(rows: Sequence[Any], sets: int, kind: type, *, by_rule: bool = False) -> Any:
    """Rows as (C, P), from (C, P) or from (P, C); without any as (0, P)."""
    array = np.array(rows, dtype=kind)
    return np.ascontiguousarray(array.T if by_rule else array).reshape(-1, sets)


class _Lines:
    """The distinct lines of severity codes of P rules, one condition after another."""

    def __init__(self, table: DecisionTable, lags: FloatArray) -> None:
        self.table, self.lags = table, lags
        self.codes: list[Int8Array] = []
        self.count = 0

    def add(self, conditions: Sequence[Condition]) -> IntArray:
        """The line of each set (P,) of one condition."""
        _, codes, position = _read_codes(self.table, conditions, self.lags)
        self.codes.append(codes)
        position = position + self.count
        self.count += len(codes)
        return position


def _read_codes(
    table: DecisionTable, conditions: Sequence[Condition], lags: FloatArray
) -> tuple[tuple[Columns, Columns], Int8Array, IntArray]:
    """One condition of P sets: its columns, distinct lines of codes (S, T), and the line of each set (P,)."""
    first = conditions[0]
    lag = np.array([rule_lag if c.lag is None else c.lag for c, rule_lag in zip(conditions, lags, strict=True)])
    parameters = {name: np.array([c.parameters[name] for c in conditions]) for name in first.parameters}
    names = {"output": first.output, "asset": first.asset, "lag": lag, "how": first.how}
    columns = Columns(*table.read(first.spec, parameters, **names))
    substitute = Columns(np.empty((0, len(table))), np.zeros(len(conditions), dtype=np.int64))
    if first.fallback:
        spec = first.model_copy(update={"signal": first.fallback}).spec
        missing = np.isnan(columns.values).any(axis=0)
        substitute = Columns(*table.read(spec, parameters, **names, wanted=missing))
    side = first.side
    numbers = np.array(
        [
            (c.level, side * np.inf if c.watch is None else c.watch, c.level if c.leave is None else c.leave)
            for c in conditions
        ]
    )
    keys = np.column_stack((columns.position, substitute.position, numbers))
    distinct, chosen, position = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    levels = Levels(*np.ascontiguousarray(distinct[:, 2:].T), side)
    with PARALLEL_LOCK:
        codes = severity_codes_nb(
            Columns(columns.values, columns.position[chosen]),
            Columns(substitute.values, substitute.position[chosen]),
            levels,
        )
    return (columns, substitute), codes, position.ravel()


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
