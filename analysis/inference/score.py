"""Score intervals for two proportions: Mee 1984 (difference) and Koopman 1984 (ratio).

Each interval is the set of values that the score test, with its variance taken at the constrained
maximum likelihood, does not reject. Neither uses the factor N/(N - 1) of Miettinen & Nurminen, so
both agree with the pooled z-test exactly.

Rates of one in a billion, or as near to 1, keep their digits: nothing here takes a rate from 1 that
could be counted, and no root is read off a formula whose rounding is as large as itself.
"""

import math
from collections.abc import Callable

from analysis.distributions import root

Pair = tuple[int, int]
# At a boundary estimate the score is 0/0; the search starts this far from it instead.
_BESIDE = 1e-30
# exp(30) units are more than anyone has, so beyond this ratio nothing changes sign.
_FAR = 30.0


def mee_limits(successes: Pair, units: Pair, *, critical: float) -> tuple[float, float]:
    """Limits of the difference treatment minus control, in [-1, 1].

    Args:
        successes: Conversions of (control, treatment).
        units: Units of (control, treatment), each at least 1.
        critical: z of the two-sided level, e.g. 1.96.
    """
    observed = difference(successes, units)

    def excess(value: float) -> float:
        error = math.sqrt(_difference_variance(value, successes, units))
        return abs(observed - value) - critical * error

    return _outward(excess, observed, -1.0), _outward(excess, observed, 1.0)


def koopman_limits(successes: Pair, units: Pair, *, critical: float) -> tuple[float, float]:
    """Limits of the lift, treatment over control minus 1, in [-1, inf].

    Solved in the logarithm of the ratio. The lower end is -1 where treatment has no conversions,
    the upper end infinite where control has none.
    """
    observed, control = difference(successes, units), successes[0] / units[0]

    def excess(log_ratio: float) -> float:
        error = math.sqrt(_ratio_variance(log_ratio, successes, units))
        return abs(observed - math.expm1(log_ratio) * control) - critical * error

    if min(successes) > 0:
        start = math.log1p(observed / control)
    else:
        start = _FAR if successes[1] > 0 else -_FAR
    low = math.expm1(_outward(excess, start, -math.inf)) if successes[1] > 0 else -1.0
    high = math.expm1(_outward(excess, start, math.inf)) if successes[0] > 0 else math.inf
    return low, high


def difference(successes: Pair, units: Pair) -> float:
    """Treatment's rate minus control's, to the last digit also where both are near 1."""
    (x_c, x_t), (n_c, n_t) = successes, units
    return (x_t * n_c - x_c * n_t) / (n_c * n_t)


def constrained_control_rate(value: float, successes: Pair, units: Pair) -> float:
    """Most likely control rate when treatment minus control is `value`."""
    if value >= 0:
        return _lower_rate(value, successes, units)
    return _lower_rate(-value, successes[::-1], units[::-1]) - value


def _difference_variance(value: float, successes: Pair, units: Pair) -> float:
    """The same counted the other way round, so that the lower arm's rate is what is solved for."""
    if value < 0:
        value, successes, units = -value, successes[::-1], units[::-1]
    if 2 * sum(successes) > sum(units):
        (x_c, x_t), (n_c, n_t) = successes, units
        successes, units = (n_t - x_t, n_c - x_c), (n_t, n_c)
    low = _lower_rate(value, successes, units)
    high = min(1.0, low + value)
    return low * (1 - low) / units[0] + high * (1 - high) / units[1]


def _lower_rate(value: float, successes: Pair, units: Pair) -> float:
    """Most likely rate of the first arm when the second's is higher by `value`, 0 or more.

    The middle root of the likelihood's cubic, which lies in [0, 1 - value]; one is below, one above
    (Farrington & Manning 1990). Their closed form errs by the rounding of the largest root, so that
    one is taken by it and divided out.
    """
    (x_c, x_t), (n_c, n_t), d = successes, units, value
    total = n_c + n_t
    quadratic = (n_t + 2 * n_c) * d - total - x_t - x_c
    linear = (n_c * d - total - 2 * x_c) * d + x_t + x_c
    constant = x_c * d * (1 - d)
    shift = quadratic / (3 * total)
    c = shift**3 - quadratic * linear / (6 * total**2) + constant / (2 * total)
    b = math.sqrt(max(shift**2 - linear / (3 * total), 0.0))
    angle = math.acos(min(1.0, max(-1.0, -c / b**3))) if b else 0.0
    turn = 0.0 if shift <= 0 else 2 * math.pi
    largest = 2 * b * math.cos((angle + turn) / 3) - shift
    if largest == 0:
        return 0.0
    rest = -constant / largest
    among = _upper_root if largest > 0 else _lower_root
    return min(max(among(total, (rest - linear) / largest, rest), 0.0), 1 - d)


def _upper_root(a: float, b: float, c: float) -> float:
    """Of a x^2 + b x + c with a above 0 and c at most 0, without cancelling."""
    spread = math.sqrt(b * b - 4 * a * c)
    return (spread - b) / (2 * a) if b <= 0 else -2 * c / (b + spread)


def _lower_root(a: float, b: float, c: float) -> float:
    """Of a x^2 + b x + c whose roots are not negative, without cancelling."""
    return 2 * c / (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) if c else 0.0


def _ratio_variance(log_ratio: float, successes: Pair, units: Pair) -> float:
    """Of treatment's rate minus ratio times control's."""
    if log_ratio > 0:
        # The arms change places; the statistic is the same one, divided by the ratio.
        swapped = _ratio_variance(-log_ratio, successes[::-1], units[::-1])
        return math.exp(2 * log_ratio) * swapped
    (x_c, x_t), (n_c, n_t), total = successes, units, sum(units)
    ratio, less = math.exp(log_ratio), -math.expm1(log_ratio)
    a = total * ratio
    # What is most likely not to convert of the control, and then what is.
    b = total * less - ratio * (n_c - x_c) - (n_t - x_t)
    missing = _upper_root(a, b, -(n_c - x_c) * less)
    spread = math.sqrt(b * b + 4 * a * (n_c - x_c) * less)
    control = 2 * (x_c + x_t) / (n_t * ratio + x_t + n_c + x_c * ratio + spread)
    treatment = ratio * control
    return treatment * (missing + control * less) / n_t + ratio**2 * control * missing / n_c


def _outward(excess: Callable[[float], float], start: float, edge: float) -> float:
    """Where the test first rejects on the way from an estimate to an edge; the edge if nowhere."""
    sign = math.copysign(1.0, edge)
    step = max(_BESIDE, abs(math.nextafter(start, edge) - start))
    inside = start + sign * step
    step = max(step, -excess(inside))
    while inside != edge:
        outside = inside + sign * step
        if sign * outside >= sign * edge:
            outside = edge
        if excess(outside) > 0:
            return root(excess, inside, outside)
        inside, step = outside, 4 * step
    return edge
