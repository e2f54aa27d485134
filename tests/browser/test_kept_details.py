"""What a visitor typed is there again, after a reload or in a new tab; and for them alone."""

from typing import Any

import pytest
from playwright.sync_api import Route, expect

from service.web.signing import Signing
from tests.browser.books import Books
from tests.browser.visits import ADDRESS, AMOUNT, CARD, DECLINES, EMAIL, Come, Visit
from tests.service.processes import KassaProcess

DETAILS = {"email": EMAIL} | ADDRESS
NO_CARD = dict.fromkeys(CARD, "")


def kept(visit: Visit, act: Any) -> None:
    """Do something, and wait until the server has all that is typed."""
    act()
    visit.page.wait_for_function(
        "place => sessionStorage.getItem(place) === null", arg=f"kassa:{visit.checkout_id}"
    )


@pytest.mark.parametrize("variant", ["one_page", "two_page", "two_page_reload"])
def test_half_an_address_survives_a_reload_and_a_closed_tab(come: Come, variant: str) -> None:
    visit = come(variant).open_checkout()
    visit.page.locator("#email").fill(EMAIL)
    visit.address.locator("#name").fill("Ada Lovelace")
    kept(visit, lambda: visit.address.locator("#line1").fill("1 Analytical Way"))
    half = DETAILS | {"city": "", "state": "", "postal_code": ""}
    card = {} if variant == "two_page_reload" else NO_CARD
    visit.page.reload()
    expect(visit.page.locator("[data-waiting]")).to_have_count(0)
    assert visit.typed() == half | card

    address = visit.page.url
    visit.page.close()
    visit.page = visit.context.new_page()
    visit.page.goto(address)
    expect(visit.page.locator("[data-waiting]")).to_have_count(0)
    assert visit.typed() == half | card


def test_a_reload_before_anything_was_sent_loses_nothing(come: Come, variant: str) -> None:
    visit = come(variant).open_checkout()
    visit.watch.expected.append("net::ERR_")
    visit.page.route("**/details", lambda route: route.abort("connectionrefused"))
    visit.page.locator("#email").fill(EMAIL)
    visit.give_address()
    visit.page.reload()
    expect(visit.page.locator("[data-waiting]")).to_have_count(0)
    assert visit.typed() == DETAILS | NO_CARD
    visit.page.unroute("**/details")
    kept(visit, lambda: visit.page.locator("#email").fill("grace@example.com"))


def test_a_reload_that_was_answered_before_it_was_kept_loses_nothing(
    come: Come, variant: str
) -> None:
    """Both are under way at once: the page comes without it, and then it is kept."""
    visit = come(variant).open_checkout()
    page, waiting = visit.page, list[Route]()

    # Playwright marks the handlers it is given, which the methods of a list do not bear.
    def wait(route: Route) -> None:
        waiting.append(route)

    page.route("**/details", wait)
    with page.expect_request("**/details"):
        page.locator("#email").fill(EMAIL)

    def overtake(route: Route) -> None:
        answer = route.fetch()
        with page.expect_response("**/details"):
            waiting.pop().continue_()
        page.wait_for_timeout(100)
        route.fulfill(response=answer)

    page.route(page.url, overtake, times=1)
    page.reload()
    page.unroute("**/details")
    expect(page.locator("#email")).to_have_value(EMAIL)


def test_what_was_typed_last_is_sent_as_the_page_goes_away(come: Come, variant: str) -> None:
    visit = come(variant).open_checkout()
    checkout = visit.page.url
    visit.page.locator("#email").fill(EMAIL)
    visit.open("/")
    visit.page.goto(checkout)
    expect(visit.page.locator("#email")).to_have_value(EMAIL)


def test_a_link_that_was_passed_on_shows_nothing_of_what_was_typed(come: Come) -> None:
    visit = come("one_page").open_checkout()
    visit.page.locator("#email").fill(EMAIL)
    kept(visit, visit.give_address)
    other = come("one_page")
    other.page.goto(visit.page.url)
    expect(other.page.locator("[data-waiting]")).to_have_count(0)
    assert other.typed() == dict.fromkeys(DETAILS, "") | NO_CARD
    html = other.page.content()
    assert EMAIL not in html
    assert ADDRESS["line1"] not in html
    # They have their own, and neither sees the other's.
    kept(other, lambda: other.page.locator("#email").fill("eve@example.com"))
    other.page.reload()
    expect(other.page.locator("#email")).to_have_value("eve@example.com")
    visit.page.reload()
    expect(visit.page.locator("#email")).to_have_value(EMAIL)


# -- a flow whose steps are pages of their own ----------------------------------------------------


def stands_alone(visit: Visit, step: str) -> None:
    """The step is the only one that the page has."""
    visit.stands_at(step)
    expect(visit.page.locator("[data-step]")).to_have_count(1)


