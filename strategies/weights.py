"""Base weights of a fully invested portfolio, rebalanced on a schedule."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from undertow.market import BoolArray, FloatArray, IntArray, ParameterError, did_you_mean, period_starts
from undertow.signals import realized_volatility_nb
from undertow.signals.decisions import DecisionTable

Weighting = Literal["equal", "inverse-volatility"]
Rebalance = Literal["daily", "weekly", "monthly", "quarterly", "never"]
WEIGHTINGS: tuple[Weighting, ...] = ("equal", "inverse-volatility")
REBALANCES: tuple[Rebalance, ...] = ("daily", "weekly", "monthly", "quarterly", "never")
VOLATILITY_WINDOW = 63  # sessions


def base_weights(table: DecisionTable, rows: slice, weighting: str, rebalance: str) -> tuple[FloatArray, IntArray]:
    """Base weights (R, N), and the row of them that takes effect on each session (T,).

    The row is -1 where the previous one stays. Rebalances are on the first session of `rows`, on the first one on which
    any name is alive, and on the first session of each period. Weights are of the names alive at that session and sum
    to 1, or are all zero where no name is alive. A name without enough history has the median volatility.

    Args:
        table: the decision table; volatility uses closes known at the decision
        rows: the sessions of the account, as rows of the table
        weighting: "equal", or "inverse-volatility" over the last 63 sessions
        rebalance: the period, one of `REBALANCES`

    Raises `ParameterError` on an unknown weighting or period.
    """
    rebalances = rebalance_rows(table.decisions.sessions[rows], rebalance)
    rebalances = np.union1d(rebalances, np.flatnonzero(table.alive[rows].any(axis=1))[:1])
    alive = table.alive[rows][rebalances]
    if weighting == "equal":
        raw = alive.astype(np.float64)
    elif weighting == "inverse-volatility":
        raw = _inverse_volatility(table, rows, rebalances, alive)
    else:
        raise ParameterError(_one_of("weighting", weighting, WEIGHTINGS))
    total = raw.sum(axis=1, keepdims=True)
    base = np.divide(raw, total, out=np.zeros_like(raw), where=total > 0)
    rebalanced = np.full(len(table.decisions.sessions[rows]), -1, dtype=np.int64)
    rebalanced[rebalances] = np.arange(len(rebalances))
    return base, rebalanced


def rebalance_rows(sessions: pd.DatetimeIndex, rebalance: str) -> IntArray:
    """The rows of rebalances: the first, and the first session of each later period."""
    if rebalance not in REBALANCES:
        raise ParameterError(_one_of("rebalance", rebalance, REBALANCES))
    return period_starts(sessions, rebalance)


def _inverse_volatility(table: DecisionTable, rows: slice, rebalances: IntArray, alive: BoolArray) -> FloatArray:
    volatility = table.known(realized_volatility_nb(table.close, VOLATILITY_WINDOW, 1.0))[rows][rebalances]
    usable = np.where(alive & (volatility > 0), volatility, np.nan)
    median = np.array([np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else 1.0 for row in usable])
    filled = np.where(np.isfinite(usable), usable, median[:, None])
    return np.where(alive, 1.0 / filled, 0.0)


def _one_of(name: str, value: object, choices: tuple[str, ...]) -> str:
    return f"`{name}` must be one of {', '.join(choices)}; got {value!r}{did_you_mean(str(value), choices)}"
