"""`undertow sweep` and its page."""

from __future__ import annotations

import html
import json
import re
import shlex
from functools import cache
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pandas as pd
import pytest

from undertow.backtests.engines import BACKENDS
from undertow.backtests.runs.backtest import backtest
from undertow.backtests.sweeps import result
from undertow.backtests.sweeps.chunk import LESS_IS_BETTER
from undertow.backtests.sweeps.design import grid
from undertow.backtests.sweeps.sweep import sweep
from undertow.cli import resolve
from undertow.cli import sweep as cli_sweep
from undertow.cli.app import run_command
from undertow.cli.option_groups import EngineOptions
from undertow.evidence import confidence_set
from undertow.market import Market, ParameterError, simulate_market, write_market
from undertow.strategies import BuyAndHold, DrawdownDeRisk
from undertow.tearsheets.sweep.bins import assign_bins
from undertow.tearsheets.sweep.heatmap import heat_map, write_sweep


@cache
def simulated() -> Market:
    return simulate_market(seed=5, years=1, names=6)


@pytest.fixture(autouse=True)
def _small_market(monkeypatch: pytest.MonkeyPatch) -> None:
    def small(folder: Path | None, seed: int) -> Market:
        return simulated()

    monkeypatch.setattr(cli_sweep, "resolve_market", small)
    assert resolve.resolve_market is not small


GRID = ["--grid", "lag=0:96:48", "--grid", "threshold=-0.3,-0.1", "--fix", "cash=1"]


def run(*words: str) -> int:
    return run_command(["sweep", "--strategy", "drawdown-de-risk", *words])


def test_sets_that_cannot_be_told_from_the_best_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "sets.html"
    assert run(*GRID, "--html", str(page), "--json") == 0
    told = json.loads(capsys.readouterr().out)["confidence_set"]
    sets = grid({"lag": [0, 48, 96], "threshold": [-0.3, -0.1]}).assign(cash=1.0)
    returns = sweep(DrawdownDeRisk, simulated(), sets, returns=True).returns
    hold = sweep(BuyAndHold, simulated(), pd.DataFrame(index=range(1)), returns=True).returns
    found = confidence_set(np.vstack([returns, hold]))
    assert told["sets"] == len(told["parameters"]) == found.included[:-1].sum()
    assert told["buy_and_hold"] == found.included[-1]
    assert told["parameters"] == sets[["lag", "threshold"]][found.included[:-1]].to_dict("records")
    assert "of 6 sets cannot be distinguished from the best (model confidence set, 90%)" in told["sentence"]
    assert told["sentence"] in page.read_text(encoding="utf-8")
    assert run(*GRID) == 0
    assert told["sentence"] in " ".join(capsys.readouterr().out.split())
    # More sets than are compared, and fewer sessions than it takes.
    monkeypatch.setattr(result, "MOST_COMPARED", 5)
    assert run(*GRID, "--json") == 0
    assert json.loads(capsys.readouterr().out)["confidence_set"] is None


def half_as_deep(row: dict[str, float]) -> float:
    return row["max_drawdown"] / 2


