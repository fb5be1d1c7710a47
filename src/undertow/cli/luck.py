"""`undertow evidence luck`: whether the best of the sets tried is more than luck."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from undertow.cli.findings import ResamplesOption, print_finding
from undertow.cli.option_groups import AccountOptions
from undertow.cli.options import (
    HtmlOption,
    JsonOption,
    LedgerOption,
    MarketOption,
    OptionalStrategyOption,
    SeedOption,
    SetOption,
)
from undertow.cli.progress import busy
from undertow.cli.resolve import (
    check_targets,
    read_assignments,
    resolve_account,
    resolve_market,
    resolve_span,
    resolve_strategy_class,
)
from undertow.cli.sweep_sets import sets_from

if TYPE_CHECKING:
    import pandas as pd

    from undertow.strategies import Strategy


def luck_command(
    account: AccountOptions,
    saved: Annotated[
        Path | None,
        typer.Argument(metavar="[RESULT]", help="A saved run or study; or, with --strategy, the table of a sweep."),
    ] = None,
    market: MarketOption = None,
    strategy: OptionalStrategyOption = None,
    grid: Annotated[
        list[str] | None, typer.Option(help="parameter=low:high:step or parameter=a,b,c; repeat for a grid of several.")
    ] = None,
    set_: SetOption = None,
    wrong_asset: Annotated[
        list[str] | None,
        typer.Option(help="A symbol on which the same decisions should be worth nothing, such as GLD."),
    ] = None,
    placebos: Annotated[int, typer.Option(help="Placebos of each kind, 100 or more.")] = 1_000,
    ledger: LedgerOption = None,
    html: HtmlOption = None,
    seed: SeedOption = 7,
    resamples: ResamplesOption = 10_000,
    as_json: JsonOption = False,
) -> None:
    """Is the best of the sets tried more than luck?

    Deflated Sharpe ratio, overfitting by cross-validation, tests that allow for many trials, and placebos.
    """
    from undertow.market import ParameterError

    is_folder = saved is not None and not saved.is_file()
    if is_folder == (strategy is not None):
        raise ParameterError(
            "give either --strategy, with --grid or the table of a sweep, or the folder of a saved run or study"
        )
    with busy("starting"):
        from undertow.backtests import Ledger
        from undertow.evidence import skill
        from undertow.evidence.luck import read_sets, read_tried

        check_targets(html=html)
        tried = read_tried(saved) if saved is not None and is_folder else None
        strategy_class = resolve_strategy_class(str(strategy) if tried is None else tried.strategy)
        span, trading = resolve_span(account.settings()), resolve_account(account.settings())
        if tried is not None:
            sets, trading, span, market = tried.sets, tried.account, {**tried.span, **span}, market or tried.market
        elif saved is not None:
            sets = read_sets(saved, strategy_class)
        else:
            sets = _sets_of(strategy_class, grid, read_assignments(set_))
    with busy("loading the market"):
        data = resolve_market(market, seed)
    with busy(f"measuring {len(sets):,} sets and their placebos"):
        found = skill(
            data,
            strategy_class,
            sets,
            **span,
            account=trading,
            guided=tried is not None and tried.guided,
            trials=0 if tried is None else tried.trials,
            ledger=Ledger(ledger),
            wrong_assets=tuple(wrong_asset or ()),
            count=placebos,
            seed=seed,
            resamples=resamples,
        )
    print_finding(found, found.to_dict(), html, as_json)


def _sets_of(strategy: type[Strategy], grid: list[str] | None, fixed: dict[str, str]) -> pd.DataFrame:
    """The sets of `--grid`, or the one of `--set`."""
    if grid:
        return sets_from(strategy, grid, random=None, sobol=None, fixed=fixed, narrow=None, seed=0)
    import pandas as pd

    rule = strategy.create(fixed)
    return pd.DataFrame({name: [value] for name, value in rule.parameters.items()})
