"""One metric of some units judged by the plan: its values, its comparisons, their p-values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from analysis.aggregates import Aggregates
from analysis.inference import BELIEFS, HARM_WATCHES, INFERENCES
from analysis.inference.sequential import always_valid
from analysis.looks import read_looks
from analysis.multiplicity import adjusted, benjamini_hochberg, dunnett, holm
from analysis.observations import InterimLook
from analysis.plan import MetricPlan, Plan
from analysis.report import (
    Absent,
    Comparison,
    Contrast,
    Estimate,
    Harm,
    Label,
    MetricResult,
    Number,
    PlannedLooks,
    Progress,
    Role,
    Sequential,
    Tolerance,
    VariantResult,
)
from analysis.tolerance import Running, tolerance
from experiments.metrics import Kind
from experiments.plan import Method

_UNTUNED = "no number of units was planned to tune it at"


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the numbers: by which plan, how far along, and what warns of them all."""

    plan: Plan
    progress: Progress
    labels: Sequence[Label]


def judge(
    look: Look,
    metric: MetricPlan,
    arms: Mapping[str, Aggregates],
    *,
    currencies: Sequence[str] = (),
    looks: Sequence[InterimLook] = (),
) -> MetricResult:
    """What the plan's test says of one metric, each comparison by itself.

    Args:
        look: By which plan, and how far along.
        metric: Of the plan.
        arms: Sums by variant key.
        currencies: Of its values, where they are money.
        looks: Planned ones that were due.
    """
    plan = look.plan
    treatments = [variant for variant in plan.variants if variant != plan.control]
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
                planned=_planned(plan, metric, looks, key),
            )
            for key in treatments
        ),
        margin=metric.margin,
    )
    return result if metric.kind is Kind.PROPORTION else _in_money(result, currencies)


def watched(
    plan: Plan, metric: MetricPlan, arms: Mapping[str, Aggregates], result: MetricResult
) -> MetricResult:
    """The same with what is asked of all units alone, and of no part of them.

    Evidence of harm, and the Bayesian reading.

    Args:
        plan: Where the sums come from.
        metric: Of the plan.
        arms: Sums by variant key.
        result: What was judged of them.
    """
    comparisons = (
        _watched(plan, metric, (arms[plan.control], arms[c.variant]), c) for c in result.comparisons
    )
    return replace(result, comparisons=tuple(comparisons))


def _watched(
    plan: Plan, metric: MetricPlan, arms: tuple[Aggregates, Aggregates], comparison: Comparison
) -> Comparison:
    belief = BELIEFS.get(metric.kind)
    return replace(
        comparison,
        harm=_harm(plan, metric, arms, comparison.variant),
        posterior=None if belief is None else belief(*arms, direction=metric.direction),
    )


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
                log_ratio=gap,
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
    look: Look, metric: MetricPlan, arms: Mapping[str, Aggregates], variant: str
) -> Comparison:
    plan, control, treatment = look.plan, arms[look.plan.control], arms[variant]
    contrast = metric.compare(control, treatment, alpha=plan.alpha)
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
        log_ratio=contrast.log_ratio,
    )


def _has_looks(plan: Plan, metric: MetricPlan) -> bool:
    """Harm is watched at every look, not at planned ones alone."""
    return plan.method is Method.GROUP_SEQUENTIAL and metric.role is not Role.GUARDRAIL


def _when(look: Look, metric: MetricPlan) -> tuple[Label, ...]:
    if _has_looks(look.plan, metric):
        return (Label.PLANNED_LOOKS,)
    return (Label.TOO_EARLY,) if look.progress.early else ()


def _planned(
    plan: Plan, metric: MetricPlan, looks: Sequence[InterimLook], variant: str
) -> PlannedLooks | None:
    return read_looks(plan, metric, looks, variant) if _has_looks(plan, metric) else None


