"""Colours, growth curves and axis ticks that pages and figures share."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd

from undertow.backtests import carried_returns, drawdowns, known_span
from undertow.backtests.runs import Run
from undertow.market import FloatArray, align, instants, load_calendar

BASELINE = "buy-and-hold"
RUN, HOLD, BENCHMARK = "#0b5cad", "#6b7580", "#c07a1b"
BTC, SHOCK, EXPOSURE = "#3d444c", "#c2410c", "#0b5cad"
INK, MUTED, GRID = "#1f2429", "#59636e", "#e3e7eb"
# Okabe and Ito's colours, darkened where a thin line would be too pale on white.
SERIES_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b8578f", "#2a9fd8", "#c98a00", "#6a4c93", "#7a4a21")
DASHES = ("solid", "dash", "dot", "dashdot")


def growth_curve(returns: pd.Series | FloatArray) -> FloatArray:
    """Growth of 1 (T,) at each close; NaN before the first return and after the last."""
    values = np.asarray(returns, dtype=np.float64)
    growth, span = np.full(len(values), np.nan), known_span(values)
    growth[span] = np.cumprod(1.0 + carried_returns(values)[span], dtype=np.float64)
    return growth


def drawdown_curve(returns: pd.Series | FloatArray) -> FloatArray:
    """Drawdown (T,) at each close; NaN before the first return and after the last."""
    values = np.asarray(returns, dtype=np.float64)
    falls, span = np.full(len(values), np.nan), known_span(values)
    falls[span] = drawdowns(carried_returns(values)[span])
    return falls


def sessions_of(run: Run) -> pd.DatetimeIndex:
    """The run's sessions (T,)."""
    return pd.DatetimeIndex(run.series.index)


def has_benchmark(run: Run) -> bool:
    """Whether the run has a benchmark with a return on any session."""
    return run.recipe.benchmark is not None and bool(run.series["benchmark_return"].notna().any())


def has_btc(run: Run) -> bool:
    """Whether the run has any price of BTC."""
    return bool(run.series["btc"].notna().any())


def shock_marks(run: Run) -> tuple[pd.DatetimeIndex, FloatArray]:
    """Shocks (UTC, without zone) with the last close of BTC known by then.

    A shock before the first known close takes that one.
    """
    shocks = pd.DatetimeIndex(run.episodes["shock"].dropna().drop_duplicates()).tz_convert(None).sort_values()
    known = run.series["btc"].dropna()
    calendar = load_calendar(run.recipe.calendar, known.index[0], known.index[-1])
    closes = calendar.closes[calendar.sessions.searchsorted(known.index)]
    price = align(closes, known.to_numpy(dtype=np.float64), instants(shocks))
    return shocks, np.where(np.isnan(price), known.iloc[0], price)


def is_baseline(run: Run) -> bool:
    """Whether the run is buy-and-hold itself, which needs no second line or column."""
    return run.name == BASELINE and bool(np.array_equal(run.returns, run.series["hold_return"]))


def date_range(run: Run) -> tuple[pd.Timestamp, pd.Timestamp]:
    """The first and the last day to draw: all sessions and shocks, with a margin."""
    sessions = sessions_of(run)
    shocks, _ = shock_marks(run) if has_btc(run) else (sessions, None)
    margin = (sessions[-1] - sessions[0]) / 500
    return min([sessions[0], *shocks[:1]]) - margin, sessions[-1] + margin


def log_ticks(low: float, high: float, fewest: int = 4) -> list[float]:
    """Round values between `low` and `high` for a logarithmic axis.

    The steps are the coarsest that give at least `fewest` values.
    """
    ticks: list[float] = []
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)):
        ticks = [round(step * 10.0**k, 12) for k in decades for step in steps if low <= step * 10.0**k <= high]
        if len(ticks) >= fewest:
            return ticks
    if not high > low:
        return [low]
    # Below a factor of about two, even steps are round and look evenly spaced.
    power = math.floor(math.log10(high - low))
    for step in (lead * 10.0**down for down in itertools.count(power, -1) for lead in (5.0, 2.0, 1.0)):
        ticks = [round(k * step, 12) for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
        if len(ticks) >= fewest:
            break
    return ticks


def value_range(*curves: FloatArray) -> tuple[float, float]:
    """The lowest and highest positive value of several curves, with a margin of 4 %."""
    values = np.concatenate(curves)
    values = values[np.isfinite(values) & (values > 0)]
    if not len(values):
        return 0.5, 2.0
    return float(values.min()) * 0.96, float(values.max()) * 1.04


def tick_text(value: float) -> str:
    """A tick's label: `0.5`, `3`, `5k`."""
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"
