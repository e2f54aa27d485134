"""A directory of Parquet gives the report that the store gives, whatever else is in it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from analysis.analyze import analyze
from analysis.observations import Exclusion, Observations
from analysis.plan import resolve
from analysis.render import to_json
from experiments import (
    LEDGER_EVENTS,
    AnalysisPlan,
    Direction,
    Experiment,
    FunnelEvent,
    Guardrail,
    Kind,
    Metric,
    MetricRoles,
    Status,
    Unit,
    Variant,
)
from experiments.attributes import Attribute, AttributeType
from experiments.events import LedgerColumn
from experiments.plan import Method
from service.cli import main
from service.files import InvalidFile
from service.files.counting import read_directory
from service.store.observations import read_observations
from service.store.session import Store
from service.store.tables import EPOCH, events, exposures, microseconds

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
WINDOW, SHORT = timedelta(hours=72), timedelta(hours=2)
SECOND = timedelta(seconds=1)
AS_OF = NOON + timedelta(days=8)
PAID = FunnelEvent.PAYMENT_SUCCEEDED


def _metric(key: str, event: FunnelEvent, kind: Kind = Kind.PROPORTION, **more: Any) -> Metric:
    return Metric(
        key=key, name=key.title(), event=event, kind=kind, direction=Direction.INCREASE, **more
    )


METRICS = {
    metric.key: metric
    for metric in (
        _metric("paid", PAID),
        _metric("revenue", PAID, Kind.MEAN, cap=9000),
        _metric("quick", FunnelEvent.DETAILS_COMPLETED, window=SHORT),
        _metric("declined", FunnelEvent.PAYMENT_DECLINED),
        _metric("refunded", PAID, Kind.MEAN, window=SHORT),
    )
}
COLOURS = Experiment(
    key="colours",
    seed="colours",
    name="Colours",
    hypothesis="Green sells more.",
    owner="growth@example.com",
    status=Status.RUNNING,
    variants=(
        Variant(key="grey", weight=50, control=True),
        Variant(key="green", weight=25),
        Variant(key="blue", weight=25),
    ),
    metrics=MetricRoles(
        primary="paid",
        secondary=("revenue", "quick", "refunded"),
        guardrails=(Guardrail(metric="declined"),),
    ),
    analysis=AnalysisPlan(planned_units=500, conversion_window=WINDOW),
)
LOOKING = replace(
    COLOURS,
    analysis=AnalysisPlan(
        planned_units=500, conversion_window=WINDOW, method=Method.GROUP_SEQUENTIAL, looks=3
    ),
)
SEGMENTS = [
    Attribute(key="device", type=AttributeType.TEXT, description="What is held."),
    Attribute(key="member", type=AttributeType.BOOLEAN, description="Whether one is."),
    Attribute(key="hat", type=AttributeType.TEXT, description="Nobody ever says."),
]
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Books:
    """Rows of the two tables, as a store has them."""

    exposures: Rows
    events: Rows

    def fill(self, store: Store) -> None:
        with store.write() as connection:
            connection.execute(exposures.insert(), self.exposures)
            connection.execute(events.insert(), self.events)

    def write(self, directory: Path, *, attributes: str = "columns", times: str = "stamps") -> Path:
        """As Parquet, in two files of each table; one that is not whole yet is left alone."""
        for name, rows, schema in (
            ("exposures", [_flat(row, attributes) for row in self.exposures], _SEEN),
            ("events", [_plain(row) for row in self.events], _HAPPENED),
        ):
            kinds = dict(schema)
            if name == "exposures":
                kinds |= {"columns": _COLUMNS, "json": {"attributes": pa.string()}}[attributes]
            if times == "numbers":
                kinds = {k: pa.int64() if t is _STAMP else t for k, t in kinds.items()}
            for part, half in enumerate((rows[::2], rows[1::2])):
                folder = directory / name / f"day=2026-11-2{part}"
                folder.mkdir(parents=True)
                table = pa.Table.from_pylist(half, pa.schema(list(kinds.items())))
                pq.write_table(table, folder / "rows.parquet")
            (directory / name / ".half.parquet").write_bytes(b"PAR1")
        return directory


_STAMP = pa.timestamp("us", "UTC")
_SEEN = {"experiment": pa.string(), "variant": pa.string(), "unit_id": pa.string(),
    "exposed_at": _STAMP}  # fmt: skip
_COLUMNS = {"device": pa.string(), "member": pa.bool_()}
_HAPPENED = {"event_id": pa.string(), "unit_id": pa.string(), "checkout_id": pa.string(),
    "name": pa.string(), "occurred_at": _STAMP, "received_at": _STAMP, "value": pa.int64(),
    "currency": pa.string(), "properties": pa.string()}  # fmt: skip


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Times in microseconds, which Parquet takes for both of its kinds; JSON as text."""
    plain = {k: microseconds(v - EPOCH) if isinstance(v, datetime) else v for k, v in row.items()}
    return {k: json.dumps(v) if isinstance(v, dict) else v for k, v in plain.items()}


