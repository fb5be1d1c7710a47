"""Checks of arguments on every floor: whole numbers, positive ones, shares."""

from __future__ import annotations

import math
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from undertow.market.errors import ParameterError

# A median session above this is a level, not a return; one whose size is above it is in percent.
_LEVEL, _PERCENT = 0.5, 0.15
# Fewer returns than these are judged only by what no return can be.
_FEW = 5


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


def check_returns(name: str, values: Any) -> npt.NDArray[np.float64]:
    """Decimal session returns as an array; what is something else is refused.

    `values` is one series (T,) or a table of rules by sessions (M, T). Raises `ParameterError`, with the way to
    convert, on account values, growth of 1, gross returns (1 + r) and percent. Missing and infinite values are left to
    whoever uses them. A single session may lose everything or gain any share; half of the sessions may not.
    """
    try:
        returns = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ParameterError(
            f"`{name}` must be session returns, an array or a Series, such as run.returns; got {type(values).__name__}"
        ) from None
    for row, series in enumerate(np.atleast_2d(returns) if returns.ndim <= 2 else ()):
        problem = _not_returns(series[np.isfinite(series)])
        if problem:
            label = f"`{name}`" if returns.ndim < 2 else f"`{name}`, row {row + 1},"
            raise ParameterError(f"{label} must be decimal session returns, 0.01 for 1 %; {problem}")
    return returns


def _not_returns(series: npt.NDArray[np.float64]) -> str:
    """What a series is instead of returns, and how to convert it; empty for returns."""
    if not len(series):
        return ""
    if float(series.min()) < -1.0 - 1e-9:
        return f"the lowest is {series.min():g}, a loss of more than everything: divide percent by 100"
    middle = float(np.median(series))
    if len(series) >= _FEW and middle > _LEVEL:
        if middle > 2.0:
            return f"the median is {middle:,.6g}, which looks like account values: use values.pct_change().dropna()"
        moves = np.abs(np.diff(series))
        # Growth goes on from the session before; gross returns begin anew at 1.
        if float(np.median(moves)) < 0.5 * float(np.median(np.abs(series - 1.0))):
            return f"the median is {middle:.6g}, which looks like growth of 1: use growth.pct_change().dropna()"
        return f"the median is {middle:.6g}, which looks like gross returns, 1 + r: subtract 1"
    size = float(np.median(np.abs(series)))
    if len(series) >= _FEW and size > _PERCENT:
        return f"half of them move by more than {size:.3g}, which looks like percent: divide by 100"
    return ""
