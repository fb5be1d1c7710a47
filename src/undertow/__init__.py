"""Undertow: should growth-stock holders raise cash when Bitcoin is force-sold?

A strategy-framework plug-in for vectorbt. Names are loaded on first use, so that `import undertow` costs nothing::

    import undertow as ut
    market = ut.simulate_market(seed=7)
    run = ut.backtest(ut.strategies.LiquidityDrain(lag=24), market)
    run.tearsheet("drain.html")
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from undertow.market import drop_stale_code, lazy_names

drop_stale_code(Path(__file__).parent)

if TYPE_CHECKING:
    from undertow import backtests, evidence, market, signals, strategies, tearsheets
    from undertow.backtests import Account, Costs, Engine, Ledger, Run, backtest, load_run
    from undertow.backtests.sweeps import Sweep, design, grid, sweep
    from undertow.backtests.tuning import Search, Tuning, optimize
    from undertow.backtests.validation import (
        CombinatorialPurgedKFold,
        WalkForward,
        WalkForwardResult,
        cpcv,
        walk_forward,
        walk_seeds,
    )
    from undertow.evidence import (
        EvidenceReport,
        LagCurve,
        Linkage,
        Skill,
        SoldFirst,
        SPATest,
        alarm,
        confidence_set,
        difference,
        evidence_report,
        lag_curve,
        linkage,
        skill,
        sold_first,
        timing,
    )
    from undertow.market import (
        BookkeepingError,
        DataError,
        ImportOptions,
        Market,
        ParameterError,
        UndertowError,
        UnknownNameError,
        import_market,
        load_market,
        plan_import,
        simulate_market,
        write_market,
    )
    from undertow.signals.decisions import DecisionTable, at_decisions
    from undertow.strategies import Decision, Sets, Strategy
    from undertow.strategies.rules import load_rule
    from undertow.tearsheets import Comparison, compare, write_comparison, write_tearsheet
    from undertow.testing import Audit, audit
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "backtests": (
                "Account",
                "Costs",
                "Engine",
                "Ledger",
                "Run",
                "backtest",
                "load_run",
            ),
            "backtests.sweeps": (
                "Sweep",
                "design",
                "grid",
                "sweep",
            ),
            "backtests.tuning": (
                "Search",
                "Tuning",
                "optimize",
            ),
            "backtests.validation": (
                "CombinatorialPurgedKFold",
                "WalkForward",
                "WalkForwardResult",
                "cpcv",
                "walk_forward",
                "walk_seeds",
            ),
            "evidence": (
                "EvidenceReport",
                "LagCurve",
                "Linkage",
                "SPATest",
                "Skill",
                "SoldFirst",
                "alarm",
                "confidence_set",
                "difference",
                "evidence_report",
                "lag_curve",
                "linkage",
                "skill",
                "sold_first",
                "timing",
            ),
            "market": (
                "BookkeepingError",
                "DataError",
                "Market",
                "ParameterError",
                "UndertowError",
                "UnknownNameError",
                "load_market",
                "ImportOptions",
                "import_market",
                "plan_import",
                "simulate_market",
                "write_market",
            ),
            "signals.decisions": (
                "DecisionTable",
                "at_decisions",
            ),
            "strategies": (
                "Decision",
                "Sets",
                "Strategy",
            ),
            "strategies.rules": ("load_rule",),
            "tearsheets": (
                "Comparison",
                "compare",
                "write_comparison",
                "write_tearsheet",
            ),
            "testing": (
                "Audit",
                "audit",
            ),
        },
        packages=(
            "backtests",
            "evidence",
            "market",
            "signals",
            "strategies",
            "tearsheets",
        ),
    )

__all__ = [
    "Account",
    "Audit",
    "BookkeepingError",
    "CombinatorialPurgedKFold",
    "Comparison",
    "Costs",
    "DataError",
    "Decision",
    "DecisionTable",
    "Engine",
    "EvidenceReport",
    "ImportOptions",
    "LagCurve",
    "Ledger",
    "Linkage",
    "Market",
    "ParameterError",
    "Run",
    "SPATest",
    "Search",
    "Sets",
    "Skill",
    "SoldFirst",
    "Strategy",
    "Sweep",
    "Tuning",
    "UndertowError",
    "UnknownNameError",
    "WalkForward",
    "WalkForwardResult",
    "alarm",
    "at_decisions",
    "audit",
    "backtest",
    "backtests",
    "compare",
    "confidence_set",
    "cpcv",
    "design",
    "difference",
    "evidence",
    "evidence_report",
    "grid",
    "import_market",
    "lag_curve",
    "linkage",
    "load_market",
    "load_rule",
    "load_run",
    "market",
    "optimize",
    "plan_import",
    "signals",
    "simulate_market",
    "skill",
    "sold_first",
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
