"""The ledger: the same webhooks make the same books, in any order and however often."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event, insert, text

from service.payments.intake import Intake
from service.payments.ledger.receiving import open_payment
from service.payments.ledger.rows import TABLES, Rows
from service.payments.ledger.standing import Entry
from service.payments.wire import read_event
from service.store.tables import bills, checkouts, events, payments, stripe_events
from tests.service.conftest import AUTHENTICATES, DECLINES, Page, Shop, reply

_BOOKS = {
    "payments": (
        "SELECT payment_intent_id, checkout_id, status, proved, amount, amount_received, "
        "currency, mismatch, succeeded_at FROM ledger_payments ORDER BY 1"
    ),
    "events": (
        "SELECT event_id, unit_id, checkout_id, name, occurred_at, value, currency "
        "FROM events ORDER BY 1"
    ),
    "inbox": "SELECT event_id, state FROM stripe_events ORDER BY 1",
    **{table.name: f"SELECT * FROM {table.name} ORDER BY 1" for table in TABLES.values()},  # noqa: S608 - our own names
}


@dataclass(frozen=True)
class Books:
    """Forty webhooks of real payments, and an empty ledger to write them into."""

    shop: Shop
    webhooks: list[dict[str, Any]]

    def written(self, order: list[int]) -> dict[str, list[tuple[Any, ...]]]:
        """The books after these deliveries, in this order, on an otherwise empty ledger."""
        with self.shop.store.write() as connection:
            for table in (events, payments, stripe_events, *TABLES.values()):
                connection.execute(delete(table))
        intake = Intake(self.shop.store)
        for index in order:
            payload = json.dumps(self.webhooks[index]).encode()
            intake.receive(read_event(payload), payload, now=self.shop.clock())
        with self.shop.store.read() as connection:
            return {
                name: [tuple(row) for row in connection.execute(text(sql))]
                for name, sql in _BOOKS.items()
            }


@pytest.fixture
def books(shop: Shop) -> Books:
    # Eight thousand transactions about order, none about power cuts.
    relaxed = {"sqlite": "PRAGMA synchronous = OFF", "postgresql": "SET synchronous_commit = off"}
    event.listen(
        shop.store.engine,
        "connect",
        lambda connection, _: connection.execute(relaxed[shop.store.dialect]),
        insert=False,
    )
    pages = [_bought(shop, number) for number in range(8)]
    webhooks = [found for page in pages for found in shop.simulator.events_of(page.checkout_id)]
    webhooks = webhooks[:37]
    paid = [e["data"]["object"] for e in webhooks if e["type"] == "charge.succeeded"]
    webhooks += [_refunded(paid[0], 1000), _refunded(paid[0], 2400), _disputed(paid[1])]
    assert len(webhooks) == 40
    return Books(shop, webhooks)


def _bought(shop: Shop, number: int) -> Page:
    page = shop.visit()
    for _ in range(1 + number % 2):
        shop.pay(page, DECLINES)
    if number % 3 == 0:
        asked = shop.pay(page, AUTHENTICATES)
        shop.authenticate(asked["next_action"]["client_secret"], "fail" if number else "succeed")
    if number:
        shop.pay(page)
    return page


def _refunded(charge: dict[str, Any], amount: int) -> dict[str, Any]:
    changed = charge | {"amount_refunded": amount, "refunded": amount == charge["amount"]}
    return _event(f"evt_refund_{amount}", "charge.refunded", changed)


def _disputed(charge: dict[str, Any]) -> dict[str, Any]:
    dispute = {
        "id": "dp_1",
        "object": "dispute",
        "charge": charge["id"],
        "payment_intent": charge["payment_intent"],
        "amount": charge["amount"],
        "currency": charge["currency"],
        "status": "needs_response",
        "created": 1_999_999_999,
    }
    return _event("evt_dispute", "charge.dispute.created", dispute)


def _event(event_id: str, kind: str, obj: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": event_id,
        "object": "event",
        "type": kind,
        "created": 2_000_000_000,
        "livemode": False,
        "data": {"object": obj},
    }


@pytest.mark.timeout(900)
@pytest.mark.parametrize("orders", [10, pytest.param(200, marks=pytest.mark.slow)])
def test_forty_webhooks_in_any_order_with_duplicates_make_the_same_books(
    books: Books, orders: int
) -> None:
    expected = books.written(list(range(40)))
    succeeded = [row for row in expected["events"] if row[3] == "payment_succeeded"]
    assert len(succeeded) == len({row[0] for row in expected["payments"] if row[2] == "succeeded"})
    assert {state for _, state in expected["inbox"]} == {"applied"}

    @settings(
        max_examples=orders,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(
        order=st.permutations(range(40)),
        again=st.lists(st.integers(0, 39), max_size=20),
    )
    def same(order: list[int], again: list[int]) -> None:
        assert books.written(order + again) == expected

    same()


def test_a_webhook_before_its_order_waits_and_is_applied_when_the_payment_opens(
    shop: Shop,
) -> None:
    page = shop.visit()
    shop.pay(page)
    webhooks = shop.simulator.events_of(page.checkout_id)
    with shop.store.write() as connection:
        order = dict(connection.execute(checkouts.select()).one()._mapping)
        kept = connection.execute(
            text("SELECT payment_intent_id FROM ledger_payments")
        ).scalar_one()
        for table in ("ledger_payments", "confirmations", "checkouts"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - our own table names
    for webhook in webhooks:
        assert reply(shop.deliver(webhook)) == {"result": "waiting"}
    with shop.store.write() as connection:
        connection.execute(insert(checkouts).values(**order))
        open_payment(connection, page.checkout_id, kept)
    assert shop.stands(page)["status"] == "paid"
    assert shop.rows("SELECT DISTINCT state FROM stripe_events") == [("applied",)]


def test_a_preview_is_paid_for_but_never_counted(shop: Shop) -> None:
    from service.web.signing import Signing  # noqa: PLC0415

    token = Signing(shop.settings.secret_keys).preview_token("one-page-checkout", "one_page")
    page = shop.page(shop.client.get(f"/buy/team-plan?preview={token}", follow_redirects=True))
    assert page.steps == 1
    shop.pay(page)
    shop.deliver_all(page)
    assert shop.stands(page)["status"] == "paid"
    assert shop.rows("SELECT * FROM exposures") == []
    ((unit_id,),) = shop.rows("SELECT unit_id FROM events")
    assert unit_id.startswith("preview-")


def test_the_events_of_one_invoice_may_all_come_at_once(shop: Shop) -> None:
    page = shop.visit()
    stamp = int(shop.clock().timestamp())
    invoice = {
        "id": "in_1", "object": "invoice", "status": "open", "currency": "usd", "total": 2400,
        "amount_due": 2400, "amount_remaining": 2400, "billing_reason": "manual",
        "created": stamp, "metadata": {"order_id": page.checkout_id},
    }  # fmt: skip
    paid_by = {
        "id": "inpay_1", "object": "invoice_payment", "invoice": "in_1", "currency": "usd",
        "amount_requested": 2400, "amount_paid": 2400, "status": "paid", "created": stamp,
        "payment": {"type": "payment_intent", "payment_intent": "pi_1"},
    }  # fmt: skip
    intent = {
        "id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 2400,
        "amount_received": 2400, "currency": "usd", "created": stamp, "metadata": {},
    }  # fmt: skip
    told = [
        _event(f"evt_{kind}_{number}", kind, obj)
        for number in range(8)
        for kind, obj in (
            ("invoice.updated", invoice),
            ("invoice_payment.paid", paid_by),
            ("payment_intent.succeeded", intent),
        )
    ]

    def tell(event: dict[str, Any]) -> str:
        payload = json.dumps(event).encode()
        # Each in a worker of its own.
        return Intake(shop.store).receive(read_event(payload), payload, now=shop.clock())

    with ThreadPoolExecutor(12) as pool:
        assert set(pool.map(tell, told)) == {"applied"}
    assert shop.stands(page)["status"] == "paid"
    converted = "SELECT count(*) FROM events WHERE name = 'payment_succeeded'"
    assert shop.rows(converted) == [(1,)]


def test_a_paid_invoice_waits_for_the_turn_of_its_payment(shop: Shop) -> None:
    page = shop.visit()
    bill = {
        "checkout_id": page.checkout_id, "invoice_id": "in_1", "payment_intent_id": "pi_1",
        "terms": {}, "created_at": shop.clock(),
    }  # fmt: skip
    paid = {
        "id": "in_1", "object": "invoice", "status": "paid", "currency": "usd", "total": 2400,
        "amount_due": 2400, "amount_paid": 2400, "billing_reason": "manual",
        "created": 1_999_999_999, "metadata": {"order_id": page.checkout_id},
    }  # fmt: skip
    payload = json.dumps(_event("evt_paid", "invoice.paid", paid)).encode()
    with shop.store.write() as connection:
        connection.execute(insert(bills).values(**bill))
        open_payment(connection, page.checkout_id, "pi_1")

    def tell() -> str:
        return Intake(shop.store).receive(read_event(payload), payload, now=shop.clock())

    with ThreadPoolExecutor(1) as pool:
        with shop.store.write() as connection:
            rows = Rows(connection)
            rows.hold(["pi_1"])
            kept = rows.get(Entry, "pi_1")
            assert kept is not None
            told = pool.submit(tell)
            with pytest.raises(TimeoutError):
                told.result(0.3)
            # Written as it was read: what the invoice's event says must come after.
            rows.put(replace(kept, customer_id="cus_1"))
            rows.write()
        assert told.result() == "applied"
    ((status, customer),) = shop.rows("SELECT status, customer_id FROM ledger_payments")
    assert (status, customer) == ("succeeded", "cus_1")
