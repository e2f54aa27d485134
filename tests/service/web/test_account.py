"""The customer's own page: what is kept, had and owed, changed without anybody's help."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.service.conftest import API_KEY, AUTHENTICATES, DECLINES, PAYS, MakeShop, Shop, reply

BANK = "000123456789"
MONTHLY = {"mode": "subscription", "subscription": {"interval": "month"}}
HEADERS = {"Authorization": f"Bearer {API_KEY}"}


# Of this test alone: the simulator outlives it.
@pytest.fixture
def acme() -> str:
    return f"acme-{uuid.uuid4()}"


def _link(shop: Shop, customer: str, **told: str) -> str:
    answer = shop.client.post(f"/v1/customers/{customer}/session", json=told, headers=HEADERS)
    assert answer.status_code == 201, answer.text
    return str(reply(answer)["url"]).removeprefix("http://localhost")


def _page(shop: Shop, link: str) -> str:
    answer = shop.client.get(link)
    assert answer.status_code == 200, answer.text
    return answer.text


def _actions(page: str, ending: str) -> list[str]:
    return [url for url in re.findall(r'action="([^"]+)"', page) if url.endswith(ending)]


def _press(shop: Shop, page: str, ending: str) -> str:
    """Press the only button of a kind; the page that follows."""
    (url,) = _actions(page, ending)
    answer = shop.client.post(url, follow_redirects=True)
    assert answer.status_code == 200, answer.text
    return answer.text


def _token(shop: Shop, number: str = PAYS, **proof: str) -> str:
    entered: dict[str, Any] = {
        "type": "card",
        "card": {"number": number, "exp_month": 12, "exp_year": 2034, "cvc": "123"},
    }
    if number.startswith("000"):
        account = {"account_number": number, "routing_number": "110000000"} | proof
        entered = {"type": "us_bank_account", "us_bank_account": account}
    body = {
        "key": "pk_test_simulated",
        "elements": {"mode": "setup", "currency": "usd"},
        "payment_method": entered | {"billing_details": {"name": "Ada", "email": "a@example.com"}},
        "return_url": "http://localhost/",
    }
    answer = shop.client.post("/sim/v1/confirmation_tokens", json=body)
    assert answer.status_code == 200, answer.text
    return str(reply(answer)["id"])


def _keep(shop: Shop, link: str, number: str = PAYS, **proof: str) -> dict[str, Any]:
    body = {"confirmation_token": _token(shop, number, **proof)}
    found: dict[str, Any] = reply(shop.client.post(f"{link}/methods", json=body))
    return found


@pytest.mark.parametrize("number", [PAYS, BANK])
def test_a_customer_sets_up_automatic_payment_alone(shop: Shop, acme: str, number: str) -> None:
    link = _link(shop, acme)
    assert "You have saved none." in _page(shop, link)
    kept = _keep(shop, link, number)
    page = _page(shop, kept["redirect"])
    assert f"ending in {number[-4:]}" in page
    assert "Used for invoices and renewals." in page


def test_what_has_no_number_is_kept_by_its_name(shop: Shop, acme: str) -> None:
    page = shop.open(**MONTHLY, customer=acme)
    assert reply(shop.confirm(page, shop.token(page, wallet="link"))) == {"status": "succeeded"}
    account = _page(shop, _link(shop, acme))
    assert '<p class="entry__name">Link<small>' in account
    assert "ending in" not in account


def test_a_card_that_the_bank_asks_about_is_used_once_it_is_confirmed(
    shop: Shop, acme: str
) -> None:
    link = _link(shop, acme)
    asked = _keep(shop, link, AUTHENTICATES)
    secret = asked["next_action"]["client_secret"]
    shop.authenticate(secret)
    settled = reply(shop.client.post(asked["use_url"], json={}))
    assert "Used for invoices and renewals." in _page(shop, settled["redirect"])


def test_a_card_that_the_bank_refuses_is_not_kept(shop: Shop, acme: str) -> None:
    link = _link(shop, acme)
    assert "declined" in _keep(shop, link, DECLINES)["error"]["message"]
    assert "You have saved none." in _page(shop, link)


def test_an_account_to_be_proved_is_kept_when_its_deposit_came(shop: Shop, acme: str) -> None:
    link = _link(shop, acme)
    kept = _keep(shop, link, BANK, verification_method="microdeposits")
    assert "small deposit" in _page(shop, kept["redirect"])


def test_a_subscription_is_seen_ended_and_kept_after_all(shop: Shop, acme: str) -> None:
    shop.pay(shop.open(**MONTHLY, customer=acme))
    page = _page(shop, _link(shop, acme))
    assert "Team plan" in page
    assert "$24.00 a month" in page
    page = _press(shop, page, "/end")
    assert "Your subscription ends with its period" in page
    page = _press(shop, page, "/resume")
    assert "Your subscription goes on" in page
    assert "Renews" in page


def test_renewals_switch_between_invoice_and_card_while_the_plan_goes_on(
    shop: Shop, acme: str
) -> None:
    shop.pay(shop.open(**MONTHLY, customer=acme))
    page = _press(shop, _page(shop, _link(shop, acme)), "/send")
    assert "by invoice" in page
    ((subscription,),) = shop.rows("SELECT subscription_id FROM bills")
    found = shop.simulator.client().v1.subscriptions.retrieve(subscription)
    assert (found.status, found.collection_method, found.days_until_due) == (
        "active",
        "send_invoice",
        30,
    )
    page = _press(shop, page, "/charge")
    found = shop.simulator.client().v1.subscriptions.retrieve(subscription)
    assert (found.status, found.collection_method) == ("active", "charge_automatically")


def test_a_new_method_takes_over_what_is_running(shop: Shop, acme: str) -> None:
    shop.pay(shop.open(**MONTHLY, customer=acme))
    _keep(shop, _link(shop, acme), BANK)
    ((subscription, customer),) = shop.rows("SELECT subscription_id, customer_id FROM bills")
    (new, _old) = shop.gateway.accounts.methods(customer)
    found = shop.simulator.client().v1.subscriptions.retrieve(subscription)
    assert (new.kind, found.default_payment_method) == ("us_bank_account", new.payment_method_id)


def test_another_method_is_chosen_and_one_is_let_go(shop: Shop, acme: str) -> None:
    link = _link(shop, acme)
    for number in (PAYS, BANK):
        _keep(shop, link, number)
    page = _press(shop, _page(shop, link), "/default")
    assert page.count("Used for invoices and renewals.") == 1
    for url in _actions(page, "/remove"):
        shop.client.post(url)
    assert "You have saved none." in _page(shop, link)


def test_an_open_invoice_is_there_to_be_paid(shop: Shop, acme: str) -> None:
    page = shop.open(mode="invoice", customer=acme)
    shop.ask_for_invoice(page)
    shown = _page(shop, _link(shop, acme))
    assert "To be paid" in shown
    assert "/sim/invoices/in_" in shown


def test_nobody_changes_what_is_somebody_elses(shop: Shop, acme: str) -> None:
    shop.pay(shop.open(**MONTHLY, customer=acme))
    shown = _page(shop, _link(shop, acme))
    theirs, ours = _link(shop, acme), _link(shop, f"not-{acme}")
    for ending in ("/end", "/send", "/remove"):
        (url,) = _actions(shown, ending)
        stolen = url.replace(url.split("/")[2], ours.split("/")[2])
        assert shop.client.post(stolen).status_code == 404
    kept = _keep(shop, theirs, AUTHENTICATES)["use_url"]
    stolen = kept.replace(kept.split("/")[2], ours.split("/")[2])
    assert shop.client.post(stolen, json={}).status_code == 404


def test_a_link_is_good_for_half_a_day_and_only_as_it_was_made(shop: Shop, acme: str) -> None:
    link = _link(shop, acme)
    # Not its last character: some bits of that one stand for nothing.
    for broken in (link[:-9] + ("A" if link[-9] != "A" else "B") + link[-8:], "/account/x"):
        assert shop.client.get(broken).status_code == 403
    foreign = {"Sec-Fetch-Site": "cross-site"}
    page = shop.client.post(f"{link}/methods", json={}, headers=foreign)
    assert page.status_code == 403


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_only_the_merchant_makes_links(shop: Shop, headers: dict[str, str]) -> None:
    answer = shop.client.post("/v1/customers/acme/session", json={}, headers=headers)
    assert answer.status_code == 401


def _refused(answer: TestResponse) -> str:
    assert answer.status_code in {404, 422}, answer.text
    return str(reply(answer)["detail"])


def test_what_can_not_be_asked_for_is_told(shop: Shop, acme: str) -> None:
    asked = shop.client.post("/v1/customers/acme/session", json={"email": "x"}, headers=HEADERS)
    assert _refused(asked).startswith("email: ")
    long = shop.client.post(f"/v1/customers/{'x' * 501}/session", json={}, headers=HEADERS)
    assert _refused(long).startswith("customer: ")
    link = _link(shop, acme)
    assert _refused(shop.client.post(f"{link}/methods", json={})).startswith("confirmation_token")
    assert "no such" in _refused(shop.client.post(f"{link}/methods/pm_1/remove"))
    assert "no such" in _refused(shop.client.post(f"{link}/plans/sub_1/end"))


def test_when_stripe_does_not_answer_nothing_is_changed_and_that_is_said(
    shop: Shop, acme: str
) -> None:
    link = _link(shop, acme)
    _keep(shop, link)
    page = _page(shop, link)
    (url,) = _actions(page, "/remove")
    detach = url.split("/")[-2]
    shop.simulator.faults(
        {"do": "drop", "path": f"/v1/payment_methods/{detach}/detach", "times": 3}
    )
    answer = shop.client.post(url, follow_redirects=True)
    assert "nothing was changed" in answer.text
    assert "ending in 4242" in answer.text


def test_a_merchant_who_sends_no_invoices_offers_none(make_shop: MakeShop, acme: str) -> None:
    shop = make_shop(invoice_days=0)
    shop.pay(shop.open(**MONTHLY, customer=acme))
    page = _page(shop, _link(shop, acme))
    assert _actions(page, "/send") == []
    (url,) = _actions(page, "/end")
    assert shop.client.post(url.replace("/end", "/send")).status_code == 404
