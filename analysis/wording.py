"""Numbers as people read them; the full precision stays in the JSON report."""

import json
import math
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from analysis.report import (
    Absent,
    Change,
    Check,
    Checks,
    Harm,
    Json,
    Margin,
    Number,
    PlanLock,
    PlannedLook,
    PlannedLooks,
    Posterior,
    Report,
    Segmentation,
    Tolerance,
    primary,
)
from experiments.events import BROWSER_EVENTS
from experiments.metrics import Kind
from experiments.plan import Scale

TOLD_BY_PAGES = (
    "* Told by pages, of recorded visitors only: no rate of, or to, a step that counts everybody."
)


LOOKS_HEAD = ("look", "units", "z, bound", "lift", "repeated interval", "outcome")


def look_rows(looks: PlannedLooks) -> list[tuple[str, ...]]:
    """A row below `LOOKS_HEAD` for each planned look that was due."""
    return [
        (
            f"{look.number} of {looks.planned}",
            count(look.units),
            f"{look.z:+.2f}, ±{look.bound:.2f}",
            signed_percent(look.lift),
            interval(look.ci_low, look.ci_high),
            outcome(look),
        )
        for look in looks.looks
    ]


SEGMENTS_HEAD = ("segment", "units", "lift", "interval", "adjusted p", "labels")
EXPLORATORY = (
    "Not planned, so to be tried again before it is believed: p-values are adjusted over all "
    "segments (Benjamini & Hochberg), intervals are each of one segment alone."
)


def segment_rows(report: Report, by: Segmentation) -> list[tuple[str, ...]]:
    """A row below `SEGMENTS_HEAD` for the primary metric in each segment and variant."""
    several = len(report.units) > 2
    found: list[tuple[str, ...]] = []
    for segment in by.segments:
        for comparison in primary(segment.metrics).comparisons:
            reading = comparison.reading(early=report.progress.early)
            name = f"{segment.value}, {comparison.variant}" if several else segment.value
            found.append(
                (
                    f"{by.attribute} {name}",
                    count(sum(segment.units.values())),
                    signed_percent(reading.estimate),
                    interval(reading.ci_low, reading.ci_high),
                    p_value(reading.p_value),
                    ", ".join(comparison.labels) or "-",
                )
            )
    return found


def one_lift(by: Segmentation) -> str:
    """Whether the lift differs between the values of an attribute, in a sentence."""
    found = [
        f"{p_value(p)} for {variant}" if len(by.one_lift) > 1 else p_value(p)
        for variant, p in by.one_lift.items()
        if not isinstance(p, Absent)
    ]
    if not found:
        return f"{by.attribute}: too little is known to tell whether the lift differs"
    return f"{by.attribute}: p {', '.join(found)} of one lift in all (Cochran's Q, adjusted)"


def part_checks(checks: Checks) -> list[str]:
    """What the checks of segments and days found, those that could be made."""
    found = [
        f"sample ratio by {part}: {'ok' if check.ok else 'MISMATCH'}; "
        f"p {p_value(check.p_value)} at worst ({check.where}), over all together"
        for part, check in (("segment", checks.segment_ratio), ("day", checks.day_ratio))
        if not isinstance(check.ok, Absent)
    ]
    return [
        *found,
        *lost(checks.outcome_loss),
        *([without_units(checks.gaps)] if checks.gaps else []),
    ]


def lost(check: Check) -> list[str]:
    """What the check of lost outcomes found, where it could be made."""
    if isinstance(check.ok, Absent):
        return []
    found = check.p_value
    said = found.reason if isinstance(found, Absent) else f"p {p_value(found)}"
    return [f"lost outcomes: {'alike' if check.ok else 'MORE OF ONE VARIANT'}; {said}"]


def without_units(days: Sequence[date]) -> str:
    """Days on which no unit came: "no unit came on 2 days between others: ..."."""
    named = ", ".join(f"{day:%Y-%m-%d}" for day in days[:3])
    more = ", ..." if len(days) > 3 else ""
    return f"no unit came on {plural(len(days), 'day')} between others: {named}{more}"


