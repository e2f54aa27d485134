"""What a browser's request says of its visitor."""

from __future__ import annotations

import re

from flask import request

from experiments.attributes import BUILT_IN
from service.checkout.knowledge import Client
from service.settings import Settings

_TABLET = re.compile(r"iPad|Tablet|PlayBook|Silk|Android(?!.*Mobi)")
_PHONE = re.compile(r"Mobi|iPhone|iPod")


def client(settings: Settings) -> Client:
    """The client of this request; the country only where a proxy is said to tell it."""
    header = settings.country_header
    return Client(
        country=_held("country", request.headers.get(header, "").upper()) if header else None,
        device=_device(request.headers.get("User-Agent", "")),
        locale=_held("locale", _locale()),
    )


def _device(agent: str) -> str:
    if _TABLET.search(agent):
        return "tablet"
    mobile = request.headers.get("Sec-CH-UA-Mobile") == "?1"
    return "phone" if mobile or _PHONE.search(agent) else "desktop"


def _locale() -> str:
    first = request.accept_languages.best or ""
    language, _, region = first.replace("_", "-").partition("-")
    return f"{language.lower()}-{region.upper()}" if region else language.lower()


def _held(attribute: str, value: str) -> str | None:
    """The value, where it is one that the attribute can have."""
    return None if BUILT_IN[attribute].fault(value) else value
