"""Undertow: when Bitcoin is being force-sold, should growth-stock holders raise cash?

A strategy-framework plug-in for vectorbt. Names are loaded on first use, so that `import undertow` costs nothing::

    import undertow as ut
    market = ut.simulate_market(seed=7)
    run = ut.backtest(ut.strategies.LiquidityDrain(lag=24), market)
    run.tearsheet("drain.html")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undertow import backtests, evidence, market, signals, strategies, tearsheets
    from undertow.backtests import Costs, Run, backtest, load_run
    from undertow.backtests.ledger.ledger import Ledger
    from undertow.backtests.sweeps.design import design, grid
    from undertow.backtests.sweeps.sweep import sweep
    from undertow.backtests.tuning.optimize import optimize
    from undertow.backtests.tuning.result import Tuning
    from undertow.backtests.validation.cpcv import cpcv
    from undertow.backtests.validation.seeds import walk_seeds
    from undertow.backtests.validation.splits import WalkForward
    from undertow.backtests.validation.splits_cpcv import CombinatorialPurgedKFold
    from undertow.backtests.validation.walk_forward import walk_forward
    from undertow.evidence import SPATest, alarm, confidence_set, difference, timing
    from undertow.market import (
        BookkeepingError,
        DataError,
        Market,
        ParameterError,
        UndertowError,
        UnknownNameError,
        load_market,
        simulate_market,
        write_market,
    )
    from undertow.strategies import Strategy
    from undertow.tearsheets import write_comparison, write_tearsheet

_FLOORS = ("market", "signals", "strategies", "backtests", "evidence", "tearsheets")
_HOME = {
    "BookkeepingError": "market",
    "CombinatorialPurgedKFold": "backtests.validation.splits_cpcv",
    "Costs": "backtests",
    "DataError": "market",
    "Ledger": "backtests.ledger.ledger",
    "Market": "market",
    "ParameterError": "market",
    "Run": "backtests",
    "Strategy": "strategies",
    "SPATest": "evidence",
    "Tuning": "backtests.tuning.result",
    "UndertowError": "market",
    "UnknownNameError": "market",
    "WalkForward": "backtests.validation.splits",
    "alarm": "evidence",
    "backtest": "backtests",
    "confidence_set": "evidence",
    "cpcv": "backtests.validation.cpcv",
    "design": "backtests.sweeps.design",
    "difference": "evidence",
    "grid": "backtests.sweeps.design",
    "load_market": "market",
    "load_run": "backtests",
    "optimize": "backtests.tuning.optimize",
    "simulate_market": "market",
    "sweep": "backtests.sweeps.sweep",
    "timing": "evidence",
    "walk_forward": "backtests.validation.walk_forward",
    "walk_seeds": "backtests.validation.seeds",
    "write_comparison": "tearsheets",
    "write_market": "market",
    "write_tearsheet": "tearsheets",
}

__all__ = [
    "BookkeepingError",
    "CombinatorialPurgedKFold",
    "Costs",
    "DataError",
    "Ledger",
    "Market",
    "ParameterError",
    "Run",
    "SPATest",
    "Strategy",
    "Tuning",
    "UndertowError",
    "UnknownNameError",
    "WalkForward",
    "alarm",
    "backtest",
    "backtests",
    "confidence_set",
    "cpcv",
    "design",
    "difference",
    "evidence",
    "grid",
    "load_market",
    "load_run",
    "market",
    "optimize",
    "signals",
    "simulate_market",
    "strategies",
    "sweep",
    "tearsheets",
    "timing",
    "walk_forward",
    "walk_seeds",
    "write_comparison",
    "write_market",
    "write_tearsheet",
]


def __getattr__(name: str) -> Any:
    if name in _FLOORS:
        return importlib.import_module(f"undertow.{name}")
    if name in _HOME:
        return getattr(importlib.import_module(f"undertow.{_HOME[name]}"), name)
    raise AttributeError(f"module 'undertow' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
