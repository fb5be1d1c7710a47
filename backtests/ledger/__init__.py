"""The ledger of all trials ever made on a market."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.backtests.ledger.deflated import (
        DeflatedSharpe,
        SharpeMoments,
        deflated_returns,
        deflated_sentence,
        deflated_sharpe,
        expected_maximum,
        minimum_backtest_years,
        minimum_track_record,
        probabilistic_sharpe,
        sharpe_moments,
    )
    from undertow.backtests.ledger.ledger import DESIGNS, Ledger, SearchKey, key_of, open_ledger
    from undertow.backtests.ledger.trial_count import TrialCount
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "deflated": (
                "DeflatedSharpe",
                "SharpeMoments",
                "deflated_returns",
                "deflated_sentence",
                "deflated_sharpe",
                "expected_maximum",
                "minimum_backtest_years",
                "minimum_track_record",
                "probabilistic_sharpe",
                "sharpe_moments",
            ),
            "ledger": (
                "DESIGNS",
                "Ledger",
                "SearchKey",
                "key_of",
                "open_ledger",
            ),
            "trial_count": ("TrialCount",),
        },
    )

__all__ = [
    "DESIGNS",
    "DeflatedSharpe",
    "Ledger",
    "SearchKey",
    "SharpeMoments",
    "TrialCount",
    "deflated_returns",
    "deflated_sentence",
    "deflated_sharpe",
    "expected_maximum",
    "key_of",
    "minimum_backtest_years",
    "minimum_track_record",
    "open_ledger",
    "probabilistic_sharpe",
    "sharpe_moments",
]
