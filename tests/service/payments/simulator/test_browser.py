"""What the browser may do: make tokens of listed cards, look at its payment, pass 3-D Secure."""

import json
from pathlib import Path
from typing import Any

import pytest
import stripe
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from service.payments.simulator.cards import CARDS, ListedCard
from tests.service.payments.simulator.conftest import Simulator, order

pytestmark = pytest.mark.stripe
TOKENS = "/v1/confirmation_tokens"


def error(response: TestResponse) -> dict[str, Any]:
    found: dict[str, Any] = response.get_json()["error"]
    return found


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_every_listed_card_makes_a_token(browser: FlaskClient, card: ListedCard) -> None:
    spaced = " ".join(card.number[at : at + 4] for at in range(0, 16, 4))
    made = browser.post(TOKENS, json=order(spaced, cvc="1" * card.cvc_length))
    assert made.status_code == 200
    preview = made.get_json()["payment_method_preview"]
    assert (preview["card"]["last4"], preview["card"]["brand"]) == (card.last4, card.brand)
    assert preview["billing_details"]["address"]["city"] == "Malmö"
    assert card.number not in made.get_data(as_text=True)


def test_a_token_of_the_browser_pays(simulator: Simulator, browser: FlaskClient) -> None:
    token = browser.post(TOKENS, json=order()).get_json()["id"]
    seen = simulator.client.v1.confirmation_tokens.retrieve(token)
    assert seen.payment_method_preview is not None
    assert seen.payment_method_preview.type == "card"
    paid = simulator.pay(confirmation_token=token, return_url="", expand=["latest_charge"])
    assert isinstance(paid.latest_charge, stripe.Charge)
    assert paid.latest_charge.billing_details.name == "Mara"


@pytest.mark.parametrize("wrong", [{"amount": 2401}, {"currency": "eur"}])
def test_a_token_pays_only_what_elements_was_initialised_with(
    simulator: Simulator, browser: FlaskClient, wrong: dict[str, Any]
) -> None:
    token = browser.post(TOKENS, json=order()).get_json()["id"]
    with pytest.raises(stripe.InvalidRequestError) as caught:
        simulator.pay(confirmation_token=token, **wrong)
    assert caught.value.code == "payment_intent_invalid_parameter"
    assert caught.value.param == "confirmation_token"
    assert simulator.pay(confirmation_token=token).status == "succeeded"


@pytest.mark.parametrize("number", ["4111111111111111", "5105105105105100", "", "4242", "x"])
def test_a_card_that_is_not_listed_is_refused_and_never_kept(
    simulator: Simulator, browser: FlaskClient, number: str
) -> None:
    answer = browser.post(TOKENS, json=order(number))
    assert (answer.status_code, error(answer)["code"]) == (400, "card_number_not_listed")
    assert error(answer)["param"] == "number"
    if number:
        assert number not in answer.get_data(as_text=True).replace('"exp', "")
    assert_nowhere(simulator.database, "4111111111111111")
    assert_nowhere(simulator.database, "5105105105105100")


def test_not_even_a_listed_number_is_kept(simulator: Simulator, browser: FlaskClient) -> None:
    browser.post(TOKENS, json=order())
    assert_nowhere(simulator.database, "4242424242424242")


def assert_nowhere(database: Path, number: str) -> None:
    for file in database.parent.glob(f"{database.name}*"):
        assert number.encode() not in file.read_bytes()


@pytest.mark.parametrize(
    ("card", "code"),
    [
        ({"exp_month": 13}, "invalid_expiry_month"),
        ({"exp_month": None}, "invalid_expiry_month"),
        ({"exp_year": 2020}, "invalid_expiry_year"),
        ({"exp_year": 2134}, "invalid_expiry_year"),
        ({"cvc": "12"}, "invalid_cvc"),
        ({"cvc": "12a"}, "invalid_cvc"),
        ({"number": "378282246310005", "cvc": "123"}, "invalid_cvc"),
    ],
)
def test_mistyped_cards_are_refused_as_cards(
    browser: FlaskClient, card: dict[str, Any], code: str
) -> None:
    answer = browser.post(TOKENS, json=order(**card))
    assert (answer.status_code, error(answer)["type"]) == (402, "card_error")
    assert error(answer)["code"] == code


