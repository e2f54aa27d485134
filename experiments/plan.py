"""What is settled before there are numbers: metrics, method, size, and what they will decide."""

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    TypeAdapter,
    ValidationInfo,
    field_validator,
)
from pydantic.dataclasses import dataclass
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from experiments.events import BROWSER_EVENTS, FunnelEvent
from experiments.notation import (
    KEY_PATTERN,
    STRICT,
    Breach,
    Duration,
    Key,
    Window,
    nearest,
    refusal,
    refuse_all,
    repeated,
    shown,
)


class Scale(StrEnum):
    """What a margin is a share of."""

    RELATIVE = "relative"
    """Of the control's value: 0.02 of a rate of 50 % is one percentage point."""
    ABSOLUTE = "absolute"
    """Of nothing: 0.02 of any rate is two percentage points."""


class Method(StrEnum):
    """When the numbers may decide."""

    FIXED = "fixed"
    """Once, when the planned units are in."""
    GROUP_SEQUENTIAL = "group_sequential"
    """At several planned looks, which share the chance of a false alarm."""


class Spending(StrEnum):
    """How planned looks divide the chance of a false alarm."""

    OBRIEN_FLEMING = "obrien_fleming"
    """Hardly any of it early: the last look costs hardly anything."""
    POCOCK = "pocock"
    """About the same bound at each look: stops early, and needs more at the end."""
    POWER = "power"
    """By the third power of the share of units that is in: between the two."""


def _a_loss(margin: object) -> object:
    if isinstance(margin, int | float) and not isinstance(margin, bool) and margin <= 0:
        raise refusal(
            "margin-direction",
            f"a margin of {margin} allows no loss",
            f"write {abs(margin) or 0.01}: how much worse it may become, whichever way worse is",
        )
    return margin


Margin = Annotated[float, Field(gt=0), BeforeValidator(_a_loss)]
_A_LOSS: Final = "the loss that is still accepted, above 0, such as 0.01"


def _below_all(margin: float | None) -> float | None:
    if margin is not None and margin >= 1:
        raise refusal(
            "out-of-range",
            f"a share of {margin:g} would accept the loss of everything",
            f"write {_A_LOSS}",
        )
    return margin


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Guardrail:
    """A metric that must not get worse, or not by as much as a margin.

    Attributes:
        metric: key of the metric.
        margin: the loss that is no longer accepted, above 0, in the metric's own bad direction;
            None means that a shown loss of any size fails it.
        scale: what the margin is a share of; an absolute one is in the metric's own unit, minor
            units for money.

    Raises:
        pydantic.ValidationError: when a value breaks its rule.
    """

    metric: Annotated[Key, Field(description="the key of a metric such as refund_rate")]
    scale: Annotated[Scale, Field(description="relative or absolute")] = Scale.RELATIVE
    margin: Annotated[Margin | None, Field(description=_A_LOSS)] = None

    @field_validator("margin")
    @classmethod
    def _a_share(cls, margin: float | None, info: ValidationInfo) -> float | None:
        return _below_all(margin) if info.data.get("scale") is Scale.RELATIVE else margin


class _OrKey:
    """Says in the schema that the key of a metric may stand for the whole mapping."""

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"type": "string", "pattern": KEY_PATTERN}, handler(core)]}


def _guardrail(value: object) -> object:
    if isinstance(value, str):
        return Guardrail(metric=value)
    if isinstance(value, Guardrail):
        return value
    # A mapping from a file: strictly, as JSON says it.
    return TypeAdapter(Guardrail).validate_json(json.dumps(value))


def _only_one(value: object) -> object:
    if isinstance(value, list) and len(value) == 1:
        message, mend = "a list is not text", f"write it without brackets: {shown(value[0])[1:-1]}"
        raise refusal("wrong-type", message, mend)
    if isinstance(value, list):
        raise refusal(
            "one-primary",
            f"{len(value)} metrics are primary",
            "keep the one that the decision rests on, and list the others below secondary",
        )
    return value


