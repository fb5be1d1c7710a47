"""The probability of backtest overfitting by combinatorially symmetric cross-validation."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from undertow.market import FloatArray, ParameterError, check_whole

_BLOCKS = 16
# Splits that are worked on at once: 1,000 rules take 24 MB for each array.
_AT_ONCE = 3_000_000
# A variance below this share of the mean square is rounding.
_LEAST_SHARE = 1e-14


@dataclass(frozen=True)
class Overfitting:
    """How often the rule that is best in one half of the sessions is below the median in the other.

    Args:
        pbo: share of the splits with a logit of the rank at or below 0
        logits: logits (S,) of the relative rank out of sample, rank / (N + 1)
        rules: number of rules
        sessions: number of sessions used
        dropped: sessions left out at the start, which do not divide into the blocks
        blocks: number of blocks
    """

    pbo: float
    logits: FloatArray
    rules: int
    sessions: int
    dropped: int
    blocks: int

    @property
    def splits(self) -> int:
        """The number of splits: 12,870 for 16 blocks."""
        return len(self.logits)

    def __repr__(self) -> str:
        return (
            f"Overfitting({self.pbo:.1%} of {self.splits:,} splits, {self.rules:,} rules, {self.sessions:,} sessions)"
        )


def overfitting(returns: npt.ArrayLike, *, blocks: int = _BLOCKS) -> Overfitting:
    """The probability of backtest overfitting of N rules, by their Sharpe ratio.

    Every half of the blocks is the sample in turn, the other half is what came out of it. Rules whose ratios are equal
    share the mean of their ranks; a rule that never varies has a ratio of 0. The design must have been fixed
    beforehand: in the path of a guided search later trials are chosen by the same sessions, and the figure means
    nothing.

    Args:
        returns: (N, T) session returns of two rules or more, decimal or log
        blocks: even number of blocks, 2 to 18

    Raises `ParameterError` on another number of blocks, on fewer than two rules or two sessions a block, and on missing
    returns. Source: Bailey, Borwein, López de Prado and Zhu (2015), The Probability of Backtest Overfitting.
    """
    table = np.asarray(returns, dtype=np.float64)
    check_whole("blocks", blocks, 2)
    if blocks % 2 or blocks > 18:
        raise ParameterError(f"`blocks` must be an even number from 2 to 18, got {blocks}")
    if table.ndim != 2 or len(table) < 2:
        raise ParameterError(f"`returns` must be two rules or more by sessions, got the shape {table.shape}")
    if table.shape[1] < 2 * blocks:
        raise ParameterError(f"`returns` needs two sessions a block, {2 * blocks}; got {table.shape[1]}")
    if not np.isfinite(table).all():
        raise ParameterError("`returns` has missing values; leave out the rules without a return on every session")
    length = table.shape[1] // blocks
    dropped = table.shape[1] - length * blocks
    parts = table[:, dropped:].reshape(len(table), blocks, length)
    sums, squares = parts.sum(axis=2).T, (parts**2).sum(axis=2).T
    halves = np.zeros((math.comb(blocks, blocks // 2), blocks))
    for row, chosen in enumerate(itertools.combinations(range(blocks), blocks // 2)):
        halves[row, list(chosen)] = 1.0
    sessions = length * blocks // 2
    step = max(1, _AT_ONCE // len(table))
    ranks = np.concatenate(
        [_ranks(halves[first : first + step], sums, squares, sessions) for first in range(0, len(halves), step)]
    )
    share = ranks / (len(table) + 1)
    logits = np.log(share / (1.0 - share))
    return Overfitting(float((share <= 0.5).mean()), logits, len(table), length * blocks, dropped, blocks)


def _ranks(halves: FloatArray, sums: FloatArray, squares: FloatArray, sessions: int) -> FloatArray:
    """Rank (S,) out of sample, 1 the worst, of the rule that is best in the sample.

    Args:
        halves: 1 where a block (S, B) belongs to the sample.
        sums: sums of returns (B, N) by block.
        squares: sums of squared returns (B, N) by block.
        sessions: number of sessions of a half.
    """
    inside = _sharpe(halves @ sums, halves @ squares, sessions)
    others = 1.0 - halves
    outside = _sharpe(others @ sums, others @ squares, sessions)
    best = outside[np.arange(len(outside)), inside.argmax(axis=1)][:, None]
    below, equal = (outside < best).sum(axis=1), (outside == best).sum(axis=1)
    ranks: FloatArray = below + (equal + 1) / 2.0
    return ranks


def _sharpe(total: FloatArray, square: FloatArray, sessions: int) -> FloatArray:
    mean = total / sessions
    variance = square / sessions - mean**2
    varies = variance > _LEAST_SHARE * np.maximum(square / sessions, 1e-300)
    return np.where(varies, mean / np.sqrt(np.where(varies, variance, 1.0)), 0.0)
