"""The walk itself: folds tuned one by one, and one account through their tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import pandas as pd

from undertow.backtests.engines import run_tasks
from undertow.backtests.ledger.ledger import Ledger, SearchKey, open_ledger
from undertow.backtests.runs.backtest import backtest, session_rows
from undertow.backtests.runs.run import Run
from undertow.backtests.validation.folds import (
    FoldTraining,
    TrainingTask,
    WalkAccounts,
    fold_result,
    refuse_empty,
    tune_fold,
)
from undertow.backtests.validation.gate import FoldGate
from undertow.backtests.validation.plan import Robustness, WalkPlan
from undertow.backtests.validation.recipe import search_key, walk_recipe
from undertow.backtests.validation.result import ACT, HOLD, WalkForwardResult
from undertow.backtests.validation.schedule import Schedule, ScheduledSpan, ScheduledStrategy
from undertow.backtests.validation.splits import Fold, WalkForward
from undertow.market import Market, ParameterError
from undertow.signals.decisions import shared_table
from undertow.strategies import BuyAndHold, VolTarget


class _Span(NamedTuple):
    """The sessions that a walk divides, and its folds by rows of them."""

    market: Market
    sessions: pd.DatetimeIndex
    folds: list[Fold]

    def test_days(self, fold: Fold) -> tuple[pd.Timestamp, pd.Timestamp]:
        return self.sessions[fold.test[0]], self.sessions[fold.test[-1]]


def walk_folds(plan: WalkPlan, market: Market) -> WalkForwardResult:
    """Tune the folds of a resolved plan and join their tests.

    Other seeds and paths are not walked.
    """
    settings, gate = plan.settings, plan.gate
    assert not isinstance(gate, str), "a resolved plan has a gate or none"
    table = shared_table(market, settings.universe, settings.account.fill)
    ledger = open_ledger(plan.ledger, market)
    rows = session_rows(market, plan.start, plan.end)
    sessions = market.sessions[rows]
    folds = _folds_of_one_account(plan.split, sessions)
    span = _Span(market, sessions, folds)
    refuse_empty(table, folds, rows, settings)
    counter = None if ledger is None else _TrialCounter(ledger, search_key(plan, market, sessions))
    trainings = _train(plan, span, gate, counter)
    passed = [gate is None or training.p <= gate.alpha for training in trainings]
    acts = {HOLD: passed, ACT: [True] * len(folds)}
    gates = {HOLD: gate, ACT: None}
    run = _join(plan, span, trainings, acts[plan.on_fail], gate=gates[plan.on_fail], robustness=plan.robustness)
    other = ACT if plan.on_fail == HOLD else HOLD
    alternative = None
    if gate is not None:
        alternative = _join(plan, span, trainings, acts[other], gate=gates[other], robustness=Robustness())
    baselines = _baselines(plan, span)
    accounts = WalkAccounts(run, baselines)
    return WalkForwardResult(
        strategy=plan.strategy,
        split=plan.split,
        settings=settings,
        seed=plan.seed,
        tuner=plan.tuner_name,
        sessions=len(sessions),
        folds=tuple(
            fold_result(
                fold,
                sessions,
                training,
                accounts,
                settings.objective,
                acts=acting,
                passed=None if gate is None else passes,
            )
            for fold, training, acting, passes in zip(folds, trainings, acts[plan.on_fail], passed, strict=True)
        ),
        run=run,
        vol_target=baselines[VolTarget.name()],
        trial_count=None if counter is None else counter.ledger.trial_count(counter.search),
        gate=None if gate is None else gate.name,
        on_fail=plan.on_fail,
        alternative=alternative,
    )


def _folds_of_one_account(split: WalkForward, sessions: pd.DatetimeIndex) -> list[Fold]:
    """The folds; raises `ParameterError` where one account cannot go through all."""
    folds = split.folds(sessions)
    if any(fold.test[-1] + 1 != following.test[0] for fold, following in pairwise(folds)):
        raise ParameterError(
            f"`step` must equal `test`, so that one account holds each session once, got step {split.stride} and test"
            f" {split.test}"
        )
    if folds[-1].test[-1] == folds[0].test[0]:
        raise ParameterError("one session is left to test, a run needs two; make `train` shorter, or the span longer")
    return folds


@dataclass
class _TrialCounter:
    """The ledger that counts a walk's trials, fold by fold.

    A walk that is killed has counted the folds that it finished.
    """

    ledger: Ledger
    search: SearchKey
    counted: int = 0

    def count_fold(self, _: int, training: FoldTraining) -> None:
        """Count a fold's trials after those of earlier folds.

        A user-defined tuner may make more trials than set.
        """
        first, self.counted = self.counted, self.counted + len(training.tuned.trials)
        self.ledger.record(self.search, "walk-forward", range(first, self.counted))


def _train(plan: WalkPlan, span: _Span, gate: FoldGate | None, counter: _TrialCounter | None) -> list[FoldTraining]:
    sessions = span.sessions
    return run_tasks(
        tune_fold,
        TrainingTask(plan.strategy, span.market, plan.seed, plan.settings, plan.tuner, gate),
        [(sessions[fold.train[0]], sessions[fold.train[-1]]) for fold in span.folds],
        finished=None if counter is None else counter.count_fold,
        engine=plan.engine,
    )


def _join(
    plan: WalkPlan,
    span: _Span,
    trainings: Sequence[FoldTraining],
    acts: Sequence[bool],
    *,
    gate: FoldGate | None,
    robustness: Robustness,
) -> Run:
    """One account through all tests; folds that do not act hold the basket."""
    rules = [
        plan.strategy.create(training.tuned.parameters) if acting else None
        for training, acting in zip(trainings, acts, strict=True)
    ]
    spans = tuple(ScheduledSpan(rule, *span.test_days(fold)) for fold, rule in zip(span.folds, rules, strict=True))
    recipe = walk_recipe(plan, span.market, span.sessions, gate=gate, robustness=robustness)
    joined = ScheduledStrategy(schedule=Schedule(spans, recipe.description(spans)))
    run = backtest(joined, span.market, start=spans[0].first, end=spans[-1].last, **plan.settings.keywords())
    named = replace(run.recipe, strategy=f"{plan.strategy.name()}-walk-forward", command=recipe.command)
    renamed = replace(run, recipe=named)
    # The portfolio is a cached property, which `replace` does not copy.
    renamed.__dict__["portfolio"] = run.portfolio
    return renamed


def _baselines(plan: WalkPlan, span: _Span) -> dict[str, Run]:
    """Buy-and-hold and VolTarget on the tested sessions, by name."""
    start, end = span.sessions[span.folds[0].test[0]], span.sessions[span.folds[-1].test[-1]]
    return {
        baseline.name(): backtest(baseline(), span.market, start=start, end=end, **plan.settings.keywords())
        for baseline in (BuyAndHold, VolTarget)
    }
