"""What a visitor is told when the network fails, and that it never costs them twice."""

import time

import pytest
from playwright.sync_api import Route, expect

from tests.browser.books import Books
from tests.browser.visits import AMOUNT, Come, Visit

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
