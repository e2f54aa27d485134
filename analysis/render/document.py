"""The report as JSON, in the published shape `kassa.report/1`.

One convention for gaps: an absent number is null, and beside it stands `<field>_reason`. JSON has
no infinity, so an interval without an upper limit is such a gap too.
"""

import math
from collections.abc import Mapping
from datetime import timedelta

from analysis.journey import Journeys, mix_and_rate, steps
from analysis.report import (
    Absent,
    Change,
    Check,
    Comparison,
    Estimate,
    Harm,
    Json,
    MetricResult,
    Number,
    PlanLock,
    PlannedLook,
    PlannedLooks,
    Posterior,
    Progress,
    Report,
    Role,
    Segment,
    Segmentation,
    Sequential,
    Until,
    VariantResult,
)
from analysis.wording import instant
from experiments.events import BROWSER_EVENTS

SCHEMA = "kassa.report/1"
_UNBOUNDED = "the numbers set no upper limit"
_UNSET = "not set"
_OVER = "every planned look is over"
_NO_EXPOSURE = "no first exposure is known"
_UNDEFINED = "it was not made from a store, whose definitions are known"


def to_json(report: Report) -> dict[str, Json]:
    """The whole report at full precision, ready for `json.dumps`."""
    return {
        "schema": SCHEMA,
        "experiment": report.experiment,
        "generated_at": instant(report.generated_at),
        "as_of": instant(report.as_of),
        **_field(
            "definitions", Absent(_UNDEFINED) if report.definitions is None else report.definitions
        ),
        "plan": _plan(report.plan),
        "analysis": _analysis(report.progress),
        "control": report.control,
        "shares": dict(report.shares),
        "units": dict(report.units),
        "checks": _checks(report),
        "metrics": [_metric(metric, report.progress) for metric in report.metrics],
        "funnel": _funnel(report.funnel),
        **({} if report.journeys is None else {"journeys": _journeys(report, report.journeys)}),
        "exclusions": _exclusions(report),
        "segments": [_segment(each, part) for each in report.segments for part in each.segments],
        "segment_tests": [
            {"attribute": each.attribute, "variant": variant, **_field("one_lift_p_value", p_value)}
            for each in report.segments
            for variant, p_value in each.one_lift.items()
        ],
        "time_series": [_until(point) for point in report.days],
        "decision": {
            "action": report.decision.action.value,
            "reasons": list(report.decision.reasons),
        },
    }


def _plan(plan: PlanLock) -> Json:
    locked_at = plan.locked_at
    return {
        "status": plan.status.value,
        **_field("locked_at", locked_at if isinstance(locked_at, Absent) else instant(locked_at)),
        **_field("digest", plan.digest),
        "changes": [_change(change) for change in plan.changes],
    }


def _change(change: Change) -> Json:
    return {
        "path": change.path,
        **_field("planned", Absent(_UNSET) if change.planned is None else change.planned),
        **_field("now", Absent(_UNSET) if change.now is None else change.now),
    }


def _analysis(progress: Progress) -> Json:
    started_at = progress.started_at
    least = progress.minimum_runtime
    return {
        "method": progress.method.value,
        **({} if progress.spending is None else {"spending": progress.spending.value}),
        "alpha": progress.alpha,
        **_field("information_fraction", progress.information_fraction),
        **_field("planned_units", progress.planned_units),
        **_field("started_at", Absent(_NO_EXPOSURE) if started_at is None else instant(started_at)),
        "runtime_days": _days(progress.runtime),
        **({} if least is None else {"minimum_runtime_days": _days(least)}),
    }


def _days(time: timedelta) -> float:
    return time / timedelta(days=1)


def _checks(report: Report) -> Json:
    checks = report.checks
    ratio, loss = checks.sample_ratio, checks.outcome_loss
    return {
        "sample_ratio": {
            **_field("ok", ratio.ok),
            **_field("p_value", ratio.p_value),
            **_field("sequential_p_value", ratio.sequential_p_value),
        },
        "contradictory_units": checks.contradictory_units,
        "duplicate_rows": checks.duplicate_rows,
        "open_windows": report.progress.open_windows,
        "outcome_loss": _check(loss),
        "segment_ratio": _check(checks.segment_ratio),
        "day_ratio": _check(checks.day_ratio),
        "gaps": [day.isoformat() for day in checks.gaps],
    }


