"""An experiment as if it had run: its definition replayed over the store's last days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, Subquery, select

from analysis.aggregates import Aggregates, added
from analysis.errors import InvalidPlan
from analysis.inference import INFERENCES
from analysis.plan import Plan, resolve
from analysis.power import Schedule, detectable_lift, detectable_lift_of_mean
from analysis.report import Absent, Number, SampleRatio
from analysis.rerandomisation import History, read_at_the_end
from analysis.srm import check_sample_ratio
from experiments import Catalog, Cause, Experiment, FunnelEvent, Kind, Metric, Status, Unit
from experiments.bulk import CAUSES, Assigned, Units, assign_many
from experiments.plan import AnalysisPlan, Spending
from service.store.observations import UnitValues, read_unit_values
from service.store.visitors import Visitor, first_sights, read_visitors


@dataclass(frozen=True)
class Past:
    """What the store knows of a period.

    Attributes:
        since: where it starts.
        until: where it ends.
        visitors: everybody who was shown a checkout, in the order they came.
        metrics: by metric, what each unit did after it was first seen.
        counted: since when each unit would count, where an event of the page decides that; None
            where being shown a checkout does.
    """

    since: datetime
    until: datetime
    visitors: tuple[Visitor, ...]
    metrics: Mapping[str, UnitValues]
    counted: Mapping[str, datetime] | None = None


@dataclass(frozen=True)
class Replay:
    """What an experiment would have been in a period.

    Attributes:
        experiment: the definition, as if it ran all the time.
        since: where the period starts.
        until: where it ends.
        visitors: everybody who was shown a checkout.
        uncounted: units of them that never told the event from which they would count.
        causes: how many of the others would have been assigned why.
        units: units in the experiment, by variant.
        days: the same for each day, in UTC.
        sample_ratio: whether the split is the designed one.
        metric: the primary metric.
        baseline: what it is for the units in the experiment, whatever they were shown.
        open_windows: units of them that may still convert.
        daily_units: units that would enter on a day.
        days_needed: days until the planned units are in.
        detectable: the smallest lift that the planned units show with the plan's power.
        history: the units that may enter, and what each did.
        plan: how it is judged, as if the history were all there is to come.
    """

    experiment: Experiment
    since: datetime
    until: datetime
    visitors: int
    uncounted: int
    causes: Mapping[Cause, int]
    units: Mapping[str, int]
    days: Mapping[date, Mapping[str, int]]
    sample_ratio: SampleRatio
    metric: Metric
    baseline: Number
    open_windows: int
    daily_units: float
    days_needed: Number
    detectable: Number
    history: History
    plan: Plan


def read_past(
    connection: Connection, catalog: Catalog, experiment: str, *, since: datetime, until: datetime
) -> Past:
    """Read what a replay of an experiment needs.

    Args:
        connection: a consistent snapshot.
        catalog: experiments and metrics.
        experiment: key of the experiment; it may be a draft.
        since: where the period starts.
        until: where it ends, included.

    Raises:
        UnknownExperiment: there is no such definition.
    """
    definition = catalog.experiment(experiment)
    customers = [key for key, each in catalog.experiments.items() if each.unit is Unit.CUSTOMER]
    seen = first_sights(definition, since=since, until=until, customer_experiments=customers)
    return Past(
        since=since,
        until=until,
        visitors=read_visitors(
            connection, since=since, until=until, customer_experiments=customers
        ),
        metrics={
            key: read_unit_values(
                connection, definition, catalog.metrics[key], seen=seen, as_of=until
            )
            for key in definition.metrics.keys
        },
        counted=_counted(connection, definition, seen),
    )


def _counted(
    connection: Connection, experiment: Experiment, seen: Subquery
) -> dict[str, datetime] | None:
    if experiment.exposure.trigger is FunnelEvent.CHECKOUT_VIEWED:
        return None
    rows = connection.execute(select(seen.c.unit_id, seen.c.exposed_at))
    return {row[0]: row[1] for row in rows}


def replay(experiment: Experiment, metrics: Mapping[str, Metric], past: Past) -> Replay:
    """Runs a definition over the past, at full traffic and as if it had run all the time.

    Args:
        experiment: the definition, whatever its status and dates.
        metrics: the declared metrics by key.
        past: what the store knows.
    """
    running = as_if_running(experiment)
    named = _people(running, past.visitors)
    people = _counting(named, past.counted)
    known = [visitor.attributes for visitor in people.values()]
    assigned = assign_many(running, Units(people), now=past.until, attributes=known)
    entered = _entered(assigned)
    units = {key: len(ids) for key, ids in entered.items()}
    total = sum(units.values())
    history = _history(assigned, past)
    arm = _arm(split_of(running), history, past.until)
    primary = metrics[running.metrics.primary]
    daily = total / _days(past)
    return Replay(
        experiment=running,
        since=past.since,
        until=past.until,
        visitors=len(past.visitors),
        uncounted=len(named) - len(people),
        causes=_causes(assigned, nameless=_nameless(running, past.visitors)),
        units=units,
        days=_by_day(entered, people),
        sample_ratio=check_sample_ratio(units, running.shares),
        metric=primary,
        baseline=_baseline(primary, arm, history.currencies[primary.key]),
        open_windows=_open_windows(running, past, entered, people),
        daily_units=daily,
        days_needed=(
            running.analysis.planned_units / daily if daily else Absent("nobody would enter")
        ),
        detectable=_detectable(running, primary, arm),
        history=history,
        plan=read_at_the_end(resolve(running, metrics), total),
    )


def as_if_running(experiment: Experiment) -> Experiment:
    """The definition at full traffic, open at any time, with nothing that waits for a date."""
    return replace(
        experiment,
        status=Status.RUNNING,
        winner=None,
        start=None,
        end=None,
        ramp=(),
        stopped=False,
        decision=replace(experiment.decision, minimum_runtime=None),
    )


def split_of(experiment: Experiment) -> Experiment:
    """The split alone, for units that may all enter."""
    return replace(experiment, targeting=None, holdouts=(), slot=None, overrides=())


def _people(experiment: Experiment, visitors: Sequence[Visitor]) -> dict[str, Visitor]:
    """Whom the experiment assigns, by the id it assigns; of a customer's visits the first."""
    found: dict[str, Visitor] = {}
    for visitor in visitors:
        if unit := visitor.id_of(experiment.unit):
            found.setdefault(unit, visitor)
    return found


