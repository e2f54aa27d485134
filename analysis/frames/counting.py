"""Rows judged, units merged, cells summed: in the frame's own engine, in that order.

A flag is 0 or 1, so that every engine can add it up. A sum over nothing is 0 to some engines and
unknown to others, so what is there is counted beside it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeAlias

import narwhals.stable.v2 as nw

from analysis.cells import MOST_VALUES, OTHER, UNKNOWN
from analysis.frames.layout import Frame, Layout, Measure, Types
from analysis.frames.values import DAY, flag, holds, microseconds, missing, number, text
from experiments.metrics import Kind

Row: TypeAlias = Mapping[str, Any]
# Named so, no column of ours can be one of the frame's.
_MARK = "kassa: "
# In the year 2255: a unit's rows without a time come after all that have one.
_NEVER = 2**53 - 1


def sums_of(layout: Layout, types: Types, rows: Frame) -> Sequence[Row]:
    """Sums of the units by what parts them: those compared by variant, day and segment.

    Args:
        layout: What the columns mean.
        types: Of every column.
        rows: The frame's rows that have a unit.

    Returns:
        A row for each variant, day and values of the segments, with `whole`; further ones for the
        units that were seen in several variants, with `torn`, and for those that were in none.
    """
    return _cells(layout, _merged(layout, _judged(layout, types, _distinct(layout, types, rows))))


def wrong(layout: Layout, types: Types, column: str, measure: Measure) -> nw.Expr:
    """Rows that are kept and hold something that the measure can't count."""
    said = ~missing(layout.variant, types) & ~nw.col(column).is_null()
    return said & ~holds(number(column, types), measure)


def collected(frame: Frame) -> Sequence[Row]:
    """Rows in Python: only where they are few."""
    eager = frame.collect() if isinstance(frame, nw.LazyFrame) else frame
    return eager.rows(named=True)


def counted(name: str, cells: Sequence[Row]) -> int:
    """A count over several cells."""
    return sum(int(cell[name] or 0) for cell in cells)


def _distinct(layout: Layout, types: Types, rows: Frame) -> Frame:
    """The rows; where values are summed, each once, with the number of its copies.

    A copy is equal in every column of the frame, and not only in those that are used: two purchases
    of one amount differ in their time or their number.
    """
    if not layout.has_sums:
        return rows.with_columns(nw.lit(1).alias(_MARK + "copies"))
    return rows.group_by(*types).agg(nw.len().alias(_MARK + "copies"))


def _judged(layout: Layout, types: Types, rows: Frame) -> Frame:
    """Every row with what it says, and flags as 0 and 1 to be added up."""
    here = ~missing(layout.variant, types)
    columns = {
        "unit": nw.col(layout.unit),
        "copies": nw.col(_MARK + "copies"),
        "kept": flag(here),
        "arm": nw.when(here).then(text(layout.variant, types)),
    }
    for mark, _, column, measure in layout.numbers:
        columns[f"{mark} bad"] = flag(wrong(layout, types, column, measure))
    for index, measure in enumerate(layout.measures.values()):
        whole = here
        for column in measure.columns:
            whole = whole & ~nw.col(column).is_null()
        columns[f"n{index}"] = flag(whole)
        for letter, column in zip("vb", measure.columns, strict=False):
            columns[f"{letter}{index}"] = nw.when(whole).then(number(column, types))
    if layout.time is not None:
        columns["time"] = nw.when(here).then(microseconds(layout.time, types))
    for index, column in enumerate(layout.segments):
        value = text(column, types).str.strip_chars()
        said = here & ~nw.col(column).is_null()
        columns[f"s{index}"] = nw.when(said & (value != "")).then(value)
    made = rows.select(**{_MARK + key: value for key, value in columns.items()})
    return _of_first_rows(layout, made)


def _of_first_rows(layout: Layout, rows: Frame) -> Frame:
    """With times, a unit's segment is told by the first of its rows that tells it."""
    if layout.time is None or not layout.segments:
        return rows
    names = [f"{_MARK}s{index}" for index in range(len(layout.segments))]
    time = nw.col(_MARK + "time")
    dated = nw.when(~time.is_null()).then(time).otherwise(nw.lit(_NEVER))
    told = rows.with_columns(
        **{f"{name} at": nw.when(~nw.col(name).is_null()).then(dated) for name in names}
    )
    first = told.with_columns(
        **{f"{name} first": nw.col(f"{name} at").min().over(_MARK + "unit") for name in names}
    )
    return first.with_columns(
        **{
            name: nw.when(nw.col(f"{name} at") == nw.col(f"{name} first")).then(nw.col(name))
            for name in names
        }
    )


