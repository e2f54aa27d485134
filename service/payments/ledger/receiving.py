"""Taking in what Stripe tells: stored raw once by its id, applied once, in one transaction.

An event about an order that is not known here yet waits, and is applied when that appears.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, select

from service.payments.ledger.applying import (
    Receipt,
    Told,
    apply_again,
    apply_all,
    link_payment,
    mark,
    read,
    subjects_of,
)
from service.payments.ledger.rows import Rows
from service.payments.wire import StripeEvent
from service.store.session import among, insert_new
from service.store.tables import stripe_events

RECONCILE = "reconcile"


@dataclass(frozen=True)
class Arrival:
    """An event that came, or was fetched.

    Attributes:
        payload: the bytes as they came.
        at: when they came.
    """

    event: StripeEvent
    payload: bytes = field(repr=False)
    at: datetime


def take_in(
    connection: Connection, arrivals: Sequence[Arrival], *, source: str | None = None
) -> list[Receipt]:
    """Store events raw, once by their ids, and apply them in the same transaction.

    Args:
        connection: a writing transaction.
        arrivals: in any order.
        source: None where Stripe sent them, `RECONCILE` where they were asked for.

    Returns:
        What became of each; of several with one id all but the first are duplicates.

    Raises:
        StoreBusy: another transaction does not let go of one of their subjects.
    """
    first: dict[str, int] = {}
    for number, arrival in enumerate(arrivals):
        first.setdefault(arrival.event.event_id, number)
    told = {
        number: read(arrivals[number].event, received_at=arrivals[number].at)
        for number in first.values()
    }
    rows = Rows(connection)
    rows.hold(subjects_of(connection, told.values()))
    known = _known(connection, first)
    fresh = {number: each for number, each in told.items() if each.event.event_id not in known}
    stored = [_row(each, arrivals[number].payload, source) for number, each in fresh.items()]
    insert_new(connection, stripe_events, stored)
    receipts = [Receipt.DUPLICATE] * len(arrivals)
    for number, receipt in zip(fresh, apply_all(rows, list(fresh.values())), strict=True):
        receipts[number] = receipt
    waiting = [each for number, each in fresh.items() if receipts[number] is Receipt.WAITING]
    mark(connection, waiting, [Receipt.WAITING] * len(waiting))
    applied = (each for number, each in fresh.items() if receipts[number] is Receipt.APPLIED)
    paid = {each.event.payment_intent_id for each in applied}
    apply_again(rows, filter(None, paid), Receipt.WAITING)
    rows.write()
    return receipts


def _known(connection: Connection, event_ids: Collection[str]) -> set[str]:
    """Those that came before: whoever brings one at the same time waits for its subject's turn."""
    told = _told(connection.dialect.name)
    return set(connection.scalars(told, {"events": sorted(event_ids)}))


@lru_cache(maxsize=2)
def _told(dialect: str) -> Select[tuple[str]]:
    key = stripe_events.c.event_id
    return select(key).where(among(dialect, key, "events"))


def _row(told: Told, body: bytes, source: str | None) -> dict[str, Any]:
    """The event as it is stored: most are applied, and the others are marked when that shows."""
    event = told.event
    return {
        "event_id": event.event_id,
        "type": event.type,
        "payment_intent_id": event.payment_intent_id,
        "object_id": event.object_id,
        "source": source,
        "created_at": event.created_at,
        "received_at": told.received_at,
        "state": (told.refused or Receipt.APPLIED).value,
        "payload": body.decode("utf-8"),
    }


def open_payment(connection: Connection, checkout_id: str, payment_intent_id: str) -> None:
    """Know a payment that Stripe just answered with, and apply what was told of it before.

    The answer itself proves nothing here: only webhooks move the ledger.
    """
    rows = Rows(connection)
    link_payment(rows, checkout_id, payment_intent_id)
    apply_again(rows, [payment_intent_id], Receipt.WAITING)
    rows.write()
