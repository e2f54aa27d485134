"""Checkouts that their merchant called off."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("checkouts", sa.Column("cancelled_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("checkouts", "cancelled_at")
