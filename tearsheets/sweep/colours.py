"""Diverging colours of a heat map around one value, within the range of its cells."""

from __future__ import annotations

from typing import Any

import numpy as np

from undertow.market import FloatArray

# Red, green and blue by stop, from worse than the middle value to better, as in the months of a tearsheet.
STOPS = (0.0, 0.25, 0.5, 0.75, 1.0)
RED, GREEN, BLUE = (179, 233, 247, 170, 11), (68, 184, 247, 205, 92), (10, 150, 245, 238, 173)
# Where all cells lie on one side, the colour of the nearest is this far from the middle, so that it is not white.
NEAREST_DEPTH = 0.12


def diverging_colours(cells: FloatArray, middle: float, *, less_is_better: bool = False) -> dict[str, Any]:
    """Colours for cells (R, C): blue is better than `middle`, orange is worse.

    The scale runs from the lowest cell to the highest; NaN cells are blank. If both lie on one side of `middle`, the
    scale has one hue, from pale for the nearest cell to dark for the farthest; else equal distances have equal depth.
    """
    known = cells[np.isfinite(cells)]
    if not len(known):
        return {"colorscale": _scale(0.0, 1.0, less_is_better), "zmin": 0.0, "zmax": 1.0, "showscale": False}
    low, high = float(known.min()), float(known.max())
    first, last = _position(low, low, high, middle), _position(high, low, high, middle)
    if low == high:
        # plotly needs a range; a colour bar would show values that no cell has.
        return {
            "colorscale": _scale(first, first, less_is_better),
            "zmin": low - 1.0,
            "zmax": low + 1.0,
            "showscale": False,
        }
    return {"colorscale": _scale(first, last, less_is_better), "zmin": low, "zmax": high, "showscale": True}


def _position(value: float, low: float, high: float, middle: float) -> float:
    """The position of a value in the colours, 0 to 1, with `middle` at 0.5."""
    side = float(np.sign(value - middle))
    far = max(high - middle, middle - low)
    depth = abs(value - middle) / far if far > 0.0 else 0.0
    if (low > middle or high < middle) and high > low:
        nearest = min(abs(low - middle), abs(high - middle))
        depth = NEAREST_DEPTH + (1.0 - NEAREST_DEPTH) * (abs(value - middle) - nearest) / (far - nearest)
    return 0.5 + 0.5 * side * depth


def _scale(first: float, last: float, less_is_better: bool) -> list[list[Any]]:
    """The part of the colours between two positions, as plotly takes it."""
    span = last - first
    inner = [position for position in STOPS if first < position < last]
    positions = [first, *inner, last]
    colours = [_colour(1.0 - position if less_is_better else position) for position in positions]
    stops = [(position - first) / span if span > 0.0 else float(number) for number, position in enumerate(positions)]
    return [[round(stop, 6), colour] for stop, colour in zip(stops, colours, strict=True)]


def _colour(position: float) -> str:
    red, green, blue = (round(float(np.interp(position, STOPS, part))) for part in (RED, GREEN, BLUE))
    return f"#{red:02x}{green:02x}{blue:02x}"
