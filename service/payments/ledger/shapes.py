"""The parts of Stripe's objects that the ledger reads, as pydantic checks them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field

from service.payments.ledger.facts import ChargeStatus
from service.payments.wire import Currency, Id, Object, Said

_LATEST = 250_000_000_000


def _moment(seconds: object) -> datetime:
    if not isinstance(seconds, int) or not 0 <= seconds < _LATEST:
        raise ValueError("must be seconds since 1970")
    return datetime.fromtimestamp(seconds, UTC)


Moment = Annotated[datetime, BeforeValidator(_moment)]
_Reference = Id | Object | None
_Count = Annotated[int, Field(ge=-(2**53), le=2**53)]


def _absent(value: Any) -> Any:
    return {} if value is None else value


# Stripe says null where there is nothing inside.
_OrEmpty = BeforeValidator(_absent)


_Metadata = Annotated[dict[str, str], _OrEmpty]


def id_of(reference: str | Object | None) -> str | None:
    """The id, whether Stripe expanded the object or not."""
    return reference.id if isinstance(reference, Object) else reference


class _Wallet(BaseModel):
    type: Said | None = None


class _NetworkToken(BaseModel):
    used: bool | None = None


class _ThreeDSecure(BaseModel):
    authentication_flow: Said | None = None
    result: Said | None = None
    result_reason: Said | None = None


class _Card(BaseModel):
    brand: Said | None = None
    funding: Said | None = None
    country: Said | None = None
    fingerprint: Said | None = None
    last4: Said | None = None
    exp_month: int | None = None
    exp_year: int | None = None
    wallet: Annotated[_Wallet, _OrEmpty] = _Wallet()
    network_token: Annotated[_NetworkToken, _OrEmpty] = _NetworkToken()
    three_d_secure: Annotated[_ThreeDSecure, _OrEmpty] = _ThreeDSecure()


class _Bank(BaseModel):
    bank_name: Said | None = None
    account_type: Said | None = None
    fingerprint: Said | None = None
    last4: Said | None = None


class _Details(BaseModel):
    type: Said | None = None
    card: Annotated[_Card, _OrEmpty] = _Card()


class _Outcome(BaseModel):
    type: Said | None = None
    network_status: Said | None = None
    reason: Said | None = None
    network_decline_code: Said | None = None
    advice_code: Said | None = None
    network_advice_code: Said | None = None
    risk_level: Said | None = None
    risk_score: int | None = None


class ChargeShape(Object):
    """A charge."""

    status: ChargeStatus
    amount: _Count
    amount_captured: _Count = 0
    amount_refunded: _Count = 0
    currency: Currency
    created: Moment
    disputed: bool = False
    customer: _Reference = None
    payment_intent: _Reference = None
    payment_method: _Reference = None
    balance_transaction: _Reference = None
    failure_code: Said | None = None
    outcome: Annotated[_Outcome, _OrEmpty] = _Outcome()
    payment_method_details: Annotated[_Details, _OrEmpty] = _Details()


class RefundShape(Object):
    """A refund."""

    amount: _Count
    currency: Currency
    created: Moment
    charge: _Reference = None
    payment_intent: _Reference = None
    status: Said | None = None
    reason: Said | None = None
    failure_reason: Said | None = None


class DisputeShape(Object):
    """A dispute."""

    amount: _Count
    currency: Currency
    created: Moment
    charge: _Reference = None
    payment_intent: _Reference = None
    status: Said
    reason: Said | None = None


class WarningShape(Object):
    """An early fraud warning."""

    created: Moment
    charge: _Reference = None
    payment_intent: _Reference = None
    fraud_type: Said | None = None
    actionable: bool = False


class _Transitions(BaseModel):
    finalized_at: Moment | None = None
    paid_at: Moment | None = None
    voided_at: Moment | None = None
    marked_uncollectible_at: Moment | None = None


class _SubscriptionDetails(BaseModel):
    subscription: _Reference = None
    metadata: _Metadata = Field(default_factory=dict)


class _Parent(BaseModel):
    subscription_details: Annotated[_SubscriptionDetails, _OrEmpty] = _SubscriptionDetails()


class _Tax(BaseModel):
    amount: _Count


class _Period(BaseModel):
    start: Moment | None = None
    end: Moment | None = None


class _LineDetails(BaseModel):
    proration: bool = False


class _LineParent(BaseModel):
    invoice_item_details: Annotated[_LineDetails, _OrEmpty] = _LineDetails()
    subscription_item_details: Annotated[_LineDetails, _OrEmpty] = _LineDetails()


class LineShape(Object):
    """A line of an invoice."""

    amount: _Count
    currency: Currency
    description: Said | None = None
    quantity: int | None = None
    period: Annotated[_Period, _OrEmpty] = _Period()
    parent: Annotated[_LineParent, _OrEmpty] = _LineParent()

    @property
    def proration(self) -> bool:
        """Whether it corrects a period for a change in its middle."""
        parent = self.parent
        return parent.invoice_item_details.proration or parent.subscription_item_details.proration


class _Lines(BaseModel):
    data: list[LineShape] = []


class InvoiceShape(Object):
    """An invoice."""

    status: Annotated[Said, BeforeValidator(lambda status: status or "draft")] = "draft"
    number: Said | None = None
    customer: _Reference = None
    parent: Annotated[_Parent, _OrEmpty] = _Parent()
    metadata: _Metadata = Field(default_factory=dict)
    billing_reason: Said | None = None
    collection_method: Said | None = None
    currency: Currency
    total: _Count = 0
    total_taxes: Annotated[list[_Tax], BeforeValidator(lambda taxes: taxes or [])] = Field(
        default_factory=list
    )
    amount_due: _Count = 0
    amount_paid: _Count = 0
    amount_remaining: _Count = 0
    amount_overpaid: _Count = 0
    attempt_count: int = 0
    next_payment_attempt: Moment | None = None
    due_date: Moment | None = None
    status_transitions: Annotated[_Transitions, _OrEmpty] = _Transitions()
    hosted_invoice_url: Said | None = None
    created: Moment
    lines: Annotated[_Lines, _OrEmpty] = _Lines()

    @property
    def subscription_id(self) -> str | None:
        """The subscription it bills, if any."""
        return id_of(self.parent.subscription_details.subscription)

    @property
    def order_id(self) -> str | None:
        """The checkout it was made in: said by itself, or by its subscription."""
        inherited = self.parent.subscription_details.metadata
        return self.metadata.get("order_id") or inherited.get("order_id")


class _PaidBy(BaseModel):
    payment_intent: _Reference = None
    charge: _Reference = None


class InvoicePaymentShape(Object):
    """Which payment pays which invoice."""

    invoice: _Reference
    payment: Annotated[_PaidBy, _OrEmpty] = _PaidBy()
    amount_requested: _Count
    amount_paid: _Count | None = None
    currency: Currency
    status: Said
    status_transitions: Annotated[_Transitions, _OrEmpty] = _Transitions()
    created: Moment


class _Recurring(BaseModel):
    interval: Said
    interval_count: int = 1


class _Price(BaseModel):
    unit_amount: _Count | None = None
    recurring: _Recurring | None = None


class _Item(BaseModel):
    price: _Price
    quantity: int = 1
    current_period_start: Moment | None = None
    current_period_end: Moment | None = None


class _Items(BaseModel):
    data: list[_Item] = []


class _Cancellation(BaseModel):
    reason: Said | None = None


class SubscriptionShape(Object):
    """A subscription."""

    status: Said
    customer: _Reference = None
    metadata: _Metadata = Field(default_factory=dict)
    collection_method: Said | None = None
    currency: Currency
    items: Annotated[_Items, _OrEmpty] = _Items()
    trial_end: Moment | None = None
    cancel_at_period_end: bool = False
    canceled_at: Moment | None = None
    ended_at: Moment | None = None
    cancellation_details: Annotated[_Cancellation, _OrEmpty] = _Cancellation()
    default_payment_method: _Reference = None
    start_date: Moment | None = None
    created: Moment


class _InvoiceSettings(BaseModel):
    default_payment_method: _Reference = None


class CustomerShape(Object):
    """A customer; one that was deleted says little more than its id."""

    metadata: _Metadata = Field(default_factory=dict)
    delinquent: bool | None = None
    balance: _Count = 0
    currency: Currency | None = None
    invoice_settings: Annotated[_InvoiceSettings, _OrEmpty] = _InvoiceSettings()
    deleted: bool = False
    created: Moment | None = None


class PaymentMethodShape(Object):
    """A payment method."""

    type: Said
    customer: _Reference = None
    card: Annotated[_Card, _OrEmpty] = _Card()
    us_bank_account: Annotated[_Bank, _OrEmpty] = _Bank()
    allow_redisplay: Said | None = None
    created: Moment


class _Fee(BaseModel):
    amount: _Count
    currency: Currency
    type: Said
    description: Said | None = None


class BalanceTransactionShape(Object):
    """A movement on the account."""

    amount: _Count
    fee: _Count
    net: _Count
    currency: Currency
    type: Said
    source: _Reference = None
    reporting_category: Said | None = None
    exchange_rate: float | None = None
    status: Said | None = None
    fee_details: list[_Fee] = Field(default_factory=list)
    available_on: Moment | None = None
    created: Moment


class _Failed(BaseModel):
    code: Said | None = None
    payment_method: Annotated[
        PaymentMethodShape | None, BeforeValidator(lambda m: m if isinstance(m, dict) else None)
    ] = None


class IntentShape(Object):
    """Of a PaymentIntent what a failed authentication says."""

    amount: _Count = 0
    currency: Currency | None = None
    customer: _Reference = None
    last_payment_error: _Failed | None = None
