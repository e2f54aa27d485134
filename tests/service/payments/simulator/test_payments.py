"""The charge path, driven by the unmodified SDK."""

from collections.abc import Callable

import pytest
import stripe

from service.payments.simulator.cards import CARDS, ListedCard
from tests.service.payments.simulator.conftest import Simulator

pytestmark = pytest.mark.stripe

APPROVED = [card for card in CARDS if not card.decline and not card.challenge]
REFUSED = [card for card in CARDS if card.decline and not card.challenge]


def name(card: ListedCard) -> str:
    return card.name


@pytest.mark.parametrize("card", APPROVED, ids=name)
def test_an_approved_card_pays(simulator: Simulator, card: ListedCard) -> None:
    paid = simulator.pay(card.aliases[0], metadata={"order": "17"}, expand=["latest_charge"])
    charge = paid.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert (paid.status, paid.amount_received, charge.status) == ("succeeded", 2400, "succeeded")
    assert charge.metadata.to_dict() == {"order": "17"}
    assert charge.outcome is not None
    assert charge.outcome.network_status == "approved_by_network"
    booked = simulator.client.v1.balance_transactions.retrieve(str(charge.balance_transaction))
    assert (booked.amount, booked.fee, booked.net) == (2400, 100, 2300)
    (told,) = simulator.client.v1.events.list({"type": "charge.succeeded"}).data
    assert told.data.object["balance_transaction"] is None
    details = charge.payment_method_details
    assert details is not None
    assert details.card is not None
    assert (details.card.brand, details.card.last4) == (card.brand, card.last4)
    assert details.card.fingerprint == card.fingerprint


@pytest.mark.parametrize("card", REFUSED, ids=name)
def test_a_declined_card_keeps_the_intent_and_a_failed_charge(
    simulator: Simulator, card: ListedCard
) -> None:
    with pytest.raises(stripe.CardError) as caught:
        simulator.pay(card.aliases[0])
    decline, error = card.decline, caught.value.error
    assert decline is not None
    assert error is not None
    assert (caught.value.http_status, error.type) == (402, "card_error")
    assert (error.code, error.decline_code) == (decline.code, decline.decline_code)
    intent = error.payment_intent
    assert intent is not None
    kept = simulator.client.v1.payment_intents.retrieve(intent.id)
    assert (kept.status, kept.payment_method) == ("requires_payment_method", None)
    assert kept.last_payment_error is not None
    assert kept.last_payment_error.decline_code == decline.decline_code
    charge = simulator.client.v1.charges.retrieve(str(kept.latest_charge))
    assert (charge.status, charge.paid, charge.failure_code) == ("failed", False, decline.code)
    assert charge.outcome is not None
    assert charge.outcome.reason == decline.decline_code
    assert charge.outcome.network_status == "declined_by_network"


@pytest.mark.parametrize("method", ["lost", "stolen"])
def test_what_the_customer_reads_never_tells_that_a_card_is_lost_or_stolen(
    simulator: Simulator, method: str
) -> None:
    with pytest.raises(stripe.CardError) as caught:
        simulator.pay(f"pm_card_visa_chargeDeclined{method.title()}Card")
    assert caught.value.user_message == "Your card was declined."


def test_another_card_pays_the_intent_the_first_was_declined_for(simulator: Simulator) -> None:
    with pytest.raises(stripe.CardError) as caught:
        simulator.pay("pm_card_chargeDeclined")
    error = caught.value.error
    assert error is not None
    assert error.payment_intent is not None
    paid = simulator.client.v1.payment_intents.confirm(
        error.payment_intent.id,
        {"confirmation_token": simulator.token(), "return_url": "https://shop.example"},
    )
    assert (paid.status, paid.last_payment_error) == ("succeeded", None)
    charges = simulator.client.v1.charges.list({"payment_intent": paid.id}).data
    assert [charge.status for charge in charges] == ["succeeded", "failed"]


