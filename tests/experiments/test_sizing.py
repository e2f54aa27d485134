"""The units of a plan, against the independent formula that analysis uses."""

import pytest
from statsmodels.stats.proportion import samplesize_proportions_2indep_onetail

from analysis.power import Schedule
from experiments.plan import Spending
from experiments.sizing import look_cost, units_needed


@pytest.mark.parametrize("baseline", [0.02, 0.1, 0.4, 0.55])
@pytest.mark.parametrize("lift", [0.03, 0.1, 0.4])
@pytest.mark.parametrize("power", [0.8, 0.9])
def test_two_equal_variants_need_what_statsmodels_says(
    baseline: float, lift: float, power: float
) -> None:
    each = samplesize_proportions_2indep_onetail(
        baseline * lift, baseline, power, alpha=0.05, alternative="two-sided"
    )
    found = units_needed(
        baseline=baseline, lift=lift, alpha=0.05, power=power, control=0.5, variant=0.5
    )
    assert found == pytest.approx(2 * each, rel=1e-6, abs=1)


def test_uneven_variants_need_what_statsmodels_says() -> None:
    control = samplesize_proportions_2indep_onetail(
        0.05, 0.5, 0.8, ratio=0.25, alpha=0.05, alternative="two-sided"
    )
    found = units_needed(baseline=0.5, lift=0.1, alpha=0.05, power=0.8, control=0.8, variant=0.2)
    assert found == pytest.approx(control * 1.25, rel=0.02)


@pytest.mark.parametrize("spending", Spending)
@pytest.mark.parametrize("looks", [2, 3, 5, 10, 28])
def test_planned_looks_cost_what_the_exact_integration_says(spending: Spending, looks: int) -> None:
    exact = Schedule.planned(looks, spending, 0.05).inflation(alpha=0.05, power=0.8)
    assert look_cost(spending, looks) == pytest.approx(exact, abs=0.004)


def test_one_look_costs_nothing() -> None:
    assert [look_cost(spending, 1) for spending in Spending] == [1, 1, 1]
