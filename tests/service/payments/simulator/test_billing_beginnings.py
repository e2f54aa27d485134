"""How a subscription begins: with which methods, by bank, in a trial, with items of one invoice."""

from typing import Any

import pytest
import stripe

from tests.service.payments.simulator.billing import Shop
from tests.service.payments.simulator.conftest import Simulator

pytestmark = pytest.mark.stripe
KEPT = {"save_default_payment_method": "on_subscription"}
AGREED = {
    "mandate_data": {
        "customer_acceptance": {
            "type": "online",
            "online": {"ip_address": "127.0.0.1", "user_agent": "Firefox"},
        }
    }
}
EVERY_TYPE = ["card", "link", "us_bank_account"]
DEPOSITS = {"us_bank_account": {"verification_method": "microdeposits"}}
TOLD = {"amounts": [32, 45]}


@pytest.fixture
def shop(simulator: Simulator) -> Shop:
    return Shop(simulator)


def begin(shop: Shop, **more: Any) -> Any:
    """A subscription whose first invoice the page is to pay, or whose card it is to set up."""
    terms = {"payment_behavior": "default_incomplete", "payment_settings": KEPT, **more}
    return shop.subscribe(shop.customer(None), **terms)


def pay_by_bank(shop: Shop, subscription: Any, kind: str = "success", **more: Any) -> Any:
    """The page confirms the first invoice's PaymentIntent with a bank account."""
    intent = shop.intent_of(subscription.latest_invoice).id
    confirmed = {"payment_method": f"pm_usBankAccount_{kind}", **AGREED, **more}
    return shop.v1.payment_intents.confirm(intent, confirmed)


def set_up(shop: Shop, subscription: Any, method: str = "pm_card_visa", **more: Any) -> Any:
    """The page confirms the SetupIntent of a trial."""
    confirmed = {"payment_method": method, "return_url": "https://shop.example/", **more}
    return shop.v1.setup_intents.confirm(subscription.pending_setup_intent, confirmed)


@pytest.mark.parametrize("types", [["card"], ["us_bank_account"], ["us_bank_account", "card"]])
def test_a_subscription_is_paid_by_the_methods_it_names(shop: Shop, types: list[str]) -> None:
    made = begin(shop, payment_settings={"payment_method_types": types})
    assert made.payment_settings.payment_method_types == types
    assert shop.latest_invoice(made.id).payment_settings.payment_method_types == types
    assert sorted(shop.intent_of(made.latest_invoice).payment_method_types) == sorted(types)


@pytest.mark.parametrize("types", ["", None])
def test_no_named_methods_are_all_methods(shop: Shop, types: Any) -> None:
    customer = shop.customer()
    settings: Any = {"payment_settings": {"payment_method_types": types}}
    invoice = shop.invoice(customer, **settings)
    assert invoice.payment_settings.payment_method_types is None
    assert shop.intent_of(invoice.id).payment_method_types == EVERY_TYPE
    made = begin(shop, **settings)
    assert made.payment_settings.payment_method_types is None
    assert shop.intent_of(made.latest_invoice).payment_method_types == EVERY_TYPE


def test_an_invoice_that_is_sent_may_be_paid_by_bank_transfer_only(shop: Shop) -> None:
    settings = {"payment_method_types": ["customer_balance"]}
    customer = shop.customer()
    sent: Any = {"collection_method": "send_invoice", "days_until_due": 30}
    invoice = shop.invoice(customer, payment_settings=settings, **sent)
    assert shop.intent_of(invoice.id).payment_method_types == ["customer_balance"]
    with pytest.raises(stripe.InvalidRequestError, match="not allowed"):
        shop.v1.invoices.pay(invoice.id)
    assert shop.receive(invoice.id, 10_000)["status"] == "paid"
    with pytest.raises(stripe.InvalidRequestError, match="takes usd"):
        shop.invoice(customer, payment_settings=settings, auto_advance=False)


