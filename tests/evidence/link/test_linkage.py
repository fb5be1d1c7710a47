"""The link: correlations, HAC errors, slopes and Granger's test against other libraries."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import pearsonr

import undertow as ut
from support.commands import Call
from undertow.evidence import Linkage, linkage
from undertow.evidence.link.correlation import (
    adjusted_correlation,
    bartlett_lags,
    correlation_interval,
    difference_p,
    long_run_variance,
    two_sided_slopes,
)
from undertow.market import Market, ParameterError, simulate_market


@pytest.fixture(scope="module")
def market() -> Market:
    return simulate_market(seed=3, years=4, names=8)


@pytest.fixture(scope="module")
def result(market: Market) -> Linkage:
    return linkage(market)


@pytest.fixture(scope="module")
def pairs() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(4)
    x = random.standard_t(5, 300)
    return x, 0.4 * x + random.standard_normal(300)


def frame_of(market: Market) -> pd.DataFrame:
    """Log returns of the benchmark and of BTC as of the same closes, from pandas."""
    closes = market.prices.frame("close")[market.benchmark]
    bars = market.bars()
    btc = pd.Series(bars["close"], pd.DatetimeIndex(bars.known_at))
    at_closes = pd.Series([btc.asof(pd.Timestamp(close)) for close in market.calendar.closes], closes.index)
    return pd.DataFrame({"own": np.log(closes).diff(), "other": np.log(at_closes).diff()})


def test_correlations_are_those_of_pandas(market: Market, result: Linkage) -> None:
    frame = frame_of(market)
    assert result.span["r"] == pytest.approx(frame["own"].corr(frame["other"]))
    for year, part in frame.groupby(frame.index.year):
        assert result.by_year[str(year)]["r"] == pytest.approx(part["own"].corr(part["other"]))
    for lead in range(-3, 4):
        # k > 0: the asset first.
        expected = frame["own"].corr(frame["other"].shift(lead))
        assert result.lead_lag[lead]["r"] == pytest.approx(expected), lead


def test_fisher_intervals_are_those_of_scipy(pairs: tuple[np.ndarray, np.ndarray]) -> None:
    expected = pearsonr(*pairs).confidence_interval(0.95)
    interval = correlation_interval(*pairs)
    assert (interval["low"], interval["high"]) == pytest.approx((expected.low, expected.high))


def test_hac_errors_are_those_of_statsmodels(pairs: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = ((values - values.mean()) / values.std() for values in pairs)
    r = float((x * y).mean())
    influence = x * y - 0.5 * r * (x**2 + y**2)
    lags = bartlett_lags(300)
    assert lags == math.floor(4 * 3 ** (2 / 9))
    fit = sm.OLS(influence, np.ones(300)).fit(cov_type="HAC", cov_kwds={"maxlags": lags})
    assert math.sqrt(long_run_variance(influence, lags) / 300) == pytest.approx(fit.bse[0])
    error = math.atanh(correlation_interval(*pairs)["hac_high"]) - math.atanh(r)
    assert error == pytest.approx(1.959964 * fit.bse[0] / (1 - r * r), rel=1e-6)


def test_slopes_and_errors_are_those_of_statsmodels(pairs: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = pairs
    design = sm.add_constant(np.column_stack((np.minimum(x, 0.0), np.maximum(x, 0.0))))
    fit = sm.OLS(y, design).fit(cov_type="HC1")
    slopes = two_sided_slopes(x, y)
    for number, side in ((1, "negative"), (2, "positive")):
        part = slopes[side]
        assert isinstance(part, dict)
        assert part["slope"] == pytest.approx(fit.params[number])
        assert [part["low"], part["high"]] == pytest.approx(list(fit.conf_int()[number]))
    assert slopes["r2"] == pytest.approx(fit.rsquared)


def test_volatile_weeks_are_adjusted_as_forbes_and_rigobon_do() -> None:
    # Equation 11 with a variance that is twice as high: 0.6 / sqrt(1 + 0.64).
    assert adjusted_correlation(0.6, 2.0) == pytest.approx(0.6 / math.sqrt(1.64))
    assert adjusted_correlation(0.6, 1.0) == 0.6
    # z of 0.5 and of 0.3 on 103 pairs: 0.5493 and 0.3095, apart by 0.2398; the error is sqrt(0.02).
    first, second = ({"r": r, "sessions": 103} for r in (0.5, 0.3))
    assert difference_p(first, second) == pytest.approx(0.0900, abs=5e-4)


def test_mondays_are_those_of_a_loop(market: Market, result: Linkage) -> None:
    bars = market.bars()
    btc = pd.Series(np.log(bars["close"]), pd.DatetimeIndex(bars.known_at))
    opens, closes = market.prices.frame("open")[market.benchmark], market.prices.frame("close")[market.benchmark]
    moves, gaps, days = [], [], []
    for row, session in enumerate(market.sessions):
        if row and session.day_name() == "Monday" and market.sessions[row - 1].day_name() == "Friday":
            nine = pd.Timestamp(f"{session.date()} 09:00", tz="America/New_York").tz_convert("UTC").tz_localize(None)
            moves.append(btc.asof(nine) - btc.asof(pd.Timestamp(market.calendar.closes[row - 1])))
            gaps.append(np.log(opens.iloc[row] / closes.iloc[row - 1]))
            days.append(np.log(closes.iloc[row] / opens.iloc[row]))
    for response, values in (("gap", gaps), ("session", days)):
        part = result.weekend[response]["all"]
        assert part["mondays"] == len(values)
        expected = two_sided_slopes(np.array(moves), np.array(values))
        assert part["negative"] == pytest.approx(expected["negative"])
    assert result.weekend["gap"]["before"]["mondays"] + result.weekend["gap"]["after"]["mondays"] == len(gaps)


def test_granger_is_an_f_test_of_two_regressions(market: Market, result: Linkage) -> None:
    frame = frame_of(market).iloc[1:]
    own, other = frame["own"].to_numpy(), frame["other"].to_numpy()
    narrow = sm.OLS(own[1:], sm.add_constant(own[:-1])).fit()
    wide = sm.OLS(own[1:], sm.add_constant(np.column_stack((own[:-1], other[:-1])))).fit()
    assert result.granger["asset_first"]["1"] == pytest.approx(wide.compare_f_test(narrow)[1])


def test_weeks_are_parted_and_absent_without_liquidations(market: Market, result: Linkage) -> None:
    assert result.weeks["liquidation"]["weeks"] + result.weeks["calm"]["weeks"] > 100
    assert result.weeks["adjusted"] < result.weeks["liquidation"]["r"] or result.weeks["variance_ratio"] < 1.0
    bare = replace(market, feeds=tuple(feed for feed in market.feeds if feed.kind == "bars"))
    assert linkage(bare).weeks == {}
    assert linkage(bare).to_dict()["sentence"]


def test_bad_settings_are_named(market: Market) -> None:
    with pytest.raises(ParameterError, match="without a beta"):
        linkage(market, basket=f"growth-beta*{market.benchmark}")
    with pytest.raises(ParameterError, match="takes 60"):
        linkage(market, end=market.sessions[30])


def test_the_command_prints_json_and_writes_a_page(call: Call, market: Market, tmp_path: Path) -> None:
    folder, page = tmp_path / "market", tmp_path / "link.html"
    ut.write_market(market, folder)
    argv = ("evidence", "link", "--market", folder, "--basket", "growth")
    code, out, _ = call(*argv, "--json", "--html", page)
    assert code == 0
    content = json.loads(out)
    assert set(content) >= {"by_year", "lead_lag", "weekend", "weeks", "sentence"}
    assert set(content["lead_lag"]) == {str(lead) for lead in range(-3, 4)}
    assert set(content["weekend"]) == {"gap", "session"}
    assert "The link: BTC and growth" in page.read_text(encoding="utf-8")
    assert call(*argv, "--split", "2020-13-01")[0] == 2
    assert "leads and lags and 12 slopes were looked at" in " ".join(call(*argv).out.split())
