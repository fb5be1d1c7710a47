"""Symbols and other names of a market folder, free of what cannot be seen."""

from __future__ import annotations

import unicodedata

import numpy as np
import pandas as pd

from undertow.market.errors import DataError, safe_text

_LONGEST_NAME = 100
_LONGEST_SYMBOL = 64
# Letters of other alphabets that look like Latin ones, as the confusables of Unicode (UTS 39) pair them.
_LOOK_ALIKES = str.maketrans(
    "АВСЕНІЈКМОРЅТХҮасеіјорѕхуΑΒΕΖΗΙΚΜΝΟΡΤΥΧον－–—‐‑‒−．․",
    "ABCEHIJKMOPSTXYaceijopsxyABEZHIKMNOPTYXov-------..",
)
_INVISIBLE = ("Cf", "Cc", "Zs", "Zl", "Zp")


def clean_name(text: str, where: str, limit: int = _LONGEST_NAME) -> str:
    """A name without blanks and invisible characters around it.

    Args:
        text: the name as it was written.
        where: file, row and column, for the message.
        limit: the most characters that it may have.

    Raises `DataError`, with a suggestion, where such characters are inside it, where letters look like Latin ones, and
    where it is too long.
    """
    name = stripped(text)
    if len(name) > limit:
        raise DataError(f"{where} must have at most {limit} characters, got {len(name):,}: {safe_text(name)}")
    if name.isascii() and name.isprintable():
        return name
    plain = _plain(name)
    if plain != name and (plain.isascii() or not name.isprintable()):
        raise DataError(
            f"{where} {name!a} has characters that only look like others, or cannot be seen; write '{plain}'"
        )
    return name


def stripped(text: str) -> str:
    """The text without blanks and invisible characters around it."""
    start, end = 0, len(text)
    while start < end and unicodedata.category(text[start]) in _INVISIBLE:
        start += 1
    while end > start and unicodedata.category(text[end - 1]) in _INVISIBLE:
        end -= 1
    return text[start:end]


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKC", name.translate(_LOOK_ALIKES))
    spaced = (" " if unicodedata.category(char) == "Zs" else char for char in letters)
    return "".join(char for char in spaced if char == " " or unicodedata.category(char) not in (*_INVISIBLE, "Cs"))


def symbol_column(table: pd.DataFrame, path: str) -> pd.Series:
    """The `symbol` column as text (rows,), without blanks around.

    Raises `DataError` on a blank, on what is no text, and on characters that look like others.
    """
    series = table["symbol"]
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(object)
    codes, distinct = pd.factorize(series)
    cleaned: list[str] = []
    present, first_rows = np.unique(codes, return_index=True)
    for symbol, row in zip(distinct, (first_rows[present >= 0] + 1).tolist(), strict=True):
        if isinstance(symbol, bool) or not isinstance(symbol, str | int):
            raise DataError(f"{path}: row {row}: `symbol` must be text, got {safe_text(repr(symbol))}")
        cleaned.append(clean_name(str(symbol), f"{path}: row {row}: `symbol`", _LONGEST_SYMBOL))
    known = np.array([*cleaned, ""], dtype=object)
    blank = (known == "")[codes]
    if blank.any():
        raise DataError(f"{path}: row {int(blank.argmax()) + 1}: `symbol` is blank; write it or remove the row")
    return pd.Series(known[codes], index=series.index, name="symbol", dtype=object)
