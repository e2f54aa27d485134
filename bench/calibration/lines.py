"""One figure of the table: counted, with its error, beside what is promised and published."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

# A figure this many standard errors away is no longer chance.
_FAR = 3.0


class Promise(StrEnum):
    """What a figure has to do with its target."""

    EQUAL = "="
    AT_MOST = "at most"
    AT_LEAST = "at least"


_EXCESS: Mapping[Promise, Callable[[float], float]] = {
    Promise.EQUAL: abs,
    Promise.AT_MOST: lambda distance: distance,
    Promise.AT_LEAST: lambda distance: -distance,
}


@dataclass(frozen=True)
class Target:
    """What is promised of a figure.

    Attributes:
        promise: how the figure compares.
        value: with this.
        error: standard error of the value, where that was counted itself.
    """

    promise: Promise
    value: float
    error: float = 0.0


@dataclass(frozen=True)
class Published:
    """What a document says of the same figure.

    Attributes:
        value: the figure.
        source: document and section.
    """

    value: float
    source: str


@dataclass(frozen=True)
class Line:
    """A figure of one method in one setting.

    Attributes:
        method: what was tried.
        setting: on what.
        measure: what was counted.
        value: the figure.
        error: its Monte Carlo standard error.
        target: what is promised; None where the figure is only shown.
        published: the same figure elsewhere; None where there is none.
    """

    method: str
    setting: str
    measure: str
    value: float
    error: float
    target: Target | None = None
    published: Published | None = None

    @property
    def holds(self) -> bool | None:
        """Whether the figure does as promised, but for chance; None where nothing is promised."""
        if self.target is None:
            return None
        excess = _EXCESS[self.target.promise](self.value - self.target.value)
        return excess <= _FAR * math.hypot(self.error, self.target.error)


def share(
    method: str,
    setting: str,
    measure: str,
    found: NDArray[np.bool_],
    target: Target | None = None,
    published: Published | None = None,
) -> Line:
    """The share of runs in which something was found.

    Its error is that of the target, where there is one: a share of 0 has an error too.
    """
    value = float(found.mean())
    true = value if target is None else min(max(target.value, 0.0), 1.0)
    return Line(
        method,
        setting,
        measure,
        value,
        math.sqrt(true * (1 - true) / len(found)),
        target,
        published,
    )


def mean(
    method: str,
    setting: str,
    measure: str,
    values: NDArray[np.float64],
    target: Target | None = None,
    published: Published | None = None,
) -> Line:
    """The mean over runs."""
    error = float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.inf
    return Line(method, setting, measure, float(values.mean()), error, target, published)
