"""The brand in force: what its file says, as pages wear it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from experiments import InvalidDefinition, Problem
from experiments.document import Document
from service.branding.asset import Asset
from service.branding.assets import FontFile, Logo, read_font, read_logo
from service.branding.file import GENERIC, BrandFile, read_file, refuse
from service.branding.palette import (
    SCHEMES,
    Failing,
    Judged,
    Scheme,
    Tokens,
    failing,
    judged,
    nearest,
    palette,
    shipped_tokens,
)
from service.settings import PROJECT

SHIPPED: Final = PROJECT / "service" / "static" / "css" / "checkout.css"
# Where a brand's tokens stand: after the shipped ones, before the first rule that uses them.
_PLACE: Final = "/* The merchant's own tokens come here (service/branding). */"


@dataclass(frozen=True)
class Brand:
    """A merchant's look, checked.

    Attributes:
        palettes: every colour of both schemes.
        stylesheet: the one stylesheet of every page, the brand's tokens in it.
        logos: an image in place of the merchant's name, by scheme; empty where there is none.
        font: a font of the merchant's own, or None.
        problems: what can't be read; a brand that is worn has none.
    """

    palettes: Mapping[Scheme, Tokens]
    stylesheet: Asset
    logos: Mapping[Scheme, Logo]
    font: FontFile | None
    problems: tuple[Problem, ...]

    @classmethod
    def load(cls, path: Path) -> Brand:
        """The brand of a file.

        Raises:
            InvalidDefinition: with every problem of the file, also of what can't be read.
        """
        brand = cls.read(path)
        if brand.problems:
            raise InvalidDefinition(brand.problems)
        return brand

    @classmethod
    def read(cls, path: Path) -> Brand:
        """The brand of a file, also one that can't be read by everybody.

        Raises:
            InvalidDefinition: the file, its logo or its font breaks a rule.
        """
        file, document = read_file(path)
        stylesheet = SHIPPED.read_text(encoding="utf-8")
        shipped = shipped_tokens(stylesheet)
        given = _given(file, shipped)
        palettes = {scheme: palette(given[scheme], shipped[scheme]) for scheme in SCHEMES}
        logos, font = _logos(file, document, path.parent), _font(file, document, path.parent)
        own = _tokens(file, palettes, font)
        dressed = stylesheet.replace(_PLACE, own, 1).encode()
        return cls(
            palettes=palettes,
            stylesheet=Asset.of("checkout", ".css", dressed),
            logos=logos,
            font=font,
            problems=tuple(sorted(_contrast_problems(document, file, given, shipped))),
        )

    @property
    def assets(self) -> Mapping[str, Asset]:
        """Everything that is served of it, by the part of its name before the digest."""
        made = [self.stylesheet, *(logo.asset for logo in self.logos.values())]
        made += [self.font.asset] if self.font else []
        return {each.name.rpartition("-")[0]: each for each in made}

    def judged(self, scheme: Scheme) -> list[Judged]:
        """Every pair of a scheme that is seen, measured."""
        return judged(self.palettes[scheme])


def _given(file: BrandFile, shipped: Mapping[Scheme, Tokens]) -> dict[Scheme, Tokens]:
    """What is given of each scheme; the accent by day is that by night, as light as it must be."""
    light, dark = file.light.tokens, file.dark.tokens
    if "accent" in light and "accent" not in dark:
        follows = {**dark, "accent": light["accent"]}
        found = nearest("accent", follows, shipped["dark"])
        dark = {**follows, "accent": found} if found else dark
    return {"light": light, "dark": dark}


def _logos(file: BrandFile, document: Document, directory: Path) -> dict[Scheme, Logo]:
    return {
        scheme: read_logo(document, (scheme, "logo"), directory / name)
        for scheme in SCHEMES
        if (name := file.look(scheme).logo)
    }


def _font(file: BrandFile, document: Document, directory: Path) -> FontFile | None:
    if file.font is None or file.font.file is None:
        return None
    first = file.font.family[0]
    if first.lower() in GENERIC:
        message, mend = f"{first!r} is no font of a file", "write the name of the file's font first"
        raise refuse(document, ("font", "family", 0), "font-name", message, mend)
    return read_font(document, ("font", "file"), directory / file.font.file)


def _tokens(file: BrandFile, palettes: Mapping[Scheme, Tokens], font: FontFile | None) -> str:
    """The tokens as CSS; whatever stands here was checked to be a colour, a number or a name."""
    shape = f"--radius: {file.radius}px; "
    if file.font is not None:
        names = ", ".join(
            each if each.lower() in GENERIC else f'"{each}"' for each in file.font.family
        )
        shape += f"--font: {names}, {_shipped_fonts()}; "
    light, dark = (_declared(palettes[scheme]) for scheme in SCHEMES)
    face = ""
    if file.font is not None and font is not None:
        weights = "100 900" if font.variable else "400"
        address = font.asset.address
        # Of a string and not of a url(), which a browser would resolve against the stylesheet.
        shape += f"--font-source: {json.dumps(address)}; --font-weights: {weights}; "
        face = (
            f'@font-face {{ font-family: "{file.font.family[0]}"; font-weight: {weights}; '
            # What arrives late is not taken: nothing may jump while somebody types.
            f'font-display: optional; src: url("{address}") format("woff2"); }}\n'
        )
    return (
        f"{face}:root {{ {shape}{light} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}"
    )


def _declared(tokens: Tokens) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in tokens.items())


def _shipped_fonts() -> str:
    stylesheet = SHIPPED.read_text(encoding="utf-8")
    return stylesheet.partition("--font: ")[2].partition(";")[0]


def _contrast_problems(
    document: Document,
    file: BrandFile,
    given: Mapping[Scheme, Tokens],
    shipped: Mapping[Scheme, Tokens],
) -> Iterator[Problem]:
    for scheme in SCHEMES:
        for each in failing(given[scheme], shipped[scheme]):
            key = each.key.replace("-", "_")
            # The accent by night may be that by day, which stands there.
            there = scheme if each.key in file.look(scheme).tokens else "light"
            yield document.problem(
                document.at((there, key)),
                "low-contrast",
                f"{scheme}.{key}: {_said(each)}",
                f'write "{each.nearest}", the nearest that passes'
                if each.nearest
                else "no lightness of it passes: change the other colour",
            )


def _said(found: Failing) -> str:
    pair = found.worst.pair
    fail = "pair fails" if found.others == 1 else "pairs fail"
    more = f", and {found.others} more {fail}" if found.others else ""
    return (
        f"{pair.token} on {pair.ground} ({pair.use}) has {found.worst.told} and needs "
        f"{pair.needed:g}:1{more}"
    )
