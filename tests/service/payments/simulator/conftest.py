import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe
from flask.testing import FlaskClient
from stripe.params import PaymentIntentCreateParams

from service.payments.simulator.api import Api
from service.payments.simulator.browser import create_browser_app
from service.payments.simulator.server import SimulatorServer
from service.payments.simulator.store import Store
from service.payments.simulator.webhooks import Endpoint

SECRET = "whsec_simulated"


class Receiver:
    """A real webhook endpoint that keeps what it is sent; answers 200 unless told otherwise."""

    def __init__(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) < length:
                    return  # the sender was killed in the middle, and will send it again
                status = receiver.take(body, dict(self.headers))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
                pass

        self.statuses: list[int] = []
        self.deliveries: list[tuple[bytes, dict[str, str], float]] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    def take(self, body: bytes, headers: dict[str, str]) -> int:
        with self._lock:
            self.deliveries.append((body, headers, time.time()))
            return self.statuses.pop(0) if self.statuses else 200

    def events(self) -> list[stripe.Event]:
        """Everything taken, verified by the SDK."""
        return [
            stripe.Webhook.construct_event(body, headers["Stripe-Signature"], SECRET)
            for body, headers, _ in list(self.deliveries)
        ]

    def types_about(self, identity: str) -> list[str]:
        """Types of the events about one object or about a PaymentIntent, sorted."""
        found = []
        for event in self.events():
            body = event.data.object.to_dict()
            if identity in {body["id"], body.get("payment_intent")}:
                found.append(str(event.type))
        return sorted(found)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def wait_until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.01)


@dataclass
class Simulator:
    """A running simulator, its client, and what its webhooks delivered."""

    url: str
    database: Path
    receiver: Receiver
    client: stripe.StripeClient
    until: Callable[..., None] = field(default=wait_until)

    def token(self, method: str = "pm_card_visa") -> str:
        return self.client.v1.test_helpers.confirmation_tokens.create({"payment_method": method}).id

    def pay(
        self, method: str = "pm_card_visa", *, key: str | None = None, **extra: Any
    ) -> stripe.PaymentIntent:
        params: PaymentIntentCreateParams = {
            "amount": 2400,
            "currency": "usd",
            "confirm": True,
            "confirmation_token": self.token(method),
            "return_url": "https://shop.example/return",
        }
        params.update(extra)  # type: ignore[typeddict-item]  # tests pass any parameter
        return self.client.v1.payment_intents.create(
            params, {"idempotency_key": key} if key else {}
        )

    def attempt(self, method: str) -> str:
        """The id of a PaymentIntent tried with this card, whatever came of it."""
        intents = self.client.v1.payment_intents
        made = intents.create({"amount": 2400, "currency": "usd"})
        with suppress(stripe.CardError):
            intents.confirm(
                made.id,
                {
                    "confirmation_token": self.token(method),
                    "return_url": "https://shop.example/return",
                },
            )
        return made.id

    def control(self, path: str, given: object) -> dict[str, Any]:
        answer = requests.post(f"{self.url}/_control/{path}", json=given, timeout=10)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def counts(self) -> dict[str, int]:
        found: dict[str, int] = requests.get(f"{self.url}/_control/deliveries", timeout=10).json()
        return found

    def drained(self) -> None:
        """Wait until every event is delivered."""
        wait_until(lambda: self.counts()["pending"] == 0)


@pytest.fixture(autouse=True)
def _nobodys_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripe, "enable_telemetry", False)
    # Kassa's gateway says its name for the whole process; what is asked here is not Kassa's.
    monkeypatch.setattr(stripe, "app_info", None)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with closing(Receiver()) as running:
        yield running


@pytest.fixture
def client_of() -> Iterator[Callable[..., stripe.StripeClient]]:
    """Makes SDK clients whose connections are closed in the end."""
    opened: list[stripe.RequestsClient] = []

    def make(url: str, key: str = "sk_test_simulated") -> stripe.StripeClient:
        opened.append(stripe.RequestsClient(timeout=10))
        return stripe.StripeClient(
            key, base_addresses={"api": url}, max_network_retries=2, http_client=opened[-1]
        )

    yield make
    for http_client in opened:
        http_client.close()  # type: ignore[no-untyped-call]  # the SDK leaves it untyped


@pytest.fixture
def simulator(
    tmp_path: Path, receiver: Receiver, client_of: Callable[..., stripe.StripeClient]
) -> Iterator[Simulator]:
    database = tmp_path / "simulator.db"
    endpoint = Endpoint.parse(receiver.url, SECRET)
    server = SimulatorServer(database, port=0, endpoint=endpoint, clock=lambda: datetime.now(UTC))
    server.start()
    yield Simulator(server.url, database, receiver, client_of(server.url))
    server.stop()


@pytest.fixture
def dated_api(tmp_path: Path) -> tuple[Api, list[datetime]]:
    """The API in this process, with a clock that the test turns."""
    moments = [datetime(2026, 11, 20, 12, tzinfo=UTC)]
    return Api(Store(tmp_path / "dated.db"), lambda: moments[-1]), moments


@pytest.fixture
def browser(simulator: Simulator) -> FlaskClient:
    app = create_browser_app(simulator.database, clock=lambda: datetime.now(UTC))
    return app.test_client()


def order(number: str = "4242424242424242", **card: Any) -> dict[str, Any]:
    entered = {"number": number, "exp_month": 12, "exp_year": 2034, "cvc": "123", **card}
    address = {"line1": "Storgatan 1", "city": "Malmö", "country": "SE", "state": None}
    return {
        "key": "pk_test_simulated",
        "elements": {"mode": "payment", "amount": 2400, "currency": "usd"},
        "payment_method": {
            "type": "card",
            "card": entered,
            "billing_details": {"name": "Mara", "email": "m@example.org", "address": address},
        },
        "return_url": "https://shop.example/return",
    }
