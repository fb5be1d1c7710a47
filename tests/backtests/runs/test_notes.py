"""What a result says about the prices behind its figures: moves, spans, idle money, short windows."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from support.commands import Call
from support.priced import load_priced, sessions_of, walk_closes
from undertow.backtests import Costs, annual_sharpe, backtest, load_run, return_metrics
from undertow.backtests.runs.notes import data_notes, longest_idle, move_text, moves_sentence
from undertow.backtests.sweeps import grid, sweep
from undertow.market import Market
from undertow.signals.decisions import DecisionTable
from undertow.strategies import BuyAndHold, Decision, HedgeOverlay, Sets, Strategy, VolTarget
from undertow.tearsheets import compare

YEAR = sessions_of("2021-01-04", "2021-12-31")
NAMES = ["AAA", "BBB", "CCC", "QQQ"]


@pytest.fixture(scope="module")
def closes() -> pd.DataFrame:
    return walk_closes(YEAR, NAMES)


@pytest.fixture(scope="module")
def clean(closes: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Market:
    return load_priced(tmp_path_factory.mktemp("clean") / "market", closes)


@pytest.fixture(scope="module")
def split(closes: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Market:
    """AAA is not adjusted for a split of 4:1 on 2021-07-01."""
    wrong = closes.copy()
    wrong.loc[wrong.index < "2021-07-01", "AAA"] *= 4.0
    return load_priced(tmp_path_factory.mktemp("split") / "market", wrong)


def expected_change(closes: pd.DataFrame, name: str, session: str, factor: float) -> float:
    row = closes.index.get_loc(pd.Timestamp(session))
    return factor * closes[name].iloc[row] / closes[name].iloc[row - 1] - 1.0


def test_clean_prices_need_no_word(clean: Market) -> None:
    run = backtest(BuyAndHold(), clean)
    assert (run.moves, run.data_notes) == ([], ())
    assert run.summary()["moves"] == []


def test_a_split_in_a_name_that_was_held_is_in_every_result(
    split: Market, closes: pd.DataFrame, tmp_path: Path, call: Call
) -> None:
    change = expected_change(closes, "AAA", "2021-07-01", 0.25)
    run = backtest(VolTarget(target=0.6), split)
    (move,) = run.moves
    assert move["change"] == pytest.approx(change, abs=1e-4)
    assert {**move, "change": 0} == {
        "symbol": "AAA",
        "session": "2021-07-01",
        "change": 0,
        "split": "4:1",
        "held_by": ["run", "buy-and-hold"],
    }
    text = f"AAA {change:+.1%} on 2021-07-01, close to a split of 4:1"
    assert text in run.data_notes[0]
    # A saved run, its page, a comparison, a sweep with its page, the terminal and --json.
    saved = load_run(run.save(tmp_path / "run"))
    assert (saved.moves, saved.data_notes) == (run.moves, run.data_notes)
    page = (tmp_path / "run" / "tearsheet.html").read_text(encoding="utf-8")
    assert "Extreme moves of names that were held" in page
    assert "<td>4:1</td>" in page
    compared = compare(run, backtest(BuyAndHold(), split)).page(tmp_path / "compare.html")
    assert "close to a split of 4:1" in compared.read_text(encoding="utf-8")
    sets = sweep(VolTarget, split, grid({"target": [0.2, 0.6]}))
    assert [(row["symbol"], row["split"]) for row in sets.moves] == [("AAA", "4:1")]
    assert sets.summary()["moves"] == sets.moves
    assert text in sets.page(tmp_path / "sweep.html").read_text(encoding="utf-8").replace("\N{MINUS SIGN}", "-")
    command = ["backtest", "--market", str(split.path), "--strategy", "buy-and-hold"]
    assert text in " ".join(call(*command).out.split())
    assert json.loads(call(*command, "--json").out)["moves"][0]["symbol"] == "AAA"


def test_a_hundred_times_the_unit_is_named_both_ways(closes: pd.DataFrame, tmp_path: Path) -> None:
    pence = closes.copy()
    pence.loc["2021-07-01":"2021-08-31", "BBB"] *= 100.0
    moves = backtest(BuyAndHold(), load_priced(tmp_path / "market", pence)).moves
    assert [(move["symbol"], move["session"], move["split"]) for move in moves] == [
        ("BBB", "2021-07-01", "1:100"),
        ("BBB", "2021-09-01", "100:1"),
    ]
    assert moves[0]["change"] == pytest.approx(expected_change(closes, "BBB", "2021-07-01", 100.0), rel=1e-4)


def test_a_move_is_that_of_a_holder(closes: pd.DataFrame, tmp_path: Path) -> None:
    # CCC belongs to the universe from 2021-09-01 on: what it did before is nobody's return.
    wrong = closes.copy()
    wrong.loc[wrong.index < "2021-07-01", "CCC"] *= 4.0
    wrong.loc[wrong.index >= "2021-11-01", "CCC"] /= 2.0
    members = pd.DataFrame({"symbol": ["AAA", "BBB", "CCC"], "start": ["2021-01-04", "2021-01-04", "2021-09-01"]})
    run = backtest(BuyAndHold(), load_priced(tmp_path / "market", wrong, members=members))
    assert [(move["session"], move["split"]) for move in run.moves] == [("2021-11-01", "2:1")]


def test_a_real_crash_is_listed_without_a_split(closes: pd.DataFrame, tmp_path: Path) -> None:
    crash = closes.copy()
    crash.loc[crash.index >= "2021-05-03", "AAA"] *= 0.40
    (move,) = backtest(BuyAndHold(), load_priced(tmp_path / "market", crash)).moves
    assert (move["session"], move["split"]) == ("2021-05-03", "")


def test_a_benchmark_in_another_unit_is_listed(closes: pd.DataFrame, tmp_path: Path) -> None:
    wrong = closes.copy()
    wrong.loc[wrong.index >= "2021-05-03", "QQQ"] *= 10.0
    (move,) = backtest(BuyAndHold(), load_priced(tmp_path / "market", wrong)).moves
    assert (move["symbol"], move["split"], move["held_by"]) == ("QQQ", "1:10", ["benchmark"])


def test_many_moves_are_listed_by_size_and_counted() -> None:
    move = {"symbol": "A", "session": "2021-07-01", "change": -0.75, "split": "4:1", "held_by": ["run"]}
    sentence = moves_sentence([{**move, "change": 0.5 + at / 100} for at in range(7)])
    assert sentence.startswith("7 extreme moves of names that were held")
    assert sentence.endswith("A +52.0% on 2021-07-01, close to a split of 4:1; 2 more in `moves`")
    assert move_text({**move, "held_by": ["buy-and-hold"]}).endswith("4:1 (in buy-and-hold alone)")


def test_a_benchmark_has_the_figures_of_its_own_span(closes: pd.DataFrame, tmp_path: Path) -> None:
    late = closes.copy()
    late.loc[late.index < "2021-05-03", "QQQ"] = np.nan
    late.loc["2021-08-02":"2021-08-04", "QQQ"] = np.nan
    run = backtest(BuyAndHold(), load_priced(tmp_path / "market", late))
    returns = run.series["benchmark_return"]
    assert returns[: pd.Timestamp("2021-05-03")].isna().all()
    assert returns["2021-08-02":"2021-08-04"].isna().all()
    # By hand: closes from the first one, carried over the gap.
    own = late["QQQ"].dropna()
    assert returns["2021-08-05"] == pytest.approx(own["2021-08-05"] / own["2021-07-30"] - 1.0)
    figures = run.baselines["QQQ"]
    assert figures["total_return"] == pytest.approx(own.iloc[-1] / own.iloc[0] - 1.0)
    sessions = len(YEAR[YEAR > "2021-05-03"])
    assert figures["cagr"] == pytest.approx((own.iloc[-1] / own.iloc[0]) ** (252 / sessions) - 1.0)
    carried = late["QQQ"].ffill().dropna().pct_change().dropna()
    assert figures["annual_volatility"] == pytest.approx(carried.std() * math.sqrt(252))
    assert figures["max_drawdown"] == pytest.approx((own / own.cummax()).min() - 1.0)
    priced = sessions - 3
    assert f"those of 2021-05-04 to 2021-12-31 ({priced} of 252 sessions)" in run.data_notes[0]
    assert run.counts["benchmark_sessions_without_price"] == 252 - priced - 1
    page = run.tearsheet(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "QQQ, 2021-05-04 to 2021-12-31" in page


def test_a_benchmark_without_prices_is_blank(closes: pd.DataFrame, tmp_path: Path) -> None:
    late = closes.copy()
    late.loc[late.index < "2021-09-01", "QQQ"] = np.nan
    run = backtest(BuyAndHold(), load_priced(tmp_path / "market", late), end="2021-08-31")
    assert all(math.isnan(value) for value in run.baselines["QQQ"].values())
    assert run.data_notes == ("QQQ, the benchmark, has no prices in these sessions: its figures are blank",)
    assert "QQQ" in run.tearsheet(tmp_path / "page.html").read_text(encoding="utf-8")
    run.figure(tmp_path / "page.png")


def test_sharpe_over_cash_is_that_of_the_sessions_with_cash(closes: pd.DataFrame, tmp_path: Path) -> None:
    late = closes.copy()
    late.loc[late.index < "2021-06-01", "BIL"] = np.nan
    market = load_priced(tmp_path / "market", late)
    run = backtest(BuyAndHold(), market)
    cash = run.series["cash_return"]
    assert cash[: pd.Timestamp("2021-06-01")].isna().all()
    assert cash["2021-06-02":].notna().all()
    own = run.returns["2021-06-02":] - late["BIL"].pct_change()["2021-06-02":]
    # At the open, cash is bought at the close before: the account earns the return of the whole night and day.
    assert run.metrics["annual_sharpe_over_cash"] == pytest.approx(own.mean() / own.std() * math.sqrt(252))
    assert run.metrics["annual_sharpe"] == pytest.approx(annual_sharpe(run.returns.to_numpy()))
    assert any("BIL, the cash symbol, has prices on 2021-06-02 to 2021-12-31" in note for note in run.data_notes)
    # Sets of a sweep, by both of its walks, have the same.
    table = sweep(BuyAndHold, market, pd.DataFrame(index=range(1))).table
    assert table["annual_sharpe_over_cash"][0] == pytest.approx(run.metrics["annual_sharpe_over_cash"], rel=1e-9)
    # A window before the first price of cash has none.
    early = backtest(BuyAndHold(), market, end="2021-05-28")
    assert math.isnan(early.metrics["annual_sharpe_over_cash"])
    assert early.metrics["annual_sharpe"] == pytest.approx(annual_sharpe(early.returns.to_numpy()))
    assert any("has no prices in these sessions: cash earned nothing" in note for note in early.data_notes)


def test_a_cash_symbol_without_returns_is_reported(closes: pd.DataFrame, tmp_path: Path) -> None:
    flat = closes.copy()
    flat.loc["2021-03-01":"2021-06-30", "BIL"] = flat.loc["2021-03-01", "BIL"]
    run = backtest(BuyAndHold(), load_priced(tmp_path / "market", flat))
    sessions = len(YEAR[(YEAR > "2021-03-01") & (YEAR <= "2021-06-30")])
    assert run.data_notes == (
        f"BIL, the cash symbol, has no return on {sessions} sessions in a row: its prices may miss its payments",
    )
    assert longest_idle(np.array([0.0, 0.0, 0.1, 0.0, np.nan, 0.0])) == 2


class ShortHHH(Strategy):
    """Always invested, with half of it sold short in HHH."""

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        shape = (len(table), len(next(iter(sets.values()))) if sets else 1)
        return replace(Decision.proportional(np.ones(shape)), hedge=np.full(shape, 0.5), hedge_symbol="HHH")


def test_a_hedge_without_prices_is_counted_and_not_held(closes: pd.DataFrame, tmp_path: Path) -> None:
    priced = closes.assign(HHH=100.0)
    priced.loc[priced.index < "2021-03-01", "HHH"] = np.nan
    priced.loc["2021-08-02":"2021-08-04", "HHH"] = np.nan
    members = pd.DataFrame({"symbol": ["AAA", "BBB", "CCC"]})
    run = backtest(ShortHHH(), load_priced(tmp_path / "market", priced, members=members))
    missing = len(YEAR[YEAR < "2021-03-01"]) + 3
    assert run.counts["hedge_sessions_without_price"] == missing
    assert f"the symbol sold short has no price on {missing} of 252 sessions" in run.data_notes[-1]
    assert (run.weights["HHH (short)"][: pd.Timestamp("2021-03-01")] == 0.0).all()
    assert run.weights["HHH (short)"].iloc[-1] == pytest.approx(-0.5, abs=0.03)
    assert backtest(BuyAndHold(), load_priced(tmp_path / "other", closes)).counts["hedge_sessions_without_price"] == 0


def test_money_that_lies_idle_is_said_with_its_names(closes: pd.DataFrame, tmp_path: Path) -> None:
    opens = closes.copy()
    opens["CCC"] = np.nan
    market = load_priced(tmp_path / "market", closes, opens=opens)
    run = backtest(BuyAndHold(), market)
    assert run.counts["symbols_never_filled"] == 1
    assert run.counts["never_filled"] == ["CCC"]
    # A third of the account waits for CCC on every session; nothing is held on the first.
    assert run.metrics["average_cash"] == pytest.approx(1 / 3, abs=0.02)
    assert run.metrics["average_exposure_reached"] == pytest.approx(1.0 - run.metrics["average_cash"])
    assert run.metrics["average_exposure"] == 1.0
    assert run.baselines["buy-and-hold"]["average_cash"] == pytest.approx(run.metrics["average_cash"])
    (note,) = run.data_notes
    reached = run.metrics["average_exposure_reached"]
    assert note.startswith(f"{1.0 - reached:.1%} of buy-and-hold lay idle on average, for want of prices")
    assert note.endswith("no price at the open, so no order was filled: CCC; `--fill close` can buy them")
    table = sweep(BuyAndHold, market, pd.DataFrame(index=range(1))).table
    assert table["average_exposure_reached"][0] == pytest.approx(reached, rel=1e-9)
    assert backtest(BuyAndHold(), market, fill="close").data_notes == ()


def test_money_that_a_rule_wants_in_cash_is_not_idle(closes: pd.DataFrame, tmp_path: Path) -> None:
    market = load_priced(tmp_path / "market", closes)
    run = backtest(HedgeOverlay(), market)
    series = run.series.assign(exposure=1.0, cash_share=0.4)
    assert not data_notes(series, run.counts, benchmark=None, cash=None, fill="open")


def test_names_without_prices_are_counted_in_the_span_of_the_run(closes: pd.DataFrame, tmp_path: Path) -> None:
    late = closes.copy()
    late.loc[late.index < "2021-09-01", "CCC"] = np.nan
    members = pd.DataFrame(
        {
            "symbol": ["AAA", "BBB", "CCC", "ZZZ", "YYY"],
            "start": ["2021-01-04", "2021-01-04", "2021-01-04", "2021-01-04", "2021-11-01"],
        }
    )
    market = load_priced(tmp_path / "market", late, members=members)
    whole, early = backtest(BuyAndHold(), market), backtest(BuyAndHold(), market, end="2021-06-30")
    # Until June CCC has no price and ZZZ is in no file; YYY joins in November. Over the year CCC has prices.
    assert (early.counts["universe_symbols"], early.counts["symbols_without_prices"]) == (4, 2)
    assert (whole.counts["universe_symbols"], whole.counts["symbols_without_prices"]) == (5, 2)


def test_buy_and_hold_is_called_by_its_rebalancing(clean: Market, call: Call, tmp_path: Path) -> None:
    command = ["backtest", "--market", str(clean.path), "--strategy", "vol-target"]
    out = " ".join(call(*command).out.split())
    assert "buy-and-hold, rebalanced monthly" in out
    assert "`--rebalance never` buys it once and leaves it alone" in out
    untouched = call(*command, "--rebalance", "never").out
    assert "rebalanced" not in untouched
    assert json.loads(call(*command, "--json").out)["labels"] == {"buy-and-hold": "buy-and-hold, rebalanced monthly"}
    run = backtest(VolTarget(), clean, rebalance="quarterly")
    page = run.tearsheet(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Buy-and-hold, rebalanced quarterly" in page
    assert "buys it once and leaves it alone" in page


def test_a_short_window_has_no_annual_figures(clean: Market, tmp_path: Path, call: Call) -> None:
    run = backtest(BuyAndHold(), clean, end=YEAR[58])
    assert run.recipe.sessions == 59
    blank = {name for name, value in run.metrics.items() if math.isnan(value)}
    assert blank == {
        *("cagr", "annual_volatility", "annual_sharpe", "annual_sharpe_over_cash", "annual_sortino", "calmar"),
        "annual_turnover",
    }
    assert run.metrics["total_return"] == pytest.approx(float((1 + run.returns).prod() - 1))
    assert run.data_notes == ("59 sessions are too few for annual figures, which need 60: they are blank",)
    page = run.tearsheet(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "59 sessions are too few for annual figures" in page
    longer = backtest(BuyAndHold(), clean, end=YEAR[59])
    assert not any(math.isnan(value) for name, value in longer.metrics.items() if name != "calmar")
    sets = sweep(VolTarget, clean, grid({"target": [0.2, 0.6]}), end=YEAR[58])
    assert sets.table[sorted(blank)].isna().all().all()
    assert sets.notes == run.data_notes
    assert "none has a value of Sharpe" in sets.page(tmp_path / "sweep.html").read_text(encoding="utf-8")
    window = ["--market", str(clean.path), "--strategy", "vol-target", "--end", f"{YEAR[58]:%Y-%m-%d}"]
    outcome = call("optimize", *window, "--objective", "sharpe", "--trials", "4")
    assert outcome.code == 2
    assert "fewer than 60 sessions have no annual figures" in " ".join(outcome.err.split())


@pytest.mark.parametrize("year", [252, 365, 245])
def test_a_year_has_the_sessions_of_its_calendar(year: int) -> None:
    returns = np.random.default_rng(4).normal(0.0005, 0.012, 500)
    figures = return_metrics(returns, np.zeros(500), year)
    growth = float(np.prod(1.0 + returns))
    assert figures["cagr"] == pytest.approx(growth ** (year / 500) - 1.0)
    assert figures["annual_volatility"] == pytest.approx(returns.std(ddof=1) * math.sqrt(year))
    assert figures["annual_sharpe"] == pytest.approx(returns.mean() / returns.std(ddof=1) * math.sqrt(year))
    below = math.sqrt((np.minimum(returns, 0.0) ** 2).mean())
    assert figures["annual_sortino"] == pytest.approx(returns.mean() / below * math.sqrt(year))
    assert figures["calmar"] == pytest.approx(figures["cagr"] / -figures["max_drawdown"])


def test_two_years_around_the_clock(tmp_path: Path) -> None:
    days = sessions_of("2021-01-01", "2022-12-31", "24/7")
    market = load_priced(tmp_path / "market", walk_closes(days, NAMES), calendar="24/7")
    run = backtest(BuyAndHold(), market)
    assert (run.recipe.sessions, run.recipe.sessions_a_year) == (730, 365)
    # Two calendar years: the root of the growth, and half of the turnover.
    assert run.metrics["cagr"] == pytest.approx(math.sqrt(1 + run.metrics["total_return"]) - 1)
    assert run.metrics["annual_volatility"] == pytest.approx(run.returns.std() * math.sqrt(365))
    assert run.metrics["annual_turnover"] == pytest.approx(run.series["turnover"].sum() / 2)
    stats = run.portfolio.stats()
    assert stats["Sharpe Ratio"] == pytest.approx(run.metrics["annual_sharpe"])
    assert stats["Period"] == pd.Timedelta(days=730)
    table = sweep(BuyAndHold, market, pd.DataFrame(index=range(1))).table
    for name in ("cagr", "annual_volatility", "annual_turnover", "annual_sharpe"):
        assert table[name][0] == pytest.approx(run.metrics[name], rel=1e-9)
    assert "365 sessions a year" in run.tearsheet(tmp_path / "page.html").read_text(encoding="utf-8")


def test_stats_of_an_account_that_never_falls(closes: pd.DataFrame, tmp_path: Path) -> None:
    flat = closes.copy()
    flat[["AAA", "BBB", "CCC"]] = 50.0 / 3.0
    market = load_priced(tmp_path / "market", flat)
    run = backtest(BuyAndHold(), market, costs=Costs(fee_bps=0, slippage_bps=0), rebalance="daily")
    assert run.metrics["max_drawdown"] == 0.0
    assert math.isnan(run.metrics["calmar"])
    stats = run.portfolio.stats()
    assert stats["Max Drawdown [%]"] == 0.0 or math.isnan(stats["Max Drawdown [%]"])
    assert not math.isfinite(stats["Calmar Ratio"])
    assert pd.isna(stats["Max Drawdown Duration"])


def test_runs_of_two_calendars_are_compared_by_the_sessions_they_share(clean: Market, tmp_path: Path) -> None:
    days = sessions_of("2021-01-04", "2021-12-31", "24/7")
    clock = backtest(BuyAndHold(), load_priced(tmp_path / "market", walk_closes(days, NAMES), calendar="24/7"))
    comparison = compare(backtest(BuyAndHold(), clean), clock, labels=["exchange", "clock"])
    assert len(comparison.sessions) == 252
    joined = pd.Series(np.cumprod(1.0 + clock.returns), clock.series.index)[YEAR]
    returns = joined / joined.shift(fill_value=1.0) - 1.0
    assert comparison.table.loc["annual_volatility", "clock"] == pytest.approx(returns.std() * math.sqrt(252))
    assert comparison.table.loc["cagr", "clock"] == pytest.approx(joined.iloc[-1] - 1.0)


def test_durations_of_stats_are_calendar_days(clean: Market) -> None:
    portfolio = backtest(BuyAndHold(), clean).portfolio
    value, longest = portfolio.value(), pd.Timedelta(0)
    peak, since = value.iloc[0], value.index[0]
    for session, amount in value.items():
        if amount >= peak:
            longest = max(longest, session - since) if amount > peak and session != since else longest
            peak, since = amount, session
        else:
            longest = max(longest, session - since)
    stats = portfolio.stats()
    assert stats["Period"] == pd.Timedelta(days=362)
    assert stats["Max Drawdown Duration"] == longest
    assert portfolio.drawdowns.max_duration() < longest
