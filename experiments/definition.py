"""What is tested: experiments that are valid once they exist, and never change."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from experiments.bucketing import ranges
from experiments.notation import (
    STRICT,
    Breach,
    Duration,
    Key,
    Line,
    Moment,
    Paragraph,
    nearest,
    refusal,
    refuse_all,
    repeated,
    shown,
    some,
)


class Status(StrEnum):
    """Where an experiment is in its life."""

    DRAFT = "draft"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    SHIPPED = "shipped"


class Slice(NamedTuple):
    """The positions `lower <= position < upper` that one variant takes."""

    lower: float
    upper: float
    variant: "Variant"


def _two_decimals(weight: float) -> float:
    if abs(weight * 100 - round(weight * 100)) > 1e-6:
        raise refusal(
            "weight-decimals",
            f"the weight {shown(weight)} has more than two decimals",
            f"write {round(weight, 2)}",
        )
    return weight


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Variant:
    """One of the experiences that are compared.

    Attributes:
        key: the name in reports, cookies and payments.
        weight: percent of the units in the experiment, above 0, at most two decimals.
        control: whether the others are compared with this one.
        flow: the checkout flow it shows, by a name the service knows; opaque here.
        name: the name people read; None means the key.

    Raises:
        pydantic.ValidationError: when a value breaks its rule.
    """

    key: Annotated[Key, Field(description="a key such as one_page")]
    weight: Annotated[
        float,
        AfterValidator(_two_decimals),
        Field(
            gt=0,
            le=100,
            description="a percentage above 0 and at most 100, with at most two decimals, "
            "such as 50",
        ),
    ]
    control: Annotated[bool, Field(description="true for the control, else nothing")] = False
    flow: Annotated[Key | None, Field(description="the key of a checkout flow")] = None
    name: Annotated[Line | None, Field(description="a short name such as One page")] = None


@dataclass(frozen=True, kw_only=True, config=STRICT)
class MetricRoles:
    """Which metrics are read, and what each may decide.

    Attributes:
        primary: key of the metric the experiment is about.
        secondary: keys of metrics that explain it.
        guardrails: keys of metrics that must not get worse.

    Raises:
        pydantic.ValidationError: when a value breaks its rule.
    """

    primary: Annotated[Key, Field(description="the key of one metric such as paid_conversion")]
    secondary: Annotated[
        tuple[Key, ...], Field(description="a list of metric keys such as [revenue_per_visitor]")
    ] = ()
    guardrails: Annotated[
        tuple[Key, ...], Field(description="a list of metric keys such as [refund_rate]")
    ] = ()

    @field_validator("secondary", "guardrails")
    @classmethod
    def _one_role_each(cls, keys: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        taken = {info.data.get("primary"), *info.data.get("secondary", ())}
        twice = {index for index, key in enumerate(keys) if key in taken} | set(repeated(keys))
        refuse_all(
            Breach(
                (index,),
                "metric-once",
                f"the metric {shown(keys[index])} has a role already",
                "remove it here or there",
            )
            for index in sorted(twice)
        )
        return keys


def _within_a_year(window: timedelta) -> timedelta:
    if not timedelta(0) < window <= timedelta(days=365):
        raise refusal(
            "out-of-range",
            f"a window of {window / timedelta(days=1):g} days is not above 0 and at most 365",
            "write a duration of at most 365d, such as 7d, 72h or 30m",
        )
    return window


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AnalysisPlan:
    """How the numbers are judged, settled before there are any.

    Attributes:
        method: `fixed`: one look, once the planned units are in.
        alpha: probability of a false alarm, in (0, 0.5).
        planned_units: units in all variants together at which the result is read, at least 2.
        conversion_window: how long after its first exposure a unit can convert, up to 365 days.

    Raises:
        pydantic.ValidationError: when a value breaks its rule.
    """

    planned_units: Annotated[
        int,
        Field(ge=2, le=10**12, description="the number of units to wait for, such as 40000"),
    ]
    method: Annotated[Literal["fixed"], Field(description="fixed")] = "fixed"
    alpha: Annotated[
        float, Field(gt=0, lt=0.5, description="a probability such as 0.05, below 0.5")
    ] = 0.05
    conversion_window: Annotated[
        Duration,
        AfterValidator(_within_a_year),
        Field(
            description="a duration of at most 365d, such as 7d, 72h or 30m",
        ),
    ] = timedelta(days=7)


def _count(variants: tuple[Variant, ...]) -> Iterator[Breach]:
    if not 2 <= len(variants) <= 20:
        yield Breach(
            (),
            "variant-count",
            f"there are {len(variants)} variants" if len(variants) != 1 else "there is 1 variant",
            "write 2 to 20 variants",
        )


def _unique_keys(variants: tuple[Variant, ...]) -> Iterator[Breach]:
    for index in repeated(variant.key for variant in variants):
        key = variants[index].key
        yield Breach(
            (index, "key"),
            "unique-key",
            f"two variants have the key {shown(key)}",
            "give each variant a key of its own",
        )


def _one_control(variants: tuple[Variant, ...]) -> Iterator[Breach]:
    controls = [index for index, variant in enumerate(variants) if variant.control]
    if variants and not controls:
        yield Breach(
            (),
            "one-control",
            "no variant is the control",
            "write `control: true` on the variant that visitors see today",
        )
    for index in controls[1:]:
        yield Breach(
            (index, "control"),
            "one-control",
            f"{shown(variants[index].key)} is a second control beside "
            f"{shown(variants[controls[0]].key)}",
            "keep `control: true` on one variant only",
        )


def _weights_sum(variants: tuple[Variant, ...]) -> Iterator[Breach]:
    # In hundredths of a percent the sum is exact: 33.33 + 33.33 + 33.34 is 100.
    total = sum(round(variant.weight * 100) for variant in variants)
    if total != 10000 and 2 <= len(variants) <= 20:
        yield Breach(
            (),
            "weights-sum",
            f"the weights sum to {total / 100:g}, not 100",
            f"change them so that they sum to 100; equal weights are {_equal(len(variants))}",
        )


def _equal(count: int) -> str:
    each = 10000 // count
    rest = 10000 - each * (count - 1)
    return ", ".join(f"{hundredths / 100:g}" for hundredths in [each] * (count - 1) + [rest])


def _flows(variants: tuple[Variant, ...]) -> Iterator[Breach]:
    without = [index for index, variant in enumerate(variants) if variant.flow is None]
    if len(without) != len(variants):
        for index in without:
            yield Breach(
                (index,),
                "flow-on-every-variant",
                f"{shown(variants[index].key)} names no flow, though other variants do",
                "write `flow:` on this variant too",
            )


_VARIANT_RULES: Final[tuple[Callable[[tuple[Variant, ...]], Iterator[Breach]], ...]] = (
    _count,
    _unique_keys,
    _one_control,
    _weights_sum,
    _flows,
)


def _agreeing(variants: tuple[Variant, ...]) -> tuple[Variant, ...]:
    refuse_all(breach for rule in _VARIANT_RULES for breach in rule(variants))
    return variants


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Experiment:
    """One comparison of variants: what, why, for whom, and how it will be judged.

    Attributes:
        key: its name in files, cookies, payments and reports; the stem of its file.
        seed: what the split is computed from, with the unit's id; by default the key.
            Another seed is another split.
        version: version of the format.
        name: the name people read.
        hypothesis: what is expected to happen, and why.
        owner: who answers for it.
        status: where it is in its life.
        start: when assignment begins, in UTC; None means as soon as it runs.
        end: when assignment ends (not included), in UTC; None means when it is stopped.
        unit: what is assigned: a visitor.
        traffic: share of units that enter, in (0, 1].
        variants: what is compared, 2 to 20, one of them the control.
        winner: key of the variant everyone gets once it is shipped.
        metrics: what is read.
        analysis: how it is judged.

    Raises:
        pydantic.ValidationError: with every rule that a value breaks.
    """

    key: Annotated[Key, Field(description="a key such as one-page-checkout")]
    seed: Annotated[
        Line,
        Field(
            default_factory=lambda earlier: earlier["key"],
            description="any text, in quotes; another seed is another split",
        ),
    ]
    version: Annotated[Literal[1], Field(description="1")] = 1
    name: Annotated[Line, Field(description="a short name such as One-page checkout")]
    hypothesis: Annotated[
        Paragraph, Field(description="what you expect to happen and why, in a sentence or two")
    ]
    owner: Annotated[Line, Field(description="who answers for it, such as growth@example.com")]
    status: Annotated[Status, Field(description="draft, running, paused, stopped or shipped")]
    start: Annotated[
        Moment | None, Field(description="a time with a zone such as 2027-01-11T09:00:00Z")
    ] = None
    end: Annotated[
        Moment | None, Field(description="a time with a zone such as 2027-02-08T09:00:00Z")
    ] = None
    unit: Annotated[Literal["visitor"], Field(description="visitor")] = "visitor"
    traffic: Annotated[
        float,
        Field(gt=0, le=1, description="a share above 0 and at most 1, such as 0.5 for half"),
    ] = 1.0
    variants: Annotated[
        tuple[Variant, ...],
        AfterValidator(_agreeing),
        Field(
            description="a list of variants such as - {key: one_page, weight: 50}",
            json_schema_extra={"minItems": 2, "maxItems": 20},
        ),
    ]
    winner: Annotated[
        Key | None, Field(description="the key of the variant that everyone gets")
    ] = None
    metrics: Annotated[MetricRoles, Field(description="a mapping with the key primary")]
    analysis: Annotated[AnalysisPlan, Field(description="a mapping with the key planned_units")]

    @field_validator("end")
    @classmethod
    def _after_the_start(cls, end: datetime | None, info: ValidationInfo) -> datetime | None:
        start = info.data.get("start")
        if end is not None and start is not None and end <= start:
            raise refusal(
                "end-before-start",
                f"it would end at {end.isoformat()}, no later than its start",
                f"write a time after {start.isoformat()}",
            )
        return end

    @field_validator("winner")
    @classmethod
    def _only_when_shipped(cls, winner: str | None, info: ValidationInfo) -> str | None:
        keys = [variant.key for variant in info.data.get("variants", ())]
        refuse_all(_winner_breaches(winner, info.data.get("status"), keys))
        return winner

    @property
    def control(self) -> Variant:
        """The variant the others are compared with."""
        return self._control

    def variant(self, key: str) -> Variant:
        """The variant of that key.

        Raises:
            KeyError: when no variant has it.
        """
        return self._by_key[key]

    @property
    def shares(self) -> Mapping[str, float]:
        """Expected share of each variant among the units in the experiment, summing to 1."""
        return MappingProxyType({variant.key: variant.weight / 100 for variant in self.variants})

    @cached_property
    def slices(self) -> tuple[Slice, ...]:
        """Which positions get which variant, in the order of the variants."""
        edges = ranges(self.shares.values(), self.traffic)
        return tuple(
            Slice(*edge, variant) for edge, variant in zip(edges, self.variants, strict=True)
        )

    @cached_property
    def always_open(self) -> bool:
        """Whether units are assigned at any time: it runs, with neither start nor end."""
        return self.status is Status.RUNNING and self.start is None and self.end is None

    def is_open(self, now: datetime) -> bool:
        """Whether units are assigned at this time, given as an aware `datetime`."""
        return (
            self.status is Status.RUNNING
            and (self.start is None or self.start <= now)
            and (self.end is None or now < self.end)
        )

    @cached_property
    def _control(self) -> Variant:
        return next(variant for variant in self.variants if variant.control)

    @cached_property
    def _by_key(self) -> Mapping[str, Variant]:
        return {variant.key: variant for variant in self.variants}


def _winner_breaches(
    winner: str | None, status: Status | None, keys: list[str]
) -> Iterator[Breach]:
    if winner is None:
        if status is Status.SHIPPED:
            message = "the status is shipped, but no winner is named"
            mend = "write `winner:` and the key of the variant that everyone gets"
            yield Breach((), "winner-missing", message, mend)
        return
    if status not in {Status.SHIPPED, None}:
        message = f"a winner is named, but the status is {status}"
        mend = "write `status: shipped`, or remove the winner"
        yield Breach((), "winner-not-shipped", message, mend)
    if keys and winner not in keys:
        near = nearest(winner, keys)
        message = f"no variant has the key {shown(winner)}"
        mend = f"write `{near}`" if near else f"write one of {some(keys)}"
        yield Breach((), "unknown-winner", message, mend)
