"""What the fidelity checks hear of a running simulator."""

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.payments.simulator.api import Api, Request
from service.payments.stripe_gateway import StripeGateway
from service.server import SIMULATED_KEYS
from tests.provision.recorder import (
    TEXT,
    Recording,
    listen_to_api,
    listen_to_browser,
    listen_to_events,
)
from tests.service.payments.simulator.conftest import Simulator, order


def samples(directory: Path, kind: str) -> list[Any]:
    lines = [line for path in directory.glob("*.samples") for line in path.read_text().splitlines()]
    return [each[kind] for each in map(json.loads, lines) if kind in each]


@pytest.fixture
def heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recording of this test alone, beside that of the run."""
    from service.payments.simulator import api, browser, work  # noqa: PLC0415 - named as heard

    directory = tmp_path / "heard"
    directory.mkdir()
    recording = Recording(directory)
    for owner, name in ((api.Api, "answer"), (work.Work, "save"), (browser, "_answer")):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    listen_to_api(api, recording)
    listen_to_events(work, recording)
    listen_to_browser(browser, recording)
    return directory


def test_every_request_answer_and_event_is_heard(heard: Path, simulator: Simulator) -> None:
    paid = simulator.pay()
    asked = [f"{each['method']} {each['path']}" for each in samples(heard, "request")]
    assert asked == ["POST /v1/test_helpers/confirmation_tokens", "POST /v1/payment_intents"]
    assert samples(heard, "request")[1]["parameters"] == {
        "amount": ["0"],
        "confirm": ["true"],
        "confirmation_token": [TEXT],
        "currency": ["usd"],
        "return_url": [TEXT],
    }
    answers = samples(heard, "answer")
    assert paid.to_dict() in answers
    told = [each["type"] for each in answers if each["object"] == "event"]
    assert {"payment_intent.created", "charge.succeeded", "payment_intent.succeeded"} <= {*told}


def test_what_the_page_is_given_is_heard(heard: Path, browser: FlaskClient) -> None:
    given = browser.post("/v1/confirmation_tokens", json=order())
    assert given.status_code == 200
    assert samples(heard, "answer") == [{"browser": given.get_json()}]


def test_a_lists_path_has_no_ids_and_a_parameters_name_no_index(
    heard: Path, dated_api: tuple[Api, list[Any]]
) -> None:
    headers = {"authorization": "Bearer sk_test_simulated"}
    dated_api[0].answer(Request("GET", "/v1/charges/ch_3Abc/x", "expand[0]=a&expand%5B1%5D=b"))
    dated_api[0].answer(
        Request("POST", "/v1/refunds", headers=headers, body=b"metadata[a]=%5B0%5D")
    )
    first, second = samples(heard, "request")
    assert (first["path"], first["parameters"], first["status"]) == (
        "/v1/charges/*/x",
        {"expand[]": ["a", "b"]},
        401,
    )
    assert (second["parameters"], second["code"]) == ({"metadata[a]": [TEXT]}, "parameter_missing")


def test_kassa_is_known_by_the_name_its_gateway_gives(heard: Path, simulator: Simulator) -> None:
    simulator.client.v1.events.list()
    StripeGateway(SIMULATED_KEYS, base_address=simulator.url)
    simulator.client.v1.charges.list()
    assert [each["sender"] for each in samples(heard, "request")] == ["test", "kassa"]
