"""What each event of friction may tell: names of ours, states and numbers, nothing a visitor typed.

`docs/checkout.md` lists them for analysts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from experiments import FrictionEvent
from service.checkout.flows import FLOWS, SECTIONS
from service.errors import Refused
from service.web.bodies import broken_rule

STEPS = frozenset(step.key for flow in FLOWS.values() for step in flow.steps)
# Names of the page's own sentences, and four that say whose words were shown.
ERRORS = frozenset(
    {
        "email_missing",
        "email_wrong",
        "address_incomplete",
        "address_not_ready",
        "payment_incomplete",
        "payment_not_ready",
        "details_not_sent",
        "token_failed",
        "not_authenticated",
        "slow",
        "failed",
        "declined",
        "doubt",
        "other",
    }
)
# What was pressed: places as the templates name them, else what kind of thing it was.
TARGETS = frozenset(
    {
        "action",
        "heading",
        "retry",
        "hosted",
        "invoice",
        "check-again",
        "go-to",
        "notice",
        "link",
        "button",
        "elsewhere",
    }
)
_DAY_MS = 24 * 3600 * 1000


def _one_of(names: Collection[str]) -> Callable[[str], str]:
    def known(value: str) -> str:
        if value not in names:
            raise ValueError(f"must be one of {', '.join(sorted(names))}")
        return value

    return known


_Section = Annotated[str, AfterValidator(_one_of(SECTIONS))]
# A field's name in a template: no address, number or sentence has this form.
_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
_Milliseconds = Annotated[int, Field(ge=0, le=_DAY_MS)]


class _Properties(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class StepShown(_Properties):
    """A step came into view."""

    step: Annotated[str, AfterValidator(_one_of(STEPS))]


class ElementReady(_Properties):
    """One of Stripe's forms was there, so long after the navigation began."""

    element: _Section
    milliseconds: _Milliseconds


class FieldLeft(_Properties):
    """The visitor went on from a field, or from one of Stripe's forms as a whole."""

    section: _Section
    field: _Name
    state: Literal["empty", "incomplete", "complete"]


class FieldCorrected(_Properties):
    """A field was changed again: after an error, or after it was left with something in it."""

    section: _Section
    field: _Name
    after: Literal["error", "leaving"]


class ErrorShown(_Properties):
    """A message stood at a section."""

    section: _Section
    code: Annotated[str, AfterValidator(_one_of(ERRORS))]


class SectionTimed(_Properties):
    """Active time in a section since it was told last; the sum is the time in all."""

    section: _Section
    milliseconds: _Milliseconds


class RageClicked(_Properties):
    """Three clicks or more within a second in about the same place."""

    target: Annotated[str, AfterValidator(_one_of(TARGETS))]
    section: _Section | None = None


class EventsOmitted(_Properties):
    """How many events of friction the page left out since it told last."""

    count: Annotated[int, Field(ge=1, le=1_000_000)]


PROPERTIES: Mapping[FrictionEvent, type[_Properties]] = {
    FrictionEvent.STEP_SHOWN: StepShown,
    FrictionEvent.ELEMENT_READY: ElementReady,
    FrictionEvent.FIELD_LEFT: FieldLeft,
    FrictionEvent.FIELD_CORRECTED: FieldCorrected,
    FrictionEvent.ERROR_SHOWN: ErrorShown,
    FrictionEvent.SECTION_TIMED: SectionTimed,
    FrictionEvent.RAGE_CLICKED: RageClicked,
    FrictionEvent.EVENTS_OMITTED: EventsOmitted,
}


def check_properties(event: FrictionEvent, properties: Mapping[str, Any]) -> None:
    """See that an event tells what it may tell, and nothing else.

    Raises:
        Refused: naming the first property that breaks a rule, and the rule.
    """
    try:
        PROPERTIES[event].model_validate(properties)
    except ValidationError as exc:
        raise Refused(f"invalid: properties.{broken_rule(exc)}") from exc
