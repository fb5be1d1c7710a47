"""The numbers behind the event page: what every registered signal said at a decision, and how unusual that was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from undertow.market.clock import FloatArray
from undertow.market.errors import DataError, UndertowError
from undertow.market.market import Market
from undertow.signals.base.registry import SIGNALS, load, registered
from undertow.signals.base.spec import Spec
from undertow.signals.decisions.table import DecisionTable
from undertow.tearsheets.signals.tracks import signal_tracks

DAYS = ("2020-03-12", "2021-05-19", "2022-06-13", "2022-11-09", "2024-08-05")
# Decisions shown around a day: from two sessions before it to three after.
BEFORE, AFTER = 2, 3
# With fewer known values than these a rank says nothing.
LEAST_HISTORY = 60

_LEVERAGE = {"liquidations", "open_interest", "funding"}
_PANELS = {"open", "high", "low", "close", "volume"}
FAMILIES = (
    "Leverage and forced selling",
    "Bitcoin's own market",
    "Bitcoin with stocks",
    "Stocks",
    "Macro",
    "Macro with markets",
)


@dataclass(frozen=True, eq=False)
class Said:
    """A signal's first output at every decision (T,), at its default parameters."""

    spec: Spec
    family: str
    values: FloatArray


def family_of(spec: Spec) -> str:
    """The family of a signal, by the kinds of feed that it reads, so that a plug-in's has one too."""
    kinds = {kind.partition(":")[0] for kind, _ in spec.inputs.values()} - {"sessions"}
    if kinds & _LEVERAGE:
        return FAMILIES[0]
    if "macro" in kinds:
        return FAMILIES[4] if kinds == {"macro"} else FAMILIES[5]
    if "prices" in kinds:
        return FAMILIES[3] if kinds == {"prices"} else FAMILIES[2]
    return FAMILIES[1]


def by_name(spec: Spec) -> bool:
    """Whether the signal has a value of its own for each name of the universe."""
    panels = any(kind == "prices" and column in _PANELS for kind, column in spec.inputs.values())
    return spec.clock == "session" and panels and not spec.across_names


def everything_said(table: DecisionTable) -> tuple[list[Said], dict[str, str]]:
    """Every registered signal by family and name, and why the others have no value in this market.

    A signal with a value for each name is the median of the members.
    """
    found, absent = [], {}
    for name in registered(SIGNALS):
        spec: Spec = load(SIGNALS, name).spec
        try:
            values = _said(spec, table)
        except UndertowError as error:
            absent[name] = str(error)
            continue
        if np.isfinite(values).any():
            found.append(Said(spec, family_of(spec), values))
        else:
            absent[name] = table.absent.get(name, "its windows are never full here, or an input is missing")
    found.sort(key=lambda each: (FAMILIES.index(each.family), each.spec.name))
    return found, absent


def _said(spec: Spec, table: DecisionTable) -> FloatArray:
    if not by_name(spec):
        return table.signal(spec, {})[:, 0]
    given = {name: each.default for name, each in spec.parameters.items()}
    lines = signal_tracks(spec, table, given, spec.outputs[:1], "BTC")[spec.outputs[0]][0].lines
    return table.known(lines[:, lines.shape[1] // 2])


def unusual(values: FloatArray, row: int) -> float:
    """Where the value at `row` stands among the known ones up to that very row, in (0, 1): the middle of its ties.

    `values` is (T,). NaN where the value is, and where fewer than `LEAST_HISTORY` are known by then.
    """
    known = values[: row + 1]
    known = known[np.isfinite(known)]
    if not np.isfinite(values[row]) or len(known) < LEAST_HISTORY:
        return np.nan
    less, equal = (known < values[row]).sum(), (known == values[row]).sum()
    return float((less + 0.5 * equal) / len(known))


def default_days(market: Market) -> tuple[tuple[str, ...], str]:
    """The days to look at where none is given, and what they are.

    Of a simulated market the largest cascades of its truth, as many as there are dated ones; else those of `DAYS` that
    it covers. Raises `DataError` where it covers none.
    """
    first, last = market.sessions[0], market.sessions[-1]
    if market.truth is not None:
        days = market.truth.events["time"].dt.tz_localize(None).dt.normalize()
        there = market.truth.events[(days >= first) & (days <= last)]
        found = there.nlargest(len(DAYS), "liquidated_usd")["time"].sort_values()
        days_of, words = [f"{each:%Y-%m-%d}" for each in found], "the largest cascades of the simulation"
    else:
        days_of = [day for day in DAYS if first <= pd.Timestamp(day) <= last]
        words = "dated cascades" if len(days_of) == len(DAYS) else "the dated cascades that the market covers"
    if not days_of:
        raise DataError(
            f"market {market.name!r} has sessions from {first.date()} to {last.date()} and covers none of"
            f" {', '.join(DAYS)}; name days of its own (`days`, `--day` on the command line)"
        )
    return tuple(days_of), words


def event_row(table: DecisionTable, day: str) -> int:
    """The row of the first session on or after `day`; raises `DataError` on a day outside the market's sessions."""
    sessions = table.decisions.sessions
    try:
        wanted = pd.Timestamp(day)
    except ValueError:
        raise DataError(f"`days` must be dates like 2024-08-05, got {day!r}") from None
    reach = f"{sessions[0].date()} to {sessions[-1].date()}"
    if wanted < sessions[0] or wanted > sessions[-1]:
        raise DataError(f"`days` must lie within the market's sessions, {reach}, got {day}")
    return int(sessions.searchsorted(wanted))


def shown_rows(table: DecisionTable, row: int) -> Sequence[int]:
    """The decisions shown for an event, fewer at the ends of the market."""
    return range(max(row - BEFORE, 0), min(row + AFTER + 1, len(table)))
