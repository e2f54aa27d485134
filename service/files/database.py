"""The DuckDB that reads files: in memory, alone, and gone when they are read."""

from __future__ import annotations

import csv
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from service.files.layout import InvalidFile


@contextmanager
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database of its own, which fetches nothing: extensions that are not built in stay away."""
    with (
        tempfile.TemporaryDirectory() as spill,
        duckdb.connect(
            config={"temp_directory": spill, "autoinstall_known_extensions": False}
        ) as connection,
    ):
        # A time without a zone is one of UTC, wherever this machine stands.
        connection.execute("SET TimeZone = 'UTC'")
        # DuckDB's own would stand between the lines of a report.
        connection.execute("SET enable_progress_bar = false")
        yield connection


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turns what DuckDB and the file system say into a refusal of the files."""
    try:
        yield
    except (duckdb.Error, OSError, EOFError, zlib.error, csv.Error, UnicodeDecodeError) as exc:
        raise InvalidFile(f"{what}: cannot be read: {_first_sentence(exc)}") from exc


def _first_sentence(error: Exception) -> str:
    """What went wrong and where, without the SQL and without the row's content."""
    skipped = ("LINE ", "^", "Original Line", "Possible")
    lines = (line.strip() for line in str(error).splitlines())
    kept = [line for line in lines if line and not line.startswith(skipped)]
    return "; ".join(kept[:2])[:300] or type(error).__name__
