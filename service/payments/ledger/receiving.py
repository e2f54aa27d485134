"""Taking in what Stripe tells: stored raw once by its id, applied once, in one transaction.

An event about an order that is not known here yet waits, and is applied when that appears.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from service.payments.ledger.applying import (
    Receipt,
    Told,
    apply_again,
    apply_all,
    link_payment,
    mark,
    read,
    take_turns,
)
from service.payments.ledger.rows import Rows
from service.payments.wire import StripeEvent
from service.store.session import insert_once
from service.store.tables import stripe_events

RECONCILE = "reconcile"


def take_in(
    connection: Connection,
    arrived: Sequence[tuple[StripeEvent, bytes]],
    *,
    now: datetime,
    source: str | None = None,
) -> list[Receipt]:
    """Store events raw, once by their ids, and apply them in the same transaction.

    Args:
        connection: a writing transaction.
        arrived: what the payloads say, and the bytes as they came.
        now: when they came.
        source: None where Stripe sent them, `RECONCILE` where they were asked for.

    Returns:
        What became of each; of several with one id all but the first are duplicates.
    """
    told = [read(event, received_at=now) for event, _ in arrived]
    take_turns(connection, {subject for each in told for subject in each.subjects})
    stored = [_row(each, body, source) for each, (_, body) in zip(told, arrived, strict=True)]
    new = insert_once(connection, stripe_events, stored)
    fresh = {each.event.event_id: each for each in reversed(told) if each.event.event_id in new}
    rows = Rows(connection)
    first = [each for each in told if fresh.get(each.event.event_id) is each]
    became = apply_all(rows, first)
    _keep_waiting(connection, first, became)
    applied = {
        each.event.payment_intent_id
        for each, receipt in zip(first, became, strict=True)
        if receipt is Receipt.APPLIED and each.event.payment_intent_id
    }
    apply_again(rows, applied, Receipt.WAITING)
    rows.write()
    receipts = {id(each): receipt for each, receipt in zip(first, became, strict=True)}
    return [receipts.get(id(each), Receipt.DUPLICATE) for each in told]


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


def _keep_waiting(connection: Connection, told: Sequence[Told], became: Sequence[Receipt]) -> None:
    waiting = [
        each for each, receipt in zip(told, became, strict=True) if receipt is Receipt.WAITING
    ]
    mark(connection, waiting, [Receipt.WAITING] * len(waiting))


def open_payment(connection: Connection, checkout_id: str, payment_intent_id: str) -> None:
    """Know a payment that Stripe just answered with, and apply what was told of it before.

    The answer itself proves nothing here: only webhooks move the ledger.
    """
    rows = Rows(connection)
    link_payment(rows, checkout_id, payment_intent_id)
    apply_again(rows, [payment_intent_id], Receipt.WAITING)
    rows.write()
