"""Compiled code that is older than the source it was made from is dropped."""

from __future__ import annotations

import ast
import hashlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# Folders with compiled code, and those whose constants such code has frozen into it.
FOLDERS = (
    "market",
    "market/simulator",
    "signals",
    "signals/base",
    "signals/decisions",
    "strategies",
    "strategies/rules",
    "backtests",
    "backtests/kernel",
    "backtests/segments",
    "evidence",
)
_STAMP = "__pycache__/compiled.txt"


def drop_stale_code(package: Path) -> bool:
    """Remove cached machine code whose sources in other files have changed.

    Numba keeps the machine code of a function until the file of that function changes. A function or a constant of
    another file that it has taken in may change without a notice, as after an update of a checkout: figures of the old
    version would follow. Code of a file goes where a definition that its compiled functions reach, through any number
    of files, is another than before. A folder that cannot be written is left as it is: its sources do not change
    either.

    Args:
        package: folder of the package `undertow`.

    Returns:
        Whether anything was removed.
    """
    folders = [package / name for name in FOLDERS]
    stamp = package / _STAMP
    try:
        listing = _digest(f"{path} {entry.st_mtime_ns} {entry.st_size}".encode() for path, entry in _sources(folders))
        kept = stamp.read_text().split() if stamp.exists() else []
        if kept[:1] == [listing]:
            return False
        before = dict(zip(kept[1::2], kept[2::2], strict=False))
        reach = Reach(package)
        now = {str(path.relative_to(package)): reach.digest(path) for path, _ in _sources(folders) if compiles(path)}
        stale = [
            index
            for name, digest in now.items()
            if before.get(name) != digest
            for index in (package / name).parent.glob(f"__pycache__/{Path(name).stem}.*nbi")
        ]
        for index in stale:
            index.unlink(missing_ok=True)
        stamp.parent.mkdir(exist_ok=True)
        stamp.write_text("\n".join([listing, *(f"{name} {digest}" for name, digest in now.items())]) + "\n")
    except (OSError, SyntaxError):
        return False
    return bool(stale)


def compiles(path: Path) -> bool:
    """Whether a file has functions that numba compiles.

    Args:
        path: file of a module.
    """
    return b"numba" in path.read_bytes()


class Reach:
    """The definitions that compiled functions reach, through the imports of their files.

    Args:
        package: folder of the package `undertow`.
    """

    def __init__(self, package: Path) -> None:
        self.package = package
        self._modules: dict[Path, dict[str, list[ast.stmt]]] = {}

    def digest(self, path: Path) -> str:
        """Digest of the definitions in other files that a file's functions reach.

        Functions count that have a compiled form: a decorator, or a name that ends in `_nb` or `_np`.

        Args:
            path: file of a module with compiled functions.
        """
        names = [
            name
            for name, statements in self._definitions(path).items()
            for statement in statements
            if isinstance(statement, ast.FunctionDef) and (statement.decorator_list or name.endswith(("_nb", "_np")))
        ]
        reached: dict[tuple[Path, str], str] = {}
        waiting = [(path, name) for name in names]
        while waiting:
            place = waiting.pop()
            if place in reached:
                continue
            statements = self._definitions(place[0]).get(place[1], [])
            imports = [part for part in statements if isinstance(part, ast.ImportFrom | ast.Import)]
            reached[place] = "".join(ast.dump(part) for part in statements if part not in imports)
            waiting += [
                (place[0], node.id)
                for part in statements
                if part not in imports
                for node in ast.walk(part)
                if isinstance(node, ast.Name)
            ]
            waiting += [origin for part in imports for origin in self._imported(place, part)]
        others = sorted((str(file), name, text) for (file, name), text in reached.items() if text and file != path)
        return _digest(f"{Path(file).relative_to(self.package)} {name} {text}".encode() for file, name, text in others)

    def _definitions(self, path: Path) -> dict[str, list[ast.stmt]]:
        """Statements of a file by name; overloads by the function they stand for."""
        if path not in self._modules:
            found: dict[str, list[ast.stmt]] = {}
            for statement in _statements(ast.parse(path.read_bytes()).body):
                for name in _names_of(statement):
                    found.setdefault(name, []).append(statement)
            self._modules[path] = found
        return self._modules[path]

    def _imported(self, place: tuple[Path, str], statement: ast.ImportFrom | ast.Import) -> list[tuple[Path, str]]:
        """Where an imported name is defined, for a module all its names."""
        path, name = place
        original = next((each.name for each in statement.names if (each.asname or each.name) == name), name)
        if isinstance(statement, ast.Import):
            parts, original, level = original.split("."), "", 0
        else:
            parts, level = (statement.module or "").split("."), statement.level
        above = path.parents[max(level - 1, 0)]
        base = self.package.joinpath(*parts[1:]) if parts[0] == self.package.name else above.joinpath(*parts)
        for file in (base.with_suffix(".py"), base / "__init__.py", base / original / "__init__.py"):
            if file.is_file() and original in self._definitions(file):
                return [(file, original)]
        for file in ((base / original).with_suffix(".py"), base.with_suffix(".py")):
            if file.is_file():
                return [(file, each) for each in self._definitions(file)]
        return []


def in_threads(work: Callable[[int, int], None], count: int, *, size: int = 0, threads: int = 0) -> None:
    """Call `work(begin, end)` for parts of `count` compiled pieces, in threads.

    The parts depend on the number of threads where no size is given, so a piece's result must not depend on its part.

    Args:
        work: what is done; compiled code in it lets other threads run.
        count: number of pieces.
        size: the most pieces of a part; 0: an equal share for every thread.
        threads: number of threads; 0: as many as compiled code uses.
    """
    from numba import get_num_threads

    threads = threads or int(get_num_threads())
    share = max(1, -(-count // threads))
    size = min(size, share) if size else share
    parts = [(begin, min(begin + size, count)) for begin in range(0, count, size)]
    if threads == 1 or len(parts) < 2:
        for part in parts:
            work(*part)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda part: work(*part), parts):
            pass


def _statements(body: list[ast.stmt]) -> list[ast.stmt]:
    """Statements of a module, those under a condition included."""
    return [
        inner
        for each in body
        for inner in (
            _statements([*each.body, *each.orelse, *(each.handlers[0].body if isinstance(each, ast.Try) else [])])
            if isinstance(each, ast.If | ast.Try)
            else [each]
        )
    ]


def _names_of(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.FunctionDef):
        called = [each for each in statement.decorator_list if isinstance(each, ast.Call)]
        return [statement.name, *(node.id for each in called for node in each.args if isinstance(node, ast.Name))]
    if isinstance(statement, ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [each.asname or each.name for each in statement.names]
    return [node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]


def _sources(folders: list[Path]) -> list[tuple[Path, os.stat_result]]:
    return [(path, path.stat()) for folder in folders for path in sorted(folder.glob("*.py"))]


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.blake2b(digest_size=12)
    for part in parts:
        digest.update(part + b"\0")
    return digest.hexdigest()
