"""A page is in the language that the merchant named, else in one that the browser asks for."""

from __future__ import annotations

import pytest

from service.errors import Expired, TooManyAttempts
from service.languages import spoken
from tests.service.conftest import DECLINES, PAYS, Page, Shop, reply

SWEDISH = {"Accept-Language": "fi, sv-FI;q=0.9, en;q=0.5"}


def asked(shop: Shop, page: Page, headers: dict[str, str], number: str = PAYS) -> dict[str, object]:
    """Press the pay button in a browser with these headers."""
    answer = shop.client.post(
        page.attributes["confirm-url"],
        json={"confirmation_token": shop.token(page, number), "email": "ada@example.com"},
        headers={"X-Kassa-Token": page.attributes["token"]} | headers,
    )
    found: dict[str, object] = reply(answer)
    return found


@pytest.mark.parametrize(
    ("locale", "accepts", "tag", "price"),
    [
        (None, "", "en", "$24.00"),
        (None, "fi, sv-FI;q=0.9, en;q=0.5", "sv", "24,00\N{NO-BREAK SPACE}US$"),
        (None, "*", "en", "$24.00"),
        (None, "fi, nl", "en", "$24.00"),
        # A language that is refused, and one that nobody reads so far down for.
        (None, "sv;q=0, de", "de", "24,00\N{NO-BREAK SPACE}$"),
        (None, "sv;q=0", "en", "$24.00"),
        (None, ",".join(["fi"] * 10 + ["sv"]), "en", "$24.00"),
        ("de", "sv", "de", "24,00\N{NO-BREAK SPACE}$"),
        ("fi", "sv", "sv", "24,00\N{NO-BREAK SPACE}US$"),
        ("pt-BR", "", "pt-BR", "US$\N{NO-BREAK SPACE}24,00"),
    ],
)
def test_the_merchant_is_asked_first_and_the_browser_next(
    shop: Shop, locale: str | None, accepts: str, tag: str, price: str
) -> None:
    path = shop.order(**({"locale": locale} if locale else {}))["url"]
    page = shop.page(shop.client.get(path, headers={"Accept-Language": accepts}))
    assert f'<html lang="{tag}" dir="ltr">' in page.html
    assert page.attributes["locale"] == tag
    assert spoken([tag]).say("Pay {price}", price=price) in page.html


def test_a_decline_is_told_in_the_visitors_language(shop: Shop) -> None:
    told = asked(shop, shop.visit(), SWEDISH, DECLINES)["error"]
    assert isinstance(told, dict)
    assert (
        told["message"]
        == "Din bank nekade betalningen. Prova ett annat kort eller fråga din bank varför."
    )


def test_letters_keep_to_the_language_of_whoever_paid(shop: Shop) -> None:
    page = shop.visit()
    asked(shop, page, SWEDISH)
    stored = shop.rows("SELECT email, locale FROM checkouts")
    assert stored == [("ada@example.com", "sv-FI")]


def test_the_merchants_word_stands_for_letters_too(shop: Shop) -> None:
    page = shop.open(locale="ja")
    asked(shop, page, SWEDISH)
    assert shop.rows("SELECT locale FROM checkouts") == [("ja",)]


def test_a_program_reads_english_and_its_visitor_their_own_language(shop: Shop) -> None:
    page = shop.visit()
    shop.clock.pass_by(hours=25)
    answer = asked(shop, page, SWEDISH)
    assert answer["detail"] == "this checkout has expired; nothing was charged"
    assert Expired.told is not None
    assert answer["told"] == spoken(["sv"]).say(Expired.told) != Expired.told


@pytest.mark.parametrize(
    ("path", "status", "title"),
    [
        ("/nothing-here", 404, "Seite nicht gefunden"),
        ("/c/co_unknown", 404, None),
        ("/buy/team-plan?quantity=x", 422, None),
        ("/qa/broken", 403, None),
    ],
)
def test_an_error_page_is_in_the_visitors_language(
    shop: Shop, path: str, status: int, title: str | None
) -> None:
    headers = {"Accept-Language": "de", "Accept": "text/html"}
    answer = shop.client.get(path, headers=headers)
    assert answer.status_code == status
    assert '<html lang="de" dir="ltr">' in answer.text
    assert title is None or title in answer.text
    english = shop.client.get(path, headers={"Accept": "text/html"})
    assert answer.text.split("<h1", 1)[1] != english.text.split("<h1", 1)[1]


def test_what_visitors_may_read_of_an_error_has_a_sentence_of_its_own() -> None:
    assert spoken(["sv"]).say(TooManyAttempts.told or "") != TooManyAttempts.told
