"""What events do to the ledger: read first, each by itself; then applied, together."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import CompoundSelect, Connection, Select, bindparam, select, union, update

from service.errors import Malformed
from service.payments.gateway import Payment
from service.payments.ledger.facts import Charge, Dispute, Invoice, InvoicePayment
from service.payments.ledger.joining import Snapshot
from service.payments.ledger.payments import (
    Account,
    Opening,
    is_checkout,
    learn_payment,
    opened,
    settle_charge,
    settle_disputes,
    settle_invoice,
)
from service.payments.ledger.reading import authentication_of, read_snapshots
from service.payments.ledger.rows import Rows, key_of
from service.payments.ledger.standing import Entry
from service.payments.wire import StripeEvent, read_event, read_payment
from service.store.session import among
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


@dataclass(frozen=True)
class Told:
    """An event, read.

    Attributes:
        refused: what becomes of it without a look at the ledger; None where it may be applied.
        payment: of an intent what it says of the payment.
        snapshots: what it says of other objects.
        order_id: the checkout of Kassa that it says it is about; it waits for that.
    """

    event: StripeEvent
    received_at: datetime
    refused: Receipt | None = None
    payment: Payment | None = None
    snapshots: Sequence[Snapshot] = ()
    order_id: str | None = None

    @property
    def subjects(self) -> set[str]:
        """Whose turn it needs: its payment's, or its object's, or its own; and its invoice's."""
        about = self.event.payment_intent_id or self.event.object_id or self.event.event_id
        return {about} | {s.invoice_id for s in self.snapshots if isinstance(s, InvoicePayment)}

    @property
    def invoices(self) -> set[str]:
        """The invoices of orders whose payments it may move."""
        return {
            snapshot.invoice_id
            for snapshot in self.snapshots
            if isinstance(snapshot, InvoicePayment)
            or (isinstance(snapshot, Invoice) and snapshot.checkout_id is not None)
        }


def read(event: StripeEvent, *, received_at: datetime) -> Told:
    """What an event says, before anybody knows whether it can be applied.

    Args:
        event: as Stripe sent it.
        received_at: when it came.
    """
    try:
        return _read(event, received_at)
    except Malformed as exc:
        log.error("webhook %s is kept and not applied: %s", event.event_id, exc)  # noqa: TRY400 - the sentence is what an operator needs
        return Told(event, received_at, refused=Receipt.UNREADABLE)


def apply_all(rows: Rows, told: Sequence[Told]) -> list[Receipt]:
    """Let the ledger learn from events, one after the other; again, and it learns nothing new.

    Args:
        rows: whoever calls holds the turns of `subjects_of` the events, and writes the rows.
        told: in any order.

    Returns:
        What became of each.
    """
    _look_up(rows, told)
    return [each.refused or _apply(rows, each) for each in told]


def apply_again(rows: Rows, payment_intent_ids: Iterable[str], *states: Receipt) -> None:
    """Apply the events of payments again, those in these states: they have got their checkouts."""
    wanted = sorted(payment_intent_ids)
    if wanted:
        stored = _of_payments(rows.connection.dialect.name, states)
        _apply_stored(rows, stored, {"payments": wanted})


def _apply_stored(rows: Rows, stored: Select[Any], wanted: Mapping[str, Any]) -> None:
    told = [
        read(read_event(row.payload), received_at=row.received_at)
        for row in rows.connection.execute(stored, wanted)
    ]
    mark(rows.connection, told, apply_all(rows, told))


def link_payment(rows: Rows, checkout_id: str, payment_intent_id: str) -> None:
    """Know that a payment is a checkout's, and let everything told of it so far count there."""
    billed = rows.connection.scalars(_BILLED, {"payment": payment_intent_id})
    # What an invoice's event finds may be another event's that is just being written.
    rows.hold({payment_intent_id, *billed})
    before = rows.get(Entry, payment_intent_id)
    opened(rows, Opening(payment_intent_id, checkout_id))
    if before is None or before.checkout_id is None:
        apply_again(rows, [payment_intent_id], Receipt.WAITING, Receipt.APPLIED)
    # Its invoice may have been paid with other money before the bill was written down.
    _apply_stored(rows, _OF_INVOICE, {"payment": payment_intent_id})


