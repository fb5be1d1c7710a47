"""Many sets of one strategy at once: signals once a value, accounts in parallel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

import pandas as pd

from undertow.backtests.account import Account, AccountSettings, make_account
from undertow.backtests.checks import check_search
from undertow.backtests.engines import Engine, EngineSettings, make_engine
from undertow.backtests.keywords import split_keywords
from undertow.backtests.ledger.ledger import Ledger, open_ledger
from undertow.backtests.runs.entries import enter_sweep
from undertow.backtests.sweeps.argv import made_by
from undertow.backtests.sweeps.chunk import SweepTask
from undertow.backtests.sweeps.chunking import walk_sets
from undertow.backtests.sweeps.design import ORIGIN
from undertow.backtests.sweeps.memory import bytes_of
from undertow.backtests.sweeps.reserved import refuse_reserved
from undertow.backtests.sweeps.result import Sweep
from undertow.market import Market, ParameterError
from undertow.strategies import Strategy


class SweepSettings(AccountSettings, EngineSettings, total=False):
    """The fields of `Account` and of `Engine` as keywords of `sweep`."""


def sweep(
    strategy: type[Strategy],
    market: Market,
    parameters: pd.DataFrame,
    *,
    universe: str = "growth",
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
    account: Account | None = None,
    engine: Engine | None = None,
    memory_bytes: float | str = "1GB",
    returns: bool = False,
    ledger: Ledger | str | Path | None = None,
    **settings: Unpack[SweepSettings],
) -> Sweep:
    """Walk one account for every row of `parameters`.

    The result's `table` has the figures, in the order of the rows. Every row is checked before any work starts. A row
    equals `backtest` with the same parameters to 1e-9; its bytes depend on neither chunks, threads nor engine. Figures
    of an account that `backtest` finds worth nothing are NaN.

    Raises `ParameterError` as `backtest` does, where `parameters` has no rows, and where a parameter has the name of a
    figure; `DataError` where the ledger cannot be read or written.

    Args:
        strategy: class of the strategy.
        market: market, from `load_market` or `simulate_market`.
        parameters: one row a set, one column a parameter; parameters without a column are at their defaults.
        universe: name of a universe or a screen.
        start: first session, None for the market's first.
        end: last session, None for the market's last.
        account: fill, costs, weighting, rebalance and capital of every set.
        engine: where chunks of sets run; by default in this process on all cores.
        memory_bytes: memory of all workers together beside the market, the result and 16 MB a thread, bytes or a text
            like "500MB".
        returns: keep the session returns (P, T), decimal, close to close, instead of walking again for them.
        ledger: folder or `Ledger` that counts every set as a trial once the work is done, equal sets once.
        settings: fields of `Account` and `Engine` in place of those of `account` and `engine`.
    """
    of_account, of_engine = split_keywords(settings, Account, Engine)
    check_search(strategy, market, universe, None)
    sets = strategy.sets_of(parameters)
    if not len(parameters):
        raise ParameterError("`parameters` has no rows; give one row a parameter set")
    refuse_reserved(strategy)
    task = SweepTask(strategy, market, universe, start, end, make_account(account, of_account))
    memory, engine = bytes_of("memory_bytes", memory_bytes), make_engine(engine, of_engine)
    opened = open_ledger(ledger, market)
    walked = walk_sets(task, sets, len(parameters), engine, memory, keep_returns=returns)
    columns: dict[str, Any] = {name: values if values.ndim == 1 else list(values) for name, values in sets.items()}
    read = pd.DataFrame(columns, index=range(len(parameters)))
    origin = parameters.attrs.get(ORIGIN, {})
    result = Sweep(
        task=task,
        sets=read,
        table=pd.concat([read, walked.figures], axis=1),
        engine=engine,
        memory=memory,
        names=tuple(map(str, parameters.columns)),
        origin=origin,
        walked_returns=walked.returns if returns else None,
    )
    if opened is None:
        return result
    # As the strategy reads them: "24" and 24 are one set.
    count = enter_sweep(
        opened,
        strategy,
        market,
        read,
        made_by(origin),
        window=(start, end),
        account=task.account,
        universe=universe,
    )
    return replace(result, trial_count=count)
