"""Funding: what leveraged longs pay to stay, and when they stop paying."""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import FloatDistribution, IntDistribution

from undertow.market import SETTLEMENT_HOURS, FloatArray
from undertow.signals.base import FLAG, Parameter, Spec, indicator, rolling_spike_nb, rolling_total_nb

# Spans of eight hours in a year.
SETTLEMENTS_A_YEAR = 1095.0


@njit(cache=True)
def turned_negative_nb(values: FloatArray, within: int) -> FloatArray:
    """1 where the sign turned negative in the last `within` rows (T, N), else 0.

    A zero or a missing value keeps the sign before it. NaN at a missing value, and in the first `within` rows of a
    column's values.
    """
    rows, columns = values.shape
    out = np.full((rows, columns), np.nan)
    for column in range(columns):
        start = turned = -1
        sign = 0.0
        for row in range(rows):
            value = values[row, column]
            if np.isnan(value):
                continue
            start = row if start < 0 else start
            if value < 0 and sign > 0:
                turned = row
            sign = np.sign(value) if value != 0 else sign
            if row - start >= within:
                out[row, column] = 1.0 if turned >= 0 and row - turned < within else 0.0
    return out


@njit(cache=True)
def funding_nb(
    funding_rate: FloatArray, hours: FloatArray, window: int, z_window: int, within: int, periods: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Level, robust z and flip of the funding rate, all (T, N).

    level = rates of the window over its hours, for a year of `periods` times eight hours, simple interest: a rate is
    for the hours since the settlement before, whatever interval the exchange uses. z compares it with earlier levels;
    flip is 1 where the level turned from positive to negative in one of the last `within` settlements. NaN until the
    windows are full, at a missing rate and where more than half of a window is missing; z also where the median
    deviation is 0.

    Args:
        funding_rate: funding rate (T, N), decimal per settlement.
        hours: hours (T, N) since the settlement before.
        window: settlements of the mean.
        z_window: settlements of the z.
        within: settlements for which a flip is flagged.
        periods: spans of eight hours a year.
    """
    one = np.zeros(funding_rate.shape)
    paid = np.where(np.isnan(funding_rate), np.nan, hours)
    rate = np.where(np.isnan(paid), np.nan, funding_rate)
    mean_hours = rolling_total_nb(paid, one, window) / window
    level = rolling_total_nb(rate, one, window) / window * (periods * (SETTLEMENT_HOURS / mean_hours))
    z, _ = rolling_spike_nb(level, one, z_window)
    return level, z, turned_negative_nb(level, within)


Funding = indicator(
    Spec(
        name="funding",
        summary="Funding rate of perpetual swaps: annualised level, how unusual it is, and whether it turned negative.",
        kernel=funding_nb,
        inputs={"funding_rate": ("funding", "funding_rate"), "hours": ("funding", "hours")},
        # Settlements have no fixed interval, so the windows count them, whatever the hours between.
        parameters={
            "window": Parameter(9, IntDistribution(1, 90, log=True), unit="settlements"),
            "z_window": Parameter(270, IntDistribution(30, 1095, log=True), unit="settlements"),
            "within": Parameter(9, IntDistribution(1, 90, log=True), unit="settlements"),
            "periods": Parameter(SETTLEMENTS_A_YEAR, FloatDistribution(1.0, 1e6), unit="rows a year"),
        },
        outputs=("level", "z", "flip"),
        units="level decimal a year of 1,095 spans of eight hours; z in robust standard deviations; flip 1 or 0",
        lookback=lambda window, z_window, within, periods: (window, window + z_window - 1, window + within),
        source="our own definition; robust z of Iglewicz and Hoaglin (1993)",
        bounds={"flip": FLAG},
        decimal=("level",),
        defaults={"hours": SETTLEMENT_HOURS},
    )
)
