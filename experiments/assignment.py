"""Who sees what: a pure function of the definition, the unit and the time."""

from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from experiments.bucketing import bucket
from experiments.definition import Experiment, Status, Variant


class Reason(StrEnum):
    """Why a unit got its variant, in OpenFeature's words."""

    SPLIT = "SPLIT"
    """The hash of the unit fell into the variant's range."""
    DEFAULT = "DEFAULT"
    """The unit is outside the traffic: it sees the control and is not counted."""
    DISABLED = "DISABLED"
    """The experiment does not run at this time: everyone sees the control."""
    STATIC = "STATIC"
    """The experiment is shipped: everyone gets the winner."""
    CACHED = "CACHED"
    """The unit keeps the variant of an earlier exposure."""


# A page waits for this: a member's lookup in its class, or the constructor of a named tuple,
# would each cost as much as a hash.
_SPLIT: Final = Reason.SPLIT
_new: Final = tuple.__new__
_ENROLLED: Final = frozenset({Reason.SPLIT, Reason.CACHED})


class Assignment(NamedTuple):
    """What one unit sees, and why.

    Attributes:
        experiment: key of the experiment.
        unit_id: who was assigned.
        variant: what it sees.
        reason: why.
        bucket: its position, a multiple of 0.0001 in [0, 1).
    """

    experiment: str
    unit_id: str
    variant: Variant
    reason: Reason
    bucket: float

    @property
    def enrolled(self) -> bool:
        """Whether the unit counts in the experiment once it is exposed."""
        return self.reason in _ENROLLED


def assign(experiment: Experiment, unit_id: str, *, now: datetime) -> Assignment:
    """Finds what a unit sees; the same answer for ever while the definition stands.

    Args:
        experiment: the definition.
        unit_id: who is asked about; not empty.
        now: the time, aware; matters only against the experiment's start and end.

    Returns:
        The variant of the unit's range while the experiment runs, the winner once it is
        shipped, and the control in every other case.

    Raises:
        ValueError: when `unit_id` is empty.
    """
    if not unit_id:
        raise ValueError("unit_id is empty: there is nobody to assign")
    position = bucket(experiment.seed, unit_id)
    if experiment.always_open or experiment.is_open(now):
        for lower, upper, variant in experiment.slices:
            if lower <= position < upper:
                return _new(Assignment, (experiment.key, unit_id, variant, _SPLIT, position))
        return Assignment(experiment.key, unit_id, experiment.control, Reason.DEFAULT, position)
    if experiment.status is Status.SHIPPED and experiment.winner is not None:
        winner = experiment.variant(experiment.winner)
        return Assignment(experiment.key, unit_id, winner, Reason.STATIC, position)
    return Assignment(experiment.key, unit_id, experiment.control, Reason.DISABLED, position)
