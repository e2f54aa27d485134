"""The whole way in each language: nobody meets a word of English in a page of their own."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from service.languages import spoken
from tests.browser import accessibility
from tests.browser.visits import DECLINES, DESKTOP, PHONE, Come, Visit
from tests.browser.wording import said_in_its_language


@pytest.fixture(scope="session")
def axe() -> Path:
    """The file of axe-core."""
    return accessibility.axe_core()


def look(visit: Visit, name: str) -> None:
    visit.shot(f"lang-{visit.locale}-{name}")
    found = accessibility.violations(visit.page)
    assert found == [], "\n".join(found)
    visit.fits()
    said_in_its_language(visit)


# The others, and all flows on all screens, are in the matrix.
@pytest.mark.parametrize(
    ("screen", "variant", "locale"),
    [(PHONE, "one_page", "ar"), (DESKTOP, "two_page", "sv")],
    ids=["phone-ar", "desktop-sv"],
)
def test_a_purchase_in_the_visitors_language(
    come: Come, axe: Path, variant: str, locale: str
) -> None:
    visit = come(variant, locale=locale)
    language = spoken([locale])
    accessibility.bring(visit.context, axe)
    visit.open_checkout()
    look(visit, "1-empty")
    visit.press(visit.action)
    expect(visit.problems).to_be_focused()
    expect(visit.problems).to_contain_text(language.say("There is a problem"))
    look(visit, "2-problems")
    visit.give_details()
    price = language.money(2400, "usd")
    expect(visit.action).to_have_text(
        re.compile(re.escape(language.say("Pay {price}", price=price)))
    )
    visit.pay(DECLINES)
    expect(visit.error("payment")).to_be_focused()
    declined = "Your bank declined this payment. Try another card, or ask your bank why."
    expect(visit.error("payment")).to_have_text(language.say(declined))
    look(visit, "3-declined")
    visit.pay()
    visit.arrives()
    expect(visit.page.locator("h1")).to_have_text(language.say("Payment received"))
    look(visit, "4-receipt")
