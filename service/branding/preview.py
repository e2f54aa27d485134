"""A brand on one page that can be looked at, mailed and kept: nothing is fetched, nothing runs."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from service.branding.asset import Asset
from service.branding.brand import Brand
from service.branding.palette import SCHEMES

_PAGES = Environment(
    loader=PackageLoader("service.branding"),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def to_html(brand: Brand, merchant: str) -> str:
    """The page: what visitors meet, in both schemes, with the contrast of every pair.

    Args:
        brand: also one with problems, which the page then shows.
        merchant: the name on it.
    """
    style = "\n".join(_styles(brand))
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return _PAGES.get_template("preview.html").render(
        merchant=merchant,
        schemes=SCHEMES,
        logos={scheme: _within(logo.asset) for scheme, logo in brand.logos.items()},
        judged={scheme: brand.judged(scheme) for scheme in SCHEMES},
        palettes=brand.palettes,
        problems=brand.problems,
        style=Markup(style),  # noqa: S704 - a stylesheet of ours with checked values
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; font-src data:",
    )


def _styles(brand: Brand) -> Iterator[str]:
    worn = brand.stylesheet.content.decode()
    # A page that is a file can't fetch the font.
    yield worn.replace(brand.font.asset.address, _within(brand.font.asset)) if brand.font else worn
    yield _PAGES.get_template("preview.css").render()
    for scheme in SCHEMES:
        colours = brand.palettes[scheme]
        declared = " ".join(f"--{name}: {colour};" for name, colour in colours.items())
        yield f".scheme--{scheme} {{ color-scheme: {scheme}; {declared} }}"
        for number, each in enumerate(brand.judged(scheme)):
            written, ground = colours[each.pair.token], colours[each.pair.ground]
            yield f".pair--{scheme}-{number} {{ color: {written}; background: {ground}; }}"


def _within(asset: Asset) -> str:
    """The asset as an address that holds it."""
    return f"data:{asset.mimetype};base64,{base64.b64encode(asset.content).decode()}"
