"""Runs on their common sessions: what each made there, and what it is held against."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from undertow.backtests.metrics import SESSIONS_A_YEAR, return_metrics
from undertow.backtests.runs.run import Recipe, Run
from undertow.backtests.runs.tax import tax_summary
from undertow.market.clock import FloatArray, IntArray
from undertow.market.errors import ParameterError
from undertow.tearsheets.html.palette import BASELINE
from undertow.tearsheets.html.text import METRICS, counted

# What decides the returns of the basket held without a rule.
_BASKET = ("market_fingerprint", "universe", "weighting", "rebalance", "fill", "fee_bps", "slippage_bps", "haircut_bps")


@dataclass(frozen=True, eq=False)
class Line:
    """One column of a comparison: returns and cash returns (T,) on the sessions compared.

    `exposure` (T,) and `figures` are those of a run; a baseline has neither. `tax` is of what was realised on these
    sessions, None where that is not known; a benchmark is not `taxable`.
    """

    label: str
    returns: FloatArray
    cash_returns: FloatArray
    exposure: FloatArray | None = None
    figures: dict[str, float] = field(default_factory=dict)
    tax: dict[str, Any] | None = None
    taxable: bool = True

    @property
    def metrics(self) -> dict[str, float]:
        """Every figure on the sessions compared."""
        return {**return_metrics(self.returns, self.cash_returns), **self.figures}


@dataclass(frozen=True, eq=False)
class Comparison:
    """Runs side by side: the sessions compared, one line a run in their order, and their baselines.

    `since` is the common session at whose close all lines start, where not all runs began on the same day: it is not
    compared, since the return of a run's own first session starts at its first fill and pays for buying the basket.
    """

    runs: tuple[Run, ...]
    sessions: pd.DatetimeIndex
    lines: tuple[Line, ...]
    baselines: tuple[Line, ...]
    since: pd.Timestamp | None

    @property
    def left_out(self) -> list[int]:
        """How many sessions of each run are not common to all."""
        common = len(self.sessions) + (self.since is not None)
        return [len(run.series) - common for run in self.runs]


def comparison_table(runs: Sequence[Run], labels: Sequence[str] | None = None) -> pd.DataFrame:
    """The figures of several runs and their baselines, recomputed on the sessions that all runs share.

    Rows are metrics by their names in `Run.metrics`, in the same units; columns are the runs, then buy-and-hold once
    for each distinct basket (one bought on another day has drifted apart), then each benchmark. Where the runs began on
    different days, all start at the close of the first session that they share. NaN where a figure does not apply.
    Raises `ParameterError` as `write_comparison` does.
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
    common = _common(runs, named)
    window = _Window(common, 1 if _is_mixed(runs, common) else 0)
    lines = tuple(_line(run, label, window) for run, label in zip(runs, named, strict=True))
    since = common[0] if window.skipped else None
    return Comparison(tuple(runs), window.sessions, lines, tuple(_baselines(runs, named, window)), since)


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


@dataclass(frozen=True)
class _Window:
    """The common sessions, of which the first `skipped`, none or one, are not compared."""

    common: pd.DatetimeIndex
    skipped: int

    @property
    def sessions(self) -> pd.DatetimeIndex:
        return self.common[self.skipped :]

    def rows(self, run: Run) -> IntArray:
        rows: IntArray = run.series.index.get_indexer(self.common).astype(np.int64)
        return rows

    def compounded(self, run: Run, column: str) -> FloatArray:
        rows = self.rows(run)
        growth = 1.0 + run.series[column].to_numpy(dtype=np.float64)[: rows[-1] + 1]
        returns: FloatArray = np.multiply.reduceat(growth, _starts(rows))[self.skipped :] - 1.0
        return returns

    def summed(self, run: Run, column: str) -> FloatArray:
        rows = self.rows(run)
        values = run.series[column].to_numpy(dtype=np.float64)[: rows[-1] + 1]
        return np.add.reduceat(values, _starts(rows))[self.skipped :]


def _starts(rows: IntArray) -> IntArray:
    # A session that not all runs have is joined to the next one that they do: what happened in it is not lost.
    return np.concatenate((rows[:1], rows[:-1] + 1))


