"""Geometry of the two figures: where each mark goes, in percent of the width.

Positions are percentages and heights pixels, so a figure fits a phone and a desk without its
letters shrinking.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from analysis.report import Absent, Comparison, MetricResult, Number, Report
from analysis.wording import count, interval, outcome, percent, signed_percent, step

# Room at both sides, for the marks that stand on the edge.
_MARGIN = 3.0
# A lift beyond this is drawn as an arrow, or one wild interval would flatten all the others.
_WIDEST = 2.0
_LONGEST_LABEL = 40
_BAR_ROOM = 50.0


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


def shortened(text: str, longest: int = _LONGEST_LABEL) -> str:
    """Text that fits a figure; tables carry it whole."""
    return text if len(text) <= longest else text[: longest - 1] + "\N{HORIZONTAL ELLIPSIS}"


def interval_plot(report: Report) -> IntervalPlot:
    """The lift of every comparison, with the interval that may be read now."""
    pairs = [(m, c) for m in report.metrics for c in m.comparisons]
    axis = _axis(report, [comparison for _, comparison in pairs])
    rows = tuple(_interval_row(report, axis, m, c) for m, c in pairs)
    return IntervalPlot(rows, tuple(_ticks(axis)), axis.x(0.0))


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
    return IntervalPlot(rows, tuple(_ticks(axis)), axis.x(0.0))


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
    reading = comparison.reading(early=report.progress.early)
    return _row(
        axis,
        f"{shortened(metric.name, 22)}, {shortened(comparison.variant, 18)}",
        (reading.estimate, reading.ci_low, reading.ci_high),
        comparison.finding(metric.direction, report.progress),
    )


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


def _ticks(axis: _Axis) -> Iterator[Tick]:
    step = _round_step((axis.high - axis.low) / 5)
    first, last = math.ceil(axis.low / step), math.floor(axis.high / step)
    for multiple in range(first, last + 1):
        value = multiple * step
        yield Tick(axis.x(value), f"{100 * value:+.4g}%" if multiple else "0")


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
