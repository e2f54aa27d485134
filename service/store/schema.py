"""Migrations: which tables the store has, and bringing them to what this version works with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from service.errors import SchemaMismatch
from service.store.session import Store
from service.store.views import drop_views, make_views

if TYPE_CHECKING:
    # Imported where the schema changes: every command asks how it is, and waits for no more.
    from alembic.config import Config

_MIGRATIONS = Path(__file__).parent / "migrations"
_TABLE = "alembic_version"
# Any number, as long as every Kassa uses the same one: two upgrades at once take turns.
_ADVISORY_LOCK = 0x6B61737361


def current(store: Store) -> str | None:
    """The revision the store is at, or None for an empty store."""
    with store.read() as connection:
        return _revision(connection)


def newest() -> str:
    """The revision this version works with."""
    known = _known()
    if not known:
        raise SchemaMismatch("this installation ships no migrations")
    return known[-1]


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_TABLE):
        return None
    found: str | None = connection.scalar(text(f"SELECT version_num FROM {_TABLE}"))  # noqa: S608 - our own name
    return found


def _known() -> list[str]:
    """Every revision, the oldest first: each follows the one whose number is one less."""
    return sorted(file.name[:4] for file in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def upgrade(store: Store) -> None:
    """Bring the store to this version, whole or not at all; safe to run twice and at once.

    Raises:
        SchemaMismatch: the database is of a newer version, or of something else.
        StoreUnavailable: the database does not answer.
    """
    from alembic import command  # noqa: PLC0415 - see above

    with store.write() as connection:
        if store.dialect == "postgresql":
            # Whoever comes second waits for the first, however long its migration takes.
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        _refuse_foreign(connection)
        config = _config()
        config.attributes["connection"] = connection
        drop_views(connection)
        command.upgrade(config, "head")
        make_views(connection)


def ensure(store: Store) -> None:
    """Make an empty store ready; leave a ready one alone.

    Raises:
        SchemaMismatch: the store belongs to an older or newer version, or to something else.
        StoreUnavailable: the database does not answer.
    """
    if current(store) is None:
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


def _refuse_foreign(connection: Connection) -> None:
    revision = _revision(connection)
    if revision is not None and revision not in _known():
        raise SchemaMismatch(
            f"the database is at schema {revision}, which this version does not know: "
            "start the Kassa that made it"
        )
    tables = inspect(connection).get_table_names()
    if revision is None and tables:
        raise SchemaMismatch(
            f"KASSA_DATABASE_URL names a database of something else (it has {tables[0]!r})"
        )


def _config() -> Config:
    from alembic.config import Config  # noqa: PLC0415 - see above

    config = Config()
    # Config reads "%" as interpolation, and a path may hold one.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
