"""Tails, quantiles and roots: the one door to scipy.

scipy is imported inside a function, because loading it costs a second or more: a report of many
units needs none of it.
"""

import math
import sys
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# A p-value of exactly 0 claims a certainty no finite sample gives.
SMALLEST_P = sys.float_info.min
# Degrees of freedom from which on a series says what scipy would be loaded for.
_MANY = 10_000


def normal_quantile(alpha: float) -> float:
    """Critical value z of a two-sided normal test at level `alpha`, in (0, 1)."""
    return -NormalDist().inv_cdf(alpha / 2)


def normal_p(z: float) -> float:
    """Two-sided p-value of a standard normal `z`, by erfc: exact far into the tail."""
    return max(math.erfc(abs(z) / math.sqrt(2)), SMALLEST_P)


def normal_z(p_value: float) -> float:
    """The |z| whose two-sided p-value it is, of one in (0, 1]: `normal_p` the other way."""
    return max(0.0, -NormalDist().inv_cdf(p_value / 2))


def student_quantile(alpha: float, degrees: float) -> float:
    """Critical value of a two-sided Student t test at level `alpha`."""
    if degrees >= _MANY:
        z = normal_quantile(alpha)
        return root(lambda t: _hill_z(t, degrees) - z, z, 1.1 * z)
    from scipy.special import stdtrit  # noqa: PLC0415 - loading scipy is put off until needed

    return -float(stdtrit(degrees, alpha / 2))


def student_p(t: float, degrees: float) -> float:
    """Two-sided p-value of a Student `t` with (possibly fractional) `degrees` of freedom."""
    if degrees >= _MANY:
        return normal_p(_hill_z(t, degrees))
    from scipy.special import stdtr  # noqa: PLC0415 - loading scipy is put off until needed

    return max(2 * float(stdtr(degrees, -abs(t))), SMALLEST_P)


def _hill_z(t: float, degrees: float) -> float:
    """The normal z as far out as a Student t, to 12 digits of its p-value from 10,000 degrees on.

    Source: Hill 1970, Algorithm 395, doi.org/10.1145/355598.355599.
    """
    a = degrees - 0.5
    b, y = 48 * a * a, a * math.log1p(t * t / degrees)
    series = (((-0.4 * y - 3.3) * y - 24) * y - 85.5) / (0.8 * y * y + 100 + b)
    return math.sqrt(y) * ((series + y + 3) / b + 1)


