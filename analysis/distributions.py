"""Tails, quantiles and roots: the one door to scipy.

scipy is imported inside each function, because loading it costs a second or more and most of
Kassa never asks for a p-value.
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
    from scipy.special import stdtrit  # noqa: PLC0415 - loading scipy is put off until needed

    return -float(stdtrit(degrees, alpha / 2))


def student_p(t: float, degrees: float) -> float:
    """Two-sided p-value of a Student `t` with (possibly fractional) `degrees` of freedom."""
    from scipy.special import stdtr  # noqa: PLC0415 - loading scipy is put off until needed

    return max(2 * float(stdtr(degrees, -abs(t))), SMALLEST_P)


def chi_square_p(statistic: float, degrees: int) -> float:
    """Upper tail of the chi-square distribution."""
    from scipy.special import chdtrc  # noqa: PLC0415 - loading scipy is put off until needed

    return max(float(chdtrc(degrees, statistic)), SMALLEST_P)


def fisher_p(a: int, b: int, c: int, d: int) -> float:
    """Two-sided p-value of Fisher's exact test of the table ((a, b), (c, d))."""
    import numpy as np  # noqa: PLC0415 - loaded with scipy
    from scipy.stats import fisher_exact  # noqa: PLC0415 - loading scipy is put off until needed

    return max(float(fisher_exact(np.array([[a, b], [c, d]])).pvalue), SMALLEST_P)


def lift_of(log_ratio: float) -> float:
    """Lift of a logarithm of a ratio; infinite beyond what a number can hold."""
    return math.expm1(log_ratio) if log_ratio < 700 else math.inf


def root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where `function` crosses zero between `low` and `high`, by Brent's method to 14 digits.

    Also of a root that is all but zero, as differences between rates of one in a billion are.
    """
    from scipy.optimize import brentq  # noqa: PLC0415 - loading scipy is put off until needed

    return float(brentq(function, low, high, xtol=1e-20, rtol=1e-14, maxiter=500))


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
