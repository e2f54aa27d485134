"""A running `kassa serve`, its books, and visitors of a chosen variant in real Chromium."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from experiments import Catalog, assign
from service.settings import PROJECT
from service.web.context import VISITOR_COOKIE
from service.web.signing import Signing
from tests.browser.books import EXPERIMENT, Books, opened
from tests.browser.visits import DESKTOP, PHONE, Come, Screen, Visit, Watch
from tests.service.processes import KassaProcess, serving

_PATIENCE_MS = 20_000


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--screenshots", type=Path, metavar="DIR", help="keep pictures of the main states there"
    )


@pytest.fixture(scope="session")
def kassa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KassaProcess]:
    """The real service with two workers, its simulator and its real webhooks."""
    limits = "usd=1000000,eur=900000"
    directory = tmp_path_factory.mktemp("kassa")
    definitions = _with_every_flow(directory / "definitions")
    with serving(
        directory, KASSA_CARD_LIMITS=limits, KASSA_DEFINITIONS=str(definitions)
    ) as running:
        yield running
        assert running.stop() == 0
        assert "Traceback" not in running.log


@pytest.fixture(scope="session")
def books(kassa: KassaProcess) -> Iterator[Books]:
    """Everybody's books, read beside the running service."""
    with opened(kassa) as found:
        yield found


@pytest.fixture(params=[PHONE, DESKTOP], ids=lambda screen: screen.name)
def screen(request: pytest.FixtureRequest) -> Screen:
    """Every test once on a phone and once at a desk."""
    found: Screen = request.param
    return found


@pytest.fixture
def variant(screen: Screen) -> str:
    """Each arm on one screen; where it is paid, tests ask for both on both."""
    return "one_page" if screen is PHONE else "two_page"


@pytest.fixture(scope="session")
def screenshots(request: pytest.FixtureRequest) -> Path | None:
    """Where to keep pictures, if anywhere."""
    # Where this file is found too late to add its option, nobody has asked.
    directory: Path | None = request.config.getoption("--screenshots", default=None)
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
    return directory


@pytest.fixture
def come(
    chromium: Browser, kassa: KassaProcess, books: Books, screen: Screen, screenshots: Path | None
) -> Iterator[Come]:
    """Sends a new visitor of a variant; at the end, what every visit must keep is checked."""
    expect.set_options(timeout=_PATIENCE_MS)
    visits: list[Visit] = []

    def come(variant: str = "two_page", scheme: str = "light", locale: str = "en-US") -> Visit:
        unit_id = _unit_in(books.catalog, variant)
        context = _context(chromium, screen, scheme, locale)
        cookie = Signing(kassa.settings.secret_keys).visitor_cookie(unit_id)
        context.add_cookies([{"name": VISITOR_COOKIE, "value": cookie, "url": kassa.url}])
        watch = Watch(kassa.url)
        watch.over(context)
        page = context.new_page()
        visits.append(
            Visit(context, page, watch, screen, unit_id, variant, scheme, screenshots, locale)
        )
        return visits[-1]

    yield come
    for visit in visits:
        visit.fits()
        visit.context.close()
        visit.watch.check()
    books.settled()


def _with_every_flow(directory: Path) -> Path:
    """The shipped experiment with a third arm, so that visitors meet every flow."""
    directory.mkdir()
    half, third = "weight: 50", "weight: 33"
    shipped = (PROJECT / "experiments" / "definitions" / f"{EXPERIMENT}.yaml").read_text()
    added = "  - {key: two_page_reload, weight: 34, flow: two_page_reload}\nmetrics:"
    changed = shipped.replace(half, third).replace("metrics:", added, 1)
    (directory / f"{EXPERIMENT}.yaml").write_text(changed)
    return directory


def _unit_in(catalog: Catalog, variant: str) -> str:
    """A new visitor whom the experiment puts into the variant."""
    experiment, now = catalog.experiment(EXPERIMENT), datetime.now(UTC)
    while True:
        unit_id = secrets.token_urlsafe(16)
        if assign(experiment, unit_id, now=now).variant.key == variant:
            return unit_id


def _context(chromium: Browser, screen: Screen, scheme: str, locale: str) -> BrowserContext:
    context = chromium.new_context(
        viewport={"width": screen.width, "height": screen.height},
        has_touch=screen.touch,
        is_mobile=screen.touch,
        device_scale_factor=2 if screen.touch else 1,
        color_scheme="dark" if scheme == "dark" else "light",
        locale=locale,
    )
    context.set_default_timeout(_PATIENCE_MS)
    return context
