"""A compact HTML card for a notebook, without style sheet or script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_BOX = "display:inline-block;border:1px solid #c3cad1;border-radius:4px;padding:8px 12px;font-family:sans-serif"
_CELL = "padding:2px 8px;text-align:{side};border:0;background:none"


def card_html(title: str, subtitle: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A card whose first column is text and whose other columns are numbers.

    Args:
        title: name of the result.
        subtitle: line below the title.
        head: headings of the columns.
        rows: cells of each row, as text.
    """
    table = _row("th", head) + "".join(_row("td", row) for row in rows)
    return (
        f'<div style="{_BOX}"><strong>{escape(title)}</strong>'
        f'<div style="font-size:85%;opacity:.75">{escape(subtitle)}</div>'
        f'<table style="border-collapse:collapse;margin-top:6px;font-size:90%">{table}</table></div>'
    )


def _row(tag: str, cells: Sequence[str]) -> str:
    sides = ["left", *["right"] * (len(cells) - 1)]
    return f"<tr>{''.join(_cell(tag, side, cell) for side, cell in zip(sides, cells, strict=True))}</tr>"


def _cell(tag: str, side: str, text: str) -> str:
    return f'<{tag} style="{_CELL.format(side=side)}">{escape(text)}</{tag}>'
