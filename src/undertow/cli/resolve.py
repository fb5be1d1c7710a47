"""Objects from options: a market, a strategy, a signal, an account, a search.

Heavy modules are imported inside the functions.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from undertow.cli.streams import printable

if TYPE_CHECKING:
    from undertow.backtests import Account
    from undertow.backtests.tuning import Search
    from undertow.cli.option_groups import RuleOptions, SearchOptions, SpaceOptions
    from undertow.market import Fill, Market
    from undertow.strategies import Strategy
    from undertow.strategies.rules import RuleFile

_SPAN = ("universe", "start", "end")


def resolve_market(folder: Path | None, seed: int) -> Market:
    """The market of a folder, or the simulated one of a seed."""
    from undertow.market import load_market, simulate_market

    return simulate_market(seed=seed) if folder is None else load_market(folder)


def resolve_strategy_class(name: str) -> type[Strategy]:
    """The strategy class of a registered name, or of module:Class.

    Raises `ParameterError` where it is not a strategy.
    """
    from inspect import isabstract

    from undertow.market import ParameterError
    from undertow.signals.base import STRATEGIES
    from undertow.strategies import Strategy

    strategy_class = _plug_in(STRATEGIES, name)
    is_strategy = isinstance(strategy_class, type) and issubclass(strategy_class, Strategy)
    if not is_strategy or isabstract(strategy_class):
        raise ParameterError(f"`{name}` is not a strategy; name a subclass of undertow.Strategy with a `decide`")
    resolved: type[Strategy] = strategy_class
    return resolved


def resolve_strategy(name: str, settings: Sequence[str]) -> Strategy:
    """The strategy of a name with parameters as typed; `ParameterError` on a bad one."""
    parameters = read_assignments(settings)
    return resolve_strategy_class(name).create(parameters)


def resolve_rule(options: RuleOptions, default: str | None = None) -> RuleFile:
    """The rule of `--strategy` with `--set`, or of `--rule`, or the `default`.

    Raises `ParameterError` where both are, or neither and there is no default.
    """
    from undertow.market import ParameterError
    from undertow.strategies.rules import RuleFile

    strategy, settings = options.strategy, options.set_ or []
    if strategy is None and options.rule is None:
        strategy = default
    if (strategy is None) == (options.rule is None):
        raise ParameterError("give either --strategy (see `undertow list strategies`) or --rule (a file or a preset)")
    if options.rule is None:
        return RuleFile(resolve_strategy(str(strategy), settings))
    if settings:
        raise ParameterError("`--set` can only be used with --strategy; the parameters of a rule are in its file")
    return read_trusted(options.rule, options.trust)


def resolve_swept(strategy: str | None, rule: str | None, trust: bool) -> tuple[type[Strategy], RuleFile]:
    """The class that is swept, and the file with its settings.

    Of `--strategy`, or of the numbers of the rule in the file `--rule`. Raises `ParameterError` where both are stated,
    or neither, and where the file names a strategy instead of parts.
    """
    from undertow.market import ParameterError
    from undertow.strategies import BuyAndHold
    from undertow.strategies.rules import FreeRule, RuleFile, rule_numbers

    if (strategy is None) == (rule is None):
        raise ParameterError("give either --strategy (see `undertow list strategies`) or --rule (a file or a preset)")
    if rule is None:
        strategy_class = resolve_strategy_class(str(strategy))
        # A strategy of `--strategy` has no settings of its own.
        return strategy_class, RuleFile(BuyAndHold())
    file = read_trusted(rule, trust)
    if not isinstance(file.strategy, FreeRule):
        raise ParameterError(
            f"{rule}: names the strategy `{file.strategy.name()}`, not the parts of a rule; sweep it with --strategy,"
            f" or save its parts (`undertow rule {file.strategy.name()} --parts`)"
        )
    return rule_numbers(file.strategy.definition, rule), file


def read_trusted(path: str, trust: bool) -> RuleFile:
    """The rule of a file or preset, which may name user-defined code with `trust`."""
    from undertow.strategies.rules import read_rule

    if trust:
        import_from_here()
    return read_rule(path, trust=trust)


def resolve_signal(name: str) -> Any:
    """The signal of a registered name, or of module:attribute.

    Raises `ParameterError` where it is not a signal.
    """
    from undertow.market import ParameterError
    from undertow.signals.base import SIGNALS, Spec

    signal = _plug_in(SIGNALS, name)
    if not isinstance(getattr(signal, "spec", signal), Spec):
        raise ParameterError(f"`{name}` is not a signal; name what `undertow.signals.indicator(Spec(...))` returned")
    return signal


def resolve_account(settings: Mapping[str, Any]) -> Account:
    """The account of settings by option; raises `ParameterError` on a bad value."""
    from undertow.backtests import Account, Costs

    return Account(costs=Costs(**_of_record(Costs, settings)), **_of_record(Account, settings))


def resolve_span(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Universe, first and last session of `settings`, as far as they are stated."""
    return {name: settings[name] for name in _SPAN if name in settings}


