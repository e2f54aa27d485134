"""The one SQL statement that turns rows into sums: rows judged, units merged, variants summed.

Column names are quoted and values are bound, so neither can be SQL.
"""

from __future__ import annotations

from experiments.metrics import Kind
from service.files.layout import Agreement, FileLayout, MetricColumn

# Beside the file's own columns, so no file may have one of this name.
_COPIES = '"kassa: copies"'


def reasons(layout: FileLayout) -> list[str]:
    """Why rows are left out, in the order in which a row is asked."""
    return [words for words, _, _ in _reasons(layout)]


def query(layout: FileLayout, reader: str) -> tuple[str, dict[str, object]]:
    """One statement: rows, judged; units, merged; variants, summed."""
    rules = _reasons(layout)
    cases = " ".join(f"WHEN {sql} THEN {i}" for i, (_, sql, _) in enumerate(rules))
    judged: list[str] = []
    merged: list[str] = []
    summed: list[str] = []
    for index, metric in enumerate(layout.metrics):
        for into, columns in zip((judged, merged, summed), _metric_sql(index, metric), strict=True):
            into.extend(columns)
    for index in range(len(rules)):
        merged.append(f"{_rows(f'reason = {index}')} AS left{index}")
        summed.extend(_reason_sums(index))
    bound: dict[str, object] = {key: v for *_, values in rules for key, v in values.items()}
    return _statement(layout, reader, cases, judged, merged, summed), bound


def _reason_sums(index: int) -> tuple[str, ...]:
    return (
        f"sum(left{index})::BIGINT AS rows{index}",
        f"count(unit) FILTER (left{index} > 0) AS touched{index}",
        f"count(unit) FILTER (kept = 0 AND first = {index}) AS lost{index}",
    )


def _statement(
    layout: FileLayout,
    reader: str,
    cases: str,
    judged: list[str],
    merged: list[str],
    summed: list[str],
) -> str:
    return f"""
        WITH judged AS (
            SELECT {_quoted(layout.unit)}::VARCHAR AS unit,
                {_quoted(layout.variant)}::VARCHAR AS variant,
                CASE {cases} END AS reason, {_COPIES} AS copies, {", ".join(judged)}
            FROM ({_source(layout, reader)})),
        merged AS (
            SELECT unit, min(reason) AS first, {_rows("reason IS NULL")} AS kept,
                {_rows("reason IS NULL")} - count(*) FILTER (reason IS NULL) AS copied,
                min(variant) FILTER (reason IS NULL) AS arm,
                max(variant) FILTER (reason IS NULL) AS other, {", ".join(merged)}
            FROM judged GROUP BY unit)
        SELECT CASE WHEN arm = other THEN arm END AS arm, coalesce(arm <> other, false) AS torn,
            count(*) AS units, sum(kept)::BIGINT AS kept, sum(copied)::BIGINT AS copied,
            count(*) FILTER (copied > 0) AS recopied, {", ".join(summed)}
        FROM merged GROUP BY ALL ORDER BY ALL"""  # noqa: S608 - names are quoted, values bound


def _source(layout: FileLayout, reader: str) -> str:
    """The file's rows; where values are summed, each once, with the number of its copies.

    A copy is equal in every column of the file, and not only in those that are used: two purchases
    of one amount differ in their time or their number.
    """
    if all(metric.kind is Kind.PROPORTION for metric in layout.metrics):
        return f"SELECT *, 1 AS {_COPIES} FROM {reader}"  # noqa: S608 - two constants
    return f"SELECT *, count(*) AS {_COPIES} FROM {reader} GROUP BY ALL"  # noqa: S608 - the same


def _rows(condition: str) -> str:
    """Rows of the file under a condition, copies and all."""
    return f"coalesce(sum(copies) FILTER ({condition}), 0)"


