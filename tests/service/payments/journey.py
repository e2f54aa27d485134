"""One order's whole way: the page, Stripe, the webhooks, the letters, and the days that pass."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import requests
from stripe.params import EventListParams

from service.notices.postman import Postman
from service.payments.retries import Collector
from service.settings import Mail
from tests.service.conftest import API_KEY, Page, Shop, reply
from tests.service.notices.mailbox import Mailbox

# What the ledger says, a line for each row, by the documented views.
_LEDGER = {
    "order": "SELECT mode, amount, currency FROM orders ORDER BY created_at",
    "attempt": """
        SELECT method, brand, wallet, amount, outcome, COALESCE(decline_code, failure_code),
          three_d_secure_result
        FROM payment_attempts ORDER BY attempted_at, attempt_id""",
    "payment": """
        SELECT status, amount_received FROM payments ORDER BY created_at, payment_intent_id""",
    "refund": "SELECT status, amount FROM refunds ORDER BY created_at, refund_id",
    "dispute": "SELECT status, amount, reason FROM disputes",
    "warning": "SELECT fraud_type FROM early_fraud_warnings",
    "subscription": """
        SELECT status, quantity, amount, interval, collection_method,
          CASE cancel_at_period_end WHEN 1 THEN 'ends' END
        FROM subscriptions ORDER BY created_at""",
    "invoice": """
        SELECT status, amount_paid, 'of', amount_due,
          CASE WHEN amount_overpaid > 0 THEN 'over' END, NULLIF(amount_overpaid, 0)
        FROM invoices ORDER BY created_at, invoice_id""",
    "card update": "SELECT last4_before, 'to', last4 FROM card_updates",
    "consent": """
        SELECT kind, CASE WHEN withdrawn_at IS NOT NULL THEN 'withdrawn' END
        FROM consents ORDER BY 1, 2""",
}


@dataclass
class Journey:
    """A visitor's, with everything on the way.

    Attributes:
        page: of the order.
        heard: the last event that was told.
    """

    shop: Shop
    mailbox: Mailbox
    page: Page = field(default_factory=lambda: Page({}, ""))
    heard: str | None = None

    @property
    def stripe(self) -> Any:
        """The simulator through stripe-python, for what the merchant does in the Dashboard."""
        return self.shop.simulator.client().v1

    def order(self, **terms: Any) -> Page:
        """The merchant makes an order, and the visitor opens it."""
        self.page = self.shop.open(**{"email": "ada@example.com"} | terms)
        return self.page

    def pay(self, number: str, **how: Any) -> dict[str, Any]:
        """Press the button, a moment after whatever was before; what the page is answered."""
        self.shop.clock.pass_by(seconds=2)
        answer: dict[str, Any] = reply(
            self.shop.confirm(self.page, self.shop.token(self.page, number, **how))
        )
        self.hear()
        return answer

    def ask_for_invoice(self) -> dict[str, Any]:
        """Press the button that asks for an invoice."""
        answer: dict[str, Any] = reply(self.shop.ask_for_invoice(self.page))
        self.hear()
        return answer

    def authenticate(self, asked: dict[str, Any], outcome: str) -> None:
        """Answer the bank's question."""
        self.shop.authenticate(asked["next_action"]["client_secret"], outcome)
        self.hear()

    def look(self) -> str:
        """The page asks how the payment stands."""
        headers = {"X-Kassa-Token": self.page.attributes["token"]}
        answer = self.shop.client.post(self.page.attributes["status-url"], json={}, headers=headers)
        return str(reply(answer)["status"])

    def pass_by(self, days: int) -> None:
        """Days go by, for Stripe and for Kassa; webhooks come and chores are done each day."""
        self.hear()
        before = self._events()
        for _ in range(days):
            self.shop.clock.pass_by(days=1)
            self.ask("clock", advance=0)
            # Whoever did what fell due: the simulator has a thread of its own for that.
            if self._events() != before:
                self.hear()
            before = self._events()
            gateway = self.shop.gateway.billing
            if Collector(self.shop.store, gateway, self.shop.clock).collect():
                self.hear()

    def _events(self) -> int:
        """How many events there ever were."""
        url = f"{self.shop.simulator.url}/_control/deliveries"
        return sum(requests.get(url, timeout=30).json().values())

    def control(self, endpoint: str, **asked: Any) -> None:
        """What happens at the simulator, and is heard of."""
        self.ask(endpoint, **asked)
        self.hear()

    def ask(self, endpoint: str, **asked: Any) -> Any:
        """The same, before anybody hears of it."""
        url = f"{self.shop.simulator.url}/_control/{endpoint}"
        answer = requests.post(url, json=asked, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def hear(self) -> None:
        """Every webhook since the last one, and the letters that follow go out."""
        for event in self.untold():
            self.heard = event["id"]
            assert self.shop.deliver(event).status_code == 200
        mail = Mail("127.0.0.1", self.mailbox.port, encrypted=False, sender="till@shop.example")
        Postman(self.shop.store, mail, "Kassa", self.shop.clock).deliver()

    def untold(self) -> list[dict[str, Any]]:
        """What Stripe has to tell and has not told yet, oldest first."""
        newer: EventListParams = {"limit": 100}
        if self.heard is not None:
            newer["ending_before"] = self.heard
        listed = self.stripe.events.list(newer).auto_paging_iter()
        # The SDK makes Decimals of decimal texts; on the wire they are texts.
        told = [json.loads(json.dumps(each.to_dict(), default=str)) for each in listed]
        return told[::-1] if self.heard is None else told

    # -- what it comes to --------------------------------------------------------------------------

    @property
    def ledger(self) -> list[str]:
        """Every row of the documented views, in words."""
        return [
            " ".join(str(value) for value in (name, *row) if value is not None)
            for name, query in _LEDGER.items()
            for row in self.shop.rows(query)
        ]

    @property
    def letters(self) -> list[str]:
        """The subjects of what the customer finds in the mail, oldest first."""
        assert {letter["To"] for letter in self.mailbox.letters} <= {"ada@example.com"}
        # Numbers of invoices are the simulator's own.
        return [
            re.sub(r"[A-Z0-9]+-\d+", "N", str(each["Subject"])) for each in self.mailbox.letters
        ]

    @property
    def seen(self) -> str:
        """The title of the page that the visitor comes back to."""
        return self.title(self.page.attributes["return-url"])

    def title(self, url: str) -> str:
        """The title of a page."""
        answer = self.shop.client.get(url, follow_redirects=True)
        (found,) = re.findall(r"<h1[^>]*>(.*?)</h1>", answer.text)
        return unescape(found)

    def session(self) -> str:
        """What the page is given to show what its customer keeps."""
        headers = {"X-Kassa-Token": self.page.attributes["token"]}
        url = self.page.attributes["session-url"]
        return str(reply(self.shop.client.post(url, json={}, headers=headers))["client_secret"])

    # -- the customer's own page -------------------------------------------------------------------

    def account(self, customer: str) -> str:
        """A link to it, which the merchant's server makes."""
        answer = self.shop.client.post(
            f"/v1/customers/{customer}/session",
            json={"email": "ada@example.com"},
            headers={"Authorization": f"Bearer {API_KEY}"},
        )
        return str(reply(answer)["url"]).removeprefix("http://localhost")

    def keep(self, customer: str, number: str) -> None:
        """Keep a new card or bank account there."""
        link = self.account(customer)
        setup = {
            "mode": "setup",
            "currency": "usd",
            "methods": "",
            "return-url": "http://localhost/",
        }
        token = self.shop.token(Page(setup, ""), number)
        kept = self.shop.client.post(f"{link}/methods", json={"confirmation_token": token})
        assert "redirect" in reply(kept), kept.text
        self.hear()

    def press(self, customer: str, ending: str) -> None:
        """Press the only button there whose address ends so."""
        page = self.shop.client.get(self.account(customer)).text
        (url,) = [u for u in re.findall(r'action="([^"]+)"', page) if u.endswith(ending)]
        assert self.shop.client.post(url).status_code == 303
        self.hear()
