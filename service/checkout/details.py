"""What a visitor typed so far: kept for a reload or another page, and for nobody else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select

from service.store.session import replacing
from service.store.tables import details

_KEPT = timedelta(hours=24)


@dataclass(frozen=True)
class Details:
    """Contact and billing address, as far as they are typed.

    Attributes:
        address: with Stripe's names, e.g. ``line1`` and ``postal_code``.
        fields: of the sections that the merchant added, by the names of their inputs.
        complete: whether the page, which knows what each country asks for, misses nothing.
        typed_at: by the visitor's clock, in milliseconds; only ever compared with itself.
    """

    email: str | None = None
    name: str | None = None
    address: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    complete: bool = False
    typed_at: int = 0


def keep_details(
    connection: Connection, checkout_id: str, unit_id: str, typed: Details, *, now: datetime
) -> None:
    """Keep what is typed now, in the place of what the same visitor typed before.

    Two requests of one page may come in either order: what was typed last stands.
    """
    row = {"checkout_id": checkout_id, "unit_id": unit_id, "kept_at": now} | asdict(typed)
    statement = replacing(connection.dialect.name, details, newer=details.c.typed_at)
    connection.execute(statement, row)


def details_of(connection: Connection, checkout_id: str, unit_id: str) -> Details:
    """What the visitor typed for the checkout, if anything."""
    whose = {"checkout_id": checkout_id, "unit_id": unit_id}
    row = connection.execute(_OF_VISITOR, whose).one_or_none()
    return Details() if row is None else typed_in(row)


TYPED = tuple(details.c[name] for name in Details.__dataclass_fields__)
"""The columns that make `Details`, in its order."""


def typed_in(values: Sequence[Any]) -> Details:
    """The details in the values of `TYPED`."""
    typed = Details(*values)
    # Kept by an older version.
    return typed if typed.fields else replace(typed, fields={})


_OF_VISITOR = select(*TYPED).where(
    details.c.checkout_id == bindparam("checkout_id"), details.c.unit_id == bindparam("unit_id")
)


def forget_details(connection: Connection, *, now: datetime) -> None:
    """Forget what was last changed a day ago."""
    connection.execute(delete(details).where(details.c.kept_at < now - _KEPT))
