"""The rules of the house: one arrow of imports, packages that match the folders, nothing shifted by hand."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from support.paths import PROJECT

FLOORS = ("market", "signals", "strategies", "backtests", "evidence", "tearsheets")
FACE = "face"
HEIGHT = {name: height for height, name in enumerate((*FLOORS, FACE))}
HEAVY = ("numpy", "pandas", "vectorbt", "numba", "plotly", "matplotlib", "optuna")
LINES = 400


@dataclass(frozen=True)
class Import:
    """One import of an undertow module by another."""

    importer: str
    imported: str
    line: int
    typing_only: bool


def folder_of(floor: str) -> Path:
    return PROJECT / "src" / "undertow" if floor == FACE else PROJECT / floor


def module_name(floor: str, file: Path) -> str:
    stem = "" if file.stem == "__init__" else f".{file.stem}"
    return f"undertow{stem}" if floor == FACE else f"undertow.{floor}{stem}"


@cache
def modules() -> dict[str, Path]:
    return {module_name(floor, file): file for floor in HEIGHT for file in sorted(folder_of(floor).glob("*.py"))}


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def floor_of(module: str) -> str:
    part = module.split(".")[1] if "." in module else ""
    return part if part in FLOORS else FACE


def is_type_checking(node: ast.stmt) -> bool:
    if not isinstance(node, ast.If):
        return False
    test = node.test
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def walk(node: ast.AST, typing_only: bool = False) -> Iterator[tuple[ast.stmt, bool]]:
    """Every statement, with whether it stands under TYPE_CHECKING."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child, typing_only
            if isinstance(child, ast.If) and is_type_checking(child):
                for part in child.body:
                    yield part, True
                    yield from walk(part, True)
                for part in child.orelse:
                    yield part, typing_only
                    yield from walk(part, typing_only)
                continue
        yield from walk(child, typing_only)


