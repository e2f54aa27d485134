"""What the browser may do beyond cards: bank accounts, saved methods, setups and subscriptions."""

from typing import Any

import pytest
import stripe
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.payments.simulator.banks import BANKS, ListedBank
from service.payments.simulator.wallets import WALLETS, Wallet
from tests.service.payments.simulator.conftest import Simulator, order
from tests.service.payments.simulator.test_browser import TOKENS, assert_nowhere, error

pytestmark = pytest.mark.stripe
KEY = {"key": "pk_test_simulated"}
RETURN_URL = "https://shop.example/return"
EVERYTHING: Any = {
    "payment_method_redisplay": "enabled",
    "payment_method_remove": "enabled",
    "payment_method_save": "enabled",
    "payment_method_save_usage": "off_session",
}


def options(**changes: Any) -> dict[str, Any]:
    return {"mode": "payment", "amount": 2400, "currency": "usd"} | changes


def bank_order(number: str = "000123456789", **account: Any) -> dict[str, Any]:
    entered = {
        "account_holder_type": "individual",
        "account_number": number,
        "routing_number": "110000000",
        **account,
    }
    billing = {"name": "Mara", "email": "m@example.org"}
    method = {"type": "us_bank_account", "us_bank_account": entered, "billing_details": billing}
    return order() | {"payment_method": method}


def wallet_order(wallet: str, number: str = "4242424242424242") -> dict[str, Any]:
    return _held("card", {"number": number, "wallet": wallet})


def link_order(number: str = "4242424242424242") -> dict[str, Any]:
    return _held("link", {"number": number})


def _held(kind: str, entered: dict[str, str]) -> dict[str, Any]:
    billing = {"name": "Mara", "email": "m@example.org"}
    return order() | {"payment_method": {"type": kind, kind: entered, "billing_details": billing}}


def token(browser: FlaskClient, given: dict[str, Any]) -> dict[str, Any]:
    answer = browser.post(TOKENS, json=given)
    assert answer.status_code == 200, answer.get_json()
    found: dict[str, Any] = answer.get_json()
    return found


def begin(browser: FlaskClient, **changes: Any) -> TestResponse:
    return browser.post("/v1/elements", json=KEY | {"elements": options(**changes)})


def session(simulator: Simulator, customer: str, **features: Any) -> str:
    made = simulator.client.v1.customer_sessions.create(
        {
            "customer": customer,
            "components": {"payment_element": {"enabled": True, "features": EVERYTHING | features}},
        }
    )
    return made.client_secret


def customer_with_cards(
    simulator: Simulator, browser: FlaskClient, count: int = 1
) -> tuple[str, list[str]]:
    """A customer, and the ids of the cards saved through the ticked box, newest first."""
    customer = simulator.client.v1.customers.create({"name": "Mara"}).id
    secret = session(simulator, customer)
    saved: list[str] = []
    for _ in range(count):
        elements = options(customer_session_client_secret=secret)
        made = token(browser, order() | {"elements": elements, "save": True})
        paid = simulator.pay(confirmation_token=made["id"], customer=customer)
        saved.insert(0, str(paid.payment_method))
    return customer, saved


def set_up(simulator: Simulator, token_id: str, **extra: Any) -> stripe.SetupIntent:
    params: Any = {"confirm": True, "confirmation_token": token_id, "return_url": RETURN_URL}
    return simulator.client.v1.setup_intents.create(params | extra)


def charge_of(intent: stripe.PaymentIntent) -> dict[str, Any]:
    assert isinstance(intent.latest_charge, stripe.Charge)
    return intent.latest_charge.to_dict()


@pytest.mark.parametrize("bank", BANKS, ids=lambda bank: bank.name)
def test_every_listed_account_makes_a_token_that_agrees_to_a_debit(
    simulator: Simulator, browser: FlaskClient, bank: ListedBank
) -> None:
    made = token(browser, bank_order(bank.number, account_holder_type="company"))
    shown = made["payment_method_preview"]["us_bank_account"]
    assert (shown["last4"], shown["account_holder_type"]) == (bank.last4, "company")
    assert made["mandate_data"]["customer_acceptance"]["online"]["ip_address"] == "127.0.0.1"
    assert simulator.pay(confirmation_token=made["id"]).status == "processing"
    assert_nowhere(simulator.database, bank.number)


