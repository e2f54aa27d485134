"""A store with the small merchant's books."""

import pytest

from service.store.session import Store
from tests.service.querying.world import fill


@pytest.fixture
def books_url(migrated_store_url: str) -> str:
    store = Store(migrated_store_url)
    with store.write() as connection:
        fill(connection)
    store.close()
    return migrated_store_url
