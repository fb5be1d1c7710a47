"""Pages and figures: the right numbers, nothing let in from outside, equal bytes, comparisons on common sessions."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from undertow.backtests import Costs, Recipe, Run, backtest, load_run
from undertow.backtests.ledger.trial_count import TrialCount
from undertow.backtests.metrics import return_metrics
from undertow.backtests.runs.episodes import EPISODE_COLUMNS
from undertow.market import ParameterError, simulate_market
from undertow.strategies import BuyAndHold, Condition, FreeRule, LiquidityDrain, Rule, Tier, Trigger
from undertow.tearsheets import compare, comparison_table, write_comparison, write_figure, write_tearsheet
from undertow.tearsheets.html.markup import nowrap_numbers, resource
from undertow.tearsheets.html.page import PLOTLY
from undertow.tearsheets.html.palette import log_ticks, shock_marks
from undertow.tearsheets.html.text import MINUS, percent, plain, shortlist, title, typeset
from undertow.tearsheets.run.charts import btc_chart, equity_chart, turnover_chart
from undertow.tearsheets.run.data_notes import data_section
from undertow.tearsheets.run.headline import SELECTION_NOTE, verdict
from undertow.tearsheets.run.reasons import attribution_section
from undertow.tearsheets.run.recipe import recipe_parameters

NASTY = "<script>alert('x')</script>"


def make_run(
    *, seed: int = 1, sessions: int = 400, start: str = "2020-01-02", episodes: int = 3, name: str = "liquidity-drain"
) -> Run:
    """A run made by hand: seeded returns, a few episodes, no market and no portfolio."""
    rng = np.random.default_rng(seed)
    index = pd.DatetimeIndex(pd.bdate_range(start, periods=sessions), name="session")
    hold = rng.normal(0.0006, 0.015, sessions)
    exposure = np.ones(sessions)
    begins = np.linspace(5, sessions - 10, episodes).astype(int)
    for begin in begins:
        exposure[begin : begin + 3] = 0.5
    cash = np.full(sessions, 0.0001)
    returns = exposure * hold + (1.0 - exposure) * cash
    traded = np.abs(np.diff(exposure, prepend=1.0))
    value = 1e6 * np.cumprod(1.0 + returns)
    series = {
        "value": value,
        "return": returns,
        "exposure": exposure,
        "cash_share": 1.0 - exposure,
        "turnover": traded,
        "costs": traded * 1e3,
        "hold_before": 1e6 * np.cumprod(1.0 + np.concatenate(([0.0], hold[:-1]))),
        "hold_value": 1e6 * np.cumprod(1.0 + hold),
        "hold_return": hold,
        "benchmark_return": 0.8 * hold + rng.normal(0.0, 0.004, sessions),
        "cash_return": cash,
        "btc": 20_000.0 * np.cumprod(1.0 + rng.normal(0.001, 0.04, sessions)),
    }
    recipe = Recipe(
        strategy=name,
        parameters={"lag": 24, "drawdown": -0.15, "source": "winners"},
        universe="growth",
        start=str(index[0].date()),
        end=str(index[-1].date()),
        sessions=sessions,
        fill="open",
        weighting="equal",
        rebalance="monthly",
        fee_bps=5.0,
        slippage_bps=5.0,
        haircut_bps=0.0,
        capital=1e6,
        market="by-hand",
        market_path=None,
        market_fingerprint="0123456789abcdef",
        calendar="XNYS",
        benchmark="QQQ",
        cash="BIL",
        seed=7,
        sessions_a_year=252,
        versions={"undertow": "0.1.0"},
        command=None,
    )
    counts = {
        "deferred_fills": 2,
        "orders_open_at_end": 0,
        "price_ends_closed": 1,
        "stale_sessions": 3,
        "fallback_sessions": 40,
        "partial_sessions": 17,
        "cash_sessions_without_price": 0,
        "universe_symbols": 5,
        "symbols_without_prices": 1,
        "signal_sources": {"bars BTC 1h": sessions},
    }
    weights = pd.DataFrame({"AAA": exposure, "cash": 1.0 - exposure}, index=index)
    orders = pd.DataFrame({"session": index[:1], "symbol": "AAA", "side": "buy", "shares": 100.0, "price": 1e4})
    orders = orders.assign(value=1e6, costs=0.0, reason="rebalance")
    table = pd.DataFrame([_episode(index, begin, rng) for begin in begins], columns=list(EPISODE_COLUMNS))
    for column in ("shock", "decision"):
        table[column] = pd.to_datetime(table[column], utc=True).astype("datetime64[ns, UTC]")
    for column in ("session", "re_entry", "end"):
        table[column] = pd.to_datetime(table[column]).astype("datetime64[ns]")
    return Run(recipe, pd.DataFrame(series, index=index), weights, orders, table, counts)


def _episode(index: pd.DatetimeIndex, begin: int, rng: np.random.Generator) -> tuple[object, ...]:
    session = index[begin]
    basket, avoided = rng.normal(0.0, 0.03, 2)
    shock = (session - pd.Timedelta(hours=34)).tz_localize("UTC")
    at = (session + pd.Timedelta(hours=14)).tz_localize("UTC")
    back = index[begin + 3]
    sold = "NVDA, AMD, TSLA, SHOP, MELI"
    worth = (-0.01, 0.004, basket, 0.0, avoided, "cash", "liquidation cascade")
    return (shock, at, session, 48.5, 0.5, 5e5, 5, sold, back, back, 3, *worth)


def test_a_rule_from_a_file_is_told_key_by_key_and_what_it_lacked_is_counted() -> None:
    rule = Rule(
        name="own",
        trigger=Trigger(
            when=(Condition(signal="liquidation-spike", above=3), Condition(signal="drawdown", below=-0.1))
        ),
        tiers=(Tier(name="cash", at=1.0, cash=0.4),),
    )
    run = changed(make_run(), parameters=FreeRule(definition=rule).parameters)
    parameters = recipe_parameters(run.recipe)
    assert parameters["trigger.when[0].signal"] == "liquidation-spike"
    assert parameters["trigger.when[1].below"] == "\N{MINUS SIGN}0.1"
    assert parameters["tiers[0].cash"] == "0.4"
    assert not any(text in ("", "None", "{}", "[]") for text in parameters.values())
    # Which of its outputs a signal is read by is said, also where the rule does not.
    assert rule.trigger.when[0].name == "liquidation-spike z"
    assert "On 17 of" in str(data_section(run))


def changed(run: Run, **recipe: Any) -> Run:
    return replace(run, recipe=replace(run.recipe, **recipe))


def with_columns(run: Run, **columns: Any) -> Run:
    return replace(run, series=run.series.assign(**columns))


def body_of(path: Path) -> str:
    """The page without plotly's own code."""
    page = path.read_text(encoding="utf-8")
    assert page.count(resource(PLOTLY)) == 1
    return page.replace(resource(PLOTLY), "")


