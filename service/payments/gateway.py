"""What Kassa needs of a payment provider, in Kassa's own words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from experiments import InvoiceTerms, Subscription
from service.checkout.checkouts import Line


class PaymentStatus(StrEnum):
    """Where a payment stands at Stripe; the names are Stripe's."""

    REQUIRES_PAYMENT_METHOD = "requires_payment_method"
    REQUIRES_CONFIRMATION = "requires_confirmation"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    REQUIRES_CAPTURE = "requires_capture"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"


@dataclass(frozen=True)
class Failure:
    """Why the last try did not succeed. For the ledger, never for the visitor's eyes."""

    code: str
    decline_code: str | None = None
    charge_id: str | None = None
    payment_method_id: str | None = None


@dataclass(frozen=True)
class Verification:
    """A bank account waits for its owner to tell what was sent to it.

    Attributes:
        url: where they tell it.
        expected_at: when it arrives.
    """

    url: str
    expected_at: datetime | None = None


@dataclass(frozen=True)
class Payment:
    """One PaymentIntent as Stripe last described it; amounts in minor units of ``currency``.

    Of a trial it is the SetupIntent: a payment of nothing, in no currency.
    """

    payment_intent_id: str
    status: PaymentStatus
    amount: int
    amount_received: int
    currency: str | None
    order_id: str | None = None
    customer_id: str | None = None
    created_at: datetime | None = None
    charge_id: str | None = None
    payment_method_id: str | None = None
    failure: Failure | None = None
    client_secret: str | None = field(default=None, repr=False)
    verification: Verification | None = None


@dataclass(frozen=True)
class Confirmation:
    """One try to charge: everything that is sent, so that a repeat sends the same.

    Attributes:
        payment_intent_id: what was made for it before, or None for the first try of a payment;
            of a trial the SetupIntent's.
        idempotency_key: persisted with the attempt; Stripe answers it once.
        customer_id: whom Stripe knows the payer as, or None.
        methods: Stripe's names of the methods that may pay it; empty where all may.
    """

    idempotency_key: str
    confirmation_token: str = field(repr=False)
    amount: int
    currency: str
    return_url: str
    metadata: Mapping[str, str]
    payment_intent_id: str | None = None
    customer_id: str | None = None
    methods: tuple[str, ...] = ()


@dataclass(frozen=True)
class Buyer:
    """Who is billed.

    Attributes:
        address: with Stripe's names: line1, line2, city, state, postal_code, country.
    """

    email: str | None
    name: str | None = None
    address: Mapping[str, str | None] | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Purchase:
    """An order that is billed: everything that is sent, so that a repeat sends the same.

    Attributes:
        name: every idempotency key starts with it.
        lines: with the taxes; their amounts are the prices of one.
        methods: Stripe's names of the methods that may pay it; empty where all may.
    """

    name: str
    customer_id: str
    currency: str
    lines: tuple[Line, ...]
    metadata: Mapping[str, str]
    methods: tuple[str, ...] = ()

    def key(self, step: str) -> str:
        """The idempotency key of one step of billing it."""
        return f"{self.name}:{step}"


@dataclass(frozen=True)
class Bill:
    """What Stripe asks for a purchase.

    Attributes:
        amount_due: now, in minor units.
        payment_intent_id: what has to be confirmed; of a trial the SetupIntent's.
    """

    invoice_id: str
    amount_due: int
    payment_intent_id: str | None
    subscription_id: str | None = None


class PaymentGateway(Protocol):
    """The seam to the outside; `stripe_gateway` is the only implementation."""

    @property
    def publishable_key(self) -> str:
        """The key that Stripe.js is started with; not a secret."""
        ...

    def confirm(self, confirmation: Confirmation) -> Payment:
        """Create the payment, or take it up again, and try to charge it.

        A decline is an answer, not an error: the payment comes back with its `Failure`.

        Raises:
            PaymentRefused: Stripe will not take the request, e.g. an expired token.
            PaymentBusy: Stripe asked to slow down.
            PaymentFaulted: Stripe failed at it, and says so again for the same idempotency key.
            PaymentIndeterminate: no answer; repeat with the same idempotency key.
        """
        ...

    def paid_with(self, confirmation_token: str) -> str | None:
        """The payment that a token was used for, which it is once; None where it was not yet.

        Raises:
            PaymentRefused: Stripe does not know the token, or no more.
            PaymentBusy: Stripe asked to slow down.
            PaymentIndeterminate: no answer.
        """
        ...

    def retrieve(self, payment_intent_id: str) -> Payment:
        """What Stripe says now.

        Raises:
            PaymentRefused: Stripe does not know the payment.
            PaymentBusy: Stripe asked to slow down.
            PaymentIndeterminate: no answer.
        """
        ...

    def cancel(self, payment_intent_id: str) -> Payment:
        """Let nobody pay it any more; what is past that comes back as it stands.

        Raises:
            PaymentRefused: Stripe does not know the payment.
            PaymentBusy: Stripe asked to slow down.
            PaymentIndeterminate: no answer.
        """
        ...

    @property
    def billing(self) -> Billing:
        """What can be done about customers, subscriptions and invoices."""
        ...

    @property
    def accounts(self) -> Accounts:
        """What customers may see and change of their own."""
        ...

    def verify(self, body: bytes, signature: str | None, *, now: datetime) -> None:
        """Check that Stripe signed exactly these bytes for this endpoint, within five minutes.

        Raises:
            InvalidSignature: it did not; the message never says which check failed.
        """
        ...


