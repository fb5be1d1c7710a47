"""Backtests, sweeps and searches of strategies over a universe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.backtests.account import Account, AccountSettings, Recipe, make_account
    from undertow.backtests.checklist.today import Today, today
    from undertow.backtests.costs import LOTS, Costs
    from undertow.backtests.engines import BACKENDS, Engine, EngineSettings, make_engine, run_tasks
    from undertow.backtests.folders import (
        check_replaceable,
        check_writable,
        json_ready,
        replacing,
        write_json,
    )
    from undertow.backtests.ledger.ledger import Ledger
    from undertow.backtests.ledger.trial_count import TrialCount
    from undertow.backtests.metrics import (
        HEADLINE_METRICS,
        METRICS,
        SESSIONS_A_YEAR,
        TAX_METRICS,
        Metric,
        annual_sharpe,
        annual_turnover,
        carried_returns,
        cash_metrics,
        drawdowns,
        known_span,
        return_metrics,
        short_window,
    )
    from undertow.backtests.objectives import (
        BASELINES,
        MAXIMIZE,
        MINIMIZE,
        NAMED,
        Constraint,
        Metrics,
        Objective,
        read_constraints,
        read_objectives,
    )
    from undertow.backtests.runs.backtest import backtest, session_rows
    from undertow.backtests.runs.run import Run
    from undertow.backtests.runs.saved import load_run, save_run
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "account": (
                "Account",
                "AccountSettings",
                "Recipe",
                "make_account",
            ),
            "checklist.today": (
                "Today",
                "today",
            ),
            "costs": (
                "Costs",
                "LOTS",
            ),
            "engines": (
                "BACKENDS",
                "Engine",
                "EngineSettings",
                "make_engine",
                "run_tasks",
            ),
            "folders": (
                "check_replaceable",
                "check_writable",
                "json_ready",
                "replacing",
                "write_json",
            ),
            "ledger.ledger": ("Ledger",),
            "ledger.trial_count": ("TrialCount",),
            "metrics": (
                "HEADLINE_METRICS",
                "METRICS",
                "Metric",
                "SESSIONS_A_YEAR",
                "TAX_METRICS",
                "annual_sharpe",
                "annual_turnover",
                "carried_returns",
                "cash_metrics",
                "drawdowns",
                "known_span",
                "return_metrics",
                "short_window",
            ),
            "objectives": (
                "BASELINES",
                "Constraint",
                "MAXIMIZE",
                "MINIMIZE",
                "Metrics",
                "NAMED",
                "Objective",
                "read_constraints",
                "read_objectives",
            ),
            "runs.backtest": (
                "backtest",
                "session_rows",
            ),
            "runs.run": ("Run",),
            "runs.saved": (
                "load_run",
                "save_run",
            ),
        },
    )

__all__ = [
    "BACKENDS",
    "BASELINES",
    "HEADLINE_METRICS",
    "LOTS",
    "MAXIMIZE",
    "METRICS",
    "MINIMIZE",
    "NAMED",
    "SESSIONS_A_YEAR",
    "TAX_METRICS",
    "Account",
    "AccountSettings",
    "Constraint",
    "Costs",
    "Engine",
    "EngineSettings",
    "Ledger",
    "Metric",
    "Metrics",
    "Objective",
    "Recipe",
    "Run",
    "Today",
    "TrialCount",
    "annual_sharpe",
    "annual_turnover",
    "backtest",
    "carried_returns",
    "cash_metrics",
    "check_replaceable",
    "check_writable",
    "drawdowns",
    "json_ready",
    "known_span",
    "load_run",
    "make_account",
    "make_engine",
    "read_constraints",
    "read_objectives",
    "replacing",
    "return_metrics",
    "run_tasks",
    "save_run",
    "session_rows",
    "short_window",
    "today",
    "write_json",
]
