"""Idempotency, refusals, pages and search."""

import uuid

import pytest
import stripe

from tests.contract.account import RETURN_URL, StripeAccount

pytestmark = pytest.mark.stripe


def test_a_repeated_key_repeats_the_answer(stripe_account: StripeAccount) -> None:
    key, intents = uuid.uuid4().hex, stripe_account.client.v1.payment_intents
    token = stripe_account.token("pm_card_visa")
    answers = [
        intents.create(
            {
                "amount": 2400,
                "currency": "usd",
                "confirm": True,
                "confirmation_token": token,
                "return_url": RETURN_URL,
            },
            {"idempotency_key": key},
        )
        for _ in range(2)
    ]
    assert answers[0].id == answers[1].id
    assert len(stripe_account.client.v1.charges.list({"payment_intent": answers[0].id}).data) == 1
    replayed = answers[1].last_response
    assert replayed is not None
    assert replayed.headers["Idempotent-Replayed"] == "true"


def test_a_decline_is_repeated_as_well(stripe_account: StripeAccount) -> None:
    key, refusals = uuid.uuid4().hex, []
    token = stripe_account.token("pm_card_visa_chargeDeclined")
    for _ in range(2):
        with pytest.raises(stripe.CardError) as refusal:
            stripe_account.client.v1.payment_intents.create(
                {
                    "amount": 2400,
                    "currency": "usd",
                    "confirm": True,
                    "confirmation_token": token,
                    "return_url": RETURN_URL,
                },
                {"idempotency_key": key},
            )
        assert refusal.value.error is not None
        refusals.append(refusal.value.error.charge)
    assert refusals[0] == refusals[1]


def test_a_key_belongs_to_its_parameters(stripe_account: StripeAccount) -> None:
    key, intents = uuid.uuid4().hex, stripe_account.client.v1.payment_intents
    intents.create({"amount": 2400, "currency": "usd"}, {"idempotency_key": key})
    with pytest.raises(stripe.IdempotencyError):
        intents.create({"amount": 2500, "currency": "usd"}, {"idempotency_key": key})


def test_an_unknown_parameter_is_refused_by_name(stripe_account: StripeAccount) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        stripe_account.client.v1.customers.create({"invented": "x"})  # type: ignore[arg-type]
    assert (refusal.value.code, refusal.value.param) == ("parameter_unknown", "invented")


def test_payment_method_types_is_refused(stripe_account: StripeAccount) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        stripe_account.client.v1.payment_intents.create(
            {"amount": 100, "currency": "usd", "payment_method_types": ["card"]}  # type: ignore[typeddict-unknown-key]
        )
    assert refusal.value.code == "payment_method_types_no_longer_supported"


def test_methods_can_be_allowed_or_excluded_but_not_both(stripe_account: StripeAccount) -> None:
    intents = stripe_account.client.v1.payment_intents
    allowed = intents.create(
        {"amount": 2400, "currency": "usd", "allowed_payment_method_types": ["card"]}
    )
    assert allowed.payment_method_types == ["card"]
    excluded = intents.create(
        {"amount": 2400, "currency": "usd", "excluded_payment_method_types": ["card"]}
    )
    assert "card" not in excluded.payment_method_types
    with pytest.raises(stripe.InvalidRequestError):
        intents.create(
            {
                "amount": 2400,
                "currency": "usd",
                "allowed_payment_method_types": ["card"],
                "excluded_payment_method_types": ["link"],
            }
        )


def test_what_does_not_exist_is_missing(stripe_account: StripeAccount) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        stripe_account.client.v1.payment_intents.retrieve("pi_00000000000000000000None")
    assert (refusal.value.http_status, refusal.value.code) == (404, "resource_missing")


def test_a_list_is_read_page_by_page(stripe_account: StripeAccount) -> None:
    customer = stripe_account.customer().id
    intents = stripe_account.client.v1.payment_intents
    made = [
        intents.create({"amount": 100 + n, "currency": "usd", "customer": customer}).id
        for n in range(5)
    ]
    first = intents.list({"customer": customer, "limit": 2})
    assert first.has_more
    assert [each.id for each in first.data] == made[:2:-1]
    assert [each.id for each in first.auto_paging_iter()] == made[::-1]
    back = intents.list({"customer": customer, "limit": 2, "ending_before": made[0]})
    assert [each.id for each in back.data] == made[2:0:-1]


def test_payments_are_found_by_their_metadata(stripe_account: StripeAccount) -> None:
    order = uuid.uuid4().hex
    paid = stripe_account.pay(metadata={"order_id": order})
    search = stripe_account.client.v1.payment_intents.search
    query = f"metadata['order_id']:'{order}'"
    # Stripe's index lags by up to a minute.
    stripe_account.until(lambda: bool(search({"query": query}).data))
    assert [each.id for each in search({"query": query}).data] == [paid.id]
