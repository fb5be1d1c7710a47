"""What is installed from the built wheel works with the sources out of reach, and so does what the sdist holds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from contextlib import suppress
from pathlib import Path
from zipfile import ZipFile

import pytest

from support.paths import PROJECT

TABLE = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]


def folder_of(package: str) -> Path:
    """Where a package's sources lie: a floor is at the top, and what is in it below."""
    parts = package.split(".")
    mapped = TABLE["package-dir"].get(".".join(parts[:2]))
    return PROJECT / mapped / Path(*parts[2:]) if mapped else PROJECT / "src" / Path(*parts)


def run(*words: str | Path, cwd: Path, **environment: str) -> str:
    """Run a command with nothing of Python's environment but `environment`; its output where it fails."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "COV"))}
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env={**kept, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the sdist, built from a copy: nothing is left in the tree."""
    root = tmp_path_factory.mktemp("build")
    copy = root / "project"
    copy.mkdir()
    skipped = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("src", *(folder for folder in TABLE["package-dir"].values() if "/" not in folder)):
        shutil.copytree(PROJECT / name, copy / name, symlinks=True, ignore=skipped)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, copy / name)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", root / "dist", copy, cwd=root)
    (built,) = (root / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("installed")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps", "--no-index")
    run(*pip, "--no-compile", "--target", target, wheel, cwd=target)
    lend_compiled_code(target)
    return target


def lend_compiled_code(target: Path) -> None:
    """Give an installed copy the machine code of the checkout: compiling it a second time would show nothing.

    Numba takes such code where the source has the time and the size that it had, the project where its stamp agrees.
    """
    for package in TABLE["packages"]:
        folder, copy = folder_of(package), target / package.replace(".", "/")
        for source in folder.glob("*.py"):
            assert (copy / source.name).read_bytes() == source.read_bytes()
            times = source.stat()
            os.utime(copy / source.name, ns=(times.st_atime_ns, times.st_mtime_ns))
        for code in (*folder.glob("__pycache__/*.nb?"), *folder.glob("__pycache__/compiled.txt")):
            (copy / "__pycache__").mkdir(exist_ok=True)
            # Another process may be replacing it.
            with suppress(FileNotFoundError):
                shutil.copy(code, copy / "__pycache__")


def test_wheel_holds_every_file_of_every_package(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {
        f"{package.replace('.', '/')}/{file.name}"
        for package in TABLE["packages"]
        for file in folder_of(package).iterdir()
        if file.is_file() and file.suffix != ".pyc"
    }
    assert names == expected
    pages = {f"undertow/tearsheets/html/{name}" for name in ("page.css", "page.html")}
    assert {"undertow/py.typed", "undertow/backtests/validation/walk_forward.py", *pages} <= names


def test_smoke_subset_against_the_wheel(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    shutil.copy(PROJECT / "tests" / "house" / "test_smoke.py", tmp_path / "tests")
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    # Without `site` no .pth file is read, so an editable install has no say.
    path = os.pathsep.join((str(installed), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
    report = run(
        *(sys.executable, "-S", "-m", "pytest", "-m", "smoke", "-q", "-p", "no:cacheprovider", "tests/test_smoke.py"),
        cwd=tmp_path,
        PYTHONPATH=path,
        PYTHONDONTWRITEBYTECODE="1",
        UNDERTOW_MUST_LIE_IN=str(installed),
    )
    assert " passed" in report
    assert "skipped" not in report
