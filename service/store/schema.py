"""Migrations: which tables the store has, and bringing them to what this version works with."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from service.errors import SchemaMismatch
from service.store.session import Store

# Any number, as long as every Kassa uses the same one: two upgrades at once take turns.
_ADVISORY_LOCK = 0x6B61737361


def current(store: Store) -> str | None:
    """The revision the store is at, or None for an empty store."""
    with store.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest() -> str:
    """The revision this version works with."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise SchemaMismatch("this installation ships no migrations")
    return head


def upgrade(store: Store) -> None:
    """Bring the store to this version, whole or not at all; safe to run twice and at once."""
    with store.write() as connection:
        if store.dialect == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def ensure(store: Store) -> None:
    """Make an empty store ready; leave a ready one alone.

    Raises:
        SchemaMismatch: the store belongs to an older or newer version, or to something else.
    """
    if current(store) is None:
        _refuse_foreign_tables(store)
        upgrade(store)
    check(store)


def check(store: Store) -> None:
    """Whether the store has the tables of this version.

    Raises:
        SchemaMismatch: it does not; the message names both revisions and the way on.
        StoreUnavailable: the database does not answer.
    """
    revision = current(store)
    if revision != newest():
        raise SchemaMismatch(
            f"the database is at schema {revision}, this version works with {newest()}: "
            "run `kassa db upgrade`, or start the Kassa that made it"
        )


def _refuse_foreign_tables(store: Store) -> None:
    with store.read() as connection:
        tables = inspect(connection).get_table_names()
    if tables:
        raise SchemaMismatch(
            f"KASSA_DATABASE_URL names a database of something else (it has {tables[0]!r})"
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    # Config reads "%" as interpolation, and a path may hold one.
    config.set_main_option("path_separator", "os")
    return config
