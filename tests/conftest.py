"""The real parts that tests run against: PostgreSQL, Chromium, Node; and nothing else's network."""

import gc
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest
from playwright.sync_api import Browser

from service.store import schema
from service.store.session import Store
from tests.provision import fidelity, real_parts
from tests.provision.chromium import running_chromium
from tests.provision.compiled import keep_compiled
from tests.provision.databases import Databases, databases_like
from tests.provision.network import confine_to_loopback
from tests.provision.postgresql import PostgresServer, running_server
from tests.provision.programs import find_node


def pytest_addoption(parser: pytest.Parser) -> None:
    real_parts.add_option(parser)
    parser.addoption(
        "--stripe-sandbox",
        action="store_true",
        help="hold the contract against the Stripe sandbox of STRIPE_SECRET_KEY, not the simulator",
    )


def pytest_configure(config: pytest.Config) -> None:
    real_parts.begin(config)
    if not config.getoption("--stripe-sandbox"):
        confine_to_loopback()
    fidelity.begin(config)
    keep_compiled()
    # On shared cores a slow example says nothing about the law; pytest's timeout catches a hang.
    hypothesis.settings.register_profile("kassa", hypothesis.settings(), deadline=None)
    hypothesis.settings.load_profile("kassa")


# First, so that markers that come from fixtures are there when `-m` selects.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    real_parts.mark_and_leave_out(config, items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    real_parts.begin_test(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    real_parts.note_parts(item, report)
    return report


def pytest_collection_finish() -> None:
    # What is loaded by now stays: no collection of garbage needs to look through it again.
    gc.collect()
    gc.freeze()


# Last, so that every process of xdist has ended.
@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    fidelity.finish(session)
    gc.unfreeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    real_parts.summarise(terminalreporter)
    fidelity.summarise(terminalreporter)


@pytest.fixture(scope="session")
def postgresql_server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    """A real, durable PostgreSQL server, shared by the session."""
    with running_server() as server:
        real_parts.now_running(request.config, "postgresql", f"PostgreSQL {server.version}")
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, once on SQLite and once on real PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'kassa.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgresql_server")
    name = server.create_database()
    yield server.url(name)
    server.drop_database(name)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all migrations applied, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "kassa.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql_server: PostgresServer) -> Databases:
    """PostgreSQL databases with all migrations applied."""
    name = postgresql_server.create_database()
    _migrate(postgresql_server.url(name))
    return databases_like(postgresql_server, name)


def _migrate(url: str) -> None:
    store = Store(url)
    schema.upgrade(store)
    store.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def migrated_store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with Kassa's tables and no rows, as `store_url` on both engines."""
    if request.param == "sqlite":
        copied = shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "kassa.db")
        yield f"sqlite:///{copied}"
        return
    databases: Databases = request.getfixturevalue("migrated_postgresql")
    name = databases.lend()
    yield databases.server.url(name)
    databases.take_back(name)


@pytest.fixture(scope="session")
def chromium(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """Real headless Chromium, shared by the session; each test opens a context of its own.

    Playwright keeps an event loop in this thread: tests that want one of their own start it in
    another thread.
    """
    with running_chromium() as browser:
        real_parts.now_running(request.config, "browser", f"Chromium {browser.version}")
        yield browser


@pytest.fixture(scope="session")
def node() -> Path:
    """The Node to run page scripts with."""
    return find_node()
