"""Stripe's wire conventions: keys, errors, idempotency, cursors, expansion."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import requests
import stripe
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stripe.params import (
    CustomerCreateParams,
    PaymentIntentCancelParams,
    PaymentIntentConfirmParams,
    PaymentIntentCreateParams,
    PaymentIntentUpdateParams,
    RefundCreateParams,
)

from service.payments.simulator.api import Api, Request
from service.payments.simulator.parameters import Parameters
from service.payments.simulator.resources import customers, payment_intents, refunds
from service.payments.simulator.wire import API_VERSION
from tests.service.payments.simulator.conftest import Simulator

pytestmark = pytest.mark.stripe
BEARER = {"authorization": "Bearer sk_test_simulated"}


def post(simulator: Simulator, path: str, **form: str) -> requests.Response:
    headers = {"Authorization": BEARER["authorization"]}
    return requests.post(f"{simulator.url}{path}", data=form, headers=headers, timeout=10)


def test_the_simulator_speaks_the_version_the_sdk_pins(simulator: Simulator) -> None:
    assert stripe.api_version == API_VERSION
    made = simulator.client.v1.customers.create({"name": "Mara"})
    assert made.last_response is not None
    assert made.last_response.headers["Stripe-Version"] == API_VERSION
    assert str(made.last_response.request_id).startswith("req_")


@pytest.mark.parametrize("key", ["sk_test_other", "sk_live_51abcdef", "rk_live_1", "pk_live_1"])
def test_other_keys_are_refused_and_never_repeated(
    simulator: Simulator, client_of: Callable[..., stripe.StripeClient], key: str
) -> None:
    with pytest.raises(stripe.AuthenticationError) as caught:
        client_of(simulator.url, key).v1.customers.create({})
    assert caught.value.http_status == 401
    assert key not in str(caught.value)


def test_no_key_is_refused(simulator: Simulator) -> None:
    answer = requests.get(f"{simulator.url}/v1/events", timeout=10)
    assert answer.status_code == 401
    assert answer.json()["error"].keys() == {"message", "type"}


def test_absent_objects_are_resource_missing(simulator: Simulator) -> None:
    v1 = simulator.client.v1
    lookups: list[Callable[[str], object]] = [
        v1.payment_intents.retrieve,
        v1.charges.retrieve,
        v1.refunds.retrieve,
        v1.customers.retrieve,
        v1.events.retrieve,
        v1.confirmation_tokens.retrieve,
    ]
    for lookup in lookups:
        with pytest.raises(stripe.InvalidRequestError) as caught:
            lookup("xx_absent")
        assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")


def test_an_id_of_another_kind_is_missing(simulator: Simulator) -> None:
    intent = simulator.client.v1.payment_intents.create({"amount": 100, "currency": "usd"})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        simulator.client.v1.charges.retrieve(intent.id)
    assert caught.value.code == "resource_missing"


@pytest.mark.parametrize(
    ("form", "code", "param"),
    [
        ({"currency": "usd"}, "parameter_missing", "amount"),
        ({"amount": "100"}, "parameter_missing", "currency"),
        ({"amount": "1e3", "currency": "usd"}, "parameter_invalid_integer", "amount"),
        ({"amount": "", "currency": "usd"}, "parameter_invalid_integer", "amount"),
        ({"amount": "100", "currency": "xxx"}, None, "currency"),
        ({"amount": "100", "currency": "usd", "amonut": "1"}, "parameter_unknown", "amonut"),
        (
            {"amount": "100", "currency": "usd", "shipping[adress][city]": "x"},
            "parameter_unknown",
            "shipping[adress]",
        ),
        (
            {"amount": "100", "currency": "usd", "payment_method_types[0]": "card"},
            "payment_method_types_no_longer_supported",
            "payment_method_types",
        ),
        ({"amount": "100", "currency": "usd", "confirm": "yes"}, None, "confirm"),
        ({"amount": "100", "currency": "usd", "metadata[a][b]": "1"}, None, "metadata[a]"),
        ({"amount": "100", "currency": "usd", "capture_method": "manual"}, None, "capture_method"),
        (
            {"amount": "100", "currency": "usd", "confirmation_token": "ctoken_1"},
            None,
            "confirmation_token",
        ),
    ],
)
def test_a_wrong_parameter_is_named(
    simulator: Simulator, form: dict[str, str], code: str | None, param: str
) -> None:
    answer = post(simulator, "/v1/payment_intents", **form)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
    assert (error.get("code"), error["param"]) == (code, param)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (payment_intents.CREATE, PaymentIntentCreateParams),
        (payment_intents.CONFIRM, PaymentIntentConfirmParams),
        (payment_intents.UPDATE, PaymentIntentUpdateParams),
        (payment_intents.CANCEL, PaymentIntentCancelParams),
        (customers.CREATE, CustomerCreateParams),
        (refunds.CREATE, RefundCreateParams),
    ],
)
def test_every_parameter_taken_is_one_of_stripes(ours: Parameters, theirs: type) -> None:
    assert set(ours.readers) <= theirs.__annotations__.keys()


def test_lists_are_paged_newest_first_in_both_directions(simulator: Simulator) -> None:
    intents = simulator.client.v1.payment_intents
    made = [intents.create({"amount": 100 + n, "currency": "usd"}).id for n in range(7)][::-1]
    first = intents.list({"limit": 3})
    assert ([i.id for i in first.data], first.has_more) == (made[:3], True)
    second = intents.list({"limit": 3, "starting_after": made[2]})
    assert [i.id for i in second.data] == made[3:6]
    last = intents.list({"limit": 3, "starting_after": made[5]})
    assert ([i.id for i in last.data], last.has_more) == (made[6:], False)
    back = intents.list({"limit": 3, "ending_before": made[6]})
    assert ([i.id for i in back.data], back.has_more) == (made[3:6], True)
    assert [i.id for i in first.auto_paging_iter()] == made


def test_a_list_refuses_wrong_limits_and_cursors(simulator: Simulator) -> None:
    intents = simulator.client.v1.payment_intents
    for limit in (0, 101):
        with pytest.raises(stripe.InvalidRequestError, match="limit"):
            intents.list({"limit": limit})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        intents.list({"starting_after": "pi_absent"})
    assert caught.value.code == "resource_missing"


def test_events_are_found_by_type_and_time(simulator: Simulator) -> None:
    simulator.pay()
    events = simulator.client.v1.events
    wanted = events.list({"types": ["payment_intent.succeeded", "charge.succeeded"]}).data
    assert sorted(e.type for e in wanted) == ["charge.succeeded", "payment_intent.succeeded"]
    assert [e.type for e in events.list({"type": "charge.succeeded"}).data] == ["charge.succeeded"]
    now = int(datetime.now(UTC).timestamp())
    assert events.list({"created": {"gt": now + 60}}).data == []
    assert len(events.list({"created": {"gte": now - 60}}).data) == 4
    simulator.drained()
    assert events.retrieve(wanted[0].id).pending_webhooks == 0


def test_expansion_reaches_four_levels_and_refuses_what_is_no_reference(
    simulator: Simulator,
) -> None:
    paid = simulator.pay()
    found = simulator.client.v1.payment_intents.list(
        {"expand": ["data.latest_charge.payment_intent", "data.payment_method"]}
    ).data[0]
    assert isinstance(found.latest_charge, stripe.Charge)
    assert isinstance(found.latest_charge.payment_intent, stripe.PaymentIntent)
    assert found.latest_charge.payment_intent.id == paid.id
    assert isinstance(found.payment_method, stripe.PaymentMethod)
    for wrong in ("status", "nothing", "latest_charge.outcome", "a.b.c.d.e"):
        with pytest.raises(stripe.InvalidRequestError, match="expand"):
            simulator.client.v1.payment_intents.retrieve(paid.id, {"expand": [wrong]})


def test_a_wrong_client_secret_finds_nothing(simulator: Simulator) -> None:
    intents = simulator.client.v1.payment_intents
    made = intents.create({"amount": 100, "currency": "usd"})
    assert intents.retrieve(made.id, {"client_secret": str(made.client_secret)}).id == made.id
    with pytest.raises(stripe.InvalidRequestError):
        intents.retrieve(made.id, {"client_secret": f"{made.id}_secret_guess"})


PATHS = st.sampled_from(
    ["/v1/payment_intents", "/v1/refunds", "/v1/customers", "/v1/events", "/v1/%ff", "/", "/v1/x"]
)
NAMES = st.sampled_from(
    ["amount", "currency", "confirm", "metadata", "metadata[a]", "expand[]", "expand", "limit"]
)
VALUES = st.one_of(st.text(max_size=20), st.sampled_from(["100", "usd", "true", "latest_charge"]))


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "POST", "DELETE"]),
    path=PATHS,
    form=st.lists(st.tuples(NAMES, VALUES), max_size=6),
    noise=st.binary(max_size=30),
)
def test_garbage_is_refused_and_never_breaks_the_simulator(
    dated_api: tuple[Api, list[datetime]],
    method: str,
    path: str,
    form: list[tuple[str, str]],
    noise: bytes,
) -> None:
    body = "&".join(f"{name}={value}" for name, value in form).encode("utf-8") + noise
    query = body.decode("latin-1")
    request = Request(method, path, query=query, headers=BEARER, body=body)
    response = dated_api[0].answer(request)
    assert response.status in {200, 400, 404}
    assert isinstance(json.loads(response.body), dict)
