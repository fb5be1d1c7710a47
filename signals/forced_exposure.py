"""Forced exposure: what a fund with a volatility target must hold, and sell."""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import FloatDistribution, IntDistribution

from undertow.market import SESSIONS_A_YEAR, FloatArray
from undertow.signals.base import AT_LEAST_0, Parameter, Spec, full_nb, indicator


@njit(cache=True)
def ewma_volatility_nb(close: FloatArray, window: int, decay: float) -> FloatArray:
    """RiskMetrics volatility (T, N), annualised with 252 sessions.

    The root of the weighted mean of squared log returns, zero mean: the return of k rows ago weighs decay^k among the
    last `window` returns, and missing ones are left out. The window is the warm-up: NaN until it is full, so that no
    starting value is ever assumed.
    """
    returns = np.full(close.shape, np.nan)
    returns[1:] = np.log(close[1:] / close[:-1])
    full = full_nb(returns, window)
    rows, columns = close.shape
    out = np.full((rows, columns), np.nan)
    for column in range(columns):
        for row in range(window, rows):
            if not full[row, column]:
                continue
            weight, squares, weights = 1.0, 0.0, 0.0
            for back in range(row, row - window, -1):
                if not np.isnan(returns[back, column]):
                    squares += weight * returns[back, column] ** 2
                    weights += weight
                weight *= decay
            out[row, column] = np.sqrt(squares / weights * SESSIONS_A_YEAR)
    return out


@njit(cache=True)
def forced_exposure_nb(
    close: FloatArray, window: int, decay: float, target: float, cap: float, assets: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Exposure min(cap, target / volatility), its change and the sales, each (T, N).

    The exposure is the cap where the volatility is 0. NaN where the volatility is; the change needs two exposures.
    Funds with `assets` that all follow it sell `assets` times a fall of the exposure, in USD.

    Args:
        close: closes (T, N).
        window: returns of the volatility, rows.
        decay: weight of a return relative to that of the row after, in (0, 1).
        target: volatility target, decimal a year.
        cap: highest exposure, a share of capital.
        assets: assets of all such funds, USD; an assumption.
    """
    volatility = ewma_volatility_nb(close, window, decay)
    exposure = np.where(volatility * cap > target, target / np.where(volatility > 0, volatility, 1.0), cap)
    exposure = np.where(np.isnan(volatility), np.nan, exposure)
    cut = np.full(close.shape, np.nan)
    cut[1:] = exposure[1:] - exposure[:-1]
    return exposure, cut, np.where(np.isnan(cut), np.nan, np.maximum(-cut, 0.0) * assets)


_PARAMETERS = {
    "window": Parameter(126, IntDistribution(21, 252, log=True), unit="sessions"),
    "decay": Parameter(0.94, FloatDistribution(0.80, 0.99), unit="weight a session"),
    "target": Parameter(0.12, FloatDistribution(0.05, 0.40), unit="decimal a year"),
    "cap": Parameter(1.0, FloatDistribution(0.5, 3.0), unit="share of capital"),
    # No source counts these funds: sales are stated for a size, and scale with it.
    "assets": Parameter(100e9, FloatDistribution(1e9, 1e12, log=True), unit="USD"),
}
_UNITS = (
    "share of capital; cut is its change in one session, negative where stocks are sold; sold in USD for the assumed"
    " `assets`"
)
_SOURCE = "RiskMetrics (1996) weights in a finite window; volatility targeting as Harvey et al. (2018), capped"


def _lookback(window: int, decay: float, target: float, cap: float, assets: float) -> tuple[int, int, int]:
    return window + 1, window + 2, window + 2


ForcedExposure = indicator(
    Spec(
        name="forced-exposure",
        summary="Exposure that a fund with a volatility target is forced into, and what such funds sell in a session.",
        kernel=forced_exposure_nb,
        inputs={"close": ("prices", "basket")},
        parameters=_PARAMETERS,
        outputs=("exposure", "cut", "sold"),
        units=_UNITS,
        lookback=_lookback,
        source=_SOURCE,
        clock="session",
        scale_free=("close",),
        bounds={"exposure": AT_LEAST_0, "sold": AT_LEAST_0},
        decimal=("exposure", "cut"),
    )
)

IndexForcedExposure = indicator(
    Spec(
        name="index-forced-exposure",
        summary="The same of funds that hold the market's benchmark: exposure, and what they sell in a session.",
        kernel=forced_exposure_nb,
        inputs={"close": ("prices", "benchmark")},
        parameters=_PARAMETERS,
        outputs=("exposure", "cut", "sold"),
        units=_UNITS,
        lookback=_lookback,
        source=_SOURCE,
        clock="session",
        scale_free=("close",),
        bounds={"exposure": AT_LEAST_0, "sold": AT_LEAST_0},
        decimal=("exposure", "cut"),
    )
)
