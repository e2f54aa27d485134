"""Random counts and values in scipy and statsmodels, by ways of their own to the same numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import minimize_scalar
from statsmodels.regression.linear_model import WLS
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

from analysis.aggregates import Aggregates
from analysis.distributions import normal_quantile
from analysis.inference import mean, ratio
from analysis.inference.proportion import score_p
from analysis.inference.score import koopman_limits, mee_limits
from analysis.report import Estimate
from analysis.srm import chi_square, log_e_value

arms = st.integers(2, 5_000).flatmap(lambda n: st.tuples(st.integers(1, n - 1), st.just(n)))
# Always the same ones: what is searched elsewhere is not always found.
few = settings(max_examples=40, derandomize=True)


def ends(estimate: Estimate) -> list[float]:
    return [float(str(estimate.ci_low)), float(str(estimate.ci_high))]


@given(arms, arms)
@few
def test_the_score_test_is_the_pooled_z_of_statsmodels(
    control: tuple[int, int], treatment: tuple[int, int]
) -> None:
    (x_c, n_c), (x_t, n_t) = control, treatment
    expected = proportions_ztest([x_t, x_c], [n_t, n_c])[1]
    # Theirs is 1 - F, with a few digits fewer in the tail.
    assert score_p((x_c, x_t), (n_c, n_t)) == pytest.approx(expected, rel=1e-7, abs=1e-300)


@given(arms, arms)
@few
def test_koopmans_interval_is_the_score_interval_of_the_ratio_in_statsmodels(
    control: tuple[int, int], treatment: tuple[int, int]
) -> None:
    (x_c, n_c), (x_t, n_t) = control, treatment
    try:
        expected = confint_proportions_2indep(
            x_t, n_t, x_c, n_c, compare="ratio", method="score", correction=False
        )
    except ValueError:
        assume(False)  # noqa: FBT003 - it does not always find both ends of its search
    low, high = koopman_limits((x_c, x_t), (n_c, n_t), critical=normal_quantile(0.05))
    assert [1 + low, 1 + high] == pytest.approx(list(expected), rel=1e-5)


def score_at(value: float, x: tuple[int, int], n: tuple[int, int]) -> float:
    """|z| of a difference, with the likelihood maximised by search and not by a formula."""

    def loss(p: float) -> float:
        pairs = zip(x, n, (p, p + value), strict=True)
        return -sum(k * math.log(q) + (m - k) * math.log1p(-q) for k, m, q in pairs)

    bounds = (max(0.0, -value) + 1e-12, min(1.0, 1 - value) - 1e-12)
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-13})
    rates = found.x, found.x + value
    error = math.sqrt(sum(q * (1 - q) / m for q, m in zip(rates, n, strict=True)))
    return float(abs(x[1] / n[1] - x[0] / n[0] - value) / error)


@given(arms, arms, st.sampled_from([0.1, 0.05, 0.01]))
@few
def test_mees_limits_are_where_a_likelihood_maximised_by_search_rejects(
    control: tuple[int, int], treatment: tuple[int, int], alpha: float
) -> None:
    """statsmodels 0.15 has a wrong cubic here, so nothing of it is asked."""
    x, n = (control[0], treatment[0]), (control[1], treatment[1])
    critical = normal_quantile(alpha)
    for limit in mee_limits(x, n, critical=critical):
        if abs(limit) < 1 - 1e-6:
            assert score_at(limit, x, n) == pytest.approx(critical, rel=1e-3)


@given(
    st.tuples(st.integers(2, 10**12), st.floats(-1e3, 1e6), st.floats(1e-3, 1e6)),
    st.tuples(st.integers(2, 10**12), st.floats(-1e3, 1e6), st.floats(1e-3, 1e6)),
)
@few
def test_welch_is_that_of_scipy_up_to_10_to_the_12_units(
    control: tuple[int, float, float], treatment: tuple[int, float, float]
) -> None:
    both = []
    for n, centre, spread in (control, treatment):
        # Sums keep the spread only where it is not lost beside the mean.
        assume(abs(centre) < 100 * spread)
        both.append(Aggregates(n, n * centre, (n - 1) * spread**2 + n * centre**2))
    found = mean.compare(*both, alpha=0.05)
    (n_c, mean_c, sd_c), (n_t, mean_t, sd_t) = control, treatment
    oracle = stats.ttest_ind_from_stats(mean_t, sd_t, n_t, mean_c, sd_c, n_c, equal_var=False)
    assert found.p_value == pytest.approx(oracle.pvalue, rel=1e-5, abs=1e-300)
    parts = [sd**2 / n for _, _, sd, n in ((0, 0, sd_c, n_c), (0, 0, sd_t, n_t))]
    degrees = sum(parts) ** 2 / (parts[0] ** 2 / (n_c - 1) + parts[1] ** 2 / (n_t - 1))
    margin = stats.t.ppf(0.975, degrees) * math.sqrt(sum(parts))
    expected = [mean_t - mean_c - margin, mean_t - mean_c + margin]
    assert ends(found.absolute) == pytest.approx(expected, rel=1e-6, abs=1e-6 * margin)


tries = st.lists(
    st.integers(1, 6).flatmap(lambda base: st.tuples(st.integers(0, base), st.just(base))),
    min_size=3,
    max_size=40,
)


@given(tries)
@few
def test_the_variance_of_a_ratio_is_that_of_a_weighted_regression_with_robust_errors(
    pairs: list[tuple[int, int]],
) -> None:
    """A rate per unit on a constant, weighted by attempts: White's errors with n / (n - 1)."""
    top, base = np.array(pairs, float).T
    found = ratio.variance_of_ratio(sums(top, base))
    fitted = WLS(top / base, np.ones(len(top)), weights=base).fit(cov_type="HC1")
    assert ratio.value(sums(top, base)) == pytest.approx(fitted.params[0], rel=1e-9)
    assert found == pytest.approx(fitted.bse[0] ** 2, rel=1e-7, abs=1e-12)


