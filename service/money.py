"""Amounts as people read them."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from babel import Locale
from babel.numbers import format_currency

# Stripe's minor units, https://docs.stripe.com/currencies#minor-units: not the digits that
# people write (CLDR), which would show some prices a hundred times too high.
_NO_DIGITS = frozenset(
    {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv"}
    | {"xaf", "xof", "xpf"}
)
_THREE_DIGITS = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
_ENGLISH = Locale("en")
_BLANK = "\N{NO-BREAK SPACE}"


def digits(currency: str) -> int:
    """How many decimal digits a currency's minor unit has with Stripe: 0, 2 or 3."""
    code = currency.lower()
    if code in _NO_DIGITS:
        return 0
    return 3 if code in _THREE_DIGITS else 2


# A shop has few prices, and each stands on a page in several places.
@lru_cache(10_000)
def money(amount: int, currency: str, locale: Locale = _ENGLISH) -> str:
    """Minor units as people write them, e.g. ``$24.00`` for 2400 usd.

    A code that stands for a sign is set apart: ``SEK 895.00``.
    """
    code, places = currency.upper(), digits(currency)
    standard = locale.currency_formats["standard"].pattern
    pattern = standard.replace("0.00", f"0.{'0' * places}" if places else "0")
    written = format_currency(
        Decimal(amount).scaleb(-places), code, pattern, locale=locale, currency_digits=False
    )
    before, found, after = written.partition(code)
    if found and after[:1].isdigit():
        return f"{before}{code}{_BLANK}{after}"
    return written
