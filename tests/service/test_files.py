from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pytest

from analysis.aggregates import Aggregates
from analysis.cells import OTHER, UNKNOWN
from analysis.inference.adjustment import Adjustment
from analysis.observations import Exclusion
from analysis.report import Role
from experiments.metrics import Kind
from service.files import (
    Agreement,
    FileLayout,
    InvalidFile,
    MetricColumn,
    read_experiment,
    reading,
)

PAID = (MetricColumn("paid", "paid"),)
LAYOUT = FileLayout(unit="user", variant="arm", control="a", metrics=PAID)
HEAD = "user,arm,page,paid,spent,tries,country\n"
# 1 and 2 are plain; 3 is there twice and paid once; 4 was in both arms; 5 saw a wrong page beside
# the right one; 6 saw only a wrong page.
ROWS = """1,a,old,0,0,1,SE
2,b,new,1,10.5,2,SE
3,a,old,0,0,1,NO
3,a,old,1,20,1,NO
4,a,old,1,5,1,SE
4,b,new,1,5,1,SE
5,b,new,0,0,3,SE
5,b,old,1,9,1,SE
6,a,new,1,9,1,SE
,a,old,1,9,1,SE
7,,old,1,9,1,SE
8,b,new,,,1,SE
"""
PAGES = (Agreement("page", {"a": "old", "b": "new"}),)


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file and says where; .gz is compressed."""

    def write(text: str, name: str = "visits.csv") -> Path:
        path = tmp_path / name
        content = text.encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write


@pytest.fixture
def visits(written: Callable[..., Path]) -> Path:
    return written(HEAD + ROWS)


def test_units_in_several_variants_are_left_out_and_rows_of_one_unit_merged(visits: Path) -> None:
    plan, seen = read_experiment([visits], LAYOUT)
    assert plan.variants == ("a", "b")
    assert plan.experiment == "visits"
    assert plan.planned_units is None
    assert seen.units == {"a": 3, "b": 3}
    assert seen.contradictory_units == 1
    assert seen.duplicate_rows == 2
    assert seen.metrics["paid"] == {
        "a": Aggregates.of_conversions(3, 2), "b": Aggregates.of_conversions(2, 2),
    }  # fmt: skip


def test_every_row_left_out_is_counted_with_its_reason(visits: Path) -> None:
    _, seen = read_experiment([visits], LAYOUT)
    assert seen.exclusions == (
        Exclusion("no unit in column user", rows=1, units=0, affected_units=0),
        Exclusion("no variant in column arm", rows=1, units=1, affected_units=1),
        Exclusion("unit seen in several variants", rows=2, units=1),
        Exclusion(
            "no value for metric paid; left out of this metric alone",
            rows=1, units=1, affected_units=1, metric="paid",
        ),
    )  # fmt: skip


def test_rows_that_disagree_are_left_out_and_units_with_a_good_row_stay(visits: Path) -> None:
    layout = FileLayout("user", "arm", "a", PAID, agree=PAGES)
    _, seen = read_experiment([visits], layout)
    assert seen.units == {"a": 2, "b": 3}
    assert seen.metrics["paid"]["b"] == Aggregates.of_conversions(2, 1)
    disagreeing = next(e for e in seen.exclusions if "disagrees" in e.reason)
    assert disagreeing == Exclusion(
        "column page disagrees with the variant (--agree)", rows=2, units=1, affected_units=2
    )


def test_a_unit_in_both_variants_is_kept_when_one_of_them_disagrees(
    written: Callable[..., Path],
) -> None:
    path = written(HEAD + "1,a,old,1,0,1,SE\n1,b,old,0,0,1,SE\n2,b,new,0,0,1,SE\n")
    _, seen = read_experiment([path], FileLayout("user", "arm", "a", PAID, agree=PAGES))
    assert seen.units == {"a": 1, "b": 1}
    assert seen.contradictory_units == 0


def test_a_row_that_says_nothing_does_not_agree(written: Callable[..., Path]) -> None:
    path = written(HEAD + "1,a,old,1,0,1,SE\n2,b,new,0,0,1,SE\n3,b,,1,0,1,SE\n")
    _, seen = read_experiment([path], FileLayout("user", "arm", "a", PAID, agree=PAGES))
    assert seen.units == {"a": 1, "b": 1}
    assert [(e.rows, e.units) for e in seen.exclusions] == [(1, 1)]


def test_where_keeps_some_rows_and_counts_the_others(visits: Path) -> None:
    layout = FileLayout("user", "arm", "a", PAID, where=(("country", "SE"),))
    _, seen = read_experiment([visits], layout)
    assert seen.units == {"a": 2, "b": 3}
    assert seen.exclusions[0] == Exclusion(
        "outside --where country=SE", rows=2, units=1, affected_units=1
    )


def test_means_and_ratios_sum_the_rows_of_a_unit(visits: Path) -> None:
    metrics = (
        MetricColumn("revenue", "spent", Kind.MEAN),
        MetricColumn("per_try", "spent", Kind.RATIO, "tries"),
    )
    plan, seen = read_experiment([visits], FileLayout("user", "arm", "a", metrics, agree=PAGES))
    assert seen.metrics["revenue"]["a"] == Aggregates(2, 20.0, 400.0)
    assert seen.metrics["revenue"]["b"] == Aggregates(2, 10.5, 110.25)
    assert seen.metrics["per_try"]["a"] == Aggregates(2, 20.0, 400.0, 3.0, 5.0, 40.0)
    assert [(m.key, m.role) for m in plan.metrics] == [
        ("revenue", Role.PRIMARY), ("per_try", Role.SECONDARY),
    ]  # fmt: skip


def test_exact_copies_of_a_row_are_summed_once_and_counted(written: Callable[..., Path]) -> None:
    rows = "1,a,old,1,20,1,SE\n1,a,old,1,20,1,SE\n1,a,old,1,20,1,SE\n1,a,old,1,20,1,NO\n"
    rows += "2,b,new,0,0,1,SE\n3,a,old,0,0,1,SE\n3,a,old,0,0,1,SE\n4,b,old,1,9,1,SE\n"
    rows += "4,b,old,1,9,1,SE\n5,a,old,0,1,1,SE\n5,a,old,0,1,1,SE\n5,b,new,0,1,1,SE\n"
    metrics = (MetricColumn("revenue", "spent", Kind.MEAN), *PAID)
    layout = FileLayout("user", "arm", "a", metrics, agree=PAGES)
    _, seen = read_experiment([written(HEAD + rows)], layout)
    # Two purchases of 20 that differ in their country are two; the copies of one are one.
    assert seen.metrics["revenue"]["a"] == Aggregates(2, 40.0, 1600.0)
    assert seen.metrics["paid"]["a"] == Aggregates.of_conversions(2, 1)
    assert seen.duplicate_rows == 4
    assert seen.exclusions == (
        Exclusion("column page disagrees with the variant (--agree)", 2, 1, 1),
        Exclusion("unit seen in several variants", rows=3, units=1),
        Exclusion("exact copy of another row of the same unit", 3, 0, 2),
    )


def test_a_proportion_alone_merges_copies_like_any_row(visits: Path) -> None:
    _, seen = read_experiment([visits], LAYOUT)
    assert not [e for e in seen.exclusions if "copy" in e.reason]


def test_shares_are_equal_unless_they_are_said(visits: Path) -> None:
    assert read_experiment([visits], LAYOUT)[0].shares == {"a": 0.5, "b": 0.5}
    weighted = FileLayout("user", "arm", "a", PAID, shares={"b": 1, "a": 3})
    assert read_experiment([visits], weighted)[0].shares == {"a": 0.75, "b": 0.25}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x[1]*?.csv", "x.txt"])
def test_delimiter_compression_and_odd_names_change_nothing(
    written: Callable[..., Path], visits: Path, delimiter: str, name: str
) -> None:
    written("user,arm\n1,c\n", "x1z.csv")
    path = written((HEAD + ROWS).replace(",", delimiter), name)
    assert read_experiment([path], LAYOUT)[1] == read_experiment([visits], LAYOUT)[1]


def test_parquet_gives_the_same_as_csv(tmp_path: Path, visits: Path) -> None:
    path = tmp_path / "visits.parquet"
    with duckdb.connect() as connection:
        rows = connection.read_csv(str(visits))
        rows.select("* REPLACE (paid = 1 AS paid)").write_parquet(str(path))
    assert read_experiment([path], LAYOUT)[1] == read_experiment([visits], LAYOUT)[1]


@pytest.mark.parametrize(
    ("yes", "no"), [("1", "0"), ("TRUE", "FALSE"), ("true", "false"), ("1.0", "0.0"), (" 1", "0 ")]
)
def test_a_proportion_may_be_spelled_in_several_ways(
    written: Callable[..., Path], yes: str, no: str
) -> None:
    path = written(f"user,arm,paid\n1,a,{yes}\n2,a,{no}\n3,b,{yes}\n")
    _, seen = read_experiment([path], LAYOUT)
    assert seen.metrics["paid"]["a"] == Aggregates.of_conversions(2, 1)


def test_identifiers_are_text_and_keep_their_zeros(written: Callable[..., Path]) -> None:
    _, seen = read_experiment([written("user,arm,paid\n007,a,1\n7,a,0\n1e1,b,1\n10,b,1\n")], LAYOUT)
    assert seen.units == {"a": 2, "b": 2}


def test_a_byte_order_mark_and_quoted_fields_are_read(written: Callable[..., Path]) -> None:
    path = written('\ufeffuser,"arm",paid,"a, b"\r\n1,a,1,"x, y"\r\n2,"b",0,"say ""hi"""\r\n')
    assert read_experiment([path], LAYOUT)[1].units == {"a": 1, "b": 1}


