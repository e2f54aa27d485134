"""Saved queries: files of SQL whose first comments say what they answer.

-- title: Refunds over time
-- description: What was given back, by month and currency.
-- parameter since: date = 2000-01-01; the first day that counts
-- column refunded: money; what was given back
-- chart: line x=month y=refunded series=currency
SELECT …
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path

from service.errors import ConfigurationError, NotFound, Refused

SHIPPED = Path(__file__).with_name("queries")
_LINE = re.compile(r"--\s*(?P<key>[a-z]+)(?:\s+(?P<name>[a-z_][a-z0-9_]*))?\s*:\s*(?P<value>.+)")
_CHART = re.compile(r"(line|bar)\s+x=(\w+)\s+y=(\w+)(?:\s+series=(\w+))?")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")


class UnknownQuery(NotFound):
    """No saved query has this name."""

    title = "Query not found"


class Format(StrEnum):
    """How the values of a column are shown."""

    TEXT = "text"
    COUNT = "count"
    MONEY = "money"
    """Whole minor units; the row's ``currency`` says of what."""
    PERCENT = "percent"
    """A share from 0 to 1."""
    NUMBER = "number"


Value = str | int
_TYPES = ("text", "date", "integer")
_TODAY = "today"
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Parameter:
    """What a query may be asked with.

    Attributes:
        type: text, integer, or date: a date is ``today`` or ``YYYY-MM-DD``, and stands as
            ``:name`` and, counted in days since 1970, as ``:name_number``.
        default: as text; None where it must be given.
        meaning: in a few words.
    """

    name: str
    type: str
    default: str | None
    meaning: str

    def read(self, text: str, *, today: date) -> dict[str, Value]:
        """What a text stands for, by the names the SQL may use.

        Raises:
            Refused: it is not of the parameter's type.
        """
        try:
            if self.type == "integer":
                return {self.name: int(text)}
            if self.type == "text":
                return {self.name: text}
            day = today if text == _TODAY else date.fromisoformat(text)
        except ValueError as exc:
            raise Refused(f"--param {self.name}: {text!r} is no {self.type}") from exc
        return {self.name: day.isoformat(), f"{self.name}_number": (day - _EPOCH).days}


@dataclass(frozen=True)
class Column:
    """What a column of the answer means."""

    name: str
    format: Format
    meaning: str


@dataclass(frozen=True)
class Chart:
    """How an answer is drawn.

    Attributes:
        kind: line or bar.
        x: the column along the bottom.
        y: the column upwards.
        series: the column that tells lines or bars apart, or None.
    """

    kind: str
    x: str
    y: str
    series: str | None = None


@dataclass(frozen=True)
class Query:
    """One saved query."""

    name: str
    sql: str
    title: str
    description: str
    parameters: tuple[Parameter, ...] = ()
    columns: tuple[Column, ...] = ()
    chart: Chart | None = None

    def values(self, given: Mapping[str, str], *, today: date) -> dict[str, Value]:
        """What every parameter stands for.

        Raises:
            Refused: one is missing, unknown, or of another type.
        """
        unknown = sorted(set(given) - {parameter.name for parameter in self.parameters})
        if unknown:
            known = ", ".join(parameter.name for parameter in self.parameters) or "none"
            raise Refused(
                f"--param {unknown[0]}: {self.name} has no such parameter; it has {known}"
            )
        found: dict[str, Value] = {}
        for parameter in self.parameters:
            text = given.get(parameter.name, parameter.default)
            if text is None:
                raise Refused(f"--param {parameter.name}=… is missing: {parameter.meaning}")
            found |= parameter.read(text, today=today)
        return found

    def format_of(self, column: str) -> Format:
        """How a column is shown; plain text where the query says nothing."""
        return next((c.format for c in self.columns if c.name == column), Format.TEXT)


