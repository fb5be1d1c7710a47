"""Backtests, sweeps and searches: a strategy times a universe, its account, its figures, its record on disk."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undertow.backtests.account import Account
    from undertow.backtests.costs import Costs
    from undertow.backtests.engines import Engine
    from undertow.backtests.metrics import Metric
    from undertow.backtests.objectives import Constraint, Objective
    from undertow.backtests.runs.backtest import backtest
    from undertow.backtests.runs.run import Recipe, Run
    from undertow.backtests.runs.saved import load_run, save_run

_HOME = {
    "Account": "account",
    "Constraint": "objectives",
    "Costs": "costs",
    "Engine": "engines",
    "Metric": "metrics",
    "Objective": "objectives",
    "Recipe": "runs.run",
    "Run": "runs.run",
    "backtest": "runs.backtest",
    "load_run": "runs.saved",
    "save_run": "runs.saved",
}

__all__ = [
    "Account",
    "Constraint",
    "Costs",
    "Engine",
    "Metric",
    "Objective",
    "Recipe",
    "Run",
    "backtest",
    "load_run",
    "save_run",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"undertow.backtests.{_HOME[name]}"), name)
    raise AttributeError(f"module 'undertow.backtests' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