HOSTILE = "'; DROP TABLE x; --"


def test_hostile_columns_and_values_are_names_and_values_and_nothing_else(
    written: Callable[..., Path],
) -> None:
    column = 'paid"; DROP TABLE y; --'
    quoted = '"' + column.replace('"', '""') + '"'
    path = written(f"user,arm,page,{quoted}\n1,{HOSTILE},p',1\n2,b,q,0\n3,{HOSTILE},z,1\n")
    layout = FileLayout(
        "user", "arm", HOSTILE, (MetricColumn("m", column),),
        agree=(Agreement("page", {HOSTILE: "p'", "b": "q"}),),
    )  # fmt: skip
    _, seen = read_experiment([path], layout)
    assert seen.units == {HOSTILE: 1, "b": 1}
    none = FileLayout("user", "arm", HOSTILE, PAID, where=(("page", "' OR 1=1 --"),))
    with pytest.raises(InvalidFile, match="no column 'paid'"):
        read_experiment([path], none)


def test_a_file_of_many_rows_is_counted_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "big.csv"
    with path.open("w") as file:
        file.write("user,arm,paid\n")
        file.writelines(f"{i % 50_000},{'ab'[i % 2]},{int(i % 7 == 0)}\n" for i in range(200_000))
    _, seen = read_experiment([path], LAYOUT)
    assert seen.units == {"a": 25_000, "b": 25_000}
    assert seen.duplicate_rows == 150_000


