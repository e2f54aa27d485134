"""A visitor pays, and everybody's books say the same."""

from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from experiments.events import FrictionEvent
from tests.browser.books import Books
from tests.browser.visits import (
    ADDRESS,
    AMOUNT,
    CARD,
    CURRENCY,
    DECLINES,
    EMAIL,
    Come,
)

# Every flow on both screens.
pytestmark = pytest.mark.parametrize("variant", ["two_page", "one_page", "two_page_reload"])

WAY = [
    "checkout_viewed",
    "payment_form_ready",
    "details_completed",
    "payment_info_completed",
    "payment_submitted",
]


def way_of(variant: str) -> list[str]:
    """What a visitor's browser reports, in order; where the payment is a page of its own, it
    is not there before the details are."""
    first, ready, details, *rest = WAY
    return [first, details, ready, *rest] if variant == "two_page_reload" else WAY


def sums(report: Any, variant: str) -> dict[str, tuple[int, float]]:
    """Units and sum of each metric in one arm."""
    return {
        metric["metric"]: (metric["variants"][variant]["units"], metric["variants"][variant]["sum"])
        for metric in report["metrics"]
    }


def test_a_paid_checkout_agrees_in_the_ledger_the_events_and_the_report(
    come: Come, books: Books, variant: str
) -> None:
    other = "two_page" if variant == "one_page" else "one_page"
    before = books.report()
    visit = come(variant).open_checkout()
    checkout_id = visit.checkout_id
    visit.give_details()
    visit.pay()
    visit.arrives()
    expect(visit.page.locator("main")).to_contain_text("$24.00")
    visit.shot("receipt")
    books.settled()

    stands = books.checkout(checkout_id)
    assert (stands["status"], stands["amount"], stands["currency"]) == ("paid", AMOUNT, CURRENCY)
    assert (stands["variant"], stands["amount_received"]) == (variant, AMOUNT)
    assert len(stands["charges"]) == 1
    assert books.charges(checkout_id) == [("succeeded", AMOUNT)]
    assert books.attempts(checkout_id) == ["succeeded"]
    [intent] = books.intents_at_stripe(checkout_id)
    assert (intent["id"], intent["status"]) == (stands["payment_intent"], "succeeded")
    assert (intent["amount_received"], intent["metadata"]["variant"]) == (AMOUNT, variant)
    assert books.charged_at_stripe(checkout_id) == [AMOUNT]

    books.reported(visit.unit_id, way_of(variant))
    events = {event.name: event for event in books.events(visit.unit_id)}
    assert set(events) - {*FrictionEvent} == {*WAY, "payment_succeeded"}
    paid = events["payment_succeeded"]
    assert (paid.value, paid.currency, paid.checkout_id) == (AMOUNT, CURRENCY, checkout_id)
    # Stripe tells whole seconds.
    assert paid.occurred_at > events["payment_submitted"].occurred_at - timedelta(seconds=1)

    after = books.report()
    assert sums(after, variant) == {
        metric: (units + 1, total + {"paid_conversion": 1, "revenue_per_visitor": AMOUNT}[metric])
        for metric, (units, total) in sums(before, variant).items()
    }
    assert sums(after, other) == sums(before, other)


def test_a_declined_card_keeps_everything_typed_and_the_next_one_pays(
    come: Come, books: Books, variant: str
) -> None:
    visit = come(variant).open_checkout()
    checkout_id = visit.checkout_id
    visit.give_details()
    visit.pay(DECLINES)
    verdict = visit.error("payment")
    expect(verdict).to_contain_text("Your bank declined this payment")
    expect(verdict).to_be_focused()
    beside = visit.page.locator("[data-section=payment]")
    expect(beside.locator("[data-error=payment]")).to_be_visible()
    expect(visit.action).not_to_have_attribute("aria-disabled", "true")
    declined = CARD | {"number": "4000 0000 0000 0002"}
    # Where it is a page of its own, the details are on the one before.
    details = {} if variant == "two_page_reload" else {"email": EMAIL} | ADDRESS
    assert visit.typed() == details | declined
    books.settled()
    assert books.checkout(checkout_id)["status"] == "failed"

    visit.give_card()
    visit.press(visit.action)
    visit.arrives()
    books.settled()
    assert books.checkout(checkout_id)["status"] == "paid"
    assert books.attempts(checkout_id) == ["declined", "succeeded"]
    assert sorted(books.charges(checkout_id)) == [("failed", AMOUNT), ("succeeded", AMOUNT)]
    assert len(books.intents_at_stripe(checkout_id)) == 1
    assert books.charged_at_stripe(checkout_id) == [AMOUNT]
    names = [event.name for event in books.events(visit.unit_id)]
    assert names.count("payment_declined") == names.count("payment_succeeded") == 1
    books.reported(visit.unit_id, [*way_of(variant), "payment_submitted"])


@pytest.mark.parametrize("presses", [2, 3])
def test_pressing_pay_more_than_once_pays_once(
    come: Come, books: Books, variant: str, presses: int
) -> None:
    visit = come(variant).open_checkout()
    checkout_id = visit.checkout_id
    visit.give_details()
    visit.give_card()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    visit.page.route("**/confirm", hold)
    visit.press(visit.action)
    for _ in range(presses - 1):
        # An impatient visitor does not wait until the button may be pressed.
        visit.action.dispatch_event("click")
    expect(visit.action).to_have_attribute("aria-disabled", "true")
    expect(visit.action).to_contain_text("Processing your payment")
    visit.shot("working")
    while not held:
        visit.page.wait_for_timeout(20)
    for route in held:
        route.continue_()
    visit.arrives()
    books.settled()
    assert visit.watch.posts("/confirm") == 1
    assert books.attempts(checkout_id) == ["succeeded"]
    assert books.charged_at_stripe(checkout_id) == [AMOUNT]
    books.reported(visit.unit_id, way_of(variant))


def test_every_way_back_to_a_paid_checkout_leads_to_its_receipt(
    come: Come, books: Books, variant: str
) -> None:
    visit = come(variant).open_checkout()
    checkout_id = visit.checkout_id
    visit.give_details()
    visit.pay()
    visit.arrives()
    visit.page.go_back()
    visit.arrives()
    visit.open(f"/c/{checkout_id}")
    visit.arrives()
    assert books.charged_at_stripe(checkout_id) == [AMOUNT]
