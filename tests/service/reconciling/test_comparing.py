"""After a run the ledger says what Stripe says, whatever webhooks never came."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from service.errors import PaymentBusy, PaymentIndeterminate
from service.payments.gateway import LISTED
from service.payments.ledger.payments import payment_of
from service.payments.ledger.rebuilding import rebuild
from service.reconciling.comparing import Reconciled, reconcile
from service.reconciling.loss import losses, outcomes
from service.settings import PROJECT, environment_without
from service.store.tables import checkouts
from tests.service.conftest import DECLINES, Page, Shop

SOON = timedelta(0)


def run(shop: Shop, **changes: Any) -> Reconciled:
    now = datetime.now(UTC) + timedelta(seconds=2)
    asked: dict[str, Any] = {"since": now - timedelta(minutes=3), "grace": SOON} | changes
    return reconcile(shop.store, shop.gateway, now=now, **asked)


def mine(shop: Shop, *pages: Page) -> set[str]:
    return {event["id"] for page in pages for event in shop.simulator.events_of(page.checkout_id)}


def bought(shop: Shop, **variant: str) -> Page:
    page = shop.visit()
    shop.pay(page, DECLINES)
    shop.pay(page)
    if variant:
        with shop.store.write() as connection:
            here = checkouts.c.checkout_id == page.checkout_id
            connection.execute(checkouts.update().where(here).values(experiment="x", **variant))
    return page


def test_what_webhooks_never_brought_is_fetched_once(shop: Shop) -> None:
    page = bought(shop)
    assert shop.stands(page)["status"] == "open"
    first = run(shop)
    assert first.missed["payment_intent.succeeded"] >= 1
    assert shop.stands(page)["status"] == "paid"
    stored = {row[0] for row in shop.rows("SELECT event_id FROM stripe_events")}
    assert mine(shop, page) <= stored
    told = "SELECT count(*) FROM stripe_events WHERE payment_intent_id = :id"
    intent = shop.stands(page)["payment_intent"]
    before = shop.rows(told, id=intent)
    assert run(shop).objects["payment_intent"] >= 1
    assert shop.rows(told, id=intent) == before


def test_fees_that_no_webhook_tells_of_are_fetched(shop: Shop) -> None:
    page = bought(shop)
    run(shop)
    intent = shop.stands(page)["payment_intent"]
    query = (
        "SELECT b.amount, b.fee, b.net FROM balance_transactions b JOIN charges c "
        "ON c.balance_transaction_id = b.balance_transaction_id WHERE c.payment_intent_id = :id"
    )
    assert shop.rows(query, id=intent) == [(2400, 100, 2300)]


def test_an_object_that_the_ledger_has_otherwise_is_mended(shop: Shop) -> None:
    page = bought(shop)
    shop.deliver_all(page)
    intent = shop.stands(page)["payment_intent"]
    charge = str(shop.simulator.client().v1.payment_intents.retrieve(intent).latest_charge)
    requests.post(f"{shop.simulator.url}/_control/warnings", json={"charge": charge}, timeout=5)
    shop.simulator.client().v1.refunds.create({"payment_intent": intent, "amount": 400})
    # The events are gone, as Stripe's are after 30 days; the lists are not.
    books = _Forgetful(shop)
    found = reconcile(
        shop.store, books, now=datetime.now(UTC) + timedelta(seconds=2),
        since=datetime.now(UTC) - timedelta(minutes=3), grace=SOON,
    )  # fmt: skip
    assert found.events == 0
    assert {"refund", "charge", "radar.early_fraud_warning"} <= set(found.differed)
    assert shop.stands(page)["amount_refunded"] == 400
    warned = "SELECT count(*) FROM early_fraud_warnings WHERE charge_id = :id"
    assert shop.rows(warned, id=charge) == [(1,)]
    assert rebuild(shop.store).identical


class _Forgetful:
    """Stripe after 30 days: lists, but no events any more."""

    def __init__(self, shop: Shop) -> None:
        self.listed = shop.gateway.listed

    @staticmethod
    def events(**_: Any) -> Any:
        return iter(())


def test_an_attempt_that_stripe_never_answered_is_found_by_its_order(shop: Shop) -> None:
    page = shop.visit()
    token = shop.token(page)
    shop.simulator.faults({"do": "drop_after", "path": "/v1/payment_intents", "times": 3})
    shop.confirm(page, token)
    run(shop)
    with shop.store.read() as connection:
        row = payment_of(connection, page.checkout_id)
    assert row is not None
    assert (row.status, row.amount_received) == ("succeeded", 2400)


def test_what_may_still_be_on_its_way_is_left_to_come(shop: Shop) -> None:
    page = bought(shop)
    run(shop, grace=timedelta(minutes=2))
    assert shop.stands(page)["status"] == "open"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"do": "status", "status": 429, "times": 3}, PaymentBusy),
        ({"do": "status", "status": 500, "times": 3}, PaymentIndeterminate),
        ({"do": "drop", "times": 3}, PaymentIndeterminate),
    ],
)
@pytest.mark.parametrize("path", ["/v1/events", "/v1/charges"])
def test_a_run_that_stripe_cuts_short_is_done_by_the_next(
    shop: Shop, fault: dict[str, Any], error: type[Exception], path: str
) -> None:
    page = bought(shop)
    shop.simulator.faults(fault | {"path": path})
    with pytest.raises(error):
        run(shop)
    assert shop.rows("SELECT * FROM watermarks") == []
    run(shop)
    assert shop.stands(page)["status"] == "paid"


def test_the_next_run_begins_a_little_before_the_last_one_ended(shop: Shop) -> None:
    first = run(shop)
    second = reconcile(shop.store, shop.gateway, now=datetime.now(UTC))
    assert second.since == first.until - timedelta(hours=2)


def test_every_kind_that_is_listed_is_listed_by_stripes_client(shop: Shop) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    assert [list(shop.gateway.listed(kind, since=since)) is not None for kind in LISTED]


def test_the_loss_of_each_variant_is_told_and_tested(shop: Shop) -> None:
    for _ in range(3):
        shop.deliver_all(bought(shop, variant="a"))
    bought(shop, variant="b")
    with shop.store.read() as connection:
        assert outcomes(connection, "x") is None, "nobody has compared yet"
    run(shop)
    with shop.store.read() as connection:
        (loss,) = losses(connection)
        assert outcomes(connection, "x") == loss.arms
        assert outcomes(connection, "another") == {}
    assert {key: (arm.outcomes, arm.lost) for key, arm in loss.arms.items()} == {
        "a": (3, 0),
        "b": (1, 1),
    }
    # One table of C(4, 1) is as unlikely as this one.
    assert loss.p_value == pytest.approx(1 / 4)
    assert loss.alike


def test_the_command_prints_what_it_found(shop: Shop) -> None:
    page = bought(shop, variant="a")
    environment = environment_without() | {
        "STRIPE_SECRET_KEY": "sk_test_simulated",
        "KASSA_DATABASE_URL": shop.settings.database_url,
    }
    script = (
        "import sys; from datetime import timedelta; from contextlib import contextmanager;"
        "from service import server; from service.cli import main, reconcile as command;"
        "from service.reconciling import comparing;"
        "from service.payments.stripe_gateway import StripeGateway;"
        "command.reading_gateway = contextmanager(lambda settings: iter([StripeGateway("
        "server.SIMULATED_KEYS, base_address=sys.argv[1])]));"
        "comparing.reconcile.__kwdefaults__['grace'] = timedelta(seconds=-2);"
        "main(['reconcile', '--format', 'json', '--quiet'])"
    )
    del environment["STRIPE_SECRET_KEY"]
    done = subprocess.run(
        [sys.executable, "-c", script, shop.simulator.url],
        cwd=PROJECT, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["missed"]["payment_intent.succeeded"] >= 1
    assert document["experiments"] == [
        {
            "experiment": "x",
            "variants": {"a": {"payments": 1, "lost": 1}},
            "p_value": None,
            "ok": True,
        }
    ]
    assert shop.stands(page)["status"] == "paid"


def test_half_a_character_in_an_event_keeps_no_other_from_being_fetched(shop: Shop) -> None:
    page = bought(shop)
    events = shop.simulator.events_of(page.checkout_id)
    odd = {
        "id": "evt_odd", "object": "event", "type": "coupon.created", "livemode": False,
        "created": events[0]["created"], "data": {"object": {"id": "half", "name": "\ud83d"}},
    }  # fmt: skip

    class Books:
        def events(self, **_: Any) -> Any:
            return iter([json.dumps(event).encode() for event in (odd, *events)])

        def listed(self, kind: str, **_: Any) -> Any:
            return iter(()) if kind else None

    now = datetime.now(UTC)
    found = reconcile(shop.store, Books(), now=now, since=now - timedelta(minutes=3), grace=SOON)
    assert found.missed["coupon.created"] == 1
    assert shop.stands(page)["status"] == "paid"
