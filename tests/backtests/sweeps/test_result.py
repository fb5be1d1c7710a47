"""What a sweep knows of itself: its best sets, its baselines, its page and the command that repeats it."""

from __future__ import annotations

import html
import json
import pickle
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution

import undertow as ut
from undertow.backtests.account import Account
from undertow.backtests.costs import Costs
from undertow.backtests.engines import Engine
from undertow.backtests.ledger.ledger import Ledger
from undertow.backtests.objectives import MINIMIZE, Objective
from undertow.backtests.sweeps.argv import sets_argv
from undertow.backtests.sweeps.design import ORIGIN, design, grid, random_sets
from undertow.backtests.sweeps.result import FEWEST_COMPARED_SESSIONS, Sweep
from undertow.backtests.sweeps.sweep import sweep
from undertow.cli.app import run_command
from undertow.cli.resolve import read_assignments
from undertow.cli.sweep_sets import sets_from
from undertow.evidence.difference import FEWEST_SESSIONS
from undertow.market import Market, ParameterError, load_market, simulate_market, write_market
from undertow.strategies import BuyAndHold, DrawdownDeRisk, LiquidityDrain, Strategy, VolTarget

SETS = grid({"lag": [0, 48, 96], "threshold": [-0.3, -0.1]}).assign(cash=1.0)
ACCOUNT = Account(fill="close", costs=Costs(fee_bps=7), rebalance="quarterly", capital=5e5)


@cache
def simulated() -> Market:
    return simulate_market(seed=5, years=1, names=6)


@cache
def swept() -> Sweep:
    return sweep(DrawdownDeRisk, simulated(), SETS, account=ACCOUNT, returns=True)


def test_a_sweep_says_in_a_line_what_it_is() -> None:
    result = swept()
    assert len(result) == 6
    assert repr(result) == (
        f"<Sweep 'drawdown-de-risk' on 'growth': 6 sets of lag, threshold, {result.start} to {result.end}>"
    )
    assert result.varied == ("lag", "threshold")
    card = result._repr_html_()
    assert html.escape(repr(result)) in card
    assert card.count("<tr") == 6
    assert repr(sweep(BuyAndHold, simulated(), pd.DataFrame(index=range(1)))).count("1 set, ") == 1


def test_plain_keywords_are_those_of_account_and_engine() -> None:
    plain = sweep(
        DrawdownDeRisk,
        simulated(),
        SETS,
        fill="close",
        costs=Costs(fee_bps=7),
        rebalance="quarterly",
        capital=500_000,
        backend="threading",
        jobs=2,
    )
    assert (plain.account, plain.engine) == (ACCOUNT, Engine("threading", 2))
    pd.testing.assert_frame_equal(plain.table, swept().table, check_exact=True)
    assert sweep(DrawdownDeRisk, simulated(), SETS, engine=Engine("threading"), jobs=2).engine == plain.engine
    with pytest.raises(ParameterError, match="unknown setting `job`, did you mean `jobs`"):
        sweep(DrawdownDeRisk, simulated(), SETS, job=2)  # type: ignore[call-arg]
    with pytest.raises(ParameterError, match="`engine` must be an `Engine`, got str"):
        sweep(DrawdownDeRisk, simulated(), SETS, engine="loky")  # type: ignore[arg-type]


def test_returns_that_were_not_kept_are_walked_again() -> None:
    later = sweep(DrawdownDeRisk, simulated(), SETS, account=ACCOUNT)
    assert later.walked_returns is None
    assert later.returns.tobytes() == swept().returns.tobytes()
    assert later.returns is later.returns
    loaded = pickle.loads(pickle.dumps(later))
    pd.testing.assert_frame_equal(loaded.table, later.table, check_exact=True)


def test_baselines_are_backtests_of_the_same_account() -> None:
    for strategy in (BuyAndHold(), VolTarget()):
        metrics = ut.backtest(strategy, simulated(), **ACCOUNT.keywords()).metrics
        baseline = swept().baselines[strategy.name()]
        assert {name: baseline[name] for name in metrics} == pytest.approx(metrics, rel=1e-9, abs=1e-12)


def shallow(row: dict[str, float]) -> float:
    return row["max_drawdown"]


def test_the_best_are_those_of_a_figure_or_an_objective() -> None:
    result = swept()
    assert list(result.best().index) == [result.table["annual_sharpe"].idxmax()]
    by_ulcer = result.best("ulcer", top=3)
    assert list(by_ulcer["ulcer_index"]) == sorted(result.table["ulcer_index"])[:3]
    by_function = result.best(shallow, top=6)
    assert list(by_function.iloc[:, -1]) == sorted(result.table["max_drawdown"], reverse=True)
    excess = result.best("ulcer:vol-target", top=6)["ulcer:vol-target"]
    hold = result.baselines["vol-target"]["ulcer_index"]
    np.testing.assert_allclose(excess, np.sort(result.table["ulcer_index"]) - hold)
    assert result.baseline_scores("ulcer:vol-target")["vol-target"] == pytest.approx(0.0)
    turnover = Objective("least", MINIMIZE, lambda row: row["annual_turnover"])
    assert result.best(turnover)["annual_turnover"].iloc[0] == result.table["annual_turnover"].min()
    with pytest.raises(ParameterError, match="did you mean `annual_sharpe`"):
        result.best("annual_sharp")
    with pytest.raises(ParameterError, match="`by` must be one figure or objective, got 2"):
        result.best([shallow, "cagr"])  # type: ignore[arg-type]


