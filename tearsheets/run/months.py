"""Returns by calendar month and year."""

from __future__ import annotations

import calendar
import math

import numpy as np
import pandas as pd

from undertow.backtests.runs.run import Run
from undertow.tearsheets.html.markup import Html, note, section, table, tag
from undertow.tearsheets.html.palette import is_baseline
from undertow.tearsheets.html.text import BLANK, percent

# A cell's shade is the number of steps that its size reaches; a year's total has steps of its own.
MONTH_STEPS = (0.005, 0.02, 0.04, 0.07, 0.11)
YEAR_STEPS = (0.02, 0.08, 0.16, 0.28, 0.45)


def compounded(returns: pd.Series, by: str) -> pd.Series:
    """Returns compounded within each month ("M") or year ("Y")."""
    periods = returns.index.to_numpy().astype(f"datetime64[{by}]")
    return (1.0 + returns).groupby(periods).prod() - 1.0


def monthly_section(run: Run) -> Html:
    """Years by months with the year's total, and the year of buy-and-hold and what the run made more or less."""
    months = compounded(run.returns, "M")
    own, hold = compounded(run.returns, "Y"), compounded(run.series["hold_return"], "Y")
    by_month = dict(zip(pd.DatetimeIndex(months.index), months, strict=True))
    alone = is_baseline(run)
    head = ["Year", *calendar.month_abbr[1:], "Year", *([] if alone else ["Hold", "Apart"])]
    rows = []
    for stamp in pd.DatetimeIndex(own.index):
        cells = [_shaded(by_month.get(stamp.replace(month=month), math.nan), MONTH_STEPS) for month in range(1, 13)]
        years = [_shaded(own[stamp], YEAR_STEPS, "total")]
        if not alone:
            years += [_shaded(hold[stamp], YEAR_STEPS, "hold"), tag("td", _points(own[stamp] - hold[stamp]))]
        rows.append([stamp.year, *cells, *years])
    return section(
        "Returns by month",
        table(head, rows, kind="months numbers"),
        note("Percent. Blue is a gain, orange a loss; deeper shades are larger. First and last month may be partial."),
        "" if alone else note("Hold is the year of buy-and-hold, Apart the run's year less it, in percentage points."),
    )


def _shaded(value: float, steps: tuple[float, ...], kind: str = "") -> Html:
    if not math.isfinite(value):
        return tag("td", BLANK if kind else "", kind=kind)
    depth = int(np.searchsorted(steps, abs(value), side="right"))
    shade = f"{'up' if value > 0 else 'down'}{depth}" if depth else ""
    return tag("td", _points(value), kind=f"{kind} {shade}".strip())


def _points(value: float) -> str:
    return percent(value).removesuffix("%")
