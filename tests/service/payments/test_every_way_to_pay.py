"""Every way to pay, from the page to the books: what the ledger, the mail and the page say.

One Kassa and one simulator for each way, with one clock; webhooks come signed, letters through a
mail server. On both databases.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from service.payments.ledger.rebuilding import rebuild
from service.payments.simulator.server import SimulatorServer
from service.payments.simulator.webhooks import Endpoint
from service.reconciling.comparing import reconcile
from tests.service.conftest import (
    AUTHENTICATES,
    DECLINES,
    PAYS,
    Clock,
    MakeShop,
    Shop,
    Simulator,
)
from tests.service.notices.mailbox import Mailbox, running_mailbox
from tests.service.payments.journey import Journey

MONTHLY = {"mode": "subscription", "subscription": {"interval": "month"}}
TRIAL = {"mode": "subscription", "subscription": {"interval": "month", "trial_days": 14}}
SENT = {"mode": "invoice", "invoice": {"days_until_due": 14}}
CHARGED = {"mode": "invoice", "invoice": {"collection_method": "charge_automatically"}}
LARGE = {"lines": [{"description": "Enterprise plan", "amount": 1_200_000}]}
BANK, CLOSED_BANK, DISPUTING_BANK = "000123456789", "000111111113", "000555555559"
POOR = "4000000000009995"


@pytest.fixture
def simulator(tmp_path: Path, clock: Clock) -> Iterator[Simulator]:
    """Of this test alone, so that its clock may be turned."""
    endpoint = Endpoint.parse("http://127.0.0.1:9/", "whsec_simulated")
    state = tmp_path / "stripe-simulator.db"
    server = SimulatorServer(state, port=0, endpoint=endpoint, clock=clock, held=True)
    server.start()
    yield Simulator(server.url, state)
    server.stop()


@pytest.fixture(scope="module")
def mail_server() -> Iterator[Mailbox]:
    """One for all: each test has its own letters."""
    with running_mailbox() as mailbox:
        yield mailbox


@pytest.fixture
def mailbox(mail_server: Mailbox) -> Mailbox:
    """Empty."""
    mail_server.letters.clear()
    return mail_server


@pytest.fixture
def journey(shop: Shop, mailbox: Mailbox) -> Journey:
    """A visitor of a merchant with the usual settings."""
    return Journey(shop, mailbox)


@pytest.fixture
def limited(make_shop: MakeShop, mailbox: Mailbox) -> Journey:
    """A visitor of a merchant who takes no cards from 10,000 dollars on."""
    return Journey(make_shop(card_limits={"usd": 1_000_000}), mailbox)


def says(journey: Journey, page: str, ledger: str, letters: list[str] | None = None) -> None:
    """What the page, the ledger and the mail must say."""
    assert journey.seen == page
    assert "\n".join(journey.ledger) == dedent(ledger).strip()
    assert journey.letters == (letters or [])
    assert rebuild(journey.shop.store).identical


# -- cards -----------------------------------------------------------------------------------------


def test_a_card(journey: Journey) -> None:
    journey.order()
    assert journey.pay(PAYS) == {"status": "succeeded"}
    says(
        journey,
        "Payment received",
        """
        order payment 2400 usd
        attempt card visa 2400 authorized
        payment succeeded 2400
        """,
    )


def test_a_wallet(journey: Journey) -> None:
    journey.order()
    assert journey.pay(PAYS, wallet="google_pay") == {"status": "succeeded"}
    says(
        journey,
        "Payment received",
        """
        order payment 2400 usd
        attempt card visa google_pay 2400 authorized
        payment succeeded 2400
        """,
    )


def test_link(journey: Journey) -> None:
    journey.order()
    assert journey.pay(PAYS, wallet="link") == {"status": "succeeded"}
    says(
        journey,
        "Payment received",
        """
        order payment 2400 usd
        attempt link 2400 authorized
        payment succeeded 2400
        """,
    )


def test_a_card_that_is_declined_and_another(journey: Journey) -> None:
    journey.order()
    assert journey.pay(DECLINES)["error"]["code"] == "payment_declined"
    says(
        journey,
        "Payment not completed",
        """
        order payment 2400 usd
        attempt card visa 2400 declined generic_decline
        payment failed 0
        """,
    )
    journey.pay(PAYS)
    says(
        journey,
        "Payment received",
        """
        order payment 2400 usd
        attempt card visa 2400 declined generic_decline
        attempt card visa 2400 authorized
        payment succeeded 2400
        """,
    )


def test_3d_secure_that_fails_and_then_is_done(journey: Journey) -> None:
    journey.order()
    asked = journey.pay(AUTHENTICATES)
    says(
        journey,
        "One more step",
        """
        order payment 2400 usd
        payment requires_action 0
        """,
    )
    journey.authenticate(asked, "fail")
    says(
        journey,
        "Payment not completed",
        """
        order payment 2400 usd
        attempt card visa 2400 authentication_failed payment_intent_authentication_failure failed
        payment failed 0
        """,
    )
    journey.authenticate(journey.pay(AUTHENTICATES), "succeed")
    says(
        journey,
        "Payment received",
        """
        order payment 2400 usd
        attempt card visa 2400 authentication_failed payment_intent_authentication_failure failed
        attempt card visa 2400 authorized authenticated
        payment succeeded 2400
        """,
    )


def test_a_refund_in_two_parts(journey: Journey) -> None:
    journey.order()
    journey.pay(PAYS)
    ((intent,),) = journey.shop.rows("SELECT payment_intent_id FROM payments")
    journey.stripe.refunds.create({"payment_intent": intent, "amount": 800})
    journey.shop.clock.pass_by(seconds=2)
    journey.stripe.refunds.create({"payment_intent": intent})
    journey.hear()
    says(
        journey,
        "Payment received",
        """
        order payment 2400 usd
        attempt card visa 2400 authorized
        payment succeeded 2400
        refund succeeded 800
        refund succeeded 1600
        """,
    )


def test_a_dispute_after_a_warning(journey: Journey) -> None:
    journey.order()
    journey.pay(PAYS)
    ((charge,),) = journey.shop.rows("SELECT charge_id FROM charges")
    journey.control("warnings", charge=charge)
    journey.control("disputes", charge=charge)
    says(
        journey,
        "Payment received",
        """
        order payment 2400 usd
        attempt card visa 2400 authorized
        payment succeeded 2400
        dispute needs_response 2400 fraudulent
        warning made_with_stolen_card
        """,
    )


# -- bank debits -----------------------------------------------------------------------------------


def test_a_bank_debit_that_takes_days(journey: Journey) -> None:
    journey.order()
    assert journey.pay(BANK) == {"status": "processing"}
    says(
        journey,
        "Payment on its way",
        """
        order payment 2400 usd
        attempt us_bank_account 2400 pending
        payment processing 0
        """,
        ["Your bank debit is on its way"],
    )
    journey.pass_by(6)
    says(
        journey,
        "Payment received",
        """
        order payment 2400 usd
        attempt us_bank_account 2400 authorized
        payment succeeded 2400
        """,
        ["Your bank debit is on its way"],
    )


def test_a_bank_debit_that_fails_after_days(journey: Journey) -> None:
    journey.order()
    journey.pay(CLOSED_BANK)
    journey.pass_by(6)
    says(
        journey,
        "This checkout has expired",
        """
        order payment 2400 usd
        attempt us_bank_account 2400 declined account_closed
        payment failed 0
        """,
        ["Your bank debit is on its way", "Your bank debit did not go through"],
    )


def test_a_bank_debit_that_is_taken_back_when_it_had_succeeded(journey: Journey) -> None:
    journey.order()
    journey.pay(DISPUTING_BANK)
    journey.pass_by(10)
    says(
        journey,
        "Payment received",
        """
        order payment 2400 usd
        attempt us_bank_account 2400 authorized
        payment succeeded 2400
        dispute lost 2400 insufficient_funds
        """,
        ["Your bank debit is on its way"],
    )


def test_a_bank_account_that_is_proved_by_a_deposit(journey: Journey) -> None:
    journey.order()
    assert journey.pay(BANK, proof="microdeposits") == {"status": "processing"}
    says(
        journey,
        "One more step, in a day or two",
        """
        order payment 2400 usd
        payment requires_action 0
        """,
    )
    journey.pass_by(2)
    ((intent,),) = journey.shop.rows("SELECT payment_intent_id FROM payment_intents")
    journey.stripe.payment_intents.verify_microdeposits(intent, {"descriptor_code": "SM11AA"})
    journey.pass_by(6)
    says(
        journey,
        "Payment received",
        """
        order payment 2400 usd
        attempt us_bank_account 2400 authorized
        payment succeeded 2400
        """,
        ["Your bank debit is on its way"],
    )


# -- subscriptions ---------------------------------------------------------------------------------


def test_a_plan_with_seats_that_renews(journey: Journey) -> None:
    journey.order(**MONTHLY)
    assert journey.pay(PAYS) == {"status": "succeeded"}
    says(
        journey,
        "Subscription started",
        """
        order subscription 2400 usd
        attempt card visa 2400 authorized
        payment succeeded 2400
        subscription active 2 2400 month charge_automatically
        invoice paid 2400 of 2400
        consent off_session
        """,
        ["Invoice N is paid"],
    )
    journey.pass_by(32)
    says(
        journey,
        "Subscription started",
        """
        order subscription 2400 usd
        attempt card visa 2400 authorized
        attempt card visa 2400 authorized
        payment succeeded 2400
        payment succeeded 2400
        subscription active 2 2400 month charge_automatically
        invoice paid 2400 of 2400
        invoice paid 2400 of 2400
        consent off_session
        """,
        ["Invoice N is paid"] * 2,
    )


def test_a_trial_that_ends_with_the_first_charge(journey: Journey) -> None:
    journey.order(**TRIAL)
    assert journey.pay(PAYS) == {"status": "succeeded"}
    says(
        journey,
        "Trial started",
        """
        order subscription 0 usd
        payment succeeded 0
        subscription trialing 2 2400 month charge_automatically
        invoice paid 0 of 0
        consent off_session
        """,
    )
    journey.pass_by(16)
    ending, paid = journey.letters
    assert ending.startswith("Your free trial ends on ")
    says(
        journey,
        "Trial started",
        """
        order subscription 0 usd
        attempt card visa 2400 authorized
        payment succeeded 0
        payment succeeded 2400
        subscription active 2 2400 month charge_automatically
        invoice paid 0 of 0
        invoice paid 2400 of 2400
        consent off_session
        """,
        [ending, paid],
    )


def test_more_seats_in_the_middle_of_a_month(journey: Journey) -> None:
    journey.order(**MONTHLY)
    journey.pay(PAYS)
    journey.pass_by(10)
    ((plan,),) = journey.shop.rows("SELECT subscription_id FROM subscriptions")
    (item,) = journey.stripe.subscriptions.retrieve(plan)["items"].data
    change = {"items": [{"id": item.id, "quantity": 4}], "proration_behavior": "always_invoice"}
    journey.stripe.subscriptions.update(plan, change)
    journey.pass_by(1)
    (_, added) = journey.shop.rows("SELECT amount_due FROM invoices ORDER BY created_at")
    assert 2400 * 19 / 31 < added.amount_due < 2400 * 22 / 28
    says(
        journey,
        "Subscription started",
        f"""
        order subscription 2400 usd
        attempt card visa 2400 authorized
        attempt card visa {added.amount_due} authorized
        payment succeeded 2400
        payment succeeded {added.amount_due}
        subscription active 4 4800 month charge_automatically
        invoice paid 2400 of 2400
        invoice paid {added.amount_due} of {added.amount_due}
        consent off_session
        """,
        ["Invoice N is paid"] * 2,
    )


def test_a_renewal_that_fails_is_tried_again_and_the_plan_ends(journey: Journey) -> None:
    journey.order(**MONTHLY, customer="acme")
    journey.pay(PAYS)
    _renew_by(journey, "pm_card_chargeCustomerFail")
    journey.pass_by(70)
    says(
        journey,
        "Subscription started",
        """
        order subscription 2400 usd
        attempt card visa 2400 authorized
        attempt card visa 2400 declined generic_decline
        attempt card visa 2400 declined generic_decline
        attempt card visa 2400 declined generic_decline
        attempt card visa 2400 declined generic_decline
        attempt card visa 2400 declined generic_decline
        payment succeeded 2400
        payment failed 0
        subscription canceled 2 2400 month charge_automatically
        invoice paid 2400 of 2400
        invoice open 0 of 2400
        consent off_session
        """,
        [
            "Invoice N is paid",
            *["Your payment to Kassa did not go through"] * 4,
            "Please choose another way to pay Kassa",
            "Your subscription with Kassa has ended",
        ],
    )


def test_a_renewal_that_failed_is_saved_by_a_new_card(journey: Journey) -> None:
    journey.order(**MONTHLY, customer="acme")
    journey.pay(PAYS)
    _renew_by(journey, "pm_card_chargeCustomerFail")
    journey.pass_by(33)
    journey.keep("acme", PAYS)
    journey.pass_by(5)
    says(
        journey,
        "Subscription started",
        """
        order subscription 2400 usd
        attempt card visa 2400 authorized
        attempt card visa 2400 declined generic_decline
        attempt card visa 2400 authorized
        payment succeeded 2400
        payment succeeded 2400
        subscription active 2 2400 month charge_automatically
        invoice paid 2400 of 2400
        invoice paid 2400 of 2400
        consent off_session
        consent off_session
        """,
        ["Invoice N is paid", "Your payment to Kassa did not go through", "Invoice N is paid"],
    )


def test_a_card_that_its_network_replaced_renews_on(journey: Journey) -> None:
    journey.order(**MONTHLY)
    journey.pay(PAYS)
    ((method,),) = journey.shop.rows("SELECT payment_method_id FROM charges")
    journey.control("card-updates", payment_method=method, last4="1234")
    journey.pass_by(32)
    says(
        journey,
        "Subscription started",
        """
        order subscription 2400 usd
        attempt card visa 2400 authorized
        attempt card visa 2400 authorized
        payment succeeded 2400
        payment succeeded 2400
        subscription active 2 2400 month charge_automatically
        invoice paid 2400 of 2400
        invoice paid 2400 of 2400
        card update 4242 to 1234
        consent off_session
        """,
        ["Invoice N is paid"] * 2,
    )


def test_renewals_by_bank_debit_after_the_customer_switched(journey: Journey) -> None:
    journey.order(**MONTHLY, customer="acme")
    journey.pay(PAYS)
    journey.keep("acme", BANK)
    journey.pass_by(40)
    says(
        journey,
        "Subscription started",
        """
        order subscription 2400 usd
        attempt card visa 2400 authorized
        attempt us_bank_account 2400 authorized
        payment succeeded 2400
        payment succeeded 2400
        subscription active 2 2400 month charge_automatically
        invoice paid 2400 of 2400
        invoice paid 2400 of 2400
        consent off_session
        consent off_session
        """,
        ["Invoice N is paid"] * 2,
    )


def test_renewals_by_invoice_after_the_customer_switched(journey: Journey) -> None:
    journey.order(**MONTHLY, customer="acme")
    journey.pay(PAYS)
    journey.press("acme", "/send")
    journey.pass_by(32)
    says(
        journey,
        "Subscription started",
        """
        order subscription 2400 usd
        attempt card visa 2400 authorized
        payment succeeded 2400
        payment open 0
        subscription active 2 2400 month send_invoice
        invoice paid 2400 of 2400
        invoice open 0 of 2400
        consent off_session
        """,
        ["Invoice N is paid", "Invoice N from Kassa"],
    )


def test_a_plan_that_the_customer_ends(journey: Journey) -> None:
    journey.order(**MONTHLY, customer="acme")
    journey.pay(PAYS)
    journey.press("acme", "/end")
    journey.pass_by(32)
    says(
        journey,
        "Subscription started",
        """
        order subscription 2400 usd
        attempt card visa 2400 authorized
        payment succeeded 2400
        subscription canceled 2 2400 month charge_automatically ends
        invoice paid 2400 of 2400
        consent off_session
        """,
        ["Invoice N is paid", "Your subscription with Kassa has ended"],
    )


# -- invoices --------------------------------------------------------------------------------------


def test_an_invoice_that_is_sent_and_paid_in_parts(journey: Journey) -> None:
    journey.order(**SENT)
    assert journey.ask_for_invoice() == {"status": "processing"}
    says(
        journey,
        "Invoice on its way",
        """
        order invoice 2400 usd
        payment open 0
        invoice open 0 of 2400
        """,
        ["Invoice N from Kassa"],
    )
    _transfer(journey, 1000)
    says(
        journey,
        "Part of the invoice is paid",
        """
        order invoice 2400 usd
        payment open 0
        invoice open 1000 of 2400
        """,
        ["Invoice N from Kassa", "Part of invoice N is paid"],
    )
    _transfer(journey, 1400)
    says(
        journey,
        "Payment received",
        """
        order invoice 2400 usd
        payment succeeded 2400
        invoice paid 2400 of 2400
        """,
        ["Invoice N from Kassa", "Part of invoice N is paid", "Invoice N is paid"],
    )


def test_an_invoice_that_is_paid_in_part_and_the_rest_by_card(journey: Journey) -> None:
    journey.order(**SENT)
    journey.ask_for_invoice()
    _transfer(journey, 1000)
    ((intent,),) = journey.shop.rows("SELECT payment_intent_id FROM bills")
    journey.stripe.payment_intents.confirm(intent, {"payment_method": "pm_card_visa"})
    journey.hear()
    # The rest is no other amount than the order's.
    assert journey.shop.rows("SELECT mismatch FROM payments") == [(0,)]
    says(
        journey,
        "Payment received",
        """
        order invoice 2400 usd
        attempt card visa 1400 authorized
        payment succeeded 2400
        invoice paid 2400 of 2400
        """,
        ["Invoice N from Kassa", "Part of invoice N is paid", "Invoice N is paid"],
    )


def test_an_invoice_that_is_overpaid(journey: Journey) -> None:
    journey.order(**SENT)
    journey.ask_for_invoice()
    _transfer(journey, 3000)
    says(
        journey,
        "Payment received",
        """
        order invoice 2400 usd
        payment succeeded 2400
        invoice paid 2400 of 2400 over 600
        """,
        [
            "Invoice N from Kassa",
            "Invoice N is paid twice or in excess",
            "Invoice N is paid",
        ],
    )


def test_an_invoice_whose_payment_is_told_by_another_webhook_than_usual(journey: Journey) -> None:
    journey.order(**SENT)
    journey.ask_for_invoice()
    journey.ask("invoice-payments", invoice=_invoice(journey), amount=2400)
    for event in journey.untold():
        if event["type"] != "invoice.paid":
            journey.shop.deliver(event)
    assert journey.seen == "Payment received"
    assert rebuild(journey.shop.store).identical


def test_an_invoice_that_is_overdue_and_given_up(journey: Journey) -> None:
    journey.order(**SENT)
    journey.ask_for_invoice()
    journey.pass_by(16)
    journey.stripe.invoices.mark_uncollectible(_invoice(journey))
    journey.hear()
    says(
        journey,
        "Invoice overdue",
        """
        order invoice 2400 usd
        payment open 0
        invoice uncollectible 0 of 2400
        """,
        ["Invoice N from Kassa", "Invoice N is overdue"],
    )


def test_an_invoice_that_is_voided(journey: Journey) -> None:
    journey.order(**SENT)
    journey.ask_for_invoice()
    journey.stripe.invoices.void_invoice(_invoice(journey))
    journey.hear()
    says(
        journey,
        "Invoice cancelled",
        """
        order invoice 2400 usd
        payment canceled 0
        invoice void 0 of 2400
        """,
        ["Invoice N from Kassa", "Invoice N is cancelled"],
    )


def test_an_invoice_that_is_charged_at_once(journey: Journey) -> None:
    journey.order(**CHARGED)
    assert journey.pay(PAYS) == {"status": "succeeded"}
    says(
        journey,
        "Payment received",
        """
        order invoice 2400 usd
        attempt card visa 2400 authorized
        payment succeeded 2400
        invoice paid 2400 of 2400
        """,
        ["Invoice N is paid"],
    )


# -- switching -------------------------------------------------------------------------------------


def test_an_order_over_the_card_limit_by_bank_debit(limited: Journey) -> None:
    limited.order(**LARGE)
    assert limited.pay(BANK) == {"status": "processing"}
    limited.pass_by(6)
    says(
        limited,
        "Payment received",
        """
        order payment 1200000 usd
        attempt us_bank_account 1200000 authorized
        payment succeeded 1200000
        """,
        ["Your bank debit is on its way"],
    )


def test_an_order_over_the_card_limit_by_invoice(limited: Journey) -> None:
    limited.order(**LARGE)
    limited.ask_for_invoice()
    _transfer(limited, 1_200_000)
    says(
        limited,
        "Payment received",
        """
        order payment 1200000 usd
        payment succeeded 1200000
        invoice paid 1200000 of 1200000
        """,
        ["Invoice N from Kassa", "Invoice N is paid"],
    )


def test_an_order_whose_card_had_no_money_by_invoice(journey: Journey) -> None:
    journey.order()
    journey.pay(POOR)
    assert journey.pay(POOR)["switch"] == {"bank_debit": True, "invoice": True}
    journey.ask_for_invoice()
    says(
        journey,
        "Invoice on its way",
        """
        order payment 2400 usd
        attempt card visa 2400 declined insufficient_funds
        attempt card visa 2400 declined insufficient_funds
        payment canceled 0
        payment open 0
        invoice open 0 of 2400
        """,
        ["Invoice N from Kassa"],
    )


# -- saved details ---------------------------------------------------------------------------------


def test_details_that_are_saved_used_again_and_removed(journey: Journey) -> None:
    journey.order(customer="acme")
    journey.pay(PAYS, session=journey.session(), save=True)
    ((method,),) = journey.shop.rows("SELECT payment_method_id FROM charges")
    journey.order(customer="acme")
    journey.pay(PAYS, session=journey.session(), method=method)
    journey.press("acme", "/remove")
    says(
        journey,
        "Payment received",
        """
        order payment 2400 usd
        order payment 2400 usd
        attempt card visa 2400 authorized
        attempt card visa 2400 authorized
        payment succeeded 2400
        payment succeeded 2400
        consent on_session withdrawn
        """,
    )


def test_automatic_payment_that_the_customer_sets_up_alone(journey: Journey) -> None:
    journey.keep("acme", BANK)
    page = journey.shop.client.get(journey.account("acme")).text
    assert "ending in 6789" in page
    assert "Used for invoices and renewals." in page
    assert journey.ledger == ["consent off_session"]
    assert journey.letters == []


# -- what webhooks never told ----------------------------------------------------------------------


def test_a_payment_that_no_webhook_told_of(journey: Journey) -> None:
    journey.order()
    journey.shop.confirm(journey.page, journey.shop.token(journey.page, PAYS))
    assert journey.ledger == ["order payment 2400 usd", "payment open 0"]
    journey.shop.clock.pass_by(hours=2)
    reconcile(journey.shop.store, journey.shop.gateway, now=journey.shop.clock())
    says(
        journey,
        "Payment received",
        """
        order payment 2400 usd
        attempt card visa 2400 authorized
        payment succeeded 2400
        """,
    )


def _renew_by(journey: Journey, method: str) -> None:
    """From now on the plan is charged to this."""
    ((plan, customer),) = journey.shop.rows("SELECT subscription_id, customer_id FROM bills")
    kept = journey.stripe.payment_methods.attach(method, {"customer": customer})
    journey.stripe.subscriptions.update(plan, {"default_payment_method": kept.id})
    journey.hear()


def _invoice(journey: Journey) -> str:
    ((invoice,),) = journey.shop.rows("SELECT invoice_id FROM invoices")
    return str(invoice)


def _transfer(journey: Journey, amount: int) -> None:
    """Money comes by bank transfer for the invoice."""
    journey.shop.clock.pass_by(seconds=2)
    journey.control("invoice-payments", invoice=_invoice(journey), amount=amount)
