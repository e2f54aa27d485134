"""The analyst's way to the lift report."""

from urllib.parse import urlsplit

from playwright.sync_api import expect

from tests.browser import accessibility
from tests.browser.books import EXPERIMENT
from tests.browser.visits import PHONE, Come, Screen
from tests.service.processes import KassaProcess

PATH = f"/reports/{EXPERIMENT}"


def test_the_printed_link_signs_in_and_the_report_fits_the_screen(
    come: Come, kassa: KassaProcess, screen: Screen
) -> None:
    scheme = "light" if screen is PHONE else "dark"
    buyer = come("one_page").open_checkout()
    buyer.give_details()
    buyer.pay()
    buyer.arrives()
    made = kassa.command("report", EXPERIMENT, "--link")
    assert made.returncode == 0, made.stderr
    link = next(line for line in made.stderr.splitlines() if line.startswith(PATH))

    visit = come("two_page", scheme)
    accessibility.bring(visit.context, accessibility.axe_core())
    visit.watch.expected.append("the server responded with a status of 401")
    visit.open(PATH)
    expect(visit.page.locator("main")).to_have_attribute("data-status", "401")
    assert len(visit.watch.messages) == 1

    visit.open(link)
    expect(visit.page.locator("h1")).to_contain_text(EXPERIMENT)
    assert urlsplit(visit.page.url).query == ""
    expect(visit.page.locator("svg").first).to_be_visible()
    visit.fits()
    visit.shot("40-report")
    found = accessibility.violations(visit.page, accessibility.WCAG)
    assert found == [], "\n".join(found)
    visit.page.reload()
    expect(visit.page.locator("h1")).to_be_visible()
    assert len(visit.watch.messages) == 1


def test_an_edited_link_does_not_sign_in(come: Come) -> None:
    visit = come()
    visit.watch.expected.append("the server responded with a status of 401")
    visit.open(f"{PATH}?access=ImFuYWx5c3Qi.forged.signature")
    expect(visit.page.locator("main")).to_have_attribute("data-status", "401")