def _common(runs: Sequence[Run], labels: Sequence[str]) -> pd.DatetimeIndex:
    sessions = pd.DatetimeIndex(runs[0].series.index)
    for run in runs[1:]:
        sessions = sessions.intersection(pd.DatetimeIndex(run.series.index))
    sessions = sessions.sort_values().rename("session")
    fewest = 3 if _is_mixed(runs, sessions) else 2
    if len(sessions) < fewest:
        spans = "; ".join(f"`{label}` {_span(run)}" for run, label in zip(runs, labels, strict=True))
        raise ParameterError(f"`runs` must share {fewest} sessions or more, got {len(sessions)}: {spans}")
    return sessions


def _is_mixed(runs: Sequence[Run], common: pd.DatetimeIndex) -> bool:
    """Whether some runs begin with the first common session, and others held their basket by then."""
    begin = [len(common) > 0 and run.series.index[0] == common[0] for run in runs]
    return any(begin) and not all(begin)


def _span(run: Run) -> str:
    index = run.series.index
    return f"{index[0]:%Y-%m-%d} to {index[-1]:%Y-%m-%d} ({counted(len(index), 'session')})"


def _line(run: Run, label: str, window: _Window) -> Line:
    sessions = window.sessions
    exposure = run.exposure.to_numpy(dtype=np.float64)[window.rows(run)][window.skipped :]
    years = len(sessions) / SESSIONS_A_YEAR
    figures = {
        "annual_turnover": float(window.summed(run, "turnover").sum() / years),
        "average_exposure": float(exposure.mean()),
        "costs_paid": float(window.summed(run, "costs").sum()),
        "episodes": float(run.episodes["session"].between(sessions[0], sessions[-1]).sum()),
    }
    returns, cash = (window.compounded(run, column) for column in ("return", "cash_return"))
    sales = run.realised[run.realised["session"].between(sessions[0], sessions[-1])]
    return Line(label, returns, cash, exposure, figures, tax_summary(sales, run.costs))


def _baselines(runs: Sequence[Run], labels: Sequence[str], window: _Window) -> list[Line]:
    held = [(label, run, "hold_return") for label, run in _baskets(runs, window)]
    held += [(str(run.recipe.benchmark), run, "benchmark_return") for run in _benchmarks(runs)]
    names = distinct((label for label, _, _ in held), taken=labels)
    found = []
    for name, (_, run, column) in zip(names, held, strict=True):
        returns, cash = (window.compounded(run, each) for each in (column, "cash_return"))
        hold = column == "hold_return"
        found.append(Line(name, returns, cash, tax=_hold_tax(run, window) if hold else None, taxable=hold))
    return found


def _hold_tax(run: Run, window: _Window) -> dict[str, Any] | None:
    """The tax of a run's buy-and-hold where the sessions compared are all it had; its single sales are not kept."""
    whole = run.series.index[0] == window.common[0] and run.series.index[-1] == window.common[-1]
    return run.hold_tax if whole else None


def _baskets(runs: Sequence[Run], window: _Window) -> list[tuple[str, Run]]:
    """One run for each distinct basket; none for a basket that is itself among the runs."""
    groups = _accounts(runs, window)
    # Two baskets are told apart by what they differ in.
    names = (*_BASKET, "start")
    differ = [n for n in range(len(names)) if len({key[n] for key in groups}) > 1]
    found = []
    for key, members in groups.items():
        if any(run.name == BASELINE for run in members):
            continue
        apart = ", ".join(_setting(members[0].recipe, names[n], key[n]) for n in differ)
        found.append((f"{BASELINE} ({apart})" if apart else BASELINE, _earliest(members)))
    return found


def _accounts(runs: Sequence[Run], window: _Window) -> dict[tuple[object, ...], list[Run]]:
    """Runs by their basket and by the day it was bought: one bought on another day has other weights, and returns.

    Days whose baskets made the same of the sessions compared are one.
    """
    found: dict[tuple[object, ...], list[Run]] = {}
    for key, members in _grouped(runs, _BASKET).items():
        for run in sorted(members, key=lambda run: run.recipe.start):
            own = window.compounded(run, "hold_return")
            starts = [
                each
                for *basket, each in found
                if tuple(basket) == key and _is_same(run, own, found[(*key, each)][0], window)
            ]
            found.setdefault((*key, starts[0] if starts else run.recipe.start), []).append(run)
    return found


def _is_same(run: Run, own: FloatArray, other: Run, window: _Window) -> bool:
    if run.recipe.start == other.recipe.start:
        return True
    return bool(np.allclose(own, window.compounded(other, "hold_return"), rtol=0.0, atol=1e-12))


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
    if name == "start":
        return f"bought {value}"
    return f"{value:g} bps {name.removesuffix('_bps')}" if isinstance(value, float) else str(value)
