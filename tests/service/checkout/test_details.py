"""What a visitor typed is kept for their own page, and forgotten a day later."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from service.checkout.details import Details, details_of, forget_details, keep_details
from service.store.session import Store

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
TYPED = Details("ada@example.com", "Ada", {"line1": "1 Way", "country": "GB"}, complete=True)


@pytest.fixture
def store(migrated_store_url: str) -> Iterator[Store]:
    opened = Store(migrated_store_url)
    yield opened
    opened.close()


def test_what_was_typed_last_stands(store: Store) -> None:
    with store.write() as connection:
        assert details_of(connection, "co_1") == Details()
        keep_details(connection, "co_1", TYPED, now=NOW)
        keep_details(connection, "co_1", Details("eve@example.com"), now=NOW)
        keep_details(connection, "co_2", TYPED, now=NOW)
        assert details_of(connection, "co_1") == Details("eve@example.com")
        assert details_of(connection, "co_2") == TYPED


def test_it_is_forgotten_when_the_checkout_is_over(store: Store) -> None:
    with store.write() as connection:
        keep_details(connection, "co_1", TYPED, now=NOW - timedelta(hours=25))
        keep_details(connection, "co_2", TYPED, now=NOW - timedelta(hours=23))
        forget_details(connection, now=NOW)
        assert details_of(connection, "co_1") == Details()
        assert details_of(connection, "co_2") == TYPED
