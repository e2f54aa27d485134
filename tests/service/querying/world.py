"""A small merchant, whose every number can be counted by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Table

from service.store import tables

EXPERIMENT = "paying"


def at(month: int, day: int, hour: int = 12, minute: int = 0, *, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def fill(connection: Connection) -> None:
    """Write the merchant's books."""
    for table, rows in _WORLD:
        for row in rows:
            connection.execute(table.insert().values(**row))


def _checkout(key: str, variant: str | None, unit: str, currency: str, amount: int,
              **more: Any) -> dict[str, Any]:  # fmt: skip
    return {
        "checkout_id": key, "created_at": at(1, 1), "expires_at": at(1, 2), "mode": "payment",
        "currency": currency, "amount": amount, "lines": [], "attributes": {}, "metadata": {},
        "unit_id": unit, "experiment": EXPERIMENT if variant else None, "variant": variant,
        "preview": False, **more,
    }  # fmt: skip


def _exposure(unit: str, variant: str) -> dict[str, Any]:
    return {
        "experiment": EXPERIMENT, "unit_id": unit, "variant": variant, "exposed_at": at(1, 1),
        "reason": "SPLIT", "bucket": 0.5, "definitions": "0", "attributes": {},
    }  # fmt: skip


def _told(key: str, name: str, checkout: str, when: datetime, **properties: Any) -> dict[str, Any]:
    return {
        "event_id": key, "unit_id": f"u{checkout[-1]}", "checkout_id": checkout, "name": name,
        "occurred_at": when, "received_at": when, "properties": properties,
    }  # fmt: skip


def _payment(key: str, checkout: str | None, status: str, amount: int, currency: str,
             when: datetime) -> dict[str, Any]:  # fmt: skip
    paid = status == "succeeded"
    return {
        "payment_intent_id": key, "checkout_id": checkout, "status": status, "proved": status,
        "amount": amount, "amount_received": amount if paid else 0, "currency": currency,
        "mismatch": False, "succeeded_at": when if paid else None, "created_at": when,
        "customer_id": None,
    }  # fmt: skip


def charge(key: str, intent: str, when: datetime, amount: int, currency: str, *,
            declined: str | None = None, **more: Any) -> dict[str, Any]:  # fmt: skip
    network = "declined_by_network" if declined else "approved_by_network"
    return {
        "charge_id": key, "payment_intent_id": intent, "charged_at": when, "observed_at": when,
        "version": "", "status": "failed" if declined else "succeeded", "amount": amount,
        "amount_captured": 0 if declined else amount, "amount_refunded": 0, "currency": currency,
        "disputed": False, "network_token": False, "method": "card", "brand": "visa",
        "funding": "credit", "country": "US", "fingerprint": f"f_{intent}",
        "outcome_type": "issuer_declined" if declined else "authorized",
        "network_status": network, "decline_code": declined,
        "failure_code": "card_declined" if declined else None, **more,
    }  # fmt: skip


def _booked(key: str, source: str, when: datetime, amount: int, fee: int) -> dict[str, Any]:
    return {
        "balance_transaction_id": key, "source_id": source, "type": "charge", "amount": amount,
        "fee": fee, "net": amount - fee, "currency": "usd", "status": "available",
        "fee_details": [{"type": "stripe_fee", "amount": fee, "currency": "usd",
                         "description": "Stripe processing fees"}],
        "created_at": when, "observed_at": when, "version": "",
    }  # fmt: skip


def _invoice(key: str, status: str, amount: int, currency: str, when: datetime,
             **more: Any) -> dict[str, Any]:  # fmt: skip
    paid = amount if status == "paid" else 0
    return {
        "invoice_id": key, "status": status, "currency": currency, "total": amount, "tax": 0,
        "amount_due": amount, "amount_paid": paid, "amount_remaining": amount - paid,
        "amount_overpaid": 0, "attempt_count": 0, "created_at": when, "observed_at": when,
        "version": "", **more,
    }  # fmt: skip


def _pays(invoice: str, intent: str, amount: int, when: datetime) -> dict[str, Any]:
    return {
        "invoice_payment_id": f"inpay_{invoice}", "invoice_id": invoice,
        "payment_intent_id": intent, "amount_requested": amount, "amount_paid": amount,
        "currency": "usd", "status": "paid", "paid_at": when, "created_at": when,
        "observed_at": when, "version": "",
    }  # fmt: skip


def _subscription(key: str, status: str, amount: int, interval: str, when: datetime,
                  **more: Any) -> dict[str, Any]:  # fmt: skip
    return {
        "subscription_id": key, "status": status, "currency": "usd", "amount": amount,
        "quantity": 2, "interval": interval, "interval_count": 1, "cancel_at_period_end": False,
        "created_at": when, "observed_at": when, "version": "", **more,
    }  # fmt: skip


