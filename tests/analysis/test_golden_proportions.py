"""Proportions against golden values of other implementations: the same number, or a named reason.

`facts.json` beside this file keeps the numbers of Kassa's own methods, so that these are met also
where the shared data is not; here it is held against the files it was taken from.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from scipy import stats

from analysis.aggregates import Aggregates
from analysis.distributions import boschloo_p, fisher_mid_p, normal_quantile
from analysis.inference import mean, proportion
from analysis.inference.proportion import score_p
from analysis.inference.score import koopman_limits, mee_limits
from analysis.inference.sequential import always_valid, always_valid_p, running_ends
from analysis.report import Absent, Estimate, LogRatio
from tests.shared_data import golden, needs_shared_data

pytestmark = needs_shared_data
Z = normal_quantile(0.05)
FILES = ("ab_data", "cookie_cats", "hillstrom", "udacity", "small_counts")


class Case(NamedTuple):
    """One table of `cases.json`, and what was computed of it by others."""

    name: str
    successes: tuple[int, int]
    units: tuple[int, int]
    peers: dict[str, Any]
    truth: dict[str, Any]

    @property
    def mixed(self) -> bool:
        """Whether somebody converted and somebody did not."""
        return 0 < sum(self.successes) < sum(self.units)

    @property
    def inner(self) -> bool:
        """The same of each variant."""
        return all(0 < x < n for x, n in zip(self.successes, self.units, strict=True))

    @property
    def wald(self) -> float:
        """Unpooled standard error of the difference."""
        pairs = zip(self.successes, self.units, strict=True)
        return math.sqrt(sum(x / n * (1 - x / n) / n for x, n in pairs))

    def arms(self) -> Iterator[Aggregates]:
        for x, n in zip(self.successes, self.units, strict=True):
            yield Aggregates.of_conversions(n, x)


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    peers = {
        name: case
        for file in FILES
        for name, case in golden(f"proportions_{file}")["cases"].items()
    }
    truth = golden("reference_intervals")["cases"]
    found = [
        Case(name, (each["x_c"], each["x_t"]), (each["n_c"], each["n_t"]), peers[name], truth[name])
        for name, each in golden("cases")["proportions"].items()
    ]
    assert len(found) == 28
    return found


def numbers(pair: list[Any]) -> list[float]:
    return [float(end) for end in pair]


def ends(estimate: Estimate) -> list[float]:
    return [float(str(estimate.ci_low)), float(str(estimate.ci_high))]


def limits(found: Any) -> Any:
    return pytest.approx(list(found), rel=1e-6, abs=1e-9)


def test_the_committed_facts_are_those_of_the_golden_files(
    cases: list[Case], facts: dict[str, Any]
) -> None:
    anytime = golden("anytime_valid")["cases"]
    for case in cases:
        fact = facts["proportions"][case.name]
        assert fact["counts"] == [
            case.successes[0], case.units[0], case.successes[1], case.units[1],
        ], case.name  # fmt: skip
        scipy = case.peers["scipy"]
        assert fact["mee"] == case.truth["diff"]["mee"], case.name
        assert fact["koopman"] == case.truth["lift"]["koopman"], case.name
        assert fact["boschloo"] == scipy.get("boschloo"), case.name
        assert fact["mid_p"] == scipy.get("fisher_midp"), case.name
        if case.mixed:
            assert fact["score"] == pytest.approx(
                case.peers["statsmodels"]["z_pooled"]["p"], rel=1e-12
            ), case.name
        if case.name in anytime:
            tuned = anytime[case.name]["asympcs_tpN"]
            expected = {"lift": tuned["lift_ci_log"], "p": tuned["p_log"]}
            assert fact["always_valid"] == expected, case.name
        else:
            assert fact["always_valid"] is None, case.name


def test_the_score_test_is_that_of_scipy_and_statsmodels(cases: list[Case]) -> None:
    for case in filter(lambda case: case.mixed, cases):
        found = score_p(case.successes, case.units)
        assert found == pytest.approx(case.peers["scipy"]["chi2_pearson"], rel=1e-9), case.name
        expected = case.peers["statsmodels"]["z_pooled"]["p"]
        assert found == pytest.approx(expected, rel=1e-9), case.name


def test_the_exact_tests_are_those_of_scipy_with_the_arms_as_columns(cases: list[Case]) -> None:
    met = 0
    for case in filter(lambda case: case.mixed, cases):
        expected = case.peers["scipy"].get("boschloo")
        if expected is not None and sum(case.units) <= 200:
            assert boschloo_p(case.successes, case.units) == pytest.approx(expected, rel=1e-9)
            met += 1
        expected = case.peers["scipy"].get("fisher_midp")
        if expected is not None:
            # scipy itself is off by 10^-10 in the largest.
            assert fisher_mid_p(case.successes, case.units) == pytest.approx(expected, rel=1e-9)
            met += 1
    assert met > 25


def test_miettinen_and_nurminen_multiply_the_variance_by_n_over_n_minus_1(
    cases: list[Case],
) -> None:
    for case in cases:
        total = sum(case.units)
        critical = Z * math.sqrt(total / (total - 1))
        found = mee_limits(case.successes, case.units, critical=critical)
        assert list(found) == limits(numbers(case.truth["diff"]["mn"])), case.name
        found = koopman_limits(case.successes, case.units, critical=critical)
        assert list(found) == limits(numbers(case.truth["lift"]["mn_score"])), case.name


def test_the_eight_contrasts_of_newcombe_1998_come_out_to_the_four_decimals_printed() -> None:
    contrasts = golden("newcombe1998")["contrasts"]
    for name, each in contrasts.items():
        successes, units = (each["x_c"], each["x_t"]), (each["n_c"], each["n_t"])
        total = sum(units)
        for key, critical in (
            ("published_miettinen_nurminen", Z * math.sqrt(total / (total - 1))),
            ("published_mee", Z),
        ):
            if key in each:
                found = mee_limits(successes, units, critical=critical)
                assert [round(end, 4) + 0.0 for end in found] == each[key], (name, key)
    assert len(contrasts) == 8


def test_statsmodels_has_koopmans_interval_where_its_counts_do_not_overflow(
    cases: list[Case],
) -> None:
    met = 0
    for case in cases:
        score = case.peers["statsmodels"].get("ci_lift_score")
        if not isinstance(score, list) or None in score or not case.inner:
            continue
        found = koopman_limits(case.successes, case.units, critical=Z)
        assert list(found) == limits(numbers(score)), case.name
        met += 1
    assert met > 15


def test_the_score_interval_for_a_difference_in_statsmodels_is_not_that_of_the_literature() -> None:
    """Issue 10269 there: a count stands where a sample size belongs."""
    case = golden("proportions_small_counts")["cases"]["newcombe1998/56of70_vs_48of80/t-vs-c"]
    theirs = case["statsmodels"]["ci_diff_score_correction"]
    published = [0.0528, 0.3382]
    assert max(abs(a - b) for a, b in zip(theirs, published, strict=True)) > 0.004
    found = mee_limits((48, 56), (80, 70), critical=Z * math.sqrt(150 / 149))
    assert found == pytest.approx(published, abs=5e-5)


def test_yates_and_so_tea_tasting_by_default_correct_for_continuity_and_find_less(
    cases: list[Case],
) -> None:
    for case in filter(lambda case: case.mixed, cases):
        plain, yates = score_p(case.successes, case.units), case.peers["scipy"]["chi2_yates"]
        assert yates >= plain, case.name
        tea = case.peers["tea_tasting"]
        if sum(case.units) >= 1000:
            assert tea["default"]["pvalue"] == pytest.approx(yates, rel=1e-9), case.name
            uncorrected = tea["norm_pooled_nocorr"]["pvalue"]
            assert uncorrected == pytest.approx(plain, rel=1e-9), case.name


def test_tea_tasting_below_1000_units_takes_barnard_where_kassa_takes_boschloo(
    cases: list[Case],
) -> None:
    small = [case for case in cases if case.mixed and sum(case.units) < 1000]
    assert len(small) > 4
    for case in small:
        barnard = case.peers["scipy"]["barnard_pooled"]
        assert case.peers["tea_tasting"]["default"]["pvalue"] == pytest.approx(barnard, rel=1e-9)


def test_spotify_confidence_does_not_pool_in_its_z_and_pools_in_its_chi_square(
    cases: list[Case],
) -> None:
    for case in filter(lambda case: case.inner, cases):
        theirs = case.peers["spotify_confidence"]
        plain = score_p(case.successes, case.units)
        assert theirs["chi2"]["p"] == pytest.approx(plain, rel=1e-9), case.name
        rates = [x / n for x, n in zip(case.successes, case.units, strict=True)]
        unpooled = 2 * stats.norm.sf(abs(rates[1] - rates[0]) / case.wald)
        assert theirs["ztest_abs"]["p"] == pytest.approx(unpooled, rel=1e-9), case.name


def test_spotify_confidence_divides_by_a_control_rate_that_it_takes_for_certain(
    cases: list[Case],
) -> None:
    for case in filter(lambda case: case.inner, cases):
        (x_c, x_t), (n_c, n_t) = case.successes, case.units
        expected = [
            ((x_t / n_t - x_c / n_c) + sign * Z * case.wald) / (x_c / n_c) for sign in (-1, 1)
        ]
        theirs = numbers(case.peers["spotify_confidence"]["ztest_rel"]["ci"])
        assert theirs == pytest.approx(expected, rel=1e-9), case.name


def test_welch_on_noughts_and_ones_is_the_same_in_tea_tasting(cases: list[Case]) -> None:
    for case in filter(lambda case: case.inner, cases):
        found = mean.compare(*case.arms(), alpha=0.05)
        theirs = case.peers["tea_tasting"]["mean_welch"]
        assert theirs["pvalue"] == pytest.approx(found.p_value, rel=1e-9), case.name
        interval = [theirs["effect_size_ci_lower"], theirs["effect_size_ci_upper"]]
        assert interval == pytest.approx(ends(found.absolute), rel=1e-9), case.name
        lift = [theirs["rel_effect_size_ci_lower"], theirs["rel_effect_size_ci_upper"]]
        assert lift == pytest.approx(ends(found.relative), rel=1e-9), case.name


def test_gbstats_has_a_standard_error_without_n_minus_1_and_a_lift_on_the_plain_scale(
    cases: list[Case],
) -> None:
    released, met = golden("gbstats_0_8_0")["cases"], 0
    for case in filter(lambda case: case.inner and case.name in released, cases):
        (x_c, x_t), (n_c, n_t) = case.successes, case.units
        theirs = released[case.name]["welch_relative"]
        ratio = x_t / n_t / (x_c / n_c)
        assert theirs["expected"] == pytest.approx(ratio - 1, rel=1e-9), case.name
        errors = [(1 / x - 1 / n) for x, n in ((x_c, n_c), (x_t, n_t))]
        variances = [x / n * (1 - x / n) / n for x, n in ((x_c, n_c), (x_t, n_t))]
        degrees = sum(variances) ** 2 / sum(
            v**2 / (n - 1) for v, n in zip(variances, case.units, strict=True)
        )
        margin = stats.t.ppf(0.975, degrees) * ratio * math.sqrt(sum(errors))
        assert theirs["ci"] == pytest.approx([ratio - 1 - margin, ratio - 1 + margin], rel=1e-9)
        # Symmetric, it lies below the score interval at both ends.
        low, high = koopman_limits(case.successes, case.units, critical=Z)
        assert theirs["ci"][0] < low, case.name
        assert theirs["ci"][1] < high, case.name
        met += 1
    assert met > 15


def test_always_valid_intervals_are_met_for_lift_and_difference_at_either_tuning() -> None:
    inputs, met = golden("cases")["proportions"], 0
    for name, each in golden("anytime_valid")["cases"].items():
        x_c, n_c, x_t, n_t = (inputs[name][key] for key in ("x_c", "n_c", "x_t", "n_t"))
        log_ratio = LogRatio(
            math.log((x_t / n_t) / (x_c / n_c)), 1 / x_t - 1 / n_t + 1 / x_c - 1 / n_c
        )
        plain = LogRatio(
            x_t / n_t - x_c / n_c,
            sum(x / n * (1 - x / n) / n for x, n in ((x_c, n_c), (x_t, n_t))),
        )
        for key, tuned_at in (("asympcs_tp5000", 5000), ("asympcs_tpN", n_c + n_t)):
            expected, units = each[key], n_c + n_t
            seen = always_valid(log_ratio, units, tuned_at=tuned_at, alpha=0.05)
            assert [seen.ci_low, seen.ci_high] == pytest.approx(expected["lift_ci_log"], rel=1e-9)
            assert seen.p_value == pytest.approx(expected["p_log"], rel=1e-9, abs=1e-300), name
            difference = running_ends(
                plain.estimate, plain.variance, units, tuned_at=tuned_at, alpha=0.05
            )
            assert list(difference) == pytest.approx(expected["diff_ci"], rel=1e-9), name
            p_value = always_valid_p(plain, units, tuned_at=tuned_at, alpha=0.05)
            assert p_value == pytest.approx(expected["p_diff"], rel=1e-9, abs=1e-300), name
            met += 1
    assert met == 38


def test_gbstats_0_8_0_has_the_same_sequence_for_the_difference(cases: list[Case]) -> None:
    released, met = golden("gbstats_0_8_0")["cases"], 0
    for case in filter(lambda case: case.name in released, cases):
        contrast = proportion.compare(*case.arms(), alpha=0.05)
        estimate, variance = contrast.absolute.estimate, contrast.variance
        if isinstance(estimate, Absent) or isinstance(variance, Absent):
            continue
        found = running_ends(estimate, variance, sum(case.units), tuned_at=5000, alpha=0.05)
        theirs = released[case.name]["seq5000_absolute"]["ci"]
        assert list(found) == pytest.approx(theirs, rel=1e-9), case.name
        met += 1
    assert met > 10
