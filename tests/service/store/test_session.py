"""One transaction in, one commit out; on both engines."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier
from typing import Any, TypeVar

import pytest
from sqlalchemy import create_engine, func, select, text, update
from sqlalchemy.exc import IntegrityError, StatementError

from service.errors import ConfigurationError, StoreUnavailable
from service.store import session
from service.store.session import Store, insert_once, insert_or_read
from service.store.tables import events, exposures, forged_events, payments

THREADS = 20
ONE_SENTENCE = r"^the database does not answer: [^\n]+$"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
_T = TypeVar("_T")


def _event(number: int, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "event_id": f"event-{number:04}",
        "unit_id": "unit",
        "checkout_id": None,
        "name": "checkout_viewed",
        "occurred_at": NOON,
        "received_at": NOON,
        "value": None,
        "currency": None,
        "properties": {},
    }
    return row | changes


def _at_once(work: Callable[[int], _T]) -> list[_T]:
    """Twenty threads that start together."""
    barrier = Barrier(THREADS)

    def one(number: int) -> _T:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, range(THREADS)))


@contextmanager
def _short_patience(monkeypatch: pytest.MonkeyPatch, url: str) -> Iterator[Store]:
    """A store that waits 300 ms for a lock."""
    monkeypatch.setattr(session, "_BUSY_TIMEOUT_MS", 300)
    store = Store(url)
    yield store
    store.close()


def _count(store: Store) -> int:
    with store.read() as connection:
        return connection.scalar(select(func.count()).select_from(events)) or 0


def test_sqlite_is_set_to_survive_a_power_cut(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'kassa.db'}")
    for door in (store.read, store.write):
        with door() as connection:
            found = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            }
        assert found == {
            "journal_mode": "wal",
            "synchronous": 2,  # FULL
            "foreign_keys": 1,
            "busy_timeout": 5000,
        }
    store.close()


def test_a_write_holds_the_lock_from_its_first_moment(tmp_path: Path) -> None:
    path = tmp_path / "kassa.db"
    store = Store(f"sqlite:///{path}")
    with store.write():
        other = sqlite3.connect(path, timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")  # and frees it at the end
    other.close()
    store.close()


def test_a_read_does_not_keep_writers_out(store: Store) -> None:
    with store.read() as reading:
        assert reading.scalar(select(func.count()).select_from(events)) == 0
        with store.write() as connection:
            insert_once(connection, events, [_event(1)])
        assert reading.scalar(select(func.count()).select_from(events)) == 0, "one snapshot"
    assert _count(store) == 1


def test_a_question_begins_no_transaction_and_is_answered_while_somebody_writes(
    store: Store,
) -> None:
    with store.write() as writing:
        insert_once(writing, events, [_event(1)])
        with store.ask() as connection:
            assert connection.scalar(select(func.count()).select_from(events)) == 0
            if store.dialect == "sqlite":
                assert not connection.connection.driver_connection.in_transaction  # type: ignore[union-attr]
    with store.ask() as connection:
        assert connection.scalar(select(func.count()).select_from(events)) == 1
    # What comes after on the same connection is a transaction again.
    _fails_halfway(store)
    with store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(events)) == 1


def _fails_halfway(store: Store) -> None:
    with suppress(ZeroDivisionError), store.write() as connection:
        insert_once(connection, events, [_event(2)])
        raise ZeroDivisionError


def test_a_reader_can_not_turn_into_a_writer(store: Store) -> None:
    with pytest.raises(Exception, match=r"read-?only") as refused, store.read() as connection:
        insert_once(connection, events, [_event(1)])
    assert isinstance(refused.value, StatementError | StoreUnavailable)
    with store.write() as connection:  # the same pooled connection writes again
        insert_once(connection, events, [_event(2)])
    assert _count(store) == 1


def test_a_held_lock_is_told_after_the_patience_and_nothing_is_kept(
    migrated_store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"day": "2026-11-23", "count": 1}
    change = update(forged_events).values(count=2)

    def blocked(store: Store) -> None:
        with store.write() as connection:
            insert_once(connection, events, [_event(1)])
            connection.execute(change)

    with _short_patience(monkeypatch, migrated_store_url) as store:
        with store.write() as connection:
            insert_once(connection, forged_events, [row])
        with store.write() as holding:
            holding.execute(change)
            began = time.monotonic()
            with pytest.raises(StoreUnavailable, match=r"the database does not answer: .*lock"):
                blocked(store)
            assert 0.25 < time.monotonic() - began < 4
        assert _count(store) == 0


def test_an_error_inside_a_transaction_keeps_nothing_of_it(store: Store) -> None:
    def half() -> None:
        with store.write() as connection:
            insert_once(connection, events, [_event(1)])
            raise LookupError

    with pytest.raises(LookupError):
        half()
    assert _count(store) == 0


def test_a_broken_rule_of_the_tables_is_not_taken_for_an_outage(store: Store) -> None:
    orphan = {
        "payment_intent_id": "pi_1",
        "checkout_id": "nobody's",
        "status": "succeeded",
        "proved": "succeeded",
        "amount": 1,
        "amount_received": 1,
        "currency": "usd",
        "mismatch": False,
    }
    with pytest.raises(IntegrityError), store.write() as connection:
        connection.execute(payments.insert().values(orphan))


def test_of_twenty_writers_of_the_same_rows_each_row_has_one_winner(store: Store) -> None:
    rows = [_event(number) for number in range(50)]

    def write(number: int) -> set[str]:
        mine = rows[number:] + rows[:number] if number % 2 else rows[::-1]
        with store.write() as connection:
            return insert_once(connection, events, mine)

    won = _at_once(write)
    assert sum(len(keys) for keys in won) == 50
    assert set().union(*won) == {row["event_id"] for row in rows}
    assert _count(store) == 50


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_batches_with_the_same_rows_in_any_order_do_not_deadlock(
    store: Store, order: tuple[int, ...]
) -> None:
    def batch() -> set[str]:
        with store.write() as connection:
            return insert_once(connection, events, [_event(number) for number in order])

    with ThreadPoolExecutor(1) as pool:
        with store.write() as connection:
            assert insert_once(connection, events, [_event(1)]) == {"event-0001"}
            other = pool.submit(batch)
            with pytest.raises(TimeoutError):  # it waits for our first row
                other.result(timeout=0.5)
            assert insert_once(connection, events, [_event(2)]) == {"event-0002"}
        assert other.result() == set()


def test_of_twenty_first_exposures_one_stands_and_all_are_told_which(store: Store) -> None:
    def expose(number: int) -> tuple[str, bool]:
        row = {
            "experiment": "colours",
            "unit_id": "unit",
            "variant": f"variant-{number}",
            "exposed_at": NOON,
            "reason": "SPLIT",
            "bucket": 0.5,
            "checkout_id": None,
            "definitions": "0" * 64,
            "attributes": {},
        }
        with store.write() as connection:
            found, mine = insert_or_read(connection, exposures, row)
        assert mine == (found.variant == row["variant"])
        return found.variant, mine

    told = _at_once(expose)
    assert len({variant for variant, _ in told}) == 1
    assert [mine for _, mine in told].count(True) == 1


def test_of_two_rows_with_one_key_in_one_batch_the_first_is_kept(store: Store) -> None:
    twice = [_event(1, unit_id="first"), _event(1, unit_id="second"), _event(2)]
    with store.write() as connection:
        assert insert_once(connection, events, twice) == {"event-0001", "event-0002"}
        assert insert_once(connection, events, twice) == set()
        assert insert_once(connection, events, []) == set()
    with store.read() as connection:
        assert connection.scalars(
            select(events.c.unit_id).where(events.c.event_id == "event-0001")
        ).all() == ["first"]


def test_what_was_read_back_is_the_row_of_the_first(store: Store) -> None:
    row = {"day": "2026-11-23", "count": 3}
    with store.write() as connection:
        first, mine = insert_or_read(connection, forged_events, row)
        again, mine_again = insert_or_read(connection, forged_events, row | {"count": 9})
    assert (mine, mine_again) == (True, False)
    assert tuple(first) == tuple(again) == ("2026-11-23", 3)


def test_times_come_back_to_the_microsecond_in_utc(store: Store) -> None:
    exact = datetime(2026, 11, 23, 23, 59, 59, 999_999, tzinfo=UTC)
    long_ago = datetime(1969, 12, 31, tzinfo=UTC)
    with store.write() as connection:
        insert_once(connection, events, [_event(1, occurred_at=exact, received_at=long_ago)])
    with store.read() as connection:
        found = connection.execute(select(events.c.occurred_at, events.c.received_at)).one()
    assert tuple(found) == (exact, long_ago)


def test_a_time_without_its_zone_is_refused(store: Store) -> None:
    naive = _event(1, occurred_at=NOON.replace(tzinfo=None))
    with pytest.raises(StatementError), store.write() as connection:
        insert_once(connection, events, [naive])


def test_twenty_first_connections_to_a_new_file_all_succeed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'kassa.db'}"

    def begin(_number: int) -> None:
        store = Store(url)
        with store.write() as connection:
            connection.execute(text("CREATE TABLE IF NOT EXISTS t (x INTEGER)"))
            connection.execute(text("INSERT INTO t VALUES (1)"))
        store.close()

    _at_once(begin)
    engine = create_engine(url)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM t")) == THREADS
    engine.dispose()


@pytest.mark.parametrize("content", [b"these are not the tables of a database" * 100, b"\x00" * 99])
def test_a_file_that_is_no_database_is_told_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "kassa.db"
    path.write_bytes(content)
    store = Store(f"sqlite:///{path}")
    with pytest.raises(StoreUnavailable, match=ONE_SENTENCE), store.read() as connection:
        connection.execute(text("SELECT name FROM sqlite_master")).all()
    store.close()
    assert path.read_bytes() == content


def test_a_damaged_page_is_told_in_one_sentence(migrated_sqlite: Path, tmp_path: Path) -> None:
    path = tmp_path / "kassa.db"
    whole = migrated_sqlite.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    store = Store(f"sqlite:///{path}")
    with pytest.raises(StoreUnavailable, match="malformed"), store.write() as connection:
        insert_once(connection, events, [_event(1)])
    store.close()


def test_a_server_that_is_not_there_is_told_in_one_sentence() -> None:
    store = Store("postgresql+psycopg://kassa:guarded-password@127.0.0.1:9/kassa")
    with pytest.raises(StoreUnavailable, match=ONE_SENTENCE) as told, store.read():
        pass
    store.close()
    assert "guarded-password" not in str(told.value)


def test_a_directory_that_can_not_be_made_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnavailable, match="file/deeper can't be made"):
        Store(f"sqlite:///{tmp_path / 'file' / 'deeper' / 'kassa.db'}")


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "",
        "mysql://127.0.0.1/kassa",
        "postgresql+psycopg2://127.0.0.1/kassa",
        "postgresql+psycopg://127.0.0.1:port/kassa",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///file:kassa.db?mode=ro&uri=true",
    ],
)
def test_a_url_that_names_no_store_is_refused_by_its_variable(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^KASSA_DATABASE_URL .*[^.\n]$"):
        Store(url)
