"""Ratio of two sums, e.g. approvals per attempt, with units as clusters: the delta method.

Deng, Knoblich & Lu 2018 (arxiv.org/abs/1803.06336). A visitor who tries twice is one visitor, so
the variance is taken over visitors and never over attempts. It is estimated, so its quantiles are
Student's with Welch and Satterthwaite's degrees of freedom: at ten units an arm the normal ones
give false alarms in 8 % of the cases at alpha 0.05.
"""

import math
from collections.abc import Sequence

from analysis.aggregates import Aggregates
from analysis.distributions import lift_of, student_p, student_quantile
from analysis.inference.mean import MANY, above_zero, few_values, too_few_units, welch_degrees
from analysis.report import Absent, Contrast, Estimate, Label, LogRatio, Number

DELTA = "delta method over units"
_FEW = Absent(f"needs values from the equal of {MANY} units in both variants")


def value(arm: Aggregates) -> Number:
    """Total over base total."""
    return arm.total / arm.base_total if arm.base_total else Absent("the base of the ratio is zero")


def compare(control: Aggregates, treatment: Aggregates, *, alpha: float) -> Contrast:
    """Difference and lift of two ratios with their delta-method intervals.

    Args:
        control: All six sums of numerator and denominator over units.
        treatment: The same for the variant under test.
        alpha: Two-sided level, in (0, 1).
    """
    arms, labels = (control, treatment), too_few_units(control, treatment)
    if min(arm.units for arm in arms) < 2:
        return _nothing("a ratio needs at least two units in each variant", labels)
    if min(arm.base_total for arm in arms) <= 0:
        return _nothing("the base of the ratio is zero in a variant", labels)
    ratios = [arm.total / arm.base_total for arm in arms]
    errors = [variance_of_ratio(arm) for arm in arms]
    if sum(errors) == 0:
        return _nothing("the ratio is the same for every unit, so there is nothing to test", labels)
    difference, error = ratios[1] - ratios[0], math.sqrt(sum(errors))
    degrees = welch_degrees(errors, arms)
    margin = student_quantile(alpha, degrees) * error
    log_ratio = _log_ratio(ratios, errors, arms)
    return Contrast(
        test=DELTA,
        absolute=Estimate(difference, difference - margin, difference + margin),
        relative=_lift(ratios, errors, arms, alpha=alpha),
        p_value=student_p(difference / error, degrees),
        log_ratio=_FEW if few_values(*arms) else log_ratio,
        variance=_FEW if few_values(*arms) else error**2,
        labels=labels,
    )


def variance_of_ratio(arm: Aggregates) -> float:
    """Squared standard error of total over base total, with units as clusters.

    `Var(R) = [sum (s_i - R a_i)^2 / (n - 1)] / (n mean(a)^2)`, from six sums alone.
    """
    ratio = arm.total / arm.base_total
    residuals = arm.total_squares - 2 * ratio * arm.cross + ratio**2 * arm.base_squares
    mean_base = arm.base_total / arm.units
    scale = arm.total_squares + ratio**2 * arm.base_squares
    # What is left of the squares after cancelling is rounding error, not spread.
    residuals = residuals if residuals > 1e-10 * scale else 0.0
    return residuals / (arm.units - 1) / (arm.units * mean_base**2)


def _nothing(reason: str, labels: tuple[Label, ...]) -> Contrast:
    gap, nothing = Absent(reason), Estimate.absent(reason)
    return Contrast(DELTA, nothing, nothing, gap, gap, gap, labels)


def _log_ratio(
    ratios: Sequence[float], errors: Sequence[float], arms: Sequence[Aggregates]
) -> LogRatio | Absent:
    if not all(map(above_zero, arms)):
        return Absent("a lift needs ratios above zero in both variants")
    return LogRatio(math.log(ratios[1] / ratios[0]), sum(_of_logarithms(ratios, errors)))


def _of_logarithms(ratios: Sequence[float], errors: Sequence[float]) -> list[float]:
    return [error / ratio**2 for error, ratio in zip(errors, ratios, strict=True)]


def _lift(
    ratios: Sequence[float], errors: Sequence[float], arms: Sequence[Aggregates], *, alpha: float
) -> Estimate:
    log_ratio = _log_ratio(ratios, errors, arms)
    if isinstance(log_ratio, Absent):
        return Estimate.absent(log_ratio.reason)
    # The logarithms have errors of their own, and so degrees of their own, as with means.
    degrees = welch_degrees(_of_logarithms(ratios, errors), arms)
    margin = student_quantile(alpha, degrees) * math.sqrt(log_ratio.variance)
    ends = [lift_of(log_ratio.estimate + sign * margin) for sign in (0, -1, 1)]
    return Estimate(*ends)
