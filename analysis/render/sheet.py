"""The report for a spreadsheet: one line for each comparison, every number at full precision."""

import csv
import io
from collections.abc import Iterator, Sequence

from analysis.report import Absent, Comparison, MetricResult, Number, Report
from analysis.wording import instant

COLUMNS = (
    "experiment", "as_of", "decision", "metric", "role", "kind", "direction", "control", "variant",
    "control_units", "control_sum", "control_value", "units", "sum", "value", "test", "difference",
    "difference_low", "difference_high", "lift", "lift_low", "lift_high", "p_value",
    "adjusted_p_value", "always_valid_low", "always_valid_high", "always_valid_p_value",
    "sample_ratio_p_value", "labels",
    "plan", "margin", "margin_scale", "margin_low", "margin_high", "verdict",
    "looks", "repeated_low", "repeated_high", "looks_p_value", "looks_estimate",
    "harm_e_value", "harm_alarm_at",
    "attribute", "value_of_attribute", "until_day",
)  # fmt: skip


def to_csv(report: Report) -> str:
    """Comma-separated values with a head line; a gap is an empty cell.

    The whole comes first, then each segment, then the units until each day.

    Text that a spreadsheet would run as a formula gets an apostrophe in front (OWASP, CSV
    injection).
    """
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(COLUMNS)
    for metrics, part in _parts(report):
        for metric in metrics:
            for comparison in metric.comparisons:
                writer.writerow([*_row(report, metric, comparison), *part])
    return sheet.getvalue()


def _parts(report: Report) -> Iterator[tuple[Sequence[MetricResult], tuple[str, str, str]]]:
    yield report.metrics, ("", "", "")
    for by in report.segments:
        for segment in by.segments:
            yield segment.metrics, (_inert(by.attribute), _inert(segment.value), "")
    for point in report.days:
        yield point.metrics, ("", "", point.day.isoformat())


def _row(report: Report, metric: MetricResult, comparison: Comparison) -> list[str]:
    texts = (
        report.experiment, instant(report.as_of), report.decision.action, metric.key, metric.role,
        metric.kind, metric.direction, comparison.control, comparison.variant,
    )  # fmt: skip
    labels = "; ".join(comparison.labels)
    before = [*map(_inert, texts), *map(_cell, _arms(metric, comparison)), comparison.test]
    return [
        *before,
        *map(_cell, _contrast(report, comparison)),
        labels,
        report.plan.status.value,
        *_margin(report, metric, comparison),
        *_looks(comparison),
        *_harm(comparison),
    ]


def _harm(comparison: Comparison) -> list[str]:
    found = comparison.harm
    return ["", ""] if found is None else [_cell(found.e_value), _cell(found.alarm_at)]


def _looks(comparison: Comparison) -> list[str]:
    looks = comparison.planned
    if looks is None:
        return ["", "", "", "", ""]
    numbers = (looks.ci_low, looks.ci_high, looks.p_value, looks.estimate)
    return [str(len(looks.looks)), *map(_cell, numbers)]


def _margin(report: Report, metric: MetricResult, comparison: Comparison) -> list[str]:
    found = comparison.tolerance
    verdict = comparison.verdict(metric.direction, report.progress)
    if found is None or verdict is None:
        return ["", "", "", "", ""]
    ends = map(_cell, (found.ci_low, found.ci_high))
    return [_cell(found.margin.size), found.margin.scale.value, *ends, verdict.value]


def _arms(metric: MetricResult, comparison: Comparison) -> Iterator[Number]:
    for variant in (comparison.control, comparison.variant):
        result = metric.variants[variant]
        yield from (result.units, result.sum, result.value)


def _contrast(report: Report, comparison: Comparison) -> Iterator[Number]:
    for estimate in (comparison.absolute, comparison.relative):
        yield from (estimate.estimate, estimate.ci_low, estimate.ci_high)
    running = comparison.sequential
    yield from (comparison.p_value, comparison.adjusted_p_value)
    yield from (running.ci_low, running.ci_high, running.p_value)
    yield report.checks.sample_ratio.p_value


def _cell(number: Number) -> str:
    return "" if isinstance(number, Absent) else repr(number)


def _inert(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else str(text)
