"""Pictures of every state of the checkout, alike whenever nothing has changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.browser.visits import Visit

# What is another in each run: the numbers of orders, and days.
_CHANGING = ".reference, time, [data-day]"
_MASK = "#888888"


@dataclass(frozen=True, order=True)
class Picture:
    """One state as one visitor saw it, and where its picture is kept.

    Attributes:
        sheet: flow and screen, e.g. ``one_page-phone``.
        state: e.g. ``21-declined``; the number is its place in the sheet.
        locale: e.g. ``pt-BR``.
    """

    sheet: str
    state: str
    locale: str

    def within(self, directory: Path) -> Path:
        """Its file in the directory of a run."""
        return directory / self.sheet / f"{self.state}.{self.locale}.png"


def take(visit: Visit, state: str) -> None:
    """Keep the picture of a state, where the run asks for pictures."""
    if visit.screenshots is None:
        return
    picture = Picture(f"{visit.variant}-{visit.screen.name}", state, visit.locale)
    file = picture.within(visit.screenshots)
    file.parent.mkdir(exist_ok=True)
    visit.page.evaluate("() => document.fonts.ready.then(() => scrollTo(0, 0))")
    visit.page.screenshot(
        path=file,
        # A window over the page covers the screen, and no more of the page.
        full_page=visit.page.locator("dialog").count() == 0,
        animations="disabled",
        caret="hide",
        scale="css",
        mask=[visit.page.locator(_CHANGING)],
        mask_color=_MASK,
    )


def kept_in(directory: Path) -> Iterator[Picture]:
    """The pictures of a run, sheet by sheet and in the order of the states."""
    for file in sorted(directory.glob("*/*.*.png")):
        state, locale, _ = file.name.split(".")
        yield Picture(file.parent.name, state, locale)
