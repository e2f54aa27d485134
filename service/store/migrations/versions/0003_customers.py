"""What a customer did is found by the customer of its checkouts."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_checkouts_customer"), "checkouts", ["customer"])


def downgrade() -> None:
    op.drop_index(op.f("ix_checkouts_customer"), table_name="checkouts")
