"""From the press of the button to the ledger: no payment is lost or doubled, whatever breaks.

Each schedule is one visitor whose way is struck at random lines by the death of the process or the
loss of the database, by Stripe failing before or after it acted, and by webhooks that come late,
twice, in any order or never. Then everything recovers, the visitor looks again, and the books of
Kassa and of Stripe must say the same.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe

from service.payments import cashier
from service.reconciling.comparing import reconcile
from tests.service.conftest import AUTHENTICATES, DECLINES, PAYS, Page, Shop, reply
from tests.service.payments.misfortune import Database, Killed, at_line, kill, lines_of

_FAULTS: list[dict[str, Any]] = [
    {"do": "drop"},
    {"do": "drop_after"},
    {"do": "status", "status": 500},
    {"do": "status", "status": 500, "stored": True},
    {"do": "status", "status": 409},
    {"do": "status", "status": 429},
    {"do": "status", "status": 503},
]


@dataclass
class Life:
    """One visitor, one order, and everything that may go wrong with it."""

    shop: Shop
    seed: int
    database: Database
    lines: int
    told: list[str] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        newest = self._client.v1.events.list({"limit": 1}).data
        self.since = newest[0].id if newest else None
        self.begun = datetime.now(UTC) - timedelta(seconds=1)

    def run(self) -> None:
        page = self.shop.visit()
        card = self.rng.choice([PAYS, PAYS, PAYS, AUTHENTICATES, DECLINES])
        token = self.shop.token(page, card)
        for _ in range(self.rng.randint(1, 3)):
            self._break_stripe()
            self._act(lambda token=token: self._press(page, token))  # type: ignore[misc]  # bound here
            if self.rng.random() < 0.3:
                self._act(lambda: self._look(page))
            self.shop.simulator.faults()
            if self.rng.random() < 0.3:
                token = self.shop.token(page, PAYS)
            self._some_webhooks(page)
            if self.rng.random() < 0.3:
                # Longer than the lease: somebody else may take up what a dead process left.
                self.shop.clock.pass_by(seconds=70)
        self._recover(page)
        self._judge(page)

    def _break_stripe(self) -> None:
        # Passing troubles, which stripe-python repeats away, and an outage that outlasts it.
        passing = [self.rng.choice(_FAULTS) for _ in range(self.rng.choice([0, 1, 2]))]
        outage = [self.rng.choice(_FAULTS)] * self.rng.randint(3, 6)
        faults = self.rng.choice([[], passing, outage])
        self.struck.update(f"stripe {f['do']} {f.get('status', '')}".strip() for f in faults)
        self.shop.simulator.faults(*[fault | {"path": "/v1/"} for fault in faults])

    def _act(self, act: Callable[[], str]) -> None:
        misfortune = self.rng.choice(["none", "kill", "database"])
        line = self.rng.randint(1, self.lines)
        try:
            if misfortune == "none":
                self.told.append(act())
            else:
                self.struck[misfortune] += 1
                strike = kill if misfortune == "kill" else self._lose_the_database
                with at_line(line, strike):
                    self.told.append(act())
        except Killed:
            self.told.append("killed")
        finally:
            self.database.gone = False

    def _lose_the_database(self) -> None:
        self.database.gone = True

    def _press(self, page: Page, token: str) -> str:
        return self._said(self.shop.confirm(page, token))

    def _look(self, page: Page) -> str:
        headers = {"X-Kassa-Token": page.attributes["token"]}
        answer = self.shop.client.post(page.attributes["status-url"], json={}, headers=headers)
        return self._said(answer)

    def _said(self, answer: Any) -> str:
        assert answer.status_code in {200, 503}, answer.text
        said = reply(answer)
        if said.get("status") == "requires_action" and "next_action" in said:
            outcome = self.rng.choice(["succeed", "succeed", "fail"])
            self._authenticate(said["next_action"]["client_secret"], outcome)
        return str(said.get("status"))

    def _authenticate(self, client_secret: str, outcome: str) -> None:
        intent = client_secret.partition("_secret")[0]
        found = self.shop.simulator.client().v1.payment_intents.retrieve(intent)
        if found.status == "requires_action":
            self.shop.authenticate(client_secret, outcome)

    def _some_webhooks(self, page: Page) -> None:
        for event in self._events(page):
            for _ in range(self.rng.choice([0, 0, 1, 1, 2])):
                self._act(lambda event=event: str(self.shop.deliver(event).status_code))  # type: ignore[misc]  # bound per event

    def _events(self, page: Page) -> list[dict[str, Any]]:
        """Every event of this life so far, in any order."""
        newer: stripe.params.EventListParams = {"limit": 100}
        if self.since is not None:
            newer["ending_before"] = self.since
        found = [e.to_dict() for e in self._client.v1.events.list(newer).auto_paging_iter()]
        ours = [e for e in found if _order_of(e) == page.checkout_id]
        self.rng.shuffle(ours)
        return ours

    def _recover(self, page: Page) -> None:
        """Stripe answers, the database is back, time passes, and what was not heard comes again."""
        self.shop.clock.pass_by(seconds=70)
        if self.rng.random() < 0.5:
            self.told.append(self._look(page))
        hear = self.rng.choice([self._deliver_all, self._reconcile])
        # And once more: a bank's question may have been answered since.
        for _ in range(2):
            hear(page)
            self.told.append(self._look(page))

    def _deliver_all(self, page: Page) -> None:
        for event in self._events(page):
            assert self.shop.deliver(event).status_code == 200

    def _reconcile(self, _page: Page) -> None:
        """No webhook comes any more: what never came is fetched."""
        now = datetime.now(UTC) + timedelta(seconds=2)
        reconcile(self.shop.store, self.shop.gateway, now=now, since=self.begun, grace=timedelta(0))

    def _judge(self, page: Page) -> None:
        intents = self._intents(page)
        charges = [
            charge
            for intent in intents
            for charge in self._client.v1.charges.list({"payment_intent": intent.id}).data
        ]
        paid = [charge for charge in charges if charge.status == "succeeded"]
        stands = self.shop.stands(page)
        story = (
            self.seed,
            self.told,
            [i.status for i in intents],
            [c.status for c in charges],
            stands,
        )
        assert len(paid) <= 1, story
        assert (stands["status"] == "paid") == bool(paid), story
        assert stands.get("amount_received", 0) == sum(charge.amount for charge in paid), story
        assert self.told[-1] == "succeeded" or not paid, story
        assert paid or self.told[-1] != "succeeded", story
        events = self.shop.rows(
            "SELECT count(*) FROM events WHERE checkout_id = :id AND name = 'payment_succeeded'",
            id=page.checkout_id,
        )
        assert events == [(len(paid),)], story

    def _intents(self, page: Page) -> list[stripe.PaymentIntent]:
        objects = [event["data"]["object"] for event in self._events(page)]
        known = sorted({each["id"] for each in objects if each["object"] == "payment_intent"})
        return [self._client.v1.payment_intents.retrieve(intent) for intent in known]

    @property
    def _client(self) -> stripe.StripeClient:
        return self.shop.simulator.client()


def _order_of(event: dict[str, Any]) -> str | None:
    metadata: dict[str, str] = event["data"]["object"].get("metadata") or {}
    return metadata.get("order_id")


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("schedules", [25, pytest.param(500, marks=pytest.mark.slow)])
def test_after_recovery_nothing_is_charged_twice_and_nothing_is_lost(
    shop: Shop,
    schedules: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Pauses before repeats are for the sake of others; here there are none.
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(min(seconds, 0.001)))
    monkeypatch.setattr(cashier, "_PATIENCE", 0.05)
    database = Database()
    database.watch(shop.store.engine)
    page = shop.visit()
    token = shop.token(page)
    lines = lines_of(lambda: shop.confirm(page, token))
    assert len(lines) > 200
    struck: Counter[str] = Counter()
    told: Counter[str] = Counter()
    for seed in range(schedules):
        life = Life(shop, seed, database, len(lines))
        life.run()
        struck += life.struck
        told[life.told[-1]] += 1
    with capsys.disabled():
        sys.stdout.write(
            f"\n{schedules} schedules over {len(lines)} lines on {shop.store.dialect}: "
            f"struck {dict(struck)}; told at last {dict(told)}\n"
        )
