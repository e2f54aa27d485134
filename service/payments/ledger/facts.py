"""What the ledger knows of each kind of object, and how two descriptions of it join.

A new kind is one class here, one reader in `reading`, and its table.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from service.payments.ledger.joining import (
    Snapshot,
    earliest,
    either,
    furthest,
    greatest,
    known,
    rank_of,
)


class ChargeStatus(StrEnum):
    """Where a charge stands; a later member outranks an earlier one."""

    PENDING = "pending"
    FAILED = "failed"
    SUCCEEDED = "succeeded"


@dataclass(frozen=True, kw_only=True)
class Charge(Snapshot):
    """One charge: at most one for each try. Amounts in minor units of ``currency``.

    Everything about a charge only grows, so that no description needs to be the newest.
    """

    charge_id: str
    status: ChargeStatus = furthest(ChargeStatus)
    amount: int = greatest()
    currency: str = known()
    charged_at: datetime = earliest()
    payment_intent_id: str | None = known()
    customer_id: str | None = known()
    payment_method_id: str | None = known()
    amount_captured: int = greatest(0)
    amount_refunded: int = greatest(0)
    disputed: bool = either()
    method: str | None = known()
    brand: str | None = known()
    funding: str | None = known()
    country: str | None = known()
    fingerprint: str | None = known()
    wallet: str | None = known()
    network_token: bool = either()
    outcome_type: str | None = known()
    network_status: str | None = known()
    failure_code: str | None = known()
    decline_code: str | None = known()
    network_decline_code: str | None = known()
    advice_code: str | None = known()
    network_advice_code: str | None = known()
    risk_level: str | None = known()
    risk_score: int | None = known()
    three_d_secure_flow: str | None = known()
    three_d_secure_result: str | None = known()
    three_d_secure_reason: str | None = known()
    balance_transaction_id: str | None = known()


@dataclass(frozen=True, kw_only=True)
class Refund(Snapshot):
    """Money on its way back."""

    refund_id: str
    charge_id: str | None = known()
    payment_intent_id: str | None = known()
    amount: int
    currency: str
    status: str | None
    reason: str | None = None
    failure_reason: str | None = None
    created_at: datetime

    @property
    def progress(self) -> tuple[int, ...]:
        """Pending first; a refund may fail after it succeeded."""
        order = ("pending", "requires_action", "succeeded", "canceled", "failed")
        return (rank_of(self.status, order),)


@dataclass(frozen=True, kw_only=True)
class Dispute(Snapshot):
    """A payer's bank asks the money back."""

    dispute_id: str
    charge_id: str | None = known()
    payment_intent_id: str | None = known()
    amount: int
    currency: str
    status: str
    reason: str | None = None
    created_at: datetime

    @property
    def progress(self) -> tuple[int, ...]:
        """Open first, decided last."""
        order = (
            "warning_needs_response",
            "warning_under_review",
            "warning_closed",
            "needs_response",
            "under_review",
            "prevented",
            "won",
            "lost",
        )
        return (rank_of(self.status, order),)


@dataclass(frozen=True, kw_only=True)
class EarlyFraudWarning(Snapshot):
    """The issuer believes that a charge was fraud."""

    warning_id: str
    charge_id: str | None = known()
    payment_intent_id: str | None = known()
    fraud_type: str | None = None
    actionable: bool
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Invoice(Snapshot):
    """A bill, paid once, in parts, too much or never."""

    invoice_id: str
    number: str | None = known()
    customer_id: str | None = known()
    subscription_id: str | None = known()
    checkout_id: str | None = known()
    status: str
    billing_reason: str | None = None
    collection_method: str | None = None
    currency: str
    total: int
    tax: int
    amount_due: int
    amount_paid: int
    amount_remaining: int
    amount_overpaid: int
    attempt_count: int
    next_payment_attempt: datetime | None = None
    due_at: datetime | None = None
    finalized_at: datetime | None = earliest()
    paid_at: datetime | None = earliest()
    voided_at: datetime | None = earliest()
    uncollectible_at: datetime | None = earliest()
    hosted_invoice_url: str | None = known()
    created_at: datetime

    @property
    def progress(self) -> tuple[int, ...]:
        """By status, and then by what was paid and tried."""
        order = ("draft", "open", "uncollectible", "paid", "void")
        return (rank_of(self.status, order), self.amount_paid, self.attempt_count)


