"""What customers are told of an event; written and sent it is in `service.notices`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ValidationError

from service.notices.kinds import Kind
from service.notices.letters import Matter
from service.notices.outbox import Notice
from service.payments.ledger.shapes import Moment


@dataclass(frozen=True)
class Addressee:
    """Who is written where the object itself does not say.

    Attributes:
        email: of the account or the order, or None.
        locale: the language they chose, or None.
    """

    email: str | None = None
    locale: str | None = None


@dataclass(frozen=True)
class Occasion:
    """When it happened, and what comes next.

    Attributes:
        happened_at: which tells one failed try from another.
        next_try: when a failed payment is tried again; None: not by itself.
    """

    happened_at: datetime
    next_try: datetime | None = None


class _Invoice(BaseModel):
    id: str
    number: str | None = None
    currency: str
    status: str | None = None
    amount_due: int = 0
    amount_paid: int = 0
    amount_remaining: int = 0
    amount_overpaid: int = 0
    billing_reason: str | None = None
    collection_method: str | None = None
    customer_email: str | None = None
    due_date: Moment | None = None
    hosted_invoice_url: str | None = None

    @property
    def sent_renewal(self) -> bool:
        of_plan = (self.billing_reason or "").startswith("subscription")
        return of_plan and self.collection_method == "send_invoice"


class _Billing(BaseModel):
    email: str | None = None


class _Charge(BaseModel):
    id: str
    amount: int
    currency: str
    billing_details: _Billing = _Billing()
    metadata: dict[str, str] = {}

    class _Method(BaseModel):
        type: str | None = None

    payment_method_details: _Method | None = None

    @property
    def bank_debit_of_an_order(self) -> bool:
        method = self.payment_method_details
        return bool(method and method.type == "us_bank_account" and "order_id" in self.metadata)


class _Subscription(BaseModel):
    id: str
    currency: str
    trial_end: Moment | None = None

    class _Items(BaseModel):
        class _Item(BaseModel):
            class _Price(BaseModel):
                unit_amount: int | None = None

            quantity: int = 1
            price: _Price

        data: list[_Item] = []

    items: _Items = _Items()

    @property
    def amount(self) -> int:
        return sum((item.price.unit_amount or 0) * item.quantity for item in self.items.data)


def notices_of(
    event_type: str,
    obj: Mapping[str, Any],
    addressee: Addressee,
    occasion: Occasion,
) -> list[Notice]:
    """The notices that an event causes; each has the same id however often the event comes.

    Args:
        event_type: Stripe's name.
        obj: the object as the event describes it.
        addressee: whom Kassa knows the customer as.
        occasion: when it happened.

    Returns:
        None of them where there is nobody to write to, or nothing to tell.
    """
    build = _NOTICES.get(event_type)
    if build is None:
        return []
    try:
        return build(obj, addressee, occasion)
    except ValidationError:
        # The ledger tells of shapes it does not know; nobody is written by guess.
        return []


_Build = Callable[[Mapping[str, Any], Addressee, Occasion], list[Notice]]


def _of_invoice(kind: Kind, amount: Callable[[_Invoice], int]) -> _Build:
    def build(obj: Mapping[str, Any], addressee: Addressee, _occasion: Occasion) -> list[Notice]:
        invoice = _Invoice.model_validate(obj)
        return _letter(kind, invoice, addressee, amount(invoice), "")

    return build


def _failed(obj: Mapping[str, Any], addressee: Addressee, occasion: Occasion) -> list[Notice]:
    invoice, next_try = _Invoice.model_validate(obj), occasion.next_try
    kind = Kind.PAYMENT_FAILED if next_try else Kind.PAYMENT_FAILED_FINALLY
    # One for each try, whichever of the two it turned out to be.
    again = f":{occasion.happened_at:%Y%m%dT%H%M%S}"
    found = _letter(kind, invoice, addressee, invoice.amount_remaining, again, next_try)
    return [_named(each, f"{Kind.PAYMENT_FAILED}:{invoice.id}{again}") for each in found]


def _ready(obj: Mapping[str, Any], addressee: Addressee, _occasion: Occasion) -> list[Notice]:
    """A renewal's invoice is sent by itself; whether Stripe says so depends on its settings."""
    invoice = _Invoice.model_validate(obj)
    if not invoice.sent_renewal:
        return []
    return _letter(Kind.INVOICE_SENT, invoice, addressee, invoice.amount_remaining, "")


