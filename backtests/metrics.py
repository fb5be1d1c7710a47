"""Metrics of a run and their catalogue; a year has the sessions of its calendar."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from undertow.market import SESSIONS_A_YEAR as SESSIONS_A_YEAR
from undertow.market import FloatArray

# A standard deviation below this is the rounding of equal returns, a fall below it that of an account that never falls.
LEAST_SPREAD = 1e-12
# A window of fewer sessions has no annual figures: they would be those of a quarter, to the fourth power.
FEWEST_ANNUAL_SESSIONS = 60
_Figure = TypeVar("_Figure", float, FloatArray)
_NO_BOUNDS = (-math.inf, math.inf)
_SHY = "\N{SOFT HYPHEN}"


@dataclass(frozen=True)
class Metric:
    """One figure of a run: its names, its unit and its format on every page.

    Args:
        key: column in tables of results, key in `Run.metrics`.
        label: name in full, with its unit where that is not obvious.
        short: name over a narrow column, with soft hyphens.
        unit: "decimal", "decimal a year", "ratio", "share", "times capital a year", "USD" or "count".
        direction: "maximize" or "minimize"; None where neither is better.
        bounds: lowest and highest possible value, infinite where unknown.
        format: template of `str.format` for one value.
        objective: name as an objective of a search, "" without one.
        headline: whether the tables of pages and of the terminal show it.
        annual: whether it is annualised, so that a short window has no value of it.
    """

    key: str
    label: str
    short: str
    unit: str
    direction: Literal["maximize", "minimize"] | None
    bounds: tuple[float, float] = _NO_BOUNDS
    format: str = "{:,.2f}"
    objective: str = ""
    headline: bool = True
    annual: bool = False

    def text(self, value: float) -> str:
        """A value in the metric's format; a dash where it is not finite."""
        if not math.isfinite(value):
            return "\N{EN DASH}"
        text = self.format.format(value)
        # -0.0% would hint at a loss that rounds to zero.
        if not re.search(r"[1-9]", text):
            text = text.lstrip("+-")
        return text.replace("-", "\N{MINUS SIGN}")


_CHANGE, _SHARE, _WHOLE = "{:+,.1%}", "{:,.1%}", "{:,.0f}"
_ZERO_OR_MORE = (0.0, math.inf)
# A drawdown and a CVaR are 0 or less: higher is milder.
# No account of stocks and cash swings by more than 5 a year: 20 is 20 %, which is 0.2.
RETURN_METRICS = (
    Metric(
        "total_return", "Total return", "Total return", "decimal", "maximize", format=_CHANGE, objective="total-return"
    ),
    Metric("cagr", "CAGR", "CAGR", "decimal a year", "maximize", format=_CHANGE, objective="cagr", annual=True),
    Metric(
        "annual_volatility",
        "Volatility, annual",
        "Volatility, annual",
        unit="decimal a year",
        direction="minimize",
        bounds=(0.0, 5.0),
        format=_SHARE,
        objective="volatility",
        annual=True,
    ),
    Metric(
        "annual_sharpe",
        "Sharpe, annual (rate of 0)",
        "Sharpe, annual",
        "ratio",
        "maximize",
        objective="sharpe",
        annual=True,
    ),
    Metric(
        "annual_sharpe_over_cash",
        "Sharpe over cash, annual",
        "Sharpe over cash",
        "ratio",
        "maximize",
        objective="sharpe-over-cash",
        annual=True,
    ),
    Metric(
        "annual_sortino",
        "Sortino, annual",
        "Sortino, annual",
        "ratio",
        "maximize",
        objective="sortino",
        annual=True,
    ),
    Metric(
        "max_drawdown",
        "Max drawdown",
        f"Max draw{_SHY}down",
        unit="decimal",
        direction="maximize",
        bounds=(-1.0, 0.0),
        format=_CHANGE,
        objective="drawdown",
    ),
    Metric("calmar", "Calmar", "Calmar", "ratio", "maximize", objective="calmar", annual=True),
    Metric(
        "ulcer_index",
        "Ulcer index",
        "Ulcer index",
        unit="decimal",
        direction="minimize",
        bounds=(0.0, 1.0),
        format=_SHARE,
        objective="ulcer",
    ),
    Metric(
        "cvar_95",
        "CVaR 95, a session",
        "CVaR 95, a session",
        unit="decimal",
        direction="maximize",
        bounds=(-1.0, math.inf),
        format="{:+,.2%}",
        objective="cvar",
    ),
)
ACCOUNT_METRICS = (
    Metric(
        "annual_turnover",
        "Turnover a year, × capital",
        f"Turn{_SHY}over a year",
        unit="times capital a year",
        direction="minimize",
        bounds=_ZERO_OR_MORE,
        format="{:,.2f}×",
        objective="turnover",
        annual=True,
    ),
    Metric(
        "average_exposure",
        "Average exposure, target",
        f"Expo{_SHY}sure, target",
        unit="share",
        direction=None,
        bounds=(0.0, 1.0),
        format=_SHARE,
    ),
    Metric(
        "average_exposure_reached",
        "Average exposure reached, net",
        f"Expo{_SHY}sure reached",
        unit="share",
        direction=None,
        format=_SHARE,
    ),
    Metric("average_cash", "Average cash", "Average cash", "share", None, format=_SHARE),
    Metric(
        "costs_paid",
        "Costs paid, USD",
        "Costs paid, USD",
        unit="USD",
        direction="minimize",
        bounds=_ZERO_OR_MORE,
        format=_WHOLE,
        objective="costs",
    ),
    Metric(
        "episodes",
        "De-risk episodes",
        f"Epi{_SHY}sodes",
        unit="count",
        direction="minimize",
        bounds=_ZERO_OR_MORE,
        format=_WHOLE,
    ),
)
COUNT_METRICS = tuple(
    Metric(key, label, label, unit="count", direction="minimize", bounds=_ZERO_OR_MORE, format=_WHOLE, headline=False)
    for key, label in (
        ("deferred_fills", "Deferred fills"),
        ("price_ends_closed", "Positions closed at a last price"),
        ("gap_ends_closed", "Positions closed in a gap of prices"),
        ("margin_calls", "Margin calls"),
        ("orders_open_at_end", "Orders open at the end"),
        ("stale_sessions", "Sessions with a stale signal"),
    )
)
# Every figure of a parameter set, in the order of the columns of a sweep.
METRICS = (*RETURN_METRICS, *ACCOUNT_METRICS, *COUNT_METRICS)
# The rows of tables on pages and in the terminal.
HEADLINE_METRICS = tuple(metric for metric in METRICS if metric.headline)
# The metrics that are annualised.
ANNUAL_KEYS = frozenset(metric.key for metric in METRICS if metric.annual)
# The tax on realised gains: stated beside the metrics, never deducted.
TAX_METRICS = (
    *(
        Metric(key, label, label, "USD", None, format=_WHOLE)
        for key, label in (
            ("gains", "Realised gains, USD"),
            ("losses", "Realised losses, USD"),
            ("tax", "Tax on realised gains, USD"),
        )
    ),
    Metric("bought_back", "Losses bought back in 30 days", "Losses bought back", "share", None, format=_SHARE),
)


