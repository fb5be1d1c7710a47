"""Rules as files: parts in TOML or JSON, or a named strategy with its parameters."""

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

from undertow.market import DataError, Market, ParameterError, UndertowError, did_you_mean
from undertow.signals.base import STRATEGIES, load, registered_only
from undertow.signals.decisions import Screen, check_universe, is_screen
from undertow.strategies.rules.rule import Rule
from undertow.strategies.rules.settings import DATES, backtest_settings, iso_date
from undertow.strategies.rules.strategy import FreeRule, RuleStrategy
from undertow.strategies.strategy import Strategy

_NAMED = ("strategy", "parameters", "backtest")
# Beyond what any rule has: bytes of a file, characters of a text, levels of nesting, size of a whole number.
_LONGEST_FILE, _LONGEST_TEXT, _DEEPEST, _LARGEST = 1_000_000, 10_000, 20, 10**15
_TOO_DEEP = "is nested deeper than any rule; write its tables as in `undertow rule liquidity-drain --parts`"


@dataclass(frozen=True)
class RuleFile:
    """The content of a rule file.

    Args:
        strategy: the strategy
        settings: settings of the backtest by name
        source: the file, or preset, as errors name it
    """

    strategy: Strategy
    settings: Mapping[str, str | float] = field(default_factory=dict)
    source: str = ""

    def with_settings(self, overrides: Mapping[str, str | float | None]) -> dict[str, Any]:
        """The settings of the backtest, with `overrides` that are not None.

        Those in `COSTS` are arguments of `undertow.Costs`, the others of `undertow.backtest`. Raises `ParameterError`
        where a date cannot be read, where the end is before the start, or where a screen cannot be read.
        """
        changed = {name: value for name, value in overrides.items() if value is not None}
        settings: dict[str, Any] = {**self.settings, **changed}
        for name in DATES:
            if name in settings:
                settings[name] = self._date(name, settings[name])
        if {*DATES} <= {*settings} and settings["start"] > settings["end"]:
            dates = " and ".join(f"{settings[name]}{'' if name in changed else self._key(name)}" for name in DATES)
            raise ParameterError(f"`start` must not be after `end`, got {dates}")
        if is_screen(settings.get("universe", "")):
            settings["universe"] = str(Screen.parse(settings["universe"]))
        return settings

    def check(self, market: Market, settings: Mapping[str, Any]) -> None:
        """Raise an error with file and key where the file names what `market` lacks.

        Checks the universe, unless the `settings` of the backtest have another, the basket, and the symbol of a hedge.
        """
        universe = self.settings.get("universe")
        if universe is not None and universe == settings.get("universe"):
            check_universe(market, str(universe), f"{self.source}: backtest.universe")
        if isinstance(self.strategy, RuleStrategy):
            self.strategy.check_market(market)

    def _date(self, name: str, value: object) -> str:
        text = iso_date(value)
        if text is None:
            raise ParameterError(f"`{name}` must be a date such as 2018-01-02, got {value!r}")
        return text

    def _key(self, name: str) -> str:
        return f" ({self.source}: backtest.{name})"


def read_rule(path: str | Path, *, trust: bool = False) -> RuleFile:
    """The rule of a .toml or .json file, or of a preset by name.

    A file has either the parts of a `Rule` (`[trigger]`, `[[tiers]]`, …) or the name of a `strategy` and its
    `[parameters]`; `[backtest]` may have universe, fill, weighting, rebalance, start, end, borrow_bps, tax_rate and
    lots. Signals and strategies are registered names; with `trust` also `module:name`, whose code is imported. Raises
    `DataError` with file, key and what is allowed.
    """
    if str(path) in presets():
        text, source = _preset_text(str(path)), f"preset {path}"
        return _rule_file(_toml(text, source), source, str(path), trust)
    file = Path(path)
    if not _is_file(file):
        # Only a bare name can be a mistyped preset.
        suggestion = "" if file.suffix or len(file.parts) > 1 else did_you_mean(str(path), presets())
        raise DataError(f"{path}: no such rule file or preset{suggestion}; presets: {', '.join(presets())}")
    text = _text(file)
    table = _json(text, str(path)) if file.suffix == ".json" else _toml(text, str(path))
    return _rule_file(table, str(path), str(path), trust)


