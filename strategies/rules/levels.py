"""Checks of levels: a level must separate some values of a signal from others."""

from __future__ import annotations

from undertow.market import in_decimals, percent_hint
from undertow.signals.base import CORRELATION, RANK, Bounds, Spec


def check_level(key: str, level: float, side: float, spec: Spec, output: str, *, open_ended: bool) -> None:
    """Raise `ValueError` unless only some values of an output reach `level`.

    Args:
        key: the key of the level, for the error
        level: the level
        side: 1 for above, -1 for below
        spec: the signal
        output: the output that is read; the first where empty
        open_ended: whether the end of the range is allowed, which every value reaches: such as a wait of 0 hours
    """
    bounds = spec.bounds_of(output)
    # The fast path: searches make thousands of rules, and nearly every level is well inside.
    if bounds.low < level < bounds.high:
        return
    if bounds.none_reaches(level, side):
        problem = "no value ever reaches it"
    elif bounds.all_reach(level, side) and not (open_ended and level in (bounds.low, bounds.high)):
        problem = "every value is at or beyond it"
    else:
        return
    name = output or spec.outputs[0]
    subject = f"`{spec.name}`" if len(spec.outputs) == 1 else f"`{spec.name}` {name}"
    raise ValueError(
        f"`{key}` must be a level that only some values of {subject} reach, which lie in {bounds} (units:"
        f" {spec.units}); got {level:g}: {problem}{_suggestion(level, side, bounds, name in spec.decimal)}"
    )


def _suggestion(level: float, side: float, bounds: Bounds, decimal: bool) -> str:
    """The decimal that was probably meant, else the nearest end of the range."""
    if decimal or bounds in (RANK, CORRELATION):
        for sign in (1.0, -1.0):
            meant = sign * in_decimals(level)
            if abs(meant) < 1.0 and not bounds.none_reaches(meant, side) and not bounds.all_reach(meant, side):
                return percent_hint(level, meant)
    if level >= bounds.high:
        return f"; use {'at most' if side > 0 else 'less than'} {bounds.high:g}"
    return f"; use {'at least' if side < 0 and not bounds.open_low else 'more than'} {bounds.low:g}"
