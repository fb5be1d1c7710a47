"""The range that the values of a signal's output can take."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from undertow.market import BoolArray, FloatArray

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Bounds:
    """The range [low, high] of values, or (low, high] where `open_low`.

    An infinite end is not a bound: the default bounds nothing.

    >>> print(Bounds(-1.0, 0.0), Bounds(0.0), Bounds(0.0, 1.0, open_low=True))
    [-1, 0] [0, inf) (0, 1]
    """

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False

    def __str__(self) -> str:
        opening = "(" if self.open_low or math.isinf(self.low) else "["
        return f"{opening}{self.low:g}, {self.high:g}{')' if math.isinf(self.high) else ']'}"

    def none_reaches(self, level: float, side: float) -> bool:
        """Whether no value reaches `level`.

        From below where `side` is 1, from above where it is -1.
        """
        return level > self.high if side > 0 else level < self.low or (self.open_low and level == self.low)

    def all_reach(self, level: float, side: float) -> bool:
        """Whether every value reaches `level`, with `side` as in `none_reaches`."""
        return level <= self.low if side > 0 else level >= self.high

    def outside(self, values: FloatArray) -> BoolArray:
        """Which values are outside, by more than rounding; NaN is not."""
        low = values <= self.low if self.open_low else values < self.low - _ROUNDING
        return np.asarray(low | (values > self.high + _ROUNDING), dtype=np.bool_)


UNBOUNDED = Bounds()
AT_LEAST_0 = Bounds(0.0)
DRAWDOWN = Bounds(-1.0, 0.0)
RETURN = Bounds(-1.0)
SHARE = Bounds(0.0, 1.0)
FLAG = Bounds(0.0, 1.0)
RANK = Bounds(0.0, 1.0, open_low=True)
CORRELATION = Bounds(-1.0, 1.0)
STATE = Bounds(0.0, 3.0)
