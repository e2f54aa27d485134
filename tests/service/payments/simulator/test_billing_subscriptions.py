"""Plans over months: renewals, retries, trials, seats, and how they end."""

from typing import Any

import pytest
import stripe

from service.payments.simulator.api import Api
from tests.service.payments.simulator.billing import DAY, REFUSED, Shop
from tests.service.payments.simulator.conftest import Simulator

pytestmark = pytest.mark.stripe


@pytest.fixture
def shop(simulator: Simulator) -> Shop:
    return Shop(simulator)


def fail_at_renewal(shop: Shop, method: str = REFUSED) -> tuple[str, str]:
    """A subscription whose second month is not paid, and the method it began with."""
    customer = shop.customer(None)
    good = shop.default(customer, "pm_card_visa")
    made = shop.subscribe(customer, default_payment_method=good)
    bad = shop.v1.payment_methods.attach(method, {"customer": customer}).id
    shop.v1.subscriptions.update(made.id, {"default_payment_method": bad})
    shop.pass_by(32)
    assert shop.subscription(made.id).status == "past_due"
    return made.id, good


def test_a_debit_under_way_begins_a_subscription_and_pays_it_days_later(shop: Shop) -> None:
    made = shop.subscribe(shop.customer("pm_usBankAccount_success"))
    assert shop.subscription(made.id).status == "active"
    shop.pass_by(2)
    assert shop.latest_invoice(made.id).status == "open"
    shop.pass_by(6)
    assert shop.subscription(made.id).status == "active"
    assert shop.latest_invoice(made.id).status == "paid"


def test_a_first_invoice_nobody_pays_is_void_a_day_later(shop: Shop) -> None:
    made = shop.subscribe(shop.customer(None), payment_behavior="default_incomplete")
    shop.pass_by(1)
    assert shop.subscription(made.id).status == "incomplete_expired"
    assert shop.latest_invoice(made.id).status == "void"
    assert shop.intent_of(made.latest_invoice).status == "canceled"


def test_the_next_try_charges_what_the_subscription_was_switched_to(shop: Shop) -> None:
    subscription, good = fail_at_renewal(shop)
    shop.v1.subscriptions.update(subscription, {"default_payment_method": good})
    shop.pass_by(4)
    assert shop.subscription(subscription).status == "active"
    invoice = shop.latest_invoice(subscription)
    assert (invoice.status, invoice.attempt_count) == ("paid", 2)


def test_after_the_last_try_a_subscription_is_canceled(shop: Shop) -> None:
    subscription, _ = fail_at_renewal(shop)
    shop.pass_by(25)
    ended = shop.subscription(subscription)
    assert (ended.status, ended.cancellation_details.reason) == ("canceled", "payment_failed")
    invoice = shop.latest_invoice(subscription)
    assert (invoice.status, invoice.attempt_count) == ("open", 5)
    assert (invoice.next_payment_attempt, invoice.auto_advance) == (None, False)
    assert shop.told_of(invoice.id).count("invoice.payment_failed") == 5


def test_a_card_that_asks_for_its_holder_is_counted_on_but_not_charged(shop: Shop) -> None:
    subscription, _ = fail_at_renewal(shop, "pm_card_threeDSecure2Required")
    invoice = shop.latest_invoice(subscription).id
    assert "invoice.payment_action_required" in shop.told_of(invoice)
    shop.pass_by(4)
    found = shop.v1.invoices.retrieve(invoice)
    assert (found.attempt_count, found.next_payment_attempt is None) == (2, False)
    intent = shop.intent_of(invoice).id
    assert len(shop.v1.charges.list({"payment_intent": intent}).data) == 1
    shop.pass_by(25)
    assert shop.subscription(subscription).status == "canceled"


def test_a_trial_without_a_card_ends_in_a_failed_payment(shop: Shop) -> None:
    made = shop.subscribe(shop.customer(None), trial_period_days=10)
    shop.pass_by(8)
    assert shop.told_of(made.id)[-1] == "customer.subscription.trial_will_end"
    shop.pass_by(3)
    assert shop.subscription(made.id).status == "past_due"
    assert shop.latest_invoice(made.id).attempt_count == 1


def test_what_is_set_up_in_a_trial_pays_when_it_ends(shop: Shop) -> None:
    made = shop.subscribe(
        shop.customer(None),
        trial_period_days=10,
        payment_behavior="default_incomplete",
        payment_settings={"save_default_payment_method": "on_subscription"},
    )
    setup = shop.v1.setup_intents.confirm(
        made.pending_setup_intent,
        {"payment_method": "pm_card_visa", "return_url": "https://shop.example/"},
    )
    found = shop.subscription(made.id)
    assert found.default_payment_method == setup.payment_method
    assert found.pending_setup_intent is None
    shop.pass_by(11)
    assert shop.latest_invoice(made.id).amount_paid == 2_400


