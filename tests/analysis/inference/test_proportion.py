from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

from analysis.aggregates import Aggregates
from analysis.distributions import normal_quantile
from analysis.errors import InvalidAggregates
from analysis.inference import proportion
from analysis.inference.proportion import BOSCHLOO, MID_P, SCORE, score_p
from analysis.inference.score import constrained_control_rate, koopman_limits, mee_limits
from analysis.report import Absent, Contrast, Label


def compare(x_c: int, n_c: int, x_t: int, n_t: int, alpha: float = 0.05) -> Contrast:
    control, treatment = Aggregates.of_conversions(n_c, x_c), Aggregates.of_conversions(n_t, x_t)
    return proportion.compare(control, treatment, alpha=alpha)


def test_every_published_interval_is_met(facts: dict[str, Any]) -> None:
    assert len(facts["proportions"]) == 28
    for name, fact in facts["proportions"].items():
        result = compare(*fact["counts"])
        pairs = ((result.absolute, fact["mee"]), (result.relative, fact["koopman"]))
        for estimate, ends in pairs:
            low, high = map(float, ends)
            assert estimate.ci_low == pytest.approx(low, rel=1e-6, abs=1e-12), name
            assert estimate.ci_high == pytest.approx(high, rel=1e-6, abs=1e-12), name


def test_every_published_p_value_is_met_by_the_test_its_counts_call_for(
    facts: dict[str, Any],
) -> None:
    for name, fact in facts["proportions"].items():
        x_c, n_c, x_t, n_t = fact["counts"]
        few = min(x_c, n_c - x_c, x_t, n_t - x_t) < 10
        exact = (BOSCHLOO, "boschloo") if n_c + n_t <= 1000 else (MID_P, "mid_p")
        test, key = exact if few else (SCORE, "score")
        result = compare(*fact["counts"])
        assert result.test == test, name
        assert result.p_value == pytest.approx(fact[key], rel=1e-9), name
        assert (Label.TOO_FEW_CONVERSIONS in result.labels) is few, name


def test_the_arms_are_the_columns_of_the_exact_tests() -> None:
    # Transposed, scipy gives 0.0303 without a warning.
    assert compare(2, 40, 9, 42).p_value == pytest.approx(0.0363, abs=5e-5)


@pytest.mark.parametrize(
    "counts", [(300, 1000, 340, 990), (12, 400, 30, 5000), (900, 1000, 450, 480), (55, 70, 40, 65)]
)
def test_statsmodels_agrees_on_the_score_test_and_koopman(
    counts: tuple[int, int, int, int],
) -> None:
    x_c, n_c, x_t, n_t = counts
    result = compare(*counts)
    assert result.p_value == pytest.approx(proportions_ztest([x_t, x_c], [n_t, n_c])[1], rel=1e-9)
    low, high = confint_proportions_2indep(
        x_t, n_t, x_c, n_c, compare="ratio", method="score", correction=False
    )
    assert result.relative.ci_low == pytest.approx(low - 1, rel=1e-6)
    assert result.relative.ci_high == pytest.approx(high - 1, rel=1e-6)


@pytest.mark.parametrize("counts", [(30, 100, 45, 110), (5, 60, 1, 50), (400, 1000, 380, 900)])
def test_mee_agrees_with_a_likelihood_maximised_by_brute_force(
    counts: tuple[int, int, int, int],
) -> None:
    x_c, n_c, x_t, n_t = counts
    observed = x_t / n_t - x_c / n_c

    def rate(d: float) -> float:
        low, high = max(0.0, -d) + 1e-12, min(1.0, 1 - d) - 1e-12

        def loss(p: float) -> float:
            q = p + d
            return -(
                x_c * math.log(p) + (n_c - x_c) * math.log1p(-p)
                + x_t * math.log(q) + (n_t - x_t) * math.log1p(-q)
            )  # fmt: skip

        found = minimize_scalar(
            loss, bounds=(low, high), method="bounded", options={"xatol": 1e-12}
        )
        return float(found.x)

    def score(d: float) -> float:
        p = rate(d)
        q = p + d
        return float((observed - d) / math.sqrt(p * (1 - p) / n_c + q * (1 - q) / n_t))

    z = normal_quantile(0.05)
    expected = (
        brentq(lambda d: score(d) - z, -0.9, observed),
        brentq(lambda d: score(d) + z, observed, 0.9),
    )
    assert mee_limits((x_c, x_t), (n_c, n_t), critical=z) == pytest.approx(expected, abs=1e-6)
    assert constrained_control_rate(0.05, (x_c, x_t), (n_c, n_t)) == pytest.approx(
        rate(0.05), abs=1e-6
    )


arms = st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
alphas = st.sampled_from([0.01, 0.05, 0.1])


