"""Saved runs of other people: nothing is imported, what is wrong is named, the tables load all the same."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import undertow as ut
from support.commands import Call

EVIL = "from pathlib import Path\nPath('imported').touch()\nfrom undertow.signals.drawdown import Drawdown as x\n"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a rule's run."""
    market = ut.simulate_market(seed=3, years=0.8, names=5)
    folder = ut.backtest(ut.strategies.LiquidityDrain(lag=12), market).save(tmp_path_factory.mktemp("runs") / "run")
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture
def folder(saved: dict[str, bytes], tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    for name, content in saved.items():
        (tmp_path / "run" / name).write_bytes(content)
    return tmp_path / "run"


def change(file: Path, edit: Callable[[Any], object]) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    edit(content)
    file.write_text(json.dumps(content), encoding="utf-8")


def with_signal(folder: Path, name: str) -> Path:
    change(folder / "rule.json", lambda rule: rule["trigger"]["when"][0].update(signal=name))
    return folder


@pytest.fixture
def evil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module beside the runs that leaves a mark when it is imported; the current folder can be imported from."""
    (tmp_path / "evil.py").write_text(EVIL, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "evil", raising=False)
    return tmp_path / "imported"


class TestNothingIsImported:
    def test_two_runs_with_a_strange_signal_are_compared(self, folder: Path, evil: Path, call: Call) -> None:
        with_signal(folder, "evil:x")
        folder.rename(folder.with_name("first"))
        (folder.with_name("second")).mkdir()
        for file in folder.with_name("first").iterdir():
            (folder.with_name("second") / file.name).write_bytes(file.read_bytes())
        outcome = call("compare", "first", "second")
        assert outcome.code == 0, outcome.err
        assert "CAGR" in outcome.out
        assert Path("results/compare.html").stat().st_size > 10_000
        assert not evil.exists()
        assert "evil" not in sys.modules

    def test_tables_and_metrics_load_and_the_rule_says_why_it_is_missing(self, folder: Path, evil: Path) -> None:
        plain = ut.load_run(folder)
        run = ut.load_run(with_signal(folder, "evil:x"))
        assert run.metrics == pytest.approx(plain.metrics, rel=0, abs=0, nan_ok=True)
        pd.testing.assert_frame_equal(run.orders, plain.orders)
        assert run.reasons is None
        assert any("evil:x" in note for note in run.notes)
        for needs_rule in (lambda: run.explain("2018-03-01"), lambda: run.changes, lambda: run.vetoes):
            with pytest.raises(ut.ParameterError, match=r"cannot be explained: .*not registered here: evil:x"):
                needs_rule()
        assert not evil.exists()

    def test_a_signal_of_a_package_that_is_not_installed(self, folder: Path) -> None:
        run = ut.load_run(with_signal(folder, "signal-of-a-friend"))
        assert run.reasons is None
        assert "signal-of-a-friend" in run.notes[0]

    def test_the_portfolio_names_no_code(self, folder: Path, evil: Path) -> None:
        for command in ("undertow backtest --strategy evil:x", "undertow backtest --strategy evil:x --trust"):
            change(folder / "run.json", lambda recipe, command=command: recipe.update(command=command, market_path="m"))
            with pytest.raises(ut.ParameterError, match="no vectorbt portfolio"):
                _ = ut.load_run(folder).portfolio
        assert not evil.exists()

    def test_a_rule_of_the_command_names_no_code(self, folder: Path, evil: Path, tmp_path: Path) -> None:
        ut.write_market(ut.simulate_market(seed=3, years=0.8, names=5), tmp_path / "market")
        (tmp_path / "mine.toml").write_text('strategy = "evil:x"\n', encoding="utf-8")
        market = ut.load_market(tmp_path / "market")
        for command in ("--strategy evil:x", "--rule mine.toml"):
            recipe = {
                "command": f"undertow backtest {command}",
                "market_path": str(tmp_path / "market"),
                "market_fingerprint": market.fingerprint,
            }
            change(folder / "run.json", lambda content, recipe=recipe: content.update(recipe))
            with pytest.raises(ut.ParameterError, match=r"`evil:x` is the code of a module, .*`trust=True`"):
                _ = ut.load_run(folder).portfolio
        assert not evil.exists()

    def test_a_trusted_run_imports_what_it_names(self, folder: Path, evil: Path) -> None:
        run = ut.load_run(with_signal(folder, "evil:x"), trust=True)
        assert run.explain(run.series.index[-1])
        assert evil.exists()


RECIPE: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "number as text": (lambda recipe: recipe.update(capital="1000"), "capital: .*got '1000'"),
    "no capital": (lambda recipe: recipe.update(capital=-1.0), "`capital` must be positive"),
    "riches": (lambda recipe: recipe.update(capital=1e300), "larger than 1e\\+18"),
    "list of text": (lambda recipe: recipe.update(strategy=["a"]), "strategy: .*string"),
    "fill": (lambda recipe: recipe.update(fill="noon"), "`fill` must be open or close"),
    "date": (lambda recipe: recipe.update(start="99999-01-01"), "99999-01-01"),
    "backwards": (lambda recipe: recipe.update(start="2030-01-01"), "sessions from 2030-01-01 to"),
    "sessions": (lambda recipe: recipe.update(sessions=10**15), "1000000000000000 sessions"),
    "parameters": (lambda recipe: recipe.update(parameters=[1]), "parameters: .*dictionary"),
    "versions": (lambda recipe: recipe.update(versions={"numpy": 2}), "versions.numpy"),
    "counts": (lambda recipe: recipe.update(counts=[]), "run.json has no `counts`"),
    "a count": (lambda recipe: recipe["counts"].update(stale_sessions="many"), "counts.stale_sessions"),
    "feeds": (lambda recipe: recipe["counts"].update(absent_feeds=3), "counts.absent_feeds"),
    "ledger": (lambda recipe: recipe.update(ledger=[3]), "ledger: must be a table"),
    "a trial": (lambda recipe: recipe.update(ledger={"before": -1, "own": 1, "total": 1}), "ledger: must hold"),
    "half a ledger": (lambda recipe: recipe.update(ledger={"before": 1.5, "own": 1, "total": 1}), "before: .*integer"),
}


@pytest.mark.parametrize("name", RECIPE)
def test_a_wrong_recipe_is_named(folder: Path, name: str) -> None:
    edit, message = RECIPE[name]
    change(folder / "run.json", edit)
    with pytest.raises(ut.DataError, match=message) as error:
        ut.load_run(folder)
    assert "run.json" in str(error.value)
    assert str(folder) in str(error.value)


TEXTS = {
    "digits": ('{"counts": {}, "capital": ' + "9" * 5000 + "}", "digits"),
    "nesting": ("[" * 100_000, "nested too deep"),
    "shallow nesting": ('{"counts": ' + "[" * 40 + "]" * 40 + "}", "nested too deep"),
    "a constant": ('{"counts": {"a": NaN}}', "NaN is not JSON"),
    "bytes": ("\udcff", "utf-8"),
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("file", ["run.json", "tax.json", "attribution.json", "rule.json"])
def test_text_that_is_no_json_is_named(folder: Path, name: str, file: str) -> None:
    text, message = TEXTS[name]
    (folder / file).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ut.DataError, match="not a readable run") as error:
        ut.load_run(folder)
    assert file in str(error.value)
    if file == "run.json":
        assert message in str(error.value)


def test_a_byte_order_mark_is_no_fault(folder: Path) -> None:
    text = (folder / "run.json").read_bytes()
    (folder / "run.json").write_bytes(b"\xef\xbb\xbf" + text)
    assert ut.load_run(folder).name == "liquidity-drain"


def _text(table: pd.DataFrame, column: str) -> pd.DataFrame:
    return table.assign(**{column: "a"})


TABLES: dict[str, tuple[str, Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "text": ("returns", lambda table: _text(table, "value"), "returns.parquet: `value` must hold numbers"),
    "spans": ("returns", lambda t: t.assign(costs=pd.Timedelta("1h")), "`costs` must hold numbers"),
    "times": ("weights", lambda t: t.assign(cash=pd.Timestamp("2020-01-01")), "`cash` must hold numbers"),
    "a gap": ("returns", lambda t: t.assign(value=np.nan), "`value` must hold numbers .* without gaps"),
    "riches": ("orders", lambda t: t.assign(value=1e300), "orders.parquet: `value` must hold numbers of at most"),
    "dates": ("orders", lambda t: t.assign(session=1), "orders.parquet: `session` must hold sessions"),
    "zoned orders": ("orders", lambda t: t.assign(session=t.session.dt.tz_localize("UTC")), "`session` must hold sess"),
    "no day": (
        "orders",
        lambda t: t.assign(session=t.session.mask(t.index == 0)),
        "`session` must hold sessions, none",
    ),
    "later": (
        "orders",
        lambda t: t.assign(session=t.session + pd.Timedelta("9999D")),
        "orders.parquet has sessions bey",
    ),
    "no cash": ("returns", lambda t: t.drop(columns="cash_return"), "has no `cash_return`"),
    "rows": ("returns", lambda t: t.reset_index(drop=True), "its rows must be sessions in returns.parquet"),
    "backwards": ("weights", lambda t: t.iloc[::-1], "its sessions must rise, each once in weights.parquet"),
    "twice": ("weights", lambda t: t.iloc[[0, 0, *range(2, len(t))]], "its sessions must rise, each once"),
    "zone": ("returns", lambda t: t.tz_localize("UTC"), "its rows must be sessions"),
    "no benchmark": ("returns", lambda t: t.drop(columns="benchmark_return"), "has no `benchmark_return`"),
    "a tier": ("reasons", lambda t: t.assign(tier=9), "`tier` must lie between 0 and 1"),
    "no driver": ("reasons", lambda t: t.drop(columns=[t.columns[5]]), "columns of values, rule.json has 2"),
    "no state": ("reasons", lambda t: t.drop(columns="state: tier"), "state: tier.* in reasons.parquet"),
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stale_sessions", [1, 2]),
        ("stale_sessions", -5),
        ("stale_sessions", 1e17),
        ("stale_sessions", True),
        ("never_filled", -5),
        ("never_filled", [1]),
        ("unused_feeds", ["a"]),
        ("frozen_feeds", {"a": "b"}),
        ("data_findings", 3),
        ("signal_sources", {"a": [1]}),
        ("absent_feeds", {"a": None}),
        ("moves", -5),
        ("moves", [{"symbol": "A"}]),
        ("anything", {"a": 1}),
    ],
)
def test_a_wrong_count_is_named(folder: Path, name: str, value: object) -> None:
    change(folder / "run.json", lambda content: content["counts"].update({name: value}))
    with pytest.raises(ut.DataError, match=rf"counts\.{name}: "):
        ut.load_run(folder)


def test_a_recipe_of_other_days_is_named(folder: Path) -> None:
    change(folder / "run.json", lambda content: content.update(end="2200-01-01"))
    with pytest.raises(ut.DataError, match=r"run.json of .* to 2200-01-01"):
        ut.load_run(folder)


@pytest.mark.parametrize("name", TABLES)
def test_a_wrong_table_is_named(folder: Path, name: str) -> None:
    table, spoil, message = TABLES[name]
    file = folder / f"{table}.parquet"
    spoil(pd.read_parquet(file)).to_parquet(file)
    with pytest.raises(ut.DataError, match=message):
        ut.load_run(folder)


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "file/below"])
def test_a_name_that_no_folder_has(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ut.DataError):
        ut.load_run(tmp_path / name)
