"""A file is held by one. Optuna is quiet as long as any thread asks for it, and as it was before once none does."""

from __future__ import annotations

import itertools
import os
import threading
import warnings
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import GrpcStorageProxy, InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalRedisBackend

from undertow.backtests.tuning.optimize import optimize
from undertow.backtests.tuning.storage import check_storage, open_storage, silence_optuna
from undertow.backtests.validation.walk_forward import walk_forward
from undertow.market import DataError, ParameterError, simulate_market
from undertow.strategies import VolTarget


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
        with open_storage(second) as storage:
            assert storage.get_all_studies() == []


def test_a_storage_in_memory_is_held_by_one_search() -> None:
    storage = InMemoryStorage()
    for _ in range(2):
        with (
            open_storage(storage),
            open_storage(InMemoryStorage()),
            pytest.raises(ParameterError, match="in use by another search"),
            open_storage(storage),
        ):
            pass


@pytest.mark.parametrize("kind", [JournalRedisBackend, GrpcStorageProxy])
def test_a_storage_in_which_no_batch_can_be_claimed_is_refused_before_work(kind: type) -> None:
    # Both need a server to be opened: what is asked is their kind alone.
    bare = object.__new__(kind)
    if kind is JournalRedisBackend:
        bare, backend = object.__new__(JournalStorage), bare
        bare._backend = backend
    with pytest.raises(ParameterError, match=f"`storage` by {kind.__name__} cannot keep several workers"):
        check_storage(bare)


@pytest.mark.parametrize("text", ["hello\n", "hello", "{}\nhello\n"])
def test_a_file_that_is_no_journal_is_named_and_left(tmp_path: Path, text: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(text)
    with pytest.raises(DataError, match=r"notes.txt' is not an Optuna journal"), open_storage(path) as storage:
        storage.get_all_studies()
    assert path.read_text() == text


@pytest.mark.parametrize("address", ["journal:{}", "sqlite:///{}"])
def test_a_pipe_and_a_device_are_no_files(tmp_path: Path, address: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/null"), tmp_path):
        with pytest.raises(ParameterError, match="`storage` must be a file in an existing folder"):
            check_storage(address.format(path))


def test_a_file_that_cannot_be_locked_is_named(tmp_path: Path) -> None:
    (tmp_path / "study.db-lock").mkdir()
    with pytest.raises(ParameterError, match=r"cannot be locked: .*study.db-lock': is a directory"):
        optimize(VolTarget, simulate_market(seed=7, years=1, names=5), storage=f"sqlite:///{tmp_path}/study.db", seed=1)


@pytest.mark.parametrize("search", [optimize, walk_forward])
def test_a_study_goes_by_a_name(tmp_path: Path, search: Any) -> None:
    market = simulate_market(seed=7, years=1, names=5)
    for wrong in (5, tmp_path):
        with pytest.raises(ParameterError, match="`study` must be the name of a study, got"):
            search(VolTarget, market, storage=tmp_path / "kept", study=wrong, seed=1)
    assert not list(tmp_path.iterdir())


def journal(path: Path) -> JournalStorage:
    return JournalStorage(JournalFileBackend(str(path)))


def test_the_last_thread_to_leave_puts_everything_back() -> None:
    level, before = optuna.logging.get_verbosity(), filters()
    first_is_in, second_is_in, first_is_out = (threading.Event() for _ in range(3))
    seen: list[bool] = []

    def first() -> None:
        with silence_optuna():
            first_is_in.set()
            second_is_in.wait(10)
        first_is_out.set()

    def second() -> None:
        first_is_in.wait(10)
        with silence_optuna():
            second_is_in.set()
            first_is_out.wait(10)
            seen.append(ignored() and optuna.logging.get_verbosity() == optuna.logging.WARNING)

    threads = [threading.Thread(target=thread) for thread in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert seen == [True]
    assert (optuna.logging.get_verbosity(), filters()) == (level, before)
