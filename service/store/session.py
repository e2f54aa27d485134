"""Connections to the store: one transaction in, one commit out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Row, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from service.errors import ConfigurationError, StoreUnavailable

_Insert = sqlite.Insert | postgresql.Insert
_INSERTS: Mapping[str, Callable[[Table], _Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
_BUSY_TIMEOUT_MS = 5000


class Store:
    """The database, behind two doors: `read` and `write`."""

    def __init__(self, url: str, *, pool_size: int = 24) -> None:
        self.engine = _engine(url, pool_size)
        self._reading = self.engine.execution_options(kassa_reading=True)

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self.engine.dialect.name

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
            StoreUnavailable: the database is locked, gone or full; nothing was kept.
        """
        with _translated(), self.engine.begin() as connection:
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
    statement = _INSERTS[connection.dialect.name](table).on_conflict_do_nothing().returning(key)
    return set(connection.scalars(statement, list(distinct.values())))


def insert_or_read(
    connection: Connection, table: Table, row: Mapping[str, Any]
) -> tuple[Row[Any], bool]:
    """Insert one row, or read the one that was there first.

    Returns:
        The row that stands, and whether it is ours.
    """
    insert = _INSERTS[connection.dialect.name](table).values(**row)
    mine = connection.execute(
        insert.on_conflict_do_nothing(index_elements=list(table.primary_key.columns)).returning(
            *table.columns
        )
    ).one_or_none()
    if mine is not None:
        return mine, True
    same_key = [column == row[column.name] for column in table.primary_key.columns]
    return connection.execute(table.select().where(*same_key)).one(), False


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except (DBAPIError, PoolTimeout) as exc:
        reason = str(getattr(exc, "orig", exc)).splitlines()[0]
        raise StoreUnavailable(f"the database does not answer: {reason}") from exc


def _engine(url: str, pool_size: int) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        return create_engine(
            parsed,
            pool_pre_ping=True,
            pool_size=pool_size,
            pool_timeout=_BUSY_TIMEOUT_MS / 1000,
            connect_args={"connect_timeout": 5},
        )
    if not parsed.database:
        raise ConfigurationError("KASSA_DATABASE_URL names no file")
    Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, pool_size=pool_size, pool_timeout=_BUSY_TIMEOUT_MS / 1000)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _entry: ConnectionPoolEntry) -> None:
    # SQLAlchemy sends BEGIN itself (below); the driver's own would be deferred.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout = {_BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",  # NORMAL loses acknowledged rows when the power fails
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that turns to writing fails at once, whatever busy_timeout says.
    reading = connection.get_execution_options().get("kassa_reading")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
