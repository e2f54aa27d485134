"""A store's rows, with what a test does not care about filled in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from analysis.observations import Observations
from experiments import (
    AnalysisPlan,
    Direction,
    Experiment,
    FunnelEvent,
    Guardrail,
    Kind,
    Metric,
    MetricRoles,
    Status,
    Unit,
    Variant,
)
from service.store.observations import read_observations
from service.store.session import Store
from service.store.tables import (
    charges,
    checkouts,
    events,
    exposures,
    invoice_payments,
    invoices,
    payments,
    subscriptions,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WINDOW = 72 * HOUR
LATER = NOON + timedelta(days=30)
PAID = FunnelEvent.PAYMENT_SUCCEEDED


def metric(key: str, kind: Kind = Kind.MEAN, **parts: Any) -> Metric:
    return Metric(key=key, name=key, kind=kind, direction=Direction.INCREASE, **parts)


def experiment(*metrics: Metric, unit: Unit = Unit.VISITOR) -> Experiment:
    primary, *guardrails = (each.key for each in metrics)
    return Experiment(
        key="colours",
        seed="colours",
        name="Colours",
        hypothesis="Green sells more.",
        owner="growth@example.com",
        status=Status.RUNNING,
        unit=unit,
        variants=(Variant(key="grey", weight=50, control=True), Variant(key="green", weight=50)),
        metrics=MetricRoles(
            primary=primary, guardrails=tuple(Guardrail(metric=key) for key in guardrails)
        ),
        analysis=AnalysisPlan(planned_units=1000, conversion_window=WINDOW),
    )


def intent(checkout: str, at: datetime) -> str:
    return f"pi_{checkout}_{at.timestamp():.0f}"


class Books:
    """Writes the store's rows with what a test does not care about filled in."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def write(self, table: Any, **row: Any) -> None:
        with self.store.write() as connection:
            connection.execute(table.insert(), row)

    def expose(
        self, unit: str, variant: str = "green", at: datetime = NOON, **attributes: str
    ) -> None:
        self.write(
            exposures, experiment="colours", unit_id=unit, variant=variant, exposed_at=at,
            reason="SPLIT", bucket=0.5, definitions="0" * 64, attributes=attributes,
        )  # fmt: skip

    def order(self, checkout: str, visitor: str, customer: str | None = None, **parts: Any) -> None:
        row: dict[str, Any] = {
            "checkout_id": checkout, "created_at": NOON, "expires_at": LATER, "mode": "payment",
            "currency": "usd", "amount": 1000, "lines": [], "attributes": {}, "metadata": {},
            "unit_id": visitor, "customer": customer, "preview": False,
        }  # fmt: skip
        self.write(checkouts, **row | parts)

    def pay(self, checkout: str, amount: int, at: datetime = NOON + HOUR, **parts: Any) -> None:
        """A payment and the charge that made it; `charge` holds what is special of that."""
        charge = parts.pop("charge", {})
        number = intent(checkout, at)
        currency = parts.get("currency", "usd")
        row: dict[str, Any] = {
            "payment_intent_id": number, "checkout_id": checkout, "status": "succeeded",
            "proved": "succeeded", "amount": amount, "amount_received": amount,
            "currency": currency, "mismatch": False, "succeeded_at": at,
        }  # fmt: skip
        self.write(payments, **row | parts)
        self.charge(f"ch_{number}", number, amount, at, **{"currency": currency} | charge)

    def charge(
        self, number: str, intent: str, amount: int = 1000, at: datetime = NOON, **parts: Any
    ) -> None:
        row: dict[str, Any] = {
            "charge_id": number, "payment_intent_id": intent, "status": "succeeded",
            "amount": amount, "amount_refunded": 0, "currency": "usd", "disputed": False,
            "charged_at": at, "amount_captured": amount, "network_token": False,
            "observed_at": at, "version": "",
        }  # fmt: skip
        self.write(charges, **row | parts)

    def renew(self, checkout: str, renewal: str) -> None:
        """A subscription of a checkout, and a payment of an invoice that renews it."""
        times: dict[str, Any] = {"created_at": NOON, "observed_at": NOON, "version": ""}
        self.write(
            subscriptions, subscription_id="sub_1", checkout_id=checkout, status="active",
            currency="usd", amount=1000, quantity=1, cancel_at_period_end=False, **times,
        )  # fmt: skip
        self.write(
            invoices, invoice_id="in_2", subscription_id="sub_1", status="paid", currency="usd",
            total=1000, tax=0, amount_due=1000, amount_paid=1000, amount_remaining=0,
            amount_overpaid=0, attempt_count=1, **times,
        )  # fmt: skip
        self.write(
            payments, payment_intent_id=renewal, status="succeeded", proved="succeeded",
            amount=1000, amount_received=1000, currency="usd", mismatch=False, succeeded_at=NOON,
        )  # fmt: skip
        self.write(
            invoice_payments, invoice_payment_id="inpay_2", invoice_id="in_2",
            payment_intent_id=renewal, amount_requested=1000, amount_paid=1000, currency="usd",
            status="paid", **times,
        )  # fmt: skip

    def happen(
        self, key: str, visitor: str, checkout: str | None, at: datetime = NOON + HOUR, **parts: Any
    ) -> None:
        row: dict[str, Any] = {
            "event_id": key, "unit_id": visitor, "checkout_id": checkout, "name": PAID.value,
            "occurred_at": at, "received_at": at, "value": 1000, "currency": "usd",
            "properties": {},
        }  # fmt: skip
        self.write(events, **row | parts)

    def read(
        self, *metrics: Metric, unit: Unit = Unit.VISITOR, as_of: datetime = LATER
    ) -> Observations:
        with self.store.read() as connection:
            named = {each.key: each for each in metrics}
            made = experiment(*metrics, unit=unit)
            return read_observations(connection, made, named, as_of=as_of)
