"""Contact sheets of a run's pictures, and what in them is not as it was accepted.

`python -m tests.browser.sheet DIR`, where DIR is what `--screenshots` named: a sheet for each flow
and screen, a row for each state and a column for each language. With `--accept-looks` the pictures
become what later ones are compared with.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from html import escape
from itertools import groupby
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.browser import baseline
from tests.browser.baseline import Baseline, Difference
from tests.browser.pictures import Picture, kept_in
from tests.browser.thumbnails import Thumbnail, as_url, looks_of_letters, thumbnail
from tests.provision.chromium import running_chromium

_WIDTHS = {"phone": 190, "desktop": 250}
_STYLE = """
body { margin: 16px; font: 14px sans-serif; background: #ddd; width: max-content; }
th { text-align: left; padding: 4px; } td { vertical-align: top; padding: 4px; }
img { display: block; border: 1px solid #999; }
.other > img:first-child { border: 4px solid #c00; } .other p { margin: 4px 0; color: #c00; }
.was { image-rendering: pixelated; }
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the sheets, say what differs; returns 1 where something does."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.sheet", description=__doc__)
    parser.add_argument("directory", type=Path, metavar="DIR", help="the pictures of a run")
    parser.add_argument(
        "--accept-looks", action="store_true", help="compare with these from now on"
    )
    given = parser.parse_args(arguments)
    if not any(kept_in(given.directory)):
        parser.error(f"{given.directory}: no pictures there; run the tests with --screenshots")
    with running_chromium() as browser:
        return 1 if review(browser, given.directory, accept=given.accept_looks) else 0


def review(browser: Browser, directory: Path, *, accept: bool) -> list[Difference]:
    """Draw the sheets of a run; the pictures that are not as accepted.

    Args:
        browser: to draw with.
        directory: the pictures of the run; the sheets stand beside them.
        accept: compare with these pictures from now on.
    """
    pictures = list(kept_in(directory))
    page = browser.new_page()
    letters = looks_of_letters(browser, page)
    found = {each: thumbnail(page, each.within(directory)) for each in pictures}
    page.close()
    if accept:
        _accept(found, letters)
    differences = _compare(found, letters)
    _draw(browser, directory, pictures, differences)
    return list(differences.values())


def _accept(found: dict[Picture, Thumbnail], letters: str) -> None:
    """What is kept of other pictures stays, if it can still be compared."""
    for sheet, pictures in groupby(found, key=lambda each: each.sheet):
        kept = baseline.read(sheet)
        looks = dict(kept.looks) if kept and kept.letters == letters else {}
        looks |= {(each.state, each.locale): found[each] for each in pictures}
        baseline.write(sheet, Baseline(letters, looks))
        _say(f"{sheet}: accepted {len(looks)} looks")


def _compare(found: dict[Picture, Thumbnail], letters: str) -> dict[Picture, Difference]:
    """Every picture that is not as it was accepted, and says so."""
    differences = {}
    for sheet, pictures in groupby(found, key=lambda each: each.sheet):
        kept = baseline.read(sheet)
        if kept is not None and kept.letters != letters:
            _say(
                f"NOT COMPARABLE HERE: {sheet} was accepted with {kept.letters}; here is {letters}"
            )
            continue
        kept = kept or Baseline(letters, {})
        for picture in pictures:
            if difference := kept.differs(picture, found[picture]):
                differences[picture] = difference
                _say(f"{sheet} {picture.state} {picture.locale}: {difference.size}")
    _say(f"{len(found)} pictures, {len(differences)} other than accepted")
    return differences


def _draw(
    browser: Browser,
    directory: Path,
    pictures: Sequence[Picture],
    differences: dict[Picture, Difference],
) -> None:
    for sheet, found in groupby(pictures, key=lambda each: each.sheet):
        file = directory / f"{sheet}.html"
        file.write_text(_document(sheet, list(found), differences), encoding="utf-8")
        page = browser.new_page()
        _photograph(page, file)
        page.close()


def _photograph(page: Page, file: Path) -> None:
    page.goto(file.resolve().as_uri())
    picture = file.with_suffix(".png")
    page.screenshot(path=picture, full_page=True)
    _say(f"contact sheet: {picture}")


def _document(
    sheet: str, pictures: Sequence[Picture], differences: dict[Picture, Difference]
) -> str:
    locales = sorted({each.locale for each in pictures})
    width = _WIDTHS[sheet.rpartition("-")[2]]
    head = "".join(f"<th>{escape(locale)}</th>" for locale in locales)
    rows = []
    for state, found in groupby(pictures, key=lambda each: each.state):
        by_locale = {each.locale: each for each in found}
        cells = "".join(_cell(by_locale.get(each), differences, width) for each in locales)
        rows.append(f"<tr><th>{escape(state)}</th>{cells}</tr>")
    return (
        f"<!doctype html><meta charset=utf-8><title>{escape(sheet)}</title>"
        f"<style>{_STYLE}</style><h1>{escape(sheet)}</h1>"
        f"<table><tr><th></th>{head}</tr>{''.join(rows)}</table>"
    )


def _cell(picture: Picture | None, differences: dict[Picture, Difference], width: int) -> str:
    if picture is None:
        return "<td>not run</td>"
    source = picture.within(Path()).as_posix()
    shown = f'<img src="{escape(source)}" width="{width}" alt="">'
    difference = differences.get(picture)
    if difference is None:
        return f"<td>{shown}</td>"
    was = difference.accepted
    before = f'<img class="was" src="{as_url(was.as_png())}" width="{width}" alt="">' if was else ""
    return f'<td class="other">{shown}<p>{escape(difference.size)}</p>{before}</td>'


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
