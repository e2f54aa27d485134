"""What visitors give in sections that a merchant added: kept for them, told to the merchant."""

from __future__ import annotations

import html
import json
from typing import Any

import pytest
from werkzeug.test import TestResponse

from service.web import checkout
from tests.service.conftest import DECLINES, Page, Shop, reply

GIVEN = {"purchase_order": "PO-1815"}


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A section that asks for a purchase order has been added."""
    monkeypatch.setattr(checkout, "FIELDS", frozenset(GIVEN))


def send(shop: Shop, page: Page, url: str, **body: Any) -> TestResponse:
    return shop.client.post(
        page.attributes[url], json=body, headers={"X-Kassa-Token": page.attributes["token"]}
    )


def confirm(shop: Shop, page: Page, fields: dict[str, str], *number: str) -> TestResponse:
    token = shop.token(page, *number)
    return send(shop, page, "confirm-url", confirmation_token=token, fields=fields)


def kept(html_text: str) -> Any:
    (_, _, rest) = html_text.partition("data-details='")
    return json.loads(html.unescape(rest.partition("'")[0]))["fields"]


def test_what_was_typed_is_there_again_and_not_yet_the_orders(shop: Shop) -> None:
    page = shop.open()
    assert send(shop, page, "details-url", fields=GIVEN, typed_at=1).status_code == 204
    again = shop.client.get(f"/c/{page.checkout_id}").text
    assert kept(again) == GIVEN
    assert shop.stands(page)["fields"] == {}


def test_the_press_that_pays_tells_it_to_the_merchant(shop: Shop) -> None:
    page = shop.open()
    confirm(shop, page, {"purchase_order": "PO-1"}, DECLINES)
    assert shop.stands(page)["fields"] == {"purchase_order": "PO-1"}
    assert reply(confirm(shop, page, GIVEN))["status"] == "succeeded"
    assert shop.stands(page)["fields"] == GIVEN


def test_a_try_without_it_forgets_nothing(shop: Shop) -> None:
    page = shop.open()
    confirm(shop, page, GIVEN, DECLINES)
    shop.pay(page)
    assert shop.stands(page)["fields"] == GIVEN


def test_what_was_cleared_is_not_told(shop: Shop) -> None:
    page = shop.open()
    confirm(shop, page, GIVEN, DECLINES)
    confirm(shop, page, {"purchase_order": ""})
    assert shop.stands(page)["fields"] == {}


def test_a_field_that_no_section_asks_for_any_more_keeps_nobody_from_paying(shop: Shop) -> None:
    page = shop.open()
    assert send(shop, page, "details-url", fields={"gift": "yes"}).status_code == 204
    assert reply(confirm(shop, page, GIVEN | {"gift": "yes"}))["status"] == "succeeded"
    assert shop.stands(page)["fields"] == GIVEN


def test_an_invoice_and_stripes_own_page_tell_it_too(shop: Shop) -> None:
    for url in ("invoice-url", "hosted-url"):
        page = shop.open(mode="invoice", invoice={"days_until_due": 14})
        answer = send(shop, page, url, email="ada@example.com", fields=GIVEN)
        assert answer.status_code == 200, answer.text
        assert shop.stands(page)["fields"] == GIVEN


@pytest.mark.parametrize("url", ["details-url", "confirm-url", "invoice-url", "hosted-url"])
@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"purchase_order": "x" * 256}, "fields.purchase_order"),
        ({"purchase_order": 7}, "fields.purchase_order"),
        (["PO-1"], "fields"),
    ],
)
def test_anything_else_is_refused_and_named(shop: Shop, url: str, fields: Any, rule: str) -> None:
    page = shop.open()
    body = {} if url == "details-url" else {"email": "ada@example.com"}
    if url == "confirm-url":
        body["confirmation_token"] = "ctoken_1"
    answer = send(shop, page, url, fields=fields, **body)
    assert answer.status_code == 422
    assert reply(answer)["detail"].startswith(rule)
    assert shop.stands(page)["fields"] == {}
