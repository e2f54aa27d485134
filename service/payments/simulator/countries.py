"""The countries of the simulated Address Element, named and sorted for a language.

The page gets them ready-made: a browser that has to name them itself stands still meanwhile.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from markupsafe import escape

_FALLBACK = Locale("en")
# ISO 3166-1; those that Stripe's own form offers.
_CODES = (
    "AC AD AE AF AG AI AL AM AO AQ AR AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR "
    "BS BT BV BW BY BZ CA CD CF CG CH CI CK CL CM CN CO CR CV CW CY CZ DE DJ DK DM DO DZ EC EE EG "
    "EH ER ES ET FI FJ FK FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HN HR "
    "HT HU ID IE IL IM IN IO IQ IS IT JE JM JO JP KE KG KH KI KM KN KR KW KY KZ LA LB LC LI LK LR "
    "LS LT LU LV LY MA MC MD ME MF MG MK ML MM MN MO MQ MR MS MT MU MV MW MX MY MZ NA NC NE NG NI "
    "NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PY QA RE RO RS RU RW SA SB SC SE SG "
    "SH SI SJ SK SL SM SN SO SR SS ST SV SX SZ TA TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ "
    "UA UG US UY UZ VA VC VE VG VN VU WF WS XK YE YT ZA ZM ZW"
)
# Letters that a language has behind its z, where others take them for an a or an o.
_BEHIND_Z = {"sv": "åäö"}


@lru_cache(maxsize=32)
def options(language: str) -> str:
    """The options of a choice of country in HTML, the likely one chosen.

    Args:
        language: a BCP 47 tag, as a browser says it; an unknown one is taken for English.
    """
    locale = _locale(language)
    names = {
        code: locale.territories.get(code) or _FALLBACK.territories[code] for code in _CODES.split()
    }
    likely = _likely(locale)
    return "".join(
        f'<option value="{code}"{" selected" if code == likely else ""}>{escape(names[code])}'
        for code in sorted(names, key=lambda code: _place(names[code], locale.language))
    )


def _locale(language: str) -> Locale:
    try:
        return Locale.parse(language, sep="-")
    except (ValueError, UnknownLocaleError):
        return _FALLBACK


def _likely(locale: Locale) -> str:
    likely: str = get_global("likely_subtags")[locale.language]
    return locale.territory or likely.rpartition("_")[2]


def _place(name: str, language: str) -> str:
    own = _BEHIND_Z.get(language, "")
    letters = name.casefold().translate({ord(it): chr(ord("{") + n) for n, it in enumerate(own)})
    plain = unicodedata.normalize("NFKD", letters)
    return "".join(letter for letter in plain if not unicodedata.combining(letter))
