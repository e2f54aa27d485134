"""Every object the simulator returns has the shape the installed SDK declares."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe

from service.payments.simulator.cards import CARDS
from tests.service.payments.simulator.conftest import Simulator
from tests.service.payments.simulator.shapes import answer_findings, findings

pytestmark = pytest.mark.stripe

# Stripe's own fixtures, where they lie beside this repository. They lag behind the SDK in this:
FIXTURES = Path(__file__).parents[5] / "shared" / "data" / "stripe" / "fixtures3.json"
LAGGING = {
    "dispute": ["Dispute.evidence_details.submission_method: missing"],
    "invoice": ["Invoice.subscription: unknown"],
    "customer_session": [
        "CustomerSession.components.active_entitlements: missing",
        "CustomerSession.components.customer_portal: missing",
    ],
    "event": ["plan.created: Plan.aggregate_usage: unknown"],
}
KINDS = frozenset(
    {
        "balance_transaction",
        "charge",
        "confirmation_token",
        "customer",
        "customer_session",
        "deleted_customer",
        "deleted_invoice",
        "dispute",
        "event",
        "invoice",
        "invoice_payment",
        "invoiceitem",
        "line_item",
        "mandate",
        "payment_intent",
        "payment_method",
        "price",
        "product",
        "radar.early_fraud_warning",
        "refund",
        "setup_intent",
        "subscription",
        "subscription_item",
        "webhook_endpoint",
    }
)


def everything(simulator: Simulator) -> list[dict[str, Any]]:
    """Every object of every way a payment can end, as it travels."""
    customer = simulator.client.v1.customers.create(
        {"email": "mara@example.org", "shipping": {"name": "M", "address": {"line1": "1"}}}
    )
    for card in CARDS:
        try:
            simulator.pay(card.aliases[0], customer=customer.id, shipping={"name": "M"})
        except stripe.CardError:
            assert card.decline
    paid = simulator.pay()
    simulator.client.v1.refunds.create({"payment_intent": paid.id, "reason": "fraudulent"})
    simulator.control("disputes", {"charge": str(simulator.pay().latest_charge)})
    simulator.control("warnings", {"charge": str(paid.latest_charge)})
    made = simulator.client.v1.payment_intents.create({"amount": 100, "currency": "usd"})
    simulator.client.v1.payment_intents.cancel(made.id)
    return collected(simulator)


def collected(simulator: Simulator) -> list[dict[str, Any]]:
    headers = {"Authorization": "Bearer sk_test_simulated"}

    def page(path: str) -> list[dict[str, Any]]:
        address = f"{simulator.url}/v1/{path}"
        found: list[dict[str, Any]] = requests.get(address, headers=headers, timeout=10).json()[
            "data"
        ]
        return found

    events = page("events?limit=100")
    intents = page("payment_intents?limit=100&expand[]=data.payment_method")
    charges = page("charges?limit=100&expand[]=data.payment_intent")
    booked = page("balance_transactions?limit=100")
    token = simulator.token()
    one = requests.get(
        f"{simulator.url}/v1/confirmation_tokens/{token}", headers=headers, timeout=10
    ).json()
    return [
        *events,
        *(event["data"]["object"] for event in events),
        *intents,
        *charges,
        *booked,
        one,
    ]


def test_every_object_has_the_sdks_shape(simulator: Simulator) -> None:
    found = everything(simulator)
    assert {body["object"] for body in found} == SHORTENED.keys()
    assert {body["type"] for body in found if body["object"] == "event"} == {
        "customer.created",
        "payment_intent.created",
        "payment_intent.requires_action",
        "payment_intent.payment_failed",
        "payment_intent.succeeded",
        "payment_intent.canceled",
        "charge.succeeded",
        "charge.updated",
        "charge.failed",
        "charge.refunded",
        "charge.dispute.created",
        "refund.created",
        "radar.early_fraud_warning.created",
    }
    assert [finding for body in found for finding in answer_findings(body)] == []


def test_an_object_has_all_that_stripes_own_fixture_has(simulator: Simulator) -> None:
    fixtures = json.loads(FIXTURES.read_text())["resources"] if FIXTURES.exists() else SHORTENED
    for body in everything(simulator):
        kind = body["object"]
        # Read-only leftovers of the old Sources API, and lists left out unless expanded.
        absent = fixtures[kind].keys() - body.keys() - {"source", "refunds", "managed_payments"}
        assert absent == set(), kind


# What matters most of the fixtures, for when they are not there.
SHORTENED = {
    "payment_intent": dict.fromkeys(["client_secret", "latest_charge", "next_action", "status"]),
    "charge": dict.fromkeys(["outcome", "payment_method_details", "balance_transaction", "paid"]),
    "refund": dict.fromkeys(["charge", "payment_intent", "status"]),
    "event": dict.fromkeys(["api_version", "data", "livemode", "pending_webhooks", "request"]),
    "customer": dict.fromkeys(["email", "invoice_settings", "metadata"]),
    "confirmation_token": dict.fromkeys(["expires_at", "payment_method_preview", "return_url"]),
    "dispute": dict.fromkeys(["charge", "evidence_details", "reason", "status"]),
    "balance_transaction": dict.fromkeys(["amount", "fee", "fee_details", "net", "source"]),
    "radar.early_fraud_warning": dict.fromkeys(["actionable", "charge", "fraud_type"]),
}


def stripes_own() -> dict[str, dict[str, Any]]:
    """Stripe's fixtures of our resources; without them, one object by hand from the reference."""
    present = json.loads(FIXTURES.read_text())["resources"] if FIXTURES.exists() else {}
    handmade = {"id": "re_1", "object": "refund", "amount": 1, "created": 1, "currency": "usd"}
    return {"refund": handmade} | {kind: present[kind] for kind in sorted(KINDS) if kind in present}


@pytest.mark.parametrize(("kind", "body"), stripes_own().items(), ids=list(stripes_own()))
def test_the_checker_accepts_stripes_own_objects(kind: str, body: dict[str, Any]) -> None:
    assert answer_findings(body) == LAGGING.get(kind, [])


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"amount": "2400"}, "Refund.amount: '2400' is not int"),
        ({"amount": True}, "Refund.amount: True is not int"),
        ({"amuont": 1}, "Refund.amuont: unknown"),
        ({"created": None}, "Refund.created: None is not int"),
        ({"object": "charge"}, "Refund.object: 'charge' is not one of ('refund',)"),
        ({"metadata": {"a": 1}}, "Refund.metadata.a: 1 is not str"),
        (
            {"destination_details": {"type": "card", "card": {"typo": "x"}}},
            "Refund.destination_details.card.typo: unknown",
        ),
    ],
)
def test_the_checker_sees_what_is_wrong(
    simulator: Simulator, change: dict[str, Any], finding: str
) -> None:
    refund = simulator.client.v1.refunds.create({"payment_intent": simulator.pay().id})
    body = refund.to_dict()
    assert findings(stripe.Refund, body) == []
    assert finding in findings(stripe.Refund, body | change)
    assert "Refund.id: missing" in findings(stripe.Refund, {})
