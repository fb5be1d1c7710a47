"""Interactive charts as plotly data and layout, with values as 32-bit arrays."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from undertow.market import FloatArray
from undertow.tearsheets.html.markup import Html, tag
from undertow.tearsheets.html.palette import GRID, INK, MUTED, log_ticks, tick_text, value_range

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
PANEL_GAP = 0.075


@dataclass(frozen=True)
class Chart:
    """A chart: its element in the page, its legend and a text for screen readers.

    Args:
        id: the name of its element, unique in a page
        data: plotly traces; a trace without `x` is drawn over the sessions of the page
        layout: the plotly layout
        legend: name, colour and line style of each entry
        alt: the text for screen readers
        size: CSS classes that set its height
    """

    id: str
    data: list[dict[str, Any]]
    layout: dict[str, Any]
    legend: tuple[tuple[str, str, str], ...]
    alt: str
    size: str = "tall"

    def element(self) -> Html:
        """The legend and the empty box that the script of the page draws into."""
        keys = (tag("li", _legend_key(ink, dash), name) for name, ink, dash in self.legend)
        box = tag("div", id=self.id, kind=f"chart {self.size}", role="img", aria_label=self.alt)
        return tag("figure", tag("ul", *keys, kind="legend"), box)

    def as_dict(self) -> dict[str, Any]:
        """The input of the script that draws the page."""
        return {"id": self.id, "data": self.data, "layout": self.layout}


_SYMBOLS = {"mark": "\N{BLACK DOWN-POINTING TRIANGLE}", "ring": "\N{WHITE CIRCLE}"}


def _legend_key(ink: str, dash: str) -> Html:
    if dash in _SYMBOLS:
        return tag("span", _SYMBOLS[dash], kind="mark", style=f"color:{ink}", aria_hidden="true")
    return tag("span", kind="key", style=f"border-top:3px {dash} {ink}")


def encode_values(values: FloatArray) -> dict[str, str]:
    """Values (T,) as plotly reads them: 32-bit floats in base 64, about 7 digits."""
    return {"dtype": "f4", "bdata": base64.b64encode(np.asarray(values, dtype="<f4").tobytes()).decode("ascii")}


def iso_dates(index: pd.DatetimeIndex) -> list[str]:
    """Sessions as `2024-08-05`."""
    return [str(session) for session in index.to_numpy().astype("datetime64[D]")]


def line_trace(name: str, values: FloatArray, colour: str, panel: int, form: str, **line_style: Any) -> dict[str, Any]:
    """A line over the sessions of the page.

    Args:
        name: its name in the hover box
        values: one value a session (T,)
        colour: a CSS colour
        panel: the number of its panel, from 1
        form: the format of a value in the hover box
        line_style: further settings of the plotly line
    """
    return {
        "type": "scatter",
        "mode": "lines",
        # plotly interprets some HTML in names, so that they are escaped here too.
        "name": html.escape(name),
        "y": encode_values(values),
        "yaxis": f"y{panel}" if panel > 1 else "y",
        "line": {"color": colour, "width": 1.6, **line_style},
        "hovertemplate": f"%{{y:{form}}}",
    }


def step_trace(name: str, values: FloatArray, colour: str, panel: int, **line_style: Any) -> dict[str, Any]:
    """A share (0-1) that holds from one session to the next, drawn in steps.

    Args:
        name: its name in the hover box
        values: one share a session (T,)
        colour: a CSS colour
        panel: the number of its panel, from 1
        line_style: further settings of the plotly line
    """
    return line_trace(name, values, colour, panel, ".0%", **{"shape": "hv", "width": 1.2, **line_style})


def panel_layout(
    days: tuple[pd.Timestamp, pd.Timestamp],
    headings: Sequence[str],
    heights: Sequence[float],
    axes: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """The layout of panels one below the other on one time axis.

    Args:
        days: the first and the last day of the axis
        headings: the heading of each panel, from the top
        heights: the height of each panel, in any unit
        axes: the settings of each panel's vertical axis
    """
    bottoms, tops = _panel_domains(heights)
    last = f"y{len(axes)}" if len(axes) > 1 else "y"
    layout: dict[str, Any] = {
        "font": {"family": FONT, "size": 12, "color": MUTED},
        "margin": {"l": 46, "r": 10, "t": 24, "b": 26},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": "#ffffff", "bordercolor": GRID, "font": {"family": FONT, "size": 12, "color": INK}},
        "xaxis": {
            "type": "date",
            "range": iso_dates(pd.DatetimeIndex(days)),
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
    low, high = value_range(*curves)
    ticks = log_ticks(low, high)
    return {
        "type": "log",
        "range": [round(float(np.log10(low)), 6), round(float(np.log10(high)), 6)],
        "tickvals": ticks,
        "ticktext": [tick_text(tick) for tick in ticks],
    }


def share_axis(**extra: Any) -> dict[str, Any]:
    """An axis in percent."""
    return {"tickformat": ".0%", "nticks": 5, **extra}


def _panel_domains(heights: Sequence[float]) -> tuple[list[float], list[float]]:
    available = 1.0 - PANEL_GAP * (len(heights) - 1)
    parts = np.asarray(heights) / np.sum(heights) * available
    tops = 1.0 - np.concatenate(([0.0], np.cumsum(parts + PANEL_GAP)[:-1]))
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
