"""A frame into a plan and observations."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import narwhals.stable.v2 as nw
from narwhals.stable.v2.typing import IntoFrame

from analysis.aggregates import Aggregates
from analysis.cells import Cell, by_day, by_segment, together
from analysis.errors import InvalidFrame
from analysis.frames.counting import Row, collected, counted, sums_of, wrong
from analysis.frames.layout import Frame, Layout, Measure, Types, refuse, types_of
from analysis.frames.values import DAY, EPOCH, missing, zoned
from analysis.observations import Exclusion, Observations
from analysis.plan import MetricPlan, Plan
from analysis.report import Role
from experiments.metrics import Direction, Kind
from experiments.plan import Method

# Why a row that equals another one in every column is left out of sums.
COPY = "exact copy of another row of the same unit"
_MOST_VARIANTS = 20


def read_frame(  # noqa: PLR0913 - a keyword for each thing that an analyst says of the frame
    frame: IntoFrame,
    *,
    unit: str,
    variant: str,
    control: str,
    metrics: Mapping[str, str | Measure],
    segments: Sequence[str] = (),
    time: str | None = None,
    shares: Mapping[str, float] | None = None,
    alpha: float = 0.05,
    planned_units: int | None = None,
    name: str = "frame",
) -> tuple[Plan, Observations]:
    """Counts a frame, one row a unit or many.

    Args:
        frame: pandas, Polars, PyArrow or DuckDB; what is lazy stays so until its sums are asked.
        unit: Column of the unit, e.g. the user.
        variant: Column of the variant.
        control: The variant that others are compared with.
        metrics: By name what each is counted from; a text is the column of a proportion. The first
            metric is primary.
        segments: At most four columns by whose values units are counted apart.
        time: Column of a date or time; the first of a unit's rows gives its day, in UTC. A time
            without a zone is UTC.
        shares: Designed weight of every variant; equal where None.
        alpha: Two-sided level.
        planned_units: Units over all variants that were planned before the data came, if any were.
        name: What the report is called.

    Returns:
        A plan, and what was observed: units in several variants are left out, rows of one unit
        merged (any for a proportion, the sum for a mean or ratio); where there are sums, exact
        copies of a row are left out of them. Units without a time are in no day.

    Raises:
        InvalidFrame: If the frame or a value in it breaks a rule; the message names argument,
            column and rule.
        InvalidPlan: If what is planned does not fit together.
    """
    measures = {
        key: Measure(found) if isinstance(found, str) else found for key, found in metrics.items()
    }
    layout = Layout(unit, variant, measures, tuple(segments), time)
    rows = zoned(_opened(frame), time)
    types = types_of(layout, rows)
    no_unit = collected(rows.filter(missing(unit, types)).select(nw.len().alias("rows")))
    rows = rows.filter(~missing(unit, types))
    cells = sums_of(layout, types, rows)
    arms = sorted({str(cell["arm"]) for cell in cells if cell["whole"]})
    refuse(
        *_wrong_values(layout, types, rows, cells),
        *_wrong_variants(layout, arms, control, shares),
    )
    variants = (control, *(arm for arm in arms if arm != control))
    weights = shares or dict.fromkeys(variants, 1.0)
    plan = Plan(
        experiment=name,
        control=control,
        variants=variants,
        shares={arm: weights[arm] / sum(weights.values()) for arm in variants},
        alpha=alpha,
        method=Method.FIXED,
        planned_units=planned_units,
        metrics=tuple(_metric_plans(measures)),
    )
    return plan, _observations(layout, cells, variants, counted("rows", no_unit))


def _opened(frame: Any) -> Frame:
    try:
        found: Frame = nw.from_native(frame)
    except TypeError as exc:
        raise InvalidFrame(f"frame: {type(frame).__name__} is no frame that can be read") from exc
    return found


def _wrong_values(layout: Layout, types: Types, rows: Frame, cells: Sequence[Row]) -> Iterator[str]:
    """Values of another kind than their metric asks for; they are looked for once counted."""
    for mark, key, column, measure in layout.numbers:
        odd_rows = counted(f"{mark} bad", cells)
        if odd_rows:
            odd = wrong(layout, types, column, measure)
            (first,) = collected(rows.filter(odd).select(column).head(1))
            rule = "finite numbers"
            if measure.kind is Kind.PROPORTION:
                rule = "0 or 1, or true or false, for a proportion"
            yield (
                f"metrics {key!r}: column {column!r} must hold {rule}; {odd_rows} rows do not, "
                f"e.g. {first[column]}"
            )


def _wrong_variants(
    layout: Layout, arms: Sequence[str], control: str, shares: Mapping[str, float] | None
) -> Iterator[str]:
    column, shown = layout.variant, ", ".join(arms[:10])
    rules = (
        (not arms, f"variant: no row is left in column {column!r}"),
        (
            len(arms) > _MOST_VARIANTS,
            f"variant: column {column!r} holds more than {_MOST_VARIANTS} values: {shown} ...",
        ),
        (
            control not in arms,
            f"control: no {control!r} in column {column!r}, which holds: {shown}",
        ),
        (len(arms) == 1, f"variant: column {column!r} holds one variant only: {shown}"),
        (
            shares is not None and set(shares) != set(arms),
            f"shares: must name each variant of column {column!r} once, which holds: {shown}",
        ),
    )
    yield from [message for is_broken, message in rules if is_broken][:1]


def _metric_plans(measures: Mapping[str, Measure]) -> Iterator[MetricPlan]:
    for index, (key, measure) in enumerate(measures.items()):
        role = Role.SECONDARY if index else Role.PRIMARY
        yield MetricPlan(key, measure.kind, Direction.INCREASE, role, key)


def _observations(
    layout: Layout, cells: Sequence[Row], variants: Sequence[str], no_unit: int
) -> Observations:
    compared = [cell for cell in cells if cell["whole"]]
    torn = [cell for cell in cells if cell["torn"]]
    parts = [_cell(layout, cell) for cell in compared]
    axes = variants, list(layout.measures)
    everyone = together(parts, *axes)
    return Observations(
        units=everyone.units,
        metrics=everyone.metrics,
        days=by_day(parts, *axes),
        segments=by_segment(parts, layout.segments, *axes),
        contradictory_units=counted("units", torn),
        duplicate_rows=counted("rows", compared) - sum(everyone.units.values()),
        exclusions=tuple(
            each for each in _exclusions(layout, cells, torn, compared, no_unit) if each.rows
        ),
    )


def _cell(layout: Layout, cell: Row) -> Cell:
    day = cell.get("day")
    return Cell(
        variant=str(cell["arm"]),
        # What is missing is NaN to some engines, which is no day either.
        day=None if day is None or math.isnan(day) else (EPOCH + int(day) * DAY).date(),
        values=tuple(str(cell[f"s{index}"]) for index in range(len(layout.segments))),
        units=int(cell["units"]),
        metrics={
            key: _aggregates(cell, index, has_base=measure.base is not None)
            for index, (key, measure) in enumerate(layout.measures.items())
        },
    )


def _aggregates(cell: Row, index: int, *, has_base: bool) -> Aggregates:
    names = ("v", "vv", "b", "bb", "vb") if has_base else ("v", "vv")
    # Of no value at all some engines say that the sum is not known.
    sums = (cell[f"{name}{index}"] for name in names)
    return Aggregates(int(cell[f"n{index}"]), *(float(each or 0) for each in sums))


def _exclusions(
    layout: Layout,
    cells: Sequence[Row],
    torn: Sequence[Row],
    compared: Sequence[Row],
    no_unit: int,
) -> Iterator[Exclusion]:
    yield Exclusion(f"no unit in column {layout.unit}", no_unit, 0, 0)
    yield Exclusion(
        f"no variant in column {layout.variant}",
        rows=counted("armless", cells),
        units=counted("lost", cells),
        affected_units=counted("touched", cells),
    )
    yield Exclusion("unit seen in several variants", counted("rows", torn), counted("units", torn))
    yield Exclusion(COPY, counted("copied", compared), 0, counted("recopied", compared))
    for index, key in enumerate(layout.measures):
        yield Exclusion(
            f"no value for metric {key}; left out of this metric alone",
            rows=counted(f"empty{index}", compared),
            units=counted(f"without{index}", compared),
            affected_units=counted(f"emptied{index}", compared),
            metric=key,
        )
