"""What is drawn: sufficient statistics alone, of conversions look by look and all runs at once."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from analysis.aggregates import Aggregates
from analysis.inference.proportion import MANY

Floats: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
Looks: TypeAlias = NDArray[np.intp]

DAYS = 28
# Visitors one by one take memory: so many runs at a time.
_CHUNK = 100


def chance(seed: int, *words: object) -> np.random.Generator:
    """A generator of its own for everything that is tried, whatever is tried beside it."""
    return np.random.default_rng([seed, zlib.crc32(repr(words).encode())])


@dataclass(frozen=True, eq=False)
class Stream:
    """Units and conversions of two variants at each look, since the start.

    Attributes:
        converted: of (control, treatment), each runs x looks.
        units: of (control, treatment), each runs x looks, or 1 x looks where all runs have as many.
        planned: units of both at the planned end.
        lift: the true one.
    """

    converted: tuple[Counts, Counts]
    units: tuple[Counts, Counts]
    planned: int
    lift: float

    @cached_property
    def gathered(self) -> Counts:
        """Units of both variants at each look; all runs have as many."""
        found: Counts = (self.units[0] + self.units[1])[0]
        return found

    @cached_property
    def z(self) -> Floats:
        """The pooled score statistic; 0 where nobody or everybody converted."""
        x_c, x_t = self.converted
        n_c, n_t = self.units
        pooled = (x_c + x_t) / (n_c + n_t)
        error = np.sqrt(pooled * (1 - pooled) * (1 / n_c + 1 / n_t))
        difference = x_t / n_t - x_c / n_c
        found: Floats = np.divide(difference, error, out=np.zeros_like(difference), where=error > 0)
        return found

    @cached_property
    def enough(self) -> Flags:
        """Where the always-valid sequence may be read."""
        pairs = zip(self.converted, self.units, strict=True)
        found: Flags = np.logical_and.reduce([(x >= MANY) & (n - x >= MANY) for x, n in pairs])
        return found

    @cached_property
    def log_ratio(self) -> tuple[Floats, Floats]:
        """Estimate and variance of the log ratio; of no meaning where there is not enough."""
        x_c, x_t = (np.maximum(x, 1) for x in self.converted)
        n_c, n_t = self.units
        estimate = np.log(x_t * n_c / (x_c * n_t))
        return estimate, 1 / x_t - 1 / n_t + 1 / x_c - 1 / n_c

    def at(self, looks: Looks) -> "Stream":
        """The same, looked at less often."""
        converted = self.converted[0][:, looks], self.converted[1][:, looks]
        return Stream(
            converted, (self.units[0][:, looks], self.units[1][:, looks]), self.planned, self.lift
        )


def daily(rng: np.random.Generator, *, rate: float, per_day: int, lift: float, runs: int) -> Stream:
    """28 days of as many units each, half of them in each variant."""
    rates = rate, rate * (1 + lift)
    x_c, x_t = (np.cumsum(rng.binomial(per_day, p, (runs, DAYS)), axis=1) for p in rates)
    units = per_day * np.arange(1, DAYS + 1)[None, :]
    return Stream((x_c, x_t), (units, units), 2 * per_day * DAYS, lift)


def one_by_one(
    rng: np.random.Generator, *, rate: float, visitors: int, runs: int
) -> Iterator[Stream]:
    """Visitors without a difference, each in a variant by a coin; a look after each."""
    for begun in range(0, runs, _CHUNK):
        size = min(_CHUNK, runs - begun), visitors
        treated, converts = rng.random(size) < 0.5, rng.random(size) < rate
        units = np.cumsum(~treated, axis=1), np.cumsum(treated, axis=1)
        x_c, x_t = (np.cumsum(arm & converts, axis=1, dtype=int) for arm in (~treated, treated))
        # Before both variants have somebody there is nothing to compare.
        yield Stream((x_c, x_t), (np.maximum(units[0], 1), np.maximum(units[1], 1)), visitors, 0.0)


def revenue(rng: np.random.Generator, rate: float, units: int) -> Aggregates:
    """Of visitors of whom some buy, for amounts that are log-normal."""
    spent = rng.lognormal(3.9, 0.6, rng.binomial(units, rate))
    return Aggregates(units, float(spent.sum()), float((spent**2).sum()))


def attempts(rng: np.random.Generator, units: int) -> Aggregates:
    """Approvals over attempts, 1.8 a visitor, whose banks differ: as section 13 has it."""
    tried = rng.geometric(0.55, units)
    approved = rng.binomial(tried, rng.beta(4.25, 0.75, units))
    sums = (approved, approved**2, tried, tried**2, approved * tried)
    return Aggregates(units, *(float(each.sum()) for each in sums))
