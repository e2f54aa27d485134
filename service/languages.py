"""The languages Kassa speaks: its sentences, and how their people write money and days.

A sentence stands in English where it is said, with its values in braces, and is translated as a
whole. What is said later than it is written is marked with `sentence`, so that it is found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from gettext import c2py
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton
from babel.messages.pofile import read_po

from service.money import money

DIRECTORY = Path(__file__).with_name("locales")
# The language of the sentences in the code.
SOURCE = "en"
_TAG = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}")
# Stripe.js's list, where it knows more of a language than its name alone:
# https://docs.stripe.com/js/appendix/supported_locales
_STRIPE_REGIONS = frozenset({"en-AU", "en-CA", "en-GB", "en-NZ", "es-ES", "fr-CA", "fr-FR"})


def sentence(english: str) -> str:
    """The sentence itself, marked as one that has to be translated where it is said."""
    return english


@dataclass(frozen=True, eq=False)
class Language:
    """A language, and the region whose way to write money and days is kept to.

    Attributes:
        code: of its catalogue, as Babel names it, e.g. ``pt_BR``.
        locale: whose formats are used, e.g. that of ``en-GB``.
        sentences: translation by English sentence, one for each plural form; none for English.
        plural: which form a number takes.
    """

    code: str
    locale: Locale
    sentences: Mapping[str, tuple[str, ...]]
    plural: Callable[[int], int]

    def say(self, english: str, /, **values: object) -> str:
        """The sentence in this language, with its values."""
        found = self.sentences.get(english)
        said = found[0] if found else english
        return said.format_map(values) if values else said

    def say_many(self, one: str, many: str, count: int, /, **values: object) -> str:
        """The sentence in the form that the number takes, which is its ``{count}``."""
        found = self.sentences.get(one)
        said = found[self.plural(count)] if found else (one if count == 1 else many)
        return said.format_map(values | {"count": count})

    def money(self, amount: int, currency: str) -> str:
        """Minor units as people of this language write them."""
        written = money(amount, currency, self.locale)
        # Without the mark the sign of "US$" would be on its other side.
        return f"{written}\N{LEFT-TO-RIGHT MARK}" if self.direction == "rtl" else written

    def day(self, when: date, today: date) -> str:
        """A day, e.g. ``December 9``; with its year where it is another than today's."""
        if when.year == today.year:
            return format_skeleton("MMMMd", when, locale=self.locale)
        return self.full_day(when)

    def full_day(self, when: date) -> str:
        """A day with its year, for what is kept, e.g. ``December 9, 2026``."""
        return format_date(when, "long", locale=self.locale)

    @property
    def tag(self) -> str:
        """As HTML names the language of the sentences, e.g. ``pt-BR``."""
        return self.code.replace("_", "-")

    @property
    def direction(self) -> str:
        """``ltr``, or ``rtl`` where it is written from right to left."""
        return self.locale.text_direction

    @property
    def region(self) -> str:
        """Language and region of the formats, e.g. ``sv-FI``."""
        return "-".join(filter(None, (self.locale.language, self.locale.territory)))

    @property
    def stripe(self) -> str:
        """The nearest of Stripe.js's locales that speaks the same language as the page."""
        return self.region if self.region in _STRIPE_REGIONS else self.tag


@cache
def languages() -> tuple[str, ...]:
    """Every language there is a catalogue for, and English, as Babel names them."""
    return tuple(sorted({SOURCE, *(file.stem for file in DIRECTORY.glob("*.po"))}))


def spoken(wanted: Iterable[str | None]) -> Language:
    """The first of some locales whose language Kassa speaks, else English.

    Args:
        wanted: tags such as ``pt-BR``, the best first; what is no tag is passed over.
    """
    for tag in wanted:
        if tag and (found := _spoken(tag)):
            return found
    return _ENGLISH


@lru_cache(1000)
def _spoken(tag: str) -> Language | None:
    if not _TAG.fullmatch(tag):
        return None
    locale = _locale(tag.replace("-", "_")) or _locale(tag[:3].rstrip("-_"))
    if locale is None:
        return None
    alike = [each for each in languages() if each.partition("_")[0] == locale.language]
    if not alike:
        return None
    exact = f"{locale.language}_{locale.territory}"
    code = exact if exact in alike else alike[0]
    return Language(code, locale, *_catalogue(code))


def _locale(name: str) -> Locale | None:
    try:
        return Locale.parse(name)
    except (UnknownLocaleError, ValueError):
        return None


@cache
def _catalogue(code: str) -> tuple[Mapping[str, tuple[str, ...]], Callable[[int], int]]:
    if code == SOURCE:
        return {}, lambda count: int(count != 1)
    with (DIRECTORY / f"{code}.po").open("rb") as file:
        read = read_po(file, locale=code, abort_invalid=True)
    said = {}
    for message in read:
        key = message.id if isinstance(message.id, str) else message.id[0]
        string = message.string or ""
        forms = (string,) if isinstance(string, str) else tuple(string)
        if key and all(forms) and not message.fuzzy:
            said[key] = forms
    return said, c2py(read.plural_expr)


_ENGLISH = Language(SOURCE, Locale(SOURCE), *_catalogue(SOURCE))
