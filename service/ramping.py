"""The steps of a ramp: each waits for its time, for clean guardrails, and perhaps for a person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from analysis.errors import AnalysisError
from analysis.report import Finding, MetricResult, Report, Role, Verdict
from analysis.wording import harm_shown, p_value
from experiments import Catalog, Experiment, RampStep
from service.errors import Refused
from service.operation import Order, grant
from service.reporting import make_report
from service.store.audit import Act
from service.store.session import Store


class Outcome(StrEnum):
    """What became of an experiment's next step."""

    GRANTED = "granted"
    HELD = "held"
    WAITING = "waiting"
    """Its time has not come."""
    COMPLETE = "complete"
    """There is no next step."""
    IDLE = "idle"
    """It does not run now, or it has no ramp."""


@dataclass(frozen=True)
class Ramped:
    """What became of an experiment's next step, and why.

    Attributes:
        experiment: key of the experiment.
        outcome: what became of it.
        traffic: share of units that enter now.
        reasons: sentences.
    """

    experiment: str
    outcome: Outcome
    traffic: float
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Next:
    """The step that is not allowed yet.

    Attributes:
        index: its place in the ramp, from 0.
        step: what it says.
        due: when its time comes.
    """

    index: int
    step: RampStep
    due: datetime

    def __str__(self) -> str:
        return f"step {self.index + 1}, {self.step.traffic:.4g} of the units"


def next_step(experiment: Experiment) -> Next | None:
    """The first step that is not allowed yet; None where there is none."""
    if experiment.start is None or experiment.granted >= len(experiment.ramp):
        return None
    step = experiment.ramp[experiment.granted]
    return Next(experiment.granted, step, experiment.start + step.after)


def ramped_experiments(catalog: Catalog, *, now: datetime) -> list[str]:
    """The experiments that run now and have a ramp."""
    return [
        experiment.key
        for experiment in catalog.experiments.values()
        if experiment.ramp and experiment.is_open(now)
    ]


def advance(store: Store, catalog: Catalog, experiment: str, order: Order) -> Ramped:
    """Allow the next step of a ramp if its time has come and nothing speaks against it.

    Args:
        store: where visits, payments and switches are.
        catalog: the definitions, with the switches applied.
        experiment: key of the experiment.
        order: who looks, when, and why.

    Raises:
        UnknownExperiment: there is no such definition.
        StoreUnavailable: the database does not answer.
    """
    definition, now = catalog.experiment(experiment), order.at
    traffic = definition.traffic_at(now)
    if reason := _idle(definition, now):
        return Ramped(experiment, Outcome.IDLE, traffic, (reason,))
    following = next_step(definition)
    if following is None:
        return Ramped(experiment, Outcome.COMPLETE, traffic)
    if now < following.due:
        reason = f"{following} is due at {following.due.isoformat()}"
        return Ramped(experiment, Outcome.WAITING, traffic, (reason,))
    if reasons := tuple(_obstacles(store, catalog, definition, following, now)):
        return Ramped(experiment, Outcome.HELD, traffic, reasons)
    _granted(store, experiment, following, order, act=Act.RAMPED)
    return Ramped(experiment, Outcome.GRANTED, following.step.traffic, (f"{following}",))


def approve(store: Store, catalog: Catalog, experiment: str, order: Order) -> Ramped:
    """Allow the next step of a ramp because a person says so.

    Args:
        store: where the switches are.
        catalog: the definitions, with the switches applied.
        experiment: key of the experiment.
        order: who approves, when, and why.

    Raises:
        UnknownExperiment: there is no such definition.
        Refused: there is no step to approve now; the message says why.
        StoreUnavailable: the database does not answer.
    """
    definition, now = catalog.experiment(experiment), order.at
    following = next_step(definition)
    if reason := _idle(definition, now):
        raise Refused(f"{experiment}: there is nothing to approve, {reason}")
    if following is None:
        raise Refused(f"{experiment}: there is nothing to approve, every step is taken")
    if not following.step.approval:
        raise Refused(f"{experiment}: {following} asks for no approval; `kassa ramp` takes it")
    if now < following.due:
        raise Refused(f"{experiment}: {following} can be approved from {following.due.isoformat()}")
    _granted(store, experiment, following, order, act=Act.APPROVED)
    return Ramped(experiment, Outcome.GRANTED, following.step.traffic, (f"{following}",))


def _idle(experiment: Experiment, now: datetime) -> str | None:
    if experiment.stopped:
        return "it is stopped"
    if not experiment.is_open(now):
        return "it does not run now"
    return None if experiment.ramp else "it has no ramp"


def _granted(store: Store, experiment: str, step: Next, order: Order, *, act: Act) -> None:
    with store.write() as connection:
        # Where another call was faster the step is allowed all the same, and noted once.
        grant(connection, experiment, order, act=act, step=step.index, traffic=step.step.traffic)


def _obstacles(
    store: Store, catalog: Catalog, experiment: Experiment, following: Next, now: datetime
) -> Iterator[str]:
    try:
        report = make_report(store, catalog, experiment.key, as_of=now, now=now)
    except AnalysisError as exc:
        yield f"the report can't be made: {exc}"
        return
    yield from alarms(report)
    if following.step.approval:
        yield f"{following} waits for a person: kassa approve {experiment.key} --reason ..."


def alarms(report: Report) -> Iterator[str]:
    """Why an experiment must not grow now, in sentences; nothing where all is well."""
    ratio = report.checks.sample_ratio
    if ratio.ok is False:
        seen = ", ".join(f"{variant} {units}" for variant, units in report.units.items())
        yield f"sample ratio mismatch: {seen}"
    for metric in report.metrics:
        if metric.role is Role.GUARDRAIL:
            yield from _worse(report, metric)


def _worse(report: Report, metric: MetricResult) -> Iterator[str]:
    for comparison in metric.comparisons:
        worse = comparison.finding(metric.direction, report.progress) is Finding.WORSE
        if worse and comparison.verdict(metric.direction, report.progress) is not Verdict.PASSED:
            p = p_value(comparison.reading(early=report.progress.early).p_value)
            yield (
                f"guardrail {metric.name} got worse with {comparison.variant}: "
                f"p = {p}{harm_shown(comparison.harm)}"
            )
