"""Market data, and when it was known: feeds, prices, sessions, universes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market.lazy import lazy_names

if TYPE_CHECKING:
    from undertow.market.asof import instant_of, last_known, market_ahead, market_at
    from undertow.market.calendar import (
        FILLS,
        Calendar,
        Decisions,
        Fill,
        decisions,
        load_calendar,
        period_starts,
        sessions_a_year,
    )
    from undertow.market.checks import (
        check_positive,
        check_returns,
        check_share,
        check_whole,
        in_decimals,
        is_number,
        is_whole,
        percent_hint,
    )
    from undertow.market.clock import (
        HOUR,
        SESSIONS_A_YEAR,
        BoolArray,
        FloatArray,
        How,
        InstantArray,
        IntArray,
        Span,
        align,
        first_known,
        instants,
        window_ends,
    )
    from undertow.market.coarser import coarsen
    from undertow.market.compiled import drop_stale_code
    from undertow.market.errors import (
        BookkeepingError,
        DataError,
        ParameterError,
        UndertowError,
        UnknownNameError,
        did_you_mean,
        file_boundary,
        reason_of,
        safe_message,
        safe_text,
    )
    from undertow.market.feeds import REGIME_KINDS, SETTLEMENT_HOURS, VENUE_REGIMES, Feed
    from undertow.market.folder import load_market, write_market
    from undertow.market.inspection import (
        Coverage,
        is_extreme,
        market_coverage,
        market_findings,
        price_changes,
        render_coverage,
        split_ratio,
    )
    from undertow.market.lazy import lazy_names
    from undertow.market.market import Market
    from undertow.market.prices import GAP_SESSIONS, PRICE_FIELDS, Prices
    from undertow.market.settlement import settlement_sessions
    from undertow.market.simulator import simulate_market
    from undertow.market.spacing import EVENT_KINDS
    from undertow.market.truth import Truth
    from undertow.market.universe import Universe
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "asof": (
                "instant_of",
                "last_known",
                "market_ahead",
                "market_at",
            ),
            "calendar": (
                "Calendar",
                "Decisions",
                "FILLS",
                "Fill",
                "decisions",
                "load_calendar",
                "period_starts",
                "sessions_a_year",
            ),
            "checks": (
                "check_positive",
                "check_returns",
                "check_share",
                "check_whole",
                "in_decimals",
                "is_number",
                "is_whole",
                "percent_hint",
            ),
            "clock": (
                "BoolArray",
                "FloatArray",
                "HOUR",
                "How",
                "InstantArray",
                "IntArray",
                "SESSIONS_A_YEAR",
                "Span",
                "align",
                "first_known",
                "instants",
                "window_ends",
            ),
            "coarser": ("coarsen",),
            "compiled": ("drop_stale_code",),
            "inspection": (
                "Coverage",
                "is_extreme",
                "market_coverage",
                "price_changes",
                "split_ratio",
                "market_findings",
                "render_coverage",
            ),
            "errors": (
                "BookkeepingError",
                "DataError",
                "ParameterError",
                "UndertowError",
                "UnknownNameError",
                "did_you_mean",
                "file_boundary",
                "reason_of",
                "safe_message",
                "safe_text",
            ),
            "feeds": (
                "Feed",
                "REGIME_KINDS",
                "SETTLEMENT_HOURS",
                "VENUE_REGIMES",
            ),
            "folder": (
                "load_market",
                "write_market",
            ),
            "lazy": ("lazy_names",),
            "market": ("Market",),
            "prices": (
                "GAP_SESSIONS",
                "PRICE_FIELDS",
                "Prices",
            ),
            "settlement": ("settlement_sessions",),
            "simulator": ("simulate_market",),
            "spacing": ("EVENT_KINDS",),
            "truth": ("Truth",),
            "universe": ("Universe",),
        },
    )

__all__ = [
    "EVENT_KINDS",
    "FILLS",
    "GAP_SESSIONS",
    "HOUR",
    "PRICE_FIELDS",
    "REGIME_KINDS",
    "SESSIONS_A_YEAR",
    "SETTLEMENT_HOURS",
    "VENUE_REGIMES",
    "BookkeepingError",
    "BoolArray",
    "Calendar",
    "Coverage",
    "DataError",
    "Decisions",
    "Feed",
    "Fill",
    "FloatArray",
    "How",
    "InstantArray",
    "IntArray",
    "Market",
    "ParameterError",
    "Prices",
    "Span",
    "Truth",
    "UndertowError",
    "Universe",
    "UnknownNameError",
    "align",
    "check_positive",
    "check_returns",
    "check_share",
    "check_whole",
    "coarsen",
    "decisions",
    "did_you_mean",
    "drop_stale_code",
    "file_boundary",
    "first_known",
    "in_decimals",
    "instant_of",
    "instants",
    "is_extreme",
    "is_number",
    "is_whole",
    "last_known",
    "lazy_names",
    "load_calendar",
    "load_market",
    "market_ahead",
    "market_at",
    "market_coverage",
    "market_findings",
    "percent_hint",
    "period_starts",
    "price_changes",
    "reason_of",
    "render_coverage",
    "safe_message",
    "safe_text",
    "sessions_a_year",
    "settlement_sessions",
    "simulate_market",
    "split_ratio",
    "window_ends",
    "write_market",
]
