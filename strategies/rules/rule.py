"""A rule: its parts as one record."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from undertow.market import did_you_mean
from undertow.strategies.rules.parts import Condition, Destination, Gate, Part, Reentry, Tier, Timing, Trigger
from undertow.strategies.rules.sources import SOURCES

CALM = Tier(name="calm")
# Exact contributions are computed over every subset of the drivers.
MOST_DRIVERS = 16


class Rule(Part):
    """A complete rule; each part is documented at its class.

    Timing and NaN are those of `Strategy`.

    Args:
        name: lower-case name, which results use
        summary: one line for readers
        trigger: the conditions and how they combine to a score
        gates: conditions that scale the score, such as vetoes
        tiers: sorted by `at`, lowest first; a calm tier (nothing sold) is added unless the first one has `at` 0
        timing: lag, and number of sessions over which cash is raised
        source: the order in which names are sold, one of `SOURCES`
        destination: where raised cash goes
        reentry: when and how the money comes back
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")] = "rule"
    summary: str = ""
    trigger: Trigger
    gates: tuple[Gate, ...] = ()
    tiers: Annotated[tuple[Tier, ...], Field(min_length=1)]
    timing: Timing = Timing()
    source: str = "proportional"
    destination: Destination = Destination()
    reentry: Reentry = Reentry()

    @property
    def ladder(self) -> tuple[Tier, ...]:
        """The tiers, calm first, with the hedges that stay on in higher ones."""
        tiers = self.tiers if self.tiers[0].at == 0.0 else (CALM, *self.tiers)
        return _with_hedges(tiers) if any(tier.hedge for tier in tiers) else tiers

    def lag_of(self, condition: Condition) -> float:
        """Hours from when a condition of the trigger was known to the decision."""
        return self.timing.lag if condition.lag is None else condition.lag

    @property
    def drivers(self) -> tuple[Condition, ...]:
        """The inputs of the score: the conditions of the trigger, then the gates."""
        return (*self.trigger.when, *self.gates)

    @model_validator(mode="after")
    def _checked(self) -> Self:
        levels = [tier.at for tier in self.tiers]
        if sorted(set(levels)) != levels:
            raise ValueError(f"`tiers` must have rising `at`, got {', '.join(f'{level:g}' for level in levels)}")
        names = [tier.name for tier in self.ladder]
        if len(set(names)) < len(names):
            raise ValueError(f"`tiers` must have different names, got {', '.join(names)}")
        if "unknown" in names:
            raise ValueError("a tier may not be named `unknown`: the checklist means by it that no tier is known")
        for number, tier in enumerate(self.ladder):
            _check_transitions(tier, names, number)
            _check_stay(tier, self.timing)
        symbol = self.destination.hedge_symbol
        if symbol and not any(tier.hedge for tier in self.ladder):
            raise ValueError(
                f"`destination.hedge_symbol` {symbol!r} can only be used with a tier that has a `hedge`; no tier has"
            )
        if self.source not in SOURCES:
            suggestion = did_you_mean(self.source, SOURCES)
            raise ValueError(f"`source` must be one of {', '.join(SOURCES)}; got {self.source!r}{suggestion}")
        if len(self.drivers) > MOST_DRIVERS:
            raise ValueError(f"a rule has at most {MOST_DRIVERS} conditions and gates, got {len(self.drivers)}")
        return self


def _with_hedges(tiers: tuple[Tier, ...]) -> tuple[Tier, ...]:
    """The tiers with a number for each hedge, of the tier below where none is stated."""
    out: list[Tier] = []
    below = 0.0
    for tier in tiers:
        below = min(below, 1.0 - tier.cash) if tier.hedge is None else tier.hedge
        out.append(tier if tier.hedge is not None else tier.model_copy(update={"hedge": below}))
    return tuple(out)


def _check_stay(tier: Tier, timing: Timing) -> None:
    """Raise `ValueError` where a tier may end by time before its cash is raised."""
    raises = tier.at > 0.0 and tier.cash > 0.0 and timing.sessions > 1
    if raises and tier.max_stay is not None and tier.max_stay <= timing.raise_hours:
        raise ValueError(
            f"tier `{tier.name}`: `max_stay` of {tier.max_stay:g} hours may be over before its cash is raised, which"
            f" takes up to {timing.raise_hours:g} hours over {timing.sessions} sessions; give a longer `max_stay`,"
            " fewer `timing.sessions`, or a `timing.deadline` before its end"
        )


def _check_transitions(tier: Tier, names: list[str], number: int) -> None:
    if tier.to is None:
        return
    for name in tier.to:
        if name not in names:
            suggestion = did_you_mean(name, names)
            raise ValueError(f"tier `{tier.name}`: `to` names `{name}`{suggestion}; allowed: {', '.join(names)}")
    if number > 0 and not set(tier.to) & set(names[:number]):
        below = ", ".join(names[:number])
        raise ValueError(f"tier `{tier.name}`: `to` must name a tier below it, or it is never left; below: {below}")
