"""Plans, seats, trials and renewals."""

from typing import Any

import pytest
import stripe

from tests.contract.account import RETURN_URL, StripeAccount

pytestmark = pytest.mark.stripe


def subscribed(stripe_account: StripeAccount, customer: str, **more: Any) -> stripe.Subscription:
    params: Any = {
        "customer": customer,
        "items": [{"price": stripe_account.price().id, "quantity": 3}],
        "payment_settings": {"save_default_payment_method": "on_subscription"},
        "metadata": {"order_id": "order-1"},
    }
    return stripe_account.client.v1.subscriptions.create(params | more)


def latest_invoice(stripe_account: StripeAccount, subscription: str) -> stripe.Invoice:
    found = stripe_account.client.v1.subscriptions.retrieve(subscription)
    return stripe_account.client.v1.invoices.retrieve(
        str(found.latest_invoice), {"expand": ["payments"]}
    )


def intent_of(invoice: stripe.Invoice) -> str:
    assert invoice.payments is not None
    return str(invoice.payments.data[0].payment.payment_intent)


def test_the_first_invoice_waits_for_the_page(stripe_account: StripeAccount) -> None:
    customer = stripe_account.customer().id
    made = subscribed(stripe_account, customer, payment_behavior="default_incomplete")
    assert made.status == "incomplete"
    invoice = latest_invoice(stripe_account, made.id)
    assert (invoice.status, invoice.amount_due) == ("open", 3600)
    assert invoice.billing_reason == "subscription_create"
    assert invoice.parent is not None
    assert invoice.parent.subscription_details is not None
    assert invoice.parent.subscription_details.subscription == made.id
    paid = stripe_account.client.v1.payment_intents.confirm(
        intent_of(invoice),
        {
            "confirmation_token": stripe_account.token(
                "pm_card_visa", setup_future_usage="off_session"
            ),
            "return_url": RETURN_URL,
        },
    )
    assert paid.status == "succeeded"
    subscriptions = stripe_account.client.v1.subscriptions
    stripe_account.until(lambda: subscriptions.retrieve(made.id).status == "active")
    assert subscriptions.retrieve(made.id).default_payment_method == paid.payment_method
    assert latest_invoice(stripe_account, made.id).status == "paid"
    stripe_account.happened("invoice.paid", invoice.id)


def test_a_saved_card_pays_the_first_invoice_at_once(stripe_account: StripeAccount) -> None:
    customer = stripe_account.customer().id
    card = stripe_account.saved_card(customer).id
    made = subscribed(stripe_account, customer, default_payment_method=card)
    assert made.status == "active"
    invoice = latest_invoice(stripe_account, made.id)
    assert (invoice.status, invoice.amount_paid, invoice.amount_remaining) == ("paid", 3600, 0)
    assert made["items"].data[0].current_period_end > made["items"].data[0].current_period_start
    stripe_account.happened("customer.subscription.created", made.id)


def test_a_trial_ends_with_the_first_charge(stripe_account: StripeAccount) -> None:
    customer = stripe_account.customer().id
    card = stripe_account.saved_card(customer).id
    made = subscribed(stripe_account, customer, default_payment_method=card, trial_period_days=14)
    assert made.status == "trialing"
    first = latest_invoice(stripe_account, made.id)
    assert (first.status, first.amount_due) == ("paid", 0)
    stripe_account.calendar.pass_by(16)
    found = stripe_account.client.v1.subscriptions.retrieve(made.id)
    assert found.status == "active"
    invoice = latest_invoice(stripe_account, made.id)
    assert invoice.id != first.id
    assert (invoice.status, invoice.amount_paid) == ("paid", 3600)
    assert invoice.billing_reason == "subscription_cycle"


def test_a_trial_without_a_card_asks_to_set_one_up(stripe_account: StripeAccount) -> None:
    made = subscribed(
        stripe_account,
        stripe_account.customer().id,
        payment_behavior="default_incomplete",
        trial_period_days=14,
        expand=["pending_setup_intent"],
    )
    assert made.status == "trialing"
    setup = made.pending_setup_intent
    assert isinstance(setup, stripe.SetupIntent)
    assert setup.status == "requires_payment_method"
    assert setup.client_secret


def test_a_subscription_renews_every_month(stripe_account: StripeAccount) -> None:
    customer = stripe_account.customer().id
    stripe_account.saved_card(customer)
    made = subscribed(stripe_account, customer)
    stripe_account.calendar.pass_by(32)
    invoices = stripe_account.client.v1.invoices.list({"subscription": made.id})
    assert [each.billing_reason for each in invoices.data] == [
        "subscription_cycle",
        "subscription_create",
    ]
    assert [each.status for each in invoices.data] == ["paid", "paid"]
    found = stripe_account.client.v1.subscriptions.retrieve(made.id)
    before, after = made["items"].data[0], found["items"].data[0]
    assert after.current_period_start == before.current_period_end


def test_a_renewal_that_fails_leaves_the_subscription_past_due(
    stripe_account: StripeAccount,
) -> None:
    customer = stripe_account.customer().id
    stripe_account.saved_card(customer)
    made = subscribed(stripe_account, customer)
    # The card that can be attached, and pays nothing.
    card = stripe_account.saved_card(customer, "pm_card_chargeCustomerFail").id
    stripe_account.client.v1.subscriptions.update(made.id, {"default_payment_method": card})
    stripe_account.calendar.pass_by(32)
    found = stripe_account.client.v1.subscriptions.retrieve(made.id)
    assert found.status == "past_due"
    invoice = latest_invoice(stripe_account, made.id)
    assert (invoice.status, invoice.attempted) == ("open", True)
    assert invoice.attempt_count >= 1
    assert invoice.next_payment_attempt is not None
    stripe_account.happened("invoice.payment_failed", invoice.id)


def test_more_seats_are_charged_pro_rata(stripe_account: StripeAccount) -> None:
    customer = stripe_account.customer().id
    stripe_account.saved_card(customer)
    made = subscribed(stripe_account, customer)
    changed = stripe_account.client.v1.subscriptions.update(
        made.id,
        {
            "items": [{"id": made["items"].data[0].id, "quantity": 5}],
            "proration_behavior": "always_invoice",
        },
    )
    assert changed["items"].data[0].quantity == 5
    invoice = latest_invoice(stripe_account, made.id)
    assert (invoice.billing_reason, invoice.status) == ("subscription_update", "paid")
    # Two more seats for all of the month, or a second less.
    assert 2390 <= invoice.amount_paid <= 2400
    stripe_account.happened("customer.subscription.updated", made.id)


def test_a_subscription_ends_at_once_or_with_its_period(stripe_account: StripeAccount) -> None:
    customer = stripe_account.customer().id
    stripe_account.saved_card(customer)
    subscriptions = stripe_account.client.v1.subscriptions
    first, second = subscribed(stripe_account, customer), subscribed(stripe_account, customer)
    assert subscriptions.cancel(first.id).status == "canceled"
    stripe_account.happened("customer.subscription.deleted", first.id)
    ending = subscriptions.update(second.id, {"cancel_at_period_end": True})
    assert (ending.status, ending.cancel_at_period_end) == ("active", True)
    stripe_account.calendar.pass_by(32)
    assert subscriptions.retrieve(second.id).status == "canceled"