def test_back_forward_and_change_over_pages_keep_the_details(come: Come, books: Books) -> None:
    visit = come("two_page_reload").open_checkout()
    checkout_id = visit.checkout_id
    stands_alone(visit, "details")
    visit.give_details()
    stands_alone(visit, "payment")
    expect(visit.page.locator(".progress [aria-current=step]")).to_contain_text("Payment")
    review = visit.page.locator("[data-review]")
    expect(review).to_contain_text(EMAIL)
    expect(review).to_contain_text("Ada Lovelace, 1 Analytical Way, San Francisco CA 94103, US")
    visit.shot("reload-payment")

    visit.page.go_back()
    stands_alone(visit, "details")
    assert visit.typed() == DETAILS
    visit.page.go_forward()
    stands_alone(visit, "payment")
    visit.page.reload()
    stands_alone(visit, "payment")
    visit.press(visit.page.get_by_role("link", name="Back (Your details)"))
    stands_alone(visit, "details")
    assert visit.typed() == DETAILS
    visit.press(visit.action)
    stands_alone(visit, "payment")
    visit.press(visit.page.get_by_role("link", name="Change (Contact)"))
    stands_alone(visit, "details")
    visit.page.locator("#email").fill("grace@example.com")
    visit.press(visit.action)
    stands_alone(visit, "payment")
    expect(review).to_contain_text("grace@example.com")
    visit.pay()
    visit.arrives()
    [charge] = books.charges_at_stripe(checkout_id)
    assert charge["billing_details"]["email"] == "grace@example.com"
    assert charge["billing_details"]["name"] == ADDRESS["name"]
    assert charge["billing_details"]["address"]["line1"] == ADDRESS["line1"]
    assert charge["amount"] == AMOUNT


def test_nobody_is_asked_to_pay_before_their_details(come: Come) -> None:
    visit = come("two_page_reload").open_checkout()
    payment = f"{visit.page.url}?step=payment"
    visit.page.goto(payment)
    stands_alone(visit, "details")
    visit.give_details()
    stands_alone(visit, "payment")
    visit.page.go_back()
    stands_alone(visit, "details")
    # What was complete is so no longer.
    kept(visit, lambda: visit.address.locator("#city").fill(""))
    visit.page.goto(payment)
    stands_alone(visit, "details")
    assert visit.typed() == DETAILS | {"city": ""}


def test_a_link_that_was_passed_on_can_be_paid_by_whoever_has_it(come: Come) -> None:
    visit = come("two_page_reload").open_checkout()
    other = come("two_page_reload")
    other.page.goto(visit.page.url)
    stands_alone(other, "details")
    other.give_details()
    stands_alone(other, "payment")
    other.pay()
    other.arrives()


def test_a_preview_goes_over_all_pages(come: Come, kassa: KassaProcess) -> None:
    visit = come("two_page_reload")
    signing = Signing(kassa.settings.secret_keys)
    token = signing.preview_token("one-page-checkout", "two_page_reload")
    visit.open(f"/buy/team-plan?preview={token}")
    stands_alone(visit, "details")
    visit.give_details()
    stands_alone(visit, "payment")
    visit.pay()
    visit.arrives()


def test_a_bank_that_said_no_leads_back_to_the_payment(come: Come) -> None:
    visit = come("two_page_reload").open_checkout()
    checkout_id = visit.checkout_id
    visit.give_details()
    visit.pay(DECLINES)
    expect(visit.error("payment")).to_be_focused()
    visit.open(f"/c/{checkout_id}/return")
    visit.arrives("failed")
    visit.press(visit.page.get_by_role("link", name="Try again"))
    stands_alone(visit, "payment")
    visit.pay()
    visit.arrives()


def test_details_that_can_not_be_sent_stay_where_they_are(come: Come) -> None:
    visit = come("two_page_reload").open_checkout()
    visit.watch.expected.append("net::ERR_")
    visit.page.route("**/details", lambda route: route.abort("connectionrefused"))
    visit.page.locator("#email").fill(EMAIL)
    visit.give_address()
    visit.press(visit.action)
    expect(visit.problems).to_be_focused()
    expect(visit.problems).to_contain_text("Your details could not be sent.")
    assert visit.typed() == DETAILS
    visit.page.unroute("**/details")
    visit.press(visit.action)
    stands_alone(visit, "payment")


def test_no_step_asks_the_browser_for_more_than_another(come: Come) -> None:
    """Every flow loads the same files: an arm that weighs more would be slower for it."""
    loaded = {}
    for variant in ("one_page", "two_page", "two_page_reload"):
        visit = come(variant)
        visit.open_checkout().page.wait_for_load_state("load")
        loaded[variant] = {each.url for each in visit.watch.requests if "/static/" in each.url}
    assert loaded["one_page"] == loaded["two_page"] == loaded["two_page_reload"]
