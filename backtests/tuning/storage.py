"""Where a study is kept: memory, a journal file, or any database that Optuna takes."""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from undertow.backtests.folders import check_writable
from undertow.market.errors import DataError, ParameterError, did_you_mean

JOURNAL = "journal:"
# Seconds to wait for a database server to answer, and how often a table that another worker makes just now is retried.
_PATIENCE, _ATTEMPTS = 10, 8
_SERVERS = ("postgresql", "mysql", "mariadb")
# Several workers may share these too, but nothing there lets one claim a batch before the others: each would make all.
_UNCLAIMED = ("JournalRedisBackend", "GrpcStorageProxy")
# Storages in memory that a search of this process holds.
_in_memory: set[int] = set()
_entering = threading.Lock()


@contextmanager
def open_storage(given: str | Path | BaseStorage | None) -> Iterator[BaseStorage]:
    """The storage of None (memory), `journal:FILE` or a path, a database URL or an Optuna storage, for the block.

    A file is held by one process at a time, and what a killed one left half-written is cut off. Raises `ParameterError`
    where it is none of these, is in use, or where a driver is missing; `DataError` where it cannot be reached or read.
    """
    if given is None:
        yield InMemoryStorage()
    elif isinstance(given, BaseStorage):
        _refuse_unclaimed(given)
        files = _files_of(given)
        with _held(*files) if files is not None else _held_in_memory(given):
            yield given
    elif isinstance(given, Path) or (isinstance(given, str) and given.startswith(JOURNAL)):
        path = given if isinstance(given, Path) else Path(given.removeprefix(JOURNAL))
        with _held(path, path):
            _mend_journal(path)
            yield _journal(path)
    else:
        check_address(given)
        file = sqlite_file(given)
        with _held(file, Path(f"{file}-lock")) if file is not None else nullcontext():
            yield from _connected(given)


def check_address(given: object) -> None:
    """Raise `ParameterError` where `given` is neither a path nor text that could name a journal or a database."""
    named = isinstance(given, Path) or (isinstance(given, str) and (given.startswith(JOURNAL) or "://" in given))
    if not named:
        raise ParameterError(
            f"`storage` must be journal:FILE or a database address such as sqlite:///study.db or"
            f" postgresql://user@host/name, got {given!r}"
        )


def check_storage(given: object) -> None:
    """Raise what `open_storage` would of what is no address, or of a file that cannot be one; makes nothing."""
    if isinstance(given, BaseStorage):
        _refuse_unclaimed(given)
    if given is None or isinstance(given, BaseStorage):
        return
    check_address(given)
    path = _file_of(given)
    if path is not None:
        _check_file(path)


def check_study(given: object) -> None:
    """Raise `ParameterError` unless `given` is the name of a study, or None."""
    if given is not None and not isinstance(given, str):
        raise ParameterError(f"`study` must be the name of a study, got {given!r}")


def may_exist(given: object) -> bool:
    """Whether a storage may hold studies already: a server, an object, a file that exists."""
    path = None if isinstance(given, BaseStorage) else _file_of(given)
    return given is not None and (path is None or path.exists())


def _file_of(given: object) -> Path | None:
    """The file of a journal or an SQLite address; None for a server, memory and an object."""
    if isinstance(given, Path) or not isinstance(given, str):
        return given if isinstance(given, Path) else None
    return Path(given.removeprefix(JOURNAL)) if given.startswith(JOURNAL) else sqlite_file(given)


def _check_file(path: Path) -> None:
    check_writable(path, "storage")
    # A pipe would be waited for, and a device read without end.
    if (path.exists() and not path.is_file()) or not path.parent.is_dir():
        raise ParameterError(f"`storage` must be a file in a folder that is there, got {str(path)!r}")


def server_of(storage: BaseStorage) -> RDBStorage | None:
    """The database server that several workers may share; None for memory and for a file."""
    backend = _beneath(storage)
    return backend if isinstance(backend, RDBStorage) and backend.engine.name in _SERVERS else None


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Optuna without its log lines and without its notes on what is experimental, as long as a block runs.

    Both belong to the whole process: of several threads the first sets them, and the last to leave puts them back.
    """
    with _door:
        _inside.append(_inside[-1] if _inside else _silenced())
    try:
        yield
    finally:
        with _door:
            stack = _inside.pop()
            if not _inside:
                stack.close()


_door, _inside = threading.Lock(), list[ExitStack]()


def _silenced() -> ExitStack:
    stack = ExitStack()
    stack.callback(optuna.logging.set_verbosity, optuna.logging.get_verbosity())
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    stack.enter_context(warnings.catch_warnings())
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    return stack


@contextmanager
def _held(path: Path, lock: Path) -> Iterator[None]:
    _check_file(path)
    try:
        opened = lock.open("ab")
    except OSError as error:
        raise ParameterError(
            f"`storage` {str(path)!r} cannot be held: {str(lock)!r}: {(error.strerror or str(error)).lower()}"
        ) from None
    with opened as file:
        try:
            # Let go by the kernel whatever becomes of the process.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ParameterError(
                f"`storage` {str(path)!r} is in use by another process; several workers need a database server, such as"
                " postgresql://user@host/name"
            ) from None
        yield


@contextmanager
def _held_in_memory(storage: BaseStorage) -> Iterator[None]:
    """Hold a storage in memory against other threads, as a file is held; a server is for all."""
    if not isinstance(storage, InMemoryStorage):
        yield
        return
    with _entering:
        if id(storage) in _in_memory:
            raise ParameterError("`storage` in memory is in use by another search; one at a time can hold it")
        _in_memory.add(id(storage))
    try:
        yield
    finally:
        _in_memory.discard(id(storage))


def _refuse_unclaimed(storage: BaseStorage) -> None:
    kind = type(_beneath(storage)).__name__
    if kind in _UNCLAIMED:
        raise ParameterError(
            f"`storage` by {kind} cannot keep several workers from making the same trials; give a journal file, or the"
            " address of a database"
        )


def _mend_journal(path: Path) -> None:
    """Cut off a last line that was not written to its end, and free a lock whose holder is gone."""
    lock = Path(f"{path}.lock")
    with suppress(OSError):
        held = os.lstat(lock).st_mtime_ns
        # A viewer of the study may hold it, for milliseconds.
        time.sleep(0.5)
        if os.lstat(lock).st_mtime_ns == held:
            lock.unlink()
    written = path.read_bytes()
    whole = written.rfind(b"\n") + 1
    # A file that is no journal is refused by its reader, not shortened.
    if whole < len(written) and written.startswith(b'{"op_code"'):
        os.truncate(path, whole)
        written = written[:whole]
    # Its reader forgives a last line that is none, and would write behind it.
    last = written.rstrip().rpartition(b"\n")[2]
    try:
        json.loads(last or b"{}")
    except ValueError as error:
        raise _no_journal(path, error) from None


class _Journal(JournalFileBackend):
    """Optuna's journal, whose file says so by name when it cannot be written."""

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        try:
            super().append_logs(logs)
        except OSError as error:
            raise DataError(
                f"`storage` {self._file_path!r} cannot be written: {error.strerror or error}; every trial that was"
                " finished is kept, and the same call goes on from there once this is mended"
            ) from None


