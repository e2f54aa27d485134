"""Webhooks: only what Stripe signed, for us, now; once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from service.settings import StripeKeys
from tests.service.conftest import MakeShop, Page, Shop, reply


def _paid(shop: Shop) -> tuple[Page, list[dict[str, Any]]]:
    page = shop.visit()
    shop.pay(page)
    return page, shop.simulator.events_of(page.checkout_id)


def test_a_replayed_webhook_converts_once(shop: Shop) -> None:
    page, events = _paid(shop)
    first = [reply(shop.deliver(event))["result"] for event in events]
    again = [reply(shop.deliver(event))["result"] for event in events]
    assert set(first) == {"applied"}
    assert set(again) == {"duplicate"}
    assert shop.rows("SELECT count(*) FROM events") == [(1,)]
    assert shop.stands(page)["status"] == "paid"


def test_parallel_deliveries_of_one_event_convert_once(shop: Shop) -> None:
    _, events = _paid(shop)
    (succeeded,) = [event for event in events if event["type"] == "payment_intent.succeeded"]
    body = json.dumps(succeeded).encode()
    headers = {"Stripe-Signature": shop.signature(body)}

    def deliver(_: int) -> str:
        client = shop.client.application.test_client()
        answer = client.post("/webhooks/stripe", data=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return str(reply(answer)["result"])

    with ThreadPoolExecutor(8) as pool:
        results = sorted(pool.map(deliver, range(8)))
    assert results == ["applied"] + ["duplicate"] * 7
    assert shop.rows("SELECT count(*) FROM events") == [(1,)]


def test_a_webhook_about_an_order_we_do_not_know_waits_and_is_not_lost(shop: Shop) -> None:
    event = _foreign_event("co_not_ours")
    assert reply(shop.deliver(event)) == {"result": "waiting"}
    ((state, payload),) = shop.rows("SELECT state, payload FROM stripe_events")
    assert state == "waiting"
    assert json.loads(payload) == event


def test_a_dispute_may_overtake_its_charge(shop: Shop) -> None:
    page, events = _paid(shop)
    (charge,) = [e["data"]["object"] for e in events if e["type"] == "charge.succeeded"]
    dispute = _event(
        "charge.dispute.created",
        {
            "id": "dp_1",
            "object": "dispute",
            "charge": charge["id"],
            "payment_intent": charge["payment_intent"],
            "amount": charge["amount"],
            "currency": charge["currency"],
            "status": "needs_response",
            "created": charge["created"] + 60,
        },
    )
    assert reply(shop.deliver(dispute)) == {"result": "applied"}
    for event in events:
        shop.deliver(event)
    assert shop.stands(page)["status"] == "disputed"
    names = {row[0] for row in shop.rows("SELECT name FROM events")}
    assert names == {"payment_succeeded", "payment_disputed"}
    assert shop.rows("SELECT DISTINCT state FROM stripe_events") == [("applied",)]


def test_an_unknown_type_is_stored_raw_and_ignored(shop: Shop) -> None:
    event = _event("tax.settings.updated", {"object": "tax.settings", "id": "ts_1", "future": [1]})
    assert reply(shop.deliver(event)) == {"result": "ignored"}
    assert reply(shop.deliver(event)) == {"result": "duplicate"}


@pytest.mark.parametrize("late", [-301, 301, -3600, 3600])
def test_a_signature_from_another_time_is_refused_in_both_directions(shop: Shop, late: int) -> None:
    at = shop.clock() + timedelta(seconds=late)
    assert shop.deliver(_foreign_event("co_x"), at=at).status_code == 400
    assert shop.rows("SELECT * FROM stripe_events") == []


@pytest.mark.parametrize("late", [-299, 0, 299])
def test_a_signature_within_five_minutes_is_taken(shop: Shop, late: int) -> None:
    at = shop.clock() + timedelta(seconds=late)
    assert shop.deliver(_foreign_event("co_x"), at=at).status_code == 200


def test_a_signature_of_another_endpoint_is_refused(shop: Shop) -> None:
    answer = shop.deliver(_foreign_event("co_x"), secret="whsec_of_somebody_else")
    assert answer.status_code == 400
    assert reply(answer)["detail"] == "the signature does not match"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "t=,v1=",
        "t=now,v1=00",
        "v1=00",
        "t=1,t=2,v1=00",
        "t=99999999999999999999,v1=00",
        "t=²,v1=00",
        "t=-1,v1=00",
    ],
)
def test_a_malformed_signature_is_refused(shop: Shop, header: str | None) -> None:
    headers = {} if header is None else {"Stripe-Signature": header}
    answer = shop.client.post("/webhooks/stripe", data=b"{}", headers=headers)
    assert answer.status_code == 400
    assert reply(answer)["detail"] == "the signature does not match"


def test_a_non_ascii_signature_is_refused(shop: Shop) -> None:
    stamp = int(shop.clock().timestamp())
    headers = {"Stripe-Signature": f"t={stamp},v1=\u00e9"}
    assert shop.client.post("/webhooks/stripe", data=b"{}", headers=headers).status_code == 400


def test_the_raw_bytes_are_verified_and_not_a_reading_of_them(shop: Shop) -> None:
    event = _foreign_event("co_x")
    odd = json.dumps(event, indent=3, ensure_ascii=True).replace("co_x", "co_\\u0078") + " \n"
    assert shop.deliver(odd).status_code == 200
    body = json.dumps(event).encode()
    same_meaning = json.dumps(event, separators=(",", ":")).encode()
    answer = shop.client.post(
        "/webhooks/stripe", data=same_meaning, headers={"Stripe-Signature": shop.signature(body)}
    )
    assert answer.status_code == 400


def test_both_secrets_are_good_while_they_are_rolled(make_shop: MakeShop) -> None:
    from service.payments.stripe_gateway import StripeGateway  # noqa: PLC0415

    shop = make_shop()
    gateway = StripeGateway(StripeKeys("sk_test_1", "pk_test_1", ("whsec_new", "whsec_old")))
    body = b'{"\xc3\xa9": 1}'
    for secret in ("whsec_new", "whsec_old"):
        gateway.verify(body, shop.signature(body, secret=secret), now=shop.clock())


def test_an_event_of_the_other_mode_is_refused(shop: Shop) -> None:
    live = _foreign_event("co_x") | {"livemode": True}
    assert shop.deliver(live).status_code == 400
    assert shop.rows("SELECT * FROM stripe_events") == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[" * 60_000,
        b"\xff\xfe",
        b"null",
        b"[]",
        b'{"id": "evt_1"}',
        json.dumps({"id": "evt_1", "type": "x", "created": -1, "livemode": False}).encode(),
    ],
)
def test_a_signed_body_of_another_shape_is_refused(shop: Shop, body: bytes) -> None:
    signature = shop.signature(body)
    answer = shop.client.post(
        "/webhooks/stripe", data=body, headers={"Stripe-Signature": signature}
    )
    assert answer.status_code in {400, 411}
    assert shop.rows("SELECT * FROM stripe_events") == []


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({"status": "no_such_status"}, "unreadable"),
        ({"currency": "\ud800"}, "unreadable"),
        ({"amount": "much"}, "unreadable"),
        ({"metadata": None}, "applied"),
        ({"last_payment_error": {"payment_method": "pm_1", "code": "x" * 70}}, "waiting"),
        ({"latest_charge": {"id": "ch_1", "object": "charge"}}, "waiting"),
    ],
)
def test_an_event_in_a_shape_to_come_is_kept_and_answered(
    shop: Shop, change: dict[str, Any], state: str
) -> None:
    event = _foreign_event("co_x")
    event["data"]["object"] |= change
    assert reply(shop.deliver(event)) == {"result": state}
    ((stored, payload),) = shop.rows("SELECT state, payload FROM stripe_events")
    assert stored == state
    assert json.loads(payload) == event


def test_long_and_odd_words_of_banks_are_kept_on_every_database(shop: Shop) -> None:
    page, events = _paid(shop)
    (charge,) = [e for e in events if e["type"] == "charge.succeeded"]
    charge["data"]["object"]["payment_method_details"]["card"] |= {
        "brand": "b" * 300,
        "country": "USA",
        "funding": "pre\x00paid",
    }
    charge["data"]["object"]["failure_code"] = "f" * 300
    assert reply(shop.deliver(charge)) == {"result": "applied"}
    ((brand, country, funding),) = shop.rows("SELECT brand, country, funding FROM ledger_charges")
    assert (brand, country, funding) == ("b" * 300, "USA", "prepaid")
    assert shop.stands(page)["charges"]


def test_an_oversized_webhook_is_refused(shop: Shop) -> None:
    assert shop.client.post("/webhooks/stripe", data=b" " * 600_000).status_code == 413


def test_a_payment_of_another_amount_is_flagged_and_not_counted(shop: Shop) -> None:
    page = shop.visit()
    intent = {
        "id": "pi_cheap",
        "object": "payment_intent",
        "status": "succeeded",
        "amount": 1,
        "amount_received": 1,
        "currency": "usd",
        "metadata": {"order_id": page.checkout_id},
    }
    assert reply(shop.deliver(_event("payment_intent.succeeded", intent))) == {"result": "applied"}
    assert shop.rows("SELECT name FROM events") == []
    ((mismatch, status),) = shop.rows("SELECT mismatch, status FROM ledger_payments")
    assert (bool(mismatch), status) == (True, "succeeded")


def _foreign_event(order_id: str) -> dict[str, Any]:
    return _event(
        "payment_intent.created",
        {
            "id": "pi_foreign",
            "object": "payment_intent",
            "status": "requires_payment_method",
            "amount": 100,
            "currency": "usd",
            "metadata": {"order_id": order_id},
        },
    )


def _event(kind: str, obj: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"evt_{kind}",
        "object": "event",
        "type": kind,
        "created": 1_763_892_000,
        "livemode": False,
        "data": {"object": obj},
    }
