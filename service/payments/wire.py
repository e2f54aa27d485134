"""Stripe's JSON, read into Kassa's words: API answers and webhook bodies alike."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, ValidationError

from service.errors import Malformed
from service.payments.gateway import Failure, Payment, PaymentStatus
from service.payments.lattice import Charge, ChargeStatus

_M = TypeVar("_M", bound=BaseModel)


_Id = Annotated[str, StringConstraints(max_length=255, pattern=r"^[A-Za-z0-9_:.-]+$")]
_Seconds = Annotated[int, Field(ge=0, lt=250_000_000_000)]
_Currency = Annotated[str, StringConstraints(pattern=r"^[a-z]{3}$")]
# Said by banks and networks: kept as it is, but PostgreSQL can't hold a NUL.
_Said = Annotated[str, AfterValidator(lambda text: text.replace("\0", ""))]


class _Object(BaseModel):
    """Of Stripe's objects only what Kassa uses is read; the raw body is kept beside it."""

    id: _Id


class _Decline(BaseModel):
    code: _Said | None = None
    type: _Said | None = None
    decline_code: _Said | None = None
    charge: _Id | None = None
    payment_method: _Id | _Object | None = None


class _Intent(_Object):
    status: PaymentStatus
    amount: int
    amount_received: int = 0
    currency: _Currency
    metadata: dict[str, str] | None = None
    latest_charge: _Id | _Object | None = None
    last_payment_error: _Decline | None = None
    client_secret: str | None = None


class _Outcome(BaseModel):
    network_status: _Said | None = None
    reason: _Said | None = None


class _Card(BaseModel):
    brand: _Said | None = None
    funding: _Said | None = None
    country: _Said | None = None


class _Method(BaseModel):
    card: _Card | None = None


class _Charge(_Object):
    status: ChargeStatus
    amount: int
    amount_refunded: int = 0
    currency: _Currency
    created: _Seconds
    disputed: bool = False
    payment_intent: _Id | _Object | None = None
    metadata: dict[str, str] | None = None
    failure_code: _Said | None = None
    outcome: _Outcome | None = None
    payment_method_details: _Method | None = None


class _Dispute(_Object):
    charge: _Id


class _Event(_Object):
    type: Annotated[str, StringConstraints(max_length=128, pattern=r"^[a-z0-9_.]+$")]
    created: _Seconds
    livemode: bool

    class _Data(BaseModel):
        object: dict[str, Any]

    data: _Data


@dataclass(frozen=True)
class ChargeFact:
    """A charge was described."""

    charge: Charge
    order_id: str | None


@dataclass(frozen=True)
class DisputeFact:
    """A charge was disputed."""

    charge_id: str


@dataclass(frozen=True)
class Unreadable:
    """An event that Kassa has a use for, in a shape it does not know."""

    reason: str


Fact = Payment | ChargeFact | DisputeFact | Unreadable


@dataclass(frozen=True)
class StripeEvent:
    """One webhook.

    Attributes:
        fact: what it teaches, or None when Kassa has no use for it.
        payment_intent_id: what it is about, where it says so.
    """

    event_id: str
    type: str
    created_at: datetime
    livemode: bool
    payment_intent_id: str | None
    fact: Fact | None


def read_payment(obj: Mapping[str, Any]) -> Payment:
    """A PaymentIntent.

    Raises:
        Malformed: it does not have Stripe's shape.
    """
    intent = _validated(_Intent, obj)
    return Payment(
        payment_intent_id=intent.id,
        status=intent.status,
        amount=intent.amount,
        amount_received=intent.amount_received,
        currency=intent.currency,
        order_id=(intent.metadata or {}).get("order_id"),
        charge_id=_id(intent.latest_charge),
        failure=_failure(intent.last_payment_error),
        client_secret=intent.client_secret,
    )


def read_event(body: bytes | str) -> StripeEvent:
    """A webhook's body, after its signature was verified.

    Raises:
        Malformed: it is not a snapshot event.
    """
    try:
        event = _validated(_Event, json.loads(body))
    except (ValueError, RecursionError) as exc:
        raise Malformed("the body is not JSON") from exc
    return StripeEvent(
        event_id=event.id,
        type=event.type,
        created_at=datetime.fromtimestamp(event.created, UTC),
        livemode=event.livemode,
        payment_intent_id=_payment_intent_id(event),
        fact=_fact(event),
    )


def _fact(event: _Event) -> Fact | None:
    reader = _READERS.get(event.type)
    if reader is None:
        return None
    try:
        return reader(event.data.object)
    except Malformed as exc:
        return Unreadable(str(exc))


def _read_charge(obj: Mapping[str, Any]) -> ChargeFact | None:
    charge = _validated(_Charge, obj)
    intent = _id(charge.payment_intent)
    if intent is None:
        return None
    card = charge.payment_method_details and charge.payment_method_details.card
    outcome = charge.outcome or _Outcome()
    return ChargeFact(
        Charge(
            charge_id=charge.id,
            payment_intent_id=intent,
            status=charge.status,
            amount=charge.amount,
            amount_refunded=charge.amount_refunded,
            currency=charge.currency,
            disputed=charge.disputed,
            charged_at=datetime.fromtimestamp(charge.created, UTC),
            brand=card.brand if card else None,
            funding=card.funding if card else None,
            country=card.country if card else None,
            network_status=outcome.network_status,
            failure_code=charge.failure_code,
            decline_code=outcome.reason if charge.status is ChargeStatus.FAILED else None,
        ),
        (charge.metadata or {}).get("order_id"),
    )


def _read_dispute(obj: Mapping[str, Any]) -> DisputeFact:
    return DisputeFact(_validated(_Dispute, obj).charge)


_READERS: dict[str, Callable[[Mapping[str, Any]], Fact | None]] = {
    **dict.fromkeys(
        (
            "payment_intent.created",
            "payment_intent.requires_action",
            "payment_intent.processing",
            "payment_intent.payment_failed",
            "payment_intent.succeeded",
            "payment_intent.canceled",
        ),
        read_payment,
    ),
    **dict.fromkeys(
        (
            "charge.pending",
            "charge.succeeded",
            "charge.failed",
            "charge.updated",
            "charge.refunded",
        ),
        _read_charge,
    ),
    "charge.dispute.created": _read_dispute,
}


def _validated(model: type[_M], obj: object) -> _M:
    try:
        return model.model_validate(obj)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Malformed(f"not Stripe's shape at {where or 'the top'}: {first['msg']}") from exc


def _payment_intent_id(event: _Event) -> str | None:
    obj = event.data.object
    found = obj.get("id") if obj.get("object") == "payment_intent" else obj.get("payment_intent")
    if isinstance(found, dict):
        found = found.get("id")
    return found if isinstance(found, str) and re.fullmatch(r"\w{1,255}", found, re.ASCII) else None


def _id(reference: str | _Object | None) -> str | None:
    return reference.id if isinstance(reference, _Object) else reference


def _failure(error: _Decline | None) -> Failure | None:
    if error is None:
        return None
    return Failure(
        code=error.code or error.type or "unknown",
        decline_code=error.decline_code,
        charge_id=error.charge,
        payment_method_id=_id(error.payment_method),
    )
