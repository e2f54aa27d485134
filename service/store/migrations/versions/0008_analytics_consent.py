"""Whether the visitor of a checkout agreed to analytics, as the merchant says."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("checkouts", sa.Column("analytics_consent", sa.Boolean(), nullable=True))


def downgrade() -> None:
    op.drop_column("checkouts", "analytics_consent")
