"""Simulated equities: growth and defensive names, an index and a cash fund."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from undertow.market.clock import SESSIONS_A_YEAR, BoolArray, FloatArray, IntArray
from undertow.market.prices import Prices
from undertow.market.simulator.clock import SimulationClock, autoregression

BENCHMARK, CASH = "GROW", "CASH"
DEFENSIVE = 4

_FACTOR_VOL, _FACTOR_DRIFT = 0.15, 0.28  # annual; the drift makes up for the episodes, which are mostly falls
_NIGHT = 0.3  # share of variance and drift that falls between close and open
_QUARTER = 63  # sessions over which winners are ranked


@dataclass(frozen=True)
class Names:
    """The growth names, then the defensive ones (N,).

    Beta, own annual volatility, first and last session (rows).
    """

    symbols: tuple[str, ...]
    growth: int
    beta: FloatArray
    own_vol: FloatArray
    first: IntArray
    last: IntArray

    def listed(self, sessions: int) -> BoolArray:
        """Whether each name is listed (S, N)."""
        rows = np.arange(sessions)[:, None]
        return (rows >= self.first) & (rows <= self.last)


def draw_names(rng: np.random.Generator, growth: int, sessions: int) -> Names:
    """Draw the names.

    About one growth name in twelve lists late, and one in twenty ends early.
    """
    width = max(2, len(str(growth)))
    symbols = [f"SIM{number:0{width}d}" for number in range(1, growth + 1)]
    symbols += [f"DEF{number:02d}" for number in range(1, DEFENSIVE + 1)]
    beta = np.concatenate((rng.uniform(0.7, 1.6, growth), rng.uniform(0.15, 0.4, DEFENSIVE)))
    own_vol = np.concatenate((rng.uniform(0.22, 0.42, growth), rng.uniform(0.10, 0.14, DEFENSIVE)))
    first, last = np.zeros(len(beta), dtype=np.int64), np.full(len(beta), sessions - 1)
    late, ended = max(1, growth // 12), max(1, growth // 20)
    chosen = rng.choice(growth, late + ended, replace=False)
    first[chosen[:late]] = (rng.uniform(0.15, 0.45, late) * sessions).astype(np.int64)
    last[chosen[late:]] = (rng.uniform(0.55, 0.90, ended) * sessions).astype(np.int64)
    return Names(tuple(symbols), growth, beta, own_vol, first, last)


def draw_factor(rng: np.random.Generator, sessions: int) -> FloatArray:
    """The common factor of stocks by segment (S, 2), before any episode.

    Log-returns with stochastic volatility.
    """
    parts = np.array([_NIGHT, 1.0 - _NIGHT])
    swing = np.exp(0.3 * autoregression(rng, (sessions, 1), 20.0) - 0.3**2)
    shocks = rng.standard_normal((sessions, 2)) * np.sqrt(parts / SESSIONS_A_YEAR)
    return np.asarray(_FACTOR_DRIFT / SESSIONS_A_YEAR * parts + _FACTOR_VOL * swing * shocks, dtype=np.float64)


def ordinary_returns(names: Names, factor: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Log-returns (S, 2, N) of names under the factor (S, 2).

    Each name has its own slow drift and shocks.
    """
    parts = np.array([_NIGHT, 1.0 - _NIGHT])[:, None]
    shape = (len(factor), 2, len(names.beta))
    returns = rng.standard_normal(shape) * np.sqrt(parts / SESSIONS_A_YEAR) * names.own_vol
    # Slow drifts make winners that stay winners for a while; their mean over names is removed.
    drift = 0.6 * names.own_vol * autoregression(rng, (len(factor), len(names.beta)), 120.0)
    drift -= drift.mean(axis=1, keepdims=True)
    returns += (drift - 0.5 * names.own_vol**2)[:, None, :] / SESSIONS_A_YEAR * parts
    returns += names.beta / names.beta[: names.growth].mean() * factor[:, :, None]
    return returns


def pressure_weights(names: Names, returns: FloatArray) -> FloatArray:
    """The weight of forced selling on each name (S, N).

    Mean 1 over the listed growth names, 0 for defensive ones. Last quarter's winners and high betas are hit hardest.
    Winners are ranked by the returns without any forced selling, up to the session before, so that the weights do not
    depend on the effect.
    """
    total = np.concatenate((np.zeros((1, returns.shape[2])), np.cumsum(returns.sum(axis=1), axis=0)))
    rows = np.arange(len(returns))
    quarter = total[rows] - total[np.maximum(rows - _QUARTER, 0)]
    listed = names.listed(len(returns))
    listed[:, names.growth :] = False
    score = (
        1.0 + 0.35 * _standard(np.broadcast_to(names.beta, quarter.shape), listed) + 0.5 * _standard(quarter, listed)
    )
    weights = np.where(listed, np.maximum(score, 0.1), 0.0)
    return np.asarray(weights * listed.sum(axis=1, keepdims=True) / weights.sum(axis=1, keepdims=True))


