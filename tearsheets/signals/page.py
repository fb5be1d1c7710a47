"""A signal as one HTML page: each output over the asset and the universe's basket, on one time axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from plotly.offline import get_plotlyjs

from undertow.backtests.runs.backtest import session_rows
from undertow.market.clock import InstantArray
from undertow.market.errors import DataError, ParameterError
from undertow.market.market import Market
from undertow.signals.base.spec import Spec
from undertow.signals.decisions.table import DecisionTable
from undertow.tearsheets.html.charts import line, log_axis, stacked
from undertow.tearsheets.html.markup import (
    Html,
    facts,
    fill,
    join,
    note,
    resource,
    script_json,
    section,
    tag,
    write_whole,
)
from undertow.tearsheets.html.palette import BTC, HOLD, MANY
from undertow.tearsheets.html.text import counted, listed, title, value_text
from undertow.tearsheets.signals.blanks import grouped, why_blank
from undertow.tearsheets.signals.tracks import (
    Track,
    asset_track,
    basket_track,
    chosen_outputs,
    chosen_parameters,
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
    """Draw one signal as one self-contained HTML page.

    Every output, or the one named `output`, has a panel of its own between the price of `asset` and the basket of
    `universe`. A signal on the feed clock is drawn on its own clock, once for each feed that supplies it, one on the
    session clock by session; every value stands where it became known. Windows in `parameters` are hours on the feed
    clock. A signal of many names is drawn as the median of the members with its 10 % to 90 % band.

    Raises `ParameterError` on a parameter, `UnknownNameError` on an output or universe, `DataError` where a feed that
    the signal needs is absent or nothing is left to draw. Returns the path.

        write_signal_page(Drawdown, market, "drawdown.html", parameters={"window": 720})
    """
    spec = getattr(signal, "spec", signal)
    if not isinstance(spec, Spec):
        raise ParameterError(f"{signal!r} is no signal: it has no `spec`")
    if Path(path).suffix != ".html" or Path(path).is_dir():
        raise ParameterError(f"`out` must be a file that ends in .html, got {str(path)!r}")
    given = chosen_parameters(spec, parameters or {})
    outputs = chosen_outputs(spec, output)
    table = DecisionTable(market, universe)
    rows = session_rows(market, start, end)
    reach = market.sessions[rows.start].to_datetime64(), market.calendar.closes[rows.stop - 1]
    found = {
        name: [each.between(*reach) for each in tracks]
        for name, tracks in signal_tracks(spec, table, given, outputs, asset).items()
    }
    _refuse_blank(spec, table, found)
    blank = {
        name: why_blank(table, spec, given, name, asset, reach[1], ever=True)
        for name, tracks in found.items()
        if _is_blank(tracks)
    }
    price = asset_track(table, asset, spec.clock == "session")
    shown = None if price is None else price.between(*reach)
    picture = _Picture(spec, asset, shown, found, blank, basket_track(table, rows))
    body = join(
        [
            _title(spec, table, rows),
            section("Signal", picture.place(), *_notes(table, found, blank)),
            _definition(spec, given),
        ]
    )
    page = fill(
        "page.html",
        title=f"{title(spec.name)} | Undertow",
        style=Html(resource("page.css")),
        body=body,
        plotly=Html(get_plotlyjs()),
        charts=script_json(picture.drawn()),
        scripts=Html(resource("scripts.html")),
    )
    return write_whole(path, page.encode("utf-8"))


class _Picture:
    """The panels, from the top: the asset, each output, the basket."""

    def __init__(
        self,
        spec: Spec,
        asset: str,
        price: Track | None,
        found: Mapping[str, Sequence[Track]],
        blank: Mapping[str, str],
        basket: Track,
    ) -> None:
        self.clock: InstantArray = next(iter(found.values()))[0].at
        self.form = "%Y-%m-%d" if spec.clock == "session" else "%Y-%m-%d %H:%M"
        self.data: list[dict[str, Any]] = []
        self.headings: list[str] = []
        self.axes: list[dict[str, Any]] = []
        self.legend: list[tuple[str, str]] = []
        if price is not None and np.isfinite(price.lines).any():
            self._panel(f"{asset}, USD, logarithmic", log_axis(price.lines[:, 0]))
            self._line(asset, price, 0, BTC, ",.0f")
        for name, tracks in found.items():
            if name in blank:
                self._panel(f"{name}: no value", {"showticklabels": False, "showgrid": False})
                continue
            self._panel(name, {"nticks": 4})
            for place, track in enumerate(tracks):
                self._output(name, track, MANY[place % len(MANY)])
        self._panel(f"Basket of {basket.name}, growth of 1, logarithmic", log_axis(basket.lines[:, 0]))
        self._line("Basket", basket, 0, HOLD, ".2f")
        self.reach = pd.Timestamp(basket.at[0]).normalize(), pd.Timestamp(basket.at[-1]).ceil("D")

    def _panel(self, heading: str, axis: dict[str, Any]) -> None:
        self.headings.append(heading)
        self.axes.append(axis)

    def _output(self, name: str, track: Track, colour: str) -> None:
        label = f"{name}, {track.name}" if track.name else name
        many = track.lines.shape[1] > 1
        if many:
            self._line(f"{label}, 10 % of names", track, 0, colour, ".4g", width=0)
            self._line(f"{label}, 90 % of names", track, 2, colour, ".4g", width=0, fill=f"{colour}22")
        self._line(f"{label}, median of names" if many else label, track, 1 if many else 0, colour, ".4g", width=1.2)
        if track.name and (track.name, colour) not in self.legend:
            self.legend.append((track.name, colour))

    def _line(
        self, name: str, track: Track, column: int, colour: str, form: str, width: float = 1.4, fill: str = ""
    ) -> None:
        drawn = line(name, track.lines[:, column], colour, len(self.axes), form, width=width)
        if fill:
            drawn |= {"fill": "tonexty", "fillcolor": fill}
        if not np.array_equal(track.at, self.clock):
            drawn["x"] = _stamps(track.at)
        self.data.append(drawn)

    @property
    def height(self) -> int:
        """Pixels: every panel has the same, however many there are."""
        return PANEL * len(self.axes) + GAP * (len(self.axes) - 1) + MARGINS

    def place(self) -> Html:
        """The legend and the box that the page's script draws into."""
        keys = (
            tag("li", tag("span", kind="key", style=f"border-top:3px solid {ink}"), name) for name, ink in self.legend
        )
        box = tag(
            "div", id="signal", kind="chart", role="img", aria_label="; ".join(self.headings), style=self._style()
        )
        return tag("figure", tag("ul", *(keys if len(self.legend) > 1 else ()), kind="legend"), box)

    def _style(self) -> str:
        return f"height:{self.height}px"

    def drawn(self) -> dict[str, Any]:
        """What the page's script needs."""
        layout = stacked(self.reach, self.headings, [1.0] * len(self.axes), self.axes)
        layout["xaxis"]["hoverformat"] = self.form
        layout["hoversubplots"] = "axis"
        inner = self.height - MARGINS
        for number, heading in enumerate(layout["annotations"]):
            top = 1.0 - number * (PANEL + GAP) / inner
            axis = layout[f"yaxis{number + 1}" if number else "yaxis"]
            axis["domain"] = [round(max(top - PANEL / inner, 0.0), 4), round(top, 4)]
            heading["y"] = round(top, 4)
        return {
            "sessions": _stamps(self.clock),
            "charts": [{"id": "signal", "data": self.data, "layout": layout}],
        }


