"""Where cash is raised from: the order in which names are sold."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from undertow.market import FloatArray, IntArray
from undertow.signals import BtcEquityCorrelation, beta_nb, drop_nb
from undertow.signals.decisions import DecisionTable, liquidity, session_inputs
from undertow.strategies.plan import LEAST_TAX, PROPORTIONAL

Source = Literal["proportional", "winners", "beta", "btc-beta", "crypto", "liquid", "least-tax"]
SOURCES: tuple[Source, ...] = ("proportional", "winners", "beta", "btc-beta", "crypto", "liquid", "least-tax")
QUARTER = 63  # sessions
HALF_YEAR = 126  # sessions


def winners_order(table: DecisionTable) -> FloatArray:
    """Return over the last quarter (T, N), known at the decision."""
    return table.known(drop_nb(table.close, QUARTER))


def beta_order(table: DecisionTable) -> FloatArray:
    """Beta to the benchmark over half a year (T, N), known at the decision."""
    return table.known(beta_nb(table.close, np.ascontiguousarray(table.benchmark[:, None]), HALF_YEAR))


def btc_beta_order(table: DecisionTable) -> FloatArray:
    """Beta to Bitcoin, close to close of the exchange, over half a year (T, N).

    NaN without Bitcoin bars.
    """
    return table.known(beta_nb(table.close, _btc(table), HALF_YEAR))


def crypto_order(table: DecisionTable) -> FloatArray:
    """Correlation with Bitcoin over half a year (T, N), whatever the size of moves.

    NaN without Bitcoin bars and where less than half of the returns exist.
    """
    btc = _btc(table)
    slope = beta_nb(table.close, btc, HALF_YEAR)
    # The product of the slopes of the two regressions is the square of the correlation.
    inverse = beta_nb(np.repeat(btc, table.close.shape[1], axis=1), table.close, HALF_YEAR)
    return table.known(np.sign(slope) * np.sqrt(np.clip(slope * inverse, 0.0, 1.0)))


def liquidity_order(table: DecisionTable) -> FloatArray:
    """Mean dollar volume a session over the last quarter (T, N)."""
    return table.known(liquidity(table))


def _btc(table: DecisionTable) -> FloatArray:
    return np.ascontiguousarray(session_inputs(BtcEquityCorrelation.spec, table, "BTC")["btc"])


# The highest score is sold first.
_SCORES = {
    "winners": winners_order,
    "beta": beta_order,
    "btc-beta": btc_beta_order,
    "crypto": crypto_order,
    "liquid": liquidity_order,
}


def selling_orders(table: DecisionTable, source: npt.NDArray[np.str_]) -> tuple[tuple[FloatArray, ...], IntArray]:
    """The distinct scores (T, N) of `source` (P,), and the one of each set.

    They are `scores` and `score_of_set` of a `Decision`.
    """
    needed = [name for name in _SCORES if (source == name).any()]
    score_of_set = np.full(len(source), PROPORTIONAL, dtype=np.int64)
    score_of_set[source == "least-tax"] = LEAST_TAX
    for position, name in enumerate(needed):
        score_of_set[source == name] = position
    return tuple(_score(table, name) for name in needed), score_of_set


def _score(table: DecisionTable, name: str) -> FloatArray:
    # Scores have no parameters, so that the batches of a search share them.

    return table.cached(("selling order", name), lambda: (_SCORES[name](table),))[0]
