"""The cashier: whatever happens on the way, one checkout is charged at most once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import stripe

from service.checkout.checkouts import Checkout, checkout_with_id
from service.payments.attempts import KEY_LIFETIME, AttemptStatus, Outcome
from service.payments.cashier import Cashier
from service.payments.gateway import Confirmation, Payment
from service.payments.switching import Switching
from tests.service.conftest import DECLINES, PAYS, Page, Shop, reply

RETURN = "http://localhost/return"


def _cashier(shop: Shop, **changes: Any) -> Cashier:
    return replace(
        Cashier(shop.store, shop.gateway, shop.clock, Switching({}, invoice_days=30)), **changes
    )


def _checkout(shop: Shop, page: Page) -> Checkout:
    with shop.store.read() as connection:
        return checkout_with_id(connection, page.checkout_id)


def _intents(shop: Shop, page: Page) -> set[str]:
    objects = [e["data"]["object"] for e in shop.simulator.events_of(page.checkout_id)]
    return {o["id"] for o in objects if o["object"] == "payment_intent"}


def _charges(shop: Shop, page: Page) -> list[str]:
    intents = _intents(shop, page)
    found = [
        charge
        for intent in intents
        for charge in shop.simulator.client().v1.charges.list({"payment_intent": intent}).data
    ]
    return [charge.status for charge in found]


@pytest.mark.parametrize("tokens", [1, 20])
def test_twenty_threads_confirming_at_once_make_one_intent_and_one_charge(
    shop: Shop, tokens: int
) -> None:
    page = shop.visit()
    made = [shop.token(page) for _ in range(tokens)]
    app = shop.client.application

    def confirm(number: int) -> tuple[int, Any]:
        answer = app.test_client().post(
            page.attributes["confirm-url"],
            json={"confirmation_token": made[number % tokens]},
            headers={"X-Kassa-Token": page.attributes["token"]},
        )
        return answer.status_code, reply(answer)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(confirm, range(20)))
    assert answers == [(200, {"status": "succeeded"})] * 20
    assert len(_intents(shop, page)) == 1
    assert _charges(shop, page) == ["succeeded"]
    assert shop.rows("SELECT count(*), count(DISTINCT idempotency_key) FROM confirmations") == [
        (1, 1)
    ]


@pytest.mark.parametrize(
    "fault",
    [
        {"do": "drop_after", "times": 1},
        {"do": "drop", "times": 1},
        {"do": "status", "status": 500, "times": 1},
        {"do": "status", "status": 409, "times": 1},
        {"do": "status", "status": 429, "times": 1},
    ],
)
def test_a_passing_fault_of_stripe_is_not_seen_by_the_visitor(
    shop: Shop, fault: dict[str, Any]
) -> None:
    page = shop.visit()
    token = shop.token(page)
    shop.simulator.faults(fault | {"path": "/v1/payment_intents"})
    assert reply(shop.confirm(page, token)) == {"status": "succeeded"}
    assert _charges(shop, page) == ["succeeded"]


def test_an_attempt_that_stripe_never_answered_is_checked_with_its_own_key(shop: Shop) -> None:
    page = shop.visit()
    token = shop.token(page)
    shop.simulator.faults({"do": "drop_after", "path": "/v1/payment_intents", "times": 3})
    assert reply(shop.confirm(page, token)) == {"status": "checking"}
    ((status, intent),) = shop.rows("SELECT status, payment_intent_id FROM confirmations")
    assert (status, intent) == ("started", None)
    answer = shop.client.post(
        page.attributes["status-url"], json={}, headers={"X-Kassa-Token": page.attributes["token"]}
    )
    assert reply(answer) == {"status": "succeeded"}
    assert _charges(shop, page) == ["succeeded"]


@pytest.mark.parametrize("number", [PAYS, DECLINES])
def test_what_stripe_did_before_it_failed_for_good_is_looked_up(shop: Shop, number: str) -> None:
    page = shop.visit()
    kept = {"do": "status_after", "status": 500, "stored": True}
    shop.simulator.faults(kept | {"path": "/v1/payment_intents"})
    answer = reply(shop.confirm(page, shop.token(page, number)))
    assert ("error" in answer) is (number == DECLINES)
    assert len(_intents(shop, page)) == len(_charges(shop, page)) == 1


def test_a_token_that_paid_another_order_pays_no_second(shop: Shop) -> None:
    token = shop.token(shop.visit())
    first, second = shop.visit(), shop.open()
    shop.confirm(first, token)
    kept = {"do": "status", "status": 500, "stored": True}
    shop.simulator.faults(kept | {"path": "/v1/payment_intents"})
    assert reply(shop.confirm(second, token))["error"]["code"] == "payment_refused"
    assert shop.stands(second)["status"] != "paid"


def test_a_failure_that_stripe_keeps_for_a_key_does_not_keep_the_visitor(shop: Shop) -> None:
    page = shop.visit()
    kept = {"do": "status", "status": 500, "stored": True}
    shop.simulator.faults(kept | {"path": "/v1/payment_intents"})
    assert reply(shop.confirm(page, shop.token(page))) == {"status": "checking"}
    answer = shop.client.post(
        page.attributes["status-url"], json={}, headers={"X-Kassa-Token": page.attributes["token"]}
    )
    assert reply(answer) == {"status": "succeeded"}
    assert _charges(shop, page) == ["succeeded"]


def test_a_try_that_stripe_ends_after_it_failed_is_found_by_its_token(shop: Shop) -> None:
    page = shop.visit()
    token = shop.token(page)
    kept = {"do": "status", "status": 500, "stored": True}
    shop.simulator.faults(kept | {"path": "/v1/payment_intents"})
    assert reply(shop.confirm(page, token)) == {"status": "checking"}
    late: Any = {
        "amount": int(page.attributes["amount"]),
        "currency": page.attributes["currency"],
        "confirm": True,
        "confirmation_token": token,
        "return_url": page.attributes["return-url"],
        "metadata": {"order_id": page.checkout_id},
    }
    shop.simulator.client().v1.payment_intents.create(late)
    assert reply(shop.confirm(page, token)) == {"status": "succeeded"}
    assert _charges(shop, page) == ["succeeded"]


def test_without_word_of_the_token_the_key_stays_what_it_was(shop: Shop) -> None:
    page = shop.visit()
    kept = {"do": "status_after", "status": 500, "stored": True, "path": "/v1/payment_intents"}
    shop.simulator.faults(kept, {"do": "drop", "path": "/v1/confirmation_tokens", "times": 3})
    assert reply(shop.confirm(page, shop.token(page))) == {"status": "checking"}
    ((key,),) = shop.rows("SELECT idempotency_key FROM confirmations")
    assert key == f"{page.checkout_id}:1"


def test_another_card_after_an_unanswered_attempt_first_finds_out_about_that_one(
    shop: Shop,
) -> None:
    page = shop.visit()
    shop.simulator.faults({"do": "drop_after", "path": "/v1/payment_intents", "times": 3})
    assert reply(shop.confirm(page, shop.token(page))) == {"status": "checking"}
    assert reply(shop.confirm(page, shop.token(page))) == {"status": "succeeded"}
    assert _charges(shop, page) == ["succeeded"]


def test_a_page_does_not_say_that_nothing_was_charged_where_nobody_knows(shop: Shop) -> None:
    page = shop.visit()
    assert "Nothing has been charged." in page.html
    shop.simulator.faults({"do": "drop_after", "path": "/v1/payment_intents", "times": 3})
    assert reply(shop.confirm(page, shop.token(page))) == {"status": "checking"}
    shop.clock.pass_by(minutes=11)
    later = shop.page(shop.client.get(f"/c/{page.checkout_id}")).html
    assert "Nothing has been charged" not in later
    assert later.count("Your last payment is still being checked.") == 3
    assert "Nothing has been charged." in shop.visit().html


def test_an_expired_page_does_not_lead_to_a_second_order_where_nobody_knows(shop: Shop) -> None:
    page = shop.visit()
    shop.simulator.faults({"do": "drop_after", "path": "/v1/payment_intents", "times": 3})
    assert reply(shop.confirm(page, shop.token(page))) == {"status": "checking"}
    shop.clock.pass_by(hours=25)
    later = shop.client.get(f"/c/{page.checkout_id}", follow_redirects=True)
    assert later.status_code == 200
    assert "Start again" not in later.text
    assert "Nothing was charged" not in later.text


def test_a_declined_unanswered_attempt_makes_way_for_the_new_card(shop: Shop) -> None:
    page = shop.visit()
    shop.simulator.faults({"do": "drop_after", "path": "/v1/payment_intents", "times": 3})
    assert reply(shop.confirm(page, shop.token(page, DECLINES))) == {"status": "checking"}
    assert reply(shop.confirm(page, shop.token(page))) == {"status": "succeeded"}
    assert sorted(_charges(shop, page)) == ["failed", "succeeded"]
    assert len(_intents(shop, page)) == 1


def test_when_stripe_is_busy_for_long_nothing_is_charged_and_the_same_key_asks_again(
    shop: Shop,
) -> None:
    page = shop.visit()
    token = shop.token(page)
    shop.simulator.faults(
        {"do": "status", "status": 429, "path": "/v1/payment_intents", "times": 3}
    )
    assert reply(shop.confirm(page, token)) == {"status": "checking"}
    assert reply(shop.confirm(page, token)) == {"status": "succeeded"}
    assert _charges(shop, page) == ["succeeded"]


class _Dying:
    """A gateway whose process is killed right after Stripe did the work."""

    def __init__(self, shop: Shop) -> None:
        self._gateway = shop.gateway
        self.publishable_key = shop.gateway.publishable_key
        self.retrieve = shop.gateway.retrieve
        self.verify = shop.gateway.verify

    def confirm(self, confirmation: Confirmation) -> Payment:
        self._gateway.confirm(confirmation)
        raise KeyboardInterrupt


def test_an_attempt_left_by_a_killed_process_is_taken_up_after_its_lease(shop: Shop) -> None:
    page = shop.visit()
    checkout, token = _checkout(shop, page), shop.token(page, PAYS)
    with pytest.raises(KeyboardInterrupt):
        _cashier(shop, gateway=_Dying(shop)).confirm(checkout, token, return_url=RETURN)
    impatient = _cashier(shop, sleep=lambda _: shop.clock.pass_by(seconds=61))
    assert _cashier(shop).check(checkout, resume_within=KEY_LIFETIME) == Outcome(
        AttemptStatus.STARTED
    )
    again = impatient.confirm(checkout, token, return_url=RETURN)
    assert again == Outcome(AttemptStatus.SUCCEEDED)
    assert _charges(shop, page) == ["succeeded"]


def test_a_checkout_that_nobody_tried_to_pay_has_nothing_to_check(shop: Shop) -> None:
    checkout = _checkout(shop, shop.visit())
    assert _cashier(shop).check(checkout, resume_within=KEY_LIFETIME) is None


def test_a_paid_checkout_stays_paid_after_it_expires(shop: Shop) -> None:
    page = shop.visit()
    shop.pay(page)
    shop.clock.pass_by(hours=30)
    checkout = _checkout(shop, page)
    outcome = _cashier(shop).confirm(checkout, "ctoken_other", return_url=RETURN)
    assert outcome.status is AttemptStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("chosen", "method", "wallet"), [("google_pay", "card", "google_pay"), ("link", "link", None)]
)
def test_the_ledger_tells_which_wallet_paid(
    shop: Shop, chosen: str, method: str, wallet: str | None
) -> None:
    page = shop.visit()
    for number in (DECLINES, PAYS):
        shop.confirm(page, shop.token(page, number, wallet=chosen))
    shop.deliver_all(page)
    assert shop.rows(
        "SELECT method, wallet, outcome FROM payment_attempts WHERE checkout_id = :id"
        " ORDER BY attempt_number",
        id=page.checkout_id,
    ) == [(method, wallet, "declined"), (method, wallet, "authorized")]


def test_every_attempt_has_a_key_of_its_own_and_shares_the_intent(shop: Shop) -> None:
    page = shop.visit()
    for number in (DECLINES, DECLINES, PAYS):
        shop.pay(page, number)
    rows = shop.rows("SELECT number, idempotency_key, status FROM confirmations ORDER BY number")
    assert rows == [
        (1, f"{page.checkout_id}:1", "declined"),
        (2, f"{page.checkout_id}:2", "declined"),
        (3, f"{page.checkout_id}:3", "succeeded"),
    ]
    assert len(_intents(shop, page)) == 1


def test_a_repeat_from_another_address_sends_what_the_first_try_sent(shop: Shop) -> None:
    page = shop.visit()
    checkout, token = _checkout(shop, page), shop.token(page)
    with pytest.raises(KeyboardInterrupt):
        _cashier(shop, gateway=_Dying(shop)).confirm(checkout, token, return_url=RETURN)
    shop.clock.pass_by(seconds=61)
    again = _cashier(shop).confirm(checkout, token, return_url="https://elsewhere.example/")
    assert again == Outcome(AttemptStatus.SUCCEEDED)
    assert len(_intents(shop, page)) == 1


@pytest.mark.parametrize("error", [stripe.AuthenticationError, stripe.PermissionError])
def test_an_error_about_our_keys_says_nothing_about_the_charge(
    shop: Shop, error: type[stripe.StripeError], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = shop.visit()
    checkout, token = _checkout(shop, page), shop.token(page)
    with pytest.raises(KeyboardInterrupt):
        _cashier(shop, gateway=_Dying(shop)).confirm(checkout, token, return_url=RETURN)
    shop.clock.pass_by(seconds=61)

    def refuse(*_: object, **__: object) -> None:
        raise error("Expired API Key")

    with monkeypatch.context() as patched:
        patched.setattr(stripe.PaymentIntentService, "create", refuse)
        rolled = _cashier(shop).confirm(checkout, token, return_url=RETURN)
    assert rolled == Outcome(AttemptStatus.STARTED)
    other = _cashier(shop).confirm(checkout, shop.token(page), return_url=RETURN)
    assert other == Outcome(AttemptStatus.SUCCEEDED)
    assert _charges(shop, page) == ["succeeded"]


def test_what_the_ledger_knows_to_be_paid_is_never_charged_again(shop: Shop) -> None:
    page = shop.visit()
    checkout, token = _checkout(shop, page), shop.token(page)
    with pytest.raises(KeyboardInterrupt):
        _cashier(shop, gateway=_Dying(shop)).confirm(checkout, token, return_url=RETURN)
    shop.deliver_all(page)
    paid = Outcome(AttemptStatus.SUCCEEDED)
    assert _cashier(shop).confirm(checkout, shop.token(page), return_url=RETURN) == paid
    assert _cashier(shop).check(checkout, resume_within=KEY_LIFETIME) == paid
    assert _charges(shop, page) == ["succeeded"]


def test_looking_at_the_return_page_much_later_charges_nobody(shop: Shop) -> None:
    page = shop.visit()
    shop.simulator.faults({"do": "drop", "path": "/v1/payment_intents", "times": 3})
    assert reply(shop.confirm(page, shop.token(page))) == {"status": "checking"}
    shop.clock.pass_by(hours=30)
    for method in (shop.client.get, shop.client.head):
        method(page.attributes["return-url"])
    checkout = _checkout(shop, page)
    late = _cashier(shop).check(checkout, resume_within=KEY_LIFETIME)
    assert late == Outcome(AttemptStatus.STARTED)
    assert _intents(shop, page) == set()


def test_a_canceled_payment_makes_way_for_a_new_one(shop: Shop) -> None:
    page = shop.visit()
    shop.pay(page, DECLINES)
    (intent,) = _intents(shop, page)
    shop.simulator.client().v1.payment_intents.cancel(intent)
    assert shop.pay(page)["error"]["code"] == "payment_refused"
    assert shop.pay(page) == {"status": "succeeded"}
    assert len(_intents(shop, page)) == 2
    assert sorted(_charges(shop, page)) == ["failed", "succeeded"]