@pytest.mark.parametrize("key", ["pk_live_51abc", "pk_test_other", "sk_test_simulated", None])
def test_other_keys_are_refused(browser: FlaskClient, key: str | None) -> None:
    answer = browser.post(TOKENS, json=order() | {"key": key})
    assert answer.status_code in {400, 401}
    assert key is None or key not in error(answer)["message"] or key == "sk_test_simulated"


def test_the_payer_sees_the_public_part_of_the_intent(
    simulator: Simulator, browser: FlaskClient
) -> None:
    intent = simulator.pay(metadata={"assignment": "secret"})
    query = {"key": "pk_test_simulated", "client_secret": intent.client_secret}
    shown = browser.get(f"/v1/payment_intents/{intent.id}", query_string=query).get_json()
    assert (shown["id"], shown["status"]) == (intent.id, "succeeded")
    assert shown.keys().isdisjoint({"metadata", "customer", "latest_charge"})


def test_the_cards_are_published(browser: FlaskClient) -> None:
    listed = browser.get("/test-cards.json").get_json()
    assert [card["number"] for card in listed] == [card.number for card in CARDS]
    assert {card["outcome"] for card in listed if card["challenge"]} == {
        "succeeds",
        "generic_decline",
    }


@pytest.mark.parametrize(
    "path",
    [
        "/stripe.js",
        "/elements/payment",
        "/elements/address",
        "/authenticate/pi_1",
        "/microdeposits/pi_1",
        "/invoices/in_1",
        "/assets/element.css",
    ],
)
def test_the_stand_in_is_served_under_a_strict_policy(browser: FlaskClient, path: str) -> None:
    with browser.get(path) as answer:
        assert answer.status_code == 200
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/assets/../browser.py", "/assets/%2e%2e/cards.py", "/cards.py"])
def test_nothing_but_the_assets_is_served(browser: FlaskClient, path: str) -> None:
    assert browser.get(path).status_code == 404


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False),
        st.text(max_size=8),
        st.sampled_from(["pk_test_simulated", "4242424242424242", "usd", "\ud800"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["key", "elements", "payment_method", "card", "number", "amount"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=10,
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    JSON,
    st.sampled_from(
        [
            TOKENS,
            "/v1/elements",
            "/v1/payment_intents/pi_1/authenticate",
            "/v1/payment_methods/pm_1/detach",
            "/v1/setup_intents/seti_1/verify_microdeposits",
            "/v1/invoices/in_1/pay",
            "/v1/invoices/in_1/transfer",
        ]
    ),
)
def test_garbage_from_the_browser_is_refused(browser: FlaskClient, given: Any, path: str) -> None:
    answer = browser.post(path, data=json.dumps(given), content_type="application/json")
    assert answer.status_code in {400, 401, 404}
    assert error(answer)["message"]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(replaced=st.sampled_from(["elements", "payment_method", "return_url", "key"]), given=JSON)
def test_an_order_with_one_wrong_member_is_refused_or_made(
    browser: FlaskClient, replaced: str, given: Any
) -> None:
    body = json.dumps(order() | {replaced: given})
    answer = browser.post(TOKENS, data=body, content_type="application/json")
    assert answer.status_code in {200, 400, 401, 402}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("{", "application/json"),
        ("[]", "application/json"),
        ("{}", "text/plain"),
        ("[" * 20000, "application/json"),
        ("\xff", "application/json"),
    ],
)
def test_what_is_no_json_object_is_refused(browser: FlaskClient, body: str, kind: str) -> None:
    answer = browser.post(TOKENS, data=body.encode("latin-1"), content_type=kind)
    assert answer.status_code == 400


def test_a_huge_body_is_refused(browser: FlaskClient) -> None:
    huge = b'{"a": "' + b"x" * 100_000 + b'"}'
    assert browser.post(TOKENS, data=huge, content_type="application/json").status_code == 413
