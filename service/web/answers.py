"""Answers every route shares: errors in the reader's form, and the headers of every page."""

from __future__ import annotations

import logging

from flask import Flask, Response, jsonify, render_template, request
from werkzeug.exceptions import HTTPException

from service.errors import NotFound, ServiceError, Unauthorized, Unavailable
from service.web.context import keep_visitor, services

log = logging.getLogger(__name__)

_STRIPE_JS = "https://js.stripe.com https://*.js.stripe.com"
_REAL_SOURCES = {
    "script-src": f"'self' {_STRIPE_JS}",
    "frame-src": f"{_STRIPE_JS} https://hooks.stripe.com",
    "connect-src": "'self' https://api.stripe.com",
    "img-src": "'self' data: https://*.stripe.com",
}
_SIMULATED_SOURCES = {
    "script-src": "'self'",
    "frame-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self' data:",
}
_FIXED_SOURCES = {
    "default-src": "'none'",
    "style-src": "'self'",
    "font-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "object-src": "'none'",
    "frame-ancestors": "'none'",
}
# A report is one file with its own styles and no script at all.
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

_TOLD = {404: NotFound.told, 500: "It was our fault. Nothing was charged; try again in a moment."}


def install(app: Flask) -> None:
    """Register the error handlers and headers on the application."""
    app.register_error_handler(ServiceError, _service_error)
    app.register_error_handler(HTTPException, _http_error)
    app.after_request(keep_visitor)
    app.after_request(_headers)


def _service_error(error: ServiceError) -> Response:
    if isinstance(error, Unavailable):
        log.warning("%s: %s", error.code, error)
    message = str(error) if _for_a_program() else error.told or str(error)
    response = _error(int(error.status), error.code, error.title, message)
    if isinstance(error, Unavailable):
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, Unauthorized):
        response.headers["WWW-Authenticate"] = 'Bearer realm="kassa"'
    return response


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    code = error.name.lower().replace(" ", "-")
    if _for_a_program():
        message = error.description or error.name
    else:
        message = _TOLD.get(status) or "Go back and try again."
    response = _error(status, code, error.name, message)
    for name, value in error.get_headers():
        if name.lower() not in {"content-type", "content-length"}:
            response.headers[name] = value
    return response


def _error(status: int, code: str, title: str, detail: str) -> Response:
    if _for_a_program():
        response = jsonify(type=f"urn:kassa:{code}", title=title, status=status, detail=detail)
        response.mimetype = "application/problem+json"
    else:
        actions = [{"label": "See what is on offer", "url": "/"}]
        page = render_template(
            "errors/page.html", title=title, message=detail, actions=actions, status=status
        )
        response = Response(page, mimetype="text/html")
    response.status_code = status
    return response


def _for_a_program() -> bool:
    if request.method not in {"GET", "HEAD"}:
        return True
    if request.path.startswith(("/v1/", "/webhooks/", "/livez", "/readyz")):
        return True
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) != "text/html"


def _headers(response: Response) -> Response:
    sources = _SIMULATED_SOURCES if services().settings.simulated else _REAL_SOURCES
    policy = "; ".join(f"{k} {v}" for k, v in (_FIXED_SOURCES | sources).items())
    headers = response.headers
    headers.setdefault("Content-Security-Policy", policy)
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin-allow-popups"
    headers["Permissions-Policy"] = 'payment=(self "https://js.stripe.com")'
    if request.is_secure:
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    if not request.path.startswith("/static/"):
        headers.setdefault("Cache-Control", "no-store")
    return response
