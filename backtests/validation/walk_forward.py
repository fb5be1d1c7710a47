"""Walk-forward validation: tune on past sessions, act on the sessions that follow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Unpack

import pandas as pd

from undertow.backtests.account import Account
from undertow.backtests.checks import check_search
from undertow.backtests.engines import Engine
from undertow.backtests.ledger.ledger import Ledger, open_ledger
from undertow.backtests.runs.backtest import session_rows
from undertow.backtests.tuning.settings import Search
from undertow.backtests.validation.cpcv import cross_validate
from undertow.backtests.validation.gate import FoldGate
from undertow.backtests.validation.plan import Robustness, WalkKeywords, WalkPlan, plan_walk, resolve_plan
from undertow.backtests.validation.result import HOLD, WalkForwardResult
from undertow.backtests.validation.seeds import seed_row, seed_table
from undertow.backtests.validation.settings import Tuner
from undertow.backtests.validation.splits import WalkForward
from undertow.backtests.validation.walk import walk_folds
from undertow.market import Market
from undertow.strategies import Strategy


def walk_forward(
    strategy: type[Strategy],
    market: Market,
    *,
    universe: str = "growth",
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
    split: WalkForward | None = None,
    search: Search | None = None,
    seed: int = 7,
    account: Account | None = None,
    engine: Engine | None = None,
    tuner: Tuner | str = "search",
    gate: FoldGate | str | None = None,
    on_fail: str = HOLD,
    robustness: Robustness | None = None,
    ledger: Ledger | str | Path | None = None,
    **settings: Unpack[WalkKeywords],
) -> WalkForwardResult:
    """Tune `strategy` fold by fold and join the choices into one out-of-sample run.

    Each fold is tuned on its training sessions alone, for one objective. All folds have the same seed, so they differ
    by their sessions alone. Then one account runs through all tests: on each session it does what the strategy of that
    fold decides, from the same decision table, and pays for what a border of folds makes it trade. Sessions before the
    first test are warm-up.

    With a gate, such as `SPATest(alpha=0.10)`, a fold passes where its trials in training can be distinguished from
    chance; in the tests of the others the account holds the basket or, with `on_fail="act"`, acts all the same. The
    `alternative` of the result is the account with the other conduct. "auto" is `SPATest()` where it can be used, and
    no gate where folds train on too few sessions or the strategy has a stop of the whole account.

    With a storage the search of a fold is a study, and a walk that was killed continues when it is started again.

    Args:
        strategy: class of the strategy.
        market: the market.
        universe: name of the universe, or a screen.
        start: first session; None for the market's first.
        end: last session; None for the market's last.
        split: the split; None for `WalkForward()`.
        search: objective, constraints, trials a fold (None for 200), fixed and narrowed parameters; `storage` is
            "journal:FOLDER", one file a fold, or a database, `study` the beginning of the studies' names.
        seed: seed of the tuning.
        account: settings of the account.
        engine: engine that tunes the folds; None for one worker in this process.
        tuner: "search" for `optimize`, "design" for its Sobol design alone, or a function as in `Tuner`.
        gate: test that the trials of a fold pass before its choice acts, "auto", or None.
        on_fail: "hold" or "act", the conduct of a fold that does not pass the gate.
        robustness: other seeds and combinatorial paths that are walked too; see `seeds` and `paths` of the result.
        ledger: ledger, or its folder, that counts the trials of all folds; None for none.
        settings: fields of `Search`, `Account`, `Engine` and `Robustness` as keywords. `tuner` and `gate` go to the
            workers of an engine, so both must pickle.

    The result is a function of the arguments other than `engine`, unless several machines share the studies. Raises
    `ParameterError` before any work where an argument, a parameter range or the split does not fit, `TuningError`
    where more than the share `max_failed` of a fold's trials fail, and what `optimize` raises of a storage.

        walk_forward(LiquidityDrain, market, split=WalkForward(train=504, test=126)).page("walk.html")
    """
    check_search(strategy, market, universe)
    plan = plan_walk(
        strategy,
        universe=universe,
        start=start,
        end=end,
        split=split,
        search=search,
        seed=seed,
        account=account,
        engine=engine,
        tuner=tuner,
        gate=gate,
        on_fail=on_fail,
        robustness=robustness,
        ledger=ledger,
        **settings,
    )
    return run_walk(plan, market)


def run_walk(plan: WalkPlan, market: Market) -> WalkForwardResult:
    """Walk a plan on a market, with the other seeds and paths of its robustness.

    Raises as `walk_forward` does.
    """
    sessions = market.sessions[session_rows(market, plan.start, plan.end)]
    plan = resolve_plan(plan, market, sessions)
    result = walk_folds(plan, market)
    count, split = plan.robustness.seeds, plan.robustness.paths
    if count > 1:
        further = seed_table(plan, market, range(plan.seed + 1, plan.seed + count), plan.engine)
        table = pd.concat([pd.DataFrame([seed_row(result)]), further], ignore_index=True)
        result = replace(result, seeds=table)
    if split is not None:
        days = {"start": plan.start, "end": plan.end}
        paths = cross_validate(plan.strategy, market, split, plan.settings, seed=plan.seed, ledger=plan.ledger, **days)
        result = replace(result, paths=paths)
    ledger = open_ledger(plan.ledger, market)
    if ledger is None or result.trial_count is None or plan.robustness == Robustness():
        return result
    # Other seeds and paths were counted after the walk.
    return replace(result, trial_count=ledger.later(result.trial_count, market.fingerprint))
