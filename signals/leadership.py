"""Leadership: the universe against the index, and the fall of its leaders."""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import FloatDistribution, IntDistribution

from undertow.market import FloatArray
from undertow.signals.base import FLAG, RETURN, Parameter, Spec, indicator, safe_ratio_nb, trailing_moments_nb
from undertow.signals.drawdown import drop_nb

# A return of exactly the threshold must not be lost to rounding.
_ROUNDING = 1e-9


@njit(cache=True)
def leadership_nb(
    basket: FloatArray, benchmark: FloatArray, horizon: int, window: int
) -> tuple[FloatArray, FloatArray]:
    """Return of the basket less the benchmark's, and its z, both (T, N).

    z = (lead - mean) / sample deviation of the last `window` leads, the current one included; they overlap. NaN where
    an end of either return is missing; z also until the window is full, where more than half of it is missing and where
    the lead has not moved.

    Args:
        basket: index of the universe (T, N).
        benchmark: closes of the benchmark (T, N).
        horizon: rows of the returns.
        window: rows of the mean and the deviation.
    """
    lead = drop_nb(basket, horizon) - drop_nb(benchmark, horizon)
    mean, deviation = trailing_moments_nb(lead, window)
    return lead, safe_ratio_nb(lead - mean, deviation)


@njit(cache=True)
def leaders_nb(close: FloatArray, member: FloatArray, formation: int, horizon: int, quantile: float) -> FloatArray:
    """Mean return of the former leaders (T, N), the same in all columns.

    Leaders are chosen `horizon` rows ago: of the members then, the top `quantile` by return over the `formation` rows
    up to then, rounded to a whole number of at least one, ties included. Names without a close now are left out. NaN
    where fewer than half of the members had a return, or fewer than half of the leaders still have one.

    Args:
        close: closes (T, N).
        member: membership (T, N), above 0 for members.
        formation: rows over which leaders are chosen.
        horizon: rows over which their return is measured.
        quantile: share of the members that lead, in (0, 1).
    """
    rows, columns = close.shape
    out = np.full((rows, columns), np.nan)
    past, now = drop_nb(close, formation), drop_nb(close, horizon)
    for row in range(formation + horizon, rows):
        start = row - horizon
        chosen = member[start] > 0
        formed = past[start][chosen]
        known = np.sort(formed[~np.isnan(formed)])
        if len(known) == 0 or 2 * len(known) < len(formed):
            continue
        cut = known[-max(1, int(quantile * len(known) + 0.5))]
        returns = now[row][chosen][formed >= cut]
        present = returns[~np.isnan(returns)]
        if len(present) > 0 and 2 * len(present) >= len(returns):
            out[row] = present.mean()
    return out


@njit(cache=True)
def leadership_break_nb(
    close: FloatArray,
    member: FloatArray,
    benchmark: FloatArray,
    formation: int,
    horizon: int,
    quantile: float,
    fall: float,
    hold: float,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Flag of leaders that fall while the index holds, and both returns, all (T, N).

    1 where the leaders of `leaders_nb` returned -`fall` or less and the benchmark more than -`hold`, else 0; NaN where
    one of the two is unknown.

    Args:
        close: closes (T, N).
        member: membership (T, N), above 0 for members.
        benchmark: closes of the benchmark, (T, 1), or (T, N) with the same series in each column.
        formation: rows over which leaders are chosen.
        horizon: rows of the returns.
        quantile: share of the members that lead, in (0, 1).
        fall: least fall of the leaders, decimal, 0 or more.
        hold: fall of the benchmark that still counts as holding, decimal, 0 or more.
    """
    leaders = leaders_nb(close, member, formation, horizon, quantile)
    index = drop_nb(benchmark[:, :1], horizon) + np.zeros(close.shape)
    met = np.where((leaders <= _ROUNDING - fall) & (index > _ROUNDING - hold), 1.0, 0.0)
    return np.where(np.isnan(leaders + index), np.nan, met), leaders, index


Leadership = indicator(
    Spec(
        name="leadership",
        summary="Return of the universe's equally weighted index less the benchmark's, in decimal and in usual leads.",
        kernel=leadership_nb,
        inputs={"basket": ("prices", "basket"), "benchmark": ("prices", "benchmark")},
        parameters={
            "horizon": Parameter(21, IntDistribution(2, 126, log=True), unit="sessions"),
            "window": Parameter(252, IntDistribution(63, 504, log=True), unit="sessions"),
        },
        outputs=("lead", "z"),
        units="decimal return over the horizon; z in standard deviations of such leads",
        lookback=lambda horizon, window: (horizon + 1, horizon + window),
        source="our own definition, relative strength as a difference of returns instead of a ratio of levels",
        clock="session",
        scale_free=("basket", "benchmark"),
        decimal=("lead",),
    )
)

LeadershipBreak = indicator(
    Spec(
        name="leadership-break",
        summary="Whether those who led until a few sessions ago now fall while the index still holds.",
        kernel=leadership_break_nb,
        inputs={
            "close": ("prices", "close"),
            "member": ("prices", "member"),
            "benchmark": ("prices", "benchmark"),
        },
        parameters={
            "formation": Parameter(126, IntDistribution(21, 252, log=True), unit="sessions"),
            "horizon": Parameter(10, IntDistribution(2, 42, log=True), unit="sessions"),
            "quantile": Parameter(0.2, FloatDistribution(0.05, 0.5), unit="share of members"),
            "fall": Parameter(0.06, FloatDistribution(0.0, 0.30), unit="decimal return"),
            "hold": Parameter(0.02, FloatDistribution(0.0, 0.10), unit="decimal return"),
        },
        outputs=("broken", "leaders", "index_return"),
        units="broken 1 or 0; decimal returns over the horizon",
        lookback=lambda formation, horizon, quantile, fall, hold: (
            formation + horizon + 1,
            formation + horizon + 1,
            horizon + 1,
        ),
        source="our own definition; winners formed as in Jegadeesh and Titman (1993), followed over the horizon after",
        clock="session",
        scale_free=("close", "benchmark"),
        across_names=True,
        bounds={"broken": FLAG, "leaders": RETURN, "index_return": RETURN},
        decimal=("leaders", "index_return"),
    )
)