def _merged(layout: Layout, rows: Frame) -> Frame:
    """One row a unit."""

    def col(name: str) -> nw.Expr:
        return nw.col(_MARK + name)

    rows = rows.with_columns(
        **{
            _MARK + "rows": col("copies") * col("kept"),
            _MARK + "armless": col("copies") * (1 - col("kept")),
            **{f"{_MARK}{m} bad": col(f"{m} bad") * col("copies") for m, *_ in layout.numbers},
            **{f"{_MARK}empty{i}": col("kept") - col(f"n{i}") for i in range(len(layout.measures))},
        }
    )
    added = ["rows", "kept", "armless", *(f"{mark} bad" for mark, *_ in layout.numbers)]
    aggregates = [col(name).sum() for name in added]
    aggregates += [col("arm").min(), col("arm").max().alias(_MARK + "other")]
    for index, measure in enumerate(layout.measures.values()):
        aggregates += [col(f"n{index}").sum(), col(f"empty{index}").sum()]
        for letter in "vb"[: len(measure.columns)]:
            value = col(f"{letter}{index}")
            aggregates.append(value.max() if measure.kind is Kind.PROPORTION else value.sum())
    if layout.time is not None:
        aggregates.append(col("time").min())
    aggregates += [col(f"s{index}").min() for index in range(len(layout.segments))]
    return rows.group_by(_MARK + "unit").agg(*aggregates)


def _cells(layout: Layout, merged: Frame) -> Sequence[Row]:
    """Sums of the units by what parts them: those compared by variant, day and segment."""

    def col(name: str) -> nw.Expr:
        return nw.col(_MARK + name)

    known = col("kept") > 0
    merged = merged.with_columns(
        **{
            _MARK + "whole": flag(known & (col("arm") == col("other"))),
            _MARK + "torn": flag(known & (col("arm") != col("other"))),
        }
    )
    whole = col("whole") == 1
    apart = {"whole": col("whole"), "torn": col("torn"), "arm": nw.when(whole).then(col("arm"))}
    if layout.time is not None:
        apart["day"] = nw.when(whole).then(col("time") // (DAY // timedelta(microseconds=1)))
    for index in range(len(layout.segments)):
        apart[f"s{index}"] = nw.when(whole).then(_shown(merged, whole, f"{_MARK}s{index}"))
    sums = {
        "rows": col("rows"),
        "copied": col("rows") - col("kept"),
        "recopied": flag(col("rows") > col("kept")),
        "armless": col("armless"),
        "touched": flag(col("armless") > 0),
        "lost": flag(col("kept") == 0),
        **{f"{mark} bad": col(f"{mark} bad") for mark, *_ in layout.numbers},
    }
    for index, measure in enumerate(layout.measures.values()):
        sums |= dict(_metric_sums(index, col, has_base=measure.base is not None))
    units = merged.select(**apart, **{f"sum {key}": value for key, value in sums.items()})
    found = units.group_by(*apart).agg(
        nw.len().alias("units"), *(nw.col(f"sum {key}").sum().alias(key) for key in sums)
    )
    return collected(found)


def _metric_sums(
    index: int, col: Callable[[str], nw.Expr], *, has_base: bool
) -> Iterator[tuple[str, nw.Expr]]:
    v, n = col(f"v{index}"), col(f"n{index}")
    yield f"n{index}", flag(n > 0)
    yield f"empty{index}", col(f"empty{index}")
    yield f"emptied{index}", flag(col(f"empty{index}") > 0)
    yield f"without{index}", flag(n == 0)
    yield from ((f"v{index}", v), (f"vv{index}", v * v))
    if has_base:
        b = col(f"b{index}")
        yield from ((f"b{index}", b), (f"bb{index}", b * b), (f"vb{index}", v * b))


def _shown(merged: Frame, whole: nw.Expr, name: str) -> nw.Expr:
    """The values that most compared units have, blind to variant and outcome; others are one."""
    value = nw.col(name)
    ranked = (
        merged.filter(whole & ~value.is_null())
        .group_by(name)
        .agg(nw.len().alias("units"))
        .sort("units", name, descending=[True, False])
        .head(MOST_VALUES)
    )
    # No engine likes to be asked for one of nothing.
    most = [str(row[name]) for row in collected(ranked)] or [OTHER]
    return (
        nw.when(value.is_null())
        .then(nw.lit(UNKNOWN))
        .otherwise(nw.when(value.is_in(most)).then(value).otherwise(nw.lit(OTHER)))
    )