def short_window(sessions: int) -> str:
    """Why a window of so many sessions has no annual figures; empty where it has."""
    if sessions >= FEWEST_ANNUAL_SESSIONS:
        return ""
    return f"{sessions} sessions are too few for annual figures, which need {FEWEST_ANNUAL_SESSIONS}"


def known_span(returns: FloatArray) -> slice:
    """The rows from the first known return to the last; an empty slice without any."""
    known = np.flatnonzero(np.isfinite(returns))
    return slice(int(known[0]), int(known[-1]) + 1) if len(known) else slice(0, 0)


def carried_returns(returns: FloatArray) -> FloatArray:
    """Returns (T,) with 0 on sessions without a price inside their span.

    The return after such a gap is that since the last price before it, so that the value is carried over the gap. NaN
    before the first price and after the last one stays.
    """
    span = known_span(returns)
    carried = returns.copy()
    carried[span] = np.where(np.isnan(returns[span]), 0.0, returns[span])
    return carried


def total_return(returns: FloatArray) -> float:
    """Compounded return over all sessions, decimal."""
    return float(np.prod(1.0 + returns) - 1.0)


def cagr(returns: FloatArray, sessions_a_year: int = SESSIONS_A_YEAR) -> float:
    """Compound annual growth rate: (1 + total) ** (sessions a year / sessions) - 1.

    -1 where everything was lost.
    """
    growth = 1.0 + total_return(returns)
    return growth ** (sessions_a_year / len(returns)) - 1.0 if growth > 0 else -1.0


def annual_volatility(returns: FloatArray, sessions_a_year: int = SESSIONS_A_YEAR) -> float:
    """Sample standard deviation (ddof = 1) of returns times the root of the year.

    NaN for one session.
    """
    return float(np.std(returns, ddof=1) * math.sqrt(sessions_a_year)) if len(returns) > 1 else math.nan


def annual_sharpe(
    returns: FloatArray, cash_returns: FloatArray | float = 0.0, sessions_a_year: int = SESSIONS_A_YEAR
) -> float:
    """Sharpe ratio of returns in excess of `cash_returns` (Sharpe 1994).

    Mean over standard deviation, times the root of the sessions of a year. With the default of 0 it equals the ratio of
    vectorbt and QuantStats; NaN where nothing varies by more than rounding.
    """
    excess = returns - cash_returns
    spread = float(np.std(excess, ddof=1)) if len(excess) > 1 else 0.0
    return float(np.mean(excess)) / spread * math.sqrt(sessions_a_year) if spread > LEAST_SPREAD else math.nan


