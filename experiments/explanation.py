"""Why a unit sees what it sees, in words for the growth team."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from experiments.assignment import Assignment, Cause
from experiments.attributes import Attributes
from experiments.bucketing import bucket
from experiments.definition import Experiment
from experiments.notation import shown, some
from experiments.targeting import (
    All,
    AnyOf,
    Condition,
    Glob,
    In,
    Not,
    NotIn,
    Range,
    Semver,
    Targeting,
)


def explained(
    experiment: Experiment, assignment: Assignment, attributes: Attributes, *, now: datetime
) -> str:
    """The cause of an assignment, and what of the unit led to it.

    Args:
        experiment: the definition that made the assignment.
        assignment: what the unit sees.
        attributes: what is known of the unit.
        now: the time that was asked about.
    """
    says = _DETAILS.get(assignment.cause)
    detail = says(experiment, assignment, attributes, now) if says else ""
    return f"{assignment.cause}: {detail}" if detail else assignment.cause.value


def unmet(targeting: Targeting, attributes: Attributes) -> str:
    """What of a targeting does not hold for a unit of these attributes; nothing where all holds."""
    if targeting.compiled()(attributes):
        return ""
    match targeting:
        case All(parts):
            return next(filter(None, (unmet(part, attributes) for part in parts)))
        case AnyOf(parts):
            return ", and ".join(unmet(part, attributes) for part in parts)
        case Not(part):
            return f"{_said(part)} holds, wanted that it does not"
        case _:
            return f"{_known(targeting, attributes)}, wanted {_WANTED[type(targeting)](targeting)}"


def _said(targeting: Targeting) -> str:
    if isinstance(targeting, In | NotIn | Range | Glob | Semver):
        return f"that {targeting.attribute} is {_WANTED[type(targeting)](targeting)}"
    return shown(str(targeting.document()))


def _known(condition: Condition, attributes: Attributes) -> str:
    if condition.attribute not in attributes:
        return f"{condition.attribute} is not known"
    return f"{condition.attribute} is {shown(attributes[condition.attribute])}"


_WANTED: Final[Mapping[type, Callable[[Any], str]]] = {
    In: lambda condition: f"one of {some(map(str, condition.values))}",
    NotIn: lambda condition: f"none of {some(map(str, condition.values))}",
    Range: lambda condition: " and ".join(
        f"{word} {bound:g}"
        for word, bound in (("at least", condition.minimum), ("at most", condition.maximum))
        if bound is not None
    ),
    Glob: lambda condition: f"of the form {condition.pattern}",
    Semver: lambda condition: " ".join(
        each.operator + each.version for each in condition.comparators
    ),
}

_Detail = Callable[[Experiment, Assignment, Attributes, datetime], str]


def _targeting(
    experiment: Experiment, _assignment: Assignment, attributes: Attributes, _now: datetime
) -> str:
    return unmet(experiment.targeting, attributes) if experiment.targeting else ""


def _holdout(
    experiment: Experiment, assignment: Assignment, _attributes: Attributes, now: datetime
) -> str:
    holding = (
        f"{holdout.key} has the positions below {holdout.share:g}, the unit stands at {position:g}"
        for holdout in experiment.holdouts
        if holdout.holds(now)
        and (position := bucket(holdout.seed, assignment.unit_id)) < holdout.share
    )
    return next(holding, "")


def _slot(
    experiment: Experiment, assignment: Assignment, _attributes: Attributes, _now: datetime
) -> str:
    slot = experiment.slot
    if slot is None:
        return ""
    position = bucket(slot.seed, assignment.unit_id)
    return (
        f"it has {slot.lower:g} to {slot.upper:g} of {slot.layer}, the unit stands at {position:g}"
    )


def _position(
    experiment: Experiment, assignment: Assignment, _attributes: Attributes, now: datetime
) -> str:
    traffic = experiment.traffic_at(now)
    return f"the unit stands at {assignment.bucket:g}, traffic is {traffic:g}"


def _schedule(
    experiment: Experiment, _assignment: Assignment, _attributes: Attributes, now: datetime
) -> str:
    said = [f"the status is {experiment.status}"]
    if experiment.start is not None and now < experiment.start:
        said.append(f"it starts at {experiment.start.isoformat()}")
    if experiment.end is not None and experiment.end <= now:
        said.append(f"it ended at {experiment.end.isoformat()}")
    return ", ".join(said)


_DETAILS: Final[Mapping[Cause, _Detail]] = {
    Cause.SPLIT: _position,
    Cause.OUTSIDE_TRAFFIC: _position,
    Cause.NOT_TARGETED: _targeting,
    Cause.HELD_OUT: _holdout,
    Cause.OTHER_SLOT: _slot,
    Cause.NOT_RUNNING: _schedule,
}