def outcome(look: PlannedLook) -> str:
    """What a planned look came to."""
    return "at its bound" if look.reached else "goes on"


def next_look(looks: PlannedLooks) -> str:
    """Which planned look is next, and what it waits for; or that none is."""
    reached = next((look.number for look in looks.looks if look.reached), None)
    if reached is not None:
        return f"look {reached} of {looks.planned} reached its bound"
    return waiting_for(looks)


def waiting_for(looks: PlannedLooks) -> str:
    """What the next planned look waits for."""
    if looks.next_units is None:
        return "every planned look is over"
    return (
        f"look {looks.due + 1} of {looks.planned} waits for {count(looks.next_units)} units, "
        "each with its whole window"
    )


def where_ended(looks: PlannedLooks) -> str | None:
    """The estimate where the looks ended, in a sentence; None while they go on."""
    if isinstance(looks.estimate, Absent):
        return None
    return f"median-unbiased lift where the looks ended: {signed_percent(looks.estimate)}"


def step(event: str) -> str:
    """A step of the funnel, marked where it counts recorded visitors only."""
    return f"{event} *" if event in BROWSER_EVENTS else event


def told_by_pages(funnel: Iterable[str]) -> bool:
    """Whether `TOLD_BY_PAGES` belongs beside a funnel of these events."""
    return not BROWSER_EVENTS.isdisjoint(funnel)


def count(value: Number) -> str:
    """12012 -> "12,012"; fractions keep two decimals."""
    if isinstance(value, Absent):
        return "n/a"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def percent(value: Number) -> str:
    """A rate or a share: 0.0512 -> "5.12%", 0.12038 -> "12.04%", so that arms can be told apart."""
    return _missing(value) or f"{100 * _float(value):,.{2 if _float(value) < 1 else 0}f}%"


def signed_percent(value: Number) -> str:
    """A lift: 0.033 -> "+3.30%", -0.0131 -> "-1.31%", infinity -> "no upper limit"."""
    return _missing(value) or f"{'+' if _float(value) > 0 else ''}{_scaled(_float(value))}%"


def points(value: Number) -> str:
    """A difference of rates in percentage points: 0.0017 -> "+0.170 pp"."""
    return _missing(value) or f"{100 * _float(value):+.3f} pp"


def quantity(value: Number) -> str:
    """A mean or a ratio, four significant digits and thousands marks."""
    if isinstance(value, Absent):
        return "n/a"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.1f}"
    decimals = 4 if size < 1 else 3 - math.floor(math.log10(size))
    return f"{value:,.{decimals}f}"


def p_value(value: Number) -> str:
    """Three significant digits; nothing is ever printed as zero."""
    if isinstance(value, Absent):
        return "n/a"
    if value < 1e-300:
        return "<1e-300"
    return f"{value:.1e}" if value < 1e-4 else f"{value:.3g}"


def p_values(alone: Number, adjusted: Number) -> str:
    """A p-value, and beside it the adjusted one where that differs."""
    if alone == adjusted:
        return p_value(alone)
    return f"{p_value(alone)}, adjusted p {p_value(adjusted)}"


def value_text(kind: Kind, value: Number) -> str:
    """A metric's value: a rate in percent, a mean or a ratio in digits."""
    return percent(value) if kind is Kind.PROPORTION else quantity(value)


def difference_text(kind: Kind, difference: Number) -> str:
    """A difference of two values: rates in percentage points, means and ratios in digits."""
    return points(difference) if kind is Kind.PROPORTION else quantity(difference)


def instant(time: datetime) -> str:
    """A time in UTC as programs read it: "2026-11-23T12:00:00Z"."""
    return time.isoformat().replace("+00:00", "Z")


def plural(number: int, noun: str) -> str:
    """1, "row" -> "1 row"; 12012, "row" -> "12,012 rows"."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def open_windows(units: int) -> str:
    """What is still to come from units that may yet convert."""
    verb = "is still inside its" if units == 1 else "are still inside their"
    return f"{plural(units, 'unit')} {verb} conversion window"


def interval(low: Number, high: Number) -> str:
    """Two ends of a lift's interval, as "-6.00% to +9.40%"."""
    if isinstance(low, Absent):
        return "n/a"
    return f"{signed_percent(low)} to {signed_percent(high)}"


