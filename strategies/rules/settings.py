"""What a rule file says about the backtest: its `[backtest]` table, checked as it is read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from undertow.market.calendar import FILLS
from undertow.market.checks import is_number
from undertow.market.errors import DataError, ParameterError, did_you_mean
from undertow.signals.decisions.screen import Screen, is_screen
from undertow.strategies.weights import REBALANCES, WEIGHTINGS

# Lots and rates are equal to those of backtests/costs.py, a floor above; a test compares them.
LOTS = ("hifo", "fifo")
CHOICES: Mapping[str, tuple[str, ...]] = {
    "fill": FILLS,
    "weighting": WEIGHTINGS,
    "rebalance": REBALANCES,
    "lots": LOTS,
}
DAYS = ("start", "end")
RATES: Mapping[str, tuple[float, str]] = {
    "borrow_bps": (10_000.0, "basis points a year; 50 bps a year is 0.5 %"),
    "tax_rate": (1.0, "as a decimal; 20 % is 0.2"),
}
# What a file may say about the backtest; the rest is given where it is run.
SETTINGS = ("universe", "fill", "weighting", "rebalance", *DAYS, *RATES, "lots")
COSTS = (*RATES, "lots")


def read_settings(given: Any, where: str) -> dict[str, str | float]:
    """The settings of a `[backtest]` table; raises `DataError` with file, key and what is allowed."""
    if not isinstance(given, dict):
        raise DataError(f"{where}: backtest: must be a table, got {given!r}")
    found = {key: _setting(key, value, f"{where}: backtest.{key}") for key, value in given.items()}
    if {*DAYS} <= {*found} and str(found["start"]) > str(found["end"]):
        raise DataError(
            f"{where}: backtest.start: must not be after backtest.end, got {found['start']} and {found['end']}"
        )
    return found


def day_of(value: Any) -> str | None:
    """A day as YYYY-MM-DD, from a date or from text that says one so; None where it is neither."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    try:
        return date.fromisoformat(value).isoformat() if isinstance(value, str) else None
    except ValueError:
        return None


def _setting(key: str, value: Any, place: str) -> str | float:
    if key == "universe":
        return _universe(value, place)
    if key in CHOICES:
        return _one_of(value, place, CHOICES[key])
    if key in RATES:
        return _rate(value, place, *RATES[key])
    if key not in DAYS:
        raise DataError(f"{place}: unknown key{did_you_mean(key, SETTINGS)}; allowed: {', '.join(SETTINGS)}")
    day = day_of(value)
    if day is None:
        raise DataError(f"{place}: must be a date such as 2018-01-02, got {value!r}")
    return day


def _universe(value: Any, place: str) -> str:
    try:
        if isinstance(value, dict):
            return str(Screen.of(value))
        name = _text(value, place).strip()
        return str(Screen.parse(name)) if is_screen(name) else name
    except ParameterError as error:
        raise DataError(f"{place}: {error}") from None


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise DataError(f"{place}: must be text, got {value!r}; write it in quotes")
    return value


def _one_of(value: Any, place: str, choices: tuple[str, ...]) -> str:
    if _text(value, place) not in choices:
        near = did_you_mean(value, choices)
        raise DataError(f"{place}: must be one of {', '.join(choices)}; got {value!r}{near}")
    return str(value)


def _rate(value: Any, place: str, high: float, unit: str) -> float:
    if not is_number(value) or not 0.0 <= value <= high:
        raise DataError(f"{place}: must be a number in [0, {high:g}] {unit}; got {value!r}")
    return float(value)
