"""A file of the brand as it is served."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

PATH: Final = "/brand/"
"""Where the files of a brand are served."""

_MIMETYPES: Final = {
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True)
class Asset:
    """A file under a name that changes with its content.

    Attributes:
        name: such as ``logo-light-0a1b2c3d4e5f.svg``.
        content: what it holds.
        mimetype: as browsers are told.
    """

    name: str
    content: bytes
    mimetype: str

    @classmethod
    def of(cls, stem: str, suffix: str, content: bytes) -> Asset:
        """The asset of this content."""
        digest = hashlib.sha256(content).hexdigest()[:12]
        return cls(f"{stem}-{digest}{suffix}", content, _MIMETYPES[suffix])

    @property
    def address(self) -> str:
        """The path at which it is served."""
        return PATH + self.name
