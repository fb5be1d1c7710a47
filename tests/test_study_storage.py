"""A file is held by one. Optuna is quiet as long as any thread asks for it, and as it was before once none does."""

from __future__ import annotations

import itertools
import threading
import warnings
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from undertow.backtests.study_storage import open_storage, quiet_optuna
from undertow.market import ParameterError


def ignored() -> bool:
    return any(
        action == "ignore" and kind is optuna.exceptions.ExperimentalWarning for action, _, kind, *_ in filters()
    )


def filters() -> list[Any]:
    return list(warnings.filters)


def test_a_journal_is_held_by_one_however_it_was_opened(tmp_path: Path) -> None:
    path = tmp_path / "study.log"
    for first, second in itertools.product((path, journal(path)), repeat=2):
        with (
            open_storage(first),
            pytest.raises(ParameterError, match="in use by another process"),
            open_storage(second),
        ):
            pass
        with open_storage(second) as kept:
            assert kept.get_all_studies() == []


def journal(path: Path) -> JournalStorage:
    return JournalStorage(JournalFileBackend(str(path)))


def test_the_last_thread_to_leave_puts_everything_back() -> None:
    level, before = optuna.logging.get_verbosity(), filters()
    first_is_in, second_is_in, first_is_out = (threading.Event() for _ in range(3))
    seen: list[bool] = []

    def first() -> None:
        with quiet_optuna():
            first_is_in.set()
            second_is_in.wait(10)
        first_is_out.set()

    def second() -> None:
        first_is_in.wait(10)
        with quiet_optuna():
            second_is_in.set()
            first_is_out.wait(10)
            seen.append(ignored() and optuna.logging.get_verbosity() == optuna.logging.WARNING)

    threads = [threading.Thread(target=each) for each in (first, second)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(20)
    assert seen == [True]
    assert (optuna.logging.get_verbosity(), filters()) == (level, before)