def _flat(row: Mapping[str, Any], attributes: str) -> dict[str, Any]:
    return _plain(row) | (dict(row["attributes"]) if attributes == "columns" else {})


def _exposure(unit: str | None, variant: str | None, at: datetime | None, **known: Any) -> Any:
    return {"experiment": "colours", "unit_id": unit, "variant": variant, "exposed_at": at,
        "reason": "SPLIT", "bucket": 0.5, "checkout_id": None, "definitions": "0" * 64,
        "attributes": known}  # fmt: skip


def _event(
    key: str,
    unit: str | None,
    name: str,
    at: datetime | None,
    *,
    received: datetime | None = None,
    value: int | None = None,
) -> Any:
    return {"event_id": key, "unit_id": unit, "checkout_id": None, "name": name,
        "occurred_at": at, "received_at": received or at, "value": value,
        "currency": None if value is None else "eur", "properties": {}}  # fmt: skip


def _clean(seed: int) -> Books:
    """500 units over a week, with events on every side of every bound."""
    dice = random.Random(seed)
    seen, happened = [], []
    names = [event.value for event in FunnelEvent]
    for number in range(500):
        at = NOON + timedelta(seconds=dice.randrange(7 * 86400), microseconds=number)
        variant = dice.choices(("grey", "green", "blue"), (2, 1, 1))[0]
        known: dict[str, Any] = {"device": f"d{min(dice.randrange(40), dice.randrange(40)):02}"}
        if number % 7 == 0:
            known = {}
        if number % 3:
            known["member"] = bool(number % 2)
        unit = f"unit-{number:03}"
        seen.append(_exposure(unit, variant, at, **known))
        for turn in range(dice.randrange(5)):
            name = dice.choice([*names, PAID.value, "field_left"])
            after = dice.choice(
                (
                    -SECOND, -SECOND + timedelta(microseconds=1), timedelta(0), SHORT, WINDOW,
                    SHORT - timedelta(microseconds=1), WINDOW - timedelta(microseconds=1),
                    timedelta(minutes=dice.randrange(200)), timedelta(hours=dice.randrange(100)),
                )
            )  # fmt: skip
            late = timedelta(hours=dice.choice((0, 0, 0, 1, 90)))
            paid = name in LEDGER_EVENTS and dice.random() < 0.8
            happened.append(
                _event(
                    f"e-{number}-{turn}", unit, name, at + after, received=at + after + late,
                    value=dice.randrange(100, 20_000) if paid else None,
                )
            )  # fmt: skip
    seen.append(_exposure("elsewhere", "grey", NOON) | {"experiment": "other"})
    happened.append(_event("e-nobody", "nobody", PAID.value, NOON, value=100))
    return Books(seen, happened)


@pytest.fixture
def store(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Store]:
    path = tmp_path / "kassa.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    opened = Store(f"sqlite:///{path}")
    yield opened
    opened.close()


def _of_store(store: Store, experiment: Experiment = COLOURS) -> Observations:
    plan = resolve(experiment, METRICS)
    with store.read() as connection:
        return read_observations(
            connection, experiment, METRICS, as_of=AS_OF, units_at_looks=plan.units_at_looks,
            segments=SEGMENTS,
        )  # fmt: skip


def _of_files(directory: Path, experiment: Experiment = COLOURS) -> Observations:
    plan = resolve(experiment, METRICS)
    return read_directory(
        directory, experiment, METRICS, as_of=AS_OF, units_at_looks=plan.units_at_looks,
        segments=SEGMENTS,
    )  # fmt: skip


def _document(seen: Observations, experiment: Experiment = COLOURS) -> Any:
    plan = resolve(experiment, METRICS)
    return to_json(analyze(plan, seen, as_of=AS_OF, generated_at=AS_OF))


