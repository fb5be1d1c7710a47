"""A shared risk budget: the stocks that a holder of bitcoin has to sell."""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import FloatDistribution, IntDistribution

from undertow.market import SESSIONS_A_YEAR, FloatArray
from undertow.signals.base import AT_LEAST_0, CORRELATION, SHARE, Parameter, Spec, full_nb, indicator
from undertow.signals.drawdown import drop_nb

# The value at risk of the Basel rules: the 99 % quantile of the normal distribution over ten sessions.
QUANTILE, HORIZON = 2.3263478740408408, 10.0
_PER = 1_000_000.0  # USD of capital that sales are stated for


@njit(cache=True)
def risk_ceiling_nb(target: float, limit: float, loss: float) -> float:
    """The highest volatility that target and limit allow after a loss, decimal a year.

    The loss uses up the limit: what remains of it is the value at risk that is allowed.
    """
    left = max(limit - loss, 0.0)
    return float(min(target, left / (QUANTILE * np.sqrt(HORIZON / SESSIONS_A_YEAR))))


@njit(cache=True)
def kept_stocks_nb(crypto: float, stocks: float, btc: float, equity: float, rho: float, ceiling: float) -> float:
    """The largest share of capital in stocks, at most `stocks`, under a volatility.

    Where none is, that of the least volatility. NaN where a number is.

    Args:
        crypto: share of capital in bitcoin, which is kept.
        stocks: share of capital in stocks.
        btc: volatility of bitcoin, decimal a year.
        equity: volatility of the stocks.
        rho: their correlation.
        ceiling: highest volatility of both together.
    """
    fixed, slope, square = (crypto * btc) ** 2, crypto * btc * rho * equity, equity**2
    whole = fixed + 2.0 * stocks * slope + stocks**2 * square
    if np.isnan(whole + ceiling):
        return np.nan
    if whole <= ceiling**2:
        return stocks
    if square <= 0.0:
        return 0.0
    root = np.sqrt(max(slope**2 - square * (fixed - ceiling**2), 0.0))
    return float(min(stocks, max(0.0, (root - slope) / square)))


@njit(cache=True)
def shared_budget_nb(
    btc: FloatArray,
    equity: FloatArray,
    window: int,
    decay: float,
    crypto: float,
    target: float,
    limit: float,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Stocks that are kept, what is sold for it, and the risk behind it, all (T, N).

    The holder has `crypto` of capital in bitcoin at its high of the last `window` + 1 rows, and the remainder in
    stocks; he cannot or will not sell bitcoin. Its fall from that high is a loss, `crypto` times the fall, and changes
    the weights. Variances and correlation are RiskMetrics' (zero mean, weight `decay`^k) over the last `window` pairs
    of simple returns. Kept is the largest share of the stocks at which the volatility of both is at most `target`, and
    the value at risk (99 %, ten sessions, normal) plus the loss is at most `limit`. Pairs with a missing side are left
    out; NaN until the window is full and where the current pair is missing; `sold` needs two rows.

    Args:
        btc: closes of bitcoin (T, N).
        equity: index of the stocks (T, N).
        window: pairs of returns, rows.
        decay: weight of a pair relative to that of the row after, in (0, 1).
        crypto: share of capital in bitcoin before the fall, in (0, 1).
        target: volatility target, decimal a year.
        limit: limit of the loss with the value at risk, share of capital.
    """
    x, y = drop_nb(btc, 1), drop_nb(equity, 1)
    full = full_nb(x + y, window)
    rows, columns = x.shape
    out = np.full((7, rows, columns), np.nan)
    for column in range(columns):
        for row in range(window, rows):
            if not full[row, column]:
                continue
            weight, weights, xx, yy, xy = 1.0, 0.0, 0.0, 0.0, 0.0
            high = btc[row, column]
            if btc[row - window, column] > high:
                high = btc[row - window, column]
            for back in range(row, row - window, -1):
                if btc[back, column] > high:
                    high = btc[back, column]
                a, b = x[back, column], y[back, column]
                if not np.isnan(a + b):
                    weights += weight
                    xx += weight * a * a
                    yy += weight * b * b
                    xy += weight * a * b
                weight *= decay
            volatility, spread = np.sqrt(xx / weights * SESSIONS_A_YEAR), np.sqrt(yy / weights * SESSIONS_A_YEAR)
            rho = min(1.0, max(-1.0, xy / np.sqrt(xx * yy))) if xx * yy > 0.0 else 0.0
            loss = crypto * (1.0 - btc[row, column] / high)
            held, stocks = (crypto - loss) / (1.0 - loss), (1.0 - crypto) / (1.0 - loss)
            ceiling = risk_ceiling_nb(target, limit, loss)
            kept = kept_stocks_nb(held, stocks, volatility, spread, rho, ceiling) / stocks
            out[0, row, column] = min(1.0, kept)
            whole = (held * volatility) ** 2 + 2.0 * held * stocks * volatility * spread * rho + (stocks * spread) ** 2
            out[2, row, column], out[3, row, column] = np.sqrt(max(whole, 0.0)), loss
            out[4, row, column], out[5, row, column], out[6, row, column] = volatility, spread, rho
        for row in range(1, rows):
            change = out[0, row - 1, column] - out[0, row, column]
            out[1, row, column] = max(0.0, change) * (1.0 - crypto) * _PER if not np.isnan(change) else np.nan
    return out[0], out[1], out[2], out[3], out[4], out[5], out[6]


SharedBudget = indicator(
    Spec(
        name="shared-budget",
        summary="Stocks that a holder of bitcoin under a volatility target and a loss limit keeps, and has to sell.",
        kernel=shared_budget_nb,
        inputs={"btc": ("bars", "close"), "equity": ("prices", "basket")},
        parameters={
            "window": Parameter(63, IntDistribution(10, 252, log=True), unit="sessions"),
            "decay": Parameter(0.94, FloatDistribution(0.80, 0.99), unit="weight a session"),
            "crypto": Parameter(0.10, FloatDistribution(0.01, 0.50), unit="share of capital"),
            "target": Parameter(0.25, FloatDistribution(0.05, 0.60), unit="decimal a year"),
            "limit": Parameter(0.15, FloatDistribution(0.02, 0.50), unit="share of capital"),
        },
        outputs=("exposure", "sold", "volatility", "loss", "btc_volatility", "stock_volatility", "correlation"),
        units="exposure is the share of the stocks that is kept; sold in one session, USD per million of capital; "
        "volatilities decimal a year; loss a share of capital",
        lookback=lambda window, decay, crypto, target, limit: (window + 1, window + 2, *(window + 1,) * 5),
        source="our own definition: RiskMetrics (1996) covariances, 99 % ten-session value at risk of the Basel rules",
        clock="session",
        scale_free=("btc", "equity"),
        bounds={
            "exposure": SHARE,
            "sold": AT_LEAST_0,
            "volatility": AT_LEAST_0,
            "loss": SHARE,
            "btc_volatility": AT_LEAST_0,
            "stock_volatility": AT_LEAST_0,
            "correlation": CORRELATION,
        },
        decimal=("exposure", "volatility", "loss", "btc_volatility", "stock_volatility"),
    )
)
