"""The two-page flow is one document: whatever the way, nothing typed is lost."""

import re

from playwright.sync_api import expect

from tests.browser.books import Books, eventually
from tests.browser.visits import ADDRESS, AMOUNT, CARD, EMAIL, Come, Visit

TYPED = {"email": EMAIL} | ADDRESS | CARD


def at_step(visit: Visit, title: str) -> None:
    """The step is the one in view, and its heading tells so to ears as well."""
    expect(visit.heading).to_contain_text(title)
    expect(visit.heading).to_be_focused()
    expect(visit.page).to_have_title(re.compile(f"^{title} . Kassa Demo Store$"))
    expect(visit.page.locator("[data-step][inert]")).to_have_count(1)
    expect(visit.page.locator(".progress [aria-current=step]")).to_contain_text(title)
    visit.fits()


def test_continue_with_nothing_typed_says_what_is_missing(come: Come, books: Books) -> None:
    visit = come("two_page").open_checkout()
    visit.press(visit.action)
    expect(visit.problems).to_be_focused()
    expect(visit.problems.locator("a")).to_have_text(
        ["Enter your email address", "Complete your name and billing address"]
    )
    expect(visit.error("contact")).to_have_text("Enter your email address")
    expect(visit.error("address")).to_have_text("Complete your name and billing address")
    expect(visit.page.locator("#email")).to_have_attribute("aria-invalid", "true")
    for field in ("name", "line1", "city", "state", "postal_code"):
        expect(visit.address.locator(f"#{field}-error")).to_have_text("This field is incomplete.")
    expect(visit.page).to_have_title(re.compile("^Error: Your details "))
    assert visit.page.locator("[data-step=payment]").get_attribute("inert") is not None

    visit.press(visit.problems.locator("a").first)
    expect(visit.page.locator("#email")).to_be_focused()
    visit.press(visit.problems.locator("a").last)
    expect(visit.address.locator("#name")).to_be_focused()

    visit.page.locator("#email").fill(EMAIL)
    visit.give_address()
    for section in ("contact", "address"):
        expect(visit.error(section)).to_be_hidden()
    visit.press(visit.action)
    at_step(visit, "Payment")
    visit.pay()
    visit.arrives()
    eventually(
        lambda: [
            e.properties for e in books.events(visit.unit_id) if e.name == "validation_failed"
        ],
        [{"fields": ["contact", "address"]}],
    )


def test_back_forward_and_change_keep_everything_typed(come: Come, books: Books) -> None:
    visit = come("two_page").open_checkout()
    checkout_id = visit.checkout_id
    visit.give_details()
    at_step(visit, "Payment")
    review = visit.page.locator("[data-review]")
    expect(review).to_contain_text(EMAIL)
    expect(review).to_contain_text("Ada Lovelace, 1 Analytical Way, San Francisco CA 94103, US")
    visit.give_card()
    assert visit.typed() == TYPED

    visit.page.go_back()
    at_step(visit, "Your details")
    assert visit.typed() == TYPED
    visit.page.go_forward()
    at_step(visit, "Payment")
    assert visit.typed() == TYPED
    visit.press(visit.page.get_by_role("button", name="Back (Your details)"))
    at_step(visit, "Your details")
    visit.press(visit.action)
    at_step(visit, "Payment")
    visit.press(visit.page.get_by_role("button", name="Change (Contact)"))
    at_step(visit, "Your details")
    visit.page.locator("#email").fill("grace@example.com")
    visit.press(visit.action)
    at_step(visit, "Payment")
    expect(review).to_contain_text("grace@example.com")
    assert visit.typed() == TYPED | {"email": "grace@example.com"}

    visit.press(visit.action)
    visit.arrives()
    assert books.attempts(checkout_id) == ["succeeded"]
    assert books.charged_at_stripe(checkout_id) == [AMOUNT]


def test_an_error_of_the_card_form_is_told_on_its_own_page(come: Come) -> None:
    visit = come("two_page").open_checkout()
    visit.give_details()
    at_step(visit, "Payment")
    visit.press(visit.action)
    expect(visit.problems).to_be_focused()
    expect(visit.problems.locator("a")).to_have_text(["Your card number is incomplete."])
    expect(visit.error("payment")).to_be_visible()
    expect(visit.card.locator("#number-error")).to_be_visible()
    visit.press(visit.problems.locator("a"))
    expect(visit.card.locator("#number")).to_be_focused()


def test_a_reload_keeps_the_step_and_the_details_and_no_trace_of_the_card(come: Come) -> None:
    visit = come("two_page").open_checkout()
    visit.give_details()
    at_step(visit, "Payment")
    visit.give_card()
    visit.page.reload()
    at_step(visit, "Payment")
    expect(visit.page.locator("[data-waiting]")).to_have_count(0)
    assert visit.typed() == {"email": EMAIL} | ADDRESS | dict.fromkeys(CARD, "")
    visit.page.go_back()
    at_step(visit, "Your details")
    assert visit.typed() == {"email": EMAIL} | ADDRESS | dict.fromkeys(CARD, "")
    visit.press(visit.action)
    visit.pay()
    visit.arrives()
