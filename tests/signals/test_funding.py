"""Funding: a rate for the hours since the settlement before, whatever interval the exchange uses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from undertow.market import Feed, Market, Span, simulate_market
from undertow.signals import Funding, Stabilisation
from undertow.signals.decisions import DecisionTable, session_inputs


@pytest.fixture(scope="module")
def market() -> Market:
    return simulate_market(seed=3, years=0.6, names=5)


@pytest.fixture(scope="module")
def table(market: Market) -> DecisionTable:
    return DecisionTable(market, "growth")


def series(values: list[float]) -> pd.Series:
    return pd.Series(values, pd.date_range("2024-01-01", periods=len(values), freq="h"), dtype=float)


def test_funding_is_a_rate_for_the_hours_since_the_settlement_before() -> None:
    # By hand: 0.01 % for eight hours is 0.0001 / 8 * 8760 = 10.95 % a year, and so is 0.00125 % for an hour.
    for hours, rate in ((8.0, 1e-4), (4.0, 5e-5), (1.0, 1.25e-5)):
        ran = Funding.run(series([rate] * 3), series([hours] * 3), window=2, z_window=2, within=1)
        assert_allclose(ran.level[1:], 0.1095, rtol=1e-12)
    # 0.0008 for 8 h, 0.0001 for 4 h and 0.0003 for 4 h: 0.0012 in 16 hours; the last two 0.0004 in 8 hours.
    mixed = series([8e-4, 1e-4, 3e-4])
    hours = series([8.0, 4.0, 4.0])
    assert_allclose(Funding.run(mixed, hours, window=3, z_window=2, within=1).level.iloc[2], 0.657, rtol=1e-12)
    assert_allclose(Funding.run(mixed, hours, window=2, z_window=2, within=1).level.iloc[2], 0.438, rtol=1e-12)


def funding_feed(hours: list[int], rates: list[float], interval: str = "0h") -> Feed:
    times = np.datetime64("2024-01-01T00", "ns") + np.array(hours) * np.timedelta64(1, "h")
    span = Span.parse(interval)
    known = times + span.timedelta
    columns = {"funding_rate": np.array(rates)}
    return Feed("funding", "BTC", "f", span, Span(), times, known, columns, np.zeros(len(hours), np.int64))


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        # Every eight hours; an exchange that goes over to four, and to one.
        ([0, 8, 16, 24], [8, 8, 8, 8]),
        ([0, 8, 16, 20, 24, 25, 26], [8, 8, 8, 4, 4, 1, 1]),
        # Two settlements are missing: nobody pays for longer than eight hours.
        ([0, 8, 32, 40], [8, 8, 8, 8]),
        ([0, 1, 2, 26], [8, 1, 1, 8]),
        # Totals of a day.
        ([0, 24, 48], [8, 24, 24]),
    ],
)
def test_hours_since_the_settlement_before(hours: list[int], expected: list[int]) -> None:
    assert_array_equal(funding_feed(hours, [1e-4] * len(hours)).settlement_hours, expected)


def test_a_change_of_the_interval_leaves_the_level_as_it_is(table: DecisionTable) -> None:
    # 10.95 % a year throughout: 0.01 % for eight hours, 0.005 % for four, 0.00125 % for one.
    hours = [*range(0, 240, 8), *range(240, 360, 4), *range(360, 420)]
    feed = funding_feed(hours, [1e-4] * 31 + [5e-5] * 30 + [1.25e-5] * 59)
    for window in (1, 9):
        level, _, _ = table.series(Funding, feed, {"window": window, "z_window": 30, "within": 3})
        assert_allclose(level[window - 1 :], 0.1095, rtol=1e-12)
    # Stamped at the start of its interval, as a regular feed of eight hours.
    regular = funding_feed(list(range(0, 240, 8)), [1e-4] * 30, "8h")
    level, _, _ = table.series(Funding, regular, {"window": 9, "z_window": 30, "within": 3})
    assert_allclose(level[8:], 0.1095, rtol=1e-12)


def test_a_reset_of_funding_compares_rates_for_equal_hours(market: Market) -> None:
    # Eight hours become one, each payment an eighth: the rate for eight hours that stabilisation reads is unchanged.
    start = int((market.calendar.closes[0] - np.datetime64("2024-01-01T00", "ns")) / np.timedelta64(1, "h"))
    hours = [*range(start, start + 240, 8), *range(start + 240, start + 480)]
    feed = funding_feed(hours, [1e-4] * 31 + [1.25e-5] * 239)
    panel = DecisionTable(replace(market, feeds=(market.bars(), feed)), "growth")
    (rate,) = (source for source in Stabilisation.spec.inputs.values() if source[0] == "funding")
    spec = replace(Stabilisation.spec, inputs={"rate": rate})
    values = session_inputs(spec, panel, "BTC")["rate"][:, 0]
    known = values[np.isfinite(values)]
    assert len(known) > 10
    assert_allclose(known, 1e-4, rtol=1e-12)
