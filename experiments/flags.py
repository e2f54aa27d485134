"""An experiment as a flag: whom a context speaks of, and what is said beside the variant."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from experiments.assignment import Assignment, assign, unidentified
from experiments.attributes import Attributes, Scalar
from experiments.catalog import Catalog
from experiments.definition import Experiment, Unit

CUSTOMER: Final = "customer"
"""The field of a context that names the customer, for experiments that assign customers."""


def attributes_of(context: Mapping[str, object]) -> Attributes:
    """What a context knows of its unit: text, numbers, true and false.

    Anything else in it - lists, objects, times, null - is for other systems: no condition can
    name it, so it is as if it were not there.
    """
    return {key: value for key, value in context.items() if isinstance(value, str | int | float)}


def evaluate(
    experiment: Experiment, targeting_key: str, attributes: Attributes, *, now: datetime
) -> Assignment:
    """What the unit of a context sees, by the definition alone."""
    unit = _unit(experiment, targeting_key, attributes)
    if unit is None:
        return unidentified(experiment)
    return assign(experiment, unit, now=now, attributes=attributes)


def _unit(experiment: Experiment, targeting_key: str, attributes: Attributes) -> str | None:
    if experiment.unit is Unit.VISITOR:
        return targeting_key
    customer = attributes.get(CUSTOMER)
    return customer if isinstance(customer, str) and customer else None


def metadata(catalog: Catalog, assignment: Assignment) -> dict[str, Scalar]:
    """What is worth knowing beside a variant: flat, as OpenFeature has it."""
    return {
        "experiment": catalog.experiment(assignment.experiment).name,
        "cause": assignment.cause.value,
        "reason": assignment.reason.value,
        "bucket": assignment.bucket,
        "definitions": catalog.version,
    }
