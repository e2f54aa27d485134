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


def test_every_rival_assigns_the_same_units_in_one_run() -> None:
    rows = bench("assignments", "--units", "400", "--rounds", "1")["assignments"]
    agreement = {row["name"].split()[0]: row["same_as_kassa"] for row in rows}
    assert set(agreement) == {"kassa", "growthbook", "eppo-server-sdk", "statsig-python-core"}
    assert agreement["growthbook"] == 1.0
    # Another hash agrees on half of the units: were it 0, the rival would not have assigned at all.
    assert 0.3 < agreement["eppo-server-sdk"] < 0.7
    assert 0.3 < agreement["statsig-python-core"] < 0.7
    assert all(row["per_second"] > 0 for row in rows)


@pytest.mark.slow
def test_both_servers_send_the_same_page() -> None:
    rows = bench("pages", "--requests", "160", "--page-rounds", "1")["pages"]
    sizes = {row["page"]: row["bytes_each"] for row in rows}
    assert list(sizes) == ["kassa, repeat", "bare, repeat", "kassa, first", "bare, first"]
    assert max(sizes.values()) < 1.1 * min(sizes.values())
    assert all(row["cpu_ms"] > 0 for row in rows)
