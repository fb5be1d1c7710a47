"""Packages match the folders, links and entry points name what exists, tests mirror the packages."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest
from measure import FACE, FLOORS, House, defined

from support.paths import PROJECT

HOUSE = House(PROJECT)
TESTS = PROJECT / "tests"
# Folders of tests that mirror no package: the layout itself, and the helpers.
OTHER_TESTS = {"fuzz", "house", "support"}


@pytest.fixture(scope="module")
def setuptools_table() -> dict[str, object]:
    table: dict[str, object] = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "setuptools"
    ]
    return table


def packages() -> set[str]:
    return {name for name, file in HOUSE.modules.items() if file.name == "__init__.py"}


def test_packages_are_the_folders_that_hold_an_init(setuptools_table: dict[str, object]) -> None:
    listed = setuptools_table["packages"]
    assert isinstance(listed, list)
    assert sorted(listed) == sorted(packages())
    assert setuptools_table["package-dir"] == {
        "undertow": "src/undertow",
        **{f"undertow.{floor}": floor for floor in FLOORS},
    }


def test_every_folder_of_modules_is_a_package() -> None:
    folders = {file.parent for file in HOUSE.modules.values()}
    assert not [folder for folder in folders if not (folder / "__init__.py").is_file()]


@pytest.mark.parametrize("floor", FLOORS)
def test_each_floor_has_its_relative_link(floor: str) -> None:
    link = PROJECT / "src" / "undertow" / floor
    assert link.is_symlink()
    assert link.readlink() == Path("..", "..", floor)


def test_package_data_matches_what_lies_in_the_floors(setuptools_table: dict[str, object]) -> None:
    data = setuptools_table["package-data"]
    assert isinstance(data, dict)
    for package in packages():
        folder = HOUSE.modules[package].parent
        listed = {file for pattern in data.get(package, []) for file in folder.glob(pattern)}
        files = {file for file in folder.iterdir() if file.is_file() and file.suffix not in (".py", ".pyc")}
        assert files == listed, f"{package}: package-data does not list {sorted(files - listed)}"


def test_entry_points_name_what_exists() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    points = [*project["scripts"].items()]
    points += [point for group in project["entry-points"].values() for point in group.items()]
    for name, value in points:
        module, attribute = value.split(":")
        assert module in HOUSE.modules, name
        assert attribute in {*defined(HOUSE.trees[module]), *public_names(module)}, name


def public_names(module: str) -> list[str]:
    """`__all__` of a face."""
    for node in HOUSE.trees[module].body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]:
            return [str(name) for name in ast.literal_eval(node.value)]
    return []


@pytest.mark.parametrize("package", sorted(packages()))
def test_a_face_lists_what_is_public_and_loads_it_on_first_use(package: str) -> None:
    tree = HOUSE.trees[package]
    docstring = ast.get_docstring(tree)
    assert docstring, "a line that says what the package is for"
    assert len(docstring.split("\n")[0]) <= 120
    assert any("__all__" in ast.unparse(node) for node in tree.body if isinstance(node, ast.Assign))
    early = [
        node.module
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith(f"{package}.")
        and node.module not in ("undertow.market", "undertow.market.lazy")
    ]
    assert not early, "loaded at once"


def test_a_face_hands_on_every_name_that_it_lists() -> None:
    import importlib

    for package in sorted(packages()):
        module = importlib.import_module(package)
        missing = [name for name in public_names(package) if not hasattr(module, name)]
        assert not missing, package


def test_tests_mirror_the_packages() -> None:
    rooms = {
        "/".join(file.parent.relative_to(HOUSE.folder(FACE) if floor == FACE else PROJECT).parts)
        for floor in (*FLOORS, FACE)
        for file in HOUSE.folder(floor).rglob("__init__.py")
        if not any(parent.is_symlink() for parent in file.parents)
    }
    tested = {"/".join(file.parent.relative_to(TESTS).parts) for file in TESTS.rglob("test_*.py")}
    assert tested - rooms - OTHER_TESTS == set()
    assert not [str(file) for file in TESTS.glob("test_*.py")]


def test_no_test_imports_from_conftest_or_a_private_name() -> None:
    wrong = []
    for file in TESTS.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                private = [alias.name for alias in node.names if alias.name.startswith("_")]
                if node.module == "conftest" or ((node.module or "").startswith("undertow") and private):
                    wrong.append(f"{file.relative_to(PROJECT)}:{node.lineno}")
    assert not wrong
