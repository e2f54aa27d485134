"""The ledger of every way to pay, notices to customers, and the documented views.

The tables of the ledger get the prefix ``ledger_``: the plain names are the views'.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_KEPT = (
    """
    INSERT INTO confirmations (attempt_id, checkout_id, number, idempotency_key,
      confirmation_token, return_url, payment_intent_id, charge_id, status, failure_code,
      decline_code, started_at, leased_until, finished_at)
    SELECT attempt_id, checkout_id, number, idempotency_key, confirmation_token, return_url,
      payment_intent_id, charge_id, status, failure_code, decline_code, started_at, leased_until,
      finished_at
    FROM payment_attempts
    """,
    """
    INSERT INTO ledger_payments (payment_intent_id, checkout_id, status, proved, amount,
      amount_received, currency, mismatch, succeeded_at)
    SELECT payment_intent_id, checkout_id, status, proved, amount, amount_received, currency,
      mismatch, succeeded_at
    FROM payments
    """,
    """
    INSERT INTO ledger_charges (charge_id, payment_intent_id, status, amount, amount_captured,
      amount_refunded, currency, disputed, brand, funding, country, network_token,
      network_status, failure_code, decline_code, charged_at, observed_at, version)
    SELECT charge_id, payment_intent_id, status, amount,
      CASE WHEN status = 'succeeded' THEN amount ELSE 0 END, amount_refunded, currency, disputed,
      brand, funding, country, false, network_status, failure_code, decline_code, charged_at,
      charged_at, ''
    FROM charges
    """,
)
_OBJECT_ID = {
    "sqlite": "UPDATE stripe_events SET object_id = json_extract(payload, '$.data.object.id')",
    "postgresql": "UPDATE stripe_events SET object_id = payload::json #>> '{data,object,id}'",
}


def upgrade() -> None:
    _make_tables()
    for statement in _KEPT:
        op.execute(statement)
    for table in ("payment_attempts", "payments", "charges"):
        op.drop_table(table)
    _widen_tables()
    op.execute(_OBJECT_ID[op.get_bind().dialect.name])


def downgrade() -> None:
    # What is sold as subscriptions and invoices has no place in the older tables.
    raise NotImplementedError("0004 keeps what older versions can't: restore a backup instead")


def _make_tables() -> None:  # noqa: PLR0915 - a list of tables
    op.create_table(
        "period_annotations",
        sa.Column("annotation_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("annotation_id", name=op.f("pk_period_annotations")),
    )
    op.create_index(
        op.f("ix_period_annotations_kind"), "period_annotations", ["kind"], unique=False
    )
    op.create_table(
        "chores",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_chores")),
    )
    op.create_table(
        "ledger_authentications",
        sa.Column("authentication_id", sa.String(length=255), nullable=False),
        sa.Column("payment_intent_id", sa.String(length=255), nullable=True),
        sa.Column("customer_id", sa.String(length=255), nullable=True),
        sa.Column("payment_method_id", sa.String(length=255), nullable=True),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("brand", sa.Text(), nullable=True),
        sa.Column("funding", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("failed_at", sa.BigInteger(), nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("authentication_id", name=op.f("pk_ledger_authentications")),
    )
    op.create_index(
        op.f("ix_ledger_authentications_customer_id"),
        "ledger_authentications",
        ["customer_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_ledger_authentications_payment_intent_id"),
        "ledger_authentications",
        ["payment_intent_id"],
        unique=False,
    )
    op.create_table(
        "ledger_balance_transactions",
        sa.Column("balance_transaction_id", sa.String(length=255), nullable=False),
        sa.Column("source_id", sa.String(length=255), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("reporting_category", sa.Text(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.Column("net", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("exchange_rate", sa.Float(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("fee_details", sa.JSON(), nullable=False),
        sa.Column("available_on", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint(
            "balance_transaction_id", name=op.f("pk_ledger_balance_transactions")
        ),
    )
    op.create_index(
        op.f("ix_ledger_balance_transactions_source_id"),
        "ledger_balance_transactions",
        ["source_id"],
        unique=False,
    )
    op.create_table(
        "ledger_card_updates",
        sa.Column("event_id", sa.String(length=255), nullable=False),
        sa.Column("payment_method_id", sa.String(length=255), nullable=True),
        sa.Column("customer_id", sa.String(length=255), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("last4_before", sa.String(length=4), nullable=True),
        sa.Column("last4", sa.String(length=4), nullable=True),
        sa.Column("exp_month_before", sa.Integer(), nullable=True),
        sa.Column("exp_month", sa.Integer(), nullable=True),
        sa.Column("exp_year_before", sa.Integer(), nullable=True),
        sa.Column("exp_year", sa.Integer(), nullable=True),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_ledger_card_updates")),
    )
    op.create_index(
        op.f("ix_ledger_card_updates_customer_id"),
        "ledger_card_updates",
        ["customer_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_ledger_card_updates_payment_method_id"),
        "ledger_card_updates",
        ["payment_method_id"],
        unique=False,
    )
    op.create_table(
        "ledger_charges",
        sa.Column("charge_id", sa.String(length=255), nullable=False),
        sa.Column("payment_intent_id", sa.String(length=255), nullable=True),
        sa.Column("customer_id", sa.String(length=255), nullable=True),
        sa.Column("payment_method_id", sa.String(length=255), nullable=True),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("amount_captured", sa.BigInteger(), nullable=False),
        sa.Column("amount_refunded", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("disputed", sa.Boolean(), nullable=False),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("brand", sa.Text(), nullable=True),
        sa.Column("funding", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("wallet", sa.Text(), nullable=True),
        sa.Column("network_token", sa.Boolean(), nullable=False),
        sa.Column("outcome_type", sa.Text(), nullable=True),
        sa.Column("network_status", sa.Text(), nullable=True),
        sa.Column("failure_code", sa.Text(), nullable=True),
        sa.Column("decline_code", sa.Text(), nullable=True),
        sa.Column("network_decline_code", sa.Text(), nullable=True),
        sa.Column("advice_code", sa.Text(), nullable=True),
        sa.Column("network_advice_code", sa.Text(), nullable=True),
        sa.Column("risk_level", sa.Text(), nullable=True),
        sa.Column("risk_score", sa.Integer(), nullable=True),
        sa.Column("three_d_secure_flow", sa.Text(), nullable=True),
        sa.Column("three_d_secure_result", sa.Text(), nullable=True),
        sa.Column("three_d_secure_reason", sa.Text(), nullable=True),
        sa.Column("balance_transaction_id", sa.String(length=255), nullable=True),
        sa.Column("charged_at", sa.BigInteger(), nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("charge_id", name=op.f("pk_ledger_charges")),
    )
    op.create_index(
        op.f("ix_ledger_charges_charged_at"), "ledger_charges", ["charged_at"], unique=False
    )
    op.create_index(
        op.f("ix_ledger_charges_customer_id"), "ledger_charges", ["customer_id"], unique=False
    )
    op.create_index(
        op.f("ix_ledger_charges_payment_intent_id"),
        "ledger_charges",
        ["payment_intent_id"],
        unique=False,
    )
    op.create_table(
        "ledger_customers",
        sa.Column("customer_id", sa.String(length=255), nullable=False),
        sa.Column("customer", sa.Text(), nullable=True),
        sa.Column("delinquent", sa.Boolean(), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("default_payment_method", sa.String(length=255), nullable=True),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=True),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_ledger_customers")),
    )
    op.create_index(
        op.f("ix_ledger_customers_customer"), "ledger_customers", ["customer"], unique=False
    )
    op.create_table(
        "ledger_disputes",
        sa.Column("dispute_id", sa.String(length=255), nullable=False),
        sa.Column("charge_id", sa.String(length=255), nullable=True),
        sa.Column("payment_intent_id", sa.String(length=255), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("dispute_id", name=op.f("pk_ledger_disputes")),
    )
    op.create_index(
        op.f("ix_ledger_disputes_charge_id"), "ledger_disputes", ["charge_id"], unique=False
    )
    op.create_index(
        op.f("ix_ledger_disputes_payment_intent_id"),
        "ledger_disputes",
        ["payment_intent_id"],
        unique=False,
    )
    op.create_table(
        "ledger_early_fraud_warnings",
        sa.Column("warning_id", sa.String(length=255), nullable=False),
        sa.Column("charge_id", sa.String(length=255), nullable=True),
        sa.Column("payment_intent_id", sa.String(length=255), nullable=True),
        sa.Column("fraud_type", sa.Text(), nullable=True),
        sa.Column("actionable", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("warning_id", name=op.f("pk_ledger_early_fraud_warnings")),
    )
    op.create_index(
        op.f("ix_ledger_early_fraud_warnings_charge_id"),
        "ledger_early_fraud_warnings",
        ["charge_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_ledger_early_fraud_warnings_payment_intent_id"),
        "ledger_early_fraud_warnings",
        ["payment_intent_id"],
        unique=False,
    )
    op.create_table(
        "ledger_invoice_lines",
        sa.Column("line_id", sa.String(length=255), nullable=False),
        sa.Column("invoice_id", sa.String(length=255), nullable=True),
        sa.Column("subscription_id", sa.String(length=255), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=True),
        sa.Column("proration", sa.Boolean(), nullable=False),
        sa.Column("period_start", sa.BigInteger(), nullable=True),
        sa.Column("period_end", sa.BigInteger(), nullable=True),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("line_id", name=op.f("pk_ledger_invoice_lines")),
    )
    op.create_index(
        op.f("ix_ledger_invoice_lines_invoice_id"),
        "ledger_invoice_lines",
        ["invoice_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_ledger_invoice_lines_subscription_id"),
        "ledger_invoice_lines",
        ["subscription_id"],
        unique=False,
    )
    op.create_table(
        "ledger_invoice_payments",
        sa.Column("invoice_payment_id", sa.String(length=255), nullable=False),
        sa.Column("invoice_id", sa.String(length=255), nullable=True),
        sa.Column("payment_intent_id", sa.String(length=255), nullable=True),
        sa.Column("charge_id", sa.String(length=255), nullable=True),
        sa.Column("amount_requested", sa.BigInteger(), nullable=False),
        sa.Column("amount_paid", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("paid_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("invoice_payment_id", name=op.f("pk_ledger_invoice_payments")),
    )
    op.create_index(
        op.f("ix_ledger_invoice_payments_invoice_id"),
        "ledger_invoice_payments",
        ["invoice_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_ledger_invoice_payments_payment_intent_id"),
        "ledger_invoice_payments",
        ["payment_intent_id"],
        unique=False,
    )
    op.create_table(
        "ledger_invoices",
        sa.Column("invoice_id", sa.String(length=255), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.String(length=255), nullable=True),
        sa.Column("subscription_id", sa.String(length=255), nullable=True),
        sa.Column("checkout_id", sa.String(length=40), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("billing_reason", sa.Text(), nullable=True),
        sa.Column("collection_method", sa.Text(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("tax", sa.BigInteger(), nullable=False),
        sa.Column("amount_due", sa.BigInteger(), nullable=False),
        sa.Column("amount_paid", sa.BigInteger(), nullable=False),
        sa.Column("amount_remaining", sa.BigInteger(), nullable=False),
        sa.Column("amount_overpaid", sa.BigInteger(), nullable=False),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("next_payment_attempt", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("finalized_at", sa.BigInteger(), nullable=True),
        sa.Column("paid_at", sa.BigInteger(), nullable=True),
        sa.Column("voided_at", sa.BigInteger(), nullable=True),
        sa.Column("uncollectible_at", sa.BigInteger(), nullable=True),
        sa.Column("hosted_invoice_url", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("invoice_id", name=op.f("pk_ledger_invoices")),
    )
    op.create_index(
        op.f("ix_ledger_invoices_checkout_id"), "ledger_invoices", ["checkout_id"], unique=False
    )
    op.create_index(
        op.f("ix_ledger_invoices_customer_id"), "ledger_invoices", ["customer_id"], unique=False
    )
    op.create_index(
        op.f("ix_ledger_invoices_subscription_id"),
        "ledger_invoices",
        ["subscription_id"],
        unique=False,
    )
    op.create_table(
        "ledger_payment_methods",
        sa.Column("payment_method_id", sa.String(length=255), nullable=False),
        sa.Column("customer_id", sa.String(length=255), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("brand", sa.Text(), nullable=True),
        sa.Column("funding", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("last4", sa.String(length=4), nullable=True),
        sa.Column("exp_month", sa.Integer(), nullable=True),
        sa.Column("exp_year", sa.Integer(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("wallet", sa.Text(), nullable=True),
        sa.Column("allow_redisplay", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("payment_method_id", name=op.f("pk_ledger_payment_methods")),
    )
    op.create_index(
        op.f("ix_ledger_payment_methods_customer_id"),
        "ledger_payment_methods",
        ["customer_id"],
        unique=False,
    )
    op.create_table(
        "ledger_refunds",
        sa.Column("refund_id", sa.String(length=255), nullable=False),
        sa.Column("charge_id", sa.String(length=255), nullable=True),
        sa.Column("payment_intent_id", sa.String(length=255), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("failure_reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("refund_id", name=op.f("pk_ledger_refunds")),
    )
    op.create_index(
        op.f("ix_ledger_refunds_charge_id"), "ledger_refunds", ["charge_id"], unique=False
    )
    op.create_index(
        op.f("ix_ledger_refunds_payment_intent_id"),
        "ledger_refunds",
        ["payment_intent_id"],
        unique=False,
    )
    op.create_table(
        "ledger_subscriptions",
        sa.Column("subscription_id", sa.String(length=255), nullable=False),
        sa.Column("customer_id", sa.String(length=255), nullable=True),
        sa.Column("checkout_id", sa.String(length=40), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("collection_method", sa.Text(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("interval", sa.Text(), nullable=True),
        sa.Column("interval_count", sa.Integer(), nullable=True),
        sa.Column("trial_end", sa.BigInteger(), nullable=True),
        sa.Column("current_period_start", sa.BigInteger(), nullable=True),
        sa.Column("current_period_end", sa.BigInteger(), nullable=True),
        sa.Column("cancel_at_period_end", sa.Boolean(), nullable=False),
        sa.Column("canceled_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("cancellation_reason", sa.Text(), nullable=True),
        sa.Column("default_payment_method", sa.String(length=255), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("subscription_id", name=op.f("pk_ledger_subscriptions")),
    )
    op.create_index(
        op.f("ix_ledger_subscriptions_checkout_id"),
        "ledger_subscriptions",
        ["checkout_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_ledger_subscriptions_customer_id"),
        "ledger_subscriptions",
        ["customer_id"],
        unique=False,
    )
    op.create_table(
        "notices",
        sa.Column("notice_id", sa.String(length=300), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("locale", sa.String(length=16), nullable=True),
        sa.Column("invoice_id", sa.String(length=255), nullable=True),
        sa.Column("matter", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_notices")),
    )
    op.create_index(op.f("ix_notices_invoice_id"), "notices", ["invoice_id"], unique=False)
    op.create_index(op.f("ix_notices_state_due_at"), "notices", ["state", "due_at"], unique=False)
    op.create_table(
        "retries",
        sa.Column("retry_id", sa.String(length=300), nullable=False),
        sa.Column("invoice_id", sa.String(length=255), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("retry_id", name=op.f("pk_retries")),
    )
    op.create_index(op.f("ix_retries_invoice_id"), "retries", ["invoice_id"], unique=False)
    op.create_index(op.f("ix_retries_state_due_at"), "retries", ["state", "due_at"], unique=False)
    op.create_table(
        "watermarks",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_watermarks")),
    )
    op.create_table(
        "confirmations",
        sa.Column("attempt_id", sa.String(length=48), nullable=False),
        sa.Column("checkout_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=255), nullable=False),
        sa.Column("confirmation_token", sa.String(length=255), nullable=False),
        sa.Column("return_url", sa.Text(), nullable=False),
        sa.Column("payment_intent_id", sa.String(length=255), nullable=True),
        sa.Column("charge_id", sa.String(length=255), nullable=True),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("failure_code", sa.Text(), nullable=True),
        sa.Column("decline_code", sa.Text(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("leased_until", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["checkout_id"], ["checkouts.checkout_id"], name=op.f("fk_confirmations_checkout_id")
        ),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_confirmations")),
        sa.UniqueConstraint(
            "checkout_id",
            "confirmation_token",
            name=op.f("uq_confirmations_checkout_id_confirmation_token"),
        ),
        sa.UniqueConstraint(
            "checkout_id", "number", name=op.f("uq_confirmations_checkout_id_number")
        ),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_confirmations_idempotency_key")),
    )
    op.create_index(
        op.f("ix_confirmations_payment_intent_id"),
        "confirmations",
        ["payment_intent_id"],
        unique=False,
    )
    op.create_index(
        "uq_confirmations_under_way",
        "confirmations",
        ["checkout_id"],
        unique=True,
        sqlite_where=sa.text("status = 'started'"),
        postgresql_where=sa.text("status = 'started'"),
    )
    op.create_table(
        "ledger_payments",
        sa.Column("payment_intent_id", sa.String(length=255), nullable=False),
        sa.Column("checkout_id", sa.String(length=40), nullable=True),
        sa.Column("customer_id", sa.String(length=255), nullable=True),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("proved", sa.String(length=32), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("amount_received", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("mismatch", sa.Boolean(), nullable=False),
        sa.Column("succeeded_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["checkout_id"], ["checkouts.checkout_id"], name=op.f("fk_ledger_payments_checkout_id")
        ),
        sa.PrimaryKeyConstraint("payment_intent_id", name=op.f("pk_ledger_payments")),
    )
    op.create_index(
        op.f("ix_ledger_payments_checkout_id"), "ledger_payments", ["checkout_id"], unique=False
    )
    op.create_index(
        op.f("ix_ledger_payments_customer_id"), "ledger_payments", ["customer_id"], unique=False
    )


def _widen_tables() -> None:
    op.add_column("stripe_events", sa.Column("object_id", sa.String(length=255), nullable=True))
    op.add_column("stripe_events", sa.Column("source", sa.String(length=16), nullable=True))
    op.create_index(
        op.f("ix_stripe_events_object_id"), "stripe_events", ["object_id"], unique=False
    )
    op.create_index(
        op.f("ix_stripe_events_received_at"), "stripe_events", ["received_at"], unique=False
    )