@pytest.mark.parametrize("by", ["sharpe:buy-and-hold", "ulcer:vol-target", "test_cli_sweep:half_as_deep"])
def test_sets_are_sorted_by_any_objective(by: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "sets.html"
    assert run(*GRID, "--by", by, "--html", str(page), "--json", "--top", "6") == 0
    told = json.loads(capsys.readouterr().out)
    key, rival = {"s": ("annual_sharpe", "buy-and-hold"), "u": ("ulcer_index", "vol-target")}.get(by[0], ("", ""))
    wanted = [row[key] - told["baselines"][rival][key] if key else row["max_drawdown"] / 2 for row in told["best"]]
    shown = [row[by] for row in told["best"]]
    assert shown == pytest.approx(wanted)
    assert shown == sorted(shown, reverse=by[0] != "u")
    if key:
        assert told["baselines"][rival][by] == pytest.approx(0.0)
    assert by in page.read_text(encoding="utf-8")


def test_a_grid_is_tried_in_order_written_and_sorted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, page = tmp_path / "sets.csv", tmp_path / "sets.html"
    assert run(*GRID, "--csv", str(out), "--html", str(page), "--json", "--top", "2", "--by", "max_drawdown") == 0
    printed = json.loads(capsys.readouterr().out)
    table = pd.read_csv(out)
    assert table["lag"].tolist() == [0, 0, 48, 48, 96, 96]
    assert table["threshold"].tolist() == [-0.3, -0.1] * 3
    assert set(table["cash"]) == {1.0}
    assert printed["sets"] == 6
    assert [each["max_drawdown"] for each in printed["best"]] == pytest.approx(
        table["max_drawdown"].nlargest(2).tolist()
    )
    expected = sweep(DrawdownDeRisk, simulated(), table[["lag", "threshold", "cash"]]).table
    pd.testing.assert_frame_equal(table, expected, check_dtype=False, rtol=1e-12)
    hold = backtest(BuyAndHold(), simulated())
    assert printed["baselines"]["buy-and-hold"]["max_drawdown"] == pytest.approx(hold.metrics["max_drawdown"])
    assert printed["ledger"]["own"] == 6
    text = page.read_text(encoding="utf-8")
    assert "Heat maps" in text
    assert f"{hold.recipe.start} to {hold.recipe.end}" in text
    assert "<dt>Buy-and-hold</dt>" in text
    assert "on this data, of" in text
    assert "https://" not in text.split("<script>")[0]


def test_designs_fill_the_space_and_parquet_holds_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for way in ("--random", "--sobol"):
        out = tmp_path / "sets.parquet"
        narrow = "--narrow", "cash=0.5:0.6"
        words = way, "9", "--seed", "3", "--fix", "lag=24", *narrow, "--by", "sharpe", "--out", str(out), "--top", "3"
        assert run(*words) == 0
        table = pd.read_parquet(out)
        assert len(table) == 9
        assert set(table["lag"]) == {24}
        assert table["threshold"].nunique() == 9
        assert table["cash"].between(0.5, 0.6).all()
    assert "best 3 of 9 sets by annual_sharpe" in capsys.readouterr().out


def test_the_best_is_first_where_less_is_better(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    table = sweep(DrawdownDeRisk, simulated(), pd.DataFrame({"lag": [0, 48, 96], "threshold": -0.1, "cash": 1.0})).table
    table["deferred_fills"] = [3, 1, 2]
    for by in ("ulcer_index", "deferred_fills"):
        page = write_sweep(table, tmp_path / "sets.html", value=by, parameters=["lag"]).read_text(encoding="utf-8")
        places = page.split("Top 3 sets by")[1]
        order = [places.index(f"<td>{lag}</td>") for lag in table.sort_values(by)["lag"]]
        assert order == sorted(order)
    assert run(*GRID, "--json", "--by", "ulcer_index") == 0
    shown = [each["ulcer_index"] for each in json.loads(capsys.readouterr().out)["best"]]
    assert shown == sorted(shown)
    assert shown[0] < shown[-1]


def test_figures_where_less_is_better() -> None:
    assert sorted(LESS_IS_BETTER) == [
        "annual_turnover",
        "annual_volatility",
        "costs_paid",
        "deferred_fills",
        "episodes",
        "gap_ends_closed",
        "margin_calls",
        "orders_open_at_end",
        "price_ends_closed",
        "stale_sessions",
        "ulcer_index",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--random", "4", "--seed", "-1"], "`seed` must be a whole number, 0 or more, got -1"),
        (["--sobol", "4", "--seed", "-1"], "`seed` must be a whole number, 0 or more, got -1"),
        (["--grid", "lag=0:500:100"], "`lag` must be in [0, 96], got 100; use 96 or less"),
        (["--grid", "lgg=0"], "has no parameter `lgg`, did you mean `lag`?"),
        (["--grid", "lag=9:1:1"], "`--grid lag` must be low:high:step with step above 0, got '9:1:1'"),
        (["--grid", "lag=1,1"], "`--grid` gives `lag` the same value twice"),
        (["--grid", "lag"], "`--grid` must be parameter=low:high:step or parameter=a,b,c"),
        (["--grid", "lag=0", "--fix", "lag=1"], "`lag` is in `--grid` and in `--set`"),
        (["--grid", "cash=0.05:1:0.000001", "--grid", "lag=0:96:1"], "use larger steps or `--sobol`"),
        (["--random", "5", "--sobol", "5"], "give one of `--grid`, `--random` or `--sobol`"),
        ([], "give one of `--grid`, `--random` or `--sobol`"),
        (["--random", "0"], "`random` must be 1 to"),
        (["--random", "5", "--fix", "cash=2"], "`cash` must be in [0.05, 1.0], got 2"),
        (["--random", "5", "--by", "annual_sharp"], "did you mean `annual_sharpe`?"),
        (["--grid", "lag=0,1", "--narrow", "lag=0:9"], "`--narrow` can only be used with `--random` and `--sobol`"),
        (["--sobol", "5", "--narrow", "lag=0:900"], "`lag` must be narrowed to low <= high within [0, 96]"),
        (["--random", "5", "--memory", "much"], "`memory` must be a positive number of bytes or a text"),
        (["--random", "5", "--backend", "dusk"], "did you mean `dask`?"),
        (["--random", "5", "--jobs", "0", "--backend", "loky"], "`jobs` must be 1 or more workers"),
        (["--random", "5", "--csv", "sets.xlsx"], "`csv` must be a file that ends in .csv or .parquet"),
        (["--random", "5", "--out", "sets.xlsx"], "`out` must be a file that ends in .csv or .parquet"),
        (["--random", "5", "--csv", "a.csv", "--out", "b.csv"], "`--csv` and `--out` name the same file"),
        (["--random", "5", "--html", "sets.txt"], "must be a file that ends in .html"),
        (["--random", "5", "--top", "0"], "`top` must be 1 or more sets"),
    ],
)
def test_mistakes_are_told_before_any_work(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_sweep, "resolve_market", lambda *_: pytest.fail("a market was loaded"))
    assert run(*words) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert message in said


def test_backends_of_the_command_line_are_those_of_the_engines() -> None:
    (option,) = get_type_hints(EngineOptions, include_extras=True)["backend"].__metadata__
    assert all(backend in option.help for backend in BACKENDS)


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    lag, cash = np.repeat([0, 24, 48], 40), np.tile(rng.random(40), 3)
    return pd.DataFrame({"lag": lag, "cash": cash, "total_return": 0.1, "annual_sharpe": lag / 48 + rng.random(120)})


def test_a_cell_is_the_median_of_its_sets() -> None:
    sets = frame()
    figure = heat_map(sets, "lag", "cash", "annual_sharpe")
    cells, names = assign_bins(sets["cash"])
    trace = figure.data[0]
    assert tuple(trace.x) == ("0", "24", "48")
    assert tuple(trace.y) == tuple(names)
    for row in range(len(names)):
        for column, lag in enumerate((0, 24, 48)):
            inside = sets["annual_sharpe"][(cells == row) & (sets["lag"] == lag)]
            assert trace.z[row][column] == pytest.approx(inside.median())
            assert trace.customdata[row][column][0] == len(inside)
    assert sum(cell[0] for row in trace.customdata for cell in row) == len(sets)


def grid_of(cells: list[list[float]]) -> pd.DataFrame:
    """One set a cell: lag across, threshold up."""
    rows = [
        {"lag": lag * 24, "threshold": level, "total_return": each, "annual_sharpe": each, "ulcer_index": each}
        for level, row in zip((-0.3, -0.2, -0.1), cells, strict=False)
        for lag, each in enumerate(row)
    ]
    return pd.DataFrame(rows)


def hue(colour: str) -> str:
    red, blue = (int(colour[at : at + 2], 16) for at in (1, 5))
    return "blue" if blue > red + 8 else "orange" if red > blue + 8 else "grey"


def test_colours_part_at_buy_and_hold_and_end_where_cells_do() -> None:
    trace = heat_map(grid_of([[0.9, 1.0], [1.1, 1.4]]), "lag", "threshold", "annual_sharpe", hold=1.0).data[0]
    assert (trace.zmin, trace.zmax) == (0.9, 1.4)
    where, colours = zip(*trace.colorscale, strict=True)
    assert colours[where.index(pytest.approx(0.2))] == "#f7f7f5"
    assert [hue(each) for each in colours] == ["orange", "grey", "blue", "blue"]
    # The same distance has the same depth on both sides: 0.1 below is paler than 0.4 above.
    assert colours[-1] == "#0b5cad"
    less = heat_map(grid_of([[0.9, 1.4]] * 2), "lag", "threshold", "ulcer_index", hold=1.0).data[0].colorscale
    assert (hue(less[0][1]), hue(less[-1][1])) == ("blue", "orange")


@pytest.mark.parametrize(("hold", "side"), [(1.2, "orange"), (0.5, "blue")])
def test_cells_on_one_side_have_one_hue(hold: float, side: str) -> None:
    trace = heat_map(grid_of([[0.9, 0.95], [0.97, 1.0]]), "lag", "threshold", "annual_sharpe", hold=hold).data[0]
    assert {hue(colour) for _, colour in trace.colorscale} == {side}
    assert (trace.zmin, trace.zmax) == (0.9, 1.0)
    far = trace.colorscale[0 if side == "orange" else -1][1]
    assert far in ("#b3440a", "#0b5cad")


def test_without_a_baseline_colours_part_at_the_median_set() -> None:
    trace = heat_map(grid_of([[1.0, 2.0, 3.0]] * 2), "lag", "threshold", "annual_sharpe").data[0]
    assert (trace.zmin, trace.zmax) == (1.0, 3.0)
    assert (0.5, "#f7f7f5") in trace.colorscale
    same = heat_map(grid_of([[1.0, 1.0]] * 2), "lag", "threshold", "annual_sharpe", hold=2.0).data[0]
    assert not same.showscale
    assert {hue(colour) for _, colour in same.colorscale} == {"orange"}


def test_what_differs_from_buy_and_hold_by_rounding_alone_neither_beats_it_nor_has_a_colour(tmp_path: Path) -> None:
    # 0.144 and its neighbours in binary: what accounts with one deepest drawdown come to in another order of sums.
    hold = -0.144
    near = [np.nextafter(hold, -1.0), np.nextafter(hold, 0.0)]
    sets = grid_of([[hold, *near], [hold, *near[::-1]]]).assign(max_drawdown=lambda table: table["annual_sharpe"])
    words = {"value": "max_drawdown", "baselines": {"buy-and-hold": {"max_drawdown": hold}}}
    page = html.unescape(write_sweep(sets, tmp_path / "s.html", **words).read_text())
    assert "None of 6 cells are better than buy-and-hold" in page
    for given in (hold, None):
        trace = heat_map(sets, "lag", "threshold", "max_drawdown", hold=given).data[0]
        assert {colour for _, colour in trace.colorscale} == {"#f7f7f5"}
        assert not trace.showscale


def test_the_page_says_what_beats_buy_and_hold(tmp_path: Path) -> None:
    sets = grid_of([[0.9, 1.0], [1.1, 1.4]]).assign(annual_turnover=3.0)
    baselines = {"buy-and-hold": {"annual_sharpe": 1.0, "ulcer_index": 1.0, "annual_turnover": 0.6}}

    def page(value: str) -> str:
        return html.unescape(write_sweep(sets, tmp_path / "s.html", value=value, baselines=baselines).read_text())

    assert "Blue is better than buy-and-hold (above 1.00), orange is worse (below it)" in page("annual_sharpe")
    assert "2 of 4 cells are better than buy-and-hold (1.00), by up to 0.4." in page("annual_sharpe")
    assert "(below 100.0%), orange is worse (above it)" in page("ulcer_index")
    assert "1 of 4 cells is better than buy-and-hold (100.0%), by up to 10.00 percentage points." in page("ulcer_index")
    # What buy-and-hold turns over is no mark to beat.
    assert "Blue is above the median set" in page("annual_turnover")


def test_a_page_stands_for_one_parameter_and_for_none(tmp_path: Path) -> None:
    one = write_sweep(frame().drop(columns="cash"), tmp_path / "one.html").read_text(encoding="utf-8")
    assert "map0" in one
    none = frame().iloc[:1].assign(annual_sharpe=np.nan)
    assert "nothing to map" in write_sweep(none, tmp_path / "none.html").read_text(encoding="utf-8")


def test_one_parameter_is_a_line_beside_the_baselines(tmp_path: Path) -> None:
    sets = frame().drop(columns="cash")
    baselines = {"buy-and-hold": {"annual_sharpe": 0.9}, "vol-target": {"annual_sharpe": 1.1}}
    page = write_sweep(sets, tmp_path / "one.html", baselines=baselines).read_text(encoding="utf-8")
    (chart,) = json.loads(page.partition('id="charts">')[2].partition("</script>")[0])["charts"]
    line, hold, rival = chart["data"]
    assert line["x"] == ["0", "24", "48"]
    assert line["y"] == pytest.approx(sets.groupby("lag")["annual_sharpe"].median().tolist())
    assert (hold["name"], hold["y"]) == ("Buy-and-hold", [0.9, 0.9])
    assert (rival["name"], rival["y"]) == ("Vol target", [1.1, 1.1])


def test_a_bin_is_named_by_the_values_that_it_holds() -> None:
    cells, names = assign_bins(pd.Series(range(0, 200, 4)))
    held = pd.Series(range(0, 200, 4)).groupby(cells).agg(["min", "max"])
    assert names == [f"{low} to {high}" for low, high in held.itertuples(index=False)]
    assert len(assign_bins(pd.Series(range(0, 97, 4)))[1]) == 25
    # Where many sets share one value a bin may be left empty: it is none, and no other is shifted.
    shared = pd.Series([*range(97), *[24] * 89])
    cells, names = assign_bins(shared)
    assert set(cells) == set(range(len(names)))
    for cell, name in enumerate(names):
        assert name == f"{shared[cells == cell].min()} to {shared[cells == cell].max()}"


def test_a_blank_median_is_a_gap_in_the_line(tmp_path: Path) -> None:
    sets = frame().drop(columns="cash")
    sets.loc[sets["lag"] == 24, "annual_sharpe"] = np.nan
    page = write_sweep(sets, tmp_path / "one.html", baselines={"vol-target": {"annual_sharpe": np.nan}}).read_text()
    (chart,) = json.loads(page.partition('id="charts">')[2].partition("</script>")[0])["charts"]
    assert len(chart["data"]) == 1
    assert chart["data"][0]["y"][1] is None


def test_the_page_says_how_it_is_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_sweep, "resolve_market", resolve.resolve_market)
    folder, pages = write_market(simulated(), tmp_path / "market"), [tmp_path / "a.html", tmp_path / "b.html"]
    words = ["--market", str(folder), *GRID, "--fill", "close", "--fee-bps", "2.5", "--html", str(pages[0])]
    assert run(*words) == 0
    page = html.unescape(pages[0].read_text(encoding="utf-8"))
    command = re.search(r"<code>(undertow sweep .*?)</code>", page, re.DOTALL)
    assert command is not None
    assert "cash 1.0" in page
    assert "fee 2.5 bps" in page
    assert run_command([*shlex.split(command[1])[1:], "--html", str(pages[1])]) == 0
    assert pages[1].read_bytes() == pages[0].read_bytes()
    capsys.readouterr()


def test_lag_and_threshold_come_first_whatever_moves_most(tmp_path: Path) -> None:
    lags, levels, shares = np.meshgrid([0, 24], [-0.3, -0.1], [0.1, 0.5, 1.0], indexing="ij")
    sets = pd.DataFrame({"lag": lags.ravel(), "threshold": levels.ravel(), "cash": shares.ravel()})
    sets["annual_sharpe"] = sets["cash"] * 3.0 + sets["lag"] / 1e3
    page = write_sweep(sets, tmp_path / "page.html", parameters=["lag", "threshold", "cash"]).read_text()
    assert page.index('"text":"threshold by lag"') < page.index('"text":"lag by cash"')


def test_names_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="no column `lga`, did you mean `lag`"):
        heat_map(frame(), "lga", "cash", "annual_sharpe")
    with pytest.raises(ParameterError, match="two parameters"):
        heat_map(frame(), "lag", "lag", "annual_sharpe")
    with pytest.raises(ParameterError, match="no column `sharpe`"):
        write_sweep(frame(), tmp_path / "x.html", value="sharpe")
    with pytest.raises(ParameterError, match=r"ends in \.html"):
        write_sweep(frame(), tmp_path / "x.txt")
