"""The tearsheet and the figure of one run."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undertow.tearsheets.run.charts import btc_chart, equity_chart, turnover_chart
    from undertow.tearsheets.run.data_notes import data_section
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

_HOME = {
    "SELECTION_NOTE": "headline",
    "alarm_section": "reasons",
    "attribution_section": "reasons",
    "btc_chart": "charts",
    "compare_settings": "recipe",
    "data_section": "data_notes",
    "difference_or_none": "headline",
    "equal_settings_line": "recipe",
    "equity_chart": "charts",
    "headline_table": "headline",
    "no_interval_sentence": "headline",
    "reasons_section": "reasons",
    "recipe_parameters": "recipe",
    "recipe_section": "recipe",
    "recipe_settings": "recipe",
    "selection_trials": "headline",
    "sharpe_sentence": "headline",
    "tax_section": "tax",
    "timing_sentences": "headline",
    "turnover_chart": "charts",
    "verdict": "headline",
    "write_figure": "figure",
    "write_tearsheet": "page",
}

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
    "no_interval_sentence",
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


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