def load_queries(*directories: Path) -> dict[str, Query]:
    """Every query of some directories, by name; of one name the last directory's holds.

    Raises:
        ConfigurationError: a file breaks a rule; the message names file, line, key and mend.
    """
    files = (file for each in directories for file in sorted(each.glob("*.sql")))
    return {file.stem: read_query(file) for file in files}


def query_named(queries: Mapping[str, Query], name: str) -> Query:
    """The query of that name.

    Raises:
        UnknownQuery: there is none; the message names those there are.
    """
    if name not in queries:
        raise UnknownQuery(f"there is no query {name!r}; there are: {', '.join(sorted(queries))}")
    return queries[name]


def read_query(file: Path) -> Query:
    """A saved query.

    Raises:
        ConfigurationError: naming file, line, key and the mend.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigurationError(f"{file}: can't be read as UTF-8 text") from exc
    if not _NAME.fullmatch(file.stem):
        raise ConfigurationError(
            f"{file}: the file's name is the query's: small letters, digits and hyphens"
        )
    return _Draft(file).filled(text.splitlines()).query(text)


@dataclass
class _Draft:
    file: Path
    title: str = ""
    description: list[str] = field(default_factory=list)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    columns: dict[str, Column] = field(default_factory=dict)
    chart: Chart | None = None

    def filled(self, lines: Iterable[str]) -> _Draft:
        for number, line in enumerate(lines, start=1):
            if not line.startswith("--"):
                break
            found = _LINE.fullmatch(line.rstrip())
            if found is None:
                self._refuse(number, line, "write `-- key: value`, or begin the SQL above it")
            else:
                self._take(number, **found.groupdict())
        return self

    def query(self, sql: str) -> Query:
        for key, value in (("title", self.title), ("description", self.description)):
            if not value:
                self._refuse(1, key, f"add a line `-- {key}: …` at the top")
        return Query(
            self.file.stem,
            sql,
            self.title,
            " ".join(self.description),
            tuple(self.parameters.values()),
            tuple(self.columns.values()),
            self.chart,
        )

    def _take(self, number: int, key: str, name: str | None, value: str) -> None:
        if key == "title" and name is None:
            self.title = value
        elif key == "description" and name is None:
            self.description.append(value)
        elif key == "parameter" and name:
            self.parameters[name] = self._parameter(number, name, value)
        elif key == "column" and name:
            self.columns[name] = self._column(number, name, value)
        elif key == "chart" and name is None:
            self.chart = self._chart(number, value)
        else:
            keys = "title, description, parameter NAME, column NAME, chart"
            self._refuse(number, key, f"the keys are {keys}")

    def _parameter(self, number: int, name: str, value: str) -> Parameter:
        declared, _, meaning = value.partition(";")
        type_, _, default = declared.partition("=")
        kind, given = type_.strip(), default.strip() or None
        if kind not in _TYPES:
            self._refuse(number, f"parameter {name}", f"its type is one of {', '.join(_TYPES)}")
        parameter = Parameter(name, kind, given, meaning.strip())
        try:
            if given is not None:
                parameter.read(given, today=_EPOCH)
        except Refused as exc:
            self._refuse(number, f"parameter {name}", f"the default does not fit: {exc}")
        return parameter

    def _column(self, number: int, name: str, value: str) -> Column:
        kind, _, meaning = value.partition(";")
        if kind.strip() not in set(Format):
            self._refuse(number, f"column {name}", f"its format is one of {', '.join(Format)}")
        return Column(name, Format(kind.strip()), meaning.strip())

    def _chart(self, number: int, value: str) -> Chart | None:
        found = _CHART.fullmatch(value.strip())
        if found is None:
            self._refuse(number, "chart", "write `line x=COLUMN y=COLUMN` or `bar …`, and series=…")
            return None
        return Chart(*found.groups())

    def _refuse(self, number: int, key: str, mend: str) -> None:
        raise ConfigurationError(f"{self.file}:{number}: {key}: {mend}")
