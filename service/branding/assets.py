"""The files beside a brand file: read within limits, and refused where they could do harm."""

from __future__ import annotations

import errno
import stat
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from experiments.document import Document, Location
from service.branding.asset import Asset
from service.branding.file import refuse
from service.branding.svg import Unsafe, size_of_svg

_LOGO_BYTES: Final = 64 * 1024
_FONT_BYTES: Final = 256 * 1024
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_LARGEST_PNG: Final = 2000


@dataclass(frozen=True)
class Logo:
    """An image in place of the merchant's name, with the size it says it has."""

    asset: Asset
    width: int
    height: int


@dataclass(frozen=True)
class FontFile:
    """A font, and whether it holds every weight (a variable one) or one alone."""

    asset: Asset
    variable: bool


def read_logo(document: Document, at: Location, path: Path) -> Logo:
    """The logo that a brand file names at a place.

    Raises:
        InvalidDefinition: it can't be read, is too large, no SVG or PNG, or not a harmless one.
    """
    suffix = path.suffix.lower()
    if suffix not in _SIZES:
        raise refuse(document, at, "bad-logo", f"{path.name} is no SVG or PNG", "name one that is")
    content = _content(document, at, path, _LOGO_BYTES, "bad-logo")
    try:
        width, height = _SIZES[suffix](content)
    except Unsafe as unsafe:
        message = f"{path.name}, line {unsafe.line}: {unsafe}"
        raise refuse(document, at, unsafe.rule, message, unsafe.mend) from unsafe
    except ValueError as error:
        message, mend = f"{path.name} {error}", "export the logo again, as SVG or PNG"
        raise refuse(document, at, "bad-logo", message, mend) from error
    return Logo(Asset.of(f"logo-{at[0]}", suffix, content), width, height)


def read_font(document: Document, at: Location, path: Path) -> FontFile:
    """The font that a brand file names at a place.

    Raises:
        InvalidDefinition: it can't be read, is too large, or no WOFF2.
    """
    content = _content(document, at, path, _FONT_BYTES, "bad-font")
    try:
        variable = _is_variable(content)
    except (ValueError, IndexError, struct.error) as error:
        message = f"{path.name} is not a whole WOFF2 file"
        raise refuse(document, at, "bad-font", message, "export the font as WOFF2") from error
    return FontFile(Asset.of("font", ".woff2", content), variable)


def _content(document: Document, at: Location, path: Path, limit: int, rule: str) -> bytes:
    try:
        content = _read(path, limit + 1)
    except OSError as error:
        message = f"{path.name} can't be read: {error.strerror}"
        mend = "put the file beside this one, where the service may read it"
        raise refuse(document, at, rule, message, mend) from error
    if len(content) > limit:
        message = f"{path.name} is larger than {limit // 1024} kB"
        raise refuse(document, at, rule, message, "every visitor loads it: make it smaller")
    return content


def _read(path: Path, limit: int) -> bytes:
    # A pipe or a device would be read for ever.
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is not a file")
    with path.open("rb") as source:
        return source.read(limit)


def _size_of_png(content: bytes) -> tuple[int, int]:
    if len(content) < 24 or not content.startswith(_PNG) or content[12:16] != b"IHDR":
        raise ValueError("is not a PNG")
    width, height = struct.unpack(">II", content[16:24])
    if not (0 < width <= _LARGEST_PNG and 0 < height <= _LARGEST_PNG):
        raise ValueError(f"is no PNG of 1 to {_LARGEST_PNG} pixels")
    return int(width), int(height)


_SIZES: Final[Mapping[str, Callable[[bytes], tuple[int, int]]]] = {
    ".svg": size_of_svg,
    ".png": _size_of_png,
}

# Of the directory of tables of a WOFF2 file (https://www.w3.org/TR/WOFF2/#table_dir_format).
_HEADER_BYTES: Final = 48
_TAGGED, _GLYF, _LOCA, _FVAR = 63, 10, 11, 47


def _is_variable(content: bytes) -> bool:
    """Whether the font has axes: a table `fvar`."""
    signature, _, length, tables = struct.unpack(">4sIIH", content[:14])
    if signature != b"wOF2" or length != len(content):
        raise ValueError("it is no WOFF2")
    at, found = _HEADER_BYTES, False
    for _ in range(tables):
        flags = content[at]
        at += 1
        table, version = flags & 0x3F, flags >> 6
        if table == _TAGGED:
            found = found or content[at : at + 4] == b"fvar"
            at += 4
        found = found or table == _FVAR
        # Outlines are transformed unless they say otherwise, other tables only if they say so.
        transformed = version != 3 if table in {_GLYF, _LOCA} else version != 0
        for _ in range(1 + transformed):
            at = _after_number(content, at)
    return found


def _after_number(content: bytes, at: int) -> int:
    """Past a number of one to five bytes, all of which but the last have their first bit set."""
    while content[at] & 0x80:
        at += 1
    return at + 1
