"""Stripe's objects, read into the ledger's facts.

Only what the ledger keeps is looked at; the raw body is kept beside it. API 2026-10-28.endive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from service.payments.ledger import facts
from service.payments.ledger.joining import Snapshot
from service.payments.ledger.shapes import (
    BalanceTransactionShape,
    ChargeShape,
    CustomerShape,
    DisputeShape,
    IntentShape,
    InvoicePaymentShape,
    InvoiceShape,
    LineShape,
    PaymentMethodShape,
    RefundShape,
    SubscriptionShape,
    WarningShape,
    id_of,
)
from service.payments.wire import validated

Reader = Callable[[Mapping[str, Any], datetime], list[Snapshot]]
ORDER = "order_id"
CUSTOMER = "customer"


def _charge(obj: Mapping[str, Any], at: datetime) -> list[Snapshot]:
    charge = validated(ChargeShape, obj)
    details, outcome = charge.payment_method_details, charge.outcome
    card, secure = details.card, details.card.three_d_secure
    failed = charge.status is facts.ChargeStatus.FAILED
    return [
        facts.Charge(
            observed_at=at,
            charge_id=charge.id,
            status=charge.status,
            amount=charge.amount,
            currency=charge.currency,
            charged_at=charge.created,
            payment_intent_id=id_of(charge.payment_intent),
            customer_id=id_of(charge.customer),
            payment_method_id=id_of(charge.payment_method),
            amount_captured=charge.amount_captured,
            amount_refunded=charge.amount_refunded,
            disputed=charge.disputed,
            method=details.type,
            brand=card.brand,
            funding=card.funding,
            country=card.country,
            fingerprint=card.fingerprint,
            wallet=card.wallet.type,
            network_token=bool(card.network_token.used),
            outcome_type=outcome.type,
            network_status=outcome.network_status,
            failure_code=charge.failure_code,
            decline_code=outcome.reason if failed else None,
            network_decline_code=outcome.network_decline_code,
            advice_code=outcome.advice_code,
            network_advice_code=outcome.network_advice_code,
            risk_level=outcome.risk_level,
            risk_score=outcome.risk_score,
            three_d_secure_flow=secure.authentication_flow,
            three_d_secure_result=secure.result,
            three_d_secure_reason=secure.result_reason,
            balance_transaction_id=id_of(charge.balance_transaction),
        )
    ]


def _refund(obj: Mapping[str, Any], at: datetime) -> list[Snapshot]:
    refund = validated(RefundShape, obj)
    return [
        facts.Refund(
            observed_at=at,
            refund_id=refund.id,
            charge_id=id_of(refund.charge),
            payment_intent_id=id_of(refund.payment_intent),
            amount=refund.amount,
            currency=refund.currency,
            status=refund.status,
            reason=refund.reason,
            failure_reason=refund.failure_reason,
            created_at=refund.created,
        )
    ]


def _dispute(obj: Mapping[str, Any], at: datetime) -> list[Snapshot]:
    dispute = validated(DisputeShape, obj)
    return [
        facts.Dispute(
            observed_at=at,
            dispute_id=dispute.id,
            charge_id=id_of(dispute.charge),
            payment_intent_id=id_of(dispute.payment_intent),
            amount=dispute.amount,
            currency=dispute.currency,
            status=dispute.status,
            reason=dispute.reason,
            created_at=dispute.created,
        )
    ]


def _warning(obj: Mapping[str, Any], at: datetime) -> list[Snapshot]:
    warning = validated(WarningShape, obj)
    return [
        facts.EarlyFraudWarning(
            observed_at=at,
            warning_id=warning.id,
            charge_id=id_of(warning.charge),
            payment_intent_id=id_of(warning.payment_intent),
            fraud_type=warning.fraud_type,
            actionable=warning.actionable,
            created_at=warning.created,
        )
    ]


def _invoice(obj: Mapping[str, Any], at: datetime) -> list[Snapshot]:
    invoice = validated(InvoiceShape, obj)
    when = invoice.status_transitions
    read = facts.Invoice(
        observed_at=at,
        invoice_id=invoice.id,
        number=invoice.number,
        customer_id=id_of(invoice.customer),
        subscription_id=invoice.subscription_id,
        checkout_id=invoice.order_id,
        status=invoice.status,
        billing_reason=invoice.billing_reason,
        collection_method=invoice.collection_method,
        currency=invoice.currency,
        total=invoice.total,
        tax=sum(tax.amount for tax in invoice.total_taxes),
        amount_due=invoice.amount_due,
        amount_paid=invoice.amount_paid,
        amount_remaining=invoice.amount_remaining,
        amount_overpaid=invoice.amount_overpaid,
        attempt_count=invoice.attempt_count,
        next_payment_attempt=invoice.next_payment_attempt,
        due_at=invoice.due_date,
        finalized_at=when.finalized_at,
        paid_at=when.paid_at,
        voided_at=when.voided_at,
        uncollectible_at=when.marked_uncollectible_at,
        hosted_invoice_url=invoice.hosted_invoice_url,
        created_at=invoice.created,
    )
    return [read, *(_line(line, invoice, at) for line in invoice.lines.data)]


def _line(line: LineShape, invoice: InvoiceShape, at: datetime) -> Snapshot:
    return facts.InvoiceLine(
        observed_at=at,
        line_id=line.id,
        invoice_id=invoice.id,
        subscription_id=invoice.subscription_id,
        description=line.description,
        amount=line.amount,
        currency=line.currency,
        quantity=line.quantity,
        proration=line.proration,
        period_start=line.period.start,
        period_end=line.period.end,
    )


def _invoice_payment(obj: Mapping[str, Any], at: datetime) -> list[Snapshot]:
    paid = validated(InvoicePaymentShape, obj)
    return [
        facts.InvoicePayment(
            observed_at=at,
            invoice_payment_id=paid.id,
            invoice_id=id_of(paid.invoice) or "",
            payment_intent_id=id_of(paid.payment.payment_intent),
            charge_id=id_of(paid.payment.charge),
            amount_requested=paid.amount_requested,
            amount_paid=paid.amount_paid or 0,
            currency=paid.currency,
            status=paid.status,
            paid_at=paid.status_transitions.paid_at,
            created_at=paid.created,
        )
    ]


def _subscription(obj: Mapping[str, Any], at: datetime) -> list[Snapshot]:
    subscription = validated(SubscriptionShape, obj)
    items = subscription.items.data
    first = items[0] if items else None
    recurring = first.price.recurring if first else None
    return [
        facts.Subscription(
            observed_at=at,
            subscription_id=subscription.id,
            customer_id=id_of(subscription.customer),
            checkout_id=subscription.metadata.get(ORDER),
            status=subscription.status,
            collection_method=subscription.collection_method,
            currency=subscription.currency,
            amount=sum((item.price.unit_amount or 0) * item.quantity for item in items),
            quantity=first.quantity if first else 0,
            interval=recurring.interval if recurring else None,
            interval_count=recurring.interval_count if recurring else None,
            trial_end=subscription.trial_end,
            current_period_start=first.current_period_start if first else None,
            current_period_end=first.current_period_end if first else None,
            cancel_at_period_end=subscription.cancel_at_period_end,
            canceled_at=subscription.canceled_at,
            ended_at=subscription.ended_at,
            cancellation_reason=subscription.cancellation_details.reason,
            default_payment_method=id_of(subscription.default_payment_method),
            started_at=subscription.start_date,
            created_at=subscription.created,
        )
    ]


def _customer(obj: Mapping[str, Any], at: datetime) -> list[Snapshot]:
    customer = validated(CustomerShape, obj)
    return [
        facts.Customer(
            observed_at=at,
            customer_id=customer.id,
            customer=customer.metadata.get(CUSTOMER),
            delinquent=bool(customer.delinquent),
            balance=customer.balance,
            currency=customer.currency,
            default_payment_method=id_of(customer.invoice_settings.default_payment_method),
            deleted=customer.deleted,
            created_at=customer.created,
        )
    ]


def _payment_method(obj: Mapping[str, Any], at: datetime) -> list[Snapshot]:
    method = validated(PaymentMethodShape, obj)
    card, bank = method.card, method.us_bank_account
    return [
        facts.PaymentMethod(
            observed_at=at,
            payment_method_id=method.id,
            customer_id=id_of(method.customer),
            type=method.type,
            brand=card.brand or bank.bank_name,
            funding=card.funding or bank.account_type,
            country=card.country,
            last4=card.last4 or bank.last4,
            exp_month=card.exp_month,
            exp_year=card.exp_year,
            fingerprint=card.fingerprint or bank.fingerprint,
            wallet=card.wallet.type,
            allow_redisplay=method.allow_redisplay,
            created_at=method.created,
        )
    ]


def _balance_transaction(obj: Mapping[str, Any], at: datetime) -> list[Snapshot]:
    booked = validated(BalanceTransactionShape, obj)
    return [
        facts.BalanceTransaction(
            observed_at=at,
            balance_transaction_id=booked.id,
            source_id=id_of(booked.source),
            type=booked.type,
            reporting_category=booked.reporting_category,
            amount=booked.amount,
            fee=booked.fee,
            net=booked.net,
            currency=booked.currency,
            exchange_rate=booked.exchange_rate,
            status=booked.status,
            fee_details=[fee.model_dump() for fee in booked.fee_details],
            available_on=booked.available_on,
            created_at=booked.created,
        )
    ]


# By the name an object gives its own kind.
READERS: Mapping[str, Reader] = {
    "balance_transaction": _balance_transaction,
    "charge": _charge,
    "customer": _customer,
    "dispute": _dispute,
    "invoice": _invoice,
    "invoice_payment": _invoice_payment,
    "payment_method": _payment_method,
    "radar.early_fraud_warning": _warning,
    "refund": _refund,
    "subscription": _subscription,
}
# Their object is a look ahead, and has no id of its own.
_FORECASTS = frozenset({"invoice.upcoming"})
CARD_UPDATED = "payment_method.automatically_updated"


def read_snapshots(
    event_type: str, event_id: str, data: Mapping[str, Any], at: datetime
) -> list[Snapshot] | None:
    """What an event teaches, or None when the ledger has no use for it.

    Args:
        event_type: Stripe's name.
        event_id: the event's own id, which a card update is known by.
        data: ``object`` and perhaps ``previous_attributes``.
        at: when Stripe described it so.

    Raises:
        Malformed: the object does not have Stripe's shape.
    """
    obj: Mapping[str, Any] = data["object"]
    reader = READERS.get(str(obj.get("object")))
    if reader is None or event_type in _FORECASTS:
        return None
    read = reader(obj, at)
    if event_type == CARD_UPDATED:
        read.append(_card_update(event_id, data, at))
    return read


_AUTHENTICATION_FAILED = "payment_intent_authentication_failure"


def authentication_of(obj: Mapping[str, Any], at: datetime) -> facts.Authentication | None:
    """The failed 3-D Secure of a PaymentIntent, where that is why it has no charge."""
    intent = validated(IntentShape, obj)
    error = intent.last_payment_error
    if error is None or error.code != _AUTHENTICATION_FAILED:
        return None
    method = error.payment_method
    return facts.Authentication(
        observed_at=at,
        authentication_id=f"{intent.id}:{method.id if method else ''}",
        payment_intent_id=intent.id,
        customer_id=id_of(intent.customer),
        payment_method_id=method.id if method else None,
        method=method.type if method else None,
        brand=method.card.brand if method else None,
        funding=method.card.funding if method else None,
        country=method.card.country if method else None,
        code=_AUTHENTICATION_FAILED,
        amount=intent.amount,
        currency=intent.currency or "",
        failed_at=at,
    )


def _card_update(event_id: str, data: Mapping[str, Any], at: datetime) -> Snapshot:
    now = validated(PaymentMethodShape, data["object"])
    previous = data.get("previous_attributes") or {}
    before = validated(PaymentMethodShape, {**data["object"], "card": previous.get("card") or {}})
    return facts.CardUpdate(
        observed_at=at,
        event_id=event_id,
        payment_method_id=now.id,
        customer_id=id_of(now.customer),
        updated_at=at,
        last4_before=before.card.last4,
        last4=now.card.last4,
        exp_month_before=before.card.exp_month,
        exp_month=now.card.exp_month,
        exp_year_before=before.card.exp_year,
        exp_year=now.card.exp_year,
    )
