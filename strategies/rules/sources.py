"""Where cash is raised from: the order in which names are sold."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from undertow.market.clock import FloatArray, IntArray
from undertow.signals.beta import beta_nb
from undertow.signals.correlation import BtcEquityCorrelation
from undertow.signals.decisions.inputs import session_inputs
from undertow.signals.decisions.screen import liquidity
from undertow.signals.decisions.table import DecisionTable
from undertow.signals.drawdown import drop_nb
from undertow.strategies.plan import LEAST_TAX, PROPORTIONAL

Source = Literal["proportional", "winners", "beta", "btc-beta", "crypto", "liquid", "least-tax"]
SOURCES: tuple[Source, ...] = ("proportional", "winners", "beta", "btc-beta", "crypto", "liquid", "least-tax")
QUARTER = 63  # sessions
HALF_YEAR = 126  # sessions


def winners(table: DecisionTable) -> FloatArray:
    """Return over the last quarter (T, N), known at the decision: last quarter's winners are sold first."""
    return table.known(drop_nb(table.close, QUARTER))


def beta(table: DecisionTable) -> FloatArray:
    """Beta to the benchmark over half a year (T, N), known at the decision: the highest is sold first."""
    return table.known(beta_nb(table.close, np.ascontiguousarray(table.benchmark[:, None]), HALF_YEAR))


def btc_beta(table: DecisionTable) -> FloatArray:
    """Beta to Bitcoin, close to close of the exchange, over half a year (T, N); NaN without Bitcoin bars."""
    return table.known(beta_nb(table.close, _btc(table), HALF_YEAR))


def crypto(table: DecisionTable) -> FloatArray:
    """Correlation with Bitcoin over half a year (T, N): the share of a name's moves, not their size, sets the order.

    NaN without Bitcoin bars and where less than half of the returns are there.
    """
    btc = _btc(table)
    own = beta_nb(table.close, btc, HALF_YEAR)
    # The product of the slopes of the two regressions is the square of the correlation.
    names = (np.ascontiguousarray(name[:, None]) for name in table.close.T)
    other = np.column_stack([beta_nb(btc, name, HALF_YEAR) for name in names])
    return table.known(np.sign(own) * np.sqrt(np.clip(own * other, 0.0, 1.0)))


def liquid(table: DecisionTable) -> FloatArray:
    """Mean money traded a session over the last quarter (T, N): what is sold with the least stir first."""
    return table.known(liquidity(table))


def _btc(table: DecisionTable) -> FloatArray:
    return np.ascontiguousarray(session_inputs(BtcEquityCorrelation.spec, table, "BTC")["btc"])


_SCORES = {"winners": winners, "beta": beta, "btc-beta": btc_beta, "crypto": crypto, "liquid": liquid}


def selling_orders(table: DecisionTable, source: npt.NDArray[np.str_]) -> tuple[tuple[FloatArray, ...], IntArray]:
    """The distinct scores (T, N) that `source` (P,) asks for and which one each set uses, as in `Decision`."""
    needed = [name for name in _SCORES if (source == name).any()]
    which = np.full(len(source), PROPORTIONAL, dtype=np.int64)
    which[source == "least-tax"] = LEAST_TAX
    for position, name in enumerate(needed):
        which[source == name] = position
    return tuple(_score(table, name) for name in needed), which


def _score(table: DecisionTable, name: str) -> FloatArray:
    # Scores have no parameters: the batches of a search share them.
    return table.cached(("selling order", name), lambda: (_SCORES[name](table),))[0]
