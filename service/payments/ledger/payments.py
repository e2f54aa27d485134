"""Payments: what a PaymentIntent and all of its charges prove, and whose order they are."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select

from experiments import FunnelEvent
from service import funnel
from service.payments.gateway import Payment, PaymentStatus
from service.payments.ledger.facts import Charge, ChargeStatus, Dispute, Invoice
from service.payments.ledger.joining import snapshot_of
from service.payments.ledger.rows import Rows
from service.payments.ledger.standing import (
    Entry,
    Standing,
    join_standings,
    settled,
    standing_of,
)
from service.store.tables import bills, charges, payments, stripe_events

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Account:
    """The payment that a fact is about, opened before.

    Attributes:
        occurred_at: when Stripe says that it happened.
        received_at: when Kassa learnt of it.
    """

    rows: Rows
    payment_intent_id: str
    occurred_at: datetime
    received_at: datetime

    @property
    def entry(self) -> Entry:
        """What the ledger has of it now."""
        entry = self.rows.get(Entry, self.payment_intent_id)
        if entry is None:
            raise LookupError(f"{self.payment_intent_id} was opened and is not there")
        return entry

    @property
    def order(self) -> Row[Any] | None:
        """Whose it is; None where it belongs to no checkout."""
        checkout_id = self.entry.checkout_id
        return None if checkout_id is None else self.rows.order(checkout_id)


@dataclass(frozen=True)
class Opening:
    """What is known of a payment whose row may have to be made.

    Attributes:
        checkout_id: the order it is said to belong to, or None.
    """

    payment_intent_id: str
    checkout_id: str | None = None
    customer_id: str | None = None
    amount: int = 0
    currency: str | None = None
    created_at: datetime | None = None


def payment_of(connection: Connection, checkout_id: str) -> Row[Any] | None:
    """The ledger's row for a checkout: of several payments the one furthest along."""
    rows = connection.execute(_PAYMENTS_OF, {"checkout_id": checkout_id}).all()
    order = list(Standing)
    return max(rows, key=lambda row: order.index(Standing(row.status)), default=None)


def charges_of(connection: Connection, payment_intent_id: str) -> list[Charge]:
    """Every charge of a payment, declined ones included."""
    rows = connection.execute(_CHARGES_OF, {"payment_intent_id": payment_intent_id})
    return [snapshot_of(Charge, row) for row in rows]


def is_checkout(order_id: str | None) -> bool:
    """Whether an order id in Stripe's metadata is one of Kassa's, and not of another shop."""
    return order_id is not None and _CHECKOUT.fullmatch(order_id) is not None


def opened(rows: Rows, opening: Opening) -> None:
    """Have a row of the payment, linked as soon as its checkout is told.

    Args:
        rows: of the transaction, which gets the payment's turn.
        opening: what is known; a checkout that Kassa does not have is as good as none.
    """
    rows.hold([opening.payment_intent_id])
    entry = rows.get(Entry, opening.payment_intent_id)
    if entry is not None and entry.checkout_id is not None:
        return
    order = rows.order(opening.checkout_id) if opening.checkout_id else None
    if entry is None:
        entry = _new(opening)
        rows.put(entry)
    if order is not None:
        linked = {name: getattr(order, name) for name in ("checkout_id", "amount", "currency")}
        rows.put(replace(entry, **linked))


def learn_payment(payment: Payment, account: Account) -> None:
    """Add what a PaymentIntent says of itself."""
    entry, proved = account.entry, standing_of(payment)
    mismatch = _differs(account, payment.amount, payment.currency)
    if payment.charge_id is not None and payment.status is PaymentStatus.PROCESSING:
        account.rows.learn(_pending_charge(payment, payment.charge_id, account.occurred_at))
    succeeded_at = entry.succeeded_at
    if proved is Standing.SUCCEEDED:
        succeeded_at = min(filter(None, (succeeded_at, account.occurred_at)))
    if mismatch:
        log.error("%s: Stripe's amount is not the checkout's", payment.payment_intent_id)
    _settle(
        account,
        proved=join_standings(Standing(entry.proved), proved),
        amount=entry.amount if entry.checkout_id else max(entry.amount, payment.amount),
        amount_received=max(entry.amount_received, payment.amount_received),
        mismatch=entry.mismatch or mismatch,
        succeeded_at=succeeded_at,
        customer_id=entry.customer_id or payment.customer_id,
        created_at=entry.created_at or payment.created_at,
    )
    if proved is Standing.SUCCEEDED and not mismatch:
        key = payment.payment_intent_id
        _record(account, FunnelEvent.PAYMENT_SUCCEEDED, key, payment.amount_received)
    elif proved is Standing.FAILED and payment.failure is not None:
        # A failed authentication never becomes a charge; its card stands for the try.
        method = f"{payment.payment_intent_id}:{payment.failure.payment_method_id}"
        key = payment.failure.charge_id or method
        _record(account, FunnelEvent.PAYMENT_DECLINED, key, payment.amount)


