"""What a visitor typed is kept for their own page, and forgotten a day later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from service.checkout.details import Details, details_of, forget_details, keep_details
from service.store.session import Store

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
TYPED = Details(
    "ada@example.com",
    "Ada",
    {"line1": "1 Way", "country": "GB"},
    {"purchase_order": "PO-1"},
    complete=True,
)


@pytest.fixture
def store(migrated_store_url: str) -> Iterator[Store]:
    opened = Store(migrated_store_url)
    yield opened
    opened.close()


def test_what_was_typed_last_stands_whichever_request_comes_last(store: Store) -> None:
    first, last = replace(TYPED, typed_at=1), replace(TYPED, email="a@b.se", typed_at=2)
    with store.write() as connection:
        assert details_of(connection, "co_1", "ada") == Details()
        for each in (first, last, first):
            keep_details(connection, "co_1", "ada", each, now=NOW)
        assert details_of(connection, "co_1", "ada") == last


def test_each_visitor_has_their_own_and_each_checkout(store: Store) -> None:
    with store.write() as connection:
        keep_details(connection, "co_1", "ada", TYPED, now=NOW)
        keep_details(connection, "co_1", "eve", Details("eve@example.com"), now=NOW)
        assert details_of(connection, "co_1", "ada") == TYPED
        assert details_of(connection, "co_1", "eve") == Details("eve@example.com")
        assert details_of(connection, "co_2", "ada") == Details()


def test_it_is_forgotten_a_day_after_the_last_change(store: Store) -> None:
    with store.write() as connection:
        keep_details(connection, "co_1", "ada", TYPED, now=NOW - timedelta(hours=25))
        keep_details(connection, "co_2", "ada", TYPED, now=NOW - timedelta(hours=23))
        forget_details(connection, now=NOW)
        assert details_of(connection, "co_1", "ada") == Details()
        assert details_of(connection, "co_2", "ada") == TYPED
