"""What becomes of an invoice, and that its money is counted once."""

import pytest
import stripe

from tests.service.payments.simulator.billing import REFUSED, Shop
from tests.service.payments.simulator.conftest import Simulator

pytestmark = pytest.mark.stripe


@pytest.fixture
def shop(simulator: Simulator) -> Shop:
    return Shop(simulator)


def test_after_a_part_came_by_bank_the_card_pays_the_rest_only(shop: Shop) -> None:
    customer = shop.customer()
    invoice = shop.invoice(customer).id
    part = shop.receive(invoice, 4_000)
    assert (part["status"], part["amount_paid"], part["amount_remaining"]) == ("open", 4_000, 6_000)
    paid = shop.v1.invoices.pay(invoice)
    assert (paid.status, paid.amount_paid, paid.amount_overpaid) == ("paid", 10_000, 0)
    assert shop.intent_of(invoice).amount_received == 6_000
    assert [(p.payment.type, p.amount_paid) for p in shop.payments_of(invoice)] == [
        ("payment_record", 4_000),
        ("payment_intent", 6_000),
    ]


def test_what_came_too_much_comes_off_the_next_invoice(shop: Shop) -> None:
    customer = shop.customer(None)
    first = shop.invoice(customer).id
    shop.receive(first, 12_000)
    again = shop.receive(first, 500)
    assert (again["amount_paid"], again["amount_overpaid"]) == (10_000, 2_500)
    assert shop.v1.customers.retrieve(customer).balance == -2_500
    assert shop.told_of(first).count("invoice.overpaid") == 2
    second = shop.invoice(customer)
    assert (second.total, second.amount_due) == (10_000, 7_500)
    assert (second.starting_balance, second.ending_balance) == (-2_500, 0)
    assert shop.v1.customers.retrieve(customer).balance == 0


def test_what_a_voided_invoice_took_of_the_balance_is_returned(shop: Shop) -> None:
    customer = shop.customer(None)
    shop.receive(shop.invoice(customer).id, 12_500)
    second = shop.invoice(customer).id
    shop.v1.invoices.void_invoice(second)
    assert shop.v1.customers.retrieve(customer).balance == -2_500


@pytest.mark.parametrize("end", ["void", "elsewhere", "by bank"])
def test_an_invoice_that_is_over_can_no_longer_be_paid_by_card(shop: Shop, end: str) -> None:
    invoice = shop.invoice(shop.customer()).id
    intent = shop.intent_of(invoice)
    if end == "void":
        shop.v1.invoices.void_invoice(invoice)
    elif end == "elsewhere":
        shop.v1.invoices.pay(invoice, {"paid_out_of_band": True})
    else:
        shop.receive(invoice, 10_000)
    assert shop.v1.payment_intents.retrieve(intent.id).status == "canceled"
    assert shop.payments_of(invoice)[-1].status == "canceled"
    with pytest.raises(stripe.InvalidRequestError):
        shop.v1.payment_intents.confirm(
            intent.id, {"payment_method": "pm_card_visa", "return_url": "https://shop.example/"}
        )


def test_an_invoice_whose_debit_is_under_way_is_not_voided(shop: Shop) -> None:
    invoice = shop.invoice(shop.customer("pm_usBankAccount_success")).id
    assert shop.v1.invoices.pay(invoice).status == "open"
    with pytest.raises(stripe.InvalidRequestError, match="under way"):
        shop.v1.invoices.void_invoice(invoice)
    shop.pass_by(8)
    assert shop.v1.invoices.retrieve(invoice).status == "paid"


def test_a_payer_who_tries_again_and_again_changes_nothing_of_the_plan(shop: Shop) -> None:
    customer = shop.customer(REFUSED)
    invoice = shop.invoice(customer, auto_advance=True).id
    seen = []
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            shop.v1.invoices.pay(invoice)
        found = shop.v1.invoices.retrieve(invoice)
        seen.append((found.attempt_count, found.next_payment_attempt))
        shop.pass_by(1)
    assert seen[0] == seen[1]
    assert seen[0][0] == 1
    shop.pass_by(1.5)
    found = shop.v1.invoices.retrieve(invoice)
    assert (found.attempt_count, found.next_payment_attempt > seen[0][1]) == (2, True)


