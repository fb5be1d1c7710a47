"""The tables of a piece of evidence as texts."""

from __future__ import annotations

import math

import pandas as pd

from undertow.tearsheets.html.text import BLANK, MINUS


def frame_cells(frame: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """The heading and the rows of a table as texts.

    Floats have the format of the frame's attribute "format" (percent by default), NaN is a dash.
    """
    form = str(frame.attrs.get("format", "+.2%"))
    head = [str(frame.index.name or ""), *(str(name).replace("_", " ") for name in frame.columns)]
    rows = [
        [str(label), *(_cell(value, form) for value in values)]
        for label, values in zip(frame.index, frame.itertuples(index=False, name=None), strict=True)
    ]
    return head, rows


def _cell(value: object, form: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return format(value, form).replace("-", MINUS) if math.isfinite(value) else BLANK
    return str(value)
