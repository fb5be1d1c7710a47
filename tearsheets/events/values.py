"""The numbers of the event page: signals at decisions, and their percentiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from undertow.market import DataError, FloatArray, Market, UndertowError
from undertow.signals.base import SIGNALS, Spec, load, registered
from undertow.signals.decisions import DecisionTable
from undertow.tearsheets.signals.tracks import signal_tracks

CASCADE_DAYS = ("2020-03-12", "2021-05-19", "2022-06-13", "2022-11-09", "2024-08-05")
# Decisions shown around a day: from two sessions before it to three after.
BEFORE, AFTER = 2, 3
# With fewer known values than this a percentile is not shown.
MIN_HISTORY = 60

_LEVERAGE = {"liquidations", "open_interest", "funding"}
_PANELS = {"open", "high", "low", "close", "volume"}
SIGNAL_FAMILIES = (
    "Leverage and forced selling",
    "Bitcoin's own market",
    "Bitcoin with stocks",
    "Stocks",
    "Macro",
    "Macro with markets",
)


@dataclass(frozen=True, eq=False)
class SignalHistory:
    """A signal's first output at every decision (T,), at its default parameters."""

    spec: Spec
    family: str
    values: FloatArray


def family_of(spec: Spec) -> str:
    """The family of a signal by the kinds of feed that it reads, also for a plug-in."""
    kinds = {kind.partition(":")[0] for kind, _ in spec.inputs.values()} - {"sessions"}
    if kinds & _LEVERAGE:
        return SIGNAL_FAMILIES[0]
    if "macro" in kinds:
        return SIGNAL_FAMILIES[4] if kinds == {"macro"} else SIGNAL_FAMILIES[5]
    if "prices" in kinds:
        return SIGNAL_FAMILIES[3] if kinds == {"prices"} else SIGNAL_FAMILIES[2]
    return SIGNAL_FAMILIES[1]


def is_per_name(spec: Spec) -> bool:
    """Whether the signal has a value for each name of the universe."""
    panels = any(kind == "prices" and column in _PANELS for kind, column in spec.inputs.values())
    return spec.clock == "session" and panels and not spec.across_names


def signal_histories(table: DecisionTable) -> tuple[list[SignalHistory], dict[str, str]]:
    """Every registered signal with a value, and the reasons of the others.

    A signal with a value for each name is represented by the median of the members.
    """
    histories, absent = [], {}
    for name in registered(SIGNALS):
        spec: Spec = load(SIGNALS, name).spec
        try:
            values = _history(spec, table)
        except UndertowError as error:
            absent[name] = str(error)
            continue
        if np.isfinite(values).any():
            histories.append(SignalHistory(spec, family_of(spec), values))
        else:
            absent[name] = table.absent.get(name, "its windows are never full here, or an input is missing")
    histories.sort(key=lambda history: (SIGNAL_FAMILIES.index(history.family), history.spec.name))
    return histories, absent


def _history(spec: Spec, table: DecisionTable) -> FloatArray:
    if not is_per_name(spec):
        return table.signal(spec, {})[:, 0]
    parameters = {name: parameter.default for name, parameter in spec.parameters.items()}
    lines = signal_tracks(spec, table, parameters, spec.outputs[:1], "BTC")[spec.outputs[0]][0].lines
    return table.known(lines[:, lines.shape[1] // 2])


def percentile_at(values: FloatArray, row: int) -> float:
    """The percentile of the value at `row` among those known up to it, in (0, 1).

    `values` is (T,); ties count half. NaN where the value is NaN, and where fewer than `MIN_HISTORY` values are known.
    """
    known = values[: row + 1]
    known = known[np.isfinite(known)]
    if not np.isfinite(values[row]) or len(known) < MIN_HISTORY:
        return np.nan
    less, equal = (known < values[row]).sum(), (known == values[row]).sum()
    return float((less + 0.5 * equal) / len(known))


def default_days(market: Market) -> tuple[tuple[str, ...], str]:
    """The days shown by default, and their description.

    They are the largest cascades of a simulated market, else the dated cascades that the market covers. Raises
    `DataError` where it covers none.
    """
    first, last = market.sessions[0], market.sessions[-1]
    if market.truth is not None:
        days = market.truth.events["time"].dt.tz_localize(None).dt.normalize()
        events = market.truth.events[(days >= first) & (days <= last)]
        largest = events.nlargest(len(CASCADE_DAYS), "liquidated_usd")["time"].sort_values()
        dates, source = [f"{instant:%Y-%m-%d}" for instant in largest], "the largest cascades of the simulation"
    else:
        dates = [day for day in CASCADE_DAYS if first <= pd.Timestamp(day) <= last]
        source = "dated cascades" if len(dates) == len(CASCADE_DAYS) else "the dated cascades that the market covers"
    if not dates:
        raise DataError(
            f"market {market.name!r} has sessions from {first.date()} to {last.date()} and covers none of"
            f" {', '.join(CASCADE_DAYS)}; choose days within its sessions (`days`, `--day` on the command line)"
        )
    return tuple(dates), source


def event_row(table: DecisionTable, day: str) -> int:
    """The row of the first session on or after a day; raises `DataError` outside."""
    sessions = table.decisions.sessions
    try:
        session = pd.Timestamp(day)
    except ValueError:
        raise DataError(f"`days` must be dates like 2024-08-05, got {day!r}") from None
    span = f"{sessions[0].date()} to {sessions[-1].date()}"
    if session < sessions[0] or session > sessions[-1]:
        raise DataError(f"`days` must lie within the market's sessions, {span}, got {day}")
    return int(sessions.searchsorted(session))


def rows_around(table: DecisionTable, row: int) -> Sequence[int]:
    """The decisions shown for an event, fewer at the ends of the market."""
    return range(max(row - BEFORE, 0), min(row + AFTER + 1, len(table)))
