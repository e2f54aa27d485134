"""Answers that pages of any origin may read: they take a key, never a cookie."""

from __future__ import annotations

from flask import Blueprint, Response, request

_SENT = "Authorization, X-API-Key, Content-Type, If-None-Match"
_READ = "ETag, Retry-After"
_PREFLIGHT_SECONDS = 7200


def open_to_any_origin(blueprint: Blueprint, *rules: str, method: str) -> None:
    """Answer browsers that ask, and let them read every answer, errors as well.

    Args:
        blueprint: whose routes are opened.
        rules: the addresses of those routes.
        method: the one method they take.
    """

    def preflight(**_parts: str) -> Response:
        response = Response(status=204)
        response.headers["Access-Control-Allow-Methods"] = method
        response.headers["Access-Control-Allow-Headers"] = _SENT
        response.headers["Access-Control-Max-Age"] = str(_PREFLIGHT_SECONDS)
        return response

    for rule in rules:
        blueprint.add_url_rule(rule, view_func=preflight, methods=["OPTIONS"])
    blueprint.after_request(_allow)


def _allow(response: Response) -> Response:
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Expose-Headers"] = _READ
    return response


def is_preflight() -> bool:
    """Whether the browser only asks whether it may: it does so without a key."""
    return request.method == "OPTIONS"
