"""Running a query: read-only in earnest, for a limited time, over the documented views alone."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import psycopg
from sqlalchemy import make_url

from service.errors import Refused, StoreUnavailable
from service.querying.checking import check_query
from service.store.views import NAMES

Value = str | int | float | None
TIME_LIMIT, ROW_LIMIT = 30.0, 10_000
# Virtual machine steps between two looks at the clock.
_STEPS = 20_000
_READING = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE, sqlite3.SQLITE_FUNCTION})


class TookTooLong(Refused):
    """The query was stopped at its time limit."""

    title = "Query stopped"


@dataclass(frozen=True)
class Answer:
    """What a query found.

    Attributes:
        rows: as many as the row limit allows.
        cut: whether there were more.
        seconds: how long it took.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    cut: bool
    seconds: float


def run_query(
    url: str,
    sql: str,
    values: Mapping[str, str | int],
    *,
    time_limit: float = TIME_LIMIT,
    row_limit: int = ROW_LIMIT,
) -> Answer:
    """Ask the store.

    Args:
        url: SQLAlchemy URL of a store.
        sql: one SELECT over the documented views; ``:name`` stands for a value.
        values: by name.
        time_limit: seconds.
        row_limit: how many rows are kept.

    Raises:
        Refused: the query says something that is not allowed, or is wrong.
        TookTooLong: it did not end in time.
        StoreUnavailable: the database does not answer.
    """
    parsed = make_url(url)
    dialect = parsed.get_backend_name()
    check_query(sql, dialect=dialect)
    missing = sorted(set(_names(sql)) - set(values))
    if missing:
        raise Refused(f"--param {missing[0]}=… is missing")
    begun = time.monotonic()
    if dialect == "sqlite":
        found = _sqlite(parsed.database or "", sql, values, begun + time_limit, row_limit + 1)
    else:
        address = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
        found = _postgresql(address, sql, values, time_limit, row_limit + 1)
    columns, rows = found
    kept = tuple(tuple(map(_plain, row)) for row in rows[:row_limit])
    return Answer(columns, kept, len(rows) > row_limit, time.monotonic() - begun)


_Found = tuple[tuple[str, ...], list[tuple[Any, ...]]]


def _sqlite(
    database: str, sql: str, values: Mapping[str, Any], deadline: float, rows: int
) -> _Found:
    try:
        connection = sqlite3.connect(f"file:{quote(database)}?mode=ro", uri=True)
    except sqlite3.Error as exc:
        raise StoreUnavailable(f"the database does not answer: {exc}") from exc
    with closing(connection):
        connection.set_authorizer(_authorize)
        connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
        try:
            cursor = connection.execute(sql, dict(values))
            return tuple(column[0] for column in cursor.description), cursor.fetchmany(rows)
        except sqlite3.OperationalError as exc:
            if str(exc) == "interrupted":
                raise _too_long() from exc
            raise Refused(f"--sql: {exc}") from exc
        except sqlite3.Error as exc:
            raise Refused(f"--sql: {exc}") from exc


def _authorize(
    action: int, name: str | None, _column: str | None, _database: str | None, view: str | None
) -> int:
    if action in _READING:
        return sqlite3.SQLITE_OK
    # A table is read only from inside one of our views.
    if action == sqlite3.SQLITE_READ and (name in NAMES or view in NAMES or not name):
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _postgresql(
    address: str, sql: str, values: Mapping[str, Any], time_limit: float, rows: int
) -> _Found:
    with _connected(address) as connection, connection.cursor() as cursor:
        connection.read_only = True
        cursor.execute(f"SET LOCAL statement_timeout = {int(time_limit * 1000)}")
        cursor.execute("SET LOCAL TimeZone = 'UTC'")
        try:
            cursor.execute(_for_psycopg(sql).encode(), dict(values) if values else None)
            columns = tuple(column.name for column in cursor.description or ())
            return columns, cursor.fetchmany(rows)
        except psycopg.errors.QueryCanceled as exc:
            raise _too_long() from exc
        except psycopg.Error as exc:
            said = exc.diag.message_primary or type(exc).__name__
            raise Refused(f"--sql: {said}") from exc


@contextmanager
def _connected(address: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    try:
        connection = psycopg.connect(address, connect_timeout=5)
    except psycopg.OperationalError as exc:
        raise StoreUnavailable(f"the database does not answer: {exc}") from exc
    with closing(connection):
        yield connection
        connection.rollback()


def _too_long() -> TookTooLong:
    return TookTooLong("the query was stopped at its time limit; narrow it, or give --time-limit")


# Quoted text and comments are passed over; a cast's double colon is no parameter.
_PIECES = re.compile(
    r"('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|::)|:([a-z_][a-z0-9_]*)|(%)", re.DOTALL
)


def _names(sql: str) -> list[str]:
    return [found[2] for found in _PIECES.finditer(sql) if found[2]]


def _for_psycopg(sql: str) -> str:
    if not _names(sql):
        return sql

    def written(found: re.Match[str]) -> str:
        if found[2]:
            return f"%({found[2]})s"
        return found[0].replace("%", "%%")

    return _PIECES.sub(written, sql)


def _plain(value: Any) -> Value:
    if isinstance(value, Decimal):
        # Sums of whole numbers are whole; what was divided is not, even if it comes out even.
        return float(value) if value.as_tuple().exponent else int(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool):
        return int(value)
    return value if isinstance(value, str | int | float) or value is None else str(value)
