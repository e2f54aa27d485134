"""What a page says: its language, and whether anything in it was left in English."""

from __future__ import annotations

from playwright.sync_api import expect

from service.languages import Language, languages, spoken
from tests.browser.visits import Visit

LOCALES = tuple(each.replace("_", "-") for each in languages())
_VISIBLE = "() => document.body.innerText"


def language_of(visit: Visit) -> Language:
    """The language that the visitor's browser asks for."""
    return spoken([visit.locale])


def english(visit: Visit) -> list[str]:
    """The sentences of the page, outside Stripe's frames, that are said as in English."""
    language = language_of(visit)
    said = {each.strip() for each in visit.page.evaluate(_VISIBLE).splitlines()}
    left = {each for each in language.sentences if each not in language.sentences[each]}
    return sorted(said & left)


def said_in_its_language(visit: Visit) -> None:
    """The page names the visitor's language and its direction, and says everything in it."""
    language = language_of(visit)
    html = visit.page.locator("html")
    expect(html).to_have_attribute("lang", language.tag)
    expect(html).to_have_attribute("dir", language.direction)
    assert english(visit) == []
