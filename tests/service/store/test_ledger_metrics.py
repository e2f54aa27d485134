"""Metrics of the ledger, of customers, with windows and caps of their own: counted by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from analysis.aggregates import Aggregates
from analysis.observations import Observations
from experiments import (
    Kind,
    LedgerColumn,
    Unit,
)
from service.store.tables import charges
from tests.service.store.books import HOUR, NOON, PAID, WINDOW, Books, intent, metric


def green(found: Observations, key: str = "m") -> Aggregates:
    return found.metrics[key]["green"]


@pytest.fixture
def shop(books: Books) -> Books:
    """Four green visitors: two payments, a refund and a decline, a dispute, and nothing."""
    for visitor in "abcd":
        books.expose(visitor)
        books.order(f"co_{visitor}", visitor)
    books.pay("co_a", 1000)
    books.pay("co_a", 500, NOON + 2 * HOUR)
    books.pay("co_b", 800, charge={"amount_refunded": 300})
    books.write(
        charges, charge_id="ch_declined", payment_intent_id=intent("co_b", NOON + HOUR),
        status="failed", amount=800, amount_refunded=0, currency="usd", disputed=False,
        charged_at=NOON + HOUR, amount_captured=0, network_token=False, observed_at=NOON,
        version="",
    )  # fmt: skip
    books.pay("co_c", 700, charge={"disputed": True})
    return books


@pytest.mark.parametrize(
    ("column", "mean", "proportion"),
    [
        (LedgerColumn.AMOUNT_RECEIVED, (3000.0, 1500.0**2 + 800.0**2 + 700.0**2), 3),
        (LedgerColumn.AMOUNT_CHARGED, (3000.0, 1500.0**2 + 800.0**2 + 700.0**2), 3),
        (LedgerColumn.AMOUNT_REFUNDED, (300.0, 300.0**2), 1),
        (LedgerColumn.DISPUTED, (1.0, 1.0), 1),
    ],
)
def test_a_column_of_the_ledger_sums_up_by_unit(
    shop: Books, column: LedgerColumn, mean: tuple[float, float], proportion: int
) -> None:
    found = shop.read(metric("m", ledger=column), metric("p", kind=Kind.PROPORTION, ledger=column))
    assert green(found) == Aggregates(4, *mean)
    assert green(found, "p") == Aggregates.of_conversions(4, proportion)
    money = () if column is LedgerColumn.DISPUTED else ("usd",)
    assert found.currencies["m"] == money


def test_every_column_of_the_ledger_can_be_read(shop: Books) -> None:
    assert all(green(shop.read(metric("m", ledger=each))).total > 0 for each in LedgerColumn)


def test_what_does_not_belong_to_an_exposed_unit_is_not_read(books: Books) -> None:
    books.expose("a")
    books.order("co_a", "a")
    books.order("co_elsewhere", "nobody")
    books.order("co_preview", "a", preview=True)
    books.pay("co_elsewhere", 1000)
    books.pay("co_preview", 1000)
    books.pay("co_a", 1000, NOON + 2 * HOUR, mismatch=True)
    for column in LedgerColumn:
        assert green(books.read(metric("m", ledger=column))) == Aggregates(1, 0.0, 0.0)


@pytest.mark.parametrize(
    ("after", "counted"),
    [(-timedelta(seconds=1), 0), (timedelta(0), 1), (WINDOW - HOUR, 1), (WINDOW, 0)],
)
@pytest.mark.parametrize("column", [LedgerColumn.AMOUNT_RECEIVED, LedgerColumn.AMOUNT_CHARGED])
def test_the_ledger_is_read_inside_the_window(
    books: Books, column: LedgerColumn, after: timedelta, counted: int
) -> None:
    books.expose("a")
    books.order("co_a", "a")
    books.pay("co_a", 1000, NOON + after)
    assert green(books.read(metric("m", ledger=column))).total == 1000 * counted


def test_the_ledger_is_read_up_to_the_reports_time(books: Books) -> None:
    books.expose("a")
    books.order("co_a", "a")
    books.pay("co_a", 1000, NOON + 2 * HOUR)
    paid = metric("m", ledger=LedgerColumn.AMOUNT_RECEIVED)
    assert green(books.read(paid, as_of=NOON + HOUR)).total == 0
    assert green(books.read(paid, as_of=NOON + 2 * HOUR)).total == 1000


def test_a_payment_that_never_succeeded_was_not_received(books: Books) -> None:
    books.expose("a")
    books.order("co_a", "a")
    books.pay("co_a", 1000, succeeded_at=None, status="open")
    assert green(books.read(metric("m", ledger=LedgerColumn.AMOUNT_RECEIVED))).total == 0


def test_a_metrics_own_window_replaces_the_experiments(books: Books) -> None:
    books.expose("a")
    books.order("co_a", "a")
    books.happen("e1", "a", "co_a", NOON + HOUR)
    books.happen("e2", "a", "co_a", NOON + 5 * HOUR)
    books.happen("e3", "a", "co_a", NOON + WINDOW + HOUR)
    for window, total in ((2 * HOUR, 1000), (None, 2000), (2 * WINDOW, 3000)):
        assert green(books.read(metric("m", event=PAID, window=window))).total == total


def test_the_longest_window_of_what_may_decide_is_waited_for(books: Books) -> None:
    books.expose("a", at=NOON)
    books.expose("b", at=NOON + 10 * HOUR)
    primary = metric("m", event=PAID, window=2 * HOUR)
    slow = metric("g", event=PAID, window=20 * HOUR)
    assert books.read(primary, as_of=NOON + 11 * HOUR).open_windows == 1
    assert books.read(primary, slow, as_of=NOON + 11 * HOUR).open_windows == 2
    assert books.read(primary, slow, as_of=NOON + 25 * HOUR).open_windows == 1


@pytest.mark.parametrize("parts", [{"event": PAID}, {"ledger": LedgerColumn.AMOUNT_RECEIVED}])
def test_a_cap_holds_the_sum_of_a_unit_and_not_each_payment(
    books: Books, parts: dict[str, Any]
) -> None:
    for visitor, amounts in {"a": (700, 700), "b": (900,), "c": ()}.items():
        books.expose(visitor)
        for number, amount in enumerate(amounts):
            books.order(f"co_{visitor}{number}", visitor)
            books.pay(f"co_{visitor}{number}", amount)
            books.happen(f"e{visitor}{number}", visitor, f"co_{visitor}{number}", value=amount)
    found = books.read(metric("m", cap=1000, **parts))
    assert green(found) == Aggregates(3, 1900.0, 1000.0**2 + 900.0**2)


def test_a_customer_with_two_browsers_counts_once(books: Books) -> None:
    books.expose("cus_1")
    for browser in ("phone", "desk"):
        books.order(f"co_{browser}", browser, "cus_1")
        books.pay(f"co_{browser}", 1000)
        books.happen(f"paid-{browser}", browser, f"co_{browser}")
    found = books.read(
        metric("m", kind=Kind.PROPORTION, event=PAID),
        metric("sum", event=PAID),
        metric("ledger", ledger=LedgerColumn.AMOUNT_RECEIVED),
        unit=Unit.CUSTOMER,
    )
    assert found.units == {"grey": 0, "green": 1}
    assert green(found) == Aggregates.of_conversions(1, 1)
    assert green(found, "sum") == green(found, "ledger") == Aggregates(1, 2000.0, 2000.0**2)
    assert found.funnel[PAID.value] == {"grey": 0, "green": 1}


def test_what_a_customer_did_elsewhere_is_not_the_customers(books: Books) -> None:
    books.expose("cus_1")
    books.order("co_guest", "phone")
    books.order("co_other", "phone", "cus_2")
    books.order("co_preview", "phone", "cus_1", preview=True)
    for checkout in ("co_guest", "co_other", "co_preview"):
        books.happen(checkout, "phone", checkout)
        books.pay(checkout, 1000)
    books.happen("nowhere", "phone", None)
    books.happen("as-if", "cus_1", None)
    found = books.read(
        metric("m", event=PAID),
        metric("ledger", ledger=LedgerColumn.AMOUNT_RECEIVED),
        unit=Unit.CUSTOMER,
    )
    assert green(found) == green(found, "ledger") == Aggregates(1, 0.0, 0.0)


def test_the_first_exposure_is_told(books: Books) -> None:
    paid = metric("m", event=PAID)
    assert books.read(paid).first_exposure is None
    books.expose("removed", variant="purple", at=NOON - HOUR)
    books.expose("b", at=NOON + HOUR)
    books.expose("a", variant="grey", at=NOON)
    assert books.read(paid).first_exposure == NOON
    assert books.read(paid, as_of=NOON - HOUR).first_exposure is None


def test_money_of_the_ledger_in_two_currencies_is_told_apart(books: Books) -> None:
    for visitor, currency in {"a": "usd", "b": "eur"}.items():
        books.expose(visitor)
        books.order(f"co_{visitor}", visitor)
        books.pay(f"co_{visitor}", 1000, currency=currency)
    for column in (LedgerColumn.AMOUNT_RECEIVED, LedgerColumn.AMOUNT_CHARGED):
        assert books.read(metric("m", ledger=column)).currencies["m"] == ("eur", "usd")
