"""An experiment as assignment asks for it: worked out once, with everything at hand."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from experiments.attributes import Scalar
from experiments.bucketing import PLACES, first_place
from experiments.entry import Override
from experiments.targeting import Predicate
from experiments.variants import Variant

OUTSIDE: Final = 255
"""What stands in `Rules.places` where no variant has the place; there are 20 variants at most."""


class Stretch(NamedTuple):
    """The places under a seed from `start` on and before `end`."""

    seed: str
    start: int
    end: int


class HeldOut(NamedTuple):
    """The places under a seed before `end` are held out, at the times that `holds` says."""

    seed: str
    end: int
    holds: Callable[[datetime], bool]


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
        slot: its places in its layer.
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
    holdouts: tuple[HeldOut, ...]
    slot: Stretch | None
    places: bytes | None
    steps: tuple[tuple[datetime, bytes], ...]

    def places_at(self, now: datetime) -> bytes:
        """Which of the variants has each place at this time; with a ramp, fewer at first."""
        if self.places is not None:
            return self.places
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
