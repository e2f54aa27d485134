"""Where a payment stands: by its intent, and by all of its charges."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.payments.gateway import Payment, PaymentStatus
from service.payments.ledger.facts import ChargeStatus


class Standing(StrEnum):
    """Where a payment stands in the ledger; a later member outranks an earlier one."""

    OPEN = "open"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    FAILED = "failed"
    CANCELED = "canceled"
    SUCCEEDED = "succeeded"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What the ledger has of a payment. Amounts in minor units of ``currency``.

    Attributes:
        checkout_id: None: paid outside any checkout, as a renewal is.
        status: what its intent and all of its charges prove.
        proved: what the intent alone has proved.
        mismatch: Stripe's amount or currency is not the checkout's.
    """

    payment_intent_id: str
    checkout_id: str | None
    customer_id: str | None
    status: Standing
    proved: Standing
    amount: int
    amount_received: int = 0
    currency: str
    mismatch: bool = False
    succeeded_at: datetime | None = None
    created_at: datetime | None = None


_STANDING_RANK = {standing: rank for rank, standing in enumerate(Standing)}
_STANDING = {
    PaymentStatus.REQUIRES_ACTION: Standing.REQUIRES_ACTION,
    PaymentStatus.CANCELED: Standing.CANCELED,
    PaymentStatus.SUCCEEDED: Standing.SUCCEEDED,
}


def standing_of(payment: Payment) -> Standing:
    """What a PaymentIntent alone proves: a decline shows by its failure, not by its status."""
    if payment.failure is not None and payment.status is PaymentStatus.REQUIRES_PAYMENT_METHOD:
        return Standing.FAILED
    return _STANDING.get(payment.status, Standing.OPEN)


def join_standings(one: Standing, other: Standing) -> Standing:
    """The one further along."""
    return max(one, other, key=_STANDING_RANK.__getitem__)


def settled(proved: Standing, charges: Iterable[ChargeStatus]) -> Standing:
    """Where the payment stands, given what its intent proved and all of its charges.

    A pending charge outranks an earlier failed one: that is a retry under way.
    """
    if proved in {Standing.SUCCEEDED, Standing.CANCELED}:
        return proved
    statuses = set(charges)
    if ChargeStatus.PENDING in statuses:
        return Standing.PROCESSING
    if ChargeStatus.FAILED in statuses:
        return Standing.FAILED
    return proved
