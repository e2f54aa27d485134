"""What stands in the columns of a frame, as expressions that every engine answers alike."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import narwhals.stable.v2 as nw

from analysis.frames.layout import Frame, Measure, Types
from experiments.metrics import Kind

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def missing(column: str, types: Types) -> nw.Expr:
    """Whether there is no value; an empty text is none."""
    found = nw.col(column).is_null()
    return found | (nw.col(column) == "") if types[column] == nw.String else found


def flag(condition: nw.Expr) -> nw.Expr:
    """1 where a condition holds, else 0, also where nobody knows."""
    return nw.when(condition).then(nw.lit(1)).otherwise(nw.lit(0))


def number(column: str, types: Types) -> nw.Expr:
    """The value as a number; true is 1."""
    value = nw.col(column)
    return (value.cast(nw.Int8) if types[column] == nw.Boolean else value).cast(nw.Float64)


def holds(value: nw.Expr, measure: Measure) -> nw.Expr:
    """Whether a measure can count a number."""
    if measure.kind is Kind.PROPORTION:
        return (value == 0) | (value == 1)
    return value.is_finite()


def text(column: str, types: Types) -> nw.Expr:
    """The value as text, of which every engine makes the same."""
    value = nw.col(column)
    if types[column] == nw.Boolean:
        return nw.when(value).then(nw.lit("true")).otherwise(nw.lit("false"))
    return value if types[column] == nw.String else value.cast(nw.String)


def microseconds(column: str, types: Types) -> nw.Expr:
    """Since 1970 in UTC, of which every engine knows the days."""
    zone = getattr(types[column], "time_zone", None)
    if zone is None:
        since = nw.col(column).cast(nw.Datetime("us")) - nw.lit(EPOCH.replace(tzinfo=None))
    else:
        since = nw.col(column) - nw.lit(EPOCH.astimezone(_zone(zone)))
    return since.dt.total_microseconds()


def _zone(name: str) -> tzinfo:
    """Engines that have other names for zones take any of them."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def zoned(rows: Frame, time: str | None) -> Frame:
    """Narwhals 2 can't name pandas' zones that have an underscore, such as America/New_York."""
    if time is None or rows.collect_schema().get(time) != nw.Unknown:
        return rows
    try:
        return rows.with_columns(nw.col(time) - nw.lit(EPOCH) + nw.lit(EPOCH))
    except TypeError:
        # It is no time.
        return rows
