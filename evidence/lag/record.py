"""The result of a lag curve: tables, a verdict in words, a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from undertow.evidence.lag.points import POINTS, WINDOWS

_ROUNDING = 1e-12
_INK, _BAND, _MUTED, _TRUTH = "#0b5cad", "rgba(11,92,173,0.14)", "#59636e", "#c2410c"


@dataclass(frozen=True, eq=False)
class LagCurve:
    """What a basket did after shocks; log returns from the base, decimal.

    `mean` is less the basket's mean half-session drift over the span, overnight and in-session apart; `raw_mean` is
    not. `low` and `high` are pointwise 95 % intervals, `band_low` and `band_high` a simultaneous band over the ten
    points S1 open to S5 close.

    Args:
        events: a row an event: known_at (UTC), size, within_session, move (at the point `best`), 24-48h.
        table: a row a point, S-3 open to S5 close; `tradable` from the first open after the shock on; in a simulated
            market `truth`, the forced move that was put in, for `growth` and the benchmark.
        windows: 24-48h and 0-24h after the shock, S1 open to S2 close, and pre: S-3 open to the base.
        clock: a row an hour, -72 to 120, price as of.
        hourly: whether the clock reads bars of the symbol, or opens and closes.
        best: the point of the largest |t| of the ten.
        critical: the |t| beyond which the band excludes zero.
        p_best: share of resamples with a larger |t| at any of the ten points.
        p_shift: the same of whole-week circular shifts of the events; NaN where there are too few.
        detectable: effect at `best` that would be seen with a power of 80 %.
        detectable_window: the same of the 24-48h window, one window alone.
        influence: one event left out: range of the mean at `best`, the events that carry the verdict, without the
            largest.
        groups: by year, since 2018, since 2020, weekend, within a session, liquidations: events, the base to S1 open,
            S1 open to S2 close (held), and 24-48h.
        settings: what was computed, and what was left out.
    """

    events: pd.DataFrame
    table: pd.DataFrame
    windows: pd.DataFrame
    clock: pd.DataFrame
    hourly: bool
    best: str
    critical: float
    p_best: float
    p_shift: float
    detectable: float
    detectable_window: float
    influence: dict[str, Any]
    groups: pd.DataFrame
    settings: dict[str, Any]

    def __repr__(self) -> str:
        return f"LagCurve({self.settings['basket']}, {len(self.events)} events, p {self.p_best:.3f})"

    @property
    def found(self) -> bool:
        """Whether the simultaneous band excludes zero at any of the ten points."""
        after = self.table.loc[list(POINTS)]
        # A basket less itself differs from zero by rounding.
        return bool(((after["band_low"] > _ROUNDING) | (after["band_high"] < -_ROUNDING)).any())

    def sentence(self) -> str:
        """The verdict in words."""
        row, moves = self.table.loc[self.best], self.windows.to_dict("index")
        window, held = moves["24-48h"], moves["S1 open to S2 close"]
        verdict = "an effect" if self.found else "no effect that can be distinguished from chance"
        direction = f", {'down' if row['mean'] < 0 else 'up'}" if self.found else ""
        fragile = ""
        if count := len(self.influence["carried_by"]):
            other = "holds 0" if self.found else "excludes 0"
            fragile = f" Fragile: there are {count} events without each of which the band at {self.best} {other}."
        return (
            f"{verdict.capitalize()}{direction}: after {len(self.events)} {_plain(self.settings['shocks'])}"
            f" ({self.settings['start']} to {self.settings['end']}) {self.settings['basket']} was {row['mean']:+.2%} at"
            f" {self.best}, beyond its usual drift (band {row['band_low']:+.2%} to {row['band_high']:+.2%}, p"
            f" {self.p_best:.2g} over ten points); from S1 open, the first open at which one could"
            f" sell, to S2 close: {_pointwise(held)}; 24 to 48 hours after: {_pointwise(window)}. The smallest effect"
            f" seen with 80 % power is {self.detectable:.2%} an event at {self.best}, {self.detectable_window:.2%} for"
            " 24 to 48 hours."
            f" {len(POINTS)} points and {len(WINDOWS)} windows were looked at.{fragile}"
        )

    @property
    def heading(self) -> str:
        """The heading of a page."""
        return f"When: {self.settings['basket']} after {self.settings['shocks']}"

    def tables(self) -> dict[str, pd.DataFrame]:
        """Its tables by heading, as people read them."""
        hours = [hour for hour in (-72, -48, -24, 0, 12, 24, 36, 48, 72, 96, 120) if hour in self.clock.index]
        return {
            "points: log return from the last price before the shock": self.table.drop(columns="tradable"),
            "windows": self.windows,
            "by the clock": self.clock.loc[hours],
            "groups": self.groups,
        }

    def notes(self) -> list[str]:
        """What was left out or stands in for something else."""
        settings, notes = self.settings, []
        if settings["before_span"]:
            notes.append(f"{settings['before_span']} shocks lie outside the span, with 3 sessions before and 5 after")
        if settings["without_prices"]:
            notes.append(
                f"{settings['without_prices']} shocks are left out: a price of {settings['basket']} is missing"
            )
        if (settings["requested"] or 0) > len(self.events):
            notes.append(f"{settings['requested']} days were requested; no more have prices and lie five days apart")
        if settings["carried_prices"]:
            notes.append(f"{settings['carried_prices']} missing prices are the price before them")
        within = int(self.events["within_session"].sum())
        if within:
            notes.append(
                f"{within} shocks became known within a session: its close could still be traded, and what stocks did"
                " from its open to the shock counts as after"
            )
        source = f"hourly bars of {settings['basket']}" if self.hourly else "opens and closes"
        notes.append(f"the clock reads {source}; before S1 open (or that close) nobody who learnt of it could sell")
        return notes

    def to_dict(self) -> dict[str, Any]:
        """The result as plain values; keys as in docs/json.md."""
        return {
            "events": [stamp.strftime("%Y-%m-%dT%H:%MZ") for stamp in self.events["known_at"]],
            "basket": self.settings["basket"],
            "points": [{"label": label, **row} for label, row in self.table.to_dict("index").items()],
            "windows": self.windows.to_dict("index"),
            "clock": self.clock.reset_index().to_dict("records"),
            "hourly": self.hourly,
            "best": self.best,
            "critical": self.critical,
            "p_best": self.p_best,
            "p_shift": self.p_shift,
            "detectable": self.detectable,
            "detectable_window": self.detectable_window,
            "influence": self.influence,
            "groups": self.groups.to_dict("index"),
            "found": self.found,
            "sentence": self.sentence(),
            "notes": self.notes(),
            "settings": self.settings,
        }

    def figure(self) -> Any:
        """The curve by the clock and by session, with its bands, as a plotly figure."""
        from plotly import graph_objects as go
        from plotly.subplots import make_subplots

        titles = ("by session, simultaneous 95 % band", "by the clock, pointwise 95 % interval")
        figure = make_subplots(rows=1, cols=2, shared_yaxes=True, subplot_titles=titles, horizontal_spacing=0.05)
        after = self.table.loc[list(POINTS)]
        for column, frame, low, high in ((1, after, "band_low", "band_high"), (2, self.clock, "low", "high")):
            x = list(frame.index)
            edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
            figure.add_trace(go.Scatter(x=x, y=list(frame[high]), **edge), row=1, col=column)
            figure.add_trace(
                go.Scatter(x=x, y=list(frame[low]), fill="tonexty", fillcolor=_BAND, **edge), row=1, col=column
            )
            lines = {"mode": "lines+markers" if column == 1 else "lines", "showlegend": False}
            figure.add_trace(
                go.Scatter(x=x, y=list(frame["mean"]), name="mean", line={"color": _INK, "width": 2}, **lines),
                row=1,
                col=column,
            )
        if "truth" in after:
            true = {"color": _TRUTH, "width": 2, "dash": "dash"}
            figure.add_trace(
                go.Scatter(x=list(after.index), y=list(after["truth"]), name="the truth of the simulator", line=true),
                row=1,
                col=1,
            )
        figure.add_vline(x=0, line={"color": _MUTED, "dash": "dot", "width": 1}, row=1, col=2)
        figure.add_hline(y=0, line={"color": _MUTED, "width": 1})
        figure.add_annotation(
            text="first tradable price", x="S1 open", y=1, yref="y domain", xref="x", showarrow=False, xanchor="left"
        )
        figure.add_vline(x="S1 open", line={"color": _MUTED, "dash": "dot", "width": 1}, row=1, col=1)
        figure.update_yaxes(tickformat="+.1%")
        figure.update_xaxes(title_text="hours since the shock was known", row=1, col=2)
        figure.update_layout(template="plotly_white", margin={"l": 60, "r": 20, "t": 40, "b": 60}, height=420)
        figure.update_layout(legend={"orientation": "h", "y": -0.25})
        return figure


def _pointwise(window: dict[Any, float]) -> str:
    return f"{window['mean']:+.2%} (pointwise {window['low']:+.2%} to {window['high']:+.2%})"


def _plain(name: str) -> str:
    """The name of shocks behind a count: days of liquidations have it already."""
    head, _, rest = name.partition(" ")
    return rest if head.isdigit() else name
