"""Which keys open which doors."""

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


def _bearer() -> str:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _among(given: str, keys: Iterable[str]) -> bool:
    # Each is compared, in constant time, so that time tells nothing about any of them.
    presented = given.encode("utf-8", "replace")
    matches = [hmac.compare_digest(presented, key.encode()) for key in keys]
    return any(matches)
