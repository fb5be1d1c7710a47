"""HTML elements from parts; text is escaped unless it is already HTML."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any

from undertow.market.files import write_atomic as write_atomic

_VOID = {"col", "br"}


class Html(str):
    """Text that is already HTML."""

    __slots__ = ()


def escape(content: object) -> Html:
    """`content` as HTML: escaped, unless it is `Html`."""
    return content if isinstance(content, Html) else Html(html.escape(str(content)))


def join(parts: Iterable[object]) -> Html:
    """Several parts as one piece of HTML."""
    return Html("".join(escape(part) for part in parts))


def tag(name: str, *content: object, **attributes: object) -> Html:
    """An element with its attributes.

    `kind` is its CSS class, `_` in a name stands for a dash, and an attribute that is None or "" is omitted.
    """
    pairs = "".join(
        f' {"class" if key == "kind" else key.replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value not in (None, "")
    )
    closing = "" if name in _VOID else f"{join(content)}</{name}>"
    return Html(f"<{name}{pairs}>{closing}")


def nowrap_numbers(text: str) -> Html:
    """Text in which a date or a number stays on one line."""
    parts = re.split(r"(\d[\d.,-]*\d)", text)
    return join(tag("span", part, kind="number") if index % 2 else part for index, part in enumerate(parts))


def section(heading: str, *content: object, kind: str = "") -> Html:
    """A section of a page under its heading."""
    return tag("section", tag("h2", heading), *content, kind=kind)


def note(*content: object) -> Html:
    """A paragraph in small print."""
    return tag("p", *content, kind="note")


def table(
    head: Sequence[object], rows: Iterable[Sequence[object]], *, kind: str = "", foot: Sequence[object] = ()
) -> Html:
    """A table in a box that scrolls; the first cell of a row is its heading.

    Args:
        head: the headings of the columns
        rows: the cells of each row; a cell that is an element already stays as it is
        kind: CSS classes of the table
        foot: the cells of a last row with totals
    """
    body = [_row(row) for row in rows]
    parts = [tag("thead", tag("tr", *(_heading(cell) for cell in head))), tag("tbody", *body)]
    if foot:
        parts.append(tag("tfoot", _row(foot)))
    return tag("div", tag("table", *parts, kind=kind), kind="box", tabindex="0")


def _heading(cell: object) -> Html:
    return _element(cell, "th", scope="col")


def _row(cells: Sequence[object]) -> Html:
    heading, *values = cells
    return tag("tr", _element(heading, "th", scope="row"), *(_element(cell, "td") for cell in values))


def _element(cell: object, name: str, **attributes: str) -> Html:
    return cell if isinstance(cell, Html) and cell.startswith("<t") else tag(name, cell, **attributes)


def facts(pairs: Iterable[tuple[object, object]], kind: str = "facts") -> Html:
    """Names with their values."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs), kind=kind)


def fill_template(template: str, **parts: object) -> Html:
    """Fill the `$names` of a template of this folder."""
    return Html(Template(resource(template)).substitute({name: escape(part) for name, part in parts.items()}))


@cache
def resource(name: str) -> str:
    """The text of a file of this folder, from disk or from a zip."""
    return files("undertow.tearsheets.html").joinpath(name).read_text(encoding="utf-8")


def script_json(content: Any) -> Html:
    """JSON that is safe inside a script element."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return Html(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
