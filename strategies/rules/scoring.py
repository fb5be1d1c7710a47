"""From severities to scores, all-clear and tiers: rules of one shape in one pass."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from undertow.market import FloatArray, IntArray
from undertow.strategies.rules.severity import FALLBACK, SEVERITIES, UNKNOWN, Int8Array
from undertow.strategies.rules.tier_machine import Clock, Ladder, SetsPath, walk_set_nb

Uint8Array = npt.NDArray[np.uint8]

# How conditions combine, by number.
COMBINES = ("any", "all", "score")
# Bits of a session's flags.
FELL_BACK, PARTIAL, VETOED = 1, 2, 4
_ALARM = 2
# A score that meets a tier's level exactly must not miss it by the rounding of a sum.
DECIMALS = 12
_SCALE = 10.0**DECIMALS
_ENOUGH = 1.0 - 1e-12


class RuleCodes(NamedTuple):
    """The severities of P rules of one shape, and what their scores need.

    Args:
        codes: (S, T) distinct lines of severity codes
        conditions: (C, P) line of each condition of the trigger
        weights: (C, P) its weight
        gates: (G, P) line of each gate
        scales: (G, P) what it scales the score by
        clears: (A, P) line of each condition of the return
        known: (P,) share of the weight that must be known for a "score"
        combine: index into `COMBINES`
        places: (P,) where each set goes among those of all shapes
    """

    codes: Int8Array
    conditions: IntArray
    weights: FloatArray
    gates: IntArray
    scales: FloatArray
    clears: IntArray
    known: FloatArray
    combine: int
    places: IntArray


@njit(cache=True)
def _rounded(value: float) -> float:
    return float(np.rint(value * _SCALE) / _SCALE)


@njit(cache=True)
def _combined(rules: RuleCodes, column: int, row: int) -> tuple[float, bool, bool]:
    """The score before gates; whether a condition is unknown, and one fell back.

    NaN where unknown conditions could change it, and for a "score" where too little of the weight is known.
    """
    highest, lowest, total, weight, all_weight = 0.0, 1.0, 0.0, 0.0, 0.0
    partial = fell_back = False
    for number in range(len(rules.conditions)):
        code, of_condition = rules.codes[rules.conditions[number, column], row], rules.weights[number, column]
        all_weight += of_condition
        if code == UNKNOWN:
            partial = True
            continue
        fell_back = fell_back or code >= FALLBACK
        severity = SEVERITIES[code % FALLBACK]
        highest, lowest = max(highest, severity), min(lowest, severity)
        total += severity * of_condition
        weight += of_condition
    complete = weight >= all_weight * _ENOUGH
    if rules.combine == 0:
        return (highest if complete or highest == 1.0 else np.nan), partial, fell_back
    if rules.combine == 1:
        return (lowest if complete or lowest == 0.0 else np.nan), partial, fell_back
    enough = weight > 0.0 and weight >= rules.known[column] * all_weight * _ENOUGH
    return (_rounded(total / weight) if enough else np.nan), partial, fell_back


@njit(cache=True)
def _tier_of(score: float, at: FloatArray, column: int) -> int:
    """The highest tier whose level the score reaches."""
    tier = 0
    for number in range(1, len(at)):
        if score >= at[number, column]:
            tier = number
    return tier


@njit(cache=True)
def score_set_nb(
    rules: RuleCodes, at: FloatArray, column: int, score: FloatArray, ungated: FloatArray, flags: Uint8Array
) -> None:
    """The scores (T,) of one set before and after its gates, and its flags (T,).

    Args:
        rules: the rules
        at: (K, P) levels of the tiers
        column: number of the set
        score: where the scores go
        ungated: where those before the gates go
        flags: where the flags go
    """
    for row in range(len(score)):
        before, partial, fell_back = _combined(rules, column, row)
        after = before
        for number in range(len(rules.gates)):
            code = rules.codes[rules.gates[number, column], row]
            if code == UNKNOWN:
                partial = True
            elif code % FALLBACK == _ALARM:
                after = _rounded(after * rules.scales[number, column])
        score[row], ungated[row] = after, before
        flags[row] = FELL_BACK if fell_back else 0
        if partial and not np.isnan(after):
            flags[row] += PARTIAL
        if _tier_of(after, at, column) < _tier_of(before, at, column):
            flags[row] += VETOED


@njit(cache=True)
def clear_set_nb(rules: RuleCodes, column: int, clear: FloatArray) -> None:
    """The all-clear (T,) of one set: 1 if all its conditions are on, else 0; or NaN."""
    for row in range(len(clear)):
        off = unknown = False
        for number in range(len(rules.clears)):
            code = rules.codes[rules.clears[number, column], row]
            unknown = unknown or code == UNKNOWN
            off = off or (code != UNKNOWN and code % FALLBACK != _ALARM)
        clear[row] = 0.0 if off else np.nan if unknown else 1.0


@njit(cache=True, nogil=True)
def walk_rules_nb(
    rules: RuleCodes,
    clock: Clock,
    ladder: Ladder,
    path: SetsPath,
    flags: Uint8Array,
    scores: FloatArray,
    begin: int,
    end: int,
) -> None:
    """Tiers, flags and, where there is room, scores of some of P rules of one shape.

    Args:
        rules: severities and weights
        clock: what all sets share
        ladder: the tiers
        path: where the tiers of the sets of all shapes go
        flags: where their flags go, a line a set
        scores: where score, score before the gates and all-clear go (3, P, T); without columns where not needed
        begin: the first rule
        end: the rule after the last
    """
    rows = rules.codes.shape[1]
    for column in range(begin, end):
        score, ungated, clear = np.empty(rows), np.empty(rows), np.empty(rows)
        place = rules.places[column]
        score_set_nb(rules, ladder.at, column, score, ungated, flags[place])
        clear_set_nb(rules, column, clear)
        walk_set_nb(score, clear, clock, ladder, (column, place), path)
        for row in range(scores.shape[2]):
            scores[0, column, row] = score[row]
            scores[1, column, row] = ungated[row]
            scores[2, column, row] = clear[row]