def presets() -> tuple[str, ...]:
    """The names of the presets, one for each named strategy."""
    return tuple(sorted(file.name.removesuffix(".toml") for file in _folder().iterdir() if file.name.endswith(".toml")))


def rule_text(name: str) -> str:
    """The text of a preset, or of a rule file."""
    return _preset_text(name) if name in presets() else _text(Path(name))


def as_toml(rule: Rule, backtest: Mapping[str, float | str] | None = None) -> str:
    """A rule as a TOML file that `read_rule` reads back, without default values.

    `backtest` is its `[backtest]` table. Numbers are shortened: -0.1 for -0.09999999999999999.
    """
    values = rule.model_dump(exclude_defaults=True, exclude_none=True, mode="json")
    # Scores meet the levels of tiers exactly: rounding those would change decisions.
    table = {name: value if name == "tiers" else _shortened(value) for name, value in values.items()}
    return tomli_w.dumps({**table, **({"backtest": dict(backtest)} if backtest else {})})


def _shortened(value: Any) -> Any:
    """The value with numbers rounded to 12 digits where that is shorter."""
    if isinstance(value, dict):
        return {name: _shortened(element) for name, element in value.items()}
    if isinstance(value, list):
        return [_shortened(element) for element in value]
    if not isinstance(value, float):
        return value
    rounded = float(f"{value:.12g}")
    return rounded if abs(rounded - value) <= 1e-12 and len(repr(rounded)) < len(repr(value)) else value


def _is_file(file: Path) -> bool:
    try:
        return file.is_file()
    except (OSError, ValueError):
        # A name that is too long, or that has a NUL character, is that of no file.
        return False


def _text(file: Path) -> str:
    """The text of a file without a byte-order mark."""
    try:
        if file.stat().st_size > _LONGEST_FILE:
            raise DataError(f"{file}: is no rule: it has more than {_LONGEST_FILE:,} bytes; name a file with a rule")
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(f"{file}: cannot be read: {reason}; name a file with a rule") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise DataError(
            f"{file}: must be UTF-8 text; line {line} has the byte 0x{error.object[error.start]:02x}: save it as UTF-8"
        ) from None


def _folder() -> Any:
    return files("undertow.strategies")


def _preset_text(name: str) -> str:
    return str(_folder().joinpath(f"{name}.toml").read_text(encoding="utf-8"))


def _toml(text: str, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise DataError(f"{source}: {_TOO_DEEP}") from None
    except ValueError as error:
        raise DataError(f"{source}: not TOML: {_parser_message(error)}") from None


def _json(text: str, source: str) -> dict[str, Any]:
    try:
        table = json.loads(text, object_pairs_hook=_without_repeats)
    except RecursionError:
        raise DataError(f"{source}: {_TOO_DEEP}") from None
    except ValueError as error:
        raise DataError(f"{source}: not JSON: {_parser_message(error)}") from None
    if not isinstance(table, dict):
        raise DataError(f"{source}: must hold one object with the keys of a rule")
    return table


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"key {next(name for name in names if names.count(name) > 1)!r} is there twice")
    return table


def _parser_message(error: ValueError) -> str:
    # Python refuses to read a longer number, and says so with a function of its own.
    return "a number has too many digits" if "integer string conversion" in str(error) else str(error)


