"""A branded checkout in real Chromium: its colours, corners and font, also in Stripe's forms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, FrameLocator, expect

from service.branding.brand import Brand
from service.branding.colours import contrast
from service.branding.palette import Scheme
from service.branding.preview import to_html
from tests.browser import accessibility
from tests.browser.books import Books, opened
from tests.browser.visits import DESKTOP, PHONE, Come, Screen
from tests.service.branding.brands import write
from tests.service.processes import KassaProcess, serving

# The test's font is the beginning of one alone.
FONT = ("Failed to decode downloaded font", "OTS parsing error")
_LISTEN = """
let stripe;
Object.defineProperty(window, "Stripe", { configurable: true, get: () => stripe, set: (given) => {
  stripe = Object.assign((...named) => {
    const made = given(...named), { elements } = made;
    made.elements = (options) => elements.call(made, window.kassaGiven = options);
    return made;
  }, given);
} });
"""
_PAIRS = """(pairs) => pairs.map(([one, other]) => {
  const { Color, getContrast } = axe.commons.color;
  const read = (text) => { const made = new Color(); made.parseString(text); return made; };
  return getContrast(read(one), read(other));
})"""


@pytest.fixture(scope="module")
def brand_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("brand"))


@pytest.fixture(scope="module")
def kassa(tmp_path_factory: pytest.TempPathFactory, brand_file: Path) -> Iterator[KassaProcess]:
    """The real service in a merchant's brand."""
    directory = tmp_path_factory.mktemp("branded")
    with serving(
        directory, workers=1, KASSA_BRAND=str(brand_file), KASSA_MERCHANT="Acme"
    ) as running:
        yield running


@pytest.fixture(scope="module")
def books(kassa: KassaProcess) -> Iterator[Books]:
    """Everybody's books, of this service."""
    with opened(kassa) as found:
        yield found


@pytest.fixture(scope="module")
def axe() -> Path:
    """The file of axe-core."""
    return accessibility.axe_core()


def coloured(frame: FrameLocator, name: str) -> str:
    found: str = frame.locator("html").evaluate(
        "(html, name) => getComputedStyle(html).getPropertyValue(name).trim()", name
    )
    return found


def rgb(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgb({red}, {green}, {blue})"


@pytest.fixture
def scheme(screen: Screen) -> Scheme:
    """By night on a phone, by day at a desk."""
    return "dark" if screen is PHONE else "light"


def test_a_branded_checkout_is_the_brands_own_to_the_last_field(
    come: Come, axe: Path, brand_file: Path, scheme: Scheme
) -> None:
    brand = Brand.load(brand_file)
    colours = brand.palettes[scheme]
    visit = come("two_page", scheme)
    visit.watch.expected += FONT
    visit.context.add_init_script(_LISTEN)
    accessibility.bring(visit.context, axe)
    visit.open_checkout()
    page = visit.page
    expect(visit.action).to_have_css("background-color", rgb(colours["accent"]))
    expect(visit.action).to_have_css("color", rgb(colours["on-accent"]))
    expect(visit.action).to_have_css("border-radius", "16px")
    expect(page.locator("body")).to_have_css("background-color", rgb(colours["page"]))
    assert '"Acme Sans", Georgia, serif' in page.locator("body").evaluate(
        "body => getComputedStyle(body).fontFamily"
    )
    logo = page.get_by_role("img", name="Acme")
    source = logo.evaluate("image => [image.currentSrc, image.complete, image.width, image.height]")
    assert source == [
        f"{visit.watch.origin}{brand.logos[scheme].asset.address}",
        True,
        135,
        36,
    ]
    for frame in (visit.address, visit.card):
        assert coloured(frame, "--colorPrimary") == colours["accent"]
        assert coloured(frame, "--colorBackground") == colours["surface"]
        assert coloured(frame, "--borderRadius") == "16px"
        assert coloured(frame, "--fontFamily").startswith('"Acme Sans", "Georgia", serif')
        assert coloured(frame, "--Input-borderColor") == colours["field-line"]
    given: Any = page.evaluate("() => window.kassaGiven.fonts")
    assert brand.font is not None
    address = f"{visit.watch.origin}{brand.font.asset.address}"
    assert given == [
        {
            "family": "Acme Sans",
            "src": f"url({address})",
            "display": "optional",
            "weight": "100 900",
        }
    ]
    asked = [each.url for each in visit.watch.requests if each.resource_type == "stylesheet"]
    ours = [each for each in asked if "/sim/" not in each]
    assert ours == [f"{visit.watch.origin}{brand.stylesheet.address}"]
    visit.shot("brand-details")
    assert accessibility.violations(page) == []
    visit.press(visit.action)
    expect(visit.problems).to_be_focused()
    visit.shot("brand-problems")
    assert accessibility.violations(page) == []
    visit.give_details()
    visit.pay()
    visit.arrives()
    visit.shot("brand-receipt")
    assert accessibility.violations(page) == []


def test_the_preview_shuts_nobody_out_and_fits_a_phone(
    chromium: Browser, axe: Path, brand_file: Path, tmp_path: Path
) -> None:
    brand = Brand.load(brand_file)
    seen = tmp_path / "brand.html"
    seen.write_text(to_html(brand, "Acme"), encoding="utf-8")
    pairs = [(one, other) for one in list(_some(brand)) for other in ("#ffffff", "#0e1211")]
    for screen in (PHONE, DESKTOP):
        _look(chromium, screen, axe, seen, pairs)


def _some(brand: Brand) -> set[str]:
    return {colour for palette in brand.palettes.values() for colour in palette.values()}


def _look(
    chromium: Browser, screen: Screen, axe: Path, seen: Path, pairs: list[tuple[str, str]]
) -> None:
    context = chromium.new_context(viewport={"width": screen.width, "height": screen.height})
    accessibility.bring(context, axe)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(seen.as_uri())
    assert accessibility.violations(page) == []
    wide = page.evaluate("() => document.documentElement.scrollWidth")
    assert wide <= screen.width
    for scheme, ground in (("light", "rgb(251, 247, 255)"), ("dark", "rgb(14, 18, 17)")):
        expect(page.locator(f".scheme--{scheme}")).to_have_css("background-color", ground)
    # Another implementation of the same formula.
    assert page.evaluate(_PAIRS, pairs) == pytest.approx(
        [contrast(one, other) for one, other in pairs], rel=0.001
    )
    assert [each for each in said if not any(part in each for part in FONT)] == []
    context.close()
