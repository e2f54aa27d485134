"""What Stripe tells: into the ledger, and on to whom it concerns, in one transaction."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from service.payments.consents import learn_consent
from service.payments.following import follow
from service.payments.ledger.applying import Receipt
from service.payments.ledger.receiving import take_in
from service.payments.wire import StripeEvent
from service.store.session import Store


def receive(store: Store, event: StripeEvent, payload: bytes, *, now: datetime) -> Receipt:
    """Take in a verified webhook: stored, applied and followed, or nothing of it.

    Raises:
        StoreUnavailable: nothing was kept; Stripe will send it again.
    """
    with store.write() as connection:
        return take(connection, event, payload, now=now)


def take(
    connection: Connection,
    event: StripeEvent,
    payload: bytes,
    *,
    now: datetime,
    source: str | None = None,
) -> Receipt:
    """Take in an event inside a writing transaction; arguments as of `take_in`."""
    receipt = take_in(connection, event, payload, now=now, source=source)
    if receipt is Receipt.APPLIED:
        learn_consent(connection, event)
        follow(connection, event, now=now)
    return receipt
