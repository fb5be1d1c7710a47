"""HTML from parts: everything that comes from outside is escaped unless it is already HTML."""

from __future__ import annotations

import html
import json
import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

_VOID = {"col", "br"}


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def safe(content: object) -> Html:
    """`content` as HTML: escaped, unless it is `Html`."""
    return content if isinstance(content, Html) else Html(html.escape(str(content)))


def join(parts: Iterable[object]) -> Html:
    """Several parts as one."""
    return Html("".join(safe(part) for part in parts))


def tag(name: str, *content: object, **attributes: object) -> Html:
    """An element; `kind` is its class, an attribute of None or "" is left out, `_` in a name stands for a dash."""
    written = "".join(
        f' {"class" if key == "kind" else key.replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value not in (None, "")
    )
    closing = "" if name in _VOID else f"{join(content)}</{name}>"
    return Html(f"<{name}{written}>{closing}")


def unbroken(text: str) -> Html:
    """Text in which no date and no number is broken over two lines."""
    parts = re.split(r"(\d[\d.,-]*\d)", text)
    return join(tag("span", part, kind="number") if place % 2 else part for place, part in enumerate(parts))


def section(heading: str, *content: object, kind: str = "") -> Html:
    """A section of a page under its heading."""
    return tag("section", tag("h2", heading), *content, kind=kind)


def note(*content: object) -> Html:
    """A paragraph in small print."""
    return tag("p", *content, kind="note")


def table(
    head: Sequence[object], rows: Iterable[Sequence[object]], *, kind: str = "", foot: Sequence[object] = ()
) -> Html:
    """A table in a box of its own that scrolls; the first cell of each row is its heading."""
    body = [_row(row) for row in rows]
    parts = [tag("thead", tag("tr", *(_heading(cell) for cell in head))), tag("tbody", *body)]
    if foot:
        parts.append(tag("tfoot", _row(foot)))
    return tag("div", tag("table", *parts, kind=kind), kind="box", tabindex="0")


def _heading(cell: object) -> Html:
    return _element(cell, "th", scope="col")


def _row(cells: Sequence[object]) -> Html:
    first, *rest = cells
    return tag("tr", _element(first, "th", scope="row"), *(_element(cell, "td") for cell in rest))


def _element(cell: object, name: str, **attributes: str) -> Html:
    return cell if isinstance(cell, Html) and cell.startswith("<t") else tag(name, cell, **attributes)


def facts(pairs: Iterable[tuple[object, object]], kind: str = "facts") -> Html:
    """Names with their values."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs), kind=kind)


def fill(template: str, **parts: object) -> Html:
    """A template of this folder with its `$names` filled in."""
    return Html(Template(resource(template)).substitute({name: safe(part) for name, part in parts.items()}))


@cache
def resource(name: str) -> str:
    """The text of a file of this folder, also from a wheel or a zip."""
    return files("undertow.tearsheets.html").joinpath(name).read_text(encoding="utf-8")


def script_json(content: Any) -> Html:
    """JSON that may stand inside a script element."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return Html(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def write_whole(path: str | Path, content: bytes) -> Path:
    """Write a file all or nothing: a temporary file beside it takes its place."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(draft).chmod(0o644)
        os.replace(draft, target)
    finally:
        Path(draft).unlink(missing_ok=True)
    return target
