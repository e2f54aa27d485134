"""Plan and observations in, report out: pure, so the same numbers always give the same report."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from analysis.aggregates import Aggregates
from analysis.decision import Evidence, decide
from analysis.errors import InvalidObservations
from analysis.inference import INFERENCES
from analysis.inference.sequential import always_valid
from analysis.looks import read_looks
from analysis.multiplicity import adjusted, benjamini_hochberg, holm
from analysis.observations import InterimLook, Observations
from analysis.plan import MetricPlan, Plan
from analysis.report import (
    Absent,
    Check,
    Checks,
    Comparison,
    Contrast,
    Estimate,
    Label,
    MetricResult,
    Number,
    PlanLock,
    PlannedLooks,
    Progress,
    Report,
    Role,
    Sequential,
    Tolerance,
    VariantResult,
)
from analysis.srm import check_sample_ratio
from analysis.tolerance import Running, tolerance
from experiments.metrics import Kind
from experiments.plan import Method

_NO_PLAN = "no number of units was planned"
_UNTUNED = "no number of units was planned to tune it at"
_NOT_LOCKED = PlanLock.absent("no plan was locked")
_NO_LOSS_CHECK = "lost outcomes are not measured by this source"


def analyze(
    plan: Plan,
    observations: Observations,
    *,
    as_of: datetime,
    generated_at: datetime,
    lock: PlanLock = _NOT_LOCKED,
) -> Report:
    """Judges what was observed by what was planned.

    Args:
        plan: Metrics, level and size, agreed before the data came.
        observations: Units and aggregates of every variant in the plan.
        as_of: Time up to which the observations reach, in UTC.
        generated_at: Time of this call, in UTC.
        lock: How the plan compares with the one that was locked.

    Raises:
        InvalidObservations: If variants or metrics differ from the plan, or a time has no zone.
    """
    _refuse_misfits(plan, observations, (as_of, generated_at))
    units = {variant: observations.units[variant] for variant in plan.variants}
    progress = _progress(plan, observations, as_of)
    checks = _checks(plan, observations)
    labels = [Label.SAMPLE_RATIO_MISMATCH] if checks.sample_ratio.ok is False else []
    look = _Look(plan, progress, labels)
    metrics = _adjust([_judge(look, metric, observations) for metric in plan.metrics])
    shares = dict(plan.shares)
    return Report(
        experiment=plan.experiment,
        generated_at=generated_at,
        as_of=as_of,
        control=plan.control,
        plan=lock,
        progress=progress,
        units=units,
        shares=shares,
        checks=checks,
        metrics=metrics,
        funnel=observations.funnel,
        exclusions=observations.exclusions,
        decision=decide(Evidence(lock, progress, units, shares, checks, metrics)),
    )


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at the numbers: by which plan, how far along, and what warns of them all."""

    plan: Plan
    progress: Progress
    labels: Sequence[Label]


def _refuse_misfits(plan: Plan, observations: Observations, times: Sequence[datetime]) -> None:
    if set(observations.units) != set(plan.variants):
        raise InvalidObservations(
            f"units: variants {sorted(observations.units)}, the plan has {sorted(plan.variants)}"
        )
    for metric in plan.metrics:
        if set(observations.metrics.get(metric.key, ())) != set(plan.variants):
            raise InvalidObservations(f"metric {metric.key!r}: needs aggregates for each variant")
    if any(time.utcoffset() is None for time in times):
        raise InvalidObservations("as_of, generated_at: need a time zone")
    undated = observations.first_exposure is None and any(observations.units.values())
    if plan.minimum_runtime is not None and undated:
        raise InvalidObservations("first_exposure: needed, for the plan has a minimum runtime")