def test_a_method_that_stripe_does_not_know_is_refused(shop: Shop) -> None:
    settings = {"payment_method_types": ["card", "barter"]}
    with pytest.raises(stripe.InvalidRequestError, match=r"payment_method_types\]\[1\]"):
        shop.v1.invoices.create({"customer": shop.customer(), "payment_settings": settings})
    with pytest.raises(stripe.InvalidRequestError, match=r"payment_method_types\]\[1\]"):
        begin(shop, payment_settings=settings)


def test_methods_of_another_currency_leave_an_invoice_unfinished(shop: Shop) -> None:
    customer = shop.customer()
    settings = {"payment_method_types": ["us_bank_account"]}
    draft = shop.v1.invoices.create(
        {"customer": customer, "payment_settings": settings, "auto_advance": True}
    ).id
    shop.v1.invoice_items.create(
        {"customer": customer, "invoice": draft, "amount": 100, "currency": "eur"}
    )
    with pytest.raises(stripe.InvalidRequestError, match="takes eur"):
        shop.v1.invoices.finalize_invoice(draft)
    shop.pass_by(1)
    found = shop.v1.invoices.retrieve(draft)
    assert found.status == "draft"
    assert "takes eur" in found.last_finalization_error.message
    assert "invoice.finalization_failed" in shop.told_of(draft)


def test_a_trial_sets_up_only_a_method_that_is_named(shop: Shop) -> None:
    settings = {**KEPT, "payment_method_types": ["us_bank_account"]}
    made = begin(shop, trial_period_days=10, payment_settings=settings)
    setup = shop.v1.setup_intents.retrieve(made.pending_setup_intent)
    assert setup.payment_method_types == ["us_bank_account"]
    with pytest.raises(stripe.InvalidRequestError, match="not allowed"):
        set_up(shop, made)


def test_what_a_trial_sets_up_is_attached_and_told(shop: Shop) -> None:
    made = begin(shop, trial_period_days=10)
    assert shop.v1.setup_intents.retrieve(made.pending_setup_intent).usage == "off_session"
    method = set_up(shop, made).payment_method
    assert shop.v1.payment_methods.retrieve(method).customer == made.customer
    found = shop.subscription(made.id)
    assert (found.status, found.pending_setup_intent) == ("trialing", None)
    assert found.default_payment_method == method
    (event,) = shop.told("customer.subscription.updated")
    previous: Any = event.data.previous_attributes
    assert previous.to_dict() == {
        "default_payment_method": None,
        "pending_setup_intent": made.pending_setup_intent,
    }


def test_a_subscription_that_keeps_no_methods_takes_none_of_its_trial(shop: Shop) -> None:
    made = begin(shop, trial_period_days=10, payment_settings={})
    set_up(shop, made)
    found = shop.subscription(made.id)
    assert (found.pending_setup_intent, found.default_payment_method) == (None, None)


def test_an_account_proven_by_deposits_pays_when_the_trial_ends(shop: Shop) -> None:
    made = begin(shop, trial_period_days=10)
    options = {"payment_method_options": DEPOSITS}
    waiting = set_up(shop, made, "pm_usBankAccount_success", **options)
    assert waiting.next_action.type == "verify_with_microdeposits"
    assert shop.subscription(made.id).pending_setup_intent == waiting.id
    proven = shop.v1.setup_intents.verify_microdeposits(waiting.id, TOLD)
    found = shop.subscription(made.id)
    assert found.pending_setup_intent is None
    assert found.default_payment_method == proven.payment_method
    shop.pass_by(10.5)
    assert shop.intent_of(shop.subscription(made.id).latest_invoice).status == "processing"


def test_what_is_set_up_after_a_subscription_ended_changes_nothing_of_it(shop: Shop) -> None:
    made = begin(shop, trial_period_days=10)
    shop.v1.subscriptions.cancel(made.id)
    set_up(shop, made)
    assert shop.subscription(made.id).default_payment_method is None


