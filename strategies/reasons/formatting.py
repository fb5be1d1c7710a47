"""Values of conditions as text, equal in every sentence about a rule."""

from __future__ import annotations

from undertow.strategies.rules.parts import Condition


def format_distinct(value: float, *levels: float, digits: int = 4) -> str:
    """A value with enough digits to differ from every level that it is not equal to."""
    for precision in range(digits, 10):
        text = f"{value:.{precision}g}"
        if all(value == level or text != f"{level:.{precision}g}" for level in levels):
            return text
    return repr(value)


def is_decimal(condition: Condition) -> bool:
    """Whether a condition reads shares or returns, which are shown in percent."""
    spec = condition.spec
    return (condition.output or spec.outputs[0]) in spec.decimal


def format_number(value: float, *levels: float, decimal: bool, digits: int = 4) -> str:
    """A value as by `format_distinct`, in percent where it is a decimal.

    Args:
        value: the value
        levels: levels that it must not look equal to
        decimal: whether it is a share or return
        digits: the fewest significant digits
    """
    if not decimal:
        return format_distinct(value, *levels, digits=digits)
    return f"{format_distinct(100.0 * value, *(100.0 * level for level in levels), digits=digits)}%"


def format_value(condition: Condition, value: float, *levels: float) -> str:
    """A value, or a level, of a condition."""
    return format_number(value, *levels, decimal=is_decimal(condition))
