"""The hash and the ranges are GrowthBook's, to the last bit."""

import itertools
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import growthbook
import pytest
from growthbook.core import chooseVariation, getBucketRanges
from hypothesis import example, given
from hypothesis import strategies as st

from experiments.bucketing import bucket, ranges

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "bucketing.json").read_text("utf-8"))
TEXT = st.text(st.characters(codec="utf-8"), max_size=40)


def shares_of(hundredths: Sequence[int]) -> list[float]:
    return [each / 100 / 100 for each in hundredths]


@st.composite
def uneven_shares(draw: st.DrawFn) -> list[float]:
    cuts = draw(st.sets(st.integers(1, 9999), min_size=1, max_size=19))
    edges = [0, *sorted(cuts), 10000]
    return shares_of([after - before for before, after in itertools.pairwise(edges)])


@pytest.mark.parametrize("golden", VECTORS["buckets"], ids=lambda golden: json.dumps(golden)[:60])
def test_a_bucket_never_changes(golden: dict[str, Any]) -> None:
    assert bucket(golden["seed"], golden["unit"]) == golden["bucket"]


@pytest.mark.parametrize("golden", VECTORS["ranges"], ids=lambda golden: str(golden["weights"]))
def test_a_range_never_changes(golden: dict[str, Any]) -> None:
    shares = [weight / 100 for weight in golden["weights"]]
    assert [list(edges) for edges in ranges(shares, golden["traffic"])] == golden["ranges"]


@given(seed=TEXT, unit=TEXT)
@example(seed="s", unit="zoë")
@example(seed="s", unit="🛒")
@example(seed="", unit="")
def test_any_text_stands_where_growthbook_puts_it(seed: str, unit: str) -> None:
    assert bucket(seed, unit) == growthbook.core.gbhash(seed, unit, 2)


@given(seed=TEXT, unit=TEXT)
def test_a_bucket_is_a_multiple_of_a_ten_thousandth_below_one(seed: str, unit: str) -> None:
    position = bucket(seed, unit)
    assert 0 <= position < 1
    assert position == round(position * 10000) / 10000


@given(shares=uneven_shares(), coverage=st.floats(0.0001, 1))
def test_every_position_falls_where_growthbook_lets_it_fall(
    shares: list[float], coverage: float
) -> None:
    ours = ranges(shares, coverage)
    theirs = getBucketRanges(len(shares), coverage, shares)
    assert list(ours) == theirs
    for edge in {round(edge * 10000) for pair in theirs for edge in pair}:
        for position in ((edge - 1) / 10000, edge / 10000, (edge + 1) / 10000):
            hits = [at for at, (lower, upper) in enumerate(ours) if lower <= position < upper]
            assert (hits or [-1])[0] == chooseVariation(position, theirs)


@given(shares=uneven_shares(), narrow=st.floats(0.0001, 1), wide=st.floats(0.0001, 1))
def test_each_range_starts_where_it_started_whatever_the_coverage(
    shares: list[float], narrow: float, wide: float
) -> None:
    narrow, wide = sorted((narrow, wide))
    for before, after in zip(ranges(shares, narrow), ranges(shares, wide), strict=True):
        assert before[0] == after[0]
        assert before[1] <= after[1]


@given(shares=uneven_shares(), coverage=st.floats(0.0001, 1))
def test_ranges_take_their_share_of_the_coverage_and_never_overlap(
    shares: list[float], coverage: float
) -> None:
    edges = ranges(shares, coverage)
    for share, (lower, upper) in zip(shares, edges, strict=True):
        assert upper - lower == pytest.approx(share * coverage)
    for (_, upper), (lower, _) in itertools.pairwise(edges):
        assert upper <= lower + 1e-12


def test_two_seeds_split_the_same_units_independently() -> None:
    chance = random.Random(11)
    units = [str(chance.getrandbits(64)) for _ in range(20_000)]
    first = [bucket("checkout-1", unit) < 0.5 for unit in units]
    second = [bucket("checkout-2", unit) < 0.5 for unit in units]
    both = sum(left and right for left, right in zip(first, second, strict=True))
    # A quarter of 20,000, give or take four standard deviations.
    assert abs(both - 5000) < 4 * (20_000 * 0.25 * 0.75) ** 0.5
