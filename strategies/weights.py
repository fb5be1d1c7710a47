"""Base weights of a fully invested portfolio, rebalanced on a schedule."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from undertow.market import (
    GAP_SESSIONS,
    BoolArray,
    FloatArray,
    IntArray,
    ParameterError,
    WeightTable,
    did_you_mean,
    period_starts,
)
from undertow.signals import realized_volatility_nb
from undertow.signals.decisions import DecisionTable

Weighting = Literal["equal", "inverse-volatility"]
Rebalance = Literal["daily", "weekly", "monthly", "quarterly", "never"]
WEIGHTINGS: tuple[Weighting, ...] = ("equal", "inverse-volatility")
REBALANCES: tuple[Rebalance, ...] = ("daily", "weekly", "monthly", "quarterly", "never")
VOLATILITY_WINDOW = 63  # sessions


def base_weights(
    table: DecisionTable, rows: slice, weighting: str, rebalance: str, weights: WeightTable | None = None
) -> tuple[FloatArray, IntArray]:
    """Base weights (R, N), and the row of them that takes effect on each session (T,).

    The row is -1 where the previous one stays. Rebalances are on the first session of `rows`, on the first one on which
    any name is alive, and on the first session of each period. Weights are of the names alive at that session and sum
    to 1, or are all zero where no name is alive. A name without enough history has the median volatility.

    With `weights` those known at each session's decision take the place of `weighting`. They are rebalanced on the
    first session of a new set too, and a name is held whether or not it is a member of the universe on that session. A
    name without a close in the week before has no weight: that of the others rises in proportion.

    Args:
        table: the decision table; volatility uses closes known at the decision
        rows: the sessions of the account, as rows of the table
        weighting: "equal", or "inverse-volatility" over the last 63 sessions
        rebalance: the period, one of `REBALANCES`
        weights: stated weights of a basket, None for `weighting`

    Raises `ParameterError` on an unknown weighting or period, and where stated weights begin after the account or have
    names that the universe lacks.
    """
    if weights is not None:
        raw, rebalances = _stated(table, rows, rebalance, weights)
        return _take_effect(np.where(_priced(table)[rows][rebalances], raw, 0.0), rebalances, rows)
    rebalances = rebalance_rows(table.decisions.sessions[rows], rebalance)
    rebalances = np.union1d(rebalances, np.flatnonzero(table.alive[rows].any(axis=1))[:1])
    alive = table.alive[rows][rebalances]
    if weighting == "equal":
        raw = alive.astype(np.float64)
    elif weighting == "inverse-volatility":
        raw = _inverse_volatility(table, rows, rebalances, alive)
    else:
        raise ParameterError(_one_of("weighting", weighting, WEIGHTINGS))
    return _take_effect(raw, rebalances, rows)


def unpriced_weights(table: DecisionTable, rows: slice, rebalance: str, weights: WeightTable) -> dict[str, int]:
    """The names that stated weights could not buy, with the number of rebalances.

    Args:
        table: the decision table
        rows: the sessions of the account, as rows of the table
        rebalance: the period, one of `REBALANCES`
        weights: stated weights of a basket
    """
    raw, rebalances = _stated(table, rows, rebalance, weights)
    count = ((raw > 0.0) & ~_priced(table)[rows][rebalances]).sum(axis=0)
    return {table.symbols[column]: int(count[column]) for column in np.flatnonzero(count)}


def _take_effect(raw: FloatArray, rebalances: IntArray, rows: slice) -> tuple[FloatArray, IntArray]:
    """Base weights (R, N) that sum to 1 or 0, and their rows by session (T,)."""
    total = raw.sum(axis=1, keepdims=True)
    base = np.divide(raw, total, out=np.zeros_like(raw), where=total > 0)
    rebalanced = np.full(rows.stop - rows.start, -1, dtype=np.int64)
    rebalanced[rebalances] = np.arange(len(rebalances))
    return base, rebalanced


def _stated(table: DecisionTable, rows: slice, rebalance: str, weights: WeightTable) -> tuple[FloatArray, IntArray]:
    """The stated weights (R, N) at each rebalance, and its row of the account (R,)."""
    weights.check(table.market, table.universe.name, table.symbols)
    sessions = table.decisions.sessions[rows]
    sets = weights.sets_at(sessions)
    if sets[0] < 0:
        raise ParameterError(
            f"`weights` begin on {weights.first}, after the first session {sessions[0].date()}; move `start`, or add"
            " the weights that were known then"
        )
    panel = np.zeros((len(weights.weights), len(table.symbols)))
    panel[:, [table.symbols.index(symbol) for symbol in weights.symbols]] = weights.weights
    first = np.flatnonzero(((panel[sets] > 0.0) & _priced(table)[rows]).any(axis=1))[:1]
    changes = np.flatnonzero(sets[1:] != sets[:-1]) + 1
    rebalances = np.union1d(np.union1d(rebalance_rows(sessions, rebalance), changes), first).astype(np.int64)
    return panel[sets[rebalances]], rebalances


def _priced(table: DecisionTable) -> BoolArray:
    """Names with a close known at the decision that is not older than a week (T, N)."""
    ages = table.market.prices.ages(table.columns)
    return np.asarray(table.known((ages >= 0) & (ages < GAP_SESSIONS)) == 1.0)


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
