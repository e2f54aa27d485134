"""Another try of an invoice that Stripe itself tries no more, as banks and networks advise."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from service.errors import PaymentBusy, PaymentIndeterminate, PaymentRefused
from service.payments.dunning import CARD, Try, next_try
from service.payments.gateway import Collecting
from service.store.session import Store, insert_once
from service.store.tables import charges, invoice_payments, invoices, retries, subscriptions

log = logging.getLogger(__name__)
# Longer than the gateway's three tries together: nobody else asks meanwhile.
LEASE = timedelta(minutes=5)


class State(StrEnum):
    """Where a planned try stands."""

    PLANNED = "planned"
    DONE = "done"
    """Stripe was asked; what came of it is in the ledger."""
    NEEDLESS = "needless"
    """The invoice was paid, voided or given up before, or what it bills has ended."""
    FORBIDDEN = "forbidden"
    """Another try would be against advice."""


def plan_retry(connection: Connection, invoice_id: str, *, failed_at: datetime) -> datetime | None:
    """Plan the try after a failed one, once.

    Args:
        connection: a writing transaction.
        invoice_id: what was not paid.
        failed_at: when the last one failed, which tells it from the others: Stripe does not
            count tries that it is asked for.

    Returns:
        When it will be tried; None where that would be against advice, or was enough.
    """
    known = _tries(connection, invoice_id)
    # The charge's own event may come after the invoice's.
    due_at = next_try(known or [Try(failed_at)])
    row = {
        "retry_id": f"{invoice_id}:{failed_at:%Y%m%dT%H%M%S}",
        "invoice_id": invoice_id,
        "due_at": due_at,
        "state": (State.FORBIDDEN if due_at is None else State.PLANNED).value,
    }
    insert_once(connection, retries, [row])
    return due_at


@dataclass(frozen=True)
class Collector:
    """Tries what is due.

    Attributes:
        clock: the time now, in UTC.
    """

    store: Store
    gateway: Collecting
    clock: Callable[[], datetime]

    def collect(self) -> int:
        """Try every invoice whose time has come; how many Stripe was asked for.

        Raises:
            StoreUnavailable: the database does not answer; nothing is tried twice, because Stripe
                knows the key of each try.
        """
        return sum(self._try(retry_id, invoice_id) for retry_id, invoice_id in self._claimed())

    def _claimed(self) -> list[tuple[str, str]]:
        now = self.clock()
        due = (
            select(
                retries.c.retry_id,
                retries.c.invoice_id,
                invoices.c.status,
                subscriptions.c.status.label("plan"),
            )
            .outerjoin(invoices, invoices.c.invoice_id == retries.c.invoice_id)
            .outerjoin(subscriptions, subscriptions.c.subscription_id == invoices.c.subscription_id)
            .where(retries.c.state == State.PLANNED.value, retries.c.due_at <= now)
            .order_by(retries.c.due_at, retries.c.retry_id)
            .with_for_update(of=retries, skip_locked=True)
        )
        claimed = []
        with self.store.write() as connection:
            for row in connection.execute(due).all():
                values = _judged(connection, row, now)
                _change(connection, row.retry_id, **values)
                if "state" not in values and values["due_at"] == now + LEASE:
                    claimed.append((row.retry_id, row.invoice_id))
        return claimed

    def _try(self, retry_id: str, invoice_id: str) -> bool:
        try:
            outcome = self.gateway.pay_invoice(invoice_id, idempotency_key=f"retry:{retry_id}")
        except (PaymentBusy, PaymentIndeterminate) as exc:
            # The lease ends, and the same key asks again.
            log.warning("invoice %s is tried again later: %s", invoice_id, exc)
            return False
        except PaymentRefused as exc:
            outcome = str(exc)
        with self.store.write() as connection:
            _change(connection, retry_id, state=State.DONE.value, outcome=outcome)
        return True


def _judged(connection: Connection, planned: Any, now: datetime) -> dict[str, Any]:
    """What becomes of a planned try now: much may have happened since it was planned."""
    if planned.status != _OWED or planned.plan in _ENDED:
        return {"state": State.NEEDLESS.value}
    known = _tries(connection, planned.invoice_id)
    advised = next_try(known) if known else now
    if advised is None:
        return {"state": State.FORBIDDEN.value}
    return {"due_at": advised if advised > now else now + LEASE}


def _tries(connection: Connection, invoice_id: str) -> list[Try]:
    rows = connection.execute(_FAILED_TRIES, {"invoice": invoice_id})
    return [
        Try(
            row.charged_at,
            row.method or CARD,
            row.payment_method_id,
            row.failure_code,
            row.decline_code,
            row.advice_code,
            row.network_advice_code,
        )
        for row in rows
    ]


def _change(connection: Connection, retry_id: str, **values: Any) -> None:
    here = retries.c.retry_id == retry_id
    connection.execute(update(retries).where(here).values(**values))


_OWED = "open"
# Nobody pays for a plan that they no longer have.
_ENDED = frozenset({"canceled", "incomplete_expired"})
_FAILED_TRIES = (
    select(charges)
    .join(invoice_payments, invoice_payments.c.payment_intent_id == charges.c.payment_intent_id)
    .where(invoice_payments.c.invoice_id == bindparam("invoice"), charges.c.status == "failed")
    .order_by(charges.c.charged_at, charges.c.charge_id)
)
