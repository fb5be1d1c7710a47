"""The gate of a fold: the test that its trials pass before its choice may act."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd

from undertow.backtests.sweeps.sweep import sweep
from undertow.backtests.validation.settings import TunedFold, WalkSettings
from undertow.backtests.validation.splits import Fold
from undertow.market import FloatArray, Market, ParameterError
from undertow.signals.base import load
from undertow.strategies import BuyAndHold, Strategy

# Entry points of gates. Tests are above this floor: they are loaded by name, never imported.
GATES = "undertow.gates"
DEFAULT_GATE = "spa"
# In place of a gate: the default gate where it can be used, none where it cannot.
AUTO = "auto"


class FoldGate(Protocol):
    """A test of all trials against buy-and-hold, such as `undertow.SPATest`.

    A gate may have an attribute `fewest`, the number of training sessions that it needs.
    """

    @property
    def alpha(self) -> float:
        """The level: the choice of a fold acts where p is this or less."""
        ...

    @property
    def name(self) -> str:
        """The name in a recipe; gates with equal names give equal results."""
        ...

    def __call__(self, returns: FloatArray, hold: FloatArray) -> float:
        """p from session returns (P, T) of all trials and (T,) of buy-and-hold.

        Equal arguments give equal results.
        """
        ...


def check_gate(gate: object) -> None:
    """Raise `ParameterError` unless `gate` is a test, "auto" or None."""
    if gate is None or (isinstance(gate, str) and gate == AUTO):
        return
    if not callable(gate) or not all(hasattr(gate, name) for name in ("alpha", "name")):
        raise ParameterError(f"`gate` must be a test such as ut.SPATest(alpha=0.10), got {gate!r}")


def default_gate(strategy: type[Strategy], folds: Sequence[Fold]) -> FoldGate | None:
    """The SPA test at its defaults; None where it cannot be used.

    Folds may train on too few sessions, or the strategy may have a stop of the whole account.
    """
    gate: FoldGate = load(GATES, DEFAULT_GATE)()
    usable = not strategy.path_dependent and all(len(fold.train) >= min_sessions(gate) for fold in folds)
    return gate if usable else None


def min_sessions(gate: FoldGate) -> int:
    """The number of training sessions that a gate needs, 1 where it states none."""
    return int(getattr(gate, "fewest", 1))


def refuse_path_dependent(strategy: type[Strategy]) -> None:
    """Raise `ParameterError` where a strategy has a stop of the whole account."""
    if strategy.path_dependent:
        names = " and ".join(f"`{name}`" for name in strategy.path_dependent)
        raise ParameterError(
            f"`gate` lets folds hold the basket, but `{strategy.name()}` has {names} for a whole account; leave"
            " `gate` out"
        )


def refuse_short(gate: FoldGate, folds: Sequence[Fold]) -> None:
    """Raise `ParameterError` where a fold trains on fewer sessions than a gate needs."""
    needed = min_sessions(gate)
    for number, fold in enumerate(folds, 1):
        if len(fold.train) < needed:
            raise ParameterError(
                f"`gate` needs {needed} sessions of training or more, fold {number} has {len(fold.train)} after purge"
                " and embargo; give a longer `train`"
            )


def gate_p(
    gate: FoldGate,
    strategy: type[Strategy],
    market: Market,
    tuned: TunedFold,
    settings: WalkSettings,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
) -> float:
    """p of a fold's trials on its training sessions; 1 where there is nothing to test.

    The test is over all sets that could have been chosen: trials that failed or missed a constraint could not.

    Args:
        gate: the test.
        strategy: class of the strategy.
        market: the market.
        tuned: the tuning of the fold, with a column for each tuned parameter in its trials.
        settings: settings of the walk.
        start: first training session.
        end: last training session.

    Raises `ParameterError` where a user-defined tuner leaves tuned parameters out of its trials.
    """
    missing = sorted(set(settings.space) - set(tuned.trials.columns))
    if missing or not len(tuned.trials):
        raise ParameterError(f"`gate` needs {', '.join(missing) or 'a row'} for each trial; the tuner returned none")
    trials = tuned.trials
    if "feasible" in trials:
        trials = trials[trials["feasible"].astype(bool)]
    if not len(trials):
        return 1.0
    sets = trials[list(settings.space)].drop_duplicates()
    # A list that is fixed is one value of every set.
    sets = sets.assign(**{name: [value] * len(sets) for name, value in settings.fixed.items()})
    span: dict[str, Any] = {"start": start, "end": end, **settings.keywords()}
    returns = sweep(strategy, market, sets.reset_index(drop=True), returns=True, **span).returns
    # A set that lost everything has no returns, and does not beat buy-and-hold.
    returns = returns[np.isfinite(returns).all(axis=1)]
    if not len(returns):
        return 1.0
    hold = sweep(BuyAndHold, market, pd.DataFrame(index=range(1)), returns=True, **span).returns[0]
    return gate(returns, hold)
