"""Bills: what Stripe is asked to make of an order that is a subscription or an invoice.

A bill is written down before Stripe is asked, so that an order is never both charged and billed,
and every step has an idempotency key of its own: whoever takes it up makes nothing twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, bindparam, delete, select, update

from experiments import InvoiceTerms, Subscription
from service.checkout.checkouts import Checkout, Line, Terms
from service.errors import PaymentFaulted, PaymentIndeterminate, PaymentRefused
from service.payments.gateway import Bill, Billing, Buyer, Purchase
from service.payments.ledger.receiving import open_payment
from service.payments.metadata import metadata_of
from service.store.session import Store, insert_or_read
from service.store.tables import EPOCH, accounts, bills, invoices, microseconds

_OTHER_AMOUNT = "amount_differs"


def bill_of(connection: Connection, checkout_id: str) -> Row[Any] | None:
    """What Stripe was asked to bill for a checkout, or None."""
    here = bills.c.checkout_id == checkout_id
    return connection.execute(select(bills).where(here)).one_or_none()


def invoice_of(connection: Connection, checkout_id: str) -> Row[Any] | None:
    """The invoice that was sent for a checkout, with what the ledger knows of it by now."""
    return connection.execute(_INVOICE, {"checkout_id": checkout_id}).one_or_none()


def is_invoice(bill: Row[Any]) -> bool:
    """Whether a bill is an invoice that is sent, which nothing else may pay."""
    return bool(bill.terms.get("collection_method") == "send_invoice")


def begin_bill(
    connection: Connection, checkout: Checkout, terms: Terms, buyer: Buyer, *, now: datetime
) -> Row[Any]:
    """Write down that a checkout is billed, or find that it is."""
    row, _ours = insert_or_read(
        connection,
        bills,
        {
            "checkout_id": checkout.checkout_id,
            "terms": asdict(terms),
            "buyer": asdict(buyer),
            "created_at": now,
        },
        key=[bills.c.checkout_id],
    )
    return row


def change_bill(connection: Connection, checkout_id: str, **values: Any) -> bool:
    """Write down how far a bill has got; False where it was forgotten."""
    here = bills.c.checkout_id == checkout_id
    return connection.execute(update(bills).where(here).values(**values)).rowcount == 1


def forget_bill(connection: Connection, checkout_id: str) -> None:
    """Know of no bill any more that was not sent: the order can be paid otherwise."""
    here = and_(bills.c.checkout_id == checkout_id, bills.c.sent_at.is_(None))
    connection.execute(delete(bills).where(here))


def invoice_told_of(connection: Connection, checkout_id: str) -> str | None:
    """The invoice that Stripe's webhooks told of for a checkout, or None."""
    found: str | None = connection.scalar(_TOLD_OF, {"checkout_id": checkout_id})
    return found


