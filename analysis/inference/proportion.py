"""Two proportions: score test, Mee interval for the difference, Koopman interval for the lift.

All three invert one statistic, so a report never shows p < alpha beside an interval that holds 0.
With few conversions the p-value comes from an exact test instead, and a label says so.
"""

import math

from analysis.aggregates import Aggregates
from analysis.distributions import boschloo_p, fisher_mid_p, normal_p, normal_quantile
from analysis.errors import InvalidAggregates
from analysis.inference.score import difference, koopman_limits, mee_limits
from analysis.report import Absent, Contrast, Estimate, Label, LogRatio, Number

# An arm with fewer conversions or non-conversions leaves the normal approximation.
FEW = 10
# Boschloo's test enumerates every table; above this total it costs seconds.
BOSCHLOO_UNITS = 1_000
# Below this many in an arm the always-valid sequence, which is asymptotic, is not shown.
MANY = 50
_FEW = Absent(f"needs {MANY} conversions and {MANY} units without one in both variants")

SCORE, BOSCHLOO, MID_P = "score test", "Boschloo's exact test", "Fisher's exact test, mid-p"


def value(arm: Aggregates) -> Number:
    """Conversion rate: units that converted over units."""
    if arm.units == 0:
        return Absent("no unit was exposed yet")
    return _conversions(arm) / arm.units


def compare(control: Aggregates, treatment: Aggregates, *, alpha: float) -> Contrast:
    """Score test with Mee's and Koopman's intervals, or an exact test where counts are small.

    Args:
        control: Aggregates of 0/1 outcomes.
        treatment: The same for the variant under test.
        alpha: Two-sided level, in (0, 1).

    Raises:
        InvalidAggregates: If the totals are not whole numbers of units, at most one per unit.
    """
    successes = _conversions(control), _conversions(treatment)
    units = control.units, treatment.units
    if 0 in units:
        gap = Absent("a variant has no units yet")
        nothing = Estimate(gap, gap, gap)
        return Contrast(SCORE, nothing, nothing, gap, gap, gap, (Label.TOO_FEW_CONVERSIONS,))
    few = min(_scarcest(x, n) for x, n in zip(successes, units, strict=True)) < FEW
    test, p_value = _exact_test(successes, units) if few else (SCORE, score_p(successes, units))
    return Contrast(
        test=test,
        absolute=_difference(successes, units, alpha),
        relative=_lift(successes, units, alpha),
        p_value=p_value,
        log_ratio=_log_ratio(successes, units),
        variance=_variance(successes, units),
        labels=(Label.TOO_FEW_CONVERSIONS,) if few else (),
    )


def score_p(successes: tuple[int, int], units: tuple[int, int]) -> float:
    """P-value of the pooled z-test without continuity correction, (control, treatment).

    Undefined, and never asked for, where nobody or everybody converted.
    """
    converted, total = sum(successes), sum(units)
    # Whole numbers as long as possible: near 0 and 1 a rate's complement has few digits left.
    variance = converted * (total - converted) / (total * units[0] * units[1])
    return normal_p(difference(successes, units) / math.sqrt(variance))


def _conversions(arm: Aggregates) -> int:
    if arm.total != arm.total_squares or arm.total != int(arm.total) or arm.total > arm.units:
        raise InvalidAggregates(
            f"a proportion counts each unit as 0 or 1: total {arm.total}, "
            f"total_squares {arm.total_squares}, units {arm.units}"
        )
    return int(arm.total)


def _scarcest(x: int, n: int) -> int:
    return min(x, n - x)


def _exact_test(successes: tuple[int, int], units: tuple[int, int]) -> tuple[str, Number]:
    if sum(units) <= BOSCHLOO_UNITS:
        return BOSCHLOO, boschloo_p(successes, units)
    if sum(successes) in (0, sum(units)):
        outcome = "nobody" if sum(successes) == 0 else "everybody"
        return MID_P, Absent(f"{outcome} converted in either variant, so there is nothing to test")
    return MID_P, fisher_mid_p(successes, units)


def _difference(successes: tuple[int, int], units: tuple[int, int], alpha: float) -> Estimate:
    low, high = mee_limits(successes, units, critical=normal_quantile(alpha))
    return Estimate(difference(successes, units), low, high)


def _lift(successes: tuple[int, int], units: tuple[int, int], alpha: float) -> Estimate:
    low, high = koopman_limits(successes, units, critical=normal_quantile(alpha))
    if successes[0] == 0:
        return Estimate(Absent("the control has no conversions to compare with"), low, high)
    return Estimate(difference(successes, units) / (successes[0] / units[0]), low, high)


def _few_conversions(successes: tuple[int, int], units: tuple[int, int]) -> bool:
    return min(_scarcest(x, n) for x, n in zip(successes, units, strict=True)) < MANY


def _variance(successes: tuple[int, int], units: tuple[int, int]) -> Number:
    if _few_conversions(successes, units):
        return _FEW
    return sum(x / n * (1 - x / n) / n for x, n in zip(successes, units, strict=True))


def _log_ratio(successes: tuple[int, int], units: tuple[int, int]) -> LogRatio | Absent:
    if _few_conversions(successes, units):
        return _FEW
    rates = [x / n for x, n in zip(successes, units, strict=True)]
    variance = sum(1 / x - 1 / n for x, n in zip(successes, units, strict=True))
    return LogRatio(math.log(rates[1] / rates[0]), variance)
