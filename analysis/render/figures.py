"""Geometry of the figures: where each mark goes, in percent of the width.

Positions are percentages and heights pixels, so a figure fits a phone and a desk without its
letters shrinking.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from analysis.report import (
    Absent,
    Comparison,
    MetricResult,
    Number,
    Reading,
    Report,
    primary,
)
from analysis.wording import count, interval, outcome, percent, signed_percent, step
from experiments.metrics import Direction

# Room at both sides, for the marks that stand on the edge.
_MARGIN = 3.0
# A lift beyond this is drawn as an arrow, or one wild interval would flatten all the others.
_WIDEST = 2.0
_LONGEST_LABEL = 40
_BAR_ROOM = 50.0
# At the left of a line, for the numbers of the lift axis.
_AXIS_ROOM = 12.0


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the lift axis."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class IntervalRow:
    """One comparison in the interval plot; `low` and `high` in percent of the width."""

    label: str
    reading: str
    verdict: str
    low: float | None
    high: float | None
    estimate: float | None
    clipped_low: bool
    clipped_high: bool


@dataclass(frozen=True, slots=True)
class IntervalPlot:
    """Lifts of all metrics over one axis with a line at zero."""

    rows: tuple[IntervalRow, ...]
    ticks: tuple[Tick, ...]
    zero: float


@dataclass(frozen=True, slots=True)
class Line:
    """The lift of one variant over all units until each day; places are percent from top left.

    Attributes:
        band: Corners of the area between the ends of the intervals, as SVG has points.
        estimates: Corners of the line through the lifts.
        zero: How far down no difference is.
        lifts: Lines of the lift axis, each with how far down it is.
        days: Marks of the time axis.
        reading: The last lift and interval in words.
        kind: What the intervals are called.
        since: In words, since when every interval leaves no difference out; None where the last
            one does not.
    """

    variant: str
    band: str
    estimates: str
    zero: float
    lifts: tuple[Tick, ...]
    days: tuple[Tick, ...]
    reading: str
    kind: str
    since: str | None


@dataclass(frozen=True, slots=True)
class Bar:
    """One variant at one step: `width` in percent, `style` its place in the legend."""

    variant: str
    style: int
    width: float
    units: str
    share: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the funnel, a bar for each variant."""

    name: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class _Axis:
    low: float
    high: float

    def x(self, value: float) -> float:
        inside = min(max(value, self.low), self.high)
        return _MARGIN + (100 - 2 * _MARGIN) * (inside - self.low) / (self.high - self.low)

    def y(self, value: float) -> float:
        """Percent of the height; what lies outside is drawn there, and cut off."""
        reach = self.high - self.low
        return 100 * min(max((value - self.low) / reach, -1.0), 2.0)


def shortened(text: str, longest: int = _LONGEST_LABEL) -> str:
    """Text that fits a figure; tables carry it whole."""
    return text if len(text) <= longest else text[: longest - 1] + "\N{HORIZONTAL ELLIPSIS}"


def interval_plot(report: Report) -> IntervalPlot:
    """The lift of every comparison, with the interval that may be read now."""
    pairs = [(m, c) for m in report.metrics for c in m.comparisons]
    axis = _axis(report, [comparison for _, comparison in pairs])
    rows = tuple(_interval_row(report, axis, m, c) for m, c in pairs)
    return IntervalPlot(rows, tuple(_ticks(axis, axis.x)), axis.x(0.0))


def looks_plot(report: Report) -> IntervalPlot | None:
    """The lift of the primary metric at each planned look; None where no look is planned or due."""
    found = [
        (comparison.variant, looks.planned, look)
        for comparison in report.primary.comparisons
        if (looks := comparison.planned) is not None
        for look in looks.looks
    ]
    if not found:
        return None
    ends = [end for *_, look in found for end in _finite(look.lift, look.ci_low, look.ci_high)]
    needed = _widest([0.0, *_finite(*(look.lift for *_, look in found))])
    axis = _axis_around([0.0, *(min(max(end, -needed), needed) for end in ends)])
    rows = tuple(
        _row(
            axis,
            f"Look {look.number} of {planned}, {count(look.units)} units, {shortened(variant, 18)}",
            (look.lift, look.ci_low, look.ci_high),
            outcome(look),
        )
        for variant, planned, look in found
    )
    return IntervalPlot(rows, tuple(_ticks(axis, axis.x)), axis.x(0.0))


