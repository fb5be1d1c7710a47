"""Whether a level says anything: levels that no value reaches, and levels that every value passes, are refused."""

from __future__ import annotations

from undertow.signals.base.bounds import CORRELATION, RANK, Bounds
from undertow.signals.base.spec import Spec


def check_level(key: str, level: float, side: float, spec: Spec, output: str, *, open_ended: bool) -> None:
    """Raise `ValueError` unless some values of an output can be at or beyond `level`, and others not.

    `side` is 1 for above and -1 for below. `open_ended` lets the very end of the range pass, which every value reaches:
    a wait of 0 hours is none.
    """
    bounds = spec.bounds_of(output)
    # Searches make rules by the thousand, and nearly every level is well inside.
    if bounds.low < level < bounds.high:
        return
    if bounds.none_reaches(level, side):
        problem = "no value ever reaches it"
    elif bounds.all_reach(level, side) and not (open_ended and level in (bounds.low, bounds.high)):
        problem = "every value is at or beyond it"
    else:
        return
    name = output or spec.outputs[0]
    what = f"`{spec.name}`" if len(spec.outputs) == 1 else f"`{spec.name}` {name}"
    raise ValueError(
        f"`{key}` must be a level that only some values of {what} reach, which lie in {bounds} (units: {spec.units});"
        f" got {level:g}: {problem}{_meant(level, side, bounds, name in spec.decimal)}"
    )


def _meant(level: float, side: float, bounds: Bounds, decimal: bool) -> str:
    """What to do: the decimal that was meant, if it is one, else the nearest end of the range."""
    if decimal or bounds in (RANK, CORRELATION):
        for sign in (1.0, -1.0):
            near = sign * in_decimals(level)
            if abs(near) < 1.0 and not bounds.none_reaches(near, side) and not bounds.all_reach(near, side):
                return percent_hint(level, near)
    if level >= bounds.high:
        return f"; use {'at most' if side > 0 else 'less than'} {bounds.high:g}"
    return f"; use {'at least' if side < 0 and not bounds.open_low else 'more than'} {bounds.low:g}"


def in_decimals(value: float) -> float:
    """A number that stands for percent as a decimal, 15 as 0.15; one below 2 as it is, which may be a decimal."""
    return value / 100.0 if abs(value) >= 2.0 else value


def percent_hint(value: float, meant: float) -> str:
    """What a number beyond its range was meant to be: a fall written as a rise, percent written as decimals."""
    lead = "; a fall is negative:" if value > 0.0 > meant else ";"
    return f"{lead} {100.0 * abs(meant):g}% is {meant:g}"
