"""A store with Kassa's tables, on SQLite and on real PostgreSQL."""

from collections.abc import Iterator

import pytest

from service.store.session import Store
from tests.service.store.books import Books


@pytest.fixture
def store(migrated_store_url: str) -> Iterator[Store]:
    opened = Store(migrated_store_url)
    yield opened
    opened.close()


@pytest.fixture
def empty_store(store_url: str) -> Iterator[Store]:
    """A database without any table."""
    opened = Store(store_url)
    yield opened
    opened.close()


@pytest.fixture
def books(store: Store) -> Books:
    return Books(store)
