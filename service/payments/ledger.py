"""The ledger: what really happened to the money, and the only author of conversions.

A webhook is stored raw, once by its id, and applied once, in the transaction that stores it.
One about something that is not known here yet waits, and is applied when that appears.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import singledispatch
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, text, update

from experiments import FunnelEvent
from service import funnel
from service.payments.gateway import Payment, PaymentStatus
from service.payments.lattice import (
    Charge,
    ChargeStatus,
    Standing,
    join_charges,
    join_standings,
    settled,
    standing_of,
)
from service.payments.wire import (
    ChargeFact,
    DisputeFact,
    Fact,
    StripeEvent,
    Unreadable,
    read_event,
)
from service.store.session import Store, insert_once, insert_or_read
from service.store.tables import charges, checkouts, payments, stripe_events

log = logging.getLogger(__name__)


class Receipt(StrEnum):
    """What became of a webhook."""

    APPLIED = "applied"
    WAITING = "waiting"
    IGNORED = "ignored"
    UNREADABLE = "unreadable"
    DUPLICATE = "duplicate"


@dataclass(frozen=True)
class _Account:
    """The payment that a fact is about, its row locked until the transaction ends."""

    connection: Connection
    row: Row[Any]
    occurred_at: datetime
    received_at: datetime


def receive(store: Store, event: StripeEvent, payload: bytes, *, now: datetime) -> Receipt:
    """Store a verified webhook and apply it, both or neither.

    Raises:
        StoreUnavailable: nothing was kept; Stripe will send it again.
    """
    with store.write() as connection:
        _one_at_a_time(connection, event.payment_intent_id)
        row = {
            "event_id": event.event_id,
            "type": event.type,
            "payment_intent_id": event.payment_intent_id,
            "created_at": event.created_at,
            "received_at": now,
            "state": Receipt.WAITING.value,
            "payload": payload.decode("utf-8"),
        }
        if not insert_once(connection, stripe_events, [row]):
            return Receipt.DUPLICATE
        receipt = _apply(connection, event, now)
        _mark(connection, event.event_id, receipt)
        if receipt is Receipt.APPLIED and event.payment_intent_id is not None:
            _apply_waiting(connection, event.payment_intent_id, now)
        return receipt


def _one_at_a_time(connection: Connection, payment_intent_id: str | None) -> None:
    """Let the events of one payment take turns, also before it has a row to lock.

    Else one that waits for what another is just writing would wait for ever.
    """
    if payment_intent_id is not None and connection.dialect.name == "postgresql":
        connection.execute(_TURN, {"payment_intent_id": payment_intent_id})


_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended(:payment_intent_id, 0))")


def open_payment(
    connection: Connection, checkout_id: str, payment_intent_id: str, *, now: datetime
) -> None:
    """Know a payment that Stripe just answered with, and apply what waited for it.

    The answer itself proves nothing here: only webhooks move the ledger.
    """
    _one_at_a_time(connection, payment_intent_id)
    if _locked(connection, payment_intent_id, checkout_id) is not None:
        _apply_waiting(connection, payment_intent_id, now)


def payment_of(connection: Connection, checkout_id: str) -> Row[Any] | None:
    """The ledger's row for a checkout: of several payments the one furthest along."""
    rows = connection.execute(_PAYMENTS_OF, {"checkout_id": checkout_id}).all()
    order = list(Standing)
    return max(rows, key=lambda row: order.index(Standing(row.status)), default=None)


def charges_of(connection: Connection, payment_intent_id: str) -> list[Charge]:
    """Every charge of a payment, declined ones included."""
    rows = connection.execute(
        select(charges)
        .where(charges.c.payment_intent_id == payment_intent_id)
        .order_by(charges.c.charge_id)
    )
    return [_charge(row) for row in rows]


def _apply(connection: Connection, event: StripeEvent, now: datetime) -> Receipt:
    if event.fact is None:
        return Receipt.IGNORED
    if isinstance(event.fact, Unreadable):
        log.error("webhook %s is kept and not applied: %s", event.event_id, event.fact.reason)
        return Receipt.UNREADABLE
    row = _locked(connection, event.payment_intent_id, _order_id(event.fact))
    if row is None:
        return Receipt.WAITING
    account = _Account(connection, row, event.created_at, now)
    return Receipt.APPLIED if _learn(event.fact, account) else Receipt.WAITING


def _apply_waiting(connection: Connection, payment_intent_id: str, now: datetime) -> None:
    waiting = select(stripe_events).where(
        stripe_events.c.payment_intent_id == payment_intent_id,
        stripe_events.c.state == Receipt.WAITING.value,
    )
    for row in connection.execute(waiting).all():
        _mark(connection, row.event_id, _apply(connection, read_event(row.payload), now))


def _locked(
    connection: Connection, payment_intent_id: str | None, checkout_id: str | None
) -> Row[Any] | None:
    """The payment's row, made when its checkout is known; None while neither is."""
    row = connection.execute(_LOCKED, {"payment_intent_id": payment_intent_id}).one_or_none()
    if row is not None or payment_intent_id is None or checkout_id is None:
        return row
    order = connection.execute(
        select(checkouts.c.amount, checkouts.c.currency).where(
            checkouts.c.checkout_id == checkout_id
        )
    ).one_or_none()
    if order is None:
        return None
    new = {
        "payment_intent_id": payment_intent_id,
        "checkout_id": checkout_id,
        "status": Standing.OPEN.value,
        "proved": Standing.OPEN.value,
        "amount": order.amount,
        "currency": order.currency,
        "amount_received": 0,
        "mismatch": False,
    }
    insert_once(connection, payments, [new])
    return connection.execute(_LOCKED, {"payment_intent_id": payment_intent_id}).one()


