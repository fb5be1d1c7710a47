"""Sums in lanes equal their definition to the last bit; no compiled sum is reordered."""

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
def dot_nb(values: Any, factors: Any) -> Any:
    return dot(values, factors)


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


def fused(value: float, factor: float, added: float) -> float:
    return float(Fraction(value) * Fraction(factor) + Fraction(added))


def added(_: float, value: float, so_far: float) -> float:
    return so_far + value


def in_lanes(step: Any, values: Any, factors: Any) -> float:
    """The sum by its definition: eight lanes, folded, and the remainder last."""
    by_lanes = len(values) - len(values) % LANES
    lanes, remainder = [0.0] * LANES, 0.0
    for index in range(by_lanes):
        lanes[index % LANES] = step(float(values[index]), float(factors[index]), lanes[index % LANES])
    for index in range(by_lanes, len(values)):
        remainder = step(float(values[index]), float(factors[index]), remainder)
    a, b, c, d, e, f, g, h = lanes
    return (((a + e) + (c + g)) + ((b + f) + (d + h))) + remainder


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 100, 155])
def test_every_sum_to_the_last_bit(count: int) -> None:
    rng = np.random.default_rng(count)
    values, factors, mark = rng.normal(size=(3, count))
    assert dot_nb(values, factors) == in_lanes(fused, values, factors)
    close = rng.normal(size=(4, count))
    assert list(four_nb(values, close)) == [dot_nb(values, row) for row in close]

    loss = np.minimum(values, 0.0)
    total, over, losses = sums_nb(values, factors)
    assert (total, over) == (in_lanes(added, values, values), in_lanes(added, values, values - factors))
    assert losses == in_lanes(fused, loss, loss)

    off, over_cash = values - 0.1, (values - factors) - 0.2
    assert squares_nb(values, factors, 0.1, 0.2) == (in_lanes(fused, off, off), in_lanes(fused, over_cash, over_cash))

    gap = (0.7 * factors - values) * mark
    short, beyond = np.where(gap > 0.3, gap, 0.0), np.where(gap < -0.3, -gap, 0.0)
    assert gaps_nb(values, factors, mark, 0.7, 0.3) == (in_lanes(added, values, short), in_lanes(added, values, beyond))


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
