"""A walk-forward whose folds are tuned by a search instead of a design alone."""

from __future__ import annotations

import pandas as pd

from undertow.backtests.optimize import optimize
from undertow.backtests.walk_tuner import Terms, Tuned, sobol_tuner
from undertow.market.market import Market
from undertow.strategies.strategy import Strategy


def study_tuner(
    kind: type[Strategy], market: Market, start: pd.Timestamp, end: pd.Timestamp, seed: int, terms: Terms
) -> Tuned:
    """Tune a fold with `optimize`: `walk_forward(..., tuner=study_tuner)`; equal arguments give equal answers.

    The study lives in memory and sees the sessions from `start` to `end` alone. With nothing to tune it is
    `sobol_tuner`. Raises what `optimize` raises.
    """
    if not terms.space:
        return sobol_tuner(kind, market, start, end, seed, terms)
    usual = kind.create(terms.fixed).parameters
    found = optimize(
        kind,
        market,
        objective=terms.objective,
        trials=terms.trials,
        seed=seed,
        start=start,
        end=end,
        fixed={name: usual[name] for name in usual if name not in terms.space},
        narrowed=terms.space,
        **terms.account,
    )
    best = found.best
    metrics = {name: float(best[name]) for name in found.baselines["buy-and-hold"] if name in best}
    return Tuned(found.best_parameters, metrics, found.trials)