@pytest.mark.parametrize("experiment", [COLOURS, LOOKING], ids=["fixed", "looks"])
@pytest.mark.parametrize(
    ("attributes", "times"), [("columns", "stamps"), ("json", "numbers")]
)  # fmt: skip
def test_a_directory_gives_the_report_that_the_store_gives(
    store: Store, tmp_path: Path, experiment: Experiment, attributes: str, times: str
) -> None:
    books = _clean(seed=7)
    books.fill(store)
    directory = books.write(tmp_path / "books", attributes=attributes, times=times)
    ours, theirs = _of_files(directory, experiment), _of_store(store, experiment)
    # What never counted is told of files alone, and only a store knows how far units got.
    theirs = replace(theirs, journeys=None)
    assert replace(ours, exclusions=()) == theirs
    told = _document(ours, experiment)
    assert told.pop("exclusions")
    assert told == {k: v for k, v in _document(theirs, experiment).items() if k != "exclusions"}
    assert len(theirs.looks) == (2 if experiment is LOOKING else 0)
    assert theirs.open_windows > 0
    assert "other values" in theirs.segments["device"]


def test_contradictory_duplicate_late_and_missing_rows_are_counted_and_change_nothing(
    tmp_path: Path,
) -> None:
    clean = _clean(seed=8)
    clean = replace(clean, events=[e for e in clean.events if e["event_id"] != "e-nobody"])
    known = {row["unit_id"]: row for row in clean.exposures if row["experiment"] == "colours"}
    paid = [e for e in clean.events if e["name"] == PAID.value and e["value"]]
    units = [f"unit-{number:03}" for number in range(0, 60, 2)]
    late, after = AS_OF + SECOND, AS_OF - timedelta(hours=1)
    dirt = Books(
        [
            # Duplicates: later exposures, with another device.
            *(known[u] | {"exposed_at": known[u]["exposed_at"] + SECOND,
                "attributes": {"device": "d99"}} for u in units if known[u]["exposed_at"] < after),
            # Contradictions: in two variants, one that the definition does not have among them.
            *(_exposure(f"torn-{n}", v, NOON) for n in range(5) for v in ("grey", "green")),
            *(_exposure("torn-x", v, NOON) for v in ("grey", "red")),
            _exposure("removed", "red", NOON),
            # Late: nobody knew of it yet.
            *(_exposure(f"late-{n}", "grey", late) for n in range(4)),
            # Missing: no unit, no variant, no time.
            _exposure(None, "grey", NOON), _exposure("", "grey", NOON),
            _exposure("mute", None, NOON), _exposure("mute", "", NOON),
            _exposure("timeless", "grey", None),
        ],
        [
            # Copies of an event, one of which came first.
            *(e | {"received_at": e["received_at"] + SECOND} for e in paid[:9]),
            *paid[:3],
            _event("torn", "torn-1", PAID.value, NOON + SECOND, value=100),
            _event("mute", None, PAID.value, NOON + SECOND, value=100),
            _event("timeless", units[0], PAID.value, None, received=None, value=100),
            _event("late", units[0], PAID.value, NOON + SECOND, received=late, value=100),
            _event("nobody", "nobody", PAID.value, NOON, value=100),
        ],
    )  # fmt: skip
    before = _of_files(clean.write(tmp_path / "clean"))
    soiled = Books(clean.exposures + dirt.exposures, clean.events + dirt.events)
    ours = _of_files(soiled.write(tmp_path / "soiled"))
    assert ours.contradictory_units == 6
    assert ours.duplicate_rows == sum(known[u]["exposed_at"] < after for u in units)
    assert (
        replace(
            ours,
            contradictory_units=0,
            duplicate_rows=0,
            exclusions=before.exclusions,
        )
        == before
    )
    usual = {e.reason: e for e in before.exclusions}
    told = {e.reason: e for e in ours.exclusions if e != usual.get(e.reason)}
    whole = AS_OF.isoformat()
    assert told == {
        e.reason: e
        for e in (
            Exclusion("exposure without a unit", 2, 0, 0),
            Exclusion("exposure without a variant", 2, 1, 1),
            Exclusion("exposure without a time", 1, 1, 1),
            Exclusion(f"exposure after {whole}", 4, 4, 4),
            Exclusion("unit seen in several variants", 12, 6),
            Exclusion("exposure to a variant that the definition does not have", 1, 1),
            Exclusion("copy of another event of the same unit", 12, 0, _units(paid[:9])),
            Exclusion("event without a unit", 1, 0, 0),
            Exclusion("event of a unit without an exposure", 1, 0, 1),
            Exclusion("event of a unit that is left out", 1, 0, 1),
            Exclusion("event without a time", 1, 0, 1),
            _more(usual[f"event received after {whole}"], units[0], clean),
        )
    }


