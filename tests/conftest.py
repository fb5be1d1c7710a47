"""Shared fixtures: a tiny market folder that tests corrupt in one place each, and the real one where it is present."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from support.commands import Call, Outcome
from support.paths import PROJECT
from support.tiny import Folder, write_tiny
from undertow import cli
from undertow.market import Market, load_market

settings.register_profile("undertow", deadline=None, max_examples=60, derandomize=True)
settings.load_profile("undertow")


@pytest.fixture
def tiny(tmp_path: Path) -> Folder:
    """A valid folder: 12 sessions, 3 names, hourly BTC, daily liquidations, one universe, two macro series."""
    return write_tiny(tmp_path / "tiny")


@pytest.fixture(scope="session")
def tiny_market(tmp_path_factory: pytest.TempPathFactory) -> Market:
    """The tiny folder, untouched and loaded once."""
    return write_tiny(tmp_path_factory.mktemp("market") / "tiny").load()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder beside the project that holds what is not committed to it."""
    return PROJECT.parent / "shared"


@pytest.fixture(scope="session")
def real_folder(shared: Path) -> Path:
    folder = shared / "data" / "us-growth"
    if not folder.is_dir():
        pytest.skip("real data is absent: shared/data/us-growth is not beside the project")
    return folder


@pytest.fixture(scope="session")
def real_market(real_folder: Path) -> Market:
    return load_market(real_folder)


@pytest.fixture(scope="session", autouse=True)
def _own_ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Trials of the tests are not counted among those of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNDERTOW_LEDGER", str(tmp_path_factory.mktemp("ledger")))
        yield


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command in this process."""

    def calling(*words: str | Path) -> Outcome:
        capsys.readouterr()
        monkeypatch.setattr("sys.argv", ["undertow", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = capsys.readouterr()
        return Outcome(int(end.value.code or 0), printed.out, printed.err)

    return calling
