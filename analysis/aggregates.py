"""Sufficient statistics of one variant: all that a test needs, nothing about a person."""

import math
from dataclasses import dataclass, fields

from analysis.errors import InvalidAggregates

# Sums of squares carry a rounding error of about units * 2^-53 of their size, and the squares of
# numbers below 1e-154 are no longer numbers at all.
_ROUNDING = 1e-9
_UNDERFLOW = 1e-150


@dataclass(frozen=True, slots=True)
class Aggregates:
    """Six sums over the units of one variant for one metric.

    Two aggregates of different units add up to the aggregates of all of them, so a store may
    count in pieces and in any order.

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

    def __add__(self, other: "Aggregates") -> "Aggregates":
        return Aggregates(
            units=self.units + other.units,
            total=self.total + other.total,
            total_squares=self.total_squares + other.total_squares,
            base_total=self.base_total + other.base_total,
            base_squares=self.base_squares + other.base_squares,
            cross=self.cross + other.cross,
        )

    @classmethod
    def of_conversions(cls, units: int, conversions: int) -> "Aggregates":
        """Aggregates of a proportion: `conversions` of `units` did it.

        Raises:
            InvalidAggregates: If there are more conversions than units, or fewer than none.
        """
        return cls(units, conversions, conversions)
