"""The benchmarks run, and compare like with like."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def bench(*arguments: str) -> Any:
    ran = subprocess.run(
        [sys.executable, "-m", "bench", *arguments, "--format", "json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(ran.stdout)


def test_every_contender_applies_the_rule_and_splits_the_rest() -> None:
    rows = bench("assignments", "--units", "400", "--rounds", "1")["assignments"]
    names = {row["name"].split()[0].rstrip(",") for row in rows}
    assert names == {
        "kassa",
        "growthbook",
        "eppo-server-sdk",
        "statsig-python-core",
        "optimizely-sdk",
        "UnleashClient",
    }
    assert all(row["nanoseconds"] > 0 for row in rows)
    first, guarded, plain, *rivals = rows
    assert 0.4 < first["outside"] < 0.6
    assert first["outside"] < guarded["outside"] < first["outside"] + 0.05
    assert plain["outside"] == 0.0
    for rival in rivals:
        assert rival["outside"] == first["outside"], rival["name"]
        # Who is outside is the same for all; another hash agrees on half of the others.
        inside = rival["same_as_kassa"] - rival["outside"]
        expected = 1.0 if rival["name"].startswith("growthbook") else 0.5
        assert inside == pytest.approx(expected * (1 - rival["outside"]), abs=0.1), rival["name"]


def test_many_units_are_assigned_beside_one_by_one() -> None:
    rows = bench("bulk", "--many", "500", "--many-rounds", "1")["bulk"]
    assert len(rows) == 4
    assert rows[0]["times_single"] == 1.0
    assert all(row["per_second"] > 0 for row in rows)


def test_definitions_are_linted_and_loaded_beside_their_parser() -> None:
    rows = bench("definitions", "--files", "3", "--file-rounds", "1")["definitions"]
    assert [row["times_floor"] for row in rows if row["name"].startswith("floor")] == [1.0, 1.0]
    assert all(row["milliseconds"] > 0 for row in rows)
    assert len(rows) == 5


def test_the_report_counts_what_the_bare_aggregate_counts(tmp_path: Path) -> None:
    rows = bench("analysis", "--visitors", "2000", "--lift-rounds", "1", "--peers", str(tmp_path))[
        "analysis"
    ]
    assert [row["name"] for row in rows] == ["kassa", "floor"]
    assert rows[1]["times_floor"] == 1.0
    assert all(row["cpu"] > 0 and row["megabytes"] > 0 for row in rows)


@pytest.mark.slow
def test_webhooks_are_taken_in_beside_a_rebuild() -> None:
    rows = bench("intake", "--events", "80", "--connections", "4")["intake"]
    assert [row["events"] for row in rows] == [80, 80, 80]
    assert rows[0]["to_floor"] == 1.0
    assert all(row["p99_ms"] >= row["p50_ms"] > 0 for row in rows)


@pytest.mark.slow
def test_both_servers_send_the_same_page() -> None:
    rows = bench("pages", "--requests", "160", "--page-rounds", "1")["pages"]
    sizes = {row["page"]: row["bytes_each"] for row in rows}
    assert list(sizes) == [
        "kassa, repeat",
        "bare, repeat",
        "kassa, first",
        "storing, first",
        "bare, first",
    ]
    assert max(sizes.values()) < 1.1 * min(sizes.values())
    assert all(row["cpu_ms"] > 0 for row in rows)
