"""The one SQLite file: objects, idempotent answers and the queue of webhook deliveries.

Several processes share it (the API and every worker that serves the browser application). A write
is one ``BEGIN IMMEDIATE`` transaction, so writers queue; WAL lets readers pass them. What was
acknowledged survives ``kill -9``; only a power cut may cost the last moments (``synchronous``
stays at NORMAL).
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  object TEXT NOT NULL,
  created INTEGER NOT NULL,
  customer TEXT,
  payment_intent TEXT,
  type TEXT,
  invoice TEXT,
  subscription TEXT,
  status TEXT,
  body TEXT NOT NULL,
  private TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (object, seq);
CREATE INDEX IF NOT EXISTS objects_by_payment ON objects (payment_intent, seq)
  WHERE payment_intent IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_by_customer ON objects (customer, object, seq)
  WHERE customer IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_by_invoice ON objects (invoice, object, seq)
  WHERE invoice IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_by_subscription ON objects (subscription, object, seq)
  WHERE subscription IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_by_status ON objects (object, status, seq)
  WHERE status IS NOT NULL;
CREATE TABLE IF NOT EXISTS agenda (
  id INTEGER PRIMARY KEY,
  due INTEGER NOT NULL,
  task TEXT NOT NULL,
  subject TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS agenda_by_due ON agenda (due, id);
CREATE INDEX IF NOT EXISTS agenda_by_subject ON agenda (subject, task);
CREATE TABLE IF NOT EXISTS clock (
  ahead INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS answers (
  key TEXT PRIMARY KEY,
  request TEXT NOT NULL,
  request_id TEXT NOT NULL,
  status INTEGER NOT NULL,
  body TEXT NOT NULL,
  at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS deliveries (
  event TEXT PRIMARY KEY,
  state TEXT NOT NULL DEFAULT 'pending',
  due REAL NOT NULL,
  since REAL NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due) WHERE state = 'pending';
"""


class Store:
    """Opens the file when first used; each process that forks opens it anew.

    Args:
        database: the file; made when absent.
        patience: seconds a writer waits for writers of other processes.
    """

    def __init__(self, database: Path, *, patience: float = 10.0) -> None:
        self._writer = _Line(database, patience)
        self._reader = _Line(database, patience)

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction, committed at the end or rolled back by whatever is raised."""
        with self._writer.connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """One unchanging view of what is committed."""
        with self._reader.connection() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    def close(self) -> None:
        """Let go of the file."""
        self._writer.close()
        self._reader.close()


class _Line:
    """One connection that threads take in turn."""

    def __init__(self, database: Path, patience: float) -> None:
        self._database = database
        self._patience = patience
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._owner = 0

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._connection is None or self._owner != os.getpid():
                self._connection = _open(self._database, self._patience)
                self._owner = os.getpid()
            yield self._connection

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


def _open(database: Path, patience: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        database, timeout=patience, isolation_level=None, check_same_thread=False
    )
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    # KiB: a year of customers does not fit the 2 MB that SQLite takes by itself.
    connection.execute("PRAGMA cache_size = -65536")
    # Pages (64 MB of them): a page that is written again and again goes to the file once.
    connection.execute("PRAGMA wal_autocheckpoint = 16384")
    columns = {row["name"] for row in connection.execute("PRAGMA table_info(objects)")}
    for added in ("invoice", "subscription", "status"):
        if columns and added not in columns:
            connection.execute(f"ALTER TABLE objects ADD COLUMN {added} TEXT")
    connection.executescript(_SCHEMA)
    return connection
