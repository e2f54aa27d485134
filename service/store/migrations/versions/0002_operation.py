"""The operator's switch, the audit log, locked plans, and the definitions that were in force."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ONLY_GROWS = {
    "sqlite": (
        (
            "CREATE TRIGGER audit_log_keeps_entries BEFORE UPDATE ON audit_log "
            "BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END"
        ),
        (
            "CREATE TRIGGER audit_log_keeps_every_entry BEFORE DELETE ON audit_log "
            "BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END"
        ),
    ),
    "postgresql": (
        (
            "CREATE FUNCTION audit_log_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "RAISE EXCEPTION 'the audit log only grows' USING ERRCODE = 'restrict_violation'; "
            "END $$"
        ),
        (
            "CREATE TRIGGER audit_log_keeps_entries BEFORE UPDATE OR DELETE OR TRUNCATE "
            "ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION audit_log_only_grows()"
        ),
    ),
}


def upgrade() -> None:
    op.create_table(
        "switches",
        sa.Column("experiment", sa.String(length=64), nullable=False),
        sa.Column("stopped", sa.Boolean(), nullable=False),
        sa.Column("granted", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("experiment", name=op.f("pk_switches")),
    )
    op.create_table(
        "audit_log",
        sa.Column("entry_id", sa.String(length=40), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("experiment", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_audit_log")),
    )
    op.create_index(op.f("ix_audit_log_at"), "audit_log", ["at"], unique=False)
    op.create_index(op.f("ix_audit_log_experiment"), "audit_log", ["experiment"], unique=False)
    op.create_table(
        "plans",
        sa.Column("experiment", sa.String(length=64), nullable=False),
        sa.Column("locked_at", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("definitions", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("experiment", name=op.f("pk_plans")),
    )
    op.create_table(
        "definitions",
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_definitions")),
    )
    op.create_index(op.f("ix_definitions_taken_at"), "definitions", ["taken_at"], unique=False)
    _resize_unit_id(sa.String(length=64), sa.String(length=500))
    for statement in _ONLY_GROWS[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    _resize_unit_id(sa.String(length=500), sa.String(length=64))
    op.drop_index(op.f("ix_definitions_taken_at"), table_name="definitions")
    op.drop_table("definitions")
    op.drop_table("plans")
    op.drop_index(op.f("ix_audit_log_experiment"), table_name="audit_log")
    op.drop_index(op.f("ix_audit_log_at"), table_name="audit_log")
    op.drop_table("audit_log")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_log_only_grows()")
    op.drop_table("switches")


def _resize_unit_id(old: sa.String, new: sa.String) -> None:
    with op.batch_alter_table("exposures") as exposures:
        exposures.alter_column("unit_id", existing_type=old, type_=new, existing_nullable=False)
