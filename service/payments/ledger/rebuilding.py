"""The ledger made anew out of the raw events, while the service runs.

Subject by subject, each in a short transaction of its own: a payment with all that is told of it,
or any other object. An interrupted rebuild goes on where it was; repeated, it changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, and_, delete, exists, func, or_, select, union, union_all

from experiments import LEDGER_EVENTS
from service.payments.ledger.applying import (
    Told,
    apply_all,
    link_payment,
    mark,
    read,
    subjects_of,
)
from service.payments.ledger.facts import Charge
from service.payments.ledger.rows import TABLES, Rows, key_of
from service.payments.wire import read_event
from service.store.session import Store
from service.store.tables import (
    authentications,
    bills,
    card_updates,
    charges,
    confirmations,
    events,
    invoice_lines,
    invoice_payments,
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
        applied += _rebuild_subjects(store, subjects)
        done += len(subjects)
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


def _rebuild_subjects(store: Store, subjects: Sequence[str]) -> int:
    stored = (
        select(stripe_events.c.event_id, stripe_events.c.payload, stripe_events.c.received_at)
        .where(_SUBJECT.in_(subjects))
        .order_by(stripe_events.c.received_at, stripe_events.c.event_id)
    )
    with store.write() as connection:
        rows = Rows(connection)
        rows.hold({*subjects, *_bound(connection, subjects)})
        told = [
            read(read_event(row.payload), received_at=row.received_at)
            for row in connection.execute(stored)
        ]
        rows.hold(subjects_of(connection, told))
        _forget_subjects(connection, subjects, told)
        _link(rows, subjects)
        mark(connection, told, apply_all(rows, told))
        rows.write()
        reach(connection, WATERMARK, subjects[-1])
    return len(told)


def _bound(connection: Connection, subjects: Sequence[str]) -> list[str]:
    """Payments of these invoices, and invoices of these payments: held together, in one order."""
    pairs = [
        (one, other)
        for table in (bills, invoice_payments)
        for one, other in (
            (table.c.invoice_id, table.c.payment_intent_id),
            (table.c.payment_intent_id, table.c.invoice_id),
        )
    ]
    bound = union(
        *(select(one).where(other.in_(subjects), one.is_not(None)) for one, other in pairs)
    )
    return list(connection.scalars(bound))


def _forget_subjects(connection: Connection, subjects: Sequence[str], told: Sequence[Told]) -> None:
    paid = charges.c.payment_intent_id.in_(subjects)
    known = connection.scalars(select(charges.c.charge_id).where(paid)).all()
    written = [f"{name}:{key}" for name in LEDGER_EVENTS for key in (*subjects, *known)]
    # Of an order of Kassa alone events are written; of a try without a charge by its card.
    ordered = connection.scalars(
        select(payments.c.payment_intent_id)
        .where(payments.c.payment_intent_id.in_(subjects), payments.c.checkout_id.is_not(None))
        .union(
            select(_ANSWERED.c.payment_intent_id).where(_ANSWERED.c.payment_intent_id.in_(subjects))
        )
    ).all()
    by_card = [
        events.c.event_id.like(f"{name}:{subject}:%")
        for name in LEDGER_EVENTS
        for subject in ordered
    ]
    connection.execute(delete(events).where(or_(events.c.event_id.in_(written), *by_card)))
    connection.execute(delete(payments).where(payments.c.payment_intent_id.in_(subjects)))
    connection.execute(
        delete(authentications).where(authentications.c.payment_intent_id.in_(subjects))
    )
    connection.execute(delete(charges).where(paid))
    described: dict[Table, set[str]] = defaultdict(set)
    for each in told:
        for snapshot in each.snapshots:
            described[TABLES[type(snapshot)]].add(key_of(snapshot))
    for table, keys in described.items():
        (column,) = table.primary_key.columns
        connection.execute(delete(table).where(column.in_(sorted(keys))))


def _link(rows: Rows, payment_intent_ids: Sequence[str]) -> None:
    """What Stripe answered when it was asked for: whose the payments are."""
    ours = select(_ANSWERED).where(_ANSWERED.c.payment_intent_id.in_(payment_intent_ids)).distinct()
    for row in rows.connection.execute(ours).all():
        link_payment(rows, row.checkout_id, row.payment_intent_id)


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
        rows = Rows(connection)
        found = connection.execute(missing).all()
        rows.hold({row.payment_intent_id for row in found})
        for row in found:
            link_payment(rows, row.checkout_id, row.payment_intent_id)
        rows.write()
