"""Runs side by side on their common sessions: the record, its table and its card."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from undertow.backtests import HEADLINE_METRICS
from undertow.backtests.runs import Run
from undertow.market import ParameterError
from undertow.tearsheets.comparison.columns import (
    ComparisonColumn,
    baseline_columns,
    run_column,
    shared_sessions,
    unique_labels,
)
from undertow.tearsheets.html.markup import tag
from undertow.tearsheets.html.text import quantity, shortlist

# The metrics of the card that a notebook shows, and the most labels in one line.
_CARD = ("total_return", "cagr", "annual_sharpe", "max_drawdown", "annual_turnover")
_LABELS = 6


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Runs and their baselines side by side on the sessions that all runs share.

    `compare` makes it. `sessions` (T,) are those compared, `columns` the runs in their order, and `baselines`
    buy-and-hold of each distinct basket and each benchmark. `since` is the common session at whose close all columns
    start, where the runs began on different days, else None: it is not compared, because the return of a run's own
    first session starts at its first fill and pays for buying the basket.
    """

    runs: tuple[Run, ...]
    sessions: pd.DatetimeIndex
    columns: tuple[ComparisonColumn, ...]
    baselines: tuple[ComparisonColumn, ...]
    since: pd.Timestamp | None

    def __repr__(self) -> str:
        labels = shortlist([column.label for column in self.columns], _LABELS)
        return f"<Comparison of {labels}: {self._span()}>"

    def _repr_html_(self) -> str:
        metrics = [metric for metric in HEADLINE_METRICS if metric.key in _CARD]
        head = tag("tr", tag("th"), *(tag("th", metric.short) for metric in metrics))
        rows = []
        for column in (*self.columns, *self.baselines):
            figures = column.metrics
            cells = [tag("td", metric.text(figures.get(metric.key, math.nan))) for metric in metrics]
            rows.append(tag("tr", tag("th", column.label), *cells))
        caption = tag("caption", f"{quantity(len(self.runs), 'run')} side by side: {self._span()}")
        return str(tag("table", caption, tag("thead", head), tag("tbody", *rows)))

    def _span(self) -> str:
        first, last = self.sessions[0], self.sessions[-1]
        return f"{quantity(len(self.sessions), 'common session')}, {first:%Y-%m-%d} to {last:%Y-%m-%d}"

    @cached_property
    def table(self) -> pd.DataFrame:
        """The metrics of the runs and their baselines on the sessions compared.

        Rows are metrics by their names in `Run.metrics`, in the same units; columns are the runs, then buy-and-hold of
        each distinct basket (a basket bought on another day has other weights), then each benchmark. NaN where a
        metric does not apply.
        """
        figures = {column.label: column.metrics for column in (*self.columns, *self.baselines)}
        return pd.DataFrame(figures, index=[metric.key for metric in HEADLINE_METRICS], dtype=np.float64)

    @property
    def rebalance(self) -> str:
        """The rebalancing of all runs; "never" where they differ, which labels then name."""
        settings = {run.recipe.rebalance for run in self.runs}
        return settings.pop() if len(settings) == 1 else "never"

    @property
    def left_out(self) -> list[int]:
        """The number of sessions of each run that are not common to all."""
        common = len(self.sessions) + (self.since is not None)
        return [len(run.series) - common for run in self.runs]

    def page(self, path: str | Path) -> Path:
        """Write the comparison as one self-contained HTML page and return its path."""
        # The page imports this module, so it is loaded by name.
        module = importlib.import_module("undertow.tearsheets.comparison.page")
        return cast(Path, module.write_comparison_page(self, path))


def compare(*runs: Run | Sequence[Run], labels: Sequence[str] | None = None) -> Comparison:
    """Compare two or more runs on the sessions that all of them share.

    `runs` are runs or sequences of runs; `labels` name them in order and default to the names of their strategies. A
    repeated label gets a number. Where the runs began on different days, all start at the close of the first session
    that they share.

    Raises `ParameterError` for fewer than two runs, for labels that do not match them, and, with the span of each run,
    for runs that share fewer than two sessions.

        comparison = compare(drain, hold, labels=["drain", "hold"])
        comparison.table.loc["annual_sharpe"]
        comparison.page("results/compare.html")
    """
    members = tuple(run for part in runs for run in ((part,) if isinstance(part, Run) else part))
    if len(members) < 2:
        raise ParameterError(f"`runs` must be two or more, got {len(members)}")
    if labels is not None and len(labels) != len(members):
        raise ParameterError(f"`labels` must name each of the {len(members)} runs, got {len(labels)}")
    names = unique_labels(labels if labels is not None else [run.name for run in members])
    shared = shared_sessions(members, names)
    columns = tuple(run_column(run, name, shared) for run, name in zip(members, names, strict=True))
    since = shared.common[0] if shared.skipped else None
    return Comparison(members, shared.sessions, columns, tuple(baseline_columns(members, names, shared)), since)


def comparison_table(runs: Sequence[Run], labels: Sequence[str] | None = None) -> pd.DataFrame:
    """The metrics of several runs on their common sessions: see `Comparison.table`."""
    return compare(runs, labels=labels).table
