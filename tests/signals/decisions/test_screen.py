"""Universe screens: what they choose, when, and that they know nothing of what comes later."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

from undertow.backtests import backtest
from undertow.market import Market, ParameterError, UnknownNameError, simulate_market
from undertow.market.calendar import Fill
from undertow.signals.decisions.screen import MEASURES, Screen
from undertow.signals.decisions.sizes import universe_sizes
from undertow.signals.decisions.table import DecisionTable
from undertow.strategies import BuyAndHold, LiquidityDrain
from undertow.testing import strategies as testing_strategies

TEXT = "growth | top 4 by beta, momentum | quarterly"


@pytest.fixture(scope="module")
def simulated() -> Market:
    return simulate_market(seed=11, years=3, names=12)


@pytest.mark.parametrize("fill", ["open", "close"])
def test_it_chooses_the_highest_mean_rank_known_at_the_refresh(simulated: Market, fill: Fill) -> None:
    table, parent = DecisionTable(simulated, TEXT, fill), DecisionTable(simulated, "growth", fill)
    close = pd.DataFrame(parent.close, columns=list(parent.symbols))
    market = pd.Series(parent.benchmark).pct_change(fill_method=None)
    for session in ("2019-04-01", "2020-01-02", "2020-07-01"):
        row = int(simulated.sessions.searchsorted(pd.Timestamp(session)))
        past = close.iloc[:row]  # closes of the sessions before: known at both decisions of this one
        returns = past.pct_change(fill_method=None).iloc[-126:]
        slopes = [np.polyfit(market.iloc[row - 126 : row], returns[name], 1)[0] for name in returns]
        momentum = past.iloc[-1] / past.iloc[-253] - 1.0
        measures = pd.DataFrame({"beta": slopes, "momentum": momentum.to_numpy()}, index=list(parent.symbols)).dropna()
        score = (rankdata(-measures["beta"]) + rankdata(-measures["momentum"])) / 2
        expected = set(measures.index[np.argsort(score, kind="stable")[:4]])
        chosen = {symbol for symbol, inside in zip(table.symbols, table.member[row], strict=True) if inside}
        assert chosen == expected


def test_membership_changes_at_refreshes_alone(simulated: Market) -> None:
    table = DecisionTable(simulated, TEXT)
    changed = np.flatnonzero((table.member[1:] != table.member[:-1]).any(axis=1)) + 1
    firsts = {
        row
        for row in range(1, len(simulated.sessions))
        if simulated.sessions[row].quarter != simulated.sessions[row - 1].quarter
    }
    assert len(changed) >= 4
    assert set(changed.tolist()) <= firsts
    assert table.member[changed[0] :].sum(axis=1).max() == 4


def test_a_name_that_leaves_the_parent_leaves_at_once(simulated: Market) -> None:
    table = DecisionTable(simulated, TEXT)
    row = 600
    gone = table.symbols[int(np.flatnonzero(table.member[row])[0])]
    spans = simulated.universe("growth").spans.copy()
    spans.loc[spans["symbol"] == gone, "end"] = simulated.sessions[row]
    changed_market = replace(
        simulated, universes={**simulated.universes, "growth": replace(simulated.universe("growth"), spans=spans)}
    )
    after = DecisionTable(changed_market, TEXT)
    column = after.symbols.index(gone)
    assert after.member[row, column]
    assert not after.member[row + 1 :, column].any()
    # A name that has gone later is in the earlier screens all the same: the past is not rewritten.
    columns = [table.symbols.index(symbol) for symbol in after.symbols]
    np.testing.assert_array_equal(after.member[:row], table.member[:row][:, columns])


@pytest.mark.parametrize("fill", ["open", "close"])
def test_strategies_on_a_screen_do_not_look_ahead(simulated: Market, fill: Fill) -> None:
    testing_strategies.check_no_look_ahead(LiquidityDrain, simulated, fill, TEXT, sessions=("2019-06-28", "2020-04-01"))


def test_membership_on_real_data_does_not_look_ahead(real_market: Market) -> None:
    text = "sp500 | top 100 by beta, momentum | quarterly"
    full = DecisionTable(real_market, text)
    part = DecisionTable(real_market.until("2020-03-12"), text)
    rows, columns = len(part), [full.symbols.index(symbol) for symbol in part.symbols]
    np.testing.assert_array_equal(part.member, full.member[:rows][:, columns])
    other_columns = [column for column in range(len(full.symbols)) if column not in columns]
    assert not full.member[:rows][:, other_columns].any()
    sizes = universe_sizes(real_market, text)
    assert (sizes.largest, sizes.median) == (100, 100.0)


def test_a_run_names_the_screen_and_repeats(simulated: Market) -> None:
    run = backtest(BuyAndHold(), simulated, universe="growth|top 4 by beta,momentum|quarterly")
    assert run.recipe.universe == TEXT
    repeated = backtest(BuyAndHold(), simulated, universe=run.recipe.universe)
    assert repeated.series.equals(run.series)
    held = (run.weights.drop(columns="cash") > 0).sum(axis=1)
    assert held.max() == 4


@pytest.mark.parametrize("measure", list(MEASURES))
def test_every_measure_has_a_value_for_every_name_in_time(simulated: Market, measure: str) -> None:
    table = DecisionTable(simulated, "growth")
    values = MEASURES[measure](table)
    assert values.shape == table.close.shape
    assert np.isfinite(values[300:][:, np.isfinite(table.close[300:]).all(axis=0)]).all()


def test_skipping_the_month_and_money_traded_by_hand(simulated: Market) -> None:
    table = DecisionTable(simulated, "growth")
    close, volume = table.close[:, 0], simulated.prices.volume[:, table.columns][:, 0]
    assert MEASURES["momentum-skip-month"](table)[400, 0] == pytest.approx(close[379] / close[148] - 1.0)
    assert MEASURES["liquidity"](table)[400, 0] == pytest.approx((close * volume)[338:401].mean())


@pytest.mark.parametrize("text", [TEXT, "sp500 | bottom 10 by volatility | yearly | min-history 252"])
def test_text_there_and_back(text: str) -> None:
    assert str(Screen.parse(text)) == text
    assert Screen.parse(text.replace(" ", "  ")) == Screen.parse(text)
    entries = {"parent": "growth", "top": 4, "by": ["beta", "momentum"], "refresh": "quarterly"}
    assert Screen.of(entries) == Screen.parse(TEXT)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("growth | top 4", "cannot be read; write PARENT | top N by MEASURE"),
        ("growth | best 4 by beta | quarterly", "cannot be read"),
        ("growth | top 0 by beta | quarterly", "top must be a whole number of 1 or more, got '0'"),
        ("growth | top 2.5 by beta | quarterly", "whole number"),
        ("growth | top 4 by betta | quarterly", "unknown measure `betta`, did you mean `beta`?; known: beta, momentum"),
        (
            "growth | top 4 by beta | quartely",
            "refresh must be one of monthly, quarterly, yearly; got",
        ),
        ("growth | top 4 by beta | yearly | min-history x", "min-history must be a whole number"),
        (
            "growth | top 999 by beta | yearly",
            "`growth` never has more than 12 members",
        ),
    ],
)
def test_refusals(simulated: Market, text: str, message: str) -> None:
    with pytest.raises(ParameterError) as refused:
        DecisionTable(simulated, text)
    assert message in str(refused.value)


def test_an_unknown_parent_and_unknown_keys(simulated: Market) -> None:
    with pytest.raises(UnknownNameError, match="did you mean `growth`"):
        DecisionTable(simulated, "grwth | top 4 by beta | yearly")
    with pytest.raises(ParameterError, match="unknown key `tpo`, did you mean `top`"):
        Screen.of({"parent": "growth", "tpo": 4, "by": "beta"})
    with pytest.raises(ParameterError, match="needs `parent`, `by` and either `top` or `bottom`"):
        Screen.of({"parent": "growth", "by": "beta"})


def test_sizes_over_time(simulated: Market) -> None:
    sizes = universe_sizes(simulated, "growth")
    assert (sizes.symbols, sizes.unpriced, sizes.largest) == (12, 0, 12)
    assert list(sizes.by_year) == ["2018", "2019", "2020"]
    assert universe_sizes(simulated, TEXT).largest == 4
