"""Batches of a study handed out to one process or to several workers."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import optuna
from optuna.storages import RDBStorage
from sqlalchemy import Column, Integer, MetaData, String, Table, Text, and_, insert, select, update
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from undertow.market import DataError

# A batch whose worker has shown no sign of life for so long is taken over; a worker shows one six times as often.
LEASE = 60.0  # seconds
_POLL = 0.2
_FREE = ""


@dataclass(frozen=True)
class Claim:
    """A batch to work on, and the batches whose trials its proposals may see."""

    batch: int
    seen: tuple[int, ...]


class Claims(Protocol):
    """Hands out the batches of a study."""

    shared: bool

    def take(self, open_batches: Sequence[int], complete: Collection[int]) -> Claim | None:
        """The next batch to work on; None while other workers hold all open ones."""

    def working(self, batch: int) -> AbstractContextManager[None]:
        """Hold the batch while the block runs."""

    def writing(self, batch: int) -> AbstractContextManager[None]:
        """Keep other workers from writing the batch while the block runs.

        It is free afterwards.
        """


class LocalClaims:
    """The batches of one process, in their order."""

    shared = False

    def take(self, open_batches: Sequence[int], complete: Collection[int]) -> Claim | None:
        """The first open batch; it sees all before it."""
        return Claim(open_batches[0], tuple(range(open_batches[0])))

    def working(self, batch: int) -> AbstractContextManager[None]:
        """No other worker can take it."""
        return nullcontext()

    def writing(self, batch: int) -> AbstractContextManager[None]:
        """No other worker writes."""
        return nullcontext()


class SharedClaims:
    """Batches of several workers: one row a batch in the database of the study.

    The table is beside Optuna's own. A worker inserts the row of a batch to claim it, with the batches that were
    complete by then, so that a worker that takes the batch over proposes the same sets. It counts `beat` up while it
    works; a row whose beat stays the same for the lease, by the watcher's own clock, is taken over. Trials are written
    while the row is locked, and only those that are missing: where a worker was merely slow, the faster of the two
    writes the batch, which is the same.
    """

    shared = True

    def __init__(self, study: optuna.Study, storage: RDBStorage, lease: float = LEASE) -> None:
        self._engine = storage.engine
        self._study = study._study_id
        self._worker = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._lease = lease
        self._watched: dict[int, tuple[tuple[str, int], float]] = {}
        self._table = Table(
            "undertow_claims",
            MetaData(),
            Column("study", Integer, primary_key=True, autoincrement=False),
            Column("batch", Integer, primary_key=True, autoincrement=False),
            Column("worker", String(160), nullable=False),
            Column("beat", Integer, nullable=False),
            Column("seen", Text, nullable=False),
        )
        self._make_table()

    def _make_table(self) -> None:
        for last in (False, False, False, True):
            try:
                self._table.metadata.create_all(self._engine)
            except (IntegrityError, ProgrammingError, OperationalError) as error:
                # Another worker makes it at the same moment.
                if last:
                    raise DataError(f"`storage`: the table of claims cannot be made: {error.orig}") from None
                time.sleep(_POLL)
            else:
                return

    def take(self, open_batches: Sequence[int], complete: Collection[int]) -> Claim | None:
        """The first batch that no worker holds, or whose worker is gone.

        The design comes before everything else.
        """
        with self._engine.begin() as connection:
            rows = {row.batch: row for row in connection.execute(select(self._table).where(self._row()))}
        for batch in open_batches:
            row = rows.get(batch)
            seen = tuple(sorted(complete)) if row is None else tuple(json.loads(row.seen))
            if (row is None and self._insert(batch, seen)) or (row is not None and self._take_over(row)):
                return Claim(batch, seen)
            if batch == 0:
                return None
        time.sleep(_POLL)
        return None

    def _row(self, batch: int | None = None) -> Any:
        in_study = self._table.c.study == self._study
        return in_study if batch is None else and_(in_study, self._table.c.batch == batch)

    def _insert(self, batch: int, seen: Sequence[int]) -> bool:
        row = {"study": self._study, "batch": batch, "worker": self._worker, "beat": 0, "seen": json.dumps(list(seen))}
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(self._table).values(row))
        except IntegrityError:
            return False
        return True

    def _take_over(self, row: Any) -> bool:
        state, now = (row.worker, row.beat), time.monotonic()
        last, since = self._watched.get(row.batch, (None, now))
        if last != state:
            self._watched[row.batch] = (state, now)
            since = now
        if row.worker not in (_FREE, self._worker) and now - since < self._lease:
            return False
        unchanged = and_(self._row(row.batch), self._table.c.worker == row.worker, self._table.c.beat == row.beat)
        return self._set(unchanged, worker=self._worker, beat=row.beat + 1)

    def _set(self, where: Any, **values: Any) -> bool:
        with self._engine.begin() as connection:
            return bool(connection.execute(update(self._table).where(where).values(**values)).rowcount)

    @contextmanager
    def working(self, batch: int) -> Iterator[None]:
        """Count the beat up in a separate thread, six times a lease."""
        stopped = threading.Event()
        thread = threading.Thread(target=self._beat, args=(batch, stopped), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()

    def _beat(self, batch: int, stopped: threading.Event) -> None:
        held = and_(self._row(batch), self._table.c.worker == self._worker)
        while not stopped.wait(self._lease / 6):
            try:
                self._set(held, beat=self._table.c.beat + 1)
            except OperationalError:
                # At worst another worker does the batch as well, and the faster one writes it.
                continue

    @contextmanager
    def writing(self, batch: int) -> Iterator[None]:
        """Lock the row; the server releases the lock of a worker that dies."""
        with self._engine.begin() as connection:
            connection.execute(select(self._table.c.worker).where(self._row(batch)).with_for_update()).scalar_one()
            yield
            free = update(self._table).where(self._row(batch))
            connection.execute(free.values(worker=_FREE, beat=self._table.c.beat + 1))