def _check_bounds(value: Any, source: str, key: str = "", depth: int = 0) -> None:
    """Raise `DataError` on numbers, texts and nesting beyond what any rule has."""
    if depth > _DEEPEST:
        raise DataError(f"{source}: {_TOO_DEEP}")
    if isinstance(value, dict | list):
        entries = value.items() if isinstance(value, dict) else enumerate(value, 1)
        for name, entry in entries:
            if len(str(name)) > _LONGEST_TEXT:
                raise DataError(f"{source}: {key or 'a table'}: has a key of {len(str(name)):,} characters")
            _check_bounds(entry, source, f"{key}.{name}" if key else str(name), depth + 1)
    elif isinstance(value, int) and abs(value) > _LARGEST:
        raise DataError(f"{source}: {key}: must be at most {_LARGEST:,} in size; it has {value.bit_length():,} bits")
    elif isinstance(value, str) and len(value) > _LONGEST_TEXT:
        raise DataError(f"{source}: {key}: must have at most {_LONGEST_TEXT:,} characters, got {len(value):,}")


def _rule_file(table: dict[str, Any], source: str, origin: str, trust: bool) -> RuleFile:
    _check_bounds(table, source)
    settings = backtest_settings(table.pop("backtest", {}), source)
    strategy = _named(table, source, trust) if "strategy" in table else _user_defined(table, source, trust)
    strategy.set_origin(origin)
    return RuleFile(strategy, settings, source)


def _named(table: dict[str, Any], source: str, trust: bool) -> Strategy:
    for key in table:
        if key not in _NAMED:
            suggestion = did_you_mean(key, _NAMED)
            raise DataError(
                f"{source}: {key}: unknown key{suggestion}; beside `strategy` allowed: parameters, backtest"
            )
    try:
        with registered_only(trust):
            strategy_class = load(STRATEGIES, str(table["strategy"]))
    except UndertowError as error:
        raise DataError(f"{source}: strategy: {error}") from None
    if not (isinstance(strategy_class, type) and issubclass(strategy_class, Strategy)) or isabstract(strategy_class):
        raise DataError(f"{source}: strategy: `{table['strategy']}` is not a strategy")
    parameters = table.get("parameters", {})
    _check_numbers(strategy_class, parameters, source)
    try:
        return strategy_class.create(parameters)
    except ParameterError as error:
        raise DataError(f"{source}: parameters: {error}") from None


def _check_numbers(strategy_class: type[Strategy], parameters: Any, source: str) -> None:
    """Raise `DataError` where a truth value or text stands for a number.

    Only the command line may write numbers as text.
    """
    if not isinstance(parameters, dict):
        raise DataError(f"{source}: parameters: must be a table, got {parameters!r}")
    fields = strategy_class.model_fields
    for name, value in parameters.items():
        if name in fields and fields[name].annotation in (int, float) and isinstance(value, bool | str):
            raise DataError(f"{source}: parameters.{name}: must be a number, got {value!r}")


def _user_defined(table: dict[str, Any], source: str, trust: bool) -> Strategy:
    try:
        with registered_only(trust):
            return FreeRule(definition=Rule.model_validate(table))
    except ValidationError as error:
        raise DataError(f"{source}: {_first_message(error)}") from None


def _first_message(error: ValidationError) -> str:
    first = error.errors()[0]
    key = ""
    for part in first["loc"]:
        key += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if key else str(part)
    if first["type"] == "missing":
        return f"{key}: this key is missing"
    if first["type"] == "value_error":
        message = str(first["ctx"]["error"])
    else:
        message = f"{first['msg'][0].lower()}{first['msg'][1:]}, got {first['input']!r}"
    return f"{key}: {message}" if key else message


def parts_of(strategy: Strategy) -> Rule:
    """The rule of a rule-based strategy; raises `ParameterError` for any other."""
    if isinstance(strategy, RuleStrategy):
        return strategy.rule()
    raise ParameterError(f"`{strategy.name()}` is not rule-based: it has no parts")


def load_rule(path: str | Path, *, trust: bool = False) -> Strategy:
    """The strategy of a rule file or preset, without its `[backtest]` settings.

    `read_rule` returns the settings too. With `trust` the file may name code as `module:name`, which is imported.
    Raises `DataError` with file, key and the values allowed.

    >>> load_rule("swing").name()
    'swing'
    """
    return read_rule(path, trust=trust).strategy
