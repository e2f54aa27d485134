"""Sentences in the customer's language, out of gettext catalogues."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.messages.pofile import read_po

DIRECTORY = Path(__file__).with_name("locales")
# The language of the sentences in the code.
SOURCE = "en"


@dataclass(frozen=True)
class Catalogue:
    """One language.

    Attributes:
        language: for Babel, e.g. ``pt_BR``.
        sentences: translation by English sentence; empty for English itself.
    """

    language: str
    sentences: Mapping[str, str]

    def say(self, sentence: str, values: Mapping[str, str]) -> str:
        """The sentence in this language, with its values."""
        return self.sentences.get(sentence, sentence).format_map(values)

    @property
    def right_to_left(self) -> bool:
        """Whether the language is written from right to left."""
        return Locale.parse(self.language).text_direction == "rtl"

    @property
    def tag(self) -> str:
        """As HTML names the language, e.g. ``pt-BR``."""
        return self.language.replace("_", "-")


def languages() -> list[str]:
    """Every language there is a catalogue for, and English."""
    return sorted({SOURCE, *(file.stem for file in DIRECTORY.glob("*.po"))})


def catalogue_for(locale: str | None) -> Catalogue:
    """The catalogue nearest to a locale such as ``pt-BR``: its language's, else English."""
    try:
        wanted = Locale.parse(locale or SOURCE, sep="-")
    except (UnknownLocaleError, ValueError):
        return _catalogue(SOURCE)
    known = languages()
    regional = f"{wanted.language}_{wanted.territory}"
    others = [each for each in known if each.partition("_")[0] == wanted.language]
    if regional in known:
        return _catalogue(regional)
    return _catalogue(wanted.language if wanted.language in known else [*others, SOURCE][0])


@cache
def _catalogue(language: str) -> Catalogue:
    if language == SOURCE:
        return Catalogue(SOURCE, {})
    with (DIRECTORY / f"{language}.po").open("rb") as file:
        read = read_po(file, locale=language, abort_invalid=True)
    said = {str(m.id): str(m.string) for m in read if m.id and m.string and not m.fuzzy}
    return Catalogue(language, said)