DATED = "user,arm,at,paid,device\n"


def test_a_units_first_time_gives_its_day_and_its_values(written: Callable[..., Path]) -> None:
    rows = "1,a,2026-11-02T08:00:00Z,0,phone\n1,a,2026-11-01T23:59:59Z,1,tablet\n"
    rows += "2,b,2026-11-01,1,desktop\n3,b,,0,\n4,a,2026-11-02T00:30:00+01:00,0,\n"
    rows += "4,a,2026-11-03,0,phone\n5,a,2026-11-01,1,phone\n5,b,2026-11-01,1,phone\n"
    layout = FileLayout("user", "arm", "a", PAID, time="at", segments=("device",))
    _, seen = read_experiment([written(DATED + rows)], layout)
    assert seen.units == {"a": 2, "b": 2}
    assert {day: group.units for day, group in seen.days.items()} == {
        date(2026, 11, 1): {"a": 2, "b": 1},
    }
    assert seen.days[date(2026, 11, 1)].metrics["paid"] == {
        "a": Aggregates.of_conversions(2, 1), "b": Aggregates.of_conversions(1, 1),
    }  # fmt: skip
    # 1 held a tablet first; 4 said nothing until its second row; 3 never did.
    assert {value: group.units for value, group in seen.segments["device"].items()} == {
        "desktop": {"a": 0, "b": 1},
        UNKNOWN: {"a": 0, "b": 1},
        "phone": {"a": 1, "b": 0},
        "tablet": {"a": 1, "b": 0},
    }


