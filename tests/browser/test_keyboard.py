"""The whole purchase with the keyboard alone, and the focus always in sight."""

import pytest
from playwright.sync_api import expect

from tests.browser.books import Books
from tests.browser.visits import (
    ADDRESS,
    AMOUNT,
    AUTHENTICATES,
    DESKTOP,
    EMAIL,
    PHONE,
    Come,
    Visit,
)

# The focused element, also where it is inside an iframe, and whether its focus can be seen.
_FOCUSED = """() => {
  let [view, element] = [window, document.activeElement];
  while (element?.tagName === "IFRAME") {
    view = element.contentWindow;
    element = view.document.activeElement;
  }
  const style = view.getComputedStyle(element);
  return {
    name: element.hasAttribute("data-action") ? "action" : element.id || element.tagName,
    seen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
  };
}"""
_LONGEST_WAY = 12


def tab_to(visit: Visit, name: str) -> None:
    """Press Tab until the element has the focus; every stop on the way shows that it has it."""
    for _ in range(_LONGEST_WAY):
        visit.page.keyboard.press("Tab")
        focused = visit.page.evaluate(_FOCUSED)
        if focused["name"] in {"BODY", "HTML"}:
            continue  # between two documents
        assert focused["seen"], f"nobody sees that {focused['name']} has the focus"
        if focused["name"] == name:
            return
    raise AssertionError(f"{name} was not reached with {_LONGEST_WAY} presses on Tab")


def give_all_but_pay(visit: Visit, number: str) -> None:
    keyboard = visit.page.keyboard
    tab_to(visit, "email")
    keyboard.type(EMAIL)
    for field in ("name", "line1", "city", "state", "postal_code"):
        tab_to(visit, field)
        keyboard.type(ADDRESS[field])
    if visit.variant != "one_page":
        tab_to(visit, "action")
        keyboard.press("Enter")
        visit.stands_at("payment")
        expect(visit.heading).to_contain_text("Payment")
    if visit.variant == "two_page":
        expect(visit.heading).to_be_focused()
    for field, typed in (("number", number), ("expiry", "1234"), ("cvc", "123")):
        tab_to(visit, field)
        keyboard.type(typed)
    tab_to(visit, "action")


# Both arms of the shipped experiment, each on one screen, and the third flow at a desk.
@pytest.mark.parametrize(
    ("screen", "variant"),
    [(PHONE, "one_page"), (DESKTOP, "two_page"), (DESKTOP, "two_page_reload")],
    ids=["phone-one_page", "desktop-two_page", "desktop-two_page_reload"],
)
def test_the_whole_purchase_needs_no_pointer(come: Come, books: Books, variant: str) -> None:
    visit = come(variant).open_checkout()
    checkout_id = visit.checkout_id
    give_all_but_pay(visit, AUTHENTICATES)
    visit.page.keyboard.press("Space")
    expect(visit.bank.locator("#complete")).to_be_focused()
    visit.page.keyboard.press("Enter")
    visit.arrives()
    assert books.charged_at_stripe(checkout_id) == [AMOUNT]
    [intent] = books.intents_at_stripe(checkout_id)
    assert intent["status"] == "succeeded"


def test_the_first_press_on_tab_offers_the_way_past_the_header(come: Come) -> None:
    visit = come("one_page").open_checkout()
    visit.page.keyboard.press("Tab")
    skip = visit.page.get_by_role("link", name="Skip to main content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    visit.page.keyboard.press("Enter")
    tab_to(visit, "email")
