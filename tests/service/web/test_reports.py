"""Reports on the web: signed in, and exactly as they were made."""

from __future__ import annotations

import pytest

from service.reporting import make_report, store_report
from service.web.signing import Signing
from tests.service.conftest import Shop

PATH = "/reports/one-page-checkout"


def _token(shop: Shop) -> str:
    return Signing(shop.settings.secret_keys).analyst_token()


def test_a_signed_link_opens_the_newest_report_and_leaves_the_address(shop: Shop) -> None:
    shop.visit()
    now = shop.clock()
    report = make_report(shop.store, shop.catalog, "one-page-checkout", as_of=now, now=now)
    store_report(shop.store, report)
    opened = shop.client.get(f"{PATH}?access={_token(shop)}")
    assert (opened.status_code, opened.location) == (303, PATH)
    page = shop.client.get(PATH)
    assert page.status_code == 200
    assert "One-page checkout" in page.text or "one-page-checkout" in page.text
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy


@pytest.mark.parametrize("query", ["", "?access=", "?access=forged"])
def test_nobody_reads_a_report_without_signing_in(shop: Shop, query: str) -> None:
    assert shop.client.get(PATH + query).status_code == 401


def test_a_preview_link_does_not_open_reports(shop: Shop) -> None:
    token = Signing(shop.settings.secret_keys).preview_token("one-page-checkout", "one_page")
    assert shop.client.get(f"{PATH}?access={token}").status_code == 401


@pytest.mark.parametrize("path", [PATH, "/reports/unknown", "/reports/%00", "/reports/..%2fx"])
def test_a_report_that_was_never_made_is_not_found(shop: Shop, path: str) -> None:
    shop.client.set_cookie("kassa_analyst", _token(shop))
    assert shop.client.get(path).status_code == 404
