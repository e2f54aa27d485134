from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import proportion_effectsize

from analysis.aggregates import Aggregates
from analysis.errors import InvalidPlan
from analysis.inference import mean
from analysis.power import (
    Schedule,
    detectable_lift,
    detectable_lift_of_mean,
    lift_of_mean,
    sample_size,
    sample_size_of_mean,
)
from analysis.report import Absent
from experiments.plan import Spending

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


EQUAL = (0.2, 0.4, 0.6, 0.8, 1.0)
# Jennison & Turnbull 2000, tables 2.1 to 2.4: constants of five looks at alpha 0.05, and the ratio
# of their largest sample to that of one look, at power 0.8 and 0.9.
POCOCK = Schedule(EQUAL, (2.413,) * 5)
OBRIEN_FLEMING = Schedule(EQUAL, tuple(2.040 / math.sqrt(part) for part in EQUAL))


@pytest.mark.parametrize(
    ("schedule", "at_80", "at_90"), [(POCOCK, 1.229, 1.207), (OBRIEN_FLEMING, 1.028, 1.026)]
)
def test_published_costs_of_five_looks_are_met(
    schedule: Schedule, at_80: float, at_90: float
) -> None:
    assert schedule.false_alarms == pytest.approx(0.05, abs=1e-4)
    assert schedule.inflation(alpha=0.05, power=0.8) == pytest.approx(at_80, abs=1e-3)
    assert schedule.inflation(alpha=0.05, power=0.9) == pytest.approx(at_90, abs=1e-3)


@pytest.mark.parametrize(
    ("looks", "published"), [(1, 0.05), (2, 0.083), (5, 0.142), (10, 0.193), (20, 0.248)]
)
def test_the_published_cost_of_peeking_is_met(looks: int, published: float) -> None:
    """Armitage, McPherson & Rowe 1969, table 2."""
    assert Schedule.peeking(looks, 0.05).false_alarms == pytest.approx(published, abs=6e-4)


@pytest.mark.parametrize("spending", Spending)
def test_what_is_spent_over_planned_looks_is_alpha(spending: Spending) -> None:
    assert Schedule.planned(7, spending, 0.01).false_alarms == pytest.approx(0.01, rel=1e-9)


# Visitors per arm for a lift of 3.1 % by one look of the mixture sequence tuned at all of them.
MIXTURE = {
    0.02: (1_555_954, 1_929_120), 0.05: (603_023, 747_647), 0.10: (285_380, 353_823),
    0.30: (73_617, 91_273), 0.60: (20_677, 25_636),
}  # fmt: skip


@pytest.mark.parametrize("baseline", MIXTURE)
def test_the_published_sizes_of_the_mixture_sequence_are_met(baseline: float) -> None:
    once = Schedule.always_valid(1, 0.05)
    for power, published in zip((0.8, 0.9), MIXTURE[baseline], strict=True):
        units = sample_size(baseline, 0.031, power=power)
        assert units * once.inflation(alpha=0.05, power=power) == pytest.approx(published, rel=3e-4)


def test_reading_the_sequence_often_needs_fewer_units_and_raises_fewer_false_alarms() -> None:
    once, often = Schedule.always_valid(1, 0.05), Schedule.always_valid(28, 0.05)
    costs = [each.inflation(alpha=0.05, power=0.8) for each in (once, often)]
    assert costs[0] > costs[1] > 1.5
    assert 0.005 < often.false_alarms < 0.025


