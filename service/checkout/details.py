"""What a visitor typed so far: kept for a reload or another page, and for nobody else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select

from service.checkout.checkouts import LIFETIME
from service.store.session import replacing
from service.store.tables import details


@dataclass(frozen=True)
class Details:
    """Contact and billing address, as far as they are typed.

    Attributes:
        address: with Stripe's names, e.g. ``line1`` and ``postal_code``.
        complete: whether the page, which knows what each country asks for, misses nothing.
    """

    email: str | None = None
    name: str | None = None
    address: Mapping[str, str] = field(default_factory=dict)
    complete: bool = False


def keep_details(
    connection: Connection, checkout_id: str, typed: Details, *, now: datetime
) -> None:
    """Keep what is typed now, in the place of what was before."""
    row = {"checkout_id": checkout_id, "kept_at": now} | asdict(typed)
    connection.execute(replacing(connection.dialect.name, details), row)


def details_of(connection: Connection, checkout_id: str) -> Details:
    """What was typed for the checkout, if anything."""
    row = connection.execute(_OF_CHECKOUT, {"checkout_id": checkout_id}).one_or_none()
    return Details() if row is None else Details(row.email, row.name, row.address, row.complete)


_OF_CHECKOUT = select(details.c.email, details.c.name, details.c.address, details.c.complete).where(
    details.c.checkout_id == bindparam("checkout_id")
)


def forget_details(connection: Connection, *, now: datetime) -> None:
    """Forget what was typed for checkouts that are over."""
    connection.execute(delete(details).where(details.c.kept_at < now - LIFETIME))
