"""The walk-forward's page and command: one offline file, the right numbers, all or nothing, named refusals."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import undertow as ut
from undertow.backtests.runs.backtest import backtest
from undertow.backtests.validation.cpcv import cpcv
from undertow.backtests.validation.events import event_spans, free_border, horizon_hours, shock_events
from undertow.backtests.validation.result import WalkForwardResult
from undertow.backtests.validation.seeds import seed_row
from undertow.backtests.validation.splits import WalkForward
from undertow.backtests.validation.splits_cpcv import CombinatorialPurgedKFold
from undertow.backtests.validation.walk_forward import walk_forward
from undertow.cli.app import run_command as _run
from undertow.evidence.difference import difference
from undertow.market import Market, ParameterError, simulate_market
from undertow.signals.decisions.table import DecisionTable
from undertow.strategies import (
    BuyAndHold,
    Decision,
    DrawdownDeRisk,
    LiquidationCashRaise,
    LiquidityDrain,
    Strategy,
    TrendFilter,
    VolTarget,
)
from undertow.strategies.strategy import Sets
from undertow.tearsheets.walk_forward.page import write_walk_page
from undertow.tearsheets.walk_forward.sentences import verdicts, walk_sentences

FIXED = {"window": 168, "drawdown": -0.12, "spike": 0.97, "spike_days": 90, "min_hold": 24, "max_hold": 72}
FIXED |= {"low_days": 7, "calm": 24, "steps": 1, "trigger": "any"}
SETTINGS = [word for name, value in FIXED.items() for word in ("--set", f"{name}={value}")]


@cache
def market() -> Market:
    return simulate_market(seed=6, years=1.6, names=6)


@cache
def result() -> WalkForwardResult:
    return walk_forward(LiquidityDrain, market(), split=WalkForward(train=150, test=90), trials=8, fixed=FIXED, seed=2)


def charts(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="charts">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return {each["id"]: each for each in json.loads(found[1])["charts"]}


def test_the_page_is_one_file_with_its_numbers(tmp_path: Path) -> None:
    rule = CombinatorialPurgedKFold(4, 2)
    paths = cpcv(LiquidityDrain, market(), split=rule, trials=8, fixed=FIXED, seed=2)
    page = write_walk_page(result(), tmp_path / "walk.html", paths).read_text(encoding="utf-8")
    body = page.partition("<main>")[2].partition("</main>")[0]
    assert not re.search(r'(?:src|href)="(?!data:)', page.partition("<main>")[0] + body)
    drawn = charts(page)
    assert list(drawn) == ["equity", "folds", "stability", "paths"]
    assert all(f'id="{name}"' in body for name in drawn)
    borders = [shape["x0"] for shape in drawn["equity"]["layout"]["shapes"]]
    assert borders == [str(each.test[0].date()) for each in result().folds[1:]]
    for each in result().folds:
        assert f"{each.test[0]:%Y-%m-%d} to {each.test[1]:%Y-%m-%d}" in body
    assert f"{result().untested} sessions before the first test were never tested" in body
    own, hold = (result().run.series[name].to_numpy() for name in ("return", "hold_return"))
    low, high = (getattr(difference(own, hold).annual_return, end) for end in ("low", "high"))
    assert f"[{low:+.1%}, {high:+.1%}]".replace("-", "\N{MINUS SIGN}") in body
    again = write_walk_page(result(), tmp_path / "again.html", paths).read_text(encoding="utf-8")
    assert again == page


def test_a_walk_of_nothing_to_tune_has_a_page_too(tmp_path: Path) -> None:
    found = walk_forward(BuyAndHold, market(), split=WalkForward(train=150, test=90), trials=1)
    page = write_walk_page(found, tmp_path / "walk.html").read_text(encoding="utf-8")
    assert "so nothing can be compared" in page
    assert "No parameter was tuned" in page
    assert list(charts(page)) == ["equity", "folds"]
    short = walk_forward(BuyAndHold, market(), split=WalkForward(train=380, test=30), trials=1)
    assert len(short.run.series) < 60
    assert "too few for an interval" in verdicts(short)[1][1]


def test_one_set_is_not_called_the_best_of_many_and_a_longer_span_not_what_was_picked(tmp_path: Path) -> None:
    split = WalkForward(train=150, test=90, purge=5)
    for objective, grows in (
        ("total-return", True),
        ("drawdown", True),
        ("calmar:vol-target", True),
        ("sharpe", False),
    ):
        found = walk_forward(BuyAndHold, market(), split=split, trials=200, objective=objective)
        body = write_walk_page(found, tmp_path / "walk.html").read_text(encoding="utf-8").partition("<main>")[2]
        assert "Only one set was tried, so nothing was selected" in body
        assert "The best of" not in body
        assert "200" not in body.partition("Trials per fold")[2][:40]
        # Training is the 150 sessions before a test less 5 of purge; what is left after the first 150 is tested.
        tested = round((len(market().sessions) - 150) / len(found.folds))
        assert (f"on the length of a span: 145 sessions in training and {tested} in a test" in body) is grows
    many = write_walk_page(result(), tmp_path / "many.html").read_text(encoding="utf-8").partition("<main>")[2]
    assert "The best of 8 trials looks better in training than it is" in many
    assert "length of a span" not in many


def test_of_several_seeds_the_distribution_comes_first(tmp_path: Path) -> None:
    own = seed_row(result())
    others = [-0.4, -0.1, 0.2, 0.3]
    seeds = pd.DataFrame([own, *({**own, "seed": 10 + n, "annual_sharpe": x} for n, x in enumerate(others))])
    body = write_walk_page(result(), tmp_path / "seeds.html", seeds=seeds).read_text(encoding="utf-8")
    text = re.sub(r"<[^>]+>", " ", body.partition("<main>")[2].partition("</main>")[0]).replace("\N{MINUS SIGN}", "-")
    rank = 1 + sum(x > own["annual_sharpe"] for x in others)
    order = [
        "With 5 tuning seeds the annual Sharpe ratio out of sample is",
        f"What follows in full is tuning seed 2, number {rank} of 5 by annual Sharpe ratio",
        "Seed 2: ",
        "All tuning seeds",
        "Out of sample, tuning seed 2",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    sharpes = sorted([own["annual_sharpe"], *others])
    quantiles = np.quantile(sharpes, (0.0, 0.25, 0.5, 0.75, 1.0))
    labels = ("Lowest", "Lower quarter", "Median", "Upper quarter", "Highest")
    for label, value in zip(labels, quantiles, strict=True):
        assert re.search(rf"{label}\s+{re.escape(f'{value:.2f}')}\s", text), label
    # One seed alone is the result, and nothing stands before it.
    alone = write_walk_page(result(), tmp_path / "alone.html").read_text(encoding="utf-8")
    assert "What follows in full" not in alone
    sentences = [topic for topic, _ in walk_sentences(replace(result(), seeds=seeds))]
    assert sentences[0] == "seeds"
    assert sentences.count("seeds") == 1


def test_the_command_writes_the_numbers_of_the_python_api(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ut.write_market(market(), tmp_path / "world")
    out = tmp_path / "walk"
    words = ["walk-forward", "--strategy", "liquidity-drain", "--market", str(folder), "--train", "150", "--test", "90"]
    words += ["--trials", "8", "--seed", "2", "--narrow", "lag=0:48", "--narrow", "source=winners,beta", *SETTINGS]
    assert (
        _run([*words, "--cpcv", "4:1", "--embargo", "3", "--events", "--seeds", "2", "--json", "--out", str(out)]) == 0
    )
    said = capsys.readouterr()
    found = json.loads(said.out, parse_constant=pytest.fail)
    assert said.err == ""
    world = ut.load_market(folder)
    events = shock_events(LiquidityDrain(**FIXED), world, world.sessions)
    direct = walk_forward(
        LiquidityDrain,
        world,
        split=WalkForward(train=150, test=90, embargo=3, events=events),
        trials=8,
        seed=2,
        fixed=FIXED,
        narrowed={"lag": (0, 48), "source": ("winners", "beta")},
    )
    assert found["metrics"] == pytest.approx(direct.run.metrics, nan_ok=True)
    assert found["cpcv"]["folds"] == 4
    assert [each["seed"] for each in found["seeds"]] == [2, 3] == pd.read_csv(out / "seeds.csv")["seed"].tolist()
    assert found["seeds"][0]["annual_sharpe"] == pytest.approx(direct.run.metrics["annual_sharpe"])
    assert "With 2 tuning seeds" in (out / "walk.html").read_text(encoding="utf-8")
    table = pd.read_csv(out / "folds.csv")
    assert table["lag"].tolist() == direct.table["lag"].tolist()
    np.testing.assert_allclose(table["out_annual_sharpe"], direct.table["out_annual_sharpe"])
    assert len(pd.read_csv(out / "trials.csv")) == 8 * len(direct.folds)
    assert {"run.json", "walk.html", "walk.json", "tearsheet.html", "stability.csv", "cpcv_paths.csv"} <= {
        each.name for each in out.iterdir()
    }
    loaded = ut.load_run(out)
    pd.testing.assert_series_equal(loaded.returns, direct.run.returns, check_freq=False)
    # The command in the recipe makes the same walk again.
    program, *again = str(loaded.recipe.command).split()
    assert program == "undertow"
    assert _run([*again, "--out", str(tmp_path / "again")]) == 0
    shown = capsys.readouterr().out
    assert "walked forward" in shown
    assert shown.rstrip().endswith(f"walk-forward: {tmp_path / 'again' / 'walk.html'}")
    for name in ("run.json", "folds.csv", "trials.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes()


@pytest.mark.parametrize(
    ("given", "walked", "combined"), [([], 0, 5), (["--embargo", "0"], 0, 0), (["--embargo", "3"], 3, 3)]
)
def test_combinations_have_an_embargo_where_nobody_says_otherwise(
    given: list[str], walked: int, combined: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = ut.write_market(market(), tmp_path / "world"), tmp_path / "walk"
    words = ["walk-forward", "--strategy", "liquidity-drain", "--market", str(folder), "--train", "150"]
    words += ["--test", "200", "--trials", "2", "--tuner", "design", "--cpcv", "3:1", *SETTINGS, *given]
    assert _run([*words, "--json", "--out", str(out)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["split"].endswith(f"embargo {walked}")
    assert found["cpcv"]["split"].endswith(f"embargo {combined}")
    command = str(ut.load_run(out).recipe.command).split()
    assert [command[place + 1] for place, word in enumerate(command) if word == "--embargo"] == given[1:]


def test_a_walk_that_asks_for_proof_says_which_folds_acted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = ut.write_market(market(), tmp_path / "world"), tmp_path / "walk"
    words = ["walk-forward", "--strategy", "liquidity-drain", "--market", str(folder), "--train", "150", "--test", "90"]
    words += ["--trials", "8", "--tuner", "design", "--gate", "0.000001", *SETTINGS]
    assert _run([*words, "--out", str(out)]) == 0
    folds = pd.read_csv(out / "folds.csv")
    assert not folds["acts"].any()
    sentence = (
        f"In 0 of {len(folds)} folds the trials beat holding in training by more than chance explains (SPA p <= 1e-06)"
    )
    said = capsys.readouterr().out
    assert sentence in said.replace("\n", " ")
    assert "The returns equal those of buy-and-hold" in said.replace("\n", " ")
    assert sentence in (out / "walk.html").read_text(encoding="utf-8").replace("&lt;", "<")
    _program, *again = str(ut.load_run(out).recipe.command).split()
    assert again[-2:] == ["--gate", "1e-06"]
    assert "No fold acted: no trial in training" in (out / "walk.html").read_text(encoding="utf-8")
    assert _run([*again, "--out", str(tmp_path / "again")]) == 0
    for name in ("run.json", "folds.csv", "trials.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--gate", "0"), "`--gate` must lie between 0 and 1, such as 0.10; got 0"),
        (("--gate", "0.1", "--cpcv", "6:2"), "`--gate` binds the walk-forward alone; leave out `--cpcv`"),
        (("--train", "1"), "`train` must be a whole number of sessions, 2 or more, got 1"),
        (("--train", "20", "--purge", "19"), "`purge` must leave 2 sessions or more of `train` 20"),
        (("--cpcv", "six"), "`--cpcv` must be groups:tested such as 6:2, got 'six'"),
        (("--cpcv", "6:6"), "`--cpcv` must be two groups or more, of which fewer are tested, got '6:6'"),
        (("--narrow", "lag=a:b"), "`--narrow lag` must be low:high in numbers, got 'a:b'"),
        (("--narrow", "lag"), "`--narrow` must be parameter=value, got 'lag'"),
        (("--narrow", "lga=0:3"), "has no parameter `lga` to narrow, did you mean `lag`"),
        (("--set", "lag=300"), "`lag` must be in [0, 96], got 300"),
        (("--objective", "sharp"), "unknown objective `sharp`, did you mean `sharpe`"),
        (("--constraint", "turnover<=x"), "must end in a number, got 'x'"),
        (("--constraint", "turnover<=6", "--cpcv", "6:2"), "`--constraint` binds the walk-forward alone"),
        (
            ("--tuner", "serch"),
            "`tuner` must be one of search, design or a function; got 'serch', did you mean `search`?",
        ),
        (("--address", "tcp://nowhere:1"), "`address` is that of a cluster"),
        (("--trials", "0"), "`trials` must be a whole number, 1 or more, got 0"),
        (("--seeds", "0"), "`seeds` must be 1 to 1000 seeds, got 0"),
        (("--jobs", "0"), "`jobs` must be 1 or more workers"),
        (("--backend", "lokk"), "did you mean `loky`?"),
        (("--start", "2020-02-01", "--end", "2020-01-01"), "`start` must not be after `end`"),
    ],
)
def test_what_the_command_refuses_before_a_market(
    words: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(
        "undertow.cli.walk_forward.resolve_market", lambda *_: pytest.fail("the market was loaded first")
    )
    given = ["walk-forward", "--strategy", "liquidity-drain", "--out", str(tmp_path / "out"), *words]
    assert _run(given) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert message in said.err
    assert not list(tmp_path.iterdir())


def test_too_few_sessions_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("undertow.cli.walk_forward.resolve_market", lambda *_: market())
    words = ["walk-forward", "--strategy", "liquidity-drain", "--out", str(tmp_path / "out")]
    assert _run(words) == 2
    said = capsys.readouterr()
    assert "`train` 504, `embargo` 0 and one session to test need 505" in said.err
    assert _run([*words[:2], "vol-target", "--events", "--train", "100", "--out", str(tmp_path / "out")]) == 2
    assert "`vol-target` names no shock from" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "rule",
    [LiquidityDrain(lag=24, max_hold=72), DrawdownDeRisk(), LiquidationCashRaise(), TrendFilter()],
    ids=lambda rule: rule.name(),
)
def test_shock_events_last_until_the_episode_that_they_set_off_is_over(rule: Strategy) -> None:
    sessions = market().sessions[50:]
    events = shock_events(rule, market(), sessions)
    inside = np.zeros(len(sessions), dtype=np.bool_)
    for row, length in zip(events.first, events.event_lengths, strict=True):
        inside[row : row + length] = True
    run = backtest(rule, market(), start=sessions[0])
    spans = event_spans(events, sessions)
    for each in run.episodes.dropna(subset="shock").to_dict("records"):
        first = int(sessions.get_loc(each["session"]))
        assert inside[first : first + each["sessions"]].all()
        # Wherever a border would fall within the episode, it moves out of it.
        for border in range(first + 1, first + each["sessions"]):
            assert not first < free_border(border, spans) < first + each["sessions"]


class Capped(LiquidityDrain):
    """Never holds more than nine tenths."""

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        found = super().decide(table, sets)
        return replace(found, exposure=np.minimum(found.exposure, 0.9), above=None, resting=None)


def test_the_events_of_a_strategy_that_rests_below_full_exposure_end_too() -> None:
    sessions = market().sessions
    capped, plain = (shock_events(kind(), market(), sessions).event_lengths for kind in (Capped, LiquidityDrain))
    np.testing.assert_array_equal(capped, plain)


def test_how_long_an_event_lasts_at_least() -> None:
    sessions = market().sessions[50:]
    assert horizon_hours(LiquidityDrain(lag=24, max_hold=72)) == 96.0
    assert horizon_hours(VolTarget()) == 120.0
    with pytest.raises(ParameterError, match="names no shock"):
        shock_events(BuyAndHold(), market(), sessions)
