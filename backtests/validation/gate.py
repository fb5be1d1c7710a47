"""What a fold must show in training before its choice may act; without it the fold holds the basket."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd

from undertow.backtests.sweeps.sweep import sweep
from undertow.backtests.validation.settings import Tuned, WalkSettings
from undertow.backtests.validation.splits import Fold
from undertow.market.clock import FloatArray
from undertow.market.errors import ParameterError
from undertow.market.market import Market
from undertow.strategies.buy_and_hold import BuyAndHold
from undertow.strategies.strategy import Strategy


class FoldGate(Protocol):
    """A test of everything that was tried against doing nothing, such as `evidence.Superior`."""

    @property
    def alpha(self) -> float:
        """The choice of a fold acts where p is this or less."""
        ...

    @property
    def name(self) -> str:
        """What a recipe says; equal names, equal answers."""
        ...

    def __call__(self, returns: FloatArray, hold: FloatArray) -> float:
        """p from session returns (P, T) of all that was tried and (T,) of buy-and-hold; equal in, equal out."""
        ...


def refuse_other_kind(gate: object) -> None:
    """Raise `ParameterError` where `gate` is not a test with a level and a name."""
    if not callable(gate) or not all(hasattr(gate, name) for name in ("alpha", "name")):
        raise ParameterError(f"`gate` must be a test such as ut.SPATest(alpha=0.10), got {gate!r}")


def refuse_path_dependent(strategy: type[Strategy]) -> None:
    """Raise `ParameterError` where a strategy's stop is that of the whole account: no fold may hold without it."""
    if strategy.path_dependent:
        names = " and ".join(f"`{name}`" for name in strategy.path_dependent)
        raise ParameterError(
            f"`gate` lets folds hold the basket, but `{strategy.name()}` has {names} for a whole account; leave"
            " `gate` out"
        )


def refuse_short(gate: FoldGate, folds: Sequence[Fold]) -> None:
    """Raise `ParameterError` where a fold trains on fewer sessions than a gate needs, if it says how many."""
    least = int(getattr(gate, "fewest", 1))
    for number, fold in enumerate(folds, 1):
        if len(fold.train) < least:
            raise ParameterError(
                f"`gate` needs {least} sessions of training or more, fold {number} has {len(fold.train)} after purge"
                " and embargo; give a longer `train`"
            )


def gate_passed(
    gate: FoldGate,
    strategy: type[Strategy],
    market: Market,
    found: Tuned,
    start: pd.Timestamp,
    end: pd.Timestamp,
    settings: WalkSettings,
) -> float:
    """p of the trials of a fold on its training sessions, among all that could have been chosen.

    Trials that failed or missed a constraint could not have been; 1 where none is left. Raises `ParameterError` where a
    tuner of one's own leaves the tuned parameters out of its trials.
    """
    missing = sorted(set(settings.space) - set(found.trials.columns))
    if missing or not len(found.trials):
        raise ParameterError(f"`gate` needs {', '.join(missing) or 'a row'} for each trial; the tuner gave none")
    tried = found.trials
    if "feasible" in tried:
        tried = tried[tried["feasible"].astype(bool)]
    if not len(tried):
        return 1.0
    sets = tried[list(settings.space)].drop_duplicates()
    # A list that is fixed is one value of every set.
    sets = sets.assign(**{name: [value] * len(sets) for name, value in settings.fixed.items()})
    span: dict[str, Any] = {"start": start, "end": end, **settings.account}
    returns = sweep(strategy, market, sets.reset_index(drop=True), returns=True, **span).returns
    # What came to nothing has no returns, and is no better.
    returns = returns[np.isfinite(returns).all(axis=1)]
    if not len(returns):
        return 1.0
    hold = sweep(BuyAndHold, market, pd.DataFrame(index=range(1)), returns=True, **span).returns[0]
    return gate(returns, hold)
