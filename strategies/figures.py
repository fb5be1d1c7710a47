"""Values of conditions as text, the same in every sentence about a rule."""

from __future__ import annotations


def apart(value: float, *levels: float, digits: int = 4) -> str:
    """A value in so many digits that it does not look like a level that it is not at."""
    for more in range(digits, 10):
        text = f"{value:.{more}g}"
        if all(value == level or text != f"{level:.{more}g}" for level in levels):
            return text
    return repr(value)
