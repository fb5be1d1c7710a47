"""Sizes of files, folders, signatures and functions; names and docstrings; what a command may do."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict

import pytest
from measure import FACE, FLOORS, SENTENCE_WORDS, Function, House, described_share, levels

from support.paths import PROJECT

HOUSE = House(PROJECT)
LINES, FILES, PARAMETERS, ENTRY_PARAMETERS, FUNCTION_LINES, COMMAND_LINES = 400, 16, 8, 16, 80, 90
# One named thing a file: signals, strategies, commands.
GALLERIES = {"signals", "strategies", "src/undertow/cli"}
# Three files of these prefixes are members of a gallery, not a package that has no folder.
PREFIXES_OF_GALLERIES = {"signals", "strategies"}


def test_no_source_file_is_long() -> None:
    lengths = {name: len(file.read_text(encoding="utf-8").splitlines()) for name, file in HOUSE.modules.items()}
    assert not {name: lines for name, lines in lengths.items() if lines > LINES}


def test_no_folder_is_crowded() -> None:
    folders = Counter(str(file.parent.relative_to(PROJECT)) for file in HOUSE.modules.values())
    assert not {name: count for name, count in folders.items() if count - 1 > FILES and name not in GALLERIES}


def test_three_files_with_one_prefix_are_a_package() -> None:
    prefixes: dict[tuple[str, str], list[str]] = defaultdict(list)
    for file in HOUSE.modules.values():
        folder = str(file.parent.relative_to(PROJECT))
        if folder not in PREFIXES_OF_GALLERIES:
            prefixes[folder, file.stem.split("_")[0]].append(file.name)
    assert not {key: files for key, files in prefixes.items() if len(files) > 2}


def test_the_floor_of_backtests_is_shallow() -> None:
    rooms = HOUSE.rooms("backtests")
    assert len(rooms) <= 19
    assert levels(rooms) <= 8


def is_command(function: Function) -> bool:
    return function.module.startswith("undertow.cli.")


def is_kernel(function: Function) -> bool:
    """A compiled function or its plain twin: numba takes arrays and tuples of them, not records with methods."""
    return function.compiled or function.name.endswith(("_nb", "_np")) or function.module.endswith(".reductions")


def is_entry(function: Function) -> bool:
    return not function.owner and function.name in ENTRY_POINTS


# Public entry points, whose keywords users type, and what pages are written with.
ENTRY_POINTS = {
    *("backtest", "sweep", "optimize", "walk_forward", "cpcv", "walk_seeds", "simulate_market", "today"),
    *("plan_walk", "write_sweep", "write_signal_page", "at_decisions", "market_from_frames", "lag_curve"),
    *("sold_first", "linkage", "watch", "evidence_report", "skill"),
}


def test_signatures_are_short() -> None:
    long = {
        function.label: len(function.parameters)
        for function in HOUSE.functions
        if len(function.parameters) > (ENTRY_PARAMETERS if is_entry(function) else PARAMETERS)
        and not is_command(function)
        and not is_kernel(function)
    }
    assert not long


def test_functions_are_short() -> None:
    long = {
        function.label: function.lines
        for function in HOUSE.functions
        if function.lines > (COMMAND_LINES if is_command(function) else FUNCTION_LINES)
    }
    assert not long


def test_few_calls_have_eight_positional_arguments() -> None:
    assert len(HOUSE.wide_calls()) < 10


def test_a_public_name_exists_once() -> None:
    # A command is named as the function that it calls, and has no other caller than the command line.
    homes = {
        name: [module for module in modules if not module.startswith("undertow.cli")]
        for name, modules in HOUSE.top_level_names().items()
    }
    assert not {name: modules for name, modules in homes.items() if len(modules) > 1}


def test_names_are_nouns_for_things() -> None:
    names = HOUSE.bound_names()
    words = sum(count for name, count in names.items() if name in SENTENCE_WORDS)
    assert words < 0.02 * names.total(), [name for name in names if name in SENTENCE_WORDS]


def test_first_lines_of_docstrings_are_short() -> None:
    assert not [
        f"{function.label}: {function.docstring.splitlines()[0]}"
        for function in HOUSE.functions
        if function.docstring and len(function.docstring.splitlines()[0]) > 80
    ]


def test_public_functions_of_four_parameters_describe_them() -> None:
    assert not [
        function.label
        for function in HOUSE.functions
        if function.public
        and not is_command(function)
        and not is_kernel(function)
        and "." not in function.owner
        and len(function.parameters) >= 4
        and ("Args:" not in function.docstring or described_share(function) < 1.0)
    ]


COMMANDS = sorted(name for name in HOUSE.modules if name.startswith("undertow.cli."))


@pytest.mark.parametrize("module", COMMANDS)
def test_a_command_reads_calls_and_shows(module: str) -> None:
    """No arithmetic on figures, no entries of the ledger, no recipe."""
    tree = HOUSE.trees[module]
    arithmetic = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Pow | ast.Mod | ast.FloorDiv | ast.Sub)
    ]
    imported = {arrow.name for arrow in HOUSE.imports if arrow.importer == module}
    assert not arithmetic
    assert not imported & {"enter_run", "enter_sweep", "SearchKey", "Recipe", "WalkRecipe", "walk_recipe"}


def test_galleries_and_floors_exist() -> None:
    assert all((PROJECT / name).is_dir() for name in (*GALLERIES, *FLOORS))
    assert HOUSE.folder(FACE).is_dir()
