"""The policy tailwind: falling yields lift stocks while bitcoin is sold."""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import FloatDistribution, IntDistribution

from undertow.market import FloatArray
from undertow.signals.base import FLAG, RETURN, Parameter, Spec, indicator
from undertow.signals.drawdown import drop_nb

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
