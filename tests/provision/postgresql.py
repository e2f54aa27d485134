"""A real PostgreSQL server that lives as long as the tests do.

Durable as in production (fsync stays on), reachable from this machine alone, and gone afterwards
with all that was in it.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from tests.provision.programs import find_postgresql

Connection = psycopg.Connection[tuple[object, ...]]

SUPERUSER = "kassa"
START_ATTEMPTS = 3
SECONDS_TO_START = 60.0
SECONDS_TO_STOP = 30.0


class ServerDidNotStartError(RuntimeError):
    """PostgreSQL ended, or stayed silent, before it took a connection."""


@dataclass(frozen=True)
class PostgresServer:
    """A running server: listens on a free port of 127.0.0.1 and on a Unix socket."""

    port: int
    directory: Path
    version: str
    _later: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1), repr=False)

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of one database."""
        return f"postgresql+psycopg://{SUPERUSER}@127.0.0.1:{self.port}/{database}"

    def create_database(self, *, template: str = "template1") -> str:
        """Makes a database that holds what the template holds; returns its name."""
        name = f"kassa_{uuid.uuid4().hex}"
        self._administer("CREATE DATABASE {} TEMPLATE {}", name, template)
        return name

    def rename_database(self, name: str) -> str:
        """Gives a database another name, and returns it; nobody may be connected."""
        fresh = f"kassa_{uuid.uuid4().hex}"
        self._administer("ALTER DATABASE {} RENAME TO {}", name, fresh)
        return fresh

    def drop_database(self, name: str) -> None:
        """Drops a database soon, whoever is still connected: nobody waits for its checkpoint."""
        self.later(self._administer, "DROP DATABASE {} WITH (FORCE)", name)

    def later(self, act: Callable[..., None], *arguments: str) -> None:
        """Does something that no test has to wait for, before the server ends."""
        with suppress(RuntimeError):  # it ends already
            self._later.submit(act, *arguments)

    def wait(self) -> None:
        """Waits until all is done that was asked for so far."""
        self._later.submit(lambda: None).result()

    def connect(self, database: str) -> Connection:
        """A connection to one database, each statement a transaction of its own."""
        return _connect(self.port, database)

    def close(self) -> None:
        """Waits for all that was to be done later."""
        self._later.shutdown()

    def _administer(self, statement: str, *names: str) -> None:
        identifiers = [sql.Identifier(name) for name in names]
        with _connect(self.port) as connection:
            connection.execute(sql.SQL(statement).format(*identifiers))


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """Initialises, starts and at the end removes a server.

    Raises:
        NotInstalledError: this machine has no PostgreSQL server.
        ServerDidNotStartError: it would not start; the message has the end of its log.
    """
    programs = find_postgresql()
    # Not under pytest's own directory: that one is closed to the user the server runs as.
    directory = Path(tempfile.mkdtemp(prefix="kassa-postgresql-"))
    try:
        _initialise(programs, directory)
        process, port = _start(programs, directory)
        try:
            server = PostgresServer(port=port, directory=directory, version=_version(port))
            yield server
            server.close()
        finally:
            _stop(process)
    finally:
        shutil.rmtree(directory)


def _unprivileged() -> str | None:
    """Who runs the server: PostgreSQL refuses root, so root steps down for it."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _initialise(programs: Path, directory: Path) -> None:
    user = _unprivileged()
    if user is not None:
        shutil.chown(directory, user)
    cluster = directory / "cluster"
    login = ["--username", SUPERUSER, "--auth=trust"]
    made = subprocess.run(
        [programs / "initdb", "--pgdata", cluster, *login, "--encoding=UTF8", "--no-locale"],
        user=user,
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise ServerDidNotStartError(f"initdb: {made.stderr}")


def _start(programs: Path, directory: Path) -> tuple["subprocess.Popen[bytes]", int]:
    """Another program may take the free port before the server does; then it tries the next."""
    log = directory / "server.log"
    for _ in range(START_ATTEMPTS):
        port = _free_port()
        with log.open("ab") as output:
            process = subprocess.Popen(
                [programs / "postgres", "-D", directory / "cluster", *_settings(port, directory)],
                user=_unprivileged(),
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        if _accepts(process, port):
            return process, port
        _stop(process)
    raise ServerDidNotStartError(f"postgres: {log.read_text()[-2000:]}")


def _settings(port: int, directory: Path) -> list[str]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": directory,
        "fsync": "on",
        "synchronous_commit": "on",
        "max_connections": 300,
        "timezone": "UTC",
    }
    return [f"--{name}={value}" for name, value in settings.items()]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _accepts(process: "subprocess.Popen[bytes]", port: int) -> bool:
    deadline = time.monotonic() + SECONDS_TO_START
    while process.poll() is None and time.monotonic() < deadline:
        try:
            _connect(port).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return process.poll() is None
    return False


def _connect(port: int, database: str = "postgres") -> Connection:
    return psycopg.connect(
        host="127.0.0.1", port=port, user=SUPERUSER, dbname=database, autocommit=True
    )


def _version(port: int) -> str:
    with _connect(port) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    return str(row[0]).split()[0] if row else ""


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """SIGINT is PostgreSQL's fast shutdown: sessions end, files are left whole."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
