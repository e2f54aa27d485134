"""One statistical test for each kind of metric; a new kind is one module and one line here."""

from collections.abc import Mapping
from typing import Protocol

from analysis.aggregates import Aggregates
from analysis.inference import mean, proportion, ratio
from analysis.report import Contrast, Number
from experiments.metrics import Kind


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
