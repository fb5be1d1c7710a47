"""Sums in lanes: to the last bit what their definition says, and no other compiled sum may be reordered."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

from support.paths import PROJECT
from undertow.backtests.segments.orders import line_nb
from undertow.backtests.segments.reductions import LANES, dot, dot_four, gaps_of, squares_of, sums_of

FOLDERS = ("market", "signals", "strategies", "backtests", "evidence", "tearsheets")


@njit
def dot_nb(one: Any, two: Any) -> Any:
    return dot(one, two)


@njit
def four_nb(held: Any, close: Any) -> Any:
    return dot_four(held, close[0], close[1], close[2], close[3])


@njit
def sums_nb(values: Any, others: Any) -> Any:
    return sums_of(values, others)


@njit
def squares_nb(values: Any, others: Any, mean: float, excess: float) -> Any:
    return squares_of(values, others, mean, excess)


@njit
def gaps_nb(held: Any, units: Any, mark: Any, goal: float, dust: float) -> Any:
    return gaps_of(held, units, mark, goal, dust)


def fused(one: float, two: float, added: float) -> float:
    return float(Fraction(one) * Fraction(two) + Fraction(added))


def added(_: float, value: float, so_far: float) -> float:
    return so_far + value


def in_lanes(step: Any, one: Any, two: Any) -> float:
    """The sum as its definition has it: eight lanes, folded, and what is left over last."""
    whole = len(one) - len(one) % LANES
    lanes, rest = [0.0] * LANES, 0.0
    for place in range(whole):
        lanes[place % LANES] = step(float(one[place]), float(two[place]), lanes[place % LANES])
    for place in range(whole, len(one)):
        rest = step(float(one[place]), float(two[place]), rest)
    a, b, c, d, e, f, g, h = lanes
    return (((a + e) + (c + g)) + ((b + f) + (d + h))) + rest


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 100, 155])
def test_every_sum_to_the_last_bit(count: int) -> None:
    rng = np.random.default_rng(count)
    one, two, three = rng.normal(size=(3, count))
    assert dot_nb(one, two) == in_lanes(fused, one, two)
    close = rng.normal(size=(4, count))
    assert list(four_nb(one, close)) == [dot_nb(one, row) for row in close]

    loss = np.minimum(one, 0.0)
    total, over, losses = sums_nb(one, two)
    assert (total, over) == (in_lanes(added, one, one), in_lanes(added, one, one - two))
    assert losses == in_lanes(fused, loss, loss)

    off, more = one - 0.1, (one - two) - 0.2
    assert squares_nb(one, two, 0.1, 0.2) == (in_lanes(fused, off, off), in_lanes(fused, more, more))

    gap = (0.7 * two - one) * three
    short, beyond = np.where(gap > 0.3, gap, 0.0), np.where(gap < -0.3, -gap, 0.0)
    assert gaps_nb(one, two, three, 0.7, 0.3) == (in_lanes(added, one, short), in_lanes(added, one, beyond))


def test_a_line_of_any_length_is_a_dot_a_session() -> None:
    rng = np.random.default_rng(1)
    held, close = rng.random(37), rng.random((11, 37))
    line = np.zeros(11)
    line_nb(held, close, line)
    assert line.tolist() == [dot_nb(held, row) for row in close]


def test_what_is_not_contiguous_does_not_compile() -> None:
    with pytest.raises(TypingError, match="contiguous arrays of float64"):
        dot_nb(np.zeros(8)[::2], np.zeros(4))
    with pytest.raises(TypingError, match="contiguous arrays of float64"):
        dot_nb(np.zeros(4, dtype=np.int64), np.zeros(4))


def test_no_compiled_sum_is_reordered() -> None:
    # The order would depend on what numba had in its cache when the caller was compiled.
    root = PROJECT
    found = [path for folder in FOLDERS for path in (root / folder).rglob("*.py") if "fastmath=" in path.read_text()]
    assert found == []
