"""Connections to the store: one transaction in, one commit out."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Column,
    ColumnElement,
    Connection,
    Engine,
    Executable,
    Row,
    Table,
    Text,
    any_,
    bindparam,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from service.errors import ConfigurationError, StoreBusy, StoreUnavailable
from service.store.turns import Turns

_Insert = sqlite.Insert | postgresql.Insert
_INSERTS: Mapping[str, Callable[[Table], _Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
# What makes a reading transaction one snapshot that can't turn to writing.
_READING: Mapping[str, Mapping[str, Any]] = {
    "sqlite": {"kassa_reading": True},
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}
# What lets one question be asked without a transaction around it.
_ASKING: Mapping[str, Mapping[str, Any]] = {
    "sqlite": {"kassa_asking": True},
    "postgresql": {"isolation_level": "AUTOCOMMIT"},
}
_BUSY_TIMEOUT_MS = 5000
# PostgreSQL's lock_not_available and deadlock_detected.
_HELD_BY_ANOTHER = frozenset({"55P03", "40P01"})


class Store:
    """The database, behind three doors: `ask`, `read` and `write`."""

    def __init__(self, url: str, *, pool_size: int = 24) -> None:
        self.engine = _engine(url, pool_size)
        self._asking = self.engine.execution_options(**_ASKING[self.engine.dialect.name])
        self._reading = self.engine.execution_options(**_READING[self.engine.dialect.name])
        database = self.engine.url.database
        self._turns = (
            Turns(Path(f"{database}-turns"), patience=_BUSY_TIMEOUT_MS / 1000)
            if database and self.dialect == "sqlite"
            else None
        )

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self.engine.dialect.name

    @contextmanager
    def ask(self) -> Iterator[Connection]:
        """One question: half the price of a snapshot, which its answer is by itself.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        with _translated(), self._asking.connect() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent snapshot.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        with _translated(), self._reading.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: committed and durable at the end, or nothing of it at all.

        Raises:
            StoreBusy: another transaction does not let go of the same rows; nothing was kept.
            StoreUnavailable: the database is locked, gone or full; nothing was kept.
        """
        turn = self._turns.taken() if self._turns else nullcontext()
        with _translated(), turn, self.engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close every pooled connection; the next use opens new ones."""
        self.engine.dispose()


