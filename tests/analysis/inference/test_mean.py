from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.aggregates import Aggregates
from analysis.inference import mean
from analysis.report import Absent, Estimate, Label, LogRatio

SAMPLES = [(400, 300, 10.0, 3.0), (12, 90, 2.5, 2.0), (5000, 4000, 24.0, 55.0)]


def of(values: Any) -> Aggregates:
    return Aggregates(len(values), math.fsum(values), math.fsum(v * v for v in values))


def draw(n_c: int, n_t: int, centre: float, spread: float) -> tuple[Any, Any]:
    rng = np.random.default_rng(7)
    return rng.gamma((centre / spread) ** 2, spread**2 / centre, n_c), rng.gamma(
        (centre / spread) ** 2, 1.1 * spread**2 / centre, n_t
    )


def ends(estimate: Estimate) -> tuple[float, float]:
    assert not isinstance(estimate.ci_low, Absent)
    assert not isinstance(estimate.ci_high, Absent)
    return estimate.ci_low, estimate.ci_high


def test_published_means_are_met(facts: dict[str, Any]) -> None:
    for name, fact in facts["means"].items():
        result = mean.compare(Aggregates(*fact["c"]), Aggregates(*fact["t"]), alpha=0.05)
        assert result.p_value == pytest.approx(fact["p"], rel=1e-7), name
        assert ends(result.absolute) == pytest.approx(fact["difference"], rel=1e-7), name
        assert ends(result.relative) == pytest.approx(fact["lift"], rel=1e-7), name


@pytest.mark.parametrize("sample", SAMPLES)
def test_scipy_agrees_on_raw_values(sample: tuple[int, int, float, float]) -> None:
    control, treatment = draw(*sample)
    result = mean.compare(of(control), of(treatment), alpha=0.05)
    oracle = stats.ttest_ind(treatment, control, equal_var=False)
    assert result.p_value == pytest.approx(oracle.pvalue, rel=1e-8)
    interval = oracle.confidence_interval(0.95)
    assert ends(result.absolute) == pytest.approx((interval.low, interval.high), rel=1e-8)


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_lift_interval_is_welch_on_the_logarithms(
    sample: tuple[int, int, float, float],
) -> None:
    control, treatment = draw(*sample)
    errors = [x.var(ddof=1) / len(x) / x.mean() ** 2 for x in (control, treatment)]
    degrees = sum(errors) ** 2 / sum(
        e**2 / (len(x) - 1) for e, x in zip(errors, (control, treatment), strict=True)
    )
    log_ratio = math.log(treatment.mean() / control.mean())
    margin = stats.t.ppf(0.95, degrees) * math.sqrt(sum(errors))
    result = mean.compare(of(control), of(treatment), alpha=0.10)
    expected = math.exp(log_ratio - margin) - 1, math.exp(log_ratio + margin) - 1
    assert ends(result.relative) == pytest.approx(expected, rel=1e-8)
    assert isinstance(result.log_ratio, LogRatio) is (min(sample[:2]) > 50)


values = st.lists(st.integers(1, 1000), min_size=3, max_size=30)


@given(values, values, st.sampled_from([0.01, 100.0, 7.0]))
def test_changing_the_currency_scales_the_difference_and_keeps_the_lift(
    control: list[int], treatment: list[int], rate: float
) -> None:
    if len(set(control)) == len(set(treatment)) == 1:
        return
    plain = mean.compare(of(control), of(treatment), alpha=0.05)
    scaled = mean.compare(
        of([rate * v for v in control]), of([rate * v for v in treatment]), alpha=0.05
    )
    assert scaled.p_value == pytest.approx(plain.p_value, rel=1e-6)
    assert ends(scaled.absolute) == pytest.approx(
        [rate * end for end in ends(plain.absolute)], rel=1e-6, abs=1e-9
    )
    assert ends(scaled.relative) == pytest.approx(ends(plain.relative), rel=1e-6, abs=1e-9)


