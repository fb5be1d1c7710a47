"""Who is sold: quintiles and calm weeks against a slower derivation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import undertow as ut
from support.commands import Call
from undertow.evidence import SoldFirst, sold_first
from undertow.evidence.lag.baskets import quintile_numbers
from undertow.evidence.who.sorts import SORTS, Members, calm_instants
from undertow.market import Market, ParameterError, simulate_market

RESAMPLES = 300


@pytest.fixture(scope="module")
def market() -> Market:
    return simulate_market(seed=3, years=4, names=15)


@pytest.fixture(scope="module")
def result(market: Market) -> SoldFirst:
    return sold_first(market, resamples=RESAMPLES, seed=1)


def slow_sorts(market: Market, known: pd.Timestamp) -> dict[str, pd.Series]:
    """What members are sorted by, from frames, at the last close before a shock."""
    closes = market.prices.frame("close", "growth")
    row = int(np.searchsorted(pd.DatetimeIndex(market.calendar.closes), known, side="right")) - 1
    returns = np.log(closes).diff().iloc[row - 125 : row + 1]
    benchmark = np.log(market.prices.frame("close")[market.benchmark]).diff().iloc[row - 125 : row + 1]
    bars = market.bars()
    btc = pd.Series(bars["close"], pd.DatetimeIndex(bars.known_at))
    at_closes = pd.Series([btc.asof(pd.Timestamp(close)) for close in market.calendar.closes], closes.index)
    other = np.log(at_closes).diff().iloc[row - 125 : row + 1]
    traded = closes * market.prices.frame("volume", "growth")
    design = sm.add_constant(benchmark.to_numpy())
    return {
        "return": closes.iloc[row] / closes.iloc[row - 63] - 1.0,
        "beta": pd.Series({name: sm.OLS(returns[name].to_numpy(), design).fit().params[1] for name in returns}),
        "volatility": returns.std()[returns.notna().all()],
        "correlation": returns.corrwith(other)[returns.notna().all()],
        "dollar_volume": traded.iloc[row - 62 : row + 1].mean(skipna=False),
    }


def test_sorts_and_moves_are_those_of_frames(market: Market, result: SoldFirst) -> None:
    known = next(stamp for stamp in result.events.tz_localize(None) if stamp > market.sessions[200])
    members = Members(market, "growth", "BTC")
    moves = members.quintile_moves(known.to_datetime64().astype("datetime64[ns]"))
    opens, closes = market.prices.frame("open", "growth"), market.prices.frame("close", "growth")
    first = int(np.searchsorted(pd.DatetimeIndex(market.calendar.opens), known, side="right"))
    row = int(np.searchsorted(pd.DatetimeIndex(market.calendar.closes), known, side="right")) - 1
    base = closes.iloc[row] if row == first - 1 else opens.iloc[first - 1]
    for number, (name, values) in enumerate(slow_sorts(market, known).items()):
        assert name == SORTS[number]
        order = values.dropna().sort_values(kind="stable").index
        fifths = [order[[rank * 5 // len(order) == fifth for rank in range(len(order))]] for fifth in range(5)]
        for side, start in enumerate((base, opens.iloc[first])):
            expected = [(closes.iloc[first + 1] / start - 1.0)[names].mean() for names in fifths]
            assert moves[number, side] == pytest.approx(expected), name


def test_quintiles_are_ranks_with_ties_by_order() -> None:
    values = np.array([3.0, 1.0, 1.0, np.nan, 2.0, 5.0, 4.0, 0.0])
    # Ranks 4, 1, 2, -, 3, 6, 5, 0 of seven.
    assert quintile_numbers(values) == pytest.approx([2, 0, 1, np.nan, 2, 4, 3, 0], nan_ok=True)
    assert np.isnan(quintile_numbers(np.arange(4.0))).all()


def test_calm_weeks_are_near_and_without_a_fall() -> None:
    known = np.datetime64("2020-06-03T12:00", "ns")
    falls = np.array(["2020-05-20T00:00", "2020-06-03T12:00"], "datetime64[ns]")
    calm = calm_instants(known, falls, np.datetime64("2020-01-01", "ns"), np.datetime64("2020-08-01", "ns"))
    # 7 days before and after are within ten of the shock; 14, 21 before of the other fall.
    days = ((calm - known) / np.timedelta64(1, "D")).astype(int)
    assert list(days) == [14, 21, -28, 28, -35, 35, -42, 42]


def test_calm_weeks_are_subtracted(market: Market, result: SoldFirst) -> None:
    members = Members(market, "growth", "BTC")
    bars = market.bars()
    closes = pd.Series(bars.on_grid("close"))
    high = closes.rolling(24, min_periods=1, closed="left").max()
    falls = bars.known_at[(closes / high - 1.0 <= -0.08).to_numpy()[bars.grid_rows]]
    day = np.timedelta64(10, "D")
    differences = []
    for known in result.events.tz_localize(None).to_numpy().astype("datetime64[ns]"):
        own = members.quintile_moves(known)[0, 0]
        controls = [
            members.quintile_moves(control)[0, 0]
            for control in calm_instants(known, falls, bars.known_at[0] + day, bars.known_at[-1] - day)
        ]
        spreads = [moves[4] - moves[0] for moves in controls if np.isfinite(moves).all()]
        if spreads and np.isfinite(own).all():
            differences.append(own[4] - own[0] - np.mean(spreads))
    expected = result.sorts["return"]["base"]["less_calm"]
    assert expected["events"] == len(differences)
    assert expected["mean"] == pytest.approx(np.mean(differences))


def test_simulated_winners_are_sold_first() -> None:
    sold = sold_first(simulate_market(seed=5, years=6, effect=1.0), resamples=RESAMPLES)
    assert sold.sorts["return"]["base"]["less_calm"]["high"] < 0.0
    assert '"Last quarter\'s winners are sold first": supported.' in sold.sentence()
    none = sold_first(simulate_market(seed=5, years=6, effect=0.0), resamples=RESAMPLES)
    assert 'first": not supported.' in none.sentence()


def test_bad_settings_are_named(market: Market) -> None:
    with pytest.raises(ParameterError, match=r"`fall` must be in \(0, 1\)"):
        sold_first(market, fall=-0.1)
    with pytest.raises(ParameterError, match="it takes 5"):
        sold_first(market, fall=0.8)


def test_the_command_prints_json_and_writes_a_page(call: Call, market: Market, tmp_path: Path) -> None:
    folder, page = tmp_path / "market", tmp_path / "who.html"
    ut.write_market(market, folder)
    argv = ("evidence", "who", "--market", folder, "--fall", "0.10", "--within", "24h", "--resamples", "200")
    code, out, _ = call(*argv, "--json", "--html", page)
    assert code == 0
    content = json.loads(out)
    assert set(content["sorts"]) == set(SORTS)
    assert len(content["sorts"]["beta"]["open"]["quintiles"]) == 5
    assert set(content["sorts"]["return"]["base"]["q5_q1"]) >= {"mean", "low", "high"}
    assert "Whom: growth after falls of BTC" in page.read_text(encoding="utf-8")
    assert call(*argv, "--universe", "none")[0] == 2
