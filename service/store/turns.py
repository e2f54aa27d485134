"""Writers take turns: SQLite has one writer at a time, and its own waiting starves the unlucky.

SQLite's busy handler sleeps and tries again, so that under load some writers wait for seconds while
others pass them by. Here threads queue for a lock of the process, and one thread of each process at
a time asks for a lock on a file beside the database. A process that dies lets go of it.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.errors import StoreUnavailable

_PAUSE = 0.001


class Turns:
    """One writer at a time, over threads and processes.

    Attributes:
        path: the file that is locked; made when absent, never read or written.
        patience: seconds to wait for one's turn.
    """

    def __init__(self, path: Path, *, patience: float) -> None:
        self.path = path
        self.patience = patience
        self._thread = threading.Lock()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for one's turn and keep it until the end.

        Raises:
            StoreUnavailable: it did not come in time; nothing was done.
        """
        deadline = time.monotonic() + self.patience
        if not self._thread.acquire(timeout=self.patience):
            raise StoreUnavailable("the database does not answer: other writers keep it locked")
        try:
            # Opened for each turn: a descriptor kept over a fork would share the parent's lock.
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                _lock(descriptor, deadline)
                yield
            finally:
                os.close(descriptor)
        finally:
            self._thread.release()


def _lock(descriptor: int, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            if time.monotonic() > deadline:
                raise StoreUnavailable(
                    "the database does not answer: another process keeps it locked"
                ) from exc
            time.sleep(_PAUSE)
        else:
            return
