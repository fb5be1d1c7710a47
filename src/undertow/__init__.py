"""Undertow: should growth-stock holders raise cash when Bitcoin is force-sold?

A strategy-framework plug-in for vectorbt. Names are loaded on first use, so that `import undertow` costs nothing::

    import undertow as ut
    market = ut.simulate_market(seed=7)
    run = ut.backtest(ut.strategies.LiquidityDrain(lag=24), market)
    run.tearsheet("drain.html")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market.lazy import lazy_names

if TYPE_CHECKING:
    from undertow import backtests, evidence, market, signals, strategies, tearsheets
    from undertow.backtests import Account, Costs, Engine, Run, backtest, load_run
    from undertow.backtests.ledger.ledger import Ledger
    from undertow.backtests.sweeps.design import design, grid
    from undertow.backtests.sweeps.result import Sweep
    from undertow.backtests.sweeps.sweep import sweep
    from undertow.backtests.tuning.optimize import optimize
    from undertow.backtests.tuning.result import Tuning
    from undertow.backtests.tuning.settings import Search
    from undertow.backtests.validation import CombinatorialPurgedKFold, WalkForward, WalkForwardResult, walk_seeds
    from undertow.backtests.validation.cpcv import cpcv
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
    from undertow.signals.decisions import DecisionTable
    from undertow.strategies import Decision, Sets, Strategy
    from undertow.strategies.rules import load_rule
    from undertow.tearsheets import write_comparison, write_tearsheet
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "market": (
                "BookkeepingError",
                "DataError",
                "Market",
                "ParameterError",
                "UndertowError",
                "UnknownNameError",
                "load_market",
                "simulate_market",
                "write_market",
            ),
            "signals.decisions": ("DecisionTable",),
            "strategies": ("Decision", "Sets", "Strategy"),
            "strategies.rules": ("load_rule",),
            "backtests": ("Account", "Costs", "Engine", "Run", "backtest", "load_run"),
            "backtests.ledger.ledger": ("Ledger",),
            "backtests.sweeps.design": ("design", "grid"),
            "backtests.sweeps.result": ("Sweep",),
            "backtests.sweeps.sweep": ("sweep",),
            "backtests.tuning.optimize": ("optimize",),
            "backtests.tuning.result": ("Tuning",),
            "backtests.tuning.settings": ("Search",),
            "backtests.validation": ("CombinatorialPurgedKFold", "WalkForward", "WalkForwardResult", "walk_seeds"),
            "backtests.validation.cpcv": ("cpcv",),
            "backtests.validation.walk_forward": ("walk_forward",),
            "evidence": ("SPATest", "alarm", "confidence_set", "difference", "timing"),
            "tearsheets": ("write_comparison", "write_tearsheet"),
        },
        packages=("market", "signals", "strategies", "backtests", "evidence", "tearsheets"),
    )

__all__ = [
    "Account",
    "BookkeepingError",
    "CombinatorialPurgedKFold",
    "Costs",
    "DataError",
    "Decision",
    "DecisionTable",
    "Engine",
    "Ledger",
    "Market",
    "ParameterError",
    "Run",
    "SPATest",
    "Search",
    "Sets",
    "Strategy",
    "Sweep",
    "Tuning",
    "UndertowError",
    "UnknownNameError",
    "WalkForward",
    "WalkForwardResult",
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
    "load_rule",
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
