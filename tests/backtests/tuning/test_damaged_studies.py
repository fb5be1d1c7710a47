"""Journals and databases with damaged records: the line or the trial is named, and nothing is written."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import undertow as ut
from undertow.backtests.tuning import optimize
from undertow.backtests.tuning.storage import open_storage
from undertow.market import DataError, Market
from undertow.strategies import VolTarget

SEARCH: dict[str, Any] = {"trials": 6, "design": 2, "batch": 2, "seed": 3}


@pytest.fixture(scope="module")
def market() -> Market:
    return ut.simulate_market(seed=3, years=0.8, names=5)


@pytest.fixture(scope="module")
def lines(market: Market, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The lines of a journal: study, its name of metrics, its identity, then six trials."""
    path = tmp_path_factory.mktemp("study") / "study.log"
    optimize(VolTarget, market, storage=path, **SEARCH)
    return path.read_bytes().splitlines(keepends=True)


@pytest.fixture(scope="module")
def database(market: Market, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("study") / "study.db"
    optimize(VolTarget, market, storage=f"sqlite:///{path}", **SEARCH)
    return path.read_bytes()


INSERTED = {
    "zeros of a lost block": (b"\0" * 64 + b"\n", ""),
    "no JSON": (b"oops\n", "Expecting value"),
    "no record": (b"[1]\n", "it is no JSON object"),
    "unknown operation": (b'{"op_code": 99, "worker_id": "x"}\n', "`op_code` 99 is no operation of Optuna"),
    "no operation": (b'{"worker_id": "x"}\n', "`op_code` null is no operation"),
    "no worker": (b'{"op_code": 0, "study_name": "a", "directions": [1]}\n', "`worker_id` must not be nothing"),
    "nesting": (b"[" * 100_000 + b"\n", "nested too deep"),
    "digits": (b'{"op_code": ' + b"9" * 5000 + b"}\n", "too many digits"),
    "another encoding": ("{'ä': 1}\n".encode("latin-1"), "utf-8"),
}


@pytest.mark.parametrize("name", INSERTED)
@pytest.mark.parametrize("number", [2, 8])
def test_a_damaged_line_is_numbered_and_cutting_there_keeps_the_trials_before_it(
    lines: list[bytes], market: Market, tmp_path: Path, name: str, number: int
) -> None:
    inserted, fault = INSERTED[name]
    path = tmp_path / "19.log"
    damaged = b"".join([*lines[: number - 1], inserted, *lines[number - 1 :]])
    path.write_bytes(damaged)
    with pytest.raises(DataError, match=rf"19\.log' is not an Optuna journal: line {number} is no record: ") as error:
        optimize(VolTarget, market, storage=path, **SEARCH)
    assert fault in str(error.value)
    assert f"cut the file before line {number}, and the trials above it are kept" in str(error.value)
    assert path.read_bytes() == damaged
    path.write_bytes(b"".join(lines[: number - 1]))
    with open_storage(path) as storage:
        (study,) = storage.get_all_studies()
        assert len(storage.get_all_trials(study._study_id)) == max(number - 4, 0)


def test_blank_lines_are_skipped(lines: list[bytes], market: Market, tmp_path: Path) -> None:
    path = tmp_path / "blank.log"
    path.write_bytes(b"\n" + b"".join([*lines[:5], b"\n \t\n\n", *lines[5:], b"\n"]))
    longer = optimize(VolTarget, market, storage=path, **{**SEARCH, "trials": 8})
    (tmp_path / "whole.log").write_bytes(b"".join(lines))
    whole = optimize(VolTarget, market, storage=tmp_path / "whole.log", **{**SEARCH, "trials": 8})
    assert longer.trials.equals(whole.trials)
    assert path.read_bytes().count(b'"op_code":4') == 8


def spoiled(lines: list[bytes], number: int, edit: Callable[[dict[str, Any]], object]) -> bytes:
    record = json.loads(lines[number - 1])
    edit(record)
    return b"".join([*lines[: number - 1], json.dumps(record).encode() + b"\n", *lines[number:]])


# The line, what is done to its record, and what is said of it.
SPOILED: dict[str, tuple[int, Callable[[dict[str, Any]], object], str]] = {
    "metrics": (5, lambda r: r["user_attrs"].update(metrics=float("nan")), "`metrics` must be a table of numbers"),
    "a metric": (5, lambda r: r["user_attrs"]["metrics"].update(cagr="x"), "`metrics` must be a table of numbers"),
    "attributes": (6, lambda r: r.update(user_attrs=float("nan")), "`user_attrs` must not be NaN"),
    "system": (6, lambda r: r.update(system_attrs="<script>"), '`system_attrs` must not be "<script>"'),
    "position": (7, lambda r: r["user_attrs"].update(position="2"), "`position` must be a whole number"),
    "batch": (7, lambda r: r["user_attrs"].update(batch=10**30), "`batch` must be a whole number"),
    "design": (7, lambda r: r["user_attrs"].pop("design"), "`design` must be text, got nothing"),
    "value": (8, lambda r: r.update(value="high"), '`value` must not be "high"'),
    "values": (8, lambda r: r.update(values=["high"]), "`values` must not be"),
    "not a number": (8, lambda r: r.update(values=[float("nan")]), "`values` must not be"),
    "state": (8, lambda r: r.update(state=77), "77 is not a valid TrialState"),
    "time": (8, lambda r: r.update(datetime_start="99999-01-01"), "Invalid isoformat"),
    "distribution": (8, lambda r: r["distributions"].update(window="{}"), ""),
    "identity": (3, lambda r: r["user_attr"].update(undertow=[1]), "`undertow` is no search, but"),
    "directions": (1, lambda r: r.update(directions=[9]), "`directions` must not be"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_record_is_numbered(lines: list[bytes], market: Market, tmp_path: Path, name: str) -> None:
    number, edit, fault = SPOILED[name]
    path = tmp_path / "spoiled.log"
    path.write_bytes(spoiled(lines, number, edit))
    before = path.read_bytes()
    with pytest.raises(DataError, match=rf"line {number} is no record: ") as error:
        optimize(VolTarget, market, storage=path, **SEARCH)
    assert fault in str(error.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("edit", "fault"),
    [
        (lambda r: r["params"].pop(next(iter(r["params"]))), "which the search does not propose"),
        (lambda r: r["params"].update({next(iter(r["params"])): 1e9}), "which the search does not propose"),
        (lambda r: r.update(value=None, values=[1.0, 2.0]), "its values must be 1 numbers"),
        (lambda r: r["system_attrs"].update({"NSGAIISampler:generation": 999}), "is beyond the 6 trials"),
    ],
)
def test_a_trial_that_no_search_has_written_is_named(
    lines: list[bytes], market: Market, tmp_path: Path, edit: Callable[[dict[str, Any]], object], fault: str
) -> None:
    path = tmp_path / "strange.log"
    path.write_bytes(spoiled(lines, 6, edit))
    with pytest.raises(DataError, match=fault):
        optimize(VolTarget, market, storage=path, **SEARCH)


def test_a_file_that_is_no_database_is_named(market: Market, tmp_path: Path) -> None:
    for content in (b"hello " * 1000, b"SQLite format 3\0" + b"\xff" * 5000):
        (tmp_path / "study.db").write_bytes(content)
        with pytest.raises(DataError, match=r"`storage` sqlite:.*study\.db cannot be used: "):
            optimize(VolTarget, market, storage=f"sqlite:///{tmp_path / 'study.db'}", **SEARCH)
        assert (tmp_path / "study.db").read_bytes() == content


@pytest.mark.parametrize(
    "statement",
    [
        "update trial_user_attributes set value_json = '{' where key = 'metrics'",
        "update trial_user_attributes set value_json = '3' where key = 'metrics'",
        "update trial_user_attributes set value_json = '\"x\"' where key = 'position'",
        "update trial_params set distribution_json = '[]'",
        "update trial_params set param_value = 1e9",
        "update study_user_attributes set value_json = '[1]' where key = 'undertow'",
        "update study_user_attributes set value_json = 'oops' where key = 'undertow'",
        "delete from trial_values",
    ],
)
def test_a_database_that_was_written_to_by_hand_is_named(
    database: bytes, market: Market, tmp_path: Path, statement: str
) -> None:
    path = tmp_path / "study.db"
    path.write_bytes(database)
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()
    with pytest.raises(DataError, match=r"written to by hand|cannot be used"):
        optimize(VolTarget, market, storage=f"sqlite:///{path}", **SEARCH)