def test_an_intent_can_be_created_first_and_confirmed_later(simulator: Simulator) -> None:
    intents = simulator.client.v1.payment_intents
    fresh = intents.create({"amount": 500, "currency": "eur"})
    assert fresh.status == "requires_payment_method"
    named = intents.create({"amount": 500, "currency": "eur", "payment_method": "pm_card_visa"})
    assert named.status == "requires_confirmation"
    paid = intents.confirm(named.id, {"return_url": "https://shop.example"})
    assert (paid.status, paid.payment_method) == ("succeeded", named.payment_method)


def test_a_challenged_card_waits_for_the_bank(simulator: Simulator) -> None:
    waiting = simulator.pay("pm_card_threeDSecure2Required")
    assert waiting.status == "requires_action"
    assert waiting.next_action is not None
    assert waiting.next_action.type == "use_stripe_sdk"
    assert waiting.latest_charge is None


@pytest.mark.parametrize("end", ["succeeded", "canceled"])
def test_an_intent_that_is_over_takes_no_confirmation_cancellation_or_amount(
    simulator: Simulator, end: str
) -> None:
    intents = simulator.client.v1.payment_intents
    over = simulator.pay() if end == "succeeded" else intents.create(AMOUNT)
    if end == "canceled":
        over = intents.cancel(over.id, {"cancellation_reason": "abandoned"})
        assert over.cancellation_reason == "abandoned"
    assert over.status == end
    token = simulator.token()
    attempts: list[Callable[[], stripe.PaymentIntent]] = [
        lambda: intents.confirm(over.id, {"confirmation_token": token}),
        lambda: intents.cancel(over.id),
        lambda: intents.update(over.id, {"amount": 9900}),
    ]
    for attempt in attempts:
        with pytest.raises(stripe.InvalidRequestError) as caught:
            attempt()
        assert caught.value.code == "payment_intent_unexpected_state"
        assert caught.value.error is not None
        assert caught.value.error.payment_intent is not None
    # A refused confirmation does not use up the token.
    assert simulator.client.v1.confirmation_tokens.retrieve(token).payment_intent is None


AMOUNT: stripe.params.PaymentIntentCreateParams = {"amount": 2400, "currency": "usd"}


def test_metadata_merges_and_empties_as_stripes_does(simulator: Simulator) -> None:
    intents = simulator.client.v1.payment_intents
    made = intents.create({**AMOUNT, "metadata": {"a": "1", "b": "2"}})
    changed = intents.update(made.id, {"metadata": {"a": "", "c": "3"}})
    assert changed.metadata.to_dict() == {"b": "2", "c": "3"}
    assert intents.update(made.id, {"metadata": ""}).metadata.to_dict() == {}


def test_an_update_changes_the_amount_until_it_is_paid(simulator: Simulator) -> None:
    intents = simulator.client.v1.payment_intents
    made = intents.create(AMOUNT)
    assert intents.update(made.id, {"amount": 3100, "description": "Two"}).amount == 3100
    assert intents.retrieve(made.id).description == "Two"


def test_a_token_pays_once(simulator: Simulator) -> None:
    token = simulator.token()
    paid = simulator.pay(confirmation_token=token)
    assert simulator.client.v1.confirmation_tokens.retrieve(token).payment_intent == paid.id
    with pytest.raises(stripe.InvalidRequestError) as caught:
        simulator.pay(confirmation_token=token)
    assert (caught.value.code, caught.value.param) == ("token_already_used", "confirmation_token")


def test_a_refused_confirmation_leaves_no_intent_behind(simulator: Simulator) -> None:
    token = simulator.token()
    with pytest.raises(stripe.InvalidRequestError, match="return_url"):
        simulator.pay(confirmation_token=token, return_url="")
    assert simulator.client.v1.payment_intents.list().data == []
    assert simulator.client.v1.events.list().data == []
    assert simulator.client.v1.confirmation_tokens.retrieve(token).payment_intent is None


def test_a_declined_token_is_used_up_too(simulator: Simulator) -> None:
    token = simulator.token("pm_card_chargeDeclined")
    with pytest.raises(stripe.CardError):
        simulator.pay(confirmation_token=token)
    with pytest.raises(stripe.InvalidRequestError, match="already been used"):
        simulator.pay(confirmation_token=token)