@pytest.fixture(scope="module")
def run() -> Run:
    return make_run()


@pytest.fixture
def page(run: Run, tmp_path: Path) -> str:
    return body_of(write_tearsheet(run, tmp_path / "sheet.html"))


def row_of(page: str, heading: str) -> list[str]:
    """The cells of the first table row under a heading."""
    match = re.search(rf'<tr><th scope="row">{re.escape(heading)}</th>(.*?)</tr>', page)
    assert match is not None, heading
    return [html.unescape(re.sub("<[^>]+>", "", cell)) for cell in re.findall(r"<td.*?</td>", match[1])]


class TestWords:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (0.25112, "+25.1%"),
            (-0.4586, f"{MINUS}45.9%"),
            (-0.0001, "0.0%"),
            (12.5, "+1,250.0%"),
            (np.nan, "–"),
            (np.inf, "–"),
        ],
    )
    def test_percent_has_a_sign_and_a_real_minus(self, value: float, text: str) -> None:
        assert percent(value) == text

    def test_plain_has_no_plus(self) -> None:
        assert (plain(0.954), plain(-0.4), plain(265835.9, 0)) == ("0.95", f"{MINUS}0.40", "265,836")

    def test_names(self) -> None:
        assert title("liquidity-drain") == "Liquidity drain"
        assert title("buy-and-hold") == "Buy-and-hold"
        assert typeset("from -2.5% in buy-and-hold, [-1, +2], 2020-01-02") == (
            f"from {MINUS}2.5% in buy-and-hold, [{MINUS}1, +2], 2020-01-02"
        )
        assert shortlist(["a", "b", "c"], 2) == "a, b + 1 more"

    @pytest.mark.parametrize(
        ("low", "high"), [(0.9, 6.4), (0.98, 1.02), (0.907, 1.26), (3000.0, 110_000.0), (1e-3, 1e6)]
    )
    def test_log_ticks_are_a_few_round_values_inside(self, low: float, high: float) -> None:
        ticks = log_ticks(low, high)
        assert 4 <= len(ticks) <= 12
        assert ticks[0] >= low
        assert ticks[-1] <= high


