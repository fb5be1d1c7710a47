"""Three precursors of compression, as one early warning."""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import FloatDistribution, IntDistribution

from undertow.market import FloatArray
from undertow.signals.base import FLAG, Bounds, Parameter, Spec, indicator
from undertow.signals.macro import log_shock_nb, shock_nb
from undertow.signals.open_interest import log_change_nb
from undertow.signals.scenarios import flag_nb


@njit(cache=True)
def compression_warning_nb(
    vix: FloatArray,
    dollar: FloatArray,
    nominal: FloatArray,
    open_interest_usd: FloatArray,
    btc: FloatArray,
    regime: FloatArray,
    horizon: int,
    window: int,
    move: float,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """The number of precursors, and the three of them, all (T, N).

    volatility: the VIX rose by `move` deviations or more. dollar: the dollar rose by as much while the yield did not
    fall. leverage: open interest rose while bitcoin fell. All over `horizon` rows. NaN where an input is; the number
    where one of the three is unknown: a warning that cannot be ruled out is not calm.

    Args:
        vix: the VIX (T, N), points.
        dollar: dollar index (T, N).
        nominal: nominal yield (T, N), percent.
        open_interest_usd: open interest (T, N), USD.
        btc: closes of bitcoin (T, N).
        regime: venue regime of the open interest (T, N).
        horizon: rows of the changes.
        window: rows of the deviations.
        move: size of a rise, in deviations.
    """
    _, equity = log_shock_nb(vix, horizon, window)
    _, currency = log_shock_nb(dollar, horizon, window)
    yields, _ = shock_nb(nominal, horizon, window)
    growth = log_change_nb(open_interest_usd, regime, horizon)
    price = log_change_nb(btc, np.zeros(btc.shape), horizon)
    volatility = flag_nb(equity >= move, equity)
    strong = flag_nb((currency >= move) & (yields >= 0.0), currency + yields)
    leverage = flag_nb((growth > 0.0) & (price < 0.0), growth + price)
    return volatility + strong + leverage, volatility, strong, leverage


CompressionWarning = indicator(
    Spec(
        name="compression-warning",
        summary="How many of three precursors are on: rising VIX, strong dollar on firm yields, leverage into a fall.",
        kernel=compression_warning_nb,
        inputs={
            "vix": ("macro", "VIXCLS"),
            "dollar": ("macro", "DTWEXBGS"),
            "nominal": ("macro", "DGS10"),
            "open_interest_usd": ("open_interest", "open_interest_usd"),
            "btc": ("bars", "close"),
            "regime": ("open_interest", "regime"),
        },
        parameters={
            "horizon": Parameter(5, IntDistribution(2, 42, log=True), unit="sessions"),
            "window": Parameter(252, IntDistribution(63, 504, log=True), unit="sessions"),
            "move": Parameter(1.0, FloatDistribution(0.25, 3.0), unit="standard deviations"),
        },
        outputs=("count", "volatility", "dollar", "leverage"),
        units="count 0 to 3; the others 1 or 0",
        lookback=lambda horizon, window, move: (*(horizon + window,) * 3, horizon + 1),
        source="our own definition; yields and dollar are known late, so their horizon ends earlier",
        clock="session",
        scale_free=("vix", "dollar", "open_interest_usd", "btc"),
        defaults={"regime": 0.0},
        bounds={"count": Bounds(0.0, 3.0), "volatility": FLAG, "dollar": FLAG, "leverage": FLAG},
    )
)
