"""Breadth: shares of the universe's members above their trend and at new lows."""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import IntDistribution

from undertow.market import BoolArray, FloatArray
from undertow.signals.base import (
    SHARE,
    Bounds,
    Parameter,
    Spec,
    full_nb,
    indicator,
    rolling_max_nb,
    trailing_moments_nb,
)

# An average of equal closes differs from them by rounding.
_ROUNDING = 1e-12


@njit(cache=True)
def member_share_nb(met: BoolArray, known: BoolArray, member: FloatArray) -> FloatArray:
    """Share of members that meet a condition (T, N), the same in all columns.

    Of the members for which the condition is `known`, those for which it is `met`. NaN where it is known for fewer than
    half of the members, and where there are no members.
    """
    rows, columns = met.shape
    out = np.full((rows, columns), np.nan)
    for row in range(rows):
        members = known_members = count = 0
        for column in range(columns):
            if member[row, column] > 0:
                members += 1
                known_members += known[row, column]
                count += known[row, column] and met[row, column]
        if known_members > 0 and 2 * known_members >= members:
            out[row] = count / known_members
    return out


@njit(cache=True)
def breadth_nb(close: FloatArray, member: FloatArray, window: int, horizon: int) -> tuple[FloatArray, FloatArray]:
    """Share of members above their own average close, and its change, both (T, N).

    Only members with a full window count: listed for so many rows, a close now and at least half of the closes. NaN
    where these are fewer than half of the members, and until the first windows are full.

    Args:
        close: closes (T, N).
        member: membership (T, N), above 0 for members.
        window: rows of the average, the current one included.
        horizon: rows of the change.
    """
    average, _ = trailing_moments_nb(close, window)
    share = member_share_nb(close > average * (1.0 + _ROUNDING), ~np.isnan(average), member)
    change = np.full(share.shape, np.nan)
    if horizon < len(share):
        change[horizon:] = share[horizon:] - share[: len(share) - horizon]
    return share, change


@njit(cache=True)
def new_lows_nb(close: FloatArray, member: FloatArray, window: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Shares of members at the low and at the high of `window` closes, and high - low.

    All (T, N). A close that equals an earlier extreme is at it, so one that never moved is at both. Only members with a
    full window count, as in `breadth_nb`; NaN where these are fewer than half of the members.
    """
    known = full_nb(close, window)
    lows = member_share_nb(close <= -rolling_max_nb(-close, window), known, member)
    highs = member_share_nb(close >= rolling_max_nb(close, window), known, member)
    return lows, highs, highs - lows


Breadth = indicator(
    Spec(
        name="breadth",
        summary="Share of the universe's members above their own moving average, and its change.",
        kernel=breadth_nb,
        inputs={"close": ("prices", "close"), "member": ("prices", "member")},
        parameters={
            "window": Parameter(50, IntDistribution(10, 252, log=True), unit="sessions"),
            "horizon": Parameter(10, IntDistribution(1, 63, log=True), unit="sessions"),
        },
        outputs=("share", "change"),
        units="share in [0, 1]; change in shares, -0.4 for four members in ten",
        lookback=lambda window, horizon: (window, window + horizon),
        source="percentage of stocks above their moving average, a breadth measure of common use without one author",
        clock="session",
        scale_free=("close",),
        across_names=True,
        bounds={"share": SHARE, "change": Bounds(-1.0, 1.0)},
        decimal=("share", "change"),
    )
)

NewLows = indicator(
    Spec(
        name="new-lows",
        summary="Shares of the universe's members at a new low and at a new high of their closes.",
        kernel=new_lows_nb,
        inputs={"close": ("prices", "close"), "member": ("prices", "member")},
        parameters={"window": Parameter(252, IntDistribution(21, 504, log=True), unit="sessions")},
        outputs=("lows", "highs", "net"),
        units="shares in [0, 1]; net = highs - lows, in [-1, 1]",
        lookback=lambda window: (window,) * 3,
        source="new highs and new lows of 52 weeks, as exchanges count them, here on closes and as shares",
        clock="session",
        scale_free=("close",),
        across_names=True,
        bounds={"lows": SHARE, "highs": SHARE, "net": Bounds(-1.0, 1.0)},
        decimal=("lows", "highs", "net"),
    )
)
