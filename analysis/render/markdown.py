"""The report for a pull request, an issue or a wiki."""

from collections.abc import Iterator, Sequence

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
    posterior,
    segment_rows,
    signed_percent,
    step,
    told_by_pages,
    value_text,
    where_ended,
)

_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\`*_{}[]<>()#+!|~"} | {"\n": " ", "\r": " "})


def to_markdown(report: Report) -> str:
    """The report as GitHub-flavoured Markdown; names are escaped, so they stay text."""
    action = report.decision.action.value.replace("_", " ")
    parts = [
        f"# {_escape(report.experiment)}",
        f"**Decision: {action}**, as of {report.as_of.strftime('%Y-%m-%d %H:%M UTC')}",
        f"**Plan:** {_escape(plan_status(report.plan))}",
        "\n".join(f"- {_escape(reason)}" for reason in report.decision.reasons),
        "## Trust",
        _trust(report),
        *(part for metric in report.metrics for part in _metric(report, metric)),
        *_segments(report),
        *_funnel(report),
        *(part for table in journey_tables(report) for part in _journey(table)),
        *_left_out(report),
    ]
    return "\n\n".join(parts) + "\n"


def _escape(text: str) -> str:
    return text.translate(_SPECIAL)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _trust(report: Report) -> str:
    ratio = report.checks.sample_ratio
    state = ratio.ok.reason if isinstance(ratio.ok, Absent) else "ok" if ratio.ok else "MISMATCH"
    rows = [
        ("Sample ratio", f"{state}, p {p_value(ratio.p_value)}"),
        ("Units in several variants, left out", count(report.checks.contradictory_units)),
        ("Duplicate rows, merged or left out", count(report.checks.duplicate_rows)),
        *(("Parts", _escape(line)) for line in part_checks(report.checks)),
    ]
    if report.progress.open_windows:
        rows.append(("Conversion windows", open_windows(report.progress.open_windows)))
    return _table(("Check", "Result"), rows)


def _metric(report: Report, metric: MetricResult) -> tuple[str, ...]:
    values = [
        (
            _escape(key),
            count(result.units),
            count(result.sum),
            value_text(metric.kind, result.value),
        )
        for key, result in metric.variants.items()
    ]
    name = level(report.progress.alpha)
    head = ("Variant", "Lift", f"{name} interval", "Difference", "p", "Always-valid", "Labels")
    return (
        f"## {_escape(metric.name)}",
        f"{metric.role}, {metric.direction} is better",
        _table(("Variant", "Units", "Sum", "Value"), values),
        _table(head, [_comparison(metric, comparison) for comparison in metric.comparisons]),
        *(_escape(f"{c.variant}, {gap}") for c in metric.comparisons for gap in c.gaps),
        *(line for c in metric.comparisons for line in _verdict(report, metric, c)),
        *(_escape(line) for c in metric.comparisons for line in _also(metric, c)),
        *(line for c in metric.comparisons for line in _looks(c)),
    )


def _also(metric: MetricResult, comparison: Comparison) -> Iterator[str]:
    if comparison.harm is not None:
        yield f"{comparison.variant}: {harm(comparison.harm)}"
    if comparison.posterior is not None:
        yield f"{comparison.variant}: {posterior(metric.kind, comparison.posterior)}"


def _looks(comparison: Comparison) -> tuple[str, ...]:
    looks = comparison.planned
    if looks is None:
        return ()
    said = "; ".join(filter(None, [next_look(looks), where_ended(looks)]))
    rows = (_table(tuple(map(str.capitalize, LOOKS_HEAD)), look_rows(looks)),)
    return (_escape(f"{comparison.variant}: {said}"), *(rows if looks.looks else ()))


def _verdict(report: Report, metric: MetricResult, comparison: Comparison) -> tuple[str, ...]:
    verdict = comparison.verdict(metric.direction, report.progress)
    if comparison.tolerance is None or verdict is None:
        return ()
    found = held(metric.kind, comparison.tolerance)
    return (f"{_escape(comparison.variant)} **{verdict}**: {_escape(found)}",)


def _comparison(metric: MetricResult, comparison: Comparison) -> tuple[str, ...]:
    lift, running = comparison.relative, comparison.sequential
    return (
        _escape(comparison.variant),
        signed_percent(lift.estimate),
        interval(lift.ci_low, lift.ci_high),
        difference_text(metric.kind, comparison.absolute.estimate),
        f"{p_values(comparison.p_value, comparison.adjusted_p_value)} ({comparison.test})",
        interval(running.ci_low, running.ci_high),
        ", ".join(f"**{label}**" for label in comparison.labels),
    )


def _segments(report: Report) -> tuple[str, ...]:
    rows = [row for by in report.segments for row in segment_rows(report, by)]
    if not rows:
        return ()
    escaped = [tuple(map(_escape, row)) for row in rows]
    tests = "\n".join(f"- {_escape(one_lift(by))}" for by in report.segments)
    table = _table(tuple(map(str.capitalize, SEGMENTS_HEAD)), escaped)
    title = f"## Segments: {_escape(report.primary.name)} (exploratory)"
    return (title, table, tests, _escape(EXPLORATORY))


def _journey(table: Table) -> tuple[str, ...]:
    head, *rows = (tuple(map(_escape, row)) for row in (table.head, *table.rows))
    return (f"## {table.title}", _table(head, rows), _escape(table.note))


def _funnel(report: Report) -> tuple[str, ...]:
    if not report.funnel:
        return ()
    rows = [
        (_escape(step(event)), *(_step(counts.get(v, 0), report.units[v]) for v in report.units))
        for event, counts in report.funnel.items()
    ]
    note = (_escape(TOLD_BY_PAGES),) if told_by_pages(report.funnel) else ()
    return ("## Funnel", _table(("Step", *map(_escape, report.units)), rows), *note)


def _step(reached: int, exposed: int) -> str:
    share: Number = reached / exposed if exposed else Absent("no unit was exposed yet")
    return f"{count(reached)} ({percent(share)})"


def _left_out(report: Report) -> tuple[str, ...]:
    if not report.exclusions:
        return ()
    rows = [(_escape(e.reason), count(e.rows), count(e.units)) for e in report.exclusions]
    return ("## Left out", _table(("Reason", "Rows", "Units lost"), rows))
