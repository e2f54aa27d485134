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
    chance, shortfall = _integrals(lower, higher)
    return Posterior(_PRIOR, chance, shortfall)


def _beta(arm: Aggregates) -> _Beta:
    return _PRIOR[0] + arm.total, _PRIOR[1] + arm.units - arm.total


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
