"""Colours, curves and axis ticks that the page and the figure share."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd

from undertow.backtests.runs.run import Run
from undertow.market.calendar import load_calendar
from undertow.market.clock import FloatArray, align, instants

BASELINE = "buy-and-hold"
RUN, HOLD, BENCHMARK = "#0b5cad", "#6b7580", "#c07a1b"
BTC, SHOCK, EXPOSURE = "#3d444c", "#c2410c", "#0b5cad"
INK, QUIET, GRID = "#1f2429", "#59636e", "#e3e7eb"
# Okabe and Ito's colours, darkened where a thin line would be too pale on white.
MANY = ("#0072b2", "#d55e00", "#009e73", "#b8578f", "#2a9fd8", "#c98a00", "#6a4c93", "#7a4a21")
DASHES = ("solid", "dash", "dot", "dashdot")


def curve(returns: pd.Series | FloatArray) -> FloatArray:
    """Growth of 1 (T,) at each close."""
    return np.cumprod(1.0 + np.asarray(returns, dtype=np.float64), dtype=np.float64)


def sessions_of(run: Run) -> pd.DatetimeIndex:
    """The run's sessions (T,)."""
    return pd.DatetimeIndex(run.series.index)


def has_benchmark(run: Run) -> bool:
    """Whether there is a benchmark with returns to draw."""
    return run.recipe.benchmark is not None and bool(run.series["benchmark_return"].notna().all())


def has_btc(run: Run) -> bool:
    """Whether the run knew a price of BTC."""
    return bool(run.series["btc"].notna().any())


def shock_marks(run: Run) -> tuple[pd.DatetimeIndex, FloatArray]:
    """Shocks (UTC, without zone) with BTC's last close of the run known by then, or its first where there was none."""
    shocks = pd.DatetimeIndex(run.episodes["shock"].dropna().drop_duplicates()).tz_convert(None).sort_values()
    known = run.series["btc"].dropna()
    calendar = load_calendar(run.recipe.calendar, known.index[0], known.index[-1])
    closes = calendar.closes[calendar.sessions.searchsorted(known.index)]
    price = align(closes, known.to_numpy(dtype=np.float64), instants(shocks))
    return shocks, np.where(np.isnan(price), known.iloc[0], price)


def is_baseline(run: Run) -> bool:
    """Whether the run is buy-and-hold itself, so that a second line or column of it would say nothing."""
    return run.name == BASELINE and bool(np.array_equal(run.returns, run.series["hold_return"]))


def reach(run: Run) -> tuple[pd.Timestamp, pd.Timestamp]:
    """The first and the last day to draw: the sessions, a shock before the first of them, and a little room."""
    sessions = sessions_of(run)
    shocks, _ = shock_marks(run) if has_btc(run) else (sessions, None)
    room = (sessions[-1] - sessions[0]) / 500
    return min([sessions[0], *shocks[:1]]) - room, sessions[-1] + room


def log_ticks(low: float, high: float, fewest: int = 4) -> list[float]:
    """Round values between `low` and `high` for a logarithmic axis; the coarsest steps that give `fewest` of them."""
    found: list[float] = []
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)):
        found = [round(step * 10.0**k, 12) for k in decades for step in steps if low <= step * 10.0**k <= high]
        if len(found) >= fewest:
            return found
    if not high > low:
        return [low]
    # Less than a factor of two or so: even steps are round, and look even.
    power = math.floor(math.log10(high - low))
    for step in (lead * 10.0**down for down in itertools.count(power, -1) for lead in (5.0, 2.0, 1.0)):
        found = [round(k * step, 12) for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
        if len(found) >= fewest:
            break
    return found


def span(*curves: FloatArray) -> tuple[float, float]:
    """The lowest and highest positive value of several curves, with a little room."""
    values = np.concatenate(curves)
    values = values[np.isfinite(values) & (values > 0)]
    if not len(values):
        return 0.5, 2.0
    return float(values.min()) * 0.96, float(values.max()) * 1.04


def tick_text(value: float) -> str:
    """`0.5`, `3`, `5k`."""
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"