class TestTearsheet:
    def test_headline_shows_the_metrics(self, run: Run, page: str) -> None:
        hold, benchmark = run.baselines["buy-and-hold"], run.baselines["QQQ"]
        every = (run.metrics, hold, benchmark)
        assert row_of(page, "CAGR") == [f"{metrics['cagr']:+.1%}".replace("-", MINUS) for metrics in every]
        assert row_of(page, "Max drawdown") == [
            f"{metrics['max_drawdown']:.1%}".replace("-", MINUS) for metrics in every
        ]
        assert row_of(page, "Calmar") == [f"{metrics['calmar']:.2f}".replace("-", MINUS) for metrics in every]
        assert row_of(page, "Costs paid, USD") == [f"{run.metrics['costs_paid']:,.0f}", "–", "–"]
        assert row_of(page, "De-risk episodes")[0] == "3"

    def test_it_says_where_the_books_hold_raised_cash(self, run: Run, page: str) -> None:
        expected = f"earns the return of {run.recipe.cash}: the books hold it as the column of that symbol"
        assert expected in page

    def test_verdict_names_interval_and_its_limit(self, page: str) -> None:
        assert re.search(r"Against buy-and-hold: .+ a year \(log return\), 95% interval \[.+\];", page)
        assert "Annual Sharpe ratio:" in page
        assert "chosen in advance" in page

    def test_months_compound_to_the_year(self, run: Run, page: str) -> None:
        january = run.returns[run.returns.index < "2020-02-01"]
        year, hold = (float(np.prod(1 + run.series[name]["2020"]) - 1) for name in ("return", "hold_return"))
        cells = row_of(page, "2020")
        assert cells[0] == percent(float(np.prod(1 + january) - 1)).removesuffix("%")
        assert cells[12:] == [percent(value).removesuffix("%") for value in (year, hold, year - hold)]

    def test_episodes_and_their_totals(self, run: Run, page: str) -> None:
        worth = run.episodes["return_avoided"]
        assert f"{(worth > 0).sum()} of 3" in page
        assert f"<dt>Sum of returns avoided</dt><dd>{percent(worth.sum())}</dd>" in page
        assert f"<dt>Median</dt><dd>{percent(worth.median(), 2)}</dd>" in page
        assert "NVDA, AMD, TSLA + 2 more" in page
        assert f"{run.episodes['shock'][0]:%Y-%m-%d %H:%M}" in page

    def test_many_episodes_come_most_consequential_first(self, tmp_path: Path) -> None:
        many = make_run(episodes=20)
        content = body_of(write_tearsheet(many, tmp_path / "sheet.html"))
        order = many.episodes["return_avoided"].abs().sort_values(ascending=False).index
        table = content[content.index('class="episodes') :]
        first = re.findall(r"<tbody><tr>.*?</tr>", table)[0]
        assert percent(many.episodes["return_avoided"][order[0]], 2) in first
        # Episodes with heading, the alarm's two tiers with heading, costs with heading and total, tax with heading.
        assert table.count("<tr>") == 1 + 20 + 1 + 2 + 1 + 2 + 1 + 1 + 5

    def test_costs_by_year_add_up(self, run: Run, page: str) -> None:
        table = page[page.index('class="costs') :]
        costs = run.series["costs"]
        assert row_of(table, "2020")[1] == f"{costs['2020'].sum():,.0f}"
        assert row_of(table, "All")[1] == f"{costs.sum():,.0f}"

    def test_what_was_handled_and_the_recipe(self, page: str) -> None:
        assert "2 orders had no price on their session" in page
        assert "1 position was closed at the last close, because prices had ended" in page
        assert "On 3 of 400 sessions (1%) a signal had no value" in page
        assert "The feed bars BTC 1h supplied a signal on 400 of 400 sessions (100%)." in page
        assert "5 symbols in these sessions; 1 of them has no prices" in page
        assert f"<dt>drawdown</dt><dd>{MINUS}0.15</dd>" in page
        assert "<dt>Market fingerprint</dt><dd>0123456789abcdef</dd>" in page

    def test_nothing_is_fetched(self, page: str) -> None:
        assert "http:" not in page
        assert "https:" not in page
        assert "default-src 'none'" in page
        assert re.findall(r'(?:src|href)="(?!data:,)[^"]*"', page) == []

    def test_small_without_plotly(self, page: str) -> None:
        assert len(page.encode()) < 300_000

    def test_text_from_outside_is_escaped(self, run: Run, tmp_path: Path) -> None:
        hostile = changed(
            run, strategy=NASTY, universe=NASTY, market=NASTY, benchmark=NASTY, cash=NASTY, command=NASTY,
            parameters={NASTY: NASTY}, versions={NASTY: NASTY},
        )  # fmt: skip
        hostile = replace(
            hostile,
            episodes=run.episodes.assign(sold=f'{NASTY}, "><img src=x onerror=y>'),
            counts={**run.counts, "signal_sources": {NASTY: 3}},
        )
        for content in (
            body_of(write_tearsheet(hostile, tmp_path / "sheet.html")),
            body_of(write_comparison([hostile, hostile], tmp_path / "compare.html", labels=[NASTY, "</script>"])),
        ):
            assert "<script>alert" not in content
            assert "<img" not in content
            assert content.count("</script>") == 3
        write_figure(changed(run, strategy="$x_{", market="$y^{", benchmark="$z"), tmp_path / "figure.png")

    def test_baseline_and_idle_rules_say_so(self, run: Run, tmp_path: Path) -> None:
        still = with_columns(run, **{"return": run.series["hold_return"], "exposure": 1.0})
        still = replace(still, episodes=run.episodes[:0])
        held = body_of(write_tearsheet(changed(still, strategy="buy-and-hold"), tmp_path / "hold.html"))
        assert "This is the baseline" in held
        assert len(row_of(held, "CAGR")) == 2
        assert "there is no episode" in held
        assert "The rule never acted" in body_of(write_tearsheet(still, tmp_path / "idle.html"))

    def test_a_choice_from_many_says_in_its_verdict_that_it_is_in_sample(self, run: Run) -> None:
        tuned = replace(run, trial_count=TrialCount(29, 120, 149))
        text = str(verdict(tuned))
        assert "chosen as the best of 120 trials on these same sessions" in text
        assert "the interval is too narrow and its centre is too high" in text
        assert "`undertow walk-forward`" in text
        assert SELECTION_NOTE not in text
        assert "best of 120 trials" in str(
            verdict(replace(make_run(sessions=20, episodes=1), trial_count=tuned.trial_count))
        )
        for other in (run, replace(run, trial_count=TrialCount(29, 1, 30)), changed(tuned, strategy="x-walk-forward")):
            assert "In-sample" not in str(verdict(other))
            assert SELECTION_NOTE in str(verdict(other))

    def test_the_bridge_says_why_costs_weigh_more_than_what_was_paid(self) -> None:
        market = simulate_market(seed=7, years=2, names=8)
        costly = backtest(LiquidityDrain(), market)
        free = backtest(LiquidityDrain(), market, costs=Costs(0.0, 0.0))
        paid, series = costly.metrics["costs_paid"], costly.series
        # What was paid, less buy-and-hold's, with the growth of the account after it: about what the bridge says.
        grown = float((series["costs"] * series["value"].iloc[-1] / series["value"]).sum())
        held = backtest(BuyAndHold(), market).series
        grown -= float((held["costs"] * held["value"].iloc[-1] / held["value"]).sum())
        assert costly.attribution().costs == pytest.approx(-grown, rel=0.1)
        assert f"The run paid {paid:,.0f} USD of fees and slippage." in str(attribution_section(costly))
        assert "The run paid" not in str(attribution_section(free))

    def test_runs_without_btc_benchmark_or_parameters(self, run: Run, tmp_path: Path) -> None:
        bare = with_columns(run, btc=np.nan, benchmark_return=np.nan)
        bare = changed(bare, benchmark=None, cash=None, seed=None, parameters={})
        bare = replace(
            bare, episodes=run.episodes.assign(shock=pd.Series(pd.NaT, run.episodes.index, "datetime64[ns, UTC]"))
        )
        content = body_of(write_tearsheet(bare, tmp_path / "sheet.html"))
        assert "The run has no BTC price" in content
        assert "Raised cash earns nothing" in content
        assert "NaN" not in content
        assert write_figure(bare, tmp_path / "figure.png").stat().st_size > 20_000

    def test_short_runs_and_total_loss_have_no_interval(self, run: Run, tmp_path: Path) -> None:
        short = body_of(write_tearsheet(make_run(sessions=20, episodes=1), tmp_path / "short.html"))
        assert "20 sessions are too few for an interval" in short
        returns = run.returns.copy()
        returns.iloc[-1] = -1.0
        lost = with_columns(run, **{"return": returns})
        assert "a total loss allows no interval" in body_of(write_tearsheet(lost, tmp_path / "lost.html"))
        write_figure(lost, tmp_path / "lost.png")

    def test_charts_are_valid_plotly(self, run: Run) -> None:
        for chart in (equity_chart(run), btc_chart(run), turnover_chart(run)):
            go.Figure({"data": chart.data, "layout": chart.layout})

    def test_drawn_values_are_the_runs(self, run: Run) -> None:
        traces = go.Figure({"data": btc_chart(run).data}).data
        drawn = np.frombuffer(base64.b64decode(btc_chart(run).data[0]["y"]["bdata"]), dtype="<f4")
        np.testing.assert_allclose(drawn, run.series["btc"], rtol=1e-6)
        assert [trace.name for trace in traces] == ["BTC, USD", "Shock", "Target exposure"]
        assert len(traces[1].x) == 3


