"""Brands for tests: a shop's file with its logo and its font."""

from __future__ import annotations

import struct
from pathlib import Path

LOGO = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 32">
<rect width="120" height="32" rx="6" fill="#7a1fa2"/><circle cx="16" cy="16" r="8" fill="#fff"/>
</svg>
"""
BRAND = """\
version: 1
light:
  logo: logo.svg
  accent: "#7a1fa2"
  page: "#fbf7ff"
dark:
  logo: logo-dark.svg
  accent: "#d7a6ff"
radius: 16
font:
  family: [Acme Sans, Georgia, serif]
  file: acme.woff2
"""


def woff2(*tables: bytes) -> bytes:
    """The beginning of a WOFF2 file, which is all that is looked at: header and directory."""
    directory = b"".join(bytes([63]) + tag + bytes([0x81, 0x10]) for tag in tables)
    length = 48 + len(directory)
    head = struct.pack(">4sIIH", b"wOF2", 0x00010000, length, len(tables))
    return head.ljust(48, b"\0") + directory


def png(width: int, height: int) -> bytes:
    """The beginning of a PNG, which is all that is looked at."""
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height)
    return head + bytes(9)


def write(directory: Path, text: str = BRAND, **files: str | bytes) -> Path:
    """A brand file with the files beside it; underlines in their names stand for dots."""
    kept: dict[str, str | bytes] = {
        "logo.svg": LOGO,
        "logo-dark.svg": LOGO.replace("7a1fa2", "d7a6ff"),
        "acme.woff2": woff2(b"fvar"),
    }
    kept |= {name.replace("_", "."): content for name, content in files.items()}
    directory.mkdir(exist_ok=True)
    for name, content in kept.items():
        (directory / name).write_bytes(content.encode() if isinstance(content, str) else content)
    file = directory / "brand.yaml"
    file.write_text(text, encoding="utf-8")
    return file
