"""Many at once is the same as one at a time."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from experiments.bucketing import bucket
from experiments.bulk import Units, positions

ROOT = Path(__file__).parents[2]
VECTORS = json.loads((ROOT / "tests" / "vectors" / "bucketing.json").read_text("utf-8"))
# Lone surrogates too: JavaScript has them, and GrowthBook hashes them.
TEXT = st.text(st.characters(codec=None), max_size=40)


@pytest.mark.parametrize("golden", VECTORS["buckets"], ids=lambda golden: json.dumps(golden)[:60])
def test_a_golden_bucket_is_the_same_in_bulk(golden: dict[str, Any]) -> None:
    assert positions(golden["seed"], [golden["unit"]]).tolist() == [golden["bucket"]]


@given(seed=TEXT, units=st.lists(TEXT, max_size=30))
@example(seed="", units=[])
@example(seed="", units=[""])
@example(seed="s", units=["", "a", "zoë", "🛒x", "\ud83d", "\ude00", "a" * 400])
def test_units_of_any_text_and_length_stand_where_bucket_puts_them(
    seed: str, units: list[str]
) -> None:
    assert positions(seed, units).tolist() == [bucket(seed, unit) for unit in units]


def test_units_made_ready_once_stand_right_under_every_seed() -> None:
    units = Units(f"visitor-{number}" for number in range(40_000))
    for seed in ("checkout", "holdout:global", "zoë"):
        assert units.positions(seed).tolist() == [bucket(seed, unit) for unit in units.ids]


def test_assigning_one_visitor_loads_no_arrays() -> None:
    code = "import sys, experiments; print('numpy' in sys.modules)"
    fresh = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert fresh.stdout.strip() == "False"
