"""What `undertow market check` counts."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from support.tiny import BTC, GROWTH, LIQUIDATIONS, PRICES, Folder
from undertow.market import Market, is_extreme, market_findings, price_changes, simulate_market, split_ratio
from undertow.market.coverage import market_coverage, render_coverage
from undertow.market.coverage.coverage import RegimeCoverage


def printed(market: Market) -> str:
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(render_coverage(market_coverage(market)))
    return console.export_text()


def cut(folder: Folder, file: str, *parts: str) -> None:
    """Remove every row that contains all of `parts`."""
    folder.write(file, [line for line in folder.lines(file) if not all(part in line for part in parts)])


def test_a_whole_market(tiny_market: Market):
    report = market_coverage(tiny_market)
    assert (report.name, report.calendar, report.benchmark, report.cash) == ("tiny", "XNYS", "AAA", None)
    assert (report.first_session, report.last_session, report.sessions) == ("2024-11-18", "2024-12-04", 12)
    assert report.fingerprint == tiny_market.fingerprint
    assert [feed.kind for feed in report.feeds] == ["bars", "liquidations", "macro"]
    prices = report.prices
    assert (prices.symbols, prices.rows) == (3, 36)
    assert (prices.gap_cells, prices.missing_opens, prices.zero_volume, prices.outside_range) == (0, 0, 0, 0)
    assert (prices.listed_late, prices.ended_early, prices.close_only, prices.empty_sessions) == ((), (), (), ())


def test_a_feed(tiny: Folder):
    cut(tiny, BTC, "2024-11-16T03:")
    cut(tiny, BTC, "2024-11-16T04:")
    cut(tiny, BTC, "2024-11-19T07:")
    tiny.set_cell(BTC, 1, "volume", "")
    bars = market_coverage(tiny.load()).feeds[0]
    assert (bars.first, bars.last, bars.rows) == ("2024-11-15T00:00", "2024-12-04T23:00", 477)
    assert (bars.missing_intervals, bars.longest_gap_hours, bars.blanks) == (3, 2.0, 1)
    # The last session closes at 21:00 UTC, when the bar of 20:00 has just become known.
    assert (bars.age_hours, bars.stale) == (0.0, False)


def test_a_feed_that_ended_is_stale(tiny: Folder):
    cut(tiny, LIQUIDATIONS, "2024-12-")
    liquidations = market_coverage(tiny.load()).feeds[1]
    # 30 November is known on 1 December at 00:10; the last session closes on the 4th at 21:00.
    assert liquidations.age_hours == pytest.approx(3 * 24 + 21 - 1 / 6, abs=0.01)
    assert liquidations.stale
    assert "stale" in printed(tiny.load())


def test_regimes_and_repeats(tiny: Folder):
    for row in range(6, 21):
        tiny.set_cell(LIQUIDATIONS, row, "venue_regime", "two")
    tiny.repeat_row(LIQUIDATIONS, 3)
    liquidations = market_coverage(tiny.load()).feeds[1]
    assert liquidations.repeated_rows == 1
    assert liquidations.regimes == (
        RegimeCoverage("one", "2024-11-15", "2024-11-19", 5),
        RegimeCoverage("two", "2024-11-20", "2024-12-04", 15),
    )


def test_a_universe(tiny: Folder):
    tiny.write(GROWTH, [*tiny.lines(GROWTH), "ZZZ,,"])
    tiny.set_cell(PRICES, 1, "open", "")  # AAA, a member from the start
    tiny.set_cell(PRICES, 2, "open", "")  # BBB, a member from 20 November only
    cut(tiny, PRICES, "12-04,AAA")
    growth = market_coverage(tiny.load()).universes[0]
    assert (growth.symbols, growth.priced, growth.without_prices) == (4, 3, ("ZZZ",))
    # AAA and CCC, with BBB from the third session; CCC leaves after 2 December, AAA's last row is missing.
    assert (growth.alive_at_start, growth.alive_at_end) == (2, 1)
    assert (growth.alive_min, growth.alive_median, growth.alive_max) == (1, 3.0, 3)
    assert growth.missing_opens == 1


def test_prices(tiny: Folder):
    cut(tiny, PRICES, "11-18,CCC")  # listed late
    cut(tiny, PRICES, "12-04,BBB")  # no end yet
    cut(tiny, PRICES, "11-21,AAA")  # a gap
    cut(tiny, PRICES, "11-26")  # a session without any row: a gap of all three
    tiny.set_cell(PRICES, 1, "volume", "0")
    tiny.set_cell(PRICES, 2, "open", "99")
    row = next(n for n, line in enumerate(tiny.lines(PRICES)) if "12-02,CCC" in line)
    tiny.set_cell(PRICES, row, "close", "300")
    prices = market_coverage(tiny.load()).prices
    assert prices.rows == 36 - 6
    assert (prices.listed_late, prices.ended_early) == (("CCC",), ())
    assert (prices.gap_cells, prices.gap_names) == (4, ("AAA", "BBB", "CCC"))
    assert prices.empty_sessions == ("2024-11-26",)
    # BBB opens and CCC closes above the high.
    assert (prices.zero_volume, prices.outside_range) == (1, 2)
    # CCC from 29 to 300 and back to 31.
    assert prices.extreme_count == 2
    assert prices.extreme_moves == (("CCC", "2024-12-02", round(300 / 29 - 1, 4)), ("CCC", "2024-12-03", -0.8967))


def test_close_only_and_never_closed(tiny: Folder):
    for row in range(2, 37, 3):
        for column in ("open", "high", "low", "volume"):
            tiny.set_cell(PRICES, row, column, "")
    for row in range(3, 37, 3):
        tiny.set_cell(PRICES, row, "close", "")
    prices = market_coverage(tiny.load()).prices
    assert (prices.close_only, prices.without_close) == (("BBB",), ("CCC",))
    assert (prices.missing_opens, prices.gap_cells) == (12, 0)
    assert prices.listed_late == ()


def test_it_is_plain_data_and_prints(tiny: Folder):
    tiny.replace("market.toml", '"tiny"', '"tiny [bold]"')
    market = tiny.load()
    restored = json.loads(json.dumps(market_coverage(market).as_dict(), allow_nan=False))
    assert restored["feeds"][1]["regimes"][0]["name"] == "one"
    text = printed(market)
    for part in ("tiny [bold]", market.fingerprint, "outside [low, high]", "liquidations BTC", "growth", "2024-12-04"):
        assert part in text


def test_a_market_without_feeds_or_universes_prints(tiny: Folder):
    entry = ["[[feed]]", f'path = "{PRICES}"', 'kind = "prices"']
    tiny.write("market.toml", ["format = 1", 'name = "bare"', *entry])
    text = printed(tiny.load())
    assert "bare" in text
    assert "Feeds" not in text


def test_real_data(real_market: Market):
    report = market_coverage(real_market)
    growth = next(universe for universe in report.universes if universe.name == "growth")
    assert (growth.symbols, growth.without_prices) == (149, ("WOLF",))
    assert {"ARKK", "BIL", "SGOV", "BITO", "IBIT"} <= set(report.prices.close_only)
    assert [regime.first for regime in report.feeds[4].regimes] == ["2020-04-15", "2020-12-23", "2021-04-27"]
    assert ("GME", "2021-01-27", pytest.approx(1.348, abs=0.001)) in report.prices.extreme_moves


@pytest.mark.parametrize(
    ("change", "split"),
    # A fall to a quarter, a rise to the fourfold and to the hundredfold; 3 % off by the move of its day; a crash.
    [
        (-0.75, "4:1"),
        (3.0, "1:4"),
        (99.0, "1:100"),
        (-0.5, "2:1"),
        (-0.742, "4:1"),
        (-0.60, ""),
        (0.47, ""),
        (-1.0, ""),
    ],
)
def test_the_split_that_a_move_is_close_to(change: float, split: str) -> None:
    assert split_ratio(change) == split


def test_changes_reach_across_gaps() -> None:
    closes = np.array([[10.0, np.nan], [np.nan, 4.0], [40.0, 5.0]])
    changes = price_changes(closes)
    np.testing.assert_allclose(changes, [[np.nan, np.nan], [np.nan, np.nan], [3.0, 0.25]])
    assert is_extreme(changes).sum() == 1


def test_ticks_of_bars_that_cannot_be(tiny: Folder):
    assert [(feed.outside_range, feed.extreme_count) for feed in market_coverage(tiny.load()).feeds] == [(0, 0)] * 3
    tiny.set_cell(BTC, 5, "close", "1")
    bars = market_coverage(tiny.load()).feeds[0]
    assert (bars.outside_range, bars.extreme_count) == (1, 2)
    # The way back is the larger one.
    assert [stamp for stamp, _ in bars.extreme_moves] == ["2024-11-15T05:00", "2024-11-15T04:00"]
    assert "moves beyond ±45% in an interval" in printed(tiny.load())


def test_a_frozen_feed_is_named(tiny: Folder):
    last = tiny.lines(BTC)[400].split(",", 1)[1]
    for row in range(401, 481):
        tiny.set_row(BTC, row, f"{tiny.lines(BTC)[row].split(',', 1)[0]},{last}")
    report = market_coverage(tiny.load())
    bars = report.feeds[0]
    # Rows 401 to 424 of the file repeat row 400 within 24 hours; those after them have no value.
    assert (bars.frozen_rows, bars.frozen, bars.blanks) == (56, True, 280)
    finding = report.findings[BTC]
    assert finding.startswith("56 rows repeat what was before for longer than its tolerance, 2024-12-02T16:00")
    assert "its last row included: they have no value; supply them again" in finding
    text = printed(tiny.load())
    assert "56, last row too" in text
    assert "What looks wrong" in text


def test_liquidations_of_zero_are_named(tiny: Folder):
    for row in range(8, 21):
        tiny.set_cell(LIQUIDATIONS, row, "long_usd", "0")
    liquidations = market_coverage(tiny.load()).feeds[1]
    # Rows 8 to 11 are zero within three days of row 8; nine more rows have no value of the long side.
    assert (liquidations.frozen_rows, liquidations.frozen, liquidations.blanks) == (9, True, 9)
    assert " in long_usd " in market_coverage(tiny.load()).findings[LIQUIDATIONS]


def test_rows_of_zero_that_were_put_in_are_counted(tiny: Folder):
    tiny.write(LIQUIDATIONS, [line for row, line in enumerate(tiny.lines(LIQUIDATIONS)) if row not in (5, 6, 9)])
    tiny.replace("market.toml", 'delay = "10min"', 'delay = "10min"\nmissing = "zero"')
    liquidations = market_coverage(tiny.load()).feeds[1]
    assert (liquidations.rows, liquidations.zero_rows, liquidations.missing_intervals) == (20, 3, 0)
    assert "3 of zero" in printed(tiny.load())


def cash_market(flat: int) -> Market:
    market = simulate_market(seed=3, years=0.6, names=5)
    column = market.prices.columns_of([market.cash])[0]
    close = market.prices.close.copy()
    close[10 : 10 + flat + 1, column] = close[10, column]
    return replace(market, prices=replace(market.prices, close=close))


def test_a_cash_symbol_without_any_return():
    assert market_findings(cash_market(59)) == {}
    market = cash_market(60)
    first, last = (market.sessions[row].date() for row in (11, 70))
    finding = market_findings(market)[f"cash {market.cash}"]
    assert finding == (
        f"no return on 60 sessions in a row, {first} to {last}: cash earned nothing then; supply its prices with"
        " distributions (adjusted closes), or name another symbol"
    )
    assert market_coverage(market).findings == market_findings(market)


def test_adjusted_closes_are_a_finding(tiny: Folder):
    table = tiny.table(PRICES)
    table.assign(adj_close=table["close"] / 2).to_csv(tiny.path / PRICES, index=False)
    ((subject, finding),) = market_findings(tiny.load()).items()
    assert subject == PRICES
    assert finding.startswith("`adj_close` differs from `close` on 36 of 36 rows, and `close` is used")
    assert "`adj_close` differs" in printed(tiny.load())


def test_names_that_lack_the_last_session_and_names_that_repeat(tiny: Folder):
    cut(tiny, PRICES, "2024-12-04", "BBB")
    for row in range(3, 25, 3):
        day = tiny.lines(PRICES)[row].split(",")[0]
        tiny.set_row(PRICES, row, f"{day},CCC,20,22,19,21,1000")
    prices = market_coverage(tiny.load()).prices
    assert prices.without_last_session == ("BBB",)
    assert prices.frozen_names == ("CCC",)
    # A halted name repeats without a volume.
    for row in range(3, 25, 3):
        tiny.set_cell(PRICES, row, "volume", "0")
    assert market_coverage(tiny.load()).prices.frozen_names == ()