@pytest.mark.parametrize(
    ("currency", "least"), [("usd", 50), ("gbp", 30), ("sek", 300), ("jpy", 50), ("isk", 1)]
)
def test_the_least_amount_of_a_currency_is_taken_and_one_less_is_not(
    simulator: Simulator, currency: str, least: int
) -> None:
    intents = simulator.client.v1.payment_intents
    assert intents.create({"amount": least, "currency": currency}).amount == least
    with pytest.raises(stripe.InvalidRequestError) as caught:
        intents.create({"amount": least - 1, "currency": currency})
    assert (caught.value.code, caught.value.param) == ("amount_too_small", "amount")


def test_an_amount_of_nine_digits_is_too_large(simulator: Simulator) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        simulator.client.v1.payment_intents.create({"amount": 100_000_000, "currency": "usd"})
    assert caught.value.code == "amount_too_large"


def test_a_redirecting_method_needs_a_return_url(simulator: Simulator) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        simulator.pay(return_url="")
    assert caught.value.param == "return_url"
    never = {"enabled": True, "allow_redirects": "never"}
    assert simulator.pay(return_url="", automatic_payment_methods=never).status == "succeeded"


def test_allowed_methods_stand_alone_and_include_card(simulator: Simulator) -> None:
    paid = simulator.pay(allowed_payment_method_types=["card"])
    assert (paid.allowed_payment_method_types, paid.automatic_payment_methods) == (["card"], None)
    for wrong in (
        {"automatic_payment_methods": {"enabled": True}, "allowed_payment_method_types": ["card"]},
        {"allowed_payment_method_types": ["us_bank_account"]},
        {"excluded_payment_method_types": ["card"]},
    ):
        with pytest.raises(stripe.InvalidRequestError):
            simulator.pay(**wrong)


def test_a_customer_is_kept_and_repeated_on_intent_and_charge(simulator: Simulator) -> None:
    customer = simulator.client.v1.customers.create(
        {"email": "mara@example.org", "name": "Mara", "address": {"city": "Malmö"}}
    )
    found = simulator.client.v1.customers.retrieve(customer.id)
    assert (found.email, found.address and found.address.city) == ("mara@example.org", "Malmö")
    paid = simulator.pay(customer=customer.id, expand=["latest_charge", "customer"])
    assert isinstance(paid.latest_charge, stripe.Charge)
    assert paid.latest_charge.customer == customer.id
    assert isinstance(paid.customer, stripe.Customer)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        simulator.pay(customer="cus_absent")
    assert (caught.value.code, caught.value.param) == ("resource_missing", "customer")


def test_money_goes_back_in_parts_and_never_more_than_came(simulator: Simulator) -> None:
    paid = simulator.pay()
    refunds = simulator.client.v1.refunds
    first = refunds.create({"payment_intent": paid.id, "amount": 400})
    assert (first.status, first.amount, first.payment_intent) == ("succeeded", 400, paid.id)
    assert refunds.retrieve(first.id).charge == paid.latest_charge
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        refunds.create({"payment_intent": paid.id, "amount": 2001})
    rest = refunds.create({"charge": str(paid.latest_charge), "reason": "requested_by_customer"})
    charge = simulator.client.v1.charges.retrieve(str(paid.latest_charge))
    assert (rest.amount, charge.amount_refunded, charge.refunded) == (2000, 2400, True)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        refunds.create({"payment_intent": paid.id})
    assert caught.value.code == "charge_already_refunded"


def test_what_was_never_charged_is_not_refunded(simulator: Simulator) -> None:
    made = simulator.client.v1.payment_intents.create(AMOUNT)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        simulator.client.v1.refunds.create({"payment_intent": made.id})
    assert caught.value.code == "charge_not_refundable"
    with pytest.raises(stripe.InvalidRequestError) as caught:
        simulator.client.v1.refunds.create({})
    assert caught.value.code == "parameter_missing"


def test_a_dispute_is_opened_by_the_control_api_once(simulator: Simulator) -> None:
    charge = str(simulator.pay().latest_charge)
    dispute = simulator.control("disputes", {"charge": charge})
    assert (dispute["charge"], dispute["status"]) == (charge, "needs_response")
    assert simulator.client.v1.charges.retrieve(charge).disputed
    with pytest.raises(AssertionError, match="charge_disputed"):
        simulator.control("disputes", {"charge": charge})
