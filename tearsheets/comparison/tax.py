"""The tax of several runs and of their buy-and-hold, on the sessions that are compared."""

from __future__ import annotations

from undertow.backtests.runs.tax import rate_text
from undertow.tearsheets.comparison.table import Comparison, Line
from undertow.tearsheets.html.markup import Html, note, section, table, unbroken
from undertow.tearsheets.html.text import BLANK, count

FIGURES = ("gains", "losses", "tax")


def tax_part(found: Comparison) -> Html:
    """One row a run and buy-and-hold: gains and losses realised on the sessions compared, and the tax on them."""
    rows = [_row(each) for each in (*found.lines, *found.baselines) if each.taxable]
    head = ["", "Realised gains, USD", "Realised losses, USD", "Tax, USD", "At", "Lots"]
    blank = any(each.taxable and each.tax is None for each in found.baselines)
    why = f" {BLANK} stands where a buy-and-hold is known on more sessions than these alone." if blank else ""
    return section(
        "Tax",
        table(head, rows, kind="numbers"),
        note(
            "On what was realised on the sessions compared, also of lots bought before them. It is stated, never taken"
            f" from an account: no figure above is after tax, and gains still held are not taxed.{why}"
        ),
    )


def _row(each: Line) -> list[object]:
    if each.tax is None:
        return [unbroken(each.label), *[BLANK] * 5]
    return [unbroken(each.label), *(count(each.tax[name]) for name in FIGURES), rate_text(each.tax), each.tax["lots"]]
