"""Simulated crypto, around a leveraged book.

Hourly BTC and ETH bars, liquidations, open interest and funding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from undertow.market.clock import HOUR, FloatArray, InstantArray, IntArray, Span
from undertow.market.feeds import Feed
from undertow.market.simulator.book import BookPath, walk_book
from undertow.market.simulator.clock import BURN_IN, HOURS_A_CALENDAR_YEAR, SimulationClock, autoregression

TYPICAL_LONGS_USD = 6e9
_BTC_START, _ETH_START = 12_000.0, 700.0
_BTC_VOL = 0.44  # annual, of ordinary trading, before jumps and forced moves
_BTC_DRIFT = 0.65  # annual, log; forced falls and jumps take most of it back
_JUMPS_A_YEAR = 12.0
_EQUITY_BETA = 0.6  # of BTC to the common factor of stocks
_ETH_BETA, _ETH_FORCED_BETA, _ETH_OWN_VOL = 1.1, 1.5, 0.35
# From this share of the time on the venue throttles its public feed, and reports this fraction of what happens.
_THROTTLED_AT, _THROTTLED_TO = 0.35, 0.3
_REGIME_NAMES = ("full", "throttled")


@dataclass(frozen=True)
class Crypto:
    """Simulated BTC over the hours (H,) after burn-in.

    Starts of the hours, the book, annual volatility of ordinary trading, BTC in USD.
    """

    hours: InstantArray
    book: BookPath
    volatility: FloatArray
    btc: FloatArray

    @property
    def liquidated_usd(self) -> FloatArray:
        """Long positions closed by force in each hour (H,), USD, as they truly happened."""
        return self.book.long_closed * TYPICAL_LONGS_USD


def simulate_crypto(
    clock: SimulationClock, rng: dict[str, np.random.Generator], episode_moves: FloatArray, factor: FloatArray
) -> Crypto:
    """Simulate BTC and its book over the hours of a clock, burn-in left out.

    Args:
        clock: hours and sessions.
        rng: random streams by purpose.
        episode_moves: log moves added by episodes (H,).
        factor: common factor of stocks by segment (S, 2), log-returns.
    """
    volatility, moves = _ordinary_moves(len(clock.hours), rng["btc"])
    moves += episode_moves + _EQUITY_BETA * clock.spread_over_hours(factor)
    path = walk_book(moves, 0.35 * autoregression(rng["appetite"], (len(moves),), 20 * 24.0))
    book = BookPath(*(values[BURN_IN:] for values in vars(path).values()))
    return Crypto(clock.hours[BURN_IN:], book, volatility[BURN_IN:], _BTC_START * np.exp(book.log_price))


def _ordinary_moves(hours: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    # Log-volatility is a sum of a slow and a fast autoregression; shocks are Student t with 5 degrees of freedom.
    swing = 0.35 * autoregression(rng, (hours,), 25 * 24.0) + 0.20 * autoregression(rng, (hours,), 24.0)
    volatility = _BTC_VOL * np.exp(swing - 0.5 * 0.35**2)
    shocks = rng.standard_t(5, hours) * np.sqrt(3.0 / 5.0)
    jumps = (rng.random(hours) < _JUMPS_A_YEAR / HOURS_A_CALENDAR_YEAR) * rng.normal(-0.01, 0.025, hours)
    return volatility, _BTC_DRIFT / HOURS_A_CALENDAR_YEAR + volatility / np.sqrt(HOURS_A_CALENDAR_YEAR) * shocks + jumps


def crypto_feeds(crypto: Crypto, rng: dict[str, np.random.Generator]) -> list[Feed]:
    """The feeds that a vendor would deliver.

    Bars of BTC and ETH, and BTC liquidations, open interest and funding.
    """
    return [
        _bars("BTC", crypto, crypto.btc, rng["bars"], 900.0),
        _bars("ETH", crypto, _eth_prices(crypto, rng["eth"]), rng["eth"], 9000.0),
        _liquidations(crypto, rng["feeds"]),
        _open_interest(crypto, rng["feeds"]),
        _funding(crypto, rng["feeds"]),
    ]


def _feed(
    kind: str,
    asset: str,
    spans: tuple[str, str],
    times: InstantArray,
    columns: dict[str, FloatArray],
    regimes: IntArray | None = None,
) -> Feed:
    interval, delay = Span.parse(spans[0]), Span.parse(spans[1])
    return Feed(
        kind=kind,
        asset=asset,
        path=f"{kind}/{asset}.parquet",
        interval=interval,
        delay=delay,
        times=times,
        known_at=times + interval.timedelta + delay.timedelta,
        columns=columns,
        regimes=np.zeros(len(times), dtype=np.int64) if regimes is None else regimes,
        regime_names=("",) if regimes is None else _REGIME_NAMES,
    )


def _eth_prices(crypto: Crypto, rng: np.random.Generator) -> FloatArray:
    moves = np.diff(crypto.book.log_price, prepend=crypto.book.log_price[0])
    shocks = rng.standard_normal(len(moves)) * _ETH_OWN_VOL / np.sqrt(HOURS_A_CALENDAR_YEAR)
    # A cascade in BTC takes ETH down by more than its beta, since ETH longs are closed as well.
    forced = (_ETH_FORCED_BETA - _ETH_BETA) * np.minimum(crypto.book.forced_move, 0.0)
    path = np.cumsum(_ETH_BETA * moves + shocks + forced - forced.mean())
    return np.asarray(_ETH_START * np.exp(path), dtype=np.float64)


def _bars(asset: str, crypto: Crypto, close: FloatArray, rng: np.random.Generator, typical_volume: float) -> Feed:
    opened = np.concatenate((close[:1], close[:-1]))
    typical_move = crypto.volatility / np.sqrt(HOURS_A_CALENDAR_YEAR)
    reach = np.abs(rng.standard_normal((2, len(close)))) * 0.5 * typical_move
    activity = 1.0 + 0.5 * np.abs(np.log(close / opened)) / typical_move
    columns = {
        "open": opened,
        "high": np.maximum(opened, close) * np.exp(reach[0]),
        "low": np.minimum(opened, close) * np.exp(-reach[1]),
        "close": close,
        "volume": typical_volume * activity * rng.lognormal(0.0, 0.4, len(close)),
    }
    return _feed("bars", asset, ("1h", "0min"), crypto.hours, columns)


def _liquidations(crypto: Crypto, rng: np.random.Generator) -> Feed:
    regimes = (np.arange(len(crypto.hours)) >= round(_THROTTLED_AT * len(crypto.hours))).astype(np.int64)
    reported = np.where(regimes == 0, 1.0, _THROTTLED_TO)
    # Small accounts are liquidated in every hour, whatever the price does.
    small = rng.lognormal(np.log(2e5), 0.8, (2, len(crypto.hours)))
    noise = rng.lognormal(0.0, 0.15, (2, len(crypto.hours)))
    columns = {
        "long_usd": (crypto.liquidated_usd * noise[0] + small[0]) * reported,
        "short_usd": (0.6 * crypto.book.short_closed * TYPICAL_LONGS_USD * noise[1] + small[1]) * reported,
    }
    return _feed("liquidations", "BTC", ("1h", "5min"), crypto.hours, columns, regimes)


def _open_interest(crypto: Crypto, rng: np.random.Generator) -> Feed:
    book = crypto.book
    total = (book.long_open + book.short_open) * TYPICAL_LONGS_USD * rng.lognormal(0.0, 0.004, len(crypto.hours))
    return _feed("open_interest", "BTC", ("1h", "5min"), crypto.hours, {"open_interest_usd": total})


def _funding(crypto: Crypto, rng: np.random.Generator) -> Feed:
    # Settled at 00, 08 and 16 UTC from the positions that were open at the end of the hour before.
    midnight = (crypto.hours - crypto.hours.astype("datetime64[D]")) // HOUR
    rows = np.flatnonzero(midnight.astype(np.int64) % 8 == 0)[1:]
    crowding = crypto.book.long_open[rows - 1] / np.maximum(crypto.book.short_open[rows - 1], 0.05)
    rate = 1e-4 + 3e-4 * (crowding - 1.6) + rng.normal(0.0, 3e-5, len(rows))
    return _feed("funding", "BTC", ("0h", "1min"), crypto.hours[rows], {"funding_rate": np.clip(rate, -0.003, 0.003)})