def test_without_a_time_a_unit_has_the_least_of_its_values(written: Callable[..., Path]) -> None:
    rows = "1,a,,0,phone\n1,a,,1,desktop\n1,a,,1,\n2,b,,1,phone\n"
    layout = FileLayout("user", "arm", "a", PAID, segments=("device",))
    _, seen = read_experiment([written(DATED + rows)], layout)
    assert not seen.days
    assert {value: group.units for value, group in seen.segments["device"].items()} == {
        "desktop": {"a": 1, "b": 0}, "phone": {"a": 0, "b": 1},
    }  # fmt: skip


def test_days_and_segments_change_no_total(visits: Path) -> None:
    metrics = (*PAID, MetricColumn("per_try", "spent", Kind.RATIO, "tries"))
    plain = FileLayout("user", "arm", "a", metrics, agree=PAGES)
    apart = replace(plain, segments=("country", "page"))
    seen, more = (read_experiment([visits], layout)[1] for layout in (plain, apart))
    assert replace(more, segments={}) == seen
    assert list(more.segments) == ["country", "page"]
    for values in more.segments.values():
        for variant, units in seen.units.items():
            assert sum(group.units[variant] for group in values.values()) == units


def test_the_values_of_most_units_are_shown_apart_and_the_rest_together(
    written: Callable[..., Path],
) -> None:
    # Value 0 has 1 row, value 1 has 2 ...; one unit is in both arms, and its value not counted.
    rows = [
        f"{value}-{row},{'ab'[row % 2]},,{row % 2},v{value:02}"
        for value in range(20)
        for row in range(value + 1)
    ]
    rows += ["torn,a,,1,v00", "torn,b,,1,v00", *["much,a,,1,v00"] * 30]
    layout = FileLayout("user", "arm", "a", PAID, segments=("device",))
    _, seen = read_experiment([written(DATED + "\n".join(rows) + "\n")], layout)
    values = seen.segments["device"]
    assert list(values) == [*(f"v{value:02}" for value in range(19, 7, -1)), OTHER]
    assert sum(values["v19"].units.values()) == 20
    # 1 to 8 units of the eight smallest, and the one that has many rows.
    assert sum(values[OTHER].units.values()) == sum(range(1, 9)) + 1


@pytest.mark.parametrize(
    "time",
    [
        "2026-11-23", "2026-11-23T12:00:00Z", "2026-11-23 12:00:00.123",
        "2026-11-24T01:00:00+02:00", "1795435200", "1795435200000", "1795435200.5", " 2026-11-23 ",
    ],
)  # fmt: skip
def test_a_time_may_be_written_in_several_ways(written: Callable[..., Path], time: str) -> None:
    path = written(f"{DATED}1,a,{time},1,x\n2,b,{time},0,x\n")
    _, seen = read_experiment([path], FileLayout("user", "arm", "a", PAID, time="at"))
    assert list(seen.days) == [date(2026, 11, 23)]


