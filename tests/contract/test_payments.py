"""One-off payments, as Stripe and the simulator both make them."""

import pytest

from tests.contract.account import MANDATE, RETURN_URL, StripeAccount

pytestmark = pytest.mark.stripe


def test_a_card_pays_at_once(stripe_account: StripeAccount) -> None:
    intent = stripe_account.pay()
    assert (intent.status, intent.amount_received) == ("succeeded", 2400)
    charge = stripe_account.client.v1.charges.retrieve(str(intent.latest_charge))
    assert (charge.status, charge.paid, charge.captured) == ("succeeded", True, True)
    assert charge.metadata == intent.metadata
    assert charge.outcome is not None
    assert charge.outcome.type == "authorized"
    assert charge.outcome.network_status == "approved_by_network"
    stripe_account.happened("payment_intent.succeeded", intent.id)
    stripe_account.happened("charge.succeeded", charge.id)


def test_a_payment_is_booked_with_its_fee(stripe_account: StripeAccount) -> None:
    charge = str(stripe_account.pay().latest_charge)
    charges = stripe_account.client.v1.charges

    def booked() -> bool:
        return charges.retrieve(charge).balance_transaction is not None

    if not stripe_account.real:
        stripe_account.calendar.pass_by(1)
    stripe_account.until(booked)
    entry = stripe_account.client.v1.balance_transactions.retrieve(
        str(charges.retrieve(charge).balance_transaction)
    )
    assert (entry.type, entry.source) == ("charge", charge)
    assert entry.net == entry.amount - entry.fee
    assert entry.fee == sum(detail.amount for detail in entry.fee_details)


@pytest.mark.parametrize(
    ("method", "code", "decline_code"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
    ],
)
def test_a_declined_card_says_why_and_the_payment_can_be_tried_again(
    stripe_account: StripeAccount, method: str, code: str, decline_code: str | None
) -> None:
    refusal = stripe_account.declined(method)
    assert (refusal.http_status, refusal.code) == (402, code)
    assert refusal.error is not None
    assert decline_code is None or refusal.error.decline_code == decline_code
    intent = refusal.error.payment_intent
    assert intent is not None
    assert intent.status == "requires_payment_method"
    charge = stripe_account.client.v1.charges.retrieve(str(refusal.error.charge))
    assert (charge.status, charge.failure_code) == ("failed", code)
    assert charge.outcome is not None
    assert charge.outcome.network_status == "declined_by_network"
    stripe_account.happened("payment_intent.payment_failed", intent.id)
    stripe_account.happened("charge.failed", charge.id)
    again = stripe_account.client.v1.payment_intents.confirm(
        intent.id,
        {
            "confirmation_token": stripe_account.token("pm_card_visa"),
            "return_url": RETURN_URL,
        },
    )
    assert again.status == "succeeded"
    tried = stripe_account.client.v1.charges.list({"payment_intent": intent.id})
    assert [each.status for each in tried.data] == ["succeeded", "failed"]


def test_a_card_may_need_3d_secure(stripe_account: StripeAccount) -> None:
    intent = stripe_account.pay("pm_card_threeDSecure2Required")
    assert intent.status == "requires_action"
    assert intent.next_action is not None
    assert intent.next_action.type in {"redirect_to_url", "use_stripe_sdk"}
    assert intent.client_secret is not None
    assert intent.client_secret.startswith(f"{intent.id}_secret_")
    assert intent.latest_charge is None
    stripe_account.happened("payment_intent.requires_action", intent.id)


def test_a_bank_debit_is_processing_for_days(stripe_account: StripeAccount) -> None:
    intent = stripe_account.pay(
        "pm_usBankAccount_success", customer=stripe_account.customer().id, mandate_data=MANDATE
    )
    assert intent.status == "processing"
    charge = stripe_account.client.v1.charges.retrieve(str(intent.latest_charge))
    assert charge.id.startswith("py_")
    assert charge.status == "pending"
    assert charge.payment_method_details is not None
    assert charge.payment_method_details.type == "us_bank_account"
    stripe_account.happened("payment_intent.processing", intent.id)
    if not stripe_account.real:  # a sandbox settles in its own time, in no test's
        stripe_account.calendar.pass_by(7)
        intent = stripe_account.client.v1.payment_intents.retrieve(intent.id)
        assert intent.status == "succeeded"
        stripe_account.happened("charge.succeeded", charge.id)


def test_a_bank_account_typed_in_is_verified_by_small_deposits(
    stripe_account: StripeAccount,
) -> None:
    typed = {"account_number": "000123456789", "routing_number": "110000000"}
    intents = stripe_account.client.v1.payment_intents
    intent = intents.create(
        {
            "amount": 2400,
            "currency": "usd",
            "customer": stripe_account.customer().id,
            "confirm": True,
            "confirmation_token": stripe_account.token(
                payment_method_data={
                    "type": "us_bank_account",
                    "us_bank_account": {**typed, "account_holder_type": "individual"},
                    "billing_details": {"name": "Mara", "email": "mara@example.org"},
                }
            ),
            "payment_method_options": {"us_bank_account": {"verification_method": "microdeposits"}},
            "mandate_data": MANDATE,
            "return_url": RETURN_URL,
        }
    )
    assert intent.status == "requires_action"
    assert intent.next_action is not None
    assert intent.next_action.type == "verify_with_microdeposits"
    asked = intent.next_action.verify_with_microdeposits
    assert asked is not None
    assert asked.hosted_verification_url
    verified = intents.verify_microdeposits(intent.id, {"amounts": [32, 45]})
    assert verified.status == "processing"


def test_a_bank_debit_may_fail_days_later(stripe_account: StripeAccount) -> None:
    intent = stripe_account.pay(
        "pm_usBankAccount_accountClosed",
        customer=stripe_account.customer().id,
        mandate_data=MANDATE,
    )
    assert intent.status == "processing"
    if not stripe_account.real:  # a sandbox settles in its own time, in no test's
        stripe_account.calendar.pass_by(7)
        intent = stripe_account.client.v1.payment_intents.retrieve(intent.id)
        assert intent.status == "requires_payment_method"
        charge = stripe_account.client.v1.charges.list({"payment_intent": intent.id}).data[0]
        assert (charge.status, charge.failure_code) == ("failed", "account_closed")
        stripe_account.happened("payment_intent.payment_failed", intent.id)


def test_an_unpaid_payment_can_be_canceled_once(stripe_account: StripeAccount) -> None:
    intents = stripe_account.client.v1.payment_intents
    made = intents.create({"amount": 2400, "currency": "usd"})
    canceled = intents.cancel(made.id, {"cancellation_reason": "abandoned"})
    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "abandoned")
    stripe_account.happened("payment_intent.canceled", made.id)


def test_an_amount_can_be_changed_until_it_is_paid(stripe_account: StripeAccount) -> None:
    intents = stripe_account.client.v1.payment_intents
    made = intents.create({"amount": 2400, "currency": "usd", "metadata": {"a": "1", "b": "2"}})
    changed = intents.update(made.id, {"amount": 3000, "metadata": {"b": ""}})
    assert (changed.amount, changed.metadata.to_dict()) == (3000, {"a": "1"})
