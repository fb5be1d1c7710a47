"""The trends of Bitcoin and of the stock index on bars of one length."""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import IntDistribution

from undertow.market import FloatArray
from undertow.signals.base import AT_LEAST_0, FLAG, RETURN, Parameter, Spec, indicator, safe_ratio_nb
from undertow.signals.trend import trend_nb
from undertow.signals.volatility import realized_volatility_nb


@njit(cache=True)
def common_trend_nb(
    btc: FloatArray, stocks: FloatArray, window: int, short: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Stress, both trends, and volatility, all (T, N).

    A trend is the close over the mean of the last `window` closes, less 1. volatility = that of the last `short` log
    returns of bitcoin over that of the last `window`. stress is 1 where both trends are below 0 and volatility is above
    1, else 0. NaN where its inputs are; stress where any of the three is.

    Args:
        btc: closes of bitcoin (T, N).
        stocks: closes of the index (T, N), the last one known while the exchange is closed.
        window: rows of the trends and of the usual volatility.
        short: rows of the present volatility.
    """
    first, second = trend_nb(btc, window), trend_nb(stocks, window)
    usual = realized_volatility_nb(btc, window, 1.0)
    volatility = safe_ratio_nb(realized_volatility_nb(btc, short, 1.0), usual)
    met = (first < 0.0) & (second < 0.0) & (volatility > 1.0)
    stress = np.where(np.isnan(first + second + volatility), np.nan, np.where(met, 1.0, 0.0))
    return stress, first, second, volatility


def _spec(name: str, symbol: str) -> Spec:
    return Spec(
        name=name,
        summary=f"Whether {symbol} and Bitcoin both trend down on bars of one length while volatility rises.",
        kernel=common_trend_nb,
        inputs={"btc": ("bars", "close"), "stocks": (f"bars:{symbol}", "close")},
        parameters={
            "window": Parameter(120, IntDistribution(24, 720, log=True)),
            "short": Parameter(24, IntDistribution(12, 168, log=True)),
        },
        outputs=("stress", "btc", "stocks", "volatility"),
        units="stress 1 or 0; trends decimal, -0.05 for 5 % below the mean; volatility as a multiple of the usual one",
        lookback=lambda window, short: (window + 1, window, window, window + 1),
        source="our own definition",
        scale_free=("btc", "stocks"),
        bounds={"stress": FLAG, "btc": RETURN, "stocks": RETURN, "volatility": AT_LEAST_0},
        decimal=("btc", "stocks"),
    )


CommonTrend = indicator(_spec("common-trend", "QQQ"))
CommonTrendSpy = indicator(_spec("common-trend-spy", "SPY"))
