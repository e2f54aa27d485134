"""What one request may reach: the objects, the clock's reading, and the events it causes."""

from __future__ import annotations

import secrets
import sqlite3
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pydantic_core import from_json, to_json

from service.payments.simulator.errors import missing_resource
from service.payments.simulator.wire import API_VERSION, Json

_LETTERS = (string.ascii_letters + string.digits).encode()
_UNEVEN = bytes(range(len(_LETTERS) * 4, 256))
_AS_LETTERS = bytes(_LETTERS[byte % len(_LETTERS)] for byte in range(256))
_NARROW = frozenset({"customer", "invoice", "payment_intent", "subscription"})
# Of these there are lists by status.
_WITH_STATUS = frozenset({"invoice", "invoice_payment", "subscription"})
_COMPARE = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def new_id(prefix: str) -> str:
    """An id of Stripe's look, e.g. ``pi_3…`` with 24 letters and digits."""
    return f"{prefix}_{random_text(24)}"


def random_text(length: int) -> str:
    """Unguessable letters and digits."""
    # A letter is one of 62; 248 is the last multiple, so that none is likelier than another.
    found = ""
    while len(found) < length:
        found += secrets.token_bytes(length + 8).translate(_AS_LETTERS, _UNEVEN).decode()
    return found[:length]


def moment(connection: sqlite3.Connection, real: datetime) -> datetime:
    """The simulated time: the real one, and as much ahead as the control API has set it."""
    row = connection.execute("SELECT ahead FROM clock").fetchone()
    return real + timedelta(seconds=row["ahead"]) if row else real


@dataclass(frozen=True)
class Work:
    """One request's transaction.

    Attributes:
        connection: inside a transaction of `store.Store`.
        at: the simulated moment of the request, UTC.
        real: the real one, by which webhooks are sent.
        origin: of the pages that Stripe would host, without a slash at its end.
        request_id: Stripe's ``Request-Id``.
        idempotency_key: the caller's key, or None.
    """

    connection: sqlite3.Connection
    at: datetime
    request_id: str
    idempotency_key: str | None = None
    real: datetime | None = None
    origin: str = ""

    @property
    def now(self) -> int:
        """Unix seconds, as Stripe stamps ``created``."""
        return int(self.at.timestamp())

    def at_moment(self, seconds: int) -> Work:
        """The same work, done at another moment."""
        return replace(self, at=datetime.fromtimestamp(seconds, UTC))

    def get(self, identity: str) -> Json | None:
        """Any object by its id."""
        query = "SELECT body FROM objects WHERE id = ?"
        row = self.connection.execute(query, (identity,)).fetchone()
        return from_json(row["body"]) if row else None

    def require(self, kind: str, identity: str, *, param: str = "id", status: int = 404) -> Json:
        """The object of this kind with this id.

        Raises:
            ApiError: ``resource_missing``.
        """
        found = self.get(identity)
        if found is None or found["object"] != kind:
            raise missing_resource(kind, identity, param, status=status)
        return found

    def private(self, identity: str) -> Json:
        """What the simulator remembers of an object and never shows."""
        query = "SELECT private FROM objects WHERE id = ?"
        row = self.connection.execute(query, (identity,)).fetchone()
        found: Json = from_json(row["private"]) if row else {}
        return found

    def save(self, body: Json, private: Json | None = None) -> Json:
        """Keep an object as it now is; ``private`` None keeps what was remembered."""
        self.connection.execute(
            "INSERT INTO objects (id, object, created, customer, payment_intent, type, invoice,"
            " subscription, status, body, private) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET"
            " body = excluded.body, customer = excluded.customer, invoice = excluded.invoice,"
            " status = excluded.status,"
            " private = CASE WHEN ? THEN private ELSE excluded.private END",
            (
                body["id"],
                body["object"],
                body["created"] if "created" in body else body["date"],
                body.get("customer"),
                body.get("payment_intent") or (body.get("payment") or {}).get("payment_intent"),
                body.get("type"),
                body.get("invoice"),
                _billed(body),
                body["status"] if body["object"] in _WITH_STATUS else None,
                to_json(body).decode(),
                to_json(private).decode() if private else "{}",
                private is None,
            ),
        )
        return body

    def emit(self, kind: str, body: Json, previous: Json | None = None) -> None:
        """Record an event with a snapshot of the object, and queue its delivery.

        Args:
            kind: Stripe's name of what happened.
            body: the object as it now is.
            previous: of an update, the members that changed as they were.
        """
        data = (
            {"object": body}
            if previous is None
            else {
                "object": body,
                "previous_attributes": previous,
            }
        )
        event = {
            "id": new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now,
            "data": data,
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": self.request_id, "idempotency_key": self.idempotency_key},
            "type": kind,
        }
        self.save(event)
        sent = (self.real or self.at).timestamp()
        self.connection.execute(
            "INSERT INTO deliveries (event, due, since) VALUES (?, ?, ?)",
            (event["id"], sent, sent),
        )

    def page(
        self,
        kind: str,
        equal: Mapping[str, Sequence[str]],
        created: Mapping[str, int],
        *,
        before: int | None,
        after: int | None,
        limit: int,
    ) -> list[Json]:
        """Up to ``limit`` objects, newest first.

        Args:
            kind: the object's name.
            equal: column to its allowed values.
            created: bounds on ``created`` by Stripe's names (gt, gte, lt, lte).
            before: only objects older than this position, for ``starting_after``.
            after: only objects newer than this position, for ``ending_before``; the nearest ones.
            limit: how many at most.
        """
        clauses, values = ["object = ?"], [kind, *(str(v) for vs in equal.values() for v in vs)]
        # Of one customer or invoice there is little; the plus keeps SQLite from going through all
        # that has a status instead.
        plus = "+" if _NARROW & equal.keys() else ""
        names = {col: f"{plus}status" if col == "status" else col for col in equal}
        clauses += [f"{names[col]} IN ({', '.join('?' * len(vs))})" for col, vs in equal.items()]
        clauses += [f"created {_COMPARE[bound]} {int(at)}" for bound, at in created.items()]
        if before is not None:
            clauses.append(f"seq < {before:d}")
        if after is not None:
            clauses.append(f"seq > {after:d}")
        order = "ASC" if after is not None else "DESC"
        # Columns and comparisons come from this package's own tables; values are bound.
        query = (
            f"SELECT body FROM objects WHERE {' AND '.join(clauses)} "  # noqa: S608 - see above
            f"ORDER BY seq {order} LIMIT {limit:d}"
        )
        found = [from_json(row["body"]) for row in self.connection.execute(query, values)]
        return found[::-1] if after is not None else found

    def position(self, identity: str) -> int | None:
        """Where an object stands in the order of creation."""
        query = "SELECT seq FROM objects WHERE id = ?"
        row = self.connection.execute(query, (identity,)).fetchone()
        return int(row["seq"]) if row else None


def _billed(body: Json) -> str | None:
    """The subscription an invoice is over, or None."""
    details = (body.get("parent") or {}).get("subscription_details") or {}
    found: str | None = details.get("subscription")
    return found if body["object"] == "invoice" else None
