"""A customer on their own page: keeps a way to pay, ends a plan, pays by invoice."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
import requests
from playwright.sync_api import expect

from tests.browser import accessibility
from tests.browser.books import Books
from tests.browser.visits import AUTHENTICATES, Come, Visit
from tests.service.processes import API_KEY

BANK = "000123456789"
MONTHLY = {"mode": "subscription", "subscription": {"interval": "month"}}


@pytest.fixture(scope="session")
def axe() -> Path:
    """The file of axe-core."""
    return accessibility.axe_core()


@pytest.fixture
def arrive(come: Come, axe: Path) -> Come:
    """Sends a visitor whose browser carries axe."""

    def arrive(*arguments: str) -> Visit:
        visit = come(*arguments)
        accessibility.bring(visit.context, axe)
        return visit

    return arrive


def _account(visit: Visit, books: Books, customer: str) -> None:
    """Go to the account by a link that the merchant's server made."""
    answer = requests.post(
        f"{books.kassa.url}/v1/customers/{customer}/session",
        json={},
        headers={"Authorization": f"Bearer {API_KEY}"},
        timeout=10,
    )
    assert answer.status_code == 201, answer.text
    visit.page.goto(answer.json()["url"], wait_until="domcontentloaded")
    expect(visit.page.locator("[data-waiting]")).to_have_count(0)


def test_a_customer_sets_up_automatic_payment_and_manages_a_plan(
    arrive: Come, books: Books
) -> None:
    customer = f"acme-{uuid.uuid4()}"
    visit = arrive("one_page")
    visit.open(books.order(**MONTHLY, customer=customer))
    expect(visit.page.locator("[data-waiting]")).to_have_count(0)
    visit.give_details()
    visit.pay()
    visit.arrives()
    _account(visit, books, customer)
    expect(visit.page.locator(".entry__name", has_text="Visa ending in 4242")).to_be_visible()
    assert accessibility.violations(visit.page) == []
    visit.card.get_by_label("US bank account", exact=True).check()
    visit.card.locator("#routing").fill("110000000")
    visit.card.locator("#account").fill(BANK)
    visit.press(visit.page.get_by_role("button", name="Save", exact=True))
    expect(visit.page.get_by_role("status")).to_contain_text("Your new payment method is saved")
    visit.press(visit.page.get_by_role("button", name="Pay by invoice"))
    expect(visit.page.get_by_role("status")).to_contain_text("Invoices are emailed to you")
    visit.shot("account")
    visit.press(visit.page.get_by_role("button", name="Cancel"))
    expect(visit.page.get_by_role("status")).to_contain_text("ends with its period")
    visit.press(visit.page.get_by_role("button", name="Remove (Visa"))
    expect(visit.page.locator(".entry__name", has_text="Visa ending in 4242")).to_have_count(0)


def test_a_bank_that_asks_is_answered_on_the_page(arrive: Come, books: Books) -> None:
    visit = arrive("one_page")
    _account(visit, books, f"acme-{uuid.uuid4()}")
    visit.give_card(AUTHENTICATES)
    visit.press(visit.page.get_by_role("button", name="Save", exact=True))
    visit.press(visit.bank.get_by_role("button", name="Complete"))
    expect(visit.page.get_by_role("status")).to_contain_text("Your new payment method is saved")


def test_what_was_saved_is_offered_at_the_next_checkout(
    arrive: Come, books: Books, variant: str
) -> None:
    customer = f"acme-{uuid.uuid4()}"
    visit = arrive(variant)
    visit.open(books.order(customer=customer))
    expect(visit.page.locator("[data-waiting]")).to_have_count(0)
    visit.give_details()
    visit.give_card()
    visit.card.get_by_label("Save my payment details for next time").check()
    visit.shot("save-my-details")
    visit.press(visit.action)
    visit.arrives()
    visit.open(books.order(customer=customer))
    expect(visit.page.locator("[data-waiting]")).to_have_count(0)
    visit.give_details()
    visit.card.get_by_role("radio", name="Visa •••• 4242").check()
    visit.shot("saved-details")
    visit.press(visit.action)
    visit.arrives()
    books.settled()
