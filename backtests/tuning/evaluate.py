"""Trials evaluated: a batch as one sweep, and one set at a time where the sweep as a whole cannot be done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numba

from undertow.backtests.objectives import BASELINES, Constraint, Metrics, Objective
from undertow.backtests.sweeps.design import sets_table
from undertow.backtests.sweeps.sweep import sweep
from undertow.backtests.tuning.study import Outcome, judge, told
from undertow.market.market import Market
from undertow.strategies.buy_and_hold import BuyAndHold
from undertow.strategies.strategy import Strategy
from undertow.strategies.vol_target import VolTarget

_RULES: dict[str, type[Strategy]] = dict(zip(BASELINES, (BuyAndHold, VolTarget), strict=True))


def baseline_metrics(
    market: Market, objectives: Sequence[Objective], settings: Mapping[str, Any]
) -> dict[str, Metrics]:
    """The metrics of buy-and-hold, and of every other baseline that an objective is measured against.

    Raises what `sweep` raises on a setting that does not hold: the first work of a search is its check as well.
    """
    needed = [name for name in BASELINES if name == "buy-and-hold" or name in {each.baseline for each in objectives}]
    return {name: baseline_row(name, market, settings) for name in needed}


def baseline_row(name: str, market: Market, settings: Mapping[str, Any]) -> Metrics:
    """The metrics of a baseline at its defaults; `settings` as `sweep` takes them."""
    return _rows(_RULES[name], market, [{}], settings)[0]


def evaluated(
    strategy: type[Strategy],
    market: Market,
    fixed: Mapping[str, Any],
    settings: Mapping[str, Any],
    objectives: Sequence[Objective],
    constraints: Sequence[Constraint],
    baselines: Mapping[str, Metrics],
    jobs: int,
    sets: Sequence[Mapping[str, Any]],
) -> list[Outcome]:
    """The outcome of every set, in order, from one sweep on `jobs` threads; a set that cannot be swept has failed."""
    whole = [{**fixed, **each} for each in sets]
    with _threads(jobs):
        try:
            rows: list[Metrics | Exception] = list(_rows(strategy, market, whole, settings))
        except Exception:  # noqa: BLE001 - the set at fault is found below, the others are kept
            rows = [_alone(strategy, market, each, settings) for each in whole]
    return [
        Outcome(error=told(row)) if isinstance(row, Exception) else judge(row, objectives, constraints, baselines)
        for row in rows
    ]


def _rows(
    strategy: type[Strategy], market: Market, sets: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]
) -> list[Metrics]:
    table = sweep(strategy, market, sets_table(sets), **settings)
    # Parameters come first in the table; a row's metrics are the rest.
    metrics = table[[name for name in table.columns if name not in strategy.model_fields]]
    return [{str(name): value for name, value in row.items()} for row in metrics.to_dict(orient="records")]


def _alone(
    strategy: type[Strategy], market: Market, parameters: Mapping[str, Any], settings: Mapping[str, Any]
) -> Metrics | Exception:
    try:
        return _rows(strategy, market, [parameters], settings)[0]
    except Exception as error:  # noqa: BLE001 - whatever a strategy raises is a failed trial, which the study keeps
        return error


@contextmanager
def _threads(jobs: int) -> Iterator[None]:
    before = numba.get_num_threads()
    numba.set_num_threads(min(jobs, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
    try:
        yield
    finally:
        numba.set_num_threads(before)
