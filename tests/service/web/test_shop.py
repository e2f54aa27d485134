"""The way in: offers, quantities, previews."""

from __future__ import annotations

import pytest

from service.web.signing import Signing
from tests.service.conftest import Shop


def test_the_offers_are_shown_with_their_prices(shop: Shop) -> None:
    page = shop.client.get("/")
    assert page.status_code == 200
    for price in ("$24.00", "€39.50"):
        assert price in page.text


def test_buying_makes_a_checkout_and_leads_there(shop: Shop) -> None:
    answer = shop.client.get("/buy/team-plan?quantity=3")
    assert answer.status_code == 303
    assert answer.location.startswith("/c/co_")
    assert shop.rows("SELECT amount, currency, offer FROM checkouts") == [
        (7200, "usd", "team-plan")
    ]


@pytest.mark.parametrize("quantity", ["0", "100", "-1", "1.5", "x", "", "²", "1e1", "0x1", " 1"])
def test_an_impossible_quantity_is_a_plain_page(shop: Shop, quantity: str) -> None:
    answer = shop.client.get(
        "/buy/team-plan", query_string={"quantity": quantity}, headers={"Accept": "text/html"}
    )
    assert (answer.status_code, answer.mimetype) == (422, "text/html")
    assert "quantity" in answer.text
    assert shop.rows("SELECT * FROM checkouts") == []


def test_an_unknown_offer_is_a_plain_page_with_a_way_on(shop: Shop) -> None:
    answer = shop.client.get("/buy/no-such-thing", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert 'href="/"' in answer.text
    assert "no-such-thing" not in answer.text


@pytest.mark.parametrize(("variant", "steps"), [("two_page", 2), ("one_page", 1)])
def test_a_preview_link_shows_its_variant_and_exposes_nobody(
    shop: Shop, variant: str, steps: int
) -> None:
    token = Signing(shop.settings.secret_keys).preview_token("one-page-checkout", variant)
    answer = shop.client.get(f"/buy/team-plan?preview={token}", follow_redirects=True)
    assert shop.page(answer).steps == steps
    assert f"Test view of {variant}." in answer.text
    assert "Test view" not in shop.visit().html
    assert shop.rows("SELECT COUNT(*) FROM exposures WHERE unit_id LIKE 'preview-%'") == [(0,)]


@pytest.mark.parametrize("token", ["", "one_page", "W10.x.y"])
def test_a_variant_can_not_be_chosen_without_a_signature(shop: Shop, token: str) -> None:
    answer = shop.client.get("/buy/team-plan", query_string={"preview": token})
    assert answer.status_code == 403
    assert shop.rows("SELECT * FROM checkouts") == []


def test_a_page_token_is_no_preview_link(shop: Shop) -> None:
    page = shop.visit()
    token = page.attributes["token"]
    assert shop.client.get(f"/buy/team-plan?preview={token}").status_code == 403


def test_unsigned_variants_in_the_address_change_nothing(shop: Shop) -> None:
    steps = shop.visit().steps
    for name in ("variant", "flow", "experiment"):
        made = shop.client.get(f"/buy/team-plan?{name}=one_page")
        again = shop.page(shop.client.get(f"{made.location}?{name}=one_page"))
        assert again.steps == steps
