"""Runs on disk: one folder a run, written all or nothing, and read back."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from undertow.backtests.account import Recipe
from undertow.backtests.folders import replacing, write_json
from undertow.backtests.runs.attribution import Attribution
from undertow.backtests.runs.run import NO_PORTFOLIO, Run
from undertow.backtests.runs.schema import (
    AGAIN,
    read_attribution,
    read_counts,
    read_hold_tax,
    read_json,
    read_recipe,
    read_run_table,
    read_trial_count,
    reading,
)
from undertow.market import DataError, ParameterError, UndertowError
from undertow.market.files import recover
from undertow.signals.base import SIGNALS, STRATEGIES, load, registered, registered_only
from undertow.strategies.reasons import Reasons
from undertow.strategies.rules import EVENTS, Rule

if TYPE_CHECKING:
    from undertow.backtests.runs.vectorbt_portfolio import Portfolio
    from undertow.market import Market
    from undertow.strategies import Strategy

TABLES = ("returns", "weights", "orders", "episodes")
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
        write_json(draft / "metrics.json", {"run": run.metrics, **run.baselines, "deflated": run.deflated_as_dict})
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


def load_run(folder: str | Path, *, trust: bool = False) -> Run:
    """Read a saved run; nothing that its files name is imported.

    A rule with signals that are not registered here is left out: the tables, figures and pages of its run are there,
    and what needs the rule says why it is missing. `portfolio` is built by making the run again: where the market
    folder of the recipe exists with the same fingerprint and the strategy can be found. With `trust` strategies and
    signals may be `module:name`, whose code is then imported: say so for folders of your own.

    Raises `DataError` with the file that is missing or cannot be read.
    """
    source = Path(folder)
    with reading(source / "run.json"):
        recover(source.resolve().parent)
        if not (source / "run.json").is_file():
            raise DataError(f"{source}: no run.json; a run is saved by `undertow backtest --out` or `Run.save`")
    content = read_json(source / "run.json")
    if not isinstance(content, dict) or not isinstance(content.get("counts"), dict):
        raise DataError(f"{source}: not a readable run: run.json has no `counts`; {AGAIN}")
    counts = read_counts(source / "run.json", content.pop("counts"))
    ledger = content.pop("ledger", None)
    recipe = read_recipe(source / "run.json", content)
    tables = {name: read_run_table(source / f"{name}.parquet") for name in TABLES}
    reasons, no_reasons = _read_reasons(source, trust)
    _check(source, recipe, tables, reasons)
    return Run(
        recipe,
        tables["returns"],
        tables["weights"],
        tables["orders"],
        tables["episodes"],
        counts,
        build_portfolio=partial(_rebuild_portfolio, recipe, tables["returns"]["value"], trust),
        reasons=reasons,
        trial_count=None if ledger is None else read_trial_count(source / "run.json", ledger, _TRIAL_COUNT),
        attribution_parts=_read_attribution(source),
        find_hold_tax=_read_hold_tax(source),
        no_reasons=no_reasons,
    )


def _check(source: Path, recipe: Recipe, tables: dict[str, pd.DataFrame], reasons: Reasons | None) -> None:
    """Raise `DataError` where the files of a folder belong to different runs."""
    sessions = tables["returns"].index
    if len(sessions) != recipe.sessions:
        raise DataError(
            f"{source}: returns.parquet has {len(sessions)} sessions, run.json has {recipe.sessions}; {AGAIN}"
        )
    span = f"{sessions[0]:%Y-%m-%d}", f"{sessions[-1]:%Y-%m-%d}"
    if span != (recipe.start, recipe.end):
        raise DataError(
            f"{source}: returns.parquet is of {span[0]} to {span[1]}, run.json of {recipe.start} to {recipe.end};"
            f" {AGAIN}"
        )
    for name in ("orders", "episodes"):
        days = tables[name]["session"]
        if len(days) and not days.between(sessions[0], sessions[-1]).all():
            raise DataError(f"{source}: {name}.parquet has sessions beyond those of returns.parquet; {AGAIN}")
    if recipe.benchmark is not None and "benchmark_return" not in tables["returns"]:
        raise DataError(f"{source}: returns.parquet has no `benchmark_return`; {AGAIN}")
    indexes = {"weights.parquet": tables["weights"].index}
    if reasons is not None:
        indexes["reasons.parquet"] = reasons.sessions
    for name, index in indexes.items():
        if not index.equals(sessions):
            raise DataError(f"{source}: {name} and returns.parquet have different sessions; {AGAIN}")


def _read_attribution(source: Path) -> Attribution | None:
    file = next((source / name for name in _ATTRIBUTION_FILES if (source / name).is_file()), None)
    return None if file is None else read_attribution(file)


def _read_hold_tax(source: Path) -> Callable[[], dict[str, Any]] | None:
    file = source / "tax.json"
    tax = read_hold_tax(file) if file.is_file() else None
    return None if tax is None else partial(dict, tax)


def _read_reasons(source: Path, trust: bool) -> tuple[Reasons | None, str]:
    """The drivers of a rule; or None, and why a rule's are missing."""
    if not (source / "reasons.parquet").is_file():
        return None, ""
    file = source / "rule.json"
    content = read_json(file)
    unknown = [name for name in _signals_of(content) if not (name in registered(SIGNALS) or (trust and ":" in name))]
    if unknown:
        return None, (
            f"its rule has signals that are not registered here: {', '.join(unknown)}; the drivers of its decisions are"
            " left out. Install what registers them, or read the folder by `undertow.load_run(folder, trust=True)`"
            " where you trust who wrote it and the code"
        )
    with reading(file), registered_only(trust):
        rule = Rule.model_validate(content)
    with reading(source / "reasons.parquet"):
        reasons = Reasons.from_frame(rule, read_run_table(source / "reasons.parquet"))
        _check_drivers(reasons)
    return reasons, ""


