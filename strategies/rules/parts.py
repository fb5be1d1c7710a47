"""The parts of a rule: small frozen records that combine freely."""

from __future__ import annotations

import math
from functools import cache
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from undertow.market import did_you_mean
from undertow.signals.base import SIGNALS, Spec, load, refuse_code
from undertow.signals.decisions import CountedHours, Screen, SignalSource, is_screen
from undertow.strategies.rules.checks import (
    check_condition_bars,
    check_names,
    check_parameter,
    check_universe_key,
    interval_hours,
)
from undertow.strategies.rules.levels import check_level


def _not_text(value: Any) -> Any:
    if isinstance(value, bool | str):
        raise ValueError(f"must be a whole number, got {value!r}")
    return value


# Strict: neither a truth value nor text passes for a number; whole numbers pass for floats.
Number = Annotated[float, Field(strict=True)]
Share = Annotated[float, Field(ge=0.0, le=1.0, strict=True, allow_inf_nan=False)]
Hours = Annotated[float, Field(ge=0.0, le=8760.0, strict=True, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0.0, strict=True, allow_inf_nan=False)]
Sessions = Annotated[int, BeforeValidator(_not_text), Field(ge=1, le=60)]
Combine = Literal["any", "all", "score"]
Read = Literal["worst", "now"]

WATCH, ALARM = 0.5, 1.0
_ROUNDING = 1e-9


@cache
def _keys(part_class: type[BaseModel]) -> frozenset[str]:
    return frozenset(part_class.model_fields)


