"""A whole Kassa for a test: store, simulator, application, and a client that pays like a page."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from experiments import Catalog
from service.app import create_app
from service.payments.simulator.process import start
from service.payments.stripe_gateway import StripeGateway
from service.server import SIMULATED_KEYS
from service.settings import PROJECT, Settings
from service.store.session import Store

API_KEY = "key-of-the-merchants-server"
PAYS, DECLINES, AUTHENTICATES = "4242424242424242", "4000000000000002", "4000002760003184"


def reply(response: TestResponse) -> Any:
    """The JSON of an answer."""
    found: Any = response.get_json()
    return found


@dataclass
class Clock:
    """The time, as the test wants it."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@dataclass(frozen=True)
class Simulator:
    """A running simulator and where it keeps its state."""

    url: str
    state: Path

    def client(self) -> stripe.StripeClient:
        return stripe.StripeClient("sk_test_simulated", base_addresses={"api": self.url})

    def faults(self, *faults: dict[str, Any]) -> None:
        requests.post(
            f"{self.url}/_control/faults", json=list(faults), timeout=5
        ).raise_for_status()

    def events_of(self, order_id: str) -> list[dict[str, Any]]:
        """Every event about an order, oldest first."""
        lately = int(datetime.now(UTC).timestamp()) - 60
        events = self.client().v1.events.list({"limit": 100, "created": {"gte": lately}})
        found = [event.to_dict() for event in events.auto_paging_iter()]
        about = [e for e in found if e["data"]["object"].get("metadata", {}).get("order_id")]
        return [
            e for e in reversed(about) if e["data"]["object"]["metadata"]["order_id"] == order_id
        ]


@dataclass(frozen=True)
class Page:
    """A rendered checkout, as its script reads it."""

    attributes: dict[str, str]
    html: str

    @property
    def checkout_id(self) -> str:
        return self.attributes["checkout-id"]

    @property
    def steps(self) -> int:
        return self.html.count("data-step=")


