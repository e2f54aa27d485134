"""Attempts: one press of the pay button is at most one charge, however often it arrives.

An attempt is written down with its idempotency key before Stripe is asked, and asked again with
the same key until Stripe has answered. One attempt of a checkout is under way at a time.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, exists, or_, select, update

from service.checkout.checkouts import Checkout
from service.errors import (
    Expired,
    PaymentBusy,
    PaymentIndeterminate,
    PaymentRefused,
    TooManyAttempts,
)
from service.payments.gateway import (
    Confirmation,
    Failure,
    Payment,
    PaymentGateway,
    PaymentStatus,
)
from service.payments.lattice import Standing
from service.payments.ledger import open_payment, payment_of
from service.store.session import Store
from service.store.tables import UtcTime, checkouts, payment_attempts, payments

# Longer than the gateway's three tries and pauses together: nobody else may ask meanwhile.
LEASE = timedelta(seconds=60)
# Stripe keeps a key for a day at least; after that a repeat would be a second charge.
KEY_LIFETIME = timedelta(hours=23)
# Cards that may be tried on one checkout: a shopper needs few, a card tester many.
MAX_ATTEMPTS = 10
# How long after pressing the button a visitor is taken to the answer instead of the form.
RECENTLY = timedelta(minutes=10)
_PATIENCE = 25.0
_PAUSE = 0.1


class AttemptStatus(StrEnum):
    """Where an attempt stands: what Stripe answered, or that it has not answered yet."""

    STARTED = "started"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    REFUSED = "refused"


_STATUS = {
    PaymentStatus.REQUIRES_ACTION: AttemptStatus.REQUIRES_ACTION,
    PaymentStatus.PROCESSING: AttemptStatus.PROCESSING,
    PaymentStatus.REQUIRES_CAPTURE: AttemptStatus.PROCESSING,
    PaymentStatus.SUCCEEDED: AttemptStatus.SUCCEEDED,
}
_FINAL = {AttemptStatus.SUCCEEDED, AttemptStatus.PROCESSING}
_OPEN = {AttemptStatus.STARTED, AttemptStatus.REQUIRES_ACTION, AttemptStatus.PROCESSING}
_NOT_PAID = {AttemptStatus.DECLINED, AttemptStatus.REFUSED}
_CANCELED = "payment_canceled"


@dataclass(frozen=True)
class Outcome:
    """What a visitor may be told of an attempt.

    Attributes:
        status: ``STARTED`` means that Stripe has not answered: it is being checked.
        client_secret: for the next step in the browser; only with ``REQUIRES_ACTION``.
    """

    status: AttemptStatus
    failure: Failure | None = None
    client_secret: str | None = field(default=None, repr=False)


_PROVED = {
    Standing.SUCCEEDED: Outcome(AttemptStatus.SUCCEEDED),
    Standing.PROCESSING: Outcome(AttemptStatus.PROCESSING),
}


@dataclass(frozen=True)
class Cashier:
    """Takes payments for checkouts.

    Attributes:
        clock: the time now, in UTC.
        sleep: how to wait for an attempt that somebody else has under way.
    """

    store: Store
    gateway: PaymentGateway
    clock: Callable[[], datetime]
    sleep: Callable[[float], None] = time.sleep

    def confirm(self, checkout: Checkout, confirmation_token: str, *, return_url: str) -> Outcome:
        """Try to charge a checkout with what the visitor entered, once.

        The same token again, or another one while a try is under way, never charges twice:
        the caller gets the result of the first.

        Raises:
            Expired: the checkout is over and was not paid.
        """
        deadline = time.monotonic() + _PATIENCE
        while True:
            claim = self._claim(checkout, confirmation_token, return_url)
            if isinstance(claim, Outcome):
                return claim
            if claim is not None:
                outcome = self._run(checkout, claim)
                ours = claim.confirmation_token == confirmation_token
                if ours or outcome.status not in _NOT_PAID:
                    return outcome
            elif time.monotonic() > deadline:
                return Outcome(AttemptStatus.STARTED)
            else:
                self.sleep(_PAUSE)

    def check(self, checkout: Checkout, *, resume_within: timedelta) -> Outcome | None:
        """How paying this checkout stands: by the ledger, else by Stripe; None if nobody tried.

        Args:
            checkout: whose payment is asked about.
            resume_within: take up an attempt that Stripe never answered, with its own key, if it
                is no older. That can charge, so it is only for whoever just pressed the button.
        """
        resume = False
        with self.store.write() as connection:
            attempts = _attempts(connection, checkout)
            paid = _paid(connection, checkout, attempts, self.clock())
            under_way = _under_way(attempts)
            if paid is None and under_way is not None:
                fresh = self.clock() - under_way.started_at < min(resume_within, KEY_LIFETIME)
                resume = fresh and self._lease(connection, under_way)
        if paid is not None:
            return paid
        if under_way is not None:
            return self._run(checkout, under_way) if resume else Outcome(AttemptStatus.STARTED)
        return self._asked(checkout, attempts[-1]) if attempts else None

    def _claim(
        self, checkout: Checkout, confirmation_token: str, return_url: str
    ) -> Row[Any] | Outcome | None:
        """An attempt to run, the outcome there already is, or None: somebody else is at it."""
        now = self.clock()
        with self.store.write() as connection:
            attempts = _attempts(connection, checkout)
            # After the attempts, which are locked: what the ledger knows is then the newest.
            paid = _paid(connection, checkout, attempts, now)
            if paid is not None:
                return paid
            settled = _settled(attempts, confirmation_token)
            under_way = _under_way(attempts)
            if settled is None and under_way is not None:
                if now - under_way.started_at >= KEY_LIFETIME:
                    return Outcome(AttemptStatus.STARTED)
                return under_way if self._lease(connection, under_way) else None
            if settled is None and not checkout.expired(now):
                _refuse_more(attempts)
                return _start(connection, checkout, attempts, confirmation_token, return_url, now)
        return (
            self._too_late(checkout, attempts)
            if settled is None
            else self._asked(checkout, settled)
        )

    def _too_late(self, checkout: Checkout, attempts: Sequence[Row[Any]]) -> Outcome:
        """A checkout that is over is paid, or being paid, or it has expired."""
        outcome = self._asked(checkout, attempts[-1]) if attempts else None
        if outcome is None or outcome.status in _NOT_PAID:
            raise Expired("this checkout has expired; nothing was charged")
        return outcome

    def _lease(self, connection: Connection, attempt: Row[Any]) -> bool:
        """Take an attempt over from whoever left it; False while they may still be at it."""
        now = self.clock()
        taken = connection.execute(
            update(payment_attempts)
            .where(
                payment_attempts.c.attempt_id == attempt.attempt_id,
                payment_attempts.c.leased_until <= now,
            )
            .values(leased_until=now + LEASE)
        )
        return taken.rowcount == 1

    def _run(self, checkout: Checkout, attempt: Row[Any]) -> Outcome:
        confirmation = Confirmation(
            idempotency_key=attempt.idempotency_key,
            confirmation_token=attempt.confirmation_token,
            amount=checkout.amount,
            currency=checkout.currency,
            return_url=attempt.return_url,
            metadata=_metadata(checkout),
            payment_intent_id=attempt.payment_intent_id,
        )
        try:
            payment = self.gateway.confirm(confirmation)
        except PaymentRefused as exc:
            return self._refuse(attempt, str(exc))
        except (PaymentBusy, PaymentIndeterminate):
            # Stripe may have done the work: only the same key may ask again.
            self._change(attempt, leased_until=self.clock())
            return Outcome(AttemptStatus.STARTED)
        return self._finish(checkout, attempt, payment)

    def _asked(self, checkout: Checkout, attempt: Row[Any]) -> Outcome:
        """What Stripe says of the attempt's payment now; a refused one may never have had one."""
        final = attempt.status in {AttemptStatus.SUCCEEDED, AttemptStatus.DECLINED}
        if attempt.payment_intent_id is None or final:
            return _recorded(attempt)
        try:
            payment = self.gateway.retrieve(attempt.payment_intent_id)
        except (PaymentBusy, PaymentIndeterminate, PaymentRefused):
            return Outcome(AttemptStatus.STARTED)
        if attempt.status == AttemptStatus.REFUSED and payment.status not in _STATUS:
            return _recorded(attempt)
        return self._finish(checkout, attempt, payment)

    def _finish(self, checkout: Checkout, attempt: Row[Any], payment: Payment) -> Outcome:
        status = _STATUS.get(payment.status, AttemptStatus.DECLINED)
        if payment.status is PaymentStatus.CANCELED:
            status = AttemptStatus.REFUSED
        failure = _failure(payment, status)
        now = self.clock()
        with self.store.write() as connection:
            _write(
                connection,
                attempt,
                status=status.value,
                payment_intent_id=payment.payment_intent_id,
                charge_id=payment.charge_id or (failure.charge_id if failure else None),
                failure_code=failure.code[:64] if failure else None,
                decline_code=(failure.decline_code or "")[:64] or None if failure else None,
                finished_at=attempt.finished_at or now,
            )
            open_payment(connection, checkout.checkout_id, payment.payment_intent_id, now=now)
        secret = payment.client_secret if status is AttemptStatus.REQUIRES_ACTION else None
        return Outcome(status, failure, secret)

    def _refuse(self, attempt: Row[Any], code: str) -> Outcome:
        self._change(
            attempt,
            status=AttemptStatus.REFUSED.value,
            failure_code=code[:64],
            finished_at=self.clock(),
        )
        return Outcome(AttemptStatus.REFUSED, Failure(code))

    def _change(self, attempt: Row[Any], **values: Any) -> None:
        with self.store.write() as connection:
            _write(connection, attempt, **values)


