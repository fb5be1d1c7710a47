"""Rules as files: parts put together in TOML or JSON, or a named strategy with its parameters."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from inspect import isabstract
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import ValidationError

from undertow.market.errors import DataError, ParameterError, UndertowError, did_you_mean
from undertow.market.market import Market
from undertow.signals.base.registry import STRATEGIES, load
from undertow.signals.decisions.screen import Screen, check_universe, is_screen
from undertow.strategies.rules.rule import Rule
from undertow.strategies.rules.settings import DAYS, day_of, read_settings
from undertow.strategies.rules.strategy import FreeRule, RuleStrategy
from undertow.strategies.strategy import Strategy

_NAMED = ("strategy", "parameters", "backtest")


@dataclass(frozen=True)
class RuleFile:
    """What a rule file says: the strategy, and settings of the backtest by name; errors call it `where`."""

    strategy: Strategy
    settings: Mapping[str, str | float] = field(default_factory=dict)
    where: str = ""

    def with_settings(self, given: Mapping[str, str | float | None]) -> dict[str, Any]:
        """The settings of the backtest: what is given (not None) before what the file says.

        Those of `COSTS` are arguments of `undertow.Costs`, the others of `undertow.backtest`. Raises `ParameterError`
        where a day is none, where the stretch would end before it starts, or where a screen cannot be read.
        """
        found: dict[str, Any] = {**self.settings, **{name: value for name, value in given.items() if value is not None}}
        for name in DAYS:
            if name in found:
                found[name] = self._day(name, found[name])
        if {*DAYS} <= {*found} and found["start"] > found["end"]:
            words = " and ".join(f"{found[name]}{self._said(name, given)}" for name in DAYS)
            raise ParameterError(f"`start` must not be after `end`, got {words}")
        if is_screen(found.get("universe", "")):
            found["universe"] = str(Screen.parse(found["universe"]))
        return found

    def check(self, market: Market, settings: Mapping[str, Any]) -> None:
        """Raise an error with file and key where the file names what `market` does not have; `settings` are in force.

        Looks at the universe, unless another is in force, and at the basket and the symbol of a hedge.
        """
        universe = self.settings.get("universe")
        if universe is not None and universe == settings.get("universe"):
            check_universe(market, str(universe), f"{self.where}: backtest.universe")
        if isinstance(self.strategy, RuleStrategy):
            self.strategy.check_market(market)

    def _day(self, name: str, value: object) -> str:
        day = day_of(value)
        if day is None:
            raise ParameterError(f"`{name}` must be a date such as 2018-01-02, got {value!r}")
        return day

    def _said(self, name: str, given: Mapping[str, str | float | None]) -> str:
        return "" if given.get(name) is not None else f" ({self.where}: backtest.{name})"


def read_rule(path: str | Path) -> RuleFile:
    """The rule of a .toml or .json file, or of the preset of that name.

    A file either puts parts together (`[trigger]`, `[[tiers]]`, … as in `Rule`) or names a `strategy` and its
    `[parameters]`; `[backtest]` may hold universe, fill, weighting, rebalance, start, end, borrow_bps, tax_rate and
    lots. Raises `DataError` with file, key and what is allowed.
    """
    if str(path) in presets():
        text, where = _preset_text(str(path)), f"preset {path}"
        return _rule_of(_toml(text, where), where, str(path))
    file = Path(path)
    if not file.is_file():
        # Only a bare word can be meant as a preset.
        near = "" if file.suffix or len(file.parts) > 1 else did_you_mean(str(path), presets())
        raise DataError(f"{path}: no such rule file or preset{near}; presets: {', '.join(presets())}")
    text = _text(file)
    given = _json(text, str(path)) if file.suffix == ".json" else _toml(text, str(path))
    return _rule_of(given, str(path), str(path))


def presets() -> tuple[str, ...]:
    """The names of the presets, one for each named strategy."""
    return tuple(sorted(each.name.removesuffix(".toml") for each in _folder().iterdir() if each.name.endswith(".toml")))


def text_of(name: str) -> str:
    """The text of a preset, or of a rule file."""
    return _preset_text(name) if name in presets() else Path(name).read_text(encoding="utf-8")


def as_toml(rule: Rule, backtest: Mapping[str, float | str] | None = None) -> str:
    """A rule as a file that `read_rule` reads back, with what is left at its default left out.

    `backtest` is what its `[backtest]` says. Numbers are written as they read: -0.1 for -0.09999999999999999.
    """
    plain = rule.model_dump(exclude_defaults=True, exclude_none=True, mode="json")
    # Scores meet the levels of tiers exactly, so that a rounding there would change decisions.
    found = {name: value if name == "tiers" else _as_read(value) for name, value in plain.items()}
    return tomli_w.dumps({**found, **({"backtest": dict(backtest)} if backtest else {})})


def _as_read(value: Any) -> Any:
    """The same with every number rounded to 12 digits, where that is shorter and within 1e-12."""
    if isinstance(value, dict):
        return {name: _as_read(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_as_read(each) for each in value]
    if not isinstance(value, float):
        return value
    rounded = float(f"{value:.12g}")
    return rounded if abs(rounded - value) <= 1e-12 and len(repr(rounded)) < len(repr(value)) else value


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise DataError(
            f"{file}: must be UTF-8 text; line {line} has the byte 0x{error.object[error.start]:02x}: save it as UTF-8"
        ) from None


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
    settings = read_settings(given.pop("backtest", {}), where)
    strategy = _named(given, where) if "strategy" in given else _free(given, where)
    strategy.came_from(origin)
    return RuleFile(strategy, settings, where)


def _named(given: dict[str, Any], where: str) -> Strategy:
    for key in given:
        if key not in _NAMED:
            near = did_you_mean(key, _NAMED)
            raise DataError(f"{where}: {key}: unknown key{near}; beside `strategy` allowed: parameters, backtest")
    try:
        kind = load(STRATEGIES, str(given["strategy"]))
    except UndertowError as error:
        raise DataError(f"{where}: strategy: {error}") from None
    if not (isinstance(kind, type) and issubclass(kind, Strategy)) or isabstract(kind):
        raise DataError(f"{where}: strategy: `{given['strategy']}` is not a strategy")
    parameters = given.get("parameters", {})
    _check_numbers(kind, parameters, where)
    try:
        return kind.create(parameters)
    except ParameterError as error:
        raise DataError(f"{where}: parameters: {error}") from None


def _check_numbers(kind: type[Strategy], parameters: Any, where: str) -> None:
    """Raise `DataError` where a truth value or text stands for a number, which the command line alone may write so."""
    if not isinstance(parameters, dict):
        raise DataError(f"{where}: parameters: must be a table, got {parameters!r}")
    for name, value in parameters.items():
        wanted = kind.model_fields[name].annotation if name in kind.model_fields else None
        if wanted in (int, float) and isinstance(value, bool | str):
            raise DataError(f"{where}: parameters.{name}: must be a number, got {value!r}")


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


def load_rule(path: str | Path) -> Strategy:
    """The strategy of a rule file or preset, without the settings of its `[backtest]` table.

    `read_rule` returns the settings too. Raises `DataError` with file, key and the values allowed.

    >>> load_rule("swing").name()
    'swing'
    """
    return read_rule(path).strategy
