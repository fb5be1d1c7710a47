"""The columns of a comparison: runs and baselines on common sessions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from undertow.backtests import Recipe, annual_turnover, carried_returns, cash_metrics, known_span, return_metrics
from undertow.backtests.runs import Run, tax_summary
from undertow.market import SESSIONS_A_YEAR, FloatArray, IntArray, ParameterError
from undertow.tearsheets.html.palette import BASELINE
from undertow.tearsheets.html.text import quantity

# The settings that decide the returns of the basket held without a rule.
_BASKET = ("market_fingerprint", "universe", "weighting", "rebalance", "fill", "fee_bps", "slippage_bps", "haircut_bps")


@dataclass(frozen=True, eq=False)
class ComparisonColumn:
    """A run or a baseline on the sessions compared.

    Args:
        label: its name, unique in the comparison
        returns: session returns (T,), decimal
        cash_returns: session returns of cash (T,), decimal
        exposure: target exposure (T,), 0 to 1; None for a baseline
        figures: metrics that do not follow from returns; empty for a baseline
        tax: the summary of the tax on gains realised on these sessions; None where they are not known
        taxable: whether it is an account with sales, which a benchmark is not
        sessions_a_year: sessions of a year
    """

    label: str
    returns: FloatArray
    cash_returns: FloatArray
    exposure: FloatArray | None = None
    figures: dict[str, float] = field(default_factory=dict)
    tax: dict[str, Any] | None = None
    taxable: bool = True
    sessions_a_year: int = SESSIONS_A_YEAR

    @property
    def metrics(self) -> dict[str, float]:
        """Every metric on the sessions compared."""
        span = known_span(self.returns)
        returns, cash = carried_returns(self.returns)[span], self.cash_returns[span]
        return {**return_metrics(returns, cash, self.sessions_a_year), **self.figures}


@dataclass(frozen=True)
class SharedSessions:
    """The common sessions of several runs; the first `skipped` are not compared.

    `sessions_a_year` is that of the calendar with the fewest: a run around the clock has no more in common with it.
    """

    common: pd.DatetimeIndex
    skipped: int
    sessions_a_year: int = SESSIONS_A_YEAR

    @property
    def sessions(self) -> pd.DatetimeIndex:
        """The sessions compared (T,)."""
        return self.common[self.skipped :]

    def rows(self, run: Run) -> IntArray:
        """The positions of the common sessions among those of a run."""
        rows: IntArray = run.series.index.get_indexer(self.common).astype(np.int64)
        return rows

    def compounded(self, run: Run, column: str) -> FloatArray:
        """A run's returns (T,) compounded from one session compared to the next."""
        rows = self.rows(run)
        growth = 1.0 + carried_returns(run.series[column].to_numpy(dtype=np.float64))[: rows[-1] + 1]
        returns: FloatArray = np.multiply.reduceat(growth, _starts(rows))[self.skipped :] - 1.0
        return returns

    def cash_metrics(self, run: Run, column: str) -> dict[str, float]:
        """The average cash and exposure of an account on the sessions compared.

        Empty for a run saved without the column.
        """
        if column not in run.series:
            return {}
        share = run.series[column].to_numpy(dtype=np.float64)
        return cash_metrics(share[self.rows(run)][self.skipped :])

    def summed(self, run: Run, column: str) -> FloatArray:
        """A run's amounts (T,) summed from one session compared to the next."""
        rows = self.rows(run)
        values = run.series[column].to_numpy(dtype=np.float64)[: rows[-1] + 1]
        return np.add.reduceat(values, _starts(rows))[self.skipped :]


def _starts(rows: IntArray) -> IntArray:
    # A session that some runs lack is joined to the next common one, so that its returns are not lost.
    return np.concatenate((rows[:1], rows[:-1] + 1))


def shared_sessions(runs: Sequence[Run], labels: Sequence[str]) -> SharedSessions:
    """The common sessions of several runs; raises `ParameterError` for too few."""
    sessions = pd.DatetimeIndex(runs[0].series.index)
    for run in runs[1:]:
        sessions = sessions.intersection(pd.DatetimeIndex(run.series.index))
    sessions = sessions.sort_values().rename("session")
    is_mixed = _is_mixed(runs, sessions)
    fewest = 3 if is_mixed else 2
    if len(sessions) < fewest:
        spans = "; ".join(f"`{label}` {_span(run)}" for run, label in zip(runs, labels, strict=True))
        raise ParameterError(f"`runs` must share {fewest} sessions or more, got {len(sessions)}: {spans}")
    return SharedSessions(sessions, 1 if is_mixed else 0, min(run.recipe.sessions_a_year for run in runs))


def _is_mixed(runs: Sequence[Run], common: pd.DatetimeIndex) -> bool:
    """Whether some runs, but not all, begin with the first common session."""
    begin = [len(common) > 0 and run.series.index[0] == common[0] for run in runs]
    return any(begin) and not all(begin)


def _span(run: Run) -> str:
    index = run.series.index
    return f"{index[0]:%Y-%m-%d} to {index[-1]:%Y-%m-%d} ({quantity(len(index), 'session')})"


