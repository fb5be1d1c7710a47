"""Figures of the layout, measured from the source alone: nothing measured is imported.

`python tests/house/measure.py [CHECKOUT]` prints them for this project, or for another checkout of it.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

FLOORS = ("market", "signals", "strategies", "backtests", "evidence", "tearsheets")
FACE = "face"
# Bound names that are words of a sentence, not nouns for a thing.
SENTENCE_WORDS = frozenset(
    {
        *("told", "asked", "found", "given", "made", "kept", "own", "each", "which", "said", "whole", "there", "those"),
        *("these", "more", "others", "left", "apart", "place", "places", "way", "why", "words", "taken", "shown"),
        *("wanted", "usual", "good", "near", "most", "least", "seat", "rest", "same", "both", "again"),
    }
)


@dataclass(frozen=True)
class Import:
    """One import of an undertow module by another; `late` inside a function, `typing_only` for type checkers."""

    importer: str
    imported: str
    name: str
    line: int
    typing_only: bool
    late: bool


@dataclass(frozen=True)
class Function:
    """One function or method: its place, its parameters without self and cls, its lines, its docstring."""

    module: str
    owner: str
    name: str
    parameters: tuple[str, ...]
    lines: int
    docstring: str
    line: int
    compiled: bool

    @property
    def label(self) -> str:
        """`module:Class.name`."""
        return f"{self.module}:{self.owner}{'.' if self.owner else ''}{self.name}"

    @property
    def public(self) -> bool:
        """Whether neither the function nor its class has a leading underscore, and no function holds it."""
        owners = [part for part in self.owner.split(".") if part]
        return not self.name.startswith("_") and not any(part.startswith("_") or part.islower() for part in owners)


class House:
    """The source of one checkout."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, floor: str) -> Path:
        """The folder of a floor, or of the face."""
        return self.root / "src" / "undertow" if floor == FACE else self.root / floor

    @cached_property
    def modules(self) -> dict[str, Path]:
        """Every module by its dotted name."""
        return {
            module_name(floor, file.relative_to(self.folder(floor))): file
            for floor in (*FLOORS, FACE)
            for file in sorted(self.folder(floor).rglob("*.py"))
            # src/undertow has a link to each floor.
            if not any(parent.is_symlink() for parent in file.parents)
        }

    @cached_property
    def trees(self) -> dict[str, ast.Module]:
        """The syntax tree of every module."""
        return {name: ast.parse(file.read_text(encoding="utf-8"), str(file)) for name, file in self.modules.items()}

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """Every import inside undertow."""
        return tuple(
            Import(module, *target, node.lineno, typing_only, late)
            for module, tree in self.trees.items()
            for node, typing_only, late in statements(tree)
            for target in self._targets(node)
        )

    def _targets(self, node: ast.stmt) -> list[tuple[str, str]]:
        if isinstance(node, ast.Import):
            return [(alias.name, "") for alias in node.names if alias.name.split(".")[0] == "undertow"]
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "undertow":
            base = node.module or ""
            names = [alias.name for alias in node.names]
            return [(base if self._public(base, name) else f"{base}.{name}", name) for name in names]
        return []

    def _public(self, base: str, name: str) -> bool:
        """Whether an imported name is no module, or a public function of a package with a module of its name."""
        module = self.trees.get(f"{base}.{name}")
        return module is None or name in defined(module)

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        """Every function and method, nested ones too."""
        return tuple(function for module, tree in self.trees.items() for function in functions_of(module, tree))

    def edges(self, *, type_only: bool = True) -> dict[str, set[str]]:
        """Which modules each module imports, late imports included."""
        graph: dict[str, set[str]] = {name: set() for name in self.modules}
        for arrow in self.imports:
            if arrow.imported in graph and arrow.imported != arrow.importer and (type_only or not arrow.typing_only):
                graph[arrow.importer].add(arrow.imported)
        return graph

    def rooms(self, floor: str) -> dict[str, set[str]]:
        """The modules and packages right in a floor's folder, with the others that each imports, types included."""
        prefix = f"undertow.{floor}."
        graph: dict[str, set[str]] = {
            name.removeprefix(prefix).split(".")[0]: set() for name in self.modules if name.startswith(prefix)
        }
        for arrow in self.imports:
            if arrow.importer.startswith(prefix) and arrow.imported.startswith(prefix):
                start, end = (name.removeprefix(prefix).split(".")[0] for name in (arrow.importer, arrow.imported))
                if start != end:
                    graph[start].add(end)
        return graph

    def wide_calls(self, count: int = 8) -> list[str]:
        """Calls with `count` or more positional arguments."""
        return [
            f"{module}:{node.lineno}"
            for module, tree in self.trees.items()
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and len(node.args) >= count
        ]

    def bound_names(self) -> Counter[str]:
        """How often each name is bound: variables, parameters, loop variables."""
        names: Counter[str] = Counter()
        for tree in self.trees.values():
            for node in ast.walk(tree):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    names[node.id] += 1
                elif isinstance(node, ast.arg) and node.arg not in ("self", "cls"):
                    names[node.arg] += 1
        return names

    def top_level_names(self) -> dict[str, list[str]]:
        """The public names defined at the top of a module, with the modules that define them."""
        homes: dict[str, list[str]] = {}
        for module, tree in self.trees.items():
            if self.modules[module].name != "__init__.py":
                for name in defined(tree):
                    if not name.startswith("_"):
                        homes.setdefault(name, []).append(module)
        return homes


