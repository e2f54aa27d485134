"""`/v1/checkouts`: the merchant's server makes orders, and reads how they stand."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import null, update
from werkzeug.test import TestResponse

from service.store.tables import checkouts
from tests.service.conftest import API_KEY, Page, Shop, reply

ORDER = {
    "mode": "payment",
    "currency": "usd",
    "lines": [{"description": "Team plan", "amount": 2400, "quantity": 2}],
    "success_url": "https://shop.example/thanks",
}

MONTHLY = {"interval": "month"}


def _create(shop: Shop, order: Any = None, **headers: str) -> TestResponse:
    return shop.client.post(
        "/v1/checkouts",
        json=ORDER if order is None else order,
        headers={"Authorization": f"Bearer {API_KEY}"} | headers,
    )


def test_a_merchant_makes_a_checkout_and_a_visitor_pays_it(shop: Shop) -> None:
    made = _create(shop, ORDER | {"metadata": {"cart": "17"}, "email": "ada@example.com"})
    assert made.status_code == 201
    body = reply(made)
    assert (body["status"], body["amount"], body["currency"]) == ("open", 4800, "usd")
    assert body["expires_at"].endswith("Z")
    page = Page(*_opened(shop, body["url"]))
    assert 'value="ada@example.com"' in page.html
    shop.pay(page)
    shop.deliver_all(page)
    stands = shop.stands(page)
    assert (stands["status"], stands["amount_received"]) == ("paid", 4800)
    assert stands["metadata"] == {"cart": "17"}
    assert stands["variant"] in {"one_page", "two_page"}
    receipt = shop.client.get(page.attributes["return-url"]).text
    assert "https://shop.example/thanks" in receipt


def _opened(shop: Shop, url: str) -> tuple[dict[str, str], str]:
    page = shop.page(shop.client.get(url))
    return page.attributes, page.html


def test_the_same_idempotency_key_finds_the_same_checkout(shop: Shop) -> None:
    first = _create(shop, **{"Idempotency-Key": "cart-17"})
    again = _create(shop, **{"Idempotency-Key": "cart-17"})
    other = _create(shop)
    assert (first.status_code, again.status_code) == (201, 201)
    assert reply(first)["id"] == reply(again)["id"] != reply(other)["id"]


def test_the_same_key_after_payment_tells_that_it_is_paid(shop: Shop) -> None:
    made = reply(_create(shop, **{"Idempotency-Key": "cart-19"}))
    page = Page(*_opened(shop, made["url"]))
    shop.pay(page)
    shop.deliver_all(page)
    assert reply(_create(shop, **{"Idempotency-Key": "cart-19"}))["status"] == "paid"


def test_what_the_merchant_says_reaches_the_exposure_and_stripe(shop: Shop) -> None:
    order = ORDER | {"attributes": {"plan": "pro"}, "customer": "cus-17"}
    page = Page(*_opened(shop, reply(_create(shop, order))["url"]))
    shop.pay(page)
    ((attributes,),) = shop.rows("SELECT attributes FROM exposures")
    assert "pro" in str(attributes)
    created = shop.simulator.events_of(page.checkout_id)[0]["data"]["object"]
    assert created["metadata"]["customer"] == "cus-17"


def test_twenty_requests_with_one_key_make_one_checkout(shop: Shop) -> None:
    app = shop.client.application
    headers = {"Authorization": f"Bearer {API_KEY}", "Idempotency-Key": "cart-18"}

    def create(_: int) -> str:
        answer = app.test_client().post("/v1/checkouts", json=ORDER, headers=headers)
        assert answer.status_code == 201, answer.text
        return str(reply(answer)["id"])

    with ThreadPoolExecutor(20) as pool:
        assert len(set(pool.map(create, range(20)))) == 1
    assert shop.rows("SELECT count(*) FROM checkouts") == [(1,)]


def test_one_key_for_two_orders_is_a_conflict(shop: Shop) -> None:
    _create(shop, **{"Idempotency-Key": "cart-17"})
    answer = _create(shop, ORDER | {"currency": "eur"}, **{"Idempotency-Key": "cart-17"})
    assert (answer.status_code, answer.mimetype) == (409, "application/problem+json")
    assert "Idempotency-Key" in reply(answer)["detail"]


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer wrong", "Basic a2V5", "Bearer é"])
def test_without_a_key_nothing_is_made_or_read(shop: Shop, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    for answer in (
        shop.client.post("/v1/checkouts", json=ORDER, headers=headers),
        shop.client.get("/v1/checkouts/co_x", headers=headers),
    ):
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert shop.rows("SELECT * FROM checkouts") == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"mode": "subscription"}, "subscription"),
        ({"mode": "subscription", "subscription": 1}, "subscription"),
        ({"mode": "subscription", "subscription": {}}, "subscription.interval"),
        ({"mode": "subscription", "subscription": MONTHLY | {"x": 1}}, "subscription.x"),
        (
            {"mode": "subscription", "subscription": MONTHLY | {"interval_count": 37}},
            "subscription.interval_count",
        ),
        ({"subscription": MONTHLY}, "subscription"),
        ({"invoice": {}}, "invoice"),
        ({"mode": "invoice", "invoice": {"days_until_due": 0}}, "invoice.days_until_due"),
        ({"mode": "invoice", "invoice": {"collection_method": "x"}}, "invoice.collection_method"),
        ({"tax": [{"description": "VAT", "amount": -1}]}, "tax.0.amount"),
        ({"mode": None}, "mode"),
        ({"currency": "usdollar"}, "currency"),
        ({"currency": "zzz"}, "currency"),
        ({"lines": []}, "lines"),
        ({"lines": [{"description": "x", "amount": -1}]}, "lines.0.amount"),
        ({"lines": [{"description": "x", "amount": 1.5}]}, "lines.0.amount"),
        ({"lines": [{"description": "x", "amount": "1"}]}, "lines.0.amount"),
        ({"lines": [{"description": "x", "amount": 1, "quantity": 0}]}, "lines.0.quantity"),
        ({"lines": [{"description": "", "amount": 1}]}, "lines.0.description"),
        ({"lines": [{"description": "x", "amount": 0}]}, "lines"),
        ({"lines": [{"description": "x", "amount": 99_999_999, "quantity": 2}]}, "lines"),
        ({"success_url": "javascript:alert(1)"}, "success_url"),
        ({"success_url": "//evil.example"}, "success_url"),
        ({"success_url": "https://shop.example@evil.example/"}, "success_url"),
        ({"success_url": "https://shop.example\\@evil.example"}, "success_url"),
        ({"cancel_url": "https:evil.example"}, "cancel_url"),
        ({"email": "not an address"}, "email"),
        ({"locale": "english"}, "locale"),
        ({"metadata": {"deep": {"a": 1}}}, "metadata.deep"),
        ({"metadata": {"k" * 41: "1"}}, "metadata"),
        ({"metadata": {"a[b]": "1"}}, "metadata"),
        ({"metadata": {"order_id": "1"}}, "metadata"),
        ({"currency": "dem"}, "currency"),
        ({"amount": 1}, "amount"),
        ({"status": "paid"}, "status"),
    ],
)
def test_a_broken_order_is_refused_and_the_field_named(
    shop: Shop, change: dict[str, Any], field: str
) -> None:
    answer = _create(shop, ORDER | change)
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert reply(answer)["detail"].startswith((f"{field}: ", f"{field}."))
    assert shop.rows("SELECT * FROM checkouts") == []


@pytest.mark.parametrize("missing", ["mode", "currency", "lines", "success_url"])
def test_a_missing_field_is_named(shop: Shop, missing: str) -> None:
    order = {key: value for key, value in ORDER.items() if key != missing}
    assert reply(_create(shop, order))["detail"].startswith(f"{missing}: ")


def test_an_unknown_checkout_is_not_found(shop: Shop) -> None:
    answer = shop.client.get(
        "/v1/checkouts/co_unknown", headers={"Authorization": f"Bearer {API_KEY}"}
    )
    assert (answer.status_code, reply(answer)["type"]) == (404, "urn:kassa:unknown-checkout")


def test_a_declined_checkout_reads_failed_and_a_refunded_one_refunded(shop: Shop) -> None:
    page = shop.visit()
    shop.pay(page, "4000000000000002")
    shop.deliver_all(page)
    assert shop.stands(page)["status"] == "failed"
    shop.pay(page)
    events = shop.deliver_all(page)
    assert shop.stands(page)["status"] == "paid"
    (charge,) = [e["data"]["object"] for e in events if e["type"] == "charge.succeeded"]
    shop.simulator.client().v1.refunds.create({"charge": charge["id"]})
    shop.deliver_all(page)
    stands = shop.stands(page)
    assert (stands["status"], stands["amount_refunded"]) == ("refunded", 2400)
    names = {row[0] for row in shop.rows("SELECT name FROM events")}
    assert names == {"payment_declined", "payment_succeeded", "payment_refunded"}


def test_the_order_decides_amount_tax_and_terms(shop: Shop) -> None:
    tax = [{"description": "VAT 25 %", "amount": 1200}]
    paid = reply(_create(shop, ORDER | {"tax": tax}))
    monthly = ORDER | {"mode": "subscription", "subscription": MONTHLY, "tax": tax}
    subscribed = reply(_create(shop, monthly))
    trial = reply(_create(shop, monthly | {"subscription": MONTHLY | {"trial_days": 14}}))
    billed = reply(_create(shop, ORDER | {"mode": "invoice"}))
    assert [made["amount"] for made in (paid, subscribed, trial, billed)] == [6000, 6000, 0, 4800]
    assert paid["tax"] == tax
    assert "subscription" not in paid
    assert subscribed["subscription"] == MONTHLY | {"interval_count": 1, "trial_days": 0}
    assert billed["invoice"] == {"collection_method": "send_invoice", "days_until_due": 30}


def test_an_order_of_an_older_version_is_found_by_its_key(shop: Shop) -> None:
    made = reply(_create(shop, **{"Idempotency-Key": "cart-20"}))
    older: dict[str, Any] = {
        "attributes": {},
        "cancel_url": None,
        "currency": "usd",
        "customer": None,
        "email": None,
        "lines": [{"amount": 2400, "description": "Team plan", "quantity": 2}],
        "locale": None,
        "metadata": {},
        "mode": "payment",
        "offer": None,
        "success_url": "https://shop.example/thanks",
    }
    digest = hashlib.sha256(json.dumps(older).encode()).hexdigest()
    with shop.store.write() as connection:
        columns = {"request_digest": digest, "terms": null(), "tax": null()}
        connection.execute(update(checkouts).values(columns))
    assert reply(_create(shop, **{"Idempotency-Key": "cart-20"}))["id"] == made["id"]