def unique_labels(names: Iterable[str], reserved: Iterable[str] = ()) -> list[str]:
    """Distinct labels: a repeated or reserved name gets a number, as in `drain (2)`."""
    used = set(reserved)
    labels = []
    for name in names:
        label, number = name, 2
        while label in used:
            label, number = f"{name} ({number})", number + 1
        used.add(label)
        labels.append(label)
    return labels


def run_column(run: Run, label: str, shared: SharedSessions) -> ComparisonColumn:
    """The column of a run, recomputed on the sessions compared."""
    sessions = shared.sessions
    exposure = run.exposure.to_numpy(dtype=np.float64)[shared.rows(run)][shared.skipped :]
    turnover, year = float(shared.summed(run, "turnover").sum()), shared.sessions_a_year
    figures = {
        "annual_turnover": annual_turnover(turnover, len(sessions), year),
        "average_exposure": float(exposure.mean()),
        **shared.cash_metrics(run, "cash_share"),
        "costs_paid": float(shared.summed(run, "costs").sum()),
        "episodes": float(run.episodes["session"].between(sessions[0], sessions[-1]).sum()),
    }
    returns, cash = (shared.compounded(run, name) for name in ("return", "cash_return"))
    sales = run.realised[run.realised["session"].between(sessions[0], sessions[-1])]
    tax = tax_summary(sales, run.costs)
    return ComparisonColumn(label, returns, cash, exposure, figures, tax, sessions_a_year=year)


def baseline_columns(runs: Sequence[Run], labels: Sequence[str], shared: SharedSessions) -> list[ComparisonColumn]:
    """Buy-and-hold of each distinct basket, then each benchmark."""
    sources = [(label, run, "hold_return") for label, run in _baskets(runs, shared)]
    sources += [(str(run.recipe.benchmark), run, "benchmark_return") for run in _benchmarks(runs)]
    names = unique_labels((label for label, _, _ in sources), reserved=labels)
    columns = []
    for name, (_, run, series) in zip(names, sources, strict=True):
        returns, cash = shared.compounded(run, series), shared.compounded(run, "cash_return")
        is_hold = series == "hold_return"
        tax = _hold_tax(run, shared) if is_hold else None
        year = shared.sessions_a_year
        figures = shared.cash_metrics(run, "hold_cash_share") if is_hold else {}
        columns.append(
            ComparisonColumn(name, returns, cash, figures=figures, tax=tax, taxable=is_hold, sessions_a_year=year)
        )
    return columns


def _hold_tax(run: Run, shared: SharedSessions) -> dict[str, Any] | None:
    """The tax of a run's buy-and-hold, which is known for all its sessions only."""
    is_complete = run.series.index[0] == shared.common[0] and run.series.index[-1] == shared.common[-1]
    return run.hold_tax if is_complete else None


def _baskets(runs: Sequence[Run], shared: SharedSessions) -> list[tuple[str, Run]]:
    """One run for each distinct basket, except for baskets among the runs."""
    groups = _runs_by_basket(runs, shared)
    # The label of a basket names the settings in which the baskets differ.
    names = (*_BASKET, "start")
    differ = [n for n in range(len(names)) if len({key[n] for key in groups}) > 1]
    baskets = []
    for key, members in groups.items():
        if any(run.name == BASELINE for run in members):
            continue
        difference = ", ".join(_setting(members[0].recipe, names[n], key[n]) for n in differ)
        baskets.append((f"{BASELINE} ({difference})" if difference else BASELINE, _earliest(members)))
    return baskets


def _runs_by_basket(runs: Sequence[Run], shared: SharedSessions) -> dict[tuple[object, ...], list[Run]]:
    """Runs by their basket and by the day on which it was bought.

    A basket bought on another day has other weights and returns; days with equal returns on the sessions compared
    count as one.
    """
    groups: dict[tuple[object, ...], list[Run]] = {}
    for key, members in _group_by(runs, _BASKET).items():
        for run in sorted(members, key=lambda run: run.recipe.start):
            returns = shared.compounded(run, "hold_return")
            starts = [
                start
                for *basket, start in groups
                if tuple(basket) == key and _has_same_basket(run, returns, groups[(*key, start)][0], shared)
            ]
            groups.setdefault((*key, starts[0] if starts else run.recipe.start), []).append(run)
    return groups


def _has_same_basket(run: Run, returns: FloatArray, other: Run, shared: SharedSessions) -> bool:
    if run.recipe.start == other.recipe.start:
        return True
    return bool(np.allclose(returns, shared.compounded(other, "hold_return"), rtol=0.0, atol=1e-12))


def _benchmarks(runs: Sequence[Run]) -> list[Run]:
    groups = _group_by([run for run in runs if run.recipe.benchmark is not None], ("market_fingerprint", "benchmark"))
    return [_earliest(members) for members in groups.values()]


def _group_by(runs: Iterable[Run], names: Sequence[str]) -> dict[tuple[object, ...], list[Run]]:
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
