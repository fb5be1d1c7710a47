"""Walk-forward validation: tune on what came before, hold the choice on what came after, in one account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from undertow.backtests.backtest import backtest, session_rows
from undertow.backtests.costs import Costs
from undertow.backtests.metrics import return_metrics
from undertow.backtests.run import Run
from undertow.backtests.splits import Fold, WalkForward
from undertow.backtests.stitch import Piece, Seams, Stitched
from undertow.backtests.sweep import sweep
from undertow.backtests.walk_forward_recipe import command_line, described
from undertow.backtests.walk_forward_result import FoldResult, WalkForwardResult
from undertow.backtests.walk_tuner import BACKENDS, OBJECTIVES, Terms, Tuned, Tuner, each, search_space, sobol_tuner
from undertow.market.calendar import Fill
from undertow.market.clock import FloatArray
from undertow.market.errors import ParameterError, did_you_mean
from undertow.market.market import Market
from undertow.strategies.buy_and_hold import BuyAndHold
from undertow.strategies.strategy import Strategy
from undertow.strategies.vol_target import VolTarget


def walk_forward(
    strategy: type[Strategy],
    market: Market,
    *,
    universe: str = "growth",
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
    split: WalkForward | None = None,
    objective: str = "annual_sharpe",
    trials: int = 200,
    seed: int = 7,
    jobs: int = 1,
    backend: str = "loky",
    fixed: Mapping[str, Any] | None = None,
    narrowed: Mapping[str, Any] | None = None,
    fill: Fill = "open",
    costs: Costs | None = None,
    weighting: str = "equal",
    rebalance: str = "monthly",
    capital: float = 1_000_000.0,
    tuner: Tuner = sobol_tuner,
) -> WalkForwardResult:
    """Tune `strategy` fold by fold and join what was chosen into one out-of-sample run.

    Each fold is tuned on its training sessions alone, by `objective` (a figure of `Run.metrics` of which more is
    better) over `trials` parameter sets; `fixed` parameters are not tuned, `narrowed` ones within (low, high), fewer
    choices or a distribution. Every fold has the same `seed`, so that folds differ by their sessions alone. Then one
    account runs through all tests: on each session it does what the strategy of that fold decides, from the same
    decision table, and pays for what a seam makes it trade. Sessions before the first test are warm-up.

    Deterministic in its arguments, whatever `jobs` and `backend` ("loky" or "threading"). Raises `ParameterError`
    before any work where an argument, a parameter range or the split does not fit.

        walk_forward(LiquidityDrain, market, split=WalkForward(train=504, test=126)).run.tearsheet("walk.html")
    """
    rule = split or WalkForward()
    terms = checked_terms(
        strategy, fixed, narrowed, objective, trials, universe, fill, costs, weighting, rebalance, capital
    )
    check_workers(jobs, backend)
    market.universe(universe)
    sessions = market.sessions[session_rows(market, start, end)]
    folds = rule.folds(sessions)
    if any(one.test[-1] + 1 != other.test[0] for one, other in pairwise(folds)):
        raise ParameterError(
            f"`step` must equal `test`, so that one account holds each session once, got step {rule.stride} and test"
            f" {rule.test}"
        )
    tasks = [
        (strategy, market, sessions[fold.train[0]], sessions[fold.train[-1]], seed, terms, tuner) for fold in folds
    ]
    tuned = each(_tune, tasks, jobs=jobs, backend=backend)
    run = _stitched_run(strategy, market, sessions, folds, [found for found, _ in tuned], rule, terms, seed, tuner)
    tested = {"start": sessions[folds[0].test[0]], "end": sessions[folds[-1].test[-1]]}
    rival = backtest(VolTarget(), market, **tested, **terms.account)
    return WalkForwardResult(
        strategy=strategy,
        split=rule,
        terms=terms,
        seed=seed,
        sessions=len(sessions),
        folds=tuple(
            _fold_result(fold, sessions, found, held, run, rival)
            for fold, (found, held) in zip(folds, tuned, strict=True)
        ),
        run=run,
        rival=rival,
    )


def checked_terms(
    strategy: type[Strategy],
    fixed: Mapping[str, Any] | None,
    narrowed: Mapping[str, Any] | None,
    objective: str,
    trials: int,
    universe: str,
    fill: Fill,
    costs: Costs | None,
    weighting: str,
    rebalance: str,
    capital: float,
) -> Terms:
    """The terms of a walk-forward; raises `ParameterError` on an objective, a count or a parameter outside its rule."""
    if objective not in OBJECTIVES:
        near = did_you_mean(objective, OBJECTIVES)
        raise ParameterError(f"`objective` must be one of {', '.join(OBJECTIVES)}; got {objective!r}{near}")
    if isinstance(trials, bool) or not isinstance(trials, int) or trials < 1:
        raise ParameterError(f"`trials` must be a whole number, 1 or more, got {trials!r}")
    kept, space = search_space(strategy, fixed or {}, narrowed or {})
    return Terms(universe, fill, costs or Costs(), weighting, rebalance, capital, objective, trials, kept, space)


def check_workers(jobs: int, backend: str) -> None:
    """Raise `ParameterError` on a number of workers or a backend that there is not."""
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
        raise ParameterError(f"`jobs` must be a whole number of workers, 1 or more, got {jobs!r}")
    if backend not in BACKENDS:
        near = did_you_mean(backend, BACKENDS)
        raise ParameterError(f"`backend` must be one of {', '.join(BACKENDS)}; got {backend!r}{near}")


def _tune(
    strategy: type[Strategy],
    market: Market,
    start: pd.Timestamp,
    end: pd.Timestamp,
    seed: int,
    terms: Terms,
    tuner: Tuner,
) -> tuple[Tuned, dict[str, float]]:
    """What the tuner found in the training sessions, and the total return of the two baselines there."""
    found = tuner(strategy, market, start, end, seed, terms)
    held = {
        f"excess_over_{kind.name().replace('-', '_')}": float(
            sweep(kind, market, pd.DataFrame(index=range(1)), start=start, end=end, **terms.account)["total_return"][0]
        )
        for kind in (BuyAndHold, VolTarget)
    }
    return found, held


def _stitched_run(
    strategy: type[Strategy],
    market: Market,
    sessions: pd.DatetimeIndex,
    folds: list[Fold],
    tuned: list[Tuned],
    rule: WalkForward,
    terms: Terms,
    seed: int,
    tuner: Tuner,
) -> Run:
    pieces = tuple(
        Piece(strategy.create(found.parameters), sessions[fold.test[0]], sessions[fold.test[-1]])
        for fold, found in zip(folds, tuned, strict=True)
    )
    seams = Seams(pieces, described(strategy, pieces, rule.text, terms, seed))
    run = backtest(Stitched(seams=seams), market, start=pieces[0].first, end=pieces[-1].last, **terms.account)
    own = tuner is sobol_tuner
    command = command_line(strategy, market, sessions, rule, terms, seed) if own and market.path is not None else None
    renamed = replace(run, recipe=replace(run.recipe, strategy=f"{strategy.name()}-walk-forward", command=command))
    renamed.__dict__["portfolio"] = run.portfolio
    return renamed


def _fold_result(
    fold: Fold, sessions: pd.DatetimeIndex, found: Tuned, held: dict[str, float], run: Run, rival: Run
) -> FoldResult:
    days = slice(sessions[fold.test[0]], sessions[fold.test[-1]])
    own, cash, hold = (_part(run, column, days) for column in ("return", "cash_return", "hold_return"))
    outside = _figures(own, cash)
    growth = {"buy_and_hold": hold, "vol_target": _part(rival, "return", days)}
    outside |= {
        f"excess_over_{name}": outside["total_return"] - float(np.prod(1.0 + each) - 1.0)
        for name, each in growth.items()
    }
    inside = found.metrics | {name: found.metrics["total_return"] - each for name, each in held.items()}
    return FoldResult(
        fold=fold,
        train=(sessions[fold.train[0]], sessions[fold.train[-1]]),
        test=(days.start, days.stop),
        parameters=found.parameters,
        in_sample=inside,
        out_of_sample=outside,
        trials=found.trials,
    )


def _part(run: Run, column: str, days: slice) -> FloatArray:
    returns: FloatArray = run.series.loc[days, column].to_numpy(dtype=np.float64)
    return returns


def _figures(returns: FloatArray, cash: FloatArray) -> dict[str, float]:
    # One session has no standard deviation.
    if len(returns) < 2:
        return {"total_return": float(returns[0])}
    return return_metrics(returns, cash)
