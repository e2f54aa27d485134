"""3-D Secure: the bank's challenge, passed, failed, and kept from strangers."""

from datetime import UTC, datetime

import pytest
import stripe
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.payments.simulator.browser import create_browser_app
from tests.service.payments.simulator.conftest import Simulator, order

pytestmark = pytest.mark.stripe


def waiting(simulator: Simulator, browser: FlaskClient, number: str) -> stripe.PaymentIntent:
    token = browser.post("/v1/confirmation_tokens", json=order(number)).get_json()["id"]
    return simulator.pay(confirmation_token=token)


def finish(browser: FlaskClient, intent: stripe.PaymentIntent, outcome: str) -> TestResponse:
    given = {"key": "pk_test_simulated", "client_secret": intent.client_secret, "outcome": outcome}
    return browser.post(f"/v1/payment_intents/{intent.id}/authenticate", json=given)


def test_passing_the_challenge_charges(simulator: Simulator, browser: FlaskClient) -> None:
    intent = waiting(simulator, browser, "4000002760003184")
    assert intent.status == "requires_action"
    answer = finish(browser, intent, "succeed")
    assert (answer.status_code, answer.get_json()["status"]) == (200, "succeeded")
    paid = simulator.client.v1.payment_intents.retrieve(intent.id, {"expand": ["latest_charge"]})
    assert isinstance(paid.latest_charge, stripe.Charge)
    details = paid.latest_charge.payment_method_details
    assert details is not None
    assert details.card is not None
    assert details.card.three_d_secure is not None
    assert details.card.three_d_secure.result == "authenticated"
    simulator.drained()
    assert simulator.receiver.types_about(intent.id) == [
        "charge.succeeded",
        "charge.updated",
        "payment_intent.created",
        "payment_intent.requires_action",
        "payment_intent.succeeded",
    ]


def test_failing_the_challenge_makes_no_charge(simulator: Simulator, browser: FlaskClient) -> None:
    intent = waiting(simulator, browser, "4000002760003184")
    body = finish(browser, intent, "fail").get_json()
    assert body["status"] == "requires_payment_method"
    assert body["last_payment_error"]["code"] == "payment_intent_authentication_failure"
    assert (body["payment_method"], body["next_action"]) == (None, None)
    assert simulator.client.v1.charges.list({"payment_intent": intent.id}).data == []
    simulator.drained()
    assert "payment_intent.payment_failed" in simulator.receiver.types_about(intent.id)
    again = finish(browser, intent, "succeed")
    assert (again.status_code, again.get_json()["error"]["code"]) == (
        400,
        "payment_intent_unexpected_state",
    )


def test_a_card_can_pass_the_challenge_and_still_be_declined(
    simulator: Simulator, browser: FlaskClient
) -> None:
    intent = waiting(simulator, browser, "4000008400001629")
    body = finish(browser, intent, "succeed").get_json()
    assert body["status"] == "requires_payment_method"
    assert body["last_payment_error"]["code"] == "card_declined"
    charges = simulator.client.v1.charges.list({"payment_intent": intent.id}).data
    assert [charge.status for charge in charges] == ["failed"]


@pytest.mark.parametrize("secret", ["", "guess", "ü"])
def test_nobody_sees_an_intent_without_its_secret(
    simulator: Simulator, browser: FlaskClient, secret: str
) -> None:
    intent = waiting(simulator, browser, "4000002760003184")
    query = {"key": "pk_test_simulated", "client_secret": secret}
    assert browser.get(f"/v1/payment_intents/{intent.id}", query_string=query).status_code == 404
    forged = {**query, "outcome": "succeed"}
    path = f"/v1/payment_intents/{intent.id}/authenticate"
    assert browser.post(path, json=forged).status_code == 404
    assert simulator.client.v1.payment_intents.retrieve(intent.id).status == "requires_action"


def test_workers_share_the_file(simulator: Simulator) -> None:
    apps = [
        create_browser_app(simulator.database, clock=lambda: datetime.now(UTC)) for _ in range(2)
    ]
    intent = waiting(simulator, apps[0].test_client(), "4000002760003184")
    body = finish(apps[1].test_client(), intent, "succeed").get_json()
    assert body["status"] == "succeeded"
