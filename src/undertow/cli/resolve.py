"""What commands share: a market, a strategy or a signal from what was typed. Heavy modules are imported inside."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undertow.market import Market
    from undertow.strategies import Strategy
    from undertow.strategies.rules.file import RuleFile


def resolve_market(folder: Path | None, seed: int) -> Market:
    """The market of a folder, or the simulated one of a seed."""
    from undertow.market import load_market, simulate_market

    return simulate_market(seed=seed) if folder is None else load_market(folder)


def resolve_kind(name: str) -> type[Strategy]:
    """A strategy's class by its registered name or module:Class; raises `ParameterError` where it is none."""
    from inspect import isabstract

    from undertow.market.errors import ParameterError
    from undertow.signals.base.registry import STRATEGIES
    from undertow.strategies import Strategy

    kind = _plug_in(STRATEGIES, name)
    if not (isinstance(kind, type) and issubclass(kind, Strategy)) or isabstract(kind):
        raise ParameterError(f"`{name}` is not a strategy; name a subclass of undertow.Strategy with a `decide`")
    return kind


def warn_of_absent(kind: type[Strategy], market: Market, account: Mapping[str, Any], fixed: Mapping[str, str]) -> None:
    """Say on standard error which signals of a strategy the market has no data for, before a search among equals."""
    from undertow.backtests.tuning.missing_feeds import missing_feeds
    from undertow.market.errors import UndertowError

    try:
        absent = missing_feeds(kind, market, account["universe"], account["fill"], fixed)
    except UndertowError:
        # The search itself says what is wrong, or counts it as a failed trial.
        return
    for signal, why in absent.items():
        print(f"no value: {signal}, {why}", file=sys.stderr)


def resolve_strategy(name: str, settings: list[str]) -> Strategy:
    """A strategy by name with its parameters as typed; raises `ParameterError` on a bad one."""
    given = read_settings(settings)
    return resolve_kind(name).create(given)


def resolve_rule(strategy: str | None, rule: str | None, settings: list[str]) -> RuleFile:
    """What `--strategy` with `--set`, or `--rule`, named; raises `ParameterError` unless it is one of the two."""
    from undertow.market.errors import ParameterError
    from undertow.strategies.rules.file import RuleFile, read_rule

    if (strategy is None) == (rule is None):
        raise ParameterError("give either --strategy (see `undertow list strategies`) or --rule (a file or a preset)")
    if rule is None:
        return RuleFile(resolve_strategy(str(strategy), settings))
    if settings:
        raise ParameterError("`--set` goes with --strategy; the parameters of a rule are in its file")
    # A rule may name a signal of one's own as module:attribute.
    look_here()
    return read_rule(rule)


def resolve_signal(name: str) -> Any:
    """A signal by its registered name or module:attribute; raises `ParameterError` where it is none."""
    from undertow.market.errors import ParameterError
    from undertow.signals.base.registry import SIGNALS
    from undertow.signals.base.spec import Spec

    found = _plug_in(SIGNALS, name)
    if not isinstance(getattr(found, "spec", found), Spec):
        raise ParameterError(f"`{name}` is not a signal; name what `undertow.signals.indicator(Spec(...))` returned")
    return found


def _plug_in(group: str, name: str) -> Any:
    from undertow.signals.base.registry import load

    if ":" in name:
        look_here()
    return load(group, name)


def look_here() -> None:
    """Let imports find what lies in the current folder: `python -m` looks there, a console script does not."""
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())


def read_settings(settings: list[str], option: str = "--set") -> dict[str, str]:
    """What `--set parameter=value` gave, by parameter; raises `ParameterError` on a bad or repeated one."""
    from undertow.market.errors import ParameterError

    given = {}
    for setting in settings:
        parameter, equals, value = setting.partition("=")
        if not equals or not parameter.strip():
            raise ParameterError(f"`{option}` must be parameter=value, got {setting!r}")
        if parameter.strip() in given:
            raise ParameterError(f"`{option}` gives `{parameter.strip()}` twice")
        given[parameter.strip()] = value.strip()
    return given


def busy(what: str) -> Any:
    """A line on standard error, on a terminal, while something takes its time."""
    from undertow.cli.console import busy

    return busy(what)


def read_ranges(settings: list[str]) -> dict[str, Any]:
    """What `--narrow` gave: (low, high) where there is a colon, else choices; raises `ParameterError` on a bad one."""
    from undertow.market.errors import ParameterError

    found: dict[str, Any] = {}
    for name, text in read_settings(settings, "--narrow").items():
        low, colon, high = text.partition(":")
        try:
            found[name] = (float(low), float(high)) if colon else [each.strip() for each in text.split(",")]
        except ValueError:
            raise ParameterError(f"`--narrow {name}` must be low:high in numbers, got {text!r}") from None
    return found
