"""The judge of a whole run sees what is wrong, in every process, and fails the run for it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from service.payments.simulator.api import Request, Response
from service.payments.simulator.wire import to_bytes
from tests.provision.fidelity import judge
from tests.provision.recorder import Recording, shape

ROOT = Path(__file__).parents[2]
KASSA = {"x-stripe-client-user-agent": '{"application": {"name": "Kassa"}}'}
REFUND: dict[str, Any] = {
    "id": "re_1Abc",
    "object": "refund",
    "amount": 100,
    "charge": "ch_1Abc",
    "created": 1795600000,
    "currency": "usd",
    "metadata": {},
    "payment_intent": "pi_1Abc",
    "reason": "fraudulent",
    "status": "succeeded",
}
EVENT: dict[str, Any] = {
    "id": "evt_1Abc",
    "object": "event",
    "api_version": "2026-10-28.endive",
    "created": 1795600000,
    "data": {"object": REFUND},
    "livemode": False,
    "pending_webhooks": 1,
    "request": None,
    "type": "refund.created",
}


def asked(path: str, body: str, **headers: str) -> Request:
    return Request("POST", path, headers=headers, body=body.encode())


def answer(body: object = REFUND, status: int = 200) -> Response:
    return Response(status, to_bytes(body))


def test_what_is_right_is_counted_and_passes(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    for number in range(3):
        form = f"charge=ch_{number}Abc&metadata[a]=b&expand[0]=charge"
        recording.exchange(asked("/v1/refunds", form), answer(REFUND | {"amount": number}))
    recording.answered(EVENT)
    verdict = judge(tmp_path)
    assert verdict.faultless
    assert (verdict.requests, verdict.request_shapes) == (3, 1)
    assert (verdict.answers, verdict.answer_shapes) == (4, 2)
    assert list(verdict.lines()) == [
        "3 requests of 1 shapes: 0 unknown parameters or values (0 shapes meant to be refused)",
        "4 answers and events of 2 shapes: 0 hard findings",
    ]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/payment_intents", "payment_method_types[0]"),
        ("/v1/payment_intents/pi_3Abc/confirm", "payment_method_types[0]"),
        ("/v1/payment_intents", "shipping[address][street]"),
        ("/v1/subscriptions", "items[0][price_date][currency]"),
        ("/v1/refunds", "api_key"),
    ],
)
def test_a_parameter_that_stripe_does_not_know_is_seen(
    tmp_path: Path, path: str, name: str
) -> None:
    Recording(tmp_path).exchange(asked(path, f"{name}=x"), answer())
    verdict = judge(tmp_path)
    address, unknown = path.replace("pi_3Abc", "*"), name.replace("[0]", "[]")
    assert verdict.unknown == [f"POST {address}: {unknown}"]
    assert not verdict.faultless


@pytest.mark.parametrize(
    ("parameter", "misfits"),
    [
        ("capture_method=manual", 0),
        ("capture_method=manually", 1),
        ("amount=2400", 0),
        ("amount=much", 1),
        ("amount=24.5", 1),
        ("confirm=true", 0),
        ("confirm=yes", 1),
        ("metadata[capture_method]=anything", 0),
        ("metadata=", 0),
        ("setup_future_usage=off_session", 0),
        ("setup_future_usage=sometimes", 1),
        ("description=some words", 0),
        ("customer=cus_1Abc", 0),
        ("allowed_payment_method_types[0]=us_bank_account", 0),
        ("allowed_payment_method_types[0]=us_bank", 1),
        ("shipping=", 0),
        ("shipping=x", 1),
    ],
)
def test_a_value_that_stripe_does_not_take_is_seen(
    tmp_path: Path, parameter: str, misfits: int
) -> None:
    Recording(tmp_path).exchange(asked("/v1/payment_intents", parameter), answer())
    unknown = judge(tmp_path).unknown
    assert len(unknown) == misfits, unknown


def test_an_address_that_stripe_does_not_have_is_seen(tmp_path: Path) -> None:
    Recording(tmp_path).exchange(asked("/v1/refund", ""), answer())
    assert judge(tmp_path).unknown == ["POST /v1/refund: not in the SDK"]


def test_a_refused_parameter_is_forgiven_to_tests_and_not_to_kassa(tmp_path: Path) -> None:
    refusal = {"error": {"type": "invalid_request_error", "code": "parameter_unknown"}}
    form = "payment_method_types[0]=card"
    recording = Recording(tmp_path)
    recording.exchange(asked("/v1/payment_intents", form), answer(refusal, 400))
    assert judge(tmp_path).faultless
    assert judge(tmp_path).refused == 1
    recording.exchange(asked("/v1/payment_intents", form, **KASSA), answer(refusal, 400))
    assert judge(tmp_path).unknown == ["POST /v1/payment_intents: payment_method_types[]"]


@pytest.mark.parametrize(
    ("body", "finding"),
    [
        (REFUND | {"status": "a plain text"}, None),
        (REFUND | {"reason": "whim"}, "Refund.reason: 'whim' is not one of"),
        (REFUND | {"amount": None}, "Refund.amount: None is not int"),
        (REFUND | {"object": "refunds"}, "answer: refunds is no object of the SDK"),
        ({"object": "list", "data": [REFUND], "url": "/"}, "list.has_more: missing or of"),
        (
            {"object": "list", "data": [REFUND | {"x": 1}], "has_more": False, "url": "/"},
            "Refund.x: unknown",
        ),
        ({"id": "re_1", "object": "refund", "deleted": True, "amount": 1}, "deleted refund: has"),
        ({"error": {"message": "x"}}, "ErrorObject.type: missing"),
        (EVENT | {"type": "refund.invented"}, "Event.type: 'refund.invented' is not one of"),
        (EVENT | {"data": {"object": REFUND | {"x": 1}}}, "refund.created: Refund.x: unknown"),
        (
            EVENT | {"data": {"object": REFUND, "previous_attributes": {"amuont": 1}}},
            "Refund before.amuont: unknown",
        ),
        ({"browser": REFUND | {"x": 1}}, "in the browser: Refund.x: unknown"),
        ({"browser": {"test_cards": []}}, None),
    ],
)
def test_a_wrong_answer_is_seen(tmp_path: Path, body: Any, finding: str | None) -> None:
    Recording(tmp_path).answered(body)
    found = judge(tmp_path).findings
    assert len(found) == (finding is not None), found
    assert all(each.startswith(str(finding)) for each in found)


def test_shapes_differ_by_all_that_a_check_looks_at() -> None:
    def same(one: object, other: object) -> bool:
        return shape(one) == shape(other)

    assert same({"id": "pi_3AbC", "amount": 1}, {"id": "pi_4XyZ", "amount": 2})
    assert same({"metadata": {"order": "one"}}, {"metadata": {"order": "two"}})
    assert same([{"a": 1}, {"a": 2}], [{"a": 3}])
    assert not same({"status": "open"}, {"status": "paid"})
    assert not same({"amount": 1}, {"amount": None})
    assert not same({"amount": 1}, {"amount": True})
    assert not same({"amount": 1}, {"amount": 1, "more": 1})
    assert not same([{"a": 1}], [{"a": 1}, {"a": "x"}])


# The simulator is loaded before anything is recorded, as a conftest of the tests may do.
RUN = """
import pytest
import service.payments.simulator.api
from tests.provision import fidelity