def targets(node: ast.stmt) -> list[str]:
    """The modules that an import statement names; `from package import module` names the module."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = node.module or ""
        submodules = [f"{base}.{alias.name}" for alias in node.names]
        return [each if each in modules() else base for each in submodules]
    return []


@cache
def imports() -> tuple[Import, ...]:
    return tuple(
        Import(importer, target, node.lineno, typing_only)
        for importer, file in modules().items()
        for node, typing_only in walk(tree_of(file))
        for target in targets(node)
        if target.split(".")[0] == "undertow"
    )


def test_a_floor_imports_only_from_floors_below_it() -> None:
    upward = [
        f"{each.importer}:{each.line} imports {each.imported}"
        for each in imports()
        if HEIGHT[floor_of(each.imported)] > HEIGHT[floor_of(each.importer)]
    ]
    assert not upward


def test_the_house_is_seen_whole() -> None:
    # Guards the two tests around it against passing because nothing was parsed.
    assert set(HEIGHT) == {floor_of(name) for name in modules()}
    assert all(any(floor_of(each.importer) == floor for each in imports()) for floor in HEIGHT)
    assert {floor_of(each.imported) for each in imports()} >= set(FLOORS)


def test_no_circle_of_imports() -> None:
    # `import undertow.market` from inside the floor would be a circle too: a package is a node of its own.
    edges: dict[str, set[str]] = {name: set() for name in modules()}
    for each in imports():
        if not each.typing_only and each.imported in edges and each.importer != each.imported:
            edges[each.importer].add(each.imported)
    assert not circle(edges)


def circle(edges: dict[str, set[str]]) -> list[str]:
    """One circle in a graph, as the names along it; empty where there is none."""
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        for target in sorted(edges[name]):
            found = visit(target, [*path, name])
            if found:
                return found
        done.add(name)
        return []

    return next((found for name in sorted(edges) if (found := visit(name, []))), [])


def test_circle_finds_one() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


@pytest.fixture(scope="module")
def setuptools_table() -> dict[str, object]:
    table: dict[str, object] = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "setuptools"
    ]
    return table


def test_packages_are_the_folders_that_hold_an_init(setuptools_table: dict[str, object]) -> None:
    found = {
        ".".join(file.parent.relative_to(PROJECT).parts)
        for pattern in ("*/__init__.py", "*/*/__init__.py", "*/*/*/__init__.py")
        for file in PROJECT.glob(pattern)
        # The links in src/undertow show the floors a second time.
        if not any(parent.is_symlink() for parent in file.parents)
        and not file.relative_to(PROJECT).parts[0].startswith((".", "build", "results"))
    }
    assert found == {*FLOORS, "src.undertow"}
    expected = {"undertow": "src/undertow", **{f"undertow.{floor}": floor for floor in FLOORS}}
    assert setuptools_table["packages"] == list(expected)
    assert setuptools_table["package-dir"] == expected


@pytest.mark.parametrize("floor", FLOORS)
def test_each_floor_has_its_relative_link(floor: str) -> None:
    link = PROJECT / "src" / "undertow" / floor
    assert link.is_symlink()
    assert link.readlink() == Path("..", "..", floor)


def test_package_data_matches_what_lies_in_the_floors(setuptools_table: dict[str, object]) -> None:
    data = setuptools_table["package-data"]
    assert isinstance(data, dict)
    for floor in HEIGHT:
        package = "undertow" if floor == FACE else f"undertow.{floor}"
        folder = folder_of(floor)
        listed = {file for pattern in data.get(package, []) for file in folder.glob(pattern)}
        there = {each for each in folder.iterdir() if each.is_file() and each.suffix not in (".py", ".pyc")}
        assert there == listed, f"{floor}: package-data does not list {sorted(there - listed)}"


def test_entry_points_name_what_is_there() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    points = [*project["scripts"].items()]
    points += [each for group in project["entry-points"].values() for each in group.items()]
    for name, value in points:
        module, attribute = value.split(":")
        assert module in modules(), name
        defined = {
            node.name if isinstance(node, ast.FunctionDef | ast.ClassDef) else node.targets[0].id
            for node in tree_of(modules()[module]).body
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
            or (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name))
        }
        assert attribute in defined, name


def test_import_and_help_load_nothing_heavy() -> None:
    script = (
        "import sys, undertow\n"
        f"heavy = {HEAVY!r}\n"
        "assert not [name for name in heavy if name in sys.modules], 'import undertow'\n"
        "from undertow.cli import main\n"
        "for words in (['--help'], ['backtest', '--help'], ['market'], ['--version']):\n"
        "    sys.argv[1:] = words\n"
        "    try:\n"
        "        main()\n"
        "    except SystemExit as end:\n"
        "        assert end.code == 0\n"
        "    assert not [name for name in heavy if name in sys.modules], words\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "backtest" in done.stdout


SHIFTING = {"shift", "reindex", "ffill", "bfill", "resample", "merge_asof", "roll", "asfreq", "fillna"}


@pytest.mark.parametrize("floor", ["signals", "strategies", "backtests", "evidence"])
def test_nothing_is_shifted_by_hand_outside_the_market(floor: str) -> None:
    found = [
        f"{file.name}:{node.lineno} {called(node)}("
        for file in sorted(folder_of(floor).glob("*.py"))
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.Call) and called(node) in SHIFTING
    ]
    assert not found


def called(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def test_no_source_file_is_long() -> None:
    lengths = {name: len(file.read_text(encoding="utf-8").splitlines()) for name, file in modules().items()}
    assert not {name: lines for name, lines in lengths.items() if lines > LINES}


# Put together from parts, so that this file does not find itself.
MACHINE = re.compile("|".join(("/ho" + "me/", "/ro" + "ot/", "/Us" + "ers/", "/wo" + "rk/", r"\b[A-Z]:\\\\Us" + "ers")))
HOSTS = re.compile(
    "|".join(("py" + r"pi\.", "python" + "hosted", "anaconda" + r"\.", "--index" + "-url")), re.IGNORECASE
)
TEXT = {".py", ".toml", ".txt", ".md", ".css", ".html", ".csv", ".cfg", ".yml", ".yaml", "", ".json"}


def committed_texts() -> list[Path]:
    folders = [*FLOORS, "src", "tests", "docs", "benchmarks", ".ci"]
    files = [file for name in folders for file in (PROJECT / name).rglob("*") if "__pycache__" not in file.parts]
    files += PROJECT.glob("*")
    return [file for file in files if file.is_file() and not file.is_symlink() and file.suffix in TEXT]


def test_no_machine_path_and_no_package_host_in_the_texts() -> None:
    files = committed_texts()
    assert len(files) > 50
    found = [
        f"{file.relative_to(PROJECT)}:{number}: {line.strip()[:80]}"
        for file in files
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if MACHINE.search(line) or HOSTS.search(line)
    ]
    assert not found


def test_constraints_are_exact_versions_of_every_requirement() -> None:
    lines = (PROJECT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.!+-]+", pin) for pin in pins)
    pinned = {plain_name(pin) for pin in pins}
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"], "vectorbt-rust"]
    assert {plain_name(each) for each in wanted} <= pinned
    assert "undertow" not in pinned


def plain_name(requirement: str) -> str:
    return re.split(r"[\[=<>!~; ]", requirement)[0].lower().replace("_", "-")
