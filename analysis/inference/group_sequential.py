"""A few planned looks that together raise a false alarm no more often than one look would.

The chance of a false alarm is spent over the looks as a function of the information at hand, Lan &
DeMets 1983 (Biometrika 70:659-663), each side its half; the bounds follow by integrating over what
earlier looks let pass, Armitage, McPherson & Rowe 1969 (JRSS A 132:235-244). What is estimated
after a stop is read in the stage-wise order of Tsiatis, Rosner & Mehta 1984 (Biometrics
40:797-803), for an estimate that was lucky enough to stop an experiment is too large.

Everything is on the scale of a standard normal `z` at each look, whose increments between looks are
independent: looks count whole units, each with its whole conversion window.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING

from analysis.distributions import SMALLEST_P, root
from experiments.plan import Spending

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    _Grid = NDArray[np.float64]

# Points of the Gauss-Legendre rule over the part of a look that goes on: bounds to 1e-10.
_POINTS = 128
# Beyond this |z| nobody stops: a first look at hardly any units.
_FURTHEST = 9.5
_NORMAL = NormalDist()


def _obrien_fleming(fraction: float, level: float) -> float:
    """`2 (1 - Phi(z_{a/2} / sqrt t))` of one side's level a: hardly anything is spent early."""
    return math.erfc(-_NORMAL.inv_cdf(level / 2) / math.sqrt(2 * fraction))


def _pocock(fraction: float, level: float) -> float:
    """`a ln(1 + (e - 1) t)`: about the same bound at every look."""
    return level * math.log1p((math.e - 1) * fraction)


def _power(fraction: float, level: float) -> float:
    """`a t^3`: Kim & DeMets 1987 (Biometrika 74:149-154), between the two others."""
    return float(level * fraction**3)


# What one side may have spent when a fraction of the planned units is in.
_SPENT: Mapping[Spending, Callable[[float, float], float]] = {
    Spending.OBRIEN_FLEMING: _obrien_fleming,
    Spending.POCOCK: _pocock,
    Spending.POWER: _power,
}


@dataclass(frozen=True, slots=True)
class Design:
    """How often it is looked, and how the chance of a false alarm is divided.

    Attributes:
        fractions: of the planned units at the looks taken so far, rising, in (0, 1].
        spending: what may be spent by then.
    """

    fractions: tuple[float, ...]
    spending: Spending

    def bounds(self, alpha: float) -> tuple[float, ...]:
        """The |z| at which each look stops.

        Args:
            alpha: Two-sided level of all looks together, in (0, 1).
        """
        return _bounds(self.fractions, self.spending, alpha)

    def repeated_p(self, z: Sequence[float]) -> tuple[float, ...]:
        """Of each look the smallest level at which it would have stopped.

        The smallest of them is a p-value that may be read at every look: below alpha exactly when
        a look reached its bound (Jennison & Turnbull 2000, section 9.3).

        Args:
            z: Of the looks so far.
        """
        return tuple(self._repeated_p(number, abs(each)) for number, each in enumerate(z, start=1))

    def _repeated_p(self, number: int, z: float) -> float:
        until = Design(self.fractions[:number], self.spending)

        def missing(log_level: float) -> float:
            return until.bounds(math.exp(log_level))[-1] - z

        lowest, highest = math.log(SMALLEST_P * 1e8), math.log(1 - 1e-9)
        if missing(highest) > 0:
            return 1.0
        return SMALLEST_P if missing(lowest) < 0 else math.exp(root(missing, lowest, highest))

    def stagewise_p(self, z: float, *, alpha: float, drift: float = 0.0) -> float:
        """Chance of an end at least as far up as a `z` at the last of the looks.

        Ends are in stage-wise order: the earlier above its bound, the further up.

        Args:
            z: At the last look, which is where it stopped, or the last that was planned.
            alpha: Two-sided level of the bounds that let the looks before pass.
            drift: Mean of z at the whole planned information.
        """
        return _end_above(self.fractions, self.bounds(alpha), z, drift)

    def drift_at(self, probability: float, z: float, *, alpha: float) -> float:
        """The drift under which such an end, or one further up, has this probability.

        At 1/2 it is median-unbiased: as often above the truth as below it.
        """

        def surplus(drift: float) -> float:
            return self.stagewise_p(z, alpha=alpha, drift=drift) - probability

        naive = z / math.sqrt(self.fractions[-1])
        reach = 8 / math.sqrt(self.fractions[0])
        # A z that no look before should have let pass says no more than that they did not stop.
        return root(surplus, min(naive, 0.0) - reach, max(naive, 0.0) + reach)


