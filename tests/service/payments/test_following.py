"""What follows from invoices: customers are told, and tries are planned and made as advised."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.errors import PaymentBusy, PaymentRefused
from service.payments.retries import LEASE, Collector
from tests.service.conftest import Shop

_NUMBERS = itertools.count()


def invoice(shop: Shop, **parts: Any) -> dict[str, Any]:
    """An invoice as Stripe describes it."""
    return {
        "id": "in_1", "object": "invoice", "number": "A-1", "status": "open", "currency": "usd",
        "customer": "cus_1", "customer_email": "ada@example.com", "total": 2400, "amount_due": 2400,
        "amount_paid": 0, "amount_remaining": 2400, "amount_overpaid": 0, "attempt_count": 0,
        "next_payment_attempt": None, "collection_method": "charge_automatically",
        "billing_reason": "manual", "metadata": {}, "created": int(shop.clock().timestamp()),
        "hosted_invoice_url": "https://pay.example/in_1", "status_transitions": {},
        "lines": {"object": "list", "data": []},
    } | parts  # fmt: skip


def tell(shop: Shop, kind: str, obj: dict[str, Any]) -> None:
    event = {
        "id": f"evt_{next(_NUMBERS)}", "object": "event", "type": kind, "livemode": False,
        "created": int(shop.clock().timestamp()), "data": {"object": obj},
    }  # fmt: skip
    assert shop.deliver(event).status_code == 200


def declined(shop: Shop, number: int, code: str, **outcome: str) -> None:
    """A charge for the invoice fails, and the invoice says so."""
    stamp = int(shop.clock().timestamp())
    tell(shop, "charge.failed", {
        "id": f"ch_{number}", "object": "charge", "status": "failed", "amount": 2400,
        "currency": "usd", "created": stamp, "payment_intent": "pi_in_1", "payment_method": "pm_1",
        "failure_code": "card_declined", "outcome": {"reason": code, **outcome},
        "payment_method_details": {"type": "card"},
    })  # fmt: skip
    tell(shop, "invoice_payment.paid", {
        "id": "inpay_1", "object": "invoice_payment", "invoice": "in_1", "currency": "usd",
        "amount_requested": 2400, "status": "open", "created": stamp,
        "payment": {"type": "payment_intent", "payment_intent": "pi_in_1"},
    })  # fmt: skip
    # Stripe counts the first try and those it makes by itself, and no others.
    tell(shop, "invoice.payment_failed", invoice(shop, attempt_count=1))


def moment(shop: Shop) -> str:
    """Now, as one try is told from another."""
    return f"{shop.clock():%Y%m%dT%H%M%S}"


def notices(shop: Shop) -> list[tuple[Any, ...]]:
    return [
        tuple(row)
        for row in shop.rows("SELECT notice_id, kind, address, locale FROM notices ORDER BY 1")
    ]


@dataclass
class Billing:
    """Stripe as far as paying invoices goes: what it was asked, and what it says."""

    asked: list[tuple[str, str]] = field(default_factory=list)
    answers: list[str | Exception] = field(default_factory=list)

    def pay_invoice(self, invoice_id: str, *, idempotency_key: str) -> str:
        self.asked.append((invoice_id, idempotency_key))
        answer = self.answers.pop(0) if self.answers else "paid"
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.mark.parametrize(
    ("kind", "parts", "told"),
    [
        ("invoice.sent", {}, "invoice_sent:in_1"),
        ("invoice.overdue", {}, "invoice_overdue:in_1"),
        ("invoice.voided", {"status": "void"}, "invoice_voided:in_1"),
        ("invoice.paid", {"status": "paid", "amount_paid": 2400}, "invoice_paid:in_1"),
        ("invoice.overpaid", {"amount_overpaid": 100}, "invoice_overpaid:in_1"),
        ("invoice.updated", {"amount_paid": 900, "amount_remaining": 1500},
         "invoice_partly_paid:in_1:900"),
        ("invoice.payment_action_required", {}, "payment_action_required:in_1"),
    ],
)  # fmt: skip
def test_the_customer_is_told_once_of_each_turn(
    shop: Shop, kind: str, parts: dict[str, Any], told: str
) -> None:
    for _ in range(2):
        tell(shop, kind, invoice(shop, **parts))
    assert notices(shop) == [(told, told.split(":", maxsplit=1)[0], "ada@example.com", None)]


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("invoice.created", {"status": "draft"}),
        ("invoice.finalized", {}),
        ("invoice.updated", {}),
        ("invoice.paid", {"status": "paid", "total": 0, "amount_due": 0}),
        ("invoice.sent", {"customer_email": None}),
    ],
)
def test_nobody_is_written_where_there_is_nothing_to_tell(
    shop: Shop, kind: str, parts: dict[str, Any]
) -> None:
    tell(shop, kind, invoice(shop, **parts))
    assert notices(shop) == []


def test_an_order_lends_its_address_and_language(shop: Shop) -> None:
    made = shop.client.post(
        "/v1/checkouts",
        json={
            "mode": "payment", "currency": "usd", "email": "bo@example.com", "locale": "de",
            "lines": [{"description": "x", "amount": 2400}], "success_url": "https://shop.example/",
        },
        headers={"Authorization": "Bearer key-of-the-merchants-server"},
    )  # fmt: skip
    order = made.get_json()["id"]
    tell(shop, "invoice.sent", invoice(shop, customer_email=None, metadata={"order_id": order}))
    assert notices(shop) == [("invoice_sent:in_1", "invoice_sent", "bo@example.com", "de")]


def test_what_is_long_past_is_told_nobody(shop: Shop) -> None:
    event = invoice(shop)
    stamp = int((shop.clock() - timedelta(days=4)).timestamp())
    body = {
        "id": "evt_old", "object": "event", "type": "invoice.sent", "livemode": False,
        "created": stamp, "data": {"object": event},
    }  # fmt: skip
    assert shop.deliver(body).status_code == 200
    assert notices(shop) == []


def test_a_failed_charge_is_told_with_the_day_of_the_next_try(shop: Shop) -> None:
    declined(shop, 1, "insufficient_funds")
    ((matter,),) = shop.rows("SELECT matter FROM notices")
    known = json.loads(matter) if isinstance(matter, str) else matter
    planned = datetime.fromisoformat(known["next_try"])
    assert planned - shop.clock() == pytest.approx(timedelta(days=3), abs=timedelta(seconds=2))
    assert notices(shop)[0][:2] == (f"payment_failed:in_1:{moment(shop)}", "payment_failed")


def test_stripes_own_next_try_is_told_and_not_doubled(shop: Shop) -> None:
    later = int(shop.clock().timestamp()) + 86_400
    failed = invoice(shop, attempt_count=1, next_payment_attempt=later)
    tell(shop, "invoice.payment_failed", failed)
    ((matter,),) = shop.rows("SELECT matter FROM notices")
    known = json.loads(matter) if isinstance(matter, str) else matter
    assert known["next_try"] == datetime.fromtimestamp(later, UTC).isoformat()
    assert shop.rows("SELECT * FROM retries") == []


def test_when_stripe_has_tried_often_enough_nobody_tries_again(shop: Shop) -> None:
    tell(shop, "invoice.payment_failed", invoice(shop, attempt_count=4))
    assert [kind for _, kind, *_ in notices(shop)] == ["payment_failed_finally"]
    assert shop.rows("SELECT * FROM retries") == []


def test_what_a_plan_owed_is_not_charged_once_it_has_ended(shop: Shop) -> None:
    parent = {"subscription_details": {"subscription": "sub_1"}}
    declined(shop, 1, "insufficient_funds")
    tell(shop, "invoice.updated", invoice(shop, attempt_count=1, parent=parent))
    stamp = int(shop.clock().timestamp())
    tell(shop, "customer.subscription.deleted", {
        "id": "sub_1", "object": "subscription", "status": "canceled", "customer": "cus_1",
        "currency": "usd", "collection_method": "charge_automatically", "metadata": {},
        "items": {"object": "list", "data": []}, "created": stamp, "start_date": stamp,
        "cancel_at_period_end": False,
    })  # fmt: skip
    shop.clock.pass_by(days=3, seconds=2)
    billing = Billing()
    assert Collector(shop.store, billing, shop.clock).collect() == 0
    assert billing.asked == []
    assert shop.rows("SELECT state FROM retries") == [("needless",)]


def test_the_invoice_of_a_renewal_is_told_of_when_it_is_ready(shop: Shop) -> None:
    renewal = {"billing_reason": "subscription_cycle", "collection_method": "send_invoice"}
    for kind in ("invoice.finalized", "invoice.sent"):
        tell(shop, kind, invoice(shop, **renewal))
    assert [kind for _, kind, *_ in notices(shop)] == ["invoice_sent"]


@pytest.mark.parametrize(
    ("code", "outcome"),
    [("stolen_card", {}), ("do_not_honor", {"advice_code": "do_not_try_again"})],
)
def test_a_try_against_advice_is_neither_promised_nor_made(
    shop: Shop, code: str, outcome: dict[str, str]
) -> None:
    declined(shop, 1, code, **outcome)
    assert notices(shop)[0][:2] == (f"payment_failed:in_1:{moment(shop)}", "payment_failed_finally")
    shop.clock.pass_by(days=60)
    billing = Billing()
    assert Collector(shop.store, billing, shop.clock).collect() == 0
    assert billing.asked == []


def test_a_planned_try_is_made_once_when_its_time_comes(shop: Shop) -> None:
    declined(shop, 1, "insufficient_funds")
    key = f"retry:in_1:{moment(shop)}"
    billing = Billing()
    collector = Collector(shop.store, billing, shop.clock)
    assert collector.collect() == 0
    shop.clock.pass_by(days=3, seconds=2)
    assert (collector.collect(), collector.collect()) == (1, 0)
    assert billing.asked == [("in_1", key)]
    assert shop.rows("SELECT state, outcome FROM retries") == [("done", "paid")]


def test_an_invoice_that_was_paid_meanwhile_is_left_alone(shop: Shop) -> None:
    declined(shop, 1, "insufficient_funds")
    shop.clock.pass_by(days=1)
    tell(shop, "invoice.paid", invoice(shop, status="paid", amount_paid=2400, amount_remaining=0))
    shop.clock.pass_by(days=3)
    billing = Billing()
    assert Collector(shop.store, billing, shop.clock).collect() == 0
    assert billing.asked == []
    assert shop.rows("SELECT state FROM retries") == [("needless",)]


def test_an_unanswered_try_is_repeated_with_the_same_key(shop: Shop) -> None:
    declined(shop, 1, "insufficient_funds")
    key = f"retry:in_1:{moment(shop)}"
    shop.clock.pass_by(days=3, seconds=2)
    billing = Billing(answers=[PaymentBusy("slow down"), "paid"])
    collector = Collector(shop.store, billing, shop.clock)
    assert collector.collect() == 0
    assert collector.collect() == 0
    shop.clock.pass_by(seconds=LEASE.total_seconds() + 1)
    assert collector.collect() == 1
    assert [asked for _, asked in billing.asked] == [key] * 2


def test_a_refused_try_is_over_and_its_reason_kept(shop: Shop) -> None:
    declined(shop, 1, "insufficient_funds")
    shop.clock.pass_by(days=3, seconds=2)
    billing = Billing(answers=[PaymentRefused("invoice_not_open")])
    assert Collector(shop.store, billing, shop.clock).collect() == 1
    assert shop.rows("SELECT state, outcome FROM retries") == [("done", "invoice_not_open")]


def test_the_schedule_ends_after_eight_tries(shop: Shop) -> None:
    billing = Billing()
    collector = Collector(shop.store, billing, shop.clock)
    for number in range(1, 12):
        declined(shop, number, "insufficient_funds")
        shop.clock.pass_by(days=8)
        if not collector.collect():
            break
    assert number == 8
    assert len({key for _, key in billing.asked}) == 7
