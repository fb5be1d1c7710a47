"""A window of ranked values as bits: one a value, in the order of their size.

Sliding the window by a row sets one bit and clears another; the rank of a value is the number of bits below its own,
and the median a place among the bits that moves by a bit or two a row. Counts of blocks of bits are kept, so that a
rank adds up blocks and the words of one block. Windows and missing values are as in `rolling.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic, overload

from undertow.market import FloatArray, IntArray

# Bits of a word, and words of a block, as powers of two.
_WORD, _BLOCK = 6, 10
# Bits of a digit of a number, digits of a number, and the lowest digit of its bits.
_DIGIT, _DIGITS = 11, 6
_LOWEST = (1 << _DIGIT) - 1
_TWO_TO_64 = 1 << 64


def _count_ones(word: int) -> int:
    """The number of ones in a word."""
    return (int(word) % _TWO_TO_64).bit_count()


def _first_one(word: int) -> int:
    """The position of the lowest one of a word that has one."""
    return (int(word) & -int(word)).bit_length() - 1


def _zeros_above(word: int) -> int:
    """The number of zeros above the highest one of a word that has one."""
    return 64 - (int(word) % _TWO_TO_64).bit_length()


@intrinsic
def _ctpop(_: Any, word: Any) -> Any:
    def build(_: Any, builder: Any, __: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(types.int64), build


@intrinsic
def _cttz(_: Any, word: Any) -> Any:
    def build(context: Any, builder: Any, __: Any, args: Any) -> Any:
        return builder.cttz(args[0], context.get_constant(types.boolean, True))

    return types.int64(types.int64), build


@intrinsic
def _ctlz(_: Any, word: Any) -> Any:
    def build(context: Any, builder: Any, __: Any, args: Any) -> Any:
        return builder.ctlz(args[0], context.get_constant(types.boolean, True))

    return types.int64(types.int64), build


# What a processor has an instruction for, in compiled code. An intrinsic takes a typing context that no call writes.
@overload(_count_ones, strict=False)
def _compiled_count(word: Any) -> Any:
    return lambda word: _ctpop(word)  # type: ignore[call-arg]


@overload(_first_one, strict=False)
def _compiled_first(word: Any) -> Any:
    return lambda word: _cttz(word)  # type: ignore[call-arg]


@overload(_zeros_above, strict=False)
def _compiled_zeros(word: Any) -> Any:
    return lambda word: _ctlz(word)  # type: ignore[call-arg]


@njit(cache=True)
def _sort_digits(keys: IntArray, rows: IntArray, first: int) -> tuple[IntArray, IntArray]:
    """Keys and rows by the digits from `first` up, equals as they were.

    Both arrays are used up.
    """
    digits = _DIGITS - first
    totals = np.zeros((digits, 1 << _DIGIT), dtype=np.int64)
    for place in range(len(keys)):
        for digit in range(digits):
            totals[digit, (keys[place] >> (first + digit) * _DIGIT) & _LOWEST] += 1
    other_keys, other_rows = np.empty_like(keys), np.empty_like(rows)
    for digit in range(digits):
        starts, begun, largest = totals[digit], 0, 0
        for bucket in range(len(starts)):
            size = starts[bucket]
            largest = max(largest, size)
            starts[bucket] = begun
            begun += size
        if largest == len(keys):
            continue
        shift = (first + digit) * _DIGIT
        for place in range(len(keys)):
            bucket = (keys[place] >> shift) & _LOWEST
            target = starts[bucket]
            starts[bucket] = target + 1
            other_keys[target] = keys[place]
            other_rows[target] = rows[place]
        keys, other_keys = other_keys, keys
        rows, other_rows = other_rows, rows
    return keys, rows


@njit(cache=True)
def _settle(keys: IntArray, rows: IntArray) -> bool:
    """Sort keys whose high digits are sorted; False where that takes too long."""
    moves = 0
    for place in range(1, len(keys)):
        key, row, target = keys[place], rows[place], place
        while target > 0 and keys[target - 1] > key:
            keys[target], rows[target] = keys[target - 1], rows[target - 1]
            target -= 1
        keys[target], rows[target] = key, row
        moves += place - target
        if moves > len(keys):
            return False
    return True


@njit(cache=True)
def order_rows_nb(values: FloatArray) -> IntArray:
    """The rows (T,) that have a value, by value; of equal values the earliest first.

    A radix sort by the digits of the numbers' bits: by the high half first, which orders nearly all, then by moves of
    neighbours, or by all digits where these would be many.
    """
    count = 0
    rows, known = np.empty(len(values), dtype=np.int64), np.empty(len(values))
    for row in range(len(values)):
        if not np.isnan(values[row]):
            # Minus zero is zero.
            known[count] = values[row] + 0.0
            rows[count] = row
            count += 1
    keys, rows = known[:count].view(np.int64), rows[:count]
    for place in range(count):
        # The order of the bits is that of the numbers once those of negative ones are turned round.
        if keys[place] < 0:
            keys[place] ^= 0x7FFFFFFFFFFFFFFF
    # As numbers from 0 on, whose highest digit is complete.
    sorted_keys, sorted_rows = _sort_digits(keys ^ np.int64(-0x8000000000000000), rows.copy(), _DIGITS // 2)
    signed = sorted_keys ^ np.int64(-0x8000000000000000)
    if not _settle(signed, sorted_rows):
        _, sorted_rows = _sort_digits(keys ^ np.int64(-0x8000000000000000), rows, 0)
    return sorted_rows


@njit(cache=True)
def bit_places_nb(values: FloatArray) -> tuple[IntArray, IntArray, IntArray, FloatArray]:
    """The place of each row's value (T,) among all, and of its equals.

    Places count from 0, -1 for a missing value. Equals lie from `low` up to but without `high` (T,). `ordered` (n,) are
    the values, ascending.
    """
    rows = order_rows_nb(values)
    place = np.full(len(values), -1, dtype=np.int64)
    low, high = np.zeros(len(values), dtype=np.int64), np.zeros(len(values), dtype=np.int64)
    ordered = np.empty(len(rows))
    first = 0
    for position in range(len(rows)):
        ordered[position] = values[rows[position]]
        if ordered[position] != ordered[first]:
            for equal in range(first, position):
                high[rows[equal]] = position
            first = position
        place[rows[position]] = position
        low[rows[position]] = first
    for equal in range(first, len(rows)):
        high[rows[equal]] = len(rows)
    return place, low, high, ordered


@njit(cache=True)
def _change(words: IntArray, blocks: IntArray, place: int, amount: int) -> None:
    words[place >> _WORD] ^= np.int64(1) << (place & 63)
    blocks[place >> _BLOCK] += amount


@njit(cache=True)
def _ones_below(words: IntArray, blocks: IntArray, place: int) -> int:
    total = 0
    block = place >> _BLOCK
    for number in range(block):
        total += blocks[number]
    word = place >> _WORD
    for number in range(block << (_BLOCK - _WORD), word):
        total += _count_ones(words[number])
    if place & 63:
        total += _count_ones(words[word] & ~(np.int64(-1) << (place & 63)))
    return total


@njit(cache=True)
def _next_one(words: IntArray, place: int) -> int:
    """The lowest bit above a place; there must be one."""
    word = place >> _WORD
    bits = words[word] & (np.int64(-2) << (place & 63))
    while bits == 0:
        word += 1
        bits = words[word]
    return (word << _WORD) + _first_one(bits)


@njit(cache=True)
def _one_before(words: IntArray, place: int) -> int:
    """The highest bit below a place; there must be one."""
    word = place >> _WORD
    bits = words[word] & ~(np.int64(-1) << (place & 63))
    while bits == 0:
        word -= 1
        bits = words[word]
    return (word << _WORD) + 63 - _zeros_above(bits)


@njit(cache=True)
def ranks_nb(
    places: tuple[IntArray, IntArray, IntArray, FloatArray], regimes: FloatArray, window: int, wanted: IntArray
) -> FloatArray:
    """Percentile rank of the wanted rows (R,) in their trailing windows, in (0, 1].

    The mean rank of ties over the count, as `rolling_rank_nb`. The window restarts at a regime border.

    Args:
        places: the values (T,) as `bit_places_nb` has them.
        regimes: venue regime (T,).
        window: rows of the window.
        wanted: rows whose rank is needed (R,), ascending.
    """
    place, low, high, ordered = places
    out = np.full(len(wanted), np.nan)
    # One word and one block more, so that the end of the last value's equals has a place too.
    words = np.zeros((len(ordered) >> _WORD) + 1, dtype=np.int64)
    blocks = np.zeros((len(ordered) >> _BLOCK) + 1, dtype=np.int64)
    start = count = following = 0
    for row in range(wanted[-1] + 1 if len(wanted) else 0):
        is_border = row > 0 and regimes[row] != regimes[row - 1]
        first = max(start, row - window)
        start = row if is_border else start
        # Rows that leave the window: all of them at a border, else the oldest one, if it is past the start.
        for leaving in range(first, row if start == row else min(first + 1, row - window + 1)):
            if place[leaving] >= 0:
                _change(words, blocks, place[leaving], -1)
                count -= 1
        if place[row] >= 0:
            _change(words, blocks, place[row], 1)
            count += 1
        elif row == start:
            start = row + 1
        while following < len(wanted) and wanted[following] == row:
            if place[row] >= 0 and row - start + 1 >= window and 2 * count >= window:
                less = _ones_below(words, blocks, low[row])
                equal = 1 if high[row] - low[row] == 1 else _ones_below(words, blocks, high[row]) - less
                out[following] = (less + 0.5 * (equal + 1)) / count
            following += 1
    return out


@njit(cache=True)
def _without(words: IntArray, leaving: int, middle: int, below: int, count: int) -> tuple[int, int]:
    """The middle and the values below it after a value has left; `count` remain."""
    if leaving < middle:
        return middle, below - 1
    if leaving > middle or not count:
        return middle, below
    # To the next value above, which has as many below it; at the top to the one before.
    return (_next_one(words, middle), below) if below < count else (_one_before(words, middle), below - 1)


@njit(cache=True)
def medians_nb(
    places: tuple[IntArray, IntArray, IntArray, FloatArray], begin: int, end: int, window: int, out: FloatArray
) -> None:
    """Trailing median of the rows from `begin` to `end`, into `out` (T,).

    Only rows from `begin` on count; the window is full where it holds `window` of them, and half of them at least have
    a value.

    Args:
        places: the values (T,) as `bit_places_nb` has them.
        begin: first row that counts.
        end: row after the last.
        window: rows of the window.
        out: where the medians go, NaN where the window is not full or the value is missing.
    """
    place, _, _, ordered = places
    words = np.zeros((len(ordered) >> _WORD) + 1, dtype=np.int64)
    # The middle value of the window, the lower one of two, and the number of values below it.
    middle, below, count = -1, 0, 0
    for row in range(begin, end):
        out[row] = np.nan
        leaving = place[row - window] if row - window >= begin else -1
        coming = place[row]
        if coming >= 0:
            words[coming >> _WORD] ^= np.int64(1) << (coming & 63)
            count += 1
            if count == 1:
                middle, below = coming, 0
            elif coming < middle:
                below += 1
        if leaving >= 0:
            words[leaving >> _WORD] ^= np.int64(1) << (leaving & 63)
            count -= 1
            middle, below = _without(words, leaving, middle, below, count)
        if not count:
            continue
        while below < (count - 1) // 2:
            middle = _next_one(words, middle)
            below += 1
        while below > (count - 1) // 2:
            middle = _one_before(words, middle)
            below -= 1
        if row - begin + 1 >= window and 2 * count >= window and coming >= 0:
            lower = ordered[middle]
            out[row] = lower if count % 2 else 0.5 * (lower + ordered[_next_one(words, middle)])


@njit(cache=True)
def rolling_rank_nb(values: FloatArray, regimes: FloatArray, window: int) -> FloatArray:
    """Percentile rank (T, N) of the current value in its trailing window, in (0, 1].

    The mean rank of ties over the count. The window restarts at a regime border. Equal to the rank of
    `rolling_spike_nb`, bit for bit.
    """
    out = np.empty(values.shape)
    wanted = np.arange(len(values))
    for column in range(values.shape[1]):
        places = bit_places_nb(np.ascontiguousarray(values[:, column]))
        out[:, column] = ranks_nb(places, np.ascontiguousarray(regimes[:, column]), window, wanted)
    return out


@njit(cache=True)
def rolling_median_nb(values: FloatArray, window: int) -> FloatArray:
    """Trailing median (T, N)."""
    out = np.empty(values.shape)
    median = np.empty(len(values))
    for column in range(values.shape[1]):
        places = bit_places_nb(np.ascontiguousarray(values[:, column]))
        medians_nb(places, 0, len(values), window, median)
        out[:, column] = median
    return out