def segments_plot(report: Report) -> IntervalPlot | None:
    """The lift of the primary metric in each segment; None where there is no segment."""
    found = [
        (f"{by.attribute} {segment.value}", comparison)
        for by in report.segments
        for segment in by.segments
        for comparison in primary(segment.metrics).comparisons
    ]
    if not found:
        return None
    several = len(report.units) > 2
    ends = _finite_ends(report, [comparison for _, comparison in found])
    widest = 2 * _widest(_finite_ends(report, list(report.primary.comparisons)))
    axis = _axis_around([min(max(end, -widest), widest) for end in ends])
    direction = report.primary.direction
    rows = tuple(
        _compared(
            report,
            axis,
            f"{shortened(name, 30)}{f', {c.variant}' if several else ''}",
            direction,
            c,
        )
        for name, c in found
    )
    return IntervalPlot(rows, tuple(_ticks(axis, axis.x)), axis.x(0.0))


def lines_over_time(report: Report) -> tuple[Line, ...]:
    """The primary metric's lift day by day, a figure for each variant; none with one day alone."""
    if len(report.days) < 2:
        return ()
    variants = [comparison.variant for comparison in report.primary.comparisons]
    found = (_line(report, variant) for variant in variants)
    return tuple(line for line in found if line is not None)


def _line(report: Report, variant: str) -> Line | None:
    shown = list(_shown(report, variant))
    if len(shown) < 2:
        return None
    axis, first, last = _lift_axis(shown), shown[0], shown[-1]
    across = [_x(each.day, first.day, last.day) for each in shown]
    lifts, lows, highs = (
        [(x, 100 - axis.y(value)) for x, value in zip(across, values, strict=True)]
        for values in zip(*((each.lift, each.low, each.high) for each in shown), strict=True)
    )
    end = last.reading
    return Line(
        variant=variant,
        band=_points([*highs, *reversed(lows)]),
        estimates=_points(lifts),
        zero=100 - axis.y(0.0),
        lifts=tuple(_ticks(axis, lambda value: 100 - axis.y(value))),
        days=tuple(_day_marks(first.day, last.day)),
        reading=f"{signed_percent(end.estimate)} ({interval(end.ci_low, end.ci_high)})",
        kind=end.kind.strip() or "single-reading",
        since=_since(shown),
    )


@dataclass(frozen=True, slots=True)
class _Shown:
    """What is drawn of one day."""

    day: date
    lift: float
    low: float
    high: float
    reading: Reading


def _shown(report: Report, variant: str) -> Iterator[_Shown]:
    """The days on which there is a lift with an interval."""
    for point in report.days:
        for comparison in primary(point.metrics).comparisons:
            reading = _part_reading(report, comparison)
            lift, low, high = map(_number, (reading.estimate, reading.ci_low, reading.ci_high))
            if comparison.variant != variant or lift is None or low is None or high is None:
                continue
            yield _Shown(point.day, lift, low, high, reading)


def _part_reading(report: Report, comparison: Comparison) -> Reading:
    """True at every day where sizes were planned; else each as if it were the only one."""
    planned = not isinstance(report.progress.planned_units, Absent)
    return comparison.reading(early=planned)


