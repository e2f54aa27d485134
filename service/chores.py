"""What is done from time to time: by one process of all, whoever comes first."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event, Thread

from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from service.errors import ServiceError
from service.store.session import Store, insert_once
from service.store.tables import chores

log = logging.getLogger(__name__)
_LOOK_SECONDS = 1.0
# If the process dies at it, another takes the chore up after this.
_LONGEST = timedelta(minutes=15)


@dataclass(frozen=True)
class Chore:
    """One thing to do.

    Attributes:
        name: the same in every process.
        every: how long it rests between two runs.
        do: does it; what it raises is logged, and the next run tries again.
    """

    name: str
    every: timedelta
    do: Callable[[], object]


class Chores:
    """Does each chore when it is due, in a thread of this process.

    Args:
        chores: all there is to do.
        store: where the processes agree on whose turn it is.
        clock: the time now, in UTC.
    """

    def __init__(
        self, chores: Sequence[Chore], *, store: Store, clock: Callable[[], datetime]
    ) -> None:
        self._chores = chores
        self._store = store
        self._clock = clock
        self._ended = Event()

    def start(self) -> None:
        """Begin; call it after the fork."""
        Thread(target=self._work, name="chores", daemon=True).start()

    def end(self) -> None:
        """Begin nothing new."""
        self._ended.set()

    def run_due(self) -> list[str]:
        """Do what is due and nobody else does; the names of what was done or tried."""
        done = []
        for chore in self._chores:
            if self._ended.is_set() or not self._claimed(chore):
                continue
            done.append(chore.name)
            try:
                chore.do()
            except Exception:  # a defect of one chore must not end the others
                log.exception("the chore %s failed and will be tried again", chore.name)
            self._rest(chore)
        return done

    def _work(self) -> None:
        told = False
        while not self._ended.wait(_LOOK_SECONDS):
            try:
                self.run_due()
                told = False
            except (ServiceError, SQLAlchemyError) as exc:
                if not told:
                    log.warning("nothing is done beside the requests: %s", exc)
                told = True

    def _claimed(self, chore: Chore) -> bool:
        now = self._clock()
        here = chores.c.name == chore.name
        with self._store.read() as connection:
            row = connection.execute(chores.select().where(here)).one_or_none()
        if row is not None and row.due_at > now:
            return False
        with self._store.write() as connection:
            # A start has enough to do: the first run rests as long as any other.
            insert_once(connection, chores, [{"name": chore.name, "due_at": now + chore.every}])
            taken = connection.execute(
                update(chores)
                .where(here, chores.c.due_at <= now)
                .values(due_at=now + max(chore.every, _LONGEST))
            )
        return taken.rowcount == 1

    def _rest(self, chore: Chore) -> None:
        with self._store.write() as connection:
            connection.execute(
                update(chores)
                .where(chores.c.name == chore.name)
                .values(due_at=self._clock() + chore.every)
            )
