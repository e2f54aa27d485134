"""What holds of every comparison, whatever the counts: one unit, nobody, everybody, 10^12 units."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from analysis.aggregates import Aggregates
from analysis.distributions import normal_quantile
from analysis.inference import INFERENCES, proportion
from analysis.inference.proportion import BOSCHLOO_UNITS, score_p
from analysis.inference.score import difference, koopman_limits, mee_limits
from analysis.report import Absent, Contrast, Number
from experiments.metrics import Kind

Arms = tuple[Aggregates, Aggregates]
MOST = 10**12
ALPHAS = (0.2, 0.05, 0.01, 1e-6)

sizes = st.one_of(st.integers(1, 12), st.integers(1, 5_000), st.integers(1, MOST))


@st.composite
def counted(draw: st.DrawFn) -> tuple[int, int]:
    """Conversions and units of one arm: often hardly any, hardly all, none or all."""
    units = draw(sizes)
    few = draw(st.integers(0, min(units, 30)))
    return draw(st.sampled_from([few, units - few, draw(st.integers(0, units))])), units


@st.composite
def near_the_level(draw: st.DrawFn) -> tuple[tuple[int, int], tuple[int, int]]:
    """Two arms that differ by about as much as is shown at 5 %, at rates down to 10^-12."""
    n_c, n_t = draw(sizes), draw(sizes)
    x_c = min(n_c, round(n_c * 10 ** draw(st.floats(-12, 0))))
    rate = x_c / n_c
    error = math.sqrt(max(rate * (1 - rate), 1e-30) * (1 / n_c + 1 / n_t))
    moved = rate + draw(st.floats(-2.2, 2.2)) * error
    x_t = min(n_t, max(0, round(n_t * moved)))
    pairs = ((x_c, n_c), (x_t, n_t))
    return draw(st.sampled_from([pairs, ((n_c - x_c, n_c), (n_t - x_t, n_t))]))


def conversions(draw: st.DrawFn) -> Arms:
    control, treatment = draw(counted()), draw(counted())
    units = control[1] + treatment[1]
    # Boschloo's test takes a second where it enumerates many tables.
    assume(units <= 24 or units > BOSCHLOO_UNITS)
    return Aggregates.of_conversions(*control[::-1]), Aggregates.of_conversions(*treatment[::-1])


def amounts(draw: st.DrawFn) -> Arms:
    scale, times = 10 ** draw(st.integers(-6, 9)), draw(st.sampled_from([1, 1000, 10**9]))
    values = st.lists(st.integers(-3, 1000), min_size=1, max_size=30)

    def arm() -> Aggregates:
        each = np.array(draw(values), float) * scale
        return Aggregates(
            len(each) * times, float(each.sum()) * times, float((each**2).sum()) * times
        )

    return arm(), arm()


def approvals(draw: st.DrawFn) -> Arms:
    tries = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=30)
    times = draw(st.sampled_from([1, 1000, 10**9]))

    def arm() -> Aggregates:
        base, top = np.array([(max(pair), min(pair)) for pair in draw(tries)]).T
        sums = (top, top**2, base, base**2, top * base)
        return Aggregates(len(top) * times, *(float(each.sum()) * times for each in sums))

    return arm(), arm()


DRAWN: dict[Kind, Callable[[st.DrawFn], Arms]] = {
    Kind.PROPORTION: conversions,
    Kind.MEAN: amounts,
    Kind.RATIO: approvals,
}
kinds = pytest.mark.parametrize("kind", DRAWN)


def of(kind: Kind, data: st.DataObject) -> Arms:
    return data.draw(st.composite(DRAWN[kind])())


def numbers(contrast: Contrast) -> Iterator[tuple[str, Number]]:
    for name in ("absolute", "relative"):
        for end in ("estimate", "ci_low", "ci_high"):
            yield f"{name}.{end}", getattr(getattr(contrast, name), end)
    yield "p_value", contrast.p_value
    yield "variance", contrast.variance
    log_ratio = contrast.log_ratio
    yield "log_ratio", log_ratio if isinstance(log_ratio, Absent) else log_ratio.estimate


def test_every_kind_is_drawn_here() -> None:
    assert set(DRAWN) == set(INFERENCES)


@kinds
@given(st.data())
@settings(max_examples=40)
def test_a_number_is_finite_or_absent_with_a_reason(kind: Kind, data: st.DataObject) -> None:
    for alpha in (0.05, 1e-6):
        for name, number in numbers(INFERENCES[kind].compare(*of(kind, data), alpha=alpha)):
            if isinstance(number, Absent):
                assert number.reason
            else:
                assert math.isfinite(number) or (name, number) == ("relative.ci_high", math.inf)


@kinds
@given(st.data())
@settings(max_examples=40)
def test_a_p_value_is_above_0_and_at_most_1(kind: Kind, data: st.DataObject) -> None:
    p_value = INFERENCES[kind].compare(*of(kind, data), alpha=0.05).p_value
    assert isinstance(p_value, Absent) or 0 < p_value <= 1


@kinds
@given(st.data(), st.sampled_from(ALPHAS))
@settings(max_examples=40)
def test_an_interval_holds_its_estimate(kind: Kind, data: st.DataObject, alpha: float) -> None:
    contrast = INFERENCES[kind].compare(*of(kind, data), alpha=alpha)
    for each in (contrast.absolute, contrast.relative):
        if isinstance(each.ci_low, Absent) or isinstance(each.ci_high, Absent):
            assert isinstance(each.estimate, Absent)
        elif not isinstance(each.estimate, Absent):
            slack = 1e-12 * abs(each.estimate)
            assert each.ci_low - slack <= each.estimate <= each.ci_high + slack


@kinds
@given(st.data())
@settings(max_examples=40)
def test_a_stricter_level_gives_an_interval_around_the_others(
    kind: Kind, data: st.DataObject
) -> None:
    arms = of(kind, data)
    found = [INFERENCES[kind].compare(*arms, alpha=alpha) for alpha in ALPHAS]
    for wider, narrower in zip(found[1:], found, strict=False):
        assert wider.p_value == narrower.p_value
        for name in ("absolute", "relative"):
            outer, inner = getattr(wider, name), getattr(narrower, name)
            if not isinstance(outer.ci_low, Absent):
                # One unit beside 10^12: the short side of its interval is known to five digits.
                slack = 1e-5 * min(outer.ci_high - outer.ci_low, 1.0)
                assert outer.ci_low <= inner.ci_low + slack
                assert outer.ci_high >= inner.ci_high - slack


@kinds
@given(st.data())
@settings(max_examples=40)
def test_arms_that_change_places_mirror_the_difference(kind: Kind, data: st.DataObject) -> None:
    control, treatment = of(kind, data)
    there = INFERENCES[kind].compare(control, treatment, alpha=0.05)
    back = INFERENCES[kind].compare(treatment, control, alpha=0.05)
    if isinstance(there.absolute.estimate, Absent):
        assert isinstance(back.absolute.estimate, Absent)
        return
    mirrored = [-float(str(end)) for end in (back.absolute.ci_high, back.absolute.ci_low)]
    ends = [float(str(end)) for end in (there.absolute.ci_low, there.absolute.ci_high)]
    width = ends[1] - ends[0]
    assert ends == pytest.approx(mirrored, rel=1e-9, abs=1e-9 * width)
    if not isinstance(there.p_value, Absent):
        assert there.p_value == pytest.approx(back.p_value, rel=1e-9)


@pytest.mark.parametrize("kind", [Kind.MEAN, Kind.RATIO])
@given(st.data(), st.sampled_from(ALPHAS))
@settings(max_examples=40)
def test_p_is_below_alpha_exactly_where_the_interval_excludes_no_difference(
    kind: Kind, data: st.DataObject, alpha: float
) -> None:
    contrast = INFERENCES[kind].compare(*of(kind, data), alpha=alpha)
    if isinstance(contrast.p_value, Absent) or abs(contrast.p_value / alpha - 1) < 1e-6:
        return
    low, high = (float(str(end)) for end in (contrast.absolute.ci_low, contrast.absolute.ci_high))
    assert (contrast.p_value < alpha) is not (low <= 0 <= high)


@given(st.one_of(near_the_level(), st.tuples(counted(), counted())), st.sampled_from(ALPHAS))
@settings(max_examples=300)
def test_the_score_test_never_contradicts_its_intervals_at_any_rate_or_number_of_units(
    arms: tuple[tuple[int, int], tuple[int, int]], alpha: float
) -> None:
    (x_c, n_c), (x_t, n_t) = arms
    successes, units = (x_c, x_t), (n_c, n_t)
    assume(0 < x_c + x_t < n_c + n_t)
    p_value, critical = score_p(successes, units), normal_quantile(alpha)
    assume(abs(p_value / alpha - 1) > 1e-7)
    for limits in (mee_limits, koopman_limits):
        low, high = limits(successes, units, critical=critical)
        assert (p_value < alpha) is not (low <= 0 <= high), limits
    low, high = mee_limits(successes, units, critical=critical)
    assert low <= difference(successes, units) <= high


def test_everybody_but_a_few_of_a_billion_is_read_to_the_last_digit() -> None:
    # 1 - rate has eight digits left here; this was an interval without 0 beside p = 0.054.
    arms = (
        Aggregates.of_conversions(203_186_729, 203_186_729),
        Aggregates.of_conversions(1_037_960_663, 1_037_960_644),
    )
    successes, units = (203_186_729, 1_037_960_644), (203_186_729, 1_037_960_663)
    assert score_p(successes, units) == pytest.approx(0.0537850332, rel=1e-6)
    contrast = proportion.compare(*arms, alpha=0.05)
    assert float(str(contrast.absolute.ci_high)) > 0
    assert float(str(contrast.relative.ci_high)) > 0


def test_rates_of_one_in_a_billion_scale_as_counts_do() -> None:
    """Hardly anyone converts: what counts is the counts, so a thousandth of the units changes
    only the scale."""
    dense = mee_limits((30, 55), (10**7, 10**7), critical=1.96)
    sparse = mee_limits((30, 55), (10**10, 10**10), critical=1.96)
    assert sparse == pytest.approx([end / 1000 for end in dense], rel=1e-5)
    assert koopman_limits((30, 55), (10**10, 10**10), critical=1.96) == pytest.approx(
        koopman_limits((30, 55), (10**7, 10**7), critical=1.96), rel=1e-5
    )
