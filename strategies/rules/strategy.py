"""Rule-based strategies: user-defined rules, and the base of the named ones."""

from __future__ import annotations

import gc
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, ClassVar

import numpy as np

from undertow.market import BoolArray, InstantArray, Market, UnknownNameError
from undertow.signals.decisions import DecisionTable, check_universe, is_screen
from undertow.strategies.plan import Decision
from undertow.strategies.rules import evaluate
from undertow.strategies.rules.bars import check_interval_of
from undertow.strategies.rules.parts import ALARM, WATCH, Condition
from undertow.strategies.rules.rule import Rule
from undertow.strategies.rules.severity import alarms_nb
from undertow.strategies.strategy import Constant, Sets, Strategy


class RuleStrategy(Strategy):
    """A strategy whose parameters make a rule: supply `rule`."""

    @abstractmethod
    def rule(self) -> Rule:
        """The rule of these parameters."""

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        """The decision of the rules of every set."""
        with _without_garbage_collection():
            return evaluate.decide_rules(table, cls.rules_of(sets))

    @classmethod
    def rules_of(cls, sets: Sets) -> list[Rule]:
        """The rule of every set."""
        if not sets:
            return [cls().rule()]
        # Not validated again: the sets were when they were made.
        rows = zip(*(values.tolist() for values in sets.values()), strict=True)
        with _without_garbage_collection():
            return [cls.model_construct(**dict(zip(sets, row, strict=True))).rule() for row in rows]

    def check_market(self, market: Market) -> None:
        """Raise an error where the rule names what `market` lacks.

        A universe, a symbol, or bars shorter than those of every feed; the error names the file and the key.
        """
        rule = self.rule()
        for family, conditions in (("trigger.when", rule.trigger.when), ("gates", rule.gates)):
            self._check_conditions(market, family, conditions)
        self._check_conditions(market, "reentry.when", rule.reentry.when)
        destination = rule.destination
        if destination.basket:
            check_universe(market, destination.basket, self._key("basket", destination.basket))
        symbol = destination.hedge_symbol
        if symbol and symbol not in market.prices:
            raise UnknownNameError("symbol", symbol, market.prices.symbols, self._key("hedge_symbol", symbol))

    def _check_conditions(self, market: Market, family: str, conditions: Sequence[Condition]) -> None:
        for number, condition in enumerate(conditions, start=1):
            where, name = f"{self.origin or self.label}: {family}[{number}]", condition.universe
            if name and (is_screen(name) or name not in market.prices):
                check_universe(market, name, f"{where}.universe")
            check_interval_of(market, condition, f"{where}.interval")

    def _key(self, field: str, destination: str) -> str:
        """The file, or else the rule, and the key of a destination in it, for errors."""
        keys = [f"parameters.{name}" for name, value in self.parameters.items() if value == destination]
        return f"{self.origin or self.label}: {keys[0] if keys else f'destination.{field}'}"

    def shocks(self, table: DecisionTable) -> InstantArray:
        """When the trigger became known in each decision's window (T,), NaT if not anew.

        A condition counts where its alarm goes on, not where it lasts: an alarm that has been on for months is no
        shock. The time is that of the first such condition, for "all" of the last, once all are on. A condition counts
        from its `watch` level on where that alone can enter a tier, else from its alarm.
        """
        rule = self.rule()
        mild = bool(rule.trigger.combine != "score" and rule.ladder[1:] and rule.ladder[1].at <= WATCH)
        alarms = [_alarms(table, condition, rule.lag_of(condition), mild) for condition in rule.trigger.when]
        needs_all = rule.trigger.combine == "all"
        joined = np.fmax if needs_all else np.fmin
        shocks = np.asarray(joined.reduce([times for times, _ in alarms]), dtype="datetime64[ns]")
        if needs_all:
            shocks[~np.logical_and.reduce([on for _, on in alarms])] = np.datetime64("NaT")
        return shocks


class FreeRule(RuleStrategy):
    """A user-defined rule as a strategy: `FreeRule(definition=rule)`."""

    summary: ClassVar[str] = "A user-defined rule, from parts or from a file"

    definition: Annotated[Rule, Constant()]

    def rule(self) -> Rule:
        """The definition."""
        return self.definition

    @property
    def label(self) -> str:
        """The rule's name."""
        return self.definition.name


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    # Making thousands of small records triggers collections that free nothing and take more than half of the time.
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _alarms(table: DecisionTable, condition: Condition, lag: float, mild: bool) -> tuple[InstantArray, BoolArray]:
    """When an alarm that begins at a decision became known (T,), and whether it is on."""
    level, threshold = condition.level, ALARM
    if mild and condition.watch is not None:
        level, threshold = condition.watch, WATCH
    reading = evaluate.read_condition(table, [condition], np.array([lag]))

    def first(signal: Any) -> InstantArray:
        return table.first_breach(
            signal,
            condition.parameters,
            lambda values: values * condition.side >= level * condition.side,
            condition.source,
            lag=lag,
        )

    shocks = first(condition.spec)
    if condition.fallback:
        fallback = first(condition.model_copy(update={"signal": condition.fallback}).spec)
        shocks = np.where(reading.fallback[:, 0], fallback, shocks)
    on, begins = alarms_nb(reading.severity[:, 0], threshold)
    return np.where(begins, shocks, np.datetime64("NaT")), on