def _check_drivers(reasons: Reasons) -> None:
    """Raise `ValueError` where the table has other drivers or tiers than the rule."""
    drivers, back = len(reasons.names), len(reasons.back_names)
    for name, count in (("values", drivers), ("severity", drivers), ("fallback", drivers), ("back", back)):
        columns = getattr(reasons, name).shape[1]
        if columns != count:
            raise ValueError(f"it has {columns} columns of {name}, rule.json has {count}")
    for name, least, most in (("tier", 0, len(reasons.rule.ladder) - 1), ("event", 0, len(EVENTS) - 1)):
        column = getattr(reasons, name)
        if len(column) and not (least <= column.min() and column.max() <= most):
            raise ValueError(f"`{name}` must lie between {least} and {most}")


def _signals_of(content: Any) -> list[str]:
    """The signals that the JSON of a rule names, wherever, each once."""
    if isinstance(content, list):
        names = [name for entry in content for name in _signals_of(entry)]
    elif isinstance(content, dict):
        names = [content[key] for key in ("signal", "fallback") if isinstance(content.get(key), str) and content[key]]
        names += [name for entry in content.values() for name in _signals_of(entry)]
    else:
        names = []
    return list(dict.fromkeys(names))


def _rebuild_portfolio(recipe: Recipe, values: pd.Series, trust: bool) -> Portfolio:
    """The portfolio of the run made again; `DataError` on values that differ."""
    # The kernels of a backtest take seconds to load; a run is read without them.
    from undertow.backtests.runs.backtest import backtest

    market, strategy = _market_of(recipe), _strategy_of(recipe, trust)
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


def _strategy_of(recipe: Recipe, trust: bool) -> Strategy:
    from undertow.strategies import Strategy
    from undertow.strategies.rules import read_rule

    try:
        option, word = _strategy_option(recipe.command or "")
        if option == "--rule":
            return read_rule(word, trust=trust).strategy
        if option == "--strategy":
            strategy_class = _imported(word)
            if strategy_class is None:
                with registered_only(trust):
                    strategy_class = load(STRATEGIES, word)
            if isinstance(strategy_class, type) and issubclass(strategy_class, Strategy):
                return strategy_class.create(recipe.parameters)
    except UndertowError as error:
        raise ParameterError(f"{NO_PORTFOLIO} ({error})") from None
    raise ParameterError(f"{NO_PORTFOLIO} (`{recipe.strategy}` cannot be made again from its name alone)")


def _imported(word: str) -> Any:
    """The class that module:Class names, where its module is imported already."""
    module, _, name = word.partition(":")
    return getattr(sys.modules.get(module), name, None) if name else None


def _strategy_option(command: str) -> tuple[str, str]:
    """`--rule` or `--strategy` of a backtest's command and its value, else ""."""
    try:
        argv = shlex.split(command)
    except ValueError:
        return "", ""
    for option in ("--rule", "--strategy"):
        if argv[:2] == ["undertow", "backtest"] and option in argv[:-1]:
            return option, argv[argv.index(option) + 1]
    return "", ""
