"""Returns by calendar month and year."""

from __future__ import annotations

import calendar
import math

import numpy as np
import pandas as pd

from undertow.backtests.runs import Run
from undertow.tearsheets.html.markup import Html, note, section, table, tag
from undertow.tearsheets.html.palette import is_baseline
from undertow.tearsheets.html.text import BLANK, percent

# The shade of a cell is the number of steps that its size reaches; the totals of years have larger steps.
MONTH_STEPS = (0.005, 0.02, 0.04, 0.07, 0.11)
YEAR_STEPS = (0.02, 0.08, 0.16, 0.28, 0.45)


def compound_returns(returns: pd.Series, by: str) -> pd.Series:
    """Returns compounded within each month ("M") or year ("Y")."""
    periods = returns.index.to_numpy().astype(f"datetime64[{by}]")
    return (1.0 + returns).groupby(periods).prod() - 1.0


def monthly_section(run: Run) -> Html:
    """Returns by year and month, with the year's total beside that of buy-and-hold."""
    months = compound_returns(run.returns, "M")
    annual, hold = compound_returns(run.returns, "Y"), compound_returns(run.series["hold_return"], "Y")
    by_month = dict(zip(pd.DatetimeIndex(months.index), months, strict=True))
    is_hold = is_baseline(run)
    head = ["Year", *calendar.month_abbr[1:], "Year", *([] if is_hold else ["Hold", "Differ\N{SOFT HYPHEN}ence"])]
    rows = []
    for stamp in pd.DatetimeIndex(annual.index):
        cells = [_cell(by_month.get(stamp.replace(month=month), math.nan), MONTH_STEPS) for month in range(1, 13)]
        years = [_cell(annual[stamp], YEAR_STEPS, "total")]
        if not is_hold:
            years += [_cell(hold[stamp], YEAR_STEPS, "hold"), tag("td", _points(annual[stamp] - hold[stamp]))]
        rows.append([stamp.year, *cells, *years])
    return section(
        "Returns by month",
        table(head, rows, kind="months numbers"),
        note(
            "In percent. Blue is a gain, orange a loss; a darker shade is a larger one. The first and the last month"
            " may be partial."
        ),
        ""
        if is_hold
        else note(
            "Hold is the year's return of buy-and-hold; Difference is the run's return less that of buy-and-hold, in"
            " percentage points."
        ),
    )


def _cell(value: float, steps: tuple[float, ...], kind: str = "") -> Html:
    if not math.isfinite(value):
        return tag("td", BLANK if kind else "", kind=kind)
    depth = int(np.searchsorted(steps, abs(value), side="right"))
    shade = f"{'up' if value > 0 else 'down'}{depth}" if depth else ""
    return tag("td", _points(value), kind=f"{kind} {shade}".strip())


def _points(value: float) -> str:
    return percent(value).removesuffix("%")
