"""Idempotency keys, expiry, and the moments that decide them."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import stripe

from service.payments.simulator.api import Api, Request
from service.payments.simulator.store import Store
from tests.service.payments.simulator.conftest import Simulator

pytestmark = pytest.mark.stripe
BEARER = {"authorization": "Bearer sk_test_simulated"}


def test_a_repeated_key_replays_the_answer_and_charges_once(simulator: Simulator) -> None:
    token = simulator.token()
    first = simulator.pay(key="order-1:1", confirmation_token=token)
    again = simulator.pay(key="order-1:1", confirmation_token=token)
    assert again.id == first.id
    assert first.last_response is not None
    assert again.last_response is not None
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert again.last_response.headers["Original-Request"] == first.last_response.request_id
    assert len(simulator.client.v1.charges.list().data) == 1


def test_a_repeated_key_replays_a_decline(simulator: Simulator) -> None:
    token, found = simulator.token("pm_card_chargeDeclined"), []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as caught:
            simulator.pay(key="order-2:1", confirmation_token=token)
        assert caught.value.error is not None
        assert caught.value.error.payment_intent is not None
        found.append(caught.value.error.payment_intent.id)
    assert caught.value.headers is not None
    assert caught.value.headers["Idempotent-Replayed"] == "true"
    assert found[0] == found[1]
    assert len(simulator.client.v1.charges.list().data) == 1


def test_one_key_with_other_parameters_is_refused(simulator: Simulator) -> None:
    simulator.pay(key="order-3:1")
    with pytest.raises(stripe.IdempotencyError) as caught:
        simulator.pay(key="order-3:1", amount=1)
    assert caught.value.http_status == 400
    with pytest.raises(stripe.IdempotencyError):
        simulator.client.v1.refunds.create({"charge": "ch_1"}, {"idempotency_key": "order-3:1"})


def test_a_refused_parameter_does_not_use_up_the_key(simulator: Simulator) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        simulator.pay(key="order-4:1", amount=1)
    assert simulator.pay(key="order-4:1").status == "succeeded"


def test_a_key_has_at_most_255_characters(simulator: Simulator) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="255"):
        simulator.pay(key="k" * 256)


def test_twenty_concurrent_requests_with_one_key_make_one_charge(simulator: Simulator) -> None:
    token = simulator.token()

    def attempt(_: int) -> str:
        return simulator.pay(key="order-5:1", confirmation_token=token).id

    with ThreadPoolExecutor(20) as pool:
        found = set(pool.map(attempt, range(20)))
    assert len(found) == 1
    assert len(simulator.client.v1.payment_intents.list().data) == 1
    assert len(simulator.client.v1.charges.list().data) == 1


def ask(api: Api, path: str, body: str, key: str) -> tuple[int, dict[str, Any]]:
    headers = {**BEARER, "idempotency-key": key}
    response = api.answer(Request("POST", path, headers=headers, body=body.encode()))
    found: dict[str, Any] = json.loads(response.body)
    return response.status, found


def test_a_token_expires_after_twelve_hours(dated_api: tuple[Api, list[datetime]]) -> None:
    api, moments = dated_api
    helper = "/v1/test_helpers/confirmation_tokens"
    made = [ask(api, helper, "payment_method=pm_card_visa", f"t{n}")[1]["id"] for n in range(2)]
    form = "amount=500&currency=usd&confirm=true&return_url=https://x&confirmation_token="
    moments.append(moments[0] + timedelta(hours=12, seconds=-1))
    assert ask(api, "/v1/payment_intents", form + made[0], "a")[0] == 200
    moments.append(moments[0] + timedelta(hours=12))
    status, body = ask(api, "/v1/payment_intents", form + made[1], "b")
    assert (status, body["error"]["code"]) == (400, "expired_payment_method")


def test_a_key_is_forgotten_after_a_day(dated_api: tuple[Api, list[datetime]]) -> None:
    api, moments = dated_api
    form = "amount=500&currency=usd"
    first = ask(api, "/v1/payment_intents", form, "k")[1]["id"]
    moments.append(moments[0] + timedelta(hours=23, minutes=59))
    assert ask(api, "/v1/payment_intents", form, "k")[1]["id"] == first
    moments.append(moments[0] + timedelta(hours=24))
    assert ask(api, "/v1/payment_intents", form, "k")[1]["id"] != first


def test_a_lock_held_too_long_is_a_conflict_that_the_sdk_may_retry(tmp_path: Path) -> None:
    impatient = Store(tmp_path / "locked.db", patience=0.05)
    with Store(tmp_path / "locked.db").write():
        status, body = ask(
            Api(impatient, lambda: datetime.now(UTC)), "/v1/customers", "name=M", "k"
        )
    assert (status, body["error"]["code"]) == (409, "lock_timeout")
