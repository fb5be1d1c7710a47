"""Options of the command line that state the sets of a sweep."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    json_to_distribution,
)

from undertow.backtests.sweeps.design import redraw, stepped
from undertow.market import ParameterError
from undertow.strategies import Strategy

# The option that fixes a parameter.
FIX_OPTION = "--set"
# From so many values on an evenly spaced axis is written as low:high:step.
_FEWEST_STEPS = 4


def made_by(origin: Mapping[str, Any]) -> str:
    """How sets were made, from `DataFrame.attrs`.

    "grid", "random" or "sobol"; "given" where it does not say.
    """
    return str(origin.get("method", "given"))


def sets_argv(
    strategy: type[Strategy], sets: pd.DataFrame, names: Sequence[str], origin: Mapping[str, Any]
) -> list[str] | None:
    """The options that state the sets; None where no options do.

    Args:
        strategy: class of the strategy.
        sets: one row a set, as the strategy reads them.
        names: columns of `sets` that are to be stated; the others are at their defaults.
        origin: how the sets were made, from `DataFrame.attrs`; checked against the sets.
    """
    try:
        if "space" in origin:
            return _draw_argv(strategy, sets, names, origin)
        return _grid_argv(strategy, sets, names)
    except ParameterError:
        # A value that the strategy does not read back, such as one of a strategy that needs other parameters too.
        return None


def narrowed_argv(strategy: type[Strategy], space: Mapping[str, BaseDistribution]) -> list[str] | None:
    """The `--narrow` options of a space; None where they cannot state it.

    A step or logarithm that is not the parameter's own cannot be stated, nor choices with commas, colons or spaces
    around them.
    """
    full_space = strategy.search_space()
    narrowed = {name: distribution for name, distribution in space.items() if distribution != full_space[name]}
    if not all(_is_expressible(full_space[name], distribution) for name, distribution in narrowed.items()):
        return None
    return [text for name in narrowed for text in ("--narrow", f"{name}={_range_text(narrowed[name])}")]


def _is_expressible(full: BaseDistribution, narrowed: BaseDistribution) -> bool:
    if isinstance(full, CategoricalDistribution) and isinstance(narrowed, CategoricalDistribution):
        # Choices are read by their text, in the order of the strategy.
        texts = set(map(str, narrowed.choices))
        by_text = {str(choice): choice for choice in full.choices}
        plain = all(_is_plain(str(choice)) for choice in narrowed.choices)
        return plain and narrowed.choices == tuple(choice for text, choice in by_text.items() if text in texts)
    if isinstance(full, IntDistribution) and isinstance(narrowed, IntDistribution):
        return (narrowed.log, narrowed.step) == (full.log, full.step)
    if isinstance(full, FloatDistribution) and isinstance(narrowed, FloatDistribution):
        return (narrowed.log, narrowed.step) == (full.log, full.step)
    return False


def _range_text(space: Any) -> str:
    if isinstance(space, CategoricalDistribution):
        return ",".join(map(str, space.choices))
    return f"{space.low}:{space.high}"


def _is_plain(text: str) -> bool:
    """Whether a text can stand in a list of values with commas."""
    return bool(text) and not {",", ":"} & set(text) and text == text.strip()


def _draw_argv(
    strategy: type[Strategy], sets: pd.DataFrame, names: Sequence[str], origin: Mapping[str, Any]
) -> list[str] | None:
    drawn, full_space = redraw(origin, len(sets)), strategy.search_space()
    # Parameters at their defaults are stated too: the command would draw them.
    columns = list(map(str, sets.columns))
    constant = [name for name in columns if name not in drawn and (name in names or name in full_space)]
    if any(name not in names or not _equal(drawn[name], sets[name]) for name in drawn):
        return None
    if any(not _equal(sets[name].iloc[[0] * len(sets)], sets[name]) for name in constant):
        return None
    space = {name: json_to_distribution(text) for name, text in origin["space"].items()}
    # The command draws from the strategy's own space less what is fixed.
    if list(space) != [name for name in full_space if name not in constant]:
        return None
    narrowed = narrowed_argv(strategy, space)
    fixed = _fixed_argv(strategy, {name: sets[name].tolist()[0] for name in constant})
    if narrowed is None or fixed is None:
        return None
    return [f"--{origin['method']}", str(len(sets)), "--seed", str(origin["seed"]), *fixed, *narrowed]


def _grid_argv(strategy: type[Strategy], sets: pd.DataFrame, names: Sequence[str]) -> list[str] | None:
    axes = {name: list({repr(value): value for value in sets[name].tolist()}.values()) for name in names}
    varied = [name for name in names if len(axes[name]) > 1] or list(names[:1])
    if not varied or math.prod(len(axes[name]) for name in varied) != len(sets):
        return None
    rows = zip(*(sets[name].tolist() for name in varied), strict=True)
    if any(row != combination for row, combination in zip(rows, _combinations(axes, varied), strict=True)):
        return None
    texts = {name: _axis_text(strategy, name, axes[name]) for name in varied}
    fixed = _fixed_argv(strategy, {name: axes[name][0] for name in names if name not in varied})
    if fixed is None or None in texts.values():
        return None
    return [*(text for name in varied for text in ("--grid", f"{name}={texts[name]}")), *fixed]


def _combinations(axes: Mapping[str, list[Any]], names: Sequence[str]) -> itertools.product[tuple[Any, ...]]:
    return itertools.product(*(axes[name] for name in names))


def _axis_text(strategy: type[Strategy], name: str, values: list[Any]) -> str | None:
    texts = [_value_text(value) for value in values]
    if not all(map(_is_plain, texts)) or not _is_read_as(strategy, name, texts, values):
        return None
    if len(values) >= _FEWEST_STEPS and all(type(value) in (int, float) for value in values):
        low, high, step = values[0], values[-1], float(f"{values[1] - values[0]:.12g}")
        if step > 0 and high > low and _is_read_as(strategy, name, stepped(low, high, step), values):
            return f"{low:.12g}:{high:.12g}:{step:.12g}"
    return ",".join(texts)


def _fixed_argv(strategy: type[Strategy], fixed: Mapping[str, Any]) -> list[str] | None:
    texts = {name: _value_text(value) for name, value in fixed.items()}
    if any(not _is_read_as(strategy, name, [texts[name]], [value]) for name, value in fixed.items()):
        return None
    return [text for name in texts for text in (FIX_OPTION, f"{name}={texts[name]}")]


def _is_read_as(strategy: type[Strategy], name: str, texts: Sequence[str], values: Sequence[Any]) -> bool:
    """Whether the strategy reads the texts of a parameter as these values."""
    if len(texts) != len(values):
        return False
    return [repr(getattr(strategy.create({name: text}), name)) for text in texts] == list(map(repr, values))


def _value_text(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, float) and float(f"{value:.12g}") == value else str(value)


def _equal(first: pd.Series, second: pd.Series) -> bool:
    return list(map(repr, first.tolist())) == list(map(repr, second.tolist()))
