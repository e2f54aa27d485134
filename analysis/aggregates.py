"""Sufficient statistics of one variant: all that a test needs, nothing about a person."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from operator import attrgetter

from analysis.errors import InvalidAggregates

# Sums of squares carry a rounding error of about units * 2^-53 of their size, and the squares of
# numbers below 1e-154 are no longer numbers at all.
_ROUNDING = 1e-9
_UNDERFLOW = 1e-150


@dataclass(frozen=True, slots=True)
class Aggregates:
    """Six sums over the units of one variant for one metric.

    Aggregates of different units add up to those of all of them (`added`), so a store may count in
    pieces and in any order.

    Attributes:
        units: Number of units (visitors) in the variant, zero or more.
        total: Sum of the metric's value over units; for a proportion the units that converted.
        total_squares: Sum of its squares; for a proportion equal to ``total``.
        base_total: Sum of a ratio's denominator over units, e.g. payment attempts; else 0.
        base_squares: Sum of its squares; else 0.
        cross: Sum of value times denominator; else 0.

    Raises:
        InvalidAggregates: If a sum is not finite, negative where it cannot be, or the sums break
            the Cauchy-Schwarz inequality, so that no set of units can have them.
    """

    units: int
    total: float
    total_squares: float
    base_total: float = 0.0
    base_squares: float = 0.0
    cross: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if not math.isfinite(getattr(self, field.name)):
                raise InvalidAggregates(f"{field.name}: must be a finite number")
        for name in ("units", "total_squares", "base_squares"):
            if getattr(self, name) < 0:
                raise InvalidAggregates(f"{name}: must not be negative")
        self._refuse_impossible("total", self.total, self.total_squares)
        self._refuse_impossible("base_total", self.base_total, self.base_squares)
        limit = math.sqrt(self.total_squares) * math.sqrt(self.base_squares)
        if abs(self.cross) > limit * (1 + _ROUNDING) + _UNDERFLOW:
            raise InvalidAggregates("cross: larger than the two sums of squares allow")

    def _refuse_impossible(self, name: str, total: float, squares: float) -> None:
        limit = math.sqrt(self.units) * (math.sqrt(squares) * (1 + _ROUNDING) + _UNDERFLOW)
        if abs(total) > limit:
            raise InvalidAggregates(
                f"{name}: {total} over {self.units} units does not go with squares of {squares}"
            )

    @classmethod
    def of_conversions(cls, units: int, conversions: int) -> "Aggregates":
        """Aggregates of a proportion: `conversions` of `units` did it.

        Raises:
            InvalidAggregates: If there are more conversions than units, or fewer than none.
        """
        return cls(units, conversions, conversions)


_NAMES = tuple(field.name for field in fields(Aggregates))
_numbers = attrgetter(*_NAMES)


def added(parts: Iterable[Aggregates]) -> Aggregates:
    """The sums over the units of all parts, the same in whatever order the parts come."""
    units, *sums = list(zip(*map(_numbers, parts), strict=True)) or [()] * len(_NAMES)
    return Aggregates(sum(units), *map(math.fsum, sums))
