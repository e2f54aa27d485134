"""Webhooks that come at the same time are taken in together, and none for another's sake."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event as engine_event
from sqlalchemy import func, select

from service.errors import StoreBusy
from service.payments.intake import Intake
from service.payments.ledger.applying import Receipt
from service.payments.ledger.rows import Rows
from service.payments.wire import read_event
from service.store.session import Store
from service.store.tables import customers, stripe_events

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
MANY = 20


@pytest.fixture
def store(migrated_store_url: str) -> Any:
    found = Store(migrated_store_url)
    yield found
    found.close()


def _told(number: int) -> bytes:
    customer = {"id": f"cus_{number}", "object": "customer", "created": 1_764_000_000}
    told = {
        "id": f"evt_{number}",
        "object": "event",
        "type": "customer.created",
        "created": 1_764_000_000,
        "livemode": False,
        "data": {"object": customer},
    }
    return json.dumps(told).encode()


def _all_at_once(intake: Intake, payloads: list[bytes], bodies: list[bytes]) -> list[Any]:
    ready = threading.Barrier(len(payloads))

    def receive(payload: bytes, body: bytes) -> Any:
        ready.wait()
        try:
            return intake.receive(read_event(payload), body, now=NOW)
        except (UnicodeDecodeError, StoreBusy) as exc:
            return exc

    with ThreadPoolExecutor(len(payloads)) as threads:
        return list(threads.map(receive, payloads, bodies))


def test_webhooks_that_come_at_once_share_a_transaction(store: Store) -> None:
    commits = []

    def slowly(_connection: Any) -> None:
        commits.append(1)
        time.sleep(0.05)

    engine_event.listen(store.engine, "commit", slowly)
    payloads = [_told(number) for number in range(MANY)]
    assert _all_at_once(Intake(store), payloads, payloads) == [Receipt.APPLIED] * MANY
    assert len(commits) < MANY / 2
    with store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(customers)) == MANY


def test_the_same_webhook_many_times_at_once_is_taken_in_once(store: Store) -> None:
    payloads = [_told(1)] * MANY
    receipts = _all_at_once(Intake(store), payloads, payloads)
    assert sorted(receipts) == [Receipt.APPLIED] + [Receipt.DUPLICATE] * (MANY - 1)


def test_one_that_can_not_be_taken_in_keeps_no_other_out(store: Store) -> None:
    payloads = [_told(number) for number in range(MANY)]
    bodies = [b"\xff", *payloads[1:]]
    first, *others = _all_at_once(Intake(store), payloads, bodies)
    assert isinstance(first, UnicodeDecodeError)
    assert others == [Receipt.APPLIED] * (MANY - 1)
    with store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(stripe_events)) == MANY - 1


@pytest.mark.postgresql
@pytest.mark.parametrize("migrated_store_url", ["postgresql"], indirect=True)
def test_one_whose_turn_does_not_come_keeps_no_other_out(store: Store) -> None:
    engine_event.listen(
        store.engine, "connect", lambda raw, _: raw.execute("SET lock_timeout = 200"), insert=False
    )
    payloads = [_told(number) for number in range(MANY)]
    with store.write() as connection:
        Rows(connection).hold(["cus_0"])
        first, *others = _all_at_once(Intake(store), payloads, payloads)
    assert isinstance(first, StoreBusy)
    assert others == [Receipt.APPLIED] * (MANY - 1)
    assert Intake(store).receive(read_event(payloads[0]), payloads[0], now=NOW) == Receipt.APPLIED
