"""Payments: what a PaymentIntent and all of its charges prove, and whose order they are."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, update

from experiments import FunnelEvent
from service import funnel
from service.payments.gateway import Payment, PaymentStatus
from service.payments.ledger.facts import Charge, ChargeStatus, Invoice
from service.payments.ledger.joining import snapshot_of
from service.payments.ledger.snapshots import learn
from service.payments.ledger.standing import Standing, join_standings, settled, standing_of
from service.store.session import insert_once
from service.store.tables import bills, charges, checkouts, disputes, payments, stripe_events

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Account:
    """The payment that a fact is about, its row locked until the transaction ends.

    Attributes:
        row: of the payment, with its visitor; no visitor where it belongs to no checkout.
        occurred_at: when Stripe says that it happened.
        received_at: when Kassa learnt of it.
    """

    connection: Connection
    row: Row[Any]
    occurred_at: datetime
    received_at: datetime


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


def is_known(connection: Connection, checkout_id: str) -> bool:
    """Whether Kassa has this checkout."""
    return connection.execute(_ORDER, {"order": checkout_id}).one_or_none() is not None


def opened(connection: Connection, opening: Opening) -> Row[Any]:
    """The payment's row, made when it is new, linked when its checkout is told for the first time.

    Args:
        connection: a writing transaction.
        opening: what is known; a checkout that Kassa does not have is as good as none.
    """
    row = _locked(connection, opening.payment_intent_id)
    checkout = (
        opening.checkout_id
        and connection.execute(_ORDER, {"order": opening.checkout_id}).one_or_none()
    )
    if row is None:
        insert_once(connection, payments, [_new(opening, checkout or None)])
        row = _locked(connection, opening.payment_intent_id)
    elif row.checkout_id is None and checkout:
        _change(
            connection,
            row,
            checkout_id=checkout.checkout_id,
            amount=checkout.amount,
            currency=checkout.currency,
        )
        row = _locked(connection, opening.payment_intent_id)
    if row is None:
        raise LookupError(f"{opening.payment_intent_id} was written and is not there")
    return row


def learn_payment(payment: Payment, account: Account) -> None:
    """Add what a PaymentIntent says of itself."""
    row, proved = account.row, standing_of(payment)
    mismatch = row.checkout_id is not None and _differs(account, payment.amount, payment.currency)
    if payment.charge_id is not None and payment.status is PaymentStatus.PROCESSING:
        learn(account.connection, _pending_charge(payment, payment.charge_id, account.occurred_at))
    succeeded_at = row.succeeded_at
    if proved is Standing.SUCCEEDED:
        succeeded_at = min(filter(None, (succeeded_at, account.occurred_at)))
    if mismatch:
        log.error("%s: Stripe's amount is not the checkout's", payment.payment_intent_id)
    _settle(
        account,
        proved=join_standings(Standing(row.proved), proved).value,
        amount=max(row.amount, payment.amount) if row.checkout_id is None else row.amount,
        amount_received=max(row.amount_received, payment.amount_received),
        mismatch=row.mismatch or mismatch,
        succeeded_at=succeeded_at,
        customer_id=row.customer_id or payment.customer_id,
        created_at=row.created_at or payment.created_at,
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
    paid_at = min(filter(None, (account.row.succeeded_at, account.occurred_at)))
    _settle(
        account,
        proved=Standing.SUCCEEDED.value,
        amount_received=max(account.row.amount_received, invoice.amount_paid),
        succeeded_at=paid_at,
    )
    key = account.row.payment_intent_id
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
    connection = account.connection
    row = connection.execute(_CHARGE, {"charge": charge_id}).one_or_none()
    first = connection.execute(_FIRST_DISPUTE, {"charge": charge_id}).first()
    if row is None or first is None:
        return
    if not row.disputed:
        here = charges.c.charge_id == charge_id
        connection.execute(update(charges).where(here).values(disputed=True))
    # When it was told of, and not when this was applied: the same however often, in any order.
    told_at = first.told_at or account.received_at
    disputed = Account(connection, account.row, first.created_at, told_at)
    _record(disputed, FunnelEvent.PAYMENT_DISPUTED, charge_id, row.amount)


def _settle(account: Account, **values: Any) -> None:
    """Write what is known, and where that leaves the payment."""
    key = account.row.payment_intent_id
    statuses = _statuses(account.connection, key)
    proved = Standing(values.get("proved", account.row.proved))
    _change(account.connection, account.row, status=settled(proved, statuses).value, **values)


def _statuses(connection: Connection, payment_intent_id: str) -> Sequence[ChargeStatus]:
    rows = connection.scalars(_STATUSES, {"payment_intent_id": payment_intent_id})
    return [ChargeStatus(status) for status in rows]


def _record(account: Account, event: FunnelEvent, key: str, value: int) -> None:
    if account.row.unit_id is None:
        return
    funnel.record_joined(
        account.connection,
        funnel.Event(
            event_id=f"{event}:{key}",
            unit_id=account.row.unit_id,
            checkout_id=account.row.checkout_id,
            name=event,
            occurred_at=account.occurred_at,
            received_at=account.received_at,
            value=value,
            currency=account.row.currency,
        ),
    )


def _new(opening: Opening, checkout: Any | None) -> dict[str, Any]:
    return {
        "payment_intent_id": opening.payment_intent_id,
        "checkout_id": checkout.checkout_id if checkout else None,
        "customer_id": opening.customer_id,
        "status": Standing.OPEN.value,
        "proved": Standing.OPEN.value,
        "amount": checkout.amount if checkout else opening.amount,
        "amount_received": 0,
        "currency": checkout.currency if checkout else opening.currency or "",
        "mismatch": False,
        "created_at": opening.created_at,
    }


def _differs(account: Account, amount: int, currency: str | None) -> bool:
    """Whether Stripe's amount is not the order's; of an invoice paid in part the rest is asked."""
    order = account.connection.execute(_ORDER, {"order": account.row.checkout_id}).one()
    if (amount, currency or order.currency) == (order.amount, order.currency):
        return False
    rest = currency == order.currency and amount < order.amount
    return not (rest and _is_billed(account))


def _is_billed(account: Account) -> bool:
    values = {"payment_intent_id": account.row.payment_intent_id}
    return account.connection.execute(_BILLED, values).one_or_none() is not None


def _locked(connection: Connection, payment_intent_id: str) -> Row[Any] | None:
    return connection.execute(_LOCKED, {"payment_intent_id": payment_intent_id}).one_or_none()


def _change(connection: Connection, row: Row[Any], **values: Any) -> None:
    here = payments.c.payment_intent_id == row.payment_intent_id
    connection.execute(update(payments).where(here).values(**values))


def _pending_charge(payment: Payment, charge_id: str, at: datetime) -> Charge:
    return Charge(
        observed_at=at,
        charge_id=charge_id,
        payment_intent_id=payment.payment_intent_id,
        status=ChargeStatus.PENDING,
        amount=payment.amount,
        currency=payment.currency or "",
        charged_at=at,
    ).versioned()


_CHECKOUT = re.compile(r"co_[\w-]{1,37}", re.ASCII)
_PAYMENTS_OF = select(payments).where(payments.c.checkout_id == bindparam("checkout_id"))
_CHARGES_OF = (
    select(charges)
    .where(charges.c.payment_intent_id == bindparam("payment_intent_id"))
    .order_by(charges.c.charge_id)
)
_STATUSES = select(charges.c.status).where(
    charges.c.payment_intent_id == bindparam("payment_intent_id")
)
_CHARGE = select(charges.c.disputed, charges.c.amount).where(
    charges.c.charge_id == bindparam("charge")
)
_FIRST_DISPUTE = (
    select(disputes.c.created_at, func.min(stripe_events.c.received_at).label("told_at"))
    .outerjoin(stripe_events, stripe_events.c.object_id == disputes.c.dispute_id)
    .where(disputes.c.charge_id == bindparam("charge"))
    .group_by(disputes.c.dispute_id, disputes.c.created_at)
    .order_by(disputes.c.created_at, disputes.c.dispute_id)
)
_ORDER = select(checkouts.c.checkout_id, checkouts.c.amount, checkouts.c.currency).where(
    checkouts.c.checkout_id == bindparam("order")
)
_BILLED = select(bills.c.checkout_id).where(
    bills.c.payment_intent_id == bindparam("payment_intent_id")
)
_LOCKED = (
    select(payments, checkouts.c.unit_id)
    .outerjoin(checkouts, checkouts.c.checkout_id == payments.c.checkout_id)
    .where(payments.c.payment_intent_id == bindparam("payment_intent_id"))
    .with_for_update(of=payments)
)
