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
    index = package / "signals" / "__pycache__" / "outer.doubled_nb-4.nbi"
    index.touch()
    os.utime(package / "signals" / "inner.py", (1, 1))
    assert not drop_stale_code(package)
    assert index.exists()


FACE = """if TYPE_CHECKING:
    from {name}.market.hours import HOUR, Hours, hours_nb
"""
HOURS = """from {name}.market.units import {unit} as FACTOR

HOUR = FACTOR * 60
OTHER = {other}

def hours_nb(x):
    return x

@overload(hours_nb)
def _compiled_hours(x):
    return lambda x: {compiled} * x

class Hours(NamedTuple):
    hours: int

def plain():
    return {plain}
"""
READER = """import numba
from {name}.market import HOUR, Hours, hours_nb

def helper(x):
    return hours_nb(x) / HOUR

@numba.njit
def read_nb(x: Hours):
    return helper(x)
"""
SOURCES = {"unit": "MINUTE", "other": 1, "compiled": 1, "plain": 1}


@pytest.mark.parametrize(
    ("change", "dropped"), [("unit", True), ("compiled", True), ("other", False), ("plain", False), ("minute", True)]
)
def test_code_goes_where_a_definition_that_it_reaches_changed(package: Path, change: str, dropped: bool) -> None:
    def write(**changed: object) -> None:
        given = {"name": package.name, **SOURCES, "minute": 60, **changed}
        (package / "market" / "units.py").write_text("MINUTE = {minute}\nSECOND = 1\n".format(**given))
        (package / "market" / "hours.py").write_text(HOURS.format(**given))
        (package / "market" / "__init__.py").write_text(FACE.format(**given))
        (package / "signals" / "reader.py").write_text(READER.format(**given))

    write()
    drop_stale_code(package)
    index = package / "signals" / "__pycache__" / "reader.read_nb-7.nbi"
    kept = package / "signals" / "__pycache__" / "outer.doubled_nb-4.nbi"
    for path in (index, kept):
        path.touch()
    write(**{change: "SECOND" if change == "unit" else 2})
    assert drop_stale_code(package) is dropped
    assert index.exists() is not dropped
    assert kept.exists()


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
