"""`undertow list`: strategies, signals, universes, trials."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from undertow.cli.options import JsonOption, LedgerOption, MarketOption, SeedOption, one_of
from undertow.cli.output import print_json
from undertow.cli.progress import busy
from undertow.cli.resolve import resolve_market

LISTINGS = ("strategies", "signals", "universes", "trials")


def list_command(
    listing: Annotated[
        str,
        typer.Argument(help="What to list.", metavar="|".join(LISTINGS), callback=one_of("listing", LISTINGS)),
    ],
    market: MarketOption = None,
    seed: SeedOption = 7,
    universe: Annotated[
        list[str] | None, typer.Option(help="A universe or a screen to show, with `universes`; repeat for several.")
    ] = None,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", "-v", help="Strategies with their rationale; signals with inputs, units, look-back, source."
        ),
    ] = False,
    ledger: LedgerOption = None,
    as_json: JsonOption = False,
) -> None:
    """List strategies, signals, universes of a market, or trials ever made on it."""
    _check_options(listing, market, universe, ledger)
    if listing == "trials":
        _list_trials(market, seed, ledger, as_json)
    elif listing == "universes":
        _list_universes(market, seed, universe, as_json)
    elif listing == "strategies":
        _list_strategies(verbose, as_json)
    else:
        _list_signals(verbose, as_json)


def _check_options(listing: str, market: Path | None, universe: Sequence[str] | None, ledger: Path | None) -> None:
    from undertow.market import ParameterError

    if listing not in ("universes", "trials") and market is not None:
        raise ParameterError(
            "`--market` can only be used with `list universes` or `list trials`;"
            f" {listing} are the same for every market"
        )
    for name, value, allowed in (("universe", universe, "universes"), ("ledger", ledger, "trials")):
        if value and listing != allowed:
            raise ParameterError(f"`--{name}` can only be used with `list {allowed}`")


def _list_trials(market: Path | None, seed: int, folder: Path | None, as_json: bool) -> None:
    with busy("loading the market"):
        from undertow.backtests import Ledger

        ledger, data = Ledger(folder), resolve_market(market, seed)
        ledger.check(data.fingerprint, data.name)
        searches = ledger.searches(data.fingerprint)
        other_data = ledger.other_data(data.fingerprint, data.name)
    if as_json:
        print_json({"market": data.fingerprint, "searches": searches, "other_data": other_data})
        return
    from undertow.cli.listings import show_trials

    show_trials(searches, ledger.path(data.fingerprint), other_data)


def _list_universes(market: Path | None, seed: int, names: Sequence[str] | None, as_json: bool) -> None:
    with busy("loading the market"):
        from undertow.signals.decisions import universe_sizes

        data = resolve_market(market, seed)
        universes = [universe_sizes(data, name) for name in names or sorted(data.universes)]
    if as_json:
        print_json({"universes": [universe.as_dict() for universe in universes]})
        return
    from undertow.cli.listings import show_universes

    show_universes(universes)


def _list_strategies(verbose: bool, as_json: bool) -> None:
    from undertow.cli import listings

    if as_json:
        print_json({"strategies": listings.strategy_catalogue()})
    else:
        listings.show_strategies(verbose)


def _list_signals(verbose: bool, as_json: bool) -> None:
    from undertow.cli import listings

    if as_json:
        print_json({"signals": listings.signal_catalogue()})
    elif verbose:
        listings.show_definitions()
    else:
        listings.show_signals()
