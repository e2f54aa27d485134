"""How fast every page is on a phone, by Lighthouse, and whether the arms differ in it.

Lighthouse measures times of the machine it runs on: nothing may run beside it. The tables are
printed; see them with `make test-slow ARGS="tests/browser/test_speed.py -s"`.
"""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import exp, log, sqrt
from statistics import fmean, median, stdev

import pytest
import requests
from playwright.sync_api import expect
from scipy.stats import t as student
from sqlalchemy import update

from service.store.tables import checkouts
from service.web.context import VISITOR_COOKIE
from tests.browser.books import Books
from tests.browser.visits import EMAIL, PHONE, Come, Screen, Visit
from tests.provision import lighthouse
from tests.provision.lighthouse import Audited, Verdict
from tests.service.processes import API_KEY

ROUNDS = int(os.environ.get("KASSA_LIGHTHOUSE_ROUNDS", "5"))
VISITS = int(os.environ.get("KASSA_VITALS_VISITS", "12"))
FLOWS = ("one_page", "two_page", "two_page_reload")
ARMS = ("one_page", "two_page")
BEST = 98
# Of Lighthouse's points none is lost below 0.1; Stripe's form may come with more rows than was
# reserved for it, and move what is below.
STILL = 0.05
SHARE = 0.05
BANK = "000123456789"
SENT = {"mode": "invoice", "invoice": {"days_until_due": 14}}

pytestmark = [pytest.mark.slow, pytest.mark.speed]


@pytest.fixture
def screen() -> Screen:
    """Only the phone: that is what Lighthouse emulates."""
    return PHONE


def tell(said: str) -> None:
    """What was measured, for whoever runs this with `-s`."""
    sys.stdout.write(f"{said}\n")


def cookie_of(visit: Visit) -> str:
    """What makes Lighthouse's browser this visitor's."""
    [cookie] = [each for each in visit.context.cookies() if each["name"] == VISITOR_COOKIE]
    return f"{VISITOR_COOKIE}={cookie['value']}"


def opened(come: Come, variant: str, path: str | None = None) -> Visit:
    visit = come(variant)
    if path is None:
        return visit.open_checkout()
    visit.open(path)
    expect(visit.page.locator("[data-waiting]")).to_have_count(0)
    return visit


def checkout_page(come: Come, books: Books, flow: str) -> Audited:
    visit = opened(come, flow)
    return Audited(flow, visit.page.url, cookie_of(visit))


def paid_page(come: Come, books: Books) -> Audited:
    visit = opened(come, "one_page")
    visit.give_details()
    visit.pay()
    visit.arrives()
    return Audited("paid", visit.page.url, cookie_of(visit))


def processing_page(come: Come, books: Books) -> Audited:
    visit = opened(come, "one_page")
    visit.give_details()
    visit.card.get_by_label("US bank account", exact=True).check()
    visit.card.locator("#routing").fill("110000000")
    visit.card.locator("#account").fill(BANK)
    visit.press(visit.action)
    visit.arrives("processing")
    return Audited("processing", visit.page.url, cookie_of(visit))


def expired_page(come: Come, books: Books) -> Audited:
    path = books.order()
    past = datetime.now(UTC) - timedelta(hours=1)
    with books.store.write() as connection:
        of_it = checkouts.c.checkout_id == path.rpartition("/")[2]
        connection.execute(update(checkouts).where(of_it).values(expires_at=past))
    return Audited("expired", books.kassa.url + path, refused=True)


def account_page(come: Come, books: Books) -> Audited:
    answer = requests.post(
        f"{books.kassa.url}/v1/customers/acme-{uuid.uuid4()}/session",
        json={},
        headers={"Authorization": f"Bearer {API_KEY}"},
        timeout=10,
    )
    visit = come("one_page")
    visit.page.goto(answer.json()["url"], wait_until="domcontentloaded")
    expect(visit.page.locator("[data-waiting]")).to_have_count(0)
    cookies = "; ".join(f"{each['name']}={each['value']}" for each in visit.context.cookies())
    return Audited("account", visit.page.url, cookies)


def shop_page(come: Come, books: Books) -> Audited:
    return Audited("shop", f"{books.kassa.url}/")


def invoice_page(come: Come, books: Books) -> Audited:
    visit = opened(come, "one_page", books.order(**SENT))
    visit.give_details()
    visit.press(visit.action)
    visit.arrives("invoiced")
    books.settled()
    visit.page.reload()
    visit.page.get_by_role("link", name="Pay invoice").click()
    expect(visit.page.get_by_role("status")).to_contain_text("to be paid by")
    return Audited("simulated invoice", visit.page.url)


def flow_page(flow: str) -> Callable[[Come, Books], Audited]:
    return lambda come, books: checkout_page(come, books, flow)


PAGES = (
    *(flow_page(flow) for flow in FLOWS),
    paid_page,
    processing_page,
    expired_page,
    account_page,
    shop_page,
    invoice_page,
)


def test_every_page_is_fast_and_usable_on_a_phone(come: Come, books: Books) -> None:
    pages = [page(come, books) for page in PAGES]
    benchmark = lighthouse.benchmark_of(pages[0])
    slowdown = lighthouse.slowdown_for(benchmark)
    verdicts = lighthouse.audit(pages, rounds=ROUNDS, slowdown=slowdown)
    by_page = {each.name: [v for v in verdicts if v.name == each.name] for each in pages}
    tell(f"\nbenchmarkIndex {benchmark:.0f}: the phone's processor is {slowdown:.1f} times slower")
    tell(table(by_page))
    assert [line for page in by_page.values() for line in worst(page)] == []
    # What is slow now and then is the machine; the median round is the page.
    slow = {n: p for n, p in scores(by_page, "performance").items() if p < BEST}
    assert slow == {}


