"""What a unit was shown before is found by key, however many exposures there are."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import event

from experiments import Catalog, assign
from service import funnel
from service.store.session import Store
from tests.service import doors

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def test_finding_what_was_shown_reads_no_whole_table(migrated_sqlite: Path, tmp_path: Path) -> None:
    catalog = Catalog.load(doors.define(tmp_path / "growth"))
    found = [assign(each, "visitor-1", now=NOW) for each in catalog.experiments.values()]
    store, asked = Store(f"sqlite:///{migrated_sqlite}"), list[tuple[str, Any]]()

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    with store.read() as connection:
        event.listen(store.engine, "before_cursor_execute", note)
        assert funnel.shown(connection, found) == {}
        event.remove(store.engine, "before_cursor_execute", note)
        ((statement, parameters),) = asked
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        steps = [row.detail for row in plan]
    store.close()
    assert len(steps) == 1
    assert steps[0].startswith("SEARCH exposures USING INDEX")