class TestFiles:
    def test_written_whole_into_a_new_folder(self, run: Run, tmp_path: Path) -> None:
        target = tmp_path / "new" / "sheet.html"
        assert write_tearsheet(run, str(target)) == target
        write_tearsheet(run, target)
        assert [file.name for file in target.parent.iterdir()] == ["sheet.html"]

    def test_a_failed_write_leaves_nothing(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "sheet.html").mkdir()
        with pytest.raises(ParameterError, match=r"`path` must be a file that ends in \.html, got"):
            write_tearsheet(run, tmp_path / "sheet.html")
        for write, name in ((write_tearsheet, "sheet.txt"), (write_figure, "figure.html")):
            with pytest.raises(ParameterError, match="`path` must be a file that ends in"):
                write(run, tmp_path / name)
        assert [file.name for file in tmp_path.iterdir()] == ["sheet.html"]

    def test_figure_is_a_png_of_its_size(self, run: Run, tmp_path: Path) -> None:
        content = write_figure(run, tmp_path / "figure.png").read_bytes()
        assert content[:8] == b"\x89PNG\r\n\x1a\n"
        assert (int.from_bytes(content[16:20]), int.from_bytes(content[20:24])) == (1400, 1000)

    def test_equal_runs_give_equal_bytes_from_disk_and_in_another_process(self, run: Run, tmp_path: Path) -> None:
        run.save(tmp_path / "run")
        code = (
            "import sys; from undertow.backtests import load_run;"
            "from undertow.tearsheets import write_comparison, write_figure, write_tearsheet;"
            "run = load_run(sys.argv[1] + '/run'); out = sys.argv[1];"
            "write_tearsheet(run, out + '/b.html'); write_figure(run, out + '/b.png');"
            "write_comparison([run, run], out + '/c2.html')"
        )
        other = {**os.environ, "PYTHONHASHSEED": "5"}
        subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env=other, timeout=120)
        write_comparison([run, load_run(tmp_path / "run")], tmp_path / "c1.html")
        pairs = (("run/tearsheet.html", "b.html"), ("run/figure.png", "b.png"), ("c1.html", "c2.html"))
        for one, two in pairs:
            first, second = (hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in (one, two))
            assert first == second, one


