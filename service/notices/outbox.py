"""The outbox: notices wait here from the transaction that caused them until they are sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, and_, select, update

from service.notices.kinds import Kind
from service.notices.letters import Matter
from service.store.session import insert_once
from service.store.tables import invoices, notices

# Longer than a mail server's slowest answer: nobody else sends the same meanwhile.
LEASE = timedelta(minutes=2)
# After that nobody needs to hear of it any more.
LIFETIME = timedelta(days=3)
_ASKING = frozenset(
    {
        Kind.INVOICE_SENT,
        Kind.INVOICE_OVERDUE,
        Kind.INVOICE_PARTLY_PAID,
        Kind.PAYMENT_FAILED,
        Kind.PAYMENT_FAILED_FINALLY,
        Kind.PAYMENT_ACTION_REQUIRED,
    }
)
_NOTHING_LEFT = frozenset({"paid", "void", "uncollectible"})


class State(StrEnum):
    """What became of a notice."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"
    """The mail server will not take it."""
    OBSOLETE = "obsolete"
    """What it asks for was done meanwhile, or it is too late."""


@dataclass(frozen=True)
class Notice:
    """A notice before it is written.

    Attributes:
        notice_id: the same for the same cause, so that nobody is told twice.
        address: the customer's e-mail address.
        locale: the customer's, or None.
        invoice_id: what it asks to be paid, or None.
    """

    notice_id: str
    kind: Kind
    address: str
    matter: Matter
    locale: str | None = None
    invoice_id: str | None = None


def post(connection: Connection, notice: Notice, *, now: datetime) -> bool:
    """Put a notice into the outbox; False when it was there before."""
    row = {
        "notice_id": notice.notice_id,
        "kind": notice.kind.value,
        "address": notice.address,
        "locale": notice.locale,
        "invoice_id": notice.invoice_id,
        "matter": _kept(notice.matter),
        "state": State.PENDING.value,
        "tries": 0,
        "created_at": now,
        "due_at": now,
    }
    return bool(insert_once(connection, notices, [row]))


def claim(connection: Connection, *, now: datetime, limit: int) -> list[Notice]:
    """Take notices that are due, for as long as `LEASE`; those that came too late are put away."""
    due = (
        select(notices, invoices.c.status.label("invoice_status"))
        .outerjoin(invoices, invoices.c.invoice_id == notices.c.invoice_id)
        .where(notices.c.state == State.PENDING.value, notices.c.due_at <= now)
        .order_by(notices.c.due_at, notices.c.notice_id)
        .limit(limit)
        .with_for_update(of=notices, skip_locked=True)
    )
    claimed = []
    for row in connection.execute(due).all():
        if _obsolete(row, now):
            settle(connection, row.notice_id, State.OBSOLETE, now=now)
        else:
            _change(connection, row.notice_id, due_at=now + LEASE, tries=row.tries + 1)
            claimed.append(_read(row))
    return claimed


def put_away(connection: Connection, *, now: datetime) -> int:
    """Forget notices that nobody sent in time, and whom they were for; how many."""
    late = and_(notices.c.state == State.PENDING.value, notices.c.created_at < now - LIFETIME)
    gone = {"state": State.OBSOLETE.value, "address": ""}
    return connection.execute(update(notices).where(late).values(**gone)).rowcount


def settle(
    connection: Connection,
    notice_id: str,
    state: State,
    *,
    now: datetime,
    error: str | None = None,
) -> None:
    """Write down the end of a notice, and forget whom it was for."""
    sent_at = now if state is State.SENT else None
    _change(connection, notice_id, state=state.value, sent_at=sent_at, error=error, address="")


def postpone(connection: Connection, notice_id: str, *, now: datetime, error: str) -> bool:
    """Try again later: after a minute, two, four, … an hour at most; False where it was sent."""
    waiting = and_(notices.c.notice_id == notice_id, notices.c.state == State.PENDING.value)
    tries = connection.execute(select(notices.c.tries).where(waiting)).scalar_one_or_none()
    if tries is None:
        return False
    pause = min(timedelta(minutes=2 ** min(tries - 1, 6)), timedelta(hours=1))
    _change(connection, notice_id, due_at=now + pause, error=error)
    return True


def _obsolete(row: Row[Any], now: datetime) -> bool:
    if now - row.created_at > LIFETIME:
        return True
    return Kind(row.kind) in _ASKING and row.invoice_status in _NOTHING_LEFT


def _change(connection: Connection, notice_id: str, **values: Any) -> None:
    here = notices.c.notice_id == notice_id
    connection.execute(update(notices).where(here).values(**values))


def _read(row: Row[Any]) -> Notice:
    return Notice(
        row.notice_id, Kind(row.kind), row.address, _told(row.matter), row.locale, row.invoice_id
    )


def _kept(matter: Matter) -> dict[str, Any]:
    kept = dict(vars(matter))
    moments = {name: kept[name] and kept[name].isoformat() for name in ("due", "next_try")}
    return kept | moments


def _told(kept: Mapping[str, Any]) -> Matter:
    moments = {name: kept[name] and _moment(kept[name]) for name in ("due", "next_try")}
    return Matter(**{**kept, **moments})


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
