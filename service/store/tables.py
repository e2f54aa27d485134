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
    Column("mode", String(16), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("lines", JSON, nullable=False),
    Column("offer", String(64)),
    Column("email", Text),
    Column("customer", Text, index=True),
    Column("success_url", Text),
    Column("cancel_url", Text),
    Column("locale", String(16)),
    Column("attributes", JSON, nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("idempotency_key", String(255), unique=True),
    Column("request_digest", String(64)),
    # Set when a visitor first sees the checkout, and never changed after.
    Column("unit_id", String(64), index=True),
    Column("experiment", String(64)),
    Column("variant", String(64)),
    Column("flow", String(64)),
    # Opened by a signed preview link: never analysed.
    Column("preview", Boolean, nullable=False, default=False),
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

payment_attempts = Table(
    "payment_attempts",
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
    "uq_payment_attempts_under_way",
    payment_attempts.c.checkout_id,
    unique=True,
    sqlite_where=text("status = 'started'"),
    postgresql_where=text("status = 'started'"),
)

payments = Table(
    "payments",
    metadata,
    Column("payment_intent_id", String(255), primary_key=True),
    Column("checkout_id", ForeignKey("checkouts.checkout_id"), nullable=False, index=True),
    Column("status", String(32), nullable=False),
    # What the intent alone has proved; `status` is that and all of its charges.
    Column("proved", String(32), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("amount_received", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    # Stripe's amount or currency is not the checkout's: shown, and not counted as a conversion.
    Column("mismatch", Boolean, nullable=False),
    Column("succeeded_at", UtcTime),
)

charges = Table(
    "charges",
    metadata,
    Column("charge_id", String(255), primary_key=True),
    Column("payment_intent_id", String(255), nullable=False, index=True),
    Column("status", String(32), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("amount_refunded", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("disputed", Boolean, nullable=False),
    Column("brand", Text),
    Column("funding", Text),
    Column("country", Text),
    Column("network_status", Text),
    Column("failure_code", Text),
    Column("decline_code", Text),
    Column("charged_at", UtcTime, nullable=False),
)

stripe_events = Table(
    "stripe_events",
    metadata,
    Column("event_id", String(255), primary_key=True),
    Column("type", String(128), nullable=False),
    Column("payment_intent_id", String(255), index=True),
    Column("created_at", UtcTime, nullable=False),
    Column("received_at", UtcTime, nullable=False),
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
