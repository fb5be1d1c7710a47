"""Runs on their common sessions: what each made there, and what it is held against."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from undertow.backtests.metrics import SESSIONS_A_YEAR, return_metrics
from undertow.backtests.run import Recipe, Run
from undertow.market.clock import FloatArray, IntArray
from undertow.market.errors import ParameterError
from undertow.tearsheets.palette import BASELINE
from undertow.tearsheets.words import METRICS, counted

# What decides the returns of the basket held without a rule.
_BASKET = ("market_fingerprint", "universe", "weighting", "rebalance", "fill", "fee_bps", "slippage_bps", "haircut_bps")


@dataclass(frozen=True, eq=False)
class Line:
    """One column of a comparison: returns and cash returns (T,) on the common sessions.

    `exposure` (T,) and `figures` are those of a run; a baseline has neither.
    """

    label: str
    returns: FloatArray
    cash_returns: FloatArray
    exposure: FloatArray | None = None
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def metrics(self) -> dict[str, float]:
        """Every figure on the common sessions."""
        return {**return_metrics(self.returns, self.cash_returns), **self.figures}


@dataclass(frozen=True, eq=False)
class Comparison:
    """Runs side by side: the common sessions, one line a run in their order, and their baselines."""

    runs: tuple[Run, ...]
    sessions: pd.DatetimeIndex
    lines: tuple[Line, ...]
    baselines: tuple[Line, ...]

    @property
    def left_out(self) -> list[int]:
        """How many sessions of each run are not common to all."""
        return [len(run.series) - len(self.sessions) for run in self.runs]


def comparison_table(runs: Sequence[Run], labels: Sequence[str] | None = None) -> pd.DataFrame:
    """The figures of several runs and their baselines, recomputed on the sessions that all runs share.

    Rows are metrics by their names in `Run.metrics`, in the same units; columns are the runs, then buy-and-hold once
    for each distinct basket, then each benchmark. NaN where a figure does not apply. Raises `ParameterError` as
    `write_comparison` does.
    """
    found = side_by_side(runs, labels)
    columns = {line.label: line.metrics for line in (*found.lines, *found.baselines)}
    return pd.DataFrame(columns, index=[metric.key for metric in METRICS], dtype=np.float64)


def side_by_side(runs: Sequence[Run], labels: Sequence[str] | None = None) -> Comparison:
    """The comparison of two or more runs; `labels` default to the strategies' names and are made distinct."""
    if len(runs) < 2:
        raise ParameterError(f"`runs` must be two or more, got {len(runs)}")
    if labels is not None and len(labels) != len(runs):
        raise ParameterError(f"`labels` must name each of the {len(runs)} runs, got {len(labels)}")
    named = distinct(labels if labels is not None else [run.name for run in runs])
    sessions = _common(runs, named)
    lines = tuple(_line(run, label, sessions) for run, label in zip(runs, named, strict=True))
    return Comparison(tuple(runs), sessions, lines, tuple(_baselines(runs, named, sessions)))


