"""An experiment as assignment asks for it: worked out once, with everything at hand."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from experiments.attributes import Scalar
from experiments.bucketing import PLACES, first_place
from experiments.entry import Override
from experiments.layers import Holdout, Slot
from experiments.targeting import Predicate
from experiments.variants import Variant

OUTSIDE: Final = 255
"""What stands in `Rules.places` where no variant has the place; there are 20 variants at most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What decides who sees what.

    A page waits for these: an attribute of a bare object costs a tenth of what a property of an
    experiment does.

    Attributes:
        key: key of the experiment.
        seed: its seed.
        control: its control.
        variants: all of its variants.
        ordinary: whether it runs, without dates and without listed customers.
        runs: whether units are assigned at all: it has that status, and nobody stopped it.
        opens: when that begins; None means at once.
        closes: when that ends (not included); None means never.
        forced: the override of each listed customer.
        attribute: what `among` is about.
        among: the values of a targeting that is one `in` of texts, which is asked without a call.
        admits: any other targeting, as a function of the attributes.
        barred: whether `admits`, a holdout or a layer may keep units away.
        holdouts: every holdout that holds for it.
        slot: its positions in its layer.
        places: which of the variants has each place, by its index; None with a ramp.
        steps: the ramp's steps that may be taken, latest first: when, and the places from then.
    """

    key: str
    seed: str
    control: Variant
    variants: tuple[Variant, ...]
    ordinary: bool
    runs: bool
    opens: datetime | None
    closes: datetime | None
    forced: Mapping[str, Override]
    attribute: str
    among: frozenset[Scalar] | None
    admits: Predicate | None
    barred: bool
    holdouts: tuple[Holdout, ...]
    slot: Slot | None
    places: bytes | None
    steps: tuple[tuple[datetime, bytes], ...]

    def ramped(self, now: datetime) -> bytes:
        """The places of the latest step whose time has come."""
        for begins, places in self.steps:
            if begins <= now:
                return places
        return _NOBODY


_NOBODY: Final = bytes([OUTSIDE]) * PLACES


def places(edges: Iterable[tuple[float, float]]) -> bytes:
    """Which range has each place, by its index; `OUTSIDE` where none has.

    Args:
        edges: the half-open ranges of positions, in the order of the variants.
    """
    found = bytearray(_NOBODY)
    # Backwards, for the first range that holds a position has it.
    for index, (lower, upper) in reversed(list(enumerate(edges))):
        start, end = first_place(lower), min(first_place(upper), PLACES)
        found[start:end] = bytes([index]) * (end - start)
    return bytes(found)
