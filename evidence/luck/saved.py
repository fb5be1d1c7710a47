"""The sets that a saved run, study or sweep tried."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from undertow.backtests import Account, load_run
from undertow.market import DataError, ParameterError
from undertow.strategies import Strategy

# Designs that are fixed before the first trial.
_FIXED = frozenset({"given", "sobol", "grid", "random"})


@dataclass(frozen=True, eq=False)
class Tried:
    """The sets of a saved result, and everything else that decides their accounts.

    Args:
        strategy: name of the strategy, or module:Class.
        sets: one row a set, in the order in which they were tried.
        account: account of every set.
        span: universe, start and end.
        market: market folder, None for the simulated market.
        guided: whether a search that learns made them.
        trials: number of all trials on the market when it was saved, 0 where no ledger counted.
    """

    strategy: str
    sets: pd.DataFrame
    account: Account
    span: dict[str, str]
    market: Path | None
    guided: bool
    trials: int


def read_tried(folder: str | Path) -> Tried:
    """The sets of a saved run, or of a saved study's finished trials.

    Raises `ParameterError` on a saved walk, whose decisions are of several sets, and `DataError` on a file that is
    missing or cannot be read.
    """
    source = Path(folder)
    if (source / "walk.json").is_file():
        raise ParameterError(
            f"{str(source)!r} is a saved walk, which follows one set a fold; name --strategy and --grid for the sets"
        )
    run = load_run(source)
    recipe, sets = run.recipe, pd.DataFrame([run.recipe.parameters])
    count = run.trial_count
    guided, trials = False, 0 if count is None else count.total + count.other_data
    if (source / "best.json").is_file():
        sets, guided, counted = _study(source, list(recipe.parameters))
        trials = max(trials, counted)
    return Tried(
        recipe.strategy,
        sets,
        recipe.account,
        {"universe": recipe.universe, "start": recipe.start, "end": recipe.end},
        None if recipe.market_path is None else Path(recipe.market_path),
        guided,
        trials,
    )


def read_sets(path: str | Path, strategy: type[Strategy]) -> pd.DataFrame:
    """The sets in the table of a saved sweep, .csv or .parquet.

    Raises `ParameterError` where none is, `DataError` where the file cannot be read.
    """
    source = Path(path)
    try:
        table = pd.read_parquet(source) if source.suffix == ".parquet" else pd.read_csv(source)
    except (OSError, ValueError) as error:
        raise DataError(f"the sets {str(source)!r} cannot be read: {error}") from None
    names = [name for name in table.columns if name in strategy.model_fields]
    if not names or not len(table):
        raise ParameterError(
            f"{str(source)!r} has no column that is a parameter of `{strategy.name()}`; name the table of its sweep"
        )
    return table[names]


def _study(source: Path, names: list[str]) -> tuple[pd.DataFrame, bool, int]:
    try:
        content: dict[str, Any] = json.loads((source / "best.json").read_text())
        table = pd.read_csv(source / "trials.csv")
        complete = table[table["state"] == "complete"]
        known = [name for name in names if name in complete]
        ledger = content.get("ledger") or {}
        counted = int(ledger.get("total", 0)) + int(ledger.get("other_data", 0))
        guided = not set(complete["design"]) <= _FIXED
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"the study in {str(source)!r} cannot be read: {error}; save it again") from None
    if not known or not len(complete):
        raise DataError(f"the study in {str(source)!r} has no finished trial with parameters; save it again")
    return complete[known].reset_index(drop=True), guided, max(counted, len(table))
