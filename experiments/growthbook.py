"""The experiments as GrowthBook features, from which its SDKs find the same variants themselves."""

from datetime import datetime
from typing import Any, Final

from experiments import patterns
from experiments.definition import Experiment, Status, Unit
from experiments.targeting import (
    All,
    AnyOf,
    Comparator,
    Glob,
    In,
    Not,
    NotIn,
    Range,
    Semver,
    Targeting,
)

_HASH_VERSION: Final = 2
HASH_ATTRIBUTES: Final = {Unit.VISITOR: "id", Unit.CUSTOMER: "customer"}
"""The attribute whose value an SDK hashes, for each unit there is."""


def feature(experiment: Experiment, *, now: datetime) -> dict[str, Any]:
    """One experiment as a feature whose values are the keys of the variants.

    It holds for a time: a start, an end, a ramp's next step or an operator makes another.

    Args:
        experiment: the definition in force, with its slot, holdouts and operator's switch.
        now: the time, aware.

    Returns:
        GrowthBook's definition of the feature, as JSON.
    """
    return {"defaultValue": experiment.control.key, "rules": _rules(experiment, now)}


def _rules(experiment: Experiment, now: datetime) -> list[dict[str, Any]]:
    if experiment.is_open(now):
        return [*_overrides(experiment, now), _experiment(experiment, now)]
    if experiment.status is Status.SHIPPED and not experiment.stopped:
        return [{"id": "shipped", "force": experiment.winner}]
    return []


def _overrides(experiment: Experiment, now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "id": f"override:{override.name}",
            "condition": {HASH_ATTRIBUTES[Unit.CUSTOMER]: {"$in": list(override.customers)}},
            "force": override.variant,
        }
        for override in experiment.overrides
        if override.customers and override.holds(now)
    ]


def _experiment(experiment: Experiment, now: datetime) -> dict[str, Any]:
    rule = {
        "id": "experiment",
        "key": experiment.key,
        "name": experiment.name,
        "seed": experiment.seed,
        "hashVersion": _HASH_VERSION,
        "hashAttribute": HASH_ATTRIBUTES[experiment.unit],
        "variations": [variant.key for variant in experiment.variants],
        "meta": [
            {"key": variant.key, "name": variant.name or variant.key}
            for variant in experiment.variants
        ],
        "weights": list(experiment.shares.values()),
        "coverage": experiment.traffic_at(now),
    }
    if experiment.targeting is not None:
        rule["condition"] = condition(experiment.targeting)
    if filters := _filters(experiment, now):
        rule["filters"] = filters
    return rule


def _filters(experiment: Experiment, now: datetime) -> list[dict[str, Any]]:
    """Who stays: outside each holdout, and inside the slot."""
    kept = [
        (holdout.seed, holdout.share, 1.0) for holdout in experiment.holdouts if holdout.holds(now)
    ]
    if experiment.slot is not None:
        kept.append((experiment.slot.seed, experiment.slot.lower, experiment.slot.upper))
    return [
        {
            "attribute": HASH_ATTRIBUTES[experiment.unit],
            "seed": seed,
            "hashVersion": _HASH_VERSION,
            "ranges": [[lower, upper]],
        }
        for seed, lower, upper in kept
    ]


def condition(targeting: Targeting) -> dict[str, Any]:
    """Whom an experiment is for, as a condition that every SDK reads alike.

    Types are asked for first: JavaScript would compare a number with a text, and take a missing
    attribute for the text `null`. Versions are told apart by patterns, because the SDKs' own
    comparison is not semver's: to it 100000.0.0 comes before 99999.0.0.
    """
    match targeting:
        case All(parts):
            return {"$and": [condition(part) for part in parts]}
        case AnyOf(parts):
            return {"$or": [condition(part) for part in parts]}
        case Not(part):
            return {"$not": condition(part)}
        case Semver(attribute, comparators):
            return {"$and": [_version(attribute, comparator) for comparator in comparators]}
        case _:
            return {targeting.attribute: _test(targeting)}


def _test(single: In | NotIn | Range | Glob) -> dict[str, Any]:
    match single:
        case In(_, values):
            return {"$in": list(values)}
        case NotIn(_, values):
            return {"$nin": list(values)}
        case Range(_, minimum, maximum):
            bounds = {"$gte": minimum, "$lte": maximum}
            return {"$type": "number"} | {k: v for k, v in bounds.items() if v is not None}
        case Glob(_, pattern):
            return _text(patterns.whole(pattern))


def _version(attribute: str, comparator: Comparator) -> dict[str, Any]:
    positive, pattern = _VERSIONS[comparator.operator]
    found = {attribute: _text(pattern(comparator.version))}
    if positive:
        return found
    return {"$and": [{attribute: _text(patterns.VERSION)}, {"$not": found}]}


# Of each comparison: whether the pattern says it, or its opposite.
_VERSIONS: Final = {
    "=": (True, patterns.same_version),
    ">": (True, patterns.later_version),
    ">=": (True, patterns.same_or_later_version),
    "!=": (False, patterns.same_version),
    "<=": (False, patterns.later_version),
    "<": (False, patterns.same_or_later_version),
}


def _text(pattern: str) -> dict[str, Any]:
    return {"$type": "string", "$regex": pattern}
