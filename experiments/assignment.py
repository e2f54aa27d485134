"""Who sees what: a pure function of the definition, the unit, what is known of it and the time."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from experiments.attributes import NOTHING, Attributes
from experiments.bucketing import bucket
from experiments.definition import Experiment, Status
from experiments.variants import Variant


class Reason(StrEnum):
    """Why a unit got its variant, in OpenFeature's words."""

    SPLIT = "SPLIT"
    """The hash of the unit fell into the variant's range."""
    DEFAULT = "DEFAULT"
    """The unit does not enter: it sees the control and is not counted."""
    DISABLED = "DISABLED"
    """The experiment does not run at this time: everyone sees the control."""
    STATIC = "STATIC"
    """The experiment is shipped: everyone gets the winner."""
    CACHED = "CACHED"
    """The unit keeps the variant of an earlier exposure."""
    TARGETING_MATCH = "TARGETING_MATCH"
    """The unit is shown the variant on purpose, and is not counted."""


class Cause(StrEnum):
    """Which rule decided, in Kassa's own words: finer than the reason."""

    SPLIT = "split"
    KEPT = "kept"
    OVERRIDE = "override"
    SHIPPED = "shipped"
    STOPPED = "stopped"
    """An operator has stopped it."""
    NOT_RUNNING = "not_running"
    """Its status, start or end says so."""
    NOT_TARGETED = "not_targeted"
    HELD_OUT = "held_out"
    OTHER_SLOT = "other_slot"
    """Another experiment of the layer may have the unit."""
    OUTSIDE_TRAFFIC = "outside_traffic"
    NO_UNIT = "no_unit"
    """Customers are assigned, and nobody knows which customer this is."""


REASONS: Final[Mapping[Cause, Reason]] = MappingProxyType(
    {
        Cause.SPLIT: Reason.SPLIT,
        Cause.KEPT: Reason.CACHED,
        Cause.OVERRIDE: Reason.TARGETING_MATCH,
        Cause.SHIPPED: Reason.STATIC,
        Cause.STOPPED: Reason.DISABLED,
        Cause.NOT_RUNNING: Reason.DISABLED,
        Cause.NOT_TARGETED: Reason.DEFAULT,
        Cause.HELD_OUT: Reason.DEFAULT,
        Cause.OTHER_SLOT: Reason.DEFAULT,
        Cause.OUTSIDE_TRAFFIC: Reason.DEFAULT,
        Cause.NO_UNIT: Reason.DEFAULT,
    }
)
"""The reason that each cause is told as."""

KEEPING: Final = frozenset({Cause.NOT_TARGETED, Cause.OTHER_SLOT, Cause.OUTSIDE_TRAFFIC})
"""Why a unit would not enter now, and still keeps what it was shown before.

Not among them: a held-out unit sees nothing, whatever it has seen.
"""

# A page waits for this: a member's lookup in its class, or the constructor of a named tuple,
# would each cost as much as a hash.
_SPLIT: Final = Reason.SPLIT
_CAUSE: Final = Cause.SPLIT
_new: Final = tuple.__new__


class Assignment(NamedTuple):
    """What one unit sees, and why.

    Attributes:
        experiment: key of the experiment.
        unit_id: who was assigned.
        variant: what it sees.
        reason: why, as OpenFeature says it.
        bucket: its position, a multiple of 0.0001 in [0, 1).
        cause: why, as Kassa says it.
    """

    experiment: str
    unit_id: str
    variant: Variant
    reason: Reason
    bucket: float
    cause: Cause

    @property
    def enrolled(self) -> bool:
        """Whether the unit counts in the experiment once it is exposed."""
        return self.cause in _ENROLLED


_ENROLLED: Final = frozenset({Cause.SPLIT, Cause.KEPT})


