"""The tax on what was realised: stated beside that of buy-and-hold, never taken from the account."""

from __future__ import annotations

from undertow.backtests.runs.run import Run
from undertow.backtests.runs.tax import rate_text
from undertow.tearsheets.html.markup import Html, note, section, table, tag
from undertow.tearsheets.html.palette import BASELINE, is_baseline
from undertow.tearsheets.html.text import count, title, typeset

WAYS = {"hifo": "the dearest lots of a name are sold first", "fifo": "the oldest lots of a name are sold first"}


def tax_section(run: Run) -> Html:
    """Realised gains, losses and tax of the run and of buy-and-hold, and what they mean beside each other."""
    own, hold = run.tax, run.hold_tax
    columns = [own] if is_baseline(run) or hold is None else [own, hold]
    names = [title(run.name), title(BASELINE)][: len(columns)]
    rows = [
        ("Realised gains, USD", *(count(each["gains"]) for each in columns)),
        ("Realised losses, USD", *(count(each["losses"]) for each in columns)),
        (f"Tax at {rate_text(own)}, USD", *(count(each["tax"]) for each in columns)),
        ("Loss left to carry on, USD", *(count(each["loss_carried"]) for each in columns)),
    ]
    return section(
        "Tax",
        tag("p", typeset(run.tax_sentence())),
        table(["", *names], rows, kind="numbers"),
        note(
            f"A year's net gain is taxed after the losses carried from the years before it; {WAYS[own['lots']]}."
            " Dividends count as gains, interest on cash is left out."
        ),
    )
