"""One backtest: its account, its record, its tax and attribution, its folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.backtests.runs.attribution import Attribution, during_set
    from undertow.backtests.runs.backtest import make_plan, session_rows
    from undertow.backtests.runs.card import card_html
    from undertow.backtests.runs.endings import endings_sentence
    from undertow.backtests.runs.entries import count_run, enter_run, enter_sweep
    from undertow.backtests.runs.episodes import EPISODE_COLUMNS
    from undertow.backtests.runs.lag_hours import LagHours, summarize_lag
    from undertow.backtests.runs.notes import (
        hold_label,
        hold_sentence,
        move_text,
        moves_sentence,
        span_text,
        valued_sessions,
    )
    from undertow.backtests.runs.run import Run
    from undertow.backtests.runs.saved import load_run, save_run
    from undertow.backtests.runs.tax import WASH_DAYS, by_year, rate_text, realised, tax_sentence, tax_summary
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "attribution": (
                "Attribution",
                "during_set",
            ),
            "backtest": (
                "make_plan",
                "session_rows",
            ),
            "card": ("card_html",),
            "endings": ("endings_sentence",),
            "entries": (
                "count_run",
                "enter_run",
                "enter_sweep",
            ),
            "episodes": ("EPISODE_COLUMNS",),
            "lag_hours": (
                "LagHours",
                "summarize_lag",
            ),
            "notes": (
                "hold_label",
                "hold_sentence",
                "move_text",
                "moves_sentence",
                "valued_sessions",
                "span_text",
            ),
            "run": ("Run",),
            "saved": (
                "load_run",
                "save_run",
            ),
            "tax": (
                "WASH_DAYS",
                "by_year",
                "rate_text",
                "realised",
                "tax_sentence",
                "tax_summary",
            ),
        },
    )

__all__ = [
    "EPISODE_COLUMNS",
    "WASH_DAYS",
    "Attribution",
    "LagHours",
    "Run",
    "by_year",
    "card_html",
    "count_run",
    "during_set",
    "endings_sentence",
    "enter_run",
    "enter_sweep",
    "hold_label",
    "hold_sentence",
    "load_run",
    "make_plan",
    "move_text",
    "moves_sentence",
    "rate_text",
    "realised",
    "save_run",
    "session_rows",
    "span_text",
    "summarize_lag",
    "tax_sentence",
    "tax_summary",
    "valued_sessions",
]