@pytest.mark.parametrize(
    "time",
    [
        "TIMESTAMP '2026-11-23 12:00:00'", "TIMESTAMPTZ '2026-11-23 23:00:00+00'",
        "DATE '2026-11-23'", "TIMESTAMP_NS '2026-11-23 12:00:00'", "1795435200::UINTEGER",
        "1795435200000::BIGINT", "1795435200.5::DOUBLE", "'2026-11-23'",
    ],
)  # fmt: skip
def test_parquet_knows_a_time_by_its_type(tmp_path: Path, time: str) -> None:
    path = tmp_path / "dated.parquet"
    with duckdb.connect() as connection:
        rows = connection.sql("FROM range(2)")
        rows.select(
            f"range AS user, ['a', 'b'][range + 1] AS arm, 1 AS paid, {time} AS at"
        ).write_parquet(str(path))
    _, seen = read_experiment([path], FileLayout("user", "arm", "a", PAID, time="at"))
    assert list(seen.days) == [date(2026, 11, 23)]


@pytest.mark.parametrize(
    "time", ["20170102", "23/11/2026", "2026-02-30", "soon", "12", "1e20", "infinity", "nan"]
)
def test_an_odd_time_is_refused_with_its_column_and_lines(
    written: Callable[..., Path], time: str
) -> None:
    rows = f'1,a,2026-11-23,1,"two\nlines"\n\n2,b,{time},0,x\n3,b,,0,x\n4,b,{time},0,x\n'
    path = written(DATED + rows)
    with pytest.raises(InvalidFile) as caught:
        read_experiment([path], FileLayout("user", "arm", "a", PAID, time="at"))
    assert str(caught.value).startswith(f"{path}: --time: column 'at' must hold a day or time")
    assert str(caught.value).endswith(f"; 2 rows do not, e.g. {time!r}: line 5, line 7")


def test_everything_that_is_wrong_is_said_at_once_with_its_lines(
    written: Callable[..., Path],
) -> None:
    rows = "1,a,x,9,p\n2,c,2026-11-23,1,p\n3,b,y,0,p\n4,c,,many,p\n"
    layout = FileLayout(
        "user", "arm", "a", PAID, time="at", shares={"a": 1, "b": 1},
        agree=(Agreement("device", {"a": "p", "b": "p", "d": "p"}),),
    )  # fmt: skip
    path = written(DATED + rows)
    with pytest.raises(InvalidFile) as caught:
        read_experiment([path], layout)
    said = str(caught.value).replace(f"{path}: ", "").splitlines()
    assert [line.split(" must ")[0] for line in said] == [
        "--metric paid: column 'paid'",
        "--time: column 'at'",
        "--share:",
        "--agree device:",
    ]
    assert [line.rsplit("; ", 1)[1] for line in said] == [
        "2 rows do not, e.g. '9': line 2, line 5",
        "2 rows do not, e.g. 'x': line 2, line 4",
        "'c' stands in line 3, line 5",
        "'c' stands in line 3, line 5",
    ]
    assert "it names a, b, d, the file holds a, b, c" in said[3]


def test_every_missing_column_is_said_at_once(written: Callable[..., Path]) -> None:
    layout = FileLayout("id", "arm", "a", PAID, time="when", segments=("place",))
    with pytest.raises(
        InvalidFile, match=r"--unit: .*'id'; --time: .*'when'; --segment: .*'place'"
    ):
        read_experiment([written(DATED)], layout)


def test_at_most_five_places_are_named(written: Callable[..., Path]) -> None:
    path = written("user,arm,paid\n" + "1,a,2\n" * 9 + "2,b,0\n")
    with pytest.raises(InvalidFile, match=r"9 rows do not, .*: line 2, line 3, .* line 6$"):
        read_experiment([path], LAYOUT)


