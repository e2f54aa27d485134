"""A directory of Parquet with the tables `exposures` and `events` of an export or simulation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from service.files.layout import InvalidFile
from service.files.sources import quoted, refuse

_TIMES = ("exposed_at", "occurred_at", "received_at")
# What is read, of all that the store has.
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "exposures": ("experiment", "variant", "unit_id", "exposed_at"),
    "events": ("event_id", "unit_id", "name", "occurred_at", "received_at", "value", "currency"),
}


@dataclass(frozen=True)
class Tables:
    """The two tables, open as views of those names in a database.

    Attributes:
        connection: That database.
        types: DuckDB's type of each column, by table.
    """

    connection: duckdb.DuckDBPyConnection
    types: Mapping[str, Mapping[str, str]]

    def time(self, table: str, column: str) -> str:
        """SQL of a time in microseconds since 1970, which is also how the store keeps it."""
        is_number = self.types[table][column] == "BIGINT"
        return column if is_number else f"epoch_us({column})"

    def attribute(self, key: str) -> str:
        """SQL of what an exposure says of an attribute, as text: a column, or a member of one."""
        types = self.types["exposures"]
        if key in types:
            if types[key] == "BOOLEAN":
                return f"CASE {quoted(key)} WHEN true THEN 'yes' WHEN false THEN 'no' END"
            return f"{quoted(key)}::VARCHAR"
        if types.get("attributes") not in ("VARCHAR", "JSON"):
            return "NULL::VARCHAR"
        said = f"attributes::JSON -> '$.\"{key}\"'"
        return (
            f"CASE json_type({said}) WHEN 'BOOLEAN' THEN CASE ({said})::VARCHAR "
            f"WHEN 'true' THEN 'yes' ELSE 'no' END ELSE ({said}) ->> '$' END"
        )


def open_tables(connection: duckdb.DuckDBPyConnection, directory: Path) -> Tables:
    """Finds the files of both tables: one file of that name, or all below a directory of it.

    Raises:
        InvalidFile: A table or a column of it is missing, or a time is none; all are named.
    """
    problems: list[str] = []
    types: dict[str, dict[str, str]] = {}
    for table, columns in _COLUMNS.items():
        files = _files(directory, table)
        if not files:
            problems.append(f"{directory}: no {table}.parquet, and no Parquet files in {table}/")
            continue
        rows = connection.read_parquet(
            [str(file) for file in files], hive_partitioning=False, union_by_name=len(files) > 1
        )
        rows.create_view(table)
        types[table] = dict(zip(rows.columns, map(str, rows.types), strict=True))
        problems.extend(_faults(directory / table, columns, types[table]))
    refuse(problems)
    return Tables(connection, types)


def _files(directory: Path, table: str) -> list[Path]:
    """What begins with a dot is not whole yet."""
    single = directory / f"{table}.parquet"
    found = [single] if single.is_file() else sorted((directory / table).rglob("*.parquet"))
    named = [file for file in found if not file.name.startswith(".")]
    if any(set("*?[") & set(str(file)) for file in named):
        raise InvalidFile(f"{directory}: a path with *, ? or [ in it can't be read as a table")
    return named


def _faults(table: Path, columns: tuple[str, ...], types: Mapping[str, str]) -> Iterator[str]:
    missing = [column for column in columns if column not in types]
    if missing:
        yield f"{table}: no column {', '.join(missing)}; it has {', '.join(list(types)[:30])}"
    for column in _TIMES:
        if column in columns and not types.get(column, "BIGINT").startswith(
            ("TIMESTAMP", "BIGINT")
        ):
            yield (
                f"{table}: column {column} is {types[column]}; it must be a timestamp, or whole "
                "microseconds since 1970"
            )
