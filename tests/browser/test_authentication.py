"""3-D Secure: the bank asks in a window of its own, and only the server's word counts."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.books import Books
from tests.browser.visits import ADDRESS, AMOUNT, AUTHENTICATES, EMAIL, Come, Visit

both = pytest.mark.parametrize("variant", ["two_page", "one_page"])


def ask_the_bank(visit: Visit) -> None:
    """Up to the bank's question, which takes the focus."""
    visit.give_details()
    visit.pay(AUTHENTICATES)
    expect(visit.bank.locator("#complete")).to_be_focused()
    expect(visit.bank.locator("body")).to_contain_text("$24.00")


def fail(visit: Visit) -> None:
    visit.press(visit.bank.locator("#fail"))


def abandon(visit: Visit) -> None:
    visit.page.keyboard.press("Escape")


@both
def test_a_payment_that_the_bank_confirms_is_paid_once(
    come: Come, books: Books, variant: str
) -> None:
    visit = come(variant).open_checkout()
    checkout_id = visit.checkout_id
    ask_the_bank(visit)
    assert books.charged_at_stripe(checkout_id) == []
    visit.press(visit.bank.locator("#complete"))
    visit.arrives()
    books.settled()
    assert books.checkout(checkout_id)["status"] == "paid"
    assert books.attempts(checkout_id) == ["succeeded"]
    assert books.charged_at_stripe(checkout_id) == [AMOUNT]
    names = [event.name for event in books.events(visit.unit_id)]
    assert names.count("payment_succeeded") == 1
    assert "payment_declined" not in names


@both
@pytest.mark.parametrize("leave", [fail, abandon])
def test_a_check_that_was_not_passed_charges_nothing_and_another_card_pays(
    come: Come, books: Books, variant: str, leave: Callable[[Visit], None]
) -> None:
    visit = come(variant).open_checkout()
    checkout_id = visit.checkout_id
    ask_the_bank(visit)
    leave(visit)
    expect(visit.page.locator("dialog")).to_have_count(0)
    expect(visit.error("payment")).to_contain_text("Your bank could not confirm that it was you")
    expect(visit.error("payment")).to_be_focused()
    typed = visit.typed()
    assert typed == typed | ADDRESS | {"email": EMAIL, "number": "4000 0027 6000 3184"}
    assert books.charged_at_stripe(checkout_id) == []

    visit.pay()
    visit.arrives()
    books.settled()
    assert books.attempts(checkout_id) == ["declined", "succeeded"]
    assert len(books.intents_at_stripe(checkout_id)) == 1
    assert books.charged_at_stripe(checkout_id) == [AMOUNT]


def test_a_second_check_can_be_passed_after_a_failed_one(come: Come, books: Books) -> None:
    visit = come("one_page").open_checkout()
    checkout_id = visit.checkout_id
    ask_the_bank(visit)
    fail(visit)
    expect(visit.error("payment")).to_be_visible()
    visit.press(visit.action)
    visit.press(visit.bank.locator("#complete"))
    visit.arrives()
    assert len(books.intents_at_stripe(checkout_id)) == 1
    assert books.charged_at_stripe(checkout_id) == [AMOUNT]
