"""A book of leveraged positions with liquidation prices, and its cascades.

A forced close is a market order: it pushes the price into the next liquidation prices, which are closed in turn
(Brunnermeier and Pedersen 2009, the loss spiral). Amounts are shares of the typical open interest on the long side,
prices are logarithms. Positions are in bins of liquidation price on a ring, so that the price has no limits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from undertow.market.clock import FloatArray

# Log distance from entry to liquidation (2x to 80x leverage) and the share of new positions at each.
DISTANCES = np.array([0.012, 0.02, 0.03, 0.045, 0.065, 0.09, 0.12, 0.16, 0.21, 0.28, 0.45])
SHARES = np.array([0.01, 0.02, 0.04, 0.07, 0.10, 0.14, 0.15, 0.14, 0.11, 0.10, 0.12])

_BINS = 4096
_STEP = 0.0025  # log price of a bin; the ring spans 10, so that old positions never meet new ones
_HOLD_DAYS = 6.0  # mean time before a position is closed by its owner
_IMPACT = 0.13  # log move when the whole typical long book is force-closed at once
_PERMANENT = 0.35  # part of a forced move that is permanent; the rest fades
_FADE = 0.5 ** (1.0 / 60.0)  # an hour's fading, half-life 60 hours
_CAP = 0.09  # largest forced move in an hour: bids from other venues arrive
_ROUNDS = 12


@dataclass(frozen=True)
class BookPath:
    """Hourly state (H,) of price and book.

    Log price at the hour's end, forced log move, positions closed by force, open positions.
    """

    log_price: FloatArray
    forced_move: FloatArray
    long_closed: FloatArray
    short_closed: FloatArray
    long_open: FloatArray
    short_open: FloatArray


def empty_bins_np(book: FloatArray, low: float, high: float) -> float:
    """Empty the bins of `book` from log price `low` to `high`, and return their sum."""
    total = 0.0
    for position in range(int(np.floor(low / _STEP)), int(np.floor(high / _STEP)) + 1):
        total += book[position % _BINS]
        book[position % _BINS] = 0.0
    return total


empty_bins_nb = njit(cache=True)(empty_bins_np)


def walk_book_np(moves: FloatArray, appetite: FloatArray) -> FloatArray:
    """The book hour by hour; the rows of the result (6, H) are those of `BookPath`.

    `moves` (H,) are the log moves of ordinary trading; `appetite` (H,) is that for long positions, 0 = typical. The
    state at hour t uses moves up to t.
    """
    out = np.zeros((6, len(moves)))
    longs, shorts = np.zeros(_BINS), np.zeros(_BINS)
    level = temporary = average = 0.0
    for hour in range(len(moves)):
        before = level + temporary
        temporary *= _FADE
        level += moves[hour]
        forced = 0.0
        for _ in range(_ROUNDS):
            price = level + temporary
            closed_longs, closed_shorts = empty_bins_nb(longs, price, before), empty_bins_nb(shorts, before, price)
            out[2, hour] += closed_longs
            out[3, hour] += closed_shorts
            push = _IMPACT * (closed_shorts - closed_longs)
            push = max(-_CAP - forced, min(_CAP - forced, push))
            if push == 0.0:
                break
            forced += push
            level += _PERMANENT * push
            temporary += (1.0 - _PERMANENT) * push
        price = level + temporary
        average += (price - average) / 168.0
        # Longs are opened after rallies, shorts after falls; 24 * _HOLD_DAYS hours of opening fill the typical book.
        stretch = price - average
        new_longs = min(max(1.0 + appetite[hour] + 3.0 * stretch, 0.15), 2.5) / (24.0 * _HOLD_DAYS)
        new_shorts = min(max(0.7 - 2.0 * stretch, 0.15), 1.5) / (24.0 * _HOLD_DAYS)
        for row in range(len(DISTANCES)):
            longs[int(np.floor((price - DISTANCES[row]) / _STEP)) % _BINS] += new_longs * SHARES[row]
            shorts[int(np.floor((price + DISTANCES[row]) / _STEP)) % _BINS] += new_shorts * SHARES[row]
        if hour % 24 == 23:
            longs *= np.exp(-1.0 / _HOLD_DAYS)
            shorts *= np.exp(-1.0 / _HOLD_DAYS)
        out[0, hour] = price
        out[1, hour] = forced
        out[4, hour] = longs.sum()
        out[5, hour] = shorts.sum()
    return out


walk_book_nb = njit(cache=True)(walk_book_np)


def walk_book(moves: FloatArray, appetite: FloatArray) -> BookPath:
    """The path of price and book, in compiled code.

    `moves` (H,) are the log moves of ordinary trading; `appetite` (H,) is that for long positions, 0 = typical.
    """
    return BookPath(*walk_book_nb(moves, appetite))
