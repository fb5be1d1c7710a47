"""A signal or a series at the decisions: no look-ahead, levels and comparisons as those of vectorbt."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import vectorbt as vbt

import undertow as ut
from support.priced import load_priced, sessions_of, walk_closes
from undertow.market import DataError, Market, ParameterError, UnknownNameError, simulate_market
from undertow.signals.decisions import DecisionTable, KnownValues

Drawdown, LiquidationSpike = ut.signals.Drawdown, ut.signals.LiquidationSpike


@cache
def simulated() -> Market:
    return simulate_market(seed=5, years=2, names=6)


def momentum(market: Market) -> KnownValues:
    """A series that is computed from the frame of a feed, with the instants of its rows."""
    bars = market.bars()
    return ut.at_decisions(market, bars.close.pct_change(24), known_at=bars.known_at, lag=[0, 7])


SOURCES = {
    "drawdown": lambda market, fill: ut.at_decisions(market, Drawdown, window=[24, 72], lag=[0, 30], fill=fill),
    "spike": lambda market, fill: ut.at_decisions(
        market, LiquidationSpike, output="rank", horizon=6, window=200, lag=12, fill=fill, how="max"
    ),
    "breadth": lambda market, fill: ut.at_decisions(market, ut.signals.Breadth, window=20, horizon=1, fill=fill),
    "series": lambda market, fill: ut.at_decisions(
        market, market.bars().close.pct_change(24), known_at=market.bars().known_at, lag=[0, 7], fill=fill, how="min"
    ),
    "sessions": lambda market, fill: ut.at_decisions(
        market, market.prices.frame("close", universe="growth"), known_at=market.calendar.closes, fill=fill
    ),
}


@pytest.mark.parametrize("fill", ["open", "close"])
@pytest.mark.parametrize("name", SOURCES)
def test_rows_stay_when_the_future_is_cut_off(name: str, fill: str) -> None:
    whole = SOURCES[name](simulated(), fill)
    assert whole.frame.notna().any().all()
    for cut in (120, 121, 250, 400):
        session = simulated().sessions[cut]
        earlier = SOURCES[name](simulated().until(session), fill)
        assert list(earlier.frame.index) == list(whole.frame.index[: cut + 1])
        pd.testing.assert_frame_equal(earlier.frame, whole.frame.iloc[: cut + 1])
        for comparison in ("above", "below", "crossed_above", "crossed_below"):
            level = float(np.clip(whole.frame.median().median(), whole.bounds.low, whole.bounds.high))
            pd.testing.assert_frame_equal(
                getattr(earlier, comparison)(level), getattr(whole, comparison)(level).iloc[: cut + 1]
            )


@pytest.mark.parametrize("fill", ["open", "close"])
@pytest.mark.parametrize("lag", [0, 5, 24])
def test_a_row_is_the_last_value_known_before_the_fill(lag: int, fill: Any) -> None:
    """By hand: the last bar that had ended at the decision less the lag, and nothing of the fill's own minute."""
    market = simulated()
    bars = market.bars()
    known = ut.at_decisions(market, Drawdown, window=24, lag=lag, fill=fill)
    rolling = bars.close / bars.close.rolling(24).max() - 1.0
    ends = bars.frame.index + pd.Timedelta(hours=1)
    opens, closes = (pd.DatetimeIndex(times, tz="UTC") for times in (market.calendar.opens, market.calendar.closes))
    for row in (30, 31, 32, 200, 333):
        session = known.frame.index[row]
        fills = opens[row] if fill == "open" else closes[row]
        decided = known.decided_at[session]
        assert decided == fills - pd.Timedelta(minutes=30 if fill == "open" else 15)
        expected = rolling[ends <= decided - pd.Timedelta(hours=lag)].iloc[-1]
        assert known.frame.loc[session].item() == pytest.approx(expected, rel=1e-12)