def _attempts(connection: Connection, checkout: Checkout) -> Sequence[Row[Any]]:
    """Every attempt of the checkout, which stays locked until the transaction ends."""
    same = checkouts.c.checkout_id == checkout.checkout_id
    connection.execute(select(checkouts.c.checkout_id).where(same).with_for_update())
    return connection.execute(
        select(payment_attempts)
        .where(payment_attempts.c.checkout_id == checkout.checkout_id)
        .order_by(payment_attempts.c.number)
    ).all()


def may_be_paid(connection: Connection, checkout_id: str, *, now: datetime) -> bool:
    """Whether the checkout is paid, is being paid, or was tried moments ago without an answer."""
    values = {"checkout_id": checkout_id, "recently": now - RECENTLY}
    return bool(connection.scalar(_MAY_BE_PAID, values))


_MAY_BE_PAID = select(
    or_(
        exists().where(
            payments.c.checkout_id == bindparam("checkout_id"),
            payments.c.status.in_([Standing.SUCCEEDED, Standing.PROCESSING]),
        ),
        exists().where(
            payment_attempts.c.checkout_id == bindparam("checkout_id"),
            or_(
                payment_attempts.c.status.in_([*_FINAL]),
                and_(
                    payment_attempts.c.status == AttemptStatus.STARTED,
                    payment_attempts.c.started_at > bindparam("recently", type_=UtcTime),
                ),
            ),
        ),
    )
)


