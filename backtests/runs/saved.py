"""Bring a saved run back."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from undertow.backtests.ledger.ledger import TrialCount
from undertow.backtests.runs.attribution import Attribution
from undertow.backtests.runs.run import Recipe, Run
from undertow.market.errors import DataError
from undertow.strategies.reasons.reasons import Reasons
from undertow.strategies.rules.rule import Rule

TABLES = ("returns", "weights", "orders", "episodes")
# What every run has had since the first version; what came later is asked for where it is used.
_COLUMNS = {
    "returns": ("value", "return", "exposure", "cash_share", "turnover", "costs", "hold_value", "hold_return"),
    "orders": ("session", "symbol", "side", "shares", "value", "costs", "reason"),
    "episodes": ("lag_hours",),
}


def save_run(run: Run, folder: str | Path) -> Path:
    """Write a run into a folder: see `Run.save`."""
    return run.save(folder)


def load_run(folder: str | Path) -> Run:
    """Bring a saved run back; raises `DataError` naming what is missing or cannot be read."""
    source = Path(folder)
    if not (source / "run.json").is_file():
        raise DataError(f"{source}: no run.json; a run is saved by `undertow backtest --out` or `Run.save`")
    try:
        raw = json.loads((source / "run.json").read_text(encoding="utf-8"))
        if not isinstance(raw, dict) or not isinstance(raw.get("counts"), dict):
            raise DataError(f"{source}: not a readable run: run.json has no `counts`")
        counts, standing = raw.pop("counts"), raw.pop("ledger", None)
        tables = {name: pd.read_parquet(source / f"{name}.parquet") for name in TABLES}
        recipe, reasons, attribution, hold_tax = Recipe(**raw), _reasons(source), _bridge(source), _hold_tax(source)
        kept = None if standing is None else TrialCount(**standing)
        _check(source, recipe, tables, reasons)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(f"{source}: not a readable run: {str(error).partition(chr(10))[0]}") from None
    return Run(
        recipe,
        tables["returns"],
        tables["weights"],
        tables["orders"],
        tables["episodes"],
        counts,
        reasons=reasons,
        trial_count=kept,
        attribution_parts=attribution,
        find_hold_tax=hold_tax,
    )


def _check(source: Path, recipe: Recipe, tables: dict[str, pd.DataFrame], reasons: Reasons | None) -> None:
    """Raise `DataError` where files of a run do not belong together, or were cut."""
    for name, columns in _COLUMNS.items():
        for column in columns:
            if column not in tables[name]:
                raise DataError(f"{source}: {name}.parquet has no `{column}`; make the run again")
    sessions = tables["returns"].index
    if len(sessions) != recipe.sessions:
        raise DataError(
            f"{source}: returns.parquet has {len(sessions)} sessions, run.json says {recipe.sessions}; make the run"
            " again"
        )
    others = {"weights.parquet": tables["weights"].index}
    if reasons is not None:
        others["reasons.parquet"] = reasons.sessions
    for name, index in others.items():
        if not index.equals(sessions):
            raise DataError(f"{source}: {name} and returns.parquet have different sessions; make the run again")


def _bridge(source: Path) -> Attribution | None:
    file = source / "attribution.json"
    return Attribution(**json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else None


def _hold_tax(source: Path) -> Callable[[], dict[str, Any]] | None:
    file = source / "tax.json"
    kept = json.loads(file.read_text(encoding="utf-8"))["buy-and-hold"] if file.is_file() else None
    return None if kept is None else partial(dict, kept)


def _reasons(source: Path) -> Reasons | None:
    if not (source / "reasons.parquet").is_file():
        return None
    rule = Rule.model_validate_json((source / "rule.json").read_text(encoding="utf-8"))
    return Reasons.from_frame(rule, pd.read_parquet(source / "reasons.parquet"))
