"""Sending an invoice for an order, so that nothing else can pay it any more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from experiments import InvoiceTerms
from service.checkout.checkouts import Checkout, checkout_with_id
from service.errors import (
    PaymentBusy,
    PaymentIndeterminate,
    PaymentRefused,
)
from service.payments.attempts import (
    KEY_LIFETIME,
    AttemptStatus,
    Outcome,
    attempts_of,
    paid_by_ledger,
)
from service.payments.bills import (
    Biller,
    begin_bill,
    bill_of,
    change_bill,
    forget_bill,
    invoice_of,
    invoice_told_of,
    is_invoice,
)
from service.payments.gateway import Buyer, Failure, PaymentGateway
from service.payments.releasing import refuse_under_way, released
from service.payments.switching import Switching
from service.store.session import Store

INVOICED = Outcome(AttemptStatus.PROCESSING, invoiced=True)
_CHECKING = Outcome(AttemptStatus.STARTED)
_NEVER_MADE = Outcome(AttemptStatus.REFUSED, Failure("invoice_never_made"))


@dataclass(frozen=True)
class Invoicing:
    """Sends invoices for checkouts.

    Attributes:
        clock: the time now, in UTC.
        switching: when cards are not taken, on Stripe's page as little as on ours.
    """

    store: Store
    gateway: PaymentGateway
    clock: Callable[[], datetime]
    switching: Switching

    def send(self, checkout: Checkout, buyer: Buyer, terms: InvoiceTerms) -> Outcome:
        """Send an invoice for a checkout, once, in the place of what was begun to be paid.

        Raises:
            Expired: the checkout is over and was not paid.
            PaymentUnderWay: a payment of the order is under way.
        """
        now = self.clock()
        with self.store.write() as connection:
            attempts = attempts_of(connection, checkout)
            # After the attempts, which are locked: what is known is then the newest.
            checkout = checkout_with_id(connection, checkout.checkout_id)
            paid = paid_by_ledger(connection, checkout, attempts, now)
            if paid is not None:
                return paid
            begun = bill_of(connection, checkout.checkout_id)
            if begun is None:
                self._refuse_to_switch(checkout, attempts)
                begun = begin_bill(connection, checkout, terms, buyer, now=now)
        return self._go_on(checkout, begun, attempts)

    def resume(self, checkout: Checkout, bill: Row[Any]) -> Outcome:
        """Send what was begun, if it is not sent yet."""
        with self.store.write() as connection:
            attempts = attempts_of(connection, checkout)
        return self._go_on(checkout, bill, attempts)

    def page_of(self, checkout: Checkout) -> str | None:
        """Where Stripe itself takes the payment of the invoice that was sent; None if not known."""
        with self.store.read() as connection:
            sent = invoice_of(connection, checkout.checkout_id)
        if sent is None:
            return None
        try:
            # Not of the ledger, which Stripe's webhooks have perhaps not told yet.
            return self.gateway.billing.page_of(sent.invoice_id)
        except (PaymentBusy, PaymentIndeterminate, PaymentRefused):
            return None

    def _refuse_to_switch(self, checkout: Checkout, attempts: Sequence[Row[Any]]) -> None:
        refuse_under_way(attempts)
        if checkout.expired(self.clock()):
            raise checkout.over("nothing was charged")

    def _go_on(self, checkout: Checkout, bill: Row[Any], attempts: Sequence[Row[Any]]) -> Outcome:
        if bill.sent_at is not None:
            return INVOICED if is_invoice(bill) else _CHECKING
        if bill.invoice_id is None and self.clock() - bill.created_at >= KEY_LIFETIME:
            return self._found_again(checkout, bill, attempts)
        try:
            if not released(self.store, self.gateway, attempts):
                self._forget(checkout)
                return _CHECKING
            self._send(checkout, bill)
        except (PaymentBusy, PaymentIndeterminate):
            return _CHECKING
        except PaymentRefused as exc:
            self._forget(checkout)
            return Outcome(AttemptStatus.REFUSED, Failure(str(exc)))
        return INVOICED

    def _found_again(
        self, checkout: Checkout, bill: Row[Any], attempts: Sequence[Row[Any]]
    ) -> Outcome:
        """Stripe may have forgotten the keys: only what its webhooks told of can be sent."""
        with self.store.write() as connection:
            known = invoice_told_of(connection, checkout.checkout_id)
            if known is not None:
                change_bill(connection, checkout.checkout_id, invoice_id=known)
                bill = bill_of(connection, checkout.checkout_id) or bill
        if known is None:
            self._forget(checkout)
            return _NEVER_MADE
        return self._go_on(checkout, bill, attempts)

    def _send(self, checkout: Checkout, begun: Row[Any]) -> None:
        billing = self.gateway.billing
        biller = Biller(self.store, billing, self.clock)
        made = biller.make(checkout, begun, methods=self.switching.methods(checkout))
        # A minute later it is sent once more: a second email is less than none at all, which is
        # what a failure that Stripe keeps for the key would leave.
        minute = int(self.clock().timestamp() // 60)
        try:
            billing.send_invoice(
                made.invoice_id, idempotency_key=f"{made.invoice_id}:send:{minute}"
            )
        except PaymentRefused:
            billing.take_back(made)
            raise
        with self.store.write() as connection:
            sent = change_bill(connection, checkout.checkout_id, sent_at=self.clock())
        if not sent:
            # Another request was refused meanwhile and has forgotten the bill.
            billing.take_back(made)
            raise PaymentRefused("invoice_taken_back")

    def _forget(self, checkout: Checkout) -> None:
        with self.store.write() as connection:
            attempts_of(connection, checkout)
            forget_bill(connection, checkout.checkout_id)
