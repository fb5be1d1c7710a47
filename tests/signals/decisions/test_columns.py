"""Columns at decisions: many sets in one pass against `align`, one set at a time."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertow.market import align, coarsen, simulate_market
from undertow.signals import Drawdown, Drop, LiquidationProxy, LiquidationSpike, RowsSinceLow, Trend, WeekendGap
from undertow.signals.decisions import SignalSource
from undertow.signals.decisions.spans import mark_rows_nb, read_spans_nb
from undertow.signals.decisions.table import DecisionTable

NAN = np.nan


@cache
def table() -> DecisionTable:
    return DecisionTable(simulate_market(seed=5, years=1.5, names=5), "growth")


def by_align(signal: Any, output: str, hours: float, lag: float, how: Any) -> Any:
    """One column by the whole series and `align`: what a single set had before sets were read together."""
    decisions, spec = table(), signal.spec
    column = np.full(len(decisions), NAN)
    for feed in decisions.feeds(spec, SignalSource(asset="BTC")):
        given = {"window": hours} if "window" in spec.parameters else {}
        values = decisions.output_in_hours(spec, feed, output, given)
        since = decisions.last_close(lag) if spec.since_close else None
        column = np.where(np.isnan(column), feed.at(values, decisions.decisions.at, lag, how, since), column)
    return column


@pytest.mark.parametrize(
    ("signal", "output"),
    [
        (Drawdown, "drawdown"),
        (RowsSinceLow, "age"),
        (LiquidationSpike, "rank"),
        (LiquidationSpike, "z"),
        (LiquidationProxy, "rank"),
        (WeekendGap, "gap"),
    ],
)
def test_every_set_is_that_of_align_alone(signal: Any, output: str) -> None:
    windows, lags = np.array([720.0, 1000.0, 720.0, 900.0]), np.array([0.0, 7.5, 48.0, 0.0])
    hows: list[Any] = ["min", "last", "max", "min"]
    given = {"window": windows} if "window" in signal.spec.parameters else {}
    found = table().read(signal, given, SignalSource(output=output), lag=lags, how=hows).values
    expected = [by_align(signal, output, *each) for each in zip(windows, lags, hows, strict=True)]
    np.testing.assert_array_equal(found, np.stack(expected, axis=1))
    assert np.isfinite(found).any()


def test_a_session_signal_is_read_by_align_too() -> None:
    decisions = table()
    series = decisions.sessions(Trend, {})[0][:, 0]
    for how in ("last", "min", "max"):
        found = decisions.signal(Trend, {}, lag=[0.0, 30.0], how=how)
        for column, lag in enumerate((0.0, 30.0)):
            known_at = decisions.known_at(Trend)
            expected = align(known_at, series, decisions.decisions.at, lag_hours=lag, how=how)
            np.testing.assert_array_equal(found[:, column], expected)


def test_only_wanted_decisions_are_read() -> None:
    wanted = np.arange(len(table())) % 3 == 0
    whole = table().read(LiquidationProxy, {"window": 720.0}, SignalSource(output="rank"), how="max").values
    part = (
        table().read(LiquidationProxy, {"window": 720.0}, SignalSource(output="rank"), how="max", wanted=wanted).values
    )
    np.testing.assert_array_equal(part, np.where(wanted[:, None], whole, NAN))
    assert np.isnan(table().read(Drawdown, {}, wanted=np.zeros(len(table()), np.bool_)).values).all()


def test_a_coarser_feed_that_is_not_needed_is_not_said_to_lack_a_value() -> None:
    market = table().market
    four = coarsen(next(feed for feed in market.feeds_of("bars", "BTC")), 4)
    both = DecisionTable(replace(market, feeds=(*market.feeds, four)), "growth")
    assert np.isfinite(both.signal(Drawdown, {"window": 24})).mean() > 0.99
    assert not both.unused


def test_a_fallback_without_any_value_says_why_though_it_is_read_at_some_decisions() -> None:
    market = table().market
    bars = market.feeds_of("bars", "BTC")[0]
    short = bars.keep(np.arange(len(bars)) < 1000)
    few = DecisionTable(replace(market, feeds=(short,)), "growth")
    wanted = np.arange(len(few)) < 40
    few.read(LiquidationProxy, {}, SignalSource(output="rank"), how="max", wanted=wanted)
    ((_, reason),) = few.unused.items()
    assert "no value on any session: it has 1,000 rows" in reason


def test_a_price_of_zero_gives_no_error_and_no_number() -> None:
    close, rows = np.array([1.0, 0.0, 0.0, 1.0]), np.arange(4)
    two = np.array([1, 2])
    with np.errstate(all="ignore"):
        for signal in (Drop, Drawdown):
            ((output, kernel),) = signal.spec.at.items()
            whole = [
                signal.spec.compute_one(output, {"close": close[:, None]}, {name: n})
                for n in (1, 2)
                for name in signal.spec.parameters
            ]
            np.testing.assert_array_equal(kernel(close, two, rows), np.stack([each[:, 0] for each in whole]))


@given(st.integers(0, 100_000))
@settings(deadline=None)
def test_spans_by_the_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, decisions = int(rng.integers(1, 90)), int(rng.integers(1, 12))
    values = rng.choice(
        [NAN, -np.inf, np.inf, -1.0, 0.0, 2.0, 3.5], (2, rows), p=[0.3, 0.02, 0.02, 0.16, 0.2, 0.2, 0.1]
    )
    starts = np.sort(rng.integers(0, rows, (2, decisions)), axis=1)
    ends = np.minimum(starts + rng.integers(0, 40, (2, decisions)), rows)
    sides = rng.choice([-1.0, 0.0, 1.0], 2)
    wanted = rng.random(decisions) < 0.7
    ends[:, ~wanted] = starts[:, ~wanted]
    read = mark_rows_nb(starts, ends, wanted, rows)
    assert read.tolist() == sorted({row for a, b in zip(starts.flat, ends.flat, strict=True) for row in range(a, b)})
    position = np.zeros(rows, dtype=np.int64)
    position[read] = np.arange(len(read))
    out, kinds = np.empty((3, decisions)), np.array([0, 1, 1])
    read_spans_nb(values[:, read].copy(), position, np.array([0, 2, 3]), kinds, (starts, ends), sides, out)
    for column, (line, kind) in enumerate(((0, 0), (0, 1), (1, 1))):
        for decision in range(decisions):
            part = values[line, starts[kind, decision] : ends[kind, decision]]
            known = part[~np.isnan(part)]
            expected = NAN
            if len(part) and sides[kind] == 0.0:
                expected = part[-1]
            elif len(known):
                expected = known.max() if sides[kind] > 0.0 else known.min()
            np.testing.assert_array_equal(out[column, decision], expected)