@given(values, values)
def test_swapping_the_arms_mirrors_the_difference_and_inverts_the_ratio(
    control: list[int], treatment: list[int]
) -> None:
    if len(set(control)) == len(set(treatment)) == 1:
        return
    there = mean.compare(of(control), of(treatment), alpha=0.05)
    back = mean.compare(of(treatment), of(control), alpha=0.05)
    low, high = ends(there.absolute)
    assert ends(back.absolute) == pytest.approx((-high, -low))
    low, high = ends(there.relative)
    assert ends(back.relative) == pytest.approx(
        (1 / (1 + high) - 1, 1 / (1 + low) - 1), rel=1e-6, abs=1e-9
    )


def test_two_units_at_a_strict_level_set_no_upper_limit() -> None:
    result = mean.compare(of([1, 900]), of([900, 1]), alpha=1e-6)
    assert ends(result.relative) == (-1.0, math.inf)


def test_values_that_do_not_vary_leave_nothing_to_test() -> None:
    # 0.1 is no binary number: what is left of the squares is rounding error.
    flat = of([0.1] * 1000)
    result = mean.compare(flat, flat, alpha=0.05)
    assert result.p_value == Absent("the values do not vary, so there is nothing to test")


def test_one_unit_is_too_few_for_a_mean() -> None:
    assert isinstance(mean.compare(of([3]), of([1, 2]), alpha=0.05).p_value, Absent)
    assert isinstance(mean.value(of([])), Absent)
    assert mean.value(of([1, 2])) == 1.5


def test_a_mean_below_zero_has_a_difference_and_no_lift() -> None:
    result = mean.compare(of([-3, 1, -2]), of([1, 2, 4]), alpha=0.05)
    assert isinstance(result.relative.estimate, Absent)
    assert isinstance(result.log_ratio, Absent)
    assert result.absolute.estimate == pytest.approx(7 / 3 + 4 / 3)


def test_a_mean_that_is_what_rounding_left_of_refunds_has_no_lift() -> None:
    # 0.1 + 0.2 - 0.3: over this "mean" a lift was a number without end, or none at all.
    cancelled = Aggregates(3, 0.1 + 0.2 - 0.3, 0.14)
    for treatment in (of([1, 2, 4]), Aggregates(3, 1e-96, 0.14)):
        result = mean.compare(cancelled, treatment, alpha=0.05)
        assert isinstance(result.relative.estimate, Absent)
        assert isinstance(result.log_ratio, Absent)
        assert not isinstance(result.absolute.estimate, Absent)


def test_effective_units_count_conversions_and_shrink_under_one_giant() -> None:
    assert mean.effective_units(Aggregates.of_conversions(900, 70)) == 70
    assert mean.effective_units(of([1000, 1, 1])) < 1.01
    assert mean.effective_units(of([])) == 0
    many = of([0, 1] * 500)
    giant = of([*([0, 1] * 500), 1_000_000])
    assert isinstance(mean.compare(many, many, alpha=0.05).log_ratio, LogRatio)
    assert isinstance(mean.compare(many, giant, alpha=0.05).log_ratio, Absent)


@pytest.mark.parametrize(
    ("values", "few"),
    [([5, 6, 7], True), ([10] * 28 + [11], True), ([10] * 29 + [11], True),
     ([10] * 40 + [11] * 40, False), ([0] * 1000 + [20] * 29, True),
     ([0] * 1000 + [20] * 30, False)],
)  # fmt: skip
def test_means_of_few_units_or_few_payers_are_labelled(values: list[int], few: bool) -> None:  # noqa: FBT001 - a column of the table
    enough = of([10, 12] * 100)
    labels = (Label.TOO_FEW_UNITS,) if few else ()
    assert mean.compare(of(values), enough, alpha=0.05).labels == labels
    assert mean.compare(enough, of(values), alpha=0.05).labels == labels
