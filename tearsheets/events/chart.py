"""The picture above an event: BTC and the benchmark around the day, on one time axis."""

from __future__ import annotations

import numpy as np
import pandas as pd

from undertow.market.clock import BoolArray, InstantArray
from undertow.signals.decisions.table import DecisionTable
from undertow.tearsheets.events.values import shown_rows
from undertow.tearsheets.html.charts import Chart, line, stacked
from undertow.tearsheets.html.palette import BENCHMARK, BTC, QUIET
from undertow.tearsheets.signals.tracks import Track, asset_track

ROOM = 4  # sessions drawn to either side of the decisions


def event_chart(decided: DecisionTable, row: int, name: str) -> Chart | None:
    """BTC by the hour and the benchmark at opens and closes, decisions and the day marked; None without either."""
    calendar, shown = decided.market.calendar, shown_rows(decided, row)
    first, last = max(shown[0] - ROOM, 0), min(shown[-1] + ROOM, len(decided) - 1)
    reach = calendar.opens[first], calendar.closes[last]
    tracks = [
        (label, track.between(*reach), colour)
        for label, track, colour in _tracks(decided)
        if np.isfinite(track.between(*reach).lines).any()
    ]
    if not tracks:
        return None
    data = []
    for panel, (label, track, colour) in enumerate(tracks, start=1):
        drawn = line(label, track.lines[:, 0], colour, panel, ",.5g", width=1.5)
        data.append({**drawn, "x": [str(each) for each in track.at.astype("datetime64[m]")]})
    axes = [{"nticks": 4, "tickformat": ",.5~g"}] * len(tracks)
    days = pd.Timestamp(reach[0]).normalize(), pd.Timestamp(reach[1]).ceil("D")
    layout = stacked(days, [label for label, *_ in tracks], [1.0] * len(tracks), axes)
    layout["xaxis"]["hoverformat"] = "%Y-%m-%d %H:%M"
    layout["shapes"] = [_upright(decided.decisions.at[each]) for each in shown]
    layout["shapes"].append(_shaded(calendar.opens[row], calendar.closes[row]))
    return Chart(name, data, layout, (), f"{' and '.join(label for label, *_ in tracks)} around the day", "small")


def _tracks(decided: DecisionTable) -> list[tuple[str, Track, str]]:
    found = []
    bitcoin = asset_track(decided, "BTC", by_session=False)
    if bitcoin is not None:
        found.append((f"BTC, USD, every {decided.market.bars('BTC').interval}", bitcoin, BTC))
    if decided.market.benchmark is not None:
        found.append((f"{decided.market.benchmark}, at opens and closes", _benchmark(decided), BENCHMARK))
    return found


def _benchmark(decided: DecisionTable) -> Track:
    market = decided.market
    column = market.prices.columns_of([str(market.benchmark)])[0]
    at: InstantArray = np.stack([market.calendar.opens, market.calendar.closes], axis=1).ravel()
    level_at = np.stack([market.prices.open[:, column], market.prices.close[:, column]], axis=1).ravel()
    there: BoolArray = np.isfinite(level_at)
    return Track("", at[there], level_at[there][:, None])


def _upright(at: np.datetime64) -> dict[str, object]:
    moment = str(at.astype("datetime64[m]"))
    ink = {"color": QUIET, "width": 1, "dash": "dot"}
    return {"type": "line", "xref": "x", "yref": "paper", "x0": moment, "x1": moment, "y0": 0, "y1": 1, "line": ink}


def _shaded(start: np.datetime64, end: np.datetime64) -> dict[str, object]:
    x0, x1 = (str(each.astype("datetime64[m]")) for each in (start, end))
    place = {"type": "rect", "xref": "x", "yref": "paper", "x0": x0, "x1": x1, "y0": 0, "y1": 1}
    return {**place, "fillcolor": "#f5c9a3", "opacity": 0.6, "line": {"width": 0}, "layer": "below"}
