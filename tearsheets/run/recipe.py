"""The recipe of a run: the settings and parameters that reproduce it, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from undertow.backtests import Recipe
from undertow.backtests.runs import Run
from undertow.tearsheets.html.markup import Html, facts, section, tag
from undertow.tearsheets.html.text import BLANK, count, title, value_text

_LABELS = {
    "universe": "Universe",
    "start": "First session",
    "end": "Last session",
    "sessions": "Sessions",
    "fill": "Fill price",
    "weighting": "Base weights",
    "weights_file": "File of the weights",
    "rebalance": "Rebalanced",
    "fee_bps": "Fee, bps",
    "slippage_bps": "Slippage, bps",
    "haircut_bps": "Haircut when prices end, bps",
    "borrow_bps": "Borrowing cost, bps a year",
    "tax_rate": "Tax rate on realised gains, reported only",
    "lots": "Tax lots sold first",
    "maintenance": "Maintenance margin of what is sold short",
    "wash_sales": "Wash sales deferred",
    "capital": "Starting capital, USD",
    "market": "Market",
    "market_fingerprint": "Market fingerprint",
    "calendar": "Calendar",
    "benchmark": "Benchmark",
    "cash": "Cash symbol",
    "seed": "Market seed",
}


def recipe_section(run: Run) -> Html:
    """The parameters, the settings and the command that reproduce the run."""
    recipe = run.recipe
    parameters = recipe_parameters(recipe).items()
    command = [("Command", tag("code", recipe.command))] if recipe.command else []
    return section(
        "Recipe",
        tag("h3", f"Parameters of {title(recipe.strategy).lower()}"),
        facts(parameters) if parameters else tag("p", "This strategy has no parameters."),
        tag("h3", "Settings"),
        facts(recipe_settings(recipe).items()),
        facts(command, kind="facts wide") if command else "",
    )


def recipe_settings(recipe: Recipe) -> dict[str, str]:
    """Every setting except the strategy and its parameters, by its label."""
    texts = {label: value_text(getattr(recipe, name)) for name, label in _LABELS.items()}
    texts["Starting capital, USD"] = count(recipe.capital)
    texts["Sessions"] = count(recipe.sessions)
    texts["Versions"] = ", ".join(f"{name} {version}" for name, version in recipe.versions.items())
    return texts


def recipe_parameters(recipe: Recipe, digits: int = 10) -> dict[str, str]:
    """The parameters of the strategy as text; those of a rule file by their path."""
    return {
        path: value_text(value, digits)
        for name, parameter in recipe.parameters.items()
        for path, value in (_leaves("", parameter) if isinstance(parameter, Mapping) else [(str(name), parameter)])
    }


def _leaves(path: str, content: Any) -> Iterator[tuple[str, Any]]:
    """The values of a nested record with their paths; empty values are omitted."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            yield from _leaves(f"{path}.{key}" if path else str(key), value)
    elif isinstance(content, list | tuple) and any(isinstance(item, Mapping) for item in content):
        for number, value in enumerate(content):
            yield from _leaves(f"{path}[{number}]", value)
    elif content is not None and content != "" and content != [] and content != ():
        yield path, content


def compare_settings(columns: list[dict[str, str]]) -> tuple[list[str], list[str]]:
    """The names of settings that differ between recipes, and of equal ones."""
    names = list(dict.fromkeys(name for column in columns for name in column))
    differ = [name for name in names if len({column.get(name) for column in columns}) > 1]
    return differ, [name for name in names if name not in differ]


def equal_settings_line(names: list[str], column: dict[str, str]) -> str:
    """The equal settings that have a value, on one line."""
    return "; ".join(f"{name}: {column[name]}" for name in names if column[name] != BLANK)
