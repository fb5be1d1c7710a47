"""A rule: parts put together."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from undertow.market.errors import did_you_mean
from undertow.strategies.rules.parts import Condition, Destination, Gate, Part, Reentry, Tier, Timing, Trigger
from undertow.strategies.rules.sources import SOURCES

CALM = Tier(name="calm")
# Exact contributions are worked out over every subset of the drivers.
MOST_DRIVERS = 16


class Rule(Part):
    """Everything that a rule says; see `undertow.strategies.rules.parts` for what each part means.

    `tiers` are sorted by `at`, lowest first; a calm tier (nothing sold) is put before them unless the first one has
    `at` 0. `source` is the order in which names are sold. Timing and NaN are those of `Strategy`.
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
        """The tiers with calm as the first."""
        return self.tiers if self.tiers[0].at == 0.0 else (CALM, *self.tiers)

    def lag_of(self, condition: Condition) -> float:
        """How many hours after it was known a condition of the trigger is acted on."""
        return self.timing.lag if condition.lag is None else condition.lag

    @property
    def drivers(self) -> tuple[Condition, ...]:
        """What the score is made from: the conditions of the trigger, then the gates."""
        return (*self.trigger.when, *self.gates)

    @model_validator(mode="after")
    def _checked(self) -> Self:
        levels = [tier.at for tier in self.tiers]
        if sorted(set(levels)) != levels:
            raise ValueError(f"`tiers` must have rising `at`, got {', '.join(f'{level:g}' for level in levels)}")
        names = [tier.name for tier in self.ladder]
        if len(set(names)) < len(names):
            raise ValueError(f"`tiers` must have different names, got {', '.join(names)}")
        for place, tier in enumerate(self.ladder):
            _check_ways(tier, names, place)
        symbol = self.destination.hedge_symbol
        if symbol and not any(tier.hedge > 0.0 for tier in self.ladder):
            raise ValueError(f"`destination.hedge_symbol` {symbol!r} goes with a tier that has a `hedge`; none has")
        if self.source not in SOURCES:
            near = did_you_mean(self.source, SOURCES)
            raise ValueError(f"`source` must be one of {', '.join(SOURCES)}; got {self.source!r}{near}")
        if len(self.drivers) > MOST_DRIVERS:
            raise ValueError(f"a rule has at most {MOST_DRIVERS} conditions and gates, got {len(self.drivers)}")
        return self


def _check_ways(tier: Tier, names: list[str], place: int) -> None:
    if tier.to is None:
        return
    for name in tier.to:
        if name not in names:
            near = did_you_mean(name, names)
            raise ValueError(f"tier `{tier.name}`: `to` names `{name}`{near}; allowed: {', '.join(names)}")
    if place > 0 and not set(tier.to) & set(names[:place]):
        below = ", ".join(names[:place])
        raise ValueError(f"tier `{tier.name}`: `to` must name a tier below it, or it is never left; below: {below}")
