"""From raw events to the decision: experiments in which nothing differs, through a real store."""

import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
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
# Fewer than this are not worth a process.
_FEW = 100
# All that is wrong with real traffic, alike in both variants.
_WORLD = World(bots=0.02, lost={"two_page": 0.03, "one_page": 0.03})


@dataclass(frozen=True)
class Experiments:
    """Experiments with the shipped definition, each with visitors of its own.

    Attributes:
        looks: whether it is read at five planned looks, and not once.
        seed: decides all visitors.
        lift: the true one of all.
    """

    looks: bool = False
    seed: int = 1
    lift: float = 0.0

    def decided(self, runs: int) -> list[Action]:
        """What the report of each advises, once all units are in; on all cores where it pays."""
        cores = min(os.cpu_count() or 1, runs // _FEW)
        if cores < 2:
            return self.decided_of(range(runs))
        parts = [range(first, runs, cores) for first in range(cores)]
        # A process that is forked beside threads may never come back.
        with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
            return [action for part in pool.map(self.decided_of, parts) for action in part]

    def decided_of(self, numbers: range) -> list[Action]:
        """The same of some of them, in this process."""
        catalog = Catalog.load(PROJECT / "experiments" / "definitions")
        experiment = self._definition(catalog)
        with _store() as store:
            return [self._decided(store, catalog, experiment, number) for number in numbers]

    def _definition(self, catalog: Catalog) -> Experiment:
        experiment = catalog.experiment(SHIPPED)
        analysis = replace(experiment.analysis, planned_units=UNITS)
        if self.looks:
            analysis = replace(analysis, method=Method.GROUP_SEQUENTIAL, looks=5)
        return replace(experiment, analysis=analysis)

    def _decided(
        self, store: Store, catalog: Catalog, experiment: Experiment, number: int
    ) -> Action:
        _fill(store, self._visitors(experiment, number))
        plan = resolve(experiment, catalog.metrics)
        end = _START + timedelta(days=_DAYS) + 2 * experiment.analysis.conversion_window
        with store.read() as connection:
            seen = read_observations(
                connection,
                experiment,
                catalog.metrics,
                as_of=end,
                units_at_looks=plan.units_at_looks,
            )
        return analyze(plan, seen, as_of=end, generated_at=end).decision.action

    def _visitors(self, experiment: Experiment, number: int) -> Simulation:
        return Simulation(
            experiment=experiment,
            visitors=UNITS,
            start=_START,
            days=_DAYS,
            seed=self.seed * 1_000_000 + number,
            world=replace(_WORLD, lift=self.lift),
        )


def _fill(store: Store, simulation: Simulation) -> None:
    with store.write() as connection:
        connection.execute(delete(exposures))
        connection.execute(delete(events))
    sink = StoreSink(store, simulation, add=False)
    for batch in batches(simulation):
        sink.put(batch)


@contextmanager
def _store() -> Iterator[Store]:
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite:///{Path(directory) / 'aa.db'}"
        with closing(Store(url)) as store:
            schema.upgrade(store)
            yield store
