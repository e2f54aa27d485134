"""Everybody's books after a payment: the ledger, the events, the report, and Stripe's own."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from sqlalchemy import select, update

from analysis.render import to_json
from experiments import BROWSER_EVENTS, Catalog
from service.reporting import make_report
from service.server import simulator_state
from service.store.session import Store
from service.store.tables import charges, checkouts, confirmations, events, payments
from tests.service.processes import API_KEY, KassaProcess

EXPERIMENT = "one-page-checkout"
_PATIENCE_SECONDS = 30.0
_T = TypeVar("_T")


def eventually(ask: Callable[[], _T], expected: _T) -> None:
    """The answer becomes what is expected: what a browser reports arrives when it likes."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (found := ask()) != expected and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found == expected, (found, expected)


@contextmanager
def opened(kassa: KassaProcess) -> Iterator[Books]:
    """The books of a running Kassa, read beside it."""
    store = Store(kassa.settings.database_url)
    yield Books(kassa, store, Catalog.load(kassa.settings.definitions))
    store.close()


@dataclass(frozen=True)
class Books:
    """The books of a running Kassa and of its simulated Stripe."""

    kassa: KassaProcess
    store: Store
    catalog: Catalog

    def settled(self) -> None:
        """Wait until every webhook of what happened so far has been delivered."""
        waiting = "SELECT event, state FROM deliveries WHERE state != 'delivered'"
        none: list[tuple[Any, ...]] = []
        eventually(lambda: self._stripe(waiting), none)

    def order(self, **changes: Any) -> str:
        """Make a checkout as the merchant's server does; the path a visitor is sent to."""
        order = {
            "mode": "payment",
            "currency": "usd",
            "lines": [{"description": "Team plan", "amount": 2400}],
            "success_url": "https://shop.example/thanks",
        }
        answer = requests.post(
            f"{self.kassa.url}/v1/checkouts",
            json=order | changes,
            headers={"Authorization": f"Bearer {API_KEY}"},
            timeout=10,
        )
        assert answer.status_code == 201, answer.text
        return str(urlsplit(answer.json()["url"]).path)

    def checkout(self, checkout_id: str) -> dict[str, Any]:
        """The checkout as the merchant's server reads it."""
        answer = requests.get(
            f"{self.kassa.url}/v1/checkouts/{checkout_id}",
            headers={"Authorization": f"Bearer {API_KEY}"},
            timeout=10,
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def expire(self, checkout_id: str) -> None:
        """Let the checkout's time be over."""
        over = datetime.now(UTC) - timedelta(seconds=1)
        with self.store.write() as connection:
            connection.execute(
                update(checkouts)
                .where(checkouts.c.checkout_id == checkout_id)
                .values(expires_at=over)
            )

    def attempts(self, checkout_id: str) -> list[str]:
        """How each press on the pay button ended, in order."""
        with self.store.read() as connection:
            rows = connection.execute(
                select(confirmations.c.status)
                .where(confirmations.c.checkout_id == checkout_id)
                .order_by(confirmations.c.number)
            )
            return [row.status for row in rows]

    def charges(self, checkout_id: str) -> list[tuple[str, int]]:
        """Status and amount of every charge in the ledger, oldest first."""
        with self.store.read() as connection:
            rows = connection.execute(
                select(charges.c.status, charges.c.amount)
                .join(payments, payments.c.payment_intent_id == charges.c.payment_intent_id)
                .where(payments.c.checkout_id == checkout_id)
                .order_by(charges.c.charged_at, charges.c.status)
            )
            return [(row.status, row.amount) for row in rows]

    def reported(self, unit_id: str, expected: list[str]) -> None:
        """The visitor's browser reported these events, in this order, and no others."""
        eventually(
            lambda: [row.name for row in self.events(unit_id) if row.name in BROWSER_EVENTS],
            expected,
        )

    def events(self, unit_id: str) -> list[Any]:
        """Every event of a visitor in the order in which it happened."""
        with self.store.read() as connection:
            return list(
                connection.execute(
                    select(events)
                    .where(events.c.unit_id == unit_id)
                    .order_by(events.c.occurred_at, events.c.received_at)
                )
            )

    def intents_at_stripe(self, checkout_id: str) -> list[dict[str, Any]]:
        """Every PaymentIntent that Stripe holds for a checkout."""
        return [
            intent
            for intent in self._objects("payment_intent")
            if intent["metadata"].get("order_id") == checkout_id
        ]

    def charged_at_stripe(self, checkout_id: str) -> list[int]:
        """The amounts that Stripe really took for a checkout."""
        return [charge["amount_captured"] for charge in self.charges_at_stripe(checkout_id)]

    def charges_at_stripe(self, checkout_id: str) -> list[dict[str, Any]]:
        """The charges of a checkout that went through."""
        intents = {intent["id"] for intent in self.intents_at_stripe(checkout_id)}
        return [
            charge
            for charge in self._objects("charge")
            if charge["payment_intent"] in intents and charge["status"] == "succeeded"
        ]

    def report(self) -> Any:
        """The lift report as it is now, as `kassa report --format json` has it."""
        now = datetime.now(UTC)
        made = make_report(self.store, self.catalog, EXPERIMENT, as_of=now, now=now)
        return to_json(made)

    def _objects(self, kind: str) -> list[dict[str, Any]]:
        found = self._stripe("SELECT body FROM objects WHERE object = ? ORDER BY seq", kind)
        return [json.loads(row[0]) for row in found]

    def _stripe(self, sql: str, *values: str) -> list[tuple[Any, ...]]:
        file = simulator_state(self.kassa.settings)
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)) as connection:
            return connection.execute(sql, values).fetchall()
