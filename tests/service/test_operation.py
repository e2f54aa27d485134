"""The operator's switch: each change once, and with its entry in the audit log."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from experiments import Switch
from service.operation import Order, grant, resume, stop, switched
from service.store.audit import Act, Entry, entries
from service.store.session import Store

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY = "one-page-checkout"
ORDER = Order("ada", "cards are declined", NOON)


@pytest.fixture
def store(migrated_store_url: str) -> Iterator[Store]:
    opened = Store(migrated_store_url)
    yield opened
    opened.close()


def _told(store: Store) -> list[tuple[str, str, str]]:
    with store.read() as connection:
        return [(e.action.value, e.actor, e.reason) for e in entries(connection)]


def test_a_stop_is_switched_and_noted_once(store: Store) -> None:
    with store.write() as connection:
        assert stop(connection, KEY, ORDER)
    with store.write() as connection:
        assert not stop(connection, KEY, Order("bob", "again", NOON))
        assert switched(connection) == {KEY: Switch(stopped=True, granted=1)}
    assert _told(store) == [("stopped", "ada", "cards are declined")]


def test_only_what_was_stopped_is_resumed(store: Store) -> None:
    later = Order("bob", "mended", NOON + timedelta(hours=1))
    with store.write() as connection:
        assert not resume(connection, KEY, later)
        assert stop(connection, KEY, ORDER)
        assert resume(connection, KEY, later)
        assert switched(connection) == {KEY: Switch(stopped=False, granted=1)}
    assert _told(store) == [("stopped", "ada", "cards are declined"), ("resumed", "bob", "mended")]


def test_a_step_is_granted_once_and_only_after_those_before_it(store: Store) -> None:
    def allow(connection: Connection, step: int) -> bool:
        return grant(connection, KEY, ORDER, act=Act.RAMPED, step=step, traffic=0.1)

    with store.write() as connection:
        assert [allow(connection, step) for step in (2, 1, 1, 2)] == [False, True, False, True]
        assert switched(connection) == {KEY: Switch(stopped=False, granted=3)}
        assert stop(connection, KEY, ORDER)
        assert switched(connection) == {KEY: Switch(stopped=True, granted=3)}
        details = [e.details for e in entries(connection) if e.action is Act.RAMPED]
    assert sorted(step["step"] for step in details) == [2, 3]


@pytest.mark.parametrize(
    "change",
    [stop, lambda c, key, order: grant(c, key, order, act=Act.RAMPED, step=1, traffic=0.5)],
)
def test_of_many_at_once_one_changes_it(
    store: Store, change: Callable[[Connection, str, Order], bool]
) -> None:
    barrier = Barrier(6)

    def one(_number: int) -> bool:
        barrier.wait()
        with store.write() as connection:
            return change(connection, KEY, ORDER)

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(one, range(6))) == [False] * 5 + [True]
    assert len(_told(store)) == 1


def test_the_log_tells_in_order_and_of_one_experiment_if_asked(store: Store) -> None:
    with store.write() as connection:
        stop(connection, "second", Order("bob", "b", NOON + timedelta(seconds=1)))
        stop(connection, "first", Order("ada", "a", NOON))
        assert [e.experiment for e in entries(connection)] == ["first", "second"]
        (only,) = entries(connection, "second")
    assert only == Entry(
        at=NOON + timedelta(seconds=1),
        actor="bob",
        action=Act.STOPPED,
        experiment="second",
        reason="b",
        entry_id=only.entry_id,
    )


def test_nothing_is_switched_when_the_entry_cannot_be_kept(store: Store) -> None:
    without_reason = Order("ada", None, NOON)  # type: ignore[arg-type]  # the database refuses it
    with pytest.raises(IntegrityError), store.write() as connection:
        stop(connection, KEY, without_reason)
    with store.read() as connection:
        assert switched(connection) == {}
    assert _told(store) == []
