"""A merchant's year with the simulator, in one process: thousands of customers, by a seed.

Time is turned week by week; webhooks come twice, in any order, weeks late, or never; reconciliation
runs as it would. What the ledger says at the end is compared with the simulator's own books.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic_core import from_json
from sqlalchemy import select

from service.payments.intake import take
from service.payments.ledger.receiving import Arrival
from service.payments.simulator import agenda
from service.payments.simulator import store as simulated
from service.payments.simulator.api import Api
from service.payments.simulator.resources import (
    collecting,
    customers,
    payment_methods,
    products,
    refunds,
    subscriptions,
)
from service.payments.simulator.routes import TASKS
from service.payments.simulator.work import Work
from service.payments.wire import read_event
from service.reconciling.comparing import reconcile
from service.store import tables
from service.store.session import Store

BEGIN = datetime(2026, 1, 5, 9, tzinfo=UTC)
WEEK = 7 * 24 * 3600
KEPT = timedelta(days=30)
_METHODS = (
    ["pm_card_visa"] * 14
    + ["pm_card_mastercard"] * 3
    + ["pm_card_amex", "pm_usBankAccount_success", "pm_usBankAccount_success"]
    + ["pm_card_chargeCustomerFail", "pm_usBankAccount_insufficientFunds"]
    + ["pm_usBankAccount_dispute", "pm_card_createDispute"]
)
_PLANS = [("year", 1, 24_000)] * 16 + [("month", 3, 7_200)] * 3 + [("month", 1, 2_500)]


@dataclass
class Year:
    """The merchant, the simulator, and everything that may go wrong between them."""

    seed: int
    store: Store
    database: Path
    lost: float = 0.02
    told: int = 0
    events: int = 0
    waiting: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self._simulated = simulated.Store(self.database)
        self.api = Api(self._simulated, lambda: BEGIN)
        self.subscriptions: list[str] = []

    @property
    def now(self) -> datetime:
        with self.api.looking() as work:
            return work.at

    def begin(self, count: int) -> None:
        """Customers come, each with a method, a plan and seats."""
        with self._working() as work:
            product = products.create(work, {"name": "Team plan"})["id"]
            self.prices = [
                products.create_price(
                    work,
                    {
                        "product": product,
                        "currency": "usd",
                        "unit_amount": amount,
                        "recurring": {"interval": interval, "interval_count": every},
                    },
                )["id"]
                for interval, every, amount in _PLANS
            ]
        for first in range(0, count, 100):
            with self._working() as work:
                for number in range(first, min(first + 100, count)):
                    self._customer(work, number)

    def live(self, weeks: int) -> None:
        """Weeks pass; things happen in each."""
        for week in range(weeks):
            agenda.advance(self.api, TASKS, WEEK)
            for _ in range(max(1, len(self.subscriptions) // 200)):
                self._something_happens()
            self._deliver()
            if week % 3 == 2:
                self.reconcile()

    def end(self) -> None:
        """Stripe has tried for long enough; what never came is fetched."""
        self._hear(self.waiting)
        self.waiting = []
        agenda.run_due(self.api, TASKS)
        self.reconcile(grace=timedelta(0))

    def reconcile(self, **changes: Any) -> None:
        reconcile(self.store, _Books(self), now=self.now, **changes)

    def differences(self) -> list[str]:
        """Every object and every cent on which the two books do not agree."""
        return [*self._objects(), *self._customers()]

    def _customer(self, work: Work, number: int) -> None:
        customer = customers.create(
            work, {"email": f"c{number}@example.org", "name": f"C {number}"}
        )
        method = payment_methods.attach(
            work, {"customer": customer["id"]}, self.rng.choice(_METHODS)
        )
        if method["type"] == "card" and self.rng.random() < 0.3:
            # It expires within the year.
            card = method["card"] | {"exp_month": self.rng.randint(2, 12), "exp_year": 2026}
            method = work.save(method | {"card": card})
        settings = {"default_payment_method": method["id"]}
        customers.update(work, {"invoice_settings": settings}, customer["id"])
        asked: dict[str, Any] = {
            "customer": customer["id"],
            "items": [{"price": self.rng.choice(self.prices), "quantity": self.rng.randint(1, 20)}],
        }
        if self.rng.random() < 0.1:
            asked |= {"trial_period_days": 14}
        if self.rng.random() < 0.08:
            asked |= {"collection_method": "send_invoice", "days_until_due": 30}
        made = subscriptions.create(work, asked)
        assert isinstance(made, dict)
        self.subscriptions.append(made["id"])

    def _something_happens(self) -> None:
        with self._working() as work:
            found = work.require("subscription", self.rng.choice(self.subscriptions))
            if found["status"] in {"canceled", "incomplete_expired"}:
                return
            act = self.rng.choice(
                [self._seats, self._refund, self._card_update, self._transfer, self._leave]
            )
            act(work, found)

    def _seats(self, work: Work, found: dict[str, Any]) -> None:
        item = found["items"]["data"][0]
        behavior = self.rng.choice(["always_invoice", "create_prorations", "none"])
        change = {"id": item["id"], "quantity": self.rng.randint(1, 20)}
        if found["status"] == "active":
            asked = {"items": [change], "proration_behavior": behavior}
            subscriptions.update(work, asked, found["id"])

    def _refund(self, work: Work, found: dict[str, Any]) -> None:
        wanted = {"customer": [found["customer"]]}
        charges = work.page("charge", wanted, {}, before=None, after=None, limit=5)
        for charge in charges:
            left = charge["amount"] - charge["amount_refunded"]
            if charge["status"] == "succeeded" and left and not charge["disputed"]:
                amount = self.rng.choice([left, max(1, left // 3)])
                refunds.create(work, {"charge": charge["id"], "amount": amount})
                return

    def _card_update(self, work: Work, found: dict[str, Any]) -> None:
        customer = work.require("customer", found["customer"])
        default = customer["invoice_settings"]["default_payment_method"]
        method = work.require("payment_method", default)
        if method["type"] == "card":
            last4 = self.rng.choice([None, "1234"])
            asked = {"payment_method": default} | ({"last4": last4} if last4 else {})
            payment_methods.update_by_network(work, asked)

    def _transfer(self, work: Work, found: dict[str, Any]) -> None:
        wanted = {"customer": [found["customer"]]}
        for bill in work.page("invoice", wanted, {}, before=None, after=None, limit=5):
            if bill["status"] == "open":
                left = bill["amount_remaining"]
                amount = self.rng.choice([left, max(1, left // 2), left + 500])
                collecting.receive_money(work, {"invoice": bill["id"], "amount": amount})
                return

    def _leave(self, work: Work, found: dict[str, Any]) -> None:
        if self.rng.random() < 0.5:
            subscriptions.update(work, {"cancel_at_period_end": True}, found["id"])
        else:
            subscriptions.cancel(work, {}, found["id"])

    def _deliver(self) -> None:
        """Webhooks of the week: some twice, some weeks later, some never, in no order."""
        for body in self._new_events():
            fate = self.rng.random()
            if fate < self.lost:
                continue
            self.waiting += [body] * (2 if fate > 0.9 else 1)
        self.rng.shuffle(self.waiting)
        late = len(self.waiting) // 10
        self._hear(self.waiting[late:])
        self.waiting = self.waiting[:late]

    def _new_events(self) -> Iterator[bytes]:
        with self.api.looking() as work:
            rows = work.connection.execute(
                "SELECT seq, body FROM objects WHERE object = 'event' AND seq > ? ORDER BY seq",
                (self.told,),
            ).fetchall()
        for row in rows:
            self.told = row["seq"]
            self.events += 1
            yield row["body"].encode()

    def _hear(self, bodies: list[bytes]) -> None:
        now = self.now
        for first in range(0, len(bodies), 1000):
            with self.store.write() as connection:
                some = bodies[first : first + 1000]
                take(connection, [Arrival(read_event(body), body, now) for body in some])

    def _working(self) -> Any:
        return self.api.working("req_year")

    def _objects(self) -> Iterator[str]:
        for kind, table, fields in _COMPARED:
            (key,) = table.primary_key.columns
            with self.store.read() as connection:
                kept = {
                    row._mapping[key.name]: row._mapping
                    for row in connection.execute(select(table))
                }
            for obj in self.all_of(kind):
                row = kept.pop(obj["id"], None)
                if row is None:
                    yield f"{obj['id']}: not in the ledger"
                    continue
                said = {name: obj[theirs] or 0 for name, theirs in fields.items()}
                known = {name: row[name] or 0 for name in fields}
                if said != known:
                    yield f"{obj['id']}: {said} at the simulator, {known} in the ledger"
            yield from (f"{identity}: in the ledger alone" for identity in kept)

    def _customers(self) -> Iterator[str]:
        theirs: dict[str, int] = {}
        for charge in self.all_of("charge"):
            if charge["status"] == "succeeded":
                left = charge["amount"] - charge["amount_refunded"]
                theirs[charge["customer"]] = theirs.get(charge["customer"], 0) + left
        ours: dict[str, int] = {}
        with self.store.read() as connection:
            for row in connection.execute(select(tables.charges)):
                if row.status == "succeeded":
                    left = row.amount - row.amount_refunded
                    ours[row.customer_id] = ours.get(row.customer_id, 0) + left
        for customer in theirs.keys() | ours.keys():
            if theirs.get(customer) != ours.get(customer):
                yield f"{customer}: {theirs.get(customer)} at the simulator, {ours.get(customer)}"

    def all_of(self, kind: str) -> Iterator[dict[str, Any]]:
        """Every object of a kind, as it now stands at the simulator."""
        with self.api.looking() as work:
            rows = work.connection.execute(
                "SELECT body FROM objects WHERE object = ? ORDER BY seq", (kind,)
            ).fetchall()
        return (from_json(row["body"]) for row in rows)


class _Books:
    """The simulator's books, asked without HTTP; events are kept for thirty days."""

    def __init__(self, year: Year) -> None:
        self._year = year

    def events(self, *, since: datetime, until: datetime) -> Iterator[bytes]:
        oldest = max(since, self._year.now - KEPT)
        return (body.encode() for body in self._bodies("event", oldest, until))

    def listed(self, kind: str, *, since: datetime) -> Iterator[Mapping[str, Any]]:
        return (from_json(body) for body in self._bodies(kind, since, self._year.now))

    def _bodies(self, kind: str, oldest: datetime, newest: datetime) -> list[str]:
        with self._year.api.looking() as work:
            rows = work.connection.execute(
                "SELECT body FROM objects WHERE object = ? AND created BETWEEN ? AND ? "
                "ORDER BY seq",
                (kind, int(oldest.timestamp()), int(newest.timestamp())),
            ).fetchall()
        return [row["body"] for row in rows]


_COMPARED = (
    ("charge", tables.charges, {"status": "status", "amount": "amount",
                                "amount_refunded": "amount_refunded"}),
    ("refund", tables.refunds, {"status": "status", "amount": "amount"}),
    ("dispute", tables.disputes, {"status": "status", "amount": "amount"}),
    ("invoice", tables.invoices, {name: name for name in (
        "status", "number", "amount_due", "amount_paid", "amount_remaining", "amount_overpaid",
        "attempt_count")}),
    # Stripe has no event for one that is canceled; paid is what has an amount.
    ("invoice_payment", tables.invoice_payments, {"amount_paid": "amount_paid"}),
    ("subscription", tables.subscriptions, {"status": "status",
                                            "cancel_at_period_end": "cancel_at_period_end"}),
    ("balance_transaction", tables.balance_transactions, {"amount": "amount", "fee": "fee",
                                                          "net": "net"}),
)  # fmt: skip
