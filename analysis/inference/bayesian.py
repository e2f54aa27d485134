"""What the counts say of two proportions to who starts from a stated prior; it never decides.

Before any count each variant's rate is anything between 0 and 1, all equally likely: Beta(1, 1),
worth two units, independent of the other variant's. The counts make it Beta(1 + x, 1 + n - x)
(Bayes 1763; Gelman et al. 2013, Bayesian Data Analysis, section 2.4). Two integrals over the rate
are all that is read, by quadrature and so without a simulation's noise:

    chance to be higher   int f_c(r) (1 - F_t(r)) dr
    expected shortfall    int F_t(r) (1 - F_c(r)) dr = E max(p_c - p_t, 0)

Read again and again, a chance of 95 % is crossed by chance far more often than in 5 % of the cases,
so neither of the two is a reason to stop.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.aggregates import Aggregates
from analysis.report import Posterior
from experiments.metrics import Direction

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    _Grid = NDArray[np.float64]

_Beta = tuple[float, float]
_PRIOR: _Beta = (1.0, 1.0)
# Where the range is cut, in tails of either posterior, and points of the Gauss-Legendre rule
# between two cuts: both integrals to 1e-11, up to a million units.
_TAILS = 1e-15, 1e-5, 0.05, 0.5
_POINTS = 12
# From so many conversions and units without one on, sums over equal steps of the log odds say the
# same and need no scipy: so many steps to a standard deviation, out to so many deviations. Where
# the two posteriors lie so far apart that the steps are more, nothing is gained.
_SMOOTH, _STEPS, _REACH, _MOST_STEPS = 50, 10, 9.0, 2000


def posterior(control: Aggregates, treatment: Aggregates, *, direction: Direction) -> Posterior:
    """How likely the treatment is the better one, and what shipping it is expected to lose.

    Args:
        control: Aggregates of 0/1 outcomes.
        treatment: The same for the variant under test.
        direction: Which way is better.
    """
    lower, higher = _beta(control), _beta(treatment)
    if direction is Direction.DECREASE:
        lower, higher = higher, lower
    grid = _grid(lower, higher)
    chance, shortfall = _integrals(lower, higher) if grid is None else _sums(lower, higher, grid)
    return Posterior(_PRIOR, chance, shortfall)


def _beta(arm: Aggregates) -> _Beta:
    return _PRIOR[0] + arm.total, _PRIOR[1] + arm.units - arm.total


@dataclass(frozen=True, slots=True)
class _Steps:
    """Equal steps over the log odds y, with the rate at each."""

    odds: tuple[float, ...]
    rates: tuple[float, ...]
    size: float


def _grid(*posteriors: _Beta) -> _Steps | None:
    """Steps over both posteriors; None where one is not smooth, or they would be too many."""
    if min(map(min, posteriors)) < _SMOOTH:
        return None
    normals = [(math.log(a / b), math.sqrt(1 / a + 1 / b)) for a, b in posteriors]
    size = min(deviation for _, deviation in normals) / _STEPS
    low = min(center - _REACH * deviation for center, deviation in normals)
    high = max(center + _REACH * deviation for center, deviation in normals)
    number = math.ceil((high - low) / size)
    if number > _MOST_STEPS:
        return None
    odds = tuple(low + step * size for step in range(number + 1))
    return _Steps(odds, tuple(1 / (1 + math.exp(-y)) for y in odds), size)


def _weights(beta: _Beta, grid: _Steps) -> list[float]:
    """The posterior at each step, which sum to 1: of what is smooth, equal steps are exact."""
    a, b = beta
    center, share = math.log(a / b), a / (a + b)
    # Around its center, so that at a trillion units nothing cancels.
    logs = [
        a * (y - center) - (a + b) * math.log1p(share * math.expm1(y - center)) for y in grid.odds
    ]
    largest = max(logs)
    values = [math.exp(each - largest) for each in logs]
    total = math.fsum(values)
    return [value / total for value in values]


def _sums(lower: _Beta, higher: _Beta, grid: _Steps) -> tuple[float, float]:
    """Both integrals of `_integrals`, each a sum over inner ones that begin at a step.

    What equal steps h miss where an integral of g begins is `g/2 + (h/12) g' - (h^3/720) g'''` of
    a step, to the sixth power of h (Euler and Maclaurin).
    """
    below, above = _weights(lower, grid), _weights(higher, grid)
    h, chance, shortfall = grid.size, 0.0, 0.0
    beyond_above = beyond_below = beyond_rate = 0.0
    for rate, w, v in zip(reversed(grid.rates), reversed(below), reversed(above), strict=True):
        slope = rate * (1 - rate)
        one, two, three = _log_slopes(higher, rate)
        begins = 1 / 2 + h / 12 * one - h**3 / 720 * (one**3 + 3 * one * two + three)
        chance += w * (beyond_above + v * begins)
        # Of g = f (p - p here) the value is 0 here, and the slopes are these times f.
        one, two, _ = _log_slopes(lower, rate)
        third = (
            3 * (one**2 + two) * slope + 3 * one * slope * (1 - 2 * rate) + slope * (1 - 6 * slope)
        )
        begins = h / 12 * slope - h**3 / 720 * third
        shortfall += v * (beyond_rate - rate * beyond_below + w * begins)
        beyond_above, beyond_below, beyond_rate = (
            beyond_above + v,
            beyond_below + w,
            beyond_rate + w * rate,
        )
    return min(1.0, chance), max(shortfall, 0.0)


def _log_slopes(beta: _Beta, rate: float) -> tuple[float, float, float]:
    """First three derivatives of the logarithm of the density over the log odds."""
    total, slope = sum(beta), rate * (1 - rate)
    return beta[0] - total * rate, -total * slope, -total * slope * (1 - 2 * rate)


def _integrals(lower: _Beta, higher: _Beta) -> tuple[float, float]:
    """Chance that the second rate is above the first, and by how much it is expected to miss it."""
    import numpy as np  # noqa: PLC0415 - comes with scipy
    from scipy.special import (  # noqa: PLC0415 - loading scipy is put off until needed
        betainc,
        betaincc,
        xlog1py,
        xlogy,
    )

    rates, weights = _rule(lower, higher)
    logs = xlogy(lower[0] - 1, rates) + xlog1py(lower[1] - 1, -rates)
    density = weights * np.exp(logs - logs.max())
    below = betainc(*higher, rates)
    chance = density @ (1 - below) / density.sum()
    shortfall = weights @ (below * betaincc(*lower, rates))
    return min(1.0, float(chance)), float(shortfall)


def _rule(*posteriors: _Beta) -> "tuple[_Grid, _Grid]":
    """Points and weights over all that either posterior thinks possible."""
    import numpy as np  # noqa: PLC0415 - comes with scipy
    from numpy.polynomial.legendre import leggauss  # noqa: PLC0415 - see above
    from scipy.special import betaincinv  # noqa: PLC0415 - loading scipy is put off until needed

    cuts = np.unique(
        [
            cut
            for a, b in posteriors
            for tail in _TAILS
            for cut in (betaincinv(a, b, tail), 1 - betaincinv(b, a, tail))
        ]
    )
    nodes, weights = leggauss(_POINTS)
    half = np.diff(cuts)[:, None] / 2
    points = cuts[:-1, None] + half * (1 + nodes)
    return points.ravel(), (half * weights).ravel()
