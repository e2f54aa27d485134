"""The invoice's own page: whoever has its address sees what is owed and pays it."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.service.payments.simulator.billing import Shop
from tests.service.payments.simulator.conftest import Simulator
from tests.service.payments.simulator.test_browser import error

pytestmark = pytest.mark.stripe
KEY = {"key": "pk_test_simulated"}


@pytest.fixture
def shop(simulator: Simulator) -> Shop:
    return Shop(simulator)


@pytest.fixture
def invoice(shop: Shop) -> str:
    return str(shop.invoice(shop.customer(None)).id)


def _seen(browser: FlaskClient, invoice: str) -> dict[str, Any]:
    found: dict[str, Any] = browser.get(f"/v1/invoices/{invoice}", query_string=KEY).get_json()
    return found


def _post(browser: FlaskClient, invoice: str, way: str, **given: Any) -> Any:
    return browser.post(f"/v1/invoices/{invoice}/{way}", json=KEY | given)


def test_the_address_on_the_invoice_is_a_page(
    shop: Shop, browser: FlaskClient, invoice: str
) -> None:
    address = shop.v1.invoices.retrieve(invoice).hosted_invoice_url
    assert address == f"/sim/invoices/{invoice}"
    with browser.get(f"/invoices/{invoice}") as page:
        assert b"SIMULATED" in page.data


def test_what_is_owed_is_shown_and_no_more(browser: FlaskClient, invoice: str) -> None:
    shown = _seen(browser, invoice)
    assert (shown["status"], shown["amount_remaining"]) == ("open", 10_000)
    assert sum(line["amount"] for line in shown["lines"]) == 10_000
    assert shown.keys().isdisjoint({"customer", "customer_email", "metadata", "payments"})


def test_a_card_pays_it(shop: Shop, browser: FlaskClient, invoice: str) -> None:
    paid = _post(browser, invoice, "pay", number="4242424242424242")
    assert (paid.status_code, paid.get_json()["status"]) == (200, "paid")
    assert shop.told_of(invoice).count("invoice.paid") == 1
    again = _post(browser, invoice, "pay", number="4242424242424242")
    assert again.status_code == 400
    assert shop.intent_of(invoice).amount_received == 10_000


def test_a_declined_card_is_told_and_kept_on_record(
    shop: Shop, browser: FlaskClient, invoice: str
) -> None:
    answer = _post(browser, invoice, "pay", number="4000000000009995")
    assert (answer.status_code, error(answer)["decline_code"]) == (402, "insufficient_funds")
    assert shop.intent_of(invoice).latest_charge is not None
    assert _seen(browser, invoice)["status"] == "open"


def test_money_comes_by_bank_in_parts(browser: FlaskClient, invoice: str) -> None:
    assert _post(browser, invoice, "transfer", amount=4_000).get_json()["amount_paid"] == 4_000
    assert _post(browser, invoice, "transfer", amount=6_000).get_json()["status"] == "paid"


@pytest.mark.parametrize(
    ("way", "given", "status"),
    [
        ("pay", {"number": "4000056655665557"}, 400),
        ("pay", {}, 400),
        ("transfer", {"amount": 0}, 400),
        ("transfer", {"amount": "much"}, 400),
        ("transfer", {"amount": 100, "key": "pk_live_1"}, 401),
    ],
)
def test_what_makes_no_sense_is_refused(
    browser: FlaskClient, invoice: str, way: str, given: dict[str, Any], status: int
) -> None:
    answer = _post(browser, invoice, way, **given)
    assert answer.status_code == status
    assert "4000056655665557" not in error(answer)["message"]
    assert _seen(browser, invoice)["amount_paid"] == 0


def test_there_is_no_page_of_a_draft_or_of_nothing(
    shop: Shop, browser: FlaskClient, invoice: str
) -> None:
    draft = shop.v1.invoices.create({"customer": shop.customer(None)}).id
    for identity, status in ((draft, 400), ("in_nothing", 404), ("pi_1", 404)):
        answer = browser.get(f"/v1/invoices/{identity}", query_string=KEY)
        assert answer.status_code == status
    assert browser.get(f"/v1/invoices/{invoice}").status_code == 401
