"""Scripted faults, and how the unmodified SDK lives through them."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
import stripe

from service.payments.simulator.faults import Faults
from tests.service.payments.simulator.conftest import Simulator

pytestmark = pytest.mark.stripe
INTENTS = "/v1/payment_intents"


def charges(simulator: Simulator) -> int:
    return len(simulator.client.v1.charges.list({"limit": 100}).data)


@pytest.mark.parametrize("do", ["drop", "drop_after"])
def test_a_cut_connection_is_retried_and_charges_once(simulator: Simulator, do: str) -> None:
    token = simulator.token()
    simulator.control("faults", [{"do": do, "path": INTENTS}])
    paid = simulator.pay(confirmation_token=token)
    assert paid.status == "succeeded"
    assert charges(simulator) == 1
    assert paid.last_response is not None
    replayed = "Idempotent-Replayed" in paid.last_response.headers
    assert replayed == (do == "drop_after")


@pytest.mark.parametrize(("status", "times"), [(409, 1), (500, 2), (503, 2)])
def test_passing_errors_are_retried_and_charge_once(
    simulator: Simulator, status: int, times: int
) -> None:
    token = simulator.token()
    fault = {"do": "status", "status": status, "path": INTENTS, "times": times}
    simulator.control("faults", [fault])
    assert simulator.pay(confirmation_token=token).status == "succeeded"
    assert charges(simulator) == 1


def test_a_rate_limit_reaches_the_caller_at_once(simulator: Simulator) -> None:
    token = simulator.token()
    simulator.control("faults", [{"do": "status", "status": 429, "path": INTENTS}])
    with pytest.raises(stripe.RateLimitError):
        simulator.pay(confirmation_token=token, key="k")
    assert simulator.pay(confirmation_token=token, key="k").status == "succeeded"


def test_a_stored_500_is_the_keys_answer_from_then_on(simulator: Simulator) -> None:
    token = simulator.token()
    fault = {"do": "status", "status": 500, "path": INTENTS, "stored": True}
    simulator.control("faults", [fault])
    for _ in range(2):
        with pytest.raises(stripe.APIError) as caught:
            simulator.pay(confirmation_token=token, key="k1")
        assert caught.value.http_status == 500
    assert charges(simulator) == 0
    assert simulator.pay(confirmation_token=token, key="k2").status == "succeeded"


@pytest.mark.parametrize(("do", "made"), [("hang", 0), ("hang_after", 1)])
def test_silence_times_out_with_or_without_the_work_done(
    simulator: Simulator, client_of: Callable[..., stripe.StripeClient], do: str, made: int
) -> None:
    impatient = stripe.RequestsClient(timeout=0.3)
    client = stripe.StripeClient(
        "sk_test_simulated",
        base_addresses={"api": simulator.url},
        http_client=impatient,
    )
    simulator.control("faults", [{"do": do, "path": INTENTS, "seconds": 2}])
    with pytest.raises(stripe.APIConnectionError):
        client.v1.payment_intents.create({"amount": 100, "currency": "usd"})
    impatient.close()  # type: ignore[no-untyped-call]  # the SDK leaves it untyped
    assert len(simulator.client.v1.payment_intents.list().data) == made


def test_faults_are_consumed_in_order_by_the_paths_they_name(simulator: Simulator) -> None:
    simulator.control(
        "faults",
        [
            {"do": "status", "status": 503, "path": "/v1/refunds"},
            {"do": "status", "status": 429, "path": "/v1/charges", "times": 2},
            {"do": "status", "status": 500},
        ],
    )
    headers = {"Authorization": "Bearer sk_test_simulated"}
    asked = ["events", "charges", "charges", "charges", "refunds/re_1"]
    statuses = [
        requests.get(f"{simulator.url}/v1/{path}", headers=headers, timeout=5).status_code
        for path in asked
    ]
    assert statuses == [500, 429, 429, 200, 503]


@pytest.mark.parametrize(
    "script",
    [
        {},
        ["drop"],
        [{"do": "explode"}],
        [{"do": "status", "status": 418}],
        [{"do": "drop", "times": 0}],
        [{"do": "drop", "sometimes": 1}],
        [{"do": "hang", "seconds": -1}],
        [{"status": "500"}],
    ],
)
def test_a_wrong_script_is_refused(simulator: Simulator, script: Any) -> None:
    answer = requests.post(f"{simulator.url}/_control/faults", json=script, timeout=5)
    assert answer.status_code == 400
    assert simulator.client.v1.events.list().data == []


def test_an_empty_script_clears_what_was_left() -> None:
    faults = Faults()
    faults.script([{"do": "drop"}])
    faults.script([])
    assert faults.take("/v1/charges") is None


@pytest.mark.parametrize(
    ("path", "body", "kind", "status"),
    [
        ("faults", "[]", "text/plain", 415),
        ("faults", "[", "application/json", 400),
        ("webhooks", '{"duplicate": "2"}', "application/json", 400),
        ("webhooks", '{"duplicate": 1000}', "application/json", 400),
        ("webhooks", '{"lose": 1.5}', "application/json", 400),
        ("webhooks", '{"schedule": "never"}', "application/json", 400),
        ("webhooks", "[]", "application/json", 400),
        ("disputes", "{}", "application/json", 400),
        ("disputes", '{"charge": "ch_absent"}', "application/json", 404),
        ("disputes", '{"charge": 5}', "application/json", 400),
        ("elsewhere", "{}", "application/json", 404),
    ],
)
def test_the_control_api_refuses_what_it_does_not_understand(
    simulator: Simulator, path: str, body: str, kind: str, status: int
) -> None:
    answer = requests.post(
        f"{simulator.url}/_control/{path}", data=body, headers={"Content-Type": kind}, timeout=5
    )
    assert answer.status_code == status
    assert "error" in json.loads(answer.text)


def test_a_hanging_request_holds_up_nobody_else(simulator: Simulator) -> None:
    simulator.control("faults", [{"do": "hang", "path": "/v1/charges", "seconds": 5}])
    headers = {"Authorization": "Bearer sk_test_simulated"}
    with pytest.raises(requests.Timeout):
        requests.get(f"{simulator.url}/v1/charges", headers=headers, timeout=0.2)
    began = time.monotonic()
    assert simulator.pay().status == "succeeded"
    assert time.monotonic() - began < 3
