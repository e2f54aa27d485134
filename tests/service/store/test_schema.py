"""Migrations: an empty store is made ready, a ready one left alone, any other refused."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from service.errors import SchemaMismatch
from service.store import schema
from service.store.session import Store
from service.store.tables import (
    EPOCH,
    audit_log,
    checkouts,
    confirmations,
    exposures,
    metadata,
)

STARTS = 6
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def _tables(store: Store) -> set[str]:
    with store.read() as connection:
        return set(inspect(connection).get_table_names())


def _run(store: Store, *statements: str) -> None:
    with store.write() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_an_empty_store_is_brought_to_the_newest_schema(empty_store: Store) -> None:
    assert schema.current(empty_store) is None
    schema.ensure(empty_store)
    assert schema.current(empty_store) == schema.newest()
    schema.check(empty_store)
    assert _tables(empty_store) == {*metadata.tables, "alembic_version"}


def test_a_ready_store_is_left_alone(store: Store) -> None:
    _run(store, "INSERT INTO forged_events (day, count) VALUES ('2026-11-23', 7)")
    schema.ensure(store)
    schema.upgrade(store)
    with store.read() as connection:
        assert connection.scalar(text("SELECT count FROM forged_events")) == 7


def test_the_migrations_make_exactly_the_tables_that_the_code_uses(store: Store) -> None:
    with store.read() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


def test_the_database_itself_lets_one_attempt_of_a_checkout_be_under_way(store: Store) -> None:
    checkout = {
        "checkout_id": "c",
        "created_at": NOON,
        "expires_at": NOON,
        "mode": "payment",
        "currency": "usd",
        "amount": 1,
        "lines": [],
        "attributes": {},
        "metadata": {},
    }
    attempt = {"checkout_id": "c", "started_at": NOON, "leased_until": NOON, "return_url": "/"}

    def add(number: int, status: str) -> None:
        mine = {"number": number, "status": status, "confirmation_token": f"ctoken_{number}"}
        keys = {"attempt_id": f"a{number}", "idempotency_key": f"k{number}"}
        with store.write() as connection:
            connection.execute(confirmations.insert().values(attempt | mine | keys))

    with store.write() as connection:
        connection.execute(checkouts.insert().values(checkout))
    add(1, "declined")
    add(2, "started")
    with pytest.raises(IntegrityError):
        add(3, "started")
    add(4, "declined")


def test_the_first_schema_is_upgraded_with_all_its_rows(empty_store: Store) -> None:
    with empty_store.write() as connection:
        config = schema._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    _run(
        empty_store,
        "INSERT INTO forged_events (day, count) VALUES ('2026-11-23', 7)",
        "INSERT INTO exposures (experiment, unit_id, variant, exposed_at, reason, bucket, "
        "checkout_id, definitions, attributes) VALUES "
        "('one-page-checkout', 'u', 'one_page', 5, 'SPLIT', 0.25, 'co_1', 'v', '{}')",
    )
    schema.upgrade(empty_store)
    schema.check(empty_store)
    with empty_store.write() as connection:
        assert connection.scalar(text("SELECT count FROM forged_events")) == 7
        (row,) = connection.execute(exposures.select())
        assert row.unit_id == "u"
        assert (row.exposed_at, row.bucket) == (EPOCH + timedelta(microseconds=5), 0.25)
        customer = row._asdict() | {"unit_id": "c" * 500}
        connection.execute(exposures.insert().values(customer))
    with pytest.raises(IntegrityError), empty_store.write() as connection:
        connection.execute(exposures.insert().values(row._asdict()))


def test_the_database_itself_keeps_every_entry_of_the_audit_log(store: Store) -> None:
    entry = {
        "entry_id": "log_1",
        "at": NOON,
        "actor": "ada",
        "action": "stopped",
        "experiment": "one-page-checkout",
        "reason": "cards are declined",
        "details": {},
    }
    with store.write() as connection:
        connection.execute(audit_log.insert().values(entry))
    for change in ("UPDATE audit_log SET actor = 'bob'", "DELETE FROM audit_log"):
        with pytest.raises(IntegrityError, match="the audit log only grows"):
            _run(store, change)
    with store.read() as connection:
        assert connection.scalars(text("SELECT actor FROM audit_log")).all() == ["ada"]


@pytest.mark.parametrize("start", [schema.ensure, schema.upgrade])
def test_starts_at_once_make_one_schema(store_url: str, start: Callable[[Store], None]) -> None:
    barrier = Barrier(STARTS)

    def one(_number: int) -> str | None:
        store = Store(store_url)
        barrier.wait()
        start(store)
        found = schema.current(store)
        store.close()
        return found

    with ThreadPoolExecutor(STARTS) as pool:
        assert set(pool.map(one, range(STARTS))) == {schema.newest()}


@pytest.mark.parametrize("start", [schema.ensure, schema.upgrade])
def test_a_database_of_something_else_is_refused_and_left_as_it_was(
    empty_store: Store, start: Callable[[Store], None]
) -> None:
    _run(empty_store, "CREATE TABLE customers (id INTEGER)")
    with pytest.raises(
        SchemaMismatch, match=r"^KASSA_DATABASE_URL names a database of something else .*customers"
    ):
        start(empty_store)
    assert _tables(empty_store) == {"customers"}


@pytest.mark.parametrize("start", [schema.ensure, schema.upgrade])
def test_a_schema_this_version_does_not_know_is_refused(
    store: Store, start: Callable[[Store], None]
) -> None:
    _run(store, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaMismatch, match=r"^the database is at schema 9999, [^\n]*Kassa") as no:
        start(store)
    assert "start the Kassa that made it" in str(no.value)
    assert schema.current(store) == "9999"


def test_an_older_schema_is_refused_until_it_is_upgraded(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "newest", lambda: "9999")
    with pytest.raises(
        SchemaMismatch,
        match=r"^the database is at schema 0010, this version works with 9999: "
        r"run `kassa db upgrade`",
    ):
        schema.ensure(store)
    assert schema.current(store) == "0010"


def test_the_newest_revision_is_the_one_that_migrations_lead_to() -> None:
    heads = ScriptDirectory.from_config(schema._config()).get_heads()
    assert heads == [schema.newest()]


def test_a_command_that_only_asks_for_the_schema_does_not_wait_for_migrations(
    store: Store,
) -> None:
    """Loading them takes longer than most commands do."""
    url = store.engine.url.render_as_string(hide_password=False)
    asks = f"""
import sys
from service.store import schema
from service.store.session import Store
schema.check(Store({url!r}))
assert "alembic" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", asks], check=True)


def test_an_empty_store_is_not_ready(empty_store: Store) -> None:
    with pytest.raises(SchemaMismatch, match=r"at schema None, .*run `kassa db upgrade`"):
        schema.check(empty_store)


def test_a_migration_that_fails_halfway_leaves_nothing(
    empty_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Unseen by the check for foreign tables, and in the way of the last tables made.
    monkeypatch.setattr(schema, "_refuse_foreign", lambda connection: None)
    _run(empty_store, "CREATE TABLE stripe_events (id INTEGER)")
    with pytest.raises(Exception, match="already exists"):
        schema.upgrade(empty_store)
    assert _tables(empty_store) == {"stripe_events"}
    assert schema.current(empty_store) is None


def test_migrations_are_found_below_any_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "_MIGRATIONS", Path("/srv/50%(off)s/store/migrations"))
    found = schema._config().get_main_option("script_location")
    assert found == "/srv/50%(off)s/store/migrations"


def test_the_shipped_default_needs_no_server(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'var' / 'kassa.db'}")
    schema.ensure(store)
    store.close()
    with sqlite3.connect(tmp_path / "var" / "kassa.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
