"""What a visitor is told when the network fails, and that it never costs them twice."""

import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, ViewportSize, expect

from tests.browser import accessibility
from tests.browser.books import Books
from tests.browser.visits import AMOUNT, OFFER, Come, Screen, Visit
from tests.service.processes import KassaProcess

LOST = "net::ERR_"
# The page promises five seconds; the rest is for a busy machine.
TOLD_WITHIN_SECONDS = 5 + 5


def lose_the_answer(route: Route) -> None:
    """The server gets the request and does its work; the browser never hears of it."""
    route.fetch()
    route.abort("connectionreset")


def in_doubt(visit: Visit) -> None:
    expect(visit.page.locator("[data-doubt]")).to_be_focused()
    expect(visit.page.locator("[data-doubt]")).to_contain_text("Check before you pay again")
    expect(visit.action).not_to_have_attribute("aria-disabled", "true")


@pytest.mark.parametrize("way_on", ["[data-check-again]", "[data-step]:not([inert]) [data-action]"])
def test_an_answer_lost_while_paying_is_asked_for_and_never_paid_again(
    come: Come, books: Books, variant: str, way_on: str
) -> None:
    visit = come(variant).open_checkout()
    checkout_id = visit.checkout_id
    visit.watch.expected.append(LOST)
    visit.page.route("**/confirm", lose_the_answer)
    visit.give_details()
    visit.pay()
    in_doubt(visit)
    visit.press(visit.page.locator(way_on))
    visit.arrives()
    books.settled()
    assert visit.watch.posts("/confirm") == 1
    assert books.attempts(checkout_id) == ["succeeded"]
    assert books.charges(checkout_id) == [("succeeded", AMOUNT)]
    assert books.charged_at_stripe(checkout_id) == [AMOUNT]


def test_a_request_that_never_arrived_is_found_out_and_can_be_paid(
    come: Come, books: Books, variant: str
) -> None:
    visit = come(variant).open_checkout()
    checkout_id = visit.checkout_id
    visit.watch.expected.append(LOST)
    visit.page.route("**/confirm", lambda route: route.abort("connectionrefused"))
    visit.give_details()
    visit.pay()
    in_doubt(visit)
    assert books.attempts(checkout_id) == []
    visit.page.unroute("**/confirm")
    visit.press(visit.page.locator("[data-check-again]"))
    expect(visit.error("payment")).to_have_text("Nothing was charged. You can pay now.")
    expect(visit.page.locator("[data-doubt]")).to_be_hidden()
    visit.press(visit.action)
    visit.arrives()
    assert books.attempts(checkout_id) == ["succeeded"]
    assert books.charged_at_stripe(checkout_id) == [AMOUNT]


def test_a_blocked_stripe_is_told_and_mended_by_trying_again(
    come: Come, books: Books, variant: str
) -> None:
    visit = come(variant)
    visit.watch.expected.append(LOST)
    visit.context.route("**/sim/stripe.js", lambda route: route.abort("blockedbyclient"))
    began = time.monotonic()
    visit.open()
    notice = visit.page.locator("[data-notice=address]")
    expect(notice).to_contain_text("could not be loaded. Nothing has been charged.")
    assert time.monotonic() - began < TOLD_WITHIN_SECONDS
    checkout_id = visit.checkout_id
    visit.press(notice.get_by_role("button", name="Try again"))
    expect(notice).to_contain_text("could not be loaded")
    visit.context.unroute("**/sim/stripe.js")
    visit.press(notice.get_by_role("button", name="Try again"))
    expect(visit.page.locator("[data-waiting]")).to_have_count(0)
    expect(notice).to_be_hidden()
    visit.give_details()
    visit.pay()
    visit.arrives()
    assert books.charged_at_stripe(checkout_id) == [AMOUNT]


@pytest.mark.parametrize("variant", ["one_page", "two_page", "two_page_reload"])
def test_where_stripe_is_blocked_its_own_page_takes_the_payment(
    come: Come, books: Books, variant: str
) -> None:
    visit = come(variant)
    accessibility.bring(visit.context, accessibility.axe_core())
    visit.watch.expected.append(LOST)
    visit.context.route("**/sim/stripe.js", lambda route: route.abort("blockedbyclient"))
    visit.open()
    checkout_id = visit.checkout_id
    notice = visit.page.locator("[data-notice=address]")
    way = notice.locator("[data-hosted]")
    visit.press(way)
    expect(visit.problems).to_be_focused()
    expect(visit.error("contact")).to_have_text("Enter your email address")
    visit.shot("stripe-blocked")
    assert accessibility.violations(visit.page) == []
    visit.page.locator("#email").fill("ada@example.com")
    visit.press(way)
    visit.page.get_by_label("Test card").select_option("4242424242424242")
    visit.press(visit.page.get_by_role("button", name="Pay $24.00"))
    expect(visit.page.get_by_role("status")).to_contain_text("This invoice is paid")
    books.settled()
    assert books.checkout(checkout_id)["status"] == "paid"
    assert books.charges(checkout_id) == [("succeeded", AMOUNT)]