def _of_charge(key: str, name: str, charge_id: str, intent: str, when: datetime,
               **more: Any) -> dict[str, Any]:  # fmt: skip
    return {
        name: key, "charge_id": charge_id, "payment_intent_id": intent, "created_at": when,
        "observed_at": when, "version": "", **more,
    }  # fmt: skip


_BANK = {"method": "us_bank_account", "brand": None, "funding": None, "country": None}
_WORLD: list[tuple[Table, list[dict[str, Any]]]] = [
    (tables.checkouts, [
        _checkout("co_1", "one_page", "u1", "usd", 2400, customer="acme"),
        _checkout("co_2", "two_page", "u2", "eur", 5000),
        _checkout("co_3", "one_page", "preview-x", "usd", 900, preview=True),
        _checkout("co_4", "one_page", "u4", "usd", 3000),
        _checkout("co_5", "two_page", "u5", "usd", 800),
    ]),
    (tables.exposures, [
        _exposure("u1", "one_page"), _exposure("u2", "two_page"), _exposure("u4", "one_page"),
        _exposure("u5", "two_page"),
    ]),
    (tables.events, [
        _told("e1", "step_shown", "co_1", at(1, 10), step="checkout"),
        _told("e2", "element_ready", "co_1", at(1, 10), element="payment", milliseconds=700),
        _told("e3", "element_ready", "co_4", at(1, 15), element="payment", milliseconds=900),
        _told("e4", "section_timed", "co_1", at(1, 10), section="payment", milliseconds=12_000),
        _told("e5", "section_timed", "co_1", at(1, 10), section="payment", milliseconds=3_000),
        _told("e6", "error_shown", "co_1", at(1, 10), section="payment", code="declined"),
        _told("e7", "error_shown", "co_1", at(1, 10), section="payment", code="declined"),
        _told("e8", "error_shown", "co_2", at(2, 3), section="contact", code="email_wrong"),
        _told("e9", "field_left", "co_2", at(2, 3), section="contact", field="email",
              state="incomplete"),
        _told("e10", "field_left", "co_2", at(2, 3), section="contact", field="email",
              state="complete"),
        _told("e11", "field_corrected", "co_2", at(2, 3), section="contact", field="email",
              after="error"),
        _told("e12", "section_timed", "co_2", at(2, 3), section="contact", milliseconds=4_500),
        _told("e13", "rage_clicked", "co_4", at(1, 15), target="action"),
        _told("e14", "rage_clicked", "co_4", at(1, 15), target="retry", section="payment"),
        _told("e15", "events_omitted", "co_4", at(1, 15), count=7),
        _told("e16", "error_shown", "co_3", at(1, 11), section="payment", code="declined"),
        _told("e17", "checkout_viewed", "co_1", at(1, 10)),
        _told("e18", "error_shown", "co_5", at(2, 4), section="contact", code="email_wrong"),
    ]),
    (tables.payments, [
        _payment("pi_1", "co_1", "succeeded", 2400, "usd", at(1, 10)),
        _payment("pi_2", "co_2", "succeeded", 5000, "eur", at(2, 3)),
        _payment("pi_3", "co_3", "succeeded", 900, "usd", at(1, 11)),
        _payment("pi_4", "co_4", "succeeded", 3000, "usd", at(1, 15)),
        _payment("pi_5", None, "succeeded", 3000, "usd", at(2, 18)),
        _payment("pi_6", None, "failed", 9900, "usd", at(2, 20)),
        _payment("pi_7", None, "failed", 700, "eur", at(2, 21)),
        _payment("pi_8", None, "processing", 12000, "usd", at(2, 22)),
        _payment("pi_9", None, "succeeded", 12000, "usd", at(2, 10)),
    ]),
    (tables.charges, [
        charge("ch_1a", "pi_1", at(1, 10, 9), 2400, "usd", declined="insufficient_funds",
               network_decline_code="51", advice_code="try_again_later"),
        charge("ch_1b", "pi_1", at(1, 10, 9, 5), 2400, "usd", brand="mastercard", funding="debit",
               fingerprint="f_other", disputed=True, balance_transaction_id="txn_1"),
        charge("ch_2", "pi_2", at(2, 3), 5000, "eur", country="DE", amount_refunded=1000,
               three_d_secure_flow="challenge", three_d_secure_result="authenticated",
               balance_transaction_id="txn_2"),
        charge("ch_3", "pi_3", at(1, 11), 900, "usd"),
        charge("ch_4", "pi_4", at(1, 15), 3000, "usd", payment_method_id="pm_s",
               balance_transaction_id="txn_4"),
        charge("ch_5a", "pi_5", at(2, 15), 3000, "usd", declined="expired_card",
               payment_method_id="pm_s"),
        charge("ch_5b", "pi_5", at(2, 18), 3000, "usd", payment_method_id="pm_s",
               balance_transaction_id="txn_5"),
        charge("ch_6", "pi_6", at(2, 20), 9900, "usd", declined="highest_risk_level", brand="amex",
               country="BR", outcome_type="blocked", network_status="not_sent_to_network"),
        charge("py_8", "pi_8", at(2, 22), 12000, "usd", status="pending", **_BANK),
        charge("py_9", "pi_9", at(2, 10), 12000, "usd", disputed=True,
               balance_transaction_id="txn_9", **_BANK),
    ]),
    (tables.authentications, [{
        "authentication_id": "pi_7:pm_7", "payment_intent_id": "pi_7", "method": "card",
        "brand": "visa", "funding": "credit", "country": "FR",
        "code": "payment_intent_authentication_failure", "amount": 700, "currency": "eur",
        "failed_at": at(2, 21), "observed_at": at(2, 21), "version": "",
    }]),
    (tables.refunds, [
        _of_charge("re_1", "refund_id", "ch_2", "pi_2", at(2, 5), amount=1000, currency="eur",
                   status="succeeded", reason="requested_by_customer"),
        _of_charge("re_2", "refund_id", "ch_4", "pi_4", at(2, 6), amount=500, currency="usd",
                   status="failed"),
    ]),
    (tables.disputes, [
        _of_charge("dp_9", "dispute_id", "py_9", "pi_9", at(2, 14), amount=12000, currency="usd",
                   status="lost", reason="insufficient_funds"),
        _of_charge("dp_1", "dispute_id", "ch_1b", "pi_1", at(2, 12), amount=2400, currency="usd",
                   status="won", reason="fraudulent"),
    ]),
    (tables.early_fraud_warnings, [
        _of_charge("issfr_1", "warning_id", "ch_2", "pi_2", at(2, 4), fraud_type="misc",
                   actionable=True),
    ]),
    (tables.balance_transactions, [
        _booked("txn_1", "ch_1b", at(1, 10), 2400, 100),
        _booked("txn_2", "ch_2", at(2, 3), 5400, 187),
        _booked("txn_4", "ch_4", at(1, 15), 3000, 117),
        _booked("txn_5", "ch_5b", at(2, 18), 3000, 117),
        _booked("txn_9", "py_9", at(2, 10), 12000, 96),
    ]),
    (tables.invoices, [
        _invoice("in_1", "paid", 3000, "usd", at(1, 15), subscription_id="sub_1",
                 checkout_id="co_4", billing_reason="subscription_create"),
        _invoice("in_2", "paid", 3000, "usd", at(2, 15), subscription_id="sub_1",
                 billing_reason="subscription_cycle"),
        _invoice("in_3", "open", 10000, "usd", at(1, 2), due_at=at(2, 1)),
        _invoice("in_4", "open", 700, "eur", at(2, 20), due_at=at(3, 20)),
        _invoice("in_5", "void", 800, "eur", at(1, 2), due_at=at(1, 30)),
    ]),
    (tables.invoice_payments, [
        _pays("in_1", "pi_4", 3000, at(1, 15)), _pays("in_2", "pi_5", 3000, at(2, 18)),
    ]),
    (tables.subscriptions, [
        _subscription("sub_1", "active", 3000, "month", at(1, 15), checkout_id="co_4",
                      default_payment_method="pm_s"),
        _subscription("sub_2", "canceled", 12000, "year", at(12, 10, year=2025), ended_at=at(2, 20),
                      cancellation_reason="payment_failed"),
    ]),
    (tables.payment_methods, [{
        "payment_method_id": "pm_s", "type": "card", "brand": "visa", "exp_month": 3,
        "exp_year": 2028, "created_at": at(1, 15), "observed_at": at(2, 16), "version": "",
    }]),
    (tables.card_updates, [
        {"event_id": "evt_u", "payment_method_id": "pm_s", "updated_at": at(2, 16),
         "observed_at": at(2, 16), "version": ""},
        {"event_id": "evt_v", "payment_method_id": "pm_unused", "updated_at": at(2, 17),
         "observed_at": at(2, 17), "version": ""},
    ]),
    (tables.period_annotations, [{
        "annotation_id": "an_1", "kind": "adaptive_acceptance", "starts_at": at(2, 1),
        "value": {}, "note": "switched on", "created_at": at(2, 1),
    }]),
]  # fmt: skip
