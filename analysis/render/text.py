"""The report for a terminal: the decision first, then whether to believe it, then the numbers."""

import textwrap
from collections.abc import Iterable, Sequence

from analysis.observations import Exclusion
from analysis.render.journeys import Table, journey_tables
from analysis.report import Absent, Comparison, MetricResult, Number, Report
from analysis.wording import (
    EXPLORATORY,
    LOOKS_HEAD,
    SEGMENTS_HEAD,
    TOLD_BY_PAGES,
    count,
    difference_text,
    harm,
    held,
    interval,
    level,
    look_rows,
    next_look,
    one_lift,
    open_windows,
    p_value,
    p_values,
    part_checks,
    percent,
    plan_status,
    plural,
    posterior,
    segment_rows,
    signed_percent,
    step,
    told_by_pages,
    value_text,
    where_ended,
)


def to_text(report: Report) -> str:
    """A compact report in plain text, columns aligned, no terminal codes, ending in a newline."""
    sections = (
        _headline(report),
        _trust(report),
        *(_metric(report, metric) for metric in report.metrics),
        _segments(report),
        _funnel(report),
        *(_journey(table) for table in journey_tables(report)),
        _left_out(report),
        _labels(report),
    )
    return "\n\n".join(_block(section) for section in sections if section) + "\n"


def _block(lines: Iterable[str]) -> str:
    """Lines without control characters: a name must not steer the reader's terminal."""
    return "\n".join("".join(c if c.isprintable() else "?" for c in line) for line in lines)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 96, initial_indent="  ", subsequent_indent="    ")


def _headline(report: Report) -> list[str]:
    action = report.decision.action.value.replace("_", " ").upper()
    when = report.as_of.strftime("%Y-%m-%d %H:%M UTC")
    lines = [f"{report.experiment}   as of {when}", f"Decision: {action}"]
    lines.append(f"Plan: {plan_status(report.plan)}")
    return [*lines, *(line for reason in report.decision.reasons for line in _wrapped(reason))]


def _trust(report: Report) -> list[str]:
    ratio = report.checks.sample_ratio
    state = "not checked" if isinstance(ratio.ok, Absent) else "ok" if ratio.ok else "MISMATCH"
    still_open = report.progress.open_windows
    running = p_value(ratio.sequential_p_value)
    sizes = ", ".join(
        f"{variant} {count(units)} ({percent(_share(units, report))} seen, "
        f"{percent(report.shares[variant])} designed)"
        for variant, units in report.units.items()
    )
    return [
        "Trust",
        f"  sample ratio: {state}; p {p_value(ratio.p_value)}, always-valid p {running}",
        f"  {sizes}",
        f"  units in several variants, left out: {count(report.checks.contradictory_units)}",
        f"  duplicate rows, merged or left out: {count(report.checks.duplicate_rows)}",
        *(f"  {line}" for line in part_checks(report.checks)),
        *([f"  {open_windows(still_open)}"] if still_open else []),
    ]


def _share(units: int, report: Report) -> Number:
    total = sum(report.units.values())
    return units / total if total else Absent("no unit was exposed yet")


def _metric(report: Report, metric: MetricResult) -> list[str]:
    values = [("variant", "units", "sum", "value")]
    values += [
        (key, count(result.units), count(result.sum), value_text(metric.kind, result.value))
        for key, result in metric.variants.items()
    ]
    name = level(report.progress.alpha)
    head = ("variant", "lift", f"{name} interval", "difference", "p", "always-valid", "labels")
    comparisons = [head, *(_comparison(metric, c) for c in metric.comparisons)]
    title = f"{metric.name} ({metric.key}, {metric.role}, {metric.direction} is better)"
    tests = ", ".join(sorted({c.test for c in metric.comparisons}))
    gaps = [f"  {c.variant}, {gap}" for c in metric.comparisons for gap in c.gaps]
    verdicts = [line for c in metric.comparisons for line in _verdict(report, metric, c)]
    looks = [line for c in metric.comparisons for line in _looks(c)]
    also = [line for c in metric.comparisons for line in _also(metric, c)]
    numbers = [*_table(values), *_table(comparisons), *gaps, *verdicts, *also, *looks]
    return [title, *numbers, f"  test: {tests}"]