@pytest.mark.parametrize(
    "account",
    [{"number": "998877665544"}, {"number": ""}, {"routing_number": "021000021"}],
)
def test_an_account_that_is_not_listed_is_refused_and_never_kept(
    simulator: Simulator, browser: FlaskClient, account: dict[str, str]
) -> None:
    answer = browser.post(TOKENS, json=bank_order(**account))
    assert (answer.status_code, error(answer)["code"]) == (400, "account_number_not_listed")
    assert_nowhere(simulator.database, "998877665544")
    assert_nowhere(simulator.database, "021000021")


def test_the_accounts_are_published(browser: FlaskClient) -> None:
    listed = browser.get("/test-banks.json").get_json()
    assert [each["account_number"] for each in listed] == [bank.number for bank in BANKS]
    assert {each["routing_number"] for each in listed} == {"110000000"}
    outcomes = {each["outcome"] for each in listed}
    assert outcomes > {"succeeds", "disputed", "processing", "account_closed"}


@pytest.mark.parametrize("wallet", WALLETS, ids=lambda wallet: wallet.name)
def test_a_wallet_pays_with_the_listed_card_it_holds(
    simulator: Simulator, browser: FlaskClient, wallet: Wallet
) -> None:
    made = token(browser, wallet_order(wallet.name))
    shown = made["payment_method_preview"]["card"]["wallet"]
    assert (shown["type"], shown[wallet.name]) == (wallet.name, {})
    assert shown["dynamic_last4"] == ("4242" if wallet.has_device_number else None)
    paid = simulator.pay(confirmation_token=made["id"], expand=["latest_charge"])
    card = charge_of(paid)["payment_method_details"]["card"]
    assert (card["wallet"], card["checks"]["cvc_check"]) == (shown, None)
    assert_nowhere(simulator.database, "4242424242424242")


def test_link_pays_and_shows_no_card(simulator: Simulator, browser: FlaskClient) -> None:
    made = token(browser, link_order())
    shown = made["payment_method_preview"]
    assert shown["link"] == {"email": "m@example.org", "persistent_token": None}
    assert (shown["type"], "card" in shown) == ("link", False)
    charge = charge_of(simulator.pay(confirmation_token=made["id"], expand=["latest_charge"]))
    assert charge["payment_method_details"] == {"type": "link", "link": {"country": "US"}}
    assert charge["id"].startswith("py_")


def test_a_card_is_declined_also_in_a_wallet(simulator: Simulator, browser: FlaskClient) -> None:
    for given in (wallet_order("google_pay", "4000000000009995"), link_order("4000000000009995")):
        made = token(browser, given)
        with pytest.raises(stripe.CardError) as caught:
            simulator.pay(confirmation_token=made["id"])
        assert caught.value.error is not None
        assert caught.value.error.decline_code == "insufficient_funds"


def test_no_wallet_holds_a_card_that_is_not_listed(
    simulator: Simulator, browser: FlaskClient
) -> None:
    for given in (wallet_order("apple_pay", "4111111111111111"), link_order("4111111111111111")):
        answer = browser.post(TOKENS, json=given)
        assert (answer.status_code, error(answer)["code"]) == (400, "card_number_not_listed")
    assert_nowhere(simulator.database, "4111111111111111")
    assert browser.post(TOKENS, json=wallet_order("samsung_pay")).status_code == 400