_PAYMENTS_OF = select(payments).where(payments.c.checkout_id == bindparam("checkout_id"))
_LOCKED = (
    select(payments, checkouts.c.unit_id)
    .join(checkouts, checkouts.c.checkout_id == payments.c.checkout_id)
    .where(payments.c.payment_intent_id == bindparam("payment_intent_id"))
    .with_for_update(of=payments)
)


def _order_id(fact: Fact) -> str | None:
    return fact.order_id if isinstance(fact, Payment | ChargeFact) else None


@singledispatch
def _learn(fact: object, account: _Account) -> bool:
    """Add a fact to its payment; False while something it builds on is missing."""
    raise TypeError(f"{account.row.payment_intent_id}: no entry for {type(fact).__name__}")


@_learn.register
def _(payment: Payment, account: _Account) -> bool:
    row, proved = account.row, standing_of(payment)
    mismatch = (payment.amount, payment.currency) != (row.amount, row.currency)
    if payment.charge_id is not None and payment.status is PaymentStatus.PROCESSING:
        _join_charge(account, _pending_charge(payment, payment.charge_id, account.occurred_at))
    succeeded_at = row.succeeded_at
    if proved is Standing.SUCCEEDED:
        succeeded_at = min(filter(None, (succeeded_at, account.occurred_at)))
    if mismatch:
        log.error("%s: Stripe's amount is not the checkout's", payment.payment_intent_id)
    _settle(
        account,
        proved=join_standings(Standing(row.proved), proved).value,
        amount_received=max(row.amount_received, payment.amount_received),
        mismatch=row.mismatch or mismatch,
        succeeded_at=succeeded_at,
    )
    if proved is Standing.SUCCEEDED and not mismatch:
        key = payment.payment_intent_id
        _record(account, FunnelEvent.PAYMENT_SUCCEEDED, key, payment.amount_received)
    elif proved is Standing.FAILED and payment.failure is not None:
        # A failed authentication never becomes a charge; its card stands for the try.
        method = f"{payment.payment_intent_id}:{payment.failure.payment_method_id}"
        key = payment.failure.charge_id or method
        _record(account, FunnelEvent.PAYMENT_DECLINED, key, payment.amount)
    return True


@_learn.register
def _(fact: ChargeFact, account: _Account) -> bool:
    charge = fact.charge
    _join_charge(account, charge)
    _settle(account)
    for event, happened, value in (
        (FunnelEvent.PAYMENT_DECLINED, charge.status is ChargeStatus.FAILED, charge.amount),
        (FunnelEvent.PAYMENT_PROCESSING, charge.status is ChargeStatus.PENDING, charge.amount),
        (FunnelEvent.PAYMENT_REFUNDED, charge.amount_refunded > 0, charge.amount_refunded),
        (FunnelEvent.PAYMENT_DISPUTED, charge.disputed, charge.amount),
    ):
        if happened:
            _record(account, event, charge.charge_id, value)
    return True


@_learn.register
def _(fact: DisputeFact, account: _Account) -> bool:
    row = account.connection.execute(
        select(charges).where(charges.c.charge_id == fact.charge_id)
    ).one_or_none()
    if row is None:
        return False
    _join_charge(account, replace(_charge(row), disputed=True))
    _record(account, FunnelEvent.PAYMENT_DISPUTED, fact.charge_id, row.amount)
    return True


def _join_charge(account: _Account, charge: Charge) -> None:
    row, new = insert_or_read(account.connection, charges, asdict(charge))
    if not new:
        joined = join_charges(_charge(row), charge)
        account.connection.execute(
            update(charges).where(charges.c.charge_id == charge.charge_id).values(**asdict(joined))
        )


def _settle(account: _Account, **values: Any) -> None:
    """Write what is known, and where that leaves the payment."""
    key = account.row.payment_intent_id
    statuses = [charge.status for charge in charges_of(account.connection, key)]
    proved = Standing(values.get("proved", account.row.proved))
    account.connection.execute(
        update(payments)
        .where(payments.c.payment_intent_id == key)
        .values(status=settled(proved, statuses).value, **values)
    )


def _record(account: _Account, event: FunnelEvent, key: str, value: int) -> None:
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


def _pending_charge(payment: Payment, charge_id: str, at: datetime) -> Charge:
    return Charge(
        charge_id=charge_id,
        payment_intent_id=payment.payment_intent_id,
        status=ChargeStatus.PENDING,
        amount=payment.amount,
        currency=payment.currency,
        charged_at=at,
    )


def _charge(row: Row[Any]) -> Charge:
    known = {name: getattr(row, name) for name in Charge.__dataclass_fields__}
    return Charge(**known | {"status": ChargeStatus(row.status)})


def _mark(connection: Connection, event_id: str, receipt: Receipt) -> None:
    connection.execute(
        update(stripe_events)
        .where(stripe_events.c.event_id == event_id)
        .values(state=receipt.value)
    )