def worst(rounds: Iterable[Verdict]) -> list[str]:
    """What a page lost points for in any round; nothing of it depends on the machine."""
    return [
        f"{each.name}: accessibility {each.accessibility}, best practices {each.best_practices}, "
        f"layout shift {each.cls:.3f}: {', '.join(each.faults)}"
        for each in rounds
        if each.accessibility < 100 or each.best_practices < 100 or each.cls > STILL
    ]


def scores(by_page: Mapping[str, list[Verdict]], name: str) -> dict[str, float]:
    """The median of the rounds, for each page."""
    return {page: median(getattr(v, name) for v in rounds) for page, rounds in by_page.items()}


def table(by_page: Mapping[str, list[Verdict]]) -> str:
    """The rows of docs/performance.md."""
    names = ("performance", "accessibility", "best_practices", "lcp", "cls", "tbt", "weight")
    columns = {name: scores(by_page, name) for name in names}
    head = (
        "| page | performance | accessibility | best practices | LCP, ms | CLS | TBT, ms | bytes |"
    )
    rows = [
        f"| {page} | "
        + " | ".join(f"{columns[n][page]:,.{2 if n == 'cls' else 0}f}" for n in names)
        + " |"
        for page in by_page
    ]
    return "\n".join([head, "|---" * (len(names) + 1) + "|", *rows])


# -- the arms, side by side ------------------------------------------------------------------------

_OBSERVE = """
const watch = (type, options, read) => new PerformanceObserver(list => {
  for (const entry of list.getEntries()) read(entry);
}).observe({ type, buffered: true, ...options });
if (window === top) {
  watch("largest-contentful-paint", {}, entry => window.kassaVital(["lcp", entry.startTime]));
  watch("layout-shift", {}, entry => {
    if (!entry.hadRecentInput) window.kassaVital(["cls", entry.value]);
  });
  watch("event", { durationThreshold: 16 }, entry => {
    if (entry.interactionId) window.kassaVital(["inp", entry.duration]);
  });
}
"""
_OURS = """() => Object.fromEntries(
  [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .filter(({ entryType, name }) => entryType === "navigation" || name.includes("/static/"))
    .map(({ entryType, name, encodedBodySize }) =>
      [entryType === "navigation" ? "page" : name, encodedBodySize]))"""


@dataclass
class Vitals:
    """What one visitor's browser measured, in milliseconds, and bytes of ours by address."""

    lcp: float = 0.0
    cls: float = 0.0
    inp: float = 0.0
    bytes: dict[str, int] = field(default_factory=dict)

    def hear(self, name: str, value: float) -> None:
        """LCP is the last paint that was the largest, INP the slowest of so few interactions."""
        if name == "cls":
            self.cls += value
        elif name == "inp":
            self.inp = max(self.inp, value)
        elif not self.inp:
            self.lcp = value


def vitals(come: Come, arm: str) -> Vitals:
    """A whole purchase on the phone's slow processor."""
    found, visit = Vitals(), come(arm)
    visit.context.expose_function("kassaVital", lambda told: found.hear(*told))
    visit.context.add_init_script(_OBSERVE)
    cdp = visit.context.new_cdp_session(visit.page)
    cdp.send("Emulation.setCPUThrottlingRate", {"rate": lighthouse.USUAL_SLOWDOWN})
    visit.open_checkout()
    visit.page.wait_for_load_state("load")
    found.bytes = visit.page.evaluate(_OURS)
    visit.press(visit.page.locator("#email"))
    visit.page.keyboard.type(EMAIL)
    visit.page.keyboard.press("Tab")
    visit.page.wait_for_timeout(400)
    visit.give_details()
    visit.pay()
    visit.arrives()
    # The browser burns what it keeps from a page, for as long as the page is open.
    cdp.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    return found


def test_the_arms_are_equally_fast(come: Come) -> None:
    vitals(come, ARMS[0])  # the first visit pays for what the server and the browser warm up
    pairs = [{arm: vitals(come, arm) for arm in ARMS} for _ in range(VISITS)]
    for name in ("lcp", "inp"):
        values = {arm: [getattr(pair[arm], name) for pair in pairs] for arm in ARMS}
        low, high = ratio(*values.values())
        told = "equal" if low > 1 - SHARE and high < 1 + SHARE else "not decided"
        means = ", ".join(f"{arm} {fmean(values[arm]):.0f} ms" for arm in ARMS)
        tell(f"{name.upper()}: {means}; ratio {low:.3f} to {high:.3f} (95 %): {told} within 5 %")
        # Where the interval is outside, the arms differ; where it is wide, the machine is.
        assert low < 1 + SHARE
        assert high > 1 - SHARE
    assert max(pair[arm].cls for pair in pairs for arm in ARMS) < 0.01
    assert max(median(pair[arm].inp for pair in pairs) for arm in ARMS) < 200
    one, two = (pairs[0][arm].bytes for arm in ARMS)
    tell(f"bytes of ours: {sum(one.values()):,} and {sum(two.values()):,}")
    # The pages are two, one with a step more; everything else is the same to the byte.
    assert one | {"page": 0} == two | {"page": 0}
    assert abs(log(sum(one.values()) / sum(two.values()))) < SHARE
    assert max(sum(one.values()), sum(two.values())) < 40_000


def ratio(one: list[float], other: list[float]) -> tuple[float, float]:
    """Where the ratio of two arms lies, of 95 intervals out of 100; visits in pairs."""
    logs = [log(a / b) for a, b in zip(one, other, strict=True)]
    reach = float(student.ppf(0.975, len(logs) - 1)) * stdev(logs) / sqrt(len(logs))
    return exp(fmean(logs) - reach), exp(fmean(logs) + reach)
