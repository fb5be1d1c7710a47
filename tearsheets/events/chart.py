"""The chart of an event: BTC and the benchmark around the day, on one time axis."""

from __future__ import annotations

import numpy as np
import pandas as pd

from undertow.market import BoolArray, InstantArray
from undertow.signals.decisions import DecisionTable
from undertow.tearsheets.events.values import rows_around
from undertow.tearsheets.html.charts import Chart, line_trace, panel_layout
from undertow.tearsheets.html.palette import BENCHMARK, BTC, MUTED
from undertow.tearsheets.signals.tracks import Track, asset_track

MARGIN_SESSIONS = 4  # sessions drawn to either side of the decisions


def event_chart(decision_table: DecisionTable, row: int, name: str) -> Chart | None:
    """BTC and the benchmark around a day, with the decisions and the session marked.

    None where the market has neither.

    Args:
        decision_table: the decision table of the market
        row: the row of the session
        name: the name of the chart's element in the page
    """
    calendar, rows = decision_table.market.calendar, rows_around(decision_table, row)
    first, last = max(rows[0] - MARGIN_SESSIONS, 0), min(rows[-1] + MARGIN_SESSIONS, len(decision_table) - 1)
    span = calendar.opens[first], calendar.closes[last]
    tracks = [
        (label, track.between(*span), colour)
        for label, track, colour in _tracks(decision_table)
        if np.isfinite(track.between(*span).lines).any()
    ]
    if not tracks:
        return None
    data = []
    for panel, (label, track, colour) in enumerate(tracks, start=1):
        drawn = line_trace(label, track.lines[:, 0], colour, panel, ",.5g", width=1.5)
        data.append({**drawn, "x": [str(instant) for instant in track.at.astype("datetime64[m]")]})
    axes = [{"nticks": 4, "tickformat": ",.5~g"}] * len(tracks)
    days = pd.Timestamp(span[0]).normalize(), pd.Timestamp(span[1]).ceil("D")
    layout = panel_layout(days, [label for label, *_ in tracks], [1.0] * len(tracks), axes)
    layout["xaxis"]["hoverformat"] = "%Y-%m-%d %H:%M"
    layout["shapes"] = [_vertical_line(decision_table.decisions.at[decision]) for decision in rows]
    layout["shapes"].append(_shaded_area(calendar.opens[row], calendar.closes[row]))
    return Chart(name, data, layout, (), f"{' and '.join(label for label, *_ in tracks)} around the day", "small")


def _tracks(decision_table: DecisionTable) -> list[tuple[str, Track, str]]:
    tracks = []
    bitcoin = asset_track(decision_table, "BTC", by_session=False)
    if bitcoin is not None:
        tracks.append((f"BTC, USD, every {decision_table.market.bars('BTC').interval}", bitcoin, BTC))
    if decision_table.market.benchmark is not None:
        tracks.append(
            (f"{decision_table.market.benchmark}, at opens and closes", _benchmark(decision_table), BENCHMARK)
        )
    return tracks


def _benchmark(decision_table: DecisionTable) -> Track:
    market = decision_table.market
    column = market.prices.columns_of([str(market.benchmark)])[0]
    at: InstantArray = np.stack([market.calendar.opens, market.calendar.closes], axis=1).ravel()
    level_at = np.stack([market.prices.open[:, column], market.prices.close[:, column]], axis=1).ravel()
    known: BoolArray = np.isfinite(level_at)
    return Track("", at[known], level_at[known][:, None])


def _vertical_line(at: np.datetime64) -> dict[str, object]:
    moment = str(at.astype("datetime64[m]"))
    ink = {"color": MUTED, "width": 1, "dash": "dot"}
    return {"type": "line", "xref": "x", "yref": "paper", "x0": moment, "x1": moment, "y0": 0, "y1": 1, "line": ink}


def _shaded_area(start: np.datetime64, end: np.datetime64) -> dict[str, object]:
    x0, x1 = (str(instant.astype("datetime64[m]")) for instant in (start, end))
    shape = {"type": "rect", "xref": "x", "yref": "paper", "x0": x0, "x1": x1, "y0": 0, "y1": 1}
    return {**shape, "fillcolor": "#f5c9a3", "opacity": 0.6, "line": {"width": 0}, "layer": "below"}
