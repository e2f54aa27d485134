"""Small grey thumbnails of pictures, made by Chromium, and the fonts they depend on."""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page

# Pixels of the page that become one of the thumbnail, and the steps of grey that are told apart.
CELL, STEP = 20, 8
_MAKE = """async ([picture, cell, step]) => {
  const image = await createImageBitmap(await (await fetch(picture)).blob());
  const [width, height] = [Math.ceil(image.width / cell), Math.ceil(image.height / cell)];
  const canvas = new OffscreenCanvas(width * cell, height * cell);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const sums = new Float64Array(width * height);
  for (let y = 0, at = 0; y < canvas.height; y++) {
    for (let x = 0; x < canvas.width; x++, at += 4) {
      sums[Math.floor(y / cell) * width + Math.floor(x / cell)] +=
        0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
    }
  }
  const greys = Array.from(sums, (sum) => Math.floor(sum / (cell * cell) / step));
  return [image.width, image.height, greys];
}"""
# A line in each script, in the font of the pages.
_MEASURE = """(lines) => {
  const context = new OffscreenCanvas(1, 1).getContext("2d");
  context.font = '100px system-ui, "Noto Sans", "Liberation Sans", sans-serif';
  return lines.map((line) => context.measureText(line).width.toFixed(1));
}"""
_LINES = ["Payment received", "Räksmörgås œuvre ñandú", "お支払い方法", "تفاصيل الدفع"]


@dataclass(frozen=True)
class Thumbnail:
    """A picture in a few hundred greys.

    Attributes:
        width: of the picture in pixels, as is the height.
        greys: one byte for each cell, row by row: its brightness in steps of ``STEP``.
    """

    width: int
    height: int
    greys: bytes

    @property
    def columns(self) -> int:
        """How many cells stand beside each other."""
        return -(-self.width // CELL)

    @property
    def rows(self) -> int:
        """How many cells stand on top of each other."""
        return -(-self.height // CELL)

    def as_png(self) -> bytes:
        """A picture to be shown beside the one it is compared with."""
        lines = (
            self.greys[row * self.columns : (row + 1) * self.columns] for row in range(self.rows)
        )
        body = b"".join(b"\0" + bytes(grey * STEP for grey in line) for line in lines)
        head = struct.pack(">IIBBBBB", self.columns, self.rows, 8, 0, 0, 0, 0)
        chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(body)), (b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*each) for each in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    check = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)


def thumbnail(page: Page, file: Path) -> Thumbnail:
    """The thumbnail of a picture.

    Args:
        page: any page without a policy, to draw in.
        file: a PNG.
    """
    width, height, greys = page.evaluate(_MAKE, [as_url(file.read_bytes()), CELL, STEP])
    return Thumbnail(width, height, bytes(greys))


def as_url(png: bytes) -> str:
    """A picture as part of a document."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def looks_of_letters(browser: Browser, page: Page) -> str:
    """What pictures depend on beside the pages: the browser's version and the fonts there are.

    Two machines that answer alike draw alike; pictures of others can't be compared.
    """
    widths = page.evaluate(_MEASURE, _LINES)
    return f"Chromium {browser.version.partition('.')[0]}, {' '.join(widths)}"