def pytest_configure(config): fidelity.begin(config)
@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session): fidelity.finish(session)
def pytest_terminal_summary(terminalreporter): fidelity.summarise(terminalreporter)
"""
TEST = """
import requests
from service.payments.simulator.process import start

def create(tmp_path, form):
    process = start(tmp_path / "s.db", port=0, webhook_url="http://127.0.0.1:9/",
                    webhook_secret="whsec_x")
    headers = {"Authorization": "Bearer sk_test_simulated"}
    answer = requests.post(process.url + "/v1/customers", form, headers=headers)
    process.stop()
    return answer

def test_one(tmp_path):
    assert create(tmp_path, {"email": "m@example.org"}).status_code == 200

def test_two(tmp_path):
    assert create(tmp_path, {"INVENTED": "1"}).status_code == 400

def test_three(tmp_path):
    from service.payments.simulator.api import Api, Request
    from service.payments.simulator.store import Store
    from datetime import UTC, datetime
    from service.payments.simulator import parameters, routes
    routes.ROUTES[0].parameters.readers["invented"] = parameters.text
    headers = {"authorization": "Bearer sk_test_simulated"}
    api = Api(Store(tmp_path / "t.db"), lambda: datetime.now(UTC))
    request = Request("POST", "/v1/customers", headers=headers, body=b"invented=x")
    api.answer(request)
"""


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "with xdist"])
def test_a_run_whose_tests_pass_fails_for_what_was_recorded(
    tmp_path: Path, workers: list[str]
) -> None:
    (tmp_path / "conftest.py").write_text(RUN)
    (tmp_path / "test_it.py").write_text(TEST)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *workers, tmp_path],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k != "SIMULATOR_RECORDING"}
        | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "3 passed" in ran.stdout, ran.stdout + ran.stderr
    assert "3 requests of 3 shapes: 1 unknown parameters or values (1 shapes meant" in ran.stdout
    assert "POST /v1/customers: invented" in ran.stdout
    assert ran.returncode == 1
