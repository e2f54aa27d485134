"""What `brand.yaml` may say, and what it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic.dataclasses import dataclass

from experiments.document import Document, Location, parse, read
from experiments.errors import InvalidDefinition, Problem
from experiments.notation import STRICT, refusal, shown
from experiments.schema import parse_as
from service.branding.colours import hex_of
from service.branding.palette import SCHEMES, Scheme, Tokens

RULES: Final[Mapping[str, str]] = {
    "not-a-colour": "A colour is written as CSS writes it, in quotes, opaque and within sRGB.",
    "low-contrast": "Text and signs have the contrast that WCAG 2.2 AA asks for.",
    "font-name": "Fonts are named by letters, digits, spaces, - and _.",
    "file-beside": "Logos and fonts lie beside the brand file and are named alone.",
    "bad-logo": "A logo is an SVG or a PNG that tells its size, and is 64 kB at most.",
    "unsafe-svg": "An SVG draws; it runs nothing and asks for nothing elsewhere.",
    "bad-font": "A font is a whole WOFF2 file of 256 kB at most.",
    "font-unnamed": "A family names at least one font.",
}
"""The rules a brand is judged by beside those of every definition."""


# What browsers choose themselves; CSS knows these words by their own, without quotes.
GENERIC: Final = frozenset(
    {"serif", "sans-serif", "monospace", "cursive", "fantasy", "system-ui"}
    | {"ui-serif", "ui-sans-serif", "ui-monospace", "ui-rounded"}
)


def _colour(value: object) -> str:
    try:
        return hex_of(value if isinstance(value, str) else f"#{value}")
    except ValueError as error:
        why = str(error)
        said = f"{shown(value)}: {why}" if why.startswith("it ") else f"{shown(value)} is no colour"
        raise refusal("not-a-colour", said, f"write {_COLOUR}") from error


def _font_name(name: str) -> str:
    if not all(each.isalnum() or each in " -_" for each in name) or not name.strip():
        raise refusal(
            "font-name",
            f"{shown(name)} is not the name of a font",
            "write letters, digits, spaces, - and _, without quotes or commas",
        )
    return name


def _named(family: tuple[str, ...]) -> tuple[str, ...]:
    if not family:
        raise refusal("font-unnamed", "no font is named", "write a list such as [Inter, Arial]")
    return family


def _beside(name: str) -> str:
    if not name or Path(name).name != name or name.startswith(".") or "\0" in name:
        raise refusal(
            "file-beside",
            f"{shown(name)} is not the name of a file beside this one",
            f"put it beside this one, and write its name: {Path(name).name or 'logo.svg'}",
        )
    return name


_COLOUR: Final = 'a colour in quotes, such as "#0b5d4e"'
Colour = Annotated[str, BeforeValidator(_colour), Field(description=_COLOUR)]
FileName = Annotated[str, AfterValidator(_beside), Field(max_length=100)]
FontName = Annotated[str, AfterValidator(_font_name), Field(max_length=60)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Look:
    """One scheme, as the merchant wrote it; what is left out follows from the rest.

    Attributes:
        logo: shown in place of the merchant's name; None leaves the name.
        accent: buttons, links, and the focus.
        on_accent: what is written on a button; None takes white or black.
        page: behind everything.
        surface: behind the form.
        text: what is read.
    """

    logo: Annotated[FileName | None, Field(description="a file such as logo.svg")] = None
    accent: Annotated[Colour | None, Field(description=_COLOUR)] = None
    on_accent: Annotated[Colour | None, Field(description=_COLOUR)] = None
    page: Annotated[Colour | None, Field(description=_COLOUR)] = None
    surface: Annotated[Colour | None, Field(description=_COLOUR)] = None
    text: Annotated[Colour | None, Field(description=_COLOUR)] = None

    @property
    def tokens(self) -> Tokens:
        """The colours that were written, by their names in the stylesheet."""
        written = {
            "accent": self.accent,
            "on-accent": self.on_accent,
            "page": self.page,
            "surface": self.surface,
            "text": self.text,
        }
        return {name: colour for name, colour in written.items() if colour is not None}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Font:
    """What text is set in.

    Attributes:
        family: names of fonts, the first choice first; the shipped ones follow.
        file: a WOFF2 file of the first of them; None takes what the visitor has installed.
    """

    family: Annotated[
        tuple[FontName, ...],
        AfterValidator(_named),
        Field(max_length=8, description="a list of fonts such as [Inter, Arial]"),
    ]
    file: Annotated[FileName | None, Field(description="a file such as inter.woff2")] = None


@dataclass(frozen=True, kw_only=True, config=STRICT)
class BrandFile:
    """What `brand.yaml` holds.

    Attributes:
        version: version of the format.
        light: the look by day; None keeps the shipped one.
        dark: the look by night; what is left out follows from the accent and the logo by day.
        radius: of the corners of fields and buttons, in pixels, 0 to 24.
        font: None keeps the fonts of the visitor's system.
    """

    version: Annotated[Literal[1], Field(description="1")] = 1
    light: Annotated[Look, Field(description="a mapping with logo, accent and other colours")] = (
        Look()
    )
    dark: Annotated[Look, Field(description="a mapping with logo, accent and other colours")] = (
        Look()
    )
    radius: Annotated[int, Field(ge=0, le=24, description="pixels, 0 to 24")] = 8
    font: Annotated[Font | None, Field(description="a mapping with family and file")] = None

    def look(self, scheme: Scheme) -> Look:
        """What was written of one scheme."""
        return self.light if scheme == "light" else self.dark


_COLOURS: Final = frozenset({"accent", "on_accent", "page", "surface", "text"})
_PARTS: Final = {(): BrandFile, ("light",): Look, ("dark",): Look, ("font",): Font}


def read_file(path: Path) -> tuple[BrandFile, Document]:
    """A brand file and where each part of it stands.

    Raises:
        InvalidDefinition: with every problem of the file.
    """
    document = parse(*read(path))
    problems = [*_comments(document)]
    try:
        file = parse_as(BrandFile, document, _PARTS)
    except InvalidDefinition as refused:
        raise InvalidDefinition([*problems, *refused.problems]) from refused
    if problems:
        raise InvalidDefinition(problems)
    return file, document


def _comments(document: Document) -> Iterator[Problem]:
    """Colours without quotes: YAML reads them as comments, and nothing is left of them."""
    for scheme in SCHEMES:
        look = document.content.get(scheme)
        for key, value in look.items() if isinstance(look, dict) else ():
            if value is None and key in _COLOURS:
                yield document.problem(
                    document.at((scheme, key)),
                    "not-a-colour",
                    f"{scheme}.{key}: nothing is written: after a space, # begins a comment",
                    f"write {_COLOUR}, or remove the line",
                )


def refuse(
    document: Document, at: Location, rule: str, message: str, mend: str
) -> InvalidDefinition:
    """The error of one value of the file."""
    mark = document.at(at)
    return InvalidDefinition([document.problem(mark, rule, message, mend)])
