"""The report as one page: nothing runs, nothing is fetched; fit for mail, print, phone, archive."""

import json
import math
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from analysis.render.document import to_json
from analysis.render.figures import (
    funnel_steps,
    interval_plot,
    lines_over_time,
    looks_plot,
    segments_plot,
    shortened,
)
from analysis.render.journeys import journey_tables
from analysis.report import (
    Absent,
    Action,
    Check,
    Comparison,
    Estimate,
    Label,
    MetricResult,
    Number,
    PlanStatus,
    Report,
    Sequential,
    Verdict,
)
from analysis.wording import (
    EXPLORATORY,
    LOOKS_HEAD,
    SEGMENTS_HEAD,
    TOLD_BY_PAGES,
    count,
    difference_text,
    harm,
    held,
    instant,
    interval,
    level,
    look_rows,
    next_look,
    one_lift,
    open_windows,
    p_value,
    percent,
    plan_since,
    posterior,
    segment_rows,
    signed_percent,
    told_by_pages,
    value_text,
    where_ended,
    without_units,
)
from experiments.plan import Spending

DATA_BLOCK = "kassa-report"
"""Id of the element that has the report as JSON, for programs; browsers don't run it."""

# A page stays below 300 kB; one that would not carries no data.
_LONGEST_DATA = 180_000
_ACTIONS = {
    Action.SHIP: ("Ship it", "up"),
    Action.ROLL_BACK: ("Roll it back", "down"),
    Action.KEEP_RUNNING: ("Keep it running", "clock"),
    Action.NEUTRAL: ("Nothing to ship", "equal"),
    Action.FIX_DATA: ("Fix the data first", "alert"),
}
_PLAN_CHIPS = {PlanStatus.PLANNED: "good", PlanStatus.AMENDED: "bad", PlanStatus.NOT_LOCKED: "warn"}
_SPENDING = {
    Spending.OBRIEN_FLEMING: "an O'Brien-Fleming type function",
    Spending.POCOCK: "a Pocock type function",
    Spending.POWER: "the third power of the information (Kim & DeMets 1987)",
}
_VERDICT_CHIPS = {Verdict.PASSED: "good", Verdict.FAILED: "bad", Verdict.UNDECIDED: "warn"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a comparison table: its numbers, their labels, the reasons of its gaps."""

    name: str
    estimate: str
    ends: str
    p_value: str
    labels: tuple[Label, ...]
    gaps: tuple[str, ...]


def to_html(report: Report, *, rerun: str | None = None) -> str:
    """One self-contained page.

    Args:
        report: What was concluded.
        rerun: The command that makes this report again; by default `kassa report` as of the
            report's own time.
    """
    title, icon = _ACTIONS[report.decision.action]
    return (
        _environment()
        .get_template("report.html")
        .render(
            report=report,
            title=title,
            icon=icon,
            level=level(report.progress.alpha),
            tiles=_tiles(report),
            plot=interval_plot(report),
            spans=_spans(report),
            looks=looks_plot(report),
            lines=lines_over_time(report),
            segments=segments_plot(report),
            segments_head=SEGMENTS_HEAD,
            segment_rows=[row for by in report.segments for row in segment_rows(report, by)],
            one_lift=one_lift,
            exploratory=EXPLORATORY,
            part_checks=_part_checks(report),
            without_units=without_units,
            look_rows=look_rows,
            looks_head=LOOKS_HEAD,
            harm=harm,
            posterior=posterior,
            next_look=next_look,
            where_ended=where_ended,
            spending=report.progress.spending and _SPENDING[report.progress.spending],
            steps=funnel_steps(report) if report.funnel else (),
            journeys=journey_tables(report),
            funnel_note=TOLD_BY_PAGES if told_by_pages(report.funnel) else "",
            tables=[
                (metric, partial(value_text, metric.kind), _comparisons(metric))
                for metric in report.metrics
            ],
            plan_chip=_PLAN_CHIPS[report.plan.status],
            plan=plan_since(report.plan),
            verdicts={metric.key: list(_verdicts(report, metric)) for metric in report.metrics},
            labels=report.labels,
            rerun=rerun or command_of(report),
            shortened=shortened,
            Absent=Absent,
            data_block=DATA_BLOCK,
            data=_data(report),
        )
    )


def _data(report: Report) -> Markup | None:
    """The report as JSON in which no character can end an element."""
    compact = partial(json.dumps, separators=(",", ":"), allow_nan=False)
    data = htmlsafe_json_dumps(to_json(report), dumps=compact)
    return data if len(data) <= _LONGEST_DATA else None


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("analysis.render"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        count=count, percent=percent, p_value=p_value, open_windows=open_windows, typeset=_typeset
    )
    environment.filters["sentence"] = _sentence
    return environment


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _typeset(text: str) -> str:
    """A hyphen that opens a number becomes a minus sign, and no line breaks after "p ="."""
    minus = re.sub(r"(?<![\w.])-(?=\d)", "\N{MINUS SIGN}", text)
    return minus.replace("p = ", "p\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}")


@dataclass(frozen=True, slots=True)
class Tile:
    """One comparison of the primary metric in the headline."""

    comparison: Comparison
    lift: str
    ends: str
    kind: str
    span: str
    verdict: str


def _spans(report: Report) -> str:
    """What the intervals of the lift figure are called; guardrails have no planned looks."""
    readings = [
        c.reading(early=report.progress.early) for m in report.metrics for c in m.comparisons
    ]
    kinds = dict.fromkeys(reading.kind.strip() or "fixed-horizon" for reading in readings)
    return " or ".join(kinds).capitalize()


def _part_checks(report: Report) -> list[tuple[str, Check]]:
    checks = report.checks
    parts = ("Sample ratio by segment", checks.segment_ratio), ("By day", checks.day_ratio)
    return [(name, check) for name, check in parts if not isinstance(check.ok, Absent)]


def _tiles(report: Report) -> list[Tile]:
    return [_tile(report, comparison) for comparison in report.primary.comparisons]


def _tile(report: Report, comparison: Comparison) -> Tile:
    reading = comparison.reading(early=report.progress.early)
    return Tile(
        comparison=comparison,
        lift=signed_percent(reading.estimate),
        ends=interval(reading.ci_low, reading.ci_high),
        kind=reading.kind,
        span=f"{reading.kind}{level(report.progress.alpha)} interval",
        verdict=comparison.finding(report.primary.direction, report.progress),
    )


@dataclass(frozen=True, slots=True)
class Held:
    """What one variant's margin says."""

    variant: str
    verdict: Verdict
    chip: str
    reading: str


def _verdicts(report: Report, metric: MetricResult) -> Iterator[Held]:
    for comparison in metric.comparisons:
        verdict = comparison.verdict(metric.direction, report.progress)
        if comparison.tolerance is not None and verdict is not None:
            reading = held(metric.kind, comparison.tolerance)
            yield Held(comparison.variant, verdict, _VERDICT_CHIPS[verdict], reading)


def _comparisons(metric: MetricResult) -> list[tuple[Comparison, list[Line]]]:
    return [(c, _lines(metric, c)) for c in metric.comparisons]


def _lines(metric: MetricResult, c: Comparison) -> list[Line]:
    difference = partial(difference_text, metric.kind)
    running = Estimate(c.relative.estimate, c.sequential.ci_low, c.sequential.ci_high)
    lines = [
        _line("Lift", "relative", c, c.relative, c.p_value, signed_percent),
        _line("Difference", "absolute", c, c.absolute, c.p_value, difference),
        _line("Lift, always-valid", "sequential", c, running, c.sequential.p_value, signed_percent),
    ]
    return [*lines, *_adjusted(c)]


def _adjusted(c: Comparison) -> Iterator[Line]:
    """A line for each p-value that other comparisons change."""
    blank = Estimate(math.nan, math.nan, math.nan)
    pairs: tuple[tuple[str, str, Comparison | Sequential], ...] = (
        ("Adjusted p", "p_value", c),
        ("Adjusted p, always-valid", "sequential", c.sequential),
    )
    for name, field, test in pairs:
        if test.adjusted_p_value != test.p_value:
            yield _line(name, field, c, blank, test.adjusted_p_value, lambda _: "")


def _line(
    name: str,
    field: str,
    comparison: Comparison,
    estimate: Estimate,
    p: Number,
    show: Callable[[Number], str],
) -> Line:
    low, high = show(estimate.ci_low), show(estimate.ci_high)
    numbers = (estimate.estimate, estimate.ci_low, p)
    reasons = [number.reason for number in numbers if isinstance(number, Absent)]
    return Line(
        name=name,
        estimate=show(estimate.estimate),
        ends=low if isinstance(estimate.ci_low, Absent) or not low else f"{low} to {high}",
        p_value=p_value(p),
        labels=tuple(label for label in comparison.labels if field in label.applies_to),
        gaps=tuple(dict.fromkeys(reasons)),
    )


def command_of(report: Report) -> str:
    """The command that makes a report of a store again."""
    name, as_of = shlex.quote(report.experiment), instant(report.as_of)
    return f"kassa report {name} --as-of {as_of} --format html"
