"""The result of the link: tables, a verdict in words, a picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

_INK, _MUTED = "#0b5cad", "#59636e"


@dataclass(frozen=True, eq=False)
class Linkage:
    """How an asset and a basket move together, at the closes of the exchange.

    A correlation has `r`, its Fisher interval `low`, `high`, its HAC interval `hac_low`, `hac_high`, and `sessions`.

    Args:
        by_year: correlation by year.
        span: correlation of the whole span.
        lead_lag: correlation of the basket with the asset k sessions earlier, k from -3 to 3 (k > 0: the asset first).
        weeks: liquidation weeks, calm weeks, the variance ratio of the asset, the correlation of liquidation weeks
            adjusted for it, the p-value of the raw difference; empty without liquidations.
        weekend: `gap` (Friday's close to Monday's open) and `session` (Monday's open to close), `all`, `before` and
            `after` the split: slope on the negative and positive part of the asset's move from Friday's close to half
            an hour before Monday's open, with robust intervals.
        granger: p-values by number of lags, `asset_first` and `basket_first`.
        settings: what was computed, and how many sessions were left out.
    """

    by_year: dict[str, dict[str, float]]
    span: dict[str, float]
    lead_lag: dict[int, dict[str, float]]
    weeks: dict[str, Any]
    weekend: dict[str, Any]
    granger: dict[str, dict[str, float]]
    settings: dict[str, Any]

    def __repr__(self) -> str:
        return f"Linkage({self.settings['asset']} and {self.settings['basket']}, r {self.span['r']:.2f})"

    @property
    def heading(self) -> str:
        """The heading of a page."""
        return f"The link: {self.settings['asset']} and {self.settings['basket']}"

    @property
    def table(self) -> pd.DataFrame:
        """Correlation by year and of the span, with its intervals."""
        frame = pd.DataFrame.from_dict({**self.by_year, "all": self.span}, orient="index").rename_axis("year")
        frame.attrs["format"] = "+.2f"
        return frame.astype({"sessions": int})

    def sentence(self) -> str:
        """The verdict in words."""
        settings, span, lead = self.settings, self.span, self.lead_lag[1]
        years = {year: value for year, value in self.by_year.items() if math.isfinite(value["r"])}
        low, high = (pick(years, key=lambda year: years[year]["r"]) for pick in (min, max))
        leads = "the asset leads" if lead["hac_low"] > 0.0 or lead["hac_high"] < 0.0 else "no lead can be seen"
        drop = self.weekend["session"]["all"]["negative"]
        gap = self.weekend["gap"]["all"]["negative"]
        after = "does not go on" if drop["low"] <= 0.0 <= drop["high"] else "goes on" if drop["low"] > 0 else "reverses"
        smallest = math.tanh((1.96 + 0.84) / math.sqrt(max(span["sessions"] - 3, 1)))
        return (
            f"{settings['asset']} and {settings['basket']} move together on the same session: r {span['r']:.2f} (HAC"
            f" {span['hac_low']:.2f} to {span['hac_high']:.2f}, {settings['start']} to {settings['end']}), lowest in"
            f" {low} ({years[low]['r']:.2f}), highest in {high} ({years[high]['r']:.2f}). One session later {leads}: r"
            f" {lead['r']:+.3f} (HAC {lead['hac_low']:+.3f} to {lead['hac_high']:+.3f}; the smallest seen with 80 %"
            f" power is {smallest:.3f}). A weekend fall of 10 % comes with a Monday gap of {-0.1 * gap['slope']:+.2%}"
            f" ({-0.1 * gap['high']:+.2%} to {-0.1 * gap['low']:+.2%}) and {after} in Monday's session"
            f" ({-0.1 * drop['slope']:+.2%}, {-0.1 * drop['high']:+.2%} to {-0.1 * drop['low']:+.2%})."
            f" {len(self.lead_lag)} leads and lags and 12 slopes were looked at."
        )

    def notes(self) -> list[str]:
        """How large liquidations change the link, Granger's tests, and what was left out."""
        notes = []
        if self.weeks:
            first, second = self.weeks["liquidation"], self.weeks["calm"]
            notes.append(
                f"liquidation weeks: r {first['r']:.2f} ({first['weeks']} weeks), calm weeks {second['r']:.2f}"
                f" ({second['weeks']}); p {self.weeks['p_difference']:.2g}; as of calm variance (Forbes and Rigobon)"
                f" {self.weeks['adjusted']:.2f}"
            )
        for direction, words in (("asset_first", "asset first"), ("basket_first", "basket first")):
            values = ", ".join(f"{lags}: {p:.2g}" for lags, p in self.granger[direction].items())
            notes.append(f"Granger's F test, {words}, p by number of lags: {values}")
        if self.settings["left_out"]:
            notes.append(f"{self.settings['left_out']} sessions without a price at either end are left out")
        return notes

    def tables(self) -> dict[str, pd.DataFrame]:
        """Its tables by heading."""
        leads = pd.DataFrame.from_dict(self.lead_lag, orient="index").rename_axis("sessions, asset first")
        leads.attrs["format"] = "+.3f"
        slopes = pd.DataFrame.from_dict(
            {
                f"{response}, {part}": {
                    f"{side} {key}".removesuffix(" slope"): value
                    for side in ("negative", "positive")
                    for key, value in result[side].items()
                }
                | {"r2": result["r2"], "Mondays": result["mondays"]}
                for response, parts in self.weekend.items()
                for part, result in parts.items()
            },
            orient="index",
        ).rename_axis("Monday's")
        slopes.attrs["format"] = "+.3f"
        return {
            "correlation by year": self.table,
            "leads and lags": leads.astype({"sessions": int}),
            f"Monday on the weekend, split at {self.settings['split']}": slopes.astype({"Mondays": int}),
        }

    def to_dict(self) -> dict[str, Any]:
        """The result as plain values; keys as in docs/json.md."""
        return {
            "by_year": self.by_year,
            "span": self.span,
            "lead_lag": {str(lead): value for lead, value in self.lead_lag.items()},
            "weeks": self.weeks,
            "weekend": self.weekend,
            "granger": self.granger,
            "sentence": self.sentence(),
            "notes": self.notes(),
            "settings": self.settings,
        }

    def figure(self) -> Any:
        """Correlation by year and by lead, with HAC intervals, as a plotly figure."""
        from plotly import graph_objects as go
        from plotly.subplots import make_subplots

        titles = ("by year, HAC 95 %", "by lead, sessions (right: the asset first)")
        figure = make_subplots(rows=1, cols=2, shared_yaxes=True, subplot_titles=titles, horizontal_spacing=0.05)
        for column, results in ((1, self.by_year), (2, {str(k): value for k, value in self.lead_lag.items()})):
            bars = {
                "array": [value["hac_high"] - value["r"] for value in results.values()],
                "arrayminus": [value["r"] - value["hac_low"] for value in results.values()],
                "color": _INK,
            }
            figure.add_trace(
                go.Scatter(
                    x=list(results),
                    y=[value["r"] for value in results.values()],
                    error_y=bars,
                    mode="markers",
                    marker={"color": _INK, "size": 8},
                    showlegend=False,
                ),
                row=1,
                col=column,
            )
        figure.add_hline(y=0, line={"color": _MUTED, "width": 1})
        figure.update_xaxes(type="category")
        figure.update_layout(template="plotly_white", margin={"l": 60, "r": 20, "t": 40, "b": 60}, height=420)
        return figure
