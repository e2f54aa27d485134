"""The definitions in force in this process, and the operator's switches over them.

What changes on disk is taken up whole or not at all; what does not hold leaves the last good
definitions in force. Requests never wait: they read one attribute.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from experiments import Catalog, Experiment, InvalidDefinition, Problem, Switch
from experiments.catalog import experiment_keys, files_of, laid_out
from experiments.plan import digest_of
from service.checkout.flows import FLOWS
from service.directory import Directory, Found
from service.errors import ServiceError
from service.once import Once
from service.operation import switched
from service.store.audit import KASSA, Act, Entry, note
from service.store.plans import LockedPlan, lock_plans, locked_experiments
from service.store.session import Store
from service.store.snapshots import Snapshot, keep_snapshot, newest_version, snapshot_of, taken_at
from service.store.tables import EPOCH

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.5


@dataclass(frozen=True)
class Standing:
    """How the files stand towards what is in force.

    Attributes:
        taken_at: when the definitions in force were taken up.
        looked_at: when files and switches were looked at last.
        problems: what is wrong with the files; nothing where they hold.
    """

    taken_at: datetime
    looked_at: datetime
    problems: tuple[Problem, ...] = ()

    @property
    def valid(self) -> bool:
        """Whether the files hold, and are therefore in force."""
        return not self.problems


class InForce:
    """The catalog that a process serves, with the operator's switches applied.

    Attributes:
        catalog: what is in force now; a request reads it once and keeps what it read.
        standing: how the files stand towards it.
    """

    def __init__(
        self,
        catalog: Catalog,
        directory: Directory,
        *,
        store: Store,
        clock: Callable[[], datetime],
    ) -> None:
        """Put a catalog in force; nothing is read or asked yet.

        Args:
            catalog: the definitions to begin with.
            directory: where they change.
            store: where the switches are.
            clock: the time now, in UTC.
        """
        self.catalog = catalog
        self.standing = Standing(clock(), clock())
        self._loaded = catalog
        self._directory = directory
        self._store = store
        self._clock = clock
        self._switches: Mapping[str, Switch] = {}
        self._once = Once()
        self._store_fails = False
        self._foreign: str | None = None
        self._ended = Event()

    @classmethod
    def load(cls, path: Path, *, store: Store, clock: Callable[[], datetime]) -> InForce:
        """The definitions of a directory, with the switches of the store.

        Raises:
            InvalidDefinition: with every problem of every file.
            StoreUnavailable: the database does not answer.
        """
        directory = Directory(path)
        loaded = cls(directory.load(), directory, store=store, clock=clock)
        with store.read() as connection:
            loaded._operate(switched(connection))
        return loaded

    def start(self) -> None:
        """Begin to follow the files and the switches, in a thread of this process.

        Call it after the fork and before the first request: what has changed since the definitions
        were loaded is in force when it returns.
        """
        self._follow()
        if not self._directory.settled:
            time.sleep(LOOK_SECONDS)
            self._follow()
        Thread(target=self._watch, name="definitions", daemon=True).start()

    def end(self) -> None:
        """Follow no longer; what is in force stays."""
        self._ended.set()

    def refresh(self) -> None:
        """Look at the files and at the store once, and take up what has changed.

        Raises:
            StoreUnavailable: the database does not answer; the switches stay as they were.
        """
        found = self._directory.look()
        if found is not None:
            self._judge(found)
        self._ask_the_store()
        self.standing = replace(self.standing, looked_at=self._clock())

    def _watch(self) -> None:
        try:
            while not self._ended.wait(LOOK_SECONDS):
                self._follow()
        finally:
            if not self._ended.is_set():
                # A worker that can't hear a stop must not serve: another takes its place.
                log.critical("nobody follows the definitions and switches here: this process ends")
                os.kill(os.getpid(), signal.SIGTERM)

    def _follow(self) -> None:
        try:
            self.refresh()
        except (ServiceError, SQLAlchemyError) as exc:
            if not self._store_fails:
                log.warning("switches stay as they are, the store can't be asked: %s", exc)
            self._store_fails = True
        else:
            self._store_fails = False

    def _judge(self, found: Found) -> None:
        self.standing = replace(self.standing, problems=found.problems)
        catalog = found.catalog
        if catalog is None:
            if self._once.first(found.state):
                told = "\n".join(map(str, found.problems))
                log.error("definitions not taken up, the last good ones stay in force: %s", told)
        elif catalog.version != self._loaded.version:
            self._take_up(catalog, at=self._clock())
            if self._once.first(found.state):
                count, version = len(catalog.experiments), catalog.version[:12]
                log.info(
                    "definitions taken up: %d experiments, version %s, read in %.2f s",
                    count,
                    version,
                    found.seconds,
                )

    def _take_up(self, catalog: Catalog, *, at: datetime) -> None:
        self._loaded = catalog
        self._operate(self._switches)
        self.standing = replace(self.standing, taken_at=at)

    def _operate(self, switches: Mapping[str, Switch]) -> None:
        self._switches = switches
        self.catalog = self._loaded.operated(switches)

    def _ask_the_store(self) -> None:
        now = self._clock()
        with self._store.read() as connection:
            switches = switched(connection)
            locked = locked_experiments(connection)
            newer = self._newer(connection)
            stored_at = taken_at(connection, self._loaded.version)
        if switches != self._switches:
            self._operate(switches)
        if newer is not None:
            self._fall_back(newer)
        elif stored_at is None or stored_at < self.standing.taken_at or self._starting(locked, now):
            with self._store.write() as connection:
                self._record(connection, locked, now)

    def _newer(self, connection: Connection) -> Snapshot | None:
        """What other processes took up later, where our own files do not hold.

        They held between two of our looks, or before this process was made.
        """
        if self.standing.valid:
            return None
        version = newest_version(connection, after=self.standing.taken_at)
        if version is None or version in {self._loaded.version, self._foreign}:
            return None
        return snapshot_of(connection, version)

    def _fall_back(self, newer: Snapshot) -> None:
        try:
            catalog = restored(newer)
        except OSError as exc:
            # A full disk, perhaps: the next look tries again.
            if self._once.first(f"not restored: {newer.version} {exc.errno}"):
                log.error("definitions of the store can't be laid out here: %s", exc.strerror)  # noqa: TRY400 - the reason is the message, not our stack
            return
        except InvalidDefinition as refused:
            # It was taken up by another version of Kassa.
            self._foreign = newer.version
            log.error("the newest definitions in the store do not hold here: %s", refused)  # noqa: TRY400 - the problems are the message, not our stack
            return
        self._take_up(catalog, at=newer.taken_at)
        if self._once.first(f"{newer.version} {newer.taken_at}"):
            log.info("definitions taken from the store: %s", catalog.version[:12])

    def _starting(self, locked: Collection[str], now: datetime) -> list[Experiment]:
        """The experiments that run now, and whose plan is not locked."""
        every = self.catalog.experiments.values()
        return [each for each in every if each.key not in locked and each.is_open(now)]

    def _record(self, connection: Connection, locked: Collection[str], now: datetime) -> None:
        """Keep what is in force, and lock the plan of each experiment that starts with it."""
        version = self._loaded.version
        kept = Snapshot(version, self.standing.taken_at, self._loaded.sources)
        keep_snapshot(connection, kept)
        plans = [
            LockedPlan(key, now, digest_of(plan), plan, version)
            for key in (each.key for each in self._starting(locked, now))
            for plan in (self.catalog.plan_document(key),)
        ]
        ours = lock_plans(connection, plans)
        for plan in plans:
            if plan.experiment in ours:
                details = {"plan": plan.digest, "definitions": version}
                note(connection, Entry(now, KASSA, Act.STARTED, plan.experiment, _RUNS, details))


_RUNS: Final = "its definition runs; the plan is locked"


def known_experiments(path: Path, connection: Connection) -> set[str]:
    """The keys of the experiments on disk, whether they hold or not, and of those in force."""
    version = newest_version(connection, after=EPOCH)
    running = snapshot_of(connection, version).files if version else {}
    return experiment_keys([*(file.name for file in files_of(path)), *running])


def restored(snapshot: Snapshot) -> Catalog:
    """The catalog that a set of definitions made.

    Raises:
        InvalidDefinition: it was taken up by another version of Kassa, and does not hold in this.
        OSError: there is no room to lay its files out.
    """
    with TemporaryDirectory(prefix="kassa-definitions-") as made:
        return Catalog.load(laid_out(snapshot.files, Path(made)), flows=FLOWS)
