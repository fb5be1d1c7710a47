"""The tax of several runs and of their buy-and-hold on the sessions compared."""

from __future__ import annotations

from undertow.backtests.runs import rate_text
from undertow.tearsheets.comparison.columns import ComparisonColumn
from undertow.tearsheets.comparison.table import Comparison
from undertow.tearsheets.html.markup import Html, note, nowrap_numbers, section, table
from undertow.tearsheets.html.text import BLANK, count

TAX_FIGURES = ("gains", "losses", "tax")


def tax_comparison_section(comparison: Comparison) -> Html:
    """Realised gains, losses and tax, one row for each run and basket."""
    rows = [_row(column) for column in (*comparison.columns, *comparison.baselines) if column.taxable]
    head = ["", "Realised gains, USD", "Realised losses, USD", "Tax, USD", "Rate", "Lots"]
    has_unknown = any(column.taxable and column.tax is None for column in comparison.baselines)
    reason = f" {BLANK} marks a buy-and-hold whose sales are not known for these sessions alone." if has_unknown else ""
    return section(
        "Tax",
        table(head, rows, kind="numbers"),
        note(
            "Gains and losses realised on the sessions compared, including those of lots bought earlier. The tax is"
            " reported only, never deducted: no figure above is after tax, and unrealised gains are not"
            f" taxed.{reason}"
        ),
    )


def _row(column: ComparisonColumn) -> list[object]:
    if column.tax is None:
        return [nowrap_numbers(column.label), *[BLANK] * 5]
    return [
        nowrap_numbers(column.label),
        *(count(column.tax[name]) for name in TAX_FIGURES),
        rate_text(column.tax),
        column.tax["lots"],
    ]
