"""Means, ratios, sample ratios, families and sizes against golden values of other implementations.

The same number, or a named reason; proportions have a module of their own.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
from scipy import stats

from analysis.aggregates import Aggregates
from analysis.distributions import normal_quantile
from analysis.inference import mean, ratio
from analysis.inference.group_sequential import Design
from analysis.multiplicity import benjamini_hochberg, holm
from analysis.power import sample_size
from analysis.report import Contrast, Estimate
from analysis.srm import check_sample_ratio, chi_square, log_e_value
from experiments.plan import Spending
from tests.shared_data import golden, needs_shared_data

pytestmark = needs_shared_data
MEAN_SUMS = ("n", "sum", "sum_sq")
RATIO_SUMS = ("n", "m_sum", "m_sq", "d_sum", "d_sq", "md")


def ends(estimate: Estimate) -> list[float]:
    return [float(str(estimate.ci_low)), float(str(estimate.ci_high))]


def near(value: Any) -> Any:
    return pytest.approx(value, rel=1e-9)


def means() -> dict[str, tuple[Contrast, dict[str, Any]]]:
    """Welch's test of every mean of `cases.json`, with what others say of it."""
    inputs, peers = golden("cases")["means"], golden("means_and_ratios")["means"]
    assert len(inputs) == 6
    return {
        name: (mean.compare(*(_arm(each[arm], MEAN_SUMS) for arm in "ct"), alpha=0.05), peers[name])
        for name, each in inputs.items()
    }


def ratios() -> dict[str, tuple[Contrast, dict[str, Any]]]:
    inputs, peers = golden("cases")["ratios"], golden("means_and_ratios")["ratios"]
    assert len(inputs) == 4
    return {
        name: (
            ratio.compare(*(_arm(each[arm], RATIO_SUMS) for arm in "ct"), alpha=0.05),
            peers[name],
        )
        for name, each in inputs.items()
    }


def _arm(sums: dict[str, float], names: tuple[str, ...]) -> Aggregates:
    units, *rest = (sums[name] for name in names)
    return Aggregates(int(units), *rest)


def test_the_committed_facts_are_those_of_the_golden_files(facts: dict[str, Any]) -> None:
    inputs, sizes = golden("cases"), golden("sample_size")["rows"]
    for kind, names in (("means", MEAN_SUMS), ("ratios", RATIO_SUMS)):
        for name, each in inputs[kind].items():
            for arm in "ct":
                assert facts[kind][name][arm] == [each[arm][key] for key in names], name
    assert facts["sample_size"] == [
        [row["baseline"], row["lift"], row["power"], row["pooled_null_fleiss"]] for row in sizes
    ]
    for name, each in golden("sample_ratio")["cases"].items():
        fact = facts["sample_ratio"][name]
        assert (fact["units"], fact["p"]) == (each["n"], each["scipy_chisquare"]), name
        assert fact["log_e"] == each["log_bayes_factor_k100_closed_form"], name


def test_welch_is_that_of_scipy_and_of_every_peer_that_has_it() -> None:
    for name, (found, peers) in means().items():
        assert found.p_value == near(peers["scipy_welch"]["p"]), name
        assert ends(found.absolute) == near(peers["welch_diff_ci"]), name
        for key in ("gbstats_absolute", "spotify_ttest_abs"):
            assert ends(found.absolute) == near(peers[key]["ci"]), (name, key)
            # Theirs is 1 - F, which has fewer digits left.
            assert peers[key]["p"] == pytest.approx(found.p_value, rel=1e-7), (name, key)


def test_the_lift_of_a_mean_is_that_of_tea_tasting_on_the_log_scale() -> None:
    for name, (found, peers) in means().items():
        theirs = peers["tea_tasting_mean"]
        assert found.relative.estimate == near(theirs["rel_effect_size"]), name
        interval = [theirs["rel_effect_size_ci_lower"], theirs["rel_effect_size_ci_upper"]]
        assert ends(found.relative) == near(interval), name


def test_student_pools_the_variances_that_welch_does_not() -> None:
    different = 0
    for name, (found, peers) in means().items():
        pooled, welch = peers["scipy_student"]["p"], found.p_value
        assert pooled == pytest.approx(welch, rel=0.02), name
        different += pooled != pytest.approx(welch, rel=1e-4)
    assert different > 2


def test_the_z_test_of_spotify_confidence_takes_the_normal_quantile_for_students() -> None:
    for name, (found, peers) in means().items():
        low, high = ends(found.absolute)
        theirs = peers["spotify_ztest_abs"]["ci"]
        assert low < theirs[0] < theirs[1] < high, name
        error = peers["gbstats_absolute"]["stddev"]
        assert theirs[1] - theirs[0] == near(2 * normal_quantile(0.05) * error), name


def test_gbstats_and_spotify_confidence_have_lifts_of_means_that_are_symmetric() -> None:
    for name, (found, peers) in means().items():
        lift, (low, high) = float(str(found.relative.estimate)), ends(found.relative)
        assert lift - low < high - lift, name
        for key in ("gbstats_relative", "spotify_ttest_rel"):
            their_low, their_high = peers[key]["ci"]
            assert lift - their_low == near(their_high - lift), (name, key)
        # And the second forgets the noise of the control.
        narrow, wide = (peers[key]["ci"] for key in ("spotify_ttest_rel", "gbstats_relative"))
        if lift > 0:
            assert narrow[1] - narrow[0] < wide[1] - wide[0], name


