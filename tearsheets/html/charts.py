"""Interactive charts as plain plotly figures: data and layout, values as 32-bit arrays."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from undertow.market.clock import FloatArray
from undertow.tearsheets.html.markup import Html, tag
from undertow.tearsheets.html.palette import GRID, INK, QUIET, log_ticks, span, tick_text

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
GAP = 0.075


@dataclass(frozen=True)
class Chart:
    """A figure with its place in the page, its legend and a text for those who cannot see it."""

    id: str
    data: list[dict[str, Any]]
    layout: dict[str, Any]
    legend: tuple[tuple[str, str, str], ...]
    alt: str
    size: str = "tall"

    def place(self) -> Html:
        """The legend and the empty box that the page's script draws into."""
        keys = (tag("li", _key(ink, dash), name) for name, ink, dash in self.legend)
        box = tag("div", id=self.id, kind=f"chart {self.size}", role="img", aria_label=self.alt)
        return tag("figure", tag("ul", *keys, kind="legend"), box)

    def drawn(self) -> dict[str, Any]:
        """What the page's script needs."""
        return {"id": self.id, "data": self.data, "layout": self.layout}


_MARKS = {"mark": "\N{BLACK DOWN-POINTING TRIANGLE}", "ring": "\N{WHITE CIRCLE}"}


def _key(ink: str, dash: str) -> Html:
    if dash in _MARKS:
        return tag("span", _MARKS[dash], kind="mark", style=f"color:{ink}", aria_hidden="true")
    return tag("span", kind="key", style=f"border-top:3px {dash} {ink}")


def packed(values: FloatArray) -> dict[str, str]:
    """Values (T,) as plotly reads them: little-endian 32-bit floats in base 64, about seven digits."""
    return {"dtype": "f4", "bdata": base64.b64encode(np.asarray(values, dtype="<f4").tobytes()).decode("ascii")}


def dates(index: pd.DatetimeIndex) -> list[str]:
    """Sessions as text."""
    return [str(each) for each in index.to_numpy().astype("datetime64[D]")]


def line(name: str, values: FloatArray, colour: str, panel: int, form: str, **line_style: Any) -> dict[str, Any]:
    """A line over the page's sessions in panel 1, 2, …; `form` is the number's format in the hover box."""
    return {
        "type": "scatter",
        "mode": "lines",
        # plotly reads a little HTML in names: what comes from outside is escaped for it too.
        "name": html.escape(name),
        "y": packed(values),
        "yaxis": f"y{panel}" if panel > 1 else "y",
        "line": {"color": colour, "width": 1.6, **line_style},
        "hovertemplate": f"%{{y:{form}}}",
    }


def steps(name: str, values: FloatArray, colour: str, panel: int, **line_style: Any) -> dict[str, Any]:
    """A share (0-1) that holds from one session to the next."""
    return line(name, values, colour, panel, ".0%", **{"shape": "hv", "width": 1.2, **line_style})


def stacked(
    days: tuple[pd.Timestamp, pd.Timestamp],
    headings: Sequence[str],
    heights: Sequence[float],
    axes: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """The layout of panels one below the other that share the days from the first to the last."""
    bottoms, tops = _domains(heights)
    last = f"y{len(axes)}" if len(axes) > 1 else "y"
    layout: dict[str, Any] = {
        "font": {"family": FONT, "size": 12, "color": QUIET},
        "margin": {"l": 46, "r": 10, "t": 24, "b": 26},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": "#ffffff", "bordercolor": GRID, "font": {"family": FONT, "size": 12, "color": INK}},
        "xaxis": {
            "type": "date",
            "range": dates(pd.DatetimeIndex(days)),
            "anchor": last,
            "showgrid": False,
            "linecolor": GRID,
            "ticks": "outside",
            "tickcolor": GRID,
            "hoverformat": "%Y-%m-%d",
        },
        "annotations": [_heading(text, top) for text, top in zip(headings, tops, strict=True)],
    }
    for number, (axis, low, high) in enumerate(zip(axes, bottoms, tops, strict=True), start=1):
        layout[f"yaxis{number}" if number > 1 else "yaxis"] = {
            "domain": [low, high],
            "gridcolor": GRID,
            "zeroline": False,
            "fixedrange": True,
            **axis,
        }
    return layout


def log_axis(*curves: FloatArray) -> dict[str, Any]:
    """A logarithmic axis with round ticks around several curves."""
    low, high = span(*curves)
    ticks = log_ticks(low, high)
    return {
        "type": "log",
        "range": [round(float(np.log10(low)), 6), round(float(np.log10(high)), 6)],
        "tickvals": ticks,
        "ticktext": [tick_text(each) for each in ticks],
    }


def share_axis(**extra: Any) -> dict[str, Any]:
    """An axis in percent."""
    return {"tickformat": ".0%", "nticks": 5, **extra}


def _domains(heights: Sequence[float]) -> tuple[list[float], list[float]]:
    room = 1.0 - GAP * (len(heights) - 1)
    parts = np.asarray(heights) / np.sum(heights) * room
    tops = 1.0 - np.concatenate(([0.0], np.cumsum(parts + GAP)[:-1]))
    return [round(float(x), 4) for x in np.maximum(tops - parts, 0.0)], [round(float(x), 4) for x in tops]


def _heading(text: str, top: float) -> dict[str, Any]:
    return {
        "text": html.escape(text),
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": top,
        "xanchor": "left",
        "yanchor": "bottom",
        "yshift": 3,
        "showarrow": False,
        "font": {"size": 12, "color": INK},
    }