def distinct(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """Names with a number behind those that were there before."""
    used = set(taken)
    found = []
    for name in names:
        free, number = name, 2
        while free in used:
            free, number = f"{name} ({number})", number + 1
        used.add(free)
        found.append(free)
    return found


def _common(runs: Sequence[Run], labels: Sequence[str]) -> pd.DatetimeIndex:
    sessions = pd.DatetimeIndex(runs[0].series.index)
    for run in runs[1:]:
        sessions = sessions.intersection(pd.DatetimeIndex(run.series.index))
    if len(sessions) < 2:
        spans = "; ".join(f"`{label}` {_span(run)}" for run, label in zip(runs, labels, strict=True))
        raise ParameterError(f"`runs` must share two sessions or more, got {len(sessions)}: {spans}")
    return sessions.sort_values().rename("session")


def _span(run: Run) -> str:
    index = run.series.index
    return f"{index[0]:%Y-%m-%d} to {index[-1]:%Y-%m-%d} ({counted(len(index), 'session')})"


def _line(run: Run, label: str, sessions: pd.DatetimeIndex) -> Line:
    rows = _rows(run, sessions)
    exposure = run.exposure.to_numpy(dtype=np.float64)[rows]
    years = len(sessions) / SESSIONS_A_YEAR
    figures = {
        "annual_turnover": float(_summed(run, "turnover", rows).sum() / years),
        "average_exposure": float(exposure.mean()),
        "costs_paid": float(_summed(run, "costs", rows).sum()),
        "episodes": float(run.episodes["session"].between(sessions[0], sessions[-1]).sum()),
    }
    return Line(label, _compounded(run, "return", rows), _compounded(run, "cash_return", rows), exposure, figures)


def _baselines(runs: Sequence[Run], labels: Sequence[str], sessions: pd.DatetimeIndex) -> list[Line]:
    held = [(label, run, "hold_return") for label, run in _baskets(runs)]
    held += [(str(run.recipe.benchmark), run, "benchmark_return") for run in _benchmarks(runs)]
    names = distinct((label for label, _, _ in held), taken=labels)
    found = []
    for name, (_, run, column) in zip(names, held, strict=True):
        rows = _rows(run, sessions)
        found.append(Line(name, _compounded(run, column, rows), _compounded(run, "cash_return", rows)))
    return found


def _baskets(runs: Sequence[Run]) -> list[tuple[str, Run]]:
    """One run for each distinct basket, the one that started first; none for a basket that is itself among the runs."""
    groups = _grouped(runs, _BASKET)
    # Two baskets are told apart by what they differ in.
    differ = [n for n in range(len(_BASKET)) if len({key[n] for key in groups}) > 1]
    found = []
    for key, members in groups.items():
        if any(run.name == BASELINE for run in members):
            continue
        apart = ", ".join(_setting(members[0].recipe, _BASKET[n], key[n]) for n in differ)
        found.append((f"{BASELINE} ({apart})" if apart else BASELINE, _earliest(members)))
    return found


def _benchmarks(runs: Sequence[Run]) -> list[Run]:
    groups = _grouped([run for run in runs if run.recipe.benchmark is not None], ("market_fingerprint", "benchmark"))
    return [_earliest(members) for members in groups.values()]


def _grouped(runs: Iterable[Run], names: Sequence[str]) -> dict[tuple[object, ...], list[Run]]:
    groups: dict[tuple[object, ...], list[Run]] = {}
    for run in runs:
        groups.setdefault(tuple(getattr(run.recipe, name) for name in names), []).append(run)
    return groups


def _earliest(runs: Sequence[Run]) -> Run:
    return min(runs, key=lambda run: run.recipe.start)


def _setting(recipe: Recipe, name: str, value: object) -> str:
    if name == "market_fingerprint":
        return recipe.market
    return f"{value:g} bps {name.removesuffix('_bps')}" if isinstance(value, float) else str(value)


def _rows(run: Run, sessions: pd.DatetimeIndex) -> IntArray:
    rows: IntArray = run.series.index.get_indexer(sessions).astype(np.int64)
    return rows


def _starts(rows: IntArray) -> IntArray:
    # A session that not all runs have is joined to the next one that they do: what happened in it is not lost.
    return np.concatenate((rows[:1], rows[:-1] + 1))


def _compounded(run: Run, column: str, rows: IntArray) -> FloatArray:
    growth = 1.0 + run.series[column].to_numpy(dtype=np.float64)[: rows[-1] + 1]
    returns: FloatArray = np.multiply.reduceat(growth, _starts(rows)) - 1.0
    return returns


def _summed(run: Run, column: str, rows: IntArray) -> FloatArray:
    values = run.series[column].to_numpy(dtype=np.float64)[: rows[-1] + 1]
    return np.add.reduceat(values, _starts(rows))
