"""The settings of a search check themselves, and plain keywords become one record."""

from __future__ import annotations

import inspect
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optuna.storages import InMemoryStorage

from undertow.backtests.account import Account
from undertow.backtests.engines import Engine
from undertow.backtests.folders import json_ready
from undertow.backtests.keywords import split_keywords
from undertow.backtests.sweeps.sweep import sweep
from undertow.backtests.tuning.optimize import optimize
from undertow.backtests.tuning.settings import Search, SearchSettings, make_search
from undertow.market import simulate_market
from undertow.market.errors import ParameterError
from undertow.strategies import DrawdownDeRisk

BAD: list[tuple[dict[str, Any], str]] = [
    ({"objective": "sharp"}, "unknown objective `sharp`, did you mean `sharpe`"),
    ({"objective": []}, "`objective` must name at least one objective"),
    ({"constraints": "turnover"}, "`constraint` must be metric<=number"),
    ({"trials": 0}, "`trials` must be a whole number, 1 or more"),
    ({"trials": None}, "`trials` must be a whole number, 1 or more, got None"),
    ({"trials": 10_000_000}, "`trials` must be 1,000,000 or fewer"),
    ({"max_failed": 1.5}, r"`max_failed` must be a share in \[0, 1\]"),
    ({"fixed": 5}, "`fixed` must be a dictionary by parameter, got 5"),
    ({"narrowed": [1]}, "`narrowed` must be a dictionary by parameter"),
    ({"storage": 5}, "`storage` must be journal:FILE or a database address"),
    ({"study": 5}, "`study` must be the name of a study"),
    ({"trails": 5}, "unknown setting `trails`, did you mean `trials`"),
]


@pytest.mark.parametrize(("settings", "message"), BAD, ids=lambda value: str(value)[:40])
def test_a_search_checks_its_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        make_search(None, settings)
    with pytest.raises(ParameterError, match=message):
        make_search(Search(trials=3), settings)


def test_keywords_replace_the_fields_of_a_search() -> None:
    search = Search(objective=["cagr", "ulcer"], constraints="turnover<=6", trials=30)
    assert [objective.name for objective in search.objectives] == ["cagr", "ulcer"]
    assert [bound.name for bound in search.bounds] == ["annual_turnover<=6"]
    longer = make_search(search, {"trials": np.int64(40), "fixed": {"lag": 3}})
    assert (longer.trials, type(longer.trials), longer.fixed) == (40, int, {"lag": 3})
    assert [objective.name for objective in longer.objectives] == ["cagr", "ulcer"]
    assert make_search(None, {}) == Search()
    assert (Search().trials_or(400), search.trials_or(400)) == (400, 30)
    with pytest.raises(ParameterError, match="`search` must be a `Search`, got dict"):
        make_search({"trials": 3}, {})  # type: ignore[arg-type]


def test_a_search_takes_what_optuna_and_a_walk_store_in(tmp_path: Path) -> None:
    for storage in (None, tmp_path, f"journal:{tmp_path}", "sqlite:///study.db", InMemoryStorage()):
        assert Search(storage=storage).storage is storage
    assert pickle.loads(pickle.dumps(Search(trials=3))) == Search(trials=3)


def test_typed_keywords_are_the_fields() -> None:
    assert list(SearchSettings.__annotations__) == list(Search.__dataclass_fields__)


def test_keywords_go_to_the_record_that_has_them() -> None:
    parts = split_keywords({"jobs": 2, "fill": "close", "trials": 5, "costs": None}, Account, Search, Engine)
    assert parts == ({"fill": "close", "costs": None}, {"trials": 5}, {"jobs": 2})
    with pytest.raises(ParameterError, match=r"unknown setting `job`, did you mean `jobs`\?; known: fill, costs, .*"):
        split_keywords({"job": 2}, Account, Engine)


def test_records_and_keywords_are_one_search() -> None:
    market = simulate_market(seed=7, years=1, names=5)
    search, account = Search(objective="calmar", trials=9, fixed={"lag": 12}), Account(fill="close", capital=5e5)
    by_records = optimize(DrawdownDeRisk, market, search=search, account=account, seed=3, design=4, batch=2)
    plain = optimize(
        DrawdownDeRisk,
        market,
        objective="calmar",
        trials=9,
        fixed={"lag": 12},
        fill="close",
        capital=500_000,
        seed=3,
        design=4,
        batch=2,
    )
    assert by_records.trials.to_csv() == plain.trials.to_csv()
    assert by_records.identity == plain.identity
    assert (plain.account, plain.names) == (account, ("calmar",))
    assert repr(plain).startswith("<Tuning of 'drawdown-de-risk' on 'growth': 9 trials, best calmar ")
    with pytest.raises(ParameterError, match="unknown setting `objectiv`, did you mean `objective`"):
        optimize(DrawdownDeRisk, market, seed=3, objectiv="calmar")  # type: ignore[call-arg]


def test_the_public_functions_have_few_parameters() -> None:
    for function in (sweep, optimize):
        assert len(inspect.signature(function).parameters) <= 16


def test_a_search_is_saved_as_a_folder(tmp_path: Path) -> None:
    tuning = optimize(DrawdownDeRisk, simulate_market(seed=7, years=1, names=5), trials=3, design=1, seed=3)
    folder = tuning.save(tmp_path / "best")
    assert {"run.json", "trials.csv", "best.json", "study.html"} <= {path.name for path in folder.iterdir()}
    assert json.loads((folder / "best.json").read_text()) == json.loads(json.dumps(json_ready(tuning.summary())))
    assert tuning.save(folder) == folder
