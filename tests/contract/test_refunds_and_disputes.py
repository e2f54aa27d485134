"""Money that goes back."""

import pytest
import stripe

from tests.contract.account import StripeAccount

pytestmark = pytest.mark.stripe


def test_a_payment_is_refunded_in_parts_and_never_beyond(stripe_account: StripeAccount) -> None:
    intent = stripe_account.pay()
    refunds = stripe_account.client.v1.refunds
    part = refunds.create({"payment_intent": intent.id, "amount": 1000})
    assert (part.status, part.amount, part.charge) == ("succeeded", 1000, intent.latest_charge)
    with pytest.raises(stripe.InvalidRequestError):
        refunds.create({"payment_intent": intent.id, "amount": 1401})
    rest = refunds.create({"payment_intent": intent.id, "reason": "requested_by_customer"})
    assert rest.amount == 1400
    charge = stripe_account.client.v1.charges.retrieve(str(intent.latest_charge))
    assert (charge.refunded, charge.amount_refunded) == (True, 2400)
    stripe_account.happened("refund.created", rest.id)
    stripe_account.happened("charge.refunded", charge.id)
    with pytest.raises(stripe.InvalidRequestError) as again:
        refunds.create({"payment_intent": intent.id})
    assert again.value.code == "charge_already_refunded"


def test_a_disputed_card_takes_the_money_back(stripe_account: StripeAccount) -> None:
    intent = stripe_account.pay("pm_card_createDispute")
    assert intent.status == "succeeded"
    disputes = stripe_account.client.v1.disputes
    stripe_account.until(lambda: bool(disputes.list({"payment_intent": intent.id}).data))
    dispute = disputes.list({"payment_intent": intent.id}).data[0]
    assert (dispute.amount, dispute.currency) == (2400, "usd")
    assert (dispute.reason, dispute.status) == ("fraudulent", "needs_response")
    assert dispute.charge == intent.latest_charge
    charge = stripe_account.client.v1.charges.retrieve(str(intent.latest_charge))
    assert charge.disputed
    stripe_account.happened("charge.dispute.created", dispute.id)


def test_an_issuer_may_warn_of_fraud_early(stripe_account: StripeAccount) -> None:
    intent = stripe_account.pay("pm_card_createIssuerFraudRecord")
    assert intent.status == "succeeded"
    warnings = stripe_account.client.v1.radar.early_fraud_warnings
    stripe_account.until(lambda: bool(warnings.list({"payment_intent": intent.id}).data))
    warning = warnings.list({"payment_intent": intent.id}).data[0]
    assert (warning.charge, warning.actionable) == (intent.latest_charge, True)
    stripe_account.happened("radar.early_fraud_warning.created", warning.id)
