"""Groups of options that several commands share: records whose fields are options."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, ClassVar, get_type_hints

import typer

from undertow.cli.options import (
    EndOption,
    FillOption,
    LotsOption,
    OptionalStrategyOption,
    RuleOption,
    SetOption,
    StartOption,
    TaxRateOption,
    TrustOption,
    UniverseOption,
)


@dataclass(frozen=True)
class RuleOptions:
    """One rule: a strategy with its parameters, or a rule file."""

    strategy: OptionalStrategyOption = None
    rule: RuleOption = None
    set_: SetOption = None
    trust: TrustOption = False


@dataclass(frozen=True)
class AccountOptions:
    """Universe, sessions and account of a run; None for an option that is left out.

    A rule file may set it then. The defaults that `--help` shows are those of `backtest`, `Account` and `Costs`, which
    are too slow to import for it; a test compares them.
    """

    panel: ClassVar[str] = "Universe, sessions and account"

    universe: UniverseOption = None
    start: StartOption = None
    end: EndOption = None
    fill: FillOption = None
    fee_bps: Annotated[
        float | None, typer.Option("--fee-bps", help="Fee, basis points of an order's value.", show_default="5.0")
    ] = None
    slippage_bps: Annotated[
        float | None, typer.Option("--slippage-bps", help="Slippage, basis points of the price.", show_default="5.0")
    ] = None
    haircut_bps: Annotated[
        float | None,
        typer.Option(
            "--haircut-bps",
            help="Taken off the last close of a name that ended, basis points.",
            show_default="0.0",
        ),
    ] = None
    borrow_bps: Annotated[
        float | None,
        typer.Option(
            "--borrow-bps", help="Cost of borrowing what is sold short, basis points a year.", show_default="50.0"
        ),
    ] = None
    tax_rate: TaxRateOption = None
    lots: LotsOption = None
    maintenance: Annotated[
        float | None,
        typer.Option(
            "--maintenance", help="Margin on what is sold short, share of it; below: margin call.", show_default="0.3"
        ),
    ] = None
    wash_sales: Annotated[
        bool | None,
        typer.Option(
            "--wash-sales",
            help="Defer losses on shares bought back within 30 days, as US tax does.",
            show_default="False",
        ),
    ] = None
    weighting: Annotated[
        str | None, typer.Option("--weighting", help="equal or inverse-volatility.", show_default="equal")
    ] = None
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights", metavar="FILE", help="Weights of the basket: CSV of symbol, weight and perhaps session."
        ),
    ] = None
    rebalance: Annotated[
        str | None,
        typer.Option("--rebalance", help="daily, weekly, monthly, quarterly or never.", show_default="monthly"),
    ] = None
    capital: Annotated[
        float | None, typer.Option("--capital", help="Starting capital, USD.", show_default="1000000.0")
    ] = None

    def __post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.start > self.end:
            from undertow.market import ParameterError

            raise ParameterError(f"`start` must not be after `end`, got {self.start} and {self.end}")

    def settings(self) -> dict[str, Any]:
        """The options that the command line states, by name."""
        return _stated(self)


@dataclass(frozen=True)
class SpaceOptions:
    """The parameters that a search leaves free, and within which bounds."""

    panel: ClassVar[str] = "Parameters"

    set_: SetOption = None
    narrow: Annotated[
        list[str] | None,
        typer.Option("--narrow", help="parameter=low:high, or parameter=choice,choice; repeat for several."),
    ] = None


@dataclass(frozen=True)
class SearchOptions:
    """What a search looks for."""

    panel: ClassVar[str] = "Search"

    objective: Annotated[
        list[str] | None,
        typer.Option(
            "--objective",
            help="sharpe, calmar, ulcer, sharpe:buy-and-hold, module:function, \N{HORIZONTAL ELLIPSIS};"
            " `optimize` takes several.",
            show_default="sharpe",
        ),
    ] = None
    constraint: Annotated[
        list[str] | None,
        typer.Option("--constraint", help="metric<=number or metric>=number, such as annual_turnover<=6."),
    ] = None
    max_failed: Annotated[float, typer.Option("--max-failed", help="Share of failed trials that ends the search.")] = (
        0.5
    )
    sampler: Annotated[
        str | None,
        typer.Option(
            "--sampler",
            help="Behind the design: refine, tpe, cmaes (needs an extra), sobol, or nsga2 for several objectives.",
            show_default="refine, or nsga2",
        ),
    ] = None
    design: Annotated[
        int | None,
        typer.Option(
            "--design",
            "--sobol",
            help="Points of the Sobol design that comes first.",
            show_default="16 to 128, by the number of parameters",
        ),
    ] = None


@dataclass(frozen=True)
class EngineOptions:
    """Where a search runs; None where the command line leaves it to the search."""

    panel: ClassVar[str] = "Engine"

    backend: Annotated[
        str | None,
        typer.Option(
            "--backend",
            help="serial, threading, loky (processes), dask or ray. Results are equal.",
            show_default="serial for a sweep, loky for a walk-forward",
        ),
    ] = None
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            help="Workers; without it one a core for a sweep, one for a walk-forward, all of the cluster at --address.",
        ),
    ] = None
    address: Annotated[str | None, typer.Option("--address", help="A running Dask or Ray cluster.")] = None

    def settings(self) -> dict[str, Any]:
        """The options that the command line states, by name."""
        return _stated(self)


def with_option_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Replace parameters of a command that are records by one option a field.

    typer sees the options, the command gets the records.
    """
    options: list[Parameter] = []
    records: dict[str, type[Any]] = {}
    for name, parameter in signature(command, eval_str=True).parameters.items():
        annotation: Any = parameter.annotation
        if isinstance(annotation, type) and is_dataclass(annotation):
            records[name] = annotation
            options += _options(annotation)
        else:
            options.append(parameter.replace(kind=Parameter.KEYWORD_ONLY))

    @wraps(command)
    def collected(**values: Any) -> None:
        for name, record in records.items():
            values[name] = record(**{field.name: values.pop(field.name) for field in fields(record)})
        command(**values)

    # What typer reads the options from.
    collected.__dict__["__signature__"] = Signature(options)
    collected.__annotations__ = {option.name: option.annotation for option in options}
    return collected


def _stated(record: Any) -> dict[str, Any]:
    return {name: value for name, value in asdict(record).items() if value is not None}


def _options(record: type[Any]) -> list[Parameter]:
    return [
        Parameter(field.name, Parameter.KEYWORD_ONLY, default=field.default, annotation=annotation)
        for field, annotation in zip(fields(record), _annotations(record), strict=True)
    ]


def _annotations(record: type[Any]) -> list[Any]:
    """The annotations of a record's fields, with the record's panel of `--help`."""
    hints = get_type_hints(record, include_extras=True)
    panel = getattr(record, "panel", None)
    if panel is None:
        return [hints[field.name] for field in fields(record)]
    annotations: list[Any] = []
    for field in fields(record):
        (option,) = hints[field.name].__metadata__
        option = copy(option)
        option.rich_help_panel = panel
        annotations.append(Annotated[hints[field.name].__origin__, option])
    return annotations