def moody(row: dict[str, float]) -> float:
    if row["lag"] == 48:
        raise KeyError("nothing")
    return float("inf") if row["lag"] == 96 else row["cagr"]


def test_sets_without_a_value_come_last() -> None:
    scores = swept().scores(moody)
    assert scores.isna().tolist() == [False, False, True, True, True, True]
    assert set(swept().best(moody, top=2)["lag"]) == {0}


def test_the_sets_that_may_be_the_best_are_those_of_the_confidence_set() -> None:
    result = swept()
    hold = sweep(BuyAndHold, simulated(), pd.DataFrame(index=range(1)), account=ACCOUNT).returns
    expected = ut.confidence_set(np.vstack([result.returns, hold]), level=0.8, seed=3)
    candidates = result.confidence_set(level=0.8, seed=3)
    np.testing.assert_array_equal(candidates.included, expected.included[:-1])
    assert candidates.buy_and_hold == expected.included[-1]
    assert candidates.sentence == expected.sentence(result.table, ["lag", "threshold"], "buy-and-hold")
    assert candidates.as_dict()["parameters"] == SETS[["lag", "threshold"]][candidates.included].to_dict("records")
    assert FEWEST_COMPARED_SESSIONS == FEWEST_SESSIONS
    short = sweep(DrawdownDeRisk, simulated(), SETS, start=simulated().sessions[-30])
    assert result.comparable
    assert not short.comparable


def test_a_page_and_a_summary_say_what_the_command_does(tmp_path: Path) -> None:
    result = sweep(DrawdownDeRisk, simulated(), SETS, account=ACCOUNT, ledger=tmp_path)
    page = result.page(tmp_path / "sets.html", by="sharpe:buy-and-hold").read_text(encoding="utf-8")
    summary = result.summary("sharpe:buy-and-hold", top=2)
    assert summary["by"] == "sharpe:buy-and-hold"
    assert summary["baselines"]["buy-and-hold"]["sharpe:buy-and-hold"] == pytest.approx(0.0)
    assert len(summary["best"]) == 2
    assert summary["ledger"]["own"] == 6
    json.dumps(summary["best"])
    for text in ("sharpe:buy-and-hold", summary["confidence_set"]["sentence"], "trial 1 to 6 on this data", "cash 1"):
        assert text in html.unescape(page)
    # A market that is simulated has no command line.
    assert result.command is None


def test_a_table_is_saved_as_its_suffix_says(tmp_path: Path) -> None:
    result = swept()
    read = pd.read_csv(result.save(tmp_path / "tables" / "sets.csv"))
    pd.testing.assert_frame_equal(read, result.table, check_dtype=False)
    read = pd.read_parquet(result.save(tmp_path / "sets.parquet"))
    pd.testing.assert_frame_equal(read, result.table)
    ranked = pd.read_csv(result.save(tmp_path / "ranked.csv", by="sharpe:buy-and-hold"))
    assert list(ranked) == [*result.table, "sharpe:buy-and-hold"]
    with pytest.raises(ParameterError, match=r"`path` must be a file that ends in \.csv or \.parquet, got 'sets.xlsx'"):
        result.save("sets.xlsx")


def counted(folder: Path) -> dict[str, int]:
    (search,) = Ledger(folder).searches(simulated().fingerprint)
    return dict(search["designs"])


def test_a_ledger_says_how_sets_were_made(tmp_path: Path) -> None:
    tables = {
        "grid": grid({"lag": [0, 9]}),
        "sobol": design(VolTarget.search_space(), 4, seed=1),
        "random": random_sets(VolTarget.search_space(), 3, seed=1),
        "given": pd.DataFrame({"lag": [3]}),
    }
    for name, table in tables.items():
        strategy = DrawdownDeRisk if "lag" in table else VolTarget
        assert sweep(strategy, simulated(), table, ledger=tmp_path / name).trial_count is not None
        assert counted(tmp_path / name) == {name: len(table)}


def read_back(strategy: type[Strategy], argv: list[str]) -> pd.DataFrame:
    """The sets that the command makes of its options."""
    options: dict[str, list[str]] = {}
    for name, text in zip(argv[::2], argv[1::2], strict=True):
        options.setdefault(name, []).append(text)
    counts = {name: int(options[f"--{name}"][0]) if f"--{name}" in options else None for name in ("random", "sobol")}
    fixed = read_assignments(options.get("--set", []))
    seed = int(options.get("--seed", ["7"])[0])
    return sets_from(strategy, options.get("--grid"), **counts, fixed=fixed, narrow=options.get("--narrow"), seed=seed)