def test_several_files_are_one(written: Callable[..., Path], visits: Path, tmp_path: Path) -> None:
    lines = ROWS.splitlines(keepends=True)
    first = written(HEAD + "".join(lines[:4]), "first.csv")
    turned = ["country,paid,spent,tries,page,arm,user"]
    for line in lines[4:]:
        user, arm, page, paid, spent, tries, country = line.strip().split(",")
        turned.append(f"{country};{paid};{spent};{tries};{page};{arm};{user}")
    second = written("\n".join(turned).replace(",", ";"), "second.csv.gz")
    plan, seen = read_experiment([first, second], LAYOUT)
    assert seen == read_experiment([visits], LAYOUT)[1]
    assert plan.experiment == "first"


def test_rows_of_parquet_and_files_are_named(tmp_path: Path) -> None:
    paths = [tmp_path / "one.parquet", tmp_path / "two.parquet"]
    with duckdb.connect() as connection:
        for path in paths:
            rows = connection.sql("FROM range(4)")
            rows.select(
                "range AS user, ['a', 'b'][1 + range % 2] AS arm, range AS paid"
            ).write_parquet(str(path))
    with pytest.raises(InvalidFile) as caught:
        read_experiment(paths, LAYOUT)
    assert str(caught.value).startswith(f"{paths[0]} and 1 more: --metric paid: ")
    assert str(caught.value).endswith(
        "e.g. '2': row 3, row 4 of one.parquet, row 3, row 4 of two.parquet"
    )


def test_files_of_other_columns_are_refused_by_name(written: Callable[..., Path]) -> None:
    first, other = written(GOOD), written("user,arm,bought\n1,a,1\n", "other.csv")
    with pytest.raises(InvalidFile) as caught:
        read_experiment([first, other], LAYOUT)
    assert str(caught.value) == (
        f"{other}: has no column 'paid', a column 'bought' more, compared with {first}"
    )


def test_planted_faults_are_counted_left_out_and_change_nothing(
    written: Callable[..., Path],
) -> None:
    clean = [
        f"{unit},{'ab'[unit % 2]},{('old', 'new')[unit % 2]},{unit % 3 % 2},{unit},1,"
        f"{('SE', 'NO', 'FI')[unit % 3]}"
        for unit in range(60)
    ]
    planted = [
        # Contradictory: two units in both arms, with a row more each.
        *("900,a,old,1,5,1,SE", "900,b,new,1,5,1,SE", "901,b,new,0,5,1,SE", "901,a,old,0,7,1,SE"),
        # Against the agreed page: one unit beside its good row, one without any.
        *("7,b,old,1,999,1,SE", "902,a,new,1,999,1,SE"),
        # Duplicate: copies of rows of three units, one of them twice.
        *(clean[10], clean[10], clean[21], clean[32]),
        # Missing: no unit, no variant.
        *(",a,old,1,5,1,SE", "903,,old,1,5,1,SE", "5,,new,1,5,1,SE"),
    ]
    metrics = (*PAID, MetricColumn("revenue", "spent", Kind.MEAN))
    layout = FileLayout("user", "arm", "a", metrics, agree=PAGES, segments=("country",))
    _, before = read_experiment([written(HEAD + "\n".join(clean) + "\n", "clean.csv")], layout)
    shuffled = sorted(clean + planted, key=lambda row: row[::-1])
    _, seen = read_experiment([written(HEAD + "\n".join(shuffled) + "\n")], layout)
    assert replace(seen, contradictory_units=0, duplicate_rows=0, exclusions=()) == before
    assert (seen.contradictory_units, seen.duplicate_rows) == (2, 4)
    assert seen.exclusions == (
        Exclusion("no unit in column user", 1, 0, 0),
        Exclusion("no variant in column arm", 2, 1, 2),
        Exclusion("column page disagrees with the variant (--agree)", 2, 1, 2),
        Exclusion("unit seen in several variants", 4, 2),
        Exclusion("exact copy of another row of the same unit", 4, 0, 3),
    )


