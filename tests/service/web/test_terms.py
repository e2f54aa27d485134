"""What a visitor is told before the press of the button, mode by mode."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from experiments import InvoiceTerms, Subscription
from service.checkout.checkouts import Checkout, Line, Mode, Terms
from service.languages import spoken
from service.web.terms import Told, told

TODAY = date(2026, 11, 25)
MONTHLY = Subscription(interval="month")
MOMENT = datetime(2026, 11, 25, tzinfo=UTC)
ORDER = Checkout(
    checkout_id="co_1",
    created_at=MOMENT,
    expires_at=MOMENT,
    cancelled_at=None,
    mode=Mode.PAYMENT,
    currency="usd",
    amount=2400,
    lines=(Line("Team plan", 1200, 2),),
    terms=None,
    tax=(),
    offer=None,
    email=None,
    success_url=None,
    cancel_url=None,
    locale=None,
    attributes={},
    metadata={},
    fields={},
    customer=None,
    unit_id=None,
    experiment=None,
    variant=None,
    flow=None,
    preview=False,
    analytics_consent=None,
)


def _told(terms: Terms | None, locale: str = "en-GB") -> Told:
    return told(replace(ORDER, terms=terms), spoken([locale]), today=TODAY)


def test_one_payment_says_that_it_is_one() -> None:
    said = _told(None)
    assert (said.action, said.due_now, said.later) == ("Pay US$24.00", 2400, None)
    assert "once" in said.agreement


def test_a_subscription_says_the_price_of_now_and_of_each_period() -> None:
    said = _told(MONTHLY)
    assert (said.action, said.due_now) == ("Subscribe for US$24.00", 2400)
    assert said.later == "Then US$24.00 a month"
    assert "renews by itself until you cancel" in said.agreement


def test_a_trial_costs_nothing_today_and_names_the_day_it_ends() -> None:
    said = _told(replace(MONTHLY, trial_days=14))
    assert (said.action, said.due_now) == ("Start trial", 0)
    assert said.later == "Free until 9 December, then US$24.00 a month"
    assert "Cancel before 9 December and you pay nothing" in said.agreement


@pytest.mark.parametrize(
    ("terms", "period"),
    [
        (Subscription(interval="year"), "a year"),
        (Subscription(interval="month", interval_count=3), "every 3 months"),
        (Subscription(interval="week", interval_count=2), "every 2 weeks"),
    ],
)
def test_a_period_is_told_in_words(terms: Subscription, period: str) -> None:
    assert _told(terms).period == period


def test_an_invoice_is_sent_and_charges_nothing() -> None:
    said = _told(InvoiceTerms())
    assert (said.action, said.due_now) == ("Send me the invoice", 0)
    assert said.later == "US$24.00 due by 25 December"
    assert "Nothing is charged now" in said.agreement


def test_an_invoice_that_is_charged_at_once_says_so() -> None:
    said = _told(InvoiceTerms(collection_method="charge_automatically"))
    assert (said.action, said.due_now) == ("Pay US$24.00", 2400)


def test_an_order_is_told_in_the_visitors_language() -> None:
    said = _told(replace(MONTHLY, trial_days=14), "sv")
    assert "9 december" in (said.later or "")
    assert "24,00\N{NO-BREAK SPACE}US$" in said.agreement
