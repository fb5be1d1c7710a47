"""Options that commands share, and the checks that need no market: a typing error is told at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

FILLS = ("open", "close")
# Equal to those of strategies/weights.py, which is too slow to import for `--help`; a test compares them.
WEIGHTINGS = ("equal", "inverse-volatility")
REBALANCES = ("daily", "weekly", "monthly", "quarterly", "never")
LOTS = ("hifo", "fifo")
LISTINGS = ("strategies", "signals", "universes")

MarketOption = Annotated[
    Path | None, typer.Option("--market", help="Market folder. Without it: the built-in simulated market.")
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
