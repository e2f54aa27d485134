"""Every flow, in every language, on both screens, with every way that it can end.

`make matrix` runs it; `make matrix ARGS='-k "one_page and in-sv and phone"'` runs a part of it. Of
each state: its language and direction, no word left in English, axe's verdict, no scrolling
sideways, and with `--screenshots DIR` its picture. Of each ending: the ledger, and Stripe's books.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser import accessibility, pictures
from tests.browser.books import Books
from tests.browser.visits import (
    ADDRESS,
    AMOUNT,
    AUTHENTICATES,
    CARD,
    DECLINES,
    EMAIL,
    Come,
    Visit,
)
from tests.browser.wording import LOCALES, language_of, said_in_its_language

pytestmark = [
    pytest.mark.slow,
    pytest.mark.matrix,
    pytest.mark.parametrize("variant", ["one_page", "two_page", "two_page_reload"]),
    pytest.mark.parametrize("locale", LOCALES, ids=lambda locale: f"in-{locale}"),
]

LARGE = {"lines": [{"description": "Enterprise plan, one year", "amount": 1_200_000}]}
DETAILS = {"email": EMAIL} | ADDRESS
NO_CARD = dict.fromkeys(CARD, "")
# The page promises five seconds; the rest is for a busy machine.
TOLD_WITHIN_SECONDS = 5 + 5
LOST = "net::ERR_"
NOT_SENT = (
    "Your payment details could not be sent and nothing was charged. "
    "Check your connection and try again."
)
Arrive = Callable[[], Visit]


@pytest.fixture(scope="session")
def axe() -> Path:
    """The file of axe-core."""
    return accessibility.axe_core()


@pytest.fixture
def arrive(come: Come, axe: Path, variant: str, locale: str) -> Arrive:
    """Sends the cell's visitor, who wants nothing to move."""

    def arrive() -> Visit:
        visit = come(variant, locale=locale)
        visit.page.emulate_media(reduced_motion="reduce")
        accessibility.bring(visit.context, axe)
        return visit

    return arrive


@pytest.fixture(scope="session")
def customers() -> list[str]:
    """Customers who keep a card: one is enough for all cells."""
    return []


@pytest.fixture
def customer(customers: list[str], come: Come, books: Books) -> str:
    """Who has bought before, and let their card be kept."""
    if not customers:
        name = f"mara-{uuid.uuid4()}"
        visit = come("one_page")
        visit.open(books.order(customer=name))
        expect(visit.page.locator("[data-waiting]")).to_have_count(0)
        visit.give_details()
        visit.give_card()
        visit.card.locator("#save").check()
        visit.press(visit.action)
        visit.arrives()
        books.settled()
        customers.append(name)
    return customers[0]


def look(visit: Visit, state: str) -> None:
    """Everything that must hold in a state, whatever it is."""
    said_in_its_language(visit)
    visit.fits()
    pictures.take(visit, state)
    found = accessibility.violations(visit.page)
    assert found == [], "\n".join(found)


def order(visit: Visit, books: Books, **changes: Any) -> None:
    """To a checkout that the merchant's server made."""
    visit.open(books.order(**changes))
    expect(visit.page.locator("[data-waiting]")).to_have_count(0)


def tells(visit: Visit, english: str) -> None:
    """The payment's answer is this one, in the visitor's language, and has the focus."""
    expect(visit.error("payment")).to_have_text(language_of(visit).say(english))
    expect(visit.error("payment")).to_be_focused()


def paid(visit: Visit, books: Books, checkout_id: str, *attempts: str) -> None:
    """The visitor stands at the receipt, and all books have one payment."""
    visit.arrives()
    expect(visit.page.locator("h1")).to_have_text(language_of(visit).say("Payment received"))
    books.settled()
    stands = books.checkout(checkout_id)
    assert (stands["status"], stands["variant"]) == ("paid", visit.variant)
    assert books.attempts(checkout_id) == [*attempts, "succeeded"]
    assert books.charged_at_stripe(checkout_id) == [AMOUNT]