@given(arms, arms, alphas)
def test_score_test_mee_and_koopman_reject_together(
    control: tuple[int, int], treatment: tuple[int, int], alpha: float
) -> None:
    successes, units = (control[0], treatment[0]), (control[1], treatment[1])
    assume(0 < sum(successes) < sum(units))
    p_value, critical = score_p(successes, units), normal_quantile(alpha)
    assume(abs(p_value - alpha) > 1e-6)
    low, high = mee_limits(successes, units, critical=critical)
    assert (p_value < alpha) is not (low <= 0 <= high)
    low, high = koopman_limits(successes, units, critical=critical)
    assert (p_value < alpha) is not (low <= 0 <= high)


@given(arms, arms)
def test_swapping_the_arms_mirrors_every_number(
    control: tuple[int, int], treatment: tuple[int, int]
) -> None:
    successes, units = (control[0], treatment[0]), (control[1], treatment[1])
    there = mee_limits(successes, units, critical=1.96)
    back = mee_limits(successes[::-1], units[::-1], critical=1.96)
    assert there == pytest.approx((-back[1], -back[0]), abs=1e-9)
    low, high = (1 + end for end in koopman_limits(successes, units, critical=1.96))
    low_back, high_back = (
        1 + end for end in koopman_limits(successes[::-1], units[::-1], critical=1.96)
    )
    assert low == pytest.approx(1 / high_back, rel=1e-6)
    assert low_back == pytest.approx(1 / high, rel=1e-6)


@given(arms, arms)
def test_counting_failures_instead_mirrors_the_difference(
    control: tuple[int, int], treatment: tuple[int, int]
) -> None:
    (x_c, n_c), (x_t, n_t) = control, treatment
    low, high = mee_limits((x_c, x_t), (n_c, n_t), critical=1.96)
    failed = mee_limits((n_c - x_c, n_t - x_t), (n_c, n_t), critical=1.96)
    assert failed == pytest.approx((-high, -low), abs=1e-9)


@given(arms, arms)
def test_every_interval_holds_its_estimate(
    control: tuple[int, int], treatment: tuple[int, int]
) -> None:
    (x_c, n_c), (x_t, n_t) = control, treatment
    low, high = mee_limits((x_c, x_t), (n_c, n_t), critical=1.96)
    assert -1 <= low <= x_t / n_t - x_c / n_c + 1e-12
    assert x_t / n_t - x_c / n_c - 1e-12 <= high <= 1
    if x_c:
        low, high = koopman_limits((x_c, x_t), (n_c, n_t), critical=1.96)
        assert low - 1e-9 <= (x_t / n_t) / (x_c / n_c) - 1 <= high + 1e-9


def test_nobody_converting_among_many_leaves_no_p_value_and_says_why() -> None:
    result = compare(0, 2000, 0, 2000)
    assert isinstance(result.p_value, Absent)
    assert "nobody converted" in result.p_value.reason
    assert isinstance(compare(2000, 2000, 2000, 2000).p_value, Absent)


def test_a_control_without_conversions_leaves_no_lift_and_no_upper_limit() -> None:
    result = compare(0, 500, 4, 500)
    assert isinstance(result.relative.estimate, Absent)
    assert result.relative.ci_high == math.inf


def test_an_arm_without_units_leaves_gaps_with_reasons() -> None:
    result = compare(0, 0, 4, 500)
    assert isinstance(result.p_value, Absent)
    assert isinstance(result.absolute.estimate, Absent)
    assert isinstance(proportion.value(Aggregates.of_conversions(0, 0)), Absent)


@pytest.mark.parametrize("few", [(9, 5000), (4991, 5000)])
def test_nine_of_either_outcome_are_too_few_and_ten_are_not(few: tuple[int, int]) -> None:
    x, n = few
    assert compare(x, n, 2500, 5000).labels == (Label.TOO_FEW_CONVERSIONS,)
    assert compare(x + 1 if x < 10 else x - 1, n, 2500, 5000).labels == ()


def test_the_always_valid_sequence_waits_for_fifty_of_both_outcomes() -> None:
    assert isinstance(compare(49, 5000, 100, 5000).log_ratio, Absent)
    assert not isinstance(compare(50, 5000, 100, 5000).log_ratio, Absent)
    assert isinstance(compare(4960, 5000, 2500, 5000).log_ratio, Absent)


@pytest.mark.parametrize("sums", [(10, 4, 5), (10, 2.5, 2.5), (10, -1.0, 1.0)])
def test_sums_that_are_no_conversions_are_refused(sums: tuple[int, float, float]) -> None:
    with pytest.raises(InvalidAggregates, match="each unit as 0 or 1"):
        proportion.value(Aggregates(*sums))


def test_a_p_value_far_in_the_tail_is_small_and_not_zero() -> None:
    assert 0 < float(str(compare(10_000, 1_000_000, 90_000, 1_000_000).p_value)) < 1e-300
