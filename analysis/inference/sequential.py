"""Always-valid interval for the lift: true at every look, however often anyone looks.

Normal-mixture confidence sequence on the log ratio, Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas
2024 (arxiv.org/abs/2103.06476). It is asymptotic, so each test hands over a log ratio only once
its counts are large enough.
"""

import math

from analysis.distributions import SMALLEST_P, lift_of
from analysis.report import Absent, LogRatio, Sequential


def mixture_precision(tuned_at: int, alpha: float) -> float:
    """Squared rho that makes the interval sharpest when `tuned_at` units have come."""
    bits = -2 * math.log(alpha)
    return (bits + math.log(bits + 1)) / tuned_at


def half_width(variance: float, units: int, *, tuned_at: int, alpha: float) -> float:
    """Half-width of the interval around an estimate, such as the log ratio.

    `sqrt(V * 2(N rho^2 + 1)/(N rho^2) * ln(sqrt(N rho^2 + 1)/alpha))`

    Args:
        variance: Variance V of the estimate at this look.
        units: Units N of both variants together at this look.
        tuned_at: Planned N, fixed before the data came.
        alpha: Two-sided chance that the interval ever misses.
    """
    gathered = units * mixture_precision(tuned_at, alpha)
    bound = math.log(math.sqrt(gathered + 1) / alpha)
    return math.sqrt(variance * 2 * (gathered + 1) / gathered * bound)


def running_ends(
    estimate: float, variance: float, units: int, *, tuned_at: int, alpha: float
) -> tuple[float, float]:
    """Ends of the always-valid interval around an estimate that is near normal."""
    margin = half_width(variance, units, tuned_at=tuned_at, alpha=alpha)
    return estimate - margin, estimate + margin


def always_valid_p(log_ratio: LogRatio, units: int, *, tuned_at: int, alpha: float) -> float:
    """P-value that may be read at every look: below alpha exactly when the interval excludes 0.

    `min(1, sqrt(N rho^2 + 1) exp(-rho^2 N Z^2 / (2(N rho^2 + 1))))`, Z the log ratio over its
    standard error.
    """
    gathered = units * mixture_precision(tuned_at, alpha)
    squared_z = log_ratio.estimate**2 / log_ratio.variance
    evidence = math.log(gathered + 1) / 2 - gathered * squared_z / (2 * (gathered + 1))
    return min(1.0, max(math.exp(min(evidence, 0.0)), SMALLEST_P))


def always_valid(
    log_ratio: LogRatio | Absent, units: int, *, tuned_at: int, alpha: float
) -> Sequential:
    """Interval and p-value for the lift; absent where the log ratio is."""
    if isinstance(log_ratio, Absent):
        return Sequential.absent(log_ratio.reason)
    if log_ratio.variance <= 0:
        return Sequential.absent("the values do not vary, so there is nothing to test")
    low, high = running_ends(
        log_ratio.estimate, log_ratio.variance, units, tuned_at=tuned_at, alpha=alpha
    )
    p_value = always_valid_p(log_ratio, units, tuned_at=tuned_at, alpha=alpha)
    return Sequential(
        ci_low=lift_of(low),
        ci_high=lift_of(high),
        p_value=p_value,
        adjusted_p_value=p_value,
    )
