"""How many units an experiment needs, and what a given number of units can show."""

import math
from dataclasses import dataclass
from itertools import accumulate
from statistics import NormalDist

from analysis.aggregates import Aggregates
from analysis.distributions import normal_quantile, root
from analysis.errors import InvalidPlan
from analysis.inference.group_sequential import Design, stopping
from analysis.inference.sequential import half_width
from experiments.plan import Spending

# Lifts are searched between these parts of the largest one possible.
_SEARCH = 1e-9, 1 - 1e-9


@dataclass(frozen=True, slots=True)
class Schedule:
    """When an experiment may end.

    Attributes:
        fractions: Of the planned units at each look, rising to 1.
        bounds: The |z| at which each look stops.
    """

    fractions: tuple[float, ...]
    bounds: tuple[float, ...]

    @classmethod
    def once(cls, alpha: float) -> "Schedule":
        """One look, at the end."""
        return cls((1.0,), (normal_quantile(alpha),))

    @classmethod
    def planned(cls, looks: int, spending: Spending, alpha: float) -> "Schedule":
        """Looks at equal parts of the planned units, which share alpha (Lan & DeMets 1983)."""
        fractions = _equal_parts(looks)
        return cls(fractions, Design(fractions, spending).bounds(alpha))

    @classmethod
    def always_valid(cls, looks: int, alpha: float) -> "Schedule":
        """The mixture sequence, tuned at the planned units and read so many times."""
        fractions = _equal_parts(looks)
        return cls(
            fractions,
            tuple(
                # Of a z the variance is 1, and the sequence knows units by their share alone.
                half_width(1.0, number, tuned_at=looks, alpha=alpha)
                for number in range(1, looks + 1)
            ),
        )

    @classmethod
    def peeking(cls, looks: int, alpha: float) -> "Schedule":
        """What nobody should do: the test of one look, read so many times."""
        return cls(_equal_parts(looks), (normal_quantile(alpha),) * looks)

    def power(self, drift: float) -> float:
        """Chance to end at an upper bound.

        Args:
            drift: Mean of z at the last look.
        """
        return math.fsum(above for above, _ in stopping(self.fractions, self.bounds, drift=drift))

    @property
    def false_alarms(self) -> float:
        """Chance to end at any bound where nothing differs."""
        return math.fsum(map(sum, stopping(self.fractions, self.bounds, drift=0.0)))

    def inflation(self, *, alpha: float, power: float) -> float:
        """Units at most, over those of one look at the end with the same power.

        Jennison & Turnbull 2000, Group Sequential Methods, sections 2.3 and 7.2.

        Args:
            alpha: Two-sided chance of a false alarm of the one look.
            power: Of both, above alpha and below 1.
        """
        one_look = _quantiles(alpha, power)
        drift = root(lambda drift: self.power(drift) - power, 0.0, 3 * max(one_look, 3.0))
        return (drift / one_look) ** 2

    def course(self, *, alpha: float, power: float) -> "Course":
        """How many of the planned units come before the end where the effect is real.

        Args:
            alpha: As of `inflation`.
            power: As of `inflation`.
        """
        one_look = _quantiles(alpha, power)
        drift = one_look * math.sqrt(self.inflation(alpha=alpha, power=power))
        ended = list(map(sum, stopping(self.fractions, self.bounds, drift=drift)))
        # At the last look every experiment ends, at a bound or not.
        ended[-1] = 1 - math.fsum(ended[:-1])
        mean = math.fsum(f * chance for f, chance in zip(self.fractions, ended, strict=True))
        so_far = zip(self.fractions, accumulate(ended), strict=True)
        return Course(mean, next(f for f, chance in so_far if chance >= _NEARLY_ALL))


@dataclass(frozen=True, slots=True)
class Course:
    """Shares of the planned units that have come when an experiment ends.

    Attributes:
        mean: On average.
        nearly_all: That nine of ten experiments do not need more of.
    """

    mean: float
    nearly_all: float


_NEARLY_ALL = 0.9


def _equal_parts(looks: int) -> tuple[float, ...]:
    return tuple(number / looks for number in range(1, looks + 1))


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


def sample_size_of_mean(
    mean: float, deviation: float, lift: float, *, alpha: float = 0.05, power: float = 0.8
) -> int:
    """Units per variant for two equal variants to show a lift of a mean.

    `2 (z_{a/2} + z_b)^2 (deviation / (mean lift))^2`, the usual normal approximation.

    Args:
        mean: Of the values per unit on the control, zeros included, above 0.
        deviation: Their standard deviation, above 0; of a ratio that of `(s - R a) / mean a`.
        lift: Relative change to detect, not 0.
        alpha: Two-sided chance of a false alarm, in (0, 1).
        power: Chance of finding the lift when it is there, above alpha and below 1.

    Raises:
        InvalidPlan: If an argument is out of its range.
    """
    _refuse_chances(alpha, power)
    if not (mean > 0 and deviation > 0 and lift):
        raise InvalidPlan("mean, deviation: must be above 0; lift: must not be 0")
    return math.ceil(2 * (_quantiles(alpha, power) * deviation / (mean * lift)) ** 2)


def lift_of_mean(
    mean: float,
    deviation: float,
    units_per_variant: float,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
) -> float:
    """Smallest gain of a mean, as a lift, that `units_per_variant` units show: the other way.

    Args:
        mean: As of `sample_size_of_mean`.
        deviation: As of `sample_size_of_mean`.
        units_per_variant: Units in each of two equal variants, above 0.
        alpha: Two-sided chance of a false alarm, in (0, 1).
        power: Chance of finding the lift when it is there, above alpha and below 1.

    Raises:
        InvalidPlan: If an argument is out of its range.
    """
    _refuse_chances(alpha, power)
    if min(mean, units_per_variant) <= 0 or deviation < 0:
        raise InvalidPlan(f"a lift over a mean of {mean:g} says nothing")
    return _quantiles(alpha, power) * math.sqrt(2 / units_per_variant) * deviation / mean


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
    variance = max(arm.total_squares - arm.units * mean**2, 0.0) / (arm.units - 1)
    return lift_of_mean(mean, math.sqrt(variance), units_per_variant, alpha=alpha, power=power)


def _quantiles(alpha: float, power: float) -> float:
    return normal_quantile(alpha) + NormalDist().inv_cdf(power)


def _refuse_levels(baseline: float, alpha: float, power: float) -> None:
    if not 0 < baseline < 1:
        raise InvalidPlan(f"baseline: {baseline} must be above 0 and below 1")
    _refuse_chances(alpha, power)


def _refuse_chances(alpha: float, power: float) -> None:
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
