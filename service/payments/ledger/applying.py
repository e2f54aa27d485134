"""What an event does to the ledger."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select, text, update

from service.errors import Malformed
from service.payments.ledger import facts
from service.payments.ledger.joining import Snapshot
from service.payments.ledger.payments import (
    Account,
    Opening,
    is_checkout,
    is_known,
    learn_payment,
    opened,
    settle_charge,
    settle_disputes,
    settle_invoice,
)
from service.payments.ledger.reading import authentication_of, read_snapshots
from service.payments.ledger.snapshots import learn
from service.payments.wire import StripeEvent, read_event, read_payment
from service.store.tables import (
    bills,
    checkouts,
    invoice_payments,
    invoices,
    payments,
    stripe_events,
)

log = logging.getLogger(__name__)
_INTENTS = frozenset({"payment_intent", "setup_intent"})
# Of these invoices the first payment is the checkout's own; renewals are nobody's conversion.
_OF_A_CHECKOUT = ("manual", "subscription_create")


class Receipt(StrEnum):
    """What became of a webhook."""

    APPLIED = "applied"
    WAITING = "waiting"
    IGNORED = "ignored"
    UNREADABLE = "unreadable"
    DUPLICATE = "duplicate"


def apply_event(connection: Connection, event: StripeEvent, *, received_at: datetime) -> Receipt:
    """Let the ledger learn from an event; again, and it learns nothing new.

    Args:
        connection: a writing transaction.
        event: as Stripe sent it.
        received_at: when it came.
    """
    try:
        return _applied(connection, event, received_at)
    except Malformed as exc:
        log.error("webhook %s is kept and not applied: %s", event.event_id, exc)  # noqa: TRY400 - the sentence is what an operator needs
        return Receipt.UNREADABLE


def apply_again(connection: Connection, payment_intent_id: str, *states: Receipt) -> None:
    """Apply the events of a payment again, those in these states: it has got its checkout."""
    told = select(stripe_events.c.event_id, stripe_events.c.payload, stripe_events.c.received_at)
    about = stripe_events.c.payment_intent_id == payment_intent_id
    _apply_all(connection, told.where(about, stripe_events.c.state.in_(states)))


def _apply_all(connection: Connection, told: Select[Any]) -> None:
    in_order = told.order_by(stripe_events.c.received_at, stripe_events.c.event_id)
    for row in connection.execute(in_order).all():
        receipt = apply_event(connection, read_event(row.payload), received_at=row.received_at)
        mark(connection, row.event_id, receipt)


def link_payment(connection: Connection, checkout_id: str, payment_intent_id: str) -> None:
    """Know that a payment is a checkout's, and let everything told of it so far count there."""
    # What an invoice's event finds may be another event's that is just being written.
    one_at_a_time(connection, payment_intent_id)
    opening = Opening(payment_intent_id, checkout_id)
    before = connection.execute(_OWNER, {"payment": payment_intent_id}).one_or_none()
    opened(connection, opening)
    if before is None or before.checkout_id is None:
        apply_again(connection, payment_intent_id, Receipt.WAITING, Receipt.APPLIED)
    # Its invoice may have been paid with other money before the bill was written down.
    _apply_all(connection, _OF_INVOICE.params(payment=payment_intent_id))


def one_at_a_time(connection: Connection, subject: str | None) -> None:
    """Let the events of one payment take turns, also before it has a row to lock.

    Else one that waits for what another is just writing would wait for ever.
    """
    if subject is not None and connection.dialect.name == "postgresql":
        connection.execute(_TURN, {"subject": subject})


def mark(connection: Connection, event_id: str, receipt: Receipt) -> None:
    """Write down what became of an event."""
    connection.execute(_MARK, {"event": event_id, "receipt": receipt.value})


def _applied(connection: Connection, event: StripeEvent, received_at: datetime) -> Receipt:
    obj = event.data["object"]
    if obj.get("object") in _INTENTS:
        return _apply_intent(connection, event, received_at)
    told = read_snapshots(event.type, event.event_id, event.data, event.created_at)
    if told is None:
        return Receipt.IGNORED
    order_id = (obj.get("metadata") or {}).get("order_id") if event.payment_intent_id else None
    if _waits(connection, order_id):
        return Receipt.WAITING
    for snapshot in told:
        learn(connection, snapshot)
        # What this event says, and not what is known by now: that happened at another time.
        follow = _FOLLOWED.get(type(snapshot))
        if follow is not None:
            follow(connection, snapshot, event, received_at)
    return Receipt.APPLIED