@pytest.mark.smoke
def test_a_simulated_market_has_pages(tmp_path: Path) -> None:
    market = simulate_market(seed=3, years=1.5, names=8)
    runs = [backtest(rule, market) for rule in (LiquidityDrain(), BuyAndHold())]
    content = body_of(runs[0].tearsheet(tmp_path / "sheet.html"))
    assert "Liquidity drain" in content
    assert row_of(content, "CAGR")[0] == percent(runs[0].metrics["cagr"])
    assert runs[0].figure(tmp_path / "figure.png").exists()
    write_comparison(runs, tmp_path / "compare.html")


class TestComparison:
    def test_common_sessions_alone_count(self, tmp_path: Path) -> None:
        long, late = make_run(), make_run(seed=2, start="2020-09-01", sessions=300, name="vol-target")
        # The late run begins with the first common session: all rows start at the close of it.
        common = long.series.index.intersection(late.series.index)[1:]
        table = comparison_table([long, late], ["long", "late"])
        held = [f"buy-and-hold (bought {member.recipe.start})" for member in (long, late)]
        assert list(table.columns) == ["long", "late", *held, "QQQ"]
        for label, run in (("long", long), ("late", late)):
            part = run.series.loc[common]
            expected = return_metrics(part["return"].to_numpy(), part["cash_return"].to_numpy())
            np.testing.assert_allclose(table[label][list(expected)], list(expected.values()), rtol=1e-9)
            assert table[label]["costs_paid"] == pytest.approx(part["costs"].sum())
            assert table[label]["episodes"] == run.episodes["session"].isin(common).sum()
        for run, name in zip((long, late), held, strict=True):
            hold = run.series.loc[common, "hold_return"].to_numpy()
            assert table[name]["cagr"] == pytest.approx(return_metrics(hold, np.zeros(len(common)))["cagr"])
        assert np.isnan(table["QQQ"]["annual_turnover"])
        content = body_of(write_comparison([long, late], tmp_path / "compare.html", labels=["long", "late"]))
        omitted = [len(member.series) - len(common) - 1 for member in (long, late)]
        assert f"long {omitted[0]} of 400 sessions; late {omitted[1]} of 300 sessions" in content
        assert f"{len(common)} common sessions" in content
        assert f"every row starts at the close of {late.recipe.start}" in content
        assert row_of(content, "late")[1] == percent(table["late"]["cagr"])
        assert "against long:" in content

    def test_a_comparison_is_a_record_with_its_table_page_and_card(self, run: Run, tmp_path: Path) -> None:
        other = make_run(seed=2)
        comparison = compare(run, other, labels=["a", NASTY])
        assert comparison.runs == (run, other)
        pd.testing.assert_frame_equal(comparison.table, comparison_table([run, other], ["a", NASTY]))
        first, last = (f"{session:%Y-%m-%d}" for session in (comparison.sessions[0], comparison.sessions[-1]))
        assert repr(comparison) == f"<Comparison of a, {NASTY}: 400 common sessions, {first} to {last}>"
        card = comparison._repr_html_()
        assert "<script>alert" not in card
        assert percent(comparison.table["a"]["cagr"]) in card
        assert len(card) < 3_000
        page = comparison.page(tmp_path / "page.html")
        second = write_comparison([run, other], tmp_path / "same.html", labels=["a", NASTY])
        assert page.read_bytes() == second.read_bytes()
        with pytest.raises(ParameterError, match=r"must be a file that ends in \.html"):
            comparison.page(tmp_path / "page.txt")

    def test_runs_may_come_as_a_sequence_or_one_by_one(self, run: Run) -> None:
        other = make_run(seed=2)
        tables = [compare(*runs).table for runs in ((run, other), ([run, other],), ([run], other))]
        for table in tables[1:]:
            pd.testing.assert_frame_equal(table, tables[0])

    def test_a_rule_that_did_nothing_has_the_return_of_its_buy_and_hold(self) -> None:
        market = simulate_market(seed=3, years=1.5, names=8)
        idle = changed(backtest(BuyAndHold(), market, start="2018-06-05"), strategy="idle")
        full = backtest(LiquidityDrain(), market)
        table = comparison_table([full, idle], ["whole", "idle"])
        hold = table["buy-and-hold (bought 2018-06-05)"]
        assert table["idle"]["total_return"] == pytest.approx(hold["total_return"], abs=1e-12)
        # The other run's basket starts at the same close, and differs by its weights alone.
        other = table["buy-and-hold (bought 2018-01-02)"]
        assert table["idle"]["total_return"] == pytest.approx(other["total_return"], abs=0.003)

    def test_days_whose_baskets_made_the_same_are_one(self, run: Run) -> None:
        part = replace(changed(run, start=str(run.series.index[50].date())), series=run.series[50:])
        assert list(comparison_table([run, part], ["a", "b"]).columns) == ["a", "b", "buy-and-hold", "QQQ"]

    def test_a_number_that_differs_has_six_digits_on_one_line(self, run: Run, tmp_path: Path) -> None:
        levels = {"drawdown": -0.1540947281, "spike": 3.00000004}
        other = changed(run, parameters={**run.recipe.parameters, **levels})
        one = changed(run, parameters={**run.recipe.parameters, "spike": 3.00000003})
        content = body_of(write_comparison([one, other], tmp_path / "compare.html"))
        assert f'<td class="number">{MINUS}0.154095</td>' in content
        assert row_of(content, "spike") == ["3.00000003", "3.00000004"]

    def test_tax_is_of_the_sessions_compared(self, tmp_path: Path) -> None:
        market = simulate_market(seed=3, years=1.5, names=8)
        runs = [backtest(LiquidityDrain(), market, end=end) for end in ("2019-03-01", "2018-12-03")]
        lines = compare(runs)
        sales = runs[0].realised
        gains = sales["gain"][sales["session"] <= "2018-12-03"].clip(lower=0.0).sum()
        assert lines.columns[0].tax is not None
        assert lines.columns[0].tax["gains"] == pytest.approx(gains)
        assert lines.columns[1].tax == runs[1].tax
        assert lines.baselines[0].tax is None
        assert compare([runs[1], runs[1]]).baselines[0].tax == runs[1].hold_tax
        content = body_of(write_comparison([runs[1], runs[1]], tmp_path / "compare.html"))
        assert "Tax, USD" in content
        assert "no figure above is after tax" in content

    def test_what_was_chosen_from_many_says_where(self, run: Run, tmp_path: Path) -> None:
        folds = {"split": "rolling", "fold 1, 2018-01-02 to 2018-03-01": "lag=3", "fold 2, 2018-03-02 on": "lag=9"}
        walk = changed(run, strategy="liquidity-drain-walk-forward", parameters=folds)
        tuned = replace(run, trial_count=TrialCount(10, 200, 210))
        page = write_comparison([run, tuned, walk], tmp_path / "c.html", labels=["one", "tuned", "walk"])
        content = page.read_text(encoding="utf-8").partition("<script>")[0]
        assert "tuned is in-sample: it was chosen from 200 trials on these sessions." in content
        assert "walk is out of sample: each fold was chosen on earlier sessions." in content
        assert "2, each with its own parameters" in content
        assert "fold 1" not in content
        assert "one is" not in content

    def test_what_differs_is_a_table_and_what_is_equal_a_line(self, run: Run, tmp_path: Path) -> None:
        other = changed(make_run(seed=3), parameters={**run.recipe.parameters, "lag": 48}, fill="close")
        content = body_of(write_comparison([run, other], tmp_path / "compare.html"))
        assert row_of(content, "lag") == ["24", "48"]
        assert row_of(content, "Fill price") == ["open", "close"]
        assert '<th scope="row">source</th>' not in content
        assert re.search(r"Equal in all runs\. .*source: winners; .*Universe: growth", content)
        assert "buy-and-hold (open)" in content
        assert "buy-and-hold (close)" in content
        assert "http:" not in content
        assert "https:" not in content

    def test_sessions_missing_between_are_compounded(self, run: Run) -> None:
        gappy = replace(run, series=run.series.drop(run.series.index[[50, 51, 90]]))
        lines = compare([run, gappy]).columns
        assert len(lines[0].returns) == 397
        assert np.prod(1 + lines[0].returns) == pytest.approx(np.prod(1 + run.returns))
        assert lines[0].figures["costs_paid"] == pytest.approx(run.metrics["costs_paid"])

    def test_equal_labels_are_made_distinct(self, run: Run) -> None:
        held = with_columns(changed(run, strategy="buy-and-hold"), **{"return": run.series["hold_return"]})
        table = comparison_table([run, run, held], ["a", "a", "buy-and-hold"])
        assert list(table.columns) == ["a", "a (2)", "buy-and-hold", "QQQ"]
        named = comparison_table([run, run], ["buy-and-hold", "QQQ"])
        assert list(named.columns) == ["buy-and-hold", "QQQ", "buy-and-hold (2)", "QQQ (2)"]

    def test_equal_and_short_runs_are_not_judged(self, run: Run, tmp_path: Path) -> None:
        content = body_of(write_comparison([run, run], tmp_path / "same.html"))
        assert "there is no difference to test" in content
        short = make_run(seed=4, sessions=30, episodes=1)
        assert "these sessions allow no interval" in body_of(write_comparison([run, short], tmp_path / "short.html"))

    def test_many_runs_fit(self, tmp_path: Path) -> None:
        many = [make_run(seed=n, sessions=80, episodes=1) for n in range(18)]
        content = body_of(write_comparison(many, tmp_path / "many.html"))
        assert "liquidity-drain (18)" in content

    @pytest.mark.parametrize(
        ("runs", "labels", "message"),
        [
            ([make_run()], None, "`runs` must be two or more, got 1"),
            ([], None, "got 0"),
            ([make_run(), make_run()], ["a"], "`labels` must name each of the 2 runs, got 1"),
            ([make_run(), make_run(start="2024-01-02")], ["a", "b"], "`b` 2024-01-02 to 2025-07-14 (400 sessions)"),
        ],
    )
    def test_errors_name_what_is_wrong(
        self, runs: list[Run], labels: list[str] | None, message: str, tmp_path: Path
    ) -> None:
        with pytest.raises(ParameterError, match=re.escape(message)):
            write_comparison(runs, tmp_path / "compare.html", labels=labels)
        assert not (tmp_path / "compare.html").exists()


