"""Every table of the store.

Times are microseconds since 1970 in UTC, money is minor units beside a currency: both whole
numbers, so that windows and sums are the same arithmetic on every engine.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator
from typing_extensions import override

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(duration: timedelta) -> int:
    """A duration as the store counts it."""
    return duration // timedelta(microseconds=1)


class UtcTime(TypeDecorator[datetime]):
    """An aware datetime, kept as microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    @override
    def process_bind_param(self, value: Any | None, dialect: Dialect) -> int | None:
        """To the store; a naive time is a programming error and raises TypeError."""
        return None if value is None else microseconds(value - EPOCH)

    @override
    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """From the store, in UTC."""
        return None if value is None else EPOCH + timedelta(microseconds=value)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

checkouts = Table(
    "checkouts",
    metadata,
    Column("checkout_id", String(40), primary_key=True),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    # When the merchant called it off, which it expires with.
    Column("cancelled_at", UtcTime),
    Column("mode", String(16), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("lines", JSON, nullable=False),
    # Of a subscription its periods and trial, of an invoice how and when it is to be paid.
    Column("terms", JSON),
    Column("tax", JSON),
    Column("offer", String(64)),
    Column("email", Text),
    Column("customer", Text, index=True),
    Column("success_url", Text),
    Column("cancel_url", Text),
    Column("locale", String(16)),
    Column("attributes", JSON, nullable=False),
    Column("metadata", JSON, nullable=False),
    # What the visitor gave in sections that the merchant added.
    Column("fields", JSON),
    Column("idempotency_key", String(255), unique=True),
    Column("request_digest", String(64)),
    # Set when a visitor first sees the checkout, and never changed after.
    Column("unit_id", String(64), index=True),
    Column("experiment", String(64)),
    Column("variant", String(64)),
    Column("flow", String(64)),
    # Opened by a signed preview link: never analysed.
    Column("preview", Boolean, nullable=False, default=False),
    # What the merchant says of the visitor's consent to analytics; NULL where nothing.
    Column("analytics_consent", Boolean),
)

# What a visitor typed so far, for the visitor's own page; forgotten a day after the last change.
details = Table(
    "details",
    metadata,
    Column("checkout_id", String(40), primary_key=True),
    Column("unit_id", String(64), primary_key=True),
    Column("email", Text),
    Column("name", Text),
    Column("address", JSON, nullable=False),
    Column("fields", JSON),
    # Whether the page, which knows what each country asks for, missed nothing.
    Column("complete", Boolean, nullable=False),
    # By the visitor's clock, in milliseconds: what was typed before comes too late.
    Column("typed_at", BigInteger, nullable=False),
    Column("kept_at", UtcTime, nullable=False, index=True),
)

exposures = Table(
    "exposures",
    metadata,
    Column("experiment", String(64), primary_key=True),
    # A visitor's id, or a customer's as the merchant's server names it.
    Column("unit_id", String(500), primary_key=True),
    Column("variant", String(64), nullable=False),
    Column("exposed_at", UtcTime, nullable=False),
    Column("reason", String(32), nullable=False),
    Column("bucket", Float, nullable=False),
    Column("checkout_id", String(40)),
    Column("definitions", String(64), nullable=False),
    Column("attributes", JSON, nullable=False),
    Index(None, "experiment", "exposed_at"),
)

events = Table(
    "events",
    metadata,
    Column("event_id", String(128), primary_key=True),
    Column("unit_id", String(64), nullable=False),
    Column("checkout_id", String(40)),
    Column("name", String(40), nullable=False),
    Column("occurred_at", UtcTime, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("value", BigInteger),
    Column("currency", String(3)),
    Column("properties", JSON, nullable=False),
    Index(None, "name", "unit_id"),
)

# Each press of the pay button; what became of it at the bank is a charge of the ledger.
confirmations = Table(
    "confirmations",
    metadata,
    Column("attempt_id", String(48), primary_key=True),
    Column("checkout_id", ForeignKey("checkouts.checkout_id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("idempotency_key", String(255), nullable=False, unique=True),
    Column("confirmation_token", String(255), nullable=False),
    # Kept, because the same key with other parameters is an error at Stripe.
    Column("return_url", Text, nullable=False),
    Column("payment_intent_id", String(255), index=True),
    Column("charge_id", String(255)),
    Column("status", String(32), nullable=False),
    Column("failure_code", Text),
    Column("decline_code", Text),
    Column("started_at", UtcTime, nullable=False),
    Column("leased_until", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    UniqueConstraint("checkout_id", "number"),
    UniqueConstraint("checkout_id", "confirmation_token"),
)
# The database lets one attempt of a checkout be under way, whoever asks and however often.
Index(
    "uq_confirmations_under_way",
    confirmations.c.checkout_id,
    unique=True,
    sqlite_where=text("status = 'started'"),
    postgresql_where=text("status = 'started'"),
)

# What Stripe bills for a checkout that is not one payment: written down before anything is made
# there, so that an order is never both charged and billed.
bills = Table(
    "bills",
    metadata,
    Column("checkout_id", ForeignKey("checkouts.checkout_id"), primary_key=True),
    Column("customer_id", String(255)),
    Column("subscription_id", String(255)),
    Column("invoice_id", String(255)),
    # What the visitor confirms; of a trial the SetupIntent's id.
    Column("payment_intent_id", String(255)),
    Column("terms", JSON, nullable=False),
    # Until Stripe knows them.
    Column("buyer", JSON),
    Column("created_at", UtcTime, nullable=False),
    Column("sent_at", UtcTime),
    Index(None, "invoice_id"),
    Index(None, "payment_intent_id"),
)

# Whom Stripe knows a merchant's customer as.
accounts = Table(
    "accounts",
    metadata,
    Column("customer", String(500), primary_key=True),
    Column("customer_id", String(255), nullable=False, unique=True),
    Column("created_at", UtcTime, nullable=False),
)

# What customers agreed that a payment method of theirs may be kept for, and for how long.
consents = Table(
    "consents",
    metadata,
    Column("payment_method_id", String(255), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("customer_id", String(255), nullable=False, index=True),
    Column("checkout_id", String(40)),
    Column("given_at", UtcTime, nullable=False),
    Column("withdrawn_at", UtcTime),
)

# The ledger: what Stripe's events and lists say, joined. Tables start with ``ledger_``, because the
# plain names are the documented views' (see `service.store.views`).
payments = Table(
    "ledger_payments",
    metadata,
    # Of a trial, whose first payment is nothing, the SetupIntent's id.
    Column("payment_intent_id", String(255), primary_key=True),
    # None: paid outside any checkout, as a renewal is.
    Column("checkout_id", ForeignKey("checkouts.checkout_id"), index=True),
    Column("customer_id", String(255), index=True),
    Column("status", String(32), nullable=False),
    # What the intent alone has proved; `status` is that and all of its charges.
    Column("proved", String(32), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("amount_received", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    # Stripe's amount or currency is not the checkout's: shown, and not counted as a conversion.
    Column("mismatch", Boolean, nullable=False),
    Column("succeeded_at", UtcTime),
    Column("created_at", UtcTime),
)


def _snapshots(name: str, key: str, *columns: Column[Any] | Index) -> Table:
    """A table of objects as Stripe last described them."""
    return Table(
        name,
        metadata,
        Column(key, String(255), primary_key=True),
        *columns,
        # When Stripe described it so, and what decides between two descriptions of one second.
        Column("observed_at", UtcTime, nullable=False),
        Column("version", String(80), nullable=False),
    )


def _id(name: str) -> Column[Any]:
    return Column(name, String(255), index=True)


charges = _snapshots(
    "ledger_charges",
    "charge_id",
    _id("payment_intent_id"),
    _id("customer_id"),
    Column("payment_method_id", String(255)),
    Column("status", String(32), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("amount_captured", BigInteger, nullable=False),
    Column("amount_refunded", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("disputed", Boolean, nullable=False),
    Column("method", Text),
    Column("brand", Text),
    Column("funding", Text),
    Column("country", Text),
    Column("fingerprint", Text),
    Column("wallet", Text),
    Column("network_token", Boolean, nullable=False),
    Column("outcome_type", Text),
    Column("network_status", Text),
    Column("failure_code", Text),
    Column("decline_code", Text),
    Column("network_decline_code", Text),
    Column("advice_code", Text),
    Column("network_advice_code", Text),
    Column("risk_level", Text),
    Column("risk_score", Integer),
    Column("three_d_secure_flow", Text),
    Column("three_d_secure_result", Text),
    Column("three_d_secure_reason", Text),
    Column("balance_transaction_id", String(255)),
    Column("charged_at", UtcTime, nullable=False, index=True),
)

refunds = _snapshots(
    "ledger_refunds",
    "refund_id",
    _id("charge_id"),
    _id("payment_intent_id"),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("status", Text),
    Column("reason", Text),
    Column("failure_reason", Text),
    Column("created_at", UtcTime, nullable=False),
)

disputes = _snapshots(
    "ledger_disputes",
    "dispute_id",
    _id("charge_id"),
    _id("payment_intent_id"),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("created_at", UtcTime, nullable=False),
)

early_fraud_warnings = _snapshots(
    "ledger_early_fraud_warnings",
    "warning_id",
    _id("charge_id"),
    _id("payment_intent_id"),
    Column("fraud_type", Text),
    Column("actionable", Boolean, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

invoices = _snapshots(
    "ledger_invoices",
    "invoice_id",
    Column("number", Text),
    _id("customer_id"),
    _id("subscription_id"),
    Column("checkout_id", String(40), index=True),
    Column("status", Text, nullable=False),
    Column("billing_reason", Text),
    Column("collection_method", Text),
    Column("currency", String(3), nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("tax", BigInteger, nullable=False),
    Column("amount_due", BigInteger, nullable=False),
    Column("amount_paid", BigInteger, nullable=False),
    Column("amount_remaining", BigInteger, nullable=False),
    Column("amount_overpaid", BigInteger, nullable=False),
    Column("attempt_count", Integer, nullable=False),
    Column("next_payment_attempt", UtcTime),
    Column("due_at", UtcTime),
    Column("finalized_at", UtcTime),
    Column("paid_at", UtcTime),
    Column("voided_at", UtcTime),
    Column("uncollectible_at", UtcTime),
    Column("hosted_invoice_url", Text),
    Column("created_at", UtcTime, nullable=False),
)

invoice_lines = _snapshots(
    "ledger_invoice_lines",
    "line_id",
    _id("invoice_id"),
    _id("subscription_id"),
    Column("description", Text),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("quantity", Integer),
    Column("proration", Boolean, nullable=False),
    Column("period_start", UtcTime),
    Column("period_end", UtcTime),
)

invoice_payments = _snapshots(
    "ledger_invoice_payments",
    "invoice_payment_id",
    _id("invoice_id"),
    _id("payment_intent_id"),
    Column("charge_id", String(255)),
    Column("amount_requested", BigInteger, nullable=False),
    Column("amount_paid", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("status", Text, nullable=False),
    Column("paid_at", UtcTime),
    Column("created_at", UtcTime, nullable=False),
)

subscriptions = _snapshots(
    "ledger_subscriptions",
    "subscription_id",
    _id("customer_id"),
    Column("checkout_id", String(40), index=True),
    Column("status", Text, nullable=False),
    Column("collection_method", Text),
    Column("currency", String(3), nullable=False),
    # Of one period: the sum of the items.
    Column("amount", BigInteger, nullable=False),
    # Seats.
    Column("quantity", BigInteger, nullable=False),
    Column("interval", Text),
    Column("interval_count", Integer),
    Column("trial_end", UtcTime),
    Column("current_period_start", UtcTime),
    Column("current_period_end", UtcTime),
    Column("cancel_at_period_end", Boolean, nullable=False),
    Column("canceled_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("cancellation_reason", Text),
    Column("default_payment_method", String(255)),
    Column("started_at", UtcTime),
    Column("created_at", UtcTime, nullable=False),
)

# Nobody's name or address: only what the money needs.
customers = _snapshots(
    "ledger_customers",
    "customer_id",
    # As the merchant's server names them.
    Column("customer", Text, index=True),
    Column("delinquent", Boolean, nullable=False),
    Column("balance", BigInteger, nullable=False),
    Column("currency", String(3)),
    Column("default_payment_method", String(255)),
    Column("deleted", Boolean, nullable=False),
    Column("created_at", UtcTime),
)

payment_methods = _snapshots(
    "ledger_payment_methods",
    "payment_method_id",
    _id("customer_id"),
    Column("type", Text, nullable=False),
    Column("brand", Text),
    Column("funding", Text),
    Column("country", Text),
    Column("last4", String(4)),
    Column("exp_month", Integer),
    Column("exp_year", Integer),
    Column("fingerprint", Text),
    Column("wallet", Text),
    Column("allow_redisplay", Text),
    Column("created_at", UtcTime, nullable=False),
)

# A card network told a new number or date; an update that somebody made is none of these.
card_updates = _snapshots(
    "ledger_card_updates",
    "event_id",
    _id("payment_method_id"),
    _id("customer_id"),
    Column("updated_at", UtcTime, nullable=False),
    Column("last4_before", String(4)),
    Column("last4", String(4)),
    Column("exp_month_before", Integer),
    Column("exp_month", Integer),
    Column("exp_year_before", Integer),
    Column("exp_year", Integer),
)

# 3-D Secure that failed, and so never became a charge.
authentications = _snapshots(
    "ledger_authentications",
    "authentication_id",
    _id("payment_intent_id"),
    _id("customer_id"),
    Column("payment_method_id", String(255)),
    Column("method", Text),
    Column("brand", Text),
    Column("funding", Text),
    Column("country", Text),
    Column("code", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("failed_at", UtcTime, nullable=False),
)

balance_transactions = _snapshots(
    "ledger_balance_transactions",
    "balance_transaction_id",
    _id("source_id"),
    Column("type", Text, nullable=False),
    Column("reporting_category", Text),
    Column("amount", BigInteger, nullable=False),
    Column("fee", BigInteger, nullable=False),
    Column("net", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    # From the charge's currency to this one, or None where they are the same.
    Column("exchange_rate", Float),
    Column("status", Text),
    Column("fee_details", JSON, nullable=False),
    Column("available_on", UtcTime),
    Column("created_at", UtcTime, nullable=False),
)

stripe_events = Table(
    "stripe_events",
    metadata,
    Column("event_id", String(255), primary_key=True),
    Column("type", String(128), nullable=False),
    Column("payment_intent_id", String(255), index=True),
    # What it describes.
    Column("object_id", String(255), index=True),
    # None: Stripe sent it; `reconcile`: it was asked for, because it did not come.
    Column("source", String(16)),
    Column("created_at", UtcTime, nullable=False),
    Column("received_at", UtcTime, nullable=False, index=True),
    # applied | waiting (its object is not known here yet) | ignored (nothing to learn from it)
    Column("state", String(16), nullable=False),
    Column("payload", Text, nullable=False),
)

forged_events = Table(
    "forged_events",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("count", BigInteger, nullable=False),
)

reports = Table(
    "reports",
    metadata,
    Column("report_id", String(40), primary_key=True),
    Column("experiment", String(64), nullable=False),
    Column("generated_at", UtcTime, nullable=False),
    Column("document", JSON, nullable=False),
    Column("page", Text, nullable=False),
    Index(None, "experiment", "generated_at"),
)

# What the operator says of an experiment, over its file; no row where nobody said anything.
switches = Table(
    "switches",
    metadata,
    Column("experiment", String(64), primary_key=True),
    Column("stopped", Boolean, nullable=False),
    # How many steps of its ramp are allowed.
    Column("granted", Integer, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
)

# Only grows: the database refuses to change or delete an entry.
audit_log = Table(
    "audit_log",
    metadata,
    Column("entry_id", String(40), primary_key=True),
    Column("at", UtcTime, nullable=False, index=True),
    Column("actor", Text, nullable=False),
    Column("action", String(32), nullable=False),
    Column("experiment", String(64), nullable=False, index=True),
    Column("reason", Text, nullable=False),
    Column("details", JSON, nullable=False),
)

# How each experiment was to be judged when it started; later versions of its file change nothing.
plans = Table(
    "plans",
    metadata,
    Column("experiment", String(64), primary_key=True),
    Column("locked_at", UtcTime, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("plan", JSON, nullable=False),
    Column("definitions", String(64), nullable=False),
)

definitions = Table(
    "definitions",
    metadata,
    Column("version", String(64), primary_key=True),
    # The last time: a directory may go back to what it was.
    Column("taken_at", UtcTime, nullable=False, index=True),
    # Text of each file, by its name.
    Column("files", JSON, nullable=False),
)

# Letters to customers; the address is forgotten once they are sent.
notices = Table(
    "notices",
    metadata,
    Column("notice_id", String(300), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("address", Text, nullable=False),
    Column("locale", String(16)),
    Column("invoice_id", String(255), index=True),
    Column("matter", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("due_at", UtcTime, nullable=False),
    Column("sent_at", UtcTime),
    Column("error", Text),
    Index(None, "state", "due_at"),
)

# Another try of an invoice that Stripe itself tries no more.
retries = Table(
    "retries",
    metadata,
    # The invoice and the number of the try that failed: one is planned after each.
    Column("retry_id", String(300), primary_key=True),
    Column("invoice_id", String(255), nullable=False, index=True),
    # None: it must not be tried again by itself.
    Column("due_at", UtcTime),
    Column("state", String(16), nullable=False),
    Column("outcome", Text),
    Index(None, "state", "due_at"),
)

# Whose turn it is to do what is done from time to time.
chores = Table(
    "chores",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("due_at", UtcTime, nullable=False),
)

# How far something has got.
watermarks = Table(
    "watermarks",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

# What people know of a period, such as that Adaptive Acceptance was on.
period_annotations = Table(
    "period_annotations",
    metadata,
    Column("annotation_id", String(40), primary_key=True),
    Column("kind", String(64), nullable=False, index=True),
    Column("starts_at", UtcTime, nullable=False),
    Column("ends_at", UtcTime),
    Column("value", JSON, nullable=False),
    Column("note", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)