def test_a_card_pays(arrive: Arrive, books: Books) -> None:
    visit = arrive().open_checkout()
    checkout_id = visit.checkout_id
    look(visit, "10-empty")
    visit.give_details()
    look(visit, "12-details-given")
    price = language_of(visit).money(AMOUNT, "usd")
    expect(visit.action).to_have_text(language_of(visit).say("Pay {price}", price=price))
    visit.pay()
    paid(visit, books, checkout_id)
    look(visit, "15-receipt")


def test_a_declined_card_is_told_and_another_pays(arrive: Arrive, books: Books) -> None:
    visit = arrive().open_checkout()
    checkout_id = visit.checkout_id
    visit.press(visit.action)
    expect(visit.problems).to_be_focused()
    expect(visit.problems).to_contain_text(language_of(visit).say("There is a problem"))
    look(visit, "11-problems")
    visit.give_details()
    visit.pay(DECLINES)
    tells(visit, "Your bank declined this payment. Try another card, or ask your bank why.")
    look(visit, "20-declined")
    assert books.charged_at_stripe(checkout_id) == []
    visit.pay()
    paid(visit, books, checkout_id, "declined")
    assert sorted(books.charges(checkout_id)) == [("failed", AMOUNT), ("succeeded", AMOUNT)]


def test_3d_secure_is_passed(arrive: Arrive, books: Books) -> None:
    visit = arrive().open_checkout()
    checkout_id = visit.checkout_id
    visit.give_details()
    visit.pay(AUTHENTICATES)
    expect(visit.bank.locator("#complete")).to_be_focused()
    assert books.charged_at_stripe(checkout_id) == []
    look(visit, "30-bank")
    visit.press(visit.bank.locator("#complete"))
    paid(visit, books, checkout_id)


def test_3d_secure_is_abandoned_and_another_card_pays(arrive: Arrive, books: Books) -> None:
    visit = arrive().open_checkout()
    checkout_id = visit.checkout_id
    visit.give_details()
    visit.pay(AUTHENTICATES)
    expect(visit.bank.locator("#complete")).to_be_focused()
    visit.page.keyboard.press("Escape")
    expect(visit.page.locator("dialog")).to_have_count(0)
    tells(visit, "Your bank could not confirm that it was you. Try again, or use another card.")
    look(visit, "31-bank-left")
    assert books.charged_at_stripe(checkout_id) == []
    visit.pay()
    paid(visit, books, checkout_id, "declined")


def test_a_bank_debit_is_under_way(arrive: Arrive, books: Books) -> None:
    visit = arrive()
    order(visit, books, **LARGE)
    checkout_id = visit.checkout_id
    visit.give_details()
    visit.card.locator("#routing").fill("110000000")
    visit.card.locator("#account").fill("000123456789")
    look(visit, "40-bank-debit")
    visit.press(visit.action)
    visit.arrives("processing")
    look(visit, "41-under-way")
    books.settled()
    assert books.checkout(checkout_id)["status"] == "processing"
    assert books.charges(checkout_id) == [("pending", 1_200_000)]


def test_a_saved_method_pays(arrive: Arrive, books: Books, customer: str) -> None:
    visit = arrive()
    order(visit, books, customer=customer)
    checkout_id = visit.checkout_id
    visit.give_details()
    expect(visit.card.locator(".Saved input").first).to_be_checked()
    expect(visit.card.locator("#number")).to_be_hidden()
    look(visit, "50-saved")
    visit.press(visit.action)
    paid(visit, books, checkout_id)


def test_an_expired_checkout_charges_nothing(arrive: Arrive, books: Books) -> None:
    visit = arrive().open_checkout()
    checkout_id = visit.checkout_id
    visit.give_details()
    visit.watch.expected.append("410")
    books.expire(checkout_id)
    visit.pay()
    say = language_of(visit).say
    expect(visit.page.locator("main[data-status='410'] h1")).to_have_text(
        say("This checkout has expired")
    )
    look(visit, "61-expired")
    assert books.attempts(checkout_id) == []
    assert books.checkout(checkout_id)["status"] == "expired"
    visit.press(visit.page.locator("main .button"))
    visit.stands_at(visit.page.locator("[data-step]").first.get_attribute("data-step") or "")
    assert visit.checkout_id != checkout_id


