"""The merchant's server: make a checkout, and ask how it stands."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from flask import Blueprint, Response, jsonify, request, url_for
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationInfo,
    field_validator,
)
from sqlalchemy import Row

from experiments import InvoiceTerms, Subscription
from experiments.offers import CURRENCIES
from service.checkout.checkouts import (
    MAX_AMOUNT,
    Checkout,
    Line,
    Mode,
    Order,
    Tax,
    Terms,
    checkout_with_id,
    open_checkout,
)
from service.checkout.knowledge import check_attributes
from service.errors import Refused
from service.payments.bills import invoice_of
from service.payments.ledger.payments import charges_of, payment_of
from service.payments.ledger.standing import Standing
from service.payments.metadata import OUR_METADATA
from service.web.bodies import read_json, validated
from service.web.context import address, services
from service.web.keys import require_api_key

orders = Blueprint("orders", __name__, url_prefix="/v1/checkouts")


def _known_currency(code: str) -> str:
    if code.lower() not in CURRENCIES:
        raise ValueError("must be an ISO 4217 currency that Stripe takes, such as usd")
    return code.lower()


def _not_ours(metadata: dict[str, str]) -> dict[str, str]:
    taken = sorted(OUR_METADATA & set(metadata))
    if taken:
        raise ValueError(f"{', '.join(taken)} is set by Kassa; use another key")
    return metadata


def _of_json(kind: type[Terms]) -> BeforeValidator:
    """A strict dataclass is made of JSON, never of a mapping that Python holds."""
    adapter = TypeAdapter(kind)
    return BeforeValidator(lambda v: v if v is None else adapter.validate_json(json.dumps(v)))


_Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]
_Address = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/\\@]+(/[^\s\\]*)?$")]
# Stripe's own limits for metadata, so that no order is taken that can't be paid.
_Key = Annotated[str, StringConstraints(pattern=r"^[^\[\]]{1,40}$")]
_Value = Annotated[str, StringConstraints(max_length=500)]
_Flat = Annotated[dict[_Key, _Value], Field(max_length=20)]
_Number = Annotated[int, Field(ge=-(2**53), le=2**53)]
_Known = Annotated[dict[_Key, _Value | bool | _Number | float], Field(max_length=20)]


class LineBody(BaseModel):
    """One line; ``amount`` is the price of one in minor units."""

    model_config = ConfigDict(extra="forbid", strict=True)
    description: _Text
    amount: Annotated[int, Field(ge=0, le=MAX_AMOUNT)]
    quantity: Annotated[int, Field(ge=1, le=9_999)] = 1


class TaxBody(BaseModel):
    """What is asked beside the lines, in minor units."""

    model_config = ConfigDict(extra="forbid", strict=True)
    description: _Text
    amount: Annotated[int, Field(ge=0, le=MAX_AMOUNT)]


class CheckoutBody(BaseModel):
    """What a merchant sends to make a checkout."""

    model_config = ConfigDict(extra="forbid", strict=True)
    mode: Literal["payment", "subscription", "invoice"]
    # In the place of the mode they belong to, so that what is wrong is told by its name.
    subscription: Annotated[
        Subscription | None, _of_json(Subscription), Field(validate_default=True)
    ] = None
    invoice: Annotated[
        InvoiceTerms | None, _of_json(InvoiceTerms), Field(validate_default=True)
    ] = None
    currency: Annotated[str, AfterValidator(_known_currency)]
    lines: Annotated[list[LineBody], Field(min_length=1, max_length=100)]
    tax: Annotated[list[TaxBody], Field(max_length=20)] = []
    success_url: _Address
    cancel_url: _Address | None = None
    customer: _Text | None = None
    email: (
        Annotated[str, StringConstraints(pattern=r"^[^\s@]+@[^\s@]+$", max_length=254)] | None
    ) = None
    locale: (
        Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,4})?$")] | None
    ) = None
    attributes: _Known = {}
    metadata: Annotated[_Flat, AfterValidator(_not_ours)] = {}
    analytics_consent: bool | None = None

    @field_validator("subscription", "invoice")
    @classmethod
    def _of_its_mode(cls, terms: Terms | None, info: ValidationInfo) -> Terms | None:
        mode, name = info.data.get("mode"), info.field_name
        if terms is not None and mode != name:
            raise ValueError(f"is for mode {name}, and the mode is {mode}")
        if terms is None and mode == name == Mode.SUBSCRIPTION:
            raise ValueError("is needed, with the interval it is paid in")
        return InvoiceTerms() if terms is None and mode == name else terms

    def order(self) -> Order:
        """The same as an order."""
        apart = {"mode", "subscription", "invoice", "lines", "tax"}
        return Order(
            lines=tuple(Line(**line.model_dump()) for line in self.lines),
            tax=tuple(Tax(**tax.model_dump()) for tax in self.tax),
            terms=self.subscription or self.invoice,
            **self.model_dump(exclude=apart),
        )


orders.before_request(require_api_key)


@orders.post("")
def create() -> tuple[Response, int]:
    """Make a checkout; the same Idempotency-Key finds it again."""
    kassa = services()
    body = validated(CheckoutBody, read_json())
    check_attributes(body.attributes, kassa.catalog.attributes)
    order = body.order()
    with kassa.store.write() as connection:
        made = open_checkout(
            connection, order, now=kassa.clock(), idempotency_key=_idempotency_key()
        )
        payment = payment_of(connection, made.checkout_id)
        sent = invoice_of(connection, made.checkout_id)
    return jsonify(_described(made, _status(made, payment and payment.status, sent))), 201


@orders.get("/<checkout_id>")
def read(checkout_id: str) -> Response:
    """How a checkout stands, by the ledger."""
    with services().store.read() as connection:
        found = checkout_with_id(connection, checkout_id)
        payment = payment_of(connection, checkout_id)
        charges = charges_of(connection, payment.payment_intent_id) if payment else []
        sent = invoice_of(connection, checkout_id)
    body = _described(found, _status(found, payment and payment.status, sent))
    if sent is not None:
        body["sent_invoice"] = {
            "id": sent.invoice_id,
            "number": sent.number,
            "status": sent.status,
            "due_at": sent.due_at and _written(sent.due_at),
            "amount_remaining": sent.amount_remaining,
            "url": sent.hosted_invoice_url,
        }
    if payment is not None:
        body |= {
            "payment_intent": payment.payment_intent_id,
            "charges": [charge.charge_id for charge in charges],
            "amount_received": payment.amount_received,
            "amount_refunded": sum(charge.amount_refunded for charge in charges),
        }
        if any(charge.disputed for charge in charges):
            body["status"] = "disputed"
        elif payment.amount_received and body["amount_refunded"] >= payment.amount_received:
            body["status"] = "refunded"
    return jsonify(body)


@orders.post("/<checkout_id>/cancel")
def cancel(checkout_id: str) -> Response:
    """Call an order off that is not paid; its page says so, and nothing can pay it any more."""
    kassa = services()
    with kassa.store.read() as connection:
        found = checkout_with_id(connection, checkout_id)
    kassa.cashier.cancel(found)
    return read(checkout_id)


_STATUS = {
    Standing.OPEN: "open",
    Standing.REQUIRES_ACTION: "open",
    Standing.PROCESSING: "processing",
    Standing.FAILED: "failed",
    Standing.CANCELED: "failed",
    Standing.SUCCEEDED: "paid",
}


# A sent invoice is on its way to being paid, whatever its payment says of itself.
_INVOICE_STATUS = {"paid": "paid", "void": "failed", "uncollectible": "failed"}


def _status(found: Checkout, standing: str | None, sent: Row[Any] | None) -> str:
    status = _STATUS[Standing(standing)] if standing else "open"
    if sent is not None:
        return status if status == "paid" else _INVOICE_STATUS.get(sent.status, "processing")
    if status in {"open", "failed"} and found.expired(services().clock()):
        return "expired" if found.cancelled_at is None else "cancelled"
    return status


def _described(found: Checkout, status: str) -> dict[str, Any]:
    return {
        "id": found.checkout_id,
        "url": address(url_for("checkout.show", checkout_id=found.checkout_id)),
        "status": status,
        "mode": found.mode,
        "currency": found.currency,
        "amount": found.amount,
        "lines": [
            {"description": line.description, "amount": line.amount, "quantity": line.quantity}
            for line in found.lines
        ],
        "tax": [{"description": tax.description, "amount": tax.amount} for tax in found.tax],
        **({found.mode.value: asdict(found.terms)} if found.terms else {}),
        "experiment": found.experiment,
        "variant": found.variant,
        "created_at": _written(found.created_at),
        "expires_at": _written(found.expires_at),
        "metadata": dict(found.metadata),
        "fields": dict(found.fields),
    }


def _written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _idempotency_key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise Refused("Idempotency-Key: must be 1 to 255 printable ASCII characters")
    return key
