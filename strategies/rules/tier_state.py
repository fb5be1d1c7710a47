"""The tier machine one decision at a time: what it remembers, and what another score would have made of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from undertow.market.clock import FloatArray
from undertow.strategies.rules.tier_machine import ENTERED, HELD, RESTARTED, Ladder, _left_nb, _up_nb, _wanted_nb


class TierState(NamedTuple):
    """What the machine knows before a decision.

    `tier` is the number of the tier held, `stayed_since` and `calm_since` are hours on the 24/7 clock, `raised_at` the
    level of the basket at which a tier was last entered or started again, NaN for never; `armed` has bit k set where
    tier k may be entered.
    """

    tier: int
    stayed_since: float
    calm_since: float
    raised_at: float
    armed: int


class Observation(NamedTuple):
    """What one decision sees: score, all-clear (1, 0 or NaN), the clock in hours and the level of the basket."""

    score: float
    clear: float
    hours: float
    level: float


@dataclass(frozen=True, eq=False)
class Machine:
    """The tier machine of one rule, in steps; `ladder` is that of one set."""

    ladder: Ladder

    @property
    def fresh(self) -> TierState:
        """Before the first decision: calm, everything armed."""
        return TierState(0, 0.0, -np.inf, np.nan, 2 ** len(self.ladder.at) - 1)

    def without(self, **limits: float) -> Machine:
        """The same machine with other limits, such as `wrong=inf`."""
        changed = {name: np.full_like(getattr(self.ladder, name), value) for name, value in limits.items()}
        return replace(self, ladder=self.ladder._replace(**changed))

    def step(self, memory: TierState, seen: Observation) -> tuple[TierState, int]:
        """What is remembered after a decision, and why the tier changed on it: `tiers_nb`, one decision at a time."""
        ladder, tier, known = self.ladder, memory.tier, not np.isnan(seen.score)
        armed = np.array([memory.armed >> place & 1 for place in range(len(ladder.at))], dtype=np.bool_)
        event, goal, raised_at = HELD, tier, memory.raised_at
        wanted = up = -1
        if known:
            wanted = int(_wanted_nb(seen.score, ladder.at, 0, armed))
        if known and seen.hours - memory.calm_since >= ladder.cool_down[0]:
            up = int(_up_nb(tier, wanted, armed, ladder.allowed))
        if up >= 0:
            event, goal, raised_at = (ENTERED if up > tier else RESTARTED), up, seen.level
        elif tier > 0:
            held = seen.hours - memory.stayed_since
            event, goal = _left_nb(
                tier,
                wanted,
                bool(seen.level / raised_at - 1.0 >= ladder.wrong[0]),
                bool(held >= ladder.max_stay[tier, 0]),
                bool(known and held >= ladder.min_stay[tier, 0] and seen.score < ladder.leave[tier, 0]),
                seen.clear,
                ladder.allowed,
            )
        if event != HELD:
            armed[: min(goal, wanted) + 1] = False
        bits = int((armed * 2 ** np.arange(len(armed))).sum())
        stayed_since = memory.stayed_since if event == HELD else seen.hours
        calm_since = seen.hours if goal != tier and goal == 0 else memory.calm_since
        return TierState(int(goal), stayed_since, calm_since, raised_at, bits), int(event)

    def memories(self, seen: Iterator[Observation]) -> list[TierState]:
        """What is remembered before each decision."""
        found, memory = [], self.fresh
        for each in seen:
            found.append(memory)
            memory, _ = self.step(memory, each)
        return found


@dataclass(frozen=True, eq=False)
class States:
    """What the machine knew at every decision (T,): the columns of `TierState` before it, the clock, and the basket."""

    tier: FloatArray
    stayed_since: FloatArray
    calm_since: FloatArray
    raised_at: FloatArray
    armed: FloatArray
    hours: FloatArray
    level: FloatArray

    @classmethod
    def of(cls, machine: Machine, score: FloatArray, clear: FloatArray, hours: FloatArray, level: FloatArray) -> States:
        """The states of a walk over T decisions."""
        rows = (Observation(*map(float, each)) for each in zip(score, clear, hours, level, strict=True))
        columns = np.array(machine.memories(rows), dtype=np.float64).reshape(len(score), len(TierState._fields)).T
        remembered = dict(zip(TierState._fields, map(np.ascontiguousarray, columns), strict=True))
        return cls(**remembered, hours=hours, level=level)

    def memory(self, row: int) -> TierState:
        """What was remembered before the decision of a row."""
        return TierState(
            int(self.tier[row]),
            float(self.stayed_since[row]),
            float(self.calm_since[row]),
            float(self.raised_at[row]),
            int(self.armed[row]),
        )

    def rows(self, which: slice) -> States:
        """The states of a stretch of decisions."""
        return States(**{name: values[which] for name, values in self.columns().items()})

    def columns(self) -> dict[str, FloatArray]:
        """Everything by name."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}