def _paid(
    connection: Connection, checkout: Checkout, attempts: Sequence[Row[Any]], now: datetime
) -> Outcome | None:
    """The outcome that the ledger proves, whatever the attempts say; the open one learns of it."""
    payment = payment_of(connection, checkout.checkout_id)
    paid = None if payment is None else _PROVED.get(Standing(payment.status))
    if paid is not None:
        for attempt in attempts:
            if attempt.status in _OPEN:
                _write(
                    connection,
                    attempt,
                    status=paid.status.value,
                    finished_at=attempt.finished_at or now,
                )
    return paid


def _under_way(attempts: Sequence[Row[Any]]) -> Row[Any] | None:
    return next((a for a in attempts if a.status == AttemptStatus.STARTED), None)


def _refuse_more(attempts: Sequence[Row[Any]]) -> None:
    if len(attempts) >= MAX_ATTEMPTS:
        raise TooManyAttempts("too many cards were tried here; start again with a new checkout")


def _start(
    connection: Connection,
    checkout: Checkout,
    attempts: Sequence[Row[Any]],
    confirmation_token: str,
    return_url: str,
    now: datetime,
) -> Row[Any]:
    number = len(attempts) + 1
    over = {a.payment_intent_id for a in attempts if a.failure_code == _CANCELED}
    payment = payment_of(connection, checkout.checkout_id)
    known = [payment.payment_intent_id] if payment is not None else []
    known += [a.payment_intent_id for a in attempts]
    known = [intent for intent in known if intent is not None and intent not in over]
    return connection.execute(
        payment_attempts.insert()
        .values(
            attempt_id=f"att_{secrets.token_urlsafe(16)}",
            checkout_id=checkout.checkout_id,
            number=number,
            idempotency_key=f"{checkout.checkout_id}:{number}",
            confirmation_token=confirmation_token,
            return_url=return_url,
            payment_intent_id=known[-1] if known else None,
            status=AttemptStatus.STARTED.value,
            started_at=now,
            leased_until=now + LEASE,
        )
        .returning(payment_attempts)
    ).one()


def _settled(attempts: Sequence[Row[Any]], confirmation_token: str) -> Row[Any] | None:
    """The attempt whose outcome is the answer: one that may have paid, else this token's."""
    for attempt in attempts:
        if attempt.status in _FINAL:
            return attempt
    for attempt in attempts:
        same = attempt.confirmation_token == confirmation_token
        if same and attempt.status != AttemptStatus.STARTED:
            return attempt
    return None


def _failure(payment: Payment, status: AttemptStatus) -> Failure | None:
    if status is AttemptStatus.REFUSED:
        return Failure(_CANCELED)
    return payment.failure if status is AttemptStatus.DECLINED else None


def _recorded(attempt: Row[Any]) -> Outcome:
    failure = attempt.failure_code and Failure(attempt.failure_code, attempt.decline_code)
    return Outcome(AttemptStatus(attempt.status), failure or None)


def _write(connection: Connection, attempt: Row[Any], **values: Any) -> None:
    connection.execute(
        update(payment_attempts)
        .where(payment_attempts.c.attempt_id == attempt.attempt_id)
        .values(**values)
    )


def _metadata(checkout: Checkout) -> dict[str, str]:
    """What Stripe carries for us, so that a webhook can be understood before we are ready."""
    ours = {
        "order_id": checkout.checkout_id,
        "customer": checkout.customer,
        "unit_id": checkout.unit_id,
        "experiment": checkout.experiment,
        "variant": checkout.variant,
    }
    return dict(checkout.metadata) | {k: v for k, v in ours.items() if v is not None}


OUR_METADATA = {"order_id", "customer", "unit_id", "experiment", "variant"}