def stopping(
    fractions: Sequence[float], bounds: Sequence[float], *, drift: float
) -> tuple[tuple[float, float], ...]:
    """Of each look the chance to end there, above its bound and below it.

    Args:
        fractions: Of the planned units at each look, rising.
        bounds: The |z| at which each look stops; of any kind of test whose z is near normal.
        drift: Mean of z at the whole planned information.
    """
    passing, found = _Passing.begin(drift), []
    for fraction, bound in zip(fractions, bounds, strict=True):
        above = passing.above(bound, fraction)
        found.append((above, passing.still - passing.above(-bound, fraction)))
        passing = passing.on(fraction, bound)
    return tuple(found)


@lru_cache(maxsize=512)
def _bounds(fractions: tuple[float, ...], spending: Spending, alpha: float) -> tuple[float, ...]:
    found: list[float] = []
    passing, before = _Passing.begin(), 0.0
    for fraction in fractions:
        spent = _SPENT[spending](fraction, alpha / 2)
        found.append(_bound(passing, fraction, spent - before))
        passing, before = passing.on(fraction, found[-1]), spent
    return tuple(found)


def _bound(passing: "_Passing", fraction: float, level: float) -> float:
    """The z above which, of all that passed before, exactly this much lies."""

    def surplus(z: float) -> float:
        return passing.above(z, fraction) - level

    if surplus(_FURTHEST) >= 0:
        return _FURTHEST
    # At levels near 1 no more passes than is to be spent.
    return root(surplus, 0.0, _FURTHEST) if surplus(0.0) > 0 else 0.0


def _end_above(
    fractions: Sequence[float], bounds: Sequence[float], z: float, drift: float
) -> float:
    """Chance to have crossed an upper bound before the last look, or to lie above z at it."""
    passing, total = _Passing.begin(drift), 0.0
    for fraction, bound in zip(fractions[:-1], bounds[:-1], strict=True):
        total += passing.above(bound, fraction)
        passing = passing.on(fraction, bound)
    return total + passing.above(z, fractions[-1])


@dataclass(frozen=True, eq=False)
class _Passing:
    """What the looks so far let pass: its density over the Brownian motion `b = z sqrt(t)`.

    Attributes:
        at: the fraction of the last look, 0 before the first.
        points: of the quadrature.
        mass: the density there, times the weights.
    """

    at: float
    points: "_Grid"
    mass: "_Grid"
    drift: float

    @classmethod
    def begin(cls, drift: float = 0.0) -> "_Passing":
        """All of it, before the first look."""
        import numpy as np  # noqa: PLC0415 - loaded with scipy, and only for this method

        return cls(0.0, np.zeros(1), np.ones(1), drift)

    @property
    def still(self) -> float:
        """How much of it there is."""
        return float(self.mass.sum())

    def on(self, fraction: float, bound: float) -> "_Passing":
        """What the next look lets pass."""
        import numpy as np  # noqa: PLC0415 - see above

        nodes, weights = _rule()
        edge = bound * math.sqrt(fraction)
        points, step = edge * nodes, fraction - self.at
        away = points[:, None] - self.points[None, :] - self.drift * step
        density = np.exp(-(away**2) / (2 * step)) @ self.mass / math.sqrt(2 * math.pi * step)
        return _Passing(fraction, points, density * weights * edge, self.drift)

    def above(self, z: float, fraction: float) -> float:
        """How much of it lies above z at the next look."""
        from scipy.special import ndtr  # noqa: PLC0415 - loading scipy is put off until needed

        step = fraction - self.at
        away = z * math.sqrt(fraction) - self.points - self.drift * step
        return float(ndtr(-away / math.sqrt(step)) @ self.mass)


@lru_cache(maxsize=1)
def _rule() -> "tuple[_Grid, _Grid]":
    from numpy.polynomial.legendre import leggauss  # noqa: PLC0415 - see above

    nodes, weights = leggauss(_POINTS)
    return nodes, weights
