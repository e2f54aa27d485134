"""The lift report of an experiment in the store."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from analysis.analyze import analyze
from analysis.lock import hold
from analysis.plan import resolve
from analysis.render import to_html, to_json
from analysis.report import PlanLock, Report
from experiments import Catalog
from service.reconciling.loss import outcomes
from service.store.observations import read_observations
from service.store.plans import LockedPlan, locked_plan
from service.store.reports import keep_report
from service.store.session import Store


def make_report(
    store: Store, catalog: Catalog, experiment: str, *, as_of: datetime, now: datetime
) -> Report:
    """Judge an experiment by what the store knew at a time.

    Args:
        store: Where visits and payments are.
        catalog: Experiments and metrics.
        experiment: Key of the experiment.
        as_of: What arrived later is left out, in UTC.
        now: Time of this call, in UTC; of several stored reports the last made is shown.

    Raises:
        UnknownExperiment: there is no such definition.
        StoreUnavailable: the database does not answer.
    """
    definition = catalog.experiment(experiment)
    plan = resolve(definition, catalog.metrics)
    with store.read() as connection:
        observations = read_observations(
            connection,
            definition,
            catalog.metrics,
            as_of=as_of,
            units_at_looks=plan.units_at_looks,
            segments=[catalog.attributes[key] for key in definition.analysis.segmented_by],
        )
        arrived = outcomes(connection, experiment)
        locked = locked_plan(connection, experiment)
    return analyze(
        plan,
        replace(observations, arrived=arrived),
        as_of=as_of,
        generated_at=now,
        lock=_lock(catalog, experiment, locked),
        definitions=catalog.version,
    )


def _lock(catalog: Catalog, experiment: str, locked: LockedPlan | None) -> PlanLock:
    if locked is None:
        return PlanLock.absent("no plan was locked: the service does so when the experiment starts")
    return hold(
        locked.plan,
        catalog.plan_document(experiment),
        locked_at=locked.locked_at,
        digest=locked.digest,
    )


def store_report(store: Store, report: Report) -> None:
    """Keep a report, so that `/reports` can show it."""
    with store.write() as connection:
        keep_report(
            connection,
            report.experiment,
            generated_at=report.generated_at,
            document=to_json(report),
            page=to_html(report),
        )