def _check(check: Check) -> Json:
    found = {**_field("ok", check.ok), **_field("p_value", check.p_value)}
    return {**found, "where": check.where} if check.where else found


def _field(name: str, value: Json | Absent) -> dict[str, Json]:
    if isinstance(value, Absent):
        return {name: None, f"{name}_reason": value.reason}
    if isinstance(value, float) and math.isinf(value):
        return {name: None, f"{name}_reason": _UNBOUNDED}
    return {name: value}


def _metric(metric: MetricResult, progress: Progress) -> Json:
    margin, verdict = metric.margin, metric.verdict(progress)
    held: dict[str, Json] = {}
    if margin is not None and verdict is not None:
        held = {"margin": margin.size, "scale": margin.scale.value, "verdict": verdict.value}
    return {
        "metric": metric.key,
        "name": metric.name,
        "role": metric.role.value,
        "kind": metric.kind.value,
        "direction": metric.direction.value,
        **({} if metric.currency is None else {"currency": metric.currency}),
        "variants": {key: _variant(result) for key, result in metric.variants.items()},
        **({_MARGIN_OF[metric.role]: held} if held else {}),
        "comparisons": [_comparison(metric, c, progress) for c in metric.comparisons],
    }


# A guardrail's margin is a veto, a primary metric's a way to ship.
_MARGIN_OF = {Role.GUARDRAIL: "guardrail", Role.PRIMARY: "not_worse"}


def _variant(result: VariantResult) -> Json:
    base: dict[str, Json] = {}
    if not isinstance(result.base_sum, Absent):
        base = {"base_sum": result.base_sum}
    return {
        "units": result.units,
        **_field("value", result.value),
        **_field("sum", _whole(result.sum)),
        **base,
    }


def _segment(by: Segmentation, segment: Segment) -> Json:
    return {
        "attribute": by.attribute,
        "value": segment.value,
        "units": dict(segment.units),
        "metrics": [_part(metric) for metric in segment.metrics],
    }


def _until(point: Until) -> Json:
    return {
        "day": point.day.isoformat(),
        "new_units": dict(point.units),
        "metrics": [_part(metric) for metric in point.metrics],
    }


def _part(metric: MetricResult) -> Json:
    """A metric of some of the units; its kind and role are those of the whole."""
    return {
        "metric": metric.key,
        "variants": {key: _variant(result) for key, result in metric.variants.items()},
        "comparisons": [
            {
                "variant": comparison.variant,
                "control": comparison.control,
                "relative": _estimate(comparison.relative),
                **_field("p_value", comparison.p_value),
                **_field("adjusted_p_value", comparison.adjusted_p_value),
                "sequential": _sequential(comparison.sequential),
                "labels": [label.value for label in comparison.labels],
            }
            for comparison in metric.comparisons
        ],
    }


def _whole(value: Number) -> Number:
    """A sum of whole numbers as a JSON integer: 615, not 615.0."""
    return value if isinstance(value, Absent) or value != int(value) else int(value)


def _comparison(metric: MetricResult, comparison: Comparison, progress: Progress) -> Json:
    return {
        "variant": comparison.variant,
        "control": comparison.control,
        "test": comparison.test,
        "absolute": _estimate(comparison.absolute),
        "relative": _estimate(comparison.relative),
        **_field("p_value", comparison.p_value),
        **_field("adjusted_p_value", comparison.adjusted_p_value),
        "sequential": _sequential(comparison.sequential),
        "labels": [
            {
                "label": label.value,
                "applies_to": list(label.applies_to),
                "meaning": label.meaning,
            }
            for label in comparison.labels
        ],
        **_non_inferiority(metric, comparison, progress),
        **({} if comparison.planned is None else {"planned_looks": _looks(comparison.planned)}),
        **({} if comparison.harm is None else {"harm": _harm(comparison.harm)}),
        **({} if comparison.posterior is None else {"bayesian": _posterior(comparison.posterior)}),
    }


def _sequential(found: Sequential) -> Json:
    return {
        **_field("ci_low", found.ci_low),
        **_field("ci_high", found.ci_high),
        **_field("p_value", found.p_value),
        **_field("adjusted_p_value", found.adjusted_p_value),
    }


