"""From raw events to the decision: experiments in which nothing differs, through a real store."""

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import delete

from analysis.analyze import analyze
from analysis.plan import resolve
from analysis.report import Action
from analysis.simulate import Simulation, World, batches
from experiments import Catalog, Experiment, Method
from service.settings import PROJECT
from service.simulating import StoreSink
from service.store import schema
from service.store.observations import read_observations
from service.store.session import Store
from service.store.tables import events, exposures

SHIPPED = "one-page-checkout"
# The shipped plan at a fiftieth of its size; nothing else of it is changed.
UNITS = 800
_START, _DAYS = datetime(2026, 1, 5, tzinfo=UTC), 2
# All that is wrong with real traffic, alike in both variants.
_WORLD = World(bots=0.02, lost={"two_page": 0.03, "one_page": 0.03})


def shipped() -> tuple[Catalog, Experiment]:
    """The shipped definition, planned at fewer units."""
    catalog = Catalog.load(PROJECT / "experiments" / "definitions")
    experiment = catalog.experiment(SHIPPED)
    return catalog, replace(experiment, analysis=replace(experiment.analysis, planned_units=UNITS))


def with_looks(experiment: Experiment) -> Experiment:
    """The same, read at five planned looks."""
    analysis = replace(experiment.analysis, method=Method.GROUP_SEQUENTIAL, looks=5)
    return replace(experiment, analysis=analysis)


def decisions(
    catalog: Catalog, experiment: Experiment, *, runs: int, seed: int, lift: float
) -> Iterator[Action]:
    """What the report advises once all units are in.

    Args:
        catalog: with the metrics.
        experiment: about the shipped variants.
        runs: how many times new visitors come.
        seed: decides them.
        lift: the true one.
    """
    world = replace(_WORLD, lift=lift)
    with _store() as store:
        for run in range(runs):
            visitors = Simulation(
                experiment=experiment,
                visitors=UNITS,
                start=_START,
                days=_DAYS,
                seed=seed * 1_000_000 + run,
                world=world,
            )
            with store.write() as connection:
                connection.execute(delete(exposures))
                connection.execute(delete(events))
            sink = StoreSink(store, visitors, add=False)
            for batch in batches(visitors):
                sink.put(batch)
            yield _decided(store, catalog, experiment)


def _decided(store: Store, catalog: Catalog, experiment: Experiment) -> Action:
    plan = resolve(experiment, catalog.metrics)
    end = _START + timedelta(days=_DAYS) + 2 * experiment.analysis.conversion_window
    with store.read() as connection:
        seen = read_observations(
            connection, experiment, catalog.metrics, as_of=end, units_at_looks=plan.units_at_looks
        )
    return analyze(plan, seen, as_of=end, generated_at=end).decision.action


@contextmanager
def _store() -> Iterator[Store]:
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite:///{Path(directory) / 'aa.db'}"
        with closing(Store(url)) as store:
            schema.upgrade(store)
            yield store