def _partly_paid(obj: Mapping[str, Any], addressee: Addressee, _occasion: Occasion) -> list[Notice]:
    invoice = _Invoice.model_validate(obj)
    if invoice.status != "open" or not invoice.amount_paid or not invoice.amount_remaining:
        return []
    again = f":{invoice.amount_paid}"
    return _letter(Kind.INVOICE_PARTLY_PAID, invoice, addressee, invoice.amount_remaining, again)


def _letter(
    kind: Kind,
    invoice: _Invoice,
    addressee: Addressee,
    amount: int,
    again: str,
    next_try: datetime | None = None,
) -> list[Notice]:
    address = invoice.customer_email or addressee.email
    if not address or amount == 0:
        return []
    matter = Matter(
        currency=invoice.currency,
        amount=amount,
        number=invoice.number or invoice.id,
        paid=invoice.amount_paid,
        due=invoice.due_date,
        next_try=next_try,
        url=invoice.hosted_invoice_url,
    )
    name = f"{kind}:{invoice.id}{again}"
    return [Notice(name, kind, address, matter, addressee.locale, invoice.id)]


def _of_debit(kind: Kind) -> _Build:
    def build(obj: Mapping[str, Any], addressee: Addressee, _occasion: Occasion) -> list[Notice]:
        charge = _Charge.model_validate(obj)
        address = charge.billing_details.email or addressee.email
        if not address or not charge.bank_debit_of_an_order:
            return []
        matter = Matter(charge.currency, charge.amount)
        return [Notice(f"{kind}:{charge.id}", kind, address, matter, addressee.locale)]

    return build


def _of_subscription(kind: Kind) -> _Build:
    def build(obj: Mapping[str, Any], addressee: Addressee, _occasion: Occasion) -> list[Notice]:
        subscription = _Subscription.model_validate(obj)
        if not addressee.email:
            return []
        matter = Matter(subscription.currency, subscription.amount, due=subscription.trial_end)
        name = f"{kind}:{subscription.id}"
        return [Notice(name, kind, addressee.email, matter, addressee.locale)]

    return build


def _named(notice: Notice, notice_id: str) -> Notice:
    return replace(notice, notice_id=notice_id)


_NOTICES: Mapping[str, _Build] = {
    "invoice.finalized": _ready,
    "invoice.sent": _of_invoice(Kind.INVOICE_SENT, lambda invoice: invoice.amount_remaining),
    "invoice.paid": _of_invoice(Kind.INVOICE_PAID, lambda invoice: invoice.amount_paid),
    "invoice.overdue": _of_invoice(Kind.INVOICE_OVERDUE, lambda invoice: invoice.amount_remaining),
    "invoice.voided": _of_invoice(Kind.INVOICE_VOIDED, lambda invoice: invoice.amount_due),
    "invoice.overpaid": _of_invoice(Kind.INVOICE_OVERPAID, lambda invoice: invoice.amount_overpaid),
    "invoice.updated": _partly_paid,
    "invoice.payment_failed": _failed,
    "invoice.payment_action_required": _of_invoice(
        Kind.PAYMENT_ACTION_REQUIRED, lambda invoice: invoice.amount_remaining
    ),
    "charge.pending": _of_debit(Kind.BANK_DEBIT_PENDING),
    "charge.failed": _of_debit(Kind.BANK_DEBIT_FAILED),
    "customer.subscription.trial_will_end": _of_subscription(Kind.TRIAL_ENDING),
    "customer.subscription.deleted": _of_subscription(Kind.SUBSCRIPTION_ENDED),
}
# Of other events nobody is told.
NOTICED = frozenset(_NOTICES)
