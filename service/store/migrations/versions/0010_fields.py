"""What visitors give in sections that the merchant added; and a view of their friction.

Views are made anew by every upgrade.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("checkouts", "details"):
        op.add_column(table, sa.Column("fields", sa.JSON(), nullable=True))


def downgrade() -> None:
    for table in ("checkouts", "details"):
        op.drop_column(table, "fields")
