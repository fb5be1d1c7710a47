"""Sets of a sweep ranked by a figure or by an objective."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from undertow.backtests.objectives import MINIMIZE, NAMED, Metrics, Objective, read_objectives
from undertow.backtests.sweeps.chunk import FIGURES, is_less_better
from undertow.market import ParameterError, did_you_mean

By = str | Objective | Callable[[Metrics], float]


@dataclass(frozen=True)
class Ranking:
    """The column by which sets are ranked, and its direction.

    `objective` is None where the column is a figure.
    """

    column: str
    less_is_better: bool
    objective: Objective | None = None

    def scores(self, rows: pd.DataFrame, baselines: Mapping[str, Metrics]) -> pd.Series:
        """The value of every row of metrics; NaN where there is none.

        A value is missing where it is not finite or the objective raises. `baselines` are the metrics of the baselines
        by name.
        """
        if self.objective is None:
            return rows[self.column]
        values = [self.score(_metrics(row), baselines) for row in rows.to_dict("records")]
        return pd.Series(values, index=rows.index, name=self.column, dtype=float)

    def score(self, metrics: Metrics, baselines: Mapping[str, Metrics]) -> float:
        """The value of one row of metrics; NaN where a baseline lacks the figure."""
        if self.objective is None:
            return float(metrics.get(self.column, math.nan))
        try:
            value = float(self.objective.value(metrics, baselines))
        except (Exception, SystemExit):  # noqa: BLE001 - whatever a user's objective raises, a search calls it a failed trial
            return math.nan
        return value if math.isfinite(value) else math.nan

    def order(self, scores: pd.Series) -> pd.Index:
        """The labels of the scores, best first, NaN last.

        Equal scores stay in the order of the sets.
        """
        return scores.sort_values(ascending=self.less_is_better, kind="stable", na_position="last").index


def read_ranking(by: By) -> Ranking:
    """The ranking by a figure's or an objective's name.

    `by` may also be "module:function", a function or an `Objective`. Raises `ParameterError` with the nearest name
    where it is none of them.
    """
    if isinstance(by, str):
        name = NAMED[by][0] if by in NAMED else by
        if name in FIGURES:
            return Ranking(name, is_less_better(name))
        if ":" not in by:
            suggestion = did_you_mean(by, FIGURES)
            raise ParameterError(f"`by` must be one of {', '.join(FIGURES)}; got {by!r}{suggestion}")
    objectives = read_objectives(by)
    if len(objectives) > 1:
        raise ParameterError(f"`by` must be one figure or objective, got {len(objectives)}")
    return Ranking(objectives[0].name, objectives[0].direction == MINIMIZE, objectives[0])


def _metrics(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in row.items()}