def test_too_many_groups_are_refused(
    written: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_MOST_CELLS", 3)
    path = written(DATED + "".join(f"{i},{'ab'[i % 2]},2026-11-0{1 + i},1,\n" for i in range(4)))
    with pytest.raises(InvalidFile, match="more than 3 groups of variant, day and segments"):
        read_experiment([path], FileLayout("user", "arm", "a", PAID, time="at"))


GOOD = "user,arm,paid\n1,a,1\n2,b,0\n"


@pytest.mark.parametrize(
    ("text", "layout", "rule"),
    [
        (GOOD, FileLayout("id", "arm", "a", PAID), "--unit: no column 'id'; the file has: user"),
        (GOOD, FileLayout("user", "group", "a", PAID), "--variant: no column 'group'"),
        (GOOD, FileLayout("user", "ARM", "a", PAID), "--variant: no column 'ARM'"),
        (GOOD, FileLayout("user", "arm", "c", PAID), "--control: no 'c' in column 'arm', .*: a, b"),
        (GOOD, FileLayout("user", "arm", "a", (MetricColumn("m", "z"),)), "--metric: no column"),
        (
            GOOD,
            FileLayout("user", "arm", "a", (MetricColumn("m", "paid", Kind.RATIO, "z"),)),
            "--metric: no column 'z'",
        ),
        (
            GOOD,
            FileLayout("user", "arm", "a", PAID, where=(("z", "1"),)),
            "--where: no column 'z'",
        ),
        (
            GOOD,
            FileLayout("user", "arm", "a", PAID, agree=(Agreement("z", {"a": "1"}),)),
            "--agree: no column 'z'",
        ),
        (
            GOOD,
            FileLayout("user", "arm", "a", PAID, agree=(Agreement("user", {"a": "1"}),)),
            "--agree user: must name each variant once; it names a, the file holds a, b",
        ),
        (GOOD, FileLayout("user", "arm", "a", PAID, shares={"a": 1}), "--share: must name each"),
        ("user,arm,paid\n1,a,1\n2,a,0\n", LAYOUT, "holds one variant only: a"),
        ("user,arm,paid\n", LAYOUT, "no row is left in column 'arm'"),
        ("", LAYOUT, "is empty"),
        ("\n\n", LAYOUT, "is empty"),
        ("user,arm,paid\n1,a,2\n2,b,0\n", LAYOUT, "must hold 0 or 1.*1 rows do not, e.g. '2'"),
        ("user,arm,paid\n1,a,yes\n2,b,0\n", LAYOUT, "must hold 0 or 1.*'yes'"),
        ("user,arm,paid,paid\n1,a,1,1\n", LAYOUT, "columns are there twice: 'paid'"),
        ("user,arm,paid\n1,a,1\n2,b\n", LAYOUT, "cannot be read: .*Line: 3"),
        ("user,arm,paid\n1,a,1,9\n", LAYOUT, "cannot be read: .*Line: 2"),
    ],
)
def test_what_cannot_be_analyzed_is_refused_by_file_option_column_and_rule(
    written: Callable[..., Path], text: str, layout: FileLayout, rule: str
) -> None:
    path = written(text)
    with pytest.raises(InvalidFile, match=rule) as caught:
        read_experiment([path], layout)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("value", ["x", "nan", "inf", "-Infinity", "1e999", "1,5"])
@pytest.mark.parametrize("kind", [Kind.MEAN, Kind.RATIO])
def test_a_mean_takes_finite_numbers_only(
    written: Callable[..., Path], value: str, kind: Kind
) -> None:
    path = written(f'user,arm,spent,tries\n1,a,"{value}",1\n2,b,3,1\n')
    metric = MetricColumn("m", "spent", kind, "tries" if kind is Kind.RATIO else None)
    with pytest.raises(InvalidFile, match=r"--metric m: column 'spent' must hold a number"):
        read_experiment([path], FileLayout("user", "arm", "a", (metric,)))


def test_a_variant_column_with_too_many_values_is_the_wrong_column(
    written: Callable[..., Path],
) -> None:
    path = written("user,arm,paid\n" + "".join(f"{i},v{i},1\n" for i in range(1000)))
    with pytest.raises(InvalidFile, match="holds more than 20 values"):
        read_experiment([path], LAYOUT)


def test_missing_broken_and_binary_files_are_refused(
    tmp_path: Path, written: Callable[..., Path]
) -> None:
    whole = written("user,arm,paid\n" + "1,a,1\n2,b,0\n" * 50_000, "whole.csv.gz").read_bytes()
    broken = {
        "cut.csv.gz": whole[: len(whole) // 2],
        "head.csv.gz": whole[:12],
        "noise.csv": bytes(range(128, 256)) * 20,
        "latin.csv": "user,arm,paid\n1,a,1\n2,å,0\n".encode("latin-1"),
        "short.parquet": b"PAR1xxxx",
        "no.parquet": b"user,arm,paid\n",
        "nul.csv": b"user,arm,paid\n\x00\x00",
    }
    for name, content in broken.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(InvalidFile, match=name):
            read_experiment([path], LAYOUT)
    for path in (tmp_path / "nowhere.csv", tmp_path):
        with pytest.raises(InvalidFile, match="no such file"):
            read_experiment([path], LAYOUT)


def test_an_error_does_not_repeat_the_row(written: Callable[..., Path]) -> None:
    path = written("user,arm,paid\nsecret@example.com,a\n")
    with pytest.raises(InvalidFile) as caught:
        read_experiment([path], LAYOUT)
    assert "secret" not in str(caught.value)


def test_a_covariate_is_what_was_known_of_a_unit_and_not_of_its_rows(
    written: Callable[..., Path],
) -> None:
    known = "user,arm,spent,before\n1,a,5,2\n1,a,7,\n2,b,1,4\n3,b,3,\n4,a,0,-1\n5,a,,9\n"
    metric = MetricColumn("spent", "spent", Kind.MEAN, covariate="before")
    plan, observations = read_experiment([written(known)], replace(LAYOUT, metrics=(metric,)))
    assert observations.metrics["spent"] == {
        "a": Aggregates(2, 12, 144, 1, 5, 24),
        "b": Aggregates(1, 1, 1, 4, 16, 4),
    }
    assert plan.metrics[0].adjustment is Adjustment.LIN
    assert plan.metrics[0].name == "spent, adjusted by before"
    (left_out,) = observations.exclusions
    assert (left_out.metric, left_out.units, left_out.rows) == ("spent", 2, 2)


def test_a_covariate_of_a_proportion_may_be_any_number(written: Callable[..., Path]) -> None:
    known = "user,arm,paid,before\n1,a,1,2.5\n2,b,true,4\n"
    metric = replace(PAID[0], covariate="before")
    _, observations = read_experiment([written(known)], replace(LAYOUT, metrics=(metric,)))
    assert observations.metrics["paid"]["a"] == Aggregates(1, 1, 1, 2.5, 6.25, 2.5)


def test_a_covariate_that_is_no_number_is_refused_by_its_option(
    written: Callable[..., Path],
) -> None:
    path = written("user,arm,paid,before\n1,a,1,much\n2,b,1,4\n")
    metric = replace(PAID[0], covariate="before")
    with pytest.raises(InvalidFile, match=r"--covariate: column 'before' must hold a number"):
        read_experiment([path], replace(LAYOUT, metrics=(metric,)))
    gone = replace(PAID[0], covariate="past")
    with pytest.raises(InvalidFile, match=r"--covariate: no column 'past'"):
        read_experiment([path], replace(LAYOUT, metrics=(gone,)))
