"""The whole way in each language: nobody meets a word of English in a page of their own."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from service.languages import languages, spoken
from tests.browser import accessibility
from tests.browser.visits import DECLINES, Come, Visit

_VISIBLE = "() => document.body.innerText"


@pytest.fixture(scope="session")
def axe() -> Path:
    """The file of axe-core."""
    return accessibility.axe_core()


def look(visit: Visit, name: str) -> None:
    visit.shot(f"lang-{visit.locale}-{name}")
    found = accessibility.violations(visit.page)
    assert found == [], "\n".join(found)
    visit.fits()


def english(visit: Visit) -> list[str]:
    """The sentences of the page, outside Stripe's frames, that are said as in English."""
    language = spoken([visit.locale])
    said = {each.strip() for each in visit.page.evaluate(_VISIBLE).splitlines()}
    left = {each for each in language.sentences if each not in language.sentences[each]}
    return sorted(said & left)


@pytest.mark.parametrize("locale", [each.replace("_", "-") for each in languages()])
def test_a_purchase_in_the_visitors_language(
    come: Come, axe: Path, variant: str, locale: str
) -> None:
    visit = come(variant, locale=locale)
    language = spoken([locale])
    accessibility.bring(visit.context, axe)
    visit.open_checkout()
    html = visit.page.locator("html")
    expect(html).to_have_attribute("lang", language.tag)
    expect(html).to_have_attribute("dir", language.direction)
    look(visit, "1-empty")
    visit.press(visit.action)
    expect(visit.problems).to_be_focused()
    expect(visit.problems).to_contain_text(language.say("There is a problem"))
    look(visit, "2-problems")
    assert english(visit) == []
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
    assert english(visit) == []
    visit.pay()
    visit.arrives()
    expect(visit.page.locator("h1")).to_have_text(language.say("Payment received"))
    look(visit, "4-receipt")
    assert english(visit) == []
