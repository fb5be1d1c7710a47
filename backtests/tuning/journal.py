"""The journal file of a study: every line checked as it is read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._storage import JournalOperation

from undertow.backtests.tuning.attributes import attribute_fault, identity_fault, is_count, is_finite, is_value
from undertow.market import DataError, reason_of, safe_text

# Longer lines are of no study: a trial has some kilobytes.
_LONGEST_LINE = 10_000_000


class Journal(JournalFileBackend):
    """Optuna's journal file: blank lines are skipped, bad ones named by their number.

    `line` is the number of the line that was read last.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        # The line and the byte at which each record begins.
        self._starts: dict[int, tuple[int, int]] = {0: (0, 0)}
        self.line = 0

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:  # type: ignore[override]
        """The records from a number on; `DataError` with the line on one that is none."""
        number = log_number_from if log_number_from in self._starts else 0
        self.line, position = self._starts[number]
        with open(self._file_path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(position)
            for text in file:
                position += len(text)
                # A line that another process is writing is read the next time.
                if position > size or not text.endswith(b"\n"):
                    return
                self.line += 1
                if not text.strip():
                    self._starts[number] = (self.line, position)
                    continue
                number += 1
                self._starts[number] = (self.line, position)
                if number > log_number_from:
                    yield self._record(text)

    def _record(self, text: bytes) -> dict[str, Any]:
        fault = ""
        record: Any = None
        try:
            if len(text) > _LONGEST_LINE:
                raise ValueError(f"it has {len(text):,} bytes")
            record = json.loads(text.decode("utf-8"))
            fault = record_fault(record)
        except (ValueError, RecursionError) as error:
            fault = "a number has too many digits" if "integer string" in str(error) else reason_of(error)
        if fault:
            raise journal_error(Path(self._file_path), fault, self.line)
        checked: dict[str, Any] = record
        return checked

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append records; `DataError` with the file where it cannot be written."""
        try:
            super().append_logs(logs)
        except OSError as error:
            raise DataError(
                f"`storage` {self._file_path!r} cannot be written: {error.strerror or error}; every trial that was"
                " finished is stored, and the same call continues from there once this is fixed"
            ) from None


def open_journal(path: Path) -> BaseStorage:
    """The storage of a journal file; `DataError` with the line that is no record."""
    journal = Journal(path)
    try:
        return JournalStorage(journal)
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"`storage` {str(path)!r} cannot be read: {reason_of(error)}; name another file") from None
    except Exception as error:  # noqa: BLE001 - Optuna replays the records, and what a bad one raises is not stated
        raise journal_error(path, reason_of(error), journal.line) from None


def journal_error(path: Path, fault: str, line: int) -> DataError:
    """The error of a line that is no record, with what can be done."""
    return DataError(
        f"`storage` {str(path)!r} is not an Optuna journal: line {line} is no record: {fault}; "
        + (f"cut the file before line {line}, and the trials above it are kept" if line > 1 else "name another file")
    )


def record_fault(record: Any) -> str:
    """What is wrong with a record of a journal; "" where nothing is."""
    if not isinstance(record, dict):
        return f"it is no JSON object, but {safe_text(json.dumps(record), 40)}"
    operation = record.get("op_code")
    if isinstance(operation, bool) or operation not in list(JournalOperation):
        return f"`op_code` {safe_text(json.dumps(operation), 40)} is no operation of Optuna"
    fields = {"worker_id": _is_text, **_FIELDS.get(operation, {})}
    for name, check in fields.items():
        if not check(record.get(name)):
            found = safe_text(json.dumps(record[name]), 40) if name in record else "nothing"
            return f"`{name}` must not be {found}"
    return _contents_fault(operation, record)


def _contents_fault(operation: int, record: Mapping[str, Any]) -> str:
    """What is wrong with attributes that Undertow itself has written."""
    if operation == JournalOperation.SET_STUDY_USER_ATTR:
        return identity_fault(record["user_attr"])
    if operation == JournalOperation.CREATE_TRIAL:
        return attribute_fault(record.get("user_attrs") or {}, record.get("system_attrs") or {})
    return ""


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_time(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_table(value: Any) -> bool:
    return value is None or isinstance(value, dict)


def _is_pair(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1


def _is_number(value: Any) -> bool:
    return value is None or is_value(value)


def _are_numbers(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(map(is_value, value)))


def _are_directions(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(item in (0, 1, 2) for item in value)


def _are_texts(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and all(map(_is_text, value.values())))


def _anything(value: Any) -> bool:
    return True


_FIELDS: dict[int, dict[str, Callable[[Any], bool]]] = {
    JournalOperation.CREATE_STUDY: {"study_name": _is_text, "directions": _are_directions},
    JournalOperation.DELETE_STUDY: {"study_id": is_count},
    JournalOperation.SET_STUDY_USER_ATTR: {"study_id": is_count, "user_attr": _is_pair},
    JournalOperation.SET_STUDY_SYSTEM_ATTR: {"study_id": is_count, "system_attr": _is_pair},
    JournalOperation.CREATE_TRIAL: {
        "study_id": is_count,
        "datetime_start": _is_time,
        "distributions": _are_texts,
        "params": _is_table,
        "user_attrs": _is_table,
        "system_attrs": _is_table,
        "intermediate_values": _is_table,
        "value": _is_number,
        "values": _are_numbers,
    },
    JournalOperation.SET_TRIAL_PARAM: {
        "trial_id": is_count,
        "param_name": _is_text,
        "param_value_internal": is_finite,
        "distribution": _is_text,
    },
    JournalOperation.SET_TRIAL_STATE_VALUES: {"trial_id": is_count, "state": is_count, "values": _are_numbers},
    JournalOperation.SET_TRIAL_INTERMEDIATE_VALUE: {"trial_id": is_count, "step": is_count},
    JournalOperation.SET_TRIAL_USER_ATTR: {"trial_id": is_count, "user_attr": _is_pair},
    JournalOperation.SET_TRIAL_SYSTEM_ATTR: {"trial_id": is_count, "system_attr": _is_pair},
    JournalOperation.DISCARD_TRIALS: {"op_code": _anything},
}
