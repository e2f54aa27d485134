"""Attempts: each press of the pay button, written down before Stripe is asked.

One attempt of a checkout is under way at a time, whoever asks and however often: the database
sees to that.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, exists, or_, select, update

from service.checkout.checkouts import Checkout
from service.errors import TooManyAttempts
from service.payments.gateway import Failure, Verification
from service.payments.ledger.payments import payment_of
from service.payments.ledger.standing import Standing
from service.store.tables import UtcTime, bills, checkouts, confirmations, payments

# Longer than the gateway's three tries and pauses together: nobody else may ask meanwhile.
LEASE = timedelta(seconds=60)
# Stripe keeps a key for a day at least; after that a repeat would be a second charge.
KEY_LIFETIME = timedelta(hours=23)
# Cards that may be tried on one checkout: a shopper needs few, a card tester many.
MAX_ATTEMPTS = 10
# How long after pressing the button a visitor is taken to the answer instead of the form.
RECENTLY = timedelta(minutes=10)


class AttemptStatus(StrEnum):
    """Where an attempt stands: what Stripe answered, or that it has not answered yet."""

    STARTED = "started"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    REFUSED = "refused"


_FINAL = {AttemptStatus.SUCCEEDED, AttemptStatus.PROCESSING}
OPEN = {AttemptStatus.STARTED, AttemptStatus.REQUIRES_ACTION, AttemptStatus.PROCESSING}
NOT_PAID = {AttemptStatus.DECLINED, AttemptStatus.REFUSED}
CANCELED = "payment_canceled"


@dataclass(frozen=True)
class Outcome:
    """What a visitor may be told of an attempt.

    Attributes:
        status: ``STARTED`` means that Stripe has not answered: it is being checked.
        client_secret: for the next step in the browser; only with ``REQUIRES_ACTION``.
        invoiced: nothing was charged; an invoice is on its way.
        verification: what the visitor has to tell of their bank account before it pays.
    """

    status: AttemptStatus
    failure: Failure | None = None
    client_secret: str | None = field(default=None, repr=False)
    invoiced: bool = False
    verification: Verification | None = None


_PROVED = {
    Standing.SUCCEEDED: Outcome(AttemptStatus.SUCCEEDED),
    Standing.PROCESSING: Outcome(AttemptStatus.PROCESSING),
}


def attempts_of(
    connection: Connection, checkout: Checkout, *, lock: bool = True
) -> Sequence[Row[Any]]:
    """Every attempt of the checkout, which stays locked until the transaction ends."""
    if lock:
        same = checkouts.c.checkout_id == checkout.checkout_id
        connection.execute(select(checkouts.c.checkout_id).where(same).with_for_update())
    return connection.execute(_ATTEMPTS, {"checkout_id": checkout.checkout_id}).all()


_ATTEMPTS = (
    select(confirmations)
    .where(confirmations.c.checkout_id == bindparam("checkout_id"))
    .order_by(confirmations.c.number)
)


MAY_BE_PAID = or_(
    exists().where(bills.c.checkout_id == bindparam("checkout_id"), bills.c.sent_at.is_not(None)),
    exists().where(
        payments.c.checkout_id == bindparam("checkout_id"),
        payments.c.status.in_([Standing.SUCCEEDED, Standing.PROCESSING]),
    ),
    exists().where(
        confirmations.c.checkout_id == bindparam("checkout_id"),
        or_(
            confirmations.c.status.in_([*_FINAL]),
            and_(
                confirmations.c.status == AttemptStatus.STARTED,
                confirmations.c.started_at > bindparam("recently", type_=UtcTime),
            ),
        ),
    ),
)
"""Whether ``checkout_id`` is paid, invoiced, or was tried after ``recently`` without an answer."""


def paid_by_ledger(
    connection: Connection, checkout: Checkout, attempts: Sequence[Row[Any]], now: datetime
) -> Outcome | None:
    """The outcome that the ledger proves, whatever the attempts say; the open one learns of it."""
    payment = payment_of(connection, checkout.checkout_id)
    paid = None if payment is None else _PROVED.get(Standing(payment.status))
    if paid is not None:
        for attempt in attempts:
            if attempt.status in OPEN:
                change_attempt(
                    connection,
                    attempt,
                    status=paid.status.value,
                    finished_at=attempt.finished_at or now,
                )
    return paid


def under_way_of(attempts: Sequence[Row[Any]]) -> Row[Any] | None:
    """The attempt that Stripe has not answered, or None."""
    return next((a for a in attempts if a.status == AttemptStatus.STARTED), None)


def refuse_more(attempts: Sequence[Row[Any]]) -> None:
    """Let no more cards be tried than a shopper has.

    Raises:
        TooManyAttempts: they were.
    """
    if len(attempts) >= MAX_ATTEMPTS:
        raise TooManyAttempts("too many cards were tried here; start again with a new checkout")


@dataclass(frozen=True)
class NewAttempt:
    """What the visitor sent, when, and where Stripe brings them back to."""

    confirmation_token: str = field(repr=False)
    return_url: str
    started_at: datetime


def start_attempt(
    connection: Connection, checkout: Checkout, attempts: Sequence[Row[Any]], new: NewAttempt
) -> Row[Any]:
    """Write a new attempt down, with the payment that earlier ones made."""
    number = len(attempts) + 1
    over = {a.payment_intent_id for a in attempts if a.failure_code == CANCELED}
    payment = payment_of(connection, checkout.checkout_id)
    known = [payment.payment_intent_id] if payment is not None else []
    known += [a.payment_intent_id for a in attempts]
    known = [intent for intent in known if intent is not None and intent not in over]
    return connection.execute(
        confirmations.insert()
        .values(
            attempt_id=f"att_{secrets.token_urlsafe(16)}",
            checkout_id=checkout.checkout_id,
            number=number,
            idempotency_key=first_key(checkout.checkout_id, number),
            confirmation_token=new.confirmation_token,
            return_url=new.return_url,
            payment_intent_id=known[-1] if known else None,
            status=AttemptStatus.STARTED.value,
            started_at=new.started_at,
            leased_until=new.started_at + LEASE,
        )
        .returning(confirmations)
    ).one()


def first_key(checkout_id: str, number: int) -> str:
    """The idempotency key that an attempt begins with."""
    return f"{checkout_id}:{number}"


def settled_by(attempts: Sequence[Row[Any]], confirmation_token: str) -> Row[Any] | None:
    """The attempt whose outcome is the answer: one that may have paid, else this token's."""
    for attempt in attempts:
        if attempt.status in _FINAL:
            return attempt
    for attempt in attempts:
        same = attempt.confirmation_token == confirmation_token
        if same and attempt.status != AttemptStatus.STARTED:
            return attempt
    return None


def lease(connection: Connection, attempt: Row[Any], now: datetime) -> bool:
    """Take an attempt over from whoever left it; False while they may still be at it."""
    taken = connection.execute(
        update(confirmations)
        .where(
            confirmations.c.attempt_id == attempt.attempt_id,
            confirmations.c.leased_until <= now,
        )
        .values(leased_until=now + LEASE)
    )
    return taken.rowcount == 1


def recorded(attempt: Row[Any]) -> Outcome:
    """The outcome as it was written down."""
    failure = attempt.failure_code and Failure(attempt.failure_code, attempt.decline_code)
    return Outcome(AttemptStatus(attempt.status), failure or None)


def change_attempt(connection: Connection, attempt: Row[Any], **values: Any) -> None:
    """Write down what became of an attempt."""
    connection.execute(
        update(confirmations)
        .where(confirmations.c.attempt_id == attempt.attempt_id)
        .values(**values)
    )
