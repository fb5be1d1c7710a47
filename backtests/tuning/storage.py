"""Storage of studies: memory, a journal file, or a database."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from undertow.backtests.folders import check_writable
from undertow.backtests.tuning.journal import journal_error, open_journal
from undertow.market import DataError, ParameterError, did_you_mean
from undertow.market.files import try_lock

JOURNAL = "journal:"
# Seconds to wait for a database server, and attempts while another worker makes the same table.
_TIMEOUT, _ATTEMPTS = 10, 8
_SERVERS = ("postgresql", "mysql", "mariadb")
# Several workers may share these too, but cannot claim batches there: every worker would make all trials.
_UNCLAIMABLE = ("JournalRedisBackend", "GrpcStorageProxy")
# Storages in memory that a search of this process holds.
_in_memory: set[int] = set()
_in_memory_lock = threading.Lock()


@contextmanager
def open_storage(storage: str | Path | BaseStorage | None) -> Iterator[BaseStorage]:
    """The storage of an address, for the block.

    None is memory, a path or `journal:FILE` a journal, other text a database address. A file is locked by one process
    at a time, and an entry that a killed one wrote in part is cut off. Raises `ParameterError` where it is not a
    storage, is in use, or where a driver is missing; `DataError` where it cannot be reached or read.
    """
    if storage is None:
        yield InMemoryStorage()
    elif isinstance(storage, BaseStorage):
        _refuse_unclaimable(storage)
        files = _files_of(storage)
        with _locked(*files) if files is not None else _locked_in_memory(storage):
            yield storage
    elif isinstance(storage, Path) or (isinstance(storage, str) and storage.startswith(JOURNAL)):
        path = storage if isinstance(storage, Path) else Path(storage.removeprefix(JOURNAL))
        with _locked(path, path):
            _repair_journal(path)
            yield open_journal(path)
    else:
        check_address(storage)
        file = sqlite_file(storage)
        with _locked(file, Path(f"{file}-lock")) if file is not None else nullcontext():
            yield from _connected(storage)


def check_address(address: object) -> None:
    """Raise `ParameterError` unless `address` may name a journal or a database."""
    is_text = isinstance(address, str) and (address.startswith(JOURNAL) or "://" in address)
    if not is_text and not isinstance(address, Path):
        raise ParameterError(
            f"`storage` must be journal:FILE or a database address such as sqlite:///study.db or"
            f" postgresql://user@host/name, got {address!r}"
        )


def check_storage(storage: object) -> None:
    """Raise the error of `open_storage` on a bad address or file; makes nothing."""
    if isinstance(storage, BaseStorage):
        _refuse_unclaimable(storage)
    if storage is None or isinstance(storage, BaseStorage):
        return
    check_address(storage)
    path = _file_of(storage)
    if path is not None:
        _check_file(path)


def check_study(study: object) -> None:
    """Raise `ParameterError` unless `study` is the name of a study, or None."""
    if study is not None and not isinstance(study, str):
        raise ParameterError(f"`study` must be the name of a study, got {study!r}")


def may_exist(storage: object) -> bool:
    """Whether a storage may hold studies: a server, an object, an existing file."""
    path = None if isinstance(storage, BaseStorage) else _file_of(storage)
    return storage is not None and (path is None or path.exists())


def _file_of(address: object) -> Path | None:
    """The file of a journal or an SQLite address; None for any other storage."""
    if isinstance(address, Path) or not isinstance(address, str):
        return address if isinstance(address, Path) else None
    return Path(address.removeprefix(JOURNAL)) if address.startswith(JOURNAL) else sqlite_file(address)


def _check_file(path: Path) -> None:
    check_writable(path, "storage")
    # Opening a pipe would block, and reading a device would not end.
    if (path.exists() and not path.is_file()) or not path.parent.is_dir():
        raise ParameterError(f"`storage` must be a file in an existing folder, got {str(path)!r}")


def server_of(storage: BaseStorage) -> RDBStorage | None:
    """The database server that workers may share; None for memory and for a file."""
    backend = _backend_of(storage)
    return backend if isinstance(backend, RDBStorage) and backend.engine.name in _SERVERS else None


@contextmanager
def silence_optuna() -> Iterator[None]:
    """Run a block without Optuna's log lines and experimental warnings.

    Both settings belong to the whole process: of several threads the first changes them, and the last restores them.
    """
    with _silence_lock:
        _silences.append(_silences[-1] if _silences else _silenced())
    try:
        yield
    finally:
        with _silence_lock:
            stack = _silences.pop()
            if not _silences:
                stack.close()


_silence_lock, _silences = threading.Lock(), list[ExitStack]()


def _silenced() -> ExitStack:
    stack = ExitStack()
    stack.callback(optuna.logging.set_verbosity, optuna.logging.get_verbosity())
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    stack.enter_context(warnings.catch_warnings())
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    return stack


@contextmanager
def _locked(path: Path, lock: Path) -> Iterator[None]:
    _check_file(path)
    try:
        opened = lock.open("ab")
    except OSError as error:
        raise ParameterError(
            f"`storage` {str(path)!r} cannot be locked: {str(lock)!r}: {(error.strerror or str(error)).lower()}"
        ) from None
    with opened as file:
        if not try_lock(file.fileno()):
            raise ParameterError(
                f"`storage` {str(path)!r} is in use by another process; several workers need a database server, such as"
                " postgresql://user@host/name"
            )
        yield


@contextmanager
def _locked_in_memory(storage: BaseStorage) -> Iterator[None]:
    """Lock a storage in memory against other threads; a server is shared."""
    if not isinstance(storage, InMemoryStorage):
        yield
        return
    with _in_memory_lock:
        if id(storage) in _in_memory:
            raise ParameterError("`storage` in memory is in use by another search; one at a time can use it")
        _in_memory.add(id(storage))
    try:
        yield
    finally:
        _in_memory.discard(id(storage))


def _refuse_unclaimable(storage: BaseStorage) -> None:
    backend = type(_backend_of(storage)).__name__
    if backend in _UNCLAIMABLE:
        raise ParameterError(
            f"`storage` by {backend} cannot keep several workers from making the same trials; give a journal file, or"
            " the address of a database"
        )


def _repair_journal(path: Path) -> None:
    """Cut off a last line without an end, and remove a lock whose process is gone."""
    lock = Path(f"{path}.lock")
    with suppress(OSError):
        locked_at = os.lstat(lock).st_mtime_ns
        # A viewer of the study may hold it, for milliseconds.
        time.sleep(0.5)
        if os.lstat(lock).st_mtime_ns == locked_at:
            lock.unlink()
    content = path.read_bytes()
    length = content.rfind(b"\n") + 1
    rest = content[length:]
    # A file that is not a journal is refused, not shortened.
    if rest and content.lstrip().startswith(b'{"op_code"'):
        os.truncate(path, length)
    elif rest:
        raise journal_error(path, "it does not end", content.count(b"\n") + 1)


def _connected(url: str) -> Iterator[BaseStorage]:
    from sqlalchemy.exc import SQLAlchemyError

    storage = _database(url)
    try:
        yield storage
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        raise DataError(
            f"`storage` {_public(url)} cannot be used: {_message(error.__cause__ or error)}; every batch that was"
            " finished is stored, and the same call continues from there once this is fixed"
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
    """The file of a journal or an SQLite database, and the file locked for it."""
    backend = _backend_of(storage)
    if isinstance(backend, JournalFileBackend):
        path = Path(backend._file_path)
        return path, path
    file = sqlite_file(str(backend.engine.url)) if isinstance(backend, RDBStorage) else None
    return None if file is None else (file, Path(f"{file}-lock"))


def _backend_of(storage: BaseStorage) -> Any:
    """The storage within the cache in which Optuna wraps a database."""
    return getattr(storage, "_backend", storage)


def _database(url: str) -> RDBStorage:
    import sqlalchemy.exc
    from sqlalchemy.engine import make_url

    try:
        server = make_url(url).get_backend_name() in _SERVERS
        arguments = {"connect_args": {"connect_timeout": _TIMEOUT}, "pool_pre_ping": True} if server else {}
        return _connect(url, arguments)
    except sqlalchemy.exc.NoSuchModuleError:
        scheme = url.partition(":")[0]
        suggestion = did_you_mean(scheme, ("sqlite", *_SERVERS))
        raise ParameterError(
            f"`storage` {scheme}:// is not a database that SQLAlchemy knows{suggestion}; such as sqlite:///study.db or"
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
        raise DataError(f"`storage` {_public(url)} cannot be used: {_message(error)}") from None
    except RuntimeError as error:
        raise DataError(f"`storage` {_public(url)} was made by another version of Optuna: {error}") from None


def _public(url: str) -> str:
    """The address without its password."""
    from sqlalchemy.engine import make_url

    return make_url(url).render_as_string(hide_password=True)


def _message(error: BaseException) -> str:
    """The first line of the database's message."""
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]


def _connect(url: str, arguments: dict[str, object]) -> RDBStorage:
    import sqlalchemy.exc

    for attempt in range(_ATTEMPTS):
        try:
            return RDBStorage(url, engine_kwargs=arguments)
        except (sqlalchemy.exc.IntegrityError, sqlalchemy.exc.ProgrammingError, optuna.exceptions.StorageInternalError):
            # Of two workers that make the tables of an empty database at the same time one is refused.
            if attempt == _ATTEMPTS - 1:
                raise
            time.sleep(0.25)
    raise AssertionError("not reached")