def _harm(harm: Harm) -> Json:
    return {"e_value": harm.e_value, "alarm_at": harm.alarm_at, "shown": harm.shown}


def _posterior(found: Posterior) -> Json:
    return {
        "prior": {"distribution": "beta", "parameters": list(found.prior)},
        "probability_to_beat_control": found.better,
        "expected_loss": found.expected_loss,
    }


def _looks(looks: PlannedLooks) -> Json:
    return {
        "planned": looks.planned,
        "due": looks.due,
        **_field("next_units", Absent(_OVER) if looks.next_units is None else looks.next_units),
        **_field("estimate", looks.estimate),
        **_field("ci_low", looks.ci_low),
        **_field("ci_high", looks.ci_high),
        **_field("p_value", looks.p_value),
        **_field("adjusted_p_value", looks.adjusted_p_value),
        "looks": [_look(look) for look in looks.looks],
    }


def _look(look: PlannedLook) -> Json:
    return {
        "number": look.number,
        "at": instant(look.at),
        "units": look.units,
        "information_fraction": look.fraction,
        "z": look.z,
        "bound": look.bound,
        **_field("lift", look.lift),
        **_field("ci_low", look.ci_low),
        **_field("ci_high", look.ci_high),
        "reached": look.reached,
    }


def _non_inferiority(
    metric: MetricResult, comparison: Comparison, progress: Progress
) -> dict[str, Json]:
    found, verdict = comparison.tolerance, comparison.verdict(metric.direction, progress)
    if found is None or verdict is None:
        return {}
    return {
        "non_inferiority": {
            "margin": found.margin.size,
            "scale": found.margin.scale.value,
            "alpha": found.alpha,
            "always_valid": found.always_valid,
            **_field("ci_low", found.ci_low),
            **_field("ci_high", found.ci_high),
            "verdict": verdict.value,
        }
    }


def _estimate(estimate: Estimate) -> Json:
    return {
        **_field("estimate", estimate.estimate),
        **_field("ci_low", estimate.ci_low),
        **_field("ci_high", estimate.ci_high),
    }


def _funnel(funnel: Mapping[str, Mapping[str, int]]) -> Json:
    return [
        {
            "event": event,
            "told_by": "page" if event in BROWSER_EVENTS else "ledger",
            "variants": dict(counts),
        }
        for event, counts in funnel.items()
    ]


def _journeys(report: Report, found: Journeys) -> Json:
    others = [variant for variant in report.units if variant != report.control]
    mixes = {
        variant: mix_and_rate(found.attempts, control=report.control, variant=variant)
        for variant in others
    }
    return {
        "milestones": [
            {"milestone": milestone.value, "variants": dict(counts)}
            for milestone, counts in found.milestones.items()
        ],
        "steps": [
            {
                "milestone": step.milestone.value,
                "variant": variant,
                "control": report.control,
                "control_share": step.control,
                "share": step.treatment,
                "factor": step.factor,
            }
            for variant in others
            for step in steps(found.milestones, control=report.control, variant=variant)
        ],
        "leavings": [
            {
                "milestone": each.milestone.value,
                "section": each.section,
                "last": each.last,
                "device": each.device,
                "variants": dict(each.units),
            }
            for each in found.leavings
        ],
        "attempts": [
            {
                "method": each.method,
                "counted": dict(each.counted),
                "authorized": dict(each.authorized),
            }
            for each in found.attempts
        ],
        "declines": [
            {"reason": reason, "variants": dict(by)} for reason, by in found.declines.items()
        ],
        "authorization": [
            {
                "variant": variant,
                "control": report.control,
                "control_rate": mix.control,
                "rate": mix.treatment,
                "by_mix": mix.mix,
                "by_rate": mix.rate,
                "methods": [
                    {"method": part.method, "by_mix": part.mix, "by_rate": part.rate}
                    for part in mix.parts
                ],
            }
            for variant, mix in mixes.items()
            if mix is not None
        ],
    }


def _exclusions(report: Report) -> Json:
    return [
        {
            "reason": exclusion.reason,
            "rows": exclusion.rows,
            "units": exclusion.units,
            "affected_units": exclusion.affected,
            **({} if exclusion.metric is None else {"metric": exclusion.metric}),
        }
        for exclusion in report.exclusions
    ]
