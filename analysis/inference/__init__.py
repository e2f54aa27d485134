"""One statistical test for each kind of metric; a new kind is one module and one line here."""

from collections.abc import Mapping
from typing import Protocol

from analysis.aggregates import Aggregates
from analysis.inference import adjustment, bayesian, e_value, mean, proportion, ratio
from analysis.inference.adjustment import Adjustment
from analysis.report import Contrast, Harm, Number, Posterior
from experiments.metrics import Direction, Kind


class Inference(Protocol):
    """What a module of this package offers for its kind of metric."""

    def value(self, arm: Aggregates) -> Number:
        """The number a reader calls the metric: a rate, a mean or a ratio."""
        ...

    def compare(self, control: Aggregates, treatment: Aggregates, *, alpha: float) -> Contrast:
        """Test, difference and lift of `treatment` against `control` at level `alpha`."""
        ...


INFERENCES: Mapping[Kind, Inference] = {
    Kind.PROPORTION: proportion,
    Kind.MEAN: mean,
    Kind.RATIO: ratio,
}


class Comparing(Protocol):
    """A test of two variants, from their sums alone."""

    def __call__(self, control: Aggregates, treatment: Aggregates, *, alpha: float) -> Contrast:
        """Test, difference and lift of `treatment` against `control` at level `alpha`."""
        ...


ADJUSTMENTS: Mapping[Adjustment, Comparing] = {
    Adjustment.LIN: adjustment.lin,
    Adjustment.CUPED: adjustment.cuped,
}
"""Tests of proportions and means whose sums hold a covariate in place of a base."""


class HarmWatch(Protocol):
    """Evidence of harm that may be read at every look."""

    def __call__(
        self,
        control: Aggregates,
        treatment: Aggregates,
        *,
        direction: Direction,
        share: float,
        planned: int,
        alpha: float,
    ) -> Harm:
        """What it has come to for `treatment` against `control`."""
        ...


HARM_WATCHES: Mapping[Kind, HarmWatch] = {Kind.PROPORTION: e_value.harm}


class Belief(Protocol):
    """A second reading from a stated prior."""

    def __call__(
        self, control: Aggregates, treatment: Aggregates, *, direction: Direction
    ) -> Posterior:
        """How likely `treatment` is better than `control`."""
        ...


BELIEFS: Mapping[Kind, Belief] = {Kind.PROPORTION: bayesian.posterior}