def test_a_renewal_is_told_of_a_week_before(shop: Shop) -> None:
    made = shop.subscribe(shop.customer())
    shop.pass_by(27)
    (event,) = shop.told("invoice.upcoming")
    coming = event.data.object
    assert (coming["amount_due"], coming["status"]) == (2_400, "draft")
    details = coming["parent"]["subscription_details"]
    assert details["subscription"] == made.id
    shop.v1.subscriptions.update(made.id, {"cancel_at_period_end": True})
    shop.pass_by(40)
    assert len(shop.told("invoice.upcoming")) == 1
    assert shop.subscription(made.id).status == "canceled"


def test_fewer_seats_give_credit_that_the_renewal_takes(shop: Shop) -> None:
    customer = shop.customer()
    made = shop.subscribe(customer)
    item = made["items"].data[0].id
    changed = shop.v1.subscriptions.update(
        made.id,
        {"items": [{"id": item, "quantity": 1}], "proration_behavior": "always_invoice"},
    )
    credit = shop.v1.invoices.retrieve(changed.latest_invoice)
    assert credit.status == "paid"
    assert -1_200 <= credit.total < -1_190
    assert shop.v1.customers.retrieve(customer).balance == credit.total
    shop.pass_by(32)
    renewed = shop.latest_invoice(made.id)
    assert (renewed.total, renewed.amount_paid) == (1_200, 1_200 + credit.total)


def test_nothing_of_a_canceled_subscription_is_tried_again(shop: Shop) -> None:
    subscription, _ = fail_at_renewal(shop)
    shop.v1.subscriptions.cancel(subscription)
    before = shop.latest_invoice(subscription)
    assert (before.attempt_count, before.auto_advance) == (1, False)
    shop.pass_by(10)
    assert shop.latest_invoice(subscription).attempt_count == 1


def test_a_list_of_subscriptions_leaves_out_the_canceled_and_is_paged_through(shop: Shop) -> None:
    customer = shop.customer()
    made = [shop.subscribe(customer).id for _ in range(5)]
    for each in made[1:]:
        shop.v1.subscriptions.cancel(each)

    def listed(**wanted: Any) -> list[str]:
        asked = {"customer": customer, "limit": 2, **wanted}
        return [each.id for each in shop.v1.subscriptions.list(asked).auto_paging_iter()]

    assert listed() == made[:1]
    assert listed(status="canceled") == listed(status="ended") == made[:0:-1]
    assert listed(status="all") == made[::-1]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"trial_period_days": -1}, "trial"),
        ({"collection_method": "send_invoice"}, "days_until_due"),
        ({"default_payment_method": "somebody else's"}, "does not belong"),
        ({"quantity": -1}, "quantity"),
    ],
)
def test_what_a_subscription_can_not_be_is_refused(
    shop: Shop, wrong: dict[str, Any], said: str
) -> None:
    if "default_payment_method" in wrong:
        wrong = {"default_payment_method": shop.default(shop.customer(None), "pm_card_visa")}
    items = [{"price": shop.price(), "quantity": wrong.pop("quantity", 1)}]
    asked = {"customer": shop.customer(), "items": items}
    with pytest.raises(stripe.InvalidRequestError, match=said):
        shop.v1.subscriptions.create(asked | wrong)


def test_a_period_and_a_price_have_their_bounds(shop: Shop) -> None:
    for wrong in ({"interval_count": 0}, {"interval": "month", "interval_count": 37}):
        with pytest.raises(stripe.InvalidRequestError, match="period"):
            shop.price(**wrong)
    with pytest.raises(stripe.InvalidRequestError, match="below 0"):
        shop.price(-1)


def test_a_quarter_and_a_year_are_periods_too(shop: Shop) -> None:
    for recurring, months in (({"interval_count": 3}, 3), ({"interval": "year"}, 12)):
        items = [{"price": shop.price(**recurring)}]
        made = shop.v1.subscriptions.create({"customer": shop.customer(), "items": items})
        item = made["items"].data[0]
        days = (item.current_period_end - item.current_period_start) / DAY
        assert abs(days - months * 30.4) < 3


def test_what_is_of_one_invoice_or_customer_is_found_by_that(
    dated_api: tuple[Api, list[Any]],
) -> None:
    """However many others have the same status."""
    api, _ = dated_api
    for column in ("customer", "invoice", "subscription"):
        with api.looking() as work:
            asked: list[str] = []
            work.connection.set_trace_callback(asked.append)
            wanted = {"status": ["open"], column: ["one"]}
            work.page("invoice", wanted, {}, before=None, after=None, limit=10)
            work.connection.set_trace_callback(None)
            plan = work.connection.execute(f"EXPLAIN QUERY PLAN {asked[0]}").fetchall()
            assert f"objects_by_{column} " in plan[0]["detail"]
