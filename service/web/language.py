"""The language of a page: the merchant's word for this visitor, else what the browser asks for."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import g, request

from service.languages import Language, spoken
from service.web.terms import period_words

# Nobody reads more languages than this; a header could name thousands.
_AT_MOST = 10


def language() -> Language:
    """The language of this answer."""
    if "language" not in g:
        speak(None)
    found: Language = g.language
    return found


def speak(locale: str | None) -> None:
    """Answer in the language that the merchant's server named, e.g. ``pt-BR``, if it named one."""
    asked = [tag for tag, quality in request.accept_languages if quality > 0]
    g.language = spoken([locale, *asked[:_AT_MOST]])


def words() -> dict[str, Any]:
    """What templates say their sentences with."""
    own = language()
    return {
        "language": own,
        "_": own.say,
        "money": own.money,
        "period": partial(period_words, own),
    }
