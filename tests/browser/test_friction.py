"""What the page tells of a hard time: nothing that was typed, and nothing of who refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from experiments import FrictionEvent
from tests.browser.books import Books, eventually
from tests.browser.visits import (
    ADDRESS,
    AMOUNT,
    CARD,
    DECLINES,
    DESKTOP,
    EMAIL,
    PAYS,
    PHONE,
    Come,
    Visit,
)

WRONG_EMAIL = "ada.example.com"
GIVEN = [WRONG_EMAIL, EMAIL, DECLINES, PAYS, *ADDRESS.values(), *CARD.values()]
# Ids are of random letters, among which three are found by chance.
TYPED = [text for text in GIVEN if len(text) > 6]
# Longer than the page waits after a press before it complains, and than a blur must last.
LEFT_MS = 400


@pytest.fixture
def told(books: Books) -> Any:
    """What the store has of a visitor's friction: names with properties, in order."""

    def read(visit: Visit) -> list[tuple[str, dict[str, Any]]]:
        friction = {name.value for name in FrictionEvent}
        rows = books.events(visit.unit_id)
        return [(row.name, row.properties) for row in rows if row.name in friction]

    return read


def bodies(visit: Visit) -> Iterator[str]:
    """Everything that the browser sent to the intake of events."""
    for request in visit.watch.requests:
        if request.url.endswith("/v1/events"):
            yield request.post_data or ""


def pause(visit: Visit) -> None:
    visit.page.wait_for_timeout(LEFT_MS)


def struggle(visit: Visit) -> None:
    """Make every mistake, mend it, and pay."""
    email = visit.page.locator("#email")
    visit.press(visit.action)
    expect(visit.problems).to_be_visible()
    email.fill(WRONG_EMAIL)
    email.blur()
    expect(visit.error("contact")).to_be_visible()
    pause(visit)
    email.fill(EMAIL)
    email.blur()
    pause(visit)
    visit.heading.click(click_count=4)
    visit.give_address()
    visit.address.locator("#postal_code").blur()
    pause(visit)
    visit.address.locator("#city").fill("Oakland")
    visit.address.locator("#city").fill(ADDRESS["city"])
    visit.address.locator("#city").blur()
    pause(visit)
    if visit.variant == "two_page":
        visit.press(visit.action)
        visit.stands_at("payment")
    visit.pay(DECLINES)
    expect(visit.error("payment")).to_be_visible()
    pause(visit)
    visit.pay()
    visit.arrives()


def test_each_hard_time_is_told_and_nothing_that_was_typed(
    come: Come, books: Books, told: Any, variant: str
) -> None:
    visit = come(variant).open_checkout()
    struggle(visit)
    every = {name.value for name in FrictionEvent} - {"events_omitted"}
    eventually(lambda: {name for name, _ in told(visit)}, every)
    found = told(visit)

    def of(name: str, *properties: str) -> list[tuple[Any, ...]]:
        return [tuple(map(each.get, properties)) for named, each in found if named == name]

    steps = ["details", "payment"] if variant == "two_page" else ["checkout"]
    assert of("step_shown", "step") == [(step,) for step in steps]
    ready = dict(of("element_ready", "element", "milliseconds"))
    assert ready.keys() == {"address", "payment"}
    assert all(0 < passed < 60_000 for passed in ready.values()), ready
    left = of("field_left", "section", "field", "state")
    mended = [("contact", "email", state) for state in ("incomplete", "complete")]
    assert [each for each in left if each[1] == "email"] == mended
    assert ("address", "address", "complete") in left
    corrected = of("field_corrected", "field", "after")
    assert [each for each in corrected if each[0] == "email"] == [("email", "error")] * 2
    assert {("address", "leaving"), ("payment", "error")} < set(corrected)
    shown = set(of("error_shown", "section", "code"))
    assert {("contact", "email_missing"), ("contact", "email_wrong")} < shown
    assert {("address", "address_incomplete"), ("payment", "declined")} < shown
    assert of("rage_clicked", "target", "section") == [("heading", None)]
    timed = of("section_timed", "section", "milliseconds")
    assert {section for section, _ in timed} == {"contact", "address", "payment"}
    assert all(250 <= passed < 120_000 for _, passed in timed)

    sent = list(bodies(visit))
    stored = [str(tuple(row)) for row in books.events(visit.unit_id)]
    assert len(sent) > 1
    assert [text for text in TYPED if any(text in each for each in [*sent, *stored])] == []


SEEN = """seen => {
  Object.defineProperty(document, "visibilityState", {value: seen, configurable: true});
  document.dispatchEvent(new Event("visibilitychange"));
}"""
PRESS = """() => {
  document.querySelector("form").requestSubmit();
  return new Promise((done) => setTimeout(done, 50));
}"""


@pytest.mark.parametrize("screen", [DESKTOP], ids=["desktop"])
def test_time_is_counted_while_the_page_is_seen_and_events_are_bounded(
    come: Come, told: Any
) -> None:
    visit = come("one_page").open_checkout()
    visit.page.locator("#email").focus()
    visit.page.evaluate(SEEN, "hidden")
    visit.page.wait_for_timeout(1_500)
    visit.page.evaluate(SEEN, "visible")
    for _ in range(25):
        visit.page.evaluate(PRESS)
        expect(visit.page.locator("form[aria-busy]")).to_have_count(0)
    visit.page.evaluate(SEEN, "hidden")
    passed = visit.page.evaluate("performance.now()")

    def names() -> list[str]:
        return [name for name, _ in told(visit) if name != "section_timed"]

    eventually(lambda: names().count("events_omitted"), 1)
    assert len(names()) == 51
    (left_out,) = [each["count"] for name, each in told(visit) if name == "events_omitted"]
    # Three sections are complained about each time, after one step, two forms and one field.
    assert 24 * 3 + 3 <= left_out + 50 <= 25 * 3 + 5
    times = [each["milliseconds"] for name, each in told(visit) if name == "section_timed"]
    assert 25 * 50 <= sum(times) <= passed - 1_450


@pytest.mark.parametrize(
    ("screen", "header"), [(PHONE, "Sec-GPC"), (DESKTOP, "DNT")], ids=["phone", "desktop"]
)
def test_who_refuses_pays_and_is_counted_and_nothing_is_sent_of_them(
    come: Come, books: Books, variant: str, header: str
) -> None:
    visit = come(variant)
    visit.context.set_extra_http_headers({header: "1"})
    visit.open_checkout()
    visit.give_details()
    visit.pay()
    visit.arrives()
    eventually(
        lambda: [(row.name, row.value) for row in books.events(visit.unit_id)],
        [("payment_succeeded", AMOUNT)],
    )
    assert list(bodies(visit)) == []