def _journal(path: Path) -> BaseStorage:
    try:
        return JournalStorage(_Journal(str(path)))
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError) as error:
        raise _no_journal(path, error) from None


def _no_journal(path: Path, error: Exception) -> DataError:
    return DataError(f"`storage` {str(path)!r} is not an Optuna journal: {error}")


def _connected(url: str) -> Iterator[BaseStorage]:
    from sqlalchemy.exc import SQLAlchemyError

    storage = _database(url)
    try:
        yield storage
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        raise DataError(
            f"`storage` {_shown(url)} cannot be used: {_why(error.__cause__ or error)}; every batch that was finished"
            " is kept, and the same call goes on from there once this is mended"
        ) from None
    finally:
        storage.remove_session()
        storage.engine.dispose()


def sqlite_file(url: str) -> Path | None:
    """The file that a database address names; None where it names a server, or memory."""
    _, slashes, path = url.partition(":///")
    is_file = url.startswith("sqlite") and slashes and path not in ("", ":memory:")
    return Path(path.partition("?")[0]) if is_file else None


def _files_of(storage: BaseStorage) -> tuple[Path, Path] | None:
    """The file of a storage that is a journal or an SQLite database in one, and the file that is locked for it."""
    backend = _beneath(storage)
    if isinstance(backend, JournalFileBackend):
        path = Path(backend._file_path)
        return path, path
    file = sqlite_file(str(backend.engine.url)) if isinstance(backend, RDBStorage) else None
    return None if file is None else (file, Path(f"{file}-lock"))


def _beneath(storage: BaseStorage) -> Any:
    """What a storage keeps its studies in: a study, and `optuna.storages.get_storage`, wrap a database in a cache."""
    return getattr(storage, "_backend", storage)


def _database(url: str) -> RDBStorage:
    import sqlalchemy.exc
    from sqlalchemy.engine import make_url

    try:
        server = make_url(url).get_backend_name() in _SERVERS
        arguments = {"connect_args": {"connect_timeout": _PATIENCE}, "pool_pre_ping": True} if server else {}
        return _patiently(url, arguments)
    except sqlalchemy.exc.NoSuchModuleError:
        scheme = url.partition(":")[0]
        near = did_you_mean(scheme, ("sqlite", *_SERVERS))
        raise ParameterError(
            f"`storage` {scheme}:// is no database that SQLAlchemy knows{near}; such as sqlite:///study.db or"
            " postgresql://user@host/name"
        ) from None
    except ImportError as error:
        scheme = url.partition(":")[0]
        extra = "; pip install 'undertow[postgres]'" if scheme.startswith("postgres") else ""
        raise ParameterError(
            f"`storage` {scheme}:// needs a driver that is not installed ({error.__cause__ or error}){extra}"
        ) from None
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise ParameterError("`storage` is not a database address such as postgresql://user@host/name") from None
    except sqlalchemy.exc.SQLAlchemyError as error:
        raise DataError(f"`storage` {_shown(url)} cannot be used: {_why(error)}") from None
    except RuntimeError as error:
        raise DataError(f"`storage` {_shown(url)} was made by another version of Optuna: {error}") from None


def _shown(url: str) -> str:
    """The address without its password."""
    from sqlalchemy.engine import make_url

    return make_url(url).render_as_string(hide_password=True)


def _why(error: BaseException) -> str:
    """What the database said, its first line."""
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]


def _patiently(url: str, arguments: dict[str, object]) -> RDBStorage:
    import sqlalchemy.exc

    for attempt in range(_ATTEMPTS):
        try:
            return RDBStorage(url, engine_kwargs=arguments)
        except (sqlalchemy.exc.IntegrityError, sqlalchemy.exc.ProgrammingError, optuna.exceptions.StorageInternalError):
            # Two workers make the tables of an empty database at the same time: one of them is refused.
            if attempt == _ATTEMPTS - 1:
                raise
            time.sleep(0.25)
    raise AssertionError("not reached")