@dataclass(frozen=True)
class Biller:
    """Has Stripe make the bills.

    Attributes:
        clock: the time now, in UTC.
    """

    store: Store
    billing: Billing
    clock: Callable[[], datetime]

    def make(self, checkout: Checkout, begun: Row[Any], *, methods: Sequence[str] = ()) -> Bill:
        """Make a bill of what was begun, or find the one there is.

        Args:
            checkout: the order.
            begun: what was written down of it.
            methods: Stripe's names of the methods that may pay it; empty where all may.

        Raises:
            PaymentRefused: Stripe will not, or asks another amount than the order; nothing is
                asked then.
            PaymentBusy: Stripe asked to slow down.
            PaymentIndeterminate: no answer; ask again within a day.
        """
        if begun.invoice_id is not None:
            return Bill(
                invoice_id=begun.invoice_id,
                amount_due=checkout.amount,
                payment_intent_id=begun.payment_intent_id,
                subscription_id=begun.subscription_id,
            )
        buyer = Buyer(**begun.buyer) if begun.buyer else None
        customer_id = begun.customer_id
        try:
            customer_id = customer_id or self.customer(checkout, buyer, name=_name(begun))
            self._change(checkout, customer_id=customer_id, buyer=None)
            bill = self._made(begun, _purchase(checkout, begun, customer_id, methods))
        except PaymentFaulted:
            found = customer_id and self._found(checkout, begun, customer_id)
            if not found:
                self._begin_again(checkout, begun)
                raise
            bill = found
        if bill.amount_due != checkout.amount:
            self.billing.take_back(bill)
            raise PaymentRefused(_OTHER_AMOUNT)
        if not self._kept(checkout, begun, bill):
            self.billing.take_back(bill)
            raise PaymentIndeterminate("another request bills this order")
        return bill

    def _found(self, checkout: Checkout, begun: Row[Any], customer_id: str) -> Bill | None:
        """What Stripe made before it failed; it says the same of the same key for a day."""
        return self.billing.billed(
            customer_id, checkout.checkout_id, subscribed=_is_subscription(begun)
        )

    def _begin_again(self, checkout: Checkout, begun: Row[Any]) -> None:
        """Let the next request ask with keys without a past: nothing came of these."""
        here = and_(
            bills.c.checkout_id == checkout.checkout_id,
            bills.c.created_at == begun.created_at,
            bills.c.invoice_id.is_(None),
        )
        # The name is made of it.
        later = max(self.clock(), begun.created_at + timedelta(microseconds=1))
        with self.store.write() as connection:
            connection.execute(update(bills).where(here).values(created_at=later))

    def _kept(self, checkout: Checkout, begun: Row[Any], bill: Bill) -> bool:
        """Write down what was made, unless another request has begun again meanwhile."""
        here = bills.c.checkout_id == checkout.checkout_id
        with self.store.write() as connection:
            now = connection.execute(select(bills).where(here).with_for_update()).one_or_none()
            if now is not None and now.created_at != begun.created_at:
                return bool(now.invoice_id == bill.invoice_id)
            change_bill(
                connection,
                checkout.checkout_id,
                subscription_id=bill.subscription_id,
                invoice_id=bill.invoice_id,
                payment_intent_id=bill.payment_intent_id,
            )
            if bill.payment_intent_id is not None:
                # Stripe's own intents don't name the order: before anything can come of it.
                open_payment(connection, checkout.checkout_id, bill.payment_intent_id)
        return True

    def take_back(self, checkout: Checkout, bill: Row[Any]) -> None:
        """Ask for a bill no more, and know of it no more.

        Raises:
            PaymentRefused: Stripe will not: it is paid, or was taken back before.
            PaymentBusy: Stripe asked to slow down.
            PaymentIndeterminate: no answer.
        """
        intent, subscription = bill.payment_intent_id, bill.subscription_id
        self.billing.take_back(Bill(bill.invoice_id, checkout.amount, intent, subscription))
        with self.store.write() as connection:
            forget_bill(connection, checkout.checkout_id)

    def customer(self, checkout: Checkout, buyer: Buyer | None, *, name: str) -> str:
        """Whom Stripe knows the buyer as: the same for every order of a merchant's customer.

        Args:
            checkout: the order.
            buyer: as they named themselves; None: as the order knows them.
            name: the idempotency key starts with it, and with it the order's id.
        """
        asked = buyer or Buyer(checkout.email)
        key = f"{name}:customer:{_digest(asked)}"
        if checkout.customer is None:
            return self.billing.open_customer(asked, idempotency_key=key)
        known = self.account(checkout.customer, asked, idempotency_key=key)
        if buyer is not None:
            self.billing.change_customer(known, buyer)
        return known

    def account(self, customer: str, buyer: Buyer, *, idempotency_key: str) -> str:
        """Whom Stripe knows a merchant's customer as, from now on if not before."""
        with self.store.read() as connection:
            known = account_of(connection, customer)
        if known is not None:
            return known
        named = replace(buyer, metadata={"customer": customer})
        made = self.billing.open_customer(named, idempotency_key=idempotency_key)
        account = {"customer": customer, "customer_id": made, "created_at": self.clock()}
        with self.store.write() as connection:
            row, _ours = insert_or_read(connection, accounts, account)
        return str(row.customer_id)

    def _made(self, begun: Row[Any], purchase: Purchase) -> Bill:
        if _is_subscription(begun):
            return self.billing.subscribe(purchase, Subscription(**begun.terms))
        return self.billing.invoice(purchase, InvoiceTerms(**begun.terms))

    def _change(self, checkout: Checkout, **values: Any) -> None:
        with self.store.write() as connection:
            change_bill(connection, checkout.checkout_id, **values)


def _purchase(
    checkout: Checkout, begun: Row[Any], customer_id: str, methods: Sequence[str]
) -> Purchase:
    taxes = tuple(Line(tax.description, tax.amount) for tax in checkout.tax)
    return Purchase(
        name=_name(begun),
        customer_id=customer_id,
        currency=checkout.currency,
        lines=checkout.lines + taxes,
        metadata=metadata_of(checkout),
        methods=tuple(methods),
    )


def _name(begun: Row[Any]) -> str:
    """Of this bill: one that was taken back or begun again must not be answered again."""
    return f"{begun.checkout_id}:{microseconds(begun.created_at - EPOCH)}"


def _is_subscription(begun: Row[Any]) -> bool:
    return "interval" in begun.terms


def _digest(buyer: Buyer) -> str:
    told = json.dumps(asdict(buyer), sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def account_of(connection: Connection, customer: str) -> str | None:
    """Whom Stripe knows a merchant's customer as, or None."""
    here = accounts.c.customer == customer
    found: str | None = connection.scalar(select(accounts.c.customer_id).where(here))
    return found


_TOLD_OF = (
    select(invoices.c.invoice_id)
    .where(invoices.c.checkout_id == bindparam("checkout_id"), invoices.c.status == "open")
    .order_by(invoices.c.created_at)
    .limit(1)
)
_INVOICE: Select[Any] = (
    select(
        bills.c.invoice_id,
        bills.c.sent_at,
        invoices.c.number,
        invoices.c.status,
        invoices.c.due_at,
        invoices.c.amount_due,
        invoices.c.amount_remaining,
        invoices.c.hosted_invoice_url,
    )
    .outerjoin(invoices, invoices.c.invoice_id == bills.c.invoice_id)
    .where(bills.c.checkout_id == bindparam("checkout_id"), bills.c.sent_at.is_not(None))
)