def subjects_of(connection: Connection, told: Iterable[Told]) -> set[str]:
    """Whose turns the events need, with the payments of the invoices that they tell of."""
    subjects, orders = set[str](), set[str]()
    for each in told:
        subjects |= each.subjects
        orders |= each.invoices
    if orders:
        paid = _paid_by(connection.dialect.name)
        subjects.update(connection.scalars(paid, {"invoices": sorted(orders)}))
    return subjects


def mark(connection: Connection, told: Sequence[Told], receipts: Sequence[Receipt]) -> None:
    """Write down what became of events."""
    became: dict[Receipt, list[str]] = defaultdict(list)
    for each, receipt in zip(told, receipts, strict=True):
        became[receipt].append(each.event.event_id)
    for receipt, event_ids in became.items():
        connection.execute(_MARK, {"events": sorted(event_ids), "receipt": receipt.value})


def _read(event: StripeEvent, received_at: datetime) -> Told:
    obj = event.data["object"]
    if obj.get("object") in _INTENTS:
        payment = read_payment(obj)
        failed = authentication_of(obj, event.created_at)
        return Told(
            event,
            received_at,
            payment=payment,
            snapshots=() if failed is None else (failed,),
            order_id=payment.order_id if is_checkout(payment.order_id) else None,
        )
    snapshots = read_snapshots(event.type, event.event_id, event.data, event.created_at)
    if snapshots is None:
        return Told(event, received_at, refused=Receipt.IGNORED)
    order_id = _order_id(event) if event.payment_intent_id else None
    return Told(event, received_at, snapshots=snapshots, order_id=order_id)


def _order_id(event: StripeEvent) -> str | None:
    metadata = event.data["object"].get("metadata")
    found = metadata.get("order_id") if isinstance(metadata, dict) else None
    return found if isinstance(found, str) and is_checkout(found) else None


def _look_up(rows: Rows, told: Sequence[Told]) -> None:
    """Read in a few queries what the events will ask for."""
    known: dict[type[Snapshot], set[str]] = defaultdict(set)
    paying, charged = set[str](), set[str]()
    for each in told:
        if each.payment is not None:
            paying.add(each.payment.payment_intent_id)
        for snapshot in each.snapshots:
            known[type(snapshot)].add(key_of(snapshot))
            if isinstance(snapshot, Charge | Dispute):
                paying.update(filter(None, [snapshot.payment_intent_id]))
                charged.update(filter(None, [snapshot.charge_id]))
            elif isinstance(snapshot, InvoicePayment):
                known[Invoice].add(snapshot.invoice_id)
    known[Charge] |= charged
    for kind, keys in known.items():
        rows.look_up(kind, keys)
    rows.look_up(Entry, paying)
    rows.look_up_related(Charge, "payment_intent_id", paying)
    rows.look_up_related(Dispute, "charge_id", charged)
    rows.look_up_orders({each.order_id for each in told if each.order_id})


def _apply(rows: Rows, told: Told) -> Receipt:
    if told.order_id is not None and rows.order(told.order_id) is None:
        return Receipt.WAITING
    if told.payment is not None:
        opening = Opening(
            payment_intent_id=told.payment.payment_intent_id,
            checkout_id=told.order_id,
            customer_id=told.payment.customer_id,
            amount=told.payment.amount,
            currency=told.payment.currency,
            created_at=told.payment.created_at,
        )
        learn_payment(told.payment, _opened(rows, opening, told))
    for snapshot in told.snapshots:
        rows.learn(snapshot)
        # What this event says, and not what is known by now: that happened at another time.
        follow = _FOLLOWED.get(type(snapshot))
        if follow is not None:
            follow(rows, snapshot, told)
    return Receipt.APPLIED


