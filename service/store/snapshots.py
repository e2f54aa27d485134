"""Every set of definitions that was in force, so that it can be put in force again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from service.store.session import insert_once
from service.store.tables import definitions


@dataclass(frozen=True)
class Snapshot:
    """A set of definitions as it was taken up.

    Attributes:
        version: SHA-256 of the files, as the catalog gives it.
        taken_at: when it was taken up, the last time.
        files: text of each file, by its name.
    """

    version: str
    taken_at: datetime
    files: Mapping[str, str]


def keep_snapshot(connection: Connection, snapshot: Snapshot) -> None:
    """Store a set of definitions once, and move its time when it comes back.

    Args:
        connection: a writing transaction.
        snapshot: what was taken up.
    """
    row = {
        "version": snapshot.version,
        "taken_at": snapshot.taken_at,
        "files": dict(snapshot.files),
    }
    if insert_once(connection, definitions, [row]):
        return
    earlier = definitions.c.taken_at < snapshot.taken_at
    connection.execute(
        update(definitions)
        .where(definitions.c.version == snapshot.version, earlier)
        .values(taken_at=snapshot.taken_at)
    )


def taken_at(connection: Connection, version: str) -> datetime | None:
    """When a set was taken up the last time, or None where it never was."""
    return connection.scalar(select(definitions.c.taken_at).where(definitions.c.version == version))


def newest_version(connection: Connection, *, after: datetime) -> str | None:
    """The set that was taken up last, if that was after this time."""
    return connection.scalar(
        select(definitions.c.version)
        .where(definitions.c.taken_at > after)
        .order_by(definitions.c.taken_at.desc())
        .limit(1)
    )


def snapshot_of(connection: Connection, version: str) -> Snapshot:
    """A set of definitions that is in the store."""
    row = connection.execute(select(definitions).where(definitions.c.version == version)).one()
    return Snapshot(**row._asdict())
