"""Intervals of two proportions in closed form, for where hundreds of them are drawn.

Both put together the Wilson limits of each variant (Wilson 1927): Newcombe 1998, method 10
(Statistics in Medicine 17:873-890) for the difference, and MOVER-R of Donner & Zou 2012
(Statistical Methods in Medical Research 21:347-359) for the ratio. They cover as the score
intervals do and differ from them in the fourth digit, but invert no test: one may hold no
difference beside p < alpha.
"""

import math
from dataclasses import dataclass

from analysis.aggregates import Aggregates
from analysis.distributions import normal_quantile
from analysis.report import Absent, Estimate

_NO_BASE = Absent("the control has no conversions to compare with")


@dataclass(frozen=True, slots=True)
class _Rate:
    """A rate with its Wilson limits."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, arm: Aggregates, critical: float) -> "_Rate":
        rate, square = arm.total / arm.units, critical**2
        middle = rate + square / (2 * arm.units)
        margin = critical * math.sqrt(rate * (1 - rate) / arm.units + square / (4 * arm.units**2))
        scale = 1 + square / arm.units
        # At no conversion and at nothing else the limit is the rate itself, not a rounding of it.
        low = 0.0 if arm.total == 0 else (middle - margin) / scale
        return cls(rate, low, 1.0 if arm.total == arm.units else (middle + margin) / scale)


def intervals(
    control: Aggregates, treatment: Aggregates, *, alpha: float
) -> tuple[Estimate, Estimate]:
    """Difference and lift of `treatment` against `control`, each with its interval.

    Args:
        control: Aggregates of 0/1 outcomes.
        treatment: The same for the variant under test.
        alpha: Two-sided level, in (0, 1).
    """
    if 0 in (control.units, treatment.units):
        nothing = Estimate.absent("a variant has no units yet")
        return nothing, nothing
    critical = normal_quantile(alpha)
    c, t = _Rate.of(control, critical), _Rate.of(treatment, critical)
    return _difference(c, t), _lift(c, t)


def _difference(c: _Rate, t: _Rate) -> Estimate:
    difference = t.value - c.value
    return Estimate(
        difference,
        difference - math.hypot(t.value - t.low, c.high - c.value),
        difference + math.hypot(t.high - t.value, c.value - c.low),
    )


def _lift(c: _Rate, t: _Rate) -> Estimate:
    product = t.value * c.value
    lows = t.low * (2 * t.value - t.low), c.high * (2 * c.value - c.high)
    highs = t.high * (2 * t.value - t.high), c.low * (2 * c.value - c.low)
    # The lower end is the published one times its conjugate, so that nothing cancels.
    low = lows[0] / (product + _root(product, lows)) if t.value else 0.0
    high = (product + _root(product, highs)) / highs[1] if c.value else math.inf
    ratio = t.value / c.value - 1 if c.value else _NO_BASE
    return Estimate(ratio, low - 1, high - 1)


def _root(product: float, parts: tuple[float, float]) -> float:
    return math.sqrt(max(product**2 - parts[0] * parts[1], 0.0))
