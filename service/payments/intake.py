"""What Stripe tells: into the ledger, and on to whom it concerns, in one transaction."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from service.errors import StoreBusy, StoreUnavailable
from service.payments.consents import learn_consents
from service.payments.following import follow
from service.payments.ledger.applying import Receipt
from service.payments.ledger.receiving import Arrival, take_in
from service.payments.wire import StripeEvent
from service.store.session import Store

log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Asked:
    arrival: Arrival
    receipt: Receipt | None = None
    error: Exception | None = None

    @property
    def done(self) -> bool:
        return self.receipt is not None or self.error is not None


class Intake:
    """Takes webhooks in; those that come at the same time share a transaction, and its sync."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: deque[_Asked] = deque()
        self._turn = threading.Lock()

    def receive(self, event: StripeEvent, payload: bytes, *, now: datetime) -> Receipt:
        """Take in a verified webhook: stored, applied and followed, or nothing of it.

        Raises:
            StoreUnavailable: nothing was kept; Stripe will send it again.
        """
        asked = _Asked(Arrival(event, payload, now))
        self._waiting.append(asked)
        with self._turn:
            # Whoever had the turn before may have taken it along.
            if not asked.done:
                self._take_waiting()
        if asked.receipt is None:
            raise asked.error or LookupError(f"{event.event_id} was not taken in")
        return asked.receipt

    def _take_waiting(self) -> None:
        together = [self._waiting.popleft() for _ in range(len(self._waiting))]
        try:
            self._take(together)
        except StoreBusy as exc:
            self._take_apart(together, exc)
        except StoreUnavailable as exc:
            _fail(together, exc)
        except Exception as exc:  # a defect that one of them meets must not end the others
            log.exception("%d webhooks are taken in one by one", len(together))
            self._take_apart(together, exc)

    def _take_apart(self, together: Sequence[_Asked], reason: Exception) -> None:
        """One that can't be taken in now, or at all, must not keep the others out."""
        if len(together) == 1:
            _fail(together, reason)
            return
        for asked in together:
            try:
                self._take([asked])
            except StoreBusy as exc:
                asked.error = exc
            except StoreUnavailable as exc:
                _fail(together, exc)
                return
            except Exception as exc:  # noqa: BLE001 - raised where it was asked for
                asked.error = exc

    def _take(self, together: Sequence[_Asked]) -> None:
        with self._store.write() as connection:
            receipts = take(connection, [asked.arrival for asked in together])
        for asked, receipt in zip(together, receipts, strict=True):
            asked.receipt = receipt


def _fail(together: Sequence[_Asked], error: Exception) -> None:
    for asked in together:
        if not asked.done:
            asked.error = error


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
