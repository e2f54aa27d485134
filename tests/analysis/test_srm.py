from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.report import Absent
from analysis.srm import check_sample_ratio, chi_square, log_e_value

HALVES = {"a": 0.5, "b": 0.5}


def test_published_sample_ratios_are_met(facts: dict[str, Any]) -> None:
    for name, fact in facts["sample_ratio"].items():
        units = dict(zip("ab", fact["units"], strict=True))
        assert chi_square(units, HALVES) == pytest.approx(fact["p"], rel=1e-9), name
        assert log_e_value(units, HALVES) == pytest.approx(fact["log_e"], rel=1e-8), name


@pytest.mark.parametrize(
    ("units", "shares"),
    [((480, 520), (0.5, 0.5)), ((90, 410, 505), (0.1, 0.4, 0.5)), ((1, 99), (0.02, 0.98))],
)
def test_scipy_agrees_for_any_number_of_variants_and_shares(
    units: tuple[int, ...], shares: tuple[float, ...]
) -> None:
    counted, designed = (
        dict(zip("abc", units, strict=False)),
        dict(zip("abc", shares, strict=False)),
    )
    expected = stats.chisquare(units, [share * sum(units) for share in shares]).pvalue
    assert chi_square(counted, designed) == pytest.approx(expected, rel=1e-9)


def test_the_e_value_is_the_ratio_of_two_predictions() -> None:
    # The Dirichlet-multinomial predicts each unit from those before it.
    shares, k = {"a": 0.3, "b": 0.7}, 100.0
    seen, logarithm = {"a": 0, "b": 0}, 0.0
    for variant in "abbbabbbaaab":
        predicted = (k * shares[variant] + seen[variant]) / (k + sum(seen.values()))
        logarithm += math.log(predicted / shares[variant])
        seen[variant] += 1
    assert log_e_value(seen, shares) == pytest.approx(logarithm, abs=1e-10)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 9))
def test_naming_the_variants_the_other_way_round_changes_nothing(
    a: int, b: int, tenths: int
) -> None:
    share = tenths / 10
    there = check_sample_ratio({"a": a, "b": b}, {"a": share, "b": 1 - share})
    back = check_sample_ratio({"b": b, "a": a}, {"b": 1 - share, "a": share})
    assert there == back


@pytest.mark.parametrize(
    ("units", "ok"),
    [((5000, 5000), True), ((4836, 5164), True), ((4835, 5165), False), ((1000, 9000), False)],
)
def test_the_alert_is_raised_below_one_in_a_thousand(units: tuple[int, int], ok: bool) -> None:  # noqa: FBT001 - a table's column
    checked = check_sample_ratio(dict(zip("ab", units, strict=True)), HALVES)
    assert checked.ok is ok
    assert (float(str(checked.p_value)) < 0.001) is not ok


def test_nobody_exposed_is_not_checked_and_says_so() -> None:
    checked = check_sample_ratio({"a": 0, "b": 0}, HALVES)
    assert checked.ok == Absent("no unit was exposed yet")


def test_the_running_check_stays_quiet_when_looked_at_every_day() -> None:
    rng = np.random.default_rng(11)
    alarms = 0
    for _ in range(1000):
        arrived = np.cumsum(rng.binomial(200, 0.5, 28))
        looks = [
            log_e_value({"a": int(n), "b": 200 * (day + 1) - int(n)}, HALVES)
            for day, n in enumerate(arrived)
        ]
        alarms += max(looks) > math.log(1 / 0.05)
    assert alarms / 1000 <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / 1000)


def test_the_running_check_finds_a_lasting_imbalance() -> None:
    checked = check_sample_ratio({"a": 9_400, "b": 10_600}, HALVES)
    assert float(str(checked.sequential_p_value)) < 0.001
