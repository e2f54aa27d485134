"""A frame of any engine says the same as its rows in a file, and what can't be read is refused."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest
from click.testing import CliRunner

from analysis.aggregates import Aggregates
from analysis.analyze import analyze
from analysis.errors import InvalidFrame
from analysis.frames import COPY, Measure, read_frame
from analysis.observations import Exclusion, Observations
from analysis.plan import Plan
from analysis.render import to_json
from analysis.report import PlanLock
from experiments.metrics import Kind
from service.cli import main
from service.recomputing.comparing import compare

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
Made = Callable[[pl.DataFrame], Any]


def _duckdb(frame: pl.DataFrame) -> duckdb.DuckDBPyRelation:
    connection = duckdb.connect()
    # The session's zone must not move a day.
    connection.execute("SET TimeZone = 'America/New_York'")
    connection.register("rows", frame.to_arrow())
    return connection.sql("SELECT * FROM rows")


ENGINES: dict[str, Made] = {
    "polars": lambda frame: frame,
    "polars lazy": lambda frame: frame.lazy(),
    "pandas": lambda frame: frame.to_pandas().convert_dtypes(),
    "pandas numpy": lambda frame: frame.to_pandas(),
    "pandas arrow": lambda frame: frame.to_arrow().to_pandas(types_mapper=pd.ArrowDtype),
    "pyarrow": lambda frame: frame.to_arrow(),
    "duckdb": _duckdb,
}


@pytest.fixture(params=ENGINES)
def made(request: pytest.FixtureRequest) -> Made:
    """Makes a frame of one engine."""
    return ENGINES[request.param]


def visits(seed: int = 7, rows: int = 3000) -> pl.DataFrame:
    """Rows with everything that must be found: copies, gaps, units in both arms, late rows."""
    rng = random.Random(seed)
    found: list[dict[str, Any]] = []
    for number in range(rows):
        unit = rng.randrange(rows // 2)
        arm = ("a", "b", "c")[unit % 3] if rng.random() > 0.01 else "b"
        found.append(
            {
                "user": f"u{unit}" if rng.random() > 0.01 else None,
                "arm": arm if rng.random() > 0.01 else None,
                "at": NOON + timedelta(minutes=rng.randrange(6 * 1440)),
                "paid": rng.choice([0, 0, 0, 1]) if rng.random() > 0.05 else None,
                "spent": round(rng.lognormvariate(3, 1), 2) if rng.random() > 0.05 else None,
                "tries": float(rng.randrange(1, 4)),
                "country": rng.choice(["SE", "NO", "DK", *"ABCDEFGHIJKLMN"]),
                "member": rng.choice([True, False]),
                "number": number,
            }
        )
        if rng.random() < 0.02:
            found.append(found[-1])
    return pl.DataFrame(found, schema_overrides={"paid": pl.Int64})


METRICS = {
    "paid": "paid",
    "revenue": Measure("spent", Kind.MEAN),
    "per_try": Measure("spent", Kind.RATIO, base="tries"),
}


def read(frame: Any, **changes: Any) -> tuple[Plan, Observations]:
    words: dict[str, Any] = {"unit": "user", "variant": "arm", "control": "a", "metrics": METRICS}
    return read_frame(frame, **words | changes)


def document(plan: Plan, observations: Observations) -> dict[str, Any]:
    lock = PlanLock.absent("a file has no plan that was locked before its numbers came")
    report = analyze(plan, observations, as_of=NOON, generated_at=NOON, lock=lock)
    return dict(to_json(report)) | {"as_of": None}


def of_file(tmp_path: Path, frame: pl.DataFrame, *words: str) -> dict[str, Any]:
    path = tmp_path / "visits.parquet"
    frame.write_parquet(path)
    ran = CliRunner().invoke(
        main,
        ["analyze", str(path), "--unit", "user", "--variant", "arm", "--control", "a",
         "--metric", "paid=paid", *words, "--format", "json"],
    )  # fmt: skip
    assert ran.exit_code == 0, ran.output
    return dict(json.loads(ran.stdout)) | {"as_of": None}


APART = ("--segment", "country", "--segment", "member", "--time", "at")
ALL = ("--metric", "revenue=spent:mean", "--metric", "per_try=spent:ratio/tries")


def test_a_frame_says_the_same_as_its_rows_in_a_file(made: Made, tmp_path: Path) -> None:
    frame = visits()
    found = document(*read(made(frame), name="visits", segments=["country", "member"], time="at"))
    expected = of_file(tmp_path, frame, *ALL, *APART)
    assert {each["reason"] for each in found["exclusions"]} >= {COPY}
    assert len(found["exclusions"]) == 7
    assert compare(found, expected).differences == ()
    assert compare(expected, found).differences == ()


def test_without_sums_copies_are_merged_like_any_row(made: Made, tmp_path: Path) -> None:
    frame = visits(11)
    found = document(*read(made(frame), name="visits", metrics={"paid": "paid"}))
    assert compare(found, of_file(tmp_path, frame)).differences == ()


MONDAY = datetime(2026, 3, 2)  # noqa: DTZ001 - frames have times without a zone, which are UTC
SMALL = pl.DataFrame(
    {
        "user": [1, 1, 2, 3, 4, 4, 5],
        "arm": ["a", "a", "a", "b", "b", "b", "b"],
        "at": [
            MONDAY + timedelta(hours=23, minutes=30), MONDAY - timedelta(hours=23), None,
            MONDAY, MONDAY + timedelta(days=1), MONDAY + timedelta(days=1), None,
        ],
        "device": ["phone", None, "desk", "phone", "desk", "phone", " "],
        "paid": [0, 1, 0, None, 1, 0, 0],
    }
)  # fmt: skip


def test_a_unit_has_the_day_and_the_segment_of_its_first_row(made: Made) -> None:
    _, seen = read(made(SMALL), metrics={"paid": "paid"}, segments=["device"], time="at")
    assert {day: group.units for day, group in seen.days.items()} == {
        date(2026, 3, 1): {"a": 1, "b": 0},
        date(2026, 3, 2): {"a": 0, "b": 1},
        date(2026, 3, 3): {"a": 0, "b": 1},
    }
    # Of two rows at one time the value that is first by name; of none the unit is not known.
    assert {value: group.units for value, group in seen.segments["device"].items()} == {
        "desk": {"a": 1, "b": 1},
        "phone": {"a": 1, "b": 1},
        "not known": {"a": 0, "b": 1},
    }
    assert seen.metrics["paid"] == {
        "a": Aggregates.of_conversions(2, 1), "b": Aggregates.of_conversions(2, 1),
    }  # fmt: skip
    assert seen.exclusions == (
        Exclusion(
            "no value for metric paid; left out of this metric alone",
            rows=1, units=1, affected_units=1, metric="paid",
        ),
    )  # fmt: skip


def test_a_segment_is_told_by_the_first_row_that_tells_it(made: Made) -> None:
    frame = pl.DataFrame(
        {
            "user": [1, 1, 1, 2, 2, 3, 3],
            "arm": ["a", "a", "a", "b", "b", "b", "b"],
            "at": [
                MONDAY, MONDAY + timedelta(hours=1), MONDAY + timedelta(hours=2),
                None, MONDAY, None, None,
            ],
            "device": ["", "phone", "desk", "desk", "phone", "phone", "desk"],
            "paid": 0,
        }
    )  # fmt: skip
    words: dict[str, Any] = {"metrics": {"paid": "paid"}, "segments": ["device"]}
    _, dated = read(made(frame), time="at", **words)
    assert {value: group.units for value, group in dated.segments["device"].items()} == {
        "phone": {"a": 1, "b": 1},
        "desk": {"a": 0, "b": 1},
    }
    _, undated = read(made(frame), **words)
    assert {value: group.units for value, group in undated.segments["device"].items()} == {
        "desk": {"a": 1, "b": 2}
    }


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
def test_days_are_utc_whatever_the_zone_of_a_time(made: Made, zone: str) -> None:
    late = datetime(2026, 3, 1, 23, 30, tzinfo=timezone(timedelta(hours=-2)))
    frame = SMALL.with_columns(at=pl.lit(late).dt.convert_time_zone(zone))
    _, seen = read(made(frame), metrics={"paid": "paid"}, time="at")
    assert list(seen.days) == [date(2026, 3, 2)]


def test_a_time_with_an_offset_is_read() -> None:
    frame = SMALL.to_pandas()
    frame["at"] = pd.Timestamp("2026-03-01T23:30:00-02:00")
    _, seen = read(frame, metrics={"paid": "paid"}, time="at")
    assert list(seen.days) == [date(2026, 3, 2)]


def test_a_column_of_dates_is_a_time(made: Made) -> None:
    frame = SMALL.with_columns(pl.col("at").dt.date())
    _, seen = read(made(frame), metrics={"paid": "paid"}, time="at")
    assert list(seen.days) == [date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 3)]


def test_booleans_are_counted_and_part_units_like_their_words(made: Made) -> None:
    frame = SMALL.with_columns(paid=pl.col("paid") == 1, user=pl.col("user").cast(pl.String))
    if made is ENGINES["pandas numpy"]:
        frame = frame.filter(pl.col("paid").is_not_null())
    _, seen = read(made(frame), metrics={"paid": "paid"}, segments=["paid"])
    assert {arm: sums.total for arm, sums in seen.metrics["paid"].items()} == {"a": 1, "b": 1}
    assert seen.segments["paid"]["false"].units == {"a": 2, "b": 2}


def test_variants_may_be_numbers_and_categories(made: Made) -> None:
    categories = SMALL.with_columns(
        arm=(pl.col("arm") == "b").cast(pl.Int64), device=pl.col("device").cast(pl.Categorical)
    )
    metrics = {"paid": Measure("paid", Kind.MEAN)}
    _, seen = read(made(categories), control="0", metrics=metrics, segments=["device"])
    assert seen.units == {"0": 2, "1": 3}
    assert seen.segments["device"]["desk"].units == {"0": 1, "1": 1}


def test_a_frame_without_rows_holds_no_variant(made: Made) -> None:
    for metrics in ({"paid": "paid"}, {"paid": Measure("paid", Kind.MEAN)}):
        with pytest.raises(InvalidFrame, match="no row is left in column 'arm'"):
            read(made(SMALL.clear()), metrics=metrics, segments=["device"], time="at")


def test_names_of_a_frame_may_be_any(made: Made) -> None:
    frame = SMALL.rename({"user": "units", "arm": "whole", "paid": "rows", "device": "s0"})
    _, seen = read(
        made(frame), unit="units", variant="whole", metrics={"rows": "rows"}, segments=["s0"]
    )
    assert seen.units == {"a": 2, "b": 3}


def test_the_plan_is_what_was_said(made: Made) -> None:
    plan, _ = read(
        made(SMALL), metrics={"paid": "paid"}, shares={"a": 1, "b": 3}, alpha=0.1, planned_units=90
    )
    assert (plan.experiment, plan.variants, plan.alpha) == ("frame", ("a", "b"), 0.1)
    assert plan.shares == {"a": 0.25, "b": 0.75}
    assert plan.planned_units == 90


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no such column": ({"unit": "visitor"}, "unit: no column 'visitor'; the frame has: user, arm"),
    "no metrics": ({"metrics": {}}, "metrics: at least one"),
    "texts": ({"metrics": {"x": "device"}}, "metrics 'x': column 'device' must hold numbers or"),
    "no proportion": (
        {"metrics": {"x": "user"}},
        "column 'user' must hold 0 or 1, or true or false, for a proportion; 5 rows do not, e.g. ",
    ),
    "a half": ({"variant": "half"}, "variant: column 'half' must hold texts, whole numbers or"),
    "no time": ({"time": "half"}, "time: column 'half' must hold dates or times; it holds Float64"),
    "no control": ({"control": "z"}, "control: no 'z' in column 'arm', which holds: a, b"),
    "one variant": ({"variant": "one"}, "variant: column 'one' holds one variant only: a"),
    "no variant": ({"variant": "none"}, "variant: no row is left in column 'none'"),
    "shares": ({"shares": {"a": 1}}, "shares: must name each variant of column 'arm' once"),
    "segments": ({"segments": ["device"] * 5}, "segments: at most 4 columns"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_breaks_a_rule_is_refused_by_its_name(made: Made, case: str) -> None:
    changes, message = REFUSED[case]
    frame = SMALL.with_columns(
        half=pl.lit(0.5), one=pl.lit("a"), none=pl.lit(None, dtype=pl.String)
    )
    with pytest.raises(InvalidFrame) as refused:
        read(made(frame), **{"metrics": {"paid": "paid"}} | changes)
    assert message in str(refused.value)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(InvalidFrame, match=r"unit: no column 'x'.*; variant: no column 'y'"):
        read(SMALL, unit="x", variant="y")


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_a_number_that_is_none_is_refused(value: float) -> None:
    frame = SMALL.with_columns(spent=pl.lit(value))
    with pytest.raises(InvalidFrame, match="column 'spent' must hold finite numbers; 7 rows"):
        read(frame, metrics={"revenue": Measure("spent", Kind.MEAN)})


def test_objects_of_pandas_are_refused_with_their_type() -> None:
    frame = pd.DataFrame({"user": [1, 2], "arm": ["a", "b"], "paid": [True, None]})
    with pytest.raises(InvalidFrame, match="it holds Object"):
        read(frame, metrics={"paid": "paid"})
    with pytest.raises(InvalidFrame, match="time: column 'paid' must hold dates or times"):
        read(frame.assign(paid=pd.arrays.SparseArray([1, 0])), time="paid", metrics={"x": "user"})


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(InvalidFrame, match="list is no frame that can be read"):
        read([{"user": 1}])


@pytest.mark.parametrize("words", [{"kind": Kind.RATIO}, {"base": "tries"}])
def test_a_ratio_alone_has_a_base(words: dict[str, Any]) -> None:
    with pytest.raises(InvalidFrame, match="a ratio has a base"):
        Measure("spent", **words)
