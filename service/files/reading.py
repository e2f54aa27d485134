"""CSV and Parquet files as experiments: one pass in DuckDB, from rows to plan and observations.

Rows never enter Python; what comes back is one line of sums for each variant.
"""

from __future__ import annotations

import csv
import glob
import gzip
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from analysis.aggregates import Aggregates
from analysis.observations import Exclusion, Observations
from analysis.plan import MetricPlan, Plan
from analysis.report import Role
from experiments.metrics import Direction, Kind
from experiments.plan import Method
from service.files.layout import FileLayout, InvalidFile, MetricColumn
from service.files.query import query, reasons

# Why a row that equals another one in every column is left out of sums.
COPY = "exact copy of another row of the same unit"
_MOST_VARIANTS = 20
_DELIMITERS = ",;\t|"
# Nothing is guessed: DuckDB's sniffer can take a comment or a quote from a name.
_READ_CSV = (
    "read_csv($path, delim = $delimiter, compression = $compression, columns = $columns, "
    "header = true, auto_detect = false, quote = '\"', escape = '\"')"
)
Sums = Mapping[str, object]


def read_experiment(path: Path, layout: FileLayout) -> tuple[Plan, Observations]:
    """Counts a file in one pass that holds one row per unit in memory, or spills to disk.

    Args:
        path: CSV (plain or .gz; comma, semicolon, tab or bar) or Parquet, one row a unit or many.
        layout: What its columns mean.

    Returns:
        A plan, and what was observed: units in several variants are left
        out, rows of one unit merged (any for a proportion, the sum for a mean or ratio); where
        there are sums, exact copies of a row are left out of them.

    Raises:
        InvalidFile: If the file or a value in it breaks a rule; the message names file, column,
            option and rule.
    """
    if not path.is_file():
        raise InvalidFile(f"{path}: no such file")
    # Nothing is fetched: extensions that are not built in stay away.
    with (
        tempfile.TemporaryDirectory() as spill,
        duckdb.connect(
            config={"temp_directory": spill, "autoinstall_known_extensions": False}
        ) as connection,
    ):
        rows = _count(connection, path, layout)
    _refuse_values(path, layout, rows)
    arms = {str(row["arm"]): row for row in rows if row["arm"] is not None}
    variants = _variants(path, layout, arms)
    return _plan(path, layout, variants), _observations(
        layout, rows, {v: arms[v] for v in variants}
    )


def _count(
    connection: duckdb.DuckDBPyConnection, path: Path, layout: FileLayout
) -> list[dict[str, object]]:
    try:
        reader, parameters = _reader(path)
        described = connection.execute(f"DESCRIBE SELECT * FROM {reader}", parameters)  # noqa: S608 - a constant
        _refuse_columns(path, layout, [str(row[0]) for row in described.fetchall()])
        statement, bound = query(layout, reader)
        result = connection.execute(statement, parameters | bound)
        rows = result.fetchmany(2 * _MOST_VARIANTS + 4)
    except (duckdb.Error, OSError, EOFError, zlib.error, UnicodeDecodeError) as exc:
        raise InvalidFile(f"{path}: cannot be read: {_first_sentence(exc)}") from exc
    names = [str(column[0]) for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in rows]


def _first_sentence(error: Exception) -> str:
    """What went wrong and where, without the SQL and without the row's content."""
    skipped = ("LINE ", "^", "Original Line", "Possible")
    lines = (line.strip() for line in str(error).splitlines())
    kept = [line for line in lines if line and not line.startswith(skipped)]
    return "; ".join(kept[:2])[:300] or type(error).__name__


def _reader(path: Path) -> tuple[str, dict[str, object]]:
    with path.open("rb") as file:
        magic = file.read(4)
    # DuckDB reads patterns; this one means the file itself.
    parameters: dict[str, object] = {"path": glob.escape(str(path.resolve()))}
    if magic == b"PAR1" or path.suffix == ".parquet":
        return "read_parquet($path)", parameters
    zipped = magic[:2] == b"\x1f\x8b"
    head = _head(path, zipped=zipped)
    if not head.strip():
        raise InvalidFile(f"{path}: is empty")
    parameters["delimiter"] = delimiter = max(_DELIMITERS, key=head.count)
    parameters["compression"] = "gzip" if zipped else "none"
    parameters["columns"] = _columns(path, next(csv.reader([head], delimiter=delimiter)))
    return _READ_CSV, parameters


