"""CSV and Parquet files as experiments: one pass in DuckDB, from rows to plan and observations.

Rows never enter Python; what comes back is one line of sums for each variant, day and segment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb

from analysis.aggregates import Aggregates
from analysis.cells import Cell, by_day, by_segment, together
from analysis.observations import Exclusion, Observations
from analysis.plan import MetricPlan, Plan
from analysis.report import Role
from experiments.metrics import Direction
from experiments.plan import Method
from service.files.database import database, reading
from service.files.layout import FileLayout, MetricColumn
from service.files.query import is_variant, locating, problems, query, reasons
from service.files.sources import Source, open_files, refuse

# Why a row that equals another one in every column is left out of sums.
COPY = "exact copy of another row of the same unit"
_MOST_VARIANTS = 20
_MOST_CELLS = 200_000
_MOST_PLACES = 5
Sums = Mapping[str, object]


def read_experiment(paths: Sequence[Path], layout: FileLayout) -> tuple[Plan, Observations]:
    """Counts files in one pass that holds one row per unit in memory, or spills to disk.

    Args:
        paths: CSV (plain or .gz; comma, semicolon, tab or bar) or Parquet, one row a unit or many;
            all with the same columns, and one table together.
        layout: What their columns mean.

    Returns:
        A plan, and what was observed: units in several variants are left out, rows of one unit
        merged (any for a proportion, the sum for a mean or ratio); where there are sums, exact
        copies of a row are left out of them. Units without a time are in no day.

    Raises:
        InvalidFile: If a file or a value in it breaks a rule; the message names file, option,
            column, rule, and the first lines or rows; each further rule has a line of its own.
    """
    with database() as connection, reading(", ".join(map(str, paths))):
        source = open_files(connection, paths, layout)
        rows = _count(connection, source, layout)
        _refuse_problems(connection, source, layout, rows)
    arms = {str(row["arm"]) for row in rows if row["arm"] is not None}
    variants = (layout.control, *sorted(arms - {layout.control}))
    return _plan(paths[0], layout, variants), _observations(layout, rows, variants)


def _count(
    connection: duckdb.DuckDBPyConnection, source: Source, layout: FileLayout
) -> list[dict[str, object]]:
    statement, bound = query(layout, source, limit=_MOST_CELLS + 1)
    result = connection.execute(statement, source.parameters | bound)
    names = [str(column[0]) for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _refuse_problems(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    layout: FileLayout,
    rows: Sequence[Sums],
) -> None:
    """Says everything that is wrong with the rows, and where it is."""
    found = {str(row["arm"]) for row in rows if row["arm"] is not None}
    look = _Look(connection, source, layout)
    said = [
        *look.values(rows),
        *_variants(layout, found, too_many_cells=len(rows) > _MOST_CELLS),
        *look.names("--share", set(layout.shares), found),
    ]
    for rule in layout.agree:
        said.extend(look.names(f"--agree {rule.column}", set(rule.values), found))
    refuse(f"{source.name}: {message}" for message in said)


class _Look:
    """A second look at the rows, once something is wrong: where it is."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, source: Source, layout: FileLayout
    ) -> None:
        self._connection = connection
        self._source = source
        self._layout = layout

    def values(self, rows: Sequence[Sums]) -> Iterator[str]:
        """Values of another kind than their option asks for."""
        for problem in problems(self._layout, self._source):
            wrong = _counted(problem.key, rows)
            if wrong:
                where, value = self._places(problem.column, problem.wrong, {})
                yield (
                    f"{problem.option}: column {problem.column!r} must hold {problem.rule}; "
                    f"{wrong} rows do not, e.g. {value[:60]!r}: {where}"
                )

    def names(self, option: str, named: set[str], found: set[str]) -> Iterator[str]:
        """Variants that an option does not name, or that the file does not hold."""
        if not named or named == found:
            return
        column, is_it = self._layout.variant, is_variant(self._layout)
        unknown = [
            f"; {name!r} stands in {self._places(column, is_it, {'variant': name})[0]}"
            for name in sorted(found - named)[:_MOST_PLACES]
        ]
        yield (
            f"{option}: must name each variant once; it names {', '.join(sorted(named))}, "
            f"the file holds {', '.join(sorted(found)[:10])}{''.join(unknown)}"
        )

    def _places(self, column: str, wrong: str, bound: dict[str, object]) -> tuple[str, str]:
        """The first rows, and the value in the first of them."""
        statement, judging = locating(self._layout, self._source, column, wrong, most=_MOST_PLACES)
        parameters = self._source.parameters | judging | bound
        found = self._connection.execute(statement, parameters).fetchall()
        return self._source.places([(row[0], row[1]) for row in found]), str(found[0][2])


def _variants(layout: FileLayout, found: set[str], *, too_many_cells: bool) -> Iterator[str]:
    column, shown = layout.variant, ", ".join(sorted(found)[:10])
    rules = (
        (not found, f"--variant: no row is left in column {column!r}"),
        (
            len(found) > _MOST_VARIANTS,
            f"--variant: column {column!r} holds more than {_MOST_VARIANTS} values: {shown} ...",
        ),
        (
            too_many_cells,
            f"--time, --segment: more than {_MOST_CELLS} groups of variant, day and segments",
        ),
        (
            layout.control not in found,
            f"--control: no {layout.control!r} in column {column!r}, which holds: {shown}",
        ),
        (len(found) == 1, f"--variant: column {column!r} holds one variant only: {shown}"),
    )
    yield from [message for is_broken, message in rules if is_broken][:1]


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
    plain = MetricPlan(metric.name, metric.kind, Direction.INCREASE, role, metric.name)
    if metric.covariate is None:
        return plain
    name = f"{metric.name}, adjusted by {metric.covariate}"
    return replace(plain, name=name, adjustment=metric.adjustment)


def _observations(
    layout: FileLayout, rows: Sequence[Sums], variants: Sequence[str]
) -> Observations:
    torn = [row for row in rows if row["torn"]]
    compared = [row for row in rows if row["arm"] is not None]
    cells = [_cell(layout, row) for row in compared]
    axes = variants, [metric.name for metric in layout.metrics]
    whole = together(cells, *axes)
    return Observations(
        units=whole.units,
        metrics=whole.metrics,
        days=by_day(cells, *axes),
        segments=by_segment(cells, layout.segments, *axes),
        contradictory_units=_counted("units", torn),
        duplicate_rows=_counted("kept", compared) - sum(whole.units.values()),
        exclusions=tuple(e for e in _exclusions(layout, rows, torn, compared) if e.rows),
    )


def _cell(layout: FileLayout, row: Sums) -> Cell:
    day = row["day"]
    return Cell(
        variant=str(row["arm"]),
        day=day if isinstance(day, date) else None,
        values=tuple(str(row[f"segment{index}"]) for index in range(len(layout.segments))),
        units=_whole(row["units"]),
        metrics={
            metric.name: _aggregates(index, metric, row)
            for index, metric in enumerate(layout.metrics)
        },
    )


def _aggregates(index: int, metric: MetricColumn, sums: Sums) -> Aggregates:
    names = ("v", "vv", "b", "bb", "vb") if metric.second else ("v", "vv")
    return Aggregates(
        _whole(sums[f"n_{index}"]), *(_real(sums[f"{name}_{index}"]) for name in names)
    )


def _exclusions(
    layout: FileLayout, rows: Sequence[Sums], torn: Sequence[Sums], compared: Sequence[Sums]
) -> list[Exclusion]:
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
