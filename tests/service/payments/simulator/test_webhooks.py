"""Signed deliveries: at least once, prompt, retried, and disturbed on demand."""

import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from service.errors import ConfigurationError
from service.payments.simulator.api import Api, Request
from service.payments.simulator.chaos import Chaos, quick_pause
from service.payments.simulator.server import SimulatorServer
from service.payments.simulator.store import Store
from service.payments.simulator.webhooks import Endpoint, signature_header
from tests.service.payments.simulator.conftest import SECRET, Simulator

pytestmark = pytest.mark.stripe
PAID = [
    "charge.succeeded",
    "charge.updated",
    "payment_intent.created",
    "payment_intent.succeeded",
]


@given(st.text().map(str.encode), st.text(min_size=1, max_size=40), st.integers(0, 2**40))
def test_the_signature_is_the_sdks(body: bytes, secret: str, timestamp: int) -> None:
    theirs = stripe.WebhookSignature.generate_signature_header(body.decode(), secret, timestamp)
    assert signature_header(body, secret=secret, timestamp=timestamp) == theirs


def test_a_payment_tells_its_story_in_verified_events(simulator: Simulator) -> None:
    paid = simulator.pay(key="order-9:1", metadata={"order": "ü 9"})
    simulator.drained()
    assert simulator.receiver.types_about(paid.id) == PAID
    last = next(e for e in simulator.receiver.events() if e.type == "payment_intent.succeeded")
    assert (last.api_version, last.livemode) == (stripe.api_version, False)
    assert last.request is not None
    assert last.request.idempotency_key == "order-9:1"
    assert last.data.object["metadata"]["order"] == "ü 9"
    created = next(e for e in simulator.receiver.events() if e.type == "payment_intent.created")
    assert created.data.object["status"] == "requires_payment_method"


@pytest.mark.parametrize(
    ("method", "types"),
    [
        (
            "pm_card_chargeDeclined",
            ["charge.failed", "payment_intent.created", "payment_intent.payment_failed"],
        ),
        (
            "pm_card_threeDSecure2Required",
            ["payment_intent.created", "payment_intent.requires_action"],
        ),
    ],
)
def test_a_payment_that_fails_or_waits_says_so(
    simulator: Simulator, method: str, types: list[str]
) -> None:
    identity = simulator.attempt(method)
    simulator.drained()
    assert simulator.receiver.types_about(identity) == types


def test_refunds_and_disputes_say_so(simulator: Simulator) -> None:
    paid = simulator.pay()
    simulator.client.v1.refunds.create({"payment_intent": paid.id})
    simulator.control("disputes", {"charge": str(paid.latest_charge)})
    simulator.drained()
    reversal = ["charge.dispute.created", "charge.refunded", "refund.created"]
    assert set(reversal) <= set(simulator.receiver.types_about(paid.id))


def test_the_first_delivery_is_prompt(simulator: Simulator) -> None:
    delays = []
    for _ in range(5):
        before = time.time()
        simulator.pay()
        simulator.drained()
        delays.append(simulator.receiver.deliveries[-1][2] - before)
    # About 20 ms on an idle machine; a second tells prompt from "at the next retry" on a busy one.
    assert min(delays) < 1.0


def test_a_refused_delivery_is_repeated_until_it_is_taken(simulator: Simulator) -> None:
    simulator.receiver.statuses = [500, 302, 404]
    made = simulator.client.v1.payment_intents.create({"amount": 100, "currency": "usd"})
    simulator.drained()
    bodies = [body for body, _, _ in simulator.receiver.deliveries]
    assert len(bodies) == 4
    assert len(set(bodies)) == 1
    assert simulator.receiver.types_about(made.id) == ["payment_intent.created"] * 4
    moments = [moment for _, _, moment in simulator.receiver.deliveries]
    assert moments[3] - moments[2] > moments[1] - moments[0]
    assert simulator.counts() == {"pending": 0, "delivered": 1, "failed": 0}


def test_pauses_double_up_to_half_a_minute() -> None:
    assert [quick_pause(n) for n in (1, 2, 3, 4, 50)] == [0.25, 0.5, 1.0, 2.0, 30.0]


def _tries(simulator: Simulator) -> int:
    """How often the only event was refused."""
    with closing(sqlite3.connect(simulator.database)) as connection:
        (row,) = connection.execute("SELECT attempts FROM deliveries").fetchall()
        return int(row[0])


