"""PostgreSQL databases to be lent to one test after another.

Making one takes the disk's time, up to a second of it; removing a test's rows takes milliseconds.
Each is lent under a new name, so that whoever is left of a test before finds nothing any more.
"""

from contextlib import closing
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

import psycopg
from psycopg import sql

from tests.provision.postgresql import Connection, PostgresServer

# All that a test could change beside rows.
_SHAPE = """
SELECT concat(relname, relkind, relacl) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace
UNION ALL SELECT concat(relname, ' ', attname, ' ', atttypid, attnotnull, attnum)
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = 'public'::regnamespace
UNION ALL SELECT concat(adrelid::regclass, ' ', adnum, ' ', pg_get_expr(adbin, adrelid))
    FROM pg_attrdef JOIN pg_class ON pg_class.oid = adrelid
    WHERE relnamespace = 'public'::regnamespace
UNION ALL SELECT concat(conname, ' ', pg_get_constraintdef(oid)) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index
    JOIN pg_class ON pg_class.oid = indexrelid WHERE relnamespace = 'public'::regnamespace
UNION ALL SELECT pg_get_viewdef(oid) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'v'
UNION ALL SELECT concat(tgname, tgenabled) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT concat(proname, prosrc) FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT concat(sequencename, last_value) FROM pg_sequences
UNION ALL SELECT concat(nspname, nspacl) FROM pg_namespace WHERE nspname !~ '^pg_'
UNION ALL SELECT setconfig::text FROM pg_db_role_setting
    JOIN pg_database ON pg_database.oid = setdatabase WHERE datname = current_database()
ORDER BY 1
"""
_TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1
"""
_OTHERS_LEAVE = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True)
class State:
    """What a database is: its shape, and the rows of those tables that have any."""

    shape: tuple[str, ...]
    rows: dict[str, list[str]]


@dataclass(frozen=True)
class Databases:
    """Databases like one template; one that is given back becomes like it again, and is lent anew.

    Attributes:
        template: the name of a database that nobody changes.
        as_made: what it is.
    """

    server: PostgresServer
    template: str
    as_made: State = field(repr=False)
    _free: "SimpleQueue[str]" = field(default_factory=SimpleQueue, repr=False)

    def lend(self) -> str:
        """The name of a database that nobody else has."""
        try:
            return self._free.get_nowait()
        except Empty:
            return self.server.create_database(template=self.template)

    def take_back(self, name: str) -> None:
        """Restore it soon, whoever is still connected; where that can't be done it is dropped."""
        self.server.later(self._restore, name)

    def _restore(self, name: str) -> None:
        try:
            with closing(self.server.connect(name)) as connection:
                restored = self._restored(connection)
            fresh = self.server.rename_database(name) if restored else None
        except (psycopg.OperationalError, psycopg.errors.ObjectInUse):
            fresh = None  # gone, or somebody does not let go
        if fresh is not None:
            self._free.put(fresh)
        else:
            self.server.drop_database(name)

    def _restored(self, connection: Connection) -> bool:
        connection.execute(_OTHERS_LEAVE)
        connection.execute("SET lock_timeout = 1000")
        # Neither foreign keys nor triggers have a say in it.
        connection.execute("SET session_replication_role = replica")
        for table in _filled(connection).keys() - self.as_made.rows.keys():
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        return _state(connection) == self.as_made


def databases_like(server: PostgresServer, template: str) -> Databases:
    """Databases that hold what this one holds now."""
    with closing(server.connect(template)) as connection:
        return Databases(server, template, _state(connection))


def _state(connection: Connection) -> State:
    shape = tuple(str(each) for (each,) in connection.execute(_SHAPE))
    return State(shape, _filled(connection))


def _filled(connection: Connection) -> dict[str, list[str]]:
    """The first rows of each table that has any; tables that migrations fill have no more."""
    tables = [str(name) for (name,) in connection.execute(_TABLES)]
    return {table: rows for table in tables if (rows := _rows(connection, table))}


def _rows(connection: Connection, table: str) -> list[str]:
    first = sql.SQL("SELECT each::text FROM {} AS each ORDER BY 1 LIMIT 100")
    return [str(row) for (row,) in connection.execute(first.format(sql.Identifier(table)))]
