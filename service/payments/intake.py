"""What Stripe tells: into the ledger, and on to whom it concerns, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from service.payments.consents import learn_consents
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
        (receipt,) = take(connection, [(event, payload)], now=now)
    return receipt


def take(
    connection: Connection,
    arrived: Sequence[tuple[StripeEvent, bytes]],
    *,
    now: datetime,
    source: str | None = None,
) -> list[Receipt]:
    """Take in events inside a writing transaction; arguments and result as of `take_in`."""
    receipts = take_in(connection, arrived, now=now, source=source)
    applied = [
        event
        for (event, _), receipt in zip(arrived, receipts, strict=True)
        if receipt is Receipt.APPLIED
    ]
    learn_consents(connection, applied)
    for event in applied:
        follow(connection, event, now=now)
    return receipts