def test_levels_are_named_as_vectorbt_names_them() -> None:
    market, bars = simulated(), simulated().bars()
    ran = Drawdown.run(bars.close, window=[24, 72]).drawdown
    known = ut.at_decisions(market, Drawdown, window=[24, 72], lag=[0, 24])
    assert list(known.frame.columns.names) == [*ran.columns.names, "drawdown_lag"]
    assert known.frame.columns.tolist() == [(24, 0), (24, 24), (72, 0), (72, 24)]
    assert known.frame.columns.levels[0].dtype == ran.columns.dtype
    above = Drawdown.run(bars.close, window=[24, 72]).drawdown_above([-0.1, -0.2])
    assert known.above([-0.1, -0.2]).columns.names == [*above.columns.names, "drawdown_lag"]
    liquidations = market.liquidations().frame
    kwargs: dict[str, Any] = {"horizon": [6, 12], "window": [200, 300], "param_product": True}
    spikes = LiquidationSpike.run(liquidations["long_usd"], regime=liquidations["venue_regime"], **kwargs)
    crossed = ut.at_decisions(market, LiquidationSpike, output="rank", lag=24, **kwargs)
    assert [column[:2] for column in crossed.frame.columns] == spikes.rank.columns.tolist()
    assert crossed.frame.columns.names == [*spikes.rank.columns.names, "liquidation_spike_lag"]
    assert crossed.above([0.9]).columns.names == [*spikes.rank_above([0.9]).columns.names, "liquidation_spike_lag"]
    assert ut.at_decisions(market, Drawdown).frame.columns.names == ["drawdown_lag"]
    assert ut.at_decisions(market, Drawdown, window=24, short_name="btc").frame.columns.names == [
        "btc_window",
        "btc_lag",
    ]
    rsi = vbt.RSI.run(bars.close, window=[14, 28]).rsi
    own = ut.at_decisions(market, rsi, known_at=bars.known_at, lag=[0, 24])
    assert own.frame.columns.names == ["rsi_window", "lag"]
    assert momentum(market).frame.columns.name == "close_lag"


def test_values_are_those_of_the_decision_table() -> None:
    table = DecisionTable(simulated(), "growth")
    known = ut.at_decisions(
        simulated(), LiquidationSpike, output="rank", horizon=[6, 12], window=[200, 300], lag=[0, 24], how="max"
    )
    sets = {"horizon": [6, 6, 12, 12], "window": [200, 200, 300, 300]}
    expected = table.signal(LiquidationSpike, sets, output="rank", lag=[0, 24, 0, 24], how="max")
    np.testing.assert_array_equal(known.frame.to_numpy(), expected)
    coarse = ut.at_decisions(simulated(), Drawdown, window=24, interval_hours=4)
    np.testing.assert_array_equal(coarse.frame.to_numpy(), table.signal(Drawdown, {"window": 24}, interval_hours=4))
    np.testing.assert_array_equal(known.members.to_numpy(), table.member)


@pytest.mark.parametrize("threshold", [-0.05, [-0.05, -0.1]])
def test_comparisons_equal_those_of_vectorbt(threshold: Any) -> None:
    known = ut.at_decisions(simulated(), Drawdown, window=[24, 72], lag=[0, 24])
    levels = threshold if isinstance(threshold, list) else [threshold]
    expected = {
        "below": [known.frame < level for level in levels],
        "above": [known.frame > level for level in levels],
        "crossed_below": [known.frame.vbt.crossed_below(level) for level in levels],
        "crossed_above": [known.frame.vbt.crossed_above(level) for level in levels],
    }
    for name, frames in expected.items():
        compared = getattr(known, name)(threshold)
        assert compared.dtypes.eq(bool).all()
        assert compared.to_numpy().any()
        np.testing.assert_array_equal(compared.to_numpy(), np.hstack([frame.to_numpy() for frame in frames]))


