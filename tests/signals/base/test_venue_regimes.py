"""Amounts of several venue regimes are never pooled silently by `run`."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

import undertow as ut
from undertow.market import Market, ParameterError, simulate_market

LiquidationSpike = ut.signals.LiquidationSpike


@cache
def simulated() -> Market:
    return simulate_market(seed=5, years=2, names=6)


@cache
def frame() -> pd.DataFrame:
    return simulated().liquidations().frame


def test_the_frame_names_its_regimes() -> None:
    feed = simulated().liquidations()
    assert feed.frame["venue_regime"].tolist() == feed.regimes.tolist()
    starts = [pd.Timestamp(start) for start, _ in feed.frame.attrs["venue_regimes"]]
    assert [name for _, name in feed.frame["long_usd"].attrs["venue_regimes"]] == ["full", "throttled"]
    assert starts == [feed.frame.index[0], feed.frame.index[feed.regimes.argmax()]]
    assert "venue_regime" in simulated().open_interest().frame
    assert "venue_regime" not in simulated().bars().frame


def test_several_regimes_without_the_column_are_an_error() -> None:
    for amounts in (frame()["long_usd"], frame()[["long_usd"]], frame()["long_usd"].resample("4h").sum() + 1.0):
        with pytest.raises(ParameterError, match=r"2 venue regimes \(full from .*pass regime=frame\[.venue_regime"):
            LiquidationSpike.run(amounts, window=100)
        with pytest.raises(ParameterError, match="venue regimes"):
            LiquidationSpike.run(long_usd=amounts, window=100)
    with pytest.raises(ParameterError, match="open_interest_regime="):
        ut.signals.Cascade.run(
            frame()["long_usd"],
            simulated().bars().close,
            regime=frame()["venue_regime"],
            open_interest_usd=frame()["long_usd"],
        )


def test_with_the_column_it_is_what_the_decision_table_computes() -> None:
    ran = LiquidationSpike.run(frame()["long_usd"], regime=frame()["venue_regime"], horizon=6, window=200).rank
    known = ut.at_decisions(simulated(), ran, known_at=simulated().liquidations().known_at, stale_after="3d")
    table = ut.at_decisions(simulated(), LiquidationSpike, output="rank", horizon=6, window=200)
    np.testing.assert_array_equal(known.frame.to_numpy(), table.frame.to_numpy())
    pooled = LiquidationSpike.run(frame()["long_usd"], regime=0, horizon=6, window=200).rank
    assert not np.array_equal(pooled.to_numpy(), ran.to_numpy(), equal_nan=True)


def test_a_span_within_one_regime_needs_no_column() -> None:
    border = pd.Timestamp(frame().attrs["venue_regimes"][1][0])
    for part in (frame().loc[: border - pd.Timedelta(hours=1)], frame().loc[border:]):
        LiquidationSpike.run(part["long_usd"], window=100)
        LiquidationSpike.run(part["long_usd"].tz_localize(None), window=100)
    with pytest.raises(ParameterError, match="venue regimes"):
        LiquidationSpike.run(frame().loc[: border + pd.Timedelta(hours=1), "long_usd"].tz_localize(None), window=100)


@pytest.mark.parametrize("lost", [lambda amounts: amounts.rolling(3).sum(), lambda amounts: amounts.ewm(3).mean()])
def test_amounts_of_a_feed_that_lost_their_regimes_are_a_warning(lost: Any) -> None:
    amounts = lost(frame()["long_usd"])
    with pytest.warns(UserWarning, match=r"liquidation-spike takes all rows .* as one venue regime; pass regime="):
        LiquidationSpike.run(amounts, window=100)
    LiquidationSpike.run(amounts, regime=0, window=100)
    LiquidationSpike.run(amounts, regime=frame()["venue_regime"], window=100)


@pytest.mark.parametrize("own", [lambda amounts: amounts.to_numpy(), lambda amounts: pd.Series(amounts.to_numpy())])
def test_amounts_of_the_caller_are_one_regime(own: Any) -> None:
    LiquidationSpike.run(own(frame()["long_usd"]), window=100)


def test_a_price_has_no_venue_unless_its_feed_says_so() -> None:
    bars = simulated().bars().frame
    ut.signals.VolumeSpike.run(bars["volume"], horizon=1, window=100)
    ut.signals.VolumeSpike.run(bars["volume"].rolling(2).sum(), horizon=1, window=100)