def test_a_bill_tells_before_it_is_due_and_when_it_was(shop: Shop) -> None:
    invoice = shop.invoice(shop.customer(None)).id
    shop.pass_by(28)
    assert shop.told_of(invoice)[-1] == "invoice.will_be_due"
    shop.pass_by(3)
    assert shop.told_of(invoice)[-1] == "invoice.overdue"


def test_the_methods_of_a_draft_are_those_of_its_payment(shop: Shop) -> None:
    customer = shop.customer()
    draft = shop.v1.invoices.create({"customer": customer})
    settings = {"payment_settings": {"payment_method_types": ["us_bank_account"]}}
    shop.v1.invoices.update(draft.id, settings)
    shop.v1.invoice_items.create(
        {"customer": customer, "invoice": draft.id, "amount": 5_000, "currency": "usd"}
    )
    bill = shop.v1.invoices.finalize_invoice(draft.id, {"auto_advance": False})
    assert shop.intent_of(bill.id).payment_method_types == ["us_bank_account"]
    with pytest.raises(stripe.InvalidRequestError, match="not allowed"):
        shop.v1.invoices.pay(bill.id)


def test_payments_and_secret_are_there_when_asked_for(shop: Shop) -> None:
    invoice = shop.invoice(shop.customer()).id
    plain = shop.v1.invoices.retrieve(invoice).to_dict()
    assert {"payments", "confirmation_secret"}.isdisjoint(plain)
    expand = {"expand": ["payments", "confirmation_secret"]}
    found = shop.v1.invoices.retrieve(invoice, expand)
    intent = shop.intent_of(invoice)
    assert found.confirmation_secret.client_secret == intent.client_secret
    assert [p.payment.payment_intent for p in found.payments.data] == [intent.id]
    shop.v1.invoices.pay(invoice)
    found = shop.v1.invoices.retrieve(invoice, expand)
    assert [p.status for p in found.payments.data] == ["paid"]
    assert found.confirmation_secret is None


def test_lists_of_a_status_or_subscription_are_paged_through(shop: Shop) -> None:
    customer = shop.customer()
    subscription = shop.subscribe(customer)
    bills = [shop.invoice(customer).id for _ in range(5)]
    for each in bills[1:]:
        shop.v1.invoices.void_invoice(each)

    def listed(**wanted: str) -> list[str]:
        asked = {"customer": customer, "limit": 2, **wanted}
        return [each.id for each in shop.v1.invoices.list(asked).auto_paging_iter()]

    assert listed(status="open") == bills[:1]
    assert listed(status="void") == bills[:0:-1]
    assert listed(subscription=subscription.id) == [subscription.latest_invoice]
    payments = shop.v1.invoice_payments.list({"status": "canceled", "limit": 3})
    assert len(list(payments.auto_paging_iter())) == 4


def test_more_items_than_a_page_holds_are_all_billed(shop: Shop) -> None:
    customer = shop.customer(None)
    draft = shop.v1.invoices.create({"customer": customer}).id
    for _ in range(101):
        shop.v1.invoice_items.create(
            {"customer": customer, "invoice": draft, "amount": 100, "currency": "usd"}
        )
    assert shop.v1.invoices.finalize_invoice(draft).total == 10_100
    lines = shop.v1.invoices.line_items.list(draft, {"limit": 40}).auto_paging_iter()
    assert len({line.id for line in lines}) == 101


def test_what_an_invoice_can_not_be_is_refused(shop: Shop) -> None:
    customer = shop.customer(None)
    with pytest.raises(stripe.InvalidRequestError, match="days_until_due"):
        shop.v1.invoices.create({"customer": customer, "collection_method": "send_invoice"})
    draft = shop.v1.invoices.create({"customer": customer}).id
    for code in ("usd", "eur"):
        shop.v1.invoice_items.create(
            {"customer": customer, "invoice": draft, "amount": 100, "currency": code}
        )
    with pytest.raises(stripe.InvalidRequestError, match="one currency"):
        shop.v1.invoices.finalize_invoice(draft)