def test_a_sandbox_tries_three_times_more_in_a_few_hours(simulator: Simulator) -> None:
    simulator.control("webhooks", {"schedule": "sandbox"})
    simulator.receiver.statuses = [500] * 4
    simulator.client.v1.payment_intents.create({"amount": 100, "currency": "usd"})
    for tries, minutes in ((1, 5), (2, 30), (3, 120)):
        simulator.until(lambda tries=tries: _tries(simulator) == tries)
        simulator.control("clock", {"advance": minutes * 60 - 30})
        time.sleep(0.2)
        assert len(simulator.receiver.deliveries) == tries
        simulator.control("clock", {"advance": 40})
    simulator.drained()
    assert len(simulator.receiver.deliveries) == 4
    assert simulator.counts() == {"pending": 0, "delivered": 0, "failed": 1}


def test_a_share_of_events_never_arrives(simulator: Simulator) -> None:
    simulator.control("webhooks", {"lose": 0.5})
    for amount in range(100, 160):
        simulator.client.v1.payment_intents.create({"amount": amount, "currency": "usd"})
    simulator.drained()
    counts = simulator.counts()
    assert counts["delivered"] == len(simulator.receiver.deliveries)
    assert counts["failed"] == 60 - counts["delivered"]
    # Of fair coins sixty times within these bounds but once in a million.
    assert 11 <= counts["failed"] <= 49
    # What never arrived is still there for who asks.
    listed = simulator.client.v1.events.list({"limit": 100}).auto_paging_iter()
    assert len(list(listed)) == 60


@pytest.mark.parametrize(("share", "lost"), [(0, 0), (1, 1000), (0.25, 250)])
def test_the_share_that_is_lost_is_the_one_asked_for(share: float, lost: int) -> None:
    found = sum(Chaos(lose=share).loses(f"evt_{n}") for n in range(1000))
    assert abs(found - lost) < 60
    assert found == lost or 0 < share < 1


def test_what_one_process_left_the_next_one_delivers(simulator: Simulator) -> None:
    simulator.control("webhooks", {"hold": True})
    paid = simulator.pay()
    assert simulator.counts()["pending"] == 4
    again = SimulatorServer(
        simulator.database,
        port=0,
        endpoint=Endpoint.parse(simulator.receiver.url, SECRET),
        clock=lambda: datetime.now(UTC),
    )
    again.start()
    simulator.drained()
    again.stop()
    assert simulator.receiver.types_about(paid.id) == PAID


def test_an_event_of_another_process_goes_out_too(simulator: Simulator) -> None:
    other = Api(Store(simulator.database), lambda: datetime.now(UTC))
    other.answer(
        Request(
            "POST",
            "/v1/payment_intents",
            headers={"authorization": "Bearer sk_test_simulated"},
            body=b"amount=100&currency=usd",
        )
    )
    simulator.until(lambda: len(simulator.receiver.deliveries) == 1)


def test_held_events_wait_and_go_out_shuffled_and_doubled_on_release(simulator: Simulator) -> None:
    simulator.control("webhooks", {"hold": True, "shuffle": True, "duplicate": 1})
    for amount in range(100, 130):
        simulator.client.v1.payment_intents.create({"amount": amount, "currency": "usd"})
    time.sleep(0.1)
    assert simulator.receiver.deliveries == []
    simulator.control("webhooks", {"release": True})
    simulator.drained()
    amounts = [event.data.object["amount"] for event in simulator.receiver.events()]
    assert sorted(amounts) == sorted([*range(100, 130)] * 2)
    assert list(dict.fromkeys(amounts)) != [*range(100, 130)]


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/hook", "http://example.com/hook", "ftp://127.0.0.1", "127.0.0.1"]
)
def test_webhooks_stay_on_this_machine(url: str) -> None:
    with pytest.raises(ConfigurationError):
        Endpoint.parse(url, SECRET)


def test_a_webhook_secret_is_never_empty() -> None:
    with pytest.raises(ConfigurationError):
        Endpoint.parse("http://127.0.0.1:1/hook", " ")


def test_an_endpoint_that_is_not_there_is_tried_again(simulator: Simulator) -> None:
    simulator.receiver.close()
    simulator.pay()
    time.sleep(0.1)
    assert simulator.counts() == {"pending": 4, "delivered": 0, "failed": 0}
