"""Made-up visitors on their way into a store, or into files of Parquet.

Each batch is written whole or not at all, and one that is there already is left alone: the same
command, given again, goes on where it was interrupted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import repeat
from pathlib import Path
from typing import Any, Protocol

import duckdb
from sqlalchemy import Connection, Table, select

from analysis.simulate import Batch, Columns, Simulation
from experiments import Reason
from service.errors import Refused
from service.store import schema
from service.store.session import Store
from service.store.tables import checkouts, events, exposures


class HoldsOthers(Refused):
    """Made-up visitors would be mixed with what is there already."""

    title = "Not empty"


class Unwritable(Refused):
    """The directory does not take the files."""

    title = "Not writable"


class Sink(Protocol):
    """Where batches go."""

    def put(self, batch: Batch) -> None:
        """Keep a batch, whole or not at all; one that is there already stays as it is."""
        ...


@contextmanager
def sink_at(out: str, simulation: Simulation, *, add: bool) -> Iterator[Sink]:
    """A store by its SQLAlchemy URL, or a directory.

    Args:
        out: which; a SQLite file or a directory that is not there is made.
        simulation: whose batches will come.
        add: whether to write beside what else is there.

    Raises:
        HoldsOthers: there is something else, and `add` is not given.
        Unavailable: the database does not answer, or is of another version.
    """
    if "://" in out:
        with closing(Store(out)) as store:
            schema.ensure(store)
            yield StoreSink(store, simulation, add=add)
    else:
        with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
            yield DirectorySink(Path(out), simulation, connection, add=add)


class StoreSink:
    """The tables `exposures` and `events`; a batch is a transaction."""

    def __init__(self, store: Store, simulation: Simulation, *, add: bool) -> None:
        self._store = store
        self._simulation = simulation
        with store.read() as connection:
            if not add and _holds_others(connection, simulation.name):
                raise HoldsOthers(
                    f"--out: the store holds other data than {simulation.name}; name an empty one, "
                    "or give --add to write beside it"
                )

    def put(self, batch: Batch) -> None:
        """Keep a batch in one transaction."""
        units = batch.exposures["unit_id"].tolist()
        if not units:
            return
        with self._store.write() as connection:
            if not self._is_there(connection, units[0]):
                _insert(connection, exposures, self._exposures(batch.exposures))
                _insert(connection, events, _events(batch.events))

    def _is_there(self, connection: Connection, unit: str) -> bool:
        there = select(exposures.c.unit_id).where(
            exposures.c.experiment == self._simulation.experiment.key, exposures.c.unit_id == unit
        )
        return connection.scalar(there) is not None

    def _exposures(self, columns: Columns) -> dict[str, Iterable[Any]]:
        told = zip(columns["device"].tolist(), columns["country"].tolist(), strict=True)
        return {
            "experiment": repeat(self._simulation.experiment.key),
            "reason": repeat(Reason.SPLIT.value),
            "definitions": repeat(self._simulation.name),
            "attributes": (json.dumps({"device": d, "country": c}) for d, c in told),
        } | {name: columns[name].tolist() for name in _OF_EXPOSURES}


def _holds_others(connection: Connection, name: str) -> bool:
    others = (
        select(exposures.c.unit_id).where(exposures.c.definitions != name),
        select(events.c.event_id).where(events.c.unit_id.not_like(f"{name}-%")),
        select(checkouts.c.checkout_id),
    )
    return any(connection.scalar(each.limit(1)) is not None for each in others)


_OF_EXPOSURES = ("variant", "unit_id", "exposed_at", "bucket")
_PLACE = {"sqlite": "?", "postgresql": "%s"}


def _events(columns: Columns) -> dict[str, Iterable[Any]]:
    found: dict[str, Iterable[Any]] = {name: each.tolist() for name, each in columns.items()}
    value = (None if each < 0 else each for each in found["value"])
    return found | {"value": value, "properties": repeat("{}")}


def _insert(connection: Connection, table: Table, columns: Mapping[str, Iterable[Any]]) -> None:
    """Straight to the driver: times are whole numbers here already, and JSON is text."""
    places = ", ".join([_PLACE[connection.dialect.name]] * len(columns))
    connection.exec_driver_sql(
        f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({places})",  # noqa: S608 - our own names
        list(zip(*columns.values(), strict=False)),
    )


# Hive's layout, by the day on which the visitors came; times are of UTC.
_EXPOSURES = """
SELECT $experiment AS experiment, variant, unit_id, make_timestamptz(exposed_at) AS exposed_at,
  bucket, device, country
FROM batch
"""
_EVENTS = """
SELECT event_id, unit_id, NULL::VARCHAR AS checkout_id, name,
  make_timestamptz(occurred_at) AS occurred_at, make_timestamptz(received_at) AS received_at,
  nullif(value, -1) AS value, currency, '{}' AS properties
FROM batch
"""


class DirectorySink:
    """`exposures/day=…/` and `events/day=…/`, a file of each for each batch.

    A file has its name once it is whole. That of the exposures comes last and says that both are.
    """

    def __init__(
        self,
        directory: Path,
        simulation: Simulation,
        connection: duckdb.DuckDBPyConnection,
        *,
        add: bool,
    ) -> None:
        self._directory = directory
        self._simulation = simulation
        self._connection = connection
        if not add and any(not self._is_ours(file) for file in _files(directory)):
            raise HoldsOthers(
                f"--out: {directory} holds other files than {simulation.name}'s; name an empty "
                "directory, or give --add to write beside them"
            )

    def put(self, batch: Batch) -> None:
        """Write the files of a batch."""
        seen = self._file("exposures", batch)
        try:
            if not seen.exists():
                self._write(self._file("events", batch), _EVENTS, batch.events, {})
                experiment = {"experiment": self._simulation.experiment.key}
                self._write(seen, _EXPOSURES, batch.exposures, experiment)
        except (OSError, duckdb.Error) as exc:
            why = exc.strerror if isinstance(exc, OSError) else str(exc).splitlines()[0]
            raise Unwritable(f"--out: {self._directory} can't be written: {why}") from exc

    def _is_ours(self, file: Path) -> bool:
        return file.name.startswith(f"{self._simulation.name}-")

    def _file(self, table: str, batch: Batch) -> Path:
        name = f"{self._simulation.name}-{batch.number:06}.parquet"
        return self._directory / table / f"day={batch.day:%Y-%m-%d}" / name

    def _write(
        self, file: Path, query: str, columns: Columns, parameters: Mapping[str, str]
    ) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        half = file.with_suffix(".partial")
        quoted = str(half).replace("'", "''")
        self._connection.register("batch", dict(columns))
        self._connection.execute(
            f"COPY ({query}) TO '{quoted}' (FORMAT parquet, COMPRESSION zstd)", parameters or None
        )
        half.replace(file)


def _files(directory: Path) -> Iterable[Path]:
    return (file for file in directory.rglob("*") if not file.is_dir())
