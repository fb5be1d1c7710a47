"""What runs that are no search tell the ledger: a sweep its sets, a backtest its one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from undertow.backtests.account import Account, make_account
from undertow.backtests.ledger.ledger import Ledger, SearchKey, TrialCount, key_of
from undertow.backtests.objective_code import codes
from undertow.backtests.runs.backtest import session_rows
from undertow.backtests.runs.run import Run
from undertow.market.checks import is_number
from undertow.market.market import Market
from undertow.signals.decisions.table import shared_table
from undertow.strategies.strategy import Strategy


def enter_sweep(
    ledger: Ledger,
    strategy: type[Strategy],
    market: Market,
    parameters: pd.DataFrame,
    design: str,
    *,
    start: str | pd.Timestamp | None,
    end: str | pd.Timestamp | None,
    account: Account | Mapping[str, Any],
    universe: str = "growth",
) -> TrialCount:
    """Count every set of a sweep; the same sets over the same sessions and account are counted once.

    In whatever order they come, and whether a default is given or left out.
    """
    sessions = market.sessions[session_rows(market, start, end)]
    window = str(sessions[0].date()), str(sessions[-1].date())
    fields = {name: each for name, each in strategy.model_fields.items() if name not in parameters}
    usual = {name: each.get_default() for name, each in fields.items() if not each.is_required()}
    whole = parameters.assign(**{name: [value] * len(parameters) for name, value in usual.items()})
    plain = whole[sorted(map(str, whole.columns))].apply(_comparable)
    sets = np.sort(pd.util.hash_pandas_object(plain, index=False).to_numpy()).tobytes()
    if not isinstance(account, Account):
        settings = dict(account)
        universe = settings.pop("universe", universe)
        account = make_account(None, settings)
    universe = shared_table(market, universe, account.fill).universe.name
    identity = {
        "strategy": f"{strategy.__module__}:{strategy.__qualname__}",
        "market": market.fingerprint,
        "window": window,
        "account": {**account.as_dict(), "universe": universe},
        "sets": hashlib.blake2b(sets, digest_size=16).hexdigest(),
        **codes(strategy),
    }
    own = strategy.name(), market.fingerprint, universe, window, "sweep", key_of(identity)
    search = SearchKey(*own, market.name)
    return ledger.enter(search, design, len(parameters))


def _comparable(column: pd.Series) -> pd.Series:
    """As numbers where all are: a whole number is the same written with a point, and beside a choice that is none."""
    if pd.api.types.is_numeric_dtype(column):
        return column.astype(np.float64)
    told = [float(each) if is_number(each) else each for each in column]
    numbers = all(isinstance(each, float) for each in told)
    return pd.Series(told if numbers else list(map(str, told)), index=column.index)


def enter_run(ledger: Ledger, run: Run, strategy: type[Strategy]) -> TrialCount:
    """Count one backtest of a `strategy`; the same recipe again is not counted twice."""
    recipe = run.recipe
    window = recipe.start, recipe.end
    told = {name: value for name, value in asdict(recipe).items() if name not in ("command", "market_path", "versions")}
    search = SearchKey(
        recipe.strategy,
        recipe.market_fingerprint,
        recipe.universe,
        window,
        "backtest",
        key_of({**told, **codes(strategy)}),
        recipe.market,
    )
    return ledger.enter(search, "backtest", 1)
