"""Pages that are rendered once for alike orders: alike for everybody, but for what is their own."""

from __future__ import annotations

import html
import json

from tests.service.conftest import MakeShop, Shop

MARKUP = "'><script>alert(1)</script>@example.com"


def test_alike_orders_differ_in_nothing_but_what_is_their_own(shop: Shop) -> None:
    first, second = shop.open(), shop.open()
    assert first.html != second.html
    own = [
        each.html.replace(each.checkout_id, "").replace(each.attributes["token"], "")
        for each in (first, second)
    ]
    assert own[0] == own[1]


def test_what_one_visitor_typed_is_on_no_other_page(shop: Shop) -> None:
    first, second = shop.open(), shop.open()
    typed = {"email": "ada@example.com", "name": "Ada", "address": {"country": "SE"}}
    headers = {"X-Kassa-Token": first.attributes["token"]}
    assert (
        shop.client.post(first.attributes["details-url"], json=typed, headers=headers).status_code
        == 204
    )
    again, other = (shop.client.get(f"/c/{each.checkout_id}").text for each in (first, second))
    assert 'value="ada@example.com"' in again
    assert json.loads(html.unescape(again.split("data-details='")[1].split("'")[0])) == {
        "email": "ada@example.com",
        "name": "Ada",
        "address": {"country": "SE"},
        "fields": {},
        "complete": False,
    }
    assert "ada@example.com" not in other
    assert "SE" not in other.split("data-details='")[1].split("'")[0]


def test_what_was_typed_can_end_no_attribute(shop: Shop) -> None:
    page = shop.open()
    headers = {"X-Kassa-Token": page.attributes["token"]}
    shop.client.post(
        page.attributes["details-url"], json={"email": MARKUP, "name": MARKUP}, headers=headers
    )
    again = shop.client.get(f"/c/{page.checkout_id}").text
    assert "<script>alert" not in again
    details = again.split("data-details='")[1].split("'")[0]
    assert json.loads(details)["name"] == MARKUP


def test_each_order_shows_its_own_price_language_and_address(
    shop: Shop, make_shop: MakeShop
) -> None:
    shop.open()
    lines = [{"description": "Enterprise plan", "amount": 12345, "quantity": 2}]
    large = shop.open(lines=lines)
    assert "Enterprise plan" in large.html
    assert "$246.90" in large.html
    assert 'data-amount="24690"' in large.html
    swedish = shop.open(locale="sv-SE")
    assert '<html lang="sv' in swedish.html
    page = shop.open()
    moved = shop.client.get(f"/c/{page.checkout_id}", base_url="http://pay.example.com").text
    assert f'data-return-url="http://pay.example.com/c/{page.checkout_id}/return"' in moved
    renamed = make_shop(merchant="Another Store").open()
    assert "Another Store" in renamed.html


def test_orders_that_begin_alike_show_each_their_own_lines_and_tax(shop: Shop) -> None:
    first = {"description": "Team plan", "amount": 1200, "quantity": 2}
    for name, amount, tax in (("Setup", 500, 7), ("Training", 500, 7), ("Training", 500, 9)):
        lines = [first, {"description": name, "amount": amount}]
        page = shop.open(lines=lines, tax=[{"description": "VAT", "amount": tax}])
        assert name in page.html
        assert page.html.count("Setup") == (name == "Setup")
        assert f"$0.0{tax}" in page.html
        assert f'data-amount="{2400 + amount + tax}"' in page.html
