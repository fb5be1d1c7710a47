"""Colours of a heat map: they part at one value, and reach no further than its cells."""

from __future__ import annotations

from typing import Any

import numpy as np

from undertow.market.clock import FloatArray

# From worse than the value at which colours part to better, as the months of a tearsheet: red, green and blue by stop.
STOPS = (0.0, 0.25, 0.5, 0.75, 1.0)
RED, GREEN, BLUE = (179, 233, 247, 170, 11), (68, 184, 247, 205, 92), (10, 150, 245, 238, 173)
# Where all cells lie on one side the nearest is this much off the middle: it differs from the value, and shows it.
NEAREST = 0.12


def parted(cells: FloatArray, middle: float, *, less_is_better: bool = False) -> dict[str, Any]:
    """How plotly colours cells (R, C) that are blue where better than `middle` and orange where worse, NaN for blanks.

    The scale runs from the lowest cell to the highest. Where both lie on one side it has one hue, from pale for the
    nearest to dark for the farthest; else the same distance has the same depth on both sides.
    """
    known = cells[np.isfinite(cells)]
    if not len(known):
        return {"colorscale": _scale(0.0, 1.0, less_is_better), "zmin": 0.0, "zmax": 1.0, "showscale": False}
    low, high = float(known.min()), float(known.max())
    first, last = _place(low, low, high, middle), _place(high, low, high, middle)
    if low == high:
        # plotly needs a span; a bar would run to values where no cell is.
        return {
            "colorscale": _scale(first, first, less_is_better),
            "zmin": low - 1.0,
            "zmax": low + 1.0,
            "showscale": False,
        }
    return {"colorscale": _scale(first, last, less_is_better), "zmin": low, "zmax": high, "showscale": True}


def _place(value: float, low: float, high: float, middle: float) -> float:
    """The place of a value in the colours, 0 to 1: the middle of them is `middle`."""
    side = float(np.sign(value - middle))
    far = max(high - middle, middle - low)
    depth = abs(value - middle) / far if far > 0.0 else 0.0
    if (low > middle or high < middle) and high > low:
        near = min(abs(low - middle), abs(high - middle))
        depth = NEAREST + (1.0 - NEAREST) * (abs(value - middle) - near) / (far - near)
    return 0.5 + 0.5 * side * depth


def _scale(first: float, last: float, less_is_better: bool) -> list[list[Any]]:
    """The part of the colours between two places, as plotly takes it."""
    span = last - first
    inner = [place for place in STOPS if first < place < last]
    places = [first, *inner, last]
    colours = [_colour(1.0 - place if less_is_better else place) for place in places]
    at = [(place - first) / span if span > 0.0 else float(number) for number, place in enumerate(places)]
    return [[round(where, 6), colour] for where, colour in zip(at, colours, strict=True)]


def _colour(place: float) -> str:
    red, green, blue = (round(float(np.interp(place, STOPS, part))) for part in (RED, GREEN, BLUE))
    return f"#{red:02x}{green:02x}{blue:02x}"
