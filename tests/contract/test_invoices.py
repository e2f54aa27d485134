"""Invoices from draft to paid, and their other ends."""

import pytest
import stripe

from tests.contract.account import StripeAccount

pytestmark = pytest.mark.stripe


def test_an_invoice_is_finalized_and_sent(stripe_account: StripeAccount) -> None:
    invoice = stripe_account.invoice(stripe_account.customer().id)
    assert (invoice.status, invoice.amount_due, invoice.amount_remaining) == (
        "open",
        240_000,
        240_000,
    )
    assert invoice.number
    assert invoice.hosted_invoice_url
    assert invoice.due_date is not None
    sent = stripe_account.client.v1.invoices.send_invoice(invoice.id)
    assert sent.status == "open"
    stripe_account.happened("invoice.finalized", invoice.id)
    stripe_account.happened("invoice.sent", invoice.id)


def test_a_saved_card_pays_an_invoice(stripe_account: StripeAccount) -> None:
    customer = stripe_account.customer().id
    card = stripe_account.saved_card(customer).id
    invoice = stripe_account.invoice(customer)
    paid = stripe_account.client.v1.invoices.pay(invoice.id, {"payment_method": card})
    assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", 240_000, 0)
    listed = stripe_account.client.v1.invoice_payments.list({"invoice": invoice.id})
    payment = listed.data[0]
    assert (payment.status, payment.amount_paid) == ("paid", 240_000)
    intent = str(payment.payment.payment_intent)
    found = stripe_account.client.v1.invoice_payments.list(
        {"payment": {"type": "payment_intent", "payment_intent": intent}}
    )
    assert [each.id for each in found.data] == [payment.id]
    stripe_account.happened("invoice.paid", invoice.id)
    stripe_account.happened("invoice_payment.paid", payment.id)


def test_a_declined_card_leaves_the_invoice_open(stripe_account: StripeAccount) -> None:
    customer = stripe_account.customer().id
    card = stripe_account.saved_card(customer, "pm_card_chargeCustomerFail").id
    invoice = stripe_account.invoice(customer)
    with pytest.raises(stripe.CardError):
        stripe_account.client.v1.invoices.pay(invoice.id, {"payment_method": card})
    found = stripe_account.client.v1.invoices.retrieve(invoice.id)
    assert (found.status, found.attempted, found.attempt_count) == ("open", True, 1)
    stripe_account.happened("invoice.payment_failed", invoice.id)


def test_an_invoice_paid_elsewhere_says_so(stripe_account: StripeAccount) -> None:
    invoice = stripe_account.invoice(stripe_account.customer().id)
    paid = stripe_account.client.v1.invoices.pay(invoice.id, {"paid_out_of_band": True})
    assert paid.status == "paid"
    stripe_account.happened("invoice.paid", invoice.id)


def test_a_voided_invoice_can_no_longer_be_paid(stripe_account: StripeAccount) -> None:
    invoice = stripe_account.invoice(stripe_account.customer().id)
    invoices = stripe_account.client.v1.invoices
    voided = invoices.void_invoice(invoice.id)
    assert voided.status == "void"
    assert voided.status_transitions.voided_at is not None
    stripe_account.happened("invoice.voided", invoice.id)
    with pytest.raises(stripe.InvalidRequestError):
        invoices.pay(invoice.id, {"paid_out_of_band": True})


def test_an_uncollectible_invoice_can_still_be_paid(stripe_account: StripeAccount) -> None:
    invoice = stripe_account.invoice(stripe_account.customer().id)
    invoices = stripe_account.client.v1.invoices
    assert invoices.mark_uncollectible(invoice.id).status == "uncollectible"
    stripe_account.happened("invoice.marked_uncollectible", invoice.id)
    assert invoices.pay(invoice.id, {"paid_out_of_band": True}).status == "paid"


def test_an_unpaid_invoice_becomes_overdue(stripe_account: StripeAccount) -> None:
    customer = stripe_account.customer().id
    invoice = stripe_account.invoice(
        customer, collection_method="send_invoice", days_until_due=10, auto_advance=True
    )
    stripe_account.calendar.pass_by(12)
    assert stripe_account.client.v1.invoices.retrieve(invoice.id).status == "open"
    if not stripe_account.real:  # in a sandbox as many days later as its automations say
        stripe_account.happened("invoice.overdue", invoice.id)


def test_a_draft_can_be_deleted_and_a_finalized_one_can_not(
    stripe_account: StripeAccount,
) -> None:
    invoices = stripe_account.client.v1.invoices
    customer = stripe_account.customer().id
    draft = invoices.create({"customer": customer})
    assert draft.status == "draft"
    assert invoices.delete(draft.id).deleted
    finalized = stripe_account.invoice(customer)
    with pytest.raises(stripe.InvalidRequestError):
        invoices.delete(finalized.id)
