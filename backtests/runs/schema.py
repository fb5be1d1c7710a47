"""What the files of a saved run must hold: checked as they are read."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import MISSING, fields
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from typing_extensions import TypedDict

from undertow.backtests.account import Recipe
from undertow.backtests.ledger.trial_count import TrialCount
from undertow.backtests.runs.attribution import Attribution
from undertow.market import DataError, UndertowError

AGAIN = "make the run again"
# Beyond what any run has: bytes of a JSON file, rows and columns of a table, nesting, whole numbers, an amount in USD.
_LONGEST_FILE, _MOST_CELLS, _DEEPEST, _LARGEST, _RICHEST = 20_000_000, 200_000_000, 8, 10**12, 1e18

_NAMES, _LONGEST_NAME = ("strategy", "universe", "market", "calendar", "benchmark", "cash"), 1_000

Check = Callable[[pd.Series], bool]


def _is_time(column: pd.Series) -> bool:
    return column.dtype.kind == "M"


def _is_day(column: pd.Series) -> bool:
    return _is_time(column) and getattr(column.dtype, "tz", None) is None


def _is_session(column: pd.Series) -> bool:
    return _is_day(column) and bool(column.notna().all())


def _is_text(column: pd.Series) -> bool:
    return pd.api.types.is_string_dtype(column) or not column.notna().any()


def _is_any_number(column: pd.Series) -> bool:
    return isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiub"


def _is_number(column: pd.Series) -> bool:
    return _is_any_number(column) and not (column.abs() > _RICHEST).any()


def _is_plain(column: pd.Series) -> bool:
    return _is_number(column) or _is_time(column) or _is_text(column)


def _is_known(column: pd.Series) -> bool:
    return _is_number(column) and bool(np.isfinite(column).all())


_KINDS: dict[Check, str] = {
    _is_time: "times",
    _is_day: "days without a time zone",
    _is_session: "sessions, none missing and without a time zone",
    _is_text: "text",
    _is_any_number: "numbers",
    _is_number: f"numbers of at most {_RICHEST:g}",
    _is_known: f"numbers of at most {_RICHEST:g} without gaps",
    _is_plain: f"numbers of at most {_RICHEST:g}, times or text",
}
# Columns of every version's runs.
_REQUIRED: dict[str, dict[str, Check]] = {
    "returns": {
        "value": _is_known,
        "return": _is_known,
        "exposure": _is_number,
        "cash_share": _is_number,
        "turnover": _is_number,
        "costs": _is_number,
        "hold_value": _is_number,
        "hold_return": _is_number,
        "cash_return": _is_number,
    },
    "weights": {},
    "orders": {
        "session": _is_session,
        "symbol": _is_text,
        "side": _is_text,
        "shares": _is_number,
        "value": _is_number,
        "costs": _is_number,
        "reason": _is_text,
    },
    "episodes": {"session": _is_session, "lag_hours": _is_number},
    "reasons": {},
}
_TIMES, _DAYS = ("shock", "decision"), ("session", "re_entry", "end", "settles")
_TEXTS = ("symbol", "side", "reason", "sold", "tier", "label")
_BY_SESSION = ("returns", "weights", "reasons")
_TAX = ("gains", "losses", "net", "tax", "loss_carried", "rate")


class Move(TypedDict):
    """An extreme move of a name that was held."""

    symbol: str
    session: str
    change: float
    split: str
    held_by: list[str]


_Count = Annotated[int, Field(ge=0, lt=_LARGEST)]
_SHAPES: dict[str, Any] = {
    "absent_feeds": dict[str, str],
    "unused_feeds": dict[str, str],
    "data_findings": dict[str, str],
    "signal_sources": dict[str, _Count],
    "weights_without_price": dict[str, _Count],
    "frozen_feeds": dict[str, _Count],
    "never_filled": list[str],
    "moves": list[Move],
}


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """Turn every failure to read a file of a run into a `DataError` that names it."""
    try:
        yield
    except UndertowError:
        raise
    except Exception as error:  # noqa: BLE001 - what a damaged file raises is the business of its reader
        text = str(error).partition("\n")[0] or type(error).__name__
        if isinstance(error, RecursionError):
            text = "it is nested too deep"
        raise DataError(f"{file.parent}: not a readable run: {text} in {file.name}; {AGAIN}") from None


def read_json(file: Path) -> Any:
    """The content of a JSON file; `DataError` with the file where it is not JSON."""
    with reading(file):
        _check_file(file)
        if file.stat().st_size > _LONGEST_FILE:
            raise ValueError(f"it has more than {_LONGEST_FILE:,} bytes")
        content = json.loads(file.read_text(encoding="utf-8-sig"), parse_constant=_refuse_constant)
        _check_bounds(content)
    return content


def _check_file(file: Path) -> None:
    # Opening a pipe would block, and reading a device would not end.
    if not file.is_file():
        raise FileNotFoundError(f"{file.name} is missing, or no file")


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _check_bounds(value: Any, depth: int = 0) -> None:
    if depth > _DEEPEST:
        raise ValueError("it is nested too deep")
    if isinstance(value, dict | list):
        for entry in value.values() if isinstance(value, dict) else value:
            _check_bounds(entry, depth + 1)
    elif isinstance(value, int | float) and not -_RICHEST <= value <= _RICHEST:
        raise ValueError(f"a number is larger than {_RICHEST:g}")


def read_recipe(file: Path, content: dict[str, Any]) -> Recipe:
    """The recipe of run.json, checked field by field; `DataError` names the field."""
    with reading(file):
        # Missing and unknown fields are named by the record, wrong types by its schema.
        recipe = Recipe(**content)
        _validate(_model(Recipe), content)
        for name in _NAMES:
            if len(content[name] or "") > _LONGEST_NAME:
                raise ValueError(f"{name}: must have at most {_LONGEST_NAME:,} characters")
        for name in ("start", "end"):
            date.fromisoformat(content[name])
        if recipe.start > recipe.end or not 0 < recipe.sessions < _LARGEST:
            raise ValueError(f"{recipe.sessions} sessions from {recipe.start} to {recipe.end}")
        try:
            account = recipe.account
        except UndertowError as error:
            raise ValueError(str(error)) from None
        if account.weighting != recipe.weighting:
            raise ValueError(f"weighting: must be {account.weighting}, as the weights are, got {recipe.weighting}")
    return recipe


def read_counts(file: Path, content: Any) -> dict[str, Any]:
    """The counts of run.json: whole numbers, and tables of numbers and texts."""
    with reading(file):
        if not isinstance(content, dict):
            raise ValueError("it has no `counts`")
        for name, value in content.items():
            shape = _SHAPES.get(name)
            is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST
            if shape is None and not (value is None or is_count):
                raise ValueError(f"counts.{name}: must be a count, 0 or more, got {value!r}")
            if shape is not None:
                try:
                    TypeAdapter(shape).validate_python(value, strict=True)
                except ValidationError as error:
                    raise ValueError(f"counts.{name}: {error.errors()[0]['msg']}, got {value!r}") from None
    return content


def read_trial_count(file: Path, content: Any, names: dict[str, str]) -> TrialCount:
    """The trials of `ledger`; `names` translates those of earlier versions."""
    with reading(file):
        if not isinstance(content, dict):
            raise ValueError(f"ledger: must be a table, got {content!r}")
        counts: dict[str, Any] = {str(names.get(name, name)): count for name, count in content.items()}
        _validate(_model(TrialCount), counts)
        if any(not 0 <= count < _LARGEST for count in counts.values()):
            raise ValueError(f"ledger: must hold numbers of trials, got {content}")
        return TrialCount(**counts)


def read_attribution(file: Path) -> Attribution:
    """The attribution of a run."""
    content = read_json(file)
    with reading(file):
        parts = Attribution(**content)
        _validate(_model(Attribution), content)
    return parts


def read_hold_tax(file: Path) -> dict[str, Any] | None:
    """The tax of buy-and-hold in tax.json; None where it was not known."""
    content = read_json(file)
    with reading(file):
        tax = content["buy-and-hold"]
        if tax is None:
            return None
        if not isinstance(tax, dict) or not isinstance(tax.get("lots"), str):
            raise ValueError("buy-and-hold: must be a table with `lots`")
        for name in _TAX:
            if isinstance(tax.get(name), bool) or not isinstance(tax.get(name), int | float):
                raise ValueError(f"buy-and-hold.{name}: must be a number, got {tax.get(name)!r}")
    return dict(tax)


def read_run_table(file: Path) -> pd.DataFrame:
    """A table of a run, its columns and sessions checked by kind.

    Raises `DataError` with the file and the column.
    """
    with reading(file):
        import pyarrow.parquet

        _check_file(file)
        shape = pyarrow.parquet.ParquetFile(file).metadata
        if shape.num_rows * max(shape.num_columns, 1) > _MOST_CELLS:
            raise ValueError(f"it claims {shape.num_rows:,} rows of {shape.num_columns:,} columns")
        table = pd.read_parquet(file)
        if not table.columns.is_unique or not all(isinstance(name, str) for name in table.columns):
            raise ValueError("every column must have a name, and each its own")
        if file.stem in _BY_SESSION:
            _check_sessions(table.index)
    required = _REQUIRED[file.stem]
    for column in required:
        if column not in table:
            raise DataError(f"{file.parent}: {file.name} has no `{column}`; {AGAIN}")
    for column in table.columns:
        check = required.get(column) or _check_of(file.stem, column)
        # A table without rows has no kinds but those of its sessions, which are compared with days all the same.
        if (len(table) or check is _is_session) and not check(table[column]):
            raise DataError(f"{file.parent}: {file.name}: `{column}` must hold {_KINDS[check]}; {AGAIN}")
    return table


def _check_of(table: str, column: str) -> Check:
    """The check of a column that only some versions have."""
    if table in _BY_SESSION:
        # The tier machine stores instants before the first one as infinite.
        return _is_any_number if table == "reasons" else _is_number
    if column in _DAYS:
        return _is_day
    return _is_time if column in _TIMES else _is_text if column in _TEXTS else _is_plain


def _check_sessions(index: pd.Index) -> None:
    if not isinstance(index, pd.DatetimeIndex) or index.tz is not None:
        raise ValueError("its rows must be sessions")
    if index.hasnans or not index.is_monotonic_increasing or not index.is_unique:
        raise ValueError("its sessions must rise, each once")


@cache
def _model(record: type[Any]) -> type[BaseModel]:
    """The schema of a record: its fields with their types, strictly."""
    hints = get_type_hints(record)
    known: dict[str, Any] = {
        field.name: (hints[field.name], ... if field.default is MISSING else field.default) for field in fields(record)
    }
    return create_model(record.__name__, __config__=ConfigDict(strict=True, extra="forbid"), **known)


def _validate(model: type[BaseModel], content: dict[str, Any]) -> None:
    try:
        model.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        text = repr(first["input"])
        got = text if len(text) <= 80 else f"{text[:80]}..."
        raise ValueError(f"{name}: {first['msg'][0].lower()}{first['msg'][1:]}, got {got}") from None
    if any(isinstance(value, float) and not math.isfinite(value) for value in content.values()):
        raise ValueError("its numbers must be finite")
