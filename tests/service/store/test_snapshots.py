"""Definitions that were in force, and the plans locked from them: kept once, found again."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from service.store.plans import LockedPlan, lock_plans, locked_experiments, locked_plan
from service.store.session import Store
from service.store.snapshots import (
    Snapshot,
    keep_snapshot,
    newest_version,
    snapshot_of,
    taken_at,
)
from service.store.tables import EPOCH, definitions

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def _snapshot(version: str, *, minutes: int) -> Snapshot:
    at = NOON + timedelta(minutes=minutes)
    return Snapshot(version * 64, at, {"metrics.yaml": f"# {version} é\n"})


def test_the_newest_definitions_are_those_taken_up_last(store: Store) -> None:
    first, second = _snapshot("a", minutes=0), _snapshot("b", minutes=1)
    with store.write() as connection:
        assert newest_version(connection, after=EPOCH) is None
        for snapshot in (second, first):
            keep_snapshot(connection, snapshot)
        assert newest_version(connection, after=first.taken_at) == second.version
        assert newest_version(connection, after=second.taken_at) is None
        assert snapshot_of(connection, first.version) == first


def test_definitions_that_come_back_are_stored_once_and_are_the_newest(store: Store) -> None:
    back = _snapshot("a", minutes=2)
    with store.write() as connection:
        assert taken_at(connection, back.version) is None
        for snapshot in (_snapshot("a", minutes=0), _snapshot("b", minutes=1), back):
            keep_snapshot(connection, snapshot)
        keep_snapshot(connection, _snapshot("a", minutes=1))
        assert newest_version(connection, after=NOON) == back.version
        assert taken_at(connection, back.version) == back.taken_at
        assert connection.scalar(select(func.count()).select_from(definitions)) == 2


def test_the_first_plan_of_an_experiment_stands(store: Store) -> None:
    first = LockedPlan("one-page", NOON, "d" * 64, {"analysis": {"alpha": 0.05}}, "v" * 64)
    other = LockedPlan("other", NOON, "f" * 64, {}, "v" * 64)
    changed = LockedPlan("one-page", NOON + timedelta(1), "e" * 64, {}, "w" * 64)
    with store.write() as connection:
        assert locked_plan(connection, "one-page") is None
        assert lock_plans(connection, [first]) == {"one-page"}
        assert lock_plans(connection, [changed, other]) == {"other"}
        assert locked_plan(connection, "one-page") == first
        assert locked_experiments(connection) == {"one-page", "other"}
