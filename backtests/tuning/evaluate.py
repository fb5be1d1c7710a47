"""Trials evaluated: a batch as one sweep, or each set alone where that fails."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numba

from undertow.backtests.objectives import BASELINES, Constraint, Metrics, Objective
from undertow.backtests.runs.backtest import account_path
from undertow.backtests.sweeps.baselines import baseline_strategy
from undertow.backtests.sweeps.design import sets_table
from undertow.backtests.sweeps.sweep import sweep
from undertow.backtests.tuning.study import TrialResult, error_text, judge
from undertow.market import Market
from undertow.strategies import Strategy


def baseline_metrics(
    market: Market, objectives: Sequence[Objective], settings: Mapping[str, Any]
) -> dict[str, Metrics]:
    """The metrics of buy-and-hold, and of every other baseline of an objective.

    Raises what `sweep` raises on a setting that it cannot use: the first work of a search is a check as well.
    """
    compared = {objective.baseline for objective in objectives}
    names = [name for name in BASELINES if name == "buy-and-hold" or name in compared]
    return {name: _rows(baseline_strategy(name), market, [{}], settings)[0] for name in names}


@dataclass(frozen=True)
class Evaluator:
    """Evaluates the sets of a search.

    Args:
        strategy: class of the strategy.
        market: market of the search.
        settings: universe, start, end and the fields of the account, as `sweep` takes them.
        objectives: objectives of the search.
        constraints: bounds on metrics.
        baselines: metrics of the baselines that the objectives are measured against.
        fixed: parameters that are the same in every set.
        jobs: number of threads.
    """

    strategy: type[Strategy]
    market: Market
    settings: Mapping[str, Any]
    objectives: Sequence[Objective]
    constraints: Sequence[Constraint]
    baselines: Mapping[str, Metrics]
    fixed: Mapping[str, Any]
    jobs: int

    def __call__(self, sets: Sequence[Mapping[str, Any]]) -> list[TrialResult]:
        """The result of every set, in order; a set that cannot be swept has failed."""
        complete = [{**self.fixed, **parameters} for parameters in sets]
        with _threads(self.jobs):
            try:
                rows: list[Metrics | Exception] = list(_rows(self.strategy, self.market, complete, self.settings))
            except Exception:  # noqa: BLE001 - the set at fault is found below, the others are evaluated
                rows = [self._row_or_error(parameters) for parameters in complete]
        return [self._result(parameters, row) for parameters, row in zip(complete, rows, strict=True)]

    def _result(self, parameters: Mapping[str, Any], row: Metrics | Exception) -> TrialResult:
        if isinstance(row, Exception):
            return TrialResult(error=error_text(row))
        result = judge(row, self.objectives, self.constraints, self.baselines)
        if result.error and math.isnan(row["total_return"]):
            # The account came to nothing: a backtest names the session.
            try:
                account_path(self.strategy(**parameters), self.market, **self.settings)
            except Exception as error:  # noqa: BLE001 - it is the reason why the trial has no figures
                return TrialResult(error=error_text(error))
        return result

    def _row_or_error(self, parameters: Mapping[str, Any]) -> Metrics | Exception:
        try:
            return _rows(self.strategy, self.market, [parameters], self.settings)[0]
        except Exception as error:  # noqa: BLE001 - whatever a strategy raises is a failed trial of the study
            return error


def _rows(
    strategy: type[Strategy], market: Market, sets: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]
) -> list[Metrics]:
    table = sweep(strategy, market, sets_table(sets), **settings).table
    # Parameters come first in the table, metrics after them.
    metrics = table[[name for name in table.columns if name not in strategy.model_fields]]
    return [{str(name): value for name, value in row.items()} for row in metrics.to_dict(orient="records")]


@contextmanager
def _threads(jobs: int) -> Iterator[None]:
    previous = numba.get_num_threads()
    numba.set_num_threads(min(jobs, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
    try:
        yield
    finally:
        numba.set_num_threads(previous)
