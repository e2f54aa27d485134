"""The ledger made anew out of the raw events, while the service runs.

Subject by subject, each in a short transaction of its own: a payment with all that is told of it,
or any other object. An interrupted rebuild goes on where it was; repeated, it changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, and_, delete, exists, func, or_, select, union_all

from experiments import LEDGER_EVENTS
from service.errors import Malformed
from service.payments.ledger.applying import (
    apply_event,
    link_payment,
    mark,
    one_at_a_time,
)
from service.payments.ledger.facts import Charge
from service.payments.ledger.reading import read_snapshots
from service.payments.ledger.snapshots import TABLES
from service.payments.wire import StripeEvent, read_event
from service.store.session import Store
from service.store.tables import (
    authentications,
    bills,
    card_updates,
    charges,
    confirmations,
    events,
    invoice_lines,
    payments,
    stripe_events,
)
from service.store.watermarks import forget, reach, reached

WATERMARK = "ledger rebuild"
_AT_ONCE = 20
# What Stripe answered when it was asked for a payment or for a bill.
_ANSWERED = union_all(
    *(select(table.c.checkout_id, table.c.payment_intent_id) for table in (confirmations, bills))
).subquery("answered")
_SUBJECT = func.coalesce(stripe_events.c.payment_intent_id, stripe_events.c.object_id)


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild went through.

    Attributes:
        subjects: payments and other objects.
        events: that were applied again.
        before, after: digests of the whole ledger; the same when nothing was amiss.
    """

    subjects: int
    events: int
    before: str
    after: str

    @property
    def identical(self) -> bool:
        """Whether the ledger was what its events say."""
        return self.before == self.after


def rebuild(store: Store, *, told: Callable[[int, int], None] = lambda _done, _of: None) -> Rebuilt:
    """Make the ledger anew.

    Args:
        store: whose ledger.
        told: called with how many of how many subjects are done.

    Raises:
        StoreUnavailable: the database went away; the next rebuild goes on from here.
    """
    before = digest(store)
    total = _count(store)
    done = applied = 0
    while subjects := _next_subjects(store):
        for subject in subjects:
            applied += _rebuild_subject(store, subject)
            done += 1
        told(done, total)
    _remove_strangers(store)
    _open_what_nothing_was_told_of(store)
    with store.write() as connection:
        forget(connection, WATERMARK)
    return Rebuilt(done, applied, before, digest(store))


def digest(store: Store) -> str:
    """A hash over every row of the ledger, and over every event of the funnel that it wrote."""
    found = hashlib.sha256()
    with store.read() as connection:
        for table in [payments, *TABLES.values()]:
            _add(found, connection, table, ())
        _add(found, connection, events, (events.c.name.in_(sorted(LEDGER_EVENTS)),))
    return found.hexdigest()


def _add(found: Any, connection: Connection, table: Table, where: Iterable[Any]) -> None:
    (key,) = table.primary_key.columns
    rows = connection.execution_options(yield_per=1000).execute(
        select(table).where(*where).order_by(key)
    )
    found.update(table.name.encode())
    for row in rows:
        found.update(json.dumps(list(row), default=str, sort_keys=True).encode())


def _count(store: Store) -> int:
    with store.read() as connection:
        count = select(func.count(func.distinct(_SUBJECT))).where(_SUBJECT.is_not(None))
        return connection.execute(count).scalar_one()


def _next_subjects(store: Store) -> list[str]:
    with store.read() as connection:
        last = reached(connection, WATERMARK) or ""
        following = (
            select(_SUBJECT.label("subject"))
            .where(last < _SUBJECT)
            .group_by(_SUBJECT)
            .order_by(_SUBJECT)
            .limit(_AT_ONCE)
        )
        return list(connection.scalars(following))