def _counting(
    people: dict[str, Visitor], counted: Mapping[str, datetime] | None
) -> dict[str, Visitor]:
    """Those of them who would count, each from when it would."""
    if counted is None:
        return people
    return {
        unit: replace(visitor, seen_at=counted[unit])
        for unit, visitor in people.items()
        if unit in counted
    }


def _nameless(experiment: Experiment, visitors: Sequence[Visitor]) -> int:
    return sum(not visitor.id_of(experiment.unit) for visitor in visitors)


def _causes(assigned: Assigned, *, nameless: int) -> dict[Cause, int]:
    found = Counter(CAUSES[code] for code in assigned.cause.tolist())
    found.update({Cause.NO_UNIT: nameless} if nameless else {})
    return dict(found.most_common())


def _entered(assigned: Assigned) -> dict[str, list[str]]:
    """The units that would be in the experiment, by variant."""
    variants = [variant.key for variant in assigned.experiment.variants]
    found: dict[str, list[str]] = {key: [] for key in variants}
    for unit, variant in zip(assigned.units.ids, assigned.entered.tolist(), strict=True):
        if variant >= 0:
            found[variants[variant]].append(unit)
    return found


_MAY_ENTER = {CAUSES.index(Cause.SPLIT), CAUSES.index(Cause.OUTSIDE_TRAFFIC)}


def _history(assigned: Assigned, past: Past) -> History:
    """The units that may enter: another seed might let in those outside the traffic."""
    causes = zip(assigned.units.ids, assigned.cause.tolist(), strict=True)
    return History.of(
        Units(unit for unit, cause in causes if cause in _MAY_ENTER),
        {key: found.values for key, found in past.metrics.items()},
        {key: found.currencies for key, found in past.metrics.items()},
    )


def _arm(split: Experiment, history: History, at: datetime) -> Aggregates:
    """The primary metric of all units in the experiment together."""
    entered = assign_many(split, history.units, now=at).entered
    return added(history.observed(split, entered).metrics[split.metrics.primary].values())


def _days(past: Past) -> float:
    """How many days the store has visitors of, one at least."""
    first = min((visitor.seen_at for visitor in past.visitors), default=past.since)
    return max((past.until - first) / timedelta(days=1), 1.0)


def _by_day(
    entered: Mapping[str, Sequence[str]], people: Mapping[str, Visitor]
) -> dict[date, dict[str, int]]:
    counts = Counter((people[unit].seen_at.date(), key) for key in entered for unit in entered[key])
    days = sorted({day for day, _ in counts})
    return {day: {key: counts[day, key] for key in entered} for day in days}


def _open_windows(
    experiment: Experiment,
    past: Past,
    entered: Mapping[str, Sequence[str]],
    people: Mapping[str, Visitor],
) -> int:
    since = past.until - experiment.analysis.conversion_window
    return sum(people[unit].seen_at > since for units in entered.values() for unit in units)


def _baseline(metric: Metric, arm: Aggregates, currencies: Sequence[str]) -> Number:
    if metric.kind is not Kind.PROPORTION and len(currencies) > 1:
        return Absent(f"amounts in {', '.join(currencies)} can't be added up")
    return INFERENCES[metric.kind].value(arm)


def _detectable(experiment: Experiment, metric: Metric, arm: Aggregates) -> Number:
    """The lift that two variants show whose sizes have this harmonic mean."""
    plan, shares = experiment.analysis, experiment.shares
    control = shares[experiment.control.key]
    smallest = min(share for key, share in shares.items() if key != experiment.control.key)
    levels = {"alpha": plan.alpha, "power": plan.power}
    each = plan.planned_units * 2 / (1 / control + 1 / smallest) / _inflation(plan)
    try:
        if metric.kind is Kind.PROPORTION:
            rate = arm.total / max(arm.units, 1)
            return detectable_lift(rate, int(each), **levels)
        return detectable_lift_of_mean(arm, each, **levels)
    except InvalidPlan as exc:
        return Absent(str(exc))


def _inflation(plan: AnalysisPlan) -> float:
    """What planned looks cost."""
    if plan.looks is None:
        return 1.0
    schedule = Schedule.planned(plan.looks, plan.spending or Spending.OBRIEN_FLEMING, plan.alpha)
    return schedule.inflation(alpha=plan.alpha, power=plan.power)