def test_a_subscription_is_active_while_its_first_debit_is_under_way(shop: Shop) -> None:
    made = begin(shop)
    paid = pay_by_bank(shop, made)
    assert paid.status == "processing"
    assert shop.v1.payment_methods.retrieve(paid.payment_method).customer == made.customer
    assert shop.subscription(made.id).status == "active"
    shop.pass_by(2)
    assert shop.latest_invoice(made.id).status == "open"
    shop.pass_by(6)
    assert shop.latest_invoice(made.id).status == "paid"
    found = shop.subscription(made.id)
    assert (found.status, found.default_payment_method) == ("active", paid.payment_method)


def test_a_first_debit_that_fails_leaves_the_subscription_past_due(shop: Shop) -> None:
    made = begin(shop)
    pay_by_bank(shop, made, "insufficientFunds")
    assert shop.subscription(made.id).status == "active"
    shop.pass_by(8)
    assert shop.subscription(made.id).status == "past_due"
    invoice = shop.latest_invoice(made.id)
    assert invoice.status == "open"
    assert "invoice.payment_failed" in shop.told_of(invoice.id)


def test_who_is_to_tell_small_deposits_has_ten_days(shop: Shop) -> None:
    told, silent = begin(shop), begin(shop)
    for each in (told, silent):
        waiting = pay_by_bank(shop, each, payment_method_options=DEPOSITS)
        assert waiting.status == "requires_action"
    shop.pass_by(9)
    for each in (told, silent):
        assert shop.subscription(each.id).status == "incomplete"
        assert shop.latest_invoice(each.id).status == "open"
    shop.v1.payment_intents.verify_microdeposits(shop.intent_of(told.latest_invoice).id, TOLD)
    assert shop.subscription(told.id).status == "active"
    shop.pass_by(1.5)
    assert shop.subscription(told.id).status == "active"
    assert shop.subscription(silent.id).status == "incomplete_expired"
    assert shop.latest_invoice(silent.id).status == "void"


def test_an_item_of_one_invoice_is_due_with_the_first_period_only(shop: Shop) -> None:
    product = shop.v1.products.create({"name": "Set-up"}).id
    data = {"currency": "usd", "product": product, "unit_amount": 500}
    made = begin(shop, add_invoice_items=[{"price_data": data, "quantity": 3}])
    assert made.status == "incomplete"
    invoice = shop.latest_invoice(made.id)
    assert invoice.amount_due == 2_400 + 1_500
    once = next(line for line in invoice.lines.data if line.amount == 1_500)
    assert (once.description, once.quantity) == ("Set-up", 3)
    assert once.pricing.price_details.product == product
    assert once.parent.invoice_item_details.subscription == made.id
    assert shop.intent_of(invoice.id).amount == 3_900
    shop.v1.payment_intents.confirm(
        shop.intent_of(invoice.id).id, {"payment_method": "pm_card_visa"}
    )
    shop.pass_by(32)
    assert shop.latest_invoice(made.id).amount_paid == 2_400


def begin_dear_trial(shop: Shop, **more: Any) -> Any:
    """A trial for which something is due at once."""
    product = shop.v1.products.create({"name": "Set-up"}).id
    once = shop.v1.prices.create({"currency": "usd", "product": product, "unit_amount": 500}).id
    return begin(shop, trial_period_days=10, add_invoice_items=[{"price": once}], **more)


def test_an_item_of_one_invoice_is_due_in_a_trial_too(shop: Shop) -> None:
    made = begin_dear_trial(shop)
    assert (made.status, made.pending_setup_intent) == ("trialing", None)
    invoice = shop.latest_invoice(made.id)
    assert (invoice.status, invoice.amount_due) == ("open", 500)
    intent = shop.intent_of(invoice.id)
    assert (intent.status, intent.setup_future_usage) == ("requires_payment_method", "off_session")
    paid = shop.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    found = shop.subscription(made.id)
    assert (found.status, found.default_payment_method) == ("trialing", paid.payment_method)
    shop.pass_by(11)
    assert shop.subscription(made.id).status == "active"
    assert shop.latest_invoice(made.id).amount_paid == 2_400