def _also(metric: MetricResult, comparison: Comparison) -> list[str]:
    found = comparison.posterior
    watched = [] if comparison.harm is None else [harm(comparison.harm)]
    believed = [] if found is None else [posterior(metric.kind, found)]
    return [
        line for said in watched + believed for line in _wrapped(f"{comparison.variant}: {said}")
    ]


def _looks(comparison: Comparison) -> list[str]:
    looks = comparison.planned
    if looks is None:
        return []
    said = "; ".join(filter(None, [next_look(looks), where_ended(looks)]))
    rows = _table([LOOKS_HEAD, *look_rows(looks)]) if looks.looks else []
    return [*_wrapped(f"{comparison.variant}: {said}"), *rows]


def _verdict(report: Report, metric: MetricResult, comparison: Comparison) -> list[str]:
    verdict = comparison.verdict(metric.direction, report.progress)
    if comparison.tolerance is None or verdict is None:
        return []
    found = held(metric.kind, comparison.tolerance)
    return _wrapped(f"{comparison.variant}, {verdict}: {found}")


def _comparison(metric: MetricResult, comparison: Comparison) -> tuple[str, ...]:
    return (
        comparison.variant,
        signed_percent(comparison.relative.estimate),
        interval(comparison.relative.ci_low, comparison.relative.ci_high),
        difference_text(metric.kind, comparison.absolute.estimate),
        p_values(comparison.p_value, comparison.adjusted_p_value),
        interval(comparison.sequential.ci_low, comparison.sequential.ci_high),
        ", ".join(comparison.labels) or "-",
    )


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows under one another: first column to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  " + "  ".join(_cells(row, widths)).rstrip() for row in rows]


def _cells(row: Sequence[str], widths: Sequence[int]) -> Iterable[str]:
    for index, (cell, width) in enumerate(zip(row, widths, strict=True)):
        first_or_last = index in (0, len(row) - 1) and not cell[:1].isdigit()
        yield cell.ljust(width) if first_or_last else cell.rjust(width)


def _segments(report: Report) -> list[str]:
    rows = [row for by in report.segments for row in segment_rows(report, by)]
    if not rows:
        return []
    tests = [line for by in report.segments for line in _wrapped(one_lift(by))]
    title = f"Segments: {report.primary.name} (exploratory)"
    return [title, *_table([SEGMENTS_HEAD, *rows]), *tests, *_wrapped(EXPLORATORY)]


def _journey(table: Table) -> list[str]:
    return [table.title, *_table([table.head, *table.rows]), *_wrapped(table.note)]


def _funnel(report: Report) -> list[str]:
    if not report.funnel:
        return []
    rows = [("step", *report.units)]
    for event, counts in report.funnel.items():
        cells = (_step(counts.get(v, 0), report.units[v]) for v in report.units)
        rows.append((step(event), *cells))
    note = [f"  {TOLD_BY_PAGES}"] if told_by_pages(report.funnel) else []
    return ["Funnel (units, share of exposed)", *_table(rows), *note]


def _step(reached: int, exposed: int) -> str:
    share = percent(reached / exposed) if exposed else "n/a"
    return f"{count(reached)} {share:>7}"


def _left_out(report: Report) -> list[str]:
    lines = [f"  {_exclusion(exclusion)}" for exclusion in report.exclusions]
    return ["Left out", *lines] if lines else []


def _exclusion(left_out: Exclusion) -> str:
    touched = f"{plural(left_out.rows, 'row')} of {plural(left_out.affected, 'unit')}"
    return f"{touched}, {plural(left_out.units, 'unit')} lost altogether: {left_out.reason}"


def _labels(report: Report) -> list[str]:
    lines = [_wrapped(f"{label}: {label.meaning}") for label in report.labels]
    return ["Labels", *(line for wrapped in lines for line in wrapped)] if lines else []
