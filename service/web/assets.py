"""The pages' own files: under an address that names their content, compressed once at the start.

All of them share one version, so that what a script imports beside itself has the same version as
the script, and browsers may keep every file for good.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import brotli
from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

PATH = "/static/"
_FOR_GOOD = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
# What machines say of scripts differs; browsers run a module only where it is this.
_TYPES = {".js": "text/javascript"}


@dataclass(frozen=True)
class Asset:
    """A file as it is sent.

    Attributes:
        plain: its content.
        compressed: the same by content coding, the best first; none where that is no smaller.
    """

    mimetype: str
    plain: bytes
    compressed: Mapping[str, bytes]

    @classmethod
    def of(cls, name: str, plain: bytes) -> Asset:
        """Ready to be sent."""
        found = _TYPES.get(Path(name).suffix) or mimetypes.guess_type(name)[0]
        return cls(found or "application/octet-stream", plain, _compressed(plain))


@lru_cache(maxsize=64)
def _compressed(plain: bytes) -> Mapping[str, bytes]:
    """By content coding, as small as it gets, which takes long."""
    codings: dict[str, bytes] = {
        "br": brotli.compress(plain),
        "gzip": gzip.compress(plain, mtime=0),
    }
    return {coding: made for coding, made in codings.items() if len(made) < len(plain)}


@dataclass(frozen=True)
class Assets:
    """The files of the pages.

    Attributes:
        files: by name, e.g. ``js/checkout.js``.
        version: changes with the name and the content of any of them.
    """

    files: Mapping[str, bytes]
    version: str = field(init=False)
    _ready: Mapping[str, Asset] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        told = [(name, hashlib.sha256(self.files[name]).hexdigest()) for name in sorted(self.files)]
        version = hashlib.sha256(repr(told).encode()).hexdigest()[:12]
        object.__setattr__(self, "version", version)
        ready = {name: Asset.of(name, plain) for name, plain in self.files.items()}
        object.__setattr__(self, "_ready", ready)

    def address(self, name: str) -> str:
        """Where browsers find a file.

        Raises:
            KeyError: there is no such file.
        """
        if name not in self.files:
            raise KeyError(f"there is no file {name} for pages")
        return f"{PATH}{self.version}/{name}"

    def routes(self) -> Blueprint:
        """The route that sends them."""
        blueprint = Blueprint("assets", __name__)
        blueprint.add_url_rule(f"{PATH}<version>/<path:name>", "send", self._send)
        return blueprint

    def _send(self, version: str, name: str) -> Response:
        asset = self._ready.get(name)
        if asset is None:
            raise NotFound
        coding, body = _as_asked(asset)
        response = Response(body, mimetype=asset.mimetype)
        if coding:
            response.headers["Content-Encoding"] = coding
        # While a new version replaces another, a page asks either server for either's files. What
        # it gets is what there is, and no browser may keep it under that name.
        response.headers["Cache-Control"] = _FOR_GOOD if version == self.version else _ASK_AGAIN
        response.set_etag(f"{self.version}-{coding or 'plain'}")
        response.make_conditional(request.environ, accept_ranges=True, complete_length=len(body))
        return response


def _as_asked(asset: Asset) -> tuple[str, bytes]:
    """The best coding that the browser takes; a part of a file is a part of it as it is."""
    if "Range" not in request.headers:
        for coding, body in asset.compressed.items():
            if request.accept_encodings.quality(coding) > 0:
                return coding, body
    return "", asset.plain


def files_in(directory: Path) -> dict[str, bytes]:
    """Every file of a directory, by its name below it."""
    return dict(_files(directory))


def _files(directory: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            yield path.relative_to(directory).as_posix(), path.read_bytes()
