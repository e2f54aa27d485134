"""Reports of data as analysts have it: read by everybody, on every screen and on paper."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from service.settings import PROJECT
from tests.browser import accessibility
from tests.browser.visits import Screen

SHARED = PROJECT.parent / "shared" / "data"
LARGEST = 300_000


@dataclass(frozen=True)
class DataSet:
    """A file with the words that make a report of it, and what the report must say."""

    name: str
    words: tuple[str, ...]
    says: tuple[str, ...]
    prepare: Callable[[Path, Path], None] | None = None


def _numbered(source: Path, made: Path) -> None:
    """Every row is a customer, and has no number of its own."""
    with source.open(newline="") as read, made.open("w", newline="") as written:
        rows = csv.reader(read)
        out = csv.writer(written)
        out.writerow(["row", *next(rows)])
        out.writerows([number, *row] for number, row in enumerate(rows))


DATA_SETS = (
    DataSet(
        "ab_data.csv.gz",
        (
            *("--unit", "user_id", "--variant", "group", "--control", "control"),
            *("--metric", "converted=converted"),
            *("--agree", "landing_page=control:old_page,treatment:new_page"),
        ),
        ("Nothing to ship", "145,274", "145,310", "3,893"),
    ),
    DataSet(
        "cookie_cats.csv",
        (
            *("--unit", "userid", "--variant", "version", "--control", "gate_30"),
            *("--metric", "retention_7=retention_7", "--metric", "retention_1=retention_1"),
            *("--metric", "rounds=sum_gamerounds:mean"),
        ),
        ("Roll it back", "4.31%", "0.00155"),
    ),
    DataSet(
        "hillstrom.csv",
        (
            *("--unit", "row", "--variant", "segment", "--control", "No E-Mail"),
            *("--metric", "visit=visit", "--metric", "conversion=conversion"),
            *("--metric", "spend=spend:mean"),
        ),
        ("Ship it", "+72.1%", "+42.6%"),
        _numbered,
    ),
)


@pytest.fixture
def page_of(tmp_path: Path) -> Callable[[DataSet], Path]:
    def make(found: DataSet) -> Path:
        source = SHARED / found.name
        if not source.is_file():
            pytest.skip(f"no {found.name} beside this repository")
        if found.prepare is not None:
            made = tmp_path / found.name
            found.prepare(source, made)
            source = made
        page = tmp_path / "report.html"
        subprocess.run(
            [
                *(sys.executable, "-m", "service.cli", "analyze", str(source), *found.words),
                *("--format", "html", "--output", str(page), "--quiet"),
            ],
            cwd=PROJECT,
            check=True,
            timeout=120,
        )
        return page

    return make


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("found", DATA_SETS, ids=lambda found: found.name.split(".")[0])
def test_a_report_of_data_is_read_by_everybody_and_prints(
    chromium: Browser,
    page_of: Callable[[DataSet], Path],
    screen: Screen,
    screenshots: Path | None,
    tmp_path: Path,
    found: DataSet,
    scheme: str,
) -> None:
    made = page_of(found)
    assert len(made.read_bytes()) < LARGEST
    context = chromium.new_context(
        viewport={"width": screen.width, "height": screen.height},
        color_scheme="dark" if scheme == "dark" else "light",
        java_script_enabled=True,
    )
    accessibility.bring(context, accessibility.axe_core())
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(made.as_uri())
    text = page.locator("body").inner_text()
    for said in found.says:
        assert said in text
    assert asked == [made.as_uri()], "a report fetches nothing"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert accessibility.violations(page) == []
    printed = page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert printed.startswith(b"%PDF")
    if screenshots is not None:
        name = f"report-{found.name.split('.')[0]}-{screen.name}-{scheme}"
        page.screenshot(path=screenshots / f"{name}.png", full_page=True)
        (screenshots / f"{name}.pdf").write_bytes(printed)
    context.close()
