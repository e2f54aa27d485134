"""Orders with terms and tax, what Stripe bills for them, and what customers agreed to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("terms", "tax"):
        op.add_column("checkouts", sa.Column(name, sa.JSON(), nullable=True))
    op.create_table(
        "bills",
        sa.Column("checkout_id", sa.String(length=40), nullable=False),
        sa.Column("customer_id", sa.String(length=255), nullable=True),
        sa.Column("subscription_id", sa.String(length=255), nullable=True),
        sa.Column("invoice_id", sa.String(length=255), nullable=True),
        sa.Column("payment_intent_id", sa.String(length=255), nullable=True),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("buyer", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["checkout_id"], ["checkouts.checkout_id"], name=op.f("fk_bills_checkout_id")
        ),
        sa.PrimaryKeyConstraint("checkout_id", name=op.f("pk_bills")),
    )
    op.create_table(
        "accounts",
        sa.Column("customer", sa.String(length=500), nullable=False),
        sa.Column("customer_id", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("customer", name=op.f("pk_accounts")),
        sa.UniqueConstraint("customer_id", name=op.f("uq_accounts_customer_id")),
    )
    op.create_table(
        "consents",
        sa.Column("payment_method_id", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("customer_id", sa.String(length=255), nullable=False),
        sa.Column("checkout_id", sa.String(length=40), nullable=True),
        sa.Column("given_at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("payment_method_id", "kind", name=op.f("pk_consents")),
    )
    op.create_index(op.f("ix_consents_customer_id"), "consents", ["customer_id"])


def downgrade() -> None:
    # What is billed as subscriptions and invoices has no place in the older tables.
    raise NotImplementedError("0005 keeps what older versions can't: restore a backup instead")
