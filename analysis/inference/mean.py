"""Two means of values of any size, zeros included: Welch's test, lift on the log scale."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from analysis.aggregates import Aggregates
from analysis.distributions import lift_of, student_p, student_quantile
from analysis.report import Absent, Contrast, Estimate, Label, LogRatio, Number

WELCH = "Welch's t-test"
# Below this share of the squares, spread is rounding error of the sums and not of the world.
_NOISE = 1e-10
# One that paid among 10^12 has a millionth of the largest total that the squares allow.
_CANCELLED = 1e-12
# The always-valid sequence is asymptotic; the same floor as for conversions.
MANY = 50
# The usual floor for a mean to be near normal. Counted in effective units, because a mean over
# 1,000 visitors of whom three paid is a mean of three: at a split of 10 to 90 such means give
# false alarms in a fifth of the cases at alpha 0.05, and from 30 effective units on in 7 % at most.
ENOUGH = 30
_FEW = Absent(f"needs values from the equal of {MANY} units in both variants")


@dataclass(frozen=True, slots=True)
class _Arm:
    """Mean, and variance of that mean."""

    mean: float
    error: float


def value(arm: Aggregates) -> Number:
    """Mean per unit, units with nothing counted as zero."""
    return arm.total / arm.units if arm.units else Absent("no unit was exposed yet")


def compare(control: Aggregates, treatment: Aggregates, *, alpha: float) -> Contrast:
    """Welch's unequal-variance test and interval; the lift's interval is made on the log scale.

    Args:
        control: Aggregates of the value per unit, in the unit of the metric.
        treatment: The same for the variant under test.
        alpha: Two-sided level, in (0, 1).
    """
    labels = too_few_units(control, treatment)
    if min(control.units, treatment.units) < 2:
        return _nothing("a mean needs at least two units in each variant", labels)
    arms = _arm(control), _arm(treatment)
    if arms[0].error + arms[1].error == 0:
        return _nothing("the values do not vary, so there is nothing to test", labels)
    degrees = welch_degrees([arm.error for arm in arms], (control, treatment))
    error = math.sqrt(arms[0].error + arms[1].error)
    difference = arms[1].mean - arms[0].mean
    margin = student_quantile(alpha, degrees) * error
    return Contrast(
        test=WELCH,
        absolute=Estimate(difference, difference - margin, difference + margin),
        relative=_lift(arms, (control, treatment), alpha),
        p_value=student_p(difference / error, degrees),
        log_ratio=_log_ratio(arms, (control, treatment)),
        variance=_FEW if few_values(control, treatment) else error**2,
        labels=labels,
    )


def effective_units(arm: Aggregates) -> float:
    """How many equal units carry the total: conversions for 0/1 values, fewer for heavy tails."""
    return arm.total**2 / arm.total_squares if arm.total_squares else 0.0


def too_few_units(*arms: Aggregates) -> tuple[Label, ...]:
    """The label of arms of which one has fewer than `ENOUGH` effective units."""
    return (Label.TOO_FEW_UNITS,) if min(map(effective_units, arms)) < ENOUGH else ()


def few_values(*arms: Aggregates) -> bool:
    """Whether an arm has too few effective units for the always-valid sequence."""
    return min(map(effective_units, arms)) < MANY


def above_zero(arm: Aggregates) -> bool:
    """Whether its total is more than the rounding that gains and losses leave of each other."""
    return arm.total > _CANCELLED * math.sqrt(arm.units) * math.sqrt(arm.total_squares)


def welch_degrees(errors: Sequence[float], arms: Sequence[Aggregates]) -> float:
    """Welch and Satterthwaite's degrees of freedom of a sum of two squared errors."""
    spread = sum(e**2 / (arm.units - 1) for e, arm in zip(errors, arms, strict=True))
    return math.fsum(errors) ** 2 / spread


def _arm(sums: Aggregates) -> _Arm:
    deviations = sums.total_squares - sums.total**2 / sums.units
    if deviations <= _NOISE * sums.total_squares:
        deviations = 0.0
    return _Arm(sums.total / sums.units, deviations / (sums.units - 1) / sums.units)


def _nothing(reason: str, labels: tuple[Label, ...]) -> Contrast:
    gap, nothing = Absent(reason), Estimate.absent(reason)
    return Contrast(WELCH, nothing, nothing, gap, gap, gap, labels)


def _lift(arms: tuple[_Arm, _Arm], sums: tuple[Aggregates, Aggregates], alpha: float) -> Estimate:
    if not all(map(above_zero, sums)):
        return Estimate.absent("a lift needs means above zero in both variants")
    errors = [arm.error / arm.mean**2 for arm in arms]
    margin = student_quantile(alpha, welch_degrees(errors, sums)) * math.sqrt(sum(errors))
    ratio = arms[1].mean / arms[0].mean
    ends = [lift_of(math.log(ratio) + sign * margin) for sign in (-1, 1)]
    return Estimate(ratio - 1, *ends)


def _log_ratio(arms: tuple[_Arm, _Arm], sums: tuple[Aggregates, Aggregates]) -> LogRatio | Absent:
    if not all(map(above_zero, sums)):
        return Absent("a lift needs means above zero in both variants")
    if few_values(*sums):
        return _FEW
    return LogRatio(
        math.log(arms[1].mean / arms[0].mean), sum(arm.error / arm.mean**2 for arm in arms)
    )
