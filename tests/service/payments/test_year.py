"""A year of subscriptions ends with two books that agree to the cent."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.payments.ledger.rebuilding import digest, rebuild
from service.store import schema
from service.store.session import Store
from tests.service.payments.year import Year

# `make year` lets five thousand live through it.
MANY = int(os.environ.get("KASSA_YEAR_CUSTOMERS", "200"))


@pytest.fixture
def rare_collections() -> Iterator[None]:
    """Millions of objects that die young: looking for cycles among them takes a seventh."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    yield
    gc.set_threshold(*before)


@pytest.mark.timeout(3000)
@pytest.mark.usefixtures("rare_collections")
@pytest.mark.parametrize("customers", [15, pytest.param(MANY, marks=pytest.mark.slow)])
def test_after_a_year_the_ledger_and_stripe_agree_to_the_cent(
    migrated_store_url: str, tmp_path: Path, customers: int, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = time.monotonic()
    store = Store(migrated_store_url)
    year = Year(11, store, tmp_path / "simulator.db")
    year.begin(customers)
    year.live(54)
    year.end()
    found = year.differences()
    bills = sum(1 for _ in year.all_of("invoice"))
    with capsys.disabled():
        sys.stdout.write(
            f"\n{customers} customers for a year on {store.dialect}: {bills} invoices, "
            f"{year.events} events, {time.monotonic() - begun:.0f} s\n"
        )
    assert found == []
    assert bills > customers
    store.close()


def test_the_same_seed_makes_the_same_year(tmp_path: Path) -> None:
    counted = []
    for number in range(2):
        store = Store(f"sqlite:///{tmp_path / f'kassa{number}.db'}")
        schema.upgrade(store)
        year = Year(5, store, tmp_path / f"simulator{number}.db")
        year.begin(10)
        year.live(20)
        year.end()
        assert year.differences() == []
        counted.append((year.events, sum(1 for _ in year.all_of("invoice"))))
        true = digest(store)
        assert rebuild(store).after == true
        store.close()
    assert counted[0] == counted[1]
