"""How many units an experiment needs, and what a given number of units can show."""

import math
from statistics import NormalDist

from analysis.aggregates import Aggregates
from analysis.distributions import root
from analysis.errors import InvalidPlan

# Lifts are searched between these parts of the largest one possible.
_SEARCH = 1e-9, 1 - 1e-9


def sample_size(baseline: float, lift: float, *, alpha: float = 0.05, power: float = 0.8) -> int:
    """Units per variant for two equal variants to show a lift of a proportion.

    Fleiss, Levin & Paik 2003: pooled variance under no difference, unpooled under the lift, no
    continuity correction; computed by statsmodels' `samplesize_proportions_2indep_onetail`.

    Args:
        baseline: Control's conversion rate, in (0, 1).
        lift: Relative change to detect, not 0; `baseline * (1 + lift)` must be in (0, 1).
        alpha: Two-sided chance of a false alarm, in (0, 1).
        power: Chance of finding the lift when it is there, above alpha and below 1.

    Raises:
        InvalidPlan: If an argument is out of its range.
    """
    _refuse_levels(baseline, alpha, power)
    if lift == 0 or not 0 < baseline * (1 + lift) < 1:
        raise InvalidPlan(f"lift: {lift} must not be 0, nor lead out of (0, 1) from {baseline}")
    return math.ceil(_fleiss(baseline, lift, alpha, power))


def detectable_lift(
    baseline: float, units_per_variant: int, *, alpha: float = 0.05, power: float = 0.8
) -> float:
    """Smallest gain, as a lift, that `units_per_variant` units show with the given power.

    Args:
        baseline: Control's conversion rate, in (0, 1).
        units_per_variant: Units in each of two equal variants, at least 2.
        alpha: Two-sided chance of a false alarm, in (0, 1).
        power: Chance of finding the lift when it is there, above alpha and below 1.

    Raises:
        InvalidPlan: If an argument is out of its range, or so few units show no gain at all, not
            even one to a rate of 100 %.
    """
    _refuse_levels(baseline, alpha, power)
    if units_per_variant < 2:
        raise InvalidPlan(f"units_per_variant: {units_per_variant} must be at least 2")

    def surplus(lift: float) -> float:
        return math.log(_fleiss(baseline, lift, alpha, power) / units_per_variant)

    smallest, largest = (part * (1 - baseline) / baseline for part in _SEARCH)
    if surplus(largest) > 0:
        raise InvalidPlan(
            f"units_per_variant: {units_per_variant} units cannot show any gain over {baseline}"
        )
    return root(surplus, smallest, largest)


def detectable_lift_of_mean(
    arm: Aggregates, units_per_variant: float, *, alpha: float = 0.05, power: float = 0.8
) -> float:
    """Smallest gain of a mean, as a lift, that `units_per_variant` units show with the power.

    The usual normal approximation, with the variance that the values have today.

    Args:
        arm: Values as they are without the gain, of two units at least.
        units_per_variant: Units in each of two equal variants, at least 2.
        alpha: Two-sided chance of a false alarm, in (0, 1).
        power: Chance of finding the lift when it is there, above alpha and below 1.

    Raises:
        InvalidPlan: If an argument is out of its range, or the mean is not above 0.
    """
    if arm.units < 2 or units_per_variant < 2:
        raise InvalidPlan("units: two at least are needed on both sides")
    mean = arm.total / arm.units
    if mean <= 0:
        raise InvalidPlan(f"a lift over a mean of {mean:g} says nothing")
    variance = (arm.total_squares - arm.units * mean**2) / (arm.units - 1)
    normal = NormalDist()
    quantiles = normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(power)
    return quantiles * math.sqrt(2 * variance / units_per_variant) / mean


def _refuse_levels(baseline: float, alpha: float, power: float) -> None:
    if not 0 < baseline < 1:
        raise InvalidPlan(f"baseline: {baseline} must be above 0 and below 1")
    if not 0 < alpha < power < 1:
        raise InvalidPlan(f"alpha, power: need 0 < alpha < power < 1, not {alpha} and {power}")


def _fleiss(baseline: float, lift: float, alpha: float, power: float) -> float:
    # statsmodels takes seconds to load, and only planning needs it.
    from statsmodels.stats.proportion import (  # noqa: PLC0415 - loaded when first asked
        samplesize_proportions_2indep_onetail,
    )

    return float(
        samplesize_proportions_2indep_onetail(
            baseline * lift, baseline, power, alpha=alpha, alternative="two-sided"
        )
    )
