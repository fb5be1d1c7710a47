"""The tax on realised gains beside that of buy-and-hold: reported, never deducted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from undertow.backtests.runs import WASH_DAYS, Run, rate_text
from undertow.tearsheets.html.markup import Html, note, section, table, tag
from undertow.tearsheets.html.palette import BASELINE, is_baseline
from undertow.tearsheets.html.text import count, share, title, typeset

LOT_ORDERS = {
    "hifo": "the lots of a name with the highest cost are sold first",
    "fifo": "the oldest lots of a name are sold first",
}


def tax_section(run: Run) -> Html:
    """Realised gains, losses and tax of the run beside those of buy-and-hold."""
    tax, hold = run.tax, run.hold_tax
    columns = [tax] if is_baseline(run) or hold is None else [tax, hold]
    names = [title(run.name), title(BASELINE)][: len(columns)]
    rows = [
        ("Realised gains, USD", *(count(column["gains"]) for column in columns)),
        ("Realised losses, USD", *(count(column["losses"]) for column in columns)),
        (f"Tax at {rate_text(tax)}, USD", *(count(column["tax"]) for column in columns)),
        ("Loss carried forward, USD", *(count(column["loss_carried"]) for column in columns)),
        (f"Losses bought back within {WASH_DAYS} days", *(_bought_back(column) for column in columns)),
        *([("Losses deferred, USD", *(count(column["deferred"]) for column in columns))] if tax["wash_sales"] else []),
    ]
    return section(
        "Tax",
        tag("p", typeset(run.tax_sentence())),
        table(["", *names], rows, kind="numbers"),
        note(
            "The net gain of a year is taxed after deducting losses carried forward from earlier years;"
            f" {LOT_ORDERS[tax['lots']]}. Dividends count as gains; interest on cash is excluded. Losses bought back"
            f" are those of sales whose name is bought within {WASH_DAYS} calendar days before or after."
        ),
    )


def _bought_back(tax: Mapping[str, Any]) -> str:
    bought_back = tax.get("bought_back")
    return share(float("nan") if bought_back is None else bought_back, 0)