@dataclass(frozen=True)
class Shop:
    """The application with everything a test may look into."""

    client: FlaskClient
    store: Store
    simulator: Simulator
    clock: Clock
    settings: Settings
    catalog: Catalog
    gateway: StripeGateway

    def visit(self, offer: str = "team-plan") -> Page:
        """Open a checkout as a browser would."""
        return self.page(self.client.get(f"/buy/{offer}", follow_redirects=True))

    def order(self, **changes: Any) -> dict[str, Any]:
        """Make a checkout as the merchant's server does."""
        order = {
            "mode": "payment",
            "currency": "usd",
            "lines": [{"description": "Team plan", "amount": 1200, "quantity": 2}],
            "success_url": "https://shop.example/thanks",
        }
        answer = self.client.post(
            "/v1/checkouts", json=order | changes, headers={"Authorization": f"Bearer {API_KEY}"}
        )
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = reply(answer)
        return found

    def open(self, **changes: Any) -> Page:
        """Make a checkout and open it."""
        return self.page(self.client.get(self.order(**changes)["url"]))

    @staticmethod
    def page(response: TestResponse) -> Page:
        assert response.status_code == 200, response.text
        return Page(dict(re.findall(r'data-([a-z-]+)="([^"]*)"', response.text)), response.text)

    def token(
        self,
        page: Page,
        number: str = PAYS,
        *,
        amount: int | None = None,
        proof: str | None = None,
        session: str | None = None,
        method: str | None = None,
        wallet: str | None = None,
        save: bool = False,
    ) -> str:
        """A confirmation token for a card or an account, as the Stripe.js stand-in makes it.

        Of a wallet, or of ``link``, the card is the one that it holds.
        """
        elements: dict[str, Any] = {
            "mode": page.attributes["mode"],
            "currency": page.attributes["currency"],
        }
        if elements["mode"] != "setup":
            elements["amount"] = int(page.attributes["amount"]) if amount is None else amount
        if page.attributes["methods"]:
            elements["allowed_payment_method_types"] = page.attributes["methods"].split()
        if session:
            elements["customer_session_client_secret"] = session
        entered: dict[str, Any] = {
            "type": "card",
            "card": {"number": number, "exp_month": 12, "exp_year": 2034, "cvc": "123"},
        }
        if number.startswith("000"):
            account = {"account_number": number, "routing_number": "110000000"}
            account |= {"verification_method": proof} if proof else {}
            entered = {"type": "us_bank_account", "us_bank_account": account}
        if wallet == "link":
            entered = {"type": "link", "link": {"number": number}}
        elif wallet:
            entered["card"]["wallet"] = wallet
        billing = {"name": "Ada", "email": "ada@example.com"}
        answer = self.client.post(
            "/sim/v1/confirmation_tokens",
            json={
                "key": "pk_test_simulated",
                "elements": elements,
                "payment_method": {"id": method}
                if method
                else entered | {"billing_details": billing},
                "save": save,
                "return_url": page.attributes["return-url"],
            },
        )
        assert answer.status_code == 200, answer.text
        return str(reply(answer)["id"])

    def confirm(self, page: Page, token: str) -> TestResponse:
        return self.client.post(
            page.attributes["confirm-url"],
            json={"confirmation_token": token, "email": "ada@example.com"},
            headers={"X-Kassa-Token": page.attributes["token"]},
        )

    def ask_for_invoice(self, page: Page, **changes: Any) -> TestResponse:
        """Press the button that asks for an invoice."""
        address = {"line1": "1 Analytical Way", "city": "San Francisco", "country": "US"}
        body = {"email": "ada@example.com", "name": "Ada Lovelace", "address": address}
        return self.client.post(
            page.attributes["invoice-url"],
            json=body | changes,
            headers={"X-Kassa-Token": page.attributes["token"]},
        )

    def pay(self, page: Page, number: str = PAYS, *, proof: str | None = None) -> dict[str, Any]:
        """Press the pay button with a card or a bank account."""
        answer = self.confirm(page, self.token(page, number, proof=proof))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = reply(answer)
        return found

    def authenticate(self, client_secret: str, outcome: str = "succeed") -> None:
        intent = client_secret.partition("_secret")[0]
        body = {"key": "pk_test_simulated", "client_secret": client_secret, "outcome": outcome}
        kind = "setup_intents" if intent.startswith("seti_") else "payment_intents"
        answer = self.client.post(f"/sim/v1/{kind}/{intent}/authenticate", json=body)
        assert answer.status_code == 200, answer.text

    def deliver(self, payload: dict[str, Any] | str | bytes, **signing: Any) -> TestResponse:
        """Send a webhook as Stripe would, signed now unless told otherwise."""
        text = json.dumps(payload) if isinstance(payload, dict) else payload
        body = text.encode() if isinstance(text, str) else text
        return self.client.post(
            "/webhooks/stripe",
            data=body,
            content_type="application/json",
            headers={"Stripe-Signature": self.signature(body, **signing)},
        )

    def signature(self, body: bytes, *, secret: str = "", at: datetime | None = None) -> str:
        stamp = int((at or self.clock()).timestamp())
        key = (secret or "whsec_simulated").encode()
        signed = hmac.new(key, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        return f"t={stamp},v1={signed}"

    def deliver_all(self, page: Page) -> list[dict[str, Any]]:
        """Send every webhook about a checkout, in order."""
        events = self.simulator.events_of(page.checkout_id)
        for event in events:
            assert self.deliver(event).status_code == 200
        return events

    def deliver_recent(self, *objects: str) -> list[dict[str, Any]]:
        """Send every webhook of the last minute that is about one of these, in order."""
        about = self.events_about(*objects)
        for event in about:
            assert self.deliver(event).status_code == 200
        return about

    def events_about(self, *objects: str) -> list[dict[str, Any]]:
        """Every event of the last minute that names one of these, in order."""
        lately = int(datetime.now(UTC).timestamp()) - 60
        listed = self.simulator.client().v1.events.list({"limit": 100, "created": {"gte": lately}})
        # The SDK makes Decimals of decimal texts; on the wire they are texts.
        told = [json.dumps(each.to_dict(), default=str) for each in listed.auto_paging_iter()][::-1]
        return [json.loads(event) for event in told if any(each in event for each in objects)]

    def stands(self, page: Page) -> dict[str, Any]:
        """The checkout as the merchant's server reads it."""
        answer = self.client.get(
            f"/v1/checkouts/{page.checkout_id}", headers={"Authorization": f"Bearer {API_KEY}"}
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = reply(answer)
        return found

    def rows(self, sql: str, **values: Any) -> list[Any]:
        from sqlalchemy import text  # noqa: PLC0415 - only where a test looks below the surface

        with self.store.read() as connection:
            return list(connection.execute(text(sql), values))

    def event(self, name: str = "checkout_viewed", **fields: Any) -> dict[str, Any]:
        found = {"id": str(uuid.uuid4()), "name": name, "occurred_at": self.clock().isoformat()}
        return found | fields


@contextmanager
def running_simulator(directory: Path) -> Iterator[Simulator]:
    """The shipped simulator in a process of its own; tests deliver its webhooks themselves."""
    state = directory / "stripe-simulator.db"
    process = start(
        state,
        port=0,
        webhook_url="http://127.0.0.1:9/webhooks/stripe",
        webhook_secret=SIMULATED_KEYS.webhook_secrets[0],
    )
    yield Simulator(process.url, state)
    process.stop()


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """One for all tests: each has objects of its own."""
    with running_simulator(tmp_path_factory.mktemp("simulator")) as running:
        yield running


MakeShop = Callable[..., Shop]


@pytest.fixture
def clock() -> Clock:
    """The time of every application of a test."""
    return Clock()


@pytest.fixture
def make_shop(migrated_store_url: str, simulator: Simulator, clock: Clock) -> Iterator[MakeShop]:
    """Makes applications over one migrated database: SQLite, and then real PostgreSQL."""
    stores: list[Store] = []

    def make(definitions: Path = PROJECT / "experiments" / "definitions", **changes: Any) -> Shop:
        settings = Settings(
            database_url=migrated_store_url,
            definitions=definitions,
            secret_keys=("a-secret-key-for-tests",),
            api_keys=(API_KEY,),
            **changes,
        )
        store = Store(migrated_store_url)
        stores.append(store)
        simulated = StripeGateway(SIMULATED_KEYS, base_address=simulator.url)
        gateway = StripeGateway(settings.stripe) if settings.stripe else simulated
        catalog = Catalog.load(definitions)
        app = create_app(
            settings,
            catalog=catalog,
            store=store,
            gateway=gateway,
            simulator=simulator.state,
            clock=clock,
        )
        client = app.test_client()
        return Shop(client, store, simulator, clock, settings, catalog, gateway)

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def shop(make_shop: MakeShop) -> Shop:
    """An application with the shipped definitions."""
    return make_shop()