def test_a_date_is_not_broken_and_text_stays_escaped() -> None:
    assert nowrap_numbers("<b> (bought 2018-01-02)") == '&lt;b&gt; (bought <span class="number">2018-01-02</span>)'
    assert nowrap_numbers("Bob's 5") == "Bob&#x27;s 5"


PROBE = """<script>window.addEventListener("load", function () { setTimeout(function () {
  var root = document.documentElement;
  var small = [].filter.call(document.querySelectorAll("main *"), function (each) {
    return each.textContent.trim() && parseFloat(getComputedStyle(each).fontSize) < 12;
  });
  var seen = {
    page: root.scrollWidth, window: root.clientWidth, small: small.length,
    drawn: document.querySelectorAll(".chart .main-svg .trace").length,
    fetched: performance.getEntriesByType("resource").length
  };
  // A window of 390 is not to be had; the page's boxes are as narrow as in one.
  document.querySelector("main").style.width = "390px";
  window.dispatchEvent(new Event("resize"));
  setTimeout(function () {
    seen.wide = [].filter.call(document.querySelectorAll(".chart"), function (each) {
      return each.querySelector(".main-svg").getBoundingClientRect().width > each.clientWidth + 1;
    }).length;
    seen.cut = [].filter.call(document.querySelectorAll(".box"), function (each) {
      return each.scrollWidth > each.clientWidth + 1 && !each.classList.contains("more");
    }).length;
    seen.more = document.querySelectorAll(".box.more").length;
    document.title = JSON.stringify(seen);
  }, 500);
}, 500); });</script></body>"""


