"""The example plug-in, installed for itself into an empty folder and used from the command line."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from support.paths import PROJECT

PLUGIN = PROJECT / "examples" / "plugin"
MODULE = "undertow_example_plugin"


def run(*words: str, at: Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    found = [str(path) if path else "", os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, found)), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, *words], cwd=at, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def undertow(*words: str, path: Path, at: Path) -> str:
    done = run("-m", "undertow", *words, path=path, at=at)
    assert done.returncode == 0, done.stderr
    return done.stdout


def can_build_wheels() -> bool:
    if any(importlib.util.find_spec(each) is None for each in ("setuptools", "pip")):
        return False
    # Since 70.1 setuptools builds wheels by itself.
    release = tuple(int(part) for part in version("setuptools").split(".")[:2])
    return release >= (70, 1) or importlib.util.find_spec("wheel") is not None


def install_by_pip(source: Path, target: Path) -> None:
    done = run(
        *("-m", "pip", "install", "--no-deps", "--no-build-isolation", "--no-index", "--quiet"),
        *("--disable-pip-version-check", "--target", str(target), str(source)),
        at=source,
    )
    assert done.returncode == 0, done.stderr


def install_by_hand(source: Path, target: Path) -> None:
    """What an installer leaves behind, from the same `pyproject.toml`: the module and its entry points."""
    project = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    target.mkdir()
    shutil.copy(source / f"{MODULE}.py", target)
    folder = target / f"{MODULE}-{project['version']}.dist-info"
    folder.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (folder / "METADATA").write_text(metadata, encoding="utf-8")
    groups = [
        f"[{group}]\n" + "".join(f"{name} = {where}\n" for name, where in points.items())
        for group, points in project["entry-points"].items()
    ]
    (folder / "entry_points.txt").write_text("\n".join(groups), encoding="utf-8")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """By pip, or by hand where pip cannot build without a network: setuptools before 70.1 and no wheel."""
    home = tmp_path_factory.mktemp("plugin")
    # A build writes beside its sources, so it gets its own copy.
    source = Path(shutil.copytree(PLUGIN, home / "source", ignore=shutil.ignore_patterns("__pycache__", "build")))
    (install_by_pip if can_build_wheels() else install_by_hand)(source, home / "site")
    return home / "site"


def test_it_is_listed(installed: Path, tmp_path: Path) -> None:
    assert "volume-caution" in undertow("list", "strategies", path=installed, at=tmp_path)
    listed = undertow("list", "signals", "-v", path=installed, at=tmp_path)
    assert "volume-surge" in listed
    assert "window=168 in 24 to 720 hours" in listed


def test_it_backtests_by_its_name_on_the_simulated_market(installed: Path, tmp_path: Path) -> None:
    words = ("backtest", "--strategy", "volume-caution", "--set", "surge=3", "--json")
    summary = json.loads(undertow(*words, path=installed, at=tmp_path))
    assert summary["strategy"] == "volume-caution"
    assert summary["parameters"]["surge"] == 3.0


def test_it_is_reached_as_module_and_class_without_being_installed(tmp_path: Path) -> None:
    shutil.copy(PLUGIN / f"{MODULE}.py", tmp_path)
    words = ("backtest", "--strategy", f"{MODULE}:VolumeCaution", "--end", "2019-06-28", "--json")
    assert json.loads(undertow(*words, path=tmp_path, at=tmp_path))["strategy"] == "volume-caution"
    plot = ("signals", "plot", "--signal", f"{MODULE}:VolumeSurge", "--set", "window=720", "--out", "surge.html")
    undertow(*plot, path=tmp_path, at=tmp_path)
    assert "Volume surge" in (tmp_path / "surge.html").read_text(encoding="utf-8")


def test_its_own_contract_tests_pass(installed: Path) -> None:
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", str(PLUGIN / "tests"), path=installed, at=installed)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


def test_its_entry_points_name_what_is_in_the_module() -> None:
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    source = (PLUGIN / f"{MODULE}.py").read_text(encoding="utf-8")
    for points in project["entry-points"].values():
        for name, where in points.items():
            module, _, attribute = where.partition(":")
            assert module == MODULE
            assert f"{attribute} = indicator(" in source or f"class {attribute}(Strategy)" in source, name
