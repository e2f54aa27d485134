"""A visitor at the checkout in real Chromium, and everything their browser met on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    FrameLocator,
    Locator,
    Page,
    Request,
    Response,
    expect,
)

PAYS, DECLINES, AUTHENTICATES = "4242424242424242", "4000000000000002", "4000002760003184"
OFFER, AMOUNT, CURRENCY = "team-plan", 2400, "usd"
EMAIL = "ada@example.com"
ADDRESS = {
    "name": "Ada Lovelace",
    "line1": "1 Analytical Way",
    "city": "San Francisco",
    "state": "CA",
    "postal_code": "94103",
}
CARD = {"number": "4242 4242 4242 4242", "expiry": "12 / 34", "cvc": "123"}

_EVERYWHERE = {
    "x-content-type-options": ("nosniff",),
    "referrer-policy": ("no-referrer", "strict-origin-when-cross-origin"),
}
_OF_THE_SERVICE = {
    "cross-origin-opener-policy": ("same-origin-allow-popups",),
    "permissions-policy": ('payment=(self "https://js.stripe.com")',),
}
_SAID = ("error", "warning")
_WIDTHS = "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"


@dataclass(frozen=True)
class Screen:
    """What the visitor looks at."""

    name: str
    width: int
    height: int
    touch: bool


PHONE = Screen("phone", 390, 844, touch=True)
DESKTOP = Screen("desktop", 1280, 900, touch=False)


@dataclass
class Watch:
    """Everything a browser asked, was answered and said."""

    origin: str
    messages: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    responses: list[Response] = field(default_factory=list)
    # Parts of messages that the test brings about itself.
    expected: list[str] = field(default_factory=list)

    def over(self, context: BrowserContext) -> None:
        context.on("console", self._console)
        context.on("weberror", lambda error: self.messages.append(f"uncaught: {error.error}"))
        context.on("request", self._asked)
        context.on("response", self._answered)

    # Playwright marks the handlers it is given, which the methods of a list do not bear.
    def _asked(self, request: Request) -> None:
        self.requests.append(request)

    def _answered(self, response: Response) -> None:
        self.responses.append(response)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in _SAID:
            self.messages.append(f"{message.type}: {message.text}")

    def posts(self, ending: str) -> int:
        """How many POST requests went to addresses that end so."""
        return sum(
            request.method == "POST" and urlsplit(request.url).path.endswith(ending)
            for request in self.requests
        )

    def check(self) -> None:
        """Nothing unexpected was said, nothing left the origin, every answer was guarded."""
        unexpected = [
            message
            for message in self.messages
            if not any(part in message for part in self.expected)
        ]
        assert unexpected == [], unexpected
        elsewhere = [each.url for each in self.requests if not self._ours(each.url)]
        assert elsewhere == []
        assert [wrong for each in self.responses for wrong in _unguarded(each)] == []

    def _ours(self, url: str) -> bool:
        return url.startswith((f"{self.origin}/", "data:"))


def _unguarded(response: Response) -> list[str]:
    headers, path = response.headers, urlsplit(response.url).path
    wanted = _EVERYWHERE if path.startswith("/sim/") else _EVERYWHERE | _OF_THE_SERVICE
    wrong = [
        f"{path}: {name} is {headers.get(name)!r}"
        for name, allowed in wanted.items()
        if headers.get(name) not in allowed
    ]
    if "default-src 'none'" not in headers.get("content-security-policy", ""):
        wrong.append(f"{path}: no Content-Security-Policy")
    return wrong


@dataclass
class Visit:
    """One visitor in one browser context."""

    context: BrowserContext
    page: Page
    watch: Watch
    screen: Screen
    unit_id: str
    variant: str
    scheme: str
    screenshots: Path | None
    locale: str = "en-US"

    # -- the way in -------------------------------------------------------------------------

    def open(self, path: str = f"/buy/{OFFER}") -> None:
        # Not until everything has loaded: some tests keep a part of it away.
        self.page.goto(self.watch.origin + path, wait_until="domcontentloaded")

    def open_checkout(self) -> Visit:
        """Open the checkout and wait until both of Stripe's forms are there."""
        self.open()
        expect(self.page.locator("[data-waiting]")).to_have_count(0)
        return self

    @property
    def checkout_id(self) -> str:
        found = self.page.locator("form[data-checkout-id]").get_attribute("data-checkout-id")
        assert found is not None
        return found

    # -- what is on the page ----------------------------------------------------------------

    @property
    def address(self) -> FrameLocator:
        return self.page.frame_locator("[data-element=address] iframe")

    @property
    def card(self) -> FrameLocator:
        return self.page.frame_locator("[data-element=payment] iframe")

    @property
    def bank(self) -> FrameLocator:
        return self.page.frame_locator("dialog iframe")

    @property
    def action(self) -> Locator:
        return self.page.locator("[data-step]:not([inert]) [data-action]")

    @property
    def heading(self) -> Locator:
        return self.page.locator("[data-step]:not([inert]) [data-heading]")

    @property
    def problems(self) -> Locator:
        return self.page.locator("[data-step]:not([inert]) [data-problems]")

    def error(self, section: str) -> Locator:
        return self.page.locator(f"[data-error={section}]")

    # -- what the visitor does --------------------------------------------------------------

    def press(self, place: Locator) -> None:
        """A tap on a phone, a click elsewhere."""
        if self.screen.touch:
            place.tap()
        else:
            place.click()

    def give_address(self) -> None:
        # The form begins with the country that most people of the language live in.
        self.address.locator("#country").select_option("US")
        for field_id, value in ADDRESS.items():
            place = self.address.locator(f"#{field_id}")
            if field_id == "state":
                place.select_option(value)
            else:
                place.fill(value)

    def give_details(self) -> None:
        """Contact and address, and on to the card where that is another page."""
        self.page.locator("#email").fill(EMAIL)
        self.give_address()
        if self.variant != "one_page":
            self.press(self.action)
            self.stands_at("payment")

    def give_card(self, number: str = PAYS) -> None:
        self.card.locator("#number").fill(number)
        self.card.locator("#expiry").fill("1234")
        self.card.locator("#cvc").fill("123")

    def pay(self, number: str = PAYS) -> None:
        """The card, and the press on the pay button."""
        self.give_card(number)
        self.press(self.action)

    def typed(self) -> dict[str, str]:
        """Every field's value, in the page and in those of Stripe's forms that it has."""
        typed = {}
        if self.page.locator("[data-section=contact]").count():
            typed["email"] = self.page.locator("#email").input_value()
        if self.page.locator("[data-element=address]").count():
            typed |= {each: self.address.locator(f"#{each}").input_value() for each in ADDRESS}
        if self.page.locator("[data-element=payment]").count():
            typed |= {each: self.card.locator(f"#{each}").input_value() for each in CARD}
        return typed

    def stands_at(self, step: str) -> None:
        """The step is the one in view, on this page or on the next, and its forms are there."""
        expect(self.page.locator(f"[data-step={step}]:not([inert])")).to_be_visible()
        expect(self.page.locator("[data-waiting]")).to_have_count(0)

    # -- how it ends ------------------------------------------------------------------------

    def arrives(self, state: str = "succeeded") -> None:
        """The visitor stands at the end, with the result."""
        expect(self.page.locator(f"main[data-state={state}]")).to_be_visible()

    def fits(self) -> None:
        """Nobody has to scroll sideways."""
        wide, there = self.page.evaluate(_WIDTHS)
        assert wide <= there, f"{self.page.url} is {wide} px wide, the screen {there}"

    def shot(self, name: str) -> None:
        """Keep a picture of the whole page, where the run asks for pictures."""
        if self.screenshots is not None:
            file = f"{name}-{self.variant}-{self.screen.name}-{self.scheme}.png"
            # A window over the page covers the screen, and no more of the page.
            whole = self.page.locator("dialog").count() == 0
            self.page.screenshot(path=self.screenshots / file, full_page=whole)


Come = Callable[..., Visit]
