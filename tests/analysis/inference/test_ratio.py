from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from analysis.aggregates import Aggregates
from analysis.inference import ratio
from analysis.report import Absent, Label, LogRatio


def of(top: Any, base: Any) -> Aggregates:
    top, base = np.asarray(top, float), np.asarray(base, float)
    return Aggregates(
        len(top), top.sum(), (top**2).sum(), base.sum(), (base**2).sum(), (top * base).sum()
    )


def visitors(seed: int, count: int, rate: float) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    attempts = 1 + rng.geometric(0.55, count)
    return rng.binomial(attempts, rng.beta(9 * rate, 9 * (1 - rate), count)), attempts


def test_published_ratios_are_met(facts: dict[str, Any]) -> None:
    for name, fact in facts["ratios"].items():
        for arm, value, variance in zip("ct", fact["ratio"], fact["variance"], strict=True):
            sums = Aggregates(*fact[arm])
            assert ratio.value(sums) == pytest.approx(value, rel=1e-12), name
            assert sums.units * ratio.variance_of_ratio(sums) == pytest.approx(
                variance, rel=1e-9
            ), name


def test_the_variance_is_that_of_residuals_over_units() -> None:
    arms = [visitors(3, 900, 0.8), visitors(4, 1100, 0.85)]
    rates, errors = [], []
    for top, base in arms:
        rates.append(top.sum() / base.sum())
        residuals = top - rates[-1] * base
        errors.append((residuals**2).sum() / (len(top) - 1) / len(top) / base.mean() ** 2)
    result = ratio.compare(of(*arms[0]), of(*arms[1]), alpha=0.05)
    z = (rates[1] - rates[0]) / math.sqrt(sum(errors))
    degrees = sum(errors) ** 2 / (errors[0] ** 2 / 899 + errors[1] ** 2 / 1099)
    assert result.p_value == pytest.approx(2 * stats.t.sf(abs(z), degrees), rel=1e-9)
    logs = [error / rate**2 for error, rate in zip(errors, rates, strict=True)]
    of_logs = sum(logs) ** 2 / (logs[0] ** 2 / 899 + logs[1] ** 2 / 1099)
    margin = stats.t.ppf(0.975, of_logs) * math.sqrt(sum(logs))
    centre = math.log(rates[1] / rates[0])
    assert result.relative.ci_low == pytest.approx(math.exp(centre - margin) - 1, rel=1e-9)
    assert result.relative.ci_high == pytest.approx(math.exp(centre + margin) - 1, rel=1e-9)
    margin = stats.t.ppf(0.975, degrees) * math.sqrt(sum(errors))
    assert result.absolute.ci_high == pytest.approx(rates[1] - rates[0] + margin, rel=1e-9)
    assert isinstance(result.log_ratio, LogRatio)


def test_visitors_who_repeat_widen_the_interval_beyond_attempts_as_units() -> None:
    top, base = visitors(5, 2000, 0.8)
    clustered = ratio.variance_of_ratio(of(top, base))
    naive = 0.8 * 0.2 / base.sum()
    assert clustered > 1.1 * naive


def test_scaling_both_sums_changes_nothing() -> None:
    arms = [visitors(3, 90, 0.8), visitors(4, 110, 0.85)]
    plain = ratio.compare(*(of(t, b) for t, b in arms), alpha=0.05)
    scaled = ratio.compare(*(of(3 * t, 3 * b) for t, b in arms), alpha=0.05)
    assert scaled.p_value == pytest.approx(plain.p_value)
    assert scaled.relative.ci_low == pytest.approx(plain.relative.ci_low)


@pytest.mark.parametrize(
    ("control", "treatment", "reason"),
    [
        (([1], [1]), ([1, 2], [2, 2]), "two units"),
        (([0, 0], [0, 0]), ([1, 2], [2, 2]), "base of the ratio is zero"),
        (([1, 2], [1, 2]), ([2, 4], [2, 4]), "same for every unit"),
    ],
)
def test_a_ratio_that_cannot_be_tested_says_why(control: Any, treatment: Any, reason: str) -> None:
    result = ratio.compare(of(*control), of(*treatment), alpha=0.05)
    assert isinstance(result.p_value, Absent)
    assert reason in result.p_value.reason


def test_a_ratio_of_zero_has_a_difference_and_no_lift() -> None:
    result = ratio.compare(of([0, 0, 0], [1, 2, 1]), of([1, 0, 1], [1, 2, 2]), alpha=0.05)
    assert isinstance(result.relative.estimate, Absent)
    assert result.absolute.estimate == 0.4
    assert isinstance(ratio.value(of([0], [0])), Absent)


def test_a_ratio_that_is_what_rounding_left_of_refunds_has_no_lift() -> None:
    cancelled = Aggregates(3, 1e-96, 2.0, 3.0, 3.0, 0.0)
    result = ratio.compare(cancelled, of([1, 0, 1], [1, 2, 2]), alpha=0.05)
    assert isinstance(result.relative.estimate, Absent)
    assert not isinstance(result.absolute.estimate, Absent)


def test_a_ratio_over_few_units_is_labelled() -> None:
    few = ratio.compare(of([1, 0, 2], [1, 2, 2]), of([2, 1, 1], [2, 2, 1]), alpha=0.05)
    assert few.labels == (Label.TOO_FEW_UNITS,)
    arms = [of(*visitors(seed, 80, 0.8)) for seed in (1, 2)]
    assert ratio.compare(*arms, alpha=0.05).labels == ()
