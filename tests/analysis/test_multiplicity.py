from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from analysis.distributions import normal_p, root
from analysis.multiplicity import adjusted, benjamini_hochberg, dunnett, holm
from analysis.report import Absent

families = st.lists(st.floats(1e-12, 1.0), min_size=1, max_size=12)


@given(families)
def test_statsmodels_agrees_on_both_adjustments(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])
    assert benjamini_hochberg(p_values) == pytest.approx(
        multipletests(p_values, method="fdr_bh")[1]
    )


def test_gaps_stay_where_they_are_and_do_not_count() -> None:
    gap = Absent("nothing to test")
    assert adjusted(holm, [0.01, gap, 0.04]) == [0.02, gap, 0.04]
    assert adjusted(holm, [gap]) == [gap]
    assert adjusted(benjamini_hochberg, []) == []


# Two-sided 5 % points at infinite degrees of freedom and equal sizes (Dunnett 1964, Biometrics
# 20:482-491, table II), to the digits printed there.
@pytest.mark.parametrize(("treatments", "point"), [(2, 2.21), (3, 2.35), (4, 2.44), (6, 2.57)])
def test_dunnetts_published_points_are_met(treatments: int, point: float) -> None:
    for rounding, above in ((-0.005, True), (0.005, False)):
        p_value = normal_p(point + rounding)
        assert (max(dunnett([p_value] * treatments, [1] * treatments)) > 0.05) is above


@pytest.mark.parametrize("sizes", [(1, 1, 1), (0.25, 1, 4), (0.1, 0.1, 50)])
@pytest.mark.parametrize("z", [0.5, 2.3, 3.2])
def test_dunnett_is_scipys_multivariate_normal(sizes: tuple[float, ...], z: float) -> None:
    from scipy import stats  # noqa: PLC0415 - put off until needed

    shared = np.sqrt(np.array(sizes) / (1 + np.array(sizes)))
    cov = np.outer(shared, shared) + np.diag(1 - shared**2)
    law_of: Any = stats.multivariate_normal
    law = law_of(cov=cov, seed=1, maxpts=1_000_000, abseps=1e-6)
    expected = 1 - law.cdf([z] * 3, lower_limit=[-z] * 3)
    assert dunnett([normal_p(z)] * 3, sizes)[0] == pytest.approx(expected, rel=5e-3, abs=5e-6)


def test_dunnett_is_scipys_test_of_raw_values() -> None:
    from scipy.stats import dunnett as of_samples  # noqa: PLC0415 - put off until needed

    rng = np.random.default_rng(6)
    arms = [rng.normal(mean, 1, 6000) for mean in (0, 0.03, 0.045, -0.02)]
    found: Any = of_samples(*arms[1:], control=arms[0], rng=np.random.default_rng(7))
    # scipy's is a single step: only the first of ours has no step before it.
    smallest = int(np.argmin(found.pvalue))
    seen = dunnett([normal_p(float(z)) for z in found.statistic], [1, 1, 1])
    assert seen[smallest] == pytest.approx(found.pvalue[smallest], rel=0.02)


@given(families.filter(lambda p: len(p) < 6), st.floats(0.05, 20))
def test_dunnett_lies_between_the_p_value_alone_and_holms(
    p_values: list[float], size: float
) -> None:
    sizes = [size * (1 + index) for index in range(len(p_values))]
    for alone, seen, most in zip(p_values, dunnett(p_values, sizes), holm(p_values), strict=True):
        assert alone <= seen <= most * (1 + 1e-8)


def test_dunnett_of_one_treatment_changes_nothing() -> None:
    assert dunnett([0.0437], [3.0]) == [0.0437]


def test_dunnett_of_a_p_value_that_is_hardly_a_number_is_bonferronis() -> None:
    assert dunnett([1e-280, 1.0], [1, 1]) == [pytest.approx(2e-280, rel=1e-6), 1.0]


@pytest.mark.parametrize("sizes", [(1.0, 1.0), (0.5, 0.5), (3.0, 0.2)])
def test_dunnett_spends_all_of_alpha_and_no_more(sizes: tuple[float, float]) -> None:
    rng, runs = np.random.default_rng(15), 40_000
    shared = np.sqrt(np.array(sizes) / (1 + np.array(sizes)))
    z = rng.normal(size=(runs, 2)) * np.sqrt(1 - shared**2) - rng.normal(size=(runs, 1)) * shared
    point = root(lambda z: max(dunnett([normal_p(z)] * 2, sizes)) - 0.05, 1.9, 2.3)
    alarms = float((np.abs(z).max(axis=1) > point).mean())
    assert alarms == pytest.approx(0.05, abs=4 * math.sqrt(0.05 * 0.95 / runs))
