"""Newcombe's and Donner & Zou's intervals in closed form."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.aggregates import Aggregates
from analysis.inference import proportion
from analysis.inference.wilson import intervals
from analysis.report import Absent, Estimate, Number

Pair = tuple[int, int]
ARMS = st.tuples(st.integers(0, 300), st.integers(0, 300)).filter(any).map(
    lambda pair: (sum(pair), pair[0])
)  # fmt: skip


def read(control: Pair, treatment: Pair) -> tuple[Estimate, Estimate]:
    """Of (units, conversions)."""
    arms = (Aggregates.of_conversions(*pair) for pair in (control, treatment))
    return intervals(*arms, alpha=0.05)


def number(value: Number) -> float:
    assert not isinstance(value, Absent)
    return value


# Counts of public experiments and of Newcombe 1998, limits by another implementation of both.
GOLDEN = [
    ((147_202, 17_723), (147_276, 17_514), (-0.0038241651336534343, 0.0008649345951653375),
     (-0.03145320478168556, 0.0072541988310297345)),
    ((44_700, 8_502), (45_489, 8_279), (-0.013281940871914826, -0.0031213026887613),
     (-0.06888989442093918, -0.01663413540604497)),
    ((21_306, 122), (21_307, 267), (0.005014344671481532, 0.008640723396917826),
     (0.7676300193906358, 1.70701443208327)),
    ((80, 48), (70, 56), (0.05243147240236498, 0.333872654036906),
     (0.07829461324029574, 0.6629199665110788)),
    ((10, 3), (10, 9), (0.17052272393450296, 0.8090179735354881),
     (0.3223965070077719, 7.368906115741073)),
    ((7, 2), (7, 6), (0.0582279274823122, 0.8062496375242277),
     (0.10816035579876648, 9.464311213273938)),
    ((40, 2), (42, 9), (0.013663179056862512, 0.3138405573798698),
     (0.09790468781412986, 15.744708644086241)),
    ((500, 6), (10_000, 280), (0.0017382380271069968, 0.02333467732366269),
     (0.06782952641814366, 4.11263761454568)),
]  # fmt: skip


@pytest.mark.parametrize(("control", "treatment", "difference", "lift"), GOLDEN)
def test_published_limits_are_met(
    control: Pair, treatment: Pair, difference: Pair, lift: Pair
) -> None:
    absolute, relative = read(control, treatment)
    assert (absolute.ci_low, absolute.ci_high) == pytest.approx(difference, rel=1e-9)
    assert (relative.ci_low, relative.ci_high) == pytest.approx(lift, rel=1e-9)


@given(ARMS, ARMS)
def test_the_difference_is_statsmodels_newcombe(control: Pair, treatment: Pair) -> None:
    from statsmodels.stats.proportion import (  # noqa: PLC0415 - takes seconds to load
        confint_proportions_2indep,
    )

    (n_c, x_c), (n_t, x_t) = control, treatment
    low, high = confint_proportions_2indep(x_t, n_t, x_c, n_c, method="newcomb", compare="diff")
    seen = read(control, treatment)[0]
    assert (seen.ci_low, seen.ci_high) == pytest.approx((low, high), rel=1e-9, abs=1e-12)


@given(ARMS, ARMS)
def test_both_ways_round_say_the_same(control: Pair, treatment: Pair) -> None:
    """Differences change their sign, ratios are turned over; also where nobody converted."""
    (there, lift), (back, turned) = read(control, treatment), read(treatment, control)
    assert number(there.ci_low) == pytest.approx(-number(back.ci_high), abs=1e-12)
    assert -1 <= number(there.ci_low) <= number(there.estimate) <= number(there.ci_high) <= 1
    low, high = 1 + number(lift.ci_low), 1 + number(turned.ci_high)
    assert low == (pytest.approx(1 / high, rel=1e-9, abs=1e-12) if high < math.inf else 0)
    assert 0 <= low <= 1 + number(lift.ci_high)


def test_zero_cells_leave_an_end_open() -> None:
    nobody, somebody = (500, 0), (500, 4)
    lift = read(nobody, somebody)[1]
    assert isinstance(lift.estimate, Absent)
    assert lift.ci_high == math.inf
    # Donner & Zou's lower limit at no control conversion: sqrt(l_t (2 p_t - l_t)) / u_c.
    assert lift.ci_low == pytest.approx(-0.169029485, rel=1e-6)
    fell = read(somebody, nobody)[1]
    assert (fell.estimate, fell.ci_low) == (-1, -1)
    assert read(nobody, nobody)[1].ci_low == -1
    assert isinstance(read((0, 0), somebody)[0].ci_low, Absent)


def test_they_hardly_differ_from_the_score_intervals_of_the_report() -> None:
    control, treatment = (12_012, 615), (11_988, 634)
    arms = [Aggregates.of_conversions(*pair) for pair in (control, treatment)]
    score = proportion.compare(*arms, alpha=0.05)
    for quick, exact in zip(
        read(control, treatment), (score.absolute, score.relative), strict=True
    ):
        assert quick.estimate == pytest.approx(exact.estimate, rel=1e-12)
        width = number(exact.ci_high) - number(exact.ci_low)
        assert number(quick.ci_low) == pytest.approx(number(exact.ci_low), abs=width / 500)
        assert number(quick.ci_high) == pytest.approx(number(exact.ci_high), abs=width / 500)


@pytest.mark.parametrize(("rate", "least"), [(0.02, 0.95), (0.1, 0.948), (0.4, 0.944)])
@pytest.mark.parametrize("sizes", [(150, 150), (60, 240)])
def test_they_hold_the_truth_as_often_as_they_say_by_every_possible_outcome(
    rate: float, least: float, sizes: Pair
) -> None:
    from scipy.stats import binom  # noqa: PLC0415 - loading scipy is put off until needed

    chances = [[float(binom.pmf(x, n, rate)) for x in range(n + 1)] for n in sizes]
    held = [0.0, 0.0]
    for x_c, p_c in enumerate(chances[0]):
        for x_t, p_t in enumerate(chances[1]):
            if p_c * p_t < 1e-9:
                continue
            for kind, found in enumerate(read((sizes[0], x_c), (sizes[1], x_t))):
                inside = number(found.ci_low) <= 0 <= number(found.ci_high)
                held[kind] += p_c * p_t * inside
    assert all(least <= each <= 0.999 for each in held), held