def _tolerance(
    look: Look, metric: MetricPlan, arms: tuple[Aggregates, Aggregates], variant: str
) -> Tolerance | None:
    """A guardrail keeps alpha, for all must pass; a primary metric's variants share it.

    All guardrails must pass together, which no single level makes easier (Berger 1982); but any
    variant may ship, so each is held to its part of alpha (Bonferroni).
    """
    if metric.margin is None:
        return None
    alpha = _alpha_of_each(look.plan, metric)
    contrast = metric.compare(*arms, alpha=alpha)
    tuned_at = _tuned_at(look.plan, variant) if look.progress.early else None
    running = None if tuned_at is None else Running(sum(arm.units for arm in arms), tuned_at)
    return tolerance(contrast, metric.margin, alpha=alpha, running=running)


def _alpha_of_each(plan: Plan, metric: MetricPlan) -> float:
    return plan.alpha / (len(plan.variants) - 1 if metric.role is Role.PRIMARY else 1)


def _harm(
    plan: Plan, metric: MetricPlan, arms: tuple[Aggregates, Aggregates], variant: str
) -> Harm | None:
    """Watched in what can roll an experiment back; the variants of a primary metric share alpha."""
    watch, planned = HARM_WATCHES.get(metric.kind), _tuned_at(plan, variant)
    if watch is None or planned is None or metric.role is Role.SECONDARY:
        return None
    share = plan.shares[variant] / (plan.shares[plan.control] + plan.shares[variant])
    alpha = _alpha_of_each(plan, metric)
    return watch(*arms, direction=metric.direction, share=share, planned=planned, alpha=alpha)


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
_Adjustment = Callable[[Sequence[float]], list[float]]
# Of these the p-value is exact or not to be read: no normal law tells how it goes with others.
_NOT_NORMAL = {Label.TOO_FEW_CONVERSIONS, Label.TOO_FEW_UNITS}


def by_role(metrics: Sequence[MetricResult]) -> tuple[MetricResult, ...]:
    """The primary metric's variants are one family, all secondary comparisons another.

    Holm, and Benjamini-Hochberg. A single reading of the primary metric takes Dunnett's step-down
    instead of Holm's where it can, for the variants share their control.
    """
    found = {metric.key: metric for metric in metrics}
    for role, adjustment in _FAMILIES.items():
        family = [metric for metric in metrics if metric.role is role]
        found |= {metric.key: metric for metric in as_family(family, adjustment)}
    return tuple(map(_sharing_control, found.values()))


def _sharing_control(metric: MetricResult) -> MetricResult:
    comparisons = metric.comparisons
    if metric.role is not Role.PRIMARY or any(_NOT_NORMAL & {*c.labels} for c in comparisons):
        return metric
    units = {key: variant.units for key, variant in metric.variants.items()}
    sizes = [units[c.variant] / units[c.control] for c in comparisons if _has_p(c)]
    found = adjusted(lambda values: dunnett(values, sizes), [c.p_value for c in comparisons])
    done = (
        replace(c, adjusted_p_value=p_value) for c, p_value in zip(comparisons, found, strict=True)
    )
    return replace(metric, comparisons=tuple(done))


def _has_p(comparison: Comparison) -> bool:
    return not isinstance(comparison.p_value, Absent)


def as_family(metrics: Sequence[MetricResult], adjustment: _Adjustment) -> tuple[MetricResult, ...]:
    """The same with the p-values of all their comparisons adjusted together."""
    family = [comparison for metric in metrics for comparison in metric.comparisons]
    fixed = adjusted(adjustment, [c.p_value for c in family])
    running = adjusted(adjustment, [c.sequential.p_value for c in family])
    looked = adjusted(adjustment, [_looked_p(c) for c in family])
    done = map(_with_adjusted, family, fixed, running, looked)
    return tuple(
        replace(metric, comparisons=tuple(islice(done, len(metric.comparisons))))
        for metric in metrics
    )


def _with_adjusted(
    comparison: Comparison, fixed: Number, running: Number, looked: Number
) -> Comparison:
    return replace(
        comparison,
        adjusted_p_value=fixed,
        sequential=replace(comparison.sequential, adjusted_p_value=running),
        planned=comparison.planned and replace(comparison.planned, adjusted_p_value=looked),
    )


def _looked_p(comparison: Comparison) -> Number:
    return (
        Absent("no looks are planned") if comparison.planned is None else comparison.planned.p_value
    )
