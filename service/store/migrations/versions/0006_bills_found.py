"""Bills are found by their invoice, and by their payment."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("invoice_id", "payment_intent_id"):
        op.create_index(op.f(f"ix_bills_{name}"), "bills", [name], unique=False)


def downgrade() -> None:
    for name in ("payment_intent_id", "invoice_id"):
        op.drop_index(op.f(f"ix_bills_{name}"), table_name="bills")
