"""How facts about one payment add up, whatever order and however often they arrive.

Each fact is a point in a join-semilattice: joining is commutative, associative and idempotent,
so duplicates, reordering and lateness can't change the sum.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from service.payments.gateway import Payment, PaymentStatus


class ChargeStatus(StrEnum):
    """Where a charge stands; a later member outranks an earlier one."""

    PENDING = "pending"
    FAILED = "failed"
    SUCCEEDED = "succeeded"


class Standing(StrEnum):
    """Where a payment stands in the ledger; a later member outranks an earlier one."""

    OPEN = "open"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    FAILED = "failed"
    CANCELED = "canceled"
    SUCCEEDED = "succeeded"


_DETAILS = ("brand", "funding", "country", "network_status", "failure_code", "decline_code")
_CHARGE_RANK = {status: rank for rank, status in enumerate(ChargeStatus)}
_STANDING_RANK = {standing: rank for rank, standing in enumerate(Standing)}
_STANDING = {
    PaymentStatus.REQUIRES_ACTION: Standing.REQUIRES_ACTION,
    PaymentStatus.CANCELED: Standing.CANCELED,
    PaymentStatus.SUCCEEDED: Standing.SUCCEEDED,
}


@dataclass(frozen=True)
class Charge:
    """One charge: at most one for each try. Amounts in minor units of ``currency``."""

    charge_id: str
    payment_intent_id: str
    status: ChargeStatus
    amount: int
    currency: str
    charged_at: datetime
    amount_refunded: int = 0
    disputed: bool = False
    brand: str | None = None
    funding: str | None = None
    country: str | None = None
    network_status: str | None = None
    failure_code: str | None = None
    decline_code: str | None = None


def join_charges(one: Charge, other: Charge) -> Charge:
    """Everything both say, field by field: each field is a small lattice of its own."""
    details: dict[str, Any] = {
        name: _known(getattr(one, name), getattr(other, name)) for name in _DETAILS
    }
    return replace(
        one,
        status=max(one.status, other.status, key=_CHARGE_RANK.__getitem__),
        amount=max(one.amount, other.amount),
        amount_refunded=max(one.amount_refunded, other.amount_refunded),
        disputed=one.disputed or other.disputed,
        charged_at=min(one.charged_at, other.charged_at),
        **details,
    )


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


def _known(one: str | None, other: str | None) -> str | None:
    return max(filter(None, (one, other)), default=None)
