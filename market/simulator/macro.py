"""Simulated macro series.

Rates and the dollar on their own, fear and credit spreads after the index.
"""

from __future__ import annotations

import numpy as np

from undertow.market.calendar import load_calendar
from undertow.market.clock import SESSIONS_A_YEAR, FloatArray, Span
from undertow.market.feeds import Feed, known_instants
from undertow.market.simulator.clock import SimulationClock, autoregression


def draw_rates(rng: np.random.Generator, sessions: int) -> dict[str, FloatArray]:
    """DTB3, DGS10 and DFII10 (S,), percent a year.

    A slow short rate, a term premium and an expected inflation.
    """
    short = np.maximum(2.0 + 1.2 * autoregression(rng, (sessions,), 300.0), 0.05)
    ten = short + 0.9 + 0.5 * autoregression(rng, (sessions,), 120.0)
    return {"DTB3": short, "DGS10": ten, "DFII10": ten - 2.1 - 0.25 * autoregression(rng, (sessions,), 90.0)}


def macro_feeds(
    clock: SimulationClock, rates: dict[str, FloatArray], index_moves: FloatArray, rng: np.random.Generator
) -> tuple[Feed, Feed]:
    """The macro feeds: what is published a session later, and an index of the close.

    The first has rates, BAMLH0A0HYM2 and the dollar DTWEXBGS; the second VIXCLS, a quarter of an hour after the close.

    Args:
        clock: hours and sessions.
        rates: rates (S,) by name, percent a year.
        index_moves: log-returns of the index (S,).
        rng: random stream.
    """
    from scipy.signal import lfilter

    sessions = len(index_moves)
    start = 0.18**2 / SESSIONS_A_YEAR
    recent = np.asarray(lfilter([0.06], [1.0, -0.94], index_moves**2, zi=[0.94 * start])[0], dtype=np.float64)
    fear = 100.0 * np.sqrt(SESSIONS_A_YEAR * recent) * np.exp(0.08 * autoregression(rng, (sessions,), 8.0)) + 1.5
    # The VIX jumps on the day of a fall, before a trailing average can.
    vix = np.maximum(fear - 120.0 * np.minimum(index_moves + 0.005, 0.0), 9.0)
    slow_fear = lfilter([0.05], [1.0, -0.95], vix, zi=[0.95 * vix[0]])[0]
    spread = np.maximum(1.2 + 0.14 * slow_fear + 0.35 * autoregression(rng, (sessions,), 60.0), 2.0)
    dollar = 110.0 * np.exp(np.cumsum(0.0028 * rng.standard_normal(sessions) - 0.08 * index_moves))
    trend = np.linspace(0.0, np.log(dollar[-1] / dollar[0]), sessions)
    published = {**rates, "BAMLH0A0HYM2": spread, "DTWEXBGS": dollar * np.exp(-trend)}
    rounded = {name: np.round(values, 4) for name, values in published.items()}
    quoted = {"VIXCLS": np.asarray(np.round(vix, 4), dtype=np.float64)}
    index = _feed(clock, quoted, "macro/vix.parquet", Span(minutes=15))
    return _feed(clock, rounded, "macro/macro.parquet", Span(sessions=1)), index


def _feed(clock: SimulationClock, columns: dict[str, FloatArray], path: str, delay: Span) -> Feed:
    interval = Span(sessions=1)
    days = clock.calendar.sessions
    times = np.asarray(days, dtype="datetime64[ns]")
    # The last rows become known after the last session.
    beyond = load_calendar(clock.calendar.name, days[0], days[-1] + np.timedelta64(15, "D"))
    return Feed(
        kind="macro",
        asset="",
        path=path,
        interval=interval,
        delay=delay,
        times=times,
        known_at=known_instants(times, interval, delay, beyond),
        columns=columns,
        regimes=np.zeros(len(times), dtype=np.int64),
    )
