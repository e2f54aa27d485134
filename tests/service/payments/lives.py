"""Lives of visitors to whom everything happens that can go wrong between a press and the books."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from stripe import PaymentIntent, StripeClient
from stripe.params import EventListParams

from service.checkout.admission import Admissions
from service.payments.intake import Intake
from service.reconciling.comparing import reconcile
from tests.service.conftest import AUTHENTICATES, DECLINES, PAYS, Page, Shop, reply
from tests.service.payments.misfortune import Database, Killed, at_line, kill

_FAULTS: list[dict[str, Any]] = [
    {"do": "drop"},
    {"do": "drop_after"},
    {"do": "status", "status": 500},
    {"do": "status", "status": 500, "stored": True},
    {"do": "status_after", "status": 500, "stored": True},
    {"do": "status", "status": 409},
    {"do": "status", "status": 429},
    {"do": "status", "status": 503},
]


# More than any way to the end takes; who is told nothing certain by then never is.
_ROUNDS = 6


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
        newest = self.stripe.v1.events.list({"limit": 1}).data
        self.since = newest[0].id if newest else None
        self.begun = datetime.now(UTC) - timedelta(seconds=1)

    def open(self) -> Page:
        """The visitor comes."""
        return self.shop.visit()

    def run(self) -> None:
        """Everything that happens, and what it comes to."""
        page = self.open()
        card = self.rng.choice([PAYS, PAYS, PAYS, AUTHENTICATES, DECLINES])
        token = self.shop.token(page, card)
        for _ in range(self.rng.randint(1, 3)):
            self._break_stripe()
            self._act(lambda token=token: self.press(page, token))  # type: ignore[misc]  # bound here
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
        self.judge(page)

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
            self._start_again()
        finally:
            self.database.gone = False

    def _start_again(self) -> None:
        """The next process has neither the queues nor the locks of the one that died."""
        running = self.shop.client.application.extensions
        kassa, store = running["kassa"], self.shop.store
        running["kassa"] = replace(
            kassa,
            intake=Intake(store),
            admissions=Admissions(store, lambda: kassa.in_force.catalog, kassa.clock),
        )

    def _lose_the_database(self) -> None:
        self.database.gone = True

    def press(self, page: Page, token: str) -> str:
        """The press of the button, and what the page is told."""
        return self.said(self.shop.confirm(page, token))

    def _look(self, page: Page) -> str:
        headers = {"X-Kassa-Token": page.attributes["token"]}
        answer = self.shop.client.post(page.attributes["status-url"], json={}, headers=headers)
        return self.said(answer)

    def said(self, answer: Any) -> str:
        """What an answer says; a bank's question is answered at once."""
        assert answer.status_code in {200, 503}, answer.text
        said = reply(answer)
        if said.get("status") == "requires_action" and "next_action" in said:
            outcome = self.rng.choice(["succeed", "succeed", "fail"])
            self._authenticate(said["next_action"]["client_secret"], outcome)
        return str(said.get("status"))

    def _authenticate(self, client_secret: str, outcome: str) -> None:
        intent = client_secret.partition("_secret")[0]
        v1 = self.stripe.v1
        found: Any = (
            v1.setup_intents.retrieve(intent)
            if intent.startswith("seti_")
            else v1.payment_intents.retrieve(intent)
        )
        if found.status == "requires_action":
            self.shop.authenticate(client_secret, outcome)

    def _some_webhooks(self, page: Page) -> None:
        for event in self.events(page):
            for _ in range(self.rng.choice([0, 0, 1, 1, 2])):
                self._act(lambda event=event: str(self.shop.deliver(event).status_code))  # type: ignore[misc]  # bound per event

    def events(self, page: Page) -> list[dict[str, Any]]:
        """Every event of this life so far, in any order."""
        newer: EventListParams = {"limit": 100}
        if self.since is not None:
            newer["ending_before"] = self.since
        found = [e.to_dict() for e in self.stripe.v1.events.list(newer).auto_paging_iter()]
        ours = [e for e in found if _order_of(e) == page.checkout_id]
        self.rng.shuffle(ours)
        return ours

    def _recover(self, page: Page) -> None:
        """Stripe answers, the database is back, time passes, and what was not heard comes again."""
        self.shop.clock.pass_by(seconds=70)
        if self.rng.random() < 0.5:
            self.told.append(self._look(page))
        hear = self.rng.choice([self._deliver_all, self._reconcile])
        # Until nothing changes any more: a look may bring about what has to be heard of, such as
        # a charge where Stripe had kept a failure for a key, or the answer to a bank's question.
        for round_number in range(1, _ROUNDS + 1):
            before = self.told[-1:]
            hear(page)
            self.told.append(self._look(page))
            settled = self.told[-1] not in {"checking", "requires_action"}
            if round_number > 1 and settled and self.told[-1:] == before:
                break

    def _deliver_all(self, page: Page) -> None:
        for event in self.events(page):
            assert self.shop.deliver(event).status_code == 200

    def _reconcile(self, _page: Page) -> None:
        """No webhook comes any more: what never came is fetched."""
        # What the visitor's browser does at Stripe happens by the shop's clock, which runs ahead.
        now = max(datetime.now(UTC), self.shop.clock()) + timedelta(seconds=2)
        reconcile(self.shop.store, self.shop.gateway, now=now, since=self.begun, grace=timedelta(0))

    def judge(self, page: Page) -> None:
        """Both books say the same, and so does the page."""
        intents = self._intents(page)
        charges = [
            charge
            for intent in intents
            for charge in self.stripe.v1.charges.list({"payment_intent": intent.id}).data
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

    def _intents(self, page: Page) -> list[PaymentIntent]:
        objects = [event["data"]["object"] for event in self.events(page)]
        known = sorted({each["id"] for each in objects if each["object"] == "payment_intent"})
        return [self.stripe.v1.payment_intents.retrieve(intent) for intent in known]

    @property
    def stripe(self) -> StripeClient:
        """Stripe's side."""
        return self.shop.simulator.client()


def _order_of(event: dict[str, Any]) -> str | None:
    metadata: dict[str, str] = event["data"]["object"].get("metadata") or {}
    return metadata.get("order_id")


@dataclass
class BilledLife(Life):
    """One visitor whose order is a subscription, a trial, an invoice, or becomes one.

    Attributes:
        kind: of `TERMS`.
    """

    kind: str = "subscription"

    def open(self) -> Page:
        return self.shop.open(**TERMS[self.kind])

    def press(self, page: Page, token: str) -> str:
        invoiced = self.kind == "sent" or (self.kind == "switched" and self.rng.random() < 0.5)
        if invoiced:
            return self.said(self.shop.ask_for_invoice(page))
        return super().press(page, token)

    def said(self, answer: Any) -> str:
        if answer.status_code == 409:
            # A payment of the order is under way: the page asks how it stands.
            return "conflict"
        return super().said(answer)

    def events(self, page: Page) -> list[dict[str, Any]]:
        """Every event of this life so far: Stripe's own objects don't name the order."""
        newer: EventListParams = {"limit": 100}
        if self.since is not None:
            newer["ending_before"] = self.since
        listed = self.stripe.v1.events.list(newer).auto_paging_iter()
        # The SDK makes Decimals of decimal texts; on the wire they are texts.
        found = [json.loads(json.dumps(each.to_dict(), default=str)) for each in listed]
        self.rng.shuffle(found)
        return found

    def judge(self, page: Page) -> None:
        v1 = self.stripe.v1
        charges = [v1.charges.retrieve(each) for each in self._made(page, "charge")]
        setups = [v1.setup_intents.retrieve(each) for each in self._made(page, "setup_intent")]
        plans = [v1.subscriptions.retrieve(each) for each in self._made(page, "subscription")]
        invoices = [v1.invoices.retrieve(each) for each in self._made(page, "invoice")]
        paid = [charge for charge in charges if charge.status == "succeeded"]
        kept = [setup for setup in setups if setup.status == "succeeded"]
        living = [plan for plan in plans if plan.status in {"active", "trialing", "past_due"}]
        asking = [invoice for invoice in invoices if invoice.status == "open"]
        stands = self.shop.stands(page)
        story = (
            self.kind,
            self.seed,
            self.told,
            [charge.status for charge in charges],
            [setup.status for setup in setups],
            [plan.status for plan in plans],
            [invoice.status for invoice in invoices],
            stands,
        )
        assert len(paid) <= 1, story
        assert len(plans) <= 1, story
        assert len(asking) <= 1, story
        assert stands.get("amount_received", 0) == sum(charge.amount for charge in paid), story
        settled = bool(kept) if self.kind == "trial" else bool(paid)
        assert (stands["status"] == "paid") == settled, story
        assert (self.told[-1] == "succeeded") == settled, story
        if self.kind == "subscription":
            assert bool(living) == settled, story
        if self.kind in {"sent", "switched"}:
            # Never both charged and asked for; and who is asked for it is told so.
            assert not (paid and asking), story
            if self.told[-1] != "checking":
                assert bool(asking) == (self.told[-1] == "processing"), story
                assert bool(asking) == (stands["status"] == "processing"), story
        events = self.shop.rows(
            "SELECT count(*) FROM events WHERE checkout_id = :id AND name = 'payment_succeeded'",
            id=page.checkout_id,
        )
        assert events == [(int(settled),)], story

    def _made(self, page: Page, kind: str) -> list[str]:
        objects = [event["data"]["object"] for event in self.events(page)]
        return sorted({each["id"] for each in objects if each["object"] == kind and "id" in each})


TERMS: dict[str, dict[str, Any]] = {
    "subscription": {"mode": "subscription", "subscription": {"interval": "month"}},
    "trial": {"mode": "subscription", "subscription": {"interval": "month", "trial_days": 14}},
    "charged": {"mode": "invoice", "invoice": {"collection_method": "charge_automatically"}},
    "sent": {"mode": "invoice"},
    # Over the limit of a shop that offers invoices then, in a currency whose cards are still taken.
    "switched": {"currency": "eur", "lines": [{"description": "Plan", "amount": 1_200_000}]},
}
LIMITS = {"eur": 1_000_000}
