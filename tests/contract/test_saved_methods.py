"""Payment methods that a customer keeps."""

import pytest
import stripe

from tests.contract.account import RETURN_URL, StripeAccount

pytestmark = pytest.mark.stripe


def methods(stripe_account: StripeAccount, customer: str) -> list[str]:
    listed = stripe_account.client.v1.payment_methods.list({"customer": customer})
    return [method.id for method in listed.data]


def test_a_card_is_saved_by_a_payment_and_used_again(stripe_account: StripeAccount) -> None:
    customer = stripe_account.customer().id
    paid = stripe_account.pay(customer=customer, setup_future_usage="off_session")
    assert paid.status == "succeeded"
    assert methods(stripe_account, customer) == [paid.payment_method]
    stripe_account.happened("payment_method.attached", str(paid.payment_method))
    again = stripe_account.client.v1.payment_intents.create(
        {
            "amount": 3000,
            "currency": "usd",
            "customer": customer,
            "payment_method": str(paid.payment_method),
            "off_session": True,
            "confirm": True,
        }
    )
    assert again.status == "succeeded"


def test_a_card_that_was_not_to_be_saved_is_not(stripe_account: StripeAccount) -> None:
    customer = stripe_account.customer().id
    stripe_account.pay(customer=customer)
    assert methods(stripe_account, customer) == []


def test_a_removed_card_pays_no_more(stripe_account: StripeAccount) -> None:
    customer = stripe_account.customer().id
    card = stripe_account.saved_card(customer).id
    removed = stripe_account.client.v1.payment_methods.detach(card)
    assert removed.customer is None
    assert methods(stripe_account, customer) == []
    stripe_account.happened("payment_method.detached", card)
    with pytest.raises(stripe.InvalidRequestError):
        stripe_account.client.v1.payment_intents.create(
            {
                "amount": 3000,
                "currency": "usd",
                "customer": customer,
                "payment_method": card,
                "off_session": True,
                "confirm": True,
            }
        )


def test_a_card_is_set_up_without_a_payment(stripe_account: StripeAccount) -> None:
    customer = stripe_account.customer().id
    made = stripe_account.client.v1.setup_intents.create(
        {
            "customer": customer,
            "confirm": True,
            "confirmation_token": stripe_account.token(
                "pm_card_visa", setup_future_usage="off_session"
            ),
            "usage": "off_session",
            "return_url": RETURN_URL,
        }
    )
    assert made.status == "succeeded"
    assert methods(stripe_account, customer) == [made.payment_method]
    stripe_account.happened("setup_intent.succeeded", made.id)


def test_a_page_is_given_a_session_that_may_save_and_remove(
    stripe_account: StripeAccount,
) -> None:
    customer = stripe_account.customer().id
    session = stripe_account.client.v1.customer_sessions.create(
        {
            "customer": customer,
            "components": {
                "payment_element": {
                    "enabled": True,
                    "features": {
                        "payment_method_redisplay": "enabled",
                        "payment_method_save": "enabled",
                        "payment_method_save_usage": "off_session",
                        "payment_method_remove": "enabled",
                    },
                }
            },
        }
    )
    assert session.customer == customer
    assert session.client_secret
    assert session.components is not None
    features = session.components.payment_element.features
    assert features is not None
    assert features.payment_method_save == "enabled"
    assert features.payment_method_allow_redisplay_filters == ["always"]


def test_a_deleted_customer_is_gone(stripe_account: StripeAccount) -> None:
    customer = stripe_account.customer().id
    stripe_account.client.v1.customers.delete(customer)
    found = stripe_account.client.v1.customers.retrieve(customer)
    assert found.to_dict()["deleted"] is True
    stripe_account.happened("customer.deleted", customer)
