"""Subscriptions, trials, invoices and bank debits, as visitors meet them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser import accessibility
from tests.browser.books import Books
from tests.browser.visits import DECLINES, Come, Visit

BANK = "000123456789"
LARGE = {"lines": [{"description": "Enterprise plan, one year", "amount": 1_200_000}]}
MONTHLY = {"mode": "subscription", "subscription": {"interval": "month"}}
TRIAL = {"mode": "subscription", "subscription": {"interval": "month", "trial_days": 14}}
SENT = {"mode": "invoice", "invoice": {"days_until_due": 14}}
INSUFFICIENT = "4000000000009995"


@pytest.fixture(scope="session")
def axe() -> Path:
    """The file of axe-core."""
    return accessibility.axe_core()


@pytest.fixture
def arrive(come: Come, axe: Path) -> Come:
    """Sends a visitor whose browser carries axe."""

    def arrive(*arguments: Any) -> Visit:
        visit = come(*arguments)
        accessibility.bring(visit.context, axe)
        return visit

    return arrive


def come_to(arrive: Come, books: Books, variant: str, order: dict[str, Any]) -> Visit:
    """A visitor whom the merchant's server sends to a checkout."""
    visit = arrive(variant)
    visit.open(books.order(**order))
    expect(visit.page.locator("[data-waiting]")).to_have_count(0)
    return visit


def give_account(visit: Visit, number: str = BANK) -> None:
    visit.card.locator("#routing").fill("110000000")
    visit.card.locator("#account").fill(number)


def test_an_order_over_the_card_limit_is_paid_by_bank_debit(
    arrive: Come, books: Books, variant: str
) -> None:
    visit = come_to(arrive, books, variant, LARGE)
    checkout_id = visit.checkout_id
    visit.give_details()
    expect(visit.card.locator("#number")).to_be_hidden()
    give_account(visit)
    expect(visit.page.locator("[data-switch]")).to_be_visible()
    visit.shot("over-the-limit")
    assert accessibility.violations(visit.page) == []
    visit.press(visit.action)
    visit.arrives("processing")
    visit.shot("bank-debit-processing")
    books.settled()
    assert books.checkout(checkout_id)["status"] == "processing"
    assert books.charges(checkout_id) == [("pending", 1_200_000)]


def test_an_order_over_the_card_limit_can_be_invoiced_instead(
    arrive: Come, books: Books, variant: str
) -> None:
    visit = come_to(arrive, books, variant, LARGE)
    checkout_id = visit.checkout_id
    visit.give_details()
    visit.press(visit.page.locator("[data-invoice]"))
    visit.arrives("invoiced")
    books.settled()
    visit.page.reload()
    expect(visit.page.locator("main")).to_contain_text("to be paid by")
    visit.shot("invoiced")
    assert accessibility.violations(visit.page) == []
    stands = books.checkout(checkout_id)
    assert (stands["status"], stands["sent_invoice"]["status"]) == ("processing", "open")
    assert books.charges(checkout_id) == []


def test_the_invoice_that_was_sent_is_paid_on_its_own_page(arrive: Come, books: Books) -> None:
    visit = come_to(arrive, books, "one_page", SENT)
    checkout_id = visit.checkout_id
    visit.give_details()
    visit.press(visit.action)
    visit.arrives("invoiced")
    books.settled()
    visit.page.reload()
    visit.page.get_by_role("link", name="Pay invoice").click()
    expect(visit.page.get_by_role("status")).to_contain_text("$24.00 to be paid by")
    visit.shot("hosted-invoice")
    assert accessibility.violations(visit.page) == []
    visit.page.get_by_label("by bank transfer").fill("ten")
    visit.page.get_by_role("button", name="Transfer it").click()
    expect(visit.page.get_by_role("alert")).to_contain_text("Type how much")
    visit.page.get_by_label("by bank transfer").fill("4.00")
    visit.page.get_by_role("button", name="Transfer it").click()
    expect(visit.page.get_by_role("status")).to_contain_text("$4.00 came. $20.00 to be paid")
    visit.watch.expected.append("402")
    visit.page.get_by_label("Test card").select_option(INSUFFICIENT)
    visit.page.get_by_role("button", name="Pay $20.00").click()
    expect(visit.page.get_by_role("alert")).to_contain_text("insufficient funds")
    visit.page.get_by_label("Test card").select_option("4242424242424242")
    visit.page.get_by_role("button", name="Pay $20.00").click()
    expect(visit.page.get_by_role("status")).to_contain_text("This invoice is paid")
    visit.shot("hosted-invoice-paid")
    books.settled()
    assert books.checkout(checkout_id)["status"] == "paid"


def test_whose_details_are_missing_is_told_before_an_invoice_is_sent(
    arrive: Come, books: Books
) -> None:
    visit = come_to(arrive, books, "one_page", LARGE)
    visit.press(visit.page.locator("[data-invoice]"))
    expect(visit.problems).to_be_visible()
    expect(visit.error("contact")).to_contain_text("Enter your email address")
    assert visit.watch.posts("/invoice") == 0


def test_two_declines_offer_another_way_and_keep_what_was_typed(
    arrive: Come, books: Books, variant: str
) -> None:
    visit = come_to(arrive, books, variant, {})
    visit.watch.expected.append("402")
    visit.give_details()
    for _ in range(2):
        expect(visit.page.locator("[data-switch]")).to_be_hidden()
        visit.pay(INSUFFICIENT)
        expect(visit.error("payment")).to_contain_text("not enough money")
    expect(visit.page.locator("[data-switch]")).to_be_visible()
    visit.shot("declined-twice")
    visit.press(visit.page.locator("[data-invoice]"))
    visit.arrives("invoiced")


@pytest.mark.parametrize(
    ("order", "words"),
    [(MONTHLY, "Then $24.00 a month"), (TRIAL, "Free until")],
    ids=["monthly", "trial"],
)
def test_a_subscription_tells_its_terms_and_begins(
    arrive: Come, books: Books, variant: str, order: dict[str, Any], words: str
) -> None:
    visit = come_to(arrive, books, variant, order)
    checkout_id = visit.checkout_id
    visit.give_details()
    expect(visit.page.locator(".fine").last).to_contain_text("renews by itself until you cancel")
    name = "trial" if order is TRIAL else "monthly"
    visit.shot(name)
    visit.pay(DECLINES)
    expect(visit.error("payment")).to_be_visible()
    visit.pay()
    visit.arrives()
    expect(visit.page.locator("main")).to_contain_text(words)
    visit.shot(f"{name}-started")
    assert accessibility.violations(visit.page) == []
    books.settled()
    assert books.checkout(checkout_id)["status"] == "paid"


def test_an_order_to_be_invoiced_asks_for_no_card(arrive: Come, books: Books, variant: str) -> None:
    visit = come_to(arrive, books, variant, SENT)
    visit.give_details()
    expect(visit.page.locator("[data-element=payment]")).to_have_count(0)
    visit.shot("to-be-invoiced")
    assert accessibility.violations(visit.page) == []
    visit.press(visit.action)
    visit.arrives("invoiced")


def test_an_account_that_must_be_proved_is_told_what_comes_next(arrive: Come, books: Books) -> None:
    visit = come_to(arrive, books, "one_page", LARGE)
    visit.give_details()
    give_account(visit)
    visit.card.locator("#microdeposits").check()
    visit.press(visit.action)
    visit.arrives("verify")
    expect(visit.page.get_by_role("link", name="Enter the code of the deposit")).to_be_visible()
    visit.shot("verify-deposits")
