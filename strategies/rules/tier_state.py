"""The tier machine one decision at a time, for other scores and limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from undertow.market import FloatArray
from undertow.strategies.rules.tier_machine import ENTERED, HELD, RESTARTED, Ladder, _exit_nb, _reached_nb, _up_nb


class TierState(NamedTuple):
    """The state of the machine before a decision.

    Args:
        tier: number of the tier held
        stayed_since: start of the stay, hours on the 24/7 clock
        calm_since: last return to calm, hours on the 24/7 clock
        raised_at: level of the basket at which a tier was last entered or started again, NaN for never
        armed: bit k is set where tier k may be entered
    """

    tier: int
    stayed_since: float
    calm_since: float
    raised_at: float
    armed: int


class Observation(NamedTuple):
    """The inputs of one decision.

    Args:
        score: the score, in [0, 1] or NaN
        clear: the all-clear, 1, 0 or NaN
        hours: hours on the 24/7 clock
        level: level of the basket
    """

    score: float
    clear: float
    hours: float
    level: float


@dataclass(frozen=True, eq=False)
class Machine:
    """The tier machine of one rule, step by step; `ladder` has one set."""

    ladder: Ladder

    @property
    def start(self) -> TierState:
        """The state before the first decision: calm, every tier armed."""
        return TierState(0, 0.0, -np.inf, np.nan, 2 ** len(self.ladder.at) - 1)

    def without(self, **limits: float) -> Machine:
        """The same machine with other limits, such as `wrong=inf`."""
        changed = {name: np.full_like(getattr(self.ladder, name), value) for name, value in limits.items()}
        return replace(self, ladder=self.ladder._replace(**changed))

    def step(self, state: TierState, observation: Observation) -> tuple[TierState, int]:
        """The state after a decision and its event: `walk_tiers`, one decision at a time."""
        ladder, tier, known = self.ladder, state.tier, not np.isnan(observation.score)
        hours, level = observation.hours, observation.level
        armed = np.array([state.armed >> number & 1 for number in range(len(ladder.at))], dtype=np.bool_)
        event, goal, raised_at = HELD, tier, state.raised_at
        reached = up = -1
        if known:
            reached = int(_reached_nb(observation.score, ladder.at, 0, armed))
        if known and hours - state.calm_since >= ladder.cool_down[0]:
            up = int(_up_nb(tier, reached, armed, ladder.allowed))
        if up >= 0:
            event, goal, raised_at = (ENTERED if up > tier else RESTARTED), up, level
        elif tier > 0:
            held = hours - state.stayed_since
            event, goal = _exit_nb(
                tier,
                reached,
                bool(level / raised_at - 1.0 >= ladder.wrong[0]),
                bool(held >= ladder.max_stay[tier, 0]),
                bool(known and held >= ladder.min_stay[tier, 0] and observation.score < ladder.leave[tier, 0]),
                observation.clear,
                ladder.allowed,
            )
        if event != HELD:
            armed[: min(goal, reached) + 1] = False
        bits = int((armed * 2 ** np.arange(len(armed))).sum())
        stayed_since = state.stayed_since if event == HELD else hours
        calm_since = hours if goal != tier and goal == 0 else state.calm_since
        return TierState(int(goal), stayed_since, calm_since, raised_at, bits), int(event)

    def walk(self, observations: Iterator[Observation]) -> list[TierState]:
        """The state before each decision."""
        states, state = [], self.start
        for observation in observations:
            states.append(state)
            state, _ = self.step(state, observation)
        return states


@dataclass(frozen=True, eq=False)
class States:
    """The states before T decisions as columns (T,), with clock and basket.

    Args:
        tier: as in `TierState`, like the next four
        stayed_since: see `TierState`
        calm_since: see `TierState`
        raised_at: see `TierState`
        armed: see `TierState`
        hours: the 24/7 clock at each decision
        level: level of the basket known at each decision
    """

    tier: FloatArray
    stayed_since: FloatArray
    calm_since: FloatArray
    raised_at: FloatArray
    armed: FloatArray
    hours: FloatArray
    level: FloatArray

    @classmethod
    def of(cls, machine: Machine, score: FloatArray, clear: FloatArray, hours: FloatArray, level: FloatArray) -> States:
        """The states of a walk over T decisions.

        Args:
            machine: the tier machine of the rule
            score: (T,) in [0, 1], or NaN
            clear: (T,) all-clear, 1 or 0, or NaN
            hours: (T,) the 24/7 clock at each decision
            level: (T,) level of the basket known at each decision
        """
        observations = (Observation(*map(float, values)) for values in zip(score, clear, hours, level, strict=True))
        columns = np.array(machine.walk(observations), dtype=np.float64).reshape(len(score), len(TierState._fields)).T
        fields = dict(zip(TierState._fields, map(np.ascontiguousarray, columns), strict=True))
        return cls(**fields, hours=hours, level=level)

    def before(self, row: int) -> TierState:
        """The state before the decision of a row."""
        return TierState(
            int(self.tier[row]),
            float(self.stayed_since[row]),
            float(self.calm_since[row]),
            float(self.raised_at[row]),
            int(self.armed[row]),
        )

    def rows(self, span: slice) -> States:
        """The states of a span of decisions."""
        return States(**{name: values[span] for name, values in self.columns().items()})

    def columns(self) -> dict[str, FloatArray]:
        """The columns by name."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}
