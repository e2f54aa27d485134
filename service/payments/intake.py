"""What Stripe tells: into the ledger, and on to whom it concerns, in one transaction."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from service.errors import StoreUnavailable
from service.payments.consents import learn_consents
from service.payments.following import follow
from service.payments.ledger.applying import Receipt
from service.payments.ledger.receiving import take_in
from service.payments.wire import StripeEvent
from service.store.session import Store

log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Arrival:
    event: StripeEvent
    payload: bytes
    now: datetime
    receipt: Receipt | None = None
    error: Exception | None = None

    @property
    def done(self) -> bool:
        return self.receipt is not None or self.error is not None


class Intake:
    """Takes webhooks in; those that come at the same time share a transaction, and its sync."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: deque[_Arrival] = deque()
        self._turn = threading.Lock()

    def receive(self, event: StripeEvent, payload: bytes, *, now: datetime) -> Receipt:
        """Take in a verified webhook: stored, applied and followed, or nothing of it.

        Raises:
            StoreUnavailable: nothing was kept; Stripe will send it again.
        """
        arrival = _Arrival(event, payload, now)
        self._waiting.append(arrival)
        with self._turn:
            # Whoever had the turn before may have taken it along.
            if not arrival.done:
                self._take_waiting()
        if arrival.receipt is None:
            raise arrival.error or LookupError(f"{event.event_id} was not taken in")
        return arrival.receipt

    def _take_waiting(self) -> None:
        arrivals = [self._waiting.popleft() for _ in range(len(self._waiting))]
        try:
            self._take(arrivals)
        except StoreUnavailable as exc:
            for arrival in arrivals:
                arrival.error = exc
        except Exception:
            # One that can't be taken in must not keep the others out.
            log.exception("%d webhooks are taken in one by one", len(arrivals))
            for arrival in arrivals:
                self._take_alone(arrival)

    def _take_alone(self, arrival: _Arrival) -> None:
        try:
            self._take([arrival])
        except Exception as exc:  # noqa: BLE001 - raised where it was asked for
            arrival.error = exc

    def _take(self, arrivals: Sequence[_Arrival]) -> None:
        arrived = [(arrival.event, arrival.payload) for arrival in arrivals]
        with self._store.write() as connection:
            receipts = take(connection, arrived, now=max(arrival.now for arrival in arrivals))
        for arrival, receipt in zip(arrivals, receipts, strict=True):
            arrival.receipt = receipt


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