def chi_square_p(statistic: float, degrees: int) -> float:
    """Upper tail of the chi-square distribution, a finite sum for whole degrees of freedom.

    Source: Abramowitz & Stegun 1964, 26.4.4 and 26.4.5.
    """
    half, odd = statistic / 2, degrees % 2
    if half <= 0:
        return 1.0
    powers = (number + odd / 2 for number in range(degrees // 2))
    terms = [math.exp(i * math.log(half) - half - math.lgamma(i + 1)) for i in powers]
    beyond = math.erfc(math.sqrt(half)) if odd else 0.0
    return max(math.fsum([beyond, *terms]), SMALLEST_P)


def fisher_p(a: int, b: int, c: int, d: int) -> float:
    """Two-sided p-value of Fisher's exact test of the table ((a, b), (c, d))."""
    import numpy as np  # noqa: PLC0415 - loaded with scipy
    from scipy.stats import fisher_exact  # noqa: PLC0415 - loading scipy is put off until needed

    return max(float(fisher_exact(np.array([[a, b], [c, d]])).pvalue), SMALLEST_P)


def lift_of(log_ratio: float) -> float:
    """Lift of a logarithm of a ratio; infinite beyond what a number can hold."""
    return math.expm1(log_ratio) if log_ratio < 700 else math.inf


def root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where `function` crosses zero between `low` and `high`, to 14 digits, or to 1e-20 at zero.

    Differences between rates of one in a billion are roots that are all but zero. Inverse
    quadratic steps where three points allow them, else halves.
    Source: Chandrupatla 1997, doi.org/10.1016/S0965-9978(96)00051-8.

    Raises:
        ValueError: It has the same sign at both.
    """
    newest, other = (high, function(high)), (low, function(low))
    if newest[1] * other[1] > 0:
        raise ValueError(f"no sign changes between {low} and {high}")
    former, part = other, 0.5
    while True:
        best, left = min(newest, other, key=lambda point: abs(point[1]))
        width = abs(other[0] - newest[0])
        least = 1e-14 * abs(best) + 1e-20
        if left == 0 or 2 * least > width:
            return best
        share = min(1 - least / width, max(least / width, part))
        x = newest[0] + share * (other[0] - newest[0])
        point = (x, function(x))
        if (point[1] > 0) is (newest[1] > 0):
            former = newest
        else:
            former, other = other, newest
        newest = point
        part = _next_part(newest, other, former)


_Point = tuple[float, float]


def _next_part(a: _Point, b: _Point, c: _Point) -> float:
    """How far from a to b the root is, by the inverse parabola through all three; else half."""
    if c[1] == b[1] or c[0] == b[0]:
        return 0.5
    across, up = (a[0] - b[0]) / (c[0] - b[0]), (a[1] - b[1]) / (c[1] - b[1])
    if not (up * up < across and (1 - up) ** 2 < 1 - across):
        return 0.5
    straight = a[1] / (b[1] - a[1]) * c[1] / (b[1] - c[1])
    bent = a[1] / (c[1] - a[1]) * b[1] / (c[1] - b[1])
    return straight + (c[0] - a[0]) / (b[0] - a[0]) * bent


@lru_cache(maxsize=4096)
def boschloo_p(successes: tuple[int, int], units: tuple[int, int]) -> float:
    """Two-sided p-value of Boschloo's exact test for two arms.

    scipy takes the arms as the *columns* of the table; the transposed table gives another number
    without a warning. Near 1,000 units it takes a second, so answers are kept.
    """
    from numpy import array  # noqa: PLC0415 - comes with scipy
    from scipy.stats import boschloo_exact  # noqa: PLC0415 - loading scipy is put off until needed

    failures = [n - x for x, n in zip(successes, units, strict=True)]
    return min(1.0, float(boschloo_exact(array([successes, failures])).pvalue))


def fisher_mid_p(successes: tuple[int, int], units: tuple[int, int]) -> float:
    """Two-sided Fisher p-value minus half the probability of the observed table.

    scipy's own takes a minute at 10^10 units, is off in the fourth digit at 10^12, and overflows.
    So what is as rare as the table seen is summed here, from the inside outward.

    Args:
        successes: Of (control, treatment), not all of them and not none.
        units: Of (control, treatment).
    """
    failures = units[0] - successes[0], units[1] - successes[1]
    rarer = min(successes, failures, key=sum)
    tables = _Tables(sum(rarer), units)
    seen = tables.chance(rarer[0])
    # As in R's fisher.test: what differs in the eighth digit alone is as rare.
    return max(tables.at_most(seen * (1 + 1e-7)) - seen / 2, SMALLEST_P)


@dataclass(frozen=True, slots=True)
class _Tables:
    """All tables of two arms that share their margins, by the control's cell: hypergeometric.

    Attributes:
        total: Over both arms, at least 1 and at most half of the units.
        units: Of (control, treatment).
    """

    total: int
    units: tuple[int, int]

    def chance(self, control: int) -> float:
        """Probability of one table."""
        return float(self._chances((control,))[0])

    def at_most(self, limit: float) -> float:
        """Probability of all tables that are no likelier than `limit`."""
        mode = (self.total + 1) * (self.units[0] + 1) // (sum(self.units) + 2)
        lowest, highest = max(0, self.total - self.units[1]), min(self.total, self.units[0])
        rising = range(lowest, mode + 1), range(highest, mode, -1)
        counts = [bisect_right(side, limit, key=self.chance) for side in rising]
        return sum(
            self._sum(side[:count][::-1]) for side, count in zip(rising, counts, strict=True)
        )

    def _sum(self, inside_out: range) -> float:
        total = 0.0
        for start in range(0, len(inside_out), 256):
            chances = self._chances(inside_out[start : start + 256])
            total += float(chances.sum())
            if chances[-1] <= total * 1e-18:
                break
        return total

    def _chances(self, control: Sequence[int]) -> "NDArray[np.float64]":
        """Two binomials given their sum: keeps the digits that factorials of 10^12 have not."""
        from numpy import array  # noqa: PLC0415 - comes with scipy
        from scipy.stats import binom  # noqa: PLC0415 - loading scipy is put off until needed

        cells, rate = array(control), self.total / sum(self.units)
        first = array(binom.pmf(cells, self.units[0], rate))
        second = array(binom.pmf(self.total - cells, self.units[1], rate))
        chances: NDArray[np.float64] = first * second / binom.pmf(self.total, sum(self.units), rate)
        return chances
