"""Names that no parameter may have: the other columns in tables of results."""

from __future__ import annotations

from undertow.backtests.sweeps.chunk import FIGURES
from undertow.market import ParameterError
from undertow.strategies import Strategy

_TRIALS = ("trial", "batch", "design", "state", "feasible", "error")
_SPANS = ("train_start", "train_end", "test_start", "test_end", "sessions_trained", "sessions_tested")
_COUNTS = ("purged", "embargoed", "dropped_with_events", "border_moved", "trials")
_FOLDS = ("fold", *_SPANS, *_COUNTS, "gate_p", "passed", "acts")
# Figures of a fold in its training sessions and outside, with the prefixes `in_` and `out_`.
FOLD_FIGURES = (
    "objective",
    "annual_sharpe",
    "max_drawdown",
    "total_return",
    "excess_over_buy_and_hold",
    "excess_over_vol_target",
)
_SIDES = tuple(f"{side}_{name}" for side in ("in", "out") for name in FOLD_FIGURES)
_PATHS = ("groups", "rank")
RESERVED = frozenset({*FIGURES, *_TRIALS, *_FOLDS, "in_lag_hours", *_SIDES, *_PATHS})


def refuse_reserved(strategy: type[Strategy]) -> None:
    """Raise `ParameterError` where a parameter is named like a column of results."""
    hidden = [f"`{name}`" for name in strategy.model_fields if name in RESERVED]
    if hidden:
        raise ParameterError(
            f"`{strategy.name()}` has a parameter named like a column of the results: {', '.join(hidden)}; rename it"
        )
