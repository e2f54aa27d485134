"""The ledger made anew is the ledger: nothing is in it that Stripe's events do not say."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from service.payments.ledger import rebuilding
from service.payments.ledger.rebuilding import digest, rebuild
from service.payments.ledger.rows import TABLES
from service.settings import PROJECT, environment_without
from service.store.tables import charges, events, payments, watermarks
from tests.service.conftest import AUTHENTICATES, DECLINES, Shop


@pytest.fixture
def kept(shop: Shop) -> Shop:
    """A shop whose ledger holds a decline, a failed authentication, a payment, a refund."""
    for number in range(3):
        page = shop.visit()
        shop.pay(page, DECLINES)
        asked = shop.pay(page, AUTHENTICATES)
        shop.authenticate(asked["next_action"]["client_secret"], "fail")
        shop.pay(page)
        if number:
            intent = shop.stands(page)["payment_intent"]
            shop.simulator.client().v1.refunds.create({"payment_intent": intent, "amount": 100})
        shop.deliver_all(page)
    shop.pay(shop.visit())  # of which nothing is told yet
    return shop


def _amiss(shop: Shop) -> None:
    """Rows lost, changed and added by nobody's word."""
    with shop.store.write() as connection:
        lost = connection.scalars(select(payments.c.payment_intent_id)).first()
        connection.execute(delete(payments).where(payments.c.payment_intent_id == lost))
        connection.execute(update(charges).values(amount_refunded=9, brand="unheard of"))
        kept = connection.execute(charges.select()).first()
        assert kept is not None
        invented = {**kept._mapping, "charge_id": "ch_x", "payment_intent_id": "pi_x"}
        connection.execute(insert(charges).values(**invented))
        connection.execute(delete(events).where(events.c.name == "payment_succeeded"))


def test_a_rebuild_changes_nothing_and_mends_everything(kept: Shop) -> None:
    true = digest(kept.store)
    untouched = rebuild(kept.store)
    assert untouched.identical
    assert untouched.after == true
    _amiss(kept)
    assert digest(kept.store) != true
    mended = rebuild(kept.store)
    assert not mended.identical
    assert mended.after == true
    assert rebuild(kept.store).identical


def test_an_empty_ledger_comes_back_whole(kept: Shop) -> None:
    true = digest(kept.store)
    with kept.store.write() as connection:
        for table in (payments, *TABLES.values()):
            connection.execute(delete(table))
        connection.execute(delete(events).where(events.c.name.like("payment\\_%", escape="\\")))
    assert rebuild(kept.store).after == true


def test_an_interrupted_rebuild_goes_on_where_it_was(
    kept: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = digest(kept.store)
    _amiss(kept)
    monkeypatch.setattr(rebuilding, "_AT_ONCE", 1)
    told: list[int] = []

    def interrupt(done: int, _of: int) -> None:
        told.append(done)
        if len(told) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(kept.store, told=interrupt)
    with kept.store.read() as connection:
        assert connection.execute(select(watermarks.c.value)).scalar_one()
    rest = rebuild(kept.store)
    assert rest.subjects == len(_subjects(kept)) - 2
    assert rest.after == true


def _subjects(shop: Shop) -> set[str]:
    query = "SELECT DISTINCT COALESCE(payment_intent_id, object_id) FROM stripe_events"
    return {row[0] for row in shop.rows(query)}


def test_an_event_that_can_not_be_read_stays_kept_and_ends_nothing(kept: Shop) -> None:
    odd: dict[str, Any] = {
        "id": "evt_odd",
        "object": "event",
        "type": "charge.updated",
        "created": int(datetime.now(UTC).timestamp()),
        "livemode": False,
        "data": {"object": {"id": "ch_odd", "object": "charge", "amount": "much"}},
    }
    assert kept.deliver(odd).status_code == 200
    true = digest(kept.store)
    assert rebuild(kept.store).after == true
    assert kept.rows("SELECT state FROM stripe_events WHERE event_id = 'evt_odd'") == [
        ("unreadable",)
    ]


def _kassa(shop: Shop, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = environment_without() | {"KASSA_DATABASE_URL": shop.settings.database_url}
    return subprocess.run(
        [sys.executable, "-m", "service.cli", *arguments],
        cwd=PROJECT, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_the_command_says_whether_anything_was_amiss(kept: Shop) -> None:
    fine = _kassa(kept, "ledger", "rebuild", "--format", "json")
    assert (fine.returncode, fine.stderr) == (0, "")
    assert json.loads(fine.stdout)["identical"] is True
    _amiss(kept)
    mended = _kassa(kept, "ledger", "rebuild")
    assert mended.returncode == 1
    assert "mended: it was not what its events say" in mended.stdout


def test_a_killed_rebuild_loses_nothing(kept: Shop) -> None:
    true = digest(kept.store)
    _amiss(kept)
    script = (
        "import os, signal, sys; from service.payments.ledger import rebuilding;"
        "from service.store.session import Store; rebuilding._AT_ONCE = 1;"
        "rebuilding.rebuild(Store(sys.argv[1]),"
        " told=lambda done, of: done == 2 and os.kill(os.getpid(), signal.SIGKILL))"
    )
    command = [sys.executable, "-c", script, kept.settings.database_url]
    died = subprocess.run(command, cwd=PROJECT, env=dict(os.environ), check=False, timeout=120)
    assert died.returncode == -signal.SIGKILL
    assert rebuild(kept.store).after == true
