"""Writes that come at the same time share a transaction, and none fails for another's sake."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

from sqlalchemy import Connection, func, select
from sqlalchemy import event as engine_event

from service.errors import StoreUnavailable
from service.store.session import Store, insert_new
from service.store.tables import forged_events
from service.store.together import Together

MANY = 20


def _noted(connection: Connection, days: Sequence[str]) -> list[str]:
    """Writes a row for each; some can't be written."""
    for day in days:
        insert_new(connection, forged_events, [{"day": day, "count": 1}])
        if day == "never":
            raise ValueError("a day that never comes")
    return [f"{day} written" for day in days]


def _all_at_once(write: Callable[[str], str], days: Sequence[str]) -> list[Any]:
    ready = threading.Barrier(len(days))

    def one(day: str) -> Any:
        ready.wait()
        try:
            return write(day)
        except Exception as exc:  # noqa: BLE001 - what it raised is the result
            return exc

    with ThreadPoolExecutor(len(days)) as threads:
        return list(threads.map(one, days))


def _written(store: Store) -> int:
    with store.read() as connection:
        return connection.scalar(select(func.count()).select_from(forged_events)) or 0


def test_they_share_a_transaction_and_each_gets_its_own_result(store: Store) -> None:
    commits = []

    def slowly(_connection: Any) -> None:
        commits.append(1)
        time.sleep(0.05)

    engine_event.listen(store.engine, "commit", slowly)
    days = [f"day {number}" for number in range(MANY)]
    results = _all_at_once(Together(store, _noted).write, days)
    assert results == [f"{day} written" for day in days]
    assert len(commits) < MANY / 2
    assert _written(store) == MANY


def test_one_that_can_not_be_written_leaves_nothing_and_keeps_no_other_out(store: Store) -> None:
    days = ["never", *(f"day {number}" for number in range(1, MANY))]
    first, *others = _all_at_once(Together(store, _noted).write, days)
    assert isinstance(first, ValueError)
    assert others == [f"{day} written" for day in days[1:]]
    assert _written(store) == MANY - 1


def test_a_database_that_is_gone_fails_all_of_them_at_once(store: Store) -> None:
    asked = []

    class Gone(Store):
        def write(self) -> NoReturn:
            asked.append(1)
            time.sleep(0.05)
            raise StoreUnavailable("the database does not answer: it is gone")

    gone = Gone(str(store.engine.url.render_as_string(hide_password=False)))
    results = _all_at_once(Together(gone, _noted).write, [f"day {each}" for each in range(MANY)])
    gone.close()
    assert {type(each) for each in results} == {StoreUnavailable}
    assert len(asked) < MANY / 2


def test_whose_writer_was_killed_is_told_that_nothing_is_known(store: Store) -> None:
    """A thread that is stopped in the middle of writing for others answers none of them."""
    begun, ended = threading.Event(), threading.Event()

    class Stopped(BaseException):
        pass

    def stopped(_connection: Connection, days: Sequence[str]) -> list[str]:
        begun.set()
        ended.wait(10)
        if "first" in days and len(days) == 1:
            return ["first written"]
        raise Stopped

    together = Together(store, stopped)
    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(together.write, "first")
        begun.wait(10)
        others = [threads.submit(together.write, day) for day in ("second", "third")]
        time.sleep(0.1)
        ended.set()
        assert first.result(10) == "first written"
        errors = [each.exception(10) for each in others]
    assert sorted(type(each).__name__ for each in errors) == ["Stopped", "StoreUnavailable"]
