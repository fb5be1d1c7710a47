"""The `__init__` of a package lists what is public, and loads it on first use."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from support.paths import PROJECT

FLOORS = ("market", "signals", "strategies", "backtests", "evidence", "tearsheets")
FACES = tuple(
    "undertow." + ".".join(file.parent.relative_to(PROJECT).parts)
    for floor in FLOORS
    for file in sorted((PROJECT / floor).rglob("__init__.py"))
    if "lazy_names(" in file.read_text(encoding="utf-8")
)


def init_file(package: str) -> Path:
    return PROJECT.joinpath(*package.split(".")[1:], "__init__.py")


def typed_names(package: str) -> set[str]:
    """What a type checker sees in a face: the names imported under `TYPE_CHECKING`, and the helper itself."""
    tree = ast.parse(init_file(package).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module != "__future__"]
    return {alias.name for node in imports for alias in node.names} - {"TYPE_CHECKING"}


def test_the_packages_of_the_two_lowest_floors_have_faces() -> None:
    assert set(FACES) >= {
        "undertow.market",
        "undertow.market.folder",
        "undertow.market.simulator",
        "undertow.signals",
        "undertow.signals.base",
        "undertow.signals.decisions",
    }


@pytest.mark.parametrize("package", FACES)
def test_a_face_lists_the_same_names_three_times(package: str) -> None:
    face = importlib.import_module(package)
    assert sorted(face.__all__) == dir(face)
    assert typed_names(package) - {"lazy_names"} == set(face.__all__) - {"lazy_names"}
    for name in face.__all__:
        assert getattr(face, name) is not None, name


@pytest.mark.parametrize("package", FACES)
def test_no_public_name_is_hidden_by_a_module(package: str) -> None:
    face, folder = importlib.import_module(package), init_file(package).parent
    modules = {file.stem for file in folder.glob("*.py")} & set(face.__all__)
    for name in modules:
        # Python stores an imported module in its package: the function of that name must stay what is public.
        module = importlib.import_module(f"{package}.{name}")
        assert getattr(face, name) is getattr(module, name)
        assert callable(getattr(face, name))
    for name in {file.parent.name for file in folder.glob("*/__init__.py")} & set(face.__all__):
        assert getattr(face, name).__name__ == f"{package}.{name}"


@pytest.mark.parametrize("package", FACES)
def test_the_docstring_is_one_line(package: str) -> None:
    doc = importlib.import_module(package).__doc__
    assert doc is not None
    assert doc.endswith(".")
    assert len(doc.split()) > 3
    assert "\n" not in doc


def test_importing_faces_imports_no_library() -> None:
    script = (
        f"import sys, {', '.join(FACES)}; print([name for name in ('numpy', 'pandas', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_name_is_an_attribute_error_with_the_nearest() -> None:
    script = "import undertow.market as market; market.load_markt"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "module 'undertow.market' has no attribute 'load_markt'" in done.stderr
    assert "load_market" in done.stderr.splitlines()[-1]
