"""What customers agreed that a payment method may be kept for, as Stripe's events tell it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select, update

from service.payments.wire import StripeEvent
from service.store.session import insert_or_read
from service.store.tables import consents, payments, stripe_events

_DETACHED = "payment_method.detached"
# A bank debit is agreed to when it is asked for, and settled days later.
_AGREED = frozenset(
    {"payment_intent.processing", "payment_intent.succeeded", "setup_intent.succeeded"}
)

_KINDS = ("on_session", "off_session")


def learn_consent(connection: Connection, event: StripeEvent) -> None:
    """Write down that a payment method may be kept, or that it may not any more.

    Args:
        connection: the transaction that stored the event.
        event: in any order, and as often as it comes.
    """
    obj: Mapping[str, Any] = event.data["object"]
    if event.type == _DETACHED:
        here = consents.c.payment_method_id == event.object_id
        connection.execute(update(consents).where(here).values(withdrawn_at=event.created_at))
    elif event.type in _AGREED:
        kind = obj.get("usage") or obj.get("setup_future_usage")
        method, customer = obj.get("payment_method"), obj.get("customer")
        if kind in _KINDS and isinstance(method, str) and isinstance(customer, str):
            row = {
                "payment_method_id": method,
                "kind": kind,
                "customer_id": customer,
                "checkout_id": _checkout_of(connection, event),
                "given_at": _given_at(obj, event),
                "withdrawn_at": _withdrawn_at(connection, method),
            }
            insert_or_read(connection, consents, row)


def _given_at(obj: Mapping[str, Any], event: StripeEvent) -> datetime:
    made = obj.get("created")
    early = datetime.fromtimestamp(made, UTC) if isinstance(made, int) else event.created_at
    return min(early, event.created_at)


def _checkout_of(connection: Connection, event: StripeEvent) -> str | None:
    here = payments.c.payment_intent_id == event.payment_intent_id
    found: str | None = connection.scalar(select(payments.c.checkout_id).where(here))
    return found


def _withdrawn_at(connection: Connection, method: str) -> datetime | None:
    """Told of before the consent was."""
    here = (stripe_events.c.object_id == method) & (stripe_events.c.type == _DETACHED)
    found: datetime | None = connection.scalar(select(stripe_events.c.created_at).where(here))
    return found
