"""The countries of the simulated Address Element."""

from __future__ import annotations

import re

import pytest

from service.payments.simulator.countries import options


def named(language: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = re.findall(
        r'<option value="(..)"(?: selected)?>([^<]+)', options(language)
    )
    return found


def chosen(language: str) -> list[str]:
    return re.findall(r'value="(..)" selected', options(language))


@pytest.mark.parametrize(
    ("language", "likely"),
    [("en", "US"), ("sv", "SE"), ("pt-BR", "BR"), ("de-AT", "AT"), ("ja", "JP"), ("ar", "EG")],
)
def test_the_country_of_the_language_is_chosen(language: str, likely: str) -> None:
    assert chosen(language) == [likely]


def test_countries_are_named_and_sorted_as_the_language_does_it() -> None:
    english = [name for _, name in named("en")]
    swedish = [name for _, name in named("sv")]
    assert english.index("Åland Islands") < english.index("Albania")
    assert swedish[-3:] == ["Åland", "Österrike", "Östtimor"]
    assert dict(named("de"))["SE"] == "Schweden"


def test_every_language_has_all_of_them() -> None:
    codes = {code for code, _ in named("en")}
    assert len(codes) > 230
    for language in ("sv", "de", "fr", "es", "pt-BR", "ja", "ar"):
        assert {code for code, _ in named(language)} == codes


@pytest.mark.parametrize("language", ["", "xx", "../en", "en\x00", "e" * 5000])
def test_an_unknown_language_is_taken_for_english(language: str) -> None:
    assert named(language) == named("en")


def test_a_name_cannot_leave_its_option() -> None:
    assert "Bosnia &amp; Herzegovina" in options("en")
