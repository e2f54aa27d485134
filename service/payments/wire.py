"""Stripe's JSON, read into Kassa's words: API answers and webhook bodies alike."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, ValidationError
from pydantic_core import from_json

from service.errors import Malformed
from service.payments.gateway import Failure, Payment, PaymentStatus, Verification

_M = TypeVar("_M", bound=BaseModel)


Id = Annotated[str, StringConstraints(max_length=255, pattern=r"^[A-Za-z0-9_:.-]+$")]
Seconds = Annotated[int, Field(ge=0, lt=250_000_000_000)]
Currency = Annotated[str, StringConstraints(pattern=r"^[a-z]{3}$")]
# Said by banks and networks: kept as it is, but PostgreSQL can't hold a NUL.
Said = Annotated[str, AfterValidator(lambda text: text.replace("\0", ""))]


class Object(BaseModel):
    """Of Stripe's objects only what Kassa uses is read; the raw body is kept beside it."""

    id: Id


class _Decline(BaseModel):
    code: Said | None = None
    type: Said | None = None
    decline_code: Said | None = None
    charge: Id | None = None
    payment_method: Id | Object | None = None


class _Deposits(BaseModel):
    arrival_date: Seconds | None = None
    hosted_verification_url: str


class _NextAction(BaseModel):
    verify_with_microdeposits: _Deposits | None = None


class _Intent(Object):
    status: PaymentStatus
    amount: int
    amount_received: int = 0
    currency: Currency
    metadata: dict[str, str] | None = None
    latest_charge: Id | Object | None = None
    last_payment_error: _Decline | None = None
    client_secret: str | None = None
    customer: Id | Object | None = None
    payment_method: Id | Object | None = None
    created: Seconds | None = None
    next_action: _NextAction | None = None


class _Setup(Object):
    status: PaymentStatus
    metadata: dict[str, str] | None = None
    last_setup_error: _Decline | None = None
    client_secret: str | None = None
    customer: Id | Object | None = None
    payment_method: Id | Object | None = None
    created: Seconds | None = None
    next_action: _NextAction | None = None


class _Event(Object):
    type: Annotated[str, StringConstraints(max_length=128, pattern=r"^[a-z0-9_.]+$")]
    created: Seconds
    livemode: bool

    class _Data(BaseModel):
        object: dict[str, Any]
        previous_attributes: dict[str, Any] | None = None

    data: _Data


@dataclass(frozen=True)
class StripeEvent:
    """One webhook.

    Attributes:
        object_id: what it describes; None for a look ahead, which has no id.
        payment_intent_id: the payment it is about, where it says so.
        data: the object as it was then, and perhaps what was different before.
    """

    event_id: str
    type: str
    created_at: datetime
    livemode: bool
    object_id: str | None
    payment_intent_id: str | None
    data: Mapping[str, Any] = field(repr=False)


def read_payment(obj: Mapping[str, Any]) -> Payment:
    """A PaymentIntent, or the SetupIntent that stands for a payment of nothing.

    Raises:
        Malformed: it does not have Stripe's shape.
    """
    if obj.get("object") == "setup_intent":
        return _read_setup(obj)
    intent = validated(_Intent, obj)
    return Payment(
        payment_intent_id=intent.id,
        status=intent.status,
        amount=intent.amount,
        amount_received=intent.amount_received,
        currency=intent.currency,
        order_id=(intent.metadata or {}).get("order_id"),
        customer_id=_id(intent.customer),
        created_at=_moment(intent.created),
        charge_id=_id(intent.latest_charge),
        payment_method_id=_id(intent.payment_method),
        failure=_failure(intent.last_payment_error),
        client_secret=intent.client_secret,
        verification=_verification(intent.next_action),
    )


def _read_setup(obj: Mapping[str, Any]) -> Payment:
    setup = validated(_Setup, obj)
    return Payment(
        payment_intent_id=setup.id,
        status=setup.status,
        amount=0,
        amount_received=0,
        currency=None,
        order_id=(setup.metadata or {}).get("order_id"),
        customer_id=_id(setup.customer),
        created_at=_moment(setup.created),
        payment_method_id=_id(setup.payment_method),
        failure=_failure(setup.last_setup_error),
        client_secret=setup.client_secret,
        verification=_verification(setup.next_action),
    )


def _verification(action: _NextAction | None) -> Verification | None:
    deposits = action.verify_with_microdeposits if action else None
    if deposits is None:
        return None
    return Verification(deposits.hosted_verification_url, _moment(deposits.arrival_date))


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def read_event(body: bytes | str) -> StripeEvent:
    """A webhook's body, after its signature was verified.

    Raises:
        Malformed: it is not a snapshot event.
    """
    try:
        told = parsed(body)
        event = validated(_Event, told)
    except (ValueError, RecursionError) as exc:
        raise Malformed("the body is not JSON") from exc
    return StripeEvent(
        event_id=event.id,
        type=event.type,
        created_at=datetime.fromtimestamp(event.created, UTC),
        livemode=event.livemode,
        object_id=_plain_id(event.data.object.get("id")),
        payment_intent_id=_payment_intent_id(event),
        data=told["data"],
    )


def parsed(body: bytes | str) -> Any:
    """What JSON says, twice as fast as the standard library, which also reads half a character.

    Raises:
        ValueError: it is not JSON.
        RecursionError: it is nested without end.
    """
    try:
        return from_json(body)
    except ValueError:
        return json.loads(body)


def validated(model: type[_M], obj: object) -> _M:
    """The parts of an object that a model asks for.

    Raises:
        Malformed: they are missing, or of another kind; the message names the first of them.
    """
    try:
        return model.model_validate(obj)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Malformed(f"not Stripe's shape at {where or 'the top'}: {first['msg']}") from exc


# Of a trial the SetupIntent stands for the payment, which is nothing.
_INTENTS = {"payment_intent", "setup_intent"}


def _payment_intent_id(event: _Event) -> str | None:
    obj = event.data.object
    paid_by = obj.get("payment") if obj.get("object") == "invoice_payment" else obj
    if not isinstance(paid_by, dict):
        return None
    found = obj.get("id") if obj.get("object") in _INTENTS else paid_by.get("payment_intent")
    return _plain_id(found.get("id") if isinstance(found, dict) else found)


def _plain_id(found: object) -> str | None:
    return found if isinstance(found, str) and re.fullmatch(r"\w{1,255}", found, re.ASCII) else None


def _id(reference: str | Object | None) -> str | None:
    return reference.id if isinstance(reference, Object) else reference


def _failure(error: _Decline | None) -> Failure | None:
    if error is None:
        return None
    return Failure(
        code=error.code or error.type or "unknown",
        decline_code=error.decline_code,
        charge_id=error.charge,
        payment_method_id=_id(error.payment_method),
    )
