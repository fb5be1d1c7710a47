"""The de-risk episodes: what each absence was worth, and what they come to together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from undertow.backtests.runs.run import Run
from undertow.tearsheets.html.markup import Html, facts, note, section, table, tag
from undertow.tearsheets.html.text import BLANK, count, counted, day, listed, minute, percent, plain, share

MANY = 15
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
    """All episodes under their totals; where they are many, the most consequential first in a box that scrolls."""
    found = run.episodes
    if not len(found):
        return section("De-risk episodes", tag("p", "The rule never acted: there is no episode."))
    many = len(found) > MANY
    if many:
        order = found["return_avoided"].abs().sort_values(ascending=False, kind="stable").index
        found = found.loc[order]
    rows = [_row(each) for each in found.itertuples()]
    return section("De-risk episodes", _totals(run), _caption(many), _table(rows, many))


def _table(rows: list[list[Html]], many: bool) -> Html:
    head = [_heading(*column) for column in _COLUMNS]
    whole = table(head, rows, kind="episodes sortable")
    return tag("div", whole, kind="tallbox") if many else whole


def _heading(words: str, kind: str) -> Html:
    # Times sort from the earliest, figures from the largest.
    early = "yes" if kind == "when" else None
    return tag("th", tag("button", words, type="button"), scope="col", kind=kind, data_early=early)


def _totals(run: Run) -> Html:
    found, lag = run.episodes, run.lag_hours
    worth = found["return_avoided"].dropna()
    paid = int((worth > 0).sum())
    part = f" ({share(paid / len(worth), 0)})" if len(worth) else ""
    return facts(
        [
            ("Episodes that paid", f"{count(paid)} of {count(len(worth))}{part}"),
            ("Sum of returns avoided", percent(worth.sum())),
            ("Mean", percent(worth.mean(), 2)),
            ("Median", percent(worth.median(), 2)),
            (
                "Lag, median (half within)",
                BLANK if lag is None else f"{lag.median:.0f} h ({lag.low:.0f} to {lag.high:.0f})",
            ),
            ("Gap before anyone could trade, mean", percent(found["gap_return"].mean(), 2)),
            ("While waiting, mean", percent(found["waited_return"].mean(), 2)),
            ("Sessions acting", count(found["sessions"].sum())),
        ],
        kind="facts totals",
    )


def _caption(many: bool) -> Html:
    order = "Most consequential first; a heading sorts." if many else "In order of time; a heading sorts."
    return note(
        f"{order} Basket is the return of the stocks held without the rule between the first fill and the last; avoided"
        " is the run's return over the same stretch less the basket's, after costs: positive where the absence paid."
        " Lag runs from the shock, the moment the trigger became known, to the fill. Gap is the basket's return from"
        " the last close before the shock to the next open, before anyone could trade; waited goes on from there to the"
        " fill. Out of stocks is net of what is sold short; raised are the stocks sold to get there."
    )


def _row(episode: Any) -> list[Html]:
    worth = episode.return_avoided
    tone = "" if not np.isfinite(worth) or worth == 0 else "gain" if worth > 0 else "loss"
    over = pd.isna(episode.re_entry)
    return [
        _cell(minute(episode.shock), _when(episode.shock), "when"),
        _cell(day(episode.session), _when(episode.session), "when"),
        _cell(plain(episode.lag_hours, 1), episode.lag_hours),
        _cell(share(episode.cash_target, 0), episode.cash_target),
        _cell(count(episode.cash_raised), episode.cash_raised),
        _sold(episode),
        _cell("still out" if over else day(episode.re_entry), _when(episode.re_entry), "when"),
        _cell(count(episode.sessions), episode.sessions),
        _cell(percent(episode.gap_return, 2), episode.gap_return),
        _cell(percent(episode.waited_return, 2), episode.waited_return),
        _cell(percent(episode.basket_return, 2), episode.basket_return),
        _cell(percent(worth, 2), worth, f"num {tone}".strip()),
    ]


def _sold(episode: Any) -> Html:
    names = [name for name in str(episode.sold or "").split(", ") if name]
    if not names:
        return _cell(BLANK, 0, "names")
    written = listed(names, 3)
    return tag(
        "td", written, kind="names", data_sort=len(names), title=f"{counted(len(names), 'name')}: {', '.join(names)}"
    )


def _cell(text: str, sort: float, kind: str = "num") -> Html:
    return tag("td", text, kind=kind, data_sort=f"{sort:.12g}" if np.isfinite(sort) else None)


def _when(moment: Any) -> float:
    return np.nan if pd.isna(moment) else float(pd.Timestamp(moment).value // 10**9)
