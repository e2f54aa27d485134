"""The looks that were accepted, and how those of a run differ from them.

A file for each sheet in `tests/browser/looks`: what the fonts were, and one line for each picture.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

from tests.browser.pictures import Picture
from tests.browser.thumbnails import CELL, STEP, Thumbnail

DIRECTORY = Path(__file__).with_name("looks")
# A cell is another where its grey is further off than a step; so few cells say nothing.
_OFF_BY, _CELLS = 1, 2


@dataclass(frozen=True)
class Difference:
    """What is not as it was accepted.

    Attributes:
        picture: which one.
        size: how much of it is another, in words.
        accepted: as it was; none where the picture is new.
    """

    picture: Picture
    size: str
    accepted: Thumbnail | None


@dataclass(frozen=True)
class Baseline:
    """The accepted looks of one sheet.

    Attributes:
        letters: the browser and fonts they were made with, as `looks_of_letters` tells them.
        looks: by state and locale.
    """

    letters: str
    looks: Mapping[tuple[str, str], Thumbnail]

    def differs(self, picture: Picture, found: Thumbnail) -> Difference | None:
        """Whether a picture is another than the accepted one, and by how much."""
        accepted = self.looks.get((picture.state, picture.locale))
        size = "never accepted" if accepted is None else _size(accepted, found)
        return Difference(picture, size, accepted) if size else None


def _size(accepted: Thumbnail, found: Thumbnail) -> str | None:
    wider, taller = found.width - accepted.width, found.height - accepted.height
    changed = sum(
        was is None or now is None or abs(was - now) > _OFF_BY
        for was, now in _cells(accepted, found)
    )
    if not (wider or taller) and changed <= _CELLS:
        return None
    share = changed * 100 / max(len(accepted.greys), len(found.greys))
    parts = [f"{share:.1f} % of it is another"]
    parts += [f"{wider:+d} px wide"] if wider else []
    parts += [f"{taller:+d} px tall"] if taller else []
    return ", ".join(parts)


def _cells(one: Thumbnail, other: Thumbnail) -> Iterator[tuple[int | None, int | None]]:
    """The greys that stand at the same place; none where one picture ends before the other."""
    rows = (
        zip_longest(above, below)
        for above, below in zip_longest(_rows(one), _rows(other), fillvalue=b"")
    )
    return chain.from_iterable(rows)


def _rows(of: Thumbnail) -> Iterator[bytes]:
    return (of.greys[at : at + of.columns] for at in range(0, len(of.greys), of.columns))


def read(sheet: str) -> Baseline | None:
    """What was accepted for a sheet, if anything was."""
    file = DIRECTORY / f"{sheet}.json"
    if not file.exists():
        return None
    kept = json.loads(file.read_text(encoding="utf-8"))
    if kept["cell"] != [CELL, STEP]:
        return None
    looks = {
        (state, locale): _unpacked(packed)
        for state, of_locales in kept["looks"].items()
        for locale, packed in of_locales.items()
    }
    return Baseline(kept["letters"], looks)


def write(sheet: str, baseline: Baseline) -> None:
    """Accept the looks of a sheet."""
    looks: dict[str, dict[str, str]] = {}
    for (state, locale), look in sorted(baseline.looks.items()):
        looks.setdefault(state, {})[locale] = _packed(look)
    kept = {"letters": baseline.letters, "cell": [CELL, STEP], "looks": looks}
    DIRECTORY.mkdir(exist_ok=True)
    text = json.dumps(kept, indent=1, ensure_ascii=False)
    (DIRECTORY / f"{sheet}.json").write_text(f"{text}\n", encoding="utf-8")


def _packed(look: Thumbnail) -> str:
    greys = base64.b85encode(zlib.compress(look.greys, 9)).decode()
    return f"{look.width} {look.height} {greys}"


def _unpacked(packed: str) -> Thumbnail:
    width, height, greys = packed.split(" ")
    return Thumbnail(int(width), int(height), zlib.decompress(base64.b85decode(greys)))
