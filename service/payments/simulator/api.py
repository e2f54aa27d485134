"""Stripe's API as one function from request to response; the server around it only moves bytes."""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from service.payments.simulator.errors import (
    ApiError,
    Declined,
    InvalidParameterError,
    envelope,
    lock_timeout,
    unauthorized,
)
from service.payments.simulator.expansion import expanded
from service.payments.simulator.forms import decode
from service.payments.simulator.routes import Route, match
from service.payments.simulator.store import Store
from service.payments.simulator.wire import (
    API_VERSION,
    LIVE_PREFIXES,
    SECRET_KEY,
    Json,
    to_bytes,
)
from service.payments.simulator.work import Work, moment, new_id

Clock = Callable[[], datetime]
_REMEMBERED_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Request:
    """A request as it came: header names in lower case, the body raw."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Response:
    """A response to send; its body is JSON."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Api:
    """Answers requests out of one store.

    Args:
        store: the shared file.
        clock: the moment, UTC.
        origin: of the pages that Stripe would host; "" where they are the shop's own.
    """

    def __init__(self, store: Store, clock: Clock, origin: str = "") -> None:
        self._store = store
        self._origin = origin
        self._clock = clock

    def answer(self, request: Request) -> Response:
        """Authenticate, read, do, remember. Refusals come back as Stripe's error envelope."""
        request_id = new_id("req")
        try:
            authorize(request.headers.get("authorization", ""))
            response = self._routed(request, request_id)
        except ApiError as refusal:
            response = Response(refusal.status, to_bytes(refusal.body))
        except sqlite3.OperationalError:
            busy = lock_timeout()
            response = Response(busy.status, to_bytes(busy.body))
        version = request.headers.get("stripe-version", API_VERSION)
        common = {"Request-Id": request_id, "Stripe-Version": version}
        return Response(response.status, response.body, {**common, **response.headers})

    def fail(self, request: Request, status: int, *, stored: bool) -> Response:
        """An error on Stripe's side.

        Args:
            request: what was asked.
            status: 409, 429 or 5xx.
            stored: whether it becomes the key's answer for a day, as Stripe keeps a 500 that was
                raised inside an endpoint.
        """
        request_id = new_id("req")
        kind = "rate_limit_error" if status == 429 else "api_error"
        code = {409: "lock_timeout", 429: "rate_limit"}.get(status)
        body = to_bytes({"error": envelope(kind, "The simulator was told to fail.", code)})
        key = request.headers.get("idempotency-key")
        if stored and key:
            with self.working(request_id, key) as work:
                _remember(work, _fingerprint(request), Response(status, body))
        return Response(status, body, {"Request-Id": request_id})

    @contextmanager
    def working(self, request_id: str, key: str | None = None) -> Iterator[Work]:
        """A write transaction with all a request may reach."""
        with self._store.write() as connection:
            real = self._clock()
            at = moment(connection, real)
            yield Work(connection, at, request_id, key, real, self._origin)

    @contextmanager
    def looking(self, request_id: str | None = None) -> Iterator[Work]:
        """One unchanging view of what is committed."""
        with self._store.read() as connection:
            real = self._clock()
            yield Work(connection, moment(connection, real), request_id or new_id("req"), real=real)

    def _routed(self, request: Request, request_id: str) -> Response:
        found = match(request.method, request.path)
        if found is None:
            raise ApiError(
                f"Unrecognized request URL ({request.method}: {request.path[:200]}).", status=404
            )
        route, ids = found
        if request.method == "GET":
            return self._read(route, ids, request, request_id)
        return self._write(route, ids, request, request_id)

    def _read(
        self, route: Route, ids: tuple[str, ...], request: Request, request_id: str
    ) -> Response:
        given = route.parameters.read(decode(request.query))
        with self.looking(request_id) as work:
            return _perform(work, route, ids, given)

    def _write(
        self, route: Route, ids: tuple[str, ...], request: Request, request_id: str
    ) -> Response:
        key = request.headers.get("idempotency-key")
        if key is not None and not 1 <= len(key) <= 255:
            raise InvalidParameterError("Idempotency keys have from 1 to 255 characters.")
        given = route.parameters.read(decode(request.body))
        # One write transaction per request: of concurrent requests with one key, the first does
        # the work while the others wait, and then find its answer.
        with self.working(request_id, key) as work:
            kept = _recall(work, _fingerprint(request)) if key else None
            if kept is not None:
                return kept
            response = _kept_or_undone(work, route, ids, given)
            if key:
                _remember(work, _fingerprint(request), response)
            return response


def authorize(header: str) -> None:
    """Let the simulator's own secret key in and nothing else.

    Raises:
        ApiError: 401; the message never repeats the key.
    """
    scheme, _, key = header.partition(" ")
    if key.strip().startswith(LIVE_PREFIXES):
        raise unauthorized("This is the Stripe simulator: it refuses live keys.")
    if scheme.lower() != "bearer" or not hmac.compare_digest(
        key.strip().encode(), SECRET_KEY.encode()
    ):
        raise unauthorized(f"Invalid API Key provided: the simulator's key is {SECRET_KEY}.")


def _perform(work: Work, route: Route, ids: tuple[str, ...], given: Json) -> Response:
    outcome = route.operation(work, given, *ids)
    if isinstance(outcome, Declined):
        return Response(402, to_bytes(outcome.body))
    return Response(200, to_bytes(expanded(work, outcome, given.get("expand", []))))


def _kept_or_undone(work: Work, route: Route, ids: tuple[str, ...], given: Json) -> Response:
    work.connection.execute("SAVEPOINT operation")
    try:
        return _perform(work, route, ids, given)
    except InvalidParameterError:
        raise
    except ApiError as refusal:
        work.connection.execute("ROLLBACK TO operation")
        return Response(refusal.status, to_bytes(refusal.body))


def _fingerprint(request: Request) -> str:
    form = json.dumps([request.method, request.path, decode(request.body)], sort_keys=True)
    return hashlib.sha256(form.encode()).hexdigest()


def _recall(work: Work, fingerprint: str) -> Response | None:
    query = "SELECT * FROM answers WHERE key = ? AND at > ?"
    row = work.connection.execute(
        query, (work.idempotency_key, work.now - _REMEMBERED_SECONDS)
    ).fetchone()
    if row is None:
        return None
    if row["request"] != fingerprint:
        raise ApiError(
            "Keys for idempotent requests can only be used with the same parameters they were "
            "first used with. Try using a key other than the one given if you meant to execute a "
            "different request.",
            kind="idempotency_error",
        )
    headers = {"Idempotent-Replayed": "true", "Original-Request": row["request_id"]}
    return Response(row["status"], row["body"].encode(), headers)


def _remember(work: Work, fingerprint: str, response: Response) -> None:
    work.connection.execute(
        "INSERT OR REPLACE INTO answers (key, request, request_id, status, body, at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            work.idempotency_key,
            fingerprint,
            work.request_id,
            response.status,
            response.body.decode(),
            work.now,
        ),
    )