def assign(
    experiment: Experiment, unit_id: str, *, now: datetime, attributes: Attributes = NOTHING
) -> Assignment:
    """Finds what a unit sees; the same answer for ever while the definition stands.

    Args:
        experiment: the definition.
        unit_id: who is asked about; not empty.
        now: the time, aware; matters where the experiment, its ramp or a holdout has dates.
        attributes: what is known of the unit, which targeting asks for.

    Returns:
        The variant of the unit's range while the experiment runs and the unit may enter; that of
        an override; the winner once it is shipped; and the control in every other case.

    Raises:
        ValueError: when `unit_id` is empty.
    """
    if not unit_id:
        raise ValueError("unit_id is empty: there is nobody to assign")
    position = bucket(experiment.seed, unit_id)
    if not (experiment.always_open or experiment.is_open(now)):
        return _closed(experiment, unit_id, position)
    override = experiment.forced.get(unit_id) if experiment.forced else None
    if override is not None and override.holds(now):
        variant = experiment.variant(override.variant)
        return _assignment(experiment, unit_id, variant, position, Cause.OVERRIDE)
    if (cause := _obstacle(experiment, unit_id, now, attributes)) is not None:
        return _assignment(experiment, unit_id, experiment.control, position, cause)
    for lower, upper, variant in experiment.slices_at(now):
        if lower <= position < upper:
            return _new(Assignment, (experiment.key, unit_id, variant, _SPLIT, position, _CAUSE))
    return _assignment(experiment, unit_id, experiment.control, position, Cause.OUTSIDE_TRAFFIC)


def _obstacle(
    experiment: Experiment, unit_id: str, now: datetime, attributes: Attributes
) -> Cause | None:
    """Why the unit may not enter, before any split; None when it may."""
    admits = experiment.admits
    if admits is not None and not admits(attributes):
        return Cause.NOT_TARGETED
    for holdout in experiment.holdouts:
        if holdout.holds(now) and bucket(holdout.seed, unit_id) < holdout.share:
            return Cause.HELD_OUT
    slot = experiment.slot
    if slot is not None and not slot.lower <= bucket(slot.seed, unit_id) < slot.upper:
        return Cause.OTHER_SLOT
    return None


def _closed(experiment: Experiment, unit_id: str, position: float) -> Assignment:
    if experiment.stopped:
        return _assignment(experiment, unit_id, experiment.control, position, Cause.STOPPED)
    if experiment.status is Status.SHIPPED and experiment.winner is not None:
        winner = experiment.variant(experiment.winner)
        return _assignment(experiment, unit_id, winner, position, Cause.SHIPPED)
    return _assignment(experiment, unit_id, experiment.control, position, Cause.NOT_RUNNING)


def _assignment(
    experiment: Experiment, unit_id: str, variant: Variant, position: float, cause: Cause
) -> Assignment:
    return Assignment(experiment.key, unit_id, variant, REASONS[cause], position, cause)


def unidentified(experiment: Experiment) -> Assignment:
    """What somebody sees who has no id of the kind that the experiment assigns."""
    return _assignment(experiment, "", experiment.control, 0.0, Cause.NO_UNIT)


def forced(experiment: Experiment, unit_id: str, variant: Variant) -> Assignment:
    """What somebody sees who is shown a variant on purpose."""
    return _assignment(experiment, unit_id, variant, 0.0, Cause.OVERRIDE)


def entered(experiment: Experiment, unit_id: str, variant: Variant) -> Assignment:
    """What a unit entered the experiment with, as it was shown to it earlier."""
    position = bucket(experiment.seed, unit_id)
    return _assignment(experiment, unit_id, variant, position, Cause.SPLIT)


def kept(experiment: Experiment, assignment: Assignment, shown: str | None) -> Assignment:
    """The assignment of a unit that was shown a variant before, which it keeps where it can.

    Args:
        experiment: the definition in force.
        assignment: what the definition alone says of the unit.
        shown: key of the variant it was shown; None when it was shown nothing.

    Returns:
        That variant, enrolled, while the experiment runs and the unit is not held out; the
        control, not enrolled, where the variant is no longer defined; else the assignment.
    """
    keeps = assignment.cause is Cause.SPLIT or assignment.cause in KEEPING
    if shown is None or not keeps:
        return assignment
    if assignment.cause is Cause.SPLIT and assignment.variant.key == shown:
        return assignment
    try:
        variant = experiment.variant(shown)
    except KeyError:
        variant, cause = experiment.control, Cause.OUTSIDE_TRAFFIC
    else:
        cause = Cause.KEPT
    return assignment._replace(variant=variant, reason=REASONS[cause], cause=cause)
