"""A Stripe account to hold the contract against: the simulator's, or a real sandbox.

Everything here goes through stripe-python; only time differs. The simulator's clock is turned by
its control API, a sandbox has test clocks, and both are hidden behind `Calendar`.
"""

from __future__ import annotations

import json
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
import stripe

DAY = 24 * 3600
RETURN_URL = "https://shop.example/return"
# What a page sends when a visitor agrees to a bank debit.
MANDATE: Any = {
    "customer_acceptance": {
        "type": "online",
        "online": {"ip_address": "192.0.2.7", "user_agent": "Contract"},
    }
}


class Calendar(ABC):
    """Time for the customers made in it."""

    @property
    @abstractmethod
    def customer(self) -> dict[str, Any]:
        """What a customer of this calendar is made with."""

    @abstractmethod
    def pass_by(self, days: int) -> None:
        """Let days go by, and everything happen that falls due in them."""


@dataclass
class SimulatedCalendar(Calendar):
    """The simulator's one clock."""

    url: str

    @property
    def customer(self) -> dict[str, Any]:
        """Nothing: every customer lives by the one clock."""
        return {}

    def pass_by(self, days: int) -> None:
        """Turn the clock."""
        answer = requests.post(
            f"{self.url}/_control/clock", json={"advance": days * DAY}, timeout=60
        )
        assert answer.status_code == 200, answer.text


@dataclass
class SandboxCalendar(Calendar):
    """A test clock of a real sandbox."""

    client: stripe.StripeClient
    now: int = field(default_factory=lambda: int(time.time()))

    def __post_init__(self) -> None:
        self._clock = self.client.v1.test_helpers.test_clocks.create({"frozen_time": self.now}).id

    @property
    def customer(self) -> dict[str, Any]:
        """The clock the customer lives by."""
        return {"test_clock": self._clock}

    def pass_by(self, days: int) -> None:
        """Advance the clock, at most a month at a time, and wait until it is there."""
        clocks = self.client.v1.test_helpers.test_clocks
        while days > 0:
            step = min(days, 28)
            days -= step
            self.now += step * DAY
            clocks.advance(self._clock, {"frozen_time": self.now})
            wait_until(lambda: clocks.retrieve(self._clock).status == "ready", seconds=180)

    def remove(self) -> None:
        """The clock goes, and its customers with it."""
        self.client.v1.test_helpers.test_clocks.delete(self._clock)


@dataclass(frozen=True)
class StripeAccount:
    """What the contract is held against.

    Attributes:
        client: speaks to it, and is the only thing that does.
        calendar: its time.
        real: whether it is a sandbox of Stripe's.
    """

    client: stripe.StripeClient
    calendar: Calendar
    real: bool

    def customer(self, **more: Any) -> stripe.Customer:
        """A new customer."""
        params: Any = {"email": "mara@example.org", "name": "Mara", **self.calendar.customer}
        return self.client.v1.customers.create(params | more)

    def token(self, method: str | None = None, **more: Any) -> str:
        """What a page makes of a payment method: one of Stripe's ready-made ones, or more."""
        params: Any = {"return_url": RETURN_URL} | ({"payment_method": method} if method else {})
        return self.client.v1.test_helpers.confirmation_tokens.create(params | more).id

    def pay(self, method: str = "pm_card_visa", **more: Any) -> stripe.PaymentIntent:
        """A payment the way Kassa makes one: created and confirmed on the server with a token."""
        params: Any = {
            "amount": 2400,
            "currency": "usd",
            "confirm": True,
            "confirmation_token": self.token(method),
            "return_url": RETURN_URL,
            "metadata": {"order_id": uuid.uuid4().hex},
        }
        return self.client.v1.payment_intents.create(params | more)

    def declined(self, method: str, **more: Any) -> stripe.CardError:
        """The refusal of a payment that must be refused."""
        try:
            self.pay(method, **more)
        except stripe.CardError as refusal:
            return refusal
        raise AssertionError(f"{method} was not declined")

    def saved_card(self, customer: str, method: str = "pm_card_visa") -> stripe.PaymentMethod:
        """A card attached to a customer, and the default for their invoices."""
        attached = self.client.v1.payment_methods.attach(method, {"customer": customer})
        default: Any = {"invoice_settings": {"default_payment_method": attached.id}}
        self.client.v1.customers.update(customer, default)
        return attached

    def price(self, amount: int = 1200, interval: str = "month") -> stripe.Price:
        """A price for each seat."""
        product = self.client.v1.products.create({"name": "Team plan"})
        params: Any = {
            "product": product.id,
            "unit_amount": amount,
            "currency": "usd",
            "recurring": {"interval": interval},
        }
        return self.client.v1.prices.create(params)

    def invoice(self, customer: str, amount: int = 240_000, **terms: Any) -> stripe.Invoice:
        """A finalized invoice over one line, sent by mail unless the terms say otherwise."""
        usual: Any = {"collection_method": "send_invoice", "days_until_due": 30}
        params: Any = {"customer": customer, "auto_advance": False} | (terms or usual)
        draft = self.client.v1.invoices.create(params)
        line: Any = {"customer": customer, "invoice": draft.id, "currency": "usd"}
        self.client.v1.invoice_items.create(line | {"amount": amount, "description": "Consulting"})
        return self.client.v1.invoices.finalize_invoice(draft.id)

    def happened(self, kind: str, identity: str) -> stripe.Event:
        """The event of a kind about an object, once it came about."""
        found: list[stripe.Event] = []

        def there() -> bool:
            listed = self.client.v1.events.list({"type": kind, "limit": 100})
            found.extend(e for e in listed.data if e.data.object["id"] == identity)
            return bool(found)

        wait_until(there)
        return found[0]

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait for what happens in its own time."""
        wait_until(holds)


def wait_until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    """Ask again and again; fails when it takes too long."""
    deadline, pause = time.monotonic() + seconds, 0.05
    while not holds():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(pause)
        pause = min(2.0, pause * 2)


class Listening(stripe.RequestsClient):
    """The SDK's own way to the network, keeping what came back.

    Attributes:
        heard: every answer that was no refusal, in order.
    """

    def __init__(self) -> None:
        super().__init__(timeout=30)
        self.heard: list[Any] = []

    def request(  # type: ignore[override]  # as its own class has it, and not that one's base
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Ask and keep."""
        content, status, answered = super().request(method, url, headers, post_data)
        if status == 200:
            self.heard.append(json.loads(content))
        return content, status, answered
