"""The drill of `docs/drill.md`, made as it is written on a copy of Kassa, and bought there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import expect

from service.settings import PROJECT
from tests.browser import accessibility
from tests.browser.books import Books, opened
from tests.browser.visits import EMAIL, Come
from tests.service.processes import KassaProcess, serving

_BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CODE = {".py", ".js", ".ts"}
_PARTS = ("service", "experiments", "templates", "analysis", "pyproject.toml")
ORDERED = "PO-1815"


@dataclass(frozen=True)
class Change:
    """One part of the drill: whole files by their paths, and changes of files that are there."""

    files: dict[str, str]
    diffs: list[str]

    def make(self, place: Path) -> set[str]:
        """Make it in a copy; the paths of what was touched."""
        for path, text in self.files.items():
            (place / path).write_text(text, encoding="utf-8")
        return {*self.files, *(_apply(place, diff) for diff in self.diffs)}


def _apply(place: Path, diff: str) -> str:
    head, *hunks = re.split(r"^@@\n", diff, flags=re.MULTILINE)
    path = head.splitlines()[1].removeprefix("+++ b/")
    text = (place / path).read_text(encoding="utf-8")
    for hunk in hunks:
        lines = hunk.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] in " -")
        assert text.count(before) == 1, f"{path} has this {text.count(before)} times:\n{before}"
        text = text.replace(before, "".join(line[1:] for line in lines if line[0] in " +"))
    (place / path).write_text(text, encoding="utf-8")
    return path


def _written() -> list[Change]:
    """The brand, the section and the flow, as the document has them."""
    parts = (PROJECT / "docs" / "drill.md").read_text(encoding="utf-8").split("\n## ")[1:]
    return [
        Change(
            {path: text for _, path, text in _BLOCK.findall(part) if path},
            [text for kind, _, text in _BLOCK.findall(part) if kind == "diff"],
        )
        for part in parts
    ]


@pytest.fixture(scope="module")
def drilled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[set[str]]]:
    """A copy of Kassa with all three changes, and what each touched."""
    place = tmp_path_factory.mktemp("drilled")
    for part in _PARTS:
        if (PROJECT / part).is_dir():
            shutil.copytree(
                PROJECT / part, place / part, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy(PROJECT / part, place / part)
    return place, [change.make(place) for change in _written()]


@pytest.fixture(scope="module")
def kassa(
    tmp_path_factory: pytest.TempPathFactory, drilled: tuple[Path, list[set[str]]]
) -> Iterator[KassaProcess]:
    """The copy, running in its brand."""
    place, _ = drilled
    with serving(
        tmp_path_factory.mktemp("shop"),
        workers=1,
        PYTHONPATH=str(place),
        KASSA_BRAND=str(place / "brand.yaml"),
        KASSA_DEFINITIONS=str(place / "experiments" / "definitions"),
        KASSA_MERCHANT="Acme",
    ) as running:
        yield running


@pytest.fixture(scope="module")
def books(kassa: KassaProcess) -> Iterator[Books]:
    """The copy's books."""
    with opened(kassa) as found:
        yield found


def test_each_change_touches_one_file_of_code_at_most(
    drilled: tuple[Path, list[set[str]]],
) -> None:
    code = [{path for path in each if Path(path).suffix in _CODE} for each in drilled[1]]
    assert code == [set(), {"service/checkout/flows.py"}, {"service/checkout/flows.py"}]


def test_the_changed_code_is_formatted_and_sound(drilled: tuple[Path, list[set[str]]]) -> None:
    place, _ = drilled
    for check in (["ruff", "format", "--check"], ["ruff", "check"]):
        ran = subprocess.run(
            [sys.executable, "-m", *check, "service/checkout/flows.py"],
            cwd=place,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("variant", ["address_first", "one_page", "two_page"])
def test_the_new_section_is_asked_for_checked_kept_and_told(
    come: Come, books: Books, variant: str
) -> None:
    visit = come(variant)
    accessibility.bring(visit.context, accessibility.axe_core())
    page = visit.open_checkout().page
    assert page.locator("img[alt=Acme]").is_visible()
    if variant == "address_first":
        expect(page.get_by_role("heading", level=1)).to_contain_text("Billing address")
        visit.give_address()
        visit.press(visit.action)
        expect(page.get_by_role("heading", level=1)).to_contain_text("Payment")
        page.locator("#email").fill(EMAIL)
    else:
        page.locator("#email").fill(EMAIL)
        visit.give_address()
    number = page.get_by_label("Purchase order number")
    if variant != "two_page":
        visit.give_card()
    visit.press(visit.action)
    summary = page.get_by_role("group", name="There is a problem")
    expect(summary).to_contain_text("Enter the number of your purchase order")
    summary.get_by_role("link").click()
    expect(number).to_be_focused()
    number.fill("1815")
    number.blur()
    expect(page.locator("#purchase_order-error")).to_have_text("Enter a number like PO-1234")
    expect(number).to_have_attribute("aria-invalid", "true")
    assert accessibility.violations(page) == []
    visit.shot("drill")
    number.fill(ORDERED)
    number.blur()
    expect(page.locator("#purchase_order-error")).to_be_hidden()
    checkout_id = visit.checkout_id
    page.wait_for_function(
        "place => sessionStorage.getItem(place) === null", arg=f"kassa:{checkout_id}"
    )
    page.reload()
    expect(page.locator("[data-waiting]")).to_have_count(0)
    if variant == "address_first":
        visit.press(visit.action)
    expect(number).to_have_value(ORDERED)
    if variant == "two_page":
        visit.press(visit.action)
        expect(page.locator(".review")).to_contain_text(ORDERED)
    visit.give_card()
    visit.press(visit.action)
    visit.arrives()
    order = books.checkout(checkout_id)
    assert order["fields"] == {"purchase_order": ORDERED}
    assert order["variant"] == variant
