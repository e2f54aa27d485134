"""Exact tests against whole numbers, where scipy's own no longer holds."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.distributions import fisher_mid_p, fisher_p, normal_p, normal_z

Pair = tuple[int, int]


def mid_p_in_whole_numbers(successes: Pair, units: Pair) -> float:
    """Every table with the margins of this one, counted; of the rarer outcome, to be short."""
    failures = units[0] - successes[0], units[1] - successes[1]
    rarer = min(successes, failures, key=sum)
    total, lowest = sum(rarer), max(0, sum(rarer) - units[1])
    ways = [
        math.comb(units[0], k) * math.comb(units[1], total - k)
        for k in range(lowest, min(total, units[0]) + 1)
    ]
    seen = ways[rarer[0] - lowest]
    return float(Fraction(2 * sum(w for w in ways if w <= seen) - seen, 2 * sum(ways)))


@pytest.mark.parametrize(
    ("successes", "units"),
    [
        ((2, 9), (40, 42)),
        ((5, 5), (600, 600)),
        ((6, 9), (600, 600)),
        ((0, 5), (29, 1056)),
        # From here on scipy takes up to a minute, is off in the fourth digit, or overflows.
        ((16, 0), (40, 14_764_027_424)),
        ((3, 20), (10**12, 10**12)),
        ((9, 200), (5 * 10**9, 10**12)),
        ((44_379_382_648, 14), (44_379_382_652, 42)),
        ((10**12 - 3, 10**12 - 9), (10**12, 10**12)),
    ],
)
def test_mid_p_is_that_of_whole_numbers_at_any_number_of_units(
    successes: Pair, units: Pair
) -> None:
    expected = mid_p_in_whole_numbers(successes, units)
    assert fisher_mid_p(successes, units) == pytest.approx(expected, rel=1e-12)


def test_mid_p_of_the_impossible_is_small_and_not_zero() -> None:
    assert 0 < fisher_mid_p((5, 5 * 10**11), (10**12, 10**12)) < 1e-300


cells = st.integers(0, 400)


@given(cells, cells, cells, cells)
def test_mid_p_is_scipys_fisher_minus_half_the_table_seen(a: int, b: int, c: int, d: int) -> None:
    if 0 in (a + b, c + d, a + c, b + d):
        return
    observed = stats.hypergeom.pmf(a, a + b + c + d, a + c, a + b)
    mid_p = fisher_mid_p((a, c), (a + b, c + d))
    assert mid_p == pytest.approx(fisher_p(a, b, c, d) - observed / 2, rel=1e-6)


@given(st.floats(1e-300, 1.0))
def test_z_and_p_undo_each_other(p_value: float) -> None:
    assert normal_p(normal_z(p_value)) == pytest.approx(p_value, rel=1e-9)
