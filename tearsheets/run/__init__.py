"""The tearsheet and the figure of one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.tearsheets.run.charts import btc_chart, equity_chart, turnover_chart
    from undertow.tearsheets.run.data_notes import data_section, move_table, note_items
    from undertow.tearsheets.run.figure import write_figure
    from undertow.tearsheets.run.headline import (
        SELECTION_NOTE,
        difference_or_none,
        headline_table,
        no_interval_sentence,
        selection_trials,
        sharpe_sentence,
        timing_sentences,
        verdict,
    )
    from undertow.tearsheets.run.page import write_tearsheet
    from undertow.tearsheets.run.reasons import alarm_section, attribution_section, reasons_section
    from undertow.tearsheets.run.recipe import (
        compare_settings,
        equal_settings_line,
        recipe_parameters,
        recipe_section,
        recipe_settings,
    )
    from undertow.tearsheets.run.tax import tax_section
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "charts": (
                "btc_chart",
                "equity_chart",
                "turnover_chart",
            ),
            "data_notes": (
                "data_section",
                "move_table",
                "note_items",
            ),
            "figure": ("write_figure",),
            "headline": (
                "SELECTION_NOTE",
                "difference_or_none",
                "headline_table",
                "no_interval_sentence",
                "selection_trials",
                "sharpe_sentence",
                "timing_sentences",
                "verdict",
            ),
            "page": ("write_tearsheet",),
            "reasons": (
                "alarm_section",
                "attribution_section",
                "reasons_section",
            ),
            "recipe": (
                "compare_settings",
                "equal_settings_line",
                "recipe_parameters",
                "recipe_section",
                "recipe_settings",
            ),
            "tax": ("tax_section",),
        },
    )

__all__ = [
    "SELECTION_NOTE",
    "alarm_section",
    "attribution_section",
    "btc_chart",
    "compare_settings",
    "data_section",
    "difference_or_none",
    "equal_settings_line",
    "equity_chart",
    "headline_table",
    "move_table",
    "no_interval_sentence",
    "note_items",
    "reasons_section",
    "recipe_parameters",
    "recipe_section",
    "recipe_settings",
    "selection_trials",
    "sharpe_sentence",
    "tax_section",
    "timing_sentences",
    "turnover_chart",
    "verdict",
    "write_figure",
    "write_tearsheet",
]