def _rebuild_subject(store: Store, subject: str) -> int:
    told = (
        select(stripe_events.c.event_id, stripe_events.c.payload, stripe_events.c.received_at)
        .where(_SUBJECT.in_([subject]))
        .order_by(stripe_events.c.received_at, stripe_events.c.event_id)
    )
    with store.write() as connection:
        one_at_a_time(connection, subject)
        rows = [(row, read_event(row.payload)) for row in connection.execute(told).all()]
        _forget_subject(connection, subject, [event for _, event in rows])
        _link(connection, subject)
        for row, event in rows:
            mark(
                connection,
                row.event_id,
                apply_event(connection, event, received_at=row.received_at),
            )
        reach(connection, WATERMARK, subject)
    return len(rows)


def _forget_subject(connection: Connection, subject: str, told: list[StripeEvent]) -> None:
    known = select(charges.c.charge_id).where(charges.c.payment_intent_id == subject)
    keys = [subject, *connection.scalars(known)]
    written = [f"{name}:{key}" for name in LEDGER_EVENTS for key in keys]
    connection.execute(
        delete(events).where(
            or_(
                events.c.event_id.in_(written),
                *(events.c.event_id.like(f"{name}:{subject}:%") for name in LEDGER_EVENTS),
            )
        )
    )
    connection.execute(delete(payments).where(payments.c.payment_intent_id == subject))
    about = authentications.c.payment_intent_id == subject
    connection.execute(delete(authentications).where(about))
    connection.execute(delete(charges).where(charges.c.payment_intent_id == subject))
    for table, key in _described(told):
        (column,) = table.primary_key.columns
        connection.execute(delete(table).where(column == key))


def _described(told: list[StripeEvent]) -> set[tuple[Table, str]]:
    found: set[tuple[Table, str]] = set()
    for event in told:
        try:
            snapshots = read_snapshots(event.type, event.event_id, event.data, event.created_at)
        except Malformed:
            continue
        for snapshot in snapshots or []:
            table = TABLES[type(snapshot)]
            (key,) = table.primary_key.columns
            found.add((table, getattr(snapshot, key.name)))
    return found


def _link(connection: Connection, payment_intent_id: str) -> None:
    """What Stripe answered when it was asked for: whose the payment is."""
    ours = select(_ANSWERED.c.checkout_id).where(_ANSWERED.c.payment_intent_id == payment_intent_id)
    checkout_id = connection.scalars(ours.limit(1)).first()
    if checkout_id is not None:
        link_payment(connection, checkout_id, payment_intent_id)


def _remove_strangers(store: Store) -> None:
    """Rows that no event tells of."""
    with store.write() as connection:
        for kind, table in TABLES.items():
            connection.execute(delete(table).where(~_told_of(kind, table)))


def _told_of(kind: type[Any], table: Table) -> Any:
    (key,) = table.primary_key.columns
    if table is card_updates:
        return exists().where(stripe_events.c.event_id == key)
    if table is invoice_lines:
        return exists().where(stripe_events.c.object_id == table.c.invoice_id)
    if table is authentications:
        return exists().where(stripe_events.c.object_id == table.c.payment_intent_id)
    told = exists().where(stripe_events.c.object_id == key)
    if kind is Charge:
        # A pending one is known from its PaymentIntent before its own event comes.
        by_intent = and_(stripe_events.c.object_id == table.c.payment_intent_id)
        return or_(told, exists().where(by_intent))
    return told


def _open_what_nothing_was_told_of(store: Store) -> None:
    """Payments that Stripe answered with and has not sent an event of yet."""
    missing = (
        select(_ANSWERED)
        .outerjoin(payments, payments.c.payment_intent_id == _ANSWERED.c.payment_intent_id)
        .where(
            _ANSWERED.c.payment_intent_id.is_not(None),
            payments.c.payment_intent_id.is_(None),
        )
        .distinct()
    )
    with store.write() as connection:
        for row in connection.execute(missing).all():
            link_payment(connection, row.checkout_id, row.payment_intent_id)