class Part(BaseModel):
    """A part of a rule: frozen, compared by value, and strict about its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, values: Any) -> Any:
        if isinstance(values, dict) and not values.keys() <= _keys(cls):
            key = next(key for key in values if key not in cls.model_fields)
            suggestion = did_you_mean(str(key), cls.model_fields)
            raise ValueError(f"unknown key `{key}`{suggestion}; allowed: {', '.join(cls.model_fields)}")
        return values


class Condition(Part):
    """A signal against its levels: ok, watch or alarm, with hysteresis.

    A level must be one that some values of the signal reach and others do not, by the signal's bounds. NaN: a condition
    whose signal is NaN is unknown; an alarm that was on stays on.

    Args:
        signal: name of a signal
        output: the output that is read; the signal's first where empty
        parameters: parameters of the signal by name, windows of feed signals in hours
        asset: the crypto asset whose feeds the signal reads
        above: alarm at or above this level; give `above` or `below`
        below: alarm at or below this level
        watch: a milder level
        leave: level on the calm side of which an alarm goes off; the alarm's level where None
        interval: length of the bars on which a feed signal is computed, such as "4h", each known when it has closed;
            those of the feed where empty
        hours: of bars that keep exchange hours, whether hours are those of trading ("session") or of the clock
        universe: universe, screen or symbol whose names the signal reads; that of the run where empty
        read: "worst" (the most alarming value since the previous decision, so that a weekend cascade which has
            recovered is seen) or "now" (the value at the decision); None: "worst" for feed signals
        lag: hours; that of the rule's timing where None
        fallback: a signal with the same output, parameters and clock, read where the first has no value
        weight: weight of the condition in a trigger with combine "score"
        title: name of the condition on pages
        label: kind of shock; that of the signal where empty
    """

    # Whether a level may be the end of the range, which every value reaches.
    _open_ended: ClassVar[bool] = False

    signal: str
    output: str = ""
    parameters: dict[str, Number] = Field(default_factory=dict)
    asset: str = "BTC"
    above: Number | None = None
    below: Number | None = None
    watch: Number | None = None
    leave: Number | None = None
    interval: str = ""
    hours: CountedHours = "session"
    universe: str = ""
    read: Read | None = None
    lag: Hours | None = None
    fallback: str = ""
    weight: Positive = 1.0
    title: str = ""
    label: str = ""

    @property
    def spec(self) -> Spec:
        """The definition of the signal."""
        signal = load(SIGNALS, self.signal)
        return getattr(signal, "spec", signal)  # type: ignore[no-any-return]

    @property
    def level(self) -> float:
        """The value at which the alarm goes on."""
        return float(self.above if self.above is not None else self.below)  # type: ignore[arg-type]

    @property
    def side(self) -> float:
        """1 where high values alarm, -1 where low ones do."""
        return 1.0 if self.above is not None else -1.0

    @property
    def how(self) -> Literal["last", "min", "max"]:
        """How `align` reads the signal; signals with one value a session by their last."""
        read = self.read or ("worst" if self.spec.clock == "feed" else "now")
        if read == "now":
            return "last"
        return "max" if self.side > 0 else "min"

    @property
    def name(self) -> str:
        """The title, or else the signal, with its output, bars and universe."""
        if self.title:
            return self.title
        outputs = self.spec.outputs
        output = (self.output or outputs[0]) if len(outputs) > 1 or self.output else ""
        return " ".join(part for part in (self.signal, output, self.interval, self.universe) if part)

    @property
    def source(self) -> SignalSource:
        """Where the signal is read, as the decision table is requested."""
        return SignalSource(self.output, self.asset, interval_hours(self.interval), self.universe, self.hours)

    def model_post_init(self, _: Any) -> None:
        """Check the fields together, once: not again for each rule that has the part."""
        self._check_levels()
        self._check_signal()

    def _check_levels(self) -> None:
        if (self.above is None) == (self.below is None):
            raise ValueError("give either `above` or `below`: the level at which the alarm goes on")
        level, side = self.level, self.side
        for key, value in (("watch", self.watch), ("leave", self.leave)):
            if value is not None and (value - level) * side > 0:
                bound = "at most" if side > 0 else "at least"
                raise ValueError(f"`{key}` must lie on the calm side of the alarm, {bound} {level:g}; got {value:g}")
        for value in (level, self.watch, self.leave):
            if value is not None and not math.isfinite(value):
                raise ValueError(f"a level must be a finite number, got {value}")

    def _check_signal(self) -> None:
        # Names that passed are not checked again: what a file may name is decided before.
        refuse_code(self.signal)
        refuse_code(self.fallback)
        check_names(self.signal, self.fallback, self.output, tuple(self.parameters))
        spec, side = self.spec, self.side
        for name, value in self.parameters.items():
            check_parameter(self.signal, spec, name, value)
        check_condition_bars(self.signal, spec, self.interval, self.hours, self.parameters)
        check_universe_key(self.signal, spec, self.universe)
        levels = {"above": self.above, "below": self.below, "watch": self.watch, "leave": self.leave}
        for key, level in levels.items():
            if level is not None:
                check_level(key, level, side, spec, self.output, open_ended=self._open_ended)


class Trigger(Part):
    """Conditions and how they combine to a score in [0, 1].

    Args:
        when: the conditions
        combine: "any": the most alarming condition (1 alarm, 0.5 watch, 0 ok); "all": the least alarming; "score": the
            mean weighted by `weight`
        known: share of the weight that must be known for a "score"

    Unknown conditions leave "any" and "all" unknown unless the known ones settle the score, and drop out of "score".
    """

    when: Annotated[tuple[Condition, ...], Field(min_length=1)]
    combine: Combine = "any"
    known: Share = 0.5


class Gate(Condition):
    """A condition that scales the score by `scale` while it is on; 0 is a veto.

    Read at the decision itself, by its last value, unless `lag` and `read` are set. Where it is unknown the score is
    not scaled. Sessions on which gates kept the score from a tier are counted and recorded.
    """

    read: Read | None = "now"
    lag: Hours | None = 0.0
    scale: Share = 0.0


class AllClear(Condition):
    """A condition for the return, read at the decision itself by its last value.

    `lag` and `read` change that. Its level may be the end of the range, which every value reaches: no new low for 0
    hours is always true.
    """

    _open_ended: ClassVar[bool] = True

    read: Read | None = "now"
    lag: Hours | None = 0.0


class Tier(Part):
    """A state of the rule, entered where the score is at or above `at`.

    After `min_stay` hours a tier is left once the score is below `leave` and the all-clear is on, and after `max_stay`
    hours at the latest, for the next one down. A hedge is put on and taken off at once. The tier with `at` 0 is calm:
    it has no stay and no `leave`.

    Args:
        name: lower-case name
        at: score at which the tier is entered
        leave: score below which it may be left, at most `at`; None: any score
        cash: share of capital taken out of stocks
        hedge: share of capital sold short, at most what stays in stocks; None: that of the tier below it, as far as so
            much stays in stocks, and 0 in the lowest: what a tier has put on stays on in higher ones
        min_stay: shortest stay, hours
        max_stay: longest stay, hours; None: no limit
        to: names of the tiers that may follow; None: any
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    at: Share = 0.0
    leave: Share | None = None
    cash: Share = 0.0
    hedge: Share | None = None
    min_stay: Hours = 0.0
    max_stay: Hours | None = None
    to: tuple[str, ...] | None = None

    def model_post_init(self, _: Any) -> None:
        """Check that the calm tier has no stay, and that no numbers contradict."""
        if self.at == 0.0 and (self.leave is not None or self.min_stay > 0.0 or self.max_stay is not None):
            raise ValueError(
                f"tier `{self.name}`: `at` 0 is calm, which has no `leave`, `min_stay` or `max_stay`; give `at`, the"
                " score at which it is entered, or leave them out"
            )
        if self.leave is not None and self.leave > self.at:
            raise ValueError(
                f"tier `{self.name}`: `leave` must be at most `at`, or it is left as soon as it is entered; got"
                f" {self.leave:g} above {self.at:g}"
            )
        if self.max_stay is not None and self.min_stay > self.max_stay:
            raise ValueError(
                f"tier `{self.name}`: `min_stay` must be at most `max_stay`, got {self.min_stay:g} and"
                f" {self.max_stay:g} hours"
            )
        # Shares such as 0.7 and 0.3 may add up to a rounding above 1.
        hedge = self.hedge or 0.0
        if self.cash + hedge > 1.0 + _ROUNDING:
            raise ValueError(
                f"tier `{self.name}`: `cash` and `hedge` must add up to 1 or less, or more is sold short than is held;"
                f" got {self.cash:g} and {hedge:g}"
            )