@dataclass(frozen=True, kw_only=True, config=STRICT)
class MetricRoles:
    """Which metrics are read, and what each may decide.

    Attributes:
        primary: key of the metric the experiment is about.
        secondary: keys of metrics that explain it.
        guardrails: metrics that must not get worse.

    Raises:
        pydantic.ValidationError: when a value breaks its rule.
    """

    primary: Annotated[
        Key,
        BeforeValidator(_only_one),
        Field(description="the key of one metric such as paid_conversion"),
    ]
    secondary: Annotated[
        tuple[Key, ...], Field(description="a list of metric keys such as [revenue_per_visitor]")
    ] = ()
    guardrails: Annotated[
        tuple[Annotated[Guardrail, BeforeValidator(_guardrail), _OrKey()], ...],
        Field(
            description="a list of metric keys such as [refund_rate], or of "
            "{metric: refund_rate, margin: 0.01}"
        ),
    ] = ()

    @field_validator("secondary")
    @classmethod
    def _not_primary_too(cls, keys: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        refuse_all(_roles_taken(keys, {info.data.get("primary", "")}))
        return keys

    @field_validator("guardrails")
    @classmethod
    def _in_no_other_role(
        cls, guardrails: tuple[Guardrail, ...], info: ValidationInfo
    ) -> tuple[Guardrail, ...]:
        taken = {info.data.get("primary", ""), *info.data.get("secondary", ())}
        refuse_all(_roles_taken(tuple(each.metric for each in guardrails), taken))
        return guardrails

    @property
    def keys(self) -> tuple[str, ...]:
        """Every metric, in the order of the roles."""
        return (self.primary, *self.secondary, *(each.metric for each in self.guardrails))


def _roles_taken(keys: tuple[str, ...], taken: set[str]) -> Iterator[Breach]:
    twice = {index for index, key in enumerate(keys) if key in taken} | set(repeated(keys))
    for index in sorted(twice):
        message = f"the metric {shown(keys[index])} has a role already"
        yield Breach((index,), "metric-once", message, "remove it here or there")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AnalysisPlan:
    """How the numbers are judged, settled before there are any.

    Attributes:
        method: when the numbers may decide.
        looks: with `group_sequential`, at how many parts of the planned units, all equally large,
            the last one being all of them; 2 to 28.
        spending: how the looks divide alpha, by default as O'Brien and Fleming do.
        alpha: probability of a false alarm, in (0, 0.5).
        planned_units: units in all variants together at which the result is read, at least 2.
        conversion_window: how long after its first exposure a unit can convert, up to 365 days.
        power: chance to show the effect where it is real, in [0.5, 1).
        effect: relative change of the primary metric that is looked for, such as 0.03.
        baseline: rate of the primary metric on the control that is expected, in (0, 1).
        daily_units: units a day that reach the checkout, before targeting and traffic.
        segments: attributes by whose values the metrics are shown apart, at most 4.

    Raises:
        pydantic.ValidationError: when a value breaks its rule.
    """

    planned_units: Annotated[
        int,
        Field(ge=2, le=10**12, description="the number of units to wait for, such as 40000"),
    ]
    method: Annotated[Method, Field(description="fixed or group_sequential")] = Method.FIXED
    looks: Annotated[
        int | None,
        Field(ge=2, le=28, description="a number of looks such as 5", validate_default=True),
    ] = None
    spending: Annotated[Spending | None, Field(description="obrien_fleming, pocock or power")] = (
        None
    )
    alpha: Annotated[
        float, Field(gt=0, lt=0.5, description="a probability such as 0.05, below 0.5")
    ] = 0.05
    conversion_window: Window = timedelta(days=7)
    power: Annotated[
        float, Field(ge=0.5, lt=1, description="a probability such as 0.8, at least 0.5")
    ] = 0.8
    effect: Annotated[
        float | None,
        Field(gt=0, le=1, description="a relative change such as 0.03 for 3 percent"),
    ] = None
    baseline: Annotated[
        float | None, Field(gt=0, lt=1, description="the control's rate, such as 0.55")
    ] = None
    daily_units: Annotated[
        int | None,
        Field(ge=1, le=10**10, description="units a day that reach the checkout, such as 3000"),
    ] = None
    segments: Annotated[
        tuple[Key, ...] | None,
        Field(max_length=4, description="a list of attributes such as [device, country]"),
    ] = None

    @property
    def segmented_by(self) -> tuple[str, ...]:
        """The attributes that segments are made by: where none is named, what visitors hold."""
        return ("device",) if self.segments is None else self.segments

    @field_validator("segments")
    @classmethod
    def _each_once(cls, keys: tuple[str, ...] | None) -> tuple[str, ...] | None:
        refuse_all(
            Breach((index,), "unique-key", f"{shown(key)} is listed twice", "list it once")
            for index, key in enumerate(keys or ())
            if index in repeated(keys or ())
        )
        return keys

    @field_validator("looks", "spending")
    @classmethod
    def _of_planned_looks(cls, value: object, info: ValidationInfo) -> object:
        method = info.data.get("method")
        if method is Method.FIXED and value is not None:
            raise refusal(
                "looks-missing",
                f"{info.field_name} says nothing with one look at the end",
                "remove it, or write `method: group_sequential`",
            )
        if method is Method.GROUP_SEQUENTIAL and info.field_name == "looks" and value is None:
            raise refusal(
                "looks-missing",
                "group_sequential needs the number of looks",
                "write `looks:` and a number such as 5",
            )
        return value

    @field_validator("baseline")
    @classmethod
    def _below_one_with_the_effect(
        cls, baseline: float | None, info: ValidationInfo
    ) -> float | None:
        effect = info.data.get("effect")
        if baseline is not None and effect is not None and baseline * (1 + effect) >= 1:
            raise refusal(
                "effect-unreachable",
                f"a rate of {baseline:g} cannot rise by {effect:.1%}",
                "write a smaller effect or baseline",
            )
        return baseline


class ShipIf(StrEnum):
    """What the primary metric must show before a variant is shipped."""

    BETTER = "better"
    NOT_WORSE = "not_worse"
    """Not worse by the margin: for a change that is wanted for another reason."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class DecisionRule:
    """When the result is acted on.

    Attributes:
        minimum_runtime: how long the experiment runs at least before a variant ships.
        ship_if: what the primary metric must show.
        margin: the loss that is no longer accepted, a share of the control's value; needed
            with `not_worse`, and with nothing else.

    Raises:
        pydantic.ValidationError: when a value breaks its rule.
    """

    minimum_runtime: Annotated[Duration | None, Field(description="a duration such as 14d")] = None
    ship_if: Annotated[ShipIf, Field(description="better or not_worse")] = ShipIf.BETTER
    margin: Annotated[Margin | None, Field(description=_A_LOSS, validate_default=True)] = None

    @field_validator("margin")
    @classmethod
    def _with_not_worse(cls, margin: float | None, info: ValidationInfo) -> float | None:
        _below_all(margin)
        needed = info.data.get("ship_if") is ShipIf.NOT_WORSE
        if needed and margin is None:
            raise refusal(
                "margin-missing",
                "not_worse needs the margin that is still accepted",
                "write `margin:` and a share such as 0.01",
            )
        if not needed and margin is not None and "ship_if" in info.data:
            raise refusal(
                "margin-missing",
                "a margin says nothing while ship_if is better",
                "remove it, or write `ship_if: not_worse`",
            )
        return margin


def _by_a_browser(event: FunnelEvent) -> FunnelEvent:
    if event not in BROWSER_EVENTS:
        raise refusal(
            "unknown-value",
            f"{event} is told by Stripe, after the visitor has decided",
            f"write `{nearest(event, sorted(BROWSER_EVENTS)) or FunnelEvent.CHECKOUT_VIEWED}`",
        )
    return event


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Exposure:
    """From when a unit counts.

    Attributes:
        trigger: the first funnel event that makes it count. `checkout_viewed` is told by the
            server as it shows the page; any other by the page, and units that never get there
            are left out of every variant.

    Raises:
        pydantic.ValidationError: when a value breaks its rule.
    """

    trigger: Annotated[
        FunnelEvent,
        AfterValidator(_by_a_browser),
        Field(
            description="a funnel event that a page tells, such as checkout_viewed",
            json_schema_extra={"enum": sorted(BROWSER_EVENTS)},
        ),
    ] = FunnelEvent.CHECKOUT_VIEWED


def digest_of(plan: Mapping[str, Any]) -> str:
    """SHA-256 of a plan's document, in hexadecimal: the same for the same plan."""
    said = json.dumps(plan, sort_keys=True, separators=(",", ":"))
    return sha256(said.encode()).hexdigest()


def document(plan: Any) -> Any:
    """A part of a plan as JSON says it: the same text for the same meaning, defaults included."""
    return TypeAdapter(type(plan)).dump_python(plan, mode="json")
