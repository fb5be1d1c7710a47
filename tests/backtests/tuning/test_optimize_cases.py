"""Searches: screens, functions without a name, studies of others, settings that do not hold, failures at the start."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Mapping
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from undertow.backtests.costs import Costs
from undertow.backtests.identity import digest
from undertow.backtests.ledger.ledger import Ledger
from undertow.backtests.objectives import Objective, is_named, read_constraints, read_objectives
from undertow.backtests.tuning.optimize import optimize
from undertow.backtests.tuning.result import Tuning, dominated
from undertow.backtests.tuning.search import TuningError
from undertow.backtests.tuning.storage import open_storage, silence_optuna
from undertow.backtests.validation.cpcv import cpcv
from undertow.backtests.validation.walk_forward import walk_forward
from undertow.market import DataError, Market, ParameterError, simulate_market
from undertow.strategies import VolTarget

SHORT: dict[str, Any] = {"seed": 7, "trials": 4, "design": 2, "batch": 2}


@pytest.fixture(scope="module")
def market() -> Market:
    return simulate_market(seed=7, years=1, names=5)


def text(tuning: Tuning) -> str:
    return tuning.trials.to_csv(index=False)


def test_a_screen_is_a_universe(market: Market) -> None:
    typed = "growth|top 3 by liquidity|quarterly|min-history 70"
    tuning = optimize(VolTarget, market, universe=typed, start="2018-06-01", **SHORT)
    assert tuning.identity["universe"] == "growth | top 3 by liquidity | quarterly | min-history 70"
    assert tuning.backtest().metrics["annual_sharpe"] == pytest.approx(tuning.best["annual_sharpe"], rel=1e-9)


def test_numbers_of_numpy_are_numbers(market: Market, tmp_path: Path) -> None:
    files = {"storage": tmp_path / "s.log", "ledger": tmp_path}
    first = optimize(VolTarget, market, **SHORT, costs=Costs(fee_bps=7.0), **files)
    settings = {name: np.int64(value) for name, value in SHORT.items()}
    continued = optimize(VolTarget, market, **settings, costs=Costs(fee_bps=np.int64(7)), **files)
    assert text(continued) == text(first)
    assert json.dumps(continued.summary()["search"]) == json.dumps(first.summary()["search"])
    assert Ledger(tmp_path).trials_so_far(market.fingerprint) == 4


def test_more_trials_than_anybody_waits_for_are_refused(market: Market) -> None:
    searches: tuple[Callable[..., Any], ...] = (optimize, walk_forward, cpcv)
    for search in searches:
        with pytest.raises(ParameterError, match="`trials` must be 1,000,000 or fewer, got 1,000,001"):
            search(VolTarget, market, trials=1_000_001, seed=1)


@pytest.mark.parametrize("objectives", [2, 3])
def test_the_front_of_many_trials_holds_whom_nobody_beats(objectives: int) -> None:
    scores = np.random.default_rng(objectives).integers(0, 6, (300, objectives)).astype(float)
    slowly = [any((other >= row).all() and (other > row).any() for other in scores) for row in scores]
    assert dominated(scores).tolist() == slowly
    many = np.random.default_rng(7).normal(size=(40_000, 2))
    tracemalloc.start()
    assert 0 < (~dominated(many)).sum() < 100
    # Every trial beside every other would be gigabytes.
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


# ---------------------------------------------------------------- functions


def aim(sign: float) -> Callable[[Mapping[str, Any]], float]:
    return lambda row: sign * row["cagr"]


def twice(row: Mapping[str, Any], times: float = 2.0) -> float:
    return times * float(row["cagr"])


class Weighed:
    """An objective with a state of its own."""

    def __init__(self, weight: float) -> None:
        self.weight = weight

    def __call__(self, row: Mapping[str, Any]) -> float:
        return self.weight * float(row["cagr"])


@pytest.mark.parametrize("nameless", [aim(1.0), lambda row: row["cagr"], partial(twice, times=3.0), Weighed(1.0)])
def test_a_function_without_a_name_keeps_no_study(market: Market, tmp_path: Path, nameless: Any) -> None:
    with pytest.raises(ParameterError, match="has no name by which a stored study identifies it"):
        optimize(VolTarget, market, objective=nameless, storage=f"journal:{tmp_path / 's.log'}", **SHORT)
    assert not list(tmp_path.iterdir())


def test_a_named_function_and_one_that_is_given_a_name_keep_theirs(market: Market, tmp_path: Path) -> None:
    for number, named in enumerate((twice, Objective("mine", "maximize", aim(1.0)))):
        store = f"journal:{tmp_path / f'{number}.log'}"
        assert text(optimize(VolTarget, market, objective=named, storage=store, **SHORT))


def test_an_objective_does_not_end_the_program(market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "ends_at_import.py").write_text("import sys\n\nsys.exit(0)\n")
    with pytest.raises(ParameterError, match=r"unknown objective .* SystemExit in `ends_at_import`: 0"):
        optimize(VolTarget, market, objective="ends_at_import:aim", **SHORT)
    (tmp_path / "ends_when_called.py").write_text("def aim(row):\n    raise SystemExit(0)\n")
    with pytest.raises(TuningError, match="4 of 4 trials failed, every one; the last one: SystemExit: 0"):
        optimize(VolTarget, market, objective="ends_when_called:aim", **SHORT)


def test_searches_for_different_functions_are_counted_apart(market: Market, tmp_path: Path) -> None:
    for objective in (aim(1.0), aim(-1.0), aim(1.0), "cagr"):
        optimize(VolTarget, market, objective=objective, ledger=tmp_path, **SHORT)
    assert Ledger(tmp_path).trials_so_far(market.fingerprint) == 12


BY_HAND = (
    "sharpe",
    Objective("sharpe", "maximize", twice),
    Objective("sharpe", "minimize", twice),
    Objective("sharpe", "maximize", twice, "vol-target"),
    Objective("sharpe", "maximize", itemgetter("cagr")),
    Objective("sharpe", "maximize", itemgetter("total_return")),
    Objective("sharpe", "minimize", itemgetter("annual_sharpe")),
)


def test_objectives_of_one_name_share_no_study(market: Market, tmp_path: Path) -> None:
    for number, first in enumerate(BY_HAND):
        store = tmp_path / f"{number}.log"
        trials = text(optimize(VolTarget, market, objective=first, storage=store, ledger=tmp_path, **SHORT))
        for other in BY_HAND:
            if other is first:
                assert text(optimize(VolTarget, market, objective=other, storage=store, **SHORT)) == trials
                continue
            with pytest.raises(ParameterError, match=r"study `vol-target` .* objective"):
                optimize(VolTarget, market, objective=other, storage=store, **SHORT)
    assert Ledger(tmp_path).trials_so_far(market.fingerprint) == 4 * len(BY_HAND)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (Objective("mine", "max", twice), "`direction` of objective `mine` must be maximize or minimize, got 'max'"),  # type: ignore[arg-type]
        (
            Objective("mine", "maximize", twice, "vol-targe"),
            "`baseline` of objective `mine` must be buy-and-hold or",
        ),
        (Objective("mine", "maximize", None), "`measure` of objective `mine` must be a function"),  # type: ignore[arg-type]
        (Objective("", "maximize", twice), "`name` of an objective must be text, got ''"),
    ],
)
def test_an_objective_that_cannot_be_one_is_refused(market: Market, wrong: Objective, message: str) -> None:
    searches: tuple[Callable[..., Any], ...] = (optimize, walk_forward, cpcv)
    for search in searches:
        with pytest.raises(ParameterError, match=message):
            search(VolTarget, market, objective=wrong, seed=1)


def test_a_digest_tells_functions_apart_and_is_the_same_for_the_same() -> None:
    different = [aim(1.0), aim(2.0), lambda row: row["cagr"], lambda row: row["calmar"], lambda row: -row["cagr"]]
    different += [twice, partial(twice, times=3.0), partial(twice, times=4.0), Weighed(1.0), Weighed(2.0)]
    different += [lambda row: row["a"] in {"b", "c"}, lambda row, by=1: row["cagr"], lambda row, by=2: row["cagr"]]
    assert len({digest(function) for function in different}) == len(different)
    assert digest(aim(1.0)) == digest(aim(1.0))
    assert digest(Weighed(1.0)) == digest(Weighed(1.0))

    def loop(row: Any) -> Any:
        return loop(row)

    assert digest(loop) == digest(loop)


def test_what_the_command_line_finds_by_name() -> None:
    objectives = read_objectives(["sharpe", "ulcer:vol-target", twice, aim(1.0), Weighed(1.0)])
    assert [is_named(objective) for objective in objectives] == [True, True, True, False, False]
    assert not is_named(Objective("sharpe", "maximize", aim(1.0)))
    assert not is_named(Objective("mine", "maximize", twice))


def test_constraints_are_named_as_they_are_typed() -> None:
    typed = ["costs_paid<=12345.678", "annual_turnover<=6", "cagr>=0.1", "episodes>=1234567", "calmar>=1e-7"]
    names = [constraint.name for constraint in read_constraints(typed)]
    assert names == [*typed[:4], "calmar>=1e-07"]
    assert read_constraints("costs_paid<=12345.678") != read_constraints("costs_paid<=12345.699")


# ---------------------------------------------------------------- studies and storages


@pytest.mark.parametrize(
    ("theirs", "ours"), [(["maximize"] * 2, "sharpe"), (["minimize"], "sharpe"), (["maximize"], ["sharpe", "ulcer"])]
)
def test_an_empty_study_of_others_must_have_our_directions(
    market: Market, tmp_path: Path, theirs: list[str], ours: Any
) -> None:
    address = f"journal:{tmp_path / 'study.log'}"
    with silence_optuna(), open_storage(address) as storage:
        optuna.create_study(storage=storage, study_name="vol-target", directions=theirs)
    with pytest.raises(ParameterError, match=f"study `vol-target` exists, empty, to {' and '.join(theirs)}, requested"):
        optimize(VolTarget, market, objective=ours, storage=address, **SHORT)


def test_a_setting_that_does_not_hold_leaves_no_study(market: Market, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="weighting"):
        optimize(VolTarget, market, weighting="equl", storage=f"journal:{tmp_path / 'w.log'}", **SHORT)
    assert not list(tmp_path.iterdir())


def test_a_ledger_that_cannot_be_written_leaves_no_study(market: Market, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = {**SHORT, "storage": f"journal:{tmp_path / 's.log'}", "ledger": tmp_path / "file"}
    with pytest.raises(DataError, match=r"the ledger .* cannot be written: .*file' is a file"):
        optimize(VolTarget, market, **settings)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


CALLS: list[int] = []


def failing_first(row: Mapping[str, Any]) -> float:
    CALLS.append(1)
    if len(CALLS) == 1:
        raise ValueError("not this one")
    return float(row["cagr"])


def test_a_study_whose_first_trials_failed_is_not_shown_by_them_alone(market: Market, tmp_path: Path) -> None:
    CALLS.clear()
    settings = {**SHORT, "objective": failing_first, "storage": f"journal:{tmp_path / 's.log'}"}
    assert optimize(VolTarget, market, **settings).trials["state"].tolist() == ["fail", *["complete"] * 3]
    with pytest.raises(TuningError, match="1 of 1 trials failed, every one; the last one: ValueError: not this one"):
        optimize(VolTarget, market, **{**settings, "trials": 1})
    assert len(optimize(VolTarget, market, **{**settings, "trials": 2}).trials) == 2