@pytest.mark.parametrize("kind", ["tearsheet", "comparison"])
def test_browser_draws_the_page_within_a_narrow_window(run: Run, kind: str, tmp_path: Path) -> None:
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("no Chromium here: the pages were not looked at in a browser")
    target = tmp_path / "page.html"
    if kind == "tearsheet":
        write_tearsheet(run, target)
    else:
        write_comparison([run, make_run(seed=2), make_run(seed=3)], target, labels=["a", "b" * 40, "c d"])
    probed = target.with_name("probed.html")
    probed.write_text(target.read_text(encoding="utf-8").replace("</body>", PROBE), encoding="utf-8")
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", f"--user-data-dir={tmp_path / 'profile'}",
        "--virtual-time-budget=3000", "--window-size=500,900", "--dump-dom", probed.as_uri(),
    ]  # fmt: skip
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    title_found = re.search(r"<title>(\{.*?\})</title>", output)
    assert title_found is not None, output[:500]
    seen = json.loads(html.unescape(title_found[1]))
    assert seen["page"] <= seen["window"]
    assert seen["small"] == 0
    assert seen["fetched"] == 0
    assert seen["drawn"] >= 6
    assert seen["wide"] == 0
    assert seen["cut"] == 0
    assert seen["more"] >= 1


def test_a_shock_is_marked_at_the_last_close_before_it() -> None:
    market = simulate_market(seed=4, years=1, names=5)
    run = backtest(LiquidityDrain(), market)
    shocks, price = shock_marks(run)
    closes = market.calendar.closes
    for shock, marked in zip(shocks.to_numpy(), price, strict=True):
        before = np.flatnonzero(closes <= shock)
        assert marked == run.series["btc"].iloc[before[-1] if len(before) else 0]
