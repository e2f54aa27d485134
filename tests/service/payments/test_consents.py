"""Saving details: the customer's choice, kept as consent, used again, and taken back."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.service.conftest import PAYS, Page, Shop, reply

BANK = "000123456789"
MONTHLY = {"mode": "subscription", "subscription": {"interval": "month"}}
TRIAL = {"mode": "subscription", "subscription": {"interval": "month", "trial_days": 14}}


def _session(shop: Shop, page: Page, client: Any = None) -> str | None:
    answer = (client or shop.client).post(
        page.attributes["session-url"],
        json={},
        headers={"X-Kassa-Token": page.attributes["token"]},
    )
    assert answer.status_code == 200, answer.text
    found: str | None = reply(answer)["client_secret"]
    return found


def _save(shop: Shop, page: Page, number: str = PAYS) -> dict[str, Any]:
    """Pay with the box ticked that saves the details."""
    token = shop.token(page, number, session=_session(shop, page), save=True)
    found: dict[str, Any] = reply(shop.confirm(page, token))
    return found


def _customer(shop: Shop) -> str:
    ((customer,),) = shop.rows("SELECT customer_id FROM accounts")
    return str(customer)


def _consents(shop: Shop) -> list[Any]:
    return shop.rows(
        "SELECT kind, checkout_id, withdrawn_at IS NOT NULL AS withdrawn FROM consents"
    )


@pytest.mark.parametrize("number", [PAYS, BANK])
def test_details_that_were_saved_pay_the_next_order(shop: Shop, number: str) -> None:
    first = shop.open(customer="acme", email="ada@example.com")
    _save(shop, first, number)
    (kept,) = shop.gateway.accounts.methods(_customer(shop))
    assert kept.last4 == number[-4:]
    second = shop.open(customer="acme")
    token = shop.token(second, session=_session(shop, second), method=kept.payment_method_id)
    assert reply(shop.confirm(second, token))["status"] in {"succeeded", "processing"}


def test_the_choice_to_save_is_kept_as_consent(shop: Shop) -> None:
    page = shop.open(customer="acme")
    assert _save(shop, page) == {"status": "succeeded"}
    shop.deliver_all(page)
    assert _consents(shop) == [("on_session", page.checkout_id, False)]


def test_who_does_not_tick_the_box_has_agreed_to_nothing(shop: Shop) -> None:
    page = shop.open(customer="acme")
    shop.pay(page)
    shop.deliver_all(page)
    assert _consents(shop) == []
    assert shop.gateway.accounts.methods(_customer(shop)) == []


@pytest.mark.parametrize("terms", [MONTHLY, TRIAL])
def test_who_subscribes_agrees_to_be_charged_while_away(shop: Shop, terms: dict[str, Any]) -> None:
    page = shop.open(**terms)
    shop.pay(page)
    ((intent,),) = shop.rows("SELECT payment_intent_id FROM bills")
    shop.deliver_recent(intent)
    assert _consents(shop) == [("off_session", page.checkout_id, False)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(2))))
def test_a_method_that_was_let_go_is_no_longer_agreed_to(
    shop: Shop, order: tuple[int, ...]
) -> None:
    page = shop.open(customer="acme")
    _save(shop, page)
    (kept,) = shop.gateway.accounts.methods(_customer(shop))
    shop.gateway.accounts.remove(kept.payment_method_id)
    about = shop.events_about(kept.payment_method_id)
    kinds = ("payment_intent.succeeded", "payment_method.detached")
    told = [next(event for event in about if event["type"] == kind) for kind in kinds]
    for number in order:
        assert shop.deliver(told[number]).status_code == 200
        assert shop.deliver(told[number]).status_code == 200
    assert _consents(shop) == [("on_session", page.checkout_id, True)]
    assert shop.gateway.accounts.methods(_customer(shop)) == []


def test_a_link_that_was_passed_on_shows_nothing_of_the_customer(shop: Shop) -> None:
    page = shop.open(customer="acme")
    assert _session(shop, page) is not None
    stranger = shop.client.application.test_client()
    theirs = shop.page(stranger.get(f"/c/{page.checkout_id}"))
    assert _session(shop, theirs, stranger) is None


def test_an_order_for_nobody_known_has_no_session(shop: Shop) -> None:
    page = shop.open()
    assert page.attributes["session-url"] == ""


def test_without_stripe_the_page_goes_on_without_what_is_kept(shop: Shop) -> None:
    page = shop.open(customer="acme")
    shop.simulator.faults({"do": "drop", "path": "/v1/customer_sessions", "times": 3})
    assert _session(shop, page) is None
    assert shop.pay(page) == {"status": "succeeded"}


def test_a_merchants_customer_pays_as_one_customer_of_stripes(shop: Shop) -> None:
    pages = [shop.open(customer="acme") for _ in range(2)]
    for page in pages:
        shop.pay(page)
        shop.deliver_all(page)
    assert shop.rows("SELECT count(DISTINCT customer_id), count(*) FROM ledger_payments") == [
        (1, 2)
    ]