def _standard(values: FloatArray, listed: BoolArray) -> FloatArray:
    mean = np.mean(values, axis=1, keepdims=True, where=listed)
    spread = np.std(values, axis=1, keepdims=True, where=listed)
    return np.asarray((values - mean) / np.maximum(spread, 1e-9), dtype=np.float64)


def make_prices(
    clock: SimulationClock,
    names: Names,
    returns: FloatArray,
    short_rate: FloatArray,
    rng: dict[str, np.random.Generator],
) -> Prices:
    """Price panels from log-returns, with the index and the cash fund.

    Rows are NaN before a listing, after its end and in a halt.

    Args:
        clock: hours and sessions.
        names: the growth and defensive names (N,).
        returns: log-returns by segment (S, 2, N).
        short_rate: short rate (S,), percent a year.
        rng: random streams by purpose.
    """
    listed = names.listed(len(returns))
    index = _index_returns(returns[:, :, : names.growth], listed[:, : names.growth])
    priced = np.column_stack((listed & ~_halts(names, len(returns), rng["halts"]), np.ones(len(returns), dtype=bool)))
    typical_move = np.append(np.hypot(names.own_vol, 0.18 * names.beta), 0.18) / np.sqrt(SESSIONS_A_YEAR)
    first_price = np.append(rng["names"].uniform(20.0, 200.0, len(names.beta)), 100.0)
    panels = _bars(first_price, np.concatenate((returns, index[:, :, None]), axis=2), typical_move, rng["ranges"])
    panels = [np.where(priced, panel, np.nan) for panel in panels]
    cash = _cash_prices(clock, short_rate)
    panels = [np.column_stack(pair) for pair in zip(panels, [cash] * 4 + [np.full(len(cash), 1e6)], strict=True)]
    symbols = (*names.symbols, BENCHMARK, CASH)
    order = np.argsort(np.array(symbols))
    panels = [np.ascontiguousarray(panel[:, order]) for panel in panels]
    return Prices(clock.calendar, tuple(symbols[column] for column in order), *panels)


def _bars(
    first_price: FloatArray, moves: FloatArray, typical_move: FloatArray, rng: np.random.Generator
) -> list[FloatArray]:
    """Open, high, low, close and volume (S, N) from moves (S, 2, N).

    `typical_move` (N,) is the size of a typical session's move.
    """
    session_moves = moves.sum(axis=1)
    closes = first_price * np.exp(np.cumsum(session_moves, axis=0))
    opens = closes * np.exp(-moves[:, 1])
    reach = np.abs(rng.standard_normal((2, *closes.shape))) * 0.4 * typical_move
    highs, lows = np.maximum(opens, closes) * np.exp(reach[0]), np.minimum(opens, closes) * np.exp(-reach[1])
    volume = np.round(1e6 * (1.0 + np.abs(session_moves) / typical_move) * rng.lognormal(0.0, 0.3, closes.shape))
    return [opens, highs, lows, closes, volume]


def _index_returns(returns: FloatArray, listed: BoolArray) -> FloatArray:
    mean = np.mean(np.exp(returns), axis=2, where=listed[:, None, :])
    return np.asarray(np.log(mean), dtype=np.float64)


def _halts(names: Names, sessions: int, rng: np.random.Generator) -> BoolArray:
    halted = np.zeros((sessions, len(names.beta)), dtype=np.bool_)
    for _ in range(max(3, names.growth // 8)):
        row, name = int(rng.integers(1, sessions - 4)), int(rng.integers(0, names.growth))
        halted[row : row + int(rng.integers(1, 4)), name] = True
    # The first and the last session of a listing have prices, so that a listing ends where the universe says.
    halted[[*names.first, *names.last], [*range(len(names.beta))] * 2] = False
    return halted


def _cash_prices(clock: SimulationClock, short_rate: FloatArray) -> FloatArray:
    days = np.diff(np.asarray(clock.calendar.sessions, dtype="datetime64[D]")).astype(np.float64)
    accrued = np.concatenate(([0.0], np.cumsum(short_rate[:-1] / 100.0 * days / 365.0)))
    return np.asarray(100.0 * np.exp(accrued), dtype=np.float64)
