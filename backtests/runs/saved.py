"""Runs on disk: one folder a run, written all or nothing, and read back."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from undertow.backtests.folders import replacing, write_json
from undertow.backtests.ledger.trial_count import TrialCount
from undertow.backtests.runs.attribution import Attribution
from undertow.backtests.runs.run import NO_PORTFOLIO, Recipe, Run
from undertow.market import DataError, ParameterError, UndertowError
from undertow.signals.base import STRATEGIES, load
from undertow.strategies.reasons import Reasons
from undertow.strategies.rules import Rule

if TYPE_CHECKING:
    from undertow.backtests.runs.vectorbt_portfolio import Portfolio
    from undertow.market import Market
    from undertow.strategies import Strategy

TABLES = ("returns", "weights", "orders", "episodes")
# Columns of every version's runs; those of later versions are checked where they are used.
_COLUMNS = {
    "returns": ("value", "return", "exposure", "cash_share", "turnover", "costs", "hold_value", "hold_return"),
    "orders": ("session", "symbol", "side", "shares", "value", "costs", "reason"),
    "episodes": ("lag_hours",),
}
# Names of earlier versions, which lie in the folders that users have.
_ATTRIBUTION_FILES = ("attribution.json", "bridge.json")
_TRIAL_COUNT = {"ever": "total", "between": "interleaved", "elsewhere": "other_data"}
# Highest difference between saved and rebuilt values, as a share of the value or of the capital.
_AGREEMENT = 1e-9


def save_run(run: Run, folder: str | Path) -> Path:
    """Write a run into a folder, all or nothing, replacing an earlier run in it.

    The folder holds run.json (the recipe), metrics.json, tax.json, returns, weights, orders and episodes as parquet,
    tearsheet.html and figure.png; attribution.json where it is known, rule.json and reasons.parquet for a rule.

    Raises `ParameterError` where the folder cannot be written or holds anything but an earlier run.
    """
    target = Path(folder)
    with replacing(target) as draft:
        recipe = {**asdict(run.recipe), "counts": run.counts, "ledger": run.trial_count_as_dict}
        write_json(draft / "run.json", recipe)
        write_json(draft / "metrics.json", {"run": run.metrics, **run.baselines})
        write_json(draft / "tax.json", run.tax_as_dict)
        for name, table in zip(TABLES, (run.series, run.weights, run.orders, run.episodes), strict=True):
            table.to_parquet(draft / f"{name}.parquet")
        if run.attribution_parts is not None:
            write_json(draft / "attribution.json", asdict(run.attribution_parts))
        if run.reasons is not None:
            write_json(draft / "rule.json", run.reasons.rule.model_dump(mode="json"))
            run.reasons.frame().to_parquet(draft / "reasons.parquet")
        run.tearsheet(draft / "tearsheet.html")
        run.figure(draft / "figure.png")
    return target


def load_run(folder: str | Path) -> Run:
    """Read a saved run.

    Its `portfolio` is built by making the run again: where the market folder of the recipe exists with the same
    fingerprint and the strategy can be found.

    Raises `DataError` with the file that is missing or cannot be read.
    """
    source = Path(folder)
    if not (source / "run.json").is_file():
        raise DataError(f"{source}: no run.json; a run is saved by `undertow backtest --out` or `Run.save`")
    try:
        fields = json.loads((source / "run.json").read_text(encoding="utf-8"))
        if not isinstance(fields, dict) or not isinstance(fields.get("counts"), dict):
            raise DataError(f"{source}: not a readable run: run.json has no `counts`")
        counts, trial_count = fields.pop("counts"), fields.pop("ledger", None)
        tables = {name: pd.read_parquet(source / f"{name}.parquet") for name in TABLES}
        recipe, reasons = Recipe(**fields), _read_reasons(source)
        attribution, hold_tax = _read_attribution(source), _read_hold_tax(source)
        counted = None if trial_count is None else _trial_count(trial_count)
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
        build_portfolio=partial(_rebuild_portfolio, recipe, tables["returns"]["value"]),
        reasons=reasons,
        trial_count=counted,
        attribution_parts=attribution,
        find_hold_tax=hold_tax,
    )


def _check(source: Path, recipe: Recipe, tables: dict[str, pd.DataFrame], reasons: Reasons | None) -> None:
    """Raise `DataError` where the files of a folder belong to different runs."""
    for name, columns in _COLUMNS.items():
        for column in columns:
            if column not in tables[name]:
                raise DataError(f"{source}: {name}.parquet has no `{column}`; make the run again")
    sessions = tables["returns"].index
    if len(sessions) != recipe.sessions:
        raise DataError(
            f"{source}: returns.parquet has {len(sessions)} sessions, run.json has {recipe.sessions}; make the run"
            " again"
        )
    indexes = {"weights.parquet": tables["weights"].index}
    if reasons is not None:
        indexes["reasons.parquet"] = reasons.sessions
    for name, index in indexes.items():
        if not index.equals(sessions):
            raise DataError(f"{source}: {name} and returns.parquet have different sessions; make the run again")


def _trial_count(fields: dict[str, int]) -> TrialCount:
    return TrialCount(**{_TRIAL_COUNT.get(name, name): count for name, count in fields.items()})


def _read_attribution(source: Path) -> Attribution | None:
    file = next((source / name for name in _ATTRIBUTION_FILES if (source / name).is_file()), None)
    return None if file is None else Attribution(**json.loads(file.read_text(encoding="utf-8")))


def _read_hold_tax(source: Path) -> Callable[[], dict[str, Any]] | None:
    file = source / "tax.json"
    tax = json.loads(file.read_text(encoding="utf-8"))["buy-and-hold"] if file.is_file() else None
    return None if tax is None else partial(dict, tax)


def _read_reasons(source: Path) -> Reasons | None:
    if not (source / "reasons.parquet").is_file():
        return None
    rule = Rule.model_validate_json((source / "rule.json").read_text(encoding="utf-8"))
    return Reasons.from_frame(rule, pd.read_parquet(source / "reasons.parquet"))


def _rebuild_portfolio(recipe: Recipe, values: pd.Series) -> Portfolio:
    """The portfolio of the run made again; `DataError` on values that differ."""
    # The kernels of a backtest take seconds to load; a run is read without them.
    from undertow.backtests.runs.backtest import backtest

    market, strategy = _market_of(recipe), _strategy_of(recipe)
    window = recipe.start, recipe.end
    run = backtest(strategy, market, universe=recipe.universe, start=window[0], end=window[1], account=recipe.account)
    rebuilt = run.series["value"]
    if not rebuilt.index.equals(values.index):
        raise DataError(f"`{recipe.strategy}` made again has other sessions than the saved run; make the run again")
    difference = np.abs(rebuilt - values) / np.maximum(recipe.capital, np.abs(values))
    if not difference.max() <= _AGREEMENT:
        day = difference.idxmax()
        raise DataError(
            f"`{recipe.strategy}` made again is worth {rebuilt[day]:,.2f} USD on {day.date()}, the saved run"
            f" {values[day]:,.2f}: the strategy, its rule or Undertow has changed; make the run again"
        )
    return run.portfolio


def _market_of(recipe: Recipe) -> Market:
    from undertow.market.folder import load_market

    if recipe.market_path is None:
        raise ParameterError(f"{NO_PORTFOLIO} (its market lies in no folder)")
    try:
        market = load_market(recipe.market_path)
    except UndertowError as error:
        raise ParameterError(f"{NO_PORTFOLIO} ({error})") from None
    if market.fingerprint != recipe.market_fingerprint:
        raise ParameterError(f"{NO_PORTFOLIO} (the market folder {recipe.market_path!r} has changed since)")
    return market


def _strategy_of(recipe: Recipe) -> Strategy:
    from undertow.strategies.rules import read_rule

    argv = shlex.split(recipe.command or "")
    try:
        if argv[:2] == ["undertow", "backtest"] and "--rule" in argv:
            return read_rule(argv[argv.index("--rule") + 1]).strategy
        if argv[:2] == ["undertow", "backtest"] and "--strategy" in argv:
            strategy: Strategy = load(STRATEGIES, argv[argv.index("--strategy") + 1])(**recipe.parameters)
            return strategy
    except UndertowError as error:
        raise ParameterError(f"{NO_PORTFOLIO} ({error})") from None
    raise ParameterError(f"{NO_PORTFOLIO} (`{recipe.strategy}` cannot be made again from its name alone)")