class Collecting(Protocol):
    """Charging an invoice while its customer is not there."""

    def pay_invoice(self, invoice_id: str, *, idempotency_key: str) -> str:
        """Try to charge an invoice's customer, who is not there.

        Returns:
            Stripe's word for what came of it: the invoice's status, or why the charge failed.

        Raises:
            PaymentRefused: Stripe will not take the request, e.g. because nothing is owed.
            PaymentBusy: Stripe asked to slow down.
            PaymentIndeterminate: no answer; repeat with the same idempotency key.
        """
        ...


class Billing(Collecting, Protocol):
    """What can be done about customers, subscriptions and invoices.

    Everything raises what `PaymentGateway.retrieve` does. What is made of a purchase is made once,
    however often it is asked for within a day.
    """

    def open_customer(self, buyer: Buyer, *, idempotency_key: str) -> str:
        """Make a customer; the id that Stripe knows them by."""
        ...

    def change_customer(self, customer_id: str, buyer: Buyer) -> None:
        """Tell Stripe what a buyer says of themselves now."""
        ...

    def subscribe(self, purchase: Purchase, terms: Subscription) -> Bill:
        """Begin a subscription that waits for its first payment, or for a way to pay later."""
        ...

    def invoice(self, purchase: Purchase, terms: InvoiceTerms) -> Bill:
        """Make an invoice that waits for its payment."""
        ...

    def billed(self, customer_id: str, order_id: str, *, subscribed: bool) -> Bill | None:
        """What asks a customer for an order's money already, though its maker was not told.

        Drafts ask nobody for anything, and never will.
        """
        ...

    def send_invoice(self, invoice_id: str, *, idempotency_key: str) -> None:
        """Send an invoice to whom it asks."""
        ...

    def page_of(self, invoice_id: str) -> str | None:
        """The address of Stripe's own page for an invoice; None where there is none."""
        ...

    def take_back(self, bill: Bill) -> None:
        """Ask for nothing any more."""
        ...


@dataclass(frozen=True)
class SavedMethod:
    """A payment method that a customer keeps.

    Attributes:
        kind: Stripe's type: card, us_bank_account and so on.
        label: its brand or its bank, as people know it.
        last4: the last digits of its number; empty where it has none.
        expires: month and year of a card's last day, or None.
        default: whether invoices are charged to it.
    """

    payment_method_id: str
    kind: str
    label: str
    last4: str
    expires: tuple[int, int] | None
    default: bool


@dataclass(frozen=True)
class Plan:
    """A subscription that a customer has.

    Attributes:
        amount: of one period, in minor units.
        renews_at: when the next period begins, or the subscription ends.
        ends: whether it ends then.
        sent: whether its invoices are sent to be paid, in place of being charged.
    """

    subscription_id: str
    status: str
    names: tuple[str, ...]
    amount: int
    currency: str
    interval: str
    interval_count: int
    renews_at: datetime
    ends: bool
    sent: bool


@dataclass(frozen=True)
class OpenInvoice:
    """An invoice that waits for its payment; the amount in minor units."""

    invoice_id: str
    number: str
    amount: int
    currency: str
    due_at: datetime | None
    url: str | None


class Accounts(Protocol):
    """What customers may see and change of their own.

    Everything raises what `PaymentGateway.retrieve` does.
    """

    def session(self, customer_id: str) -> str:
        """The secret that lets the Payment Element show, keep and remove their methods."""
        ...

    def methods(self, customer_id: str) -> list[SavedMethod]:
        """What they keep, the newest first."""
        ...

    def keep(
        self, customer_id: str, confirmation_token: str, *, return_url: str, idempotency_key: str
    ) -> Payment:
        """Keep a method without a payment; the SetupIntent as a payment of nothing."""
        ...

    def choose(self, customer_id: str, payment_method_id: str) -> None:
        """Charge invoices to it from now on, also those of subscriptions that are running."""
        ...

    def remove(self, payment_method_id: str) -> None:
        """Let it go."""
        ...

    def plans(self, customer_id: str) -> list[Plan]:
        """Their subscriptions that have not ended."""
        ...

    def end(self, subscription_id: str, *, ends: bool) -> None:
        """Let a subscription end with its period, or go on after all."""
        ...

    def collect(self, subscription_id: str, *, days_until_due: int | None) -> None:
        """Send a subscription's invoices, due after days; None charges them again."""
        ...

    def invoices(self, customer_id: str) -> list[OpenInvoice]:
        """What they have to pay."""
        ...


class Books(Protocol):
    """What Stripe itself says has happened, for whoever compares."""

    def events(self, *, since: datetime, until: datetime) -> Iterator[bytes]:
        """Every event of a time, as a webhook would carry it. Stripe keeps them for 30 days.

        Raises:
            PaymentBusy: Stripe asked to slow down.
            PaymentIndeterminate: no answer.
        """
        ...

    def listed(self, kind: str, *, since: datetime) -> Iterator[Mapping[str, Any]]:
        """Every object of a kind made since a time, as it stands now.

        Args:
            kind: Stripe's name, one of `LISTED`.
            since: when the oldest was made.

        Raises:
            PaymentBusy: Stripe asked to slow down.
            PaymentIndeterminate: no answer.
        """
        ...


LISTED = (
    "payment_intent",
    "setup_intent",
    "charge",
    "refund",
    "dispute",
    "radar.early_fraud_warning",
    "subscription",
    "invoice",
    "invoice_payment",
    "balance_transaction",
)
"""The kinds that can be listed by the time they were made, payments before what follows them."""
