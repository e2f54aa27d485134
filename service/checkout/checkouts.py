"""Checkouts: an order with a price the server decides, open for a day."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from experiments import InvoiceTerms, Offer, Subscription
from service.errors import Cancelled, Conflict, Expired, Refused, UnknownCheckout
from service.store.session import insert_or_read
from service.store.tables import checkouts

LIFETIME = timedelta(hours=24)
# Stripe's own ceiling: eight digits of minor units.
MAX_AMOUNT = 99_999_999


@dataclass(frozen=True)
class Line:
    """One line of an order; ``amount`` is the price of one, in minor units."""

    description: str
    amount: int
    quantity: int = 1


@dataclass(frozen=True)
class Tax:
    """What an order asks beside its lines, in minor units."""

    description: str
    amount: int


class Mode(StrEnum):
    """How an order is paid."""

    PAYMENT = "payment"
    SUBSCRIPTION = "subscription"
    INVOICE = "invoice"


Terms = Subscription | InvoiceTerms


@dataclass(frozen=True)
class Order:
    """What is sold, before it has an id.

    Attributes:
        terms: of a subscription its periods and trial, of an invoice how it is to be paid; None
            for what is paid once and at once.
        tax: of one period where there are periods.
        analytics_consent: whether the visitor agreed to analytics; None where nobody says.

    Raises:
        Refused: the total is outside 1..99,999,999 minor units.
    """

    currency: str
    lines: tuple[Line, ...]
    terms: Terms | None = None
    tax: tuple[Tax, ...] = ()
    offer: str | None = None
    email: str | None = None
    customer: str | None = None
    success_url: str | None = None
    cancel_url: str | None = None
    locale: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    analytics_consent: bool | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.price <= MAX_AMOUNT:
            raise Refused(
                f"lines: the total is {self.price}, it must be 1 to {MAX_AMOUNT} minor units"
            )

    @property
    def mode(self) -> Mode:
        """How it is paid."""
        return _mode(self.terms)

    @property
    def price(self) -> int:
        """Lines and tax in minor units of ``currency``; of one period where there are periods."""
        return _price(self)

    @property
    def amount(self) -> int:
        """What the visitor has to pay for the order, in minor units: nothing during a trial."""
        trial = isinstance(self.terms, Subscription) and self.terms.trial_days > 0
        return 0 if trial else self.price

    @property
    def digest(self) -> str:
        """The same for two orders exactly when they are the same order."""
        said = asdict(self)
        # As older versions wrote it: a key that made an order then finds it now.
        said = {k: v for k, v in said.items() if v or v is False or k not in _LATER}
        said["mode"] = self.mode
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


# What orders of older versions did not say.
_LATER = frozenset({"terms", "tax", "analytics_consent"})


def _mode(terms: Terms | None) -> Mode:
    if terms is None:
        return Mode.PAYMENT
    return Mode.SUBSCRIPTION if isinstance(terms, Subscription) else Mode.INVOICE


def _price(order: Order | Checkout) -> int:
    lines = sum(line.amount * line.quantity for line in order.lines)
    return lines + sum(tax.amount for tax in order.tax)


@dataclass(frozen=True)
class Placement:
    """Which visitor a checkout belongs to, and what that visitor sees.

    Attributes:
        preview: shown on purpose, and therefore never analysed.
    """

    unit_id: str
    flow: str
    experiment: str | None = None
    variant: str | None = None
    preview: bool = False


@dataclass(frozen=True)
class Checkout:
    """An order with its id, its time and, once seen, its visitor and variant.

    Attributes:
        cancelled_at: when the merchant called it off, and it expired; None of every other.
        fields: what the visitor gave in sections that the merchant added, by name.
        unit_id: the visitor who saw it first, or None while nobody has.
        variant: of ``experiment``; None outside any experiment.
        preview: shown on purpose, by a signed link or an override, and never analysed.
        analytics_consent: whether the visitor agreed to analytics; None where nobody says.
    """

    checkout_id: str
    created_at: datetime
    expires_at: datetime
    cancelled_at: datetime | None
    mode: Mode
    currency: str
    amount: int
    lines: tuple[Line, ...]
    terms: Terms | None
    tax: tuple[Tax, ...]
    offer: str | None
    email: str | None
    success_url: str | None
    cancel_url: str | None
    locale: str | None
    attributes: Mapping[str, Any]
    metadata: Mapping[str, str]
    fields: Mapping[str, str]
    customer: str | None
    unit_id: str | None
    experiment: str | None
    variant: str | None
    flow: str | None
    preview: bool
    analytics_consent: bool | None

    @property
    def price(self) -> int:
        """Lines and tax in minor units of ``currency``; of one period where there are periods."""
        return _price(self)

    @property
    def invoiced(self) -> bool:
        """Whether it is only ever paid by an invoice that is sent."""
        return isinstance(self.terms, InvoiceTerms) and self.terms.sent

    def expired(self, now: datetime) -> bool:
        """Whether nobody can start paying it any more."""
        # Whoever read the clock before it was cancelled may only now have their turn.
        return self.cancelled_at is not None or now >= self.expires_at

    def over(self, undone: str) -> Expired:
        """Why an expired checkout is over, and what therefore was not done."""
        if self.cancelled_at is not None:
            return Cancelled(f"this order was cancelled; {undone}")
        return Expired(f"this checkout has expired; {undone}")


# Whoever looks at a variant on purpose is nobody: no cookie of a visitor starts like this.
_PREVIEW = "preview-"


def preview_unit(unit_id: str) -> str:
    """The made-up visitor of somebody who looks at a variant on purpose."""
    return f"{_PREVIEW}{unit_id}"


def is_preview(unit_id: str) -> bool:
    """Whether a visitor was made up to look at a variant on purpose."""
    return unit_id.startswith(_PREVIEW)


def order_offer(
    offer: Offer,
    *,
    quantity: int,
    cancel_url: str | None = None,
    analytics_consent: bool | None = None,
) -> Order:
    """An order for one of the merchant's offers.

    Raises:
        Refused: the quantity is not 1..99.
    """
    if not 1 <= quantity <= 99:
        raise Refused(f"quantity: {quantity} is not between 1 and 99")
    return Order(
        currency=offer.currency,
        lines=(Line(offer.name, offer.amount, quantity),),
        terms=offer.subscription or offer.invoice,
        offer=offer.key,
        cancel_url=cancel_url,
        analytics_consent=analytics_consent,
    )


def open_checkout(
    connection: Connection,
    order: Order,
    *,
    now: datetime,
    idempotency_key: str | None = None,
    preview: Placement | None = None,
) -> Checkout:
    """Make a checkout, or find the one that the same idempotency key made before.

    Raises:
        Conflict: the key was used for another order.
    """
    row, ours = insert_or_read(
        connection,
        checkouts,
        {
            "checkout_id": f"co_{secrets.token_urlsafe(16)}",
            "created_at": now,
            "expires_at": now + LIFETIME,
            "idempotency_key": idempotency_key,
            "request_digest": order.digest,
            "amount": order.amount,
            "mode": order.mode.value,
            "preview": False,
        }
        | asdict(order)
        | {"terms": asdict(order.terms) if order.terms else {}}
        | (asdict(preview) if preview else {}),
        key=[checkouts.c.idempotency_key],
    )
    if not ours and row.request_digest != order.digest:
        raise Conflict("Idempotency-Key: this key was used for another order")
    return checkout_of(row)


def checkout_with_id(connection: Connection, checkout_id: str) -> Checkout:
    """The checkout of that id.

    Raises:
        UnknownCheckout: there is none.
    """
    found = find_checkout(connection, checkout_id)
    if found is None:
        raise UnknownCheckout(f"there is no checkout {checkout_id!r}")
    return found


def find_checkout(connection: Connection, checkout_id: str) -> Checkout | None:
    """The checkout of that id, or None when there is none."""
    if not shaped(checkout_id):
        return None
    row = connection.execute(_BY_ID, {"checkout_id": checkout_id}).one_or_none()
    return None if row is None else checkout_of(row)


def shaped(checkout_id: str) -> bool:
    """Whether the database may be asked for it: it has the form of our ids."""
    return _ID.fullmatch(checkout_id) is not None


def place(connection: Connection, checkout: Checkout, placement: Placement) -> Checkout | None:
    """Give an unseen checkout to its first visitor; None when somebody was first."""
    values = {"placed_id": checkout.checkout_id, **vars(placement)}
    placed = connection.execute(_PLACED, values).rowcount == 1
    return replace(checkout, **vars(placement)) if placed else None


def call_off(connection: Connection, checkout_id: str, *, now: datetime) -> None:
    """Let nobody start paying it any more, because its merchant says so."""
    found = checkout_with_id(connection, checkout_id)
    if found.cancelled_at is None:
        here = checkouts.c.checkout_id == checkout_id
        ends = min(found.expires_at, now)
        connection.execute(update(checkouts).where(here).values(cancelled_at=now, expires_at=ends))


def keep_buyer(
    connection: Connection,
    checkout: Checkout,
    *,
    email: str | None,
    locale: str | None,
    fields: Mapping[str, str],
) -> Checkout:
    """The checkout with what its buyer said: whom letters go to, their language, other fields."""
    here = checkouts.c.checkout_id == checkout.checkout_id
    said = {"email": email, "locale": locale, "fields": dict(fields)}
    connection.execute(update(checkouts).where(here).values(**said))
    return replace(checkout, email=email, locale=locale, fields=fields)


def move(connection: Connection, checkout_id: str, placement: Placement) -> Checkout:
    """Show the checkout's visitor something else than it was placed for."""
    here = checkouts.c.checkout_id == checkout_id
    connection.execute(update(checkouts).where(here).values(**asdict(placement)))
    return checkout_with_id(connection, checkout_id)


_TERMS: Mapping[Mode, type[Terms]] = {
    Mode.SUBSCRIPTION: Subscription,
    Mode.INVOICE: InvoiceTerms,
}
_ID = re.compile(r"co_[\w-]{1,37}", re.ASCII)
_BY_ID = select(checkouts).where(checkouts.c.checkout_id == bindparam("checkout_id"))

_PLACED = (
    update(checkouts)
    .where(checkouts.c.checkout_id == bindparam("placed_id"), checkouts.c.unit_id.is_(None))
    .values({name: bindparam(name) for name in Placement.__dataclass_fields__})
)


def checkout_of(row: Row[Any]) -> Checkout:
    """The checkout in a row that has its table's columns."""
    known = {name: getattr(row, name) for name in Checkout.__dataclass_fields__}
    mode = Mode(row.mode)
    known |= {
        "mode": mode,
        "lines": tuple(Line(**line) for line in row.lines),
        "terms": _TERMS[mode](**row.terms) if mode in _TERMS else None,
        "tax": tuple(Tax(**tax) for tax in row.tax or ()),
        "fields": row.fields or {},
    }
    return Checkout(**known)
