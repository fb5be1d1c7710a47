"""A rule: parts put together. Any combination is a strategy; so is every named strategy that builds one."""

from __future__ import annotations

import gc
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, ClassVar

import numpy as np

from undertow.market.clock import BoolArray, InstantArray
from undertow.market.errors import UnknownNameError
from undertow.market.market import Market
from undertow.signals.decisions.screen import check_universe
from undertow.signals.decisions.table import DecisionTable
from undertow.strategies.plan import Decision
from undertow.strategies.rules import evaluate
from undertow.strategies.rules.parts import (
    ALARM,
    WATCH,
    Condition,
)
from undertow.strategies.rules.rule import Rule
from undertow.strategies.rules.severity import going_on_nb
from undertow.strategies.strategy import Constant, Sets, Strategy


class RuleStrategy(Strategy):
    """A strategy whose parameters make a rule: supply `rule` and nothing else."""

    @abstractmethod
    def rule(self) -> Rule:
        """The rule of these parameters."""

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        """The decision of the rules of every set."""
        return evaluate.decide(table, cls.rules_of(sets))

    @classmethod
    def rules_of(cls, sets: Sets) -> list[Rule]:
        """The rule of every set."""
        if not sets:
            return [cls().rule()]
        # What comes here was validated when the sets were made.
        rows = zip(*(values.tolist() for values in sets.values()), strict=True)
        with _without_collections():
            return [cls.model_construct(**dict(zip(sets, row, strict=True))).rule() for row in rows]

    def check_market(self, market: Market) -> None:
        """Raise an error with file and key where the rule names a universe or a symbol that `market` does not have."""
        into = self.rule().destination
        if into.basket:
            check_universe(market, into.basket, self._place("basket", into.basket))
        if into.hedge_symbol and into.hedge_symbol not in market.prices:
            place = self._place("hedge_symbol", into.hedge_symbol)
            raise UnknownNameError("symbol", into.hedge_symbol, market.prices.symbols, place)

    def _place(self, field: str, value: str) -> str:
        """The file, or else the rule, and the key that names a destination: a named strategy has its own for it."""
        own = [f"parameters.{name}" for name, given in self.parameters.items() if given == value]
        return f"{self.origin or self.label}: {own[0] if own else f'destination.{field}'}"

    def shocks(self, table: DecisionTable) -> InstantArray:
        """When the trigger became known in each decision's window, NaT where nothing of it is new.

        A condition counts where its alarm goes on, not where it lasts: one that has been on for months is no shock. The
        time is that of the first such condition, for "all" of the last, once all are on. A condition counts from its
        `watch` level on where that alone can enter a tier, else from its alarm.
        """
        rule = self.rule()
        mild = bool(rule.trigger.combine != "score" and rule.ladder[1:] and rule.ladder[1].at <= WATCH)
        found = [_alarms(table, each, rule.lag_of(each), mild) for each in rule.trigger.when]
        every = rule.trigger.combine == "all"
        together = np.fmax if every else np.fmin
        shocks = np.asarray(together.reduce([each for each, _ in found]), dtype="datetime64[ns]")
        if every:
            shocks[~np.logical_and.reduce([on for _, on in found])] = np.datetime64("NaT")
        return shocks


class FreeRule(RuleStrategy):
    """A rule of one's own as a strategy: `FreeRule(given=rule)`, or `undertow backtest --rule FILE`."""

    summary: ClassVar[str] = "A rule of one's own, from parts or from a file"

    given: Annotated[Rule, Constant()]

    def rule(self) -> Rule:
        """The rule that was given."""
        return self.given

    @property
    def label(self) -> str:
        """The rule's own name."""
        return self.given.name


@contextmanager
def _without_collections() -> Iterator[None]:
    # Thousands of small records that all stay set the garbage collector off again and again: more than half the time.
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _alarms(table: DecisionTable, condition: Condition, lag: float, mild: bool) -> tuple[InstantArray, BoolArray]:
    """When an alarm that goes on at a decision became known (T,), NaT where none does, and whether it is on (T,)."""
    level, least = condition.level, ALARM
    if mild and condition.watch is not None:
        level, least = condition.watch, WATCH
    seen = evaluate.read(table, [condition], np.array([lag]))

    def first(signal: Any) -> InstantArray:
        return table.first_breach(
            signal,
            condition.parameters,
            lambda values: values * condition.side >= level * condition.side,
            output=condition.output,
            asset=condition.asset,
            lag=lag,
        )

    shocks = first(condition.spec)
    if condition.fallback:
        other = first(condition.model_copy(update={"signal": condition.fallback}).spec)
        shocks = np.where(seen.fallback[:, 0], other, shocks)
    on, begins = going_on_nb(seen.severity[:, 0], least)
    return np.where(begins, shocks, np.datetime64("NaT")), on
