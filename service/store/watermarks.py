"""How far something has got, so that it goes on there when it was interrupted."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select, update

from service.store.session import insert_once
from service.store.tables import watermarks


def reached(connection: Connection, name: str) -> str | None:
    """The last thing that was done, or None where nothing was."""
    here = watermarks.c.name == name
    value: str | None = connection.scalar(select(watermarks.c.value).where(here))
    return value


def reach(connection: Connection, name: str, value: str) -> None:
    """Write down that this was done, in the transaction that did it."""
    if insert_once(connection, watermarks, [{"name": name, "value": value}]):
        return
    connection.execute(update(watermarks).where(watermarks.c.name == name).values(value=value))


def forget(connection: Connection, name: str) -> None:
    """It is done; the next time begins anew."""
    connection.execute(delete(watermarks).where(watermarks.c.name == name))