def _units(rows: Sequence[Mapping[str, Any]]) -> int:
    return len({row["unit_id"] for row in rows})


def _more(usual: Exclusion, unit: str, clean: Books) -> Exclusion:
    had = any(e["unit_id"] == unit and e["received_at"] > AS_OF for e in clean.events)
    return replace(usual, rows=usual.rows + 1, affected_units=usual.affected + (not had))


def test_money_of_several_currencies_is_told(tmp_path: Path) -> None:
    books = _clean(seed=9)
    paid = [e for e in books.events if e["name"] == PAID.value]
    paid[0]["currency"], paid[0]["received_at"] = "sek", AS_OF + SECOND
    assert _of_files(books.write(tmp_path / "late")).currencies["revenue"] == ("eur",)
    first = next(row for row in books.exposures if row["unit_id"] == paid[1]["unit_id"])
    paid[1] |= {"currency": "sek", "value": 5, "occurred_at": first["exposed_at"],
        "received_at": first["exposed_at"]}  # fmt: skip
    seen = _of_files(books.write(tmp_path / "both"))
    assert seen.currencies["revenue"] == ("eur", "sek")
    assert seen.currencies["quick"] == ()


def test_what_a_directory_can_not_say_is_refused(tmp_path: Path) -> None:
    directory = _clean(seed=1).write(tmp_path / "books")
    metrics = METRICS | {
        "paid": Metric(
            key="paid", name="Paid", ledger=LedgerColumn.AMOUNT_RECEIVED, kind=Kind.PROPORTION,
            direction=Direction.INCREASE,
        )
    }  # fmt: skip
    with pytest.raises(InvalidFile, match=r"paid \(payments.amount_received\) is read from the"):
        read_directory(directory, COLOURS, metrics, as_of=AS_OF)
    customers = replace(COLOURS, unit=Unit.CUSTOMER)
    with pytest.raises(InvalidFile, match="its units are customers"):
        read_directory(directory, customers, METRICS, as_of=AS_OF)


def test_missing_tables_columns_and_odd_times_are_named_together(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile) as caught:
        _of_files(tmp_path)
    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == [
        "no exposures.parquet, and no Parquet files in exposures/",
        "no events.parquet, and no Parquet files in events/",
    ]
    with duckdb.connect() as connection:
        seen = connection.sql("SELECT 'x' AS experiment, 'a' AS variant, 'today' AS exposed_at")
        seen.write_parquet(str(tmp_path / "exposures.parquet"))
        events = connection.sql("SELECT 'x' AS event_id, 'x' AS unit_id, 'y' AS name")
        events.write_parquet(str(tmp_path / "events.parquet"))
    with pytest.raises(InvalidFile) as caught:
        _of_files(tmp_path)
    assert [line.split(": ", 1)[1].split(";")[0] for line in str(caught.value).splitlines()] == [
        "no column unit_id",
        "column exposed_at is VARCHAR",
        "no column occurred_at, received_at, value, currency",
    ]


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    for name in ("exposures", "events"):
        (tmp_path / f"{name}.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(InvalidFile, match="cannot be read"):
        _of_files(tmp_path)


def test_the_command_reads_a_directory_and_says_how_to_read_it_again(tmp_path: Path) -> None:
    books = _clean(seed=3)
    for row in books.exposures:
        row["experiment"] = "one-page-checkout"
        row["variant"] = "two_page" if row["variant"] == "grey" else "one_page"
    directory = books.write(tmp_path / "books")
    words = ["report", "one-page-checkout", "--source", str(directory)]
    told = CliRunner().invoke(main, [*words, "--format", "json", "--as-of", AS_OF.isoformat()])
    assert told.exit_code == 0
    report = json.loads(told.stdout)
    assert sum(report["units"].values()) == 501
    assert report["plan"]["status"] == "not_locked"
    page = CliRunner().invoke(main, [*words, "--format", "html"])
    assert f"--source {directory}" in page.stdout
    linked = CliRunner().invoke(main, [*words, "--link"])
    assert (linked.exit_code, "--link" in linked.stderr) == (2, True)