def _progress(plan: Plan, observations: Observations, as_of: datetime) -> Progress:
    units, planned = sum(observations.units.values()), plan.planned_units
    started_at = max(filter(None, (plan.start, observations.first_exposure)), default=None)
    return Progress(
        method=plan.method,
        alpha=plan.alpha,
        information_fraction=Absent(_NO_PLAN) if planned is None else units / planned,
        planned_units=Absent(_NO_PLAN) if planned is None else planned,
        units=units,
        open_windows=observations.open_windows,
        started_at=started_at,
        runtime=timedelta(0) if started_at is None else max(as_of - started_at, timedelta(0)),
        minimum_runtime=plan.minimum_runtime,
        spending=plan.spending if plan.units_at_looks else None,
    )


def _checks(plan: Plan, observations: Observations) -> Checks:
    gap = Absent(_NO_LOSS_CHECK)
    return Checks(
        sample_ratio=check_sample_ratio(observations.units, plan.shares),
        contradictory_units=observations.contradictory_units,
        duplicate_rows=observations.duplicate_rows,
        outcome_loss=Check(ok=gap, p_value=gap),
    )


def _judge(look: _Look, metric: MetricPlan, observations: Observations) -> MetricResult:
    plan, arms = look.plan, observations.metrics[metric.key]
    treatments = [variant for variant in plan.variants if variant != plan.control]
    currencies = observations.currencies.get(metric.key, ())
    result = MetricResult(
        key=metric.key,
        name=metric.name,
        role=metric.role,
        kind=metric.kind,
        direction=metric.direction,
        variants={variant: _variant(metric, arms[variant]) for variant in plan.variants},
        comparisons=tuple(
            replace(
                _compare(look, metric, arms, key),
                planned=_planned(plan, metric, observations.looks, key),
            )
            for key in treatments
        ),
        margin=metric.margin,
    )
    return result if metric.kind is Kind.PROPORTION else _in_money(result, currencies)


def _in_money(result: MetricResult, currencies: Sequence[str]) -> MetricResult:
    """The same with its currency; with several, every number that would add them is absent."""
    if len(currencies) < 2:
        currency = next(iter(currencies), None)
        name = f"{result.name} (minor units of {currency.upper()})" if currency else result.name
        return replace(result, name=name, currency=currency)
    gap = Absent(f"amounts in {', '.join(currencies)} can't be added up")
    return replace(
        result,
        variants={k: replace(v, value=gap, sum=gap) for k, v in result.variants.items()},
        comparisons=tuple(
            replace(
                comparison,
                absolute=Estimate.absent(gap.reason),
                relative=Estimate.absent(gap.reason),
                p_value=gap,
                adjusted_p_value=gap,
                sequential=Sequential.absent(gap.reason),
                planned=comparison.planned
                and PlannedLooks.none(
                    comparison.planned.planned,
                    comparison.planned.due,
                    comparison.planned.next_units,
                    gap.reason,
                ),
                tolerance=comparison.tolerance
                and replace(comparison.tolerance, ci_low=gap, ci_high=gap),
            )
            for comparison in result.comparisons
        ),
    )


def _variant(metric: MetricPlan, arm: Aggregates) -> VariantResult:
    base = arm.base_total if metric.kind is Kind.RATIO else Absent("only a ratio has a base")
    return VariantResult(arm.units, INFERENCES[metric.kind].value(arm), arm.total, base)


def _compare(
    look: _Look, metric: MetricPlan, arms: Mapping[str, Aggregates], variant: str
) -> Comparison:
    plan, control, treatment = look.plan, arms[look.plan.control], arms[variant]
    contrast = INFERENCES[metric.kind].compare(control, treatment, alpha=plan.alpha)
    return Comparison(
        variant=variant,
        control=plan.control,
        test=contrast.test,
        absolute=contrast.absolute,
        relative=contrast.relative,
        p_value=contrast.p_value,
        adjusted_p_value=contrast.p_value,
        sequential=_sequential(plan, variant, contrast, control.units + treatment.units),
        labels=(*look.labels, *_when(look, metric), *contrast.labels),
        tolerance=_tolerance(look, metric, (control, treatment), variant),
    )


def _has_looks(plan: Plan, metric: MetricPlan) -> bool:
    """Harm is watched at every look, not at planned ones alone."""
    return plan.method is Method.GROUP_SEQUENTIAL and metric.role is not Role.GUARDRAIL


