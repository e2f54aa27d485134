"""What customers agreed that a payment method may be kept for, as Stripe's events tell it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from service.payments.wire import StripeEvent
from service.store.session import insert_new
from service.store.tables import consents, payments, stripe_events

_DETACHED = "payment_method.detached"
# A bank debit is agreed to when it is asked for, and settled days later.
_AGREED = frozenset(
    {"payment_intent.processing", "payment_intent.succeeded", "setup_intent.succeeded"}
)

_KINDS = ("on_session", "off_session")


def learn_consents(connection: Connection, told: Sequence[StripeEvent]) -> None:
    """Write down which payment methods may be kept, and which may not any more.

    Args:
        connection: the transaction that stored the events.
        told: in any order, and as often as they come.
    """
    detached = {event.object_id: event for event in told if event.type == _DETACHED}
    for method in sorted(filter(None, detached)):
        connection.execute(_WITHDRAW, {"method": method, "at": detached[method].created_at})
    agreed = [event for event in told if event.type in _AGREED and _agreement(event) is not None]
    if not agreed:
        return
    paid = {"payments": sorted({each.payment_intent_id or "" for each in agreed})}
    checkout_of = dict(connection.execute(_CHECKOUTS, paid).all())
    methods = {"methods": sorted({each.data["object"]["payment_method"] for each in agreed})}
    # Told of before the consent was.
    withdrawn_at = dict(connection.execute(_WITHDRAWN, methods).all())
    given = [
        {
            "payment_method_id": obj["payment_method"],
            "kind": _agreement(event),
            "customer_id": obj["customer"],
            "checkout_id": checkout_of.get(event.payment_intent_id or ""),
            "given_at": _given_at(obj, event),
            "withdrawn_at": withdrawn_at.get(obj["payment_method"]),
        }
        for event, obj in ((event, event.data["object"]) for event in agreed)
    ]
    # In one order, so that two transactions with the same methods queue.
    given.sort(key=lambda row: (row["payment_method_id"], row["kind"]))
    insert_new(connection, consents, given)


def _agreement(event: StripeEvent) -> str | None:
    """What a customer agreed to with a method of theirs, or None."""
    obj = event.data["object"]
    kind = obj.get("usage") or obj.get("setup_future_usage")
    theirs = isinstance(obj.get("payment_method"), str) and isinstance(obj.get("customer"), str)
    return kind if kind in _KINDS and theirs else None


def _given_at(obj: Mapping[str, Any], event: StripeEvent) -> datetime:
    made = obj.get("created")
    early = datetime.fromtimestamp(made, UTC) if isinstance(made, int) else event.created_at
    return min(early, event.created_at)


_WITHDRAW = (
    update(consents)
    .where(consents.c.payment_method_id == bindparam("method"))
    .values(withdrawn_at=bindparam("at"))
)
_CHECKOUTS = select(payments.c.payment_intent_id, payments.c.checkout_id).where(
    payments.c.payment_intent_id.in_(bindparam("payments", expanding=True))
)
_WITHDRAWN = (
    select(stripe_events.c.object_id, func.min(stripe_events.c.created_at))
    .where(
        stripe_events.c.object_id.in_(bindparam("methods", expanding=True)),
        stripe_events.c.type == _DETACHED,
    )
    .group_by(stripe_events.c.object_id)
)
