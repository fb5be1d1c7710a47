"""The event page: the right numbers at the right decisions, ranked by the past alone."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from undertow.market import DataError, Market, simulate_market
from undertow.market.clock import FloatArray
from undertow.signals import Beta, Breadth, Drawdown, Funding, LiquidationSpike, PolicyTailwind, Vix, WeekendGap
from undertow.signals.base.registry import SIGNALS, load, registered
from undertow.signals.decisions.table import DecisionTable
from undertow.tearsheets.events.page import number_text, shade_of, write_event_page
from undertow.tearsheets.events.values import (
    SIGNAL_FAMILIES,
    default_days,
    event_row,
    family_of,
    is_per_name,
    percentile_at,
    signal_histories,
)
from undertow.tearsheets.html.text import BLANK, MINUS, title

DAY = "2019-03-06"


@pytest.fixture(scope="module")
def market() -> Market:
    return simulate_market(seed=11, years=2, names=6)


@pytest.fixture(scope="module")
def page(market: Market, tmp_path_factory: pytest.TempPathFactory) -> str:
    written = write_event_page(market, "growth", tmp_path_factory.mktemp("page") / "deep" / "events.html", [DAY])
    return written.read_text(encoding="utf-8")


def cells_of(page: str, name: str) -> list[str]:
    row = re.search(rf'<th scope="row"[^>]*>{re.escape(title(name))}<small>.*?</th>(.*?)</tr>', page, re.DOTALL)
    assert row is not None, name
    return re.findall(r"<td[^>]*>([^<]*)", row[1])


def test_every_registered_signal_is_on_the_page_or_says_why_not(page: str, market: Market) -> None:
    histories, absent = signal_histories(DecisionTable(market, "growth"))
    assert {history.spec.name for history in histories} | set(absent) == set(registered(SIGNALS))
    assert all(f"Without a value in this market: {title(name)} (" in page for name in absent)
    assert all(len(cells_of(page, history.spec.name)) == 6 for history in histories)


def test_cells_are_what_the_decision_table_says(page: str, market: Market) -> None:
    table = DecisionTable(market, "growth")
    row = event_row(table, DAY)
    for signal in (Drawdown, Breadth, Vix, WeekendGap):
        values = table.signal(signal, {})[row - 2 : row + 4, 0]
        assert cells_of(page, signal.spec.name) == [number_text(value) for value in values]
    betas = table.known(_median_of_members(table))
    assert cells_of(page, "beta") == [number_text(value) for value in betas[row - 2 : row + 4]]


def _median_of_members(table: DecisionTable) -> FloatArray:
    values = np.where(table.member, table.sessions(Beta, {})[0], np.nan)
    return np.array([np.median(row[~np.isnan(row)]) if (~np.isnan(row)).any() else np.nan for row in values])


def test_page_holds_its_picture_and_reaches_for_nothing(page: str, market: Market) -> None:
    data = page.partition('id="charts">')[2].partition("</script>")[0]
    (chart,) = json.loads(data)["charts"]
    assert [trace["name"] for trace in chart["data"]] == [
        "BTC, USD, every 1h",
        f"{market.benchmark}, at opens and closes",
    ]
    assert len(chart["layout"]["shapes"]) == 7
    # Up to the drawing library, whose own text has addresses that the page's policy never lets it open.
    assert not re.search(r'(src|href)="(?!data:)', page.partition("<script>")[0])


def test_later_values_change_no_place(market: Market) -> None:
    table = DecisionTable(market, "growth")
    row = event_row(table, DAY)
    for signal in (Drawdown, Breadth, Vix):
        values = table.signal(signal, {})[:, 0]
        later = np.where(np.arange(len(values)) > row, 1e9, values)
        assert percentile_at(values, row) == percentile_at(later, row) == percentile_at(values[: row + 1], row)


@given(values=st.lists(st.integers(0, 9), min_size=60, max_size=90))
def test_place_is_the_mean_percentile_of_scipy(values: list[int]) -> None:
    array = np.array(values, dtype=np.float64)
    expected = stats.percentileofscore(array, array[-1], "strict") + stats.percentileofscore(array, array[-1], "weak")
    assert percentile_at(array, len(array) - 1) == pytest.approx(expected / 200)
    assert np.isnan(percentile_at(array, 58))


def test_place_passes_over_missing_values() -> None:
    values = np.r_[np.full(10, np.nan), np.arange(60.0), np.nan]
    assert percentile_at(values, 69) == pytest.approx(59.5 / 60)
    assert np.isnan(percentile_at(values, 70))
    assert np.isnan(percentile_at(values, 68))


@pytest.mark.parametrize(
    ("percentile", "expected"),
    [(0.5, ("down", 0)), (0.85, ("up", 0)), (0.9, ("up", 1)), (0.975, ("up", 3)), (0.001, ("down", 5))],
)
def test_shades(percentile: float, expected: tuple[str, int]) -> None:
    assert shade_of(percentile) == expected
    assert shade_of(np.nan)[1] == 0


def test_families_by_what_a_signal_reads() -> None:
    signals = (LiquidationSpike, Drawdown, Funding, Breadth, Vix, PolicyTailwind)
    assert [SIGNAL_FAMILIES.index(family_of(signal.spec)) for signal in signals] == [0, 1, 0, 3, 4, 5]
    assert all(family_of(load(SIGNALS, name).spec) in SIGNAL_FAMILIES for name in registered(SIGNALS))
    assert is_per_name(Beta.spec)
    assert not is_per_name(Breadth.spec)


def test_numbers_as_text() -> None:
    values = (0.0, -0.0, -0.12345, 12345.6, 0.000984, np.nan)
    assert [number_text(value) for value in values] == ["0", "0", f"{MINUS}0.123", "12,346", "0.00098", BLANK]


def test_days_outside_the_market_are_refused_and_a_holiday_is_the_next_session(market: Market) -> None:
    table = DecisionTable(market, "growth")
    assert str(market.sessions[event_row(table, "2019-03-09")].date()) == "2019-03-11"
    for wrong in ("1999-01-04", "2030-01-04", "soon"):
        with pytest.raises(DataError, match="days"):
            event_row(table, wrong)


def test_a_market_without_feeds_and_benchmark_still_has_a_page(market: Market, tmp_path: Path) -> None:
    bare = replace(market, feeds=(), benchmark=None)
    text = write_event_page(bare, "growth", tmp_path / "bare.html", [DAY]).read_text(encoding="utf-8")
    assert "neither BTC nor a benchmark" in text
    assert "no feed of kind &#x27;bars&#x27; for BTC" in text
    assert "names no `benchmark`" in text
    assert len(cells_of(text, "breadth")) == 6


def test_without_days_the_largest_cascades_of_a_simulation_are_shown(market: Market, tmp_path: Path) -> None:
    days, source = default_days(market)
    truth = market.truth
    assert truth is not None
    largest = truth.events.sort_values("liquidated_usd").tail(5)["time"].sort_values()
    assert days == tuple(f"{instant:%Y-%m-%d}" for instant in largest)
    page = write_event_page(market, "growth", tmp_path / "events.html").read_text(encoding="utf-8")
    assert source == "the largest cascades of the simulation"
    assert source in page
    table = DecisionTable(market, "growth")
    assert len(re.findall(r'class="event numbers"', page)) == len({event_row(table, day) for day in days})


def test_without_days_a_market_shows_the_dated_cascades_that_it_covers(market: Market) -> None:
    cases = {
        "2019-06-03": ("2020-03-12", "2021-05-19"),
        "2017-01-03": (),
    }
    for start, days in cases.items():
        bare = replace(simulate_market(seed=1, years=2, names=5, start=start), truth=None)
        if days:
            assert default_days(bare) == (days, "the dated cascades that the market covers")
        else:
            with pytest.raises(
                DataError, match=r"covers none of 2020-03-12, .*; choose days within its sessions .*`--day`"
            ):
                default_days(bare)
