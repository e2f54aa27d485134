"""Who would see what after a change, and who would no longer: counted, not estimated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Standing(NamedTuple):
    """What a unit sees of an experiment, and whether it counts in it.

    Attributes:
        variant: key of the variant it sees; None where there is no such experiment.
        counted: whether it is in the experiment.
    """

    variant: str | None
    counted: bool


NOWHERE = Standing(None, counted=False)


class Move(StrEnum):
    """What a change does to a unit."""

    ENTERS = "enters"
    LEAVES = "leaves"
    SWITCHES = "switches"
    STAYS = "stays"
    OUTSIDE = "outside"

    @classmethod
    def of(cls, before: Standing, after: Standing) -> Move:
        """The move from one standing to another."""
        if before.counted and after.counted:
            return cls.STAYS if before.variant == after.variant else cls.SWITCHES
        if before.counted or after.counted:
            return cls.ENTERS if after.counted else cls.LEAVES
        return cls.OUTSIDE


MOVING = frozenset({Move.ENTERS, Move.LEAVES, Move.SWITCHES})
"""The moves that a change makes; the others are those who stay where they are."""


@dataclass(frozen=True)
class Movement:
    """How many units go from each standing to each other one."""

    pairs: Mapping[tuple[Standing, Standing], int]

    @classmethod
    def of(cls, before: Iterable[Standing], after: Iterable[Standing]) -> Movement:
        """Counts units, which stand in one order in both."""
        return cls(Counter(zip(before, after, strict=True)))

    @property
    def units(self) -> int:
        """All units."""
        return sum(self.pairs.values())

    @property
    def see_another(self) -> int:
        """Units that would see another variant than before, counted or not."""
        return sum(
            count
            for (before, after), count in self.pairs.items()
            if None not in (before.variant, after.variant) and before.variant != after.variant
        )

    def count(self, move: Move) -> int:
        """Units of one move."""
        return sum(count for pair, count in self.pairs.items() if Move.of(*pair) is move)

    @property
    def moved(self) -> int:
        """Units that enter, leave or switch variant."""
        return sum(map(self.count, MOVING))

    def share(self, count: int) -> float:
        """A count as a share of all units."""
        return count / self.units if self.units else 0.0
