"""The comparison of pictures with accepted ones, on pictures that are known."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser import baseline, sheet
from tests.browser.pictures import Picture

BUTTON = "<button style='width:200px;height:60px;background:#063'>Pay</button>"
ONE = Picture("one_page-phone", "10-empty", "en")


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run's pictures, and a baseline of its own."""
    monkeypatch.setattr(baseline, "DIRECTORY", tmp_path / "looks")
    return tmp_path / "run"


def picture(chromium: Browser, directory: Path, html: str, height: int = 400) -> None:
    file = ONE.within(directory)
    file.parent.mkdir(parents=True, exist_ok=True)
    page = chromium.new_page(viewport={"width": 390, "height": height})
    page.set_content(html)
    page.screenshot(path=file)
    page.close()


def compared(chromium: Browser, directory: Path, *, accept: bool = False) -> list[str]:
    return [each.size for each in sheet.review(chromium, directory, accept=accept)]


def test_what_is_as_accepted_is_said_to_be(chromium: Browser, directory: Path) -> None:
    picture(chromium, directory, BUTTON)
    assert compared(chromium, directory) == ["never accepted"]
    assert compared(chromium, directory, accept=True) == []
    assert compared(chromium, directory) == []
    assert (directory / "one_page-phone.png").stat().st_size > 0


def test_what_has_moved_or_grown_is_named(chromium: Browser, directory: Path) -> None:
    picture(chromium, directory, BUTTON)
    compared(chromium, directory, accept=True)
    picture(chromium, directory, f"<br>{BUTTON}")
    [moved] = compared(chromium, directory)
    assert moved.endswith("% of it is another")
    picture(chromium, directory, BUTTON, height=440)
    [grown] = compared(chromium, directory)
    assert grown.endswith("% of it is another, +40 px tall")
    assert "class='was'" in (directory / "one_page-phone.html").read_text().replace('"', "'")


def test_pictures_of_other_fonts_are_not_compared(
    chromium: Browser, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture(chromium, directory, BUTTON)
    compared(chromium, directory, accept=True)
    file = baseline.DIRECTORY / "one_page-phone.json"
    file.write_text(file.read_text().replace("Chromium", "Netscape"))
    picture(chromium, directory, "")
    assert compared(chromium, directory) == []
    assert "NOT COMPARABLE HERE: one_page-phone" in capsys.readouterr().out
