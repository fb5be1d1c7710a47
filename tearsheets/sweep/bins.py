"""Cells of a map: the values of a parameter, or bins of them where they are many."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from undertow.tearsheets.html.text import value_text

# A parameter with more values than this is drawn in BINS that hold about equally many sets each.
MAX_VALUES, BINS = 32, 8


def assign_bins(values: pd.Series) -> tuple[Any, list[str]]:
    """The cell (P,) of each value, and the labels of the cells in order."""
    codes, distinct = pd.factorize(values, use_na_sentinel=False)
    if len(distinct) <= MAX_VALUES or not pd.api.types.is_numeric_dtype(values):
        choices = [None if pd.isna(value) else value for value in distinct]
        order = sorted(range(len(choices)), key=lambda index: _sort_key(choices[index]))
        labels = ["none" if choices[index] is None else number_label(choices[index]) for index in order]
        return np.argsort(order)[codes], labels
    edges = np.unique(np.quantile(values.to_numpy(dtype=np.float64), np.linspace(0.0, 1.0, BINS + 1)))
    last = len(edges) - 2
    cell = np.clip(np.searchsorted(edges, values.to_numpy(dtype=np.float64), side="right") - 1, 0, last)
    # Where many sets share a value, a bin between two edges may be empty: it is dropped.
    cell = np.unique(cell, return_inverse=True)[1]
    # A label is the range of the values in the bin, because an edge does not show which bin includes it.
    spans = values.groupby(cell).agg(["min", "max"])
    return cell, [f"{number_label(low, 3)} to {number_label(high, 3)}" for low, high in spans.itertuples(index=False)]


def _sort_key(value: Any) -> tuple[bool, bool, Any]:
    """Numbers first, then text, then None."""
    return value is None, isinstance(value, str), 0 if value is None else value


def number_label(value: Any, digits: int = 6) -> str:
    """A parameter's value with the given number of significant digits."""
    return value_text(float(f"{value:.{digits}g}")) if isinstance(value, float | np.floating) else value_text(value)