def test_comparisons_go_into_from_signals() -> None:
    market = simulated()
    opens, closes = (market.prices.frame(name, universe="growth") for name in ("open", "close"))
    known = ut.at_decisions(market, Drawdown, window=[24, 72], lag=[0, 24])
    name = closes.columns[0]
    one = vbt.Portfolio.from_signals(
        closes[name], known.above(-0.03), known.below(-0.05), price=opens[name], freq="1D", init_cash=100.0
    )
    assert one.wrapper.columns.equals(known.frame.columns)
    # By hand: bought at the open of the first session whose decision knew a small fall.
    first = known.above(-0.03).iloc[:, 0].to_numpy().argmax()
    order = one.orders.records_readable.query("Column == @known.frame.columns[0]").iloc[0]
    assert order["Timestamp"] == known.frame.index[first]
    assert order["Price"] == opens[name].iloc[first]
    assert known.decided_at.iloc[first] < pd.Timestamp(market.calendar.opens[first], tz="UTC")
    single = ut.at_decisions(market, Drawdown, lag=24)
    basket = vbt.Portfolio.from_signals(closes, single.above(-0.03), single.below(-0.05), price=opens, group_by=True)
    assert basket.orders.count() > 0


def test_a_stale_series_has_no_value() -> None:
    market = simulated()
    ended = market.bars().close.iloc[:5000]
    instants = market.bars().known_at[:5000]
    default, any_age = (
        ut.at_decisions(market, ended, known_at=instants, **kwargs) for kwargs in ({}, {"stale_after": None})
    )
    last = pd.Timestamp(instants[-1], tz="UTC")
    fresh = default.decided_at - last <= pd.Timedelta(days=10)
    later = default.decided_at > last
    assert default.frame[fresh & later].notna().all().all()
    assert default.frame[~fresh].isna().all().all()
    assert any_age.frame[later].notna().all().all()


def test_an_input_without_a_feed_is_noted() -> None:
    market = simulated()
    kept = tuple(feed for feed in market.feeds if feed.kind != "open_interest")
    without = Market(market.name, market.prices, kept, market.universes, market.benchmark, market.cash)
    known = ut.at_decisions(without, LiquidationSpike, output="rank", window=200)
    assert any("open_interest" in note for note in known.notes)