def _when(look: _Look, metric: MetricPlan) -> tuple[Label, ...]:
    if _has_looks(look.plan, metric):
        return (Label.PLANNED_LOOKS,)
    return (Label.TOO_EARLY,) if look.progress.early else ()


def _planned(
    plan: Plan, metric: MetricPlan, looks: Sequence[InterimLook], variant: str
) -> PlannedLooks | None:
    return read_looks(plan, metric, looks, variant) if _has_looks(plan, metric) else None


def _tolerance(
    look: _Look, metric: MetricPlan, arms: tuple[Aggregates, Aggregates], variant: str
) -> Tolerance | None:
    """A guardrail keeps alpha, for all must pass; a primary metric's variants share it.

    All guardrails must pass together, which no single level makes easier (Berger 1982); but any
    variant may ship, so each is held to its part of alpha (Bonferroni).
    """
    if metric.margin is None:
        return None
    rivals = len(look.plan.variants) - 1 if metric.role is Role.PRIMARY else 1
    alpha = look.plan.alpha / rivals
    contrast = INFERENCES[metric.kind].compare(*arms, alpha=alpha)
    tuned_at = _tuned_at(look.plan, variant) if look.progress.early else None
    running = None if tuned_at is None else Running(sum(arm.units for arm in arms), tuned_at)
    return tolerance(contrast, metric.margin, alpha=alpha, running=running)


def _sequential(plan: Plan, variant: str, contrast: Contrast, units: int) -> Sequential:
    """Tuned at the planned units of the two variants together.

    A sequence tuned at the units at hand would move with the data and hold at no look at all, so
    without a plan there is none.
    """
    tuned_at = _tuned_at(plan, variant)
    if tuned_at is None:
        return Sequential.absent(_UNTUNED)
    return always_valid(contrast.log_ratio, units, tuned_at=tuned_at, alpha=plan.alpha)


def _tuned_at(plan: Plan, variant: str) -> int | None:
    if plan.planned_units is None:
        return None
    share = plan.shares[plan.control] + plan.shares[variant]
    return max(1, round(plan.planned_units * share))


# Guardrails stay as they are: each has a veto of its own, so none shares its alpha.
_FAMILIES = {Role.PRIMARY: holm, Role.SECONDARY: benjamini_hochberg}


def _adjust(metrics: Sequence[MetricResult]) -> tuple[MetricResult, ...]:
    """Holm over the primary metric's variants, Benjamini-Hochberg over all secondary ones."""
    table: dict[tuple[str, str], tuple[Number, ...]] = {}
    for role, adjustment in _FAMILIES.items():
        family = [(m.key, c) for m in metrics if m.role is role for c in m.comparisons]
        fixed = adjusted(adjustment, [c.p_value for _, c in family])
        running = adjusted(adjustment, [c.sequential.p_value for _, c in family])
        looked = adjusted(adjustment, [_looked_p(c) for _, c in family])
        all_three = zip(fixed, running, looked, strict=True)
        for (key, comparison), found in zip(family, all_three, strict=True):
            table[key, comparison.variant] = found
    return tuple(replace(m, comparisons=tuple(_with_adjusted(m, table))) for m in metrics)


def _with_adjusted(
    metric: MetricResult, table: Mapping[tuple[str, str], tuple[Number, ...]]
) -> Iterator[Comparison]:
    for comparison in metric.comparisons:
        alone = comparison.p_value, comparison.sequential.p_value, _looked_p(comparison)
        fixed, running, looked = table.get((metric.key, comparison.variant), alone)
        yield replace(
            comparison,
            adjusted_p_value=fixed,
            sequential=replace(comparison.sequential, adjusted_p_value=running),
            planned=comparison.planned and replace(comparison.planned, adjusted_p_value=looked),
        )


def _looked_p(comparison: Comparison) -> Number:
    return (
        Absent("no looks are planned") if comparison.planned is None else comparison.planned.p_value
    )