def level(alpha: float) -> str:
    """Name of an interval's level: 0.05 -> "95%"."""
    return f"{100 * (1 - alpha):.4g}%"


def margin(kind: Kind, found: Margin) -> str:
    """The loss that would be too much: "10%" of the control, "1 pp" of a rate, or a quantity."""
    if found.scale is Scale.RELATIVE:
        return f"{100 * found.size:g}%"
    return f"{100 * found.size:g} pp" if kind is Kind.PROPORTION else quantity(found.size)


def tolerance(kind: Kind, found: Tolerance) -> str:
    """The interval that is held against a margin: "95% interval -0.40% to +0.90%"."""
    name = f"{'always-valid ' if found.always_valid else ''}{level(found.alpha)} interval"
    if isinstance(found.ci_low, Absent):
        return f"no {name}: {found.ci_low.reason}"
    if found.margin.scale is Scale.RELATIVE:
        return f"{name} {interval(found.ci_low, found.ci_high)}"
    ends = (difference_text(kind, end) for end in (found.ci_low, found.ci_high))
    return f"{name} of the difference {' to '.join(ends)}"


def held(kind: Kind, found: Tolerance) -> str:
    """A margin and the interval that is held against it."""
    return f"margin {margin(kind, found.margin)}, {tolerance(kind, found)}"


def harm(found: Harm) -> str:
    """Evidence of harm and its alarm: "harm e-value 0.62 (alarm at 40)"."""
    value = f"{found.e_value:.2g}" if found.e_value < 100 else f"{found.e_value:.3g}"
    return f"harm e-value {value} (alarm at {found.alarm_at:.3g})"


def harm_shown(found: Harm | None) -> str:
    """The same after a reading, where harm is shown; else nothing."""
    return "" if found is None or not found.shown else f", {harm(found)}"


def posterior(kind: Kind, found: Posterior) -> str:
    """The Bayesian reading: "97.30% likely better, expected loss if shipped 0.002 pp (...)"."""
    better = "over 99.99%" if found.better > 0.9999 else percent(found.better)
    loss = difference_text(kind, found.expected_loss).removeprefix("+")
    prior = ", ".join(f"{parameter:g}" for parameter in found.prior)
    return (
        f"{better} likely better, expected loss if shipped {loss} "
        f"(Bayesian, prior Beta({prior}); decides nothing)"
    )


def duration(time: timedelta) -> str:
    """A time as people count it, rounded up: "8.9 days", "20 hours", "1 minute"."""
    days = time / timedelta(days=1)
    if days >= 2:
        return f"{math.ceil(days * 10) / 10:g} days"
    hours = math.ceil(time / timedelta(hours=1))
    return (
        plural(hours, "hour")
        if hours > 1
        else plural(math.ceil(time / timedelta(minutes=1)), "minute")
    )


def plan_status(plan: PlanLock) -> str:
    """What stands beside the answer: "planned (locked on 2027-01-11 09:00 UTC)"."""
    return f"{plan.status.replace('_', ' ')} ({plan_since(plan)})"


def plan_since(plan: PlanLock) -> str:
    """When the plan was locked, or why none is."""
    if isinstance(plan.locked_at, Absent):
        return plan.locked_at.reason
    changed = " and changed since" if plan.changes else ""
    return f"locked on {plan.locked_at:%Y-%m-%d %H:%M UTC}{changed}"


def change(found: Change) -> str:
    """One part of an amended plan: "analysis.alpha was 0.05 and is now 0.1"."""
    return f"{found.path} was {_plain(found.planned)} and is now {_plain(found.now)}"


def _plain(value: Json) -> str:
    if value is None:
        return "not set"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _missing(value: Number) -> str:
    if isinstance(value, Absent):
        return "n/a"
    return "no upper limit" if math.isinf(value) else ""


def _float(value: Number) -> float:
    return math.nan if isinstance(value, Absent) else value


def _scaled(value: float) -> str:
    size = abs(100 * value)
    return f"{100 * value:,.{2 if size < 10 else 1 if size < 1000 else 0}f}"
