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
def dot_nb(left: Any, right: Any) -> Any:
    return dot(left, right)


@njit
def four_nb(held: Any, close: Any) -> Any:
    return dot_four(held, close[0], close[1], close[2], close[3])


@njit
def sums_nb(values: Any, deductions: Any) -> Any:
    return sums_of(values, deductions)


@njit
def squares_nb(values: Any, deductions: Any, mean: float, excess: float) -> Any:
    return squares_of(values, deductions, mean, excess)


@njit
def gaps_nb(held: Any, units: Any, mark: Any, goal: float, dust: float) -> Any:
    return gaps_of(held, units, mark, goal, dust)


def fused(left: float, right: float, added: float) -> float:
    return float(Fraction(left) * Fraction(right) + Fraction(added))


def added(_: float, value: float, so_far: float) -> float:
    return so_far + value


def in_lanes(step: Any, left: Any, right: Any) -> float:
    """The sum by its definition: eight lanes, folded, and the remainder last."""
    by_lanes = len(left) - len(left) % LANES
    lanes, remainder = [0.0] * LANES, 0.0
    for index in range(by_lanes):
        lanes[index % LANES] = step(float(left[index]), float(right[index]), lanes[index % LANES])
    for index in range(by_lanes, len(left)):
        remainder = step(float(left[index]), float(right[index]), remainder)
    a, b, c, d, e, f, g, h = lanes
    return (((a + e) + (c + g)) + ((b + f) + (d + h))) + remainder


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 100, 155])
def test_every_sum_to_the_last_bit(count: int) -> None:
    rng = np.random.default_rng(count)
    left, right, mark = rng.normal(size=(3, count))
    assert dot_nb(left, right) == in_lanes(fused, left, right)
    close = rng.normal(size=(4, count))
    assert list(four_nb(left, close)) == [dot_nb(left, row) for row in close]

    loss = np.minimum(left, 0.0)
    total, over, losses = sums_nb(left, right)
    assert (total, over) == (in_lanes(added, left, left), in_lanes(added, left, left - right))
    assert losses == in_lanes(fused, loss, loss)

    off, over_cash = left - 0.1, (left - right) - 0.2
    assert squares_nb(left, right, 0.1, 0.2) == (in_lanes(fused, off, off), in_lanes(fused, over_cash, over_cash))

    gap = (0.7 * right - left) * mark
    short, beyond = np.where(gap > 0.3, gap, 0.0), np.where(gap < -0.3, -gap, 0.0)
    assert gaps_nb(left, right, mark, 0.7, 0.3) == (in_lanes(added, left, short), in_lanes(added, left, beyond))


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
    reordered = [
        path for folder in FOLDERS for path in (root / folder).rglob("*.py") if "fastmath=" in path.read_text()
    ]
    assert reordered == []