def _metric_sql(index: int, metric: MetricColumn) -> tuple[list[str], list[str], list[str]]:
    """Columns of one metric for the three stages of the query."""
    binary = metric.kind is Kind.PROPORTION
    merge = "max" if binary else "sum"
    judged, merged = [], []
    for name, column in (("v", metric.column), ("b", metric.base or metric.column)):
        judged.append(f"{_number(column, binary=binary)} AS {name}{index}")
        judged.append(f"nullif(trim({_quoted(column)}::VARCHAR), '') AS {name}t{index}")
    whole = f"reason IS NULL AND vt{index} IS NOT NULL AND bt{index} IS NOT NULL"
    for name in "vb":
        merged.append(f"{merge}({name}{index}) FILTER ({whole}) AS {name}{index}")
        wrong = f"reason IS NULL AND {name}t{index} IS NOT NULL AND {name}{index} IS NULL"
        merged.append(f"{_rows(wrong)} AS {name}bad{index}")
        merged.append(f"min({name}t{index}) FILTER ({wrong}) AS {name}say{index}")
    merged.append(f"count(*) FILTER (reason IS NULL AND NOT ({whole})) AS empty{index}")
    v, b = f"v{index}", f"b{index}"
    sums = {"n": f"count({v})", "v": f"sum({v})", "vv": f"sum({v} * {v})", "b": f"sum({b})",
            "bb": f"sum({b} * {b})", "vb": f"sum({v} * {b})"}  # fmt: skip
    summed = [f"coalesce({sql}, 0) AS {name}_{index}" for name, sql in sums.items()]
    for name in "vb":
        summed.append(f"sum({name}bad{index})::BIGINT AS {name}bad{index}")
        summed.append(f"min({name}say{index}) AS {name}say{index}")
    summed.append(f"sum(empty{index})::BIGINT AS empty{index}")
    summed.append(f"count(*) FILTER (empty{index} > 0) AS emptied{index}")
    summed.append(f"count(*) FILTER (kept > 0 AND {v} IS NULL) AS without{index}")
    return judged, merged, summed


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _reasons(layout: FileLayout) -> list[tuple[str, str, dict[str, str]]]:
    """Why a row is left out, first reason first: words, SQL condition, bound values."""
    rules: list[tuple[str, str, dict[str, str]]] = []
    for index, (column, value) in enumerate(layout.where):
        condition = f"{_quoted(column)}::VARCHAR IS DISTINCT FROM $where{index}"
        rules.append((f"outside --where {column}={value}", condition, {f"where{index}": value}))
    for option, column in (("unit", layout.unit), ("variant", layout.variant)):
        words = f"no {option} in column {column}"
        rules.append((words, f"nullif({_quoted(column)}::VARCHAR, '') IS NULL", {}))
    for index, rule in enumerate(layout.agree):
        words = f"column {rule.column} disagrees with the variant (--agree)"
        rules.append((words, *_disagreement(layout.variant, rule, f"agree{index}_")))
    return rules


def _disagreement(variant: str, rule: Agreement, prefix: str) -> tuple[str, dict[str, str]]:
    terms: list[str] = []
    bound: dict[str, str] = {}
    for index, (name, value) in enumerate(rule.values.items()):
        key = f"{prefix}{index}"
        bound |= {f"{key}a": name, f"{key}b": value}
        terms.append(
            f"({_quoted(variant)}::VARCHAR = ${key}a "
            f"AND {_quoted(rule.column)}::VARCHAR IS DISTINCT FROM ${key}b)"
        )
    return " OR ".join(terms), bound


def _number(column: str, *, binary: bool) -> str:
    """The value of a text column, NULL where it is none."""
    text = f"trim({_quoted(column)}::VARCHAR)"
    number = f"TRY_CAST({text} AS DOUBLE)"
    if not binary:
        return f"CASE WHEN isfinite({number}) THEN {number} END"
    return (
        f"CASE WHEN {number} IN (0, 1) THEN {number} "
        f"WHEN lower({text}) = 'true' THEN 1.0 WHEN lower({text}) = 'false' THEN 0.0 END"
    )
