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

from sqlalchemy import Connection, Row, select, update

from service.checkout.checkouts import Checkout
from service.errors import Expired, PaymentBusy, PaymentIndeterminate, PaymentRefused
from service.payments.gateway import (
    Confirmation,
    Failure,
    Payment,
    PaymentGateway,
    PaymentStatus,
)
from service.payments.ledger import open_payment
from service.store.session import Store
from service.store.tables import checkouts, payment_attempts

# Longer than the gateway's three tries and pauses together: nobody else may ask meanwhile.
LEASE = timedelta(seconds=60)
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
            claim = self._claim(checkout, confirmation_token)
            if isinstance(claim, Outcome):
                return claim
            if claim is not None:
                outcome = self._run(checkout, claim, return_url)
                ours = claim.confirmation_token == confirmation_token
                if ours or outcome.status not in {AttemptStatus.DECLINED, AttemptStatus.REFUSED}:
                    return outcome
            elif time.monotonic() > deadline:
                return Outcome(AttemptStatus.STARTED)
            else:
                self.sleep(_PAUSE)

    def check(self, checkout: Checkout, *, return_url: str) -> Outcome | None:
        """Ask Stripe how the last attempt stands; None when there was none.

        An attempt that Stripe never answered is taken up again with its own key.
        """
        with self.store.write() as connection:
            attempt = _last(_attempts(connection, checkout))
            if attempt is None:
                return None
            unanswered = attempt.status == AttemptStatus.STARTED
            if unanswered and not self._lease(connection, attempt):
                return Outcome(AttemptStatus.STARTED)
        if unanswered:
            return self._run(checkout, attempt, return_url)
        return self._asked(checkout, attempt)

    def _claim(self, checkout: Checkout, confirmation_token: str) -> Row[Any] | Outcome | None:
        """An attempt to run, the outcome there already is, or None: somebody else is at it."""
        now = self.clock()
        with self.store.write() as connection:
            attempts = _attempts(connection, checkout)
            settled = _settled(attempts, confirmation_token)
            if settled is None:
                under_way = [a for a in attempts if a.status == AttemptStatus.STARTED]
                if under_way:
                    return under_way[0] if self._lease(connection, under_way[0]) else None
                if checkout.expired(now):
                    raise Expired("this checkout has expired; nothing was charged")
                return _start(connection, checkout, attempts, confirmation_token, now)
        if settled.status == AttemptStatus.REQUIRES_ACTION:
            return self._asked(checkout, settled)
        return _recorded(settled)

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

    def _run(self, checkout: Checkout, attempt: Row[Any], return_url: str) -> Outcome:
        confirmation = Confirmation(
            idempotency_key=attempt.idempotency_key,
            confirmation_token=attempt.confirmation_token,
            amount=checkout.amount,
            currency=checkout.currency,
            return_url=return_url,
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
        """What Stripe says of an attempt now; a refused one never reached a payment."""
        if attempt.status == AttemptStatus.REFUSED or attempt.payment_intent_id is None:
            return _recorded(attempt)
        try:
            payment = self.gateway.retrieve(attempt.payment_intent_id)
        except (PaymentBusy, PaymentIndeterminate):
            return Outcome(AttemptStatus.STARTED)
        return self._finish(checkout, attempt, payment)

    def _finish(self, checkout: Checkout, attempt: Row[Any], payment: Payment) -> Outcome:
        status = _STATUS.get(payment.status, AttemptStatus.DECLINED)
        failure = payment.failure if status is AttemptStatus.DECLINED else None
        now = self.clock()
        with self.store.write() as connection:
            _write(
                connection,
                attempt,
                status=status.value,
                payment_intent_id=payment.payment_intent_id,
                charge_id=payment.charge_id or (failure.charge_id if failure else None),
                failure_code=failure.code if failure else None,
                decline_code=failure.decline_code if failure else None,
                finished_at=now,
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


def _start(
    connection: Connection,
    checkout: Checkout,
    attempts: Sequence[Row[Any]],
    confirmation_token: str,
    now: datetime,
) -> Row[Any]:
    number = len(attempts) + 1
    known = [a.payment_intent_id for a in attempts if a.payment_intent_id is not None]
    return connection.execute(
        payment_attempts.insert()
        .values(
            attempt_id=f"att_{secrets.token_urlsafe(16)}",
            checkout_id=checkout.checkout_id,
            number=number,
            idempotency_key=f"{checkout.checkout_id}:{number}",
            confirmation_token=confirmation_token,
            payment_intent_id=known[-1] if known else None,
            status=AttemptStatus.STARTED.value,
            started_at=now,
            leased_until=now + LEASE,
        )
        .returning(payment_attempts)
    ).one()


def _settled(attempts: Sequence[Row[Any]], confirmation_token: str) -> Row[Any] | None:
    """The attempt whose outcome is the answer: one that paid, else the one of this token."""
    for attempt in attempts:
        if attempt.status in _FINAL:
            return attempt
    for attempt in attempts:
        same = attempt.confirmation_token == confirmation_token
        if same and attempt.status != AttemptStatus.STARTED:
            return attempt
    return None


def _last(attempts: Sequence[Row[Any]]) -> Row[Any] | None:
    return attempts[-1] if attempts else None


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
        "unit_id": checkout.unit_id,
        "experiment": checkout.experiment,
        "variant": checkout.variant,
    }
    return dict(checkout.metadata) | {k: v for k, v in ours.items() if v is not None}
