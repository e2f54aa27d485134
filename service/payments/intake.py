"""What Stripe tells: into the ledger, and on to whom it concerns, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from service.payments.consents import learn_consents
from service.payments.following import follow
from service.payments.ledger.applying import Receipt
from service.payments.ledger.receiving import Arrival, take_in
from service.payments.wire import StripeEvent
from service.store.session import Store
from service.store.together import Together


class Intake:
    """Takes webhooks in; those that come at the same time share a transaction, and its sync."""

    def __init__(self, store: Store) -> None:
        self._together = Together(store, take)

    def receive(self, event: StripeEvent, payload: bytes, *, now: datetime) -> Receipt:
        """Take in a verified webhook: stored, applied and followed, or nothing of it.

        Raises:
            StoreUnavailable: nothing was kept; Stripe will send it again.
        """
        return self._together.write(Arrival(event, payload, now))


def take(
    connection: Connection, arrivals: Sequence[Arrival], *, source: str | None = None
) -> list[Receipt]:
    """Take in events inside a writing transaction; arguments, result and errors as of `take_in`."""
    receipts = take_in(connection, arrivals, source=source)
    applied = [
        arrival
        for arrival, receipt in zip(arrivals, receipts, strict=True)
        if receipt is Receipt.APPLIED
    ]
    learn_consents(connection, [arrival.event for arrival in applied])
    for arrival in applied:
        follow(connection, arrival.event, now=arrival.at)
    return receipts