def _lift_axis(shown: Sequence[_Shown]) -> _Axis:
    """Around the later half of the intervals: the first ones are as wide as the page is high."""
    later = shown[len(shown) // 2 :]
    ends = [0.0, *(end for each in later for end in (each.low, each.high))]
    return _axis_around([min(max(end, -_WIDEST), _WIDEST) for end in ends])


def _points(places: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in places)


def _day_marks(first: date, last: date) -> Iterator[Tick]:
    whole = (last - first).days
    number = min(4, whole)
    for part in range(number + 1):
        day = first + timedelta(days=round(whole * part / number))
        yield Tick(_x(day, first, last), f"{day.day} {day:%b}")


def _x(day: date, first: date, last: date) -> float:
    return _AXIS_ROOM + (100 - _AXIS_ROOM) * ((day - first) / (last - first))


def _since(shown: Sequence[_Shown]) -> str | None:
    found: date | None = None
    for each in reversed(shown):
        if each.low <= 0 <= each.high:
            break
        found = each.day
    return None if found is None else f"{found.day} {found:%B %Y}"


def funnel_steps(report: Report) -> tuple[Step, ...]:
    """Units that reached each step, after those exposed, as a share of the variant's exposed."""
    steps = {"exposed": report.units, **report.funnel}
    return tuple(
        Step(
            step(event).replace("_", " "),
            tuple(
                _bar(variant, style, counts.get(variant, 0), report.units[variant])
                for style, variant in enumerate(report.units)
            ),
        )
        for event, counts in steps.items()
    )


def _interval_row(
    report: Report, axis: _Axis, metric: MetricResult, comparison: Comparison
) -> IntervalRow:
    label = f"{shortened(metric.name, 22)}, {shortened(comparison.variant, 18)}"
    return _compared(report, axis, label, metric.direction, comparison)


def _compared(
    report: Report, axis: _Axis, label: str, direction: Direction, comparison: Comparison
) -> IntervalRow:
    reading = comparison.reading(early=report.progress.early)
    finding = comparison.finding(direction, report.progress)
    return _row(axis, label, (reading.estimate, reading.ci_low, reading.ci_high), finding)


def _row(
    axis: _Axis, label: str, numbers: tuple[Number, Number, Number], verdict: str
) -> IntervalRow:
    estimate, low, high = map(_number, numbers)
    lift, *ends = numbers
    return IntervalRow(
        label=label,
        reading=f"{signed_percent(lift)} ({interval(*ends)})",
        verdict=verdict,
        low=None if low is None else axis.x(low),
        high=None if high is None else axis.x(high),
        estimate=None if estimate is None else axis.x(estimate),
        clipped_low=low is not None and low < axis.low,
        clipped_high=high is not None and high > axis.high,
    )


def _axis(report: Report, comparisons: list[Comparison]) -> _Axis:
    widest = _widest(_finite_ends(report, list(report.primary.comparisons)))
    return _axis_around([min(end, widest) for end in _finite_ends(report, comparisons)])


def _axis_around(ends: list[float]) -> _Axis:
    low, high = min(ends), max(ends)
    room = 0.06 * (high - low) or 0.01
    return _Axis(max(low - room, -1.0), high + room)


def _finite_ends(report: Report, comparisons: list[Comparison]) -> list[float]:
    ends = [0.0]
    for comparison in comparisons:
        reading = comparison.reading(early=report.progress.early)
        ends += _finite(reading.ci_low, reading.ci_high, reading.estimate)
    return ends


def _finite(*numbers: Number) -> list[float]:
    return [end for end in map(_number, numbers) if end is not None and math.isfinite(end)]


def _widest(primary_ends: list[float]) -> float:
    """At most four times what the primary metric needs, so that no other metric flattens it."""
    needed = max(map(abs, primary_ends))
    return max(needed, min(4 * needed, _WIDEST)) if needed else _WIDEST


def _ticks(axis: _Axis, place: Callable[[float], float]) -> Iterator[Tick]:
    step = _round_step((axis.high - axis.low) / 5)
    first, last = math.ceil(axis.low / step), math.floor(axis.high / step)
    for multiple in range(first, last + 1):
        value = multiple * step
        yield Tick(place(value), f"{100 * value:+.4g}%" if multiple else "0")


def _round_step(rough: float) -> float:
    """The next of 1, 2, 5, 10 times a power of ten: steps people count in."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))


def _bar(variant: str, style: int, reached: int, exposed: int) -> Bar:
    share = reached / exposed if exposed else 0.0
    shown = percent(share) if exposed else "n/a"
    return Bar(variant, style % 4, _BAR_ROOM * share, count(reached), shown)


def _number(value: Number) -> float | None:
    return None if isinstance(value, Absent) else value
