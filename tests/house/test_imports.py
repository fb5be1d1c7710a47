"""One arrow of imports: floors, packages in a floor, faces; nothing in a circle, nothing shifted by hand."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from measure import FACE, FLOORS, House, Import, circles, floor_of

from support.paths import PROJECT

HEIGHT = {name: height for height, name in enumerate((*FLOORS, FACE))}
HEAVY = ("numpy", "pandas", "vectorbt", "numba", "plotly", "matplotlib", "optuna")
# The packages of a floor, lowest first; a module right in the floor's folder is below them unless it stands here.
ORDER = {
    "market": ("files", "simulator", "folder", "inspection"),
    "signals": ("base", "decisions"),
    "strategies": ("rules", "reasons"),
    "backtests": ("objectives", "kernel", "segments", "ledger", "runs", "replay", "sweeps", "tuning", "validation"),
    "evidence": ("lag", "who", "link"),
    "tearsheets": (
        *("html", "run", "comparison", "sweep", "study", "walk_forward", "signals", "events", "checklist", "evidence"),
        "replay",
    ),
}
HOUSE = House(PROJECT)


def is_face(module: str) -> bool:
    return HOUSE.modules[module].name == "__init__.py"


def test_a_floor_imports_only_from_floors_below_it() -> None:
    assert not [
        f"{arrow.importer}:{arrow.line} imports {arrow.imported}"
        for arrow in HOUSE.imports
        if HEIGHT[floor_of(arrow.imported)] > HEIGHT[floor_of(arrow.importer)]
    ]


def test_a_package_imports_only_from_packages_below_it() -> None:
    assert not [f"{arrow.importer}:{arrow.line} imports {arrow.imported}" for arrow in HOUSE.imports if climbs(arrow)]


def climbs(arrow: Import) -> bool:
    floor = floor_of(arrow.importer)
    if floor != floor_of(arrow.imported) or is_face(arrow.importer):
        return False
    start, end = (package_of(name) for name in (arrow.importer, arrow.imported))
    order = ORDER.get(floor, ())
    return start in order and end in order and order.index(end) > order.index(start)


def package_of(module: str) -> str:
    parts = module.split(".")[2:]
    return parts[0] if len(parts) > 1 or (parts and is_face(module)) else ""


def test_other_floors_import_faces_alone() -> None:
    """What a package's `__all__` lists is public; the rest may be changed without a look at other floors."""
    assert not [
        f"{arrow.importer}:{arrow.line} imports {arrow.name} from {arrow.imported}"
        for arrow in HOUSE.imports
        if floor_of(arrow.importer) != floor_of(arrow.imported)
        and arrow.imported in HOUSE.modules
        and not is_face(arrow.imported)
    ]


def test_no_circle_of_imports_types_included() -> None:
    faces = {name for name in HOUSE.modules if is_face(name)}
    assert not circles({name: targets - faces for name, targets in HOUSE.edges().items() if name not in faces})
    for floor in FLOORS:
        assert not circles(HOUSE.rooms(floor)), floor


def test_circles_finds_them() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [["b", "c"]]
    assert not circles({"a": {"b", "c"}, "b": {"c"}, "c": set()})


def test_the_house_is_seen_whole() -> None:
    # Guards the tests above against passing because nothing was parsed.
    assert set(HEIGHT) == {floor_of(name) for name in HOUSE.modules}
    assert all(any(floor_of(arrow.importer) == floor for arrow in HOUSE.imports) for floor in HEIGHT)
    assert {floor_of(arrow.imported) for arrow in HOUSE.imports} >= set(FLOORS)
    packages = {package_of(name) for name in HOUSE.modules}
    assert packages >= {package for order in ORDER.values() for package in order}


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
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert process.returncode == 0, process.stderr
    assert "backtest" in process.stdout


SHIFTING = {"shift", "reindex", "ffill", "bfill", "resample", "merge_asof", "roll", "asfreq", "fillna"}


@pytest.mark.parametrize("floor", ["signals", "strategies", "backtests", "evidence"])
def test_nothing_is_shifted_by_hand_outside_the_market(floor: str) -> None:
    modules = [name for name in HOUSE.modules if floor_of(name) == floor]
    assert modules
    assert not [
        f"{name}:{node.lineno} {called(node)}("
        for name in modules
        for node in ast.walk(HOUSE.trees[name])
        if isinstance(node, ast.Call) and called(node) in SHIFTING
    ]


def called(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
