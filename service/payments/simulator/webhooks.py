"""Signed webhooks: at least once, retried with growing pauses until the endpoint says 2xx.

The queue is a table of the shared file, so what a killed process had not delivered is delivered by
the next one, and events written by the browser application in another process go out too.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import queue
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from service.errors import ConfigurationError
from service.payments.simulator.api import Clock
from service.payments.simulator.chaos import Chaos
from service.payments.simulator.store import Store
from service.payments.simulator.wire import Json, to_webhook_bytes

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_DUE_UNORDERED = (
    "SELECT d.event, o.body FROM deliveries d JOIN objects o ON o.id = d.event"
    " WHERE d.state = 'pending' AND d.due <= ? ORDER BY "
)
_DUE = _DUE_UNORDERED + "d.due, d.rowid LIMIT ?"
_DUE_SHUFFLED = _DUE_UNORDERED + "random() LIMIT ?"
_POLL_SECONDS = 0.02
_THREADS = 8
_OUTSTANDING = 64
_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Endpoint:
    """Where events go, on this machine only."""

    host: str
    port: int
    path: str
    secret: str

    @classmethod
    def parse(cls, url: str, secret: str) -> Endpoint:
        """Read an ``http://127.0.0.1:…`` address.

        Raises:
            ConfigurationError: not plain HTTP on the loopback, or no secret.
        """
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname not in LOOPBACK:
            raise ConfigurationError("the simulator's webhook URL must be http:// on the loopback")
        if not secret.strip():
            raise ConfigurationError("the simulator's webhook secret is empty")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(parts.hostname, parts.port or 80, path, secret)


@dataclass(frozen=True)
class _Job:
    event: str
    body: bytes
    copies: int


def signature_header(body: bytes, *, secret: str, timestamp: int) -> str:
    """Stripe's header: HMAC-SHA256 over ``timestamp.body`` (docs.stripe.com/webhooks)."""
    signed = str(timestamp).encode() + b"." + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


class Deliveries:
    """Sends what the queue holds, from threads of its own.

    Args:
        store: the shared file.
        endpoint: the receiver.
        clock: the moment, UTC.
        chaos: what goes wrong from the start.
    """

    def __init__(
        self, store: Store, endpoint: Endpoint, clock: Clock, chaos: Chaos | None = None
    ) -> None:
        self._store = store
        self._endpoint = endpoint
        self._clock = clock
        self._chaos = chaos or Chaos()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        self._outstanding: set[str] = set()
        self._woken = threading.Event()
        self._stopping = threading.Event()
        targets = [self._dispatch, *[self._send] * _THREADS]
        self._threads = [threading.Thread(target=target, daemon=True) for target in targets]

    def start(self) -> None:
        """Begin sending."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop sending; what is not delivered stays in the queue."""
        self._stopping.set()
        self._woken.set()
        for _ in range(_THREADS):
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(timeout=_TIMEOUT_SECONDS)

    def wake(self) -> None:
        """Something may be due."""
        self._woken.set()

    def disturb(self, given: object) -> Json:
        """Change the chaos; members left out stay as they are, ``release`` ends ``hold``.

        Raises:
            InvalidParameterError: unknown members or values.
        """
        self._chaos = self._chaos.changed(given)
        self.wake()
        return dict(vars(self._chaos))

    def pass_by(self, seconds: int) -> None:
        """The simulated clock was turned: so much nearer is what waits for hours.

        By the quick schedule nothing does, and tests turn the clock by months.
        """
        if self._chaos.schedule == "sandbox":
            with self._store.write() as connection:
                connection.execute(
                    "UPDATE deliveries SET due = due - ?, since = since - ?"
                    " WHERE state = 'pending'",
                    (seconds, seconds),
                )
        self.wake()

    def counts(self) -> Json:
        """How many events are pending, delivered and given up."""
        with self._store.read() as connection:
            rows = connection.execute("SELECT state, count(*) FROM deliveries GROUP BY state")
            return {"pending": 0, "delivered": 0, "failed": 0} | {row[0]: row[1] for row in rows}

    def _dispatch(self) -> None:
        while not self._stopping.is_set():
            self._woken.wait(_POLL_SECONDS)
            self._woken.clear()
            self._settle()
            if not self._chaos.hold:
                self._hand_out()
        self._settle()

    def _hand_out(self) -> None:
        room = _OUTSTANDING - len(self._outstanding)
        if room <= 0:
            return
        chaos = self._chaos
        query = _DUE_SHUFFLED if chaos.shuffle else _DUE
        with self._store.read() as connection:
            rows = connection.execute(query, (self._clock().timestamp(), _OUTSTANDING)).fetchall()
        for row in [row for row in rows if row["event"] not in self._outstanding][:room]:
            self._outstanding.add(row["event"])
            if chaos.loses(row["event"]):
                self._results.put((row["event"], "failed"))
                self._woken.set()
                continue
            body = to_webhook_bytes(json.loads(row["body"]))
            self._jobs.put(_Job(row["event"], body, 1 + chaos.duplicate))

    def _settle(self) -> None:
        settled = []
        while not self._results.empty():
            settled.append(self._results.get())
        if not settled:
            return
        now = self._clock().timestamp()
        with self._store.write() as connection:
            for event, state in settled:
                if state == "pending":
                    self._plan_again(connection, event, now)
                else:
                    query = "UPDATE deliveries SET state = ? WHERE event = ?"
                    connection.execute(query, (state, event))
        self._outstanding.difference_update(event for event, _ in settled)

    def _plan_again(self, connection: sqlite3.Connection, event: str, now: float) -> None:
        row = connection.execute(
            "UPDATE deliveries SET attempts = attempts + 1 WHERE event = ?"
            " RETURNING attempts, since",
            (event,),
        ).fetchone()
        pause = self._chaos.pause(row["attempts"], now - row["since"])
        connection.execute(
            "UPDATE deliveries SET due = ?, state = ? WHERE event = ?",
            (now + (pause or 0), "failed" if pause is None else "pending", event),
        )

    def _send(self) -> None:
        line = _Line(self._endpoint, self._clock)
        while (job := self._jobs.get()) is not None:
            taken = [line.post(job.body) for _ in range(job.copies)]
            self._results.put((job.event, "delivered" if all(taken) else "pending"))
            self._woken.set()
        line.close()


class _Line:
    """One kept-alive connection to the endpoint."""

    def __init__(self, endpoint: Endpoint, clock: Clock) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._connection = http.client.HTTPConnection(
            endpoint.host, endpoint.port, timeout=_TIMEOUT_SECONDS
        )

    def post(self, body: bytes) -> bool:
        """Whether the endpoint took it with a 2xx; redirects count as failures."""
        used_before = self._connection.sock is not None
        status = self._try(body)
        if status is None and used_before:
            # An idle connection the endpoint closed meanwhile says nothing about the endpoint.
            status = self._try(body)
        return status is not None and 200 <= status < 300

    def close(self) -> None:
        self._connection.close()

    def _try(self, body: bytes) -> int | None:
        # The status; 0 for silence, None for a connection that broke.
        try:
            self._connection.request("POST", self._endpoint.path, body, self._headers(body))
            response = self._connection.getresponse()
            response.read()
        except TimeoutError:
            self._connection.close()
            return 0
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return None
        return response.status

    def _headers(self, body: bytes) -> Mapping[str, str]:
        timestamp = int(self._clock().timestamp())
        return {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": signature_header(
                body, secret=self._endpoint.secret, timestamp=timestamp
            ),
        }
