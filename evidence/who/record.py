"""The result of who is sold: tables, a verdict in words, a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

_COLOURS = {"base": "#0b5cad", "open": "#c2410c"}
_NAMES = {
    "return": "last quarter's return",
    "beta": "beta",
    "volatility": "volatility",
    "correlation": "correlation",
    "dollar_volume": "dollar volume",
}
_SHORT = {"base": "base", "open": "S1 open"}
_FROM = {"base": "from the last price before", "open": "from S1 open"}


@dataclass(frozen=True, eq=False)
class SoldFirst:
    """Mean simple returns of quintiles of a universe after falls, to the close of S2.

    Members are sorted at the last close before the shock by the return of 63 sessions, by beta, volatility and
    correlation with the asset over 126 sessions, and by mean dollar volume of 63. Q5 is the highest. `less_calm` is Q5
    less Q1 minus the same in calm weeks: the same instant up to 26 weeks before and after, nearest first, at most
    eight, without a fall of 8 % in 24 hours within ten days.

    Args:
        events: when the shocks were known (n,), UTC.
        sorts: by sort and response (`base`: from the last price before, `open`: from the open of S1): `quintiles`,
            `q5_q1`, `less_calm`; the last two with mean, pointwise 95 % interval, detectable effect and events.
        controls: number of calm weeks that were used, over all events.
        settings: what was computed.
    """

    events: pd.DatetimeIndex
    sorts: dict[str, dict[str, dict[str, Any]]]
    controls: int
    settings: dict[str, Any]

    def __repr__(self) -> str:
        return f"SoldFirst({self.settings['universe']}, {len(self.events)} events)"

    @property
    def heading(self) -> str:
        """The heading of a page."""
        return f"Whom: {self.settings['universe']} after {self.settings['shocks']}"

    @property
    def table(self) -> pd.DataFrame:
        """A row a sort and response: quintile means and differences with intervals."""
        rows = {}
        for name, responses in self.sorts.items():
            for response, result in responses.items():
                quintiles = {f"Q{number}": value for number, value in enumerate(result["quintiles"], 1)}
                spread, calm = result["q5_q1"], result["less_calm"]
                rows[f"{_NAMES[name]}, {_SHORT[response]}"] = quintiles | {
                    "Q5-Q1": spread["mean"],
                    "Q5-Q1 low": spread["low"],
                    "Q5-Q1 high": spread["high"],
                    "less calm": calm["mean"],
                    "less calm low": calm["low"],
                    "less calm high": calm["high"],
                }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("sorted by")

    def sentence(self) -> str:
        """The verdict in words: whether last quarter's winners are sold first."""
        result = self.sorts["return"]
        base, held = (result[response]["less_calm"] for response in ("base", "open"))
        beta, late = (self.sorts["beta"][response]["less_calm"] for response in ("base", "open"))
        looked = 2 * sum(map(len, self.sorts.values()))
        return (
            f'"Last quarter\'s winners are sold first": {_verdict(base)}. After {len(self.events)}'
            f" {self.settings['shocks']} ({self.settings['start']} to {self.settings['end']}) the winners of"
            f" {self.settings['universe']} less the losers moved {_interval(base)} beyond calm weeks,"
            f" from the last price before to the close of S2; from the open of S1 {_interval(held)}. The smallest"
            f" difference seen with 80 % power is {base['detectable']:.2%}. High less low beta: {_interval(beta)},"
            f" {_verdict(beta)}; from the open {_interval(late)}. {looked} differences were looked at, each with its"
            " own interval."
        )

    def notes(self) -> list[str]:
        """What was left out."""
        notes = [f"{self.controls} calm weeks, {self.controls / len(self.events):.1f} an event"]
        least = min(result["q5_q1"]["events"] for responses in self.sorts.values() for result in responses.values())
        if least < len(self.events):
            notes.append(f"of {len(self.events)} events a sort has prices and its look-back on {least} at least")
        if self.settings["before_span"]:
            notes.append(
                f"{self.settings['before_span']} shocks lie outside the span, with 3 sessions before and 5 after"
            )
        return notes

    def tables(self) -> dict[str, pd.DataFrame]:
        """Its tables by heading."""
        return {"mean simple return by fifth to the close of S2, from the base and from S1 open": self.table}

    def to_dict(self) -> dict[str, Any]:
        """The result as plain values; keys as in docs/json.md."""
        return {
            "events": [stamp.strftime("%Y-%m-%dT%H:%MZ") for stamp in self.events],
            "sorts": self.sorts,
            "controls": self.controls,
            "sentence": self.sentence(),
            "notes": self.notes(),
            "settings": self.settings,
        }

    def figure(self) -> Any:
        """Q5 less Q1 minus calm weeks by sort, with intervals, as a plotly figure."""
        from plotly import graph_objects as go

        figure = go.Figure()
        for response, colour in _COLOURS.items():
            results = [responses[response]["less_calm"] for responses in self.sorts.values()]
            means = [result["mean"] for result in results]
            figure.add_trace(
                go.Scatter(
                    x=[_NAMES[name] for name in self.sorts],
                    y=means,
                    error_y={
                        "array": [result["high"] - result["mean"] for result in results],
                        "arrayminus": [result["mean"] - result["low"] for result in results],
                        "color": colour,
                    },
                    mode="markers",
                    marker={"color": colour, "size": 9},
                    name=_FROM[response],
                )
            )
        figure.add_hline(y=0, line={"color": "#59636e", "width": 1})
        figure.update_yaxes(tickformat="+.1%", title_text="highest less lowest fifth, less calm weeks")
        figure.update_layout(
            template="plotly_white",
            scattermode="group",
            legend={"orientation": "h", "y": 1.1},
            margin={"l": 70, "r": 20, "t": 40, "b": 60},
            height=420,
        )
        return figure


def _interval(result: dict[str, Any]) -> str:
    return f"{result['mean']:+.2%} ({result['low']:+.2%} to {result['high']:+.2%})"


def _verdict(result: dict[str, Any]) -> str:
    if result["high"] < 0.0:
        return "supported"
    return "contradicted, they rose more" if result["low"] > 0.0 else "not supported"