def _columns(path: Path, names: Sequence[str]) -> dict[str, str]:
    """Every column as text: what looks like a number in row one may not be one in row two."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidFile(f"{path}: columns are there twice: {', '.join(map(repr, twice))}")
    return {name or f"column{index}": "VARCHAR" for index, name in enumerate(names)}


def _head(path: Path, *, zipped: bool) -> str:
    with gzip.open(path) if zipped else path.open("rb") as file:
        return file.readline(1_000_000).decode("utf-8-sig")


def _refuse_columns(path: Path, layout: FileLayout, columns: Sequence[str]) -> None:
    for option, column in layout.options:
        if column not in columns:
            known = ", ".join(columns[:30])
            raise InvalidFile(f"{path}: {option}: no column {column!r}; the file has: {known}")


def _refuse_values(path: Path, layout: FileLayout, rows: Sequence[Sums]) -> None:
    for index, metric in enumerate(layout.metrics):
        for prefix, column in (("v", metric.column), ("b", metric.base)):
            wrong = sum(_whole(row[f"{prefix}bad{index}"]) for row in rows)
            if column is None or not wrong:
                continue
            said = next(text for row in rows if (text := row[f"{prefix}say{index}"]) is not None)
            rule = "a number"
            if metric.kind is Kind.PROPORTION:
                rule = "0 or 1, or true or false, for a proportion; say :mean for other numbers"
            raise InvalidFile(
                f"{path}: --metric {metric.name}: column {column!r} must hold {rule}; "
                f"{wrong} rows do not, e.g. {str(said)[:60]!r}"
            )


def _variants(path: Path, layout: FileLayout, found: Mapping[str, Sums]) -> tuple[str, ...]:
    """Variants of the file, control first, then by name."""
    column, shown = layout.variant, ", ".join(sorted(found)[:10])
    rules = (
        (not found, f"--variant: no row is left in column {column!r}"),
        (
            len(found) > _MOST_VARIANTS,
            f"--variant: column {column!r} holds more than {_MOST_VARIANTS} values: {shown} ...",
        ),
        (
            layout.control not in found,
            f"--control: no {layout.control!r} in column {column!r}, which holds: {shown}",
        ),
        (len(found) == 1, f"--variant: column {column!r} holds one variant only: {shown}"),
    )
    broken = next((message for is_broken, message in rules if is_broken), None)
    if broken is not None:
        raise InvalidFile(f"{path}: {broken}")
    for rule in layout.agree:
        _refuse_other_names(path, f"--agree {rule.column}", set(rule.values), set(found))
    if layout.shares:
        _refuse_other_names(path, "--share", set(layout.shares), set(found))
    return (layout.control, *sorted(set(found) - {layout.control}))


def _refuse_other_names(path: Path, option: str, named: set[str], found: set[str]) -> None:
    if named != found:
        raise InvalidFile(
            f"{path}: {option}: must name each variant once; it names {', '.join(sorted(named))}, "
            f"the file holds {', '.join(sorted(found))}"
        )


def _plan(path: Path, layout: FileLayout, variants: tuple[str, ...]) -> Plan:
    weights = layout.shares or dict.fromkeys(variants, 1.0)
    whole = sum(weights.values())
    return Plan(
        experiment=path.name.removesuffix(".gz").rsplit(".", 1)[0],
        control=layout.control,
        variants=variants,
        shares={variant: weights[variant] / whole for variant in variants},
        alpha=layout.alpha,
        method=Method.FIXED,
        planned_units=layout.planned_units,
        metrics=tuple(_metric_plan(index, m) for index, m in enumerate(layout.metrics)),
    )


def _metric_plan(index: int, metric: MetricColumn) -> MetricPlan:
    role = Role.SECONDARY if index else Role.PRIMARY
    return MetricPlan(metric.name, metric.kind, Direction.INCREASE, role, metric.name)


def _observations(
    layout: FileLayout, rows: Sequence[Sums], arms: Mapping[str, Sums]
) -> Observations:
    torn = [row for row in rows if row["torn"]]
    units = {variant: _whole(row["units"]) for variant, row in arms.items()}
    kept = sum(_whole(row["kept"]) for row in arms.values())
    return Observations(
        units=units,
        metrics={
            metric.name: {variant: _aggregates(index, metric, arms[variant]) for variant in arms}
            for index, metric in enumerate(layout.metrics)
        },
        contradictory_units=sum(_whole(row["units"]) for row in torn),
        duplicate_rows=kept - sum(units.values()),
        exclusions=tuple(e for e in _exclusions(layout, rows, torn, arms) if e.rows),
    )


def _aggregates(index: int, metric: MetricColumn, sums: Sums) -> Aggregates:
    units = _whole(sums[f"n_{index}"])
    total, squares, base, base_squares, cross = (
        _real(sums[f"{name}_{index}"]) for name in ("v", "vv", "b", "bb", "vb")
    )
    if metric.kind is not Kind.RATIO:
        return Aggregates(units, total, squares)
    return Aggregates(units, total, squares, base, base_squares, cross)


def _exclusions(
    layout: FileLayout, rows: Sequence[Sums], torn: Sequence[Sums], arms: Mapping[str, Sums]
) -> list[Exclusion]:
    compared = list(arms.values())
    found = [
        Exclusion(
            words,
            rows=_counted(f"rows{i}", rows),
            units=_counted(f"lost{i}", rows),
            affected_units=_counted(f"touched{i}", rows),
        )
        for i, words in enumerate(reasons(layout))
    ]
    found.append(
        Exclusion("unit seen in several variants", _counted("kept", torn), _counted("units", torn))
    )
    found.append(Exclusion(COPY, _counted("copied", compared), 0, _counted("recopied", compared)))
    return [*found, *(_without(i, metric, compared) for i, metric in enumerate(layout.metrics))]


def _without(index: int, metric: MetricColumn, compared: Sequence[Sums]) -> Exclusion:
    return Exclusion(
        f"no value for metric {metric.name}; left out of this metric alone",
        rows=_counted(f"empty{index}", compared),
        units=_counted(f"without{index}", compared),
        affected_units=_counted(f"emptied{index}", compared),
        metric=metric.name,
    )


def _counted(name: str, among: Sequence[Sums]) -> int:
    return sum(_whole(row[name]) for row in among)


def _whole(value: object) -> int:
    """An integer column of the result; a sum over nothing is NULL."""
    return int(str(value)) if value is not None else 0


def _real(value: object) -> float:
    return float(str(value))
