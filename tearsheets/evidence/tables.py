"""The tables of a piece of evidence as texts."""

from __future__ import annotations

import math

import pandas as pd

from undertow.tearsheets.html.text import BLANK, MINUS


def frame_cells(frame: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """The heading and the rows of a table as texts.

    Floats have the format of the frame's attribute "format" (percent by default), NaN is a dash. A column with an
    interval, such as "held" with "held low" and "held high", is one column: +0.88% (+0.11 to +1.65).
    """
    form = str(frame.attrs.get("format", "+.2%"))
    names = [str(name) for name in frame.columns]
    ends = {f"{name} {end}" for name in names for end in _ENDS if {f"{name} {other}" for other in _ENDS} <= set(names)}
    columns = [name for name in names if name not in ends]
    rows = []
    for label, values in zip(frame.index, frame.itertuples(index=False, name=None), strict=True):
        cells = {name: _cell(value, form) for name, value in zip(names, values, strict=True)}
        rows.append([str(label), *(_with_interval(cells, name, ends) for name in columns)])
    return [str(frame.index.name or ""), *(name.replace("_", " ") for name in columns)], rows


_ENDS = ("low", "high")


def _with_interval(cells: dict[str, str], name: str, ends: set[str]) -> str:
    low, high = (cells.get(f"{name} {end}", BLANK) for end in _ENDS)
    if f"{name} low" not in ends or BLANK in (low, high):
        return cells[name]
    return f"{cells[name]} ({low.rstrip('%')} to {high.rstrip('%')})"


def _cell(value: object, form: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return format(value, form).replace("-", MINUS) if math.isfinite(value) else BLANK
    return str(value)
