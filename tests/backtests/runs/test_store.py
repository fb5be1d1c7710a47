"""The result store: what goes in comes out, all or nothing, and equal runs give equal bytes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import undertow as ut
from undertow.backtests import folders as store
from undertow.backtests.runs.saved import TABLES
from undertow.market.files import drafts

FILES = {
    *("run.json", "metrics.json", "returns.parquet", "weights.parquet", "orders.parquet", "episodes.parquet"),
    *("tax.json", "attribution.json", "rule.json", "reasons.parquet", "tearsheet.html", "figure.png"),
}
# The second process of the determinism test makes the same run from nothing but these words.
RECIPE = (
    "import undertow as ut; market = ut.simulate_market(seed=3, years=0.8, names=5); "
    "run = ut.backtest(ut.strategies.LiquidityDrain(lag=12), market)"
)


@pytest.fixture(scope="module")
def market() -> ut.Market:
    return ut.simulate_market(seed=3, years=0.8, names=5)


@pytest.fixture(scope="module")
def run(market: ut.Market) -> ut.Run:
    return ut.backtest(ut.strategies.LiquidityDrain(lag=12), market)


@pytest.fixture(scope="module")
def passive(market: ut.Market) -> ut.Run:
    """A run without episodes: one of its tables has no rows."""
    return ut.backtest(ut.strategies.BuyAndHold(), market)


Page = Callable[[ut.Run, Path], Path]


def write_page(run: ut.Run, path: Path) -> Path:
    path.write_text(f"page of {run.name}", encoding="utf-8")
    return path


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> dict[str, Page]:
    """Pages that cost nothing, by name; a test may put in others."""
    written: dict[str, Page] = {"tearsheet": write_page, "figure": write_page}
    monkeypatch.setattr("undertow.backtests.runs.run.load", lambda group, name: written[name])
    return written


def prints(folder: Path) -> dict[str, str]:
    """The name and the digest of every file below `folder`."""
    return {
        str(file.relative_to(folder)): sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def strict_json(file: Path) -> Any:
    def refuse(name: str) -> float:
        raise AssertionError(f"{file.name} holds {name}")

    return json.loads(file.read_text(encoding="utf-8"), parse_constant=refuse)


@pytest.mark.parametrize("fixture", ["run", "passive"])
@pytest.mark.usefixtures("pages")
def test_round_trip(fixture: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    run: ut.Run = request.getfixturevalue(fixture)
    assert run.save(tmp_path / "run") == tmp_path / "run"
    loaded = ut.load_run(tmp_path / "run")
    assert loaded.recipe == run.recipe
    assert loaded.counts == run.counts
    assert loaded.metrics == pytest.approx(run.metrics, rel=0, abs=0, nan_ok=True)
    for table in ("series", "weights", "orders", "episodes"):
        before, after = getattr(run, table), getattr(loaded, table)
        pd.testing.assert_frame_equal(after, before, check_exact=True, check_freq=True)
        assert list(after.dtypes) == list(before.dtypes)
    with pytest.raises(ut.ParameterError, match="no vectorbt portfolio"):
        _ = loaded.portfolio


def test_a_folder_holds_what_the_words_say(run: ut.Run, tmp_path: Path) -> None:
    folder = run.save(tmp_path / "new" / "run")
    assert {file.name for file in folder.iterdir()} == FILES
    assert (folder / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert "</html>" in (folder / "tearsheet.html").read_text(encoding="utf-8")
    recipe = strict_json(folder / "run.json")
    assert recipe["seed"] == 3
    assert recipe["versions"]["undertow"]
    metrics = strict_json(folder / "metrics.json")
    assert metrics["run"] == run.metrics
    assert set(metrics) == {"run", "buy-and-hold", "GROW", "deflated"}
    assert metrics["deflated"] == store.json_ready(run.deflated_as_dict)
    assert set(metrics["deflated"]) == {"over_hold", "absolute"}
    assert [file for file in folder.parent.iterdir() if file.name != "run"] == []


def test_equal_runs_give_equal_bytes_in_every_process(run: ut.Run, tmp_path: Path) -> None:
    first = prints(run.save(tmp_path / "first"))
    second = prints(run.save(tmp_path / "again"))
    script = f"{RECIPE}; run.save({str(tmp_path / 'elsewhere')!r})"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=300, capture_output=True)
    assert set(first) == FILES
    assert first == second
    assert first == prints(tmp_path / "elsewhere")


@pytest.mark.usefixtures("pages")
def test_json_holds_null_where_a_figure_is_not_a_number(run: ut.Run, tmp_path: Path) -> None:
    flat = run.series.assign(**{"return": 0.0, "costs": np.inf})
    folder = replace(run, series=flat, counts={**run.counts, "share": float("nan")}).save(tmp_path / "run")
    assert strict_json(folder / "run.json")["counts"]["share"] is None
    metrics = strict_json(folder / "metrics.json")["run"]
    assert metrics["costs_paid"] is None
    assert metrics["annual_sharpe"] is None


class TestAllOrNothing:
    @pytest.mark.parametrize("interruption", [ValueError, OSError, KeyboardInterrupt])
    def test_failing_half_way_leaves_nothing(
        self, run: ut.Run, pages: dict[str, Page], interruption: type[BaseException], tmp_path: Path
    ) -> None:
        def fail(run: ut.Run, path: Path) -> Path:
            assert set(prints(path.parent)) >= {"run.json", "orders.parquet", "tearsheet.html"}
            raise interruption

        pages["figure"] = fail
        with pytest.raises(interruption):
            run.save(tmp_path / "two" / "levels" / "run")
        assert list(tmp_path.iterdir()) == []

    def test_failing_half_way_keeps_the_earlier_run(
        self, run: ut.Run, passive: ut.Run, pages: dict[str, Page], tmp_path: Path
    ) -> None:
        before = prints(passive.save(tmp_path / "run"))

        def fail(run: ut.Run, path: Path) -> Path:
            raise ValueError

        pages["tearsheet"] = fail
        with pytest.raises(ValueError):
            run.save(tmp_path / "run")
        assert prints(tmp_path) == {f"run/{name}": digest for name, digest in before.items()}

    @pytest.mark.usefixtures("pages")
    def test_failing_at_the_last_step_puts_the_earlier_run_back(
        self, run: ut.Run, passive: ut.Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        before = prints(passive.save(tmp_path / "run"))
        rename = store.os.replace

        def fail_second(source: Path, target: Path) -> None:
            # The new result cannot take the place that the earlier one has just left.
            if source.name == "new" and not target.exists():
                raise OSError("the disk is gone")
            rename(source, target)

        monkeypatch.setattr(drafts, "exchange_paths", lambda first, second: False)
        monkeypatch.setattr(store.os, "replace", fail_second)
        with pytest.raises(OSError, match="the disk is gone"):
            run.save(tmp_path / "run")
        assert prints(tmp_path) == {f"run/{name}": digest for name, digest in before.items()}

    @pytest.mark.usefixtures("pages")
    def test_an_earlier_run_is_replaced_whole(self, run: ut.Run, passive: ut.Run, tmp_path: Path) -> None:
        passive.save(tmp_path / "run")
        (tmp_path / "run" / "left-over.parquet").write_bytes(b"")
        run.save(tmp_path / "run")
        assert {file.name for file in (tmp_path / "run").iterdir()} == FILES
        assert ut.load_run(tmp_path / "run").name == "liquidity-drain"
        assert [file.name for file in tmp_path.iterdir()] == ["run"]

    @pytest.mark.usefixtures("pages")
    def test_an_empty_folder_is_filled(self, run: ut.Run, tmp_path: Path) -> None:
        (tmp_path / "run").mkdir()
        run.save(tmp_path / "run")
        assert (tmp_path / "run" / "run.json").is_file()

    @pytest.mark.usefixtures("pages")
    def test_a_link_stays_a_link(self, run: ut.Run, tmp_path: Path) -> None:
        (tmp_path / "there").mkdir()
        (tmp_path / "link").symlink_to("there")
        run.save(tmp_path / "link")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "there" / "run.json").is_file()

    @pytest.mark.usefixtures("pages")
    def test_the_current_folder_can_be_the_target(
        self, run: ut.Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "here").mkdir()
        monkeypatch.chdir(tmp_path / "here")
        run.save(".")
        assert (tmp_path / "here" / "run.json").is_file()


class TestRefused:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "thesis").mkdir()
        (tmp_path / "thesis" / "chapter.txt").write_text("years of work", encoding="utf-8")
        (tmp_path / "file").write_text("text", encoding="utf-8")
        return tmp_path

    @pytest.mark.parametrize(
        ("target", "message"),
        [
            ("thesis", "a folder with other files in it"),
            ("file", "is a file; name a folder"),
            ("file/below/run", "lies below .*file', which is a file"),
        ],
    )
    def test_what_is_not_a_run_is_never_touched(self, run: ut.Run, folder: Path, target: str, message: str) -> None:
        before = prints(folder)
        with pytest.raises(ut.ParameterError, match=message):
            run.save(folder / target)
        assert prints(folder) == before

    def test_no_permission(self, run: ut.Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        # Asked of the system and not tried, because tests may run as a user who may write anywhere.
        monkeypatch.setattr(store.os, "access", lambda path, mode: False)
        with pytest.raises(ut.ParameterError, match="cannot be written: no permission in"):
            run.save(tmp_path / "new" / "run")
        assert list(tmp_path.iterdir()) == []

    def test_a_file_system_that_lets_nothing_be_written(
        self, run: ut.Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        def refused(**_: object) -> str:
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr(store.tempfile, "TemporaryFile", refused)
        with pytest.raises(ut.ParameterError, match=r"cannot be written: read-only file system in .*; name another"):
            store.check_replaceable(tmp_path / "new" / "run")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(("file", "what"), [("walk.json", "a walk-forward"), ("best.json", "a search")])
    def test_a_run_does_not_replace_what_is_more_than_a_run(
        self, run: ut.Run, pages: dict[str, Page], tmp_path: Path, file: str, what: str
    ) -> None:
        folder = run.save(tmp_path / "run")
        (folder / file).write_text("{}")
        with pytest.raises(
            ut.ParameterError, match=f"holds {what}, which a backtest does not replace; name another folder"
        ):
            run.save(folder)
        store.check_replaceable(folder, file)
        (folder / file).unlink()
        store.check_replaceable(folder)
        with pytest.raises(ut.ParameterError, match=f"holds a backtest, which {what} does not replace"):
            store.check_replaceable(folder, file)


class TestLoading:
    @pytest.fixture
    def folder(self, run: ut.Run, pages: dict[str, Page], tmp_path: Path) -> Path:
        assert pages
        return run.save(tmp_path / "run")

    def test_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(ut.DataError, match=r"nowhere: no run\.json; a run is saved by `undertow backtest --out`"):
            ut.load_run(tmp_path / "nowhere")

    @pytest.mark.parametrize("table", TABLES)
    def test_missing_table(self, folder: Path, table: str) -> None:
        (folder / f"{table}.parquet").unlink()
        with pytest.raises(ut.DataError, match=rf"run: not a readable run: .*{table}\.parquet"):
            ut.load_run(folder)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("{", "not a readable run: Expecting property name"),
            ("", "not a readable run: Expecting value"),
            ("[]", "run.json has no `counts`"),
            ('"text"', "run.json has no `counts`"),
            ("{}", "run.json has no `counts`"),
            ('{"counts": {}}', "missing .* required positional arguments"),
            ('{"counts": {}, "mystery": 1}', "not a readable run: .*mystery"),
        ],
    )
    def test_corrupt_recipe(self, folder: Path, text: str, message: str) -> None:
        (folder / "run.json").write_text(text, encoding="utf-8")
        with pytest.raises(ut.DataError, match=message):
            ut.load_run(folder)

    @pytest.mark.parametrize("content", [b"", b"not parquet", b"PAR1" + bytes(40) + b"PAR1"])
    def test_corrupt_table(self, folder: Path, content: bytes) -> None:
        (folder / "weights.parquet").write_bytes(content)
        with pytest.raises(ut.DataError, match="not a readable run"):
            ut.load_run(folder)


def test_files_that_do_not_belong_together_are_no_run(tmp_path: Path) -> None:
    run = ut.backtest(ut.strategies.LiquidityDrain(), ut.simulate_market(seed=4, years=1, names=5))
    for name, spoil, message in (
        ("returns", lambda table: table.iloc[:100], "returns.parquet has 100 sessions, run.json has"),
        ("returns", lambda table: table.drop(columns="return"), "returns.parquet has no `return`"),
        ("weights", lambda table: table.iloc[1:], "weights.parquet and returns.parquet have different sessions"),
    ):
        folder = run.save(tmp_path / "run")
        file = folder / f"{name}.parquet"
        spoil(pd.read_parquet(file)).to_parquet(file)
        with pytest.raises(ut.DataError, match=message):
            ut.load_run(folder)
