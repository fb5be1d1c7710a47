"""Entries of the ledger for the sets of a sweep and for a single backtest."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace

import numpy as np
import pandas as pd

from undertow.backtests.account import Account
from undertow.backtests.ledger.ledger import Ledger, SearchKey, key_of
from undertow.backtests.ledger.trial_count import TrialCount
from undertow.backtests.objectives import codes
from undertow.backtests.runs.backtest import session_rows
from undertow.backtests.runs.run import Run
from undertow.market import DataError, Market, is_number
from undertow.signals.decisions import shared_table
from undertow.strategies import Strategy


def enter_sweep(
    ledger: Ledger,
    strategy: type[Strategy],
    market: Market,
    parameters: pd.DataFrame,
    design: str,
    *,
    window: tuple[str | pd.Timestamp | None, str | pd.Timestamp | None],
    account: Account,
    universe: str = "growth",
) -> TrialCount:
    """Count every set of a sweep once for the same sessions and account.

    The order of the sets makes no difference, nor does a parameter that states its default.

    Args:
        ledger: ledger that counts.
        strategy: class of the strategy.
        market: market of the sweep.
        parameters: one row a set, a column for each parameter that is not left at its default.
        design: how the sets were chosen, one of `DESIGNS`.
        window: first and last session, None for those of the market.
        account: settings of the account.
        universe: name of a universe or a screen.
    """
    sessions = market.sessions[session_rows(market, *window)]
    days = str(sessions[0].date()), str(sessions[-1].date())
    universe = shared_table(market, universe, account.fill).universe.name
    identity = {
        "strategy": f"{strategy.__module__}:{strategy.__qualname__}",
        "market": market.fingerprint,
        "window": days,
        "account": {**account.as_dict(), "universe": universe},
        "sets": _digest_of_sets(strategy, parameters),
        **codes(strategy),
    }
    fields = strategy.name(), market.fingerprint, universe, days, "sweep", key_of(identity)
    return ledger.enter(SearchKey(*fields, market.name), design, len(parameters))


def _digest_of_sets(strategy: type[Strategy], parameters: pd.DataFrame) -> str:
    missing = {name: field for name, field in strategy.model_fields.items() if name not in parameters}
    defaults = {name: field.get_default() for name, field in missing.items() if not field.is_required()}
    complete = parameters.assign(**{name: [value] * len(parameters) for name, value in defaults.items()})
    comparable = complete[sorted(map(str, complete.columns))].apply(_comparable)
    sets = np.sort(pd.util.hash_pandas_object(comparable, index=False).to_numpy()).tobytes()
    return hashlib.blake2b(sets, digest_size=16).hexdigest()


def _comparable(column: pd.Series) -> pd.Series:
    """Numbers where all values are numbers: 24, 24.0 and "24" are equal."""
    if pd.api.types.is_numeric_dtype(column):
        return column.astype(np.float64)
    values = [float(value) if is_number(value) else value for value in column]
    numbers = all(isinstance(value, float) for value in values)
    return pd.Series(values if numbers else list(map(str, values)), index=column.index)


def enter_run(ledger: Ledger, run: Run, strategy: type[Strategy]) -> TrialCount:
    """Count one backtest of a `strategy`; an equal recipe is counted once."""
    recipe = run.recipe
    # Stated weights are named by `weighting`.
    left_out = ("command", "market_path", "versions", "weights", "weights_file")
    settings = {name: value for name, value in asdict(recipe).items() if name not in left_out}
    search = SearchKey(
        recipe.strategy,
        recipe.market_fingerprint,
        recipe.universe,
        (recipe.start, recipe.end),
        "backtest",
        key_of({**settings, **codes(strategy)}),
        recipe.market,
    )
    return ledger.enter(search, "backtest", 1)


def count_run(run: Run, strategy: type[Strategy], ledger: Ledger) -> tuple[Run, str]:
    """The run with its number among all trials, and "".

    Where the ledger cannot be read or written: the run as it is, and the reason. A backtest is worth having all the
    same.
    """
    try:
        return replace(run, trial_count=enter_run(ledger, run, strategy)), ""
    except DataError as error:
        return run, str(error)
