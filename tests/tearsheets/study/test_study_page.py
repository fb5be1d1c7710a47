"""The page of a study: whole, offline, the same bytes for the same search, honest about luck."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.importance import FanovaImportanceEvaluator

from undertow.backtests.tuning.optimize import optimize
from undertow.backtests.tuning.result import Tuning
from undertow.backtests.tuning.storage import silence_optuna
from undertow.market import Market, ParameterError, simulate_market
from undertow.strategies import DrawdownDeRisk, VolTarget
from undertow.tearsheets.html.markup import resource
from undertow.tearsheets.html.page import PLOTLY
from undertow.tearsheets.html.text import MINUS
from undertow.tearsheets.study.charts import MOST_DRAWN, drawn_rows, importances, map_chart, map_names
from undertow.tearsheets.study.luck import expected_best, luck_sentence, luck_verdict

SHORT: dict[str, Any] = {"seed": 7, "trials": 40, "batch": 8}


@pytest.fixture(scope="module")
def market() -> Market:
    return simulate_market(seed=7, years=1.5, names=5)


@pytest.fixture(scope="module")
def tuning(market: Market, tmp_path_factory: pytest.TempPathFactory) -> Tuning:
    ledger = tmp_path_factory.mktemp("ledger")
    optimize(VolTarget, market, seed=1, trials=3, ledger=ledger)
    return optimize(DrawdownDeRisk, market, constraints="annual_turnover<=6", ledger=ledger, **SHORT)


def read(tuning: Tuning, path: Path) -> tuple[str, list[dict[str, Any]]]:
    page = tuning.page(path).read_text(encoding="utf-8")
    data = page.partition('id="charts">')[2].partition("</script>")[0]
    return page, json.loads(data)["charts"]


def test_the_page_is_whole_and_reaches_for_nothing(tuning: Tuning, tmp_path: Path) -> None:
    page, charts = read(tuning, tmp_path / "deep" / "study.html")
    names = ["history", "importances", "map", "pair", "slice0", "slice1"]
    assert [chart["id"] for chart in charts] == [name for name in names if name != "pair" or 'id="pair"' in page]
    names = [chart["id"] for chart in charts]
    assert all(f'id="{name}"' in page for name in names)
    assert not re.search(r'(src|href)="(?!data:)', page.partition("<script>")[0])
    assert page == read(tuning, tmp_path / "again.html")[0]
    history = charts[0]["data"]
    drawn = sorted(x for trace in history if trace.get("mode") == "markers" for x in trace["x"])
    assert drawn == list(range(40))


def test_the_pictures_are_of_the_trials_that_were_asked_for(market: Market, tmp_path: Path) -> None:
    storage = f"journal:{tmp_path / 'study.log'}"
    optimize(DrawdownDeRisk, market, storage=storage, **SHORT)
    few = optimize(DrawdownDeRisk, market, storage=storage, **{**SHORT, "trials": 12})
    page, charts = read(few, tmp_path / "few.html")
    drawn = sorted(x for trace in charts[0]["data"] if trace.get("mode") == "markers" for x in trace["x"])
    assert drawn == list(range(12))
    assert page == read(optimize(DrawdownDeRisk, market, **{**SHORT, "trials": 12}), tmp_path / "alone.html")[0]


def test_the_words_say_what_was_found_and_how_much_may_be_luck(tuning: Tuning, tmp_path: Path) -> None:
    page, _ = read(tuning, tmp_path / "study.html")
    text = re.sub(r"<[^>]+>", " ", page.partition("<script>")[0])
    assert f"Trial {tuning.best['trial']} has the best sharpe: {tuning.best['objective sharpe']:.3g}" in text
    assert "This is trial 4 to 43 on this data, of 43 ever made." in text
    assert "These figures are in-sample" in text
    missing = int((~tuning.trials["feasible"]).sum())
    assert 0 < missing < 40
    assert f"the best of {43 - missing} independent ones would be expected" in text
    assert "at the defaults, which miss a constraint" in text
    assert tuning.market.fingerprint in text


def test_luck_is_measured_by_the_trials_that_keep_to_the_constraints(tuning: Tuning) -> None:
    values = tuning.trials.loc[tuning.trials["feasible"], "objective sharpe"]
    missing = len(tuning.trials) - len(values)
    centre = max(values.mean(), tuning.baselines["buy-and-hold"]["annual_sharpe"])
    reach = centre + expected_best(values, 43 - missing)
    sentence = luck_sentence(tuning)
    assert f"the spread of the {len(values)} trials that satisfy the constraints" in sentence
    assert f", at {reach:.3g} (Bailey".replace("-", MINUS) in sentence
    assert f"Left out for a constraint: {missing} trials of this search." in sentence
    # Without a constraint, or where no trial keeps to it, all are of one kind.
    for feasible in (True, False):
        alike = replace(tuning, trials=tuning.trials.assign(feasible=feasible))
        assert "with the spread of these trials, the best of 43 independent ones" in luck_sentence(alike)
    # A session more is no fresh start: what was tried on the market before it counts.
    assert tuning.trial_count is not None
    grown = replace(tuning.trial_count, other_data=1000)
    assert "the best of 1,043 independent ones" in luck_sentence(replace(alike, trial_count=grown))
    one = tuning.trials["feasible"] & (tuning.trials["feasible"].cumsum() == 1)
    assert luck_sentence(replace(tuning, trials=tuning.trials.assign(feasible=one))) == ""


def test_the_page_says_first_whether_the_best_beats_luck(tuning: Tuning, tmp_path: Path) -> None:
    values = tuning.trials.loc[tuning.trials["feasible"], "objective sharpe"]
    hold, draws = tuning.baselines["buy-and-hold"]["annual_sharpe"], 43 - (len(tuning.trials) - len(values))
    reach = max(hold, values.mean()) + expected_best(values, draws)
    best = tuning.best["objective sharpe"]
    verb = "beats" if best > reach else "does not beat"
    assert luck_verdict(tuning) == (
        f"The best trial {verb} what luck gives: sharpe {best:.3g}, where the best of {draws} draws without an effect"
        f" is expected at {reach:.3g}."
    ).replace("-", MINUS)
    text = re.sub(r"<[^>]+>", " ", read(tuning, tmp_path / "study.html")[0].partition("verdict")[2])
    order = [text.index(part) for part in ("what luck gives: ", "has the best sharpe", "These figures are in-sample")]
    assert order == sorted(order)
    # One trial far above the others is no luck; equal trials say nothing.
    position = int(tuning.best["trial"])
    column = tuning.trials["objective sharpe"].where(tuning.trials["trial"] != position, best + 100.0)
    far, alike = (
        replace(tuning, trials=tuning.trials.assign(**{"objective sharpe": values})) for values in (column, 1.0)
    )
    assert "beats what luck gives" in luck_verdict(far)
    assert luck_verdict(alike) == "The trials are too few, or too alike, to say what luck gives."


def test_luck_does_not_start_below_doing_nothing(tuning: Tuning) -> None:
    """Settings that are all worse than holding must not beat luck by coming near to it."""
    hold = tuning.baselines["buy-and-hold"]["annual_sharpe"]
    values = hold - 1.0 + 0.01 * np.arange(len(tuning.trials))
    worse = replace(tuning, trials=tuning.trials.assign(**{"objective sharpe": values, "feasible": True}))
    assert "does not beat what luck gives" in luck_verdict(worse)
    assert "above the" in luck_sentence(worse)
    assert f"{hold:.3g} of buy-and-hold" in luck_sentence(worse).replace(MINUS, "-")


def test_a_page_does_not_grow_with_the_search(tuning: Tuning) -> None:
    values, feasible = np.random.default_rng(1).standard_normal(5000), np.arange(5000) % 3 > 0
    for maximized in (True, False):
        rows = drawn_rows(values, feasible, maximized=maximized)
        assert len(rows) <= MOST_DRAWN
        assert (np.diff(rows) > 0).all()
        score = np.where(feasible, values if maximized else -values, -np.inf)
        assert set(np.argsort(-score)[: MOST_DRAWN // 4].tolist()) <= set(rows.tolist())
        assert {0, 4999} <= set(rows.tolist())
    assert drawn_rows(values[:30], feasible[:30], maximized=True).tolist() == list(range(30))


def test_the_page_is_light(tuning: Tuning, tmp_path: Path) -> None:
    page, charts = read(tuning, tmp_path / "study.html")
    assert len(page) - len(resource(PLOTLY)) < 500_000
    assert all(trace["type"] in ("scatter", "bar", "heatmap") for chart in charts for trace in chart["data"])


def test_a_browser_draws_every_chart_without_an_error(tuning: Tuning, tmp_path: Path) -> None:
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("no Chromium here: the page was not looked at in a browser")
    page = tuning.page(tmp_path / "study.html")
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", f"--user-data-dir={tmp_path / 'profile'}",
        "--enable-logging=stderr", "--virtual-time-budget=3000", "--window-size=1200,900", "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    seen = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    assert not [line for line in seen.stderr.splitlines() if "CONSOLE" in line]
    charts = read(tuning, page)[1]
    drawn = re.findall(r'<div id="(\w+)" class="chart [^"]*js-plotly-plot"', seen.stdout)
    assert sorted(drawn) == sorted(chart["id"] for chart in charts)


def test_a_trial_that_failed_is_no_draw_of_luck(tuning: Tuning) -> None:
    failed = tuning.trials.index < 15
    table = tuning.trials.assign(feasible=~failed, state=np.where(failed, "fail", "complete"))
    values = table["objective sharpe"].where(~failed)
    sentence = luck_sentence(replace(tuning, trials=table.assign(**{"objective sharpe": values})))
    # 43 were ever made, three of them by another search, and 15 of this one have no value. What the best of 28 normal
    # draws is expected to be, by simulation; Bailey and López de Prado's formula is an approximation to it.
    draws = np.random.default_rng(1).standard_normal((20_000, 28)).max(axis=1).mean()
    match = re.search(r"the best of 28 independent ones would be expected ([0-9.]+) above", sentence)
    assert match is not None
    assert float(match[1]) == pytest.approx(draws * values.std(ddof=1), rel=0.03)
    assert "with the spread of these trials," in sentence
    assert "Left out because they failed: 15 trials of this search." in sentence


def test_without_a_ledger_the_page_says_so(market: Market, tmp_path: Path) -> None:
    page, charts = read(optimize(VolTarget, market, seed=7, trials=2), tmp_path / "study.html")
    assert "No ledger was kept" in page
    # Two trials say nothing of what matters.
    assert [chart["id"] for chart in charts] == ["history", "map", "slice0"]


def test_a_front_has_its_picture(market: Market, tmp_path: Path) -> None:
    settings = {**SHORT, "trials": 24}
    for objectives in (["cagr", "turnover"], ["cagr", "ulcer", "turnover", "cvar"]):
        search = optimize(DrawdownDeRisk, market, objective=objectives, **settings)
        page, charts = read(search, tmp_path / "front.html")
        front = charts[0]
        assert front["id"] == "front"
        assert front["data"][-1]["name"] == "on the front"
        assert f"{len(search.front)} trials on the front of {len(objectives)} objectives" in page
        if len(objectives) == 2:
            assert sorted(front["data"][-1]["x"]) == sorted(search.front["objective cagr"])


def test_importances_of_a_front_are_of_the_first_objective(market: Market) -> None:
    several = optimize(DrawdownDeRisk, market, objective=["cagr", "turnover"], **SHORT)
    with silence_optuna():
        alone = optuna.create_study(direction="maximize")
    for trial in several.study.trials:
        alone.add_trial(
            optuna.create_trial(value=trial.values[0], params=trial.params, distributions=trial.distributions)
        )
    assert importances(several) == FanovaImportanceEvaluator(n_trees=64, max_depth=8, seed=0).evaluate(alone)


def test_where_no_trial_keeps_the_constraints_the_page_leads_with_it(market: Market, tmp_path: Path) -> None:
    search = optimize(DrawdownDeRisk, market, constraints="episodes>=999", **{**SHORT, "trials": 12})
    page, _ = read(search, tmp_path / "study.html")
    assert "No trial satisfies the constraints. The nearest" in page


def test_cells_of_the_map_hold_the_median_of_their_trials(tuning: Tuning) -> None:
    assert map_names(tuning, []) == ("lag", "threshold")
    chart = map_chart(tuning, "lag", "threshold")
    heat = chart.data[0]
    assert sum(map(sum, heat["customdata"])) == len(tuning.trials)
    rows = tuning.trials
    cell = rows[
        (rows["lag"] >= 19.2) & (rows["lag"] < 28.8) & rows["threshold"].between(-0.19, -0.155, inclusive="left")
    ]
    median = heat["z"][6][2]
    assert (median is None) == cell.empty
    if not cell.empty:
        assert median == pytest.approx(cell["objective sharpe"].median(), abs=1e-6)


def test_expected_best_of_many_draws() -> None:
    # The mean of the highest of 100 standard normal draws is 2.5076 (Harter 1961).
    values = pd.Series(np.array([-1.0, 1.0]) / math.sqrt(2))
    assert values.std(ddof=1) == pytest.approx(1.0)
    assert expected_best(values, 100) == pytest.approx(2.5076, abs=0.03)
    assert math.isnan(expected_best(values, 1))


def test_a_page_is_an_html_file(tuning: Tuning, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"must be a file that ends in \.html"):
        tuning.page(tmp_path / "study.txt")
