"""Orders that are no single payment: subscriptions, trials, invoices, and switching to them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from html import unescape
from typing import Any

import pytest
from sqlalchemy import text
from stripe import InvalidRequestError

from service.errors import PaymentRefused
from service.payments import bills
from service.payments.declines import REFUSED
from service.payments.stripe_gateway.billing import StripeBilling
from tests.service.conftest import AUTHENTICATES, DECLINES, PAYS, MakeShop, Page, Shop, reply

MONTHLY = {"mode": "subscription", "subscription": {"interval": "month"}}
TRIAL = {"mode": "subscription", "subscription": {"interval": "month", "trial_days": 14}}
SENT = {"mode": "invoice", "invoice": {"days_until_due": 14}}
CHARGED = {"mode": "invoice", "invoice": {"collection_method": "charge_automatically"}}
TAX = [{"description": "VAT 25 %", "amount": 600}]
BANK, CLOSED_BANK = "000123456789", "000111111113"
LARGE = {"lines": [{"description": "Enterprise plan", "amount": 1_200_000}]}


def _bill(shop: Shop) -> Any:
    (row,) = shop.rows(
        "SELECT customer_id, subscription_id, invoice_id, payment_intent_id, sent_at FROM bills"
    )
    return row


def _stripe(shop: Shop) -> Any:
    return shop.simulator.client().v1


def _learn(shop: Shop) -> None:
    """Every webhook about what was billed."""
    bill = _bill(shop)
    shop.deliver_recent(*filter(None, bill[:4]))


def _lines(shop: Shop, invoice_id: str) -> list[tuple[str, int]]:
    lines = _stripe(shop).invoices.retrieve(invoice_id).lines.data
    return sorted((line.description, line.amount) for line in lines)


@pytest.mark.parametrize("terms", [MONTHLY, CHARGED])
def test_what_is_billed_is_paid_in_the_checkout_and_counts_as_the_orders_payment(
    shop: Shop, terms: dict[str, Any]
) -> None:
    page = shop.open(**terms, tax=TAX)
    assert shop.pay(page) == {"status": "succeeded"}
    bill = _bill(shop)
    invoice = _stripe(shop).invoices.retrieve(bill.invoice_id)
    assert (invoice.status, invoice.amount_paid, invoice.currency) == ("paid", 3000, "usd")
    assert invoice.customer_email == "ada@example.com"
    _learn(shop)
    stands = shop.stands(page)
    assert (stands["status"], stands["amount_received"]) == ("paid", 3000)
    assert stands["payment_intent"] == bill.payment_intent_id
    assert shop.rows("SELECT count(*) FROM events WHERE name = 'payment_succeeded'") == [(1,)]


def test_a_subscription_has_the_seats_and_the_card_that_renewals_are_charged_to(
    shop: Shop,
) -> None:
    page = shop.open(**MONTHLY)
    shop.pay(page)
    found = _stripe(shop).subscriptions.retrieve(_bill(shop).subscription_id)
    (item,) = found["items"].data
    assert (found.status, item.quantity, item.price.unit_amount) == ("active", 2, 1200)
    assert item.price.recurring.interval == "month"
    assert found.default_payment_method is not None
    assert found.metadata["order_id"] == page.checkout_id
    _learn(shop)
    assert shop.rows("SELECT status, quantity, checkout_id FROM ledger_subscriptions") == [
        ("active", 2, page.checkout_id)
    ]


def test_two_orders_of_the_same_plan_share_its_product(shop: Shop) -> None:
    products = set()
    for _ in range(2):
        page = shop.open(**MONTHLY)
        shop.pay(page)
        (row,) = shop.rows(
            "SELECT subscription_id FROM bills WHERE checkout_id = :it", it=page.checkout_id
        )
        (item,) = _stripe(shop).subscriptions.retrieve(row.subscription_id)["items"].data
        products.add(item.price.product)
    assert len(products) == 1


def test_a_trial_charges_nothing_and_keeps_the_card_for_when_it_ends(shop: Shop) -> None:
    page = shop.open(**TRIAL)
    assert "Start trial" in page.html
    assert shop.pay(page) == {"status": "succeeded"}
    bill = _bill(shop)
    assert bill.payment_intent_id.startswith("seti_")
    found = _stripe(shop).subscriptions.retrieve(bill.subscription_id)
    assert found.status == "trialing"
    _learn(shop)
    stands = shop.stands(page)
    assert (stands["status"], stands["amount"], stands["amount_received"]) == ("paid", 0, 0)
    assert "Trial started" in shop.client.get(page.attributes["return-url"]).text


@pytest.mark.parametrize("terms", [MONTHLY, TRIAL, CHARGED])
def test_a_declined_card_makes_way_for_another_and_nothing_is_billed_twice(
    shop: Shop, terms: dict[str, Any]
) -> None:
    page = shop.open(**terms)
    assert shop.pay(page, DECLINES)["error"]["code"] == "payment_declined"
    first = _bill(shop)
    assert shop.pay(page) == {"status": "succeeded"}
    assert _bill(shop) == first
    made = _stripe(shop).subscriptions.list({"customer": first.customer_id, "status": "all"}).data
    assert len(made) == (0 if terms is CHARGED else 1)


@pytest.mark.parametrize("terms", [MONTHLY, TRIAL])
def test_a_subscription_waits_for_what_the_bank_asks(shop: Shop, terms: dict[str, Any]) -> None:
    page = shop.open(**terms)
    asked = shop.pay(page, AUTHENTICATES)
    assert asked["status"] == "requires_action"
    secret = asked["next_action"]["client_secret"]
    shop.authenticate(secret)
    answer = shop.client.post(
        page.attributes["status-url"], json={}, headers={"X-Kassa-Token": page.attributes["token"]}
    )
    assert reply(answer) == {"status": "succeeded"}


@pytest.mark.parametrize(
    "path", ["/v1/customers", "/v1/products", "/v1/subscriptions", "/v1/payment_intents"]
)
@pytest.mark.parametrize("fault", ["drop_after", "drop"])
def test_an_unanswered_step_of_billing_is_taken_up_and_made_once(
    shop: Shop, path: str, fault: str
) -> None:
    page = shop.open(**MONTHLY)
    token = shop.token(page)
    shop.simulator.faults({"do": fault, "path": path, "times": 3})
    first = reply(shop.confirm(page, token))["status"]
    assert first in {"checking", "succeeded"}
    for _ in range(2):
        answer = reply(shop.confirm(page, token))
    assert answer == {"status": "succeeded"}
    bill = _bill(shop)
    made = _stripe(shop).subscriptions.list({"customer": bill.customer_id, "status": "all"}).data
    assert [each.status for each in made] == ["active"]


KEPT = {"do": "status", "status": 500, "stored": True}
STEPS = [
    (MONTHLY, "/v1/customers"),
    (MONTHLY, "/v1/subscriptions"),
    (TRIAL, "/v1/subscriptions"),
    (CHARGED, "/v1/invoices"),
    (CHARGED, "/v1/invoiceitems"),
    (SENT, "/v1/invoices"),
]


@pytest.mark.parametrize("fault", ["status", "status_after"])
@pytest.mark.parametrize(("terms", "path"), STEPS)
def test_a_failure_that_stripe_keeps_for_a_step_of_billing_keeps_nobody(
    shop: Shop, terms: dict[str, Any], path: str, fault: str
) -> None:
    page = shop.open(**terms)
    shop.simulator.faults(KEPT | {"do": fault, "path": path})

    def ask() -> str:
        answer = reply(shop.ask_for_invoice(page)) if terms is SENT else shop.pay(page)
        return str(answer["status"])

    done = "processing" if terms is SENT else "succeeded"
    assert done in {ask(), ask()}
    bill = _bill(shop)
    bills_of = {"customer": bill.customer_id}
    asking = [i for i in _stripe(shop).invoices.list(bills_of).data if i.status != "draft"]
    assert [invoice.id for invoice in asking] == [bill.invoice_id]
    plans = _stripe(shop).subscriptions.list(bills_of | {"status": "all"}).data
    assert [plan.id for plan in plans] == list(filter(None, [bill.subscription_id]))


def test_who_begins_a_bill_again_wins_over_who_made_the_old_one_late(shop: Shop) -> None:
    page = shop.open(**CHARGED)
    made = StripeBilling.invoice

    def late(billing: StripeBilling, *given: Any) -> Any:
        patched.undo()
        bill = made(billing, *given)
        with shop.store.write() as connection:
            connection.execute(text("UPDATE bills SET created_at = created_at + 1"))
        return bill

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(StripeBilling, "invoice", late)
        assert shop.pay(page) == {"status": "checking"}
    assert shop.pay(page) == {"status": "succeeded"}
    bill = _bill(shop)
    stand = {i.id: i.status for i in _stripe(shop).invoices.list({"customer": bill.customer_id})}
    assert sorted(stand.values()) == ["paid", "void"]
    assert stand[bill.invoice_id] == "paid"


def test_an_amount_that_stripe_makes_another_is_asked_of_nobody(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from service.payments.stripe_gateway import billing  # noqa: PLC0415 - what it reads is bent

    page = shop.open(**MONTHLY)
    real = billing._bill

    def dearer(invoice: Any) -> Any:
        return real(invoice | {"amount_due": 9999})

    monkeypatch.setattr(billing, "_bill", dearer)
    assert shop.pay(page)["error"]["code"] == "payment_refused"
    bill = _bill(shop)
    (made,) = _stripe(shop).subscriptions.list({"customer": bill.customer_id, "status": "all"}).data
    assert made.status in {"canceled", "incomplete_expired"}
    assert bill.invoice_id is None


def test_a_merchants_customer_is_one_customer_of_stripes(shop: Shop) -> None:
    for _ in range(2):
        shop.pay(shop.open(**MONTHLY, customer="acme"))
    assert shop.rows("SELECT count(*), count(DISTINCT customer_id) FROM bills") == [(2, 1)]


# -- invoices that are sent ------------------------------------------------------------------------


def test_an_invoice_is_sent_and_the_order_is_paid_when_it_is(shop: Shop) -> None:
    page = shop.open(**SENT, tax=TAX)
    assert "Send me the invoice" in page.html
    assert reply(shop.ask_for_invoice(page)) == {"status": "processing"}
    bill = _bill(shop)
    invoice = _stripe(shop).invoices.retrieve(bill.invoice_id)
    assert (invoice.status, invoice.amount_due) == ("open", 3000)
    assert (invoice.customer_name, invoice.customer_email) == ("Ada Lovelace", "ada@example.com")
    assert _lines(shop, bill.invoice_id) == [("2 x Team plan", 2400), ("VAT 25 %", 600)]
    _learn(shop)
    stands = shop.stands(page)
    assert (stands["status"], stands["sent_invoice"]["status"]) == ("processing", "open")
    assert stands["sent_invoice"]["number"] == invoice.number
    finished = shop.client.get(page.attributes["return-url"]).text
    assert "Invoice on its way" in finished
    assert str(invoice.hosted_invoice_url) in finished
    kept = {"payment_method": "pm_card_visa"}
    _stripe(shop).payment_intents.confirm(bill.payment_intent_id, kept)
    _learn(shop)
    assert shop.stands(page)["status"] == "paid"
    assert "Payment received" in shop.client.get(page.attributes["return-url"]).text


@pytest.mark.parametrize(("terms", "days"), [({}, 30), (SENT, 14)])
def test_stripes_own_page_takes_the_payment_where_ours_cannot(
    shop: Shop, terms: dict[str, Any], days: int
) -> None:
    page = shop.open(**terms)
    answer = reply(_ask_for_page(shop, page))
    invoice = _stripe(shop).invoices.retrieve(_bill(shop).invoice_id)
    assert answer == {"status": "processing", "redirect": invoice.hosted_invoice_url}
    assert (invoice.status, invoice.amount_due) == ("open", 2400)
    assert invoice.customer_email == "ada@example.com"
    assert invoice.due_date is not None
    assert round((invoice.due_date - invoice.created) / 86_400) == days
    assert reply(_ask_for_page(shop, page)) == answer, "asked again, it is the same invoice"
    assert shop.rows("SELECT count(*) FROM bills") == [(1,)]
    confirmed = shop.confirm(page, shop.token(page, PAYS))
    assert "succeeded" not in confirmed.text, "what is invoiced is not charged as well"
    _stripe(shop).payment_intents.confirm(
        _bill(shop).payment_intent_id, {"payment_method": "pm_card_visa"}
    )
    _learn(shop)
    assert shop.stands(page)["status"] == "paid"


def test_a_merchant_who_sends_no_invoices_has_no_page_at_stripe(make_shop: MakeShop) -> None:
    shop = make_shop(invoice_days=0)
    page = shop.open()
    assert page.attributes["hosted-url"] == ""
    assert _ask_for_page(shop, page).status_code == 422
    assert shop.rows("SELECT * FROM bills") == []


def test_a_link_that_was_passed_on_bills_no_customer(shop: Shop) -> None:
    first = shop.open(customer="acme")
    assert first.attributes["hosted-url"]
    shop.client.delete_cookie("kassa_visitor")
    passed_on = shop.page(shop.client.get(f"/c/{first.checkout_id}"))
    assert passed_on.attributes["hosted-url"] == ""
    answer = _ask_for_page(shop, passed_on)
    assert answer.status_code == 403
    assert "person this order was made for" in reply(answer)["told"]
    assert shop.ask_for_invoice(passed_on).status_code in {403, 422}
    assert shop.rows("SELECT * FROM bills") == []
    assert reply(_ask_for_page(shop, first))["status"] == "processing"


def test_a_form_that_stripe_refuses_is_told_so(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    page = shop.open()

    def refuse(*_: object) -> None:
        raise PaymentRefused("customer_tax_location_invalid")

    monkeypatch.setattr(StripeBilling, "invoice", refuse)
    fields = {"email": "ada@example.com", "token": page.attributes["token"]}
    answer = shop.client.post(
        page.attributes["hosted-url"], data=fields, headers={"Accept": "text/html"}
    )
    assert (answer.status_code, answer.mimetype) == (422, "text/html")
    assert REFUSED in unescape(answer.text)


def test_a_form_without_a_script_is_led_to_stripes_page(shop: Shop) -> None:
    page = shop.open()
    fields = {"email": "ada@example.com", "token": page.attributes["token"]}
    answer = shop.client.post(page.attributes["hosted-url"], data=fields)
    assert answer.status_code == 303
    invoice = _stripe(shop).invoices.retrieve(_bill(shop).invoice_id)
    assert answer.headers["Location"] == invoice.hosted_invoice_url


@pytest.mark.parametrize(
    ("changes", "status", "told"),
    [
        ({"token": "forged"}, 403, "Load the page again"),
        ({"token": ""}, 403, "Load the page again"),
        ({"email": "nobody"}, 422, "Enter an email address like"),
        ({"email": ""}, 422, "Enter an email address like"),
        ({"email": "a\0b@example.com"}, 400, "NUL"),
    ],
)
def test_a_form_that_breaks_a_rule_is_answered_by_a_page_and_bills_nobody(
    shop: Shop, changes: dict[str, str], status: int, told: str
) -> None:
    page = shop.open()
    fields = {"email": "ada@example.com", "token": page.attributes["token"]} | changes
    answer = shop.client.post(
        page.attributes["hosted-url"], data=fields, headers={"Accept": "text/html"}
    )
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert told in answer.text
    assert shop.rows("SELECT * FROM bills") == []


def test_a_form_from_another_site_is_refused(shop: Shop) -> None:
    page = shop.open()
    fields = {"email": "ada@example.com", "token": page.attributes["token"]}
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = shop.client.post(page.attributes["hosted-url"], data=fields, headers=headers)
    assert answer.status_code == 403
    assert shop.rows("SELECT * FROM bills") == []


def test_a_subscription_has_no_page_at_stripe(shop: Shop) -> None:
    page = shop.open(**MONTHLY)
    assert page.attributes["hosted-url"] == ""
    assert "data-hosted>" not in page.html
    answer = _ask_for_page(shop, page)
    assert answer.status_code == 422
    assert "no page at Stripe" in reply(answer)["detail"]
    assert shop.rows("SELECT * FROM bills") == []


def test_what_is_being_paid_has_no_page_at_stripe(shop: Shop) -> None:
    page = shop.open()
    shop.simulator.faults({"do": "drop", "path": "/v1/payment_intents", "times": 3})
    assert shop.pay(page) == {"status": "checking"}
    answer = _ask_for_page(shop, page)
    assert answer.status_code == 409
    assert "being paid already" in reply(answer)["told"]
    assert shop.rows("SELECT * FROM bills") == []


def _ask_for_page(shop: Shop, page: Page) -> Any:
    headers = {"X-Kassa-Token": page.attributes["token"]}
    body = {"email": "ada@example.com"}
    return shop.client.post(f"/c/{page.checkout_id}/hosted", json=body, headers=headers)


def test_an_order_to_be_invoiced_takes_no_card(shop: Shop) -> None:
    page = shop.open(**SENT)
    answer = shop.confirm(page, "ctoken_1")
    assert answer.status_code == 422
    assert "paid by invoice" in reply(answer)["detail"]


def test_an_invoice_outlives_the_checkout(shop: Shop) -> None:
    page = shop.open(**SENT)
    shop.ask_for_invoice(page)
    shop.clock.pass_by(hours=30)
    assert shop.stands(page)["status"] == "processing"
    assert "Invoice on its way" in shop.client.get(page.attributes["return-url"]).text
    assert shop.client.get(f"/c/{page.checkout_id}").status_code == 303


def test_an_expired_checkout_is_not_invoiced(shop: Shop) -> None:
    page = shop.open(**SENT)
    shop.clock.pass_by(hours=25)
    assert shop.ask_for_invoice(page).status_code == 410
    assert shop.rows("SELECT * FROM bills") == []


@pytest.mark.parametrize("path", ["/v1/customers", "/v1/invoices", "/v1/invoiceitems"])
@pytest.mark.parametrize("fault", ["drop_after", "drop"])
def test_an_invoice_that_stripe_did_not_answer_for_is_sent_once(
    shop: Shop, path: str, fault: str
) -> None:
    page = shop.open(**SENT)
    shop.simulator.faults({"do": fault, "path": path, "times": 3})
    assert reply(shop.ask_for_invoice(page))["status"] in {"checking", "processing"}
    headers = {"X-Kassa-Token": page.attributes["token"]}
    answer = shop.client.post(page.attributes["status-url"], json={}, headers=headers)
    assert reply(answer) == {"status": "processing"}
    bill = _bill(shop)
    made = _stripe(shop).invoices.list({"customer": bill.customer_id}).data
    assert [each.status for each in made] == ["open"]
    assert _lines(shop, bill.invoice_id) == [("2 x Team plan", 2400)]


def test_twenty_presses_make_one_invoice(shop: Shop) -> None:
    page = shop.open(**SENT)
    app = shop.client.application

    def ask(_: int) -> str:
        answer = app.test_client().post(
            page.attributes["invoice-url"],
            json={"email": "ada@example.com"},
            headers={"X-Kassa-Token": page.attributes["token"]},
        )
        return str(reply(answer)["status"])

    with ThreadPoolExecutor(20) as pool:
        answers = set(pool.map(ask, range(20)))
    assert answers <= {"processing", "checking"}
    bill = _bill(shop)
    assert len(_stripe(shop).invoices.list({"customer": bill.customer_id}).data) == 1


def _begun_and_left(shop: Shop) -> Page:
    """An invoice that Stripe made, by a process that died before it could write it down."""
    page = shop.open(**SENT)
    with pytest.MonkeyPatch.context() as patched:

        def die(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        patched.setattr(bills, "open_payment", die)
        with pytest.raises(KeyboardInterrupt):
            shop.ask_for_invoice(page)
    return page


def test_an_invoice_left_for_a_day_is_found_by_what_webhooks_told_of_it(shop: Shop) -> None:
    page = _begun_and_left(shop)
    (made,) = _stripe(shop).invoices.list({"customer": _bill(shop).customer_id}).data
    shop.deliver_recent(made.id)
    shop.clock.pass_by(hours=30)
    assert "Invoice on its way" in shop.client.get(page.attributes["return-url"]).text
    assert _bill(shop).invoice_id == made.id


def test_an_invoice_that_nobody_heard_of_for_a_day_is_forgotten(shop: Shop) -> None:
    page = _begun_and_left(shop)
    shop.clock.pass_by(hours=30)
    assert shop.client.get(page.attributes["return-url"]).status_code == 410
    assert shop.rows("SELECT * FROM bills") == []


# -- switching -------------------------------------------------------------------------------------


@pytest.fixture
def limited(make_shop: MakeShop) -> Shop:
    """A merchant who takes no cards from 10,000 dollars or 9,000 euros on."""
    return make_shop(card_limits={"usd": 1_000_000, "eur": 900_000})


def test_an_order_over_the_limit_is_paid_by_bank_debit(limited: Shop) -> None:
    page = limited.open(**LARGE)
    assert page.attributes["methods"] == "us_bank_account"
    assert limited.pay(page, BANK) == {"status": "processing"}
    limited.deliver_all(page)
    assert limited.stands(page)["status"] == "processing"


def test_a_card_can_not_pay_over_the_limit_whatever_the_page_says(limited: Shop) -> None:
    page = limited.open(**LARGE)
    card = Page(page.attributes | {"methods": ""}, page.html)
    refused = limited.pay(card)
    assert refused["error"]["code"] == "payment_refused"
    assert refused["switch"] == {"bank_debit": True, "invoice": True}


def test_where_nobody_debits_banks_the_card_stays_and_an_invoice_is_offered(limited: Shop) -> None:
    page = limited.open(**LARGE, currency="eur")
    assert page.attributes["methods"] == ""
    assert "Send me an invoice" in page.html
    assert limited.pay(page) == {"status": "succeeded"}


def test_an_order_below_the_limit_is_one_like_any_other(limited: Shop) -> None:
    page = limited.open()
    assert page.attributes["methods"] == ""
    assert limited.ask_for_invoice(page).status_code == 422
    assert limited.rows("SELECT * FROM bills") == []


def test_the_same_order_is_invoiced_instead_and_what_was_begun_can_not_be_paid(
    limited: Shop,
) -> None:
    page = limited.open(**LARGE, currency="eur")
    limited.pay(page, DECLINES)
    ((begun,),) = limited.rows("SELECT payment_intent_id FROM confirmations")
    assert reply(limited.ask_for_invoice(page)) == {"status": "processing"}
    assert _stripe(limited).payment_intents.retrieve(begun).status == "canceled"
    assert limited.pay(page) == {"status": "processing"}
    _learn(limited)
    assert limited.rows("SELECT count(*) FROM ledger_charges WHERE status = 'succeeded'") == [(0,)]
    assert limited.stands(page)["sent_invoice"]["amount_remaining"] == 1_200_000


def test_no_card_pays_the_invoice_of_an_order_over_the_limit_either(limited: Shop) -> None:
    page = limited.open(**LARGE)
    assert reply(limited.ask_for_invoice(page)) == {"status": "processing"}
    ((invoice,),) = limited.rows("SELECT invoice_id FROM bills")
    stripe = _stripe(limited)
    assert stripe.invoices.retrieve(invoice).payment_settings.payment_method_types == [
        "us_bank_account"
    ]
    with pytest.raises(InvalidRequestError):
        stripe.invoices.pay(invoice, {"payment_method": "pm_card_visa"})
    assert stripe.invoices.retrieve(invoice).status == "open"


def test_an_invoice_that_stripe_refuses_leaves_the_order_to_be_paid_by_card(
    limited: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = limited.open(**LARGE, currency="eur")
    limited.pay(page, DECLINES)
    with monkeypatch.context() as patched:

        def refuse(*_: object, **__: object) -> None:
            raise PaymentRefused("email_invalid")

        patched.setattr(StripeBilling, "send_invoice", refuse)
        refused = reply(limited.ask_for_invoice(page))
    assert refused["error"]["code"] == "payment_refused"
    assert limited.rows("SELECT * FROM bills") == []
    assert limited.pay(page) == {"status": "succeeded"}


def test_an_order_whose_debit_is_under_way_is_not_invoiced_as_well(limited: Shop) -> None:
    page = limited.open(**LARGE)
    limited.pay(page, BANK)
    assert limited.ask_for_invoice(page).status_code == 409
    assert limited.rows("SELECT * FROM bills") == []


INSUFFICIENT = "4000000000009995"


def test_two_declines_for_want_of_money_offer_another_way(shop: Shop) -> None:
    page = shop.open()
    assert "switch" not in shop.pay(page, INSUFFICIENT)
    assert shop.pay(page, INSUFFICIENT)["switch"] == {"bank_debit": True, "invoice": True}
    assert reply(shop.ask_for_invoice(page)) == {"status": "processing"}


def test_a_merchant_who_wants_no_invoices_offers_none(make_shop: MakeShop) -> None:
    shop = make_shop(card_limits={"usd": 1_000_000}, invoice_days=0)
    page = shop.open(**LARGE)
    assert shop.pay(Page(page.attributes | {"methods": ""}, page.html))["switch"] == {
        "bank_debit": True,
        "invoice": False,
    }
    assert shop.ask_for_invoice(page).status_code == 422


# -- bank accounts ---------------------------------------------------------------------------------


def test_an_account_that_has_to_be_proved_first_waits_for_its_deposit(shop: Shop) -> None:
    page = shop.open()
    assert shop.pay(page, BANK, proof="microdeposits") == {"status": "processing"}
    waiting = shop.client.get(page.attributes["return-url"]).text
    assert "Enter the code of the deposit" in waiting
    shop.clock.pass_by(hours=30)
    assert "Enter the code of the deposit" in shop.client.get(page.attributes["return-url"]).text


@pytest.mark.parametrize("number", [PAYS, BANK])
def test_who_may_not_be_billed_is_told_before_anything_is_made(shop: Shop, number: str) -> None:
    page = shop.open(**MONTHLY)
    answer = shop.client.post(
        page.attributes["confirm-url"],
        json={"confirmation_token": shop.token(page, number)},
        headers={"X-Kassa-Token": page.attributes["token"]},
    )
    assert (answer.status_code, reply(answer)["detail"]) == (422, "email: is needed to bill you")
    assert shop.rows("SELECT * FROM bills") == []
