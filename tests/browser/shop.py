"""A shop of one page around the Stripe.js stand-in, and the simulator behind it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import stripe
from flask import Flask
from playwright.sync_api import FrameLocator, Page, expect
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import make_server

from service.payments.simulator.browser import create_browser_app
from service.payments.simulator.server import SimulatorServer
from service.payments.simulator.webhooks import Endpoint

_PAGE = """<!doctype html><html lang="en"><head><title>Shop</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<script src="/sim/stripe.js"></script></head>
<body><main><h1>Shop</h1><div id="payment"></div></main></body></html>"""
_MOUNT = """async options => {
  window.heard = [];
  window.stripe = Stripe("pk_test_simulated");
  window.group = stripe.elements(options);
  const payment = group.create("payment", { business: { name: "Rocket Rides" } });
  for (const event of ["change", "availablepaymentmethodschange", "savedpaymentmethodremove"]) {
    payment.on(event, detail => heard.push([event, detail]));
  }
  const begun = new Promise((resolve, reject) => {
    payment.on("ready", resolve);
    payment.on("loaderror", event => reject(new Error(event.error.message)));
  });
  payment.mount("#payment");
  await begun;
}"""
_SUBMIT = """async () => {
  const submitted = await group.submit();
  if (submitted.error) return submitted;
  return { ...submitted, ...await stripe.createConfirmationToken({ elements: group }) };
}"""


@dataclass
class Shop:
    """The page in a visitor's browser, and the shop's own key to the simulator."""

    url: str
    page: Page
    stripe: stripe.StripeClient

    def mount(self, **options: Any) -> None:
        """Open the page and show a Payment Element; an option that is None is left out."""
        self.page.goto(f"{self.url}/")
        all_options = {"mode": "payment", "amount": 2400, "currency": "usd"} | options
        self.page.evaluate(_MOUNT, {n: v for n, v in all_options.items() if v is not None})

    @property
    def frame(self) -> FrameLocator:
        """Inside the Payment Element."""
        return self.page.frame_locator("#payment iframe")

    @property
    def window(self) -> FrameLocator:
        """Inside the modal that `handleNextAction` opens."""
        return self.page.frame_locator("dialog iframe")

    def rows(self) -> list[str]:
        """The methods to choose from, as they are read."""
        return [
            each.strip()
            for each in self.frame.locator(".Method > .Choice:visible").all_inner_texts()
        ]

    def heard(self, event: str) -> list[Any]:
        """What the Element told the page, oldest first."""
        told: list[Any] = self.page.evaluate("() => heard")
        return [detail for name, detail in told if name == event]

    def give_card(self, number: str = "4242424242424242") -> None:
        """A card into its fields."""
        for field, typed in (("number", number), ("expiry", "1234"), ("cvc", "123")):
            self.frame.locator(f"#{field}").fill(typed)

    def give_account(self, number: str = "000123456789") -> None:
        """A bank account, after its row was chosen."""
        self.frame.get_by_label("US bank account").check()
        self.frame.locator("#routing").fill("110000000")
        self.frame.locator("#account").fill(number)

    def submit(self) -> Any:
        """What the page is given: an error, or the method's type and a token."""
        return self.page.evaluate(_SUBMIT)

    def token(self) -> Any:
        """The token of what was given."""
        answer = self.submit()
        assert "error" not in answer, answer
        return answer["confirmationToken"]

    def begin_action(self, secret: str) -> None:
        """Let Stripe.js handle the next action; `acted` waits for its end."""
        self.page.evaluate(
            "secret => { window.acting = stripe.handleNextAction({ clientSecret: secret }); }",
            secret,
        )
        expect(self.page.locator("dialog")).to_be_visible()

    def acted(self) -> Any:
        """What came of the next action, once its window has closed."""
        expect(self.page.locator("dialog")).to_have_count(0)
        return self.page.evaluate("() => acting")


@contextmanager
def opened(database: Path, page: Page) -> Iterator[Shop]:
    """A running simulator and shop."""

    def now() -> datetime:
        return datetime.now(UTC)

    nowhere = Endpoint.parse("http://127.0.0.1:9/", "whsec_nobody")
    api = SimulatorServer(database, port=0, endpoint=nowhere, clock=now, held=True)
    api.start()
    shop = Flask("shop")
    shop.add_url_rule("/", "page", lambda: _PAGE)
    app = DispatcherMiddleware(shop, {"/sim": create_browser_app(database, clock=now)})
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    http = stripe.RequestsClient(timeout=10)
    client = stripe.StripeClient(
        "sk_test_simulated", base_addresses={"api": api.url}, http_client=http
    )
    try:
        yield Shop(f"http://127.0.0.1:{server.server_port}", page, client)
    finally:
        http.close()  # type: ignore[no-untyped-call]  # the SDK leaves it untyped
        server.shutdown()
        thread.join()
        server.server_close()
        api.stop()