def _waits(connection: Connection, order_id: str | None) -> bool:
    return order_id is not None and is_checkout(order_id) and not is_known(connection, order_id)


def _apply_intent(connection: Connection, event: StripeEvent, received_at: datetime) -> Receipt:
    obj = event.data["object"]
    payment = read_payment(obj)
    if _waits(connection, payment.order_id):
        return Receipt.WAITING
    opening = Opening(
        payment_intent_id=payment.payment_intent_id,
        checkout_id=payment.order_id,
        customer_id=payment.customer_id,
        amount=payment.amount,
        currency=payment.currency,
        created_at=payment.created_at,
    )
    row = opened(connection, opening)
    learn_payment(payment, Account(connection, row, event.created_at, received_at))
    failed = authentication_of(obj, event.created_at)
    if failed is not None:
        learn(connection, failed)
    return Receipt.APPLIED


def _follow_charge(
    connection: Connection, charge: Any, event: StripeEvent, received_at: datetime
) -> None:
    account = _account_of(connection, charge, event, received_at)
    if account is not None:
        settle_charge(charge, account)


def _follow_dispute(
    connection: Connection, dispute: Any, event: StripeEvent, received_at: datetime
) -> None:
    account = _account_of(connection, dispute, event, received_at)
    if account is not None and dispute.charge_id is not None:
        settle_disputes(dispute.charge_id, account)


def _account_of(
    connection: Connection, about: Any, event: StripeEvent, received_at: datetime
) -> Account | None:
    if about.payment_intent_id is None:
        return None
    opening = Opening(
        payment_intent_id=about.payment_intent_id,
        checkout_id=(event.data["object"].get("metadata") or {}).get("order_id"),
        amount=about.amount,
        currency=about.currency,
    )
    row = opened(connection, opening)
    return Account(connection, row, event.created_at, received_at)


def _follow_invoice_payment(
    connection: Connection, about: Any, _event: StripeEvent, _received_at: datetime
) -> None:
    """Link the payments of a checkout's invoice to it, whichever of the three was told first."""
    linked = connection.execute(_TO_LINK, {"invoice": about.invoice_id}).all()
    for row in linked:
        link_payment(connection, row.checkout_id, row.payment_intent_id)


def _follow_invoice(
    connection: Connection, invoice: Any, event: StripeEvent, received_at: datetime
) -> None:
    _follow_invoice_payment(connection, invoice, event, received_at)
    # A trial's is paid at once, with nothing.
    if invoice.status != "paid" or not invoice.amount_paid:
        return
    bill = connection.execute(_BILL, {"invoice": invoice.invoice_id}).one_or_none()
    if bill is not None and bill.payment_intent_id is not None:
        row = opened(connection, Opening(bill.payment_intent_id, bill.checkout_id))
        settle_invoice(invoice, Account(connection, row, event.created_at, received_at))


_Follow = Callable[[Connection, Any, StripeEvent, datetime], None]
_FOLLOWED: Mapping[type[Snapshot], _Follow] = {
    facts.Charge: _follow_charge,
    facts.Dispute: _follow_dispute,
    facts.Invoice: _follow_invoice,
    facts.InvoicePayment: _follow_invoice_payment,
}
_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended(:subject, 0))")
_MARK = (
    update(stripe_events)
    .where(stripe_events.c.event_id == bindparam("event"))
    .values(state=bindparam("receipt"))
)
_OWNER = select(payments.c.checkout_id).where(payments.c.payment_intent_id == bindparam("payment"))
_BILL = select(bills.c.checkout_id, bills.c.payment_intent_id).where(
    bills.c.invoice_id == bindparam("invoice")
)
_OF_INVOICE = (
    select(stripe_events.c.event_id, stripe_events.c.payload, stripe_events.c.received_at)
    .join(bills, bills.c.invoice_id == stripe_events.c.object_id)
    .where(bills.c.payment_intent_id == bindparam("payment"))
)
_TO_LINK = (
    select(invoices.c.checkout_id, invoice_payments.c.payment_intent_id)
    .join(invoice_payments, invoice_payments.c.invoice_id == invoices.c.invoice_id)
    .join(checkouts, checkouts.c.checkout_id == invoices.c.checkout_id)
    .outerjoin(payments, payments.c.payment_intent_id == invoice_payments.c.payment_intent_id)
    .where(
        invoices.c.invoice_id == bindparam("invoice"),
        invoices.c.billing_reason.in_(_OF_A_CHECKOUT),
        invoice_payments.c.payment_intent_id.is_not(None),
        payments.c.checkout_id.is_(None),
    )
)