def _stamps(at: InstantArray) -> list[str]:
    return [str(each) for each in at.astype("datetime64[m]")]


def _refuse_blank(spec: Spec, table: DecisionTable, found: Mapping[str, Sequence[Track]]) -> None:
    if all(map(_is_blank, found.values())):
        absent = "; ".join(table.absent.values())
        why = f"the market has {absent}" if absent else "its look-back is not full by `end`, or its inputs are missing"
        raise DataError(f"`{spec.name}` has no value to draw: {why}")


def _is_blank(tracks: Sequence[Track]) -> bool:
    return all(np.isnan(track.lines).all() for track in tracks)


def _notes(table: DecisionTable, found: Mapping[str, Sequence[Track]], blank: Mapping[str, str]) -> list[Html]:
    notes = [note("Every value stands where it became known, UTC.")]
    if blank:
        notes.append(note(f"Without a value: {grouped(blank)}."))
    if table.absent:
        notes.append(note(f"Absent from this market: {'; '.join(table.absent.values())}."))
    if any(track.lines.shape[1] > 1 for tracks in found.values() for track in tracks):
        notes.append(note("The line is the median of the universe's members, the band holds 80 % of them."))
    return notes


def _title(spec: Spec, table: DecisionTable, rows: slice) -> Html:
    sessions = table.market.sessions[rows]
    about = [
        f"Universe {table.universe.name}",
        f"{sessions[0].date()} to {sessions[-1].date()}",
        counted(len(sessions), "session"),
        f"market {table.market.name}",
    ]
    return tag(
        "header",
        tag("p", "Undertow signal", kind="eyebrow"),
        tag("h1", title(spec.name)),
        tag("p", spec.summary, kind="about"),
        tag("p", *(tag("span", each) for each in about), kind="about"),
    )


def _definition(spec: Spec, given: Mapping[str, float]) -> Html:
    pairs = [
        (name, f"{value_text(float(value))} {unit_of(spec, spec.parameters[name])}") for name, value in given.items()
    ]
    inputs = [f"{kind} {column}" for kind, column in spec.inputs.values()]
    return section(
        "Definition",
        facts([*pairs, ("Inputs", listed(inputs, 8)), ("Clock", spec.clock)]),
        note(f"Units: {spec.units}."),
        note(f"Source: {spec.source}."),
    )
