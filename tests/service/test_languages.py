"""Every sentence has its translation, and a locale finds the nearest language that Kassa speaks."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

from service.languages import DIRECTORY, languages, spoken
from service.settings import PROJECT

TODAY = date(2026, 11, 25)
TRANSLATED = [each for each in languages() if each != "en"]


def fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


def messages_of(file: Path, locale: str) -> dict[str, Message]:
    with file.open("rb") as opened:
        read = read_po(opened, locale=locale, abort_invalid=True)
    return {str(each.id): each for each in read if each.id}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Message]:
    """What the code and the templates say, as `make sentences` finds it."""
    template = tmp_path_factory.mktemp("sentences") / "kassa.pot"
    keywords = ["-k", "sentence", "-k", "say", "-k", "say_many:1,2"]
    command = ["-m", "babel.messages.frontend", "-q", "extract", "-F", "pyproject.toml", *keywords]
    asked = [sys.executable, *command, "-o", str(template), "service", "templates"]
    subprocess.run(asked, cwd=PROJECT, check=True)
    return messages_of(template, "en")


def test_eight_languages_are_spoken() -> None:
    assert set(languages()) == {"en", "sv", "de", "fr", "es", "pt_BR", "ja", "ar"}


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_sentence_is_translated_and_none_is_left_over(
    said: dict[str, Message], language: str
) -> None:
    known = messages_of(DIRECTORY / f"{language}.po", language)
    assert set(known) == set(said), "run `make sentences`"
    assert not [key for key, each in known.items() if each.fuzzy]
    translated = spoken([language]).sentences
    missing = [key for key, each in known.items() if _singular(each) not in translated]
    assert missing == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_names_the_same_values(language: str) -> None:
    for each in messages_of(DIRECTORY / f"{language}.po", language).values():
        if isinstance(each.id, str):
            assert fields(str(each.string)) == fields(each.id), each.id
        else:
            # One and two may be words: "a month" has no number in it.
            assert all(fields(form) <= {"count"} for form in each.string or ()), each.id


def _singular(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def test_no_sentence_of_a_template_is_written_without_being_marked() -> None:
    """Between tags stand only marks of punctuation, names that are the same everywhere, or code."""
    same_everywhere = {"3-D Secure", "Kassa"}
    found = []
    for file in (PROJECT / "templates").rglob("*.html"):
        if file.parent.name == "notices":
            continue
        bare = re.sub(
            r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<!--.*?-->", "", file.read_text(), flags=re.DOTALL
        )
        between = [part.strip() for part in re.split(r"<[^>]*>", bare)]
        found += [f"{file.name}: {part}" for part in between if re.search(r"[A-Za-z]", part)
                  if part not in same_everywhere]  # fmt: skip
        spoken_attributes = re.findall(r'(?:aria-label|title|alt|placeholder)="([^"]*)"', bare)
        found += [f"{file.name}: {each}" for each in spoken_attributes if each]
    assert found == []


@pytest.mark.parametrize(
    ("locale", "code", "region", "stripe"),
    [
        (None, "en", "en", "en"),
        ("xx", "en", "en", "en"),
        ("fi", "en", "en", "en"),
        ("en-GB", "en", "en-GB", "en-GB"),
        ("pt-BR", "pt_BR", "pt-BR", "pt-BR"),
        ("pt", "pt_BR", "pt", "pt-BR"),
        ("sv-FI", "sv", "sv-FI", "sv"),
        ("fr-CA", "fr", "fr-CA", "fr-CA"),
        ("de_AT", "de", "de-AT", "de"),
        ("ar", "ar", "ar", "ar"),
        # Countries that nobody has formats of their language for.
        ("de-SE", "de", "de", "de"),
        ("sv-NO", "sv", "sv", "sv"),
    ],
)
def test_the_nearest_language_is_spoken_and_the_region_kept(
    locale: str | None, code: str, region: str, stripe: str
) -> None:
    language = spoken([locale])
    assert (language.code, language.region, language.stripe) == (code, region, stripe)


def test_the_first_language_that_kassa_speaks_is_taken() -> None:
    assert spoken([None, "fi", "sv-FI", "en"]).region == "sv-FI"


@given(st.text(max_size=40))
def test_no_header_of_a_browser_is_too_strange(tag: str) -> None:
    assert spoken([tag, "sv"]).code in languages()


def test_money_and_days_are_written_as_their_region_does() -> None:
    written = {
        tag: (spoken([tag]).money(123450, "eur"), spoken([tag]).day(date(2026, 12, 9), TODAY))
        for tag in ("en", "en-GB", "de", "sv", "ja")
    }
    assert written == {
        "en": ("€1,234.50", "December 9"),
        "en-GB": ("€1,234.50", "9 December"),
        "de": ("1.234,50\N{NO-BREAK SPACE}€", "9. Dezember"),
        "sv": ("1\N{NO-BREAK SPACE}234,50\N{NO-BREAK SPACE}€", "9 december"),
        "ja": ("€1,234.50", "12月9日"),
    }


def test_the_sign_of_a_price_stays_at_its_side_from_right_to_left() -> None:
    assert spoken(["ar"]).money(2400, "usd").endswith("US$\N{LEFT-TO-RIGHT MARK}")
    assert spoken(["sv"]).money(2400, "usd").endswith("US$")


def test_a_day_of_another_year_carries_its_year() -> None:
    assert spoken(["en-GB"]).day(date(2027, 1, 24), TODAY) == "24 January 2027"


def test_numbers_take_the_form_that_their_language_has_for_them() -> None:
    arabic = spoken(["ar"])
    forms = {arabic.say_many("a month", "every {count} months", count) for count in (1, 2, 3, 11)}
    assert len(forms) == 4
    english = spoken(["en"])
    assert english.say_many("a month", "every {count} months", 1) == "a month"
    assert english.say_many("a month", "every {count} months", 3) == "every 3 months"


def test_arabic_runs_from_right_to_left() -> None:
    assert spoken(["ar"]).direction == "rtl"
    assert spoken(["sv"]).direction == "ltr"
