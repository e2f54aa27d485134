"""What is done from time to time is done by one process, and goes on whatever fails."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from service.chores import Chore, Chores
from service.store.session import Store


class Desk:
    """A clock, a store, and processes with the same chores."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = datetime(2026, 11, 25, 12, tzinfo=UTC)
        self.done: list[str] = []

    def process(self) -> Chores:
        every = timedelta(minutes=1)
        chores = [
            Chore("fails", every, self.fail),
            Chore("works", every, lambda: self.done.append("works")),
        ]
        return Chores(chores, store=self.store, clock=lambda: self.now)

    def fail(self) -> None:
        self.done.append("fails")
        raise KeyError("a defect")


@pytest.fixture
def desk(migrated_store_url: str) -> Iterator[Desk]:
    store = Store(migrated_store_url)
    yield Desk(store)
    store.close()


def test_of_several_processes_one_does_each_chore_and_then_it_rests(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = desk.process(), desk.process()
    assert (one.run_due(), other.run_due()) == ([], [])
    desk.now += timedelta(minutes=1)
    assert (one.run_due(), other.run_due()) == (["fails", "works"], [])
    desk.now += timedelta(seconds=59)
    assert other.run_due() == []
    desk.now += timedelta(seconds=1)
    assert other.run_due() == ["fails", "works"]
    assert desk.done == ["fails", "works"] * 2
    assert "the chore fails failed and will be tried again" in caplog.text


def test_a_chore_whose_process_died_is_taken_up_by_another(desk: Desk) -> None:
    one, other = desk.process(), desk.process()
    one.run_due()
    desk.now += timedelta(minutes=1)

    def die() -> None:
        raise KeyboardInterrupt

    dying = Chores([Chore("works", timedelta(minutes=1), die)], store=desk.store, clock=one._clock)
    with pytest.raises(KeyboardInterrupt):
        dying.run_due()
    assert other.run_due() == ["fails"]
    desk.now += timedelta(minutes=15)
    assert other.run_due() == ["fails", "works"]


def test_after_its_end_a_process_begins_nothing(desk: Desk) -> None:
    one = desk.process()
    one.run_due()
    desk.now += timedelta(minutes=1)
    one.end()
    assert one.run_due() == []
