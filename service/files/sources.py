"""CSV and Parquet files as one table: what DuckDB is told to read, and where in it a row stands."""

from __future__ import annotations

import csv
import glob
import gzip
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

import duckdb

from service.files.layout import FileLayout, InvalidFile

FILE, ROW = '"kassa: file"', '"kassa: row"'
_DELIMITERS = ",;\t|"
# Nothing is guessed: DuckDB's sniffer can take a comment or a quote from a name.
_READ_CSV = (
    "read_csv($path{0}, delim = $delimiter{0}, compression = $compression{0}, "
    "columns = $columns{0}, header = true, auto_detect = false, quote = '\"', escape = '\"')"
)
_READ_PARQUET = "read_parquet($path{0}, hive_partitioning = false)"


@dataclass(frozen=True)
class _File:
    """One file, as DuckDB reads it.

    Attributes:
        path: Where it is.
        reader: A table function.
        parameters: What it is called with.
        columns: Name and type of each.
        delimiter: Between the fields of a CSV; None for Parquet.
    """

    path: Path
    reader: str
    parameters: Mapping[str, object]
    columns: Mapping[str, str]
    delimiter: str | None

    def lines(self, rows: Iterable[int]) -> Iterator[str]:
        """Where rows begin, counted from 1: in a CSV the line, for a field may hold several."""
        if self.delimiter is None:
            yield from (f"row {row}" for row in rows)
            return
        wanted = set(rows)
        with _text(self.path) as file:
            begun = _beginnings(file, self.delimiter)
            found = (line for row, line in enumerate(begun) if row in wanted)
            yield from (f"line {line}" for line in islice(found, len(wanted)))


@dataclass(frozen=True)
class Source:
    """The rows of files that have the same columns.

    Attributes:
        files: At least one.
        types: DuckDB's type of each column; a column that differs between files has one for all.
    """

    files: tuple[_File, ...]
    types: Mapping[str, str]

    @property
    def name(self) -> str:
        """The files in a few words."""
        first, *further = (str(file.path) for file in self.files)
        return f"{first} and {len(further)} more" if further else first

    @property
    def parameters(self) -> dict[str, object]:
        """What the SQL is called with."""
        return {key: value for file in self.files for key, value in file.parameters.items()}

    @property
    def rows(self) -> str:
        """Every row, in any order."""
        return _union(self.files, ", ".join(map(quoted, self.types)))

    @property
    def numbered(self) -> str:
        """Every row with the number of its file, from 0, and its own there, from 1."""
        columns = ", ".join(map(quoted, self.types))
        parts = (
            f"SELECT {columns}, {index} AS {FILE}, row_number() OVER () AS {ROW} FROM {file.reader}"  # noqa: S608 - names are quoted
            for index, file in enumerate(self.files)
        )
        return " UNION ALL ".join(parts)

    def places(self, found: Sequence[tuple[int, int]]) -> str:
        """Where rows stand, as people find them: files by number, rows by theirs."""
        parts = []
        for index, file in enumerate(self.files):
            lines = list(file.lines(row for at, row in found if at == index))
            where = f" of {file.path.name}" if len(self.files) > 1 else ""
            if lines:
                parts.append(", ".join(lines) + where)
        return ", ".join(parts)


def open_files(
    connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], layout: FileLayout
) -> Source:
    """Looks at files without reading their rows.

    Raises:
        InvalidFile: A file is missing, lacks a column or has others than the first.
        duckdb.Error, OSError, EOFError, zlib.error, UnicodeDecodeError: It is no CSV or Parquet.
    """
    files = tuple(_open(connection, index, path) for index, path in enumerate(paths))
    refuse(_missing_columns(files[0], layout))
    refuse(message for file in files[1:] for message in _other_columns(file, files[0]))
    rows = _union(files, ", ".join(map(quoted, files[0].columns)))
    parameters = {key: value for file in files for key, value in file.parameters.items()}
    return Source(files, _described(connection, rows, parameters))


def refuse(problems: Iterable[str]) -> None:
    """Says all of them at once, where there are any."""
    said = list(problems)
    if said:
        raise InvalidFile("\n".join(said))


def quoted(name: str) -> str:
    """A column's name in SQL, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def _union(files: Sequence[_File], columns: str) -> str:
    return " UNION ALL ".join(f"SELECT {columns} FROM {file.reader}" for file in files)  # noqa: S608 - names are quoted


def _described(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Mapping[str, object]
) -> dict[str, str]:
    rows = connection.execute(f"DESCRIBE {query}", parameters).fetchall()
    return {str(row[0]): str(row[1]) for row in rows}


def _open(connection: duckdb.DuckDBPyConnection, index: int, path: Path) -> _File:
    if not path.is_file():
        raise InvalidFile(f"{path}: no such file")
    with path.open("rb") as file:
        magic = file.read(4)
    # DuckDB reads patterns; this one means the file itself.
    parameters: dict[str, object] = {f"path{index}": glob.escape(str(path.resolve()))}
    if magic == b"PAR1" or path.suffix == ".parquet":
        reader = _READ_PARQUET.format(index)
        columns = _described(connection, f"SELECT * FROM {reader}", parameters)  # noqa: S608 - a constant
        return _File(path, reader, parameters, columns, None)
    head = _head(path)
    if not head.strip():
        raise InvalidFile(f"{path}: is empty")
    delimiter = max(_DELIMITERS, key=head.count)
    columns = _columns(path, next(csv.reader([head], delimiter=delimiter)))
    parameters |= {
        f"delimiter{index}": delimiter,
        f"compression{index}": "gzip" if _is_zipped(path) else "none",
        f"columns{index}": columns,
    }
    return _File(path, _READ_CSV.format(index), parameters, columns, delimiter)


def _columns(path: Path, names: Sequence[str]) -> dict[str, str]:
    """Every column as text: what looks like a number in row one may not be one in row two."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidFile(f"{path}: columns are there twice: {', '.join(map(repr, twice))}")
    return {name or f"column{index}": "VARCHAR" for index, name in enumerate(names)}


def _missing_columns(file: _File, layout: FileLayout) -> Iterator[str]:
    missing = [
        f"{option}: no column {column!r}"
        for option, column in layout.options
        if column not in file.columns
    ]
    if missing:
        known = ", ".join(list(file.columns)[:30])
        yield f"{file.path}: {'; '.join(dict.fromkeys(missing))}; the file has: {known}"


def _other_columns(file: _File, first: _File) -> Iterator[str]:
    lacks = [f"no column {name!r}" for name in first.columns if name not in file.columns]
    more = [f"a column {name!r} more" for name in file.columns if name not in first.columns]
    if lacks or more:
        yield f"{file.path}: has {', '.join([*lacks, *more])}, compared with {first.path}"


def _is_zipped(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _bytes(path: Path) -> gzip.GzipFile | io.BufferedReader:
    return gzip.open(path) if _is_zipped(path) else path.open("rb")


def _head(path: Path) -> str:
    with _bytes(path) as file:
        return file.readline(1_000_000).decode("utf-8-sig")


def _text(path: Path) -> TextIO:
    return io.TextIOWrapper(_bytes(path), "utf-8-sig", newline="")


def _beginnings(file: TextIO, delimiter: str) -> Iterator[int]:
    """The line on which each row begins, the head's first; empty lines are no rows."""
    reader, begins = csv.reader(file, delimiter=delimiter), 1
    for fields in reader:
        if fields:
            yield begins
        begins = reader.line_num + 1
