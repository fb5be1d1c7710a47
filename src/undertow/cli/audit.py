"""`undertow audit`: does a strategy look ahead, and does its result rest on details."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from undertow.cli.findings import print_finding
from undertow.cli.option_groups import AccountOptions
from undertow.cli.options import UNIVERSE, HtmlOption, JsonOption, MarketOption, SeedOption, SetOption
from undertow.cli.progress import busy
from undertow.cli.resolve import (
    check_targets,
    import_from_here,
    read_assignments,
    resolve_account,
    resolve_market,
    resolve_span,
    resolve_strategy_class,
)

if TYPE_CHECKING:
    from undertow.strategies import Strategy


def audit_command(
    strategy: Annotated[str, typer.Argument(help="Name of a strategy, module:Class, or path.py:Class.")],
    account: AccountOptions,
    market: MarketOption = None,
    set_: SetOption = None,
    html: HtmlOption = None,
    seed: SeedOption = 7,
    resamples: Annotated[
        int, typer.Option("--resamples", help="Further instants at random at which the future is changed.")
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Does a strategy look ahead, and does its result rest on details?

    Exit code 1 where a check fails.
    """
    with busy("starting"):
        from undertow.market import ParameterError
        from undertow.testing import audit

        if resamples < 0:
            raise ParameterError(f"`resamples` must be 0 or more, got {resamples}")
        check_targets(html=html)
        rule = _strategy_class(strategy).create(read_assignments(set_))
        span, trading = resolve_span(account.settings()), resolve_account(account.settings())
    with busy("loading the market"):
        data = None if market is None else resolve_market(market, seed)
    with busy("changing the future"):
        found = audit(rule, data, **{"universe": UNIVERSE, **span}, account=trading, resamples=resamples, seed=seed)
    print_finding(found, found.to_dict(), html, as_json)
    if found.outcome == "fail":
        raise typer.Exit(1)


def _strategy_class(name: str) -> type[Strategy]:
    """The class of a name, of module:Class, or of path.py:Class."""
    import sys

    from undertow.market import ParameterError

    path, colon, class_name = name.rpartition(":")
    if not (colon and path.endswith(".py")):
        return resolve_strategy_class(name)
    source = Path(path)
    if not source.is_file():
        raise ParameterError(f"there is no file {path!r}; name path.py:Class")
    import_from_here()
    sys.path.insert(0, str(source.resolve().parent))
    return resolve_strategy_class(f"{source.stem}:{class_name}")
