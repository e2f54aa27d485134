"""One run: what did not come is fetched, stored raw and applied like a webhook."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Table, select

from service.payments.gateway import LISTED, Books
from service.payments.intake import take
from service.payments.ledger.joining import Snapshot, joined, snapshot_of
from service.payments.ledger.reading import read_snapshots
from service.payments.ledger.receiving import RECONCILE, Arrival
from service.payments.ledger.rows import TABLES, key_of
from service.payments.ledger.standing import Standing, join_standings, standing_of
from service.payments.wire import parsed, read_event, read_payment
from service.store.session import Store
from service.store.tables import payments, stripe_events
from service.store.watermarks import reach, reached

T = TypeVar("T")
WATERMARK = "reconcile"
# Younger events may still be on their way.
GRACE = timedelta(minutes=5)
# Looked at again by the next run: Stripe's lists may lag behind its events.
OVERLAP = timedelta(hours=2)
# As long as Stripe keeps events.
FIRST = timedelta(days=30)
_AT_ONCE = 500
_INTENTS = frozenset({"payment_intent", "setup_intent"})


@dataclass(frozen=True)
class Reconciled:
    """What one run found.

    Attributes:
        since: from when on it looked.
        until: up to when.
        events: how many events Stripe has of that time.
        missed: how many of them had not come, by type.
        objects: how many objects were compared, by kind.
        differed: how many of them the ledger had otherwise, by kind; now it has them so.
    """

    since: datetime
    until: datetime
    events: int
    missed: Mapping[str, int]
    objects: Mapping[str, int]
    differed: Mapping[str, int]


@dataclass
class _Run:
    store: Store
    now: datetime
    events: int = 0
    missed: Counter[str] = field(default_factory=Counter)
    objects: Counter[str] = field(default_factory=Counter)
    differed: Counter[str] = field(default_factory=Counter)


def reconcile(
    store: Store,
    books: Books,
    *,
    now: datetime,
    since: datetime | None = None,
    grace: timedelta = GRACE,
    told: Callable[[str], None] = lambda _what: None,
) -> Reconciled:
    """Compare the ledger with Stripe and mend it.

    Args:
        store: whose ledger.
        books: Stripe's own word.
        now: the time, UTC.
        since: from when on; by default from a little before the last run ended.
        grace: how long an event may take to come by itself.
        told: called with what is being looked at.

    Raises:
        PaymentBusy: Stripe asked to slow down; what was found so far is kept.
        PaymentIndeterminate: Stripe does not answer; the same.
        StoreUnavailable: the database does not answer; the next run begins where this one did.
    """
    begin = since or _begin(store, now)
    run, until = _Run(store, now), now - grace
    told("events")
    for payloads in _chunks(books.events(since=begin, until=until)):
        _take_events(run, payloads)
    for kind in LISTED:
        told(kind)
        for objects in _chunks(books.listed(kind, since=begin)):
            _compare(run, kind, [obj for obj in objects if _made(obj) <= until])
    with store.write() as connection:
        reach(connection, WATERMARK, until.isoformat())
    return Reconciled(begin, until, run.events, run.missed, run.objects, run.differed)


def _begin(store: Store, now: datetime) -> datetime:
    with store.read() as connection:
        last = reached(connection, WATERMARK)
    return datetime.fromisoformat(last) - OVERLAP if last else now - FIRST


def _chunks(found: Iterable[T]) -> Iterator[list[T]]:
    """Some at a time: few enough for one transaction, enough to save most of them."""
    left = iter(found)
    while chunk := list(islice(left, _AT_ONCE)):
        yield chunk


def _take_events(run: _Run, payloads: Sequence[bytes]) -> None:
    run.events += len(payloads)
    told = {_id(payload): payload for payload in payloads}
    known = select(stripe_events.c.event_id).where(stripe_events.c.event_id.in_(sorted(told)))
    with run.store.read() as connection:
        missing = told.keys() - set(connection.scalars(known))
    if not missing:
        return
    arrivals = _read(run, (told[event_id] for event_id in sorted(missing)))
    with run.store.write() as connection:
        take(connection, arrivals, source=RECONCILE)
    run.missed.update(arrival.event.type for arrival in arrivals)


def _id(payload: bytes) -> str:
    """Most have come before: of those nothing else is asked."""
    event = parsed(payload)
    found = event.get("id") if isinstance(event, dict) else None
    return found if isinstance(found, str) else read_event(payload).event_id


def _read(run: _Run, payloads: Iterable[bytes]) -> list[Arrival]:
    return [Arrival(read_event(payload), payload, run.now) for payload in payloads]


def _compare(run: _Run, kind: str, objects: Sequence[Mapping[str, Any]]) -> None:
    run.objects[kind] += len(objects)
    with run.store.read() as connection:
        looked = _looked_at(connection, kind, objects, run.now)
    otherwise = [
        _as_event(kind, obj, observed_at) for obj, observed_at in looked if observed_at is not None
    ]
    if not otherwise:
        return
    with run.store.write() as connection:
        take(connection, _read(run, otherwise), source=RECONCILE)
    run.differed[kind] += len(otherwise)


def _made(obj: Mapping[str, Any]) -> datetime:
    return datetime.fromtimestamp(int(obj["created"]), UTC)


def _looked_at(
    connection: Connection, kind: str, objects: Sequence[Mapping[str, Any]], now: datetime
) -> list[tuple[Mapping[str, Any], datetime | None]]:
    """Each object, and when it was seen to be otherwise than the ledger has it, or None."""
    if kind in _INTENTS:
        known = _rows(connection, payments, [str(obj["id"]) for obj in objects])
        return [
            (obj, now if _payment_differs(known.get(obj["id"]), obj) else None) for obj in objects
        ]
    observed_at = now.replace(microsecond=0)
    read = [
        read_snapshots(f"{RECONCILE}.{kind}", "", {"object": obj}, observed_at) or []
        for obj in objects
    ]
    kept = _kept(connection, [snapshot for each in read for snapshot in each])
    return [
        (obj, _differs(kept, snapshots, observed_at))
        for obj, snapshots in zip(objects, read, strict=True)
    ]


def _differs(
    kept: Mapping[tuple[Table, str], Any], told: Sequence[Snapshot], observed_at: datetime
) -> datetime | None:
    for snapshot in told:
        row = kept.get(_place(snapshot))
        if row is None:
            return observed_at
        known = snapshot_of(type(snapshot), row)
        # Of a moment in the future, as a simulator's clock has it, the fetched word is newer still.
        observed_at = max(observed_at, known.observed_at)
        if _content(joined(known, snapshot)) != _content(known):
            return observed_at
    return None


def _kept(connection: Connection, told: Sequence[Snapshot]) -> dict[tuple[Table, str], Any]:
    """The rows of what is described, a query for each table."""
    keys: dict[Table, list[str]] = {}
    for table, key in map(_place, told):
        keys.setdefault(table, []).append(key)
    return {
        (table, key): row
        for table, wanted in keys.items()
        for key, row in _rows(connection, table, wanted).items()
    }


def _rows(connection: Connection, table: Table, keys: Sequence[str]) -> dict[str, Row[Any]]:
    (key,) = table.primary_key.columns
    found = connection.execute(select(table).where(key.in_(keys)))
    return {getattr(row, key.name): row for row in found}


def _place(snapshot: Snapshot) -> tuple[Table, str]:
    return TABLES[type(snapshot)], key_of(snapshot)


def _content(snapshot: Any) -> dict[str, Any]:
    return {k: v for k, v in vars(snapshot).items() if k not in {"observed_at", "version"}}


def _payment_differs(row: Row[Any] | None, obj: Mapping[str, Any]) -> bool:
    payment = read_payment(obj)
    if row is None:
        return True
    proved = Standing(row.proved)
    return (
        join_standings(proved, standing_of(payment)) is not proved
        or payment.amount_received > row.amount_received
    )


def _as_event(kind: str, obj: Mapping[str, Any], observed_at: datetime) -> bytes:
    """The object in an event's clothes, known by what it says: fetched twice, it is stored once."""
    told = json.dumps(obj, sort_keys=True)
    digest = hashlib.sha256(f"{told}{observed_at}".encode()).hexdigest()[:24]
    event = {
        "id": f"fetched:{obj['id']}:{digest}",
        "object": "event",
        "type": f"{RECONCILE}.{kind}",
        "created": int(observed_at.timestamp()),
        "livemode": bool(obj.get("livemode", False)),
        "data": {"object": obj},
    }
    return json.dumps(event).encode()