CLOSE = "market.bars().close"
STATED: dict[str, tuple[str, type[Exception], str]] = {
    "starts": (f"at({CLOSE})", ParameterError, "start of each row.*known_at"),
    "stated starts": (f"at({CLOSE}, known_at={CLOSE}.index)", ParameterError, "the start of each row"),
    "sliced starts": (f"at({CLOSE}.iloc[9:], known_at={CLOSE}.index[9:])", ParameterError, "the start of each row"),
    "labels of sessions": (
        "at(market.prices.frame('close').iloc[10:, 0].tz_localize('UTC'))",
        ParameterError,
        "dates of sessions at midnight",
    ),
    "starts as an array": (f"at({CLOSE}, known_at=market.bars().times)", ParameterError, "starts of the rows"),
    "no parameter": ("at(Drawdown, window=[])", ParameterError, "got none"),
    "no product": ("at(Drawdown, window=[], param_product=True)", ParameterError, "got none"),
    "part of them": (f"at({CLOSE}.iloc[:100])", ParameterError, "index `time`.*known_at"),
    "renamed": (f"at({CLOSE}.rename_axis(None))", ParameterError, "bars BTC 1h.*known_at"),
    "no zone": ("at(market.prices.frame())", ParameterError, "without a zone.*calendar.closes"),
    "no times": ("at(pd.Series(['a'], index=['x']))", ParameterError, "instants"),
    "length": (f"at({CLOSE}, known_at=market.bars().known_at[1:])", ParameterError, "must be equal"),
    "order": (f"at({CLOSE}, known_at=market.bars().known_at[::-1])", ParameterError, "order in which they were known"),
    "numbers": (f"at({CLOSE}, known_at=np.arange(3))", ParameterError, "must be instants"),
    "nat": ("at(pd.Series([1.0], index=pd.DatetimeIndex([pd.NaT], tz='UTC')))", ParameterError, "NaT"),
    "text": (
        "at(pd.Series(['a'], index=pd.DatetimeIndex(['2018-03-01T12'], tz='UTC')))",
        ParameterError,
        "must have numbers",
    ),
    "ran": (f"at(Drawdown.run({CLOSE}))", ParameterError, "after its run"),
    "nothing": ("at(3)", ParameterError, "must be an indicator"),
    "instants of a signal": (
        "at(Drawdown, known_at=market.bars().known_at)",
        ParameterError,
        "`known_at` is a setting",
    ),
    "parameter of a series": (
        f"at({CLOSE}, known_at=market.bars().known_at, window=3)",
        ParameterError,
        "`window` is a setting of an indicator",
    ),
    "parameter": ("at(Drawdown, windw=3)", UnknownNameError, "did you mean `window`"),
    "output": ("at(Drawdown, output='x')", UnknownNameError, "unknown output"),
    "numbers of values": (
        "at(LiquidationSpike, window=[1, 2], horizon=[1, 2, 3])",
        ParameterError,
        "one value for each",
    ),
    "lag": ("at(Drawdown, lag=-1)", ParameterError, "would look ahead"),
    "no lag": ("at(Drawdown, lag=[])", ParameterError, "`lag` must be hours"),
    "fill": ("at(Drawdown, fill='opn')", ParameterError, "did you mean `open`"),
    "how": ("at(Drawdown, how='mean')", ParameterError, "`how` must be"),
    "universe": ("at(Drawdown, universe='growt')", UnknownNameError, "did you mean `growth`"),
    "asset": ("at(Drawdown, asset='DOGE')", DataError, "no feed of kind 'bars' for DOGE"),
    "market": ("ut.at_decisions('market', Drawdown)", ParameterError, "`market` must be"),
    "stale": (f"at({CLOSE}, known_at=market.bars().known_at, stale_after='x')", DataError, "stale_after"),
    "rise": ("at(Drawdown).below(0.15)", ParameterError, "15% is -0.15"),
    "percent": ("at(Drawdown).crossed_below(-15)", ParameterError, "15% is -0.15"),
    "one of several": ("at(Drawdown).above([-0.1, 1.5])", ParameterError, r"must be in \[-1, 0\]"),
    "no number": ("at(Drawdown).above('a')", ParameterError, "finite number"),
}


@pytest.mark.parametrize("case", STATED)
def test_bad_requests_have_named_errors(case: str) -> None:
    code, error, message = STATED[case]
    market = simulated()

    def at(source: Any, **kwargs: Any) -> KnownValues:
        return ut.at_decisions(market, source, **kwargs)

    names = {"at": at, "market": market, "ut": ut, "np": np, "pd": pd}
    with pytest.raises(error, match=message):
        eval(code, {**names, "Drawdown": Drawdown, "LiquidationSpike": LiquidationSpike})


def test_an_error_leaves_no_trace_in_the_next_request() -> None:
    with pytest.raises(DataError):
        ut.at_decisions(simulated(), Drawdown, asset="DOGE")
    assert ut.at_decisions(simulated(), Drawdown).notes == ()


def test_closes_of_a_calendar_without_nights_are_known_instants(tmp_path: Path) -> None:
    # There the close of a session is the midnight that labels the next one.
    days = sessions_of("2021-01-01", "2021-06-30", "24/7")
    market = load_priced(tmp_path / "market", walk_closes(days, ["AAA", "BBB", "QQQ"]), calendar="24/7")
    closes = market.prices.frame("close")["AAA"]
    known = ut.at_decisions(market, closes, known_at=market.calendar.closes).frame.iloc[:, 0]
    # Decided half an hour before midnight: the last close that is known is a day old.
    np.testing.assert_array_equal(known.to_numpy()[2:], closes.to_numpy()[:-2])
