"""The cashier: one press of the pay button is at most one charge, however often it arrives.

An attempt is written down with its idempotency key before Stripe is asked, and asked again with
exactly the same until Stripe has answered.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from service.checkout.checkouts import Checkout, Mode, call_off, checkout_with_id
from service.errors import (
    Conflict,
    PaymentBusy,
    PaymentFaulted,
    PaymentIndeterminate,
    PaymentRefused,
    PaymentUnderWay,
    Refused,
)
from service.payments.attempts import (
    CANCELED,
    KEY_LIFETIME,
    NOT_PAID,
    AttemptStatus,
    NewAttempt,
    Outcome,
    attempts_of,
    change_attempt,
    first_key,
    lease,
    paid_by_ledger,
    recorded,
    refuse_more,
    settled_by,
    start_attempt,
    under_way_of,
)
from service.payments.bills import Biller, begin_bill, bill_of, is_invoice
from service.payments.gateway import (
    Buyer,
    Confirmation,
    Failure,
    Payment,
    PaymentGateway,
    PaymentStatus,
)
from service.payments.invoicing import INVOICED, Invoicing
from service.payments.ledger.receiving import open_payment
from service.payments.metadata import metadata_of
from service.payments.releasing import give_up, refuse_under_way, released
from service.payments.switching import Switch, Switching
from service.store.session import Store
from service.store.tables import EPOCH, microseconds

_PATIENCE = 25.0
_PAUSE = 0.1
_STATUS = {
    PaymentStatus.REQUIRES_ACTION: AttemptStatus.REQUIRES_ACTION,
    PaymentStatus.PROCESSING: AttemptStatus.PROCESSING,
    PaymentStatus.REQUIRES_CAPTURE: AttemptStatus.PROCESSING,
    PaymentStatus.SUCCEEDED: AttemptStatus.SUCCEEDED,
}


@dataclass(frozen=True)
class Cashier:
    """Takes payments for checkouts.

    Attributes:
        clock: the time now, in UTC.
        switching: when cards are not taken.
        sleep: how to wait for an attempt that somebody else has under way.
    """

    store: Store
    gateway: PaymentGateway
    clock: Callable[[], datetime]
    switching: Switching
    sleep: Callable[[float], None] = time.sleep

    def confirm(self, checkout: Checkout, confirmation_token: str, *, return_url: str) -> Outcome:
        """Try to charge a checkout with what the visitor entered, once.

        The same token again, or another one while a try is under way, never charges twice:
        the caller gets the result of the first.

        Raises:
            Expired: the checkout is over and was not paid.
            Refused: the order is paid by an invoice alone, or nobody told whom to bill.
        """
        if checkout.invoiced:
            raise Refused("this order is paid by invoice; nothing was charged")
        if checkout.mode is not Mode.PAYMENT and checkout.email is None:
            raise Refused("email: is needed to bill you")
        deadline = time.monotonic() + _PATIENCE
        while True:
            claim = self._claim(checkout, confirmation_token, return_url)
            if isinstance(claim, Outcome):
                return claim
            if claim is not None:
                outcome = self._run(checkout, claim)
                ours = claim.confirmation_token == confirmation_token
                if ours or outcome.status not in NOT_PAID:
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
            attempts = attempts_of(connection, checkout)
            paid = paid_by_ledger(connection, checkout, attempts, self.clock())
            bill = bill_of(connection, checkout.checkout_id)
            under_way = under_way_of(attempts)
            if paid is None and under_way is not None:
                fresh = self.clock() - under_way.started_at < min(resume_within, KEY_LIFETIME)
                resume = fresh and lease(connection, under_way, self.clock())
        if paid is not None:
            return paid
        if bill is not None and is_invoice(bill):
            return self.invoicing.resume(checkout, bill)
        if under_way is not None:
            return self._run(checkout, under_way) if resume else Outcome(AttemptStatus.STARTED)
        return self._asked(checkout, attempts[-1]) if attempts else None

    def switch(self, checkout: Checkout) -> Switch | None:
        """What is offered in place of a card, by the amount or by what banks said; else None."""
        with self.store.read() as connection:
            attempts = attempts_of(connection, checkout, lock=False)
        return self.switching.offered(checkout, attempts)

    def cancel(self, checkout: Checkout) -> None:
        """Call an order off that is not paid: nothing that was begun can be paid any more.

        Asked again it does what is left of it.

        Raises:
            Conflict: it is paid, being paid, or an invoice was sent for it; nothing was changed.
            PaymentUnderWay: a try was just answered by a payment, which stands.
            PaymentRefused: Stripe takes its bill back no more.
            PaymentBusy: Stripe asked to slow down; nobody can start paying any more, but what was
                begun may still be paid.
            PaymentIndeterminate: the same, without an answer.
        """
        with self.store.read() as connection:
            attempts = attempts_of(connection, checkout, lock=False)
        if attempts:
            # The bank may have said yes, and no webhook told of it yet.
            self._asked(checkout, attempts[-1])
        now = self.clock()
        with self.store.write() as connection:
            attempts = attempts_of(connection, checkout)
            if paid_by_ledger(connection, checkout, attempts, now) is not None:
                raise Conflict("this order is paid, or about to be: refund it at Stripe instead")
            bill = bill_of(connection, checkout.checkout_id)
            if bill is not None and is_invoice(bill):
                raise Conflict("this order is paid by an invoice: void it at Stripe instead")
            refuse_under_way(attempts)
            call_off(connection, checkout.checkout_id, now=now)
        if bill is not None and bill.invoice_id is not None:
            self._biller.take_back(checkout, bill)
            give_up(self.store, attempts)
        elif not released(self.store, self.gateway, attempts):
            self._asked(checkout, attempts[-1])  # so that its page says what came of it
            raise PaymentUnderWay("the order was paid meanwhile: refund it at Stripe instead")

    @property
    def invoicing(self) -> Invoicing:
        """What sends invoices for orders."""
        return Invoicing(self.store, self.gateway, self.clock, self.switching)

    def _claim(
        self, checkout: Checkout, confirmation_token: str, return_url: str
    ) -> Row[Any] | Outcome | None:
        """An attempt to run, the outcome there already is, or None: somebody else is at it."""
        now = self.clock()
        with self.store.write() as connection:
            attempts = attempts_of(connection, checkout)
            # After the attempts, which are locked: what is known is then the newest.
            checkout = checkout_with_id(connection, checkout.checkout_id)
            paid = paid_by_ledger(connection, checkout, attempts, now)
            if paid is not None:
                return paid
            bill = bill_of(connection, checkout.checkout_id)
            if bill is not None and is_invoice(bill):
                return INVOICED if bill.sent_at else Outcome(AttemptStatus.STARTED)
            settled = settled_by(attempts, confirmation_token)
            under_way = under_way_of(attempts)
            if settled is None and under_way is not None:
                if now - under_way.started_at >= KEY_LIFETIME:
                    return Outcome(AttemptStatus.STARTED)
                return under_way if lease(connection, under_way, self.clock()) else None
            if settled is None and not checkout.expired(now):
                refuse_more(attempts)
                new = NewAttempt(confirmation_token, return_url, now)
                return start_attempt(connection, checkout, attempts, new)
        return (
            self._too_late(checkout, attempts)
            if settled is None
            else self._asked(checkout, settled)
        )

    def _too_late(self, checkout: Checkout, attempts: Sequence[Row[Any]]) -> Outcome:
        """A checkout that is over is paid, or being paid, or it has expired."""
        outcome = self._asked(checkout, attempts[-1]) if attempts else None
        if outcome is None or outcome.status in NOT_PAID:
            raise checkout.over("nothing was charged")
        return outcome

    def _run(self, checkout: Checkout, attempt: Row[Any]) -> Outcome:
        confirmation = Confirmation(
            idempotency_key=attempt.idempotency_key,
            confirmation_token=attempt.confirmation_token,
            amount=checkout.amount,
            currency=checkout.currency,
            return_url=attempt.return_url,
            metadata=metadata_of(checkout),
            payment_intent_id=attempt.payment_intent_id,
            methods=self.switching.methods(checkout),
        )
        try:
            if checkout.mode is not Mode.PAYMENT:
                confirmation = replace(confirmation, payment_intent_id=self._billed(checkout))
            elif checkout.customer is not None:
                # Known before the first try, so that every repeat sends the same.
                known = self._biller.customer(checkout, None, name=attempt.idempotency_key)
                confirmation = replace(confirmation, customer_id=known)
            payment = self.gateway.confirm(confirmation)
        except PaymentRefused as exc:
            if attempt.idempotency_key == first_key(checkout.checkout_id, attempt.number):
                return self._refuse(attempt, str(exc))
            # What an earlier key began may have used the token after all.
            return self._looked_up(
                checkout, attempt, confirmation.payment_intent_id, refused=str(exc)
            )
        except PaymentFaulted:
            return self._looked_up(checkout, attempt, confirmation.payment_intent_id)
        except (PaymentBusy, PaymentIndeterminate):
            # Stripe may have done the work: only the same key may ask again.
            self._change(attempt, leased_until=self.clock())
            return Outcome(AttemptStatus.STARTED)
        return self._finish(checkout, attempt, payment)

    def _looked_up(
        self,
        checkout: Checkout,
        attempt: Row[Any],
        known: str | None,
        *,
        refused: str | None = None,
    ) -> Outcome:
        """What came of a try that Stripe failed at; the next may need a key without a past."""
        now = self.clock()
        changes: dict[str, Any] = {"leased_until": now}
        try:
            used_for = self.gateway.paid_with(attempt.confirmation_token)
            if used_for is not None:
                payment = self.gateway.retrieve(used_for)
                if checkout.checkout_id != payment.order_id and known != used_for:
                    # Browsers name tokens: one that has paid another order pays no second.
                    return self._refuse(attempt, "confirmation_token_used")
                return self._finish(checkout, attempt, payment)
        except (PaymentBusy, PaymentIndeterminate, PaymentRefused):
            pass  # known no better than before: the same key asks again
        else:
            if refused is not None:
                return self._refuse(attempt, refused)
            # The token pays once and did not: nothing came of the key that Stripe failed at.
            key = f"{checkout.checkout_id}:{attempt.number}:{microseconds(now - EPOCH)}"
            changes["idempotency_key"] = key
        self._change(attempt, **changes)
        return Outcome(AttemptStatus.STARTED)

    @property
    def _biller(self) -> Biller:
        return Biller(self.store, self.gateway.billing, self.clock)

    def session(self, checkout: Checkout) -> str | None:
        """The secret that shows the merchant's customer what they keep; None of nobody known.

        Raises:
            PaymentRefused: Stripe will not take the request.
            PaymentBusy: Stripe asked to slow down.
            PaymentIndeterminate: no answer.
        """
        if checkout.customer is None:
            return None
        return self.gateway.accounts.session(
            self._biller.customer(checkout, None, name=checkout.checkout_id)
        )

    def _billed(self, checkout: Checkout) -> str:
        """The intent of the subscription or the invoice, which is made before the first try."""
        if checkout.terms is None or checkout.email is None:
            raise PaymentRefused("email_missing")
        buyer = Buyer(checkout.email)
        with self.store.write() as connection:
            begun = begin_bill(connection, checkout, checkout.terms, buyer, now=self.clock())
        made = self._biller.make(checkout, begun, methods=self.switching.methods(checkout))
        if made.payment_intent_id is None:
            raise PaymentRefused("nothing_to_pay")
        return made.payment_intent_id

    def _asked(self, checkout: Checkout, attempt: Row[Any]) -> Outcome:
        """What Stripe says of the attempt's payment now; a refused one may never have had one."""
        final = attempt.status in {AttemptStatus.SUCCEEDED, AttemptStatus.DECLINED}
        if attempt.payment_intent_id is None or final:
            return recorded(attempt)
        # Of what was begun before its order was cancelled, a look makes an end, if none has yet.
        ended = checkout.cancelled_at is not None and checkout.mode is Mode.PAYMENT
        try:
            ask = self.gateway.cancel if ended else self.gateway.retrieve
            payment = ask(attempt.payment_intent_id)
        except (PaymentBusy, PaymentIndeterminate, PaymentRefused):
            return Outcome(AttemptStatus.STARTED)
        if attempt.status == AttemptStatus.REFUSED and payment.status not in _STATUS:
            return recorded(attempt)
        return self._finish(checkout, attempt, payment)

    def _finish(self, checkout: Checkout, attempt: Row[Any], payment: Payment) -> Outcome:
        status = _STATUS.get(payment.status, AttemptStatus.DECLINED)
        if payment.status is PaymentStatus.CANCELED:
            status = AttemptStatus.REFUSED
        failure = _failure(payment, status)
        now = self.clock()
        with self.store.write() as connection:
            change_attempt(
                connection,
                attempt,
                status=status.value,
                payment_intent_id=payment.payment_intent_id,
                charge_id=payment.charge_id or (failure.charge_id if failure else None),
                failure_code=failure.code[:64] if failure else None,
                decline_code=(failure.decline_code or "")[:64] or None if failure else None,
                finished_at=attempt.finished_at or now,
            )
            open_payment(connection, checkout.checkout_id, payment.payment_intent_id)
        secret = payment.client_secret if status is AttemptStatus.REQUIRES_ACTION else None
        return Outcome(status, failure, secret, verification=payment.verification)

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
            change_attempt(connection, attempt, **values)


def _failure(payment: Payment, status: AttemptStatus) -> Failure | None:
    if status is AttemptStatus.REFUSED:
        return Failure(CANCELED)
    return payment.failure if status is AttemptStatus.DECLINED else None
