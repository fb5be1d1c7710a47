"""The de-risk episodes: the return that each avoided or missed, and their totals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from undertow.backtests.runs import Run
from undertow.tearsheets.html.markup import Html, facts, note, section, table, tag
from undertow.tearsheets.html.text import BLANK, count, day, minute, percent, plain, quantity, share, shortlist

# A table with more rows than this scrolls in a box and starts with the largest effects.
LONG_TABLE = 15
_COLUMNS = (
    ("Shock, UTC", "when"),
    ("Session", "when"),
    ("Lag, hours", "num"),
    ("Out of stocks, net", "num"),
    ("Raised, USD", "num"),
    ("Sold", "names"),
    ("Re-entry", "when"),
    ("Ses\N{SOFT HYPHEN}sions", "num"),
    ("Gap", "num"),
    ("Waited", "num"),
    ("Basket", "num"),
    ("Avoided (+), missed (\N{MINUS SIGN})", "num"),
)


def episode_section(run: Run) -> Html:
    """All episodes under their totals; a long table starts with the largest effects."""
    episodes = run.episodes
    if not len(episodes):
        return section("De-risk episodes", tag("p", "The rule never acted: there is no episode."))
    is_long = len(episodes) > LONG_TABLE
    if is_long:
        order = episodes["return_avoided"].abs().sort_values(ascending=False, kind="stable").index
        episodes = episodes.loc[order]
    rows = [_row(episode) for episode in episodes.itertuples()]
    return section("De-risk episodes", _totals(run), _caption(is_long), _table(rows, is_long))


def _table(rows: list[list[Html]], is_long: bool) -> Html:
    head = [_heading(*column) for column in _COLUMNS]
    element = table(head, rows, kind="episodes sortable")
    return tag("div", element, kind="tallbox") if is_long else element


def _heading(label: str, kind: str) -> Html:
    # Dates sort from the earliest, figures from the largest.
    early = "yes" if kind == "when" else None
    return tag("th", tag("button", label, type="button"), scope="col", kind=kind, data_early=early)


def _totals(run: Run) -> Html:
    episodes, lag = run.episodes, run.lag_hours
    avoided = episodes["return_avoided"].dropna()
    paid = int((avoided > 0).sum())
    part = f" ({share(paid / len(avoided), 0)})" if len(avoided) else ""
    return facts(
        [
            ("Episodes that paid", f"{count(paid)} of {count(len(avoided))}{part}"),
            ("Sum of returns avoided", percent(avoided.sum())),
            ("Mean", percent(avoided.mean(), 2)),
            ("Median", percent(avoided.median(), 2)),
            (
                "Lag, median (middle half)",
                BLANK if lag is None else f"{lag.median:.0f} h ({lag.low:.0f} to {lag.high:.0f})",
            ),
            ("Gap before trading, mean", percent(episodes["gap_return"].mean(), 2)),
            ("Return while waiting, mean", percent(episodes["waited_return"].mean(), 2)),
            ("Sessions in episodes", count(episodes["sessions"].sum())),
        ],
        kind="facts totals",
    )


def _caption(is_long: bool) -> Html:
    order = "Largest effect first" if is_long else "In order of time"
    return note(
        f"{order}; click a heading to sort. Basket is the return of the same stocks held without the rule, from the"
        " first fill to the last. Avoided or missed is the run's return over that period less the basket's, after"
        " costs: positive if being out of stocks paid. Lag is the time from the shock, when the trigger became known,"
        " to the fill. Gap is the basket's return from the last close before the shock to the next open, when nobody"
        " could trade; Waited is its return from that open to the fill. Out of stocks is net of short positions; Raised"
        " is the value of the stocks sold for it."
    )


def _row(episode: Any) -> list[Html]:
    avoided = episode.return_avoided
    tone = "" if not np.isfinite(avoided) or avoided == 0 else "gain" if avoided > 0 else "loss"
    is_open = pd.isna(episode.re_entry)
    return [
        _cell(minute(episode.shock), _timestamp(episode.shock), "when"),
        _cell(day(episode.session), _timestamp(episode.session), "when"),
        _cell(plain(episode.lag_hours, 1), episode.lag_hours),
        _cell(share(episode.cash_target, 0), episode.cash_target),
        _cell(count(episode.cash_raised), episode.cash_raised),
        _sold(episode),
        _cell("still out" if is_open else day(episode.re_entry), _timestamp(episode.re_entry), "when"),
        _cell(count(episode.sessions), episode.sessions),
        _cell(percent(episode.gap_return, 2), episode.gap_return),
        _cell(percent(episode.waited_return, 2), episode.waited_return),
        _cell(percent(episode.basket_return, 2), episode.basket_return),
        _cell(percent(avoided, 2), avoided, f"num {tone}".strip()),
    ]


def _sold(episode: Any) -> Html:
    names = [name for name in str(episode.sold or "").split(", ") if name]
    if not names:
        return _cell(BLANK, 0, "names")
    text, tooltip = shortlist(names, 3), f"{quantity(len(names), 'name')}: {', '.join(names)}"
    return tag("td", text, kind="names", data_sort=len(names), title=tooltip)


def _cell(text: str, sort: float, kind: str = "num") -> Html:
    return tag("td", text, kind=kind, data_sort=f"{sort:.12g}" if np.isfinite(sort) else None)


def _timestamp(moment: Any) -> float:
    return np.nan if pd.isna(moment) else float(pd.Timestamp(moment).value // 10**9)