def insert_once(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]
) -> set[str]:
    """Insert the rows whose key is new; the database settles races.

    Args:
        connection: a writing transaction.
        table: a table with a single-column primary key.
        rows: complete rows; of several with one key the first is taken.

    Returns:
        The keys that were inserted. The others were there before.
    """
    if not rows:
        return set()
    (key,) = table.primary_key.columns
    distinct = {row[key.name]: row for row in reversed(rows)}
    # In one order, so that two transactions with the same keys queue instead of deadlocking.
    ordered = [distinct[value] for value in sorted(distinct)]
    return set(connection.scalars(_once(connection.dialect.name, table, (), (key,)), ordered))


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows whose key is new, and leave the others as they are.

    Args:
        connection: a writing transaction.
        table: where to.
        rows: complete rows; of several with one key the first is taken.
    """
    if rows:
        insert = _once(connection.dialect.name, table, (), ())
        connection.execute(insert, [dict(row) for row in rows])


def insert_or_read(
    connection: Connection,
    table: Table,
    row: Mapping[str, Any],
    *,
    key: Sequence[Column[Any]] | None = None,
) -> tuple[Row[Any], bool]:
    """Insert one row, or read the one that was there first.

    Args:
        connection: a writing transaction.
        table: where to.
        row: a complete row.
        key: the unique columns that make two rows the same; by default the primary key.

    Returns:
        The row that stands, and whether it is ours.
    """
    unique = tuple(key or table.primary_key.columns)
    statement = _once(connection.dialect.name, table, unique, tuple(table.columns))
    mine = connection.execute(statement, dict(row)).one_or_none()
    if mine is not None:
        return mine, True
    same = [column == row[column.name] for column in unique]
    return connection.execute(table.select().where(*same)).one(), False


def among(dialect: str, column: Column[Any], name: str) -> ColumnElement[bool]:
    """Whether a column of text has one of many values, given as a list by this name.

    PostgreSQL's driver would look through a statement with a thousand places each time.
    """
    if dialect == "postgresql":
        return column == any_(bindparam(name, type_=postgresql.ARRAY(Text)))
    return column.in_(bindparam(name, expanding=True))


def replacing(dialect: str, table: Table, *, newer: Column[Any] | None = None) -> _Insert:
    """A statement that inserts a row, or writes every column of the one with its key anew.

    Args:
        dialect: of the store.
        table: where to.
        newer: a row stays as it is whose value of this column is greater.
    """
    keys = [*table.primary_key.columns]
    insert = _INSERTS[dialect](table)
    new = insert.excluded
    others = {column.name: new[column.name] for column in table.c if not column.primary_key}
    where = None if newer is None else newer <= new[newer.name]
    return insert.on_conflict_do_update(index_elements=keys, set_=others, where=where)


@lru_cache(maxsize=256)
def _once(
    dialect: str, table: Table, unique: tuple[Column[Any], ...], returned: tuple[Column[Any], ...]
) -> Executable:
    """Insert where there is no such row yet: the same statement each time, made once."""
    insert = _INSERTS[dialect](table)
    once = insert.on_conflict_do_nothing(index_elements=unique or None)
    return once.returning(*returned) if returned else once


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (IntegrityError, DataError, ProgrammingError):
        raise  # our own mistakes, not the database's absence
    except (DBAPIError, PoolTimeout) as exc:
        cause = getattr(exc, "orig", exc)
        held = getattr(cause, "sqlstate", None) in _HELD_BY_ANOTHER
        reason = str(cause).splitlines()[0]
        kind = StoreBusy if held else StoreUnavailable
        raise kind(f"the database does not answer: {reason}") from exc


def _engine(url: str, pool_size: int) -> Engine:
    parsed = _parsed(url)
    waiting = _BUSY_TIMEOUT_MS / 1000
    if parsed.get_backend_name() == "postgresql":
        engine = create_engine(
            parsed,
            pool_pre_ping=True,
            pool_size=pool_size,
            pool_timeout=waiting,
            connect_args={"connect_timeout": 5},
        )
        event.listen(engine, "connect", _prepare_postgresql)
        return engine
    _make_directory(Path(parsed.database or ""))
    engine = create_engine(parsed, pool_size=pool_size, pool_timeout=waiting)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as exc:
        raise ConfigurationError(
            "KASSA_DATABASE_URL (or --source) is not a URL as SQLAlchemy reads them"
        ) from exc
    if parsed.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise ConfigurationError(
            "KASSA_DATABASE_URL (or --source) must start with sqlite:/// or postgresql+psycopg://"
        )
    # Workers are processes: a database in memory would be another one in each of them.
    is_file = parsed.database and not parsed.database.startswith((":memory:", "file:"))
    if parsed.drivername == "sqlite" and not is_file:
        raise ConfigurationError("KASSA_DATABASE_URL (or --source) names no file")
    return parsed


def _make_directory(database: Path) -> None:
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StoreUnavailable(f"{database.parent} can't be made: {exc.strerror}") from exc


def _prepare_postgresql(connection: Any, _entry: ConnectionPoolEntry) -> None:
    # As long as SQLite waits for a lock, and no longer: a held row must not hold every thread.
    connection.execute(f"SET lock_timeout = {_BUSY_TIMEOUT_MS}")
    connection.commit()


def _prepare_sqlite(connection: Any, _entry: ConnectionPoolEntry) -> None:
    # SQLAlchemy sends BEGIN itself (below); the driver's own would be deferred.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
    _write_ahead(connection)
    for pragma in (
        "synchronous = FULL",  # NORMAL loses acknowledged rows when the power fails
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _write_ahead(connection: Any) -> None:
    """Switch a new file to WAL, which asks for all of it and does not wait by itself."""
    deadline = time.monotonic() + _BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    if connection.get_execution_options().get("kassa_asking", False):
        return
    # A deferred transaction that turns to writing fails at once, whatever busy_timeout says.
    reading = connection.get_execution_options().get("kassa_reading", False)
    # Straight to the driver: every page begins a transaction, and this costs a tenth.
    borrowed = connection.connection
    cursor = borrowed.cursor()
    if borrowed.info.get("kassa_reading") is not reading:
        cursor.execute(f"PRAGMA query_only = {int(reading)}")
        borrowed.info["kassa_reading"] = reading
    cursor.execute("BEGIN" if reading else "BEGIN IMMEDIATE")
