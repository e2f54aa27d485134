"""The merchant calls an order off: its page says so, and nothing can pay it any more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from werkzeug.test import TestResponse

from service.errors import PaymentIndeterminate
from service.payments.stripe_gateway.payments import StripeGateway
from tests.service.conftest import API_KEY, AUTHENTICATES, DECLINES, Page, Shop, reply

MONTHLY = {"mode": "subscription", "subscription": {"interval": "month"}}
CHARGED = {"mode": "invoice", "invoice": {"collection_method": "charge_automatically"}}
SENT = {"mode": "invoice", "invoice": {"days_until_due": 14}}
BANK = "000123456789"


def _cancel(shop: Shop, page: Page) -> TestResponse:
    return shop.client.post(
        f"/v1/checkouts/{page.checkout_id}/cancel", headers={"Authorization": f"Bearer {API_KEY}"}
    )


def _silent(*_: object) -> None:
    raise PaymentIndeterminate("no answer")


def _stripe(shop: Shop) -> Any:
    return shop.simulator.client().v1


def test_its_page_says_that_it_was_cancelled_and_leads_back(shop: Shop) -> None:
    page = shop.open(cancel_url="https://shop.example/cart")
    cancelled = _cancel(shop, page)
    assert (cancelled.status_code, reply(cancelled)["status"]) == (200, "cancelled")
    told = shop.client.get(f"/c/{page.checkout_id}")
    assert told.status_code == 410
    assert "This order was cancelled" in told.text
    assert "https://shop.example/cart" in told.text
    assert shop.stands(page)["status"] == "cancelled"


def test_nobody_pays_it_from_a_page_that_is_still_open(shop: Shop) -> None:
    page = shop.open()
    token = shop.token(page)
    _cancel(shop, page)
    refused = shop.confirm(page, token)
    assert refused.status_code == 410
    assert reply(refused)["detail"] == "this order was cancelled; nothing was charged"
    assert shop.rows("SELECT * FROM confirmations") == []
    late = shop.client.post(
        f"/c/{page.checkout_id}/details",
        json={"email": "ada@example.com"},
        headers={"X-Kassa-Token": page.attributes["token"]},
    )
    assert late.status_code == 410


def test_once_more_changes_nothing(shop: Shop) -> None:
    page = shop.open()
    first = reply(_cancel(shop, page))
    shop.clock.pass_by(hours=1)
    assert reply(_cancel(shop, page)) == first


@pytest.mark.parametrize("number", [DECLINES, AUTHENTICATES])
def test_what_was_begun_at_stripe_can_not_be_paid_any_more(shop: Shop, number: str) -> None:
    page = shop.open()
    shop.pay(page, number)
    ((intent,),) = shop.rows("SELECT payment_intent_id FROM confirmations")
    assert _cancel(shop, page).status_code == 200
    assert _stripe(shop).payment_intents.retrieve(intent).status == "canceled"
    shop.deliver_all(page)
    assert shop.stands(page)["status"] == "cancelled"


@pytest.mark.parametrize("terms", [MONTHLY, CHARGED])
def test_a_bill_that_was_begun_is_taken_back(shop: Shop, terms: dict[str, Any]) -> None:
    page = shop.open(**terms)
    shop.pay(page, DECLINES)
    shop.pay(page, AUTHENTICATES)
    ((invoice,),) = shop.rows("SELECT invoice_id FROM bills")
    assert _cancel(shop, page).status_code == 200
    over = shop.rows("SELECT DISTINCT status, failure_code FROM confirmations")
    assert over == [("refused", "payment_canceled")]
    assert _stripe(shop).invoices.retrieve(invoice).status == "void"
    assert _cancel(shop, page).status_code == 200
    assert shop.rows("SELECT * FROM bills") == []


def test_whoever_read_the_clock_before_it_was_cancelled_does_not_pay_it_either(shop: Shop) -> None:
    page = shop.open()
    token = shop.token(page)
    _cancel(shop, page)
    shop.clock.pass_by(seconds=-1)
    assert shop.confirm(page, token).status_code == 410


@pytest.mark.parametrize("terms", [{}, MONTHLY, CHARGED])
def test_what_the_bank_allowed_a_moment_ago_stands_whatever_it_is_for(
    shop: Shop, terms: dict[str, Any]
) -> None:
    page = shop.open(**terms)
    shop.authenticate(shop.pay(page, AUTHENTICATES)["next_action"]["client_secret"])
    refused = _cancel(shop, page)
    assert (refused.status_code, reply(refused)["type"]) == (409, "urn:kassa:payment-under-way")
    assert shop.rows("SELECT cancelled_at FROM checkouts") == [(None,)]
    assert shop.pay(page) == {"status": "succeeded"}
    assert shop.rows("SELECT status FROM confirmations") == [("succeeded",)]


def test_a_trial_is_cancelled_and_its_bank_can_not_begin_it_any_more(shop: Shop) -> None:
    page = shop.open(mode="subscription", subscription={"interval": "month", "trial_days": 14})
    asked = shop.pay(page, AUTHENTICATES)
    ((subscription, setup),) = shop.rows("SELECT subscription_id, payment_intent_id FROM bills")
    for _ in range(2):
        assert reply(_cancel(shop, page))["status"] == "cancelled"
    assert _stripe(shop).subscriptions.retrieve(subscription).status == "canceled"
    assert _stripe(shop).setup_intents.retrieve(setup).status == "canceled"
    body = {"key": "pk_test_simulated", "client_secret": asked["next_action"]["client_secret"]}
    late = shop.client.post(
        f"/sim/v1/setup_intents/{setup}/authenticate", json=body | {"outcome": "succeed"}
    )
    assert late.status_code == 400


@pytest.mark.parametrize(
    ("terms", "path"), [(MONTHLY, "/v1/subscriptions/"), (CHARGED, "/v1/invoices/")]
)
def test_an_answer_that_was_lost_does_not_keep_the_merchant_from_an_end(
    shop: Shop, terms: dict[str, Any], path: str
) -> None:
    page = shop.open(**terms)
    shop.pay(page, DECLINES)
    ((subscription, invoice),) = shop.rows("SELECT subscription_id, invoice_id FROM bills")
    where = f"{path}{subscription}" if subscription else f"{path}{invoice}/void"
    shop.simulator.faults({"do": "drop_after", "path": where, "times": 3})
    assert _cancel(shop, page).status_code == 503
    assert reply(_cancel(shop, page))["status"] == "cancelled"
    assert shop.rows("SELECT * FROM bills") == []


def test_a_look_finishes_a_cancellation_that_stripe_did_not_answer(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = shop.open()
    shop.pay(page, AUTHENTICATES)
    with monkeypatch.context() as patched:
        patched.setattr(StripeGateway, "cancel", _silent)
        assert _cancel(shop, page).status_code == 503
    assert "This order was cancelled" in shop.client.get(page.attributes["return-url"]).text
    ((intent,),) = shop.rows("SELECT payment_intent_id FROM confirmations")
    assert _stripe(shop).payment_intents.retrieve(intent).status == "canceled"


def test_a_page_that_asks_how_it_stands_is_told_that_it_was_cancelled(shop: Shop) -> None:
    page = shop.open()
    _cancel(shop, page)
    headers = {"X-Kassa-Token": page.attributes["token"]}
    answer = shop.client.post(page.attributes["status-url"], json={}, headers=headers)
    assert answer.status_code == 410


@pytest.mark.parametrize("number", ["4242424242424242", BANK])
def test_what_is_paid_or_about_to_be_is_refused_and_stays_as_it_is(shop: Shop, number: str) -> None:
    page = shop.open()
    shop.pay(page, number)
    for _ in range(2):
        assert _cancel(shop, page).status_code == 409
        shop.deliver_all(page)
    assert shop.stands(page)["status"] in {"paid", "processing"}
    assert shop.rows("SELECT cancelled_at FROM checkouts") == [(None,)]


def test_an_order_whose_invoice_was_sent_is_refused(shop: Shop) -> None:
    page = shop.open(**SENT)
    shop.ask_for_invoice(page)
    refused = _cancel(shop, page)
    assert refused.status_code == 409
    assert "void it at Stripe" in reply(refused)["detail"]
    assert shop.rows("SELECT cancelled_at FROM checkouts") == [(None,)]


def test_a_stripe_that_does_not_answer_is_told_and_the_rest_is_done_later(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = shop.open()
    shop.pay(page, AUTHENTICATES)
    with monkeypatch.context() as patched:
        patched.setattr(StripeGateway, "cancel", _silent)
        assert _cancel(shop, page).status_code == 503
        assert shop.pay(page) == {"status": "checking"}  # nobody begins anew
    assert _cancel(shop, page).status_code == 200
    ((intent,),) = shop.rows("SELECT payment_intent_id FROM confirmations")
    assert _stripe(shop).payment_intents.retrieve(intent).status == "canceled"


def test_the_bank_says_yes_while_the_merchant_cancels_and_the_payment_stands(shop: Shop) -> None:
    page = shop.open()
    asked = shop.pay(page, AUTHENTICATES)
    shop.authenticate(asked["next_action"]["client_secret"])
    refused = _cancel(shop, page)
    assert (refused.status_code, reply(refused)["type"]) == (409, "urn:kassa:payment-under-way")
    shop.deliver_all(page)
    assert shop.stands(page)["status"] == "paid"


def test_of_a_press_and_a_cancellation_at_once_one_wins_and_both_are_told(shop: Shop) -> None:
    for _ in range(5):
        page = shop.open()
        token = shop.token(page)
        with ThreadPoolExecutor(2) as threads:
            paying = threads.submit(shop.confirm, page, token)
            cancelling = threads.submit(_cancel, shop, page)
        paid, cancelled = paying.result(), cancelling.result()
        shop.deliver_all(page)
        status = shop.stands(page)["status"]
        assert (paid.status_code, cancelled.status_code, status) in {
            (200, 409, "paid"),
            (410, 200, "cancelled"),
        }


def test_only_the_merchant_cancels(shop: Shop) -> None:
    page = shop.open()
    assert shop.client.post(f"/v1/checkouts/{page.checkout_id}/cancel").status_code == 401
    assert shop.stands(page)["status"] == "open"
    unknown = shop.client.post(
        "/v1/checkouts/co_nobody/cancel", headers={"Authorization": f"Bearer {API_KEY}"}
    )
    assert unknown.status_code == 404
