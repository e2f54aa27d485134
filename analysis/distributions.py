"""Tails, quantiles and roots: the one door to scipy.

scipy is imported inside each function, because loading it costs a second or more and most of
Kassa never asks for a p-value.
"""

import math
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from statistics import NormalDist

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
    """Where `function` crosses zero between `low` and `high`, by Brent's method to 1e-14."""
    from scipy.optimize import brentq  # noqa: PLC0415 - loading scipy is put off until needed

    return float(brentq(function, low, high, xtol=1e-14, rtol=1e-14, maxiter=500))


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


def fisher_mid_p(successes: Sequence[int], units: Sequence[int]) -> float:
    """Two-sided Fisher p-value minus half the probability of the observed table."""
    from numpy import array  # noqa: PLC0415 - comes with scipy
    from scipy.stats import fisher_exact, hypergeom  # noqa: PLC0415 - put off until needed

    failures = [n - x for x, n in zip(successes, units, strict=True)]
    fisher = float(fisher_exact(array([successes, failures])).pvalue)
    observed = float(hypergeom.pmf(successes[0], sum(units), sum(successes), units[0]))
    return max(fisher - observed / 2, SMALLEST_P)
