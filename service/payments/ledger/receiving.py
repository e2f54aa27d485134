"""Taking in what Stripe tells: stored raw once by its id, applied once, in one transaction.

An event about an order that is not known here yet waits, and is applied when that appears.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from service.payments.ledger.applying import (
    Receipt,
    apply_again,
    apply_event,
    link_payment,
    mark,
    one_at_a_time,
)
from service.payments.wire import StripeEvent
from service.store.session import insert_once
from service.store.tables import stripe_events

RECONCILE = "reconcile"


def take_in(
    connection: Connection,
    event: StripeEvent,
    payload: bytes,
    *,
    now: datetime,
    source: str | None = None,
) -> Receipt:
    """Store an event raw, once by its id, and apply it in the same transaction.

    Args:
        connection: a writing transaction.
        event: what the payload says.
        payload: the bytes as they came.
        now: when they came.
        source: None where Stripe sent it, `RECONCILE` where it was asked for.
    """
    one_at_a_time(connection, event.payment_intent_id or event.object_id)
    row = {
        "event_id": event.event_id,
        "type": event.type,
        "payment_intent_id": event.payment_intent_id,
        "object_id": event.object_id,
        "source": source,
        "created_at": event.created_at,
        "received_at": now,
        "state": Receipt.WAITING.value,
        "payload": payload.decode("utf-8"),
    }
    if not insert_once(connection, stripe_events, [row]):
        return Receipt.DUPLICATE
    receipt = apply_event(connection, event, received_at=now)
    mark(connection, event.event_id, receipt)
    if receipt is Receipt.APPLIED and event.payment_intent_id is not None:
        apply_again(connection, event.payment_intent_id, Receipt.WAITING)
    return receipt


def open_payment(connection: Connection, checkout_id: str, payment_intent_id: str) -> None:
    """Know a payment that Stripe just answered with, and apply what was told of it before.

    The answer itself proves nothing here: only webhooks move the ledger.
    """
    link_payment(connection, checkout_id, payment_intent_id)
    apply_again(connection, payment_intent_id, Receipt.WAITING)