def test_a_trial_goes_on_when_a_declined_payment_is_made_after_all(shop: Shop) -> None:
    made = begin_dear_trial(shop)
    intent = shop.intent_of(made.latest_invoice).id
    with pytest.raises(stripe.CardError):
        shop.v1.payment_intents.confirm(intent, {"payment_method": "pm_card_chargeDeclined"})
    assert shop.subscription(made.id).status == "past_due"
    shop.v1.payment_intents.confirm(intent, {"payment_method": "pm_card_visa"})
    assert shop.subscription(made.id).status == "trialing"


def test_a_saved_card_pays_what_a_trial_asks_for_at_once(shop: Shop) -> None:
    customer = shop.customer()
    product = shop.v1.products.create({"name": "Set-up"}).id
    data = {"currency": "usd", "product": product, "unit_amount": 500}
    terms = {"trial_period_days": 10, "add_invoice_items": [{"price_data": data}]}
    made = shop.subscribe(customer, **terms)
    assert (made.status, shop.latest_invoice(made.id).status) == ("trialing", "paid")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"price_data": {"currency": "usd", "unit_amount": 500}}, "product"),
        ({"price_data": {"currency": "eur", "unit_amount": 500}, "sold": True}, "one currency"),
        ({"recurring": True}, "paid once"),
        ({"price": "price_unknown"}, "No such price"),
        ({"price": "price_unknown", "amount": 3}, "unknown parameter"),
        ({"quantity": -1, "price_data": {"currency": "usd", "unit_amount": 5}, "sold": True}, "to"),
    ],
)
def test_what_an_item_of_one_invoice_can_not_be_is_refused(
    shop: Shop, wrong: dict[str, Any], said: str
) -> None:
    if wrong.pop("recurring", False):
        wrong["price"] = shop.price()
    if wrong.pop("sold", False):
        product = shop.v1.products.create({"name": "Set-up"}).id
        wrong = {**wrong, "price_data": {**wrong["price_data"], "product": product}}
    with pytest.raises(stripe.InvalidRequestError, match=said):
        begin(shop, add_invoice_items=[wrong])


def test_the_payment_of_an_invoice_is_canceled_only_by_voiding_it(shop: Shop) -> None:
    invoice = shop.invoice(shop.customer()).id
    intent = shop.intent_of(invoice).id
    with pytest.raises(stripe.InvalidRequestError, match="void the invoice") as refused:
        shop.v1.payment_intents.cancel(intent)
    assert refused.value.code == "payment_intent_unexpected_state"
    assert shop.v1.payment_intents.retrieve(intent).status == "requires_payment_method"
    shop.v1.invoices.void_invoice(invoice)
    assert shop.told_of(intent)[-1] == "payment_intent.canceled"
    assert shop.told_of(invoice)[-1] == "invoice.voided"
    canceled = shop.v1.payment_intents.retrieve(intent)
    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "void_invoice")


def test_an_incomplete_subscription_takes_its_first_invoice_with_it(shop: Shop) -> None:
    made = begin(shop)
    # As Stripe has it: what never began is not canceled but lapses, and is not told as deleted.
    lapsed = shop.v1.subscriptions.cancel(made.id)
    assert lapsed.status == "incomplete_expired"
    assert lapsed.canceled_at == lapsed.ended_at
    assert lapsed.cancellation_details.reason == "cancellation_requested"
    assert shop.told_of(made.id)[-1] == "customer.subscription.updated"
    assert shop.latest_invoice(made.id).status == "void"
    assert shop.intent_of(made.latest_invoice).status == "canceled"
    shop.pass_by(2)
    assert shop.subscription(made.id).status == "incomplete_expired"
