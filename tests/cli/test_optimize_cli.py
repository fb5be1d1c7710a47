"""`undertow optimize`: a result folder that is whole, and exit code 2 before any work."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from undertow.backtests import load_run
from undertow.backtests.ledger.ledger import Ledger
from undertow.cli.app import run_command
from undertow.market import simulate_market, write_market


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_market(simulate_market(seed=7, years=1, names=5), tmp_path_factory.mktemp("market") / "sim")


@pytest.fixture(autouse=True)
def own_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERTOW_LEDGER", str(tmp_path / "ledger"))


def words(folder: Path, *more: str) -> list[str]:
    given = ["--market", str(folder), "--strategy", "vol-target", "--trials", "10", "--sobol", "4", "--batch", "4"]
    return ["optimize", *given, *more]


def test_the_folder_holds_the_best_run_and_the_study(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, kept = tmp_path / "out", f"journal:{tmp_path / 'study.log'}"
    given = words(folder, "--storage", kept, "--narrow", "window=10:63", "--fix", "band=0.05", "--out", str(out))
    assert run_command([*given, "--constraint", "annual_turnover<=20", "--objective", "calmar"]) == 0
    said = capsys.readouterr().out
    assert "This is trial 1 to 10 on this data, of 10 ever made." in said
    assert "calmar: " in said
    best = json.loads((out / "best.json").read_text())
    table = pd.read_csv(out / "trials.csv")
    assert len(table) == 10
    assert (table["band"] == 0.05).all()
    assert table["window"].between(10, 63).all()
    run = load_run(out)
    assert run.recipe.parameters == best["parameters"]
    assert run.metrics["calmar"] == pytest.approx(best["objectives"]["calmar"], rel=1e-9)
    assert best["trial"] == table["objective calmar"].where(table["feasible"]).idxmax()
    assert "Undertow study" in (out / "study.html").read_text(encoding="utf-8")
    # The same again makes no new trial and replaces the folder with the same bytes.
    before = {each.name: each.read_bytes() for each in out.iterdir() if each.suffix in (".json", ".csv", ".html")}
    assert run_command([*given, "--constraint", "annual_turnover<=20", "--objective", "calmar", "--jobs", "1"]) == 0
    assert all((out / name).read_bytes() == content for name, content in before.items())
    market = run.recipe.market_fingerprint
    assert Ledger().trials_so_far(market) == 10


def test_json_alone_on_standard_output(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "study.html"
    assert (
        run_command(words(folder, "--objective", "cagr", "--objective", "turnover", "--json", "--html", str(page))) == 0
    )
    said = json.loads(capsys.readouterr().out)
    assert set(said["objectives"]) == {"cagr", "turnover"}
    assert said["ledger"] == {"before": 0, "own": 10, "total": 10, "interleaved": 0, "other_data": 0}
    assert page.is_file()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--objective", "sharp"], "unknown objective `sharp`, did you mean `sharpe`"),
        (["--fix", "target=7"], "`target` must be in [0.05, 0.6], got 7"),
        (["--fix", "band"], "`--set` must be parameter=value, got 'band'"),
        (["--narrow", "window=1:900"], "`window` must be narrowed to low <= high within [5, 126], got 1 to 900"),
        (["--narrow", "window=a:b"], "`--narrow window` must be low:high in numbers, got 'a:b'"),
        (["--narrow", "windw=5:9"], "no parameter `windw` to narrow, did you mean `window`"),
        (["--constraint", "turnover<6"], "`constraint` must be metric<=number or metric>=number"),
        (["--storage", "study.db"], "`storage` must be journal:FILE or a database address"),
        (["--trials", "0"], "`trials` must be a whole number, 1 or more, got 0"),
        (["--html", "study.txt"], "`html` must be a file that ends in .html"),
        (["--universe", "grwth"], "unknown universe `grwth`, did you mean `growth`"),
        (["--strategy", "vol-trget"], "unknown strategy `vol-trget`, did you mean `vol-target`"),
        (["--fee-bps", "-1"], "`fee_bps` must be in [0, 1000] basis points"),
        (["--max-failed", "3"], "`max_failed` must be a share in [0, 1]"),
    ],
)
def test_what_cannot_be_done_ends_with_two_and_leaves_nothing(
    folder: Path, tmp_path: Path, more: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run_command(words(folder, "--out", str(out), *more)) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()
    assert not (tmp_path / "ledger").exists()


def test_a_study_of_another_search_ends_with_two(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = f"sqlite:///{tmp_path / 'study.db'}"
    assert run_command(words(folder, "--storage", kept, "--trials", "2")) == 0
    assert run_command(words(folder, "--storage", kept, "--trials", "2", "--seed", "8")) == 2
    assert "study `vol-target` is of another seed: 7, requested 8" in capsys.readouterr().err


def test_an_objective_of_ones_own_in_the_current_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_aims.py").write_text("def calm(row):\n    return -row['annual_volatility']\n")
    done = subprocess.run(
        [
            Path(sys.executable).parent / "undertow",
            *words(folder, "--objective", "my_aims:calm", "--trials", "3", "--json"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    assert said["objectives"]["my_aims:calm"] == pytest.approx(-said["metrics"]["annual_volatility"])
