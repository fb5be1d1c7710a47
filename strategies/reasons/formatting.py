"""Values of conditions as text, the same in every sentence about a rule."""

from __future__ import annotations

from undertow.strategies.rules.parts import Condition


def apart(value: float, *levels: float, digits: int = 4) -> str:
    """A value in so many digits that it does not look like a level that it is not at."""
    for more in range(digits, 10):
        text = f"{value:.{more}g}"
        if all(value == level or text != f"{level:.{more}g}" for level in levels):
            return text
    return repr(value)


def is_decimal(condition: Condition) -> bool:
    """Whether a condition reads shares or returns, which are format_value in percent."""
    spec = condition.spec
    return (condition.output or spec.outputs[0]) in spec.decimal


def figure(value: float, *levels: float, decimal: bool, digits: int = 4) -> str:
    """A value as in `apart`, in percent where it is a decimal."""
    if not decimal:
        return apart(value, *levels, digits=digits)
    return f"{apart(100.0 * value, *(100.0 * level for level in levels), digits=digits)}%"


def format_value(condition: Condition, value: float, *levels: float) -> str:
    """A value of a condition, or a level of its."""
    return figure(value, *levels, decimal=is_decimal(condition))
