"""How far units got and why they left, counted by hand; on both engines."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from analysis.cells import UNKNOWN
from analysis.journey import Attempts, Journeys, Milestone
from experiments import Kind
from service.store.tables import charges
from tests.service.store.books import HOUR, LATER, NOON, PAID, WINDOW, Books, intent, metric


def read(books: Books, as_of: datetime = LATER) -> Journeys:
    found = books.read(metric("m", Kind.PROPORTION, event=PAID), as_of=as_of)
    assert found.journeys is not None
    return found.journeys


def tell(books: Books, unit: str, name: str, at: datetime = NOON + HOUR, **told: Any) -> None:
    key = f"{unit}-{name}-{at.timestamp()}"
    books.happen(key, unit, None, at, name=name, value=None, currency=None, properties=told)


def green(found: Journeys) -> dict[str, int]:
    return {milestone.value: counts["green"] for milestone, counts in found.milestones.items()}


def test_whoever_got_to_a_milestone_has_passed_those_before(books: Books) -> None:
    books.expose("seen")
    books.expose("told")
    tell(books, "told", "details_completed")
    books.expose("tried")
    tell(books, "tried", "payment_declined")
    books.expose("paid")
    tell(books, "paid", "payment_succeeded")
    assert green(read(books)) == {
        "exposed": 4, "details": 3, "attempt": 2, "authorized": 1, "paid": 1, "kept": 1,
    }  # fmt: skip
    assert set(read(books).milestones[Milestone.EXPOSED]) == {"grey", "green"}
    assert read(books).milestones[Milestone.EXPOSED]["grey"] == 0


def test_a_charge_that_was_not_paid_in_full_is_authorized_alone(books: Books) -> None:
    books.expose("a")
    books.order("co_a", "a")
    books.pay("co_a", 1000)
    assert green(read(books))["authorized"] == 1
    assert green(read(books))["paid"] == 0


@pytest.mark.parametrize("undone", ["payment_refunded", "payment_disputed"])
def test_what_is_refunded_or_disputed_however_late_is_not_kept(books: Books, undone: str) -> None:
    books.expose("a")
    books.happen("paid", "a", "co_a")
    books.happen("late", "a", "co_a", NOON + WINDOW + 5 * HOUR, name=undone)
    books.expose("b")
    books.happen("b-paid", "b", "co_b")
    books.happen("b-earlier", "b", "co_earlier", NOON + 2 * HOUR, name=undone)
    found = green(read(books))
    assert (found["paid"], found["kept"]) == (2, 1)
    before = green(read(books, NOON + WINDOW))
    assert (before["paid"], before["kept"]) == (2, 2)


def test_what_happens_after_the_window_leads_nowhere(books: Books) -> None:
    books.expose("a")
    tell(books, "a", "payment_succeeded", NOON + WINDOW)
    assert green(read(books))["paid"] == 0


def test_units_that_left_are_counted_by_the_last_they_told(books: Books) -> None:
    books.expose("a", device="phone")
    tell(books, "a", "step_shown", NOON + HOUR, step="details")
    tell(books, "a", "field_left", NOON + 2 * HOUR, section="address", field="postal_code",
         state="incomplete")  # fmt: skip
    books.expose("b", device="phone")
    tell(books, "b", "details_completed")
    tell(books, "b", "error_shown", section="payment", code="card_declined")
    books.expose("c", variant="grey", device="phone")
    tell(books, "c", "details_completed")
    tell(books, "c", "error_shown", section="payment", code="card_declined")
    books.expose("d")
    books.expose("e")
    tell(books, "e", "payment_succeeded")
    tell(books, "e", "error_shown", section="payment", code="card_declined")
    exposed, details = Milestone.EXPOSED, Milestone.DETAILS
    found = {
        (each.milestone, each.device, each.last, each.section): each.units
        for each in read(books).leavings
    }
    assert found == {
        (exposed, "phone", "left the field postal_code", "address"): {"green": 1},
        (details, "phone", "met the error card_declined", "payment"): {"grey": 1, "green": 1},
        (exposed, UNKNOWN, "", ""): {"green": 1},
    }


def attempt(books: Books, number: int, variant: str, **parts: Any) -> None:
    unit, checkout = f"u{number}", f"co_{number}"
    books.expose(unit, variant)
    books.order(checkout, unit, experiment="colours", variant=variant)
    at = NOON + timedelta(minutes=number)
    books.pay(
        checkout, 1000, at, charge={"method": "card", "brand": "visa"} | parts,
    )  # fmt: skip


def test_attempts_are_counted_by_method_and_declines_by_reason(books: Books) -> None:
    attempt(books, 1, "grey")
    attempt(books, 2, "green", status="failed", decline_code="do_not_honor")
    attempt(books, 3, "green", status="failed", failure_code="expired_card")
    attempt(books, 4, "green", brand="mastercard")
    attempt(books, 5, "green", method="us_bank_account", brand=None, status="pending")
    attempt(books, 6, "grey", status="failed")
    found = read(books)
    assert found.attempts == (
        Attempts("card visa", {"grey": 2, "green": 2}, {"grey": 1}),
        Attempts("card mastercard", {"green": 1}, {"green": 1}),
    )
    assert found.declines == {
        "do_not_honor": {"green": 1}, "expired_card": {"green": 1}, "unknown": {"grey": 1},
    }  # fmt: skip


def test_an_attempt_after_the_time_asked_of_is_left_out(books: Books) -> None:
    attempt(books, 1, "grey")
    attempt(books, 30, "grey")
    (found,) = read(books, NOON + timedelta(minutes=10)).attempts
    assert found.counted == {"grey": 1}


def test_a_second_try_of_an_order_is_a_second_attempt(books: Books) -> None:
    attempt(books, 1, "grey")
    order = intent("co_1", NOON + timedelta(minutes=1))
    books.write(
        charges, charge_id="ch_first", payment_intent_id=order,
        status="failed", amount=1000, amount_refunded=0, currency="usd", disputed=False,
        charged_at=NOON, amount_captured=0, network_token=False, observed_at=NOON, version="",
        method="card", brand="visa", decline_code="insufficient_funds",
    )  # fmt: skip
    (found,) = read(books).attempts
    assert (found.counted, found.authorized) == ({"grey": 2}, {"grey": 1})


def test_a_renewal_is_no_attempt_and_a_retry_of_the_first_invoice_is_one(books: Books) -> None:
    attempt(books, 1, "grey")
    card: dict[str, Any] = {"method": "card", "brand": "visa"}
    order = intent("co_1", NOON + timedelta(minutes=1))
    books.charge("ch_0", order, status="failed", decline_code="insufficient_funds", **card)
    books.renew("co_1", "pi_renewal")
    books.charge("ch_9", "pi_renewal", **card)
    (found,) = read(books).attempts
    assert (found.counted, found.authorized) == ({"grey": 2}, {"grey": 1})


def test_a_pages_clock_that_is_fast_does_not_hide_a_decline(books: Books) -> None:
    books.expose("a", device="phone")
    fast = NOON + 3 * HOUR
    books.happen("shown", "a", None, fast, name="step_shown", received_at=NOON + HOUR,
                 properties={"step": "payment"})  # fmt: skip
    books.happen("declined", "a", None, NOON + 2 * HOUR, name="payment_declined")
    (found,) = read(books).leavings
    assert found.last == "was declined"
