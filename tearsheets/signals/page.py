"""A signal as one HTML page: its outputs, the asset and the basket on one axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from undertow.backtests.runs import session_rows
from undertow.market import DataError, InstantArray, Market, ParameterError
from undertow.signals.base import Spec
from undertow.signals.decisions import DecisionTable
from undertow.tearsheets.html.charts import line_trace, log_axis, panel_layout
from undertow.tearsheets.html.markup import (
    Html,
    facts,
    join,
    note,
    section,
    tag,
    write_atomic,
)
from undertow.tearsheets.html.page import assemble, check_html_path
from undertow.tearsheets.html.palette import BTC, HOLD, SERIES_COLOURS
from undertow.tearsheets.html.text import quantity, shortlist, title, value_text
from undertow.tearsheets.signals.missing import group_by_reason, missing_reason
from undertow.tearsheets.signals.tracks import (
    Track,
    asset_track,
    basket_track,
    parameter_values,
    select_outputs,
    signal_tracks,
    unit_of,
)

PANEL, GAP, MARGINS = 150, 40, 50  # pixels


def write_signal_page(
    signal: Any,
    market: Market,
    path: str | Path,
    *,
    parameters: Mapping[str, Any] | None = None,
    universe: str = "growth",
    output: str = "",
    asset: str = "BTC",
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
) -> Path:
    """Draw one signal as one self-contained HTML page and return its path.

    Every output has a panel between the price of the asset and the basket of the universe. A signal on the feed clock
    is drawn on that clock, once for each feed that supplies it; a signal on the session clock is drawn by session.
    Every value is drawn at the time at which it became known. A signal with a value for each name is drawn as the
    median of the members with its 10 % to 90 % band.

    Raises `ParameterError` for an invalid parameter, `UnknownNameError` for an unknown output or universe, `DataError`
    where a feed that the signal needs is missing or no value remains to draw.

    Args:
        signal: the signal or its `Spec`
        market: the market that supplies feeds and prices
        path: the file to write
        parameters: parameters by name, windows in hours on the feed clock; the defaults for the rest
        universe: the universe of the basket
        output: the only output to draw; by default all
        asset: the symbol of the feeds
        start: the first session to draw
        end: the last session to draw

        write_signal_page(Drawdown, market, "drawdown.html", parameters={"window": 720})
    """
    spec = getattr(signal, "spec", signal)
    if not isinstance(spec, Spec):
        raise ParameterError(f"{signal!r} is not a signal: it has no `spec`")
    check_html_path(path, "out")
    values = parameter_values(spec, parameters or {})
    table = DecisionTable(market, universe)
    rows = session_rows(market, start, end)
    span = market.sessions[rows.start].to_datetime64(), market.calendar.closes[rows.stop - 1]
    outputs = {
        name: [track.between(*span) for track in tracks]
        for name, tracks in signal_tracks(spec, table, values, select_outputs(spec, output), asset).items()
    }
    _refuse_empty(spec, table, outputs)
    missing = {
        name: missing_reason(table, spec, values, name, asset, span[1], ever=True)
        for name, tracks in outputs.items()
        if _is_empty(tracks)
    }
    track = asset_track(table, asset, spec.clock == "session")
    price = None if track is None else track.between(*span)
    panels = _Panels(spec, asset, price, outputs, missing, basket_track(table, rows))
    body = join(
        [
            _title(spec, table, rows),
            section("Signal", panels.element(), *_notes(table, outputs, missing)),
            _definition(spec, values),
        ]
    )
    page = assemble(title(spec.name), body, [panels.as_dict()], panels.x)
    return write_atomic(path, page.encode("utf-8"))


class _Panels:
    """The panels, from the top: the asset, each output, the basket."""

    def __init__(
        self,
        spec: Spec,
        asset: str,
        price: Track | None,
        outputs: Mapping[str, Sequence[Track]],
        missing: Mapping[str, str],
        basket: Track,
    ) -> None:
        self.clock: InstantArray = next(iter(outputs.values()))[0].at
        self.form = "%Y-%m-%d" if spec.clock == "session" else "%Y-%m-%d %H:%M"
        self.data: list[dict[str, Any]] = []
        self.headings: list[str] = []
        self.axes: list[dict[str, Any]] = []
        self.legend: list[tuple[str, str]] = []
        if price is not None and np.isfinite(price.lines).any():
            self._panel(f"{asset}, USD, logarithmic", log_axis(price.lines[:, 0]))
            self._line(asset, price, 0, BTC, ",.0f")
        for name, tracks in outputs.items():
            if name in missing:
                self._panel(f"{name}: no value", {"showticklabels": False, "showgrid": False})
                continue
            self._panel(name, {"nticks": 4})
            for number, track in enumerate(tracks):
                self._output(name, track, SERIES_COLOURS[number % len(SERIES_COLOURS)])
        self._panel(f"Basket of {basket.name}, growth of 1, logarithmic", log_axis(basket.lines[:, 0]))
        self._line("Basket", basket, 0, HOLD, ".2f")
        self.reach = pd.Timestamp(basket.at[0]).normalize(), pd.Timestamp(basket.at[-1]).ceil("D")

    def _panel(self, heading: str, axis: dict[str, Any]) -> None:
        self.headings.append(heading)
        self.axes.append(axis)

    def _output(self, name: str, track: Track, colour: str) -> None:
        label = f"{name}, {track.name}" if track.name else name
        is_band = track.lines.shape[1] > 1
        if is_band:
            self._line(f"{label}, 10 % of names", track, 0, colour, ".4g", width=0)
            self._line(f"{label}, 90 % of names", track, 2, colour, ".4g", width=0, fill=f"{colour}22")
        name, column = (f"{label}, median of names", 1) if is_band else (label, 0)
        self._line(name, track, column, colour, ".4g", width=1.2)
        if track.name and (track.name, colour) not in self.legend:
            self.legend.append((track.name, colour))

    def _line(
        self, name: str, track: Track, column: int, colour: str, form: str, width: float = 1.4, fill: str = ""
    ) -> None:
        trace = line_trace(name, track.lines[:, column], colour, len(self.axes), form, width=width)
        if fill:
            trace |= {"fill": "tonexty", "fillcolor": fill}
        if not np.array_equal(track.at, self.clock):
            trace["x"] = _stamps(track.at)
        self.data.append(trace)

    @property
    def height(self) -> int:
        """Pixels: every panel has the same height, whatever their number."""
        return PANEL * len(self.axes) + GAP * (len(self.axes) - 1) + MARGINS

    def element(self) -> Html:
        """The legend and the box that the script of the page draws into."""
        keys = (
            tag("li", tag("span", kind="key", style=f"border-top:3px solid {ink}"), name) for name, ink in self.legend
        )
        box = tag(
            "div", id="signal", kind="chart", role="img", aria_label="; ".join(self.headings), style=self._style()
        )
        return tag("figure", tag("ul", *(keys if len(self.legend) > 1 else ()), kind="legend"), box)

    def _style(self) -> str:
        return f"height:{self.height}px"

    @property
    def x(self) -> list[str]:
        """The times of traces that have no `x`."""
        return _stamps(self.clock)

    def as_dict(self) -> dict[str, Any]:
        """The input of the script that draws the page."""
        layout = panel_layout(self.reach, self.headings, [1.0] * len(self.axes), self.axes)
        layout["xaxis"]["hoverformat"] = self.form
        layout["hoversubplots"] = "axis"
        inner = self.height - MARGINS
        for number, heading in enumerate(layout["annotations"]):
            top = 1.0 - number * (PANEL + GAP) / inner
            axis = layout[f"yaxis{number + 1}" if number else "yaxis"]
            axis["domain"] = [round(max(top - PANEL / inner, 0.0), 4), round(top, 4)]
            heading["y"] = round(top, 4)
        return {"id": "signal", "data": self.data, "layout": layout}


def _stamps(at: InstantArray) -> list[str]:
    return [str(instant) for instant in at.astype("datetime64[m]")]


def _refuse_empty(spec: Spec, table: DecisionTable, outputs: Mapping[str, Sequence[Track]]) -> None:
    if all(map(_is_empty, outputs.values())):
        absent = "; ".join(table.absent.values())
        reason = "its look-back is not full by `end`, or its inputs are missing"
        raise DataError(f"`{spec.name}` has no value to draw: {f'the market has {absent}' if absent else reason}")


def _is_empty(tracks: Sequence[Track]) -> bool:
    return all(np.isnan(track.lines).all() for track in tracks)


def _notes(table: DecisionTable, outputs: Mapping[str, Sequence[Track]], missing: Mapping[str, str]) -> list[Html]:
    notes = [note("Every value is drawn at the time at which it became known, in UTC.")]
    if missing:
        notes.append(note(f"Without a value: {group_by_reason(missing)}."))
    if table.absent:
        notes.append(note(f"Missing in this market: {'; '.join(table.absent.values())}."))
    if any(track.lines.shape[1] > 1 for tracks in outputs.values() for track in tracks):
        notes.append(note("The line is the median of the universe's members; the band holds 80 % of them."))
    return notes


def _title(spec: Spec, table: DecisionTable, rows: slice) -> Html:
    sessions = table.market.sessions[rows]
    about = [
        f"Universe {table.universe.name}",
        f"{sessions[0].date()} to {sessions[-1].date()}",
        quantity(len(sessions), "session"),
        f"market {table.market.name}",
    ]
    return tag(
        "header",
        tag("p", "Undertow signal", kind="eyebrow"),
        tag("h1", title(spec.name)),
        tag("p", spec.summary, kind="about"),
        tag("p", *(tag("span", item) for item in about), kind="about"),
    )


def _definition(spec: Spec, values: Mapping[str, float]) -> Html:
    pairs = [
        (name, f"{value_text(float(value))} {unit_of(spec, spec.parameters[name])}") for name, value in values.items()
    ]
    inputs = [f"{kind} {column}" for kind, column in spec.inputs.values()]
    return section(
        "Definition",
        facts([*pairs, ("Inputs", shortlist(inputs, 8)), ("Clock", spec.clock)]),
        note(f"Units: {spec.units}."),
        note(f"Source: {spec.source}."),
    )