def _follow_charge(rows: Rows, charge: Any, told: Told) -> None:
    account = _account_of(rows, charge, told)
    if account is not None:
        settle_charge(charge, account)


def _follow_dispute(rows: Rows, dispute: Any, told: Told) -> None:
    account = _account_of(rows, dispute, told)
    if account is not None and dispute.charge_id is not None:
        settle_disputes(dispute.charge_id, account)


def _account_of(rows: Rows, about: Any, told: Told) -> Account | None:
    if about.payment_intent_id is None:
        return None
    opening = Opening(
        payment_intent_id=about.payment_intent_id,
        checkout_id=told.order_id,
        amount=about.amount,
        currency=about.currency,
    )
    return _opened(rows, opening, told)


def _opened(rows: Rows, opening: Opening, told: Told) -> Account:
    opened(rows, opening)
    return Account(rows, opening.payment_intent_id, told.event.created_at, told.received_at)


def _follow_invoice_payment(rows: Rows, about: Any, _told: Told) -> None:
    """Link the payments of a checkout's invoice to it, whichever of the three was told first."""
    invoice = rows.get(Invoice, about.invoice_id)
    if invoice is None or invoice.checkout_id is None:
        return
    rows.write()
    for row in rows.connection.execute(_TO_LINK, {"invoice": about.invoice_id}).all():
        link_payment(rows, row.checkout_id, row.payment_intent_id)


def _follow_invoice(rows: Rows, invoice: Any, told: Told) -> None:
    _follow_invoice_payment(rows, invoice, told)
    # A trial's is paid at once, with nothing.
    if invoice.status != "paid" or not invoice.amount_paid or invoice.checkout_id is None:
        return
    bill = rows.connection.execute(_BILL, {"invoice": invoice.invoice_id}).one_or_none()
    if bill is not None and bill.payment_intent_id is not None:
        opening = Opening(bill.payment_intent_id, bill.checkout_id)
        settle_invoice(invoice, _opened(rows, opening, told))


_Follow = Callable[[Rows, Any, Told], None]
_FOLLOWED: Mapping[type[Snapshot], _Follow] = {
    Charge: _follow_charge,
    Dispute: _follow_dispute,
    Invoice: _follow_invoice,
    InvoicePayment: _follow_invoice_payment,
}
_MARK = (
    update(stripe_events)
    .where(stripe_events.c.event_id.in_(bindparam("events", expanding=True)))
    .values(state=bindparam("receipt"))
)
_BILL = select(bills.c.checkout_id, bills.c.payment_intent_id).where(
    bills.c.invoice_id == bindparam("invoice")
)
_STORED = select(
    stripe_events.c.event_id, stripe_events.c.payload, stripe_events.c.received_at
).order_by(stripe_events.c.received_at, stripe_events.c.event_id)


@lru_cache(maxsize=8)
def _of_payments(dialect: str, states: tuple[Receipt, ...]) -> Select[Any]:
    about = among(dialect, stripe_events.c.payment_intent_id, "payments")
    return _STORED.where(about, stripe_events.c.state.in_([state.value for state in states]))


_OF_INVOICE = _STORED.join(bills, bills.c.invoice_id == stripe_events.c.object_id).where(
    bills.c.payment_intent_id == bindparam("payment")
)
_BILLED = select(bills.c.invoice_id).where(
    bills.c.payment_intent_id == bindparam("payment"), bills.c.invoice_id.is_not(None)
)


@lru_cache(maxsize=2)
def _paid_by(dialect: str) -> CompoundSelect[tuple[str]]:
    return union(
        *(
            select(table.c.payment_intent_id).where(
                among(dialect, table.c.invoice_id, "invoices"),
                table.c.payment_intent_id.is_not(None),
            )
            for table in (bills, invoice_payments)
        )
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