def sums(top: Any, base: Any) -> Aggregates:
    parts = (top, top**2, base, base**2, top * base)
    return Aggregates(len(top), *(float(each.sum()) for each in parts))


@given(tries, tries)
@few
def test_two_ratios_are_compared_by_welch_on_what_is_left_of_each_unit(
    control: list[tuple[int, int]], treatment: list[tuple[int, int]]
) -> None:
    """The delta method is a t-test of `(s - R a) / mean a` around R, and scipy has that."""
    both, left = [], []
    for pairs in (control, treatment):
        top, base = np.array(pairs, float).T
        rate = top.sum() / base.sum()
        both.append(sums(top, base))
        left.append(rate + (top - rate * base) / base.mean())
    # scipy warns where it would read rounding as spread.
    assume(min(each.std() for each in left) > 1e-9)
    found = ratio.compare(*both, alpha=0.05)
    oracle = stats.ttest_ind(left[1], left[0], equal_var=False)
    assert found.p_value == pytest.approx(oracle.pvalue, rel=1e-6)
    interval = oracle.confidence_interval(0.95)
    assert ends(found.absolute) == pytest.approx([interval.low, interval.high], rel=1e-6, abs=1e-9)


counted = st.lists(st.integers(0, 10**6), min_size=2, max_size=4).filter(any)


@given(counted, st.lists(st.integers(1, 20), min_size=4, max_size=4))
@few
def test_sample_ratios_are_those_of_scipy(units: list[int], weights: list[int]) -> None:
    shares = np.array(weights[: len(units)]) / sum(weights[: len(units)])
    names = "abcd"[: len(units)]
    found, designed = dict(zip(names, units, strict=True)), dict(zip(names, shares, strict=True))
    expected = stats.chisquare(units, shares * sum(units)).pvalue
    assert chi_square(found, designed) == pytest.approx(expected, rel=1e-6, abs=1e-300)
    logs = stats.dirichlet_multinomial.logpmf(units, 100 * shares, np.array(sum(units)))
    logs -= stats.multinomial.logpmf(units, sum(units), shares)
    assert log_e_value(found, designed) == pytest.approx(logs, rel=1e-7, abs=1e-6)