@dataclass(frozen=True, kw_only=True)
class InvoiceLine(Snapshot):
    """One line of an invoice."""

    line_id: str
    invoice_id: str | None = known()
    subscription_id: str | None = known()
    description: str | None = None
    amount: int
    currency: str
    quantity: int | None = None
    proration: bool = False
    period_start: datetime | None = None
    period_end: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class InvoicePayment(Snapshot):
    """Which payment paid which invoice, and how much of it."""

    invoice_payment_id: str
    invoice_id: str = known()
    payment_intent_id: str | None = known()
    charge_id: str | None = known()
    amount_requested: int
    amount_paid: int
    currency: str
    status: str
    paid_at: datetime | None = earliest()
    created_at: datetime

    @property
    def progress(self) -> tuple[int, ...]:
        """Open, then paid or cancelled."""
        return (rank_of(self.status, ("open", "paid", "canceled")), self.amount_paid)


@dataclass(frozen=True, kw_only=True)
class Subscription(Snapshot):
    """What a customer pays for again and again. ``amount`` is of one period, all seats."""

    subscription_id: str
    customer_id: str | None = known()
    checkout_id: str | None = known()
    status: str
    collection_method: str | None = None
    currency: str
    amount: int
    quantity: int
    interval: str | None = None
    interval_count: int | None = None
    trial_end: datetime | None = None
    current_period_start: datetime | None = None
    current_period_end: datetime | None = None
    cancel_at_period_end: bool = False
    canceled_at: datetime | None = None
    ended_at: datetime | None = None
    cancellation_reason: str | None = None
    default_payment_method: str | None = None
    started_at: datetime | None = earliest()
    created_at: datetime

    @property
    def progress(self) -> tuple[int, ...]:
        """An ended one stays ended; a later period comes after an earlier one."""
        order = (
            "incomplete",
            "trialing",
            "active",
            "past_due",
            "unpaid",
            "paused",
            "incomplete_expired",
            "canceled",
        )
        ended = int(self.status in {"canceled", "incomplete_expired"})
        period = self.current_period_start
        return (ended, int(period.timestamp()) if period else 0, rank_of(self.status, order))


@dataclass(frozen=True, kw_only=True)
class Customer(Snapshot):
    """Who pays, without a name: what the money needs and no more."""

    customer_id: str
    customer: str | None = known()
    delinquent: bool = False
    balance: int = 0
    currency: str | None = None
    default_payment_method: str | None = None
    deleted: bool = either()
    created_at: datetime | None = earliest()


@dataclass(frozen=True, kw_only=True)
class PaymentMethod(Snapshot):
    """What somebody pays with; of a number only what may be stored."""

    payment_method_id: str
    customer_id: str | None = None
    type: str
    brand: str | None = None
    funding: str | None = None
    country: str | None = None
    last4: str | None = None
    exp_month: int | None = None
    exp_year: int | None = None
    fingerprint: str | None = None
    wallet: str | None = None
    allow_redisplay: str | None = None
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class CardUpdate(Snapshot):
    """A card network told a new number or date of a saved card."""

    event_id: str
    payment_method_id: str
    customer_id: str | None = None
    updated_at: datetime
    last4_before: str | None = None
    last4: str | None = None
    exp_month_before: int | None = None
    exp_month: int | None = None
    exp_year_before: int | None = None
    exp_year: int | None = None


@dataclass(frozen=True, kw_only=True)
class Authentication(Snapshot):
    """3-D Secure that failed, and so never became a charge."""

    authentication_id: str
    payment_intent_id: str
    customer_id: str | None = None
    payment_method_id: str | None = None
    method: str | None = None
    brand: str | None = None
    funding: str | None = None
    country: str | None = None
    code: str
    amount: int
    currency: str
    failed_at: datetime = earliest()


@dataclass(frozen=True, kw_only=True)
class BalanceTransaction(Snapshot):
    """What a movement did to the account: amount less fee is net, in the account's currency."""

    balance_transaction_id: str
    source_id: str | None = known()
    type: str
    reporting_category: str | None = None
    amount: int
    fee: int
    net: int
    currency: str
    exchange_rate: float | None = None
    status: str | None = None
    fee_details: list[dict[str, Any]]
    available_on: datetime | None = None
    created_at: datetime

    @property
    def progress(self) -> tuple[int, ...]:
        """Pending, then available."""
        return (rank_of(self.status, ("pending", "available")),)