def settle_invoice(invoice: Invoice, account: Account) -> None:
    """Let an order be paid whose invoice is, with whatever money: a bank transfer has no charge."""
    entry = account.entry
    _settle(
        account,
        proved=Standing.SUCCEEDED,
        amount_received=max(entry.amount_received, invoice.amount_paid),
        succeeded_at=min(filter(None, (entry.succeeded_at, account.occurred_at))),
    )
    key = account.payment_intent_id
    _record(account, FunnelEvent.PAYMENT_SUCCEEDED, key, invoice.amount_paid)


def settle_charge(charge: Charge, account: Account) -> None:
    """Let the payment follow one of its charges."""
    _settle(account)
    for event, happened, value in (
        (FunnelEvent.PAYMENT_DECLINED, charge.status is ChargeStatus.FAILED, charge.amount),
        (FunnelEvent.PAYMENT_PROCESSING, charge.status is ChargeStatus.PENDING, charge.amount),
        (FunnelEvent.PAYMENT_REFUNDED, charge.amount_refunded > 0, charge.amount_refunded),
        (FunnelEvent.PAYMENT_DISPUTED, charge.disputed, charge.amount),
    ):
        if happened:
            _record(account, event, charge.charge_id, value)
    settle_disputes(charge.charge_id, account)


def settle_disputes(charge_id: str, account: Account) -> None:
    """Mark a charge as disputed that any dispute names, whichever was told first."""
    disputes = account.rows.related(Dispute, "charge_id", charge_id)
    charge = account.rows.get(Charge, charge_id)
    if charge is None or not disputes:
        return
    if not charge.disputed:
        account.rows.put(replace(charge, disputed=True))
    first = min(disputes, key=lambda each: (each.created_at, each.dispute_id))
    # When it was told of, and not when this was applied: the same however often, in any order.
    told = account.rows.connection.scalar(_TOLD_AT, {"object": first.dispute_id})
    disputed = replace(
        account, occurred_at=first.created_at, received_at=told or account.received_at
    )
    _record(disputed, FunnelEvent.PAYMENT_DISPUTED, charge_id, charge.amount)


def _settle(account: Account, **values: Any) -> None:
    """Keep what is known, and where that leaves the payment."""
    entry = replace(account.entry, **values)
    charges = account.rows.related(Charge, "payment_intent_id", account.payment_intent_id)
    statuses = [ChargeStatus(charge.status) for charge in charges]
    now = replace(entry, status=settled(Standing(entry.proved), statuses))
    if now != account.entry:
        account.rows.put(now)


def _record(account: Account, event: FunnelEvent, key: str, value: int) -> None:
    order = account.order
    if order is None or order.unit_id is None:
        return
    funnel.record_joined(
        account.rows.connection,
        funnel.Event(
            event_id=f"{event}:{key}",
            unit_id=order.unit_id,
            checkout_id=order.checkout_id,
            name=event,
            occurred_at=account.occurred_at,
            received_at=account.received_at,
            value=value,
            currency=account.entry.currency,
        ),
    )


def _new(opening: Opening) -> Entry:
    return Entry(
        payment_intent_id=opening.payment_intent_id,
        checkout_id=None,
        customer_id=opening.customer_id,
        status=Standing.OPEN,
        proved=Standing.OPEN,
        amount=opening.amount,
        currency=opening.currency or "",
        created_at=opening.created_at,
    )


def _differs(account: Account, amount: int, currency: str | None) -> bool:
    """Whether Stripe's amount is not the order's; of an invoice paid in part the rest is asked."""
    order = account.order
    if order is None or (amount, currency or order.currency) == (order.amount, order.currency):
        return False
    rest = currency == order.currency and amount < order.amount
    return not (rest and _is_billed(account))


def _is_billed(account: Account) -> bool:
    values = {"payment_intent_id": account.payment_intent_id}
    return account.rows.connection.execute(_BILLED, values).one_or_none() is not None


def _pending_charge(payment: Payment, charge_id: str, at: datetime) -> Charge:
    return Charge(
        observed_at=at,
        charge_id=charge_id,
        payment_intent_id=payment.payment_intent_id,
        status=ChargeStatus.PENDING,
        amount=payment.amount,
        currency=payment.currency or "",
        charged_at=at,
    )


_CHECKOUT = re.compile(r"co_[\w-]{1,37}", re.ASCII)
_PAYMENTS_OF = select(payments).where(payments.c.checkout_id == bindparam("checkout_id"))
_CHARGES_OF = (
    select(charges)
    .where(charges.c.payment_intent_id == bindparam("payment_intent_id"))
    .order_by(charges.c.charge_id)
)
# A dispute is told of in events of its own.
_TOLD_AT = select(func.min(stripe_events.c.received_at)).where(
    stripe_events.c.object_id == bindparam("object")
)
_BILLED = select(bills.c.checkout_id).where(
    bills.c.payment_intent_id == bindparam("payment_intent_id")
)