def resolve_search(
    space: SpaceOptions, search: SearchOptions, *, trials: int, storage: str | None, study: str | None
) -> Search:
    """The search that the options describe; raises `ParameterError` on a bad value.

    Args:
        space: fixed and narrowed parameters.
        search: objectives, constraints, share of failed trials, sampler and design.
        trials: number of trials.
        storage: where the study is stored; None for memory.
        study: name of the study; None for the strategy's.
    """
    from undertow.backtests import read_objectives
    from undertow.backtests.tuning import Search

    objective = search.objective or "sharpe"
    import_from_here()
    read_objectives(objective)
    return Search(
        objective=objective,
        constraints=search.constraint,
        trials=trials,
        max_failed=search.max_failed,
        fixed=read_assignments(space.set_),
        narrowed=read_ranges(space.narrow),
        storage=storage,
        study=study,
        sampler=search.sampler,
        design=search.design,
    )


def warn_of_missing_feeds(
    strategy: type[Strategy], market: Market, universe: str, fill: Fill, fixed: Mapping[str, Any]
) -> None:
    """Print on standard error which signals of a strategy the market has no data for."""
    from undertow.backtests.tuning import missing_feeds
    from undertow.market import UndertowError

    try:
        missing = missing_feeds(strategy, market, universe, fill, fixed)
    except UndertowError:
        # The search itself reports what is wrong, or counts it as a failed trial.
        return
    for signal, reason in missing.items():
        print(printable(f"no value: {signal}, {reason}"), file=sys.stderr)


def import_from_here() -> None:
    """Let imports find modules of the current folder.

    `python -m` looks there, a console script does not.
    """
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())


def read_assignments(settings: Sequence[str] | None, option: str = "--set") -> dict[str, str]:
    """The values of `--set parameter=value` by parameter.

    Raises `ParameterError` on a bad or repeated one.
    """
    from undertow.market import ParameterError

    values: dict[str, str] = {}
    for setting in settings or ():
        parameter, equals, value = setting.partition("=")
        if not equals or not parameter.strip():
            raise ParameterError(f"`{option}` must be parameter=value, got {setting!r}")
        if parameter.strip() in values:
            raise ParameterError(f"`{option}` gives `{parameter.strip()}` twice")
        values[parameter.strip()] = value.strip()
    return values


def read_ranges(settings: Sequence[str] | None) -> dict[str, Any]:
    """The ranges of `--narrow`: (low, high) where there is a colon, else choices."""
    from undertow.market import ParameterError

    ranges: dict[str, Any] = {}
    for name, text in read_assignments(settings, "--narrow").items():
        low, colon, high = text.partition(":")
        try:
            ranges[name] = (float(low), float(high)) if colon else [choice.strip() for choice in text.split(",")]
        except ValueError:
            raise ParameterError(f"`--narrow {name}` must be low:high in numbers, got {text!r}") from None
    return ranges


def check_targets(
    *, out: Path | None = None, result: str = "", html: Path | None = None, csv: Path | None = None
) -> None:
    """Raise `ParameterError` where a folder or file cannot be written.

    Args:
        out: folder of `--out`.
        result: file that only results of this command have, "" for a backtest; see `folders.check_replaceable`.
        html: file of `--html`.
        csv: file of `--csv`.
    """
    from undertow.backtests import check_replaceable, check_writable

    if out is not None:
        check_replaceable(out, result)
    for option, path in (("html", html), ("csv", csv)):
        if path is not None:
            check_writable(path, option)


def _of_record(record: type[Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    return {field.name: settings[field.name] for field in fields(record) if field.name in settings}


def _plug_in(group: str, name: str) -> Any:
    from undertow.signals.base import load

    import_from_here()
    return load(group, name)
