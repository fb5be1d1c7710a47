"""Feeds that repeat themselves have no value from the tolerance on; what may repeat by its nature keeps it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from undertow.market import Feed, Span, coarsen

START = np.datetime64("2024-01-01T00", "ns")


def feed(kind: str, columns, interval: str = "1h", step: str = "", **options) -> Feed:
    span, gap = Span.parse(interval), Span.parse(step or interval).timedelta
    columns = {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}
    rows = len(next(iter(columns.values())))
    times = START + gap * np.arange(rows)
    regimes = np.zeros(rows, np.int64)
    return Feed(kind, "BTC", "x", span, Span(), times, times + span.timedelta, columns, regimes, **options)


def bars(close, volume=None, interval: str = "1h", **options) -> Feed:
    close = np.asarray(close, dtype=np.float64)
    volume = np.full(len(close), 5.0) if volume is None else volume
    return feed("bars", {"high": close + 1, "close": close, "volume": volume}, interval, **options)


def moving(rows: int) -> np.ndarray:
    return 100.0 + np.arange(rows)


def then(first: np.ndarray, value: float, repeats: int, after: int = 0) -> np.ndarray:
    """A series that moves, keeps a value for 1 + `repeats` rows, and moves on."""
    return np.concatenate((first, np.full(1 + repeats, value), 900.0 + np.arange(after)))


def blanks(values) -> list[int]:
    return np.flatnonzero(np.isnan(values)).tolist()


@pytest.mark.parametrize(
    ("frozen", "rows"),
    [
        # Hourly: the tolerance of 24 hours is over with the 25th repeat. Row 10 is the first of the value.
        (bars(then(moving(10), 7.0, 24)), []),
        (bars(then(moving(10), 7.0, 27, after=3)), [35, 36, 37]),
        # Daily: three intervals, the fourth repeat.
        (bars(then(moving(10), 7.0, 5, after=1), interval="1d"), [14, 15]),
        # `tolerance` of the feed counts, where it is longer and where it is shorter; three intervals at least.
        (bars(then(moving(10), 7.0, 30), stale_after=Span.parse("36h").timedelta), []),
        (bars(then(moving(10), 7.0, 7), stale_after=Span.parse("6h").timedelta), [17]),
        (bars(then(moving(10), 7.0, 4), stale_after=Span.parse("1h").timedelta), [14]),
        # Minutes without any volume are a quiet market, for a day; with a volume they repeat the last row.
        (bars(then(moving(10), 7.0, 40), np.zeros(51), "1min", stale_after=Span.parse("10min").timedelta), []),
        (bars(then(moving(10), 7.0, 1442), np.zeros(1453), "1min"), [1451, 1452]),
        (bars(then(moving(10), 7.0, 12), np.ones(23), "1min", stale_after=Span.parse("10min").timedelta), [21, 22]),
        # From the first row on.
        (bars(np.full(27, 7.0)), [25, 26]),
        # A volume that moves is a market that trades at one price, such as a stablecoin.
        (bars(np.full(60, 1.0), moving(60)), []),
    ],
)
def test_bars(frozen: Feed, rows: list[int]) -> None:
    for column in ("high", "close", "volume"):
        assert blanks(frozen[column]) == rows
    assert np.flatnonzero(frozen.frozen_rows).tolist() == rows


def test_a_price_that_often_stands_still_says_nothing_by_it() -> None:
    # Two of three rows repeat from the start: pegged. After 30 rows the past decides.
    pegged = np.repeat(1.0 + 0.001 * np.arange(20), 3)
    assert blanks(bars(then(pegged, 7.0, 40), np.zeros(101))["close"]) == []
    # One of three: a market that moves.
    lively = np.where(np.arange(60) % 3 == 1, moving(60) - 1.0, moving(60))
    assert len(blanks(bars(then(lively, 7.0, 40))["close"])) == 40 - 24


def test_nights_and_weekends_are_no_repeats() -> None:
    times = START + np.array([0, 1, 2, 90, 91, 92]) * Span.parse("1h").timedelta
    close = np.array([1.0, 2.0, 3.0, 3.0, 4.0, 5.0])
    feed = Feed("bars", "QQQ", "x", Span(60.0), Span(), times, times, {"close": close}, np.zeros(6, np.int64))
    assert blanks(feed["close"]) == []


@pytest.mark.parametrize(
    ("long_usd", "interval", "rows"),
    [
        # Daily zeros: three days pass, the fourth repeat does not.
        (np.concatenate((moving(10), np.zeros(4), moving(2))), "1d", []),
        (np.concatenate((moving(10), np.zeros(7), moving(2))), "1d", [14, 15, 16]),
        # Hourly zeros: 72 hours.
        (np.concatenate((moving(10), np.zeros(73), moving(2))), "1h", []),
        (np.concatenate((moving(10), np.zeros(75), moving(2))), "1h", [83, 84]),
        # An amount that repeats to the cent is a copy: the tolerance.
        (then(moving(10), 7.0, 26), "1h", [35, 36]),
        # Zero from the first row on.
        (np.zeros(6), "1d", [4, 5]),
    ],
)
def test_liquidations(long_usd: np.ndarray, interval: str, rows: list[int]) -> None:
    one_side = feed("liquidations", {"long_usd": long_usd, "short_usd": moving(len(long_usd))}, interval)
    assert blanks(one_side["long_usd"]) == rows
    assert blanks(one_side["short_usd"]) == []
    assert one_side.frozen_rows.sum() == len(rows)


def test_open_interest_and_funding() -> None:
    assert blanks(feed("open_interest", {"open_interest_usd": then(moving(9), 7.0, 5)}, "1d")["open_interest_usd"]) == [
        13,
        14,
    ]
    # Funding rests at the default rate of 0.01 % for weeks: 90 repeats are 30 days.
    rates = then(1e-4 * moving(30), 1e-4, 92)
    resting = feed("funding", {"funding_rate": rates}, "0h", "8h")
    assert blanks(resting["funding_rate"]) == [121, 122]


def test_macro_series_one_by_one() -> None:
    rows = 120
    vix = then(moving(rows), 16.0, 25)
    holidays = np.where(np.arange(len(vix)) % 7 > 4, np.nan, vix)
    policy = np.repeat([1.0, 1.25], [100, len(vix) - 100])
    table = feed("macro", {"VIX": holidays, "RATE": policy, "LIVE": moving(len(vix))}, "1 session", "1d")
    known = np.flatnonzero(np.isfinite(holidays))
    first = known[known >= rows][0]
    # 26 days hold 18 observations of the value and weekends between: not yet 20 repeats.
    assert first == rows
    assert blanks(table["VIX"]) == blanks(holidays)
    longer = then(moving(rows), 16.0, 40)
    longer = np.where(np.arange(len(longer)) % 7 > 4, np.nan, longer)
    long_table = feed("macro", {"VIX": longer, "LIVE": moving(len(longer))}, "1 session", "1d")
    observed = np.flatnonzero(np.isfinite(longer) & (np.arange(len(longer)) >= rows))
    assert np.flatnonzero(long_table.frozen_rows).tolist() == observed[21:].tolist()
    assert not table.frozen
    # A series that moves on one observation of two may stand still: it says nothing by it.
    lazy = then(np.repeat(moving(40), 2), 16.0, 60)
    assert blanks(feed("macro", {"LAZY": lazy}, "1 session", "1d")["LAZY"]) == []


def random_feed(seed: int) -> Feed:
    rng = np.random.default_rng(seed)
    values = np.repeat(rng.normal(size=60), rng.choice([1, 1, 1, 1, 1, 1, 1, 1, 2, 20, 60], size=60))
    values[rng.random(len(values)) < 0.05] = np.nan
    kind, column = [("bars", "close"), ("liquidations", "long_usd"), ("open_interest", "open_interest_usd")][seed % 3]
    return feed(kind, {column: values})


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4, 5, 7, 8, 9])
def test_a_row_is_judged_by_the_rows_before_it(seed: int) -> None:
    whole = random_feed(seed)
    (column,) = whole.columns
    assert whole.frozen_rows.any()
    for rows in range(1, len(whole), 37):
        past = np.arange(len(whole)) < rows
        part = whole.keep(past)
        np.testing.assert_array_equal(part[column], whole[column][:rows])
        np.testing.assert_array_equal(part.frozen_rows, whole.frozen_rows[:rows])
    assert whole.keep(np.ones(len(whole), np.bool_)) is whole
    again = replace(whole)
    np.testing.assert_array_equal(again[column], whole[column])
    np.testing.assert_array_equal(again.frozen_rows, whole.frozen_rows)


def test_what_is_known_of_a_frozen_feed() -> None:
    dead = bars(then(moving(10), 7.0, 29, after=2))
    at = START + Span.parse("1h").timedelta * np.array([30, 36, 40, 41])
    np.testing.assert_array_equal(dead.frozen_at(at), [False, True, True, False])
    np.testing.assert_array_equal(dead.frozen_at(at, "close"), [False, True, True, False])
    values = dead.at(dead.on_grid("close"), at)
    np.testing.assert_array_equal(values, [7.0, np.nan, np.nan, 900.0])
    # The last news before 40:00 is the row of 34:00, which became known at 35:00.
    assert dead.last_news(at[2]) == START + Span.parse("35h").timedelta
    assert np.isnat(dead.last_news(START))


def test_coarser_bars_of_a_frozen_feed() -> None:
    dead = coarsen(bars(then(moving(24), 7.0, 71)), 6.0)
    # The last row of the bars from hour 48 on is frozen; the 25th repeat is the row of hour 49.
    assert dead.frozen_rows.tolist() == [False] * 8 + [True] * 8
    assert np.isnan(dead["close"][8:]).all()
