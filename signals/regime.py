"""The market's regime: calm, volatility event, trend break or liquidity shock."""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import FloatDistribution, IntDistribution

from undertow.market import FloatArray
from undertow.signals.base import (
    AT_LEAST_0,
    RETURN,
    STATE,
    Parameter,
    Spec,
    indicator,
    safe_ratio_nb,
    trailing_median_nb,
    trailing_moments_nb,
)
from undertow.signals.macro import log_shock_nb
from undertow.signals.volatility_shock import volatility_shock_nb

# An average of equal closes differs from them by rounding.
_ROUNDING = 1e-12


@njit(cache=True)
def regime_nb(
    benchmark: FloatArray,
    btc: FloatArray,
    vix: FloatArray,
    horizon: int,
    short: int,
    trend: int,
    window: int,
    fall: float,
    ratio: float,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Regime and the four figures that decide it, all (T, N).

    volatility: realised volatility of the benchmark over `short` rows over its median of `window` rows; the VIX over
    its own median where that is known and higher. benchmark_z, btc_z: log return over `horizon` rows over the sample
    deviation of the last `window` such returns, not centred. trend: benchmark over its mean of `trend` rows, less 1.

    1 volatility event where volatility >= `ratio`; 2 trend break where trend < 0; 3 liquidity shock where volatility >=
    `ratio` and both z <= -`fall`; else 0 calm. The highest number wins. NaN where anything but the VIX is unknown: a
    shock that cannot be ruled out is not calm.

    Args:
        benchmark: closes of the benchmark (T, N).
        btc: closes of bitcoin (T, N).
        vix: the VIX (T, N), points.
        horizon: rows of the returns.
        short: returns of the volatility, rows.
        trend: rows of the mean.
        window: rows of the medians and the deviations.
        fall: least fall of a liquidity shock, in deviations.
        ratio: least volatility of an event, in medians.
    """
    volatility = volatility_shock_nb(benchmark, short, window)
    implied = safe_ratio_nb(vix, trailing_median_nb(vix, window))
    volatility = np.where(implied > volatility, implied, volatility)
    _, benchmark_z = log_shock_nb(benchmark, horizon, window)
    _, btc_z = log_shock_nb(btc, horizon, window)
    average, _ = trailing_moments_nb(benchmark, trend)
    distance = safe_ratio_nb(benchmark, average) - 1.0
    regime = np.where(volatility >= ratio, 1.0, 0.0)
    regime = np.where(distance < -_ROUNDING, 2.0, regime)
    shock = (volatility >= ratio) & (benchmark_z <= -fall) & (btc_z <= -fall)
    regime = np.where(shock, 3.0, regime)
    unknown = np.isnan(volatility + benchmark_z + btc_z + distance)
    return np.where(unknown, np.nan, regime), volatility, benchmark_z, btc_z, distance


def _lookback(horizon: int, short: int, trend: int, window: int, fall: float, ratio: float) -> tuple[int, ...]:
    volatility, shock = short + window, horizon + window
    return max(volatility, shock, trend), volatility, shock, shock, trend


Regime = indicator(
    Spec(
        name="regime",
        summary="Calm, volatility event, trend break or liquidity shock, from the benchmark, Bitcoin and the VIX.",
        kernel=regime_nb,
        inputs={
            "benchmark": ("prices", "benchmark"),
            "btc": ("bars", "close"),
            "vix": ("macro", "VIXCLS"),
        },
        parameters={
            "horizon": Parameter(5, IntDistribution(1, 42, log=True), unit="sessions"),
            "short": Parameter(10, IntDistribution(5, 63, log=True), unit="sessions"),
            "trend": Parameter(200, IntDistribution(50, 252, log=True), unit="sessions"),
            "window": Parameter(252, IntDistribution(63, 504, log=True), unit="sessions"),
            "fall": Parameter(1.5, FloatDistribution(0.5, 4.0), unit="standard deviations"),
            "ratio": Parameter(1.5, FloatDistribution(1.0, 4.0), unit="multiple of the median"),
        },
        outputs=("regime", "volatility", "benchmark_z", "btc_z", "trend_distance"),
        units=(
            "regime 0 calm, 1 volatility event, 2 trend break, 3 liquidity shock; volatility as a multiple of its"
            " median; z in standard deviations; distance from the trend decimal"
        ),
        lookback=_lookback,
        source="our own definition; the VIX is known a session late, realised volatility at once",
        clock="session",
        scale_free=("benchmark", "btc", "vix"),
        defaults={"vix": np.nan},
        bounds={"regime": STATE, "volatility": AT_LEAST_0, "trend_distance": RETURN},
        decimal=("trend_distance",),
    )
)
