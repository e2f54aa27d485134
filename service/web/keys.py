"""Which keys open which doors: the merchant's own, and public ones."""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from flask import request

from service.errors import Unauthorized
from service.web.context import services


def require_api_key() -> None:
    """Let in the merchant's servers.

    Raises:
        Unauthorized: the request bears none of KASSA_API_KEYS.
    """
    if not _among(_bearer(), services().settings.api_keys):
        raise Unauthorized("send one of KASSA_API_KEYS as Authorization: Bearer")


def require_public_key(given: str) -> None:
    """Let in whoever has a key that may stand in an address, where logs keep it.

    Raises:
        Unauthorized: it is none of KASSA_CLIENT_KEYS.
    """
    if not _among(given, services().settings.client_keys):
        raise Unauthorized("one of KASSA_CLIENT_KEYS must stand at the end of the address")


def require_client_key() -> None:
    """Let in whoever may see which variant a unit gets: browsers, SDKs and the merchant's servers.

    Raises:
        Unauthorized: the request bears none of KASSA_CLIENT_KEYS and KASSA_API_KEYS.
    """
    settings = services().settings
    key = _bearer() or request.headers.get("X-API-Key", "").strip()
    if not _among(key, (*settings.client_keys, *settings.api_keys)):
        raise Unauthorized(
            "send one of KASSA_CLIENT_KEYS or KASSA_API_KEYS as Authorization: Bearer or X-API-Key"
        )


def _bearer() -> str:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _among(given: str, keys: Iterable[str]) -> bool:
    # Each is compared, in constant time, so that time tells nothing about any of them.
    presented = given.encode("utf-8", "replace")
    matches = [hmac.compare_digest(presented, key.encode()) for key in keys]
    return any(matches)
