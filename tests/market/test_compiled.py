"""Machine code is dropped when a source that it was made from has changed, though its own file has not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import undertow
from undertow.market import drop_stale_code
from undertow.market.compiled import FOLDERS

INNER = "from numba import njit\n\n@njit(cache=True)\ndef rate_nb():\n    return {rate}\n"
OUTER = """from numba import njit
from inner import rate_nb

@njit(cache=True)
def doubled_nb():
    return 2 * rate_nb()
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for folder in FOLDERS:
        (tmp_path / folder / "__pycache__").mkdir(parents=True, exist_ok=True)
    (tmp_path / "signals" / "inner.py").write_text(INNER.format(rate=1))
    (tmp_path / "signals" / "outer.py").write_text(OUTER)
    return tmp_path


def doubled(package: Path) -> str:
    command = [sys.executable, "-c", "from outer import doubled_nb; print(doubled_nb())"]
    done = subprocess.run(command, cwd=package / "signals", capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_changed_function_reaches_the_compiled_code_of_another_file(package: Path) -> None:
    drop_stale_code(package)
    assert doubled(package) == "2"
    (package / "signals" / "inner.py").write_text(INNER.format(rate=10))
    assert drop_stale_code(package)
    assert doubled(package) == "20"
    assert not drop_stale_code(package)


def test_code_stays_where_only_the_time_of_a_file_changed(package: Path) -> None:
    drop_stale_code(package)
    index = package / "signals" / "__pycache__" / "outer.nbi"
    index.touch()
    os.utime(package / "signals" / "inner.py", (1, 1))
    assert not drop_stale_code(package)
    assert index.exists()
    (package / "market" / "constants.py").write_text("SESSIONS = 365\n")
    assert drop_stale_code(package)
    assert not index.exists()


def test_a_folder_that_cannot_be_written_is_left_alone(package: Path) -> None:
    (package / "__pycache__").write_text("no folder")
    assert not drop_stale_code(package)


def test_every_compiled_function_lies_in_a_watched_folder() -> None:
    root = Path(undertow.__file__).parent
    compiled = {
        str(path.parent.relative_to(root))
        for floor in root.iterdir()
        for path in floor.rglob("*.py")
        if "@njit" in path.read_text(encoding="utf-8")
    }
    assert compiled <= set(FOLDERS)
    assert compiled
