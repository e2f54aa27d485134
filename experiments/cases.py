"""What a definition promises of single units: assignment tests beside it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema
from pydantic.dataclasses import dataclass

from experiments.assignment import Assignment, Cause, Reason
from experiments.attributes import NOTHING, Scalar
from experiments.definition import Experiment, Status
from experiments.notation import STRICT, Breach, Key, Line, Moment, refusal, refuse_all, shown


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Expectation:
    """What a unit should see, and perhaps why.

    Attributes:
        variant: key of the variant.
        reason: why, as OpenFeature says it; None takes any.
        cause: why, as Kassa says it; None takes any.

    Raises:
        pydantic.ValidationError: when a value breaks its rule.
    """

    variant: Annotated[Key, Field(description="the key of a variant")]
    reason: Annotated[Reason | None, Field(description="a reason such as SPLIT or DEFAULT")] = None
    cause: Annotated[Cause | None, Field(description="a cause such as split or held_out")] = None

    def met_by(self, assignment: Assignment) -> bool:
        """Whether an assignment is what was expected."""
        return (
            assignment.variant.key == self.variant
            and self.reason in {None, assignment.reason}
            and self.cause in {None, assignment.cause}
        )


def _attributes(value: object) -> Mapping[str, Scalar]:
    if not isinstance(value, Mapping):
        raise refusal(
            "wrong-type",
            f"{shown(value)} is not a mapping",
            "write a mapping such as {country: SE}",
        )
    refuse_all(
        Breach(
            (str(name),),
            "wrong-type",
            f"{shown(each)} is not a value",
            "write text, a number, true or false",
        )
        for name, each in value.items()
        if not isinstance(each, str | int | float)
    )
    return dict(value)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Case:
    """One unit, and what it should see.

    Attributes:
        name: what is promised, in a few words.
        unit: id of the unit: a visitor's, or a customer's where customers are assigned.
        attributes: what is known of it.
        at: the time, in UTC; None means the experiment's start, or else now.
        status: what the experiment's status would be, so that a draft can be tested.
        expect: what the unit should see.

    Raises:
        pydantic.ValidationError: when a value breaks its rule.
    """

    name: Annotated[Line, Field(description="what is promised, in a few words")]
    unit: Annotated[Line, Field(description="the id of a unit such as visitor-1, in quotes")]
    attributes: Annotated[
        Mapping[str, Scalar],
        PlainValidator(_attributes),
        WithJsonSchema(
            {
                "type": "object",
                "additionalProperties": {"type": ["string", "number", "boolean"]},
            }
        ),
        Field(
            default_factory=lambda: NOTHING,
            description="a mapping such as {country: SE, device: phone}",
        ),
    ]
    at: Annotated[
        Moment | None, Field(description="a time with a zone such as 2027-01-11T09:00:00Z")
    ] = None
    status: Annotated[
        Status | None, Field(description="draft, running, paused, stopped or shipped")
    ] = None
    expect: Annotated[Expectation, Field(description="a mapping such as {variant: one_page}")]

    def moment(self, experiment: Experiment, now: datetime) -> datetime:
        """The time that is asked about."""
        return self.at or experiment.start or now

    def tried(self, experiment: Experiment) -> Experiment:
        """The experiment with the case's status, and every step of its ramp granted.

        Raises:
            pydantic.ValidationError: the experiment can't have that status.
        """
        status = self.status or experiment.status
        return replace(
            experiment,
            status=status,
            winner=experiment.winner if status is Status.SHIPPED else None,
            granted=max(1, len(experiment.ramp)),
        )


def _some(tests: tuple[Case, ...]) -> tuple[Case, ...]:
    if not tests:
        mend = "write a test with name, unit and expect, or remove the file"
        raise refusal("wrong-type", "the list is empty", mend)
    return tests


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CasesFile:
    """What `<key>.test.yaml` holds.

    Attributes:
        version: version of the format.
        tests: the assignment tests of the experiment of that key.
    """

    version: Annotated[Literal[1], Field(description="1")] = 1
    tests: Annotated[
        tuple[Case, ...],
        AfterValidator(_some),
        Field(
            description="a list of tests, each with name, unit and expect",
            json_schema_extra={"minItems": 1},
        ),
    ]
