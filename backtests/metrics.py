"""Performance figures from session returns, annualised with 252 sessions wherever the name says annual."""

from __future__ import annotations

import math

import numpy as np

from undertow.market.clock import FloatArray

SESSIONS_A_YEAR = 252
# What varies less than this from session to session does not vary: what is left of returns that are equal is rounding.
LEAST_SPREAD = 1e-12


def total_return(returns: FloatArray) -> float:
    """Compounded return over all sessions, decimal."""
    return float(np.prod(1.0 + returns) - 1.0)


def cagr(returns: FloatArray) -> float:
    """Compound annual growth rate: (1 + total) ** (252 / sessions) - 1; -1 where everything was lost."""
    growth = 1.0 + total_return(returns)
    return growth ** (SESSIONS_A_YEAR / len(returns)) - 1.0 if growth > 0 else -1.0


def annual_volatility(returns: FloatArray) -> float:
    """Sample standard deviation (ddof = 1) of session returns times the root of 252; NaN for one session."""
    return float(np.std(returns, ddof=1) * math.sqrt(SESSIONS_A_YEAR)) if len(returns) > 1 else math.nan


def annual_sharpe(returns: FloatArray, cash_returns: FloatArray | float = 0.0) -> float:
    """Mean over standard deviation of returns in excess of `cash_returns`, times the root of 252 (Sharpe 1994).

    With the default of 0 it equals what vectorbt and QuantStats show; NaN where nothing varies by more than rounding.
    """
    excess = returns - cash_returns
    spread = float(np.std(excess, ddof=1)) if len(excess) > 1 else 0.0
    return float(np.mean(excess)) / spread * math.sqrt(SESSIONS_A_YEAR) if spread > LEAST_SPREAD else math.nan


def annual_sortino(returns: FloatArray) -> float:
    """Mean return over the root mean square of negative returns, times the root of 252 (Sortino and Price 1994)."""
    downside = math.sqrt(float(np.mean(np.minimum(returns, 0.0) ** 2)))
    return float(np.mean(returns)) / downside * math.sqrt(SESSIONS_A_YEAR) if downside > LEAST_SPREAD else math.nan


def drawdowns(returns: FloatArray) -> FloatArray:
    """Fall from the highest value so far (T,), decimal, 0 or less; the starting capital counts as a high."""
    value = np.cumprod(1.0 + returns)
    fall: FloatArray = value / np.maximum(np.maximum.accumulate(value), 1.0) - 1.0
    return fall


def max_drawdown(returns: FloatArray) -> float:
    """The deepest drawdown, decimal, 0 or less."""
    return float(drawdowns(returns).min())


def calmar(returns: FloatArray) -> float:
    """CAGR over the depth of the deepest drawdown (Young 1991); NaN where there was none."""
    depth = -max_drawdown(returns)
    return cagr(returns) / depth if depth > 0 else math.nan


def ulcer_index(returns: FloatArray) -> float:
    """Root mean square of the drawdown at every close, decimal, 0 or more (Martin and McCann 1987)."""
    return float(np.sqrt(np.mean(drawdowns(returns) ** 2)))


def cvar_95(returns: FloatArray) -> float:
    """Mean of the worst 5 % of session returns, decimal: historical expected shortfall (Acerbi and Tasche 2002)."""
    worst = np.sort(returns)[: max(1, math.ceil(0.05 * len(returns)))]
    return float(worst.mean())


def return_metrics(returns: FloatArray, cash_returns: FloatArray) -> dict[str, float]:
    """Every figure that needs session returns (T,) alone; `cash_returns` (T,) for the Sharpe ratio over cash."""
    return {
        "total_return": total_return(returns),
        "cagr": cagr(returns),
        "annual_volatility": annual_volatility(returns),
        "annual_sharpe": annual_sharpe(returns),
        "annual_sharpe_over_cash": annual_sharpe(returns, cash_returns),
        "annual_sortino": annual_sortino(returns),
        "max_drawdown": max_drawdown(returns),
        "calmar": calmar(returns),
        "ulcer_index": ulcer_index(returns),
        "cvar_95": cvar_95(returns),
    }