@pytest.mark.parametrize("given", [wallet_order("google_pay"), link_order()], ids=["card", "link"])
def test_what_a_subscription_keeps_of_a_wallet_is_charged_later(
    simulator: Simulator, browser: FlaskClient, given: dict[str, Any]
) -> None:
    customer = simulator.client.v1.customers.create({"name": "Mara"}).id
    made = token(browser, given | {"elements": options(mode="subscription")})
    first = simulator.pay(confirmation_token=made["id"], customer=customer)
    secret = session(simulator, customer, payment_method_allow_redisplay_filters=["limited"])
    answer = begin(browser, customer_session_client_secret=secret).get_json()
    [shown] = answer["customer"]["payment_methods"]
    assert (shown["id"], shown["type"]) == (first.payment_method, given["payment_method"]["type"])
    later = simulator.client.v1.payment_intents.create(
        {
            "amount": 500,
            "currency": "usd",
            "customer": customer,
            "payment_method": shown["id"],
            "confirm": True,
            "off_session": True,
        }
    )
    assert later.status == "succeeded"


@pytest.mark.parametrize(
    ("elements", "offered"),
    [
        (options(currency="eur"), ["card", "link"]),
        (options(allowed_payment_method_types=["card"]), ["card"]),
        (options(excluded_payment_method_types=["us_bank_account"]), ["card", "link"]),
    ],
)
def test_a_method_that_elements_does_not_offer_makes_no_token(
    browser: FlaskClient, elements: dict[str, Any], offered: list[str]
) -> None:
    assert begin(browser, **elements).get_json()["payment_method_types"] == offered
    given = {"card": order(), "link": link_order(), "us_bank_account": bank_order()}
    for kind in given.keys() - set(offered):
        answer = browser.post(TOKENS, json=given[kind] | {"elements": elements})
        assert (answer.status_code, error(answer)["param"]) == (400, "payment_method[type]")


