from __future__ import annotations

from typing import Any

import pytest
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import proportion_effectsize

from analysis.errors import InvalidPlan
from analysis.power import detectable_lift, sample_size

# Visitors per arm for a lift of 3.1 %, at 80 and 90 % power.
PUBLISHED = {
    0.02: (812_555, 1_087_779), 0.03: (536_088, 717_669), 0.05: (314_914, 421_580),
    0.08: (190_504, 255_031), 0.10: (149_034, 199_514), 0.15: (93_741, 125_492),
    0.20: (66_094, 88_481), 0.30: (38_448, 51_470), 0.40: (24_624, 32_964),
    0.50: (16_330, 21_861), 0.60: (10_801, 14_459),
}  # fmt: skip


@pytest.mark.parametrize("baseline", PUBLISHED)
def test_the_published_table_for_a_lift_of_3_1_percent_is_met(baseline: float) -> None:
    at_80, at_90 = PUBLISHED[baseline]
    assert sample_size(baseline, 0.031, power=0.8) == at_80
    assert sample_size(baseline, 0.031, power=0.9) == at_90


def test_every_published_sample_size_is_met(facts: dict[str, Any]) -> None:
    assert len(facts["sample_size"]) == 110
    for baseline, lift, power, units in facts["sample_size"]:
        assert sample_size(baseline, lift, power=power) == units


def test_cohens_h_asks_for_nearly_as_many() -> None:
    effect = proportion_effectsize(0.1 * 1.05, 0.1)
    units = NormalIndPower().solve_power(effect_size=effect, alpha=0.05, power=0.8)
    assert sample_size(0.1, 0.05) == pytest.approx(units, rel=1e-3)


@pytest.mark.parametrize(("baseline", "lift"), [(0.02, 0.031), (0.3, 0.1), (0.9, 0.05)])
def test_the_detectable_lift_undoes_the_sample_size(baseline: float, lift: float) -> None:
    units = sample_size(baseline, lift, alpha=0.01, power=0.9)
    assert detectable_lift(baseline, units, alpha=0.01, power=0.9) == pytest.approx(lift, rel=1e-3)
    assert detectable_lift(baseline, units, alpha=0.01, power=0.9) <= lift


def test_a_loss_needs_units_too() -> None:
    assert sample_size(0.1, -0.05) > 50_000


@pytest.mark.parametrize(
    ("ask", "field"),
    [
        (lambda: sample_size(0.0, 0.1), "baseline"),
        (lambda: sample_size(1.0, 0.1), "baseline"),
        (lambda: sample_size(0.1, 0.0), "lift"),
        (lambda: sample_size(0.5, 1.0), "lift"),
        (lambda: sample_size(0.5, -1.0), "lift"),
        (lambda: sample_size(0.1, 0.1, alpha=0.9), "alpha, power"),
        (lambda: sample_size(0.1, 0.1, power=1.0), "alpha, power"),
        (lambda: detectable_lift(0.1, 1), "units_per_variant"),
        (lambda: detectable_lift(0.9, 5), "units_per_variant: 5 units cannot show any gain"),
    ],
)
def test_impossible_questions_are_refused_by_name(ask: Any, field: str) -> None:
    with pytest.raises(InvalidPlan, match=f"^{field}"):
        ask()