def test_without_a_script_the_page_says_so_and_leads_to_stripes_own(
    chromium: Browser, kassa: KassaProcess, books: Books, screen: Screen, screenshots: Path | None
) -> None:
    viewport: ViewportSize = {"width": screen.width, "height": screen.height}
    context = chromium.new_context(java_script_enabled=False, viewport=viewport)
    page = context.new_page()
    page.goto(f"{kassa.url}/buy/{OFFER}")
    expect(page.get_by_role("heading", name="JavaScript is switched off")).to_be_visible()
    expect(page.locator("[data-step]").first).to_be_hidden()
    checkout_id = page.url.rsplit("/", 1)[1]
    if screenshots is not None:
        page.screenshot(path=screenshots / f"without-script-{screen.name}.png", full_page=True)
    page.locator("#hosted-email").fill("ada@example.com")
    page.locator("form.hosted button").click()
    page.wait_for_url("**/sim/invoices/in_*")
    books.settled()
    assert books.checkout(checkout_id)["sent_invoice"]["status"] == "open"
    page.goto(f"{kassa.url}/c/{checkout_id}")
    expect(page.locator("main[data-state=invoiced]")).to_be_visible()
    context.close()


def test_a_lost_connection_is_told_and_what_was_missing_comes_with_it(
    come: Come, books: Books
) -> None:
    visit = come("one_page")
    accessibility.bring(visit.context, accessibility.axe_core())
    visit.watch.expected.append(LOST)
    visit.context.route("**/sim/stripe.js", lambda route: route.abort("internetdisconnected"))
    visit.open()
    notice, offline = (
        visit.page.locator("[data-notice=address]"),
        visit.page.locator("[data-offline]"),
    )
    expect(notice).to_be_visible()
    checkout_id = visit.checkout_id
    visit.page.locator("#email").fill("ada@example.com")
    visit.context.set_offline(True)
    expect(offline).to_contain_text("You are offline. What you typed is kept")
    expect(visit.page.locator("[data-status]")).to_contain_text("You are offline")
    visit.shot("offline")
    assert accessibility.violations(visit.page) == []
    visit.context.unroute("**/sim/stripe.js")
    visit.context.set_offline(False)
    expect(offline).to_be_hidden()
    expect(visit.page.locator("[data-waiting]")).to_have_count(0)
    expect(notice).to_be_hidden()
    assert visit.page.locator("#email").input_value() == "ada@example.com"
    visit.give_details()
    visit.pay()
    visit.arrives()
    assert books.charged_at_stripe(checkout_id) == [AMOUNT]


def test_a_stripe_that_keeps_silent_is_told_within_five_seconds(come: Come) -> None:
    visit = come("one_page")
    silent: list[Route] = []

    def keep_silent(route: Route) -> None:
        silent.append(route)

    visit.page.route("**/sim/elements/payment", keep_silent)
    began = time.monotonic()
    visit.open()
    notice = visit.page.locator("[data-notice=payment]")
    expect(notice).to_contain_text("taking longer than usual. Nothing has been charged.")
    assert time.monotonic() - began < TOLD_WITHIN_SECONDS
    for route in silent:
        route.continue_()
    expect(visit.page.locator("[data-waiting]")).to_have_count(0)
    expect(notice).to_be_hidden()


def test_a_checkout_that_expired_meanwhile_says_so_and_leads_to_a_new_order(
    come: Come, books: Books, variant: str
) -> None:
    visit = come(variant).open_checkout()
    checkout_id = visit.checkout_id
    visit.give_details()
    visit.watch.expected.append("410")
    books.expire(checkout_id)
    visit.pay()
    expect(visit.page.locator("main[data-status='410'] h1")).to_have_text(
        "This checkout has expired"
    )
    assert books.attempts(checkout_id) == []
    assert books.charged_at_stripe(checkout_id) == []
    visit.press(visit.page.get_by_role("link", name="Start again"))
    expect(visit.page.locator("[data-waiting]")).to_have_count(0)
    assert visit.checkout_id != checkout_id