def test_one_look_costs_nothing_and_ends_at_the_end() -> None:
    once = Schedule.once(0.05)
    assert once.inflation(alpha=0.05, power=0.8) == pytest.approx(1, rel=1e-5)
    course = once.course(alpha=0.05, power=0.8)
    assert (course.mean, course.nearly_all) == (1, 1)


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule.planned(5, Spending.OBRIEN_FLEMING, 0.05),
        Schedule.planned(3, Spending.POCOCK, 0.05),
        Schedule.always_valid(10, 0.05),
    ],
)
def test_simulated_experiments_have_the_power_and_the_course_that_were_planned(
    schedule: Schedule,
) -> None:
    rng, runs = np.random.default_rng(41), 40_000
    inflation = schedule.inflation(alpha=0.05, power=0.8)
    drift = (1.959964 + 0.841621) * math.sqrt(inflation)
    parts = np.array(schedule.fractions)
    steps = np.diff(parts, prepend=0)
    walk = np.cumsum(rng.normal(drift * steps, np.sqrt(steps), (runs, len(steps))), axis=1)
    z = walk / np.sqrt(parts)
    beyond = np.abs(z) >= np.array(schedule.bounds)
    first = np.where(beyond.any(axis=1), beyond.argmax(axis=1), len(steps) - 1)
    won = (beyond.any(axis=1)) & (z[np.arange(runs), first] > 0)
    assert won.mean() == pytest.approx(0.8, abs=4 * math.sqrt(0.16 / runs))
    course = schedule.course(alpha=0.05, power=0.8)
    assert parts[first].mean() == pytest.approx(course.mean, abs=0.006)
    needed = (parts[first] <= course.nearly_all).mean()
    fewer = (parts[first] < course.nearly_all).mean()
    assert fewer < 0.9 <= needed + 0.005


def test_planned_looks_of_real_counts_have_the_power_they_were_sized_for() -> None:
    schedule = Schedule.planned(4, Spending.POCOCK, 0.05)
    inflation = schedule.inflation(alpha=0.05, power=0.8)
    each = math.ceil(sample_size(0.1, 0.15) * inflation / 4)
    rng, runs = np.random.default_rng(42), 20_000
    sold = [np.cumsum(rng.binomial(each, p, (runs, 4)), axis=1) for p in (0.1, 0.115)]
    units = each * np.arange(1, 5)
    pooled = (sold[0] + sold[1]) / (2 * units)
    z = (sold[1] - sold[0]) / units / np.sqrt(pooled * (1 - pooled) * 2 / units)
    won = (z >= np.array(schedule.bounds)).any(axis=1)
    assert won.mean() == pytest.approx(0.8, abs=0.012)


def test_a_mean_sized_by_its_deviation_is_found_as_often_as_planned() -> None:
    rng, runs, lift = np.random.default_rng(43), 1500, 0.2
    average, deviation = math.exp(0.18), math.exp(0.18) * math.sqrt(math.exp(0.36) - 1)
    units = sample_size_of_mean(average, deviation, lift)
    found = 0
    for _ in range(runs):
        arms = [rng.lognormal(0, 0.6, units) * (1 + gain) for gain in (0, lift)]
        sums = [Aggregates(units, float(y.sum()), float((y * y).sum())) for y in arms]
        p_value = mean.compare(*sums, alpha=0.05).p_value
        assert not isinstance(p_value, Absent)
        found += p_value < 0.05
    # A little less: the treatment's values vary more than the control's did.
    assert 0.72 < found / runs < 0.83
    assert lift_of_mean(average, deviation, units) == pytest.approx(lift, rel=0.01)


def test_the_lift_of_a_mean_is_the_same_by_its_values_and_by_its_deviation() -> None:
    values = np.array([0.0, 0, 3, 5, 2, 9])
    arm = Aggregates(6, float(values.sum()), float((values**2).sum()))
    by_deviation = lift_of_mean(float(values.mean()), float(values.std(ddof=1)), 400)
    assert detectable_lift_of_mean(arm, 400) == pytest.approx(by_deviation, rel=1e-12)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: sample_size_of_mean(0, 1, 0.1),
        lambda: sample_size_of_mean(1, 0, 0.1),
        lambda: sample_size_of_mean(1, 1, 0),
        lambda: sample_size_of_mean(1, 1, 0.1, power=0.01),
        lambda: lift_of_mean(0, 1, 10),
        lambda: lift_of_mean(1, 1, 0),
    ],
)
def test_a_mean_that_cannot_be_planned_is_refused(ask: Any) -> None:
    with pytest.raises(InvalidPlan):
        ask()