def sharpe_over_cash(returns: FloatArray, cash_returns: FloatArray, sessions_a_year: int = SESSIONS_A_YEAR) -> float:
    """The Sharpe ratio over cash, from the first return of cash to the last.

    NaN where those are fewer than `FEWEST_ANNUAL_SESSIONS`.
    """
    span = known_span(cash_returns)
    if span.stop - span.start < FEWEST_ANNUAL_SESSIONS:
        return math.nan
    return annual_sharpe(returns[span], carried_returns(cash_returns)[span], sessions_a_year)


def annual_sortino(returns: FloatArray, sessions_a_year: int = SESSIONS_A_YEAR) -> float:
    """Sortino ratio (Sortino and Price 1994).

    Mean return over the root mean square of negative returns, times the root of the sessions of a year; NaN without
    negative returns.
    """
    downside = math.sqrt(float(np.mean(np.minimum(returns, 0.0) ** 2)))
    return float(np.mean(returns)) / downside * math.sqrt(sessions_a_year) if downside > LEAST_SPREAD else math.nan


def drawdowns(returns: FloatArray) -> FloatArray:
    """Fall from the highest value so far (T,), decimal, 0 or less; 0 where rounding.

    The starting capital counts as a high.
    """
    value = np.cumprod(1.0 + returns)
    fall: FloatArray = value / np.maximum(np.maximum.accumulate(value), 1.0) - 1.0
    return np.where(fall > -LEAST_SPREAD, 0.0, fall)


def max_drawdown(returns: FloatArray) -> float:
    """The deepest drawdown, decimal, 0 or less."""
    return float(drawdowns(returns).min())


def calmar(returns: FloatArray, sessions_a_year: int = SESSIONS_A_YEAR) -> float:
    """CAGR over the depth of the deepest drawdown (Young 1991); NaN without one."""
    depth = -max_drawdown(returns)
    return cagr(returns, sessions_a_year) / depth if depth > 0 else math.nan


def ulcer_index(returns: FloatArray) -> float:
    """Ulcer index (Martin and McCann 1987), decimal, 0 or more.

    Root mean square of the drawdown at every close.
    """
    return float(np.sqrt(np.mean(drawdowns(returns) ** 2)))


def cvar_95(returns: FloatArray) -> float:
    """Historical expected shortfall (Acerbi and Tasche 2002), decimal.

    Mean of the worst 5 % of session returns.
    """
    worst = np.sort(returns)[: max(1, math.ceil(0.05 * len(returns)))]
    return float(worst.mean())


def return_metrics(
    returns: FloatArray, cash_returns: FloatArray, sessions_a_year: int = SESSIONS_A_YEAR
) -> dict[str, float]:
    """The metrics of session returns (T,) alone, in the order of `RETURN_METRICS`.

    Annual figures of fewer than `FEWEST_ANNUAL_SESSIONS` sessions are NaN; so is everything without a session.

    Args:
        returns: session returns (T,), decimal.
        cash_returns: those of cash (T,), for the Sharpe ratio over cash; NaN where cash has no price.
        sessions_a_year: sessions of a year on the calendar of the returns.
    """
    if not len(returns):
        return {metric.key: math.nan for metric in RETURN_METRICS}
    figures = {
        "total_return": total_return(returns),
        "cagr": cagr(returns, sessions_a_year),
        "annual_volatility": annual_volatility(returns, sessions_a_year),
        "annual_sharpe": annual_sharpe(returns, 0.0, sessions_a_year),
        "annual_sharpe_over_cash": sharpe_over_cash(returns, cash_returns, sessions_a_year),
        "annual_sortino": annual_sortino(returns, sessions_a_year),
        "max_drawdown": max_drawdown(returns),
        "calmar": calmar(returns, sessions_a_year),
        "ulcer_index": ulcer_index(returns),
        "cvar_95": cvar_95(returns),
    }
    if short_window(len(returns)):
        figures |= dict.fromkeys(figures.keys() & ANNUAL_KEYS, math.nan)
    return figures


def cash_metrics(cash_share: FloatArray) -> dict[str, float]:
    """The average share of cash (T,) at the close, and that of all else.

    What is not cash is stocks and basket, less what is sold short.
    """
    cash = float(cash_share.mean())
    return {"average_exposure_reached": 1.0 - cash, "average_cash": cash}


def annual_turnover(turnover: _Figure, sessions: int, sessions_a_year: int = SESSIONS_A_YEAR) -> _Figure:
    """Turnover a year from its sum over some sessions; NaN for a short window."""
    return turnover / (math.nan if short_window(sessions) else sessions / sessions_a_year)
