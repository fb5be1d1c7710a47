"""Macro shocks: moves of yields, the dollar and credit against their usual size."""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import IntDistribution

from undertow.market import FloatArray
from undertow.signals.base import Parameter, Spec, indicator, trailing_moments_nb

_PARAMETERS = {
    "horizon": Parameter(5, IntDistribution(1, 63, log=True), unit="sessions"),
    "window": Parameter(252, IntDistribution(63, 504, log=True), unit="sessions"),
}
_SOURCE = "our own definition, change over the trailing sample deviation of such changes, not centred"


@njit(cache=True)
def shock_nb(series: FloatArray, horizon: int, window: int) -> tuple[FloatArray, FloatArray]:
    """Change over `horizon` rows, and that change in deviations, both (T, N).

    The deviation is that of the last `window` such changes; they overlap and include the current one. NaN where either
    end is missing; z also until the window is full, where more than half of it is missing and where the series has not
    moved.
    """
    change = np.full(series.shape, np.nan)
    if horizon < len(series):
        change[horizon:] = series[horizon:] - series[: len(series) - horizon]
    _, deviation = trailing_moments_nb(change, window)
    moved = deviation > 0
    return change, np.where(moved, change / np.where(moved, deviation, 1.0), np.nan)


@njit(cache=True)
def rates_shock_nb(
    nominal: FloatArray, real: FloatArray, horizon: int, window: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """`shock_nb` of a nominal and of a real yield: both changes, then both z (T, N).

    Args:
        nominal: nominal yield (T, N), percent.
        real: real yield (T, N), percent.
        horizon: rows of the change.
        window: rows of the deviation.
    """
    nominal_change, z_nominal = shock_nb(nominal, horizon, window)
    real_change, z_real = shock_nb(real, horizon, window)
    return nominal_change, real_change, z_nominal, z_real


@njit(cache=True)
def log_shock_nb(level: FloatArray, horizon: int, window: int) -> tuple[FloatArray, FloatArray]:
    """`shock_nb` of the logarithm of a level above zero."""
    positive = level > 0
    return shock_nb(np.where(positive, np.log(np.where(positive, level, 1.0)), np.nan), horizon, window)


RatesShock = indicator(
    Spec(
        name="rates-shock",
        summary="Change of the 10-year nominal and real yield over a horizon, in points and in usual changes.",
        kernel=rates_shock_nb,
        inputs={"nominal": ("macro", "DGS10"), "real": ("macro", "DFII10")},
        parameters=_PARAMETERS,
        outputs=("nominal", "real", "z_nominal", "z_real"),
        units="percentage points over the horizon; z in standard deviations of such changes",
        lookback=lambda horizon, window: (horizon + 1, horizon + 1, horizon + window, horizon + window),
        source=_SOURCE,
        clock="session",
    )
)

DollarShock = indicator(
    Spec(
        name="dollar-shock",
        summary="Log change of the broad dollar index over a horizon, and in usual changes.",
        kernel=log_shock_nb,
        inputs={"dollar": ("macro", "DTWEXBGS")},
        parameters=_PARAMETERS,
        outputs=("change", "z"),
        units="log change over the horizon; z in standard deviations of such changes",
        lookback=lambda horizon, window: (horizon + 1, horizon + window),
        source=_SOURCE,
        clock="session",
        scale_free=("dollar",),
    )
)

CreditShock = indicator(
    Spec(
        name="credit-shock",
        summary="Change of the US high-yield credit spread over a horizon, in points and in usual changes.",
        kernel=shock_nb,
        inputs={"spread": ("macro", "BAMLH0A0HYM2")},
        parameters=_PARAMETERS,
        outputs=("change", "z"),
        units="percentage points over the horizon; z in standard deviations of such changes",
        lookback=lambda horizon, window: (horizon + 1, horizon + window),
        source=_SOURCE,
        clock="session",
    )
)


@njit(cache=True)
def yields_and_dollar_nb(
    nominal: FloatArray, dollar: FloatArray, horizon: int, window: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The smaller of two shocks, and both: yields and dollar up together, all (T, N).

    z are those of `shock_nb` on the yield and of `log_shock_nb` on the dollar. NaN of the smaller where one is NaN.

    Args:
        nominal: nominal yield (T, N), percent.
        dollar: dollar index (T, N).
        horizon: rows of the changes.
        window: rows of the deviations.
    """
    _, yields = shock_nb(nominal, horizon, window)
    _, currency = log_shock_nb(dollar, horizon, window)
    return np.minimum(yields, currency), yields, currency


YieldsAndDollar = indicator(
    Spec(
        name="yields-and-dollar",
        summary="Whether the 10-year yield and the dollar rise together: the smaller of their two shocks.",
        kernel=yields_and_dollar_nb,
        inputs={"nominal": ("macro", "DGS10"), "dollar": ("macro", "DTWEXBGS")},
        parameters=_PARAMETERS,
        outputs=("both", "z_nominal", "z_dollar"),
        units="standard deviations of changes over the horizon; above 1 both rise by more than one",
        lookback=lambda horizon, window: (horizon + window,) * 3,
        source=_SOURCE,
        clock="session",
        scale_free=("dollar",),
    )
)
