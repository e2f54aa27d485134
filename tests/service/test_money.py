"""Amounts as people read them, by Stripe's minor units."""

import pytest
from babel import Locale

from service.money import money

# https://docs.stripe.com/currencies#minor-units
NO_DIGITS = [
    "bif",
    "clp",
    "djf",
    "gnf",
    "jpy",
    "kmf",
    "krw",
    "mga",
    "pyg",
    "rwf",
    "vnd",
    "vuv",
    "xaf",
    "xof",
    "xpf",
]
THREE_DIGITS = ["bhd", "jod", "kwd", "omr", "tnd"]
# CLDR writes these without digits; Stripe counts hundredths.
TWO_DIGITS = [
    "rsd",
    "isk",
    "all",
    "ugx",
    "lak",
    "lbp",
    "afn",
    "mmk",
    "sos",
    "yer",
    "usd",
    "eur",
    "sek",
]


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        (2400, "usd", "$24.00"),
        (3950, "eur", "€39.50"),
        (123456, "gbp", "£1,234.56"),
        (500, "jpy", "¥500"),
        (89500, "sek", "SEK\N{NO-BREAK SPACE}895.00"),
        (89500, "isk", "ISK\N{NO-BREAK SPACE}895.00"),
        (1234567, "kwd", "KWD\N{NO-BREAK SPACE}1,234.567"),
        (1234567, "clp", "CLP\N{NO-BREAK SPACE}1,234,567"),
        (0, "usd", "$0.00"),
        (1, "usd", "$0.01"),
        (-500, "usd", "-$5.00"),
    ],
)
def test_an_amount_is_written_as_it_is_charged(amount: int, currency: str, written: str) -> None:
    assert money(amount, currency) == written


@pytest.mark.parametrize(
    ("currencies", "ending"), [(NO_DIGITS, "5"), (TWO_DIGITS, "0.05"), (THREE_DIGITS, "0.005")]
)
def test_five_minor_units_have_stripes_digits(currencies: list[str], ending: str) -> None:
    for currency in currencies:
        figure = money(5, currency).lstrip("".join(set(money(5, currency)) - set("0123456789.")))
        assert figure == ending, currency


def test_other_languages_keep_their_own_order() -> None:
    assert money(123456, "sek", Locale("sv")) == "1\N{NO-BREAK SPACE}234,56\N{NO-BREAK SPACE}kr"


def test_a_locale_is_read_as_browsers_and_merchants_write_it() -> None:
    assert money(2400, "brl", Locale("pt", "BR")) == "R$\N{NO-BREAK SPACE}24,00"
