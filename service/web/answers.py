"""Answers every route shares: errors in the reader's form, and the headers of every page."""

from __future__ import annotations

import logging
import re
from urllib.parse import urlsplit

from flask import Flask, Response, jsonify, render_template, request
from werkzeug.exceptions import HTTPException

from service.errors import NotFound, ServiceError, StoreUnavailable, Unauthorized, Unavailable
from service.languages import sentence
from service.web.bodies import is_form
from service.web.context import keep_visitor, secure, services
from service.web.language import language
from service.web.scripts import policy

log = logging.getLogger(__name__)

# A report is one file with its own styles and no script at all.
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

_PROBES = ("/livez", "/readyz", "/metrics")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})

# What the driver says names hosts and users: for the log alone.
_STORE_UNAVAILABLE = "the database does not answer; nothing was kept"
_TITLES = {404: NotFound.title, 405: sentence("Method not allowed"), 500: ServiceError.title}
_TOLD = {404: NotFound.told, 500: sentence("It was our fault. Try again in a moment.")}
_GO_BACK = sentence("Go back and try again.")
_SIGN_IN = "Reports open by a link that signs you in. Ask whoever runs the experiments for one."


def install(app: Flask) -> None:
    """Register the error handlers and headers on the application."""
    app.register_error_handler(ServiceError, _service_error)
    app.register_error_handler(HTTPException, _http_error)
    app.before_request(_refuse_foreign_host)
    app.after_request(keep_visitor)
    app.after_request(_headers)


def _refuse_foreign_host() -> Response | None:
    """Refuse a name that is not ours, where we know our own; probes come by any name."""
    public = services().settings.public_url
    if public is None or request.path in _PROBES:
        return None
    # request.host is empty where the header is no host name.
    if _name(request.host) in _LOOPBACK | {_name(urlsplit(public).netloc)}:
        return None
    # No page: its links would be built on the name that was just refused.
    detail = "this service is not known by the Host of the request"
    return _problem(400, "unknown-host", "Unknown host", detail)


def _name(host: str) -> str:
    """A host name without its port and the dot of a full name, in lower case."""
    bare = host if host.endswith("]") else re.sub(r":\d*$", "", host)
    return bare.lower().removesuffix(".")


def _service_error(error: ServiceError) -> Response:
    if isinstance(error, Unavailable):
        log.warning("%s: %s", error.code, error)
    message = _for_programs(error) if _for_a_program() else _for_people(error)
    response = _error(int(error.status), error.code, error.title, message, told=error.told)
    if isinstance(error, Unavailable):
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, Unauthorized):
        response.headers["WWW-Authenticate"] = 'Bearer realm="kassa"'
    return response


def _for_programs(error: ServiceError) -> str:
    return _STORE_UNAVAILABLE if isinstance(error, StoreUnavailable) else str(error)


def _for_people(error: ServiceError) -> str:
    if isinstance(error, Unauthorized):
        return _SIGN_IN
    return error.told or str(error)


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    code = error.name.lower().replace(" ", "-")
    told = _TOLD.get(status) or _GO_BACK
    message = (error.description or error.name) if _for_a_program() else told
    response = _error(status, code, _TITLES.get(status) or error.name.capitalize(), message)
    for name, value in error.get_headers():
        if name.lower() not in {"content-type", "content-length"}:
            response.headers[name] = value
    return response


def _error(status: int, code: str, title: str, detail: str, *, told: str | None = None) -> Response:
    if _for_a_program():
        return _problem(status, code, title, detail, told=told)
    say = language().say
    actions = [{"label": say("See what is on offer"), "url": "/"}]
    page = render_template(
        "errors/page.html", title=say(title), message=say(detail), actions=actions, status=status
    )
    return Response(page, status, mimetype="text/html")


def _problem(
    status: int, code: str, title: str, detail: str, *, told: str | None = None
) -> Response:
    body = {"type": f"urn:kassa:{code}", "title": title, "status": status, "detail": detail}
    response = jsonify(body | ({"told": language().say(told)} if told else {}))
    response.status_code = status
    response.mimetype = "application/problem+json"
    return response


def _for_a_program() -> bool:
    if request.method not in {"GET", "HEAD"} and not is_form():
        return True
    if request.path.startswith(("/v1/", "/api/", "/ofrep/", "/webhooks/", *_PROBES)):
        return True
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) != "text/html"


def _headers(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", policy(simulated=services().settings.simulated))
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin-allow-popups"
    headers["Permissions-Policy"] = 'payment=(self "https://js.stripe.com")'
    if secure():
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    headers.setdefault("Cache-Control", "no-store")
    return response
