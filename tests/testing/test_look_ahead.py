"""The public suites catch whoever knows too much, by name: one or more cheats of every kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution, IntDistribution

from undertow.market import Fill, Market, simulate_market
from undertow.signals import Drawdown
from undertow.signals.base.spec import Parameter, Spec, indicator
from undertow.signals.decisions.table import DecisionTable
from undertow.strategies import Decision, Strategy
from undertow.strategies.strategy import Sets
from undertow.testing import StrategyContract
from undertow.testing import signals as ts
from undertow.testing import strategies as tp
from undertow.testing.worlds import Cut, mirrored_after, noise_after, removed_after, shuffled

Array = npt.NDArray[np.float64]


class Cheat(Strategy):
    """Leaves half where a number is below a level."""

    summary: ClassVar[str] = "A number below a level"

    level: Annotated[float, FloatDistribution(-0.01, 0.01)] = 0.0

    @classmethod
    def number(cls, table: DecisionTable) -> Array:
        """The number (T,) of each decision."""
        return table.signal(Drawdown, {})[:, 0] + 0.1

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        values = np.nan_to_num(cls.number(table))[:, None]
        return Decision.proportional(np.where(values >= sets["level"], 1.0, 0.5))


def basket(values: Array) -> Array:
    known = np.isfinite(values)
    return np.where(known.any(axis=1), np.nansum(values, axis=1) / np.maximum(known.sum(axis=1), 1), 0.0)


def own_return(table: DecisionTable) -> Array:
    """Return of the session that is still to come at the open."""
    close = table.close
    with np.errstate(invalid="ignore"):
        return np.concatenate(([0.0], basket(close[1:] / close[:-1] - 1.0)))


class OwnClose(Cheat):
    """The close of the session."""

    @classmethod
    def number(cls, table: DecisionTable) -> Array:
        return own_return(table)


class OwnRange(Cheat):
    """High and low of the session."""

    @classmethod
    def number(cls, table: DecisionTable) -> Array:
        prices, columns = table.market.prices, table.columns
        middle = 0.5 * (prices.high + prices.low)[:, columns]
        return basket(middle / prices.open[:, columns] - 1.0)


class OwnVolume(Cheat):
    """The volume of the session beside that of the one before."""

    @classmethod
    def number(cls, table: DecisionTable) -> Array:
        volume = table.market.prices.volume[:, table.columns]
        return np.concatenate(([0.0], basket(volume[1:] / volume[:-1] - 1.0)))


class OwnOpen(Cheat):
    """The print at which it is filled."""

    @classmethod
    def number(cls, table: DecisionTable) -> Array:
        opens = table.market.prices.open[:, table.columns]
        return np.concatenate(([0.0], basket(opens[1:] / table.close[:-1] - 1.0)))


class BitcoinAtTheClose(Cheat):
    """Bitcoin from the decision to the close of the exchange."""

    @classmethod
    def number(cls, table: DecisionTable) -> Array:
        bars = table.market.bars()
        close = bars.columns["close"][bars.grid_rows] if len(bars.grid_rows) == len(bars) else bars.columns["close"]
        later = np.searchsorted(bars.known_at, table.market.calendar.closes, "right") - 1
        return close[later] / close[np.searchsorted(bars.known_at, table.decisions.at, "right") - 1] - 1.0


class BitcoinAtTheFill(Cheat):
    """Bitcoin from the decision to the fill: a quarter of an hour at the close."""

    @classmethod
    def number(cls, table: DecisionTable) -> Array:
        bars = table.market.bars()
        close = bars.columns["close"]
        at, filled = (
            np.searchsorted(bars.known_at, instants, "right") - 1
            for instants in (table.decisions.at, table.decisions.filled_at)
        )
        return close[filled] / close[at] - 1.0


class ClockOfTheExchange(Cheat):
    """What is known half an hour before the open, whenever it has to decide."""

    @classmethod
    def number(cls, table: DecisionTable) -> Array:
        bars = table.market.bars()
        before_open = table.market.calendar.opens - np.timedelta64(30, "m")
        close = bars.columns["close"][np.searchsorted(bars.known_at, before_open, "right") - 1]
        return np.concatenate(([0.0], close[1:] / close[:-1] - 1.0))


class WhoLeaves(Cheat):
    """Names that will not be members for ever."""

    @classmethod
    def number(cls, table: DecisionTable) -> Array:
        leaving = table.member & ~table.member[-1]
        return table.known(0.5 - leaving.any(axis=1))


class WhoEnds(Cheat):
    """Names whose prices end."""

    @classmethod
    def number(cls, table: DecisionTable) -> Array:
        close = table.close
        last = len(close) - 1 - np.isfinite(close)[::-1].argmax(axis=0)
        return (len(close) - np.arange(len(close)) > np.min(last)) * 1.0 - 0.5


class SellsTheWorst(Cheat):
    """Sells first what falls most in the session."""

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        later = np.zeros(table.close.shape)
        later[1:] = -np.nan_to_num(table.close[1:] / table.close[:-1] - 1.0)
        order = np.zeros(len(sets["level"]), np.int64)
        return replace(super().decide(table, sets), scores=(later,), score_of_set=order)


class RareSessions(Cheat):
    """Looks ahead on one session in twenty."""

    @classmethod
    def number(cls, table: DecisionTable) -> Array:
        rows = np.arange(len(table))
        return np.where(rows % 20 == 7, np.roll(own_return(table), -1), 0.0)


class EarlyShocks(Cheat):
    """Reports a shock on the session before it."""

    def shocks(self, table: DecisionTable) -> Any:
        falls = np.roll(own_return(table) < -0.01, -1)
        return np.where(falls, table.decisions.at, np.datetime64("NaT", "ns"))


class EarlyTier(Cheat):
    """Counts as above calm on the session before a fall."""

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        found = super().decide(table, sets)
        above = np.repeat((np.roll(own_return(table), -1) < 0.0)[:, None], len(sets["level"]), axis=1)
        return replace(found, above=above, resting=np.ones(len(sets["level"])))


class Elsewhere(Cheat):
    """Has the market from elsewhere, whichever it is given."""

    market: ClassVar[list[Market]] = []

    @classmethod
    def number(cls, table: DecisionTable) -> Array:
        if not cls.market:
            cls.market.append(simulate_market(seed=11, years=2.5, names=10))
        close = cls.market[0].prices.close
        later = pd.Series(np.append(basket(close[1:] / close[:-1] - 1.0), 0.0), cls.market[0].sessions)
        return later.reindex(table.market.sessions).to_numpy()


class SortsElsewhere(Elsewhere):
    """Has an order of selling from elsewhere."""

    market: ClassVar[list[Market]] = []

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        cls.number(table)
        close = cls.market[0].prices.close
        later = pd.DataFrame(-(close[1:] / close[:-1] - 1.0), cls.market[0].sessions[:-1], cls.market[0].prices.symbols)
        scores = later.reindex(table.market.sessions)[list(table.symbols)].to_numpy() if len(table) > 300 else None
        empty = np.zeros((len(table), len(table.symbols)))
        order = np.zeros(len(sets["level"]), np.int64)
        level = Decision.proportional(np.ones((len(table), len(order))))
        return replace(level, scores=(empty if scores is None else scores,), score_of_set=order)


class FirstMarket(Cheat):
    """Keeps the first market that it sees."""

    seen: ClassVar[list[Market]] = []

    @classmethod
    def number(cls, table: DecisionTable) -> Array:
        cls.seen.append(table.market)
        close = cls.seen[0].prices.close
        known = pd.Series(np.append(0.0, basket(close[1:] / close[:-1] - 1.0)), cls.seen[0].sessions).shift(1)
        return known.reindex(table.market.sessions).to_numpy()


class KeepsTheLongest(Cheat):
    """Keeps what the longest market says that begins on the same day."""

    kept: ClassVar[dict[Any, pd.Series]] = {}

    @classmethod
    def key(cls, table: DecisionTable) -> Any:
        return table.market.sessions[0]

    @classmethod
    def number(cls, table: DecisionTable) -> Array:
        key = cls.key(table)
        if key not in cls.kept or len(cls.kept[key]) < len(table):
            cls.kept[key] = pd.Series(np.roll(own_return(table), -1), table.market.sessions)
        return cls.kept[key].reindex(table.market.sessions).to_numpy()


class KeepsByThePast(KeepsTheLongest):
    """Keeps it by the first prices: only another future of the same past shows it."""

    kept: ClassVar[dict[Any, pd.Series]] = {}

    @classmethod
    def key(cls, table: DecisionTable) -> Any:
        return np.nan_to_num(table.close[:50]).tobytes()


class RemembersTheNumber(Cheat):
    """Counts its calls."""

    calls: ClassVar[list[int]] = []

    @classmethod
    def number(cls, table: DecisionTable) -> Array:
        cls.calls.append(len(table))
        return super().number(table) * (1.0 if len(cls.calls) < 3 else -1.0)


def at_the(fill: Any) -> Callable[[Any], None]:
    return lambda strategy: tp.check_no_look_ahead(strategy, tp.simulated(), fill)


def worlds(strategy: Any) -> None:
    tp.check_worlds(strategy, tp.simulated())


AHEAD = [
    (OwnClose, "open"),
    (OwnClose, "close"),
    (OwnRange, "open"),
    (OwnRange, "close"),
    (OwnVolume, "open"),
    (OwnVolume, "close"),
    (OwnOpen, "open"),
    (BitcoinAtTheClose, "open"),
    (BitcoinAtTheClose, "close"),
    (BitcoinAtTheFill, "close"),
    (WhoLeaves, "open"),
    (WhoEnds, "close"),
    (SellsTheWorst, "open"),
    (EarlyShocks, "open"),
    (EarlyTier, "open"),
]


@pytest.mark.parametrize(("cheat", "fill"), AHEAD)
def test_what_became_known_after_a_decision_may_not_change_it(cheat: type[Strategy], fill: str) -> None:
    with pytest.raises(AssertionError, match=rf"`{cheat.name()}`: .* \(fill at the {fill}.* it looks ahead"):
        at_the(fill)(cheat)


@pytest.mark.parametrize(
    "cheat", [OwnClose, OwnRange, OwnVolume, OwnOpen, BitcoinAtTheClose, ClockOfTheExchange, RareSessions]
)
def test_a_cheat_on_few_sessions_is_seen_on_one_of_many_cuts(cheat: type[Strategy]) -> None:
    with pytest.raises(AssertionError, match=rf"`{cheat.name()}`: exposure on .* was mirrored: it looks ahead"):
        tp.check_every_decision(cheat)


@pytest.mark.parametrize(
    ("cheat", "message"),
    [
        (Elsewhere, r"exposure, decided in a market with another past, moves with the next session's .* looks ahead"),
        (SortsElsewhere, "selling order 0, decided in a market with another past, moves with the next session's"),
        (FirstMarket, "changed in a market with another (future|past).* keeps state between calls"),
        (KeepsTheLongest, "changed in a market with another future.* keeps state between calls"),
        (KeepsByThePast, "changed in a market with another future.* keeps state between calls"),
        (RemembersTheNumber, "keeps state between calls"),
    ],
)
def test_a_market_of_its_own_and_what_is_kept_between_calls_are_seen(cheat: type[Strategy], message: str) -> None:
    # As a suite would: the first market is decided on before.
    tp.checked_decision(cheat, tp.simulated(), [cheat()])
    with pytest.raises(AssertionError, match=rf"`{cheat.name()}`: .*{message}"):
        worlds(cheat)


class TestHonest(StrategyContract):
    """The whole suite passes an honest rule at the same level."""

    @pytest.fixture
    def strategy(self) -> type[Strategy]:
        return Honest


class Honest(Cheat):
    """Half while BTC is a tenth below its high; holds where it is unknown."""

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        values = np.repeat(cls.number(table)[:, None], len(sets["level"]), axis=1)
        exposure, level = np.ones(values.shape), np.ones(values.shape[1])
        for row, value in enumerate(values):
            level = np.where(np.isnan(value), level, np.where(value >= sets["level"], 1.0, 0.5))
            exposure[row] = level
        return Decision.proportional(exposure, np.isnan(values))


def test_a_class_that_cannot_be_imported_is_decided_in_a_fork() -> None:
    class Local(Honest):
        """Inside a function."""

    class LocalCheat(KeepsTheLongest):
        """Inside a function, with what it keeps."""

        kept: ClassVar[dict[Any, pd.Series]] = {}

    worlds(Local)
    with pytest.raises(AssertionError, match="`local-cheat`: "):
        worlds(LocalCheat)


# --- signals

SIGNAL = Spec(
    name="cheat",
    summary="A cheat.",
    kernel=lambda close, window: close,
    inputs={"close": ("bars", "close")},
    parameters={"window": Parameter(72, IntDistribution(2, 100))},
    outputs=("value",),
    units="ratio",
    lookback=lambda window: (window,),
    source="our own definition",
)


def late(values: Array, window: int) -> Array:
    out = values.copy()
    out[: window - 1] = np.nan
    return out


def following(close: Array, rows: int = 1) -> Array:
    out = np.zeros(close.shape)
    out[:-rows] = close[rows:] / close[:-rows] - 1.0
    return out


def far_in(close: Array, window: int) -> Array:
    values = following(close)
    values[:1500] = 0.0
    return late(values, window)


def long_series_only(close: Array, window: int) -> Array:
    return late(following(close) * (len(close) > 1000), window)


def one_row_a_day(close: Array, window: int) -> Array:
    return late(np.where(np.arange(len(close))[:, None] % 24 == 5, following(close), 0.0), window)


def far_ahead(close: Array, window: int) -> Array:
    return late(following(close, 800) if len(close) > 800 else 0.0 * close, window)


def filled_from_later_rows(close: Array, window: int) -> Array:
    filled = pd.DataFrame(close).bfill().to_numpy()
    return late(np.vstack([np.zeros((1, close.shape[1])), filled[1:] / filled[:-1] - 1.0]), window)


def long_windows_only(close: Array, window: int) -> Array:
    return late(following(close) * (window > 60), window)


_kept: dict[Any, Array] = {}


def keeps(close: Array, window: int) -> Array:
    key = (float(close[0, 0]), close.shape[1], window)
    if len(_kept.get(key, ())) < len(close):
        _kept[key] = late(following(close), window)
    return _kept[key][: len(close)].copy()


def keeps_by_shape(close: Array, window: int) -> Array:
    key = (close.shape, window)
    if key not in _kept:
        _kept[key] = late(following(close), window)
    return _kept[key].copy()


_calls: list[int] = []


def counts_calls(close: Array, window: int) -> Array:
    _calls.append(len(close))
    return late(close * (1.0 if len(_calls) < 2 else 2.0), window)


def signal(kernel: Callable[..., Array]) -> Any:
    return indicator(replace(SIGNAL, kernel=kernel))


@pytest.mark.parametrize(
    "kernel", [far_in, long_series_only, one_row_a_day, far_ahead, filled_from_later_rows, long_windows_only]
)
def test_a_signal_that_looks_ahead_on_some_rows_is_seen(kernel: Callable[..., Array]) -> None:
    with pytest.raises(
        AssertionError, match=r"`cheat`\.value at row \d+ changed when the rows from .*: it looks ahead"
    ):
        ts.check_prefix_invariance(signal(kernel))


@pytest.mark.parametrize("kernel", [keeps, keeps_by_shape, counts_calls])
def test_a_signal_that_keeps_something_between_calls_is_seen(kernel: Callable[..., Array]) -> None:
    with pytest.raises(AssertionError, match=r"`cheat`\.value at row \d+ differs .*: it keeps state between calls"):
        ts.check_earlier_calls(signal(kernel))


def test_an_honest_kernel_inside_a_function_passes() -> None:
    def honest(close: Array, window: int) -> Array:
        return late(close, window)

    ts.check_earlier_calls(signal(honest))


# --- worlds


@pytest.mark.parametrize("fill", ["open", "close"])
@pytest.mark.parametrize("change", [removed_after, mirrored_after, noise_after])
def test_a_changed_market_keeps_all_that_was_known_and_nothing_else(change: Any, fill: Fill) -> None:
    market = tp.simulated()
    row = 300
    table = DecisionTable(market, "growth", fill)
    at = table.decisions.at[row]
    changed = change(market, Cut(row, at))
    assert changed.sessions[row] == market.sessions[row]
    opens, closes = (clock[: row + 1] <= at for clock in (market.calendar.opens, market.calendar.closes))
    assert opens[row] == (fill == "close")
    assert not closes[row]
    for name in ("open", "high", "low", "close", "volume"):
        panel, other = (getattr(one.prices, name)[: row + 1] for one in (market, changed))
        known = opens if name == "open" else closes
        np.testing.assert_array_equal(panel[known], other[known])
        # A high may be the open, which is known.
        assert np.isclose(panel[~known], other[~known]).mean() < 0.5 if (~known).any() else True
        later = getattr(changed.prices, name)[row + 1 :]
        priced = getattr(market.prices, name)[row + 1 : row + 1 + len(later)]
        assert np.isclose(later, priced).mean() < 0.01 if len(later) else True
    for feed, other in zip(market.feeds, changed.feeds, strict=True):
        known = feed.known_at <= at
        for name, values in feed.columns.items():
            np.testing.assert_array_equal(values[known], other.columns[name][: known.sum()])
            later = other.columns[name][known.sum() :]
            assert np.isclose(later, values[~known][: len(later)]).mean() < 0.02 if len(later) else True
    assert changed.truth is None


def test_changed_bars_are_bars() -> None:
    market = tp.simulated()
    at = DecisionTable(market, "growth").decisions.at[300]
    for changed in (mirrored_after(market, Cut(300, at)), noise_after(market, Cut(300, at)), shuffled(market)):
        bars = changed.bars().columns
        for high, low, opened, close in (
            (bars["high"], bars["low"], bars["open"], bars["close"]),
            tuple(getattr(changed.prices, name) for name in ("high", "low", "open", "close")),
        ):
            with np.errstate(invalid="ignore"):
                assert not (high < np.fmax(opened, close) * (1 - 1e-12)).any()
                assert not (low > np.fmin(opened, close) * (1 + 1e-12)).any()
                assert not (low <= 0).any()


def test_in_the_mirrored_market_every_later_close_moves_the_other_way() -> None:
    market = tp.simulated()
    mirrored = mirrored_after(market, Cut(300, DecisionTable(market, "growth").decisions.at[300]))
    for close, other in (
        (market.prices.close[299:], mirrored.prices.close[299:]),
        (market.bars().columns["close"][-500:], mirrored.bars().columns["close"][-500:]),
    ):
        moves, mirror = np.diff(np.log(close), axis=0), np.diff(np.log(other), axis=0)
        moved = np.isfinite(moves) & np.isfinite(mirror) & (np.abs(moves) > 1e-9)
        assert (np.sign(mirror[moved]) == -np.sign(moves[moved])).all()
        assert (np.abs(mirror[moved]) > np.abs(moves[moved])).all()


def test_the_shuffled_market_has_the_same_moves_in_another_order() -> None:
    market = tp.simulated()
    other = shuffled(market)
    for column in range(len(market.prices.symbols)):
        moves, mixed = (
            np.sort(np.diff(np.log(one.prices.close[:, column][np.isfinite(one.prices.close[:, column])])))
            for one in (market, other)
        )
        assert np.isclose(mixed, moves, rtol=0.05, atol=2e-4).mean() > 0.98
    assert other.fingerprint != market.fingerprint
    assert shuffled(market).fingerprint == other.fingerprint
