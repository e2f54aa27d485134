"""The stand-in for js.stripe.com and Stripe's browser API, mounted by the service at ``/sim``.

It shares the store with the simulator's API process, whose webhook thread sends what happens here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

from flask import Flask, Response, request, send_from_directory
from flask_compress import Compress

from service.payments.simulator import countries, elements, hosted, tokens
from service.payments.simulator.api import Clock
from service.payments.simulator.banks import published_banks
from service.payments.simulator.cards import published_cards
from service.payments.simulator.errors import (
    ApiError,
    Declined,
    InvalidParameterError,
    lock_timeout,
)
from service.payments.simulator.forms import Wire, decode
from service.payments.simulator.parameters import Parameters
from service.payments.simulator.store import Store
from service.payments.simulator.wire import Json, to_bytes
from service.payments.simulator.work import Work, moment, new_id

Operation = Callable[..., Json | Declined]
ASSETS = Path(__file__).parent / "assets"
_LARGEST_BODY = 64 * 1024
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; font-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-src 'self'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
# Address below the mount to file of assets/.
_PAGES = {
    "/stripe.js": "stripe.js",
    "/elements/payment": "payment.html",
    "/authenticate/<intent>": "authenticate.html",
    "/microdeposits/<intent>": "microdeposits.html",
    "/invoices/<invoice>": "invoice.html",
}


def create_browser_app(database: Path, *, clock: Clock) -> Flask:
    """The browser application over the simulator's file.

    Args:
        database: the file the simulator's process uses.
        clock: the moment, UTC.
    """
    app = Flask("kassa-stripe-browser", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST_BODY
    # First, so that it is the last to see an answer.
    Compress(app)
    _serve_assets(app)
    _serve_api(app, Store(database), clock)
    app.register_error_handler(ApiError, _refusal)
    app.register_error_handler(sqlite3.OperationalError, lambda _: _refusal(lock_timeout()))
    app.after_request(_with_headers)
    return app


def _serve_assets(app: Flask) -> None:
    def page(file: str) -> Callable[..., Response]:
        # The page reads the id out of its own address.
        return lambda **_ids: _file(file)

    for rule, file in _PAGES.items():
        app.add_url_rule(rule, endpoint=file, view_func=page(file), methods=["GET"])
    app.add_url_rule("/elements/address", view_func=_address, methods=["GET"])
    app.add_url_rule(
        "/assets/<path:file>",
        endpoint="asset",
        view_func=_file,
        methods=["GET"],
    )


def _file(file: str) -> Response:
    sent = send_from_directory(ASSETS, file)
    if sent.status_code == HTTPStatus.OK:
        # Read at once, for it is small, and compressed as a whole.
        sent.direct_passthrough = False
        sent.get_data()
    return sent


def _address() -> Response:
    html = (ASSETS / "address.html").read_text(encoding="utf-8")
    offered = countries.options(request.args.get("locale", "en"))
    return Response(html.replace("{{ countries }}", offered), mimetype="text/html")


def _serve_api(app: Flask, store: Store, clock: Clock) -> None:
    def write(parameters: Parameters, operation: Operation) -> Callable[..., Response]:
        def view(**ids: str) -> Response:
            given = parameters.read(_json_form())
            with store.write() as connection:
                real = clock()
                work = Work(connection, moment(connection, real), new_id("req"), real=real)
                return _outcome(operation(work, given, *ids.values()))

        return view

    @contextmanager
    def looking() -> Iterator[Work]:
        with store.read() as connection:
            yield Work(connection, moment(connection, clock()), new_id("req"))

    def read(parameters: Parameters, operation: Operation) -> Callable[..., Response]:
        def view(**ids: str) -> Response:
            given = parameters.read(decode(request.query_string))
            with looking() as work:
                return _outcome(operation(work, given, *ids.values()))

        return view

    @app.post("/v1/elements")
    def begin() -> Response:
        given = elements.BEGIN.read(_json_form())
        tokens.identify(given["key"])
        with looking() as work:
            return _answer(elements.begin(work, given))

    def remove(work: Work, given: Json, method: str) -> Json:
        tokens.identify(given["key"])
        return elements.remove(work, given, method)

    def tokenize(work: Work, given: Json) -> Json:
        return tokens.tokenize(work, given, _acceptance())

    def post(rule: str, parameters: Parameters, operation: Operation) -> None:
        app.add_url_rule(rule, rule, write(parameters, operation), methods=["POST"])

    app.add_url_rule("/test-cards.json", "cards", lambda: _answer(published_cards()))
    app.add_url_rule("/test-banks.json", "banks", lambda: _answer(published_banks()))
    post("/v1/confirmation_tokens", tokens.TOKEN, tokenize)
    post("/v1/payment_methods/<method>/detach", elements.REMOVE, remove)
    intent = "/v1/<any(payment_intents, setup_intents):kind>/<intent>"
    app.add_url_rule(intent, "look", read(tokens.LOOK, tokens.look), methods=["GET"])
    invoice = "/v1/invoices/<invoice>"
    app.add_url_rule(invoice, "invoice", read(hosted.LOOK, hosted.look), methods=["GET"])
    post(f"{invoice}/pay", hosted.PAY, hosted.pay)
    post(f"{invoice}/transfer", hosted.TRANSFER, hosted.transfer)
    post(f"{intent}/authenticate", tokens.AUTHENTICATE, tokens.authenticate)
    post(f"{intent}/verify_microdeposits", tokens.VERIFY, tokens.verify)


def _acceptance() -> Json:
    """How the payer agreed to what stood in the Payment Element."""
    online = {"ip_address": request.remote_addr, "user_agent": request.user_agent.string or None}
    return {"type": "online", "online": online}


def _json_form() -> dict[str, Wire]:
    if request.mimetype != "application/json":
        raise InvalidParameterError("The body must be application/json.")
    try:
        form = tokens.as_form(json.loads(request.get_data(cache=False)))
    except (ValueError, RecursionError) as exc:
        raise InvalidParameterError("The body is not JSON.") from exc
    if not isinstance(form, dict):
        raise InvalidParameterError("The body is not a JSON object.")
    return form


def _outcome(outcome: Json | Declined) -> Response:
    return _answer(outcome.body, 402) if isinstance(outcome, Declined) else _answer(outcome)


def _answer(body: object, status: int = 200) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(to_bytes(body), status, headers, mimetype="application/json")


def _refusal(refusal: ApiError) -> Response:
    return _answer(refusal.body, refusal.status)


def _with_headers(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers[name] = value
    return response