def test_the_delta_method_is_that_of_tea_tasting_and_gbstats() -> None:
    for name, (found, peers) in ratios().items():
        tea, gbstats = peers["tea_tasting_ratio_of_means"], peers["gbstats_ratio_absolute"]
        assert found.p_value == near(tea["pvalue"]), name
        assert found.p_value == near(gbstats["p"]), name
        assert ends(found.absolute) == near(gbstats["ci"]), name
        interval = [tea["rel_effect_size_ci_lower"], tea["rel_effect_size_ci_upper"]]
        assert ends(found.relative) == near(interval), name


def test_gbstats_has_a_lift_of_ratios_that_is_symmetric_so_it_lies_lower() -> None:
    for name, (found, peers) in ratios().items():
        theirs, (low, high) = peers["gbstats_ratio_relative"]["ci"], ends(found.relative)
        assert theirs[0] < low, name
        assert theirs[1] < high, name


def test_sample_ratios_are_those_of_scipy_gbstats_and_savvi() -> None:
    for name, each in golden("sample_ratio")["cases"].items():
        units = dict(zip("ct", each["n"], strict=True))
        shares = dict(zip("ct", each["expected"], strict=True))
        assert chi_square(units, shares) == near(each["scipy_chisquare"]), name
        assert chi_square(units, shares) == near(each["gbstats_check_srm"]), name
        log_e = log_e_value(units, shares)
        expected = each["log_bayes_factor_k100_closed_form"]
        assert log_e == pytest.approx(expected, rel=1e-8), name
        if isinstance(each["savvi_inverse_e"], float):
            assert math.exp(-log_e) == pytest.approx(each["savvi_inverse_e"], rel=1e-6), name
        checked = check_sample_ratio(units, shares)
        assert checked.sequential_p_value == pytest.approx(each["sequential_p_k100"], rel=1e-7)


def test_tea_tasting_corrects_the_sample_ratio_for_continuity_too() -> None:
    for name, each in golden("sample_ratio")["cases"].items():
        (a, b), corrected = each["n"], each["tea_tasting_default_corrected"]
        assert corrected > each["scipy_chisquare"], name
        z = max(abs(a - b) - 1, 0) / math.sqrt(a + b)
        assert corrected == pytest.approx(2 * stats.norm.sf(z), rel=1e-9), name


def test_adjusted_p_values_are_those_of_statsmodels_and_scipy() -> None:
    family = golden("multiplicity")
    assert holm(family["p"]) == near(family["statsmodels"]["holm"])
    assert benjamini_hochberg(family["p"]) == near(family["statsmodels"]["fdr_bh"])
    assert benjamini_hochberg(family["p"]) == near(family["scipy"]["bh"])


def test_bonferroni_and_hommel_bracket_holm() -> None:
    family = golden("multiplicity")["statsmodels"]
    found = holm(golden("multiplicity")["p"])
    for stricter, ours, looser in zip(family["bonferroni"], found, family["hommel"], strict=True):
        assert looser * (1 - 1e-9) <= ours <= stricter * (1 + 1e-9)


def test_sample_sizes_are_fleiss_and_tea_tasting_takes_the_controls_variance_twice() -> None:
    rows = golden("sample_size")["rows"]
    assert len(rows) == 110
    for row in rows:
        p, lift, power = row["baseline"], row["lift"], row["power"]
        found = sample_size(p, lift, power=power)
        assert found == row["pooled_null_fleiss"], row
        assert found == row["statsmodels_samplesize_proportions_2indep_onetail_twosided"], row
        quantiles = normal_quantile(0.05) + stats.norm.ppf(power)
        expected = quantiles**2 * 2 * p * (1 - p) / (p * lift) ** 2
        assert row["tea_tasting_z_per_arm"] == pytest.approx(expected, rel=1e-5, abs=2), row


def test_cohens_h_and_the_unpooled_formula_are_within_a_thousandth() -> None:
    for row in golden("sample_size")["rows"]:
        found = sample_size(row["baseline"], row["lift"], power=row["power"])
        for key in ("statsmodels_cohen_h", "unpooled"):
            assert row[key] == pytest.approx(found, rel=2e-3, abs=6), (key, row)


def test_obrien_flemings_bounds_are_those_of_each_side_and_not_of_both_together() -> None:
    """Both readings are in use; the one for both spends more early and leaves less for the end."""
    both = golden("lan_demets_bounds")["designs"]["obrien_fleming_total"]
    for looks, design in both.items():
        if int(looks) == 1:
            continue
        fractions = tuple((number + 1) / int(looks) for number in range(int(looks)))
        found = Design(fractions, Spending.OBRIEN_FLEMING).bounds(0.05)
        half = len(found) // 2
        assert design["z"][-1] > found[-1], looks
        assert all(theirs <= ours for theirs, ours in zip(design["z"][:half], found, strict=False))
