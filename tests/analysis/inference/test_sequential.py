from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.inference.sequential import (
    always_valid,
    always_valid_p,
    half_width,
    mixture_precision,
)
from analysis.report import Absent, LogRatio


def test_published_sequences_are_met(facts: dict[str, Any]) -> None:
    met = 0
    for name, fact in facts["proportions"].items():
        if fact["always_valid"] is None:
            continue
        x_c, n_c, x_t, n_t = fact["counts"]
        variance = 1 / x_t - 1 / n_t + 1 / x_c - 1 / n_c
        log_ratio = LogRatio(math.log((x_t / n_t) / (x_c / n_c)), variance)
        seen = always_valid(log_ratio, n_c + n_t, tuned_at=n_c + n_t, alpha=0.05)
        assert (seen.ci_low, seen.ci_high) == pytest.approx(
            fact["always_valid"]["lift"], rel=1e-9
        ), name
        assert seen.p_value == pytest.approx(fact["always_valid"]["p"], rel=1e-9), name
        met += 1
    assert met == 19


@given(
    st.floats(-2, 2), st.floats(1e-6, 1.0), st.integers(1, 10**7), st.integers(1, 10**7),
    st.sampled_from([0.01, 0.05, 0.1]),
)  # fmt: skip
def test_the_p_value_is_below_alpha_exactly_when_the_interval_excludes_no_lift(
    estimate: float, variance: float, units: int, tuned_at: int, alpha: float
) -> None:
    log_ratio = LogRatio(estimate, variance)
    p_value = always_valid_p(log_ratio, units, tuned_at=tuned_at, alpha=alpha)
    margin = half_width(variance, units, tuned_at=tuned_at, alpha=alpha)
    if abs(p_value - alpha) > 1e-9:
        assert (p_value < alpha) is (abs(estimate) > margin)
    assert 0 < p_value <= 1


def test_the_interval_is_sharpest_where_it_was_tuned() -> None:
    def relative_width(units: int, tuned_at: int) -> float:
        return half_width(1 / units, units, tuned_at=tuned_at, alpha=0.05)

    # The published rho is a close approximation of the sharpest one, not the exact minimum.
    best = min(range(1000, 41_000, 250), key=lambda n: relative_width(20_000, n))
    assert best == pytest.approx(20_000, rel=0.05)
    assert relative_width(20_000, 20_000) < 1.001 * relative_width(20_000, best)


def test_the_precision_follows_its_formula() -> None:
    expected = (-2 * math.log(0.05) + math.log(1 - 2 * math.log(0.05))) / 500
    assert mixture_precision(500, 0.05) == pytest.approx(expected, rel=1e-12)


def test_what_has_no_log_ratio_has_no_sequence_and_says_why() -> None:
    seen = always_valid(Absent("too few"), 10, tuned_at=10, alpha=0.05)
    assert seen.p_value == Absent("too few")
    assert isinstance(always_valid(LogRatio(0, 0), 10, tuned_at=10, alpha=0.05).ci_low, Absent)
