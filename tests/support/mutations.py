"""Damage to files, as other people, editors and disks do it, drawn from a generator that makes it again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

Draws = np.random.Generator

NASTY_BYTES = (
    *(b"\0", b"\x1b[31m", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\n\n", b"\x80", b"\xe2\x80\xae", b"\x07\x08"),
    *(
        b"9" * 5000,
        b"1e300",
        b"1e999",
        b"nan",
        b"-1",
        b"-0.0",
        b"inf",
        b"99999999999999h",
        b"0h",
        b"-3h",
        b"99999-01-01",
    ),
    *(
        b"[" * 3000,
        b"{" * 3000,
        b'"',
        b"'",
        b"#",
        b",,,",
        b"=",
        b"]]",
        b"A" * 200_000,
        b"../../etc/passwd",
        b"/dev/zero",
    ),
    *(
        b"evil:x",
        b"os:system",
        b"Mars/Olympus",
        b"2020-02-30",
        b"true",
        b"null",
        b"\xc2\xa0",
        "Α".encode(),
        b"0x" + b"f" * 5000,
    ),
)
NASTY_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 10**30, -(10**18), 1e300, -1e300, 1e-320, float("nan"), float("inf"), -0.0, 0.5),
    *(
        "",
        " ",
        "nan",
        "1e999",
        "x" * 50_000,
        "\x1b[31mred",
        "a\0b",
        "evil:x",
        "../..",
        "99999-01-01",
        "2020-02-30",
        "-1h",
    ),
    *([], {}, [[]], [None], {"a": None}, {"": {"": {}}}, [1, "a", {}], "<script>", "\u202e\u200b", "99999999999999h"),
)
MILD_VALUES: tuple[Any, ...] = (
    *(
        "1h",
        "1d",
        "12h",
        "5min",
        "1 session",
        "24/7",
        "XNYS",
        "XLON",
        "AAA",
        "BTC",
        "bars",
        "macro",
        "prices",
        "any",
        "all",
    ),
    *("score", "drawdown", "beta", "winners", "worst", "last", "growth", 0.25, 0.75, -0.2, -0.9, 1.0, 2, 24, 168, 5000),
)
NASTY_CELLS = (
    *(
        "",
        " ",
        "nan",
        "NaN",
        "inf",
        "-inf",
        "1e300",
        "-1",
        "0",
        "1e999",
        "9" * 5000,
        "true",
        "None",
        "1,5",
        "$3",
        "5%",
        "1 day",
    ),
    *(
        "2020-02-30",
        "99999-01-01",
        "0001-01-01",
        "2024-11-20T25:00Z",
        "1970-01-01",
        "\x1b[31m",
        "x" * 10_000,
        "'",
        "AAA ",
    ),
)


def pick(draws: Draws, choices: Any) -> Any:
    return choices[int(draws.integers(len(choices)))]


def mutate_bytes(content: bytes, draws: Draws) -> bytes:
    """One or two changes of bytes anywhere."""
    for _ in range(int(draws.integers(1, 3))):
        where = int(draws.integers(len(content) + 1))
        length = int(draws.integers(1, 40))
        change = int(draws.integers(9))
        if change == 0:
            content = content[:where]
        elif change == 1:
            content = content[:where] + content[where + length :]
        elif change == 2:
            content = content[:where] + content[where : where + length] * 3 + content[where + length :]
        elif change == 3 and content:
            place = min(where, len(content) - 1)
            content = content[:place] + bytes([content[place] ^ (1 << int(draws.integers(8)))]) + content[place + 1 :]
        elif change == 4 and draws.random() < 0.3:
            content = draws.bytes(length) + content
        elif change == 5 and draws.random() < 0.2:
            content = content.decode("utf-8", "replace").encode(
                pick(draws, ("utf-16", "utf-32", "cp037", "utf-8-sig")), "replace"
            )
        else:
            content = content[:where] + pick(draws, NASTY_BYTES) + content[where:]
    return content


def mutate_lines(text: str, draws: Draws) -> str:
    """Lines of text left out, repeated, exchanged, or with another value behind the equals sign."""
    lines = text.splitlines()
    for _ in range(1 + int(draws.random() < 0.3)):
        if not lines:
            break
        row, change = int(draws.integers(len(lines))), int(draws.integers(6))
        if change == 0:
            del lines[row]
        elif change == 1:
            lines.insert(row, lines[row])
        elif change == 2:
            other = int(draws.integers(len(lines)))
            lines[row], lines[other] = lines[other], lines[row]
        else:
            key, equals, _ = lines[row].partition("=")
            value = pick(draws, NASTY_VALUES if draws.random() < 0.6 else MILD_VALUES)
            lines[row] = f"{key}= {_toml(value)}" if equals else f"{lines[row]}{pick(draws, ('x', ']', '[', '=1'))}"
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key or 'a'} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value).lower()


def mutate_json(content: Any, draws: Draws) -> Any:
    """A value of a JSON document replaced, removed, renamed or nested, anywhere in it."""
    content = json.loads(json.dumps(content))
    places: list[tuple[Any, Any]] = []

    def collect(value: Any) -> None:
        entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, entry in entries:
            places.append((value, key))
            collect(entry)

    collect(content)
    if not places:
        return pick(draws, NASTY_VALUES)
    for _ in range(int(draws.integers(1, 3))):
        holder, key = pick(draws, places)
        if isinstance(holder, list):
            if key < len(holder):
                holder[key] = pick(draws, NASTY_VALUES)
            continue
        change = int(draws.integers(5))
        if change == 0:
            holder.pop(key, None)
        elif change == 1:
            holder[str(pick(draws, NASTY_CELLS))] = holder.get(key)
        elif change == 2 and key in holder:
            for _ in range(int(draws.integers(1, 50))):
                holder[key] = [holder[key]]
        else:
            holder[key] = pick(draws, NASTY_VALUES)
    return content


def mutate_csv(text: str, draws: Draws) -> str:
    """Cells, columns and rows of a CSV file changed."""
    rows = [line.split(",") for line in text.splitlines()]
    for _ in range(int(draws.integers(1, 4))):
        if len(rows) < 2 or not rows[0]:
            break
        row, column, change = (
            int(draws.integers(1, len(rows))),
            int(draws.integers(len(rows[0]))),
            int(draws.integers(9)),
        )
        if change == 0:
            rows = [[*cells, cells[min(column, len(cells) - 1)]] for cells in rows if cells]
        elif change == 1:
            rows = [cells[:column] + cells[column + 1 :] for cells in rows]
        elif change == 2:
            rows.insert(row, list(rows[row]))
        elif change == 3:
            del rows[row]
        elif change == 4:
            rows = [rows[0], *rows[:0:-1]]
        elif change == 5:
            rows[0][column] = str(pick(draws, NASTY_CELLS))
        elif change == 6:
            value = str(pick(draws, NASTY_CELLS))
            rows = [rows[0], *([*cells[:column], value, *cells[column + 1 :]] for cells in rows[1:])]
        elif column < len(rows[row]):
            rows[row][column] = str(pick(draws, NASTY_CELLS))
    return "\n".join(map(",".join, rows)) + "\n"


def mutate_table(table: pd.DataFrame, draws: Draws) -> pd.DataFrame:
    """Columns of other types, left out or renamed; rows repeated, left out or in another order; another index."""
    change = int(draws.integers(9))
    if change == 0:
        return table.iloc[::-1]
    if change == 1:
        return table.iloc[: int(draws.integers(len(table) + 1))]
    if change == 2:
        return pd.concat([table, table.tail(2)])
    if change == 3:
        return table.reset_index(drop=True)
    if not len(table.columns):
        return table
    column = pick(draws, list(table.columns))
    if change == 4:
        return table.drop(columns=column)
    if change == 5:
        return table.rename(columns={column: str(pick(draws, NASTY_CELLS))})
    values: Any = pick(draws, _COLUMNS)
    return table.assign(**{column: values(len(table)) if callable(values) else values})


_COLUMNS: tuple[Any, ...] = (
    *(
        1e300,
        float("nan"),
        float("inf"),
        -1,
        0,
        True,
        "text",
        "",
        pd.Timestamp("2020-01-01"),
        pd.Timedelta("1h"),
        b"\xff",
    ),
    *(pd.Timestamp("2020-01-01", tz="UTC"), lambda count: [[1]] * count, lambda count: [{"a": 1}] * count),
)


def spoil_path(path: Path, draws: Draws) -> None:
    """The file missing, a folder, a link, a pipe, empty, or of a megabyte of one letter."""
    change = int(draws.integers(8))
    path.unlink()
    if change == 0:
        path.mkdir()
    elif change == 1:
        path.symlink_to(path)
    elif change == 2:
        path.symlink_to("/dev/null")
    elif change == 3:
        path.symlink_to("missing")
    elif change == 4:
        os.mkfifo(path)
    elif change == 5:
        path.touch()
    elif change == 6:
        path.write_bytes(b"A" * 1_000_000)


def spoil_file(path: Path, draws: Draws) -> None:
    """Damage a file by the means of its ending."""
    change = draws.random()
    if change < 0.1:
        spoil_path(path, draws)
    elif change < 0.35:
        path.write_bytes(mutate_bytes(path.read_bytes(), draws))
    else:
        try:
            _BY_ENDING[path.suffix](path, draws)
        except (ValueError, OSError, KeyError):
            # It was damaged before.
            path.write_bytes(mutate_bytes(path.read_bytes(), draws))


def _by_text(mutate: Callable[[str, Draws], str]) -> Callable[[Path, Draws], None]:
    def spoil(path: Path, draws: Draws) -> None:
        path.write_text(mutate(path.read_text(encoding="utf-8"), draws), encoding="utf-8", errors="surrogatepass")

    return spoil


def _spoil_json(path: Path, draws: Draws) -> None:
    path.write_text(json.dumps(mutate_json(json.loads(path.read_text(encoding="utf-8")), draws)), encoding="utf-8")


def _spoil_lines(path: Path, draws: Draws) -> None:
    """One line of a file of JSON lines."""
    lines = path.read_text(encoding="utf-8").splitlines()
    row = int(draws.integers(len(lines)))
    lines[row] = json.dumps(mutate_json(json.loads(lines[row]), draws))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _spoil_table(path: Path, draws: Draws) -> None:
    table = mutate_table(pd.read_parquet(path), draws)
    try:
        table.to_parquet(path)
    except (ValueError, TypeError):
        # Not every column can be written.
        path.write_bytes(b"PAR1")


_BY_ENDING: dict[str, Callable[[Path, Draws], None]] = {
    ".toml": _by_text(mutate_lines),
    ".csv": _by_text(mutate_csv),
    ".json": _spoil_json,
    ".jsonl": _spoil_lines,
    ".log": _spoil_lines,
    ".parquet": _spoil_table,
    ".db": lambda path, draws: path.write_bytes(mutate_bytes(path.read_bytes(), draws)),
}