@pytest.mark.parametrize(
    "elements",
    [
        options(mode=None),
        options(amount=None),
        options(amount=0),
        options(mode="subscription", amount=-1),
        options(mode="subscription", currency=None),
        options(mode="setup"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    browser: FlaskClient, elements: dict[str, Any]
) -> None:
    answer = browser.post(TOKENS, json=order() | {"elements": elements})
    assert answer.status_code == 400
    assert error(answer)["param"].startswith("elements")
    assert begin(browser, **elements).status_code == 400


def test_a_token_of_a_subscription_pays_or_sets_up_and_is_kept_for_later(
    simulator: Simulator, browser: FlaskClient
) -> None:
    paying = token(browser, order() | {"elements": options(mode="subscription")})
    assert paying["setup_future_usage"] == "off_session"
    assert paying["payment_method_preview"]["allow_redisplay"] == "limited"
    customer = simulator.client.v1.customers.create({"name": "Mara"}).id
    simulator.pay(confirmation_token=paying["id"], customer=customer)
    [saved] = simulator.client.v1.payment_methods.list({"customer": customer}).data
    assert saved.allow_redisplay == "limited"
    free = token(browser, order() | {"elements": options(mode="subscription", amount=0)})
    assert set_up(simulator, free["id"]).status == "succeeded"


def test_a_token_is_only_for_what_its_mode_says(simulator: Simulator, browser: FlaskClient) -> None:
    paying = token(browser, order())
    keeping = token(browser, order() | {"elements": {"mode": "setup", "currency": "usd"}})
    with pytest.raises(stripe.InvalidRequestError, match="another mode"):
        set_up(simulator, paying["id"])
    with pytest.raises(stripe.InvalidRequestError, match="another mode"):
        simulator.pay(confirmation_token=keeping["id"])
    assert set_up(simulator, keeping["id"]).status == "succeeded"


def test_a_bank_account_is_set_up_for_a_customer_after_small_deposits(
    simulator: Simulator, browser: FlaskClient
) -> None:
    customer = simulator.client.v1.customers.create({"name": "Mara"}).id
    given = bank_order(verification_method="microdeposits")
    made = token(browser, given | {"elements": {"mode": "setup", "currency": "usd"}})
    setup = set_up(simulator, made["id"], customer=customer)
    assert setup.next_action is not None
    assert setup.next_action.type == "verify_with_microdeposits"
    held = KEY | {"client_secret": setup.client_secret}
    path = f"/v1/setup_intents/{setup.id}"
    assert browser.get(path, query_string=held).get_json()["status"] == "requires_action"
    verify = f"{path}/verify_microdeposits"
    assert browser.post(verify, json=held).status_code == 400
    wrong = browser.post(verify, json=held | {"amounts": [1, 2]})
    assert error(wrong)["code"] == "payment_method_microdeposit_verification_amounts_mismatch"
    strange = browser.post(verify, json=held | {"client_secret": "guess", "amounts": [32, 45]})
    assert strange.status_code == 404
    done = browser.post(verify, json=held | {"amounts": [32, 45]})
    assert done.get_json()["status"] == "succeeded"
    [saved] = simulator.client.v1.payment_methods.list({"customer": customer}).data
    paid = simulator.client.v1.payment_intents.create(
        {
            "amount": 500,
            "currency": "usd",
            "customer": customer,
            "payment_method": saved.id,
            "confirm": True,
            "return_url": RETURN_URL,
        }
    )
    assert paid.status == "processing"


def test_an_intent_is_found_only_among_its_own_kind(
    simulator: Simulator, browser: FlaskClient
) -> None:
    made = token(browser, order() | {"elements": {"mode": "setup", "currency": "usd"}})
    setup = set_up(simulator, made["id"])
    held = KEY | {"client_secret": setup.client_secret or ""}
    for kind, status in (("setup_intents", 200), ("payment_intents", 404), ("charges", 404)):
        answer = browser.get(f"/v1/{kind}/{setup.id}", query_string=held)
        assert answer.status_code == status


@pytest.mark.parametrize("proof", [{"amounts": [32, 45]}, {"descriptor_code": "SM11AA"}])
def test_small_deposits_let_a_payment_go_on(
    simulator: Simulator, browser: FlaskClient, proof: dict[str, Any]
) -> None:
    made = token(browser, bank_order(verification_method="microdeposits"))
    intent = simulator.pay(confirmation_token=made["id"])
    assert intent.next_action is not None
    asked = intent.next_action.verify_with_microdeposits
    assert asked is not None
    page = asked.hosted_verification_url
    assert page == f"/sim/microdeposits/{intent.id}?client_secret={intent.client_secret}"
    held = KEY | {"client_secret": intent.client_secret}
    path = f"/v1/payment_intents/{intent.id}"
    challenged = browser.post(f"{path}/authenticate", json=held | {"outcome": "fail"})
    assert challenged.status_code == 400
    done = browser.post(f"{path}/verify_microdeposits", json=held | proof).get_json()
    assert done["status"] == "processing"


def test_saved_methods_are_shown_as_the_session_says(
    simulator: Simulator, browser: FlaskClient
) -> None:
    customer, cards = customer_with_cards(simulator, browser, 2)
    hidden = simulator.client.v1.payment_methods.attach("pm_card_amex", {"customer": customer}).id

    def shown(elements: dict[str, Any] | None = None, **features: Any) -> list[str]:
        secret = session(simulator, customer, **features)
        answer = begin(browser, customer_session_client_secret=secret, **(elements or {}))
        return [each["id"] for each in answer.get_json()["customer"]["payment_methods"]]

    assert shown() == cards
    assert shown(payment_method_redisplay_limit=1) == cards[:1]
    assert shown(payment_method_allow_redisplay_filters=["unspecified"]) == [hidden]
    assert shown(payment_method_redisplay="disabled") == []
    assert shown({"allowed_payment_method_types": ["us_bank_account"]}) == []


def test_saving_and_removing_are_offered_as_the_session_says(
    simulator: Simulator, browser: FlaskClient
) -> None:
    customer = simulator.client.v1.customers.create({"name": "Mara"}).id

    def offered(elements: dict[str, Any] | None = None, **features: Any) -> tuple[bool, bool]:
        secret = session(simulator, customer, **features)
        answer = begin(browser, customer_session_client_secret=secret, **(elements or {}))
        found = answer.get_json()["customer"]
        return found["save"], found["remove"]

    assert offered() == (True, True)
    assert offered(payment_method_save="disabled") == (False, True)
    assert offered(payment_method_remove="disabled") == (True, False)
    assert offered({"mode": "subscription"}) == (False, True)
    assert begin(browser).get_json()["customer"] is None


def test_an_expired_or_unknown_session_shows_nothing(
    simulator: Simulator, browser: FlaskClient
) -> None:
    customer = simulator.client.v1.customers.create({"name": "Mara"}).id
    secret = session(simulator, customer)
    simulator.control("clock", {"advance": 1801})
    late = begin(browser, customer_session_client_secret=secret)
    assert (late.status_code, error(late)["code"]) == (400, "customer_session_expired")
    unknown = begin(browser, customer_session_client_secret="cuss_1_secret_guess")
    assert (unknown.status_code, error(unknown)["code"]) == (404, "resource_missing")
    assert "guess" not in unknown.get_data(as_text=True)


def test_a_saved_method_pays_for_its_customer_alone(
    simulator: Simulator, browser: FlaskClient
) -> None:
    customer, [card] = customer_with_cards(simulator, browser)
    stranger = simulator.client.v1.customers.create({"name": "Eve"}).id

    def choose(who: str) -> dict[str, Any]:
        elements = options(customer_session_client_secret=session(simulator, who))
        return {**KEY, "elements": elements, "payment_method": {"id": card}}

    assert browser.post(TOKENS, json=choose(stranger)).status_code == 400
    chosen = token(browser, choose(customer))
    assert chosen["payment_method_preview"]["customer"] == customer
    with pytest.raises(stripe.InvalidRequestError):
        simulator.pay(confirmation_token=chosen["id"], customer=stranger)
    paid = simulator.pay(confirmation_token=chosen["id"], customer=customer)
    assert (paid.status, paid.payment_method) == ("succeeded", card)


def test_a_removed_method_is_let_go_and_only_by_its_customer(
    simulator: Simulator, browser: FlaskClient
) -> None:
    customer, [card] = customer_with_cards(simulator, browser)
    stranger = simulator.client.v1.customers.create({"name": "Eve"}).id

    def remove(secret: str) -> int:
        given = KEY | {"customer_session_client_secret": secret}
        return browser.post(f"/v1/payment_methods/{card}/detach", json=given).status_code

    assert remove(session(simulator, customer, payment_method_remove="disabled")) == 403
    assert remove(session(simulator, stranger)) == 404
    assert len(simulator.client.v1.payment_methods.list({"customer": customer}).data) == 1
    assert remove(session(simulator, customer)) == 200
    assert simulator.client.v1.payment_methods.list({"customer": customer}).data == []


def test_nothing_is_saved_where_the_session_does_not_allow_it(
    simulator: Simulator, browser: FlaskClient
) -> None:
    customer = simulator.client.v1.customers.create({"name": "Mara"}).id
    secret = session(simulator, customer, payment_method_save="disabled")
    elements = options(customer_session_client_secret=secret)
    refused = browser.post(TOKENS, json=order() | {"elements": elements, "save": True})
    assert refused.status_code == 403
    unticked = token(browser, order() | {"elements": elements, "save": False})
    assert unticked["setup_future_usage"] is None
    assert unticked["payment_method_preview"]["allow_redisplay"] == "unspecified"


def test_a_ticked_box_keeps_a_bank_account_at_once(
    simulator: Simulator, browser: FlaskClient
) -> None:
    customer = simulator.client.v1.customers.create({"name": "Mara"}).id
    elements = options(customer_session_client_secret=session(simulator, customer))
    made = token(browser, bank_order() | {"elements": elements, "save": True})
    assert simulator.pay(confirmation_token=made["id"], customer=customer).status == "processing"
    [saved] = simulator.client.v1.payment_methods.list({"customer": customer}).data
    assert (saved.type, saved.allow_redisplay) == ("us_bank_account", "always")


def test_what_the_page_wants_to_do_later_is_said_by_the_token(browser: FlaskClient) -> None:
    elements = options(setup_future_usage="on_session")
    assert token(browser, order() | {"elements": elements})["setup_future_usage"] == "on_session"