def test_a_blocked_stripe_is_told_in_time_and_mended(arrive: Arrive, books: Books) -> None:
    visit = arrive()
    visit.watch.expected.append(LOST)
    visit.context.route("**/sim/stripe.js", lambda route: route.abort("blockedbyclient"))
    began = time.monotonic()
    visit.open()
    notice = visit.page.locator("[data-notice=address]")
    expect(notice).to_be_visible()
    assert time.monotonic() - began < TOLD_WITHIN_SECONDS
    look(visit, "70-blocked")
    checkout_id = visit.checkout_id
    visit.context.unroute("**/sim/stripe.js")
    visit.press(notice.locator("[data-retry]"))
    expect(visit.page.locator("[data-waiting]")).to_have_count(0)
    expect(notice).to_be_hidden()
    visit.give_details()
    visit.pay()
    paid(visit, books, checkout_id)


def test_who_is_offline_is_told_and_pays_once(arrive: Arrive, books: Books) -> None:
    visit = arrive().open_checkout()
    checkout_id = visit.checkout_id
    visit.watch.expected.append(LOST)
    visit.give_details()
    visit.give_card()
    visit.context.set_offline(offline=True)
    visit.press(visit.action)
    expect(visit.page.locator("[data-offline]")).to_be_visible()
    tells(visit, NOT_SENT)
    look(visit, "80-offline")
    assert books.attempts(checkout_id) == []
    visit.context.set_offline(offline=False)
    visit.press(visit.action)
    paid(visit, books, checkout_id)


def test_back_forward_and_reload_keep_what_was_typed(arrive: Arrive, books: Books) -> None:
    visit = arrive().open_checkout()
    checkout_id = visit.checkout_id
    card = {} if visit.variant == "two_page_reload" else NO_CARD
    visit.page.locator("#email").fill(EMAIL)
    visit.address.locator("#country").select_option("US")
    with _heard(visit, ADDRESS["name"]):
        visit.address.locator("#name").fill(ADDRESS["name"])
    half = DETAILS | dict.fromkeys(("line1", "city", "state", "postal_code"), "") | card
    _again(visit, half, visit.page.reload)
    _left_and_back(visit, half)
    with _heard(visit, ADDRESS["postal_code"]):
        visit.give_details()
    if visit.variant == "one_page":
        _again(visit, DETAILS | card, visit.page.reload)
    else:
        _over_the_steps(visit, DETAILS | card)
    visit.pay()
    paid(visit, books, checkout_id)
    visit.page.go_back()
    visit.arrives()
    visit.page.reload()
    visit.arrives()
    assert books.charged_at_stripe(checkout_id) == [AMOUNT]


def _heard(visit: Visit, text: str) -> AbstractContextManager[object]:
    """Until the page has heard of it: Stripe's form tells of a key when it has the time."""
    return visit.page.expect_request(
        lambda asked: asked.url.endswith("/details") and text in (asked.post_data or "")
    )


def _again(visit: Visit, typed: dict[str, str], act: Callable[[], object]) -> None:
    """The page is there again, and so is what was typed."""
    act()
    expect(visit.page.locator("[data-step]").first).to_be_attached()
    expect(visit.page.locator("[data-waiting]")).to_have_count(0)
    assert visit.typed() == typed


def _left_and_back(visit: Visit, typed: dict[str, str]) -> None:
    """To another page by its address, and back with the browser's Back."""
    visit.open("/")
    _again(visit, typed, visit.page.go_back)


def _over_the_steps(visit: Visit, details: dict[str, str]) -> None:
    """From the payment: back, forward and reload at both steps."""
    visit.page.go_back()
    visit.stands_at("details")
    assert visit.typed() == details
    visit.page.go_forward()
    visit.stands_at("payment")
    visit.page.reload()
    visit.stands_at("payment")
    expect(visit.page.locator("[data-review]")).to_contain_text(EMAIL)
    visit.page.go_back()
    visit.stands_at("details")
    _again(visit, details, visit.page.reload)
    visit.press(visit.action)
    visit.stands_at("payment")