def module_name(floor: str, file: Path) -> str:
    """The dotted name of a file within a floor."""
    parts = [part for part in file.with_suffix("").parts if part != "__init__"]
    return ".".join(["undertow", *([] if floor == FACE else [floor]), *parts])


def floor_of(module: str) -> str:
    """The floor of a module, or the face."""
    part = module.split(".")[1] if "." in module else ""
    return part if part in FLOORS else FACE


def statements(node: ast.AST, typing_only: bool = False, late: bool = False) -> Iterator[tuple[ast.stmt, bool, bool]]:
    """Every statement, with whether it stands under TYPE_CHECKING and whether inside a function."""
    for child in ast.iter_child_nodes(node):
        checked = typing_only
        if isinstance(child, ast.stmt):
            yield child, typing_only, late
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                checked = True
        inside = late or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        yield from statements(child, checked, inside)


def functions_of(module: str, tree: ast.AST, owner: str = "") -> Iterator[Function]:
    """The functions of a tree, with the dotted name of the class or function that holds each."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Function(
                module=module,
                owner=owner,
                name=node.name,
                parameters=parameters_of(node.args),
                lines=body_lines(node),
                docstring=ast.get_docstring(node) or "",
                line=node.lineno,
                compiled=any("jit" in ast.unparse(decorator) for decorator in node.decorator_list),
            )
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from functions_of(module, node, f"{owner}.{node.name}".lstrip("."))
        else:
            yield from functions_of(module, node, owner)


def parameters_of(arguments: ast.arguments) -> tuple[str, ...]:
    """The names of a signature without self and cls; `*args` and `**kwargs` count as one each."""
    plain = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    starred = [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
    return tuple(argument.arg for argument in (*plain, *starred) if argument.arg not in ("self", "cls"))


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of a function from its `def` on, less its docstring's."""
    first = node.body[0]
    documented = ast.get_docstring(node) is not None
    docstring = (first.end_lineno or first.lineno) - first.lineno + 1 if documented else 0
    return (node.end_lineno or node.lineno) - node.lineno + 1 - docstring


def defined(tree: ast.Module) -> list[str]:
    """The names that a module defines at its top."""
    names: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name not in names:
            names.append(node.name)
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        names += [target.id for target in targets if isinstance(target, ast.Name)]
    return names


def circles(edges: Mapping[str, set[str]]) -> list[list[str]]:
    """The strongly connected components of two nodes or more (Tarjan 1972)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    components: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for target in sorted(edges.get(node, ())):
            if target not in order:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], order[target])
        if low[node] == order[node]:
            component = [stack.pop()]
            while component[-1] != node:
                component.append(stack.pop())
            if len(component) > 1:
                components.append(sorted(component))

    for start in sorted(edges):
        if start not in order:
            visit(start)
    return components


def levels(edges: Mapping[str, set[str]]) -> int:
    """The number of nodes on the longest chain of a graph without circles."""
    known: dict[str, int] = {}

    def height(node: str, path: tuple[str, ...] = ()) -> int:
        if node not in known:
            below = [height(target, (*path, node)) for target in edges.get(node, ()) if target not in path]
            known[node] = 1 + max(below, default=0)
        return known[node]

    return max(map(height, edges), default=0)


def main() -> None:
    """Print the table."""
    house = House(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]).resolve())
    rooms = house.rooms("backtests")
    folders = Counter(
        str(file.parent.relative_to(house.root)) for file in house.modules.values() if file.name != "__init__.py"
    )
    outside_cli = [function for function in house.functions if ".cli" not in function.module]
    inside_cli = [function for function in house.functions if ".cli" in function.module]
    names = house.bound_names()
    sentence = sum(count for name, count in names.items() if name in SENTENCE_WORDS)
    galleries = {"signals", "strategies", "src/undertow/cli"}
    rows = {
        "rooms / levels / arrows of backtests": f"{len(rooms)} / {levels(rooms)} / {sum(map(len, rooms.values()))}",
        "files a folder, largest outside the galleries": max(
            (count, folder) for folder, count in folders.items() if folder not in galleries
        ),
        "circles, type-only included": len(circles(_without_faces(house))),
        "largest signature outside cli/": max((len(f.parameters), f.label) for f in outside_cli),
        "longest function outside cli/": max((f.lines, f.label) for f in outside_cli),
        "longest function in cli/": max((f.lines, f.label) for f in inside_cli),
        "calls with 8 or more positional arguments": len(house.wide_calls()),
        "sentence-word names": f"{100 * sentence / names.total():.1f} % ({sentence} of {names.total()})",
        "first lines of docstrings over 80 characters": sum(
            len(f.docstring.split("\n")[0]) > 80 for f in house.functions
        ),
        "homonyms": sum(len(homes) > 1 for homes in house.top_level_names().values()),
    }
    for label, value in rows.items():
        print(f"{label}: {value}")


def _without_faces(house: House) -> dict[str, set[str]]:
    """The edges between modules: a face only hands on what others define."""
    faces = {name for name, file in house.modules.items() if file.name == "__init__.py"}
    return {name: targets - faces for name, targets in house.edges().items() if name not in faces}


def described_share(function: Function) -> float:
    """The share of a function's parameters that its docstring names."""
    named = [re.search(rf"\b{name}\b", function.docstring) is not None for name in function.parameters]
    return sum(named) / len(named) if named else 1.0


if __name__ == "__main__":
    main()
