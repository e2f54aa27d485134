"""Customers, subscriptions and invoices at Stripe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

import stripe

from experiments import InvoiceTerms, Subscription
from service.checkout.checkouts import Line
from service.errors import PaymentRefused
from service.payments.gateway import Bill, Buyer, Purchase
from service.payments.stripe_gateway.asking import SETUP, asked, pages, patiently, translated

_ENDED = frozenset({"canceled", "incomplete_expired"})


class StripeBilling:
    """Stripe's billing. What is made of an order repeats under keys that start with its id."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._v1 = client.v1

    def open_customer(self, buyer: Buyer, *, idempotency_key: str) -> str:
        """See `Billing.open_customer`."""
        options: stripe.RequestOptions = {"idempotency_key": idempotency_key}
        wanted: Any = _of_buyer(buyer) | {"metadata": dict(buyer.metadata)}
        return asked(lambda: self._v1.customers.create(wanted, options)).id

    def change_customer(self, customer_id: str, buyer: Buyer) -> None:
        """See `Billing.change_customer`."""
        wanted: Any = _of_buyer(buyer)
        asked(lambda: self._v1.customers.update(customer_id, wanted))

    def subscribe(self, purchase: Purchase, terms: Subscription) -> Bill:
        """See `Billing.subscribe`."""
        period = {"interval": terms.interval, "interval_count": terms.interval_count}
        wanted: Any = {
            "customer": purchase.customer_id,
            "items": [self._item(line, purchase.currency, period) for line in purchase.lines],
            "metadata": dict(purchase.metadata),
            "payment_behavior": "default_incomplete",
            "payment_settings": {"save_default_payment_method": "on_subscription"}
            | ({"payment_method_types": list(purchase.methods)} if purchase.methods else {}),
            "expand": ["latest_invoice.payments"],
        }
        if terms.trial_days:
            wanted["trial_period_days"] = terms.trial_days
        made = asked(
            lambda: self._v1.subscriptions.create(wanted, _once(purchase, "subscription"))
        ).to_dict()
        return _subscribed(made)

    def invoice(self, purchase: Purchase, terms: InvoiceTerms) -> Bill:
        """See `Billing.invoice`."""
        wanted: Any = {
            "customer": purchase.customer_id,
            "currency": purchase.currency,
            "metadata": dict(purchase.metadata),
            "auto_advance": False,
            "collection_method": terms.collection_method,
            "pending_invoice_items_behavior": "exclude",
        }
        if terms.sent:
            wanted["days_until_due"] = terms.days_until_due
        if purchase.methods:
            wanted["payment_settings"] = {"payment_method_types": list(purchase.methods)}
        draft = asked(lambda: self._v1.invoices.create(wanted, _once(purchase, "invoice")))
        for number, line in enumerate(purchase.lines, start=1):
            self._ask_for(line, purchase, draft.id, number)
        finalized = asked(
            lambda: self._v1.invoices.finalize_invoice(
                draft.id, {"expand": ["payments"]}, _once(purchase, "finalize")
            )
        )
        return _bill(finalized.to_dict())

    def billed(self, customer_id: str, order_id: str, *, subscribed: bool) -> Bill | None:
        """See `Billing.billed`."""
        theirs = {"customer": customer_id}
        if subscribed:
            wanted = theirs | {"status": "all", "expand": ["data.latest_invoice.payments"]}
            found = pages(self._v1.subscriptions.list, wanted)
            made = (
                each for each in found if each["status"] not in _ENDED and _is_of(order_id, each)
            )
            return next(map(_subscribed, made), None)
        wanted = theirs | {"status": "open", "expand": ["data.payments"]}
        found = pages(self._v1.invoices.list, wanted)
        return next((_bill(each) for each in found if _is_of(order_id, each)), None)

    def send_invoice(self, invoice_id: str, *, idempotency_key: str) -> None:
        """See `Billing.send_invoice`."""
        options: stripe.RequestOptions = {"idempotency_key": idempotency_key}
        asked(lambda: self._v1.invoices.send_invoice(invoice_id, {}, options))

    def page_of(self, invoice_id: str) -> str | None:
        """See `Billing.page_of`."""
        return asked(lambda: self._v1.invoices.retrieve(invoice_id)).hosted_invoice_url

    def take_back(self, bill: Bill) -> None:
        """See `Billing.take_back`."""
        if bill.subscription_id is not None:
            self._end(bill.subscription_id)
        elif bill.invoice_id is not None:
            self._void(bill.invoice_id)
        if bill.payment_intent_id is not None and bill.payment_intent_id.startswith(SETUP):
            self._drop(bill.payment_intent_id)

    # Each of these may have been done before, by a request whose answer was lost.

    def _end(self, subscription: str) -> None:
        try:
            asked(lambda: self._v1.subscriptions.cancel(subscription))
        except PaymentRefused:
            if asked(lambda: self._v1.subscriptions.retrieve(subscription)).status not in _ENDED:
                raise

    def _void(self, invoice: str) -> None:
        try:
            asked(lambda: self._v1.invoices.void_invoice(invoice))
        except PaymentRefused:
            if asked(lambda: self._v1.invoices.retrieve(invoice)).status != "void":
                raise

    def _drop(self, setup: str) -> None:
        try:
            asked(lambda: self._v1.setup_intents.cancel(setup))
        except PaymentRefused:
            if asked(lambda: self._v1.setup_intents.retrieve(setup)).status != "canceled":
                raise

    def pay_invoice(self, invoice_id: str, *, idempotency_key: str) -> str:
        """See `Billing.pay_invoice`."""
        options: stripe.RequestOptions = {"idempotency_key": idempotency_key}
        pay = self._v1.invoices.pay
        with translated():
            try:
                paid = patiently(lambda: pay(invoice_id, {"off_session": True}, options))
            except stripe.CardError as exc:
                return exc.code or "card_declined"
        return paid.status or "open"

    def _item(self, line: Line, currency: str, period: Mapping[str, Any]) -> dict[str, Any]:
        price = {
            "currency": currency,
            "product": self._product(line.description),
            "recurring": dict(period),
            "unit_amount": line.amount,
        }
        return {"price_data": price, "quantity": line.quantity}

    def _product(self, name: str) -> str:
        """One product for each name, so that a catalog grows with what is sold, not with sales."""
        identity = f"kassa_{sha256(name.encode()).hexdigest()[:32]}"
        with translated():
            try:
                patiently(lambda: self._v1.products.create({"id": identity, "name": name}))
            except stripe.InvalidRequestError as exc:
                if exc.code != "resource_already_exists":
                    raise
        return identity

    def _ask_for(self, line: Line, purchase: Purchase, invoice_id: str, number: int) -> None:
        times = "" if line.quantity == 1 else f"{line.quantity} x "
        wanted: Any = {
            "customer": purchase.customer_id,
            "invoice": invoice_id,
            "currency": purchase.currency,
            "amount": line.amount * line.quantity,
            "description": f"{times}{line.description}",
        }
        asked(lambda: self._v1.invoice_items.create(wanted, _once(purchase, f"item:{number}")))


def _once(purchase: Purchase, step: str) -> stripe.RequestOptions:
    return {"idempotency_key": purchase.key(step)}


def _of_buyer(buyer: Buyer) -> dict[str, Any]:
    told = {"email": buyer.email, "name": buyer.name, "address": buyer.address}
    return {name: value for name, value in told.items() if value}


def _is_of(order_id: str, made: Mapping[str, Any]) -> bool:
    return bool(made["metadata"].get("order_id") == order_id)


def _subscribed(subscription: Mapping[str, Any]) -> Bill:
    bill = _bill(subscription["latest_invoice"])
    return replace(
        bill,
        payment_intent_id=bill.payment_intent_id or _id(subscription.get("pending_setup_intent")),
        subscription_id=subscription["id"],
    )


def _bill(invoice: Mapping[str, Any]) -> Bill:
    payments = (invoice.get("payments") or {}).get("data") or []
    intents = [_id((paid.get("payment") or {}).get("payment_intent")) for paid in payments]
    return Bill(
        invoice_id=invoice["id"],
        amount_due=invoice["amount_due"],
        payment_intent_id=next(iter(intents), None),
    )


def _id(reference: Any) -> str | None:
    found: str | None = reference["id"] if isinstance(reference, Mapping) else reference
    return found
