"""A brand as pages wear it and as its files are served."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from experiments import InvalidDefinition
from tests.service.branding.brands import BRAND, LOGO, write
from tests.service.conftest import MakeShop, Shop

FOR_EVER = "public, max-age=31536000, immutable"


@pytest.fixture
def branded(make_shop: MakeShop, tmp_path: Path) -> Shop:
    return make_shop(brand=write(tmp_path / "brand"), merchant="Acme & Sons")


def addresses(page: str) -> list[str]:
    return re.findall(r'"(/brand/[^"]+)"', page)


def test_every_page_wears_the_one_stylesheet_the_logo_and_the_font(branded: Shop) -> None:
    checkout = branded.visit()
    paid = branded.visit()
    branded.pay(paid)
    accept = {"Accept": "text/html"}
    for page in (
        checkout.html,
        branded.client.get("/").text,
        branded.client.get("/nothing-here", headers=accept).text,
        branded.client.get(paid.attributes["return-url"]).text,
    ):
        stylesheet, font, by_night, by_day = addresses(page)
        assert re.findall(r'rel="stylesheet" href="([^"]+)"', page) == [stylesheet]
        assert f'crossorigin href="{font}"' in page or f'href="{font}" crossorigin' in page
        assert f'media="(prefers-color-scheme: dark)" srcset="{by_night}"' in page
        assert f'src="{by_day}" width="120" height="32" alt="Acme &amp; Sons"' in page
        assert "style=" not in page


def test_what_a_page_asks_for_is_there_and_may_be_kept_for_ever(branded: Shop) -> None:
    kinds = ["text/css; charset=utf-8", "font/woff2", "image/svg+xml; charset=utf-8"]
    found = addresses(branded.visit().html)
    assert len(found) == 4
    for address, kind in zip(found, [*kinds, kinds[-1]], strict=True):
        answer = branded.client.get(address)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)
        assert answer.headers["Cache-Control"] == FOR_EVER
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_logo_opened_on_its_own_does_nothing(branded: Shop) -> None:
    answer = branded.client.get(addresses(branded.visit().html)[-1])
    assert answer.text == LOGO
    policy = answer.headers["Content-Security-Policy"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; sandbox"


def test_stripes_frames_may_set_their_text_in_the_font(branded: Shop) -> None:
    stylesheet, font, *_ = addresses(branded.visit().html)
    assert branded.client.get(font).headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Origin" not in branded.client.get(stylesheet).headers


def test_a_page_from_before_gets_what_is_in_force_and_may_not_keep_it(branded: Shop) -> None:
    now = branded.client.get(addresses(branded.visit().html)[0])
    before = branded.client.get("/brand/checkout-0123456789ab.css")
    assert (before.status_code, before.text) == (200, now.text)
    assert before.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("name", ["brand.yaml", "checkout", "-", "logo.svg", "../brand.yaml"])
def test_nothing_else_beside_the_file_is_served(branded: Shop, name: str) -> None:
    answer = branded.client.get(f"/brand/{name}", headers={"Accept": "application/json"})
    assert answer.status_code == 404


def test_without_a_brand_pages_have_the_shipped_look(make_shop: MakeShop) -> None:
    shop = make_shop(merchant="Acme")
    page = shop.visit().html
    assert addresses(page) == []
    assert re.search(r'rel="stylesheet" href="/static/[0-9a-f]{12}/css/checkout\.css"', page)
    assert '<p class="masthead__merchant">Acme</p>' in page
    assert shop.client.get("/brand/checkout-0123456789ab.css").status_code == 404


def test_one_logo_is_for_day_and_night(make_shop: MakeShop, tmp_path: Path) -> None:
    for scheme in ("light", "dark"):
        text = f"version: 1\n{scheme}: {{logo: logo.svg}}\n"
        page = make_shop(brand=write(tmp_path, text)).visit().html
        assert page.count("/brand/logo-") == 1
        assert "<source" not in page


def test_a_brand_that_cannot_be_read_stops_the_start(make_shop: MakeShop, tmp_path: Path) -> None:
    with pytest.raises(InvalidDefinition, match="low-contrast"):
        make_shop(brand=write(tmp_path, BRAND.replace("#7a1fa2", "#ffcc00")))
