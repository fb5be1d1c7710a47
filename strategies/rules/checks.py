"""Checks of a condition's signal: its names, parameters, bars and universe."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from undertow.market import PRICE_FIELDS, DataError, ParameterError, Span, UndertowError, did_you_mean
from undertow.signals.base import SIGNALS, Spec, load
from undertow.signals.decisions import Screen, is_screen

# Longer windows, in hours or sessions, are typos: more than eleven years of hours.
LONGEST_WINDOW = 100_000
_DAY_MINUTES = 1440.0


@lru_cache(maxsize=256)
def interval_hours(interval: str) -> float:
    """The hours of a bar from text such as 4h; 0 where it is empty.

    Raises `ValueError` unless bars of that length fill a day.
    """
    if not interval:
        return 0.0
    problem = f"`interval` must be the length of bars that fill a day, such as 15min, 1h, 4h or 1d; got {interval!r}"
    try:
        span = Span.parse(interval)
    except DataError:
        raise ValueError(problem) from None
    if not 0.0 < span.minutes <= _DAY_MINUTES or _DAY_MINUTES % span.minutes:
        raise ValueError(problem)
    return span.minutes / 60.0


def check_condition_bars(signal: str, spec: Spec, interval: str, hours: str, parameters: Mapping[str, float]) -> None:
    """Raise `ValueError` where a signal has no bars, or a window is shorter than one.

    Args:
        signal: name of the signal
        spec: its definition
        interval: length of its bars; empty for those of its feed
        hours: how hours are counted, "session" or "clock"
        parameters: parameters by name
    """
    length = interval_hours(interval)
    if spec.clock != "feed":
        for key, is_set in (("interval", bool(interval)), ("hours", hours != "session")):
            if is_set:
                raise ValueError(f"`{key}`: `{signal}` has one value a session, not one a bar; leave `{key}` out")
    for name, value in parameters.items():
        if spec.parameters[name].unit == "rows" and value < length:
            raise ValueError(
                f"`parameters`: `{name}` of `{signal}` must be a bar of {interval} ({length:g} hours) or longer, got"
                f" {value:g} hours"
            )


def check_universe_key(signal: str, spec: Spec, universe: str) -> None:
    """Raise `ValueError` where a signal reads no stocks, or a screen cannot be read."""
    if not universe:
        return
    if not any(kind == "prices" and column != "benchmark" for kind, column in spec.inputs.values()):
        raise ValueError(f"`universe`: `{signal}` reads no names of a universe; leave `universe` out")
    if is_screen(universe):
        try:
            Screen.parse(universe)
        except ParameterError as error:
            raise ValueError(f"`universe`: {error}") from None


@lru_cache(maxsize=4096)
def check_names(signal: str, fallback: str, output: str, parameters: tuple[str, ...]) -> None:
    """Raise `ValueError` on an unknown name; names that passed are not checked again.

    Args:
        signal: name of the signal
        fallback: name of the signal that is read where it has no value; empty without one
        output: name of the output; empty for the first
        parameters: names of the parameters
    """
    spec = _checked_spec("signal", signal, output, parameters)
    if not fallback:
        return
    other = _checked_spec("fallback", fallback, output, parameters)
    if (output or spec.outputs[0]) != (output or other.outputs[0]) or spec.clock != other.clock:
        raise ValueError(
            f"`fallback`: `{fallback}` gives `{other.outputs[0]}` on the {other.clock} clock, `{signal}` gives"
            f" `{spec.outputs[0]}` on the {spec.clock} clock; name an `output` that both have on one clock"
        )


def _checked_spec(key: str, name: str, output: str, parameters: tuple[str, ...]) -> Spec:
    try:
        signal = load(SIGNALS, name)
    except UndertowError as error:
        raise ValueError(f"`{key}`: {error}") from None
    spec = getattr(signal, "spec", signal)
    if not isinstance(spec, Spec):
        raise ValueError(f"`{key}`: `{name}` is not a signal")
    if (
        spec.clock == "session"
        and not spec.across_names
        and any(("prices", x) in spec.inputs.values() for x in PRICE_FIELDS)
    ):
        raise ValueError(f"`{key}`: `{name}` has one value a name; a condition needs one value a session")
    if output and output not in spec.outputs:
        suggestion = did_you_mean(output, spec.outputs)
        raise ValueError(f"`output`: `{name}` has no output `{output}`{suggestion}; allowed: {_list(spec.outputs)}")
    for parameter in parameters:
        if parameter not in spec.parameters:
            suggestion, allowed = did_you_mean(parameter, spec.parameters), _list(spec.parameters)
            raise ValueError(f"`parameters`: `{name}` has no parameter `{parameter}`{suggestion}; allowed: {allowed}")
    return spec


def check_parameter(signal: str, spec: Spec, name: str, value: float) -> None:
    """Raise `ValueError` where a parameter has a value that makes no sense.

    Args:
        signal: name of the signal
        spec: its definition
        name: name of the parameter
        value: its value, lengths in hours or sessions
    """
    parameter = spec.parameters[name]
    if parameter.unit == "rows":
        rule, valid = f"hours in (0, {LONGEST_WINDOW}]", 0 < value <= LONGEST_WINDOW
    elif parameter.whole:
        rule = f"a whole number of {parameter.unit} in [1, {LONGEST_WINDOW}]"
        valid = 1 <= value <= LONGEST_WINDOW and value == int(value)
    else:
        rule, valid = "a finite number", math.isfinite(value)
    if not valid:
        raise ValueError(f"`parameters`: `{name}` of `{signal}` must be {rule}, got {value:g}")


def _list(names: Any) -> str:
    return ", ".join(names) or "none"
