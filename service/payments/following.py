"""What follows from an event beside the books: the customer is told, and another try is planned."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select

from service.notices.outbox import LIFETIME, post
from service.payments.notifying import NOTICED, Addressee, Occasion, notices_of
from service.payments.retries import plan_retry
from service.payments.wire import StripeEvent
from service.store.tables import checkouts

FAILED = "invoice.payment_failed"


def follow(connection: Connection, event: StripeEvent, *, now: datetime) -> None:
    """Do what an applied event asks for, once however often it comes.

    Args:
        connection: the transaction that applied it.
        event: just applied.
        now: when it came; nobody is told of what is long past.
    """
    if event.type not in NOTICED or now - event.created_at > LIFETIME:
        return
    obj: Mapping[str, Any] = event.data["object"]
    next_try = _next_try(connection, event, obj) if event.type == FAILED else None
    addressee = _addressee(connection, obj)
    occasion = Occasion(event.created_at, next_try)
    for notice in notices_of(event.type, obj, addressee, occasion):
        post(connection, notice, now=now)


def _next_try(
    connection: Connection, event: StripeEvent, obj: Mapping[str, Any]
) -> datetime | None:
    """When Stripe tries again; where it does not, when Kassa does, if at all."""
    planned = obj.get("next_payment_attempt")
    if isinstance(planned, int):
        return datetime.fromtimestamp(planned, UTC)
    if event.object_id is None or obj.get("status") != "open":
        return None
    # Only tries that Stripe makes by itself are counted: it has made them all.
    if int(obj.get("attempt_count") or 0) > 1:
        return None
    return plan_retry(connection, event.object_id, failed_at=event.created_at)


def _addressee(connection: Connection, obj: Mapping[str, Any]) -> Addressee:
    order_id = _order_id(obj)
    if order_id is None:
        return Addressee()
    row = connection.execute(
        select(checkouts.c.email, checkouts.c.locale).where(checkouts.c.checkout_id == order_id)
    ).one_or_none()
    return Addressee() if row is None else Addressee(row.email, row.locale)


def _order_id(obj: Mapping[str, Any]) -> str | None:
    """The checkout that the object says it comes from, itself or by its subscription."""
    details = ((obj.get("parent") or {}).get("subscription_details") or {}).get("metadata") or {}
    found = (obj.get("metadata") or {}).get("order_id") or details.get("order_id")
    return found if isinstance(found, str) else None