class Timing(Part):
    """When a trigger is acted on, and how fast the cash is raised.

    Args:
        lag: hours on the 24/7 clock from when the trigger was known to the decision
        sessions: number of sessions over which the cash is raised
        deadline: hours since the tier was entered by which all the cash is raised, at once where fewer than `sessions`
            remain; None: no limit

    A tier's longest stay must be longer than the raise, or it could end before the cash is raised.
    """

    lag: Hours = 24.0
    sessions: Sessions = 1
    deadline: Hours | None = None

    @property
    def raise_hours(self) -> float:
        """Hours within which all the cash is raised, whatever the weekends and holidays.

        With every session a day, a weekend of two more days in five sessions, and a holiday: the deadline if sooner.
        """
        steps = self.sessions - 1
        longest = 24.0 * (steps + 2 * math.ceil(steps / 5) + 1) if steps else 0.0
        return longest if self.deadline is None or not steps else min(longest, self.deadline)


class Destination(Part):
    """Where raised cash goes: a share of it into a basket, the remainder stays cash.

    Args:
        basket: an equally weighted universe, or screen; empty: none
        share: share of the raised cash that goes into the basket
        hedge_symbol: what a tier's `hedge` sells short; the market's benchmark where empty
    """

    basket: str = ""
    share: Share = 1.0
    hedge_symbol: str = ""

    def model_post_init(self, _: Any) -> None:
        """Check that a share has a basket, and that a screen can be read."""
        if not self.basket and self.share != 1.0:
            raise ValueError(
                f"`share` can only be used with `basket`, the universe it goes into; got {self.share:g} without one"
            )
        if is_screen(self.basket):
            Screen.parse(self.basket)


class Reentry(Part):
    """How the money comes back.

    Args:
        when: the all-clear: conditions that must all be on for a tier to be left
        steps: number of equal steps, one a session, in which the money comes back
        wrong: the stop on being wrong: decimal rise of stocks since a tier was last entered from below or started
            again, after which everything comes back, whatever `to` allows; None: no stop
        cool_down: hours after a return to calm in which no tier is entered
    """

    when: tuple[AllClear, ...] = ()
    steps: Sessions = 1
    wrong: Positive | None = None
    cool_down: Hours = 0.0

    def model_post_init(self, _: Any) -> None:
        """Check that the stop is a decimal."""
        if self.wrong is not None and self.wrong > 1.0:
            raise ValueError(f"`wrong` must be a decimal rise in (0, 1], got {self.wrong:g}; 4 % is 0.04")
