"""The provisioned parts are the real ones, and closed to the outside."""

import socket
from pathlib import Path

import pytest
import sqlalchemy
from playwright.sync_api import Browser, Error

from tests.provision.network import OutsideNetworkError
from tests.provision.postgresql import PostgresServer


def test_a_test_cannot_reach_another_machine() -> None:
    with socket.socket() as outside, pytest.raises(OutsideNetworkError):
        outside.connect(("192.0.2.1", 80))


def test_a_test_cannot_look_up_another_machine() -> None:
    with pytest.raises(OutsideNetworkError):
        socket.getaddrinfo("api.stripe.com", 443)


def test_a_test_reaches_loopback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()[:2]).close()


def test_each_store_starts_empty(store_url: str) -> None:
    engine = sqlalchemy.create_engine(store_url)
    with engine.begin() as connection:
        assert sqlalchemy.inspect(connection).get_table_names() == []
        connection.execute(sqlalchemy.text("CREATE TABLE left_behind (id INTEGER)"))
    engine.dispose()


def test_a_migrated_store_has_tables_and_no_rows(migrated_store_url: str) -> None:
    engine = sqlalchemy.create_engine(migrated_store_url)
    with engine.begin() as connection:
        tables = sqlalchemy.inspect(connection).get_table_names()
        rows = connection.execute(sqlalchemy.text("SELECT count(*) FROM exposures")).scalar_one()
        connection.execute(sqlalchemy.text("DROP TABLE forged_events"))
    engine.dispose()
    assert "exposures" in tables
    assert rows == 0


def test_postgresql_commits_are_durable(postgresql_server: PostgresServer) -> None:
    engine = sqlalchemy.create_engine(postgresql_server.url("postgres"))
    with engine.connect() as connection:
        settings = {
            name: connection.execute(sqlalchemy.text(f"SHOW {name}")).scalar_one()
            for name in ("fsync", "synchronous_commit", "listen_addresses")
        }
    engine.dispose()
    assert settings == {
        "fsync": "on",
        "synchronous_commit": "on",
        "listen_addresses": "127.0.0.1",
    }


def test_chromium_renders_and_stays_on_this_machine(chromium: Browser) -> None:
    with chromium.new_context() as context:
        page = context.new_page()
        page.set_content("<h1>Kassa</h1>")
        assert page.inner_text("h1") == "Kassa"
        with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
            page.goto("https://js.stripe.com/")


def test_node_is_there(node: Path) -> None:
    assert node.exists()
