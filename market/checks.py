"""Checks of arguments on every floor: whole numbers, positive ones, shares."""

from __future__ import annotations

import math
from typing import TypeGuard

import numpy as np

from undertow.market.errors import ParameterError


def is_whole(value: object, minimum: int) -> bool:
    """Whether `value` is a whole number of `minimum` or more; True and False are not."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= minimum


def is_number(value: object) -> TypeGuard[float]:
    """Whether `value` is a finite number; text, NaN, True and False are not."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    return math.isfinite(value)


def check_whole(name: str, value: object, minimum: int, noun: str = "a whole number") -> None:
    """Raise `ParameterError` unless `value` is a whole number of `minimum` or more.

    Args:
        name: the parameter, for the message.
        value: its value.
        minimum: the least whole number allowed.
        noun: what the value must be, for the message.
    """
    if not is_whole(value, minimum):
        raise ParameterError(f"`{name}` must be {noun}, {minimum} or more, got {value!r}")


def check_positive(name: str, value: object) -> None:
    """Raise `ParameterError` unless `value` is a finite number above 0."""
    if not is_number(value) or not value > 0:
        raise ParameterError(f"`{name}` must be positive, a finite number, got {value!r}")


def check_share(name: str, value: object) -> None:
    """Raise `ParameterError` unless `value` is a number in [0, 1]."""
    if not is_number(value) or not 0.0 <= value <= 1.0:
        raise ParameterError(f"`{name}` must be a share in [0, 1], got {value!r}")


def in_decimals(value: float) -> float:
    """A percentage as a decimal, 15 as 0.15; below 2 the number may be a decimal."""
    return value / 100.0 if abs(value) >= 2.0 else value


def percent_hint(value: float, meant: float) -> str:
    """What a number probably meant: a fall as a rise, or percent as a decimal."""
    lead = "; a fall is negative:" if value > 0.0 > meant else ";"
    return f"{lead} {100.0 * abs(meant):g}% is {meant:g}"
