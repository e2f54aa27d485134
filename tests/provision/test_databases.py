"""A database that is lent again has nothing of the test before."""

import psycopg
import pytest
from psycopg import sql

from tests.provision.databases import Databases, databases_like

pytestmark = pytest.mark.postgresql


_WHICH = "SELECT oid FROM pg_database WHERE datname = current_database()"


@pytest.fixture
def databases(migrated_postgresql: Databases) -> Databases:
    """Databases that no other test is lent."""
    return databases_like(migrated_postgresql.server, migrated_postgresql.template)


def _lent_again(databases: Databases, change: str) -> bool:
    """Whether one that was changed is lent again; what comes is as the template in any case."""
    name = databases.lend()
    connection = databases.server.connect(name)
    before = connection.execute(_WHICH).fetchone()
    connection.execute(sql.SQL(change))
    databases.take_back(name)
    databases.server.wait()
    again = databases.lend()
    with databases.server.connect(again) as found:
        assert found.execute("SELECT count(*) FROM forged_events").fetchone() == (0,)
        assert found.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
        after = found.execute(_WHICH).fetchone()
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")  # whoever was still connected is not any more
    databases.server.wait()
    with pytest.raises(psycopg.OperationalError):
        databases.server.connect(name)  # nor comes back
    return after == before


def test_rows_are_removed_and_the_database_is_lent_again(databases: Databases) -> None:
    assert _lent_again(databases, "INSERT INTO forged_events VALUES ('2026-11-25', 1)")


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE forged_events ADD COLUMN more text",
        "DROP TABLE plans CASCADE",
        "CREATE INDEX more ON forged_events (count)",
        "CREATE SCHEMA more",
        "ALTER TABLE audit_log DISABLE TRIGGER USER",
        "UPDATE alembic_version SET version_num = 'another'",
        "DELETE FROM alembic_version",
        "ALTER TABLE plans ALTER COLUMN experiment SET DEFAULT 'more'",
        "GRANT SELECT ON plans TO PUBLIC",
    ],
)
def test_one_that_is_not_as_it_was_is_never_lent_again(databases: Databases, change: str) -> None:
    assert not _lent_again(databases, change)
