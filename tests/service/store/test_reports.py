"""Reports are kept as they were made, and the newest of an experiment is shown."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from service.store.reports import keep_report, latest_report
from service.store.session import Store
from service.store.tables import reports

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def _keep(store: Store, experiment: str, page: str, at: datetime = NOON) -> str:
    document = {"experiment": experiment, "estimate": 0.1 + 0.2, "reason": None, "name": "Größe"}
    with store.write() as connection:
        return keep_report(connection, experiment, generated_at=at, document=document, page=page)


def _latest(store: Store, experiment: str) -> str | None:
    with store.read() as connection:
        return latest_report(connection, experiment)


def test_the_newest_report_is_shown_whatever_order_they_came_in(store: Store) -> None:
    _keep(store, "colours", "newer", NOON + timedelta(microseconds=1))
    _keep(store, "colours", "older", NOON)
    _keep(store, "shapes", "another experiment's", NOON + timedelta(days=1))
    assert _latest(store, "colours") == "newer"


def test_an_experiment_without_a_report_has_none(store: Store) -> None:
    _keep(store, "colours", "page")
    assert _latest(store, "shapes") is None


def test_a_report_comes_back_as_it_was_made(store: Store) -> None:
    page = "<p>Größe 日本 \N{GRINNING FACE} ' \" %s</p>\n" * 5000
    made = [_keep(store, "colours", page) for _ in range(3)]
    assert len(set(made)) == 3, "every report has an id of its own"
    assert _latest(store, "colours") == page
    with store.read() as connection:
        kept = connection.execute(select(reports.c.document, reports.c.generated_at)).all()
    document = {"experiment": "colours", "estimate": 0.1 + 0.2, "reason": None, "name": "Größe"}
    assert [tuple(row) for row in kept] == [(document, NOON)] * 3
