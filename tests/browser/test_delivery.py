"""Both arms of the experiment weigh the same, and nothing jumps while it arrives."""

from typing import Any

from playwright.sync_api import expect

from tests.browser.visits import Come, Visit

_OBSERVE = """
window.kassaShifts = [];
new PerformanceObserver((list) => {
  for (const shift of list.getEntries()) {
    if (!shift.hadRecentInput) {
      const nodes = shift.sources.map(({node}) => node?.outerHTML?.slice(0, 120));
      window.kassaShifts.push([shift.value, nodes]);
    }
  }
}).observe({type: "layout-shift", buffered: true});
"""


def loaded(visit: Visit) -> dict[str, int]:
    """Every address fetched with its size, the checkout's own id left out."""
    visit.open_checkout()
    visit.page.wait_for_load_state("networkidle")
    checkout_id = visit.checkout_id
    return {
        response.url.removeprefix(visit.watch.origin).replace(checkout_id, "ID"): len(
            response.body()
        )
        for response in visit.watch.responses
        if response.request.method == "GET" and response.status == 200
    }


def test_both_arms_load_the_same_and_weigh_the_same(come: Come) -> None:
    two_page, one_page = loaded(come("two_page")), loaded(come("one_page"))
    assert sorted(two_page) == sorted(one_page)
    assert any(path.endswith("/js/checkout.js") for path in two_page)
    assert "/sim/stripe.js" in two_page
    assert two_page["/c/ID"] != one_page["/c/ID"]  # they are two pages
    total = sum(two_page.values()), sum(one_page.values())
    assert max(total) < 1.05 * min(total), total


def test_nothing_jumps_while_the_page_arrives(come: Come, variant: str) -> None:
    visit = come(variant)
    visit.context.add_init_script(_OBSERVE)
    visit.open_checkout()
    visit.page.wait_for_load_state("networkidle")
    visit.page.evaluate("() => new Promise(done => setTimeout(done, 500))")
    shifts: Any = visit.page.evaluate("() => window.kassaShifts")
    assert sum(value for value, _ in shifts) < 0.02, shifts
    visit.give_details()
    visit.give_card()
    expect(visit.action).to_be_visible()
    shifts = visit.page.evaluate("() => window.kassaShifts")
    assert sum(value for value, _ in shifts) < 0.1, shifts


def test_a_page_whose_scripts_never_arrive_sends_nothing(come: Come, variant: str) -> None:
    visit = come(variant)
    visit.context.route("**/*.js", lambda route: route.abort("blockedbyclient"))
    visit.watch.expected.append("net::ERR_")
    visit.open()
    # A press before any script is there sends nothing, least of all what was typed.
    visit.page.locator("#email").fill("ada@example.com")
    visit.page.locator("#email").press("Enter")
    expect(visit.page.locator("#email")).to_have_value("ada@example.com")
    assert visit.watch.posts("") == 0
    assert "ada" not in visit.page.url
