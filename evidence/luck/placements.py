"""Placements of a rule's episodes on other sessions, as the session that is read on each."""

from __future__ import annotations

import numpy as np

from undertow.market import BoolArray, FloatArray, IntArray

# Sessions of the trailing volatility, and classes of it.
VOLATILITY_SESSIONS, _CLASSES = 21, 5
# Classes of volatility that count as calm.
_CALM = 2


def episode_spans(away: BoolArray) -> list[tuple[int, int]]:
    """First session and the one after the last of each stretch away from rest."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], away.astype(np.int64), [0]))))
    return [(int(first), int(after)) for first, after in edges.reshape(-1, 2)]


def random_placements(spans: list[tuple[int, int]], sessions: int, rest: int, count: int, seed: int) -> IntArray:
    """The episodes in random order with random gaps of a session or more (P, T).

    Every way to spread the free sessions over the gaps is equally likely, as in `RandomTiming`.

    Args:
        spans: the episodes.
        sessions: number of sessions T.
        rest: session that is read outside of episodes.
        count: number of placements P.
        seed: seed of the draws.
    """
    out = np.full((count, sessions), rest, dtype=np.int64)
    free = sessions - sum(after - first for first, after in spans) - (len(spans) - 1)
    for row in range(count):
        rng = np.random.default_rng([seed, 1, row])
        positions = np.sort(rng.choice(free + len(spans), size=len(spans), replace=False))
        used = 0
        for position, number in zip(positions.tolist(), rng.permutation(len(spans)).tolist(), strict=True):
            first, after = spans[number]
            start = position + used
            out[row, start : start + after - first] = np.arange(first, after)
            used += after - first
    return out


def circular_shifts(sessions: int, count: int, seed: int) -> IntArray:
    """All decisions moved by one number of sessions, the end at the start (P, T).

    Distinct shifts of 1 to T - 1 sessions; all of them where there are fewer than `count`.
    """
    rng = np.random.default_rng([seed, 2])
    chosen = np.sort(rng.permutation(np.arange(1, sessions))[:count])
    return np.asarray((np.arange(sessions)[None, :] - chosen[:, None]) % sessions, dtype=np.int64)


def volatility_classes(returns: FloatArray) -> IntArray:
    """The fifth (T,) by the volatility of the 21 sessions before, 0 the calmest.

    The first 21 sessions have the class of the 22nd.
    """
    windows = np.lib.stride_tricks.sliding_window_view(returns, VOLATILITY_SESSIONS)[:-1]
    trailing = windows.std(axis=1)
    ranks = trailing.argsort(kind="stable").argsort(kind="stable")
    classes = ranks * _CLASSES // len(ranks)
    return np.concatenate((np.full(VOLATILITY_SESSIONS, classes[0]), classes))


def placements_within(
    spans: list[tuple[int, int]], allowed: list[BoolArray], rest: int, count: int, seed: int
) -> tuple[IntArray, int]:
    """Placements (P, T) on allowed sessions, and how often none of them was free.

    Episodes are placed in random order and neither overlap nor touch. One for which no allowed session is left begins
    on any free one, and stays out where there is none.

    Args:
        spans: the episodes.
        allowed: the sessions (T,) on which each may begin.
        rest: session that is read outside of episodes.
        count: number of placements P.
        seed: seed of the draws.
    """
    sessions, missed = len(allowed[0]), 0
    out = np.full((count, sessions), rest, dtype=np.int64)
    for row in range(count):
        rng = np.random.default_rng([seed, 3, row])
        taken = np.zeros(sessions + 2, dtype=np.int64)
        for number in rng.permutation(len(spans)).tolist():
            first, after = spans[number]
            length = after - first
            total = np.concatenate(([0], np.cumsum(taken)))
            # Nothing taken from the session before to the one after.
            free = total[length + 2 : sessions + 3] == total[: sessions + 1 - length]
            places = np.flatnonzero(free & allowed[number][: len(free)])
            if not len(places):
                missed += 1
                places = np.flatnonzero(free)
            if not len(places):
                continue
            start = int(places[rng.integers(len(places))])
            out[row, start : start + length] = np.arange(first, after)
            taken[start + 1 : start + 1 + length] = 1
    return out, missed


def within_volatility(
    spans: list[tuple[int, int]], classes: IntArray, rest: int, count: int, seed: int
) -> tuple[IntArray, int]:
    """Placements on sessions of the same volatility; see `placements_within`.

    Args:
        spans: the episodes.
        classes: class of volatility (T,) of each session.
        rest: session that is read outside of episodes.
        count: number of placements P.
        seed: seed of the draws.
    """
    allowed = [classes == classes[first] for first, _ in spans]
    return placements_within(spans, allowed, rest, count, seed)


def on_calm_dates(
    spans: list[tuple[int, int]], classes: IntArray, rest: int, count: int, seed: int
) -> tuple[IntArray, int]:
    """Each episode begins on one of the calmest sessions; see `placements_within`.

    Args:
        spans: the episodes.
        classes: class of volatility (T,) of each session.
        rest: session that is read outside of episodes.
        count: number of placements P.
        seed: seed of the draws.
    """
    return placements_within(spans, [classes < _CALM for _ in spans], rest, count, seed)


def episodes_left_out(spans: list[tuple[int, int]], sessions: int, rest: int) -> IntArray:
    """The decisions less one episode (E, T), for each episode."""
    out = np.repeat(np.arange(sessions, dtype=np.int64)[None, :], len(spans), axis=0)
    for row, (first, after) in enumerate(spans):
        out[row, first:after] = rest
    return out
