"""Invoices at the simulator, from failed charge to letter to payment, through Kassa's own parts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
import stripe

from service.notices.postman import Postman
from service.payments.retries import Collector
from service.reconciling.comparing import reconcile
from service.settings import Mail
from tests.service.conftest import Shop
from tests.service.notices.mailbox import Mailbox, running_mailbox


@dataclass
class Office:
    """A shop whose customers are billed, and their mailboxes."""

    shop: Shop
    mailbox: Mailbox
    told: str | None = None

    @property
    def client(self) -> stripe.StripeClient:
        return self.shop.simulator.client()

    def customer(self, method: str) -> str:
        made = self.client.v1.customers.create({"email": "ada@example.com", "name": "Ada"}).id
        self.pays_with(made, method)
        return made

    def pays_with(self, customer: str, method: str) -> None:
        kept = self.client.v1.payment_methods.attach(method, {"customer": customer}).id
        default: Any = {"invoice_settings": {"default_payment_method": kept}}
        self.client.v1.customers.update(customer, default)

    def bill(self, customer: str, amount: int = 2400, **terms: Any) -> str:
        asked: Any = {"customer": customer, "auto_advance": False} | terms
        invoice = self.client.v1.invoices.create(asked).id
        line: Any = {"customer": customer, "invoice": invoice, "amount": amount, "currency": "usd"}
        self.client.v1.invoice_items.create(line)
        self.client.v1.invoices.finalize_invoice(invoice)
        return invoice

    def hear(self) -> None:
        """Every webhook since the last time."""
        newer: Any = {"limit": 100} | ({"ending_before": self.told} if self.told else {})
        found = list(self.client.v1.events.list(newer).auto_paging_iter())
        for event in sorted(found, key=lambda each: each.created):
            body = json.dumps(event.to_dict(), default=str)
            assert self.shop.deliver(body).status_code == 200
        newest = self.client.v1.events.list({"limit": 1}).data
        self.told = newest[0].id

    def letters(self) -> list[str]:
        """The subjects of what is sent now."""
        mail = Mail("127.0.0.1", self.mailbox.port, encrypted=False, sender="till@shop.example")
        before = len(self.mailbox.letters)
        Postman(self.shop.store, mail, "Shop", self.shop.clock, simulated=True).deliver()
        return sorted(str(letter["Subject"]) for letter in self.mailbox.letters[before:])

    def invoice(self, invoice: str) -> tuple[Any, ...]:
        (row,) = self.shop.rows(
            "SELECT status, amount_paid, amount_remaining, amount_overpaid FROM invoices"
            " WHERE invoice_id = :id",
            id=invoice,
        )
        return tuple(row)


@pytest.fixture
def office(shop: Shop) -> Iterator[Office]:
    with running_mailbox() as mailbox:
        made = Office(shop, mailbox)
        newest = made.client.v1.events.list({"limit": 1}).data
        made.told = newest[0].id if newest else None
        yield made


def test_a_failed_invoice_is_told_tried_again_and_paid(office: Office) -> None:
    customer = office.customer("pm_card_chargeCustomerFail")
    invoice = office.bill(customer)
    with pytest.raises(stripe.CardError):
        office.client.v1.invoices.pay(invoice)
    office.hear()
    assert office.letters() == ["Your payment to Shop did not go through"]
    assert "SIMULATED" in office.mailbox.letters[0].as_string()
    # The customer chooses another card; nobody asks support.
    office.pays_with(customer, "pm_card_visa")
    collector = Collector(office.shop.store, office.shop.gateway.billing, office.shop.clock)
    assert collector.collect() == 0
    office.shop.clock.pass_by(days=3, seconds=5)
    assert collector.collect() == 1
    office.shop.clock.pass_by(days=-3)
    office.hear()
    assert office.invoice(invoice) == ("paid", 2400, 0, 0)
    assert office.letters()[0].startswith("Invoice ")
    attempts = office.shop.rows(
        "SELECT outcome, attempt_number FROM payment_attempts WHERE invoice_id = :id"
        " ORDER BY attempt_number",
        id=invoice,
    )
    assert [tuple(row) for row in attempts] == [("declined", 1), ("authorized", 2)]


def test_money_that_comes_by_itself_is_booked_to_its_invoice(office: Office) -> None:
    invoice = office.bill(
        office.customer("pm_card_visa"), 10_000, collection_method="send_invoice", days_until_due=30
    )
    office.client.v1.invoices.send_invoice(invoice)

    def comes(amount: int) -> None:
        answer = requests.post(
            f"{office.shop.simulator.url}/_control/invoice-payments",
            json={"invoice": invoice, "amount": amount},
            timeout=5,
        )
        assert answer.status_code == 200, answer.text

    office.hear()
    assert [subject.split(" from ")[-1] for subject in office.letters()] == ["Shop"]
    comes(4_000)
    office.hear()
    assert office.invoice(invoice) == ("open", 4_000, 6_000, 0)
    assert office.letters()[0].startswith("Part of invoice")
    comes(7_500)
    office.hear()
    assert office.invoice(invoice) == ("paid", 10_000, 0, 1_500)
    assert [subject.split()[-2:] for subject in office.letters()] == [
        ["is", "paid"],
        ["in", "excess"],
    ]


def test_an_invoice_that_no_webhook_told_of_is_fetched(office: Office) -> None:
    begun = datetime.now(UTC) - timedelta(seconds=2)
    invoice = office.bill(office.customer("pm_card_visa"))
    office.client.v1.invoices.pay(invoice)
    now = datetime.now(UTC) + timedelta(seconds=2)
    found = reconcile(
        office.shop.store, office.shop.gateway, now=now, since=begun, grace=timedelta(0)
    )
    assert found.missed["invoice.paid"] >= 1
    office.shop.clock.pass_by(seconds=10)
    assert office.invoice(invoice) == ("paid", 2400, 0, 0)
    assert office.letters()[0].startswith("Invoice ")


def test_an_invoice_that_is_taken_back_is_told_and_asks_nothing_more(office: Office) -> None:
    invoice = office.bill(office.customer("pm_card_visa"))
    office.client.v1.invoices.void_invoice(invoice)
    office.hear()
    assert office.invoice(invoice)[0] == "void"
    assert office.letters()[0].endswith("is cancelled")


def test_a_subscription_keeps_its_order_through_every_renewal(office: Office) -> None:
    page = office.shop.visit()
    product = office.client.v1.products.create({"name": "Plan"}).id
    made = office.client.v1.subscriptions.create(
        {
            "customer": office.customer("pm_card_visa"),
            "metadata": {"order_id": page.checkout_id},
            "items": [
                {
                    "price_data": {
                        "currency": "usd",
                        "product": product,
                        "recurring": {"interval": "month"},
                        "unit_amount": 1200,
                    },
                    "quantity": 2,
                }
            ],
        }
    )
    assert made.status == "active"
    office.hear()
    rows = office.shop.rows(
        "SELECT s.status, s.quantity, s.monthly_amount, p.status, p.amount_received, p.is_first"
        " FROM subscriptions s JOIN payments p ON p.subscription_id = s.subscription_id"
        " WHERE s.checkout_id = :id",
        id=page.checkout_id,
    )
    assert [tuple(row) for row in rows] == [("active", 2, 2400, "succeeded", 2400, 1)]
    # It is the checkout's payment, and a conversion of its visitor.
    assert office.shop.stands(page)["status"] == "paid"
    counted = office.shop.rows(
        "SELECT name, value FROM events WHERE checkout_id = :id AND name = 'payment_succeeded'",
        id=page.checkout_id,
    )
    assert [tuple(row) for row in counted] == [("payment_succeeded", 2400)]
