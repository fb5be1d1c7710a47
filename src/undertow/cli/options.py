"""Options that commands share, and the checks that need no market: a typing error is told at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

FILLS = ("open", "close")
# Equal to those of strategies/weights.py, which is too slow to import for `--help`; a test compares them.
WEIGHTINGS = ("equal", "inverse-volatility")
REBALANCES = ("daily", "weekly", "monthly", "quarterly", "never")
LOTS = ("hifo", "fifo")
LISTINGS = ("strategies", "signals", "universes", "trials")

MarketOption = Annotated[
    Path | None, typer.Option("--market", help="Market folder. Without it: the built-in simulated market.")
]
StrategyOption = Annotated[
    str, typer.Option("--strategy", help="Name (see `undertow list strategies`) or module:Class.")
]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of the simulated market.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def one_of(name: str, choices: tuple[str, ...]) -> Callable[[str | None], str | None]:
    """A check that a value is one of `choices`, or not given; raises `ParameterError` with the nearest."""

    def check(value: str | None) -> str | None:
        if value is not None and value not in choices:
            from undertow.market.errors import ParameterError, did_you_mean

            near = did_you_mean(value, choices)
            raise ParameterError(f"`{name}` must be one of {', '.join(choices)}; got {value!r}{near}")
        return value

    return check


def calendar_day(name: str) -> Callable[[str | None], str | None]:
    """A check that a value is a date; gives it back as YYYY-MM-DD, raises `ParameterError` where it is none."""

    def check(value: str | None) -> str | None:
        try:
            return None if value is None else date.fromisoformat(value).isoformat()
        except ValueError:
            from undertow.market.errors import ParameterError

            raise ParameterError(f"`{name}` must be a date such as 2018-01-02, got {value!r}") from None

    return check


def positive_money(value: float) -> float:
    """`value` where it is a positive amount; raises `ParameterError` where not."""
    if not (math.isfinite(value) and value > 0):
        from undertow.market.errors import ParameterError

        raise ParameterError(f"`capital` must be positive, in USD, got {value}")
    return value


# The account of a run, the same for every command that tries strategies.
UniverseOption = Annotated[str, typer.Option("--universe", help="Universe of the market, or a screen.")]
StartOption = Annotated[
    str | None, typer.Option("--start", help="First session, YYYY-MM-DD.", callback=calendar_day("start"))
]
EndOption = Annotated[str | None, typer.Option("--end", help="Last session, YYYY-MM-DD.", callback=calendar_day("end"))]
FillOption = Annotated[
    str,
    typer.Option("--fill", help="Decide and fill before the open or the close.", callback=one_of("fill", FILLS)),
]
FeeOption = Annotated[float, typer.Option("--fee-bps", help="Fee, basis points of an order's value.")]
SlippageOption = Annotated[float, typer.Option("--slippage-bps", help="Slippage, basis points of the price.")]
HaircutOption = Annotated[
    float, typer.Option("--haircut-bps", help="Taken off the last close of a name that ended, basis points.")
]
BorrowOption = Annotated[
    float, typer.Option("--borrow-bps", help="Cost of borrowing what is sold short, basis points a year.")
]
TaxOption = Annotated[float, typer.Option("--tax-rate", help="Tax on realised gains, decimal; stated, never deducted.")]
LotsOption = Annotated[
    str, typer.Option("--lots", help="Lots that a sale sells: hifo or fifo.", callback=one_of("lots", LOTS))
]
WeightingOption = Annotated[
    str,
    typer.Option("--weighting", help="equal or inverse-volatility.", callback=one_of("weighting", WEIGHTINGS)),
]
RebalanceOption = Annotated[
    str,
    typer.Option(
        "--rebalance",
        help="daily, weekly, monthly, quarterly or never.",
        callback=one_of("rebalance", REBALANCES),
    ),
]
CapitalOption = Annotated[float, typer.Option("--capital", help="Starting capital, USD.", callback=positive_money)]
LedgerOption = Annotated[
    Path | None, typer.Option("--ledger", help="Folder of the trial ledger.", show_default="results/ledger")
]


def ordered_days(start: str | None, end: str | None) -> None:
    """Raise `ParameterError` where the first session is after the last."""
    if start is not None and end is not None and start > end:
        from undertow.market.errors import ParameterError

        raise ParameterError(f"`start` must not be after `end`, got {start} and {end}")


def account_of(
    universe: str,
    fill: str,
    costs: tuple[float, float, float, float, float, str],
    weighting: str,
    rebalance: str,
    capital: float,
) -> dict[str, Any]:
    """The settings of an account as `backtest` takes them; `costs` in the order of `Costs`."""
    from undertow.backtests import Costs

    return {
        "universe": universe,
        "fill": fill,
        "costs": Costs(*costs),
        "weighting": weighting,
        "rebalance": rebalance,
        "capital": capital,
    }
