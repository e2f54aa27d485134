"""The one SQL statement that turns rows into sums: rows judged, units merged, cells summed.

Column names are quoted and values are bound, so neither can be SQL.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from analysis.cells import MOST_VALUES, OTHER, UNKNOWN
from experiments.metrics import Kind
from service.files.layout import Agreement, FileLayout, MetricColumn
from service.files.sources import FILE, ROW, Source, quoted

# Beside the file's own columns, so no file may have one of this name.
_COPIES = '"kassa: copies"'
_WHOLE = {
    f"{sign}{size}INT" for sign in ("", "U") for size in ("TINY", "SMALL", "BIG", "HUGE")
} | {"INTEGER", "UINTEGER"}  # fmt: skip
# Seconds since 1970 from 1973 on, so that 20170102 is none; from 1973 on in milliseconds too.
_SECONDS, _MILLISECONDS = (1e8, 1e11), (1e11, 1e14)


@dataclass(frozen=True)
class Problem:
    """What must not be in a row that is kept.

    Attributes:
        key: Name of the column of the result that counts such rows.
        option: The option that the rule comes from, with the metric's name.
        column: Where the value stands.
        rule: What it must be.
        wrong: SQL of a row that breaks it.
    """

    key: str
    option: str
    column: str
    rule: str
    wrong: str


def reasons(layout: FileLayout) -> list[str]:
    """Why rows are left out, in the order in which a row is asked."""
    return [words for words, _, _ in _reasons(layout)]


def problems(layout: FileLayout, source: Source) -> list[Problem]:
    """Every rule that a value of a kept row can break."""
    return [*_metric_problems(layout, source.types), *_time_problems(layout, source.types)]


def query(layout: FileLayout, source: Source, *, limit: int) -> tuple[str, dict[str, object]]:
    """One statement: rows, judged; units, merged; cells, summed.

    Args:
        layout: What the columns mean.
        source: The rows.
        limit: Most cells in the result; those of the variants that are first by name come first.
    """
    parts = _Parts(layout, source)
    for index, metric in enumerate(layout.metrics):
        parts.measure(index, metric)
    for index in range(len(parts.rules)):
        parts.merged.append(f"{parts.count(f'reason = {index}')} AS left{index}")
        parts.summed.extend(_reason_sums(index))
    for problem in problems(layout, source):
        parts.judged.append(f"{problem.wrong} AS {problem.key}")
        parts.merged.append(f"{parts.count(f'reason IS NULL AND {problem.key}')} AS {problem.key}")
        parts.summed.append(f"sum({problem.key})::BIGINT AS {problem.key}")
    if layout.time is not None:
        parts.judged.append(f"{_time(layout.time, source.types[layout.time])} AS time")
    return _statement(parts, limit), parts.bound


def locating(
    layout: FileLayout, source: Source, column: str, wrong: str, *, most: int
) -> tuple[str, dict[str, object]]:
    """The first rows that are kept and wrong: file, row, and what stands in a column of theirs."""
    rules, bound = _judging(layout)
    return (
        f"""SELECT {FILE}, {ROW}, {quoted(column)}::VARCHAR FROM ({source.numbered})
        WHERE {rules} IS NULL AND {wrong} ORDER BY ALL LIMIT {most}"""  # noqa: S608 - names are quoted, values bound
    ), bound


def is_variant(layout: FileLayout) -> str:
    """SQL of a row whose variant is `$variant`."""
    return f"{quoted(layout.variant)}::VARCHAR = $variant"


class _Parts:
    """Columns of the three stages."""

    def __init__(self, layout: FileLayout, source: Source) -> None:
        self.layout = layout
        self.source = source
        self.rules = _reasons(layout)
        self.reason, self.bound = _judging(layout)
        # A sum of equal rows would count one thing twice; whether any row has it stays the same.
        self.has_sums = any(metric.kind is not Kind.PROPORTION for metric in layout.metrics)
        self.judged: list[str] = []
        self.merged: list[str] = []
        self.summed: list[str] = []

    def count(self, condition: str) -> str:
        """Rows of the file under a condition, copies and all."""
        if self.has_sums:
            return f"coalesce(sum(copies) FILTER ({condition}), 0)"
        return f"count(*) FILTER ({condition})"

    def measure(self, index: int, metric: MetricColumn) -> None:
        """The columns of one metric."""
        merge = "max" if metric.kind is Kind.PROPORTION else "sum"
        columns = dict(_columns(metric))
        for name, column in columns.items():
            kind, binary = self.source.types[column], _is_binary(metric, name)
            self.judged.append(f"{_number(column, kind, binary=binary)} AS {name}{index}")
            self.judged.append(f"{_is_said(column, kind)} AS {name}said{index}")
        whole = " AND ".join(["reason IS NULL", *(f"{name}said{index}" for name in columns)])
        empty = f"count(*) FILTER (reason IS NULL AND NOT ({whole}))"
        merged = {name: f"{merge}({name}{index}) FILTER ({whole})" for name in columns}
        if metric.covariate is not None:
            # It is of the unit: one row that says it is enough, and none leaves the unit out.
            value, known = (
                f"{how}({name}{index}) FILTER (reason IS NULL AND {name}said{index})"
                for name, how in (("v", merge), ("b", "min"))
            )
            merged = {
                "v": f"CASE WHEN {known} IS NOT NULL THEN {value} END",
                "b": f"CASE WHEN {value} IS NOT NULL THEN {known} END",
            }
            empty = (
                f"count(*) FILTER (reason IS NULL) - CASE WHEN {known} IS NULL THEN 0 "
                f"ELSE count(*) FILTER (reason IS NULL AND vsaid{index}) END"
            )
        self.merged += [f"{sql} AS {name}{index}" for name, sql in merged.items()]
        self.merged.append(f"{empty} AS empty{index}")
        self.summed.extend(_metric_sums(index, has_base="b" in columns))

    @property
    def rows(self) -> str:
        """The files' rows; where values are summed, each once, with the number of its copies.

        A copy is equal in every column of the file, and not only in those that are used: two
        purchases of one amount differ in their time or their number.
        """
        if not self.has_sums:
            return f"SELECT *, 1 AS {_COPIES} FROM ({self.source.rows})"  # noqa: S608 - a constant
        return f"SELECT *, count(*) AS {_COPIES} FROM ({self.source.rows}) GROUP BY ALL"  # noqa: S608 - the same


def _statement(parts: _Parts, limit: int) -> str:
    layout, source = parts.layout, parts.source
    segments = list(_segments(layout))
    judged = [f"{_unit(layout.unit, source.types)} AS unit",
        f"{quoted(layout.variant)}::VARCHAR AS variant",
        f"{parts.reason} AS reason", f"{_COPIES} AS copies",
        *(segment.judged for segment in segments), *parts.judged]  # fmt: skip
    kept = parts.count("reason IS NULL")
    merged = ["unit", "min(reason) AS first", f"{kept} AS kept",
        f"{kept} - count(*) FILTER (reason IS NULL) AS copied",
        "min(variant) FILTER (reason IS NULL) AS arm",
        "max(variant) FILTER (reason IS NULL) AS other",
        *(("min(time) FILTER (reason IS NULL) AS time",) if layout.time else ()),
        *(segment.merged for segment in segments), *parts.merged]  # fmt: skip
    whole = "CASE WHEN arm = other THEN {0} END AS {1}"
    apart = [whole.format("arm", "arm"), "coalesce(arm <> other, false) AS torn",
        whole.format("CAST(time AS DATE)" if layout.time else "NULL::DATE", "day"),
        *(whole.format(segment.name, segment.name) for segment in segments)]  # fmt: skip
    summed = ["count(*) AS units", "sum(kept)::BIGINT AS kept", "sum(copied)::BIGINT AS copied",
        "count(*) FILTER (copied > 0) AS recopied", *parts.summed]  # fmt: skip
    groups = len(apart)
    by = ", ".join(str(number + 1) for number in range(groups))
    shown = "".join(f", {segment.shown} AS {segment.name}" for segment in segments)
    # Values are ranked among sums, which are few; grouped again, those of the others come together.
    again = ", ".join(f"sum({name})::{kind} AS {name}" for name, kind in _again(parts))
    return f"""
        WITH judged AS (SELECT {", ".join(judged)} FROM ({parts.rows})),
        merged AS (SELECT {", ".join(merged)} FROM judged GROUP BY unit),
        cells AS (SELECT {", ".join([*apart, *summed])} FROM merged GROUP BY {by})
        SELECT arm, torn, day{shown}, {again} FROM cells
        GROUP BY {by} ORDER BY {by} LIMIT {limit}"""  # noqa: S608 - names are quoted, values bound


def _again(parts: _Parts) -> Iterator[tuple[str, str]]:
    """Name and type of every sum."""
    for column in ("units", "kept", "copied", "recopied", *parts.summed):
        name = column.rsplit(" AS ", 1)[-1]
        yield name, "DOUBLE" if name.startswith(_REAL) else "BIGINT"


_REAL = ("v_", "vv_", "b_", "bb_", "vb_")


@dataclass(frozen=True)
class _Segment:
    """SQL of one column by which units are counted apart, at each stage."""

    name: str
    judged: str
    merged: str

    @property
    def shown(self) -> str:
        """The values that most compared units have, blind to variant and outcome."""
        most = (
            f"SELECT {self.name} FROM cells WHERE arm IS NOT NULL AND {self.name} IS NOT NULL "  # noqa: S608 - a constant
            f"GROUP BY 1 ORDER BY sum(units) DESC, 1 LIMIT {MOST_VALUES}"
        )
        return (
            f"CASE WHEN arm IS NULL THEN NULL WHEN {self.name} IS NULL THEN '{UNKNOWN}' "
            f"WHEN {self.name} IN ({most}) THEN {self.name} ELSE '{OTHER}' END"
        )


def _segments(layout: FileLayout) -> Iterator[_Segment]:
    """A unit has the value of its first row in time that has one, else the least of its rows."""
    for index, column in enumerate(layout.segments):
        name = f"segment{index}"
        value = f"nullif(trim({quoted(column)}::VARCHAR), '')"
        kept = f"FILTER (reason IS NULL AND {name} IS NOT NULL)"
        least = f"min({name}) {kept}"
        if layout.time is not None:
            dated = f"struct_pack(time := coalesce(time, 'infinity'), value := {name})"
            least = f"(min({dated}) {kept}).value"
        yield _Segment(name, f"{value} AS {name}", f"{least} AS {name}")


def _reason_sums(index: int) -> tuple[str, ...]:
    return (
        f"sum(left{index})::BIGINT AS rows{index}",
        f"count(unit) FILTER (left{index} > 0) AS touched{index}",
        f"count(unit) FILTER (kept = 0 AND first = {index}) AS lost{index}",
    )


def _metric_sums(index: int, *, has_base: bool) -> Iterator[str]:
    v, b = f"v{index}", f"b{index}"
    yield f"count({v}) AS n_{index}"
    sums = {"v": v, "vv": f"{v} * {v}"}
    if has_base:
        sums |= {"b": b, "bb": f"{b} * {b}", "vb": f"{v} * {b}"}
    yield from (f"coalesce(sum({sql}), 0) AS {name}_{index}" for name, sql in sums.items())
    yield f"sum(empty{index})::BIGINT AS empty{index}"
    yield f"count(*) FILTER (empty{index} > 0) AS emptied{index}"
    yield f"count(*) FILTER (kept > 0 AND {v} IS NULL) AS without{index}"


def _metric_problems(layout: FileLayout, types: Mapping[str, str]) -> Iterator[Problem]:
    for index, metric in enumerate(layout.metrics):
        for name, column in _columns(metric):
            binary = _is_binary(metric, name)
            rule = "a number"
            if binary:
                rule = "0 or 1, or true or false, for a proportion; say :mean for other numbers"
            number = _number(column, types[column], binary=binary)
            wrong = f"({_is_said(column, types[column])} AND {number} IS NULL)"
            of_metric = name == "v" or metric.covariate is None
            option = f"--metric {metric.name}" if of_metric else "--covariate"
            yield Problem(f"{name}bad{index}", option, column, rule, wrong)


def _columns(metric: MetricColumn) -> Iterator[tuple[str, str]]:
    """The columns of a metric, with the letter that their sums have."""
    yield "v", metric.column
    if metric.second is not None:
        yield "b", metric.second


def _is_binary(metric: MetricColumn, letter: str) -> bool:
    return metric.kind is Kind.PROPORTION and letter == "v"


def _time_problems(layout: FileLayout, types: Mapping[str, str]) -> Iterator[Problem]:
    if layout.time is not None:
        kind = types[layout.time]
        wrong = f"({_is_said(layout.time, kind)} AND {_time(layout.time, kind)} IS NULL)"
        rule = (
            "a day or time such as 2026-11-23 or 2026-11-23T12:00:00Z, or seconds or milliseconds "
            "since 1970"
        )
        yield Problem("odd_times", "--time", layout.time, rule, wrong)


def _reasons(layout: FileLayout) -> list[tuple[str, str, dict[str, str]]]:
    """Why a row is left out, first reason first: words, SQL condition, bound values."""
    rules: list[tuple[str, str, dict[str, str]]] = []
    for index, (column, value) in enumerate(layout.where):
        condition = f"{quoted(column)}::VARCHAR IS DISTINCT FROM $where{index}"
        rules.append((f"outside --where {column}={value}", condition, {f"where{index}": value}))
    for option, column in (("unit", layout.unit), ("variant", layout.variant)):
        words = f"no {option} in column {column}"
        rules.append((words, f"nullif({quoted(column)}::VARCHAR, '') IS NULL", {}))
    for index, rule in enumerate(layout.agree):
        words = f"column {rule.column} disagrees with the variant (--agree)"
        rules.append((words, *_disagreement(layout.variant, rule, f"agree{index}_")))
    return rules


def _judging(layout: FileLayout) -> tuple[str, dict[str, object]]:
    """The number of the first reason to leave a row out; NULL where it is kept."""
    rules = _reasons(layout)
    cases = " ".join(f"WHEN {sql} THEN {i}" for i, (_, sql, _) in enumerate(rules))
    return f"CASE {cases} END", {key: v for *_, values in rules for key, v in values.items()}


def _disagreement(variant: str, rule: Agreement, prefix: str) -> tuple[str, dict[str, str]]:
    terms: list[str] = []
    bound: dict[str, str] = {}
    for index, (name, value) in enumerate(rule.values.items()):
        key = f"{prefix}{index}"
        bound |= {f"{key}a": name, f"{key}b": value}
        terms.append(
            f"({quoted(variant)}::VARCHAR = ${key}a "
            f"AND {quoted(rule.column)}::VARCHAR IS DISTINCT FROM ${key}b)"
        )
    return " OR ".join(terms), bound


def _unit(column: str, types: Mapping[str, str]) -> str:
    """Whole numbers stay what they are: they are told apart faster than text."""
    return quoted(column) if types[column] in _WHOLE else f"{quoted(column)}::VARCHAR"


def _is_said(column: str, kind: str) -> str:
    if kind == "VARCHAR":
        return f"(nullif(trim({quoted(column)}), '') IS NOT NULL)"
    return f"({quoted(column)} IS NOT NULL)"


def _number(column: str, kind: str, *, binary: bool) -> str:
    """The value of a column, NULL where it is none; a type that says it all is not read as text."""
    text = f"trim({quoted(column)}::VARCHAR)"
    if kind in _WHOLE or kind == "DOUBLE":
        number = f"{quoted(column)}::DOUBLE"
    else:
        number = f"TRY_CAST({text} AS DOUBLE)"
    if not binary:
        return number if kind in _WHOLE else f"CASE WHEN isfinite({number}) THEN {number} END"
    if kind == "BOOLEAN":
        return f"{quoted(column)}::DOUBLE"
    return (
        f"CASE WHEN {number} IN (0, 1) THEN {number} "
        f"WHEN lower({text}) = 'true' THEN 1.0 WHEN lower({text}) = 'false' THEN 0.0 END"
    )


def _time(column: str, kind: str) -> str:
    """A time in UTC, which is also what a time without a zone is; NULL where there is none."""
    name = quoted(column)
    if kind.startswith(("TIMESTAMP", "DATE")):
        moment = f"make_timestamp(epoch_us({name}))"
        return f"CASE WHEN isfinite({name}) THEN {moment} END"
    if kind in _WHOLE or kind == "DOUBLE":
        return _since_1970(f"{name}::DOUBLE")
    text = f"trim({name}::VARCHAR)"
    moment = f"TRY_CAST({text} AS TIMESTAMPTZ)"
    return (
        f"CASE WHEN isfinite({moment}) THEN make_timestamp(epoch_us({moment})) "
        f"ELSE {_since_1970(f'TRY_CAST({text} AS DOUBLE)')} END"
    )


def _since_1970(number: str) -> str:
    def within(bounds: tuple[float, float]) -> str:
        return f"{number} >= {bounds[0]:.0f} AND {number} < {bounds[1]:.0f}"

    return (
        f"CASE WHEN {within(_SECONDS)} THEN make_timestamp(({number} * 1000000)::BIGINT) "
        f"WHEN {within(_MILLISECONDS)} THEN make_timestamp(({number} * 1000)::BIGINT) END"
    )
