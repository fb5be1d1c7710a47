"""Policy: the tailwind of falling yields, and the path that the market expects."""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import FloatDistribution, IntDistribution

from undertow.market import FloatArray
from undertow.signals.base import FLAG, RETURN, Parameter, Spec, indicator
from undertow.signals.drawdown import drop_nb
from undertow.signals.macro import shock_nb

_ROUNDING = 1e-9


@njit(cache=True)
def policy_tailwind_nb(
    equity: FloatArray, nominal: FloatArray, btc: FloatArray, horizon: int, rise: float, fall: float, btc_fall: float
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """The gate and its three ingredients over `horizon` rows, all (T, N).

    The gate is 1 where stocks returned at least `rise`, the yield fell by at least `fall` points and bitcoin lost at
    least `btc_fall`; 0 where any of the three did not happen; NaN where one of them is unknown.

    Args:
        equity: index of the stocks (T, N).
        nominal: nominal yield (T, N), percent.
        btc: closes of bitcoin (T, N).
        horizon: rows of the three moves.
        rise: least return of the stocks, decimal, 0 or more.
        fall: least fall of the yield, percentage points, 0 or more.
        btc_fall: least fall of bitcoin, decimal, 0 or more.
    """
    stocks, bitcoin = drop_nb(equity, horizon), drop_nb(btc, horizon)
    change = np.full(nominal.shape, np.nan)
    if horizon < len(nominal):
        change[horizon:] = nominal[horizon:] - nominal[: len(nominal) - horizon]
    # A move of exactly the threshold must not be lost to rounding: yields are quoted to a hundredth.
    met = (stocks >= rise - _ROUNDING) & (change <= _ROUNDING - fall) & (bitcoin <= _ROUNDING - btc_fall)
    gate = np.where(met, 1.0, 0.0)
    return np.where(np.isnan(stocks + change + bitcoin), np.nan, gate), stocks, change, bitcoin


PolicyTailwind = indicator(
    Spec(
        name="policy-tailwind",
        summary="Whether stocks rallied on falling yields while Bitcoin was sold: selling stocks then fights policy.",
        kernel=policy_tailwind_nb,
        inputs={
            "equity": ("prices", "basket"),
            "nominal": ("macro", "DGS10"),
            "btc": ("bars", "close"),
        },
        parameters={
            "horizon": Parameter(5, IntDistribution(2, 42, log=True), unit="sessions"),
            "rise": Parameter(0.01, FloatDistribution(0.0, 0.10), unit="decimal return"),
            "fall": Parameter(0.05, FloatDistribution(0.0, 0.50), unit="percentage points"),
            "btc_fall": Parameter(0.05, FloatDistribution(0.0, 0.30), unit="decimal return"),
        },
        outputs=("gate", "equity_return", "yield_change", "btc_return"),
        units="gate 1 or 0; decimal returns and percentage points over the horizon",
        lookback=lambda horizon, rise, fall, btc_fall: (horizon + 1,) * 4,
        source="our own definition; the yield is known a session late, so its horizon ends a session earlier",
        clock="session",
        scale_free=("equity", "btc"),
        bounds={"gate": FLAG, "equity_return": RETURN, "btc_return": RETURN},
        decimal=("equity_return", "btc_return"),
    )
)


@njit(cache=True)
def policy_path_nb(
    two_year: FloatArray, effective: FloatArray, target: FloatArray, horizon: int, window: int, since: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """The expected path, its change and shock, and moves of the target (T, N).

    gap = two-year yield less the effective rate: above 0 where rises are expected, below 0 where cuts are. change and z
    are those of `shock_nb` on the gap. target = target rate less that of `since` rows before. NaN where an end is
    missing; z also as in `shock_nb`.

    Args:
        two_year: two-year yield (T, N), percent.
        effective: effective policy rate (T, N), percent.
        target: upper end of the target range (T, N), percent.
        horizon: rows of the change.
        window: rows of the deviation.
        since: rows over which moves of the target add up.
    """
    gap = two_year - effective
    change, z = shock_nb(gap, horizon, window)
    moved = np.full(target.shape, np.nan)
    if since < len(target):
        moved[since:] = target[since:] - target[: len(target) - since]
    return gap, change, z, moved


PolicyPath = indicator(
    Spec(
        name="policy-path",
        summary="The two-year yield less the effective policy rate, its shocks, and changes of the target.",
        kernel=policy_path_nb,
        inputs={
            "two_year": ("macro", "DGS2"),
            "effective": ("macro", "EFFR"),
            "target": ("macro", "DFEDTARU"),
        },
        parameters={
            "horizon": Parameter(5, IntDistribution(1, 63, log=True), unit="sessions"),
            "window": Parameter(252, IntDistribution(63, 504, log=True), unit="sessions"),
            "since": Parameter(63, IntDistribution(5, 252, log=True), unit="sessions"),
        },
        outputs=("gap", "change", "z", "target"),
        units="percentage points; z in standard deviations of the gap's changes",
        lookback=lambda horizon, window, since: (1, horizon + 1, horizon + window, since + 1),
        source="our own definition; the yields are known a session late",
        clock="session",
        defaults={"target": np.nan},
    )
)
