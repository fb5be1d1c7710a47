"""Tables of the user: a file or a frame, its columns checked and its rows named."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from undertow.market.errors import DataError, did_you_mean, file_boundary, safe_text
from undertow.market.folder.tables import read_columns


def read_user_table(
    path: str | Path, required: Sequence[str], optional: Sequence[str], option: str
) -> tuple[pd.DataFrame, str]:
    """The table of a .csv, .csv.gz or .parquet file, and its name for messages.

    Raises `DataError` where it does not exist, lacks a required column, has one of another name, or has no rows.

    Args:
        path: the file.
        required: columns that it must have.
        optional: columns that it may have.
        option: the option that names it, for messages.
    """
    name = safe_text(os.fspath(path))
    with file_boundary(name, f"name another file with `{option}`"):
        file = Path(path)
        if not file.is_file():
            problem = "is not a file" if file.exists() else "not found"
            raise DataError(f"{name}: {problem}; name the file with `{option}`")
        table = read_columns(file, str(path), required)
    check_user_columns(table, name, required, optional)
    return table, name


def check_user_columns(table: pd.DataFrame, name: str, required: Sequence[str], optional: Sequence[str]) -> None:
    """Raise `DataError` unless a table has rows, the required columns and no others.

    Args:
        table: the table.
        name: its name, for messages.
        required: columns that it must have.
        optional: columns that it may have.
    """
    allowed = (*required, *optional)
    for column in required:
        if column not in table.columns:
            raise DataError(f"{name}: column `{column}` is missing; columns are {', '.join(allowed)}")
    for column in table.columns:
        # A misspelt column would be left out silently, and lots without their cost are taxed as unknown.
        if column not in allowed:
            suggestion = did_you_mean(str(column), allowed)
            raise DataError(
                f"{name}: unknown column `{safe_text(column)}`{suggestion}; columns are {', '.join(allowed)}"
            )
    if table.empty:
        raise DataError(f"{name}: has no rows; write one a name")
