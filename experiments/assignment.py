"""Who sees what: a pure function of the definition, the unit, what is known of it and the time."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from fnv_hash_fast import fnv1a_32

from experiments.attributes import NOTHING, Attributes
from experiments.bucketing import bucket, place
from experiments.definition import Experiment, Status
from experiments.rules import OUTSIDE, Rules
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

_ENROLLED: Final = frozenset({Cause.SPLIT, Cause.KEPT})


class Assignment:
    """What one unit sees, and why; two are equal when they say the same.

    A page waits for these, so this is a bare object: a named tuple takes four times as long to
    make, a frozen dataclass nine times. Its attributes are final all the same.

    Attributes:
        experiment: key of the experiment.
        unit_id: who was assigned; empty when nobody knows.
        variant: what it sees.
        cause: why, as Kassa says it.
        seed: what its bucket is computed from.
    """

    __slots__ = ("cause", "experiment", "seed", "unit_id", "variant")

    def __init__(
        self, experiment: str, unit_id: str, variant: Variant, cause: Cause, *, seed: str
    ) -> None:
        self.experiment: Final = experiment
        self.unit_id: Final = unit_id
        self.variant: Final = variant
        self.cause: Final = cause
        self.seed: Final = seed

    @property
    def reason(self) -> Reason:
        """Why, as OpenFeature says it."""
        return REASONS[self.cause]

    @property
    def bucket(self) -> float:
        """Its position, a multiple of 0.0001 in [0, 1); worked out when it is asked for."""
        return bucket(self.seed, self.unit_id) if self.unit_id else 0.0

    @property
    def enrolled(self) -> bool:
        """Whether the unit counts in the experiment once it is exposed."""
        return self.cause in _ENROLLED

    def _facts(self) -> tuple[str, str, Variant, Cause, str]:
        return self.experiment, self.unit_id, self.variant, self.cause, self.seed

    def __eq__(self, other: object) -> bool:
        return self._facts() == other._facts() if isinstance(other, Assignment) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._facts())

    def __repr__(self) -> str:
        return "Assignment({!r}, {!r}, {!r}, {!r}, seed={!r})".format(*self._facts())


class _Blank(Assignment):
    """An assignment that is filled in where it is made: calling its `__init__` costs a hash."""

    __slots__ = ()
    __init__ = object.__init__


# To look a member up in its class would cost half a hash.
_SPLIT: Final = Cause.SPLIT
_NOT_TARGETED: Final = Cause.NOT_TARGETED
_OUTSIDE_TRAFFIC: Final = Cause.OUTSIDE_TRAFFIC


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
    rules = experiment.rules
    if not rules.ordinary:
        opens, closes = rules.opens, rules.closes
        if not rules.runs or (opens and now < opens) or (closes and now >= closes):
            return _assignment(experiment, unit_id, *while_closed(experiment))
        if rules.forced and (listed := _listed(experiment, unit_id, now)) is not None:
            return listed
    variant, among = rules.control, rules.among
    cause: Cause | None = None
    if among is not None and attributes.get(rules.attribute) not in among:
        cause = _NOT_TARGETED
    elif rules.barred:
        cause = _bar(rules, unit_id, now, attributes)
    if cause is None:
        # What `place` does, without a call of it.
        try:
            first = fnv1a_32((rules.seed + unit_id).encode("ascii"))
            at = fnv1a_32(b"%d" % first) % 10000
        except UnicodeEncodeError:
            at = place(rules.seed, unit_id)
        index = (rules.places or rules.places_at(now))[at]
        if index == OUTSIDE:
            cause = _OUTSIDE_TRAFFIC
        else:
            variant, cause = rules.variants[index], _SPLIT
    made: Any = _Blank()  # what is final to everybody else is set here, and nowhere later
    made.experiment = rules.key
    made.unit_id = unit_id
    made.variant = variant
    made.cause = cause
    made.seed = rules.seed
    found: Assignment = made
    return found


def _bar(rules: Rules, unit_id: str, now: datetime, attributes: Attributes) -> Cause | None:
    """What keeps a unit away from the split; None when it may enter."""
    if rules.admits is not None and not rules.admits(attributes):
        return Cause.NOT_TARGETED
    for holdout in rules.holdouts:
        if place(holdout.seed, unit_id) < holdout.end and holdout.holds(now):
            return Cause.HELD_OUT
    slot = rules.slot
    if slot is not None and not slot.start <= place(slot.seed, unit_id) < slot.end:
        return Cause.OTHER_SLOT
    return None


def _listed(experiment: Experiment, unit_id: str, now: datetime) -> Assignment | None:
    override = experiment.rules.forced.get(unit_id)
    if override is None or not override.holds(now):
        return None
    return _assignment(experiment, unit_id, experiment.variant(override.variant), Cause.OVERRIDE)


def while_closed(experiment: Experiment) -> tuple[Variant, Cause]:
    """What everybody sees of an experiment that assigns nobody at this time, and why."""
    if experiment.stopped:
        return experiment.control, Cause.STOPPED
    if experiment.status is Status.SHIPPED and experiment.winner is not None:
        return experiment.variant(experiment.winner), Cause.SHIPPED
    return experiment.control, Cause.NOT_RUNNING


def _assignment(experiment: Experiment, unit_id: str, variant: Variant, cause: Cause) -> Assignment:
    return Assignment(experiment.key, unit_id, variant, cause, seed=experiment.seed)


def unidentified(experiment: Experiment) -> Assignment:
    """What somebody sees who has no id of the kind that the experiment assigns."""
    return _assignment(experiment, "", experiment.control, Cause.NO_UNIT)


def forced(experiment: Experiment, unit_id: str, variant: Variant) -> Assignment:
    """What somebody sees who is shown a variant on purpose."""
    return _assignment(experiment, unit_id, variant, Cause.OVERRIDE)


def entered(experiment: Experiment, unit_id: str, variant: Variant) -> Assignment:
    """What a unit entered the experiment with, as it was shown to it earlier."""
    return _assignment(experiment, unit_id, variant, Cause.SPLIT)


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
    return _assignment(experiment, assignment.unit_id, variant, cause)


def standing(
    found: Sequence[tuple[Experiment, Assignment]], shown: Mapping[str, str]
) -> list[Assignment]:
    """What holds for one unit of several experiments, given what it was shown before.

    Args:
        found: experiments, and what their definitions alone say of the unit.
        shown: key of the variant it was shown, by the experiment's key; nothing where nothing.

    Returns:
        For each what `kept` says; but whoever was shown one experiment of a layer enters no other
        of it, wherever the slots have moved since.
    """
    each = [(made, kept(made, assignment, shown.get(made.key))) for made, assignment in found]
    taken = {
        made.layer for made, assignment in each if made.key in shown and assignment.enrolled
    } - {None}
    return [
        _assignment(made, assignment.unit_id, made.control, Cause.OTHER_SLOT)
        if assignment.enrolled and made.key not in shown and made.layer in taken
        else assignment
        for made, assignment in each
    ]
