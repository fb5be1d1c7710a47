"""Results take the place of earlier ones at once: killed writers, full disks, locks."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

import undertow as ut
from support.paths import PROJECT
from undertow.market.files import (
    disk_errors,
    drafts,
    exchange_paths,
    lock,
    recover,
    replacement,
    try_lock,
    write_atomic,
)


def fill(folder: Path, text: str) -> None:
    with replacement(folder) as draft:
        draft.mkdir()
        (draft / "file").write_text(text, encoding="utf-8")


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def killed(folder: Path, kills: int, way: str) -> list[list[str]]:
    script = PROJECT / "tests" / "support" / "killed_writers.py"
    argv = [sys.executable, str(script), str(folder), str(kills), "7", way]
    return [
        line.split()
        for line in subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split("\n")[:-1]
    ]


class TestKilledWriters:
    @pytest.mark.parametrize("way", ["exchange", "renames"])
    def test_at_thirty_random_instants_the_old_or_the_new_result_is_there(self, tmp_path: Path, way: str) -> None:
        outcomes = killed(tmp_path, 30, way)
        assert len(outcomes) == 30
        last = 0
        for before, after, *left in outcomes:
            assert left == []
            assert int(after) >= last
            assert before == after or (way == "renames" and before in ("none", "mixed"))
            last = int(after)
        assert last > 0

    def test_between_the_two_renames_the_new_result_is_there_at_the_next_start(self, tmp_path: Path) -> None:
        assert killed(tmp_path, 3, "between") == [["none", "1"], ["none", "2"], ["none", "3"]]


@pytest.mark.parametrize("exchange", [True, False])
def test_a_folder_takes_the_place_of_another_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: bool
) -> None:
    if not exchange:
        monkeypatch.setattr(drafts, "exchange_paths", lambda first, second: False)
    for text in ("one", "two", "three"):
        fill(tmp_path / "new" / "run", text)
        assert (tmp_path / "new" / "run" / "file").read_text(encoding="utf-8") == text
        assert names(tmp_path / "new") == ["run"]


def test_two_folders_are_exchanged_where_the_system_can(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    if exchange_paths(tmp_path / "a", tmp_path / "b"):
        assert (names(tmp_path / "a"), names(tmp_path / "b")) == (["b"], ["a"])
    elif sys.platform in ("linux", "darwin"):
        pytest.skip("this file system cannot exchange two folders")
    assert not exchange_paths(tmp_path / "a", tmp_path / "missing")


def test_a_draft_in_use_stays(tmp_path: Path) -> None:
    with replacement(tmp_path / "run") as draft:
        draft.mkdir()
        recover(tmp_path)
        assert draft.is_dir()
        # Another writer beside it, and in it.
        fill(tmp_path / "other", "text")
        fill(draft / "inner", "text")
        assert names(draft) == ["inner"]
    assert names(tmp_path) == ["other", "run"]


def test_only_drafts_are_removed(tmp_path: Path) -> None:
    for name in (".undertow-settings", ".undertow-draft-notes-of-mine", "run"):
        (tmp_path / name).mkdir()
    (tmp_path / ".undertow-draft-afileabc").touch()
    (tmp_path / ".undertow-draft-abcdefgh").mkdir()
    (tmp_path / ".undertow-draft-alink_12").symlink_to(tmp_path / "run")
    recover(tmp_path)
    assert ".undertow-draft-abcdefgh" not in names(tmp_path)
    assert len(names(tmp_path)) == 5


@pytest.mark.parametrize("name", ["../escaped", "", "..", "a\0b"])
def test_a_draft_of_somebody_else_leaves_no_result_outside(tmp_path: Path, name: str) -> None:
    container = tmp_path / "results" / ".undertow-draft-abcdefgh"
    for part in ("new", "old"):
        (container / part).mkdir(parents=True)
    (container / "lock").write_text(name, encoding="utf-8")
    recover(tmp_path / "results")
    assert names(tmp_path) == ["results"]
    assert names(tmp_path / "results") == []


@pytest.mark.parametrize("kind", ["pipe", "link to nothing", "link to a pipe"])
def test_a_lock_that_is_no_plain_file_blocks_nobody_and_makes_nothing(tmp_path: Path, kind: str) -> None:
    container = tmp_path / "results" / ".undertow-draft-abcdefgh"
    container.mkdir(parents=True)
    os.mkfifo(tmp_path / "pipe")
    if kind == "pipe":
        os.mkfifo(container / "lock")
    else:
        (container / "lock").symlink_to(tmp_path / ("pipe" if kind.endswith("pipe") else "elsewhere"))
    recover(tmp_path / "results")
    fill(tmp_path / "results" / "run", "text")
    assert names(tmp_path) == ["pipe", "results"]
    assert "run" in names(tmp_path / "results")


def test_a_file_system_without_locks_is_written_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int) -> bool:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("undertow.market.files.drafts.try_lock", refuse)
    fill(tmp_path / "run", "text")
    fill(tmp_path / "run", "text")
    assert names(tmp_path) == ["run"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS])
def test_a_full_disk_is_reported_with_the_path(tmp_path: Path, code: int) -> None:
    fill(tmp_path / "run", "old")

    def write() -> None:
        with replacement(tmp_path / "run") as draft:
            draft.mkdir()
            raise OSError(code, os.strerror(code))

    with pytest.raises(ut.DataError, match=rf"{tmp_path}/run: cannot be written: .*; nothing was changed there"):
        write()
    assert names(tmp_path) == ["run"]
    assert (tmp_path / "run" / "file").read_text(encoding="utf-8") == "old"


def test_a_really_full_disk_is_reported_with_the_path(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("the system has no /dev/full")
    with pytest.raises(ut.DataError, match="no space is left on the disk"), disk_errors(tmp_path / "page.html"):
        Path("/dev/full").write_bytes(b"text")


def test_other_errors_of_the_system_pass(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacement(tmp_path / "run"):
        (tmp_path / "missing").read_bytes()
    assert names(tmp_path) == []


def test_a_file_is_written_whole_and_a_link_stays(tmp_path: Path) -> None:
    (tmp_path / "link.html").symlink_to("page.html")
    assert write_atomic(tmp_path / "link.html", b"one") == tmp_path / "link.html"
    write_atomic(tmp_path / "page.html", b"two")
    assert (tmp_path / "link.html").read_bytes() == b"two"
    assert names(tmp_path) == ["link.html", "page.html"]
    assert (tmp_path / "page.html").stat().st_mode & 0o777 == 0o644


def test_a_lock_is_of_one_holder(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("ab") as first, (tmp_path / "lock").open("ab") as second:
        lock(first.fileno())
        assert not try_lock(second.fileno())
    with (tmp_path / "lock").open("ab") as third:
        assert try_lock(third.fileno())


@pytest.fixture(scope="module")
def run() -> ut.Run:
    return ut.backtest(ut.strategies.BuyAndHold(), ut.simulate_market(seed=3, years=0.8, names=5))


class TestEveryWriter:
    """Files that may not grow, as on a full disk: each writer names the path that the user named."""

    @pytest.mark.parametrize("size", [300, 20_000])
    def test_a_run_a_page_and_a_table(
        self, run: ut.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
    ) -> None:
        resource = pytest.importorskip("resource")
        run.save(tmp_path / "run")
        before = {file.name: file.read_bytes() for file in (tmp_path / "run").iterdir()}
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        try:
            for write, name in ((run.save, "run"), (run.tearsheet, "page.html"), (run.figure, "figure.png")):
                with pytest.raises(ut.DataError, match=rf"^{tmp_path}/{name}: cannot be written: the file is larger"):
                    write(tmp_path / name)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert names(tmp_path) == ["run"]
        assert {file.name: file.read_bytes() for file in (tmp_path / "run").iterdir()} == before

    def test_a_market(self, tmp_path: Path) -> None:
        resource = pytest.importorskip("resource")
        market = ut.simulate_market(seed=3, years=0.8, names=5)
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        try:
            with pytest.raises(ut.DataError, match=rf"^{tmp_path}/market: cannot be written: the file is larger"):
                ut.write_market(market, tmp_path / "market")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert names(tmp_path) == []


def test_a_reader_finds_the_new_run_after_a_kill_between_the_renames(tmp_path: Path) -> None:
    market = ut.simulate_market(seed=3, years=0.8, names=5)
    container = tmp_path / ".undertow-draft-abcdefgh"
    container.mkdir()
    ut.backtest(ut.strategies.BuyAndHold(), market).save(container / "old")
    ut.backtest(ut.strategies.VolTarget(), market).save(container / "new")
    (container / "lock").write_text("run", encoding="utf-8")
    assert ut.load_run(tmp_path / "run").name == "vol-target"
    assert names(tmp_path) == ["run"]
