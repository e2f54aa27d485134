"""What a merchant's brand consists of: one stylesheet, a logo, a font."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response

from service.branding.asset import PATH
from service.errors import NotFound
from service.web.context import services

if TYPE_CHECKING:
    from service.branding.brand import Brand

brand = Blueprint("brand", __name__)

_FOR_EVER = "public, max-age=31536000, immutable"
# An SVG can be opened on its own: then it shows itself, and does nothing.
_ALONE = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


@brand.get(f"{PATH}<name>")
def asset(name: str) -> Response:
    """A part of the brand in force.

    A page of another worker or an earlier start may ask for one that has changed since: it gets
    that in force, and may not keep it under the old name.
    """
    found = services().brand
    kept = found.assets.get(name.rpartition("-")[0]) if found else None
    if kept is None:
        raise NotFound("no brand has a file of this name")
    response = Response(kept.content, mimetype=kept.mimetype)
    response.headers["Cache-Control"] = _FOR_EVER if kept.name == name else "no-cache"
    if kept.mimetype == "image/svg+xml":
        response.headers["Content-Security-Policy"] = _ALONE
    if kept.mimetype == "font/woff2":
        # Stripe's forms are frames of another origin, and set their text in it too.
        response.headers["Access-Control-Allow-Origin"] = "*"
    return response


def worn(brand: Brand | None, *, shipped: str) -> dict[str, object]:
    """What templates say of the brand.

    Args:
        brand: the one in force, if any.
        shipped: the address of the shipped stylesheet.
    """
    if brand is None:
        return {"stylesheet": shipped, "logos": {}, "font": None}
    return {
        "stylesheet": brand.stylesheet.address,
        "logos": {
            scheme: {"url": logo.asset.address, "width": logo.width, "height": logo.height}
            for scheme, logo in brand.logos.items()
        },
        "font": brand.font.asset.address if brand.font else None,
    }
