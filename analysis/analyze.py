"""Plan and observations in, report out: pure, so the same numbers always give the same report."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from analysis.apart import read_days, read_segments
from analysis.decision import Evidence, decide
from analysis.errors import InvalidObservations
from analysis.judging import Look, by_role, judge, watched
from analysis.observations import Observations
from analysis.outcome_loss import ALERT, Arrived, loss_p_value
from analysis.plan import MetricPlan, Plan
from analysis.report import Absent, Check, Checks, Label, MetricResult, PlanLock, Progress, Report
from analysis.srm import check_parts, check_sample_ratio, gaps

_NO_PLAN = "no number of units was planned"
_NOT_LOCKED = PlanLock.absent("no plan was locked")
_NO_LOSS_CHECK = Absent("outcomes were not compared with Stripe's")
_NO_OUTCOME = Absent("no payment has succeeded yet")
_NOTHING_LOST = Absent("no outcome was lost")
_FEW_LOST = Absent("too few outcomes were lost to compare the variants")


def analyze(
    plan: Plan,
    observations: Observations,
    *,
    as_of: datetime,
    generated_at: datetime,
    lock: PlanLock = _NOT_LOCKED,
    definitions: str | None = None,
) -> Report:
    """Judges what was observed by what was planned.

    Args:
        plan: Metrics, level and size, agreed before the data came.
        observations: Units and aggregates of every variant in the plan.
        as_of: Time up to which the observations reach, in UTC.
        generated_at: Time of this call, in UTC.
        lock: How the plan compares with the one that was locked.
        definitions: Version of the definitions that the plan is from; None where it is from none.

    Raises:
        InvalidObservations: If variants or metrics differ from the plan, or a time has no zone.
    """
    _refuse_misfits(plan, observations, (as_of, generated_at))
    units = {variant: observations.units[variant] for variant in plan.variants}
    progress = _progress(plan, observations, as_of)
    checks = _checks(plan, observations)
    labels = [Label.SAMPLE_RATIO_MISMATCH] if checks.mismatch else []
    look = Look(plan, progress, labels)
    metrics = by_role([_judged(look, metric, observations) for metric in plan.metrics])
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
        segments=read_segments(look, observations),
        days=read_days(look, observations),
        journeys=observations.journeys,
        definitions=definitions,
    )


def _judged(look: Look, metric: MetricPlan, observations: Observations) -> MetricResult:
    arms = observations.metrics[metric.key]
    currencies = observations.currencies.get(metric.key, ())
    result = judge(look, metric, arms, currencies=currencies, looks=observations.looks)
    return watched(look.plan, metric, arms, result)


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
    return Checks(
        sample_ratio=check_sample_ratio(observations.units, plan.shares),
        contradictory_units=observations.contradictory_units,
        duplicate_rows=observations.duplicate_rows,
        outcome_loss=_outcome_loss(observations.arrived),
        segment_ratio=check_parts(
            {
                f"{attribute} {value}": group.units
                for attribute, values in observations.apart.items()
                for value, group in values.items()
            },
            plan.shares,
        ),
        day_ratio=check_parts(
            {f"{day:%Y-%m-%d}": group.units for day, group in observations.days.items()}
            if len(observations.days) > 1
            else {},
            plan.shares,
        ),
        gaps=gaps({day: sum(group.units.values()) for day, group in observations.days.items()}),
    )


def _outcome_loss(arrived: Mapping[str, Arrived] | None) -> Check:
    if arrived is None:
        return Check(ok=_NO_LOSS_CHECK, p_value=_NO_LOSS_CHECK)
    if not any(arm.outcomes for arm in arrived.values()):
        return Check(ok=_NO_OUTCOME, p_value=_NO_OUTCOME)
    if not any(arm.lost for arm in arrived.values()):
        return Check(ok=True, p_value=_NOTHING_LOST)
    p_value = loss_p_value(arrived)
    if p_value is None:
        return Check(ok=_FEW_LOST, p_value=_FEW_LOST)
    return Check(ok=p_value >= ALERT, p_value=p_value)
