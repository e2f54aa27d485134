"""Every state of every page in light and dark: accessible, and no wider than the screen.

With `--screenshots DIR` a picture of each is kept, to be looked at.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from service.web.signing import Signing
from tests.browser import accessibility
from tests.browser.visits import AUTHENTICATES, DECLINES, Come, Visit
from tests.service.processes import KassaProcess

LOST = "net::ERR_"
REFUSED = "the server responded with a status of"


@pytest.fixture(scope="session")
def axe() -> Path:
    """The file of axe-core."""
    return accessibility.axe_core()


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    """Every state once by day and once by night."""
    found: str = request.param
    return found


Look = Callable[[str], None]


@pytest.fixture
def arrive(come: Come, axe: Path, scheme: str) -> Come:
    """Sends a visitor whose browser carries axe."""

    def arrive(variant: str = "two_page") -> Visit:
        visit = come(variant, scheme)
        accessibility.bring(visit.context, axe)
        return visit

    return arrive


def look(visit: Visit, name: str) -> None:
    """Nobody is shut out, nobody scrolls sideways."""
    visit.shot(name)
    found = accessibility.violations(visit.page)
    assert found == [], "\n".join(found)
    visit.fits()


def test_a_checkout_that_goes_wrong_before_it_goes_right(arrive: Come, variant: str) -> None:
    visit = arrive(variant).open_checkout()
    look(visit, "10-empty")
    visit.press(visit.action)
    expect(visit.problems).to_be_focused()
    look(visit, "11-problems")
    visit.give_details()
    look(visit, "12-details-given")
    visit.pay(DECLINES)
    expect(visit.error("payment")).to_be_focused()
    look(visit, "13-declined")
    visit.give_card(AUTHENTICATES)
    visit.press(visit.action)
    expect(visit.bank.locator("#complete")).to_be_focused()
    look(visit, "14-bank")
    visit.press(visit.bank.locator("#complete"))
    visit.arrives()
    look(visit, "15-receipt")
    visit.page.emulate_media(media="print")
    expect(visit.page.locator("main")).to_contain_text("Ordered on")
    expect(visit.page.locator(".button").first).to_be_hidden()
    visit.shot("16-printed")
    visit.page.emulate_media(media="screen")


def test_a_checkout_without_a_connection(arrive: Come, variant: str) -> None:
    visit = arrive(variant)
    visit.watch.expected.append(LOST)
    visit.context.route("**/sim/stripe.js", lambda route: route.abort("blockedbyclient"))
    visit.open()
    notice = visit.page.locator("[data-notice=address]")
    expect(notice).to_be_visible()
    look(visit, "20-no-stripe")
    visit.context.unroute("**/sim/stripe.js")
    visit.press(notice.locator("[data-retry]"))
    expect(visit.page.locator("[data-waiting]")).to_have_count(0)
    visit.give_details()
    visit.page.route("**/confirm", lambda route: route.abort("connectionrefused"))
    visit.pay()
    expect(visit.page.locator("[data-doubt]")).to_be_focused()
    look(visit, "21-doubt")
    visit.press(visit.page.locator("[data-check-again]"))
    expect(visit.error("payment")).to_be_focused()
    look(visit, "22-not-charged")


def test_the_pages_around_the_checkout(arrive: Come) -> None:
    visit = arrive()
    visit.watch.expected.append(REFUSED)
    visit.open("/")
    expect(visit.page.get_by_role("link", name=re.compile("^Buy"))).to_have_count(3)
    look(visit, "01-index")
    for name, path, title in (
        ("02-no-page", "/nothing-here", "Page not found"),
        ("03-no-checkout", "/c/co_unknown", "Checkout not found"),
        ("04-no-offer", "/buy/unknown", "Offer not found"),
        ("05-no-sign-in", "/reports/one-page-checkout", ""),
    ):
        visit.open(path)
        expect(visit.page.locator("h1")).to_contain_text(title)
        expect(visit.page.get_by_role("link", name="See what is on offer")).to_be_visible()
        look(visit, name)


def test_a_tester_is_told_so_on_every_page_and_can_leave(arrive: Come, kassa: KassaProcess) -> None:
    visit = arrive("one_page")
    token = Signing(kassa.settings.secret_keys).preview_token("one-page-checkout", "one_page")
    visit.open(f"/buy/team-plan?preview={token}")
    label = visit.page.get_by_role("complementary", name="Test view")
    expect(label).to_contain_text("Test view of one_page.")
    look(visit, "01-checkout")
    visit.give_details()
    visit.pay()
    visit.arrives()
    expect(label).to_be_visible()
    look(visit, "02-receipt")
    label.get_by_role("link", name="Leave the test").click()
    expect(visit.page.get_by_role("link", name=re.compile("^Buy"))).to_have_count(3)
    expect(label).to_have_count(0)


def test_a_payment_left_at_the_bank_can_be_taken_up_again(arrive: Come, scheme: str) -> None:
    visit = arrive("one_page").open_checkout()
    checkout_id = visit.checkout_id
    visit.give_details()
    visit.pay(AUTHENTICATES)
    expect(visit.bank.locator("#complete")).to_be_focused()
    visit.open(f"/c/{checkout_id}/return")
    visit.arrives("action_needed")
    look(visit, "30-action-needed")
    visit.press(visit.page.get_by_role("link", name="Continue"))
    expect(visit.page.locator("[data-waiting]")).to_have_count(0)
    visit.give_details()
    visit.pay(DECLINES)
    expect(visit.error("payment")).to_be_focused()
    visit.open(f"/c/{checkout_id}/return")
    visit.arrives("failed")
    look(visit, "31-failed")
