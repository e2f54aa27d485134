"""A shop on the simulator that sells by subscription and invoice, through stripe-python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import stripe

from tests.service.payments.simulator.conftest import Simulator

DAY = 24 * 3600
REFUSED = "pm_card_chargeCustomerFail"
LOST = "pm_card_visa_chargeDeclinedLostCard"


@dataclass(frozen=True)
class Shop:
    """What the tests of billing sell with."""

    simulator: Simulator

    @property
    def v1(self) -> Any:
        """The SDK's calls; untyped, since tests send what is no parameter too."""
        return self.simulator.client.v1

    def customer(self, method: str | None = "pm_card_visa") -> str:
        """A customer, with a default payment method if named."""
        made: str = self.v1.customers.create({"email": "mara@example.org"}).id
        if method:
            self.default(made, method)
        return made

    def default(self, customer: str, method: str) -> str:
        """The id of a new default payment method."""
        attached: str = self.v1.payment_methods.attach(method, {"customer": customer}).id
        settings = {"invoice_settings": {"default_payment_method": attached}}
        self.v1.customers.update(customer, settings)
        return attached

    def invoice(self, customer: str, amount: int = 10_000, **terms: Any) -> Any:
        """A finalized invoice, to be paid within thirty days unless the terms say otherwise."""
        usual = {"collection_method": "send_invoice", "days_until_due": 30}
        draft = self.v1.invoices.create({"customer": customer, **(terms or usual)})
        item = {"customer": customer, "invoice": draft.id, "amount": amount, "currency": "usd"}
        self.v1.invoice_items.create(item)
        return self.v1.invoices.finalize_invoice(draft.id)

    def price(self, amount: int = 1200, **recurring: Any) -> str:
        """A price for each seat and month, or another period."""
        product = self.v1.products.create({"name": "Team plan"}).id
        made: str = self.v1.prices.create(
            {
                "product": product,
                "unit_amount": amount,
                "currency": "usd",
                "recurring": {"interval": "month", **recurring},
            }
        ).id
        return made

    def subscribe(self, customer: str, **more: Any) -> Any:
        """Two seats for 12.00 each a month."""
        items = [{"price": self.price(), "quantity": 2}]
        return self.v1.subscriptions.create({"customer": customer, "items": items, **more})

    def subscription(self, identity: str) -> Any:
        """As it now stands."""
        return self.v1.subscriptions.retrieve(identity)

    def latest_invoice(self, subscription: str) -> Any:
        """The last one of a subscription."""
        return self.v1.invoices.retrieve(self.subscription(subscription).latest_invoice)

    def intent_of(self, invoice: str) -> Any:
        """The PaymentIntent an invoice was finalized with."""
        found = self.payments_of(invoice)[-1]
        return self.v1.payment_intents.retrieve(found.payment.payment_intent)

    def payments_of(self, invoice: str) -> list[Any]:
        """What pays or paid an invoice, newest first."""
        return list(self.v1.invoice_payments.list({"invoice": invoice}).data)

    def receive(self, invoice: str, amount: int) -> dict[str, Any]:
        """A bank transfer comes in."""
        return self.simulator.control("invoice-payments", {"invoice": invoice, "amount": amount})

    def pass_by(self, days: float) -> None:
        """Turn the clock."""
        self.simulator.control("clock", {"advance": int(days * DAY)})

    def told_of(self, identity: str) -> list[str]:
        """Types of the events about an object, oldest first."""
        found = self.v1.events.list({"limit": 100}).auto_paging_iter()
        return [e.type for e in found if e.data.object["id"] == identity][::-1]

    def told(self, kind: str) -> list[stripe.Event]:
        """The events of a type, oldest first."""
        return list(self.v1.events.list({"type": kind}).auto_paging_iter())[::-1]
