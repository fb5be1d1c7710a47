"""Regime, scenario and early warning at a decision, and what followed in the past."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from undertow.market import BoolArray, FloatArray, IntArray
from undertow.signals import CompressionWarning, Regime, Scenario
from undertow.signals.base import Spec
from undertow.signals.decisions import DecisionTable

REGIMES = ("calm", "volatility event", "trend break", "liquidity shock")
SCENARIOS = ("none", "A: normalisation", "B: tightening", "C: reflation")
UNKNOWN_STATE = "unknown"
HORIZONS = (1, 5, 20)
# The horizon over which the next state is counted, sessions.
NEXT = 20
WARNING = ("off", "on")
# How many precursors make an early warning.
WARNS_AT = 2.0
PLAYBOOK = {
    "none": "no scenario leads: the rule alone decides",
    "A: normalisation": "volatility comes down and credit agrees: return in steps, leaders first",
    "B: tightening": "real yields and dollar rise: keep cash and hedge, sell winners into strength",
    "C: reflation": "yields rise with stocks and credit: a fall of BTC alone is no reason to sell",
    UNKNOWN_STATE: "the scenario is unknown: the rule alone decides",
}


@dataclass(frozen=True)
class Outcome:
    """What stocks did after the entries into a state; decimal, NaN without entries.

    Args:
        horizon: sessions of each return.
        count: number of entries whose horizon is over.
        median: median return of the universe's basket.
        positive: share of positive returns.
        all_median: median of all sessions, for comparison.
        all_positive: share of positive returns of all sessions.
    """

    horizon: int
    count: int
    median: float
    positive: float
    all_median: float
    all_positive: float


@dataclass(frozen=True)
class Following:
    """The state `NEXT` sessions after the entries into a state.

    Args:
        name: name of the state.
        count: number of entries that it followed.
        share: as a share of the entries whose following state is known.
    """

    name: str
    count: int
    share: float


@dataclass(frozen=True)
class MarketState:
    """A state of the market at the decision, and its record in the past.

    Args:
        name: name of the state, or "unknown".
        since: first session of the state, empty where unknown.
        record_of: state whose past entries are counted: the present one, or "on" of a warning; empty where unknown.
        entries: how often that was entered before the present entry.
        followed: what followed its entries after 20 sessions.
        outcomes: what stocks did after its entries.
        playbook: what it suggests, empty for a state that suggests nothing.
    """

    name: str
    since: str
    record_of: str
    entries: int
    followed: tuple[Following, ...]
    outcomes: tuple[Outcome, ...]
    playbook: str = ""


def needs_benchmark(spec: Spec) -> bool:
    """Whether a signal reads the benchmark, which a market may lack."""
    return ("prices", "benchmark") in spec.inputs.values()


def regime_at(table: DecisionTable, level: FloatArray, row: int) -> MarketState:
    """The regime of a row's decision; `level` (T,) is the basket's as it was known."""
    return _state(table, _values(table, Regime), REGIMES, level, row)


def scenario_at(table: DecisionTable, level: FloatArray, row: int) -> MarketState:
    """The scenario of a row's decision; `level` (T,) is the basket's as it was known."""
    return _state(table, _values(table, Scenario), SCENARIOS, level, row, PLAYBOOK)


def warning_at(table: DecisionTable, level: FloatArray, row: int) -> MarketState:
    """The early warning of a row's decision: on where two of three precursors are.

    Its record is that of warnings, whether one is on now or not.
    """
    count = table.signal(CompressionWarning, {}, output="count")[:, 0]
    states = np.where(np.isnan(count), np.nan, np.where(count >= WARNS_AT, 1.0, 0.0))
    return _state(table, states, WARNING, level, row, of=1)


def _values(table: DecisionTable, signal: Any) -> FloatArray:
    if needs_benchmark(signal.spec) and table.market.benchmark is None:
        return np.full(len(table), np.nan)
    return table.signal(signal, {})[:, 0]


def _state(
    table: DecisionTable,
    states: FloatArray,
    names: tuple[str, ...],
    level: FloatArray,
    row: int,
    playbook: dict[str, str] | None = None,
    of: int | None = None,
) -> MarketState:
    """The state of a row, and the record of its entries, or of those of `of`.

    Args:
        table: decisions up to the present one.
        states: number of the state at each decision (T,), NaN where unknown.
        names: names of the states by number.
        level: level of the basket known at each decision (T,).
        row: row of the present decision.
        playbook: what a state suggests, by its name.
        of: state whose entries are counted; None: the present one.
    """
    known = np.isfinite(states)
    name = names[int(states[row])] if known[row] else UNKNOWN_STATE
    suggestion = (playbook or {}).get(name, "")
    if not known[row]:
        return MarketState(name, "", "", 0, (), (), suggestion)
    entered = _entries(states == states[row], known)
    begin = int(entered[entered <= row][-1]) if (entered <= row).any() else 0
    counted = int(states[row]) if of is None else of
    entries = _entries(states == counted, known)
    # The present stay in a state is no part of its record.
    past = entries[entries < (begin if counted == int(states[row]) else row)]
    return MarketState(
        name,
        str(table.decisions.sessions[begin].date()),
        names[counted],
        len(past),
        _following(states, names, past, row),
        tuple(_outcome(level, past, horizon, row) for horizon in HORIZONS),
        suggestion,
    )


def _entries(same: BoolArray, known: BoolArray) -> IntArray:
    """The rows on which a state begins; one that was unknown before begins none."""
    before = np.concatenate(([False], same[:-1]))
    known_before = np.concatenate(([False], known[:-1]))
    return np.flatnonzero(same & ~before & known_before)


def _following(states: FloatArray, names: tuple[str, ...], past: IntArray, row: int) -> tuple[Following, ...]:
    later = past[past + NEXT <= row] + NEXT
    reached = states[later][np.isfinite(states[later])]
    counts = [(name, int((reached == number).sum())) for number, name in enumerate(names)]
    return tuple(Following(name, count, count / len(reached)) for name, count in counts if count)


def _outcome(level: FloatArray, past: IntArray, horizon: int, row: int) -> Outcome:
    """Returns over a horizon that was over by `row`."""
    ahead = np.full(row + 1, np.nan)
    if horizon <= row:
        ahead[: row + 1 - horizon] = level[horizon : row + 1] / level[: row + 1 - horizon] - 1.0
    every, returns = ahead[np.isfinite(ahead)], ahead[past]
    returns = returns[np.isfinite(returns)]
    return Outcome(
        horizon,
        len(returns),
        _median(returns),
        _positive(returns),
        _median(every),
        _positive(every),
    )


def _median(returns: FloatArray) -> float:
    return float(np.median(returns)) if len(returns) else np.nan


def _positive(returns: FloatArray) -> float:
    return float((returns > 0.0).mean()) if len(returns) else np.nan
