"""Every set of definitions that was in force, so that it can be put in force again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from service.store.session import insert_or_read
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
    """Make this set the newest one; its files are stored once, however often it comes back.

    Args:
        connection: a writing transaction.
        snapshot: what was taken up.
    """
    if newest_version(connection) == snapshot.version:
        return
    row = {
        "version": snapshot.version,
        "taken_at": snapshot.taken_at,
        "files": dict(snapshot.files),
    }
    _, ours = insert_or_read(connection, definitions, row)
    if not ours:
        here = definitions.c.version == snapshot.version
        connection.execute(update(definitions).where(here).values(taken_at=snapshot.taken_at))


def newest_snapshot(connection: Connection) -> Snapshot | None:
    """The set that was taken up last, or None where there never was one."""
    row = connection.execute(
        select(definitions).order_by(definitions.c.taken_at.desc()).limit(1)
    ).one_or_none()
    return None if row is None else Snapshot(**row._asdict())


def newest_version(connection: Connection) -> str | None:
    """The version of the set that was taken up last."""
    return connection.scalar(
        select(definitions.c.version).order_by(definitions.c.taken_at.desc()).limit(1)
    )
