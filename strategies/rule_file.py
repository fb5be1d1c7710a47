"""Rules as files: parts put together in TOML or JSON, or a named strategy with its parameters."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import ValidationError

from undertow.market.errors import DataError, ParameterError, UndertowError, did_you_mean
from undertow.signals.registry import STRATEGIES, load
from undertow.signals.screen import Screen, is_screen
from undertow.strategies.rule import FreeRule, Rule, RuleStrategy
from undertow.strategies.strategy import Strategy

# What a file may say about the backtest; the rest is given where it is run.
SETTINGS = ("universe", "fill", "weighting", "rebalance", "start", "end")
_NAMED = ("strategy", "parameters", "backtest")


@dataclass(frozen=True)
class RuleFile:
    """What a rule file says: the strategy, and settings of the backtest by name."""

    strategy: Strategy
    settings: Mapping[str, str] = field(default_factory=dict)

    def with_settings(self, given: Mapping[str, str | None]) -> dict[str, Any]:
        """The settings of the backtest: what is given (not None) before what the file says.

        Raises `ParameterError` where the stretch would end before it starts or a screen cannot be read.
        """
        found = {**self.settings, **{name: value for name, value in given.items() if value is not None}}
        if found.get("start", "") > found.get("end", "9"):
            raise ParameterError(f"`start` must not be after `end`, got {found['start']} and {found['end']}")
        if is_screen(found.get("universe", "")):
            found["universe"] = str(Screen.parse(found["universe"]))
        return found


def read_rule(path: str | Path) -> RuleFile:
    """The rule of a .toml or .json file, or of the preset of that name.

    A file either puts parts together (`[trigger]`, `[[tiers]]`, … as in `Rule`) or names a `strategy` and its
    `[parameters]`; `[backtest]` may hold universe, fill, weighting, rebalance, start and end. Raises `DataError` with
    file, key and what is allowed.
    """
    if str(path) in presets():
        text, where = _preset_text(str(path)), f"preset {path}"
        return _rule_of(_toml(text, where), where, str(path))
    file = Path(path)
    if not file.is_file():
        near = did_you_mean(str(path), presets())
        raise DataError(f"{path}: no such rule file or preset{near}; presets: {', '.join(presets())}")
    text = file.read_text(encoding="utf-8")
    given = _json(text, str(path)) if file.suffix == ".json" else _toml(text, str(path))
    return _rule_of(given, str(path), str(path))


def presets() -> tuple[str, ...]:
    """The names of the presets, one for each named strategy."""
    return tuple(sorted(each.name.removesuffix(".toml") for each in _folder().iterdir() if each.name.endswith(".toml")))


def text_of(name: str) -> str:
    """The text of a preset, or of a rule file."""
    return _preset_text(name) if name in presets() else Path(name).read_text(encoding="utf-8")


def as_toml(rule: Rule) -> str:
    """A rule as a file that `read_rule` reads back, with what is left at its default left out."""
    return tomli_w.dumps(rule.model_dump(exclude_defaults=True, exclude_none=True, mode="json"))


def _folder() -> Any:
    return files("undertow.strategies")


def _preset_text(name: str) -> str:
    return str(_folder().joinpath(f"{name}.toml").read_text(encoding="utf-8"))


def _toml(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{where}: not TOML: {error}") from None


def _json(text: str, where: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except ValueError as error:
        raise DataError(f"{where}: not JSON: {error}") from None
    if not isinstance(given, dict):
        raise DataError(f"{where}: must hold one object with the keys of a rule")
    return given


def _rule_of(given: dict[str, Any], where: str, origin: str) -> RuleFile:
    settings = _settings(given.pop("backtest", {}), where)
    strategy = _named(given, where) if "strategy" in given else _free(given, where)
    strategy.came_from(origin)
    return RuleFile(strategy, settings)


def _settings(given: Any, where: str) -> dict[str, str]:
    if not isinstance(given, dict):
        raise DataError(f"{where}: backtest: must be a table")
    if isinstance(given.get("universe"), dict):
        try:
            given = {**given, "universe": str(Screen.of(given["universe"]))}
        except ParameterError as error:
            raise DataError(f"{where}: backtest.universe: {error}") from None
    for key, value in given.items():
        if key not in SETTINGS:
            near = did_you_mean(key, SETTINGS)
            raise DataError(f"{where}: backtest.{key}: unknown key{near}; allowed: {', '.join(SETTINGS)}")
        if not isinstance(value, str):
            raise DataError(f"{where}: backtest.{key}: must be text, got {value!r}; write it in quotes")
    return dict(given)


def _named(given: dict[str, Any], where: str) -> Strategy:
    for key in given:
        if key not in _NAMED:
            near = did_you_mean(key, _NAMED)
            raise DataError(f"{where}: {key}: unknown key{near}; beside `strategy` allowed: parameters, backtest")
    try:
        kind = load(STRATEGIES, str(given["strategy"]))
    except UndertowError as error:
        raise DataError(f"{where}: strategy: {error}") from None
    if not (isinstance(kind, type) and issubclass(kind, Strategy)):
        raise DataError(f"{where}: strategy: `{given['strategy']}` is not a strategy")
    try:
        return kind.create(given.get("parameters", {}))
    except ParameterError as error:
        raise DataError(f"{where}: parameters: {error}") from None


def _free(given: dict[str, Any], where: str) -> Strategy:
    try:
        return FreeRule(given=Rule.model_validate(given))
    except ValidationError as error:
        raise DataError(f"{where}: {_first_message(error)}") from None


def _first_message(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ""
    for part in first["loc"]:
        place += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if place else str(part)
    if first["type"] == "missing":
        return f"{place}: this key is missing"
    if first["type"] == "value_error":
        message = str(first["ctx"]["error"])
    else:
        message = f"{first['msg'][0].lower()}{first['msg'][1:]}, got {first['input']!r}"
    return f"{place}: {message}" if place else message


def parts_of(strategy: Strategy) -> Rule:
    """The rule that a strategy is made of; raises `ParameterError` where it is not made of parts."""
    if isinstance(strategy, RuleStrategy):
        return strategy.rule()
    raise ParameterError(f"`{strategy.name()}` is not put together from parts")