def narrow(strategy: type[Strategy], **ranges: Any) -> dict[str, Any]:
    return {**strategy.search_space(), **ranges}


def space_without(strategy: type[Strategy], name: str) -> dict[str, Any]:
    return {key: value for key, value in strategy.search_space().items() if key != name}


STATED: dict[str, tuple[type[Strategy], pd.DataFrame, str]] = {
    "a grid": (DrawdownDeRisk, SETS, "--grid lag=0,48,96 --grid threshold=-0.3,-0.1 --set cash=1"),
    "steps": (DrawdownDeRisk, grid({"cash": [0.1, 0.2, 0.3, 0.4], "lag": range(5)}), "--grid cash=0.1:0.4:0.1"),
    "one set": (DrawdownDeRisk, pd.DataFrame({"lag": [12], "cash": [0.5]}), "--grid lag=12 --set cash=0.5"),
    "choices": (LiquidityDrain, grid({"source": ["beta", "winners"]}), "--grid source=beta,winners"),
    "rows": (DrawdownDeRisk, pd.DataFrame({"lag": [5, 3, 7, 1]}), "--grid lag=5,3,7,1"),
    "sobol": (LiquidityDrain, design(LiquidityDrain.search_space(), 8, seed=3), "--sobol 8 --seed 3"),
    "random": (LiquidityDrain, random_sets(LiquidityDrain.search_space(), 5, seed=0), "--random 5 --seed 0"),
    "fixed": (
        DrawdownDeRisk,
        design(space_without(DrawdownDeRisk, "lag"), 8, seed=3).assign(lag=24),
        "--sobol 8 --seed 3 --set lag=24",
    ),
    "at the default": (
        DrawdownDeRisk,
        design(space_without(DrawdownDeRisk, "lag"), 8, seed=3),
        f"--sobol 8 --seed 3 --set lag={DrawdownDeRisk().lag}",
    ),
    "narrowed": (
        DrawdownDeRisk,
        design(narrow(DrawdownDeRisk, cash=FloatDistribution(0.5, 0.6)), 4, seed=3),
        "--sobol 4 --seed 3 --narrow cash=0.5:0.6",
    ),
}


def argv_of(strategy: type[Strategy], table: pd.DataFrame) -> list[str] | None:
    columns = {name: list(values) for name, values in strategy.sets_of(table).items()}
    sets = pd.DataFrame(columns, index=range(len(table)))
    return sets_argv(strategy, sets, list(table.columns), table.attrs.get(ORIGIN, {}))


@pytest.mark.parametrize("name", STATED)
def test_options_state_the_sets_that_they_make(name: str) -> None:
    strategy, table, expected = STATED[name]
    argv = argv_of(strategy, table)
    assert argv is not None
    assert shlex.join(argv).startswith(expected)
    read, expected_sets = (strategy.sets_of(sets) for sets in (read_back(strategy, argv), table))
    assert {key: list(map(repr, values)) for key, values in read.items()} == {
        key: list(map(repr, values)) for key, values in expected_sets.items()
    }


@pytest.mark.parametrize(
    ("strategy", "table"),
    [
        (DrawdownDeRisk, pd.DataFrame({"lag": [0, 3], "cash": [0.5, 0.6]})),
        (DrawdownDeRisk, pd.DataFrame({"lag": [3, 3]})),
        (DrawdownDeRisk, design(DrawdownDeRisk.search_space(), 8, seed=3).iloc[::-1]),
        (DrawdownDeRisk, design(DrawdownDeRisk.search_space(), 8, seed=3).iloc[1:6].reset_index(drop=True)),
        (DrawdownDeRisk, design(narrow(DrawdownDeRisk, cash=FloatDistribution(0.5, 0.6, step=0.05)), 4, seed=3)),
        (BuyAndHold, pd.DataFrame(index=range(2))),
    ],
    ids=["no product", "one set twice", "turned round", "cut off", "steps", "no parameters"],
)
def test_sets_that_no_option_states_have_no_options(strategy: type[Strategy], table: pd.DataFrame) -> None:
    assert argv_of(strategy, table) is None


@pytest.mark.parametrize("name", ["a grid", "narrowed"])
def test_the_command_of_a_sweep_repeats_it(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    market = load_market(write_market(simulated(), tmp_path / "market"))
    strategy, table, _ = STATED[name]
    result = sweep(strategy, market, table, account=ACCOUNT, start=market.sessions[60], ledger=tmp_path / "ledger")
    command = result.command_by("calmar")
    assert command is not None
    assert result.command is not None
    argv = shlex.split(command)
    out = tmp_path / "sets.parquet"
    assert argv[:2] == ["undertow", "sweep"]
    assert run_command([*argv[1:], "--out", str(out), "--json", "--ledger", str(tmp_path / "ledger")]) == 0
    printed = json.loads(capsys.readouterr().out)
    pd.testing.assert_frame_equal(pd.read_parquet(out), result.table, check_exact=True)
    assert printed["by"] == "calmar"
    # Equal sets are counted once, from wherever they come.
    assert printed["ledger"]["total"] == len(result)
