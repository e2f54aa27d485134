"""Score intervals for two proportions: Mee 1984 (difference) and Koopman 1984 (ratio).

Each interval is the set of values that the score test, with its variance taken at the constrained
maximum likelihood, does not reject. Neither uses the factor N/(N - 1) of Miettinen & Nurminen, so
both agree with the pooled z-test exactly.
"""

import math
from collections.abc import Callable

from analysis.distributions import root

Pair = tuple[int, int]
# At a boundary estimate the score is 0/0; the search starts this far inside instead.
_INSIDE = 1e-12
# exp(30) units are more than anyone has, so beyond this ratio nothing changes sign.
_FAR = 30.0


def mee_limits(successes: Pair, units: Pair, *, critical: float) -> tuple[float, float]:
    """Limits of the difference treatment minus control, in [-1, 1].

    Args:
        successes: Conversions of (control, treatment).
        units: Units of (control, treatment), each at least 1.
        critical: z of the two-sided level, e.g. 1.96.
    """
    observed = successes[1] / units[1] - successes[0] / units[0]

    def excess(difference: float) -> float:
        error = math.sqrt(_difference_variance(difference, successes, units))
        return abs(observed - difference) - critical * error

    low = _crossing(excess, max(observed - _INSIDE, -1.0), -1.0)
    high = _crossing(excess, min(observed + _INSIDE, 1.0), 1.0)
    return low, high


def koopman_limits(successes: Pair, units: Pair, *, critical: float) -> tuple[float, float]:
    """Limits of the lift, treatment over control minus 1, in [-1, inf].

    Solved in the logarithm of the ratio. The lower end is -1 where treatment has no conversions,
    the upper end infinite where control has none.
    """
    rates = successes[0] / units[0], successes[1] / units[1]

    def excess(log_ratio: float) -> float:
        ratio = math.exp(log_ratio)
        error = math.sqrt(_ratio_variance(ratio, successes, units))
        return abs(rates[1] - ratio * rates[0]) - critical * error

    if min(successes) > 0:
        start = math.log(rates[1] / rates[0])
    else:
        start = _FAR if successes[1] > 0 else -_FAR
    low = math.exp(_outward(excess, start, -1)) - 1 if successes[1] > 0 else -1.0
    high = math.exp(_outward(excess, start, +1)) - 1 if successes[0] > 0 else math.inf
    return low, high


def constrained_control_rate(difference: float, successes: Pair, units: Pair) -> float:
    """Most likely control rate when treatment minus control is `difference`.

    Closed form of Farrington & Manning 1990: the middle root of the likelihood's cubic.
    """
    (x_c, x_t), (n_c, n_t), d = successes, units, difference
    total = n_c + n_t
    quadratic = (n_t + 2 * n_c) * d - total - x_t - x_c
    linear = (n_c * d - total - 2 * x_c) * d + x_t + x_c
    constant = x_c * d * (1 - d)
    shift = quadratic / (3 * total)
    c = shift**3 - quadratic * linear / (6 * total**2) + constant / (2 * total)
    b = math.copysign(math.sqrt(max(shift**2 - linear / (3 * total), 0.0)), c)
    angle = math.acos(min(1.0, max(-1.0, c / b**3))) if b else 0.0
    rate = 2 * b * math.cos((math.pi + angle) / 3) - shift
    return min(max(rate, 0.0, -d), 1.0, 1.0 - d)


def _difference_variance(difference: float, successes: Pair, units: Pair) -> float:
    control = constrained_control_rate(difference, successes, units)
    treatment = min(1.0, max(0.0, control + difference))
    return control * (1 - control) / units[0] + treatment * (1 - treatment) / units[1]


def _ratio_variance(ratio: float, successes: Pair, units: Pair) -> float:
    (x_c, x_t), (n_c, n_t) = successes, units
    a = (n_c + n_t) * ratio
    b = n_t * ratio + x_t + n_c + x_c * ratio
    c = x_t + x_c
    # The smaller root, written so that nothing cancels.
    control = min(1.0, 2 * c / (b + math.sqrt(max(b * b - 4 * a * c, 0.0))))
    treatment = min(1.0, ratio * control)
    return treatment * (1 - treatment) / n_t + ratio**2 * control * (1 - control) / n_c


def _crossing(excess: Callable[[float], float], inside: float, outside: float) -> float:
    if excess(inside) >= 0:
        return inside
    return root(excess, inside, outside)


def _outward(excess: Callable[[float], float], start: float, sign: int) -> float:
    step = 1e-3
    inside = start + sign * _INSIDE
    while excess(inside + sign * step) <= 0:
        inside += sign * step
        step *= 2
    return root(excess, inside, inside + sign * step)
