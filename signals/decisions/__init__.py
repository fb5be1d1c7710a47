"""What was known at each decision: the decision table and universe screens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.signals.decisions.at_decisions import at_decisions
    from undertow.signals.decisions.columns import Reading
    from undertow.signals.decisions.inputs import DERIVED, feed_inputs, session_inputs
    from undertow.signals.decisions.known_values import KnownValues
    from undertow.signals.decisions.panel import ALIVE_SESSIONS, SessionPanel
    from undertow.signals.decisions.requests import (
        COUNTED_HOURS,
        CountedHours,
        SignalSource,
        feed_parameters,
        signal_spec,
    )
    from undertow.signals.decisions.screen import Screen, check_universe, is_screen, liquidity
    from undertow.signals.decisions.sizes import UniverseSizes, universe_sizes
    from undertow.signals.decisions.table import DecisionTable, shared_table
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "columns": ("Reading",),
            "at_decisions": ("at_decisions",),
            "inputs": (
                "DERIVED",
                "feed_inputs",
                "session_inputs",
            ),
            "known_values": ("KnownValues",),
            "panel": (
                "ALIVE_SESSIONS",
                "SessionPanel",
            ),
            "requests": (
                "COUNTED_HOURS",
                "CountedHours",
                "SignalSource",
                "feed_parameters",
                "signal_spec",
            ),
            "screen": (
                "Screen",
                "check_universe",
                "is_screen",
                "liquidity",
            ),
            "sizes": (
                "UniverseSizes",
                "universe_sizes",
            ),
            "table": (
                "DecisionTable",
                "shared_table",
            ),
        },
    )

__all__ = [
    "ALIVE_SESSIONS",
    "COUNTED_HOURS",
    "DERIVED",
    "CountedHours",
    "DecisionTable",
    "KnownValues",
    "Reading",
    "Screen",
    "SessionPanel",
    "SignalSource",
    "UniverseSizes",
    "at_decisions",
    "check_universe",
    "feed_inputs",
    "feed_parameters",
    "is_screen",
    "liquidity",
    "session_inputs",
    "shared_table",
    "signal_spec",
    "universe_sizes",
]
