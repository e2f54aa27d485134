"""A report says when it was made, whatever time it looks back to."""

from __future__ import annotations

from datetime import timedelta

from analysis.render import to_html
from service.reporting import make_report, store_report
from service.store.reports import latest_report
from tests.service.conftest import Shop

EXPERIMENT = "one-page-checkout"


def test_a_report_about_an_earlier_time_says_when_it_was_made(shop: Shop) -> None:
    now = shop.clock()
    before = now - timedelta(days=1)
    made = make_report(shop.store, shop.catalog, EXPERIMENT, as_of=before, now=now)
    assert (made.as_of, made.generated_at) == (before, now)


def test_the_report_made_last_is_the_latest_whatever_it_is_about(shop: Shop) -> None:
    shop.visit()
    now = shop.clock()
    newest, back = now, now - timedelta(days=1)
    first = make_report(shop.store, shop.catalog, EXPERIMENT, as_of=newest, now=now)
    later = now + timedelta(hours=1)
    second = make_report(shop.store, shop.catalog, EXPERIMENT, as_of=back, now=later)
    for made in (first, second):
        store_report(shop.store, made)
    with shop.store.read() as connection:
        assert latest_report(connection, EXPERIMENT) == to_html(second)
