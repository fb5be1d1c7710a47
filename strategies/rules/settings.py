"""The `[backtest]` table of a rule file, checked as it is read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from undertow.market import FILLS, DataError, ParameterError, did_you_mean, is_number
from undertow.signals.decisions import Screen, is_screen
from undertow.strategies.weights import REBALANCES, WEIGHTINGS

# Lots and rates are equal to those of backtests/costs.py, a floor above; a test compares them.
CHOICES: Mapping[str, tuple[str, ...]] = {
    "fill": FILLS,
    "weighting": WEIGHTINGS,
    "rebalance": REBALANCES,
    "lots": ("hifo", "fifo"),
}
DATES = ("start", "end")
RATES: Mapping[str, tuple[float, str]] = {
    "borrow_bps": (10_000.0, "basis points a year; 50 bps a year is 0.5 %"),
    "tax_rate": (1.0, "as a decimal; 20 % is 0.2"),
}
# The keys of the table; every other setting comes from the command line or from Python.
SETTINGS = ("universe", "fill", "weighting", "rebalance", *DATES, *RATES, "lots")
COSTS = (*RATES, "lots")


def backtest_settings(table: Any, source: str) -> dict[str, str | float]:
    """The settings of a `[backtest]` table; errors name the file as `source`.

    Raises `DataError` with file, key and what is allowed.
    """
    if not isinstance(table, dict):
        raise DataError(f"{source}: backtest: must be a table, got {table!r}")
    settings = {key: _setting(key, value, f"{source}: backtest.{key}") for key, value in table.items()}
    if {*DATES} <= {*settings} and str(settings["start"]) > str(settings["end"]):
        raise DataError(
            f"{source}: backtest.start: must not be after backtest.end, got {settings['start']} and {settings['end']}"
        )
    return settings


def iso_date(value: Any) -> str | None:
    """YYYY-MM-DD from a date, or from text in that form; else None."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    try:
        return date.fromisoformat(value).isoformat() if isinstance(value, str) else None
    except ValueError:
        return None


def _setting(key: str, value: Any, location: str) -> str | float:
    if key == "universe":
        return _universe(value, location)
    if key in CHOICES:
        return _one_of(value, location, CHOICES[key])
    if key in RATES:
        return _rate(value, location, *RATES[key])
    if key not in DATES:
        raise DataError(f"{location}: unknown key{did_you_mean(key, SETTINGS)}; allowed: {', '.join(SETTINGS)}")
    date_text = iso_date(value)
    if date_text is None:
        raise DataError(f"{location}: must be a date such as 2018-01-02, got {value!r}")
    return date_text


def _universe(value: Any, location: str) -> str:
    try:
        if isinstance(value, dict):
            return str(Screen.of(value))
        name = _text(value, location).strip()
        return str(Screen.parse(name)) if is_screen(name) else name
    except ParameterError as error:
        raise DataError(f"{location}: {error}") from None


def _text(value: Any, location: str) -> str:
    if not isinstance(value, str):
        raise DataError(f"{location}: must be text, got {value!r}; write it in quotes")
    return value


def _one_of(value: Any, location: str, choices: tuple[str, ...]) -> str:
    if _text(value, location) not in choices:
        suggestion = did_you_mean(value, choices)
        raise DataError(f"{location}: must be one of {', '.join(choices)}; got {value!r}{suggestion}")
    return str(value)


def _rate(value: Any, location: str, high: float, unit: str) -> float:
    if not is_number(value) or not 0.0 <= value <= high:
        raise DataError(f"{location}: must be a number in [0, {high:g}] {unit}; got {value!r}")
    return float(value)
