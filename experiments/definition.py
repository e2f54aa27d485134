"""What is tested: experiments that are valid once they exist, and never change."""

from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from math import ceil
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic.dataclasses import dataclass

from experiments.bucketing import first_place, ranges
from experiments.entry import Override, RampStep, increasing
from experiments.layers import Holdout, Slot
from experiments.notation import (
    STRICT,
    Breach,
    Key,
    Line,
    Moment,
    Paragraph,
    duration_text,
    nearest,
    refuse_all,
    repeated,
    shown,
    some,
)
from experiments.plan import (
    AnalysisPlan,
    DecisionRule,
    Exposure,
    MetricRoles,
    Spending,
    document,
)
from experiments.rules import HeldOut, Rules, Stretch, places
from experiments.sizing import look_cost, units_needed
from experiments.targeting import Targeting, texts_of
from experiments.targeting_file import read_targeting
from experiments.variants import Variant, agreeing

WEEK = timedelta(days=7)
# What a week is longer or shorter by where clocks change in it: 9:00 stays 9:00.
_CLOCK_CHANGE = timedelta(hours=1)


class Status(StrEnum):
    """Where an experiment is in its life."""

    DRAFT = "draft"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    SHIPPED = "shipped"


class Unit(StrEnum):
    """What is assigned."""

    VISITOR = "visitor"
    """A browser, by its cookie."""
    CUSTOMER = "customer"
    """A customer, by the id the merchant's server gives the checkout."""


def _optional_targeting(value: object) -> Targeting | None:
    return None if value is None else read_targeting(value)


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
        unit: what is assigned: a visitor or a customer.
        traffic: share of units that enter, in (0, 1]; with a ramp, at its last step.
        variants: what is compared, 2 to 20, one of them the control.
        winner: key of the variant everyone gets once it is shipped.
        layer: key of the layer whose experiments exclude each other, in layers.yaml.
        holdout: key of a holdout of layers.yaml that sees nothing of this experiment.
        targeting: whom it is for; None means everyone.
        overrides: who is shown a variant on purpose, and never analysed.
        ramp: the steps in which traffic grows; empty means at once.
        exposure: from when a unit counts.
        metrics: what is read.
        analysis: how it is judged.
        decision: when the result is acted on.
        slot: its positions in its layer, from layers.yaml; None outside any layer.
        holdouts: every holdout that holds for it, from layers.yaml.
        stopped: whether an operator has stopped it, whatever its file says.
        granted: how many steps of its ramp may be taken, as operators and guardrails have it.
        rules: what decides who sees what, worked out of all this for `assign`.

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
    unit: Annotated[Unit, Field(description="visitor or customer")] = Unit.VISITOR
    traffic: Annotated[
        float,
        Field(gt=0, le=1, description="a share above 0 and at most 1, such as 0.5 for half"),
    ] = 1.0
    variants: Annotated[
        tuple[Variant, ...],
        AfterValidator(agreeing),
        Field(
            description="a list of variants such as - {key: one_page, weight: 50}",
            json_schema_extra={"minItems": 2, "maxItems": 20},
        ),
    ]
    winner: Annotated[
        Key | None, Field(description="the key of the variant that everyone gets")
    ] = None
    layer: Annotated[
        Key | None, Field(description="the key of a layer of layers.yaml, such as checkout")
    ] = None
    holdout: Annotated[
        Key | None, Field(description="the key of a holdout of layers.yaml, such as h1-2027")
    ] = None
    targeting: Annotated[
        Targeting | None,
        PlainValidator(_optional_targeting),
        WithJsonSchema({"title": "Targeting"}),
        Field(
            description="a condition such as {attribute: country, in: [SE, NO]}, or all, any, not"
        ),
    ] = None
    overrides: Annotated[
        tuple[Override, ...],
        Field(description="a list such as - {name: qa-team, variant: one_page}"),
    ] = ()
    ramp: Annotated[
        tuple[RampStep, ...],
        AfterValidator(increasing),
        Field(description="a list such as - {after: 24h, traffic: 0.1}"),
    ] = ()
    exposure: Annotated[
        Exposure, Field(description="a mapping such as {trigger: checkout_viewed}")
    ] = Exposure()
    metrics: Annotated[MetricRoles, Field(description="a mapping with the key primary")]
    analysis: Annotated[AnalysisPlan, Field(description="a mapping with the key planned_units")]
    decision: Annotated[
        DecisionRule, Field(description="a mapping such as {minimum_runtime: 14d}")
    ] = DecisionRule()
    slot: Annotated[Slot | None, Field(exclude=True)] = None
    holdouts: Annotated[tuple[Holdout, ...], Field(exclude=True)] = ()
    stopped: Annotated[bool, Field(exclude=True)] = False
    granted: Annotated[int, Field(ge=1, exclude=True)] = 1
    rules: Rules = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # A property would cost each assignment as much as its targeting.
        object.__setattr__(self, "rules", self._rules())

    @field_validator("end")
    @classmethod
    def _whole_weeks_after_the_start(
        cls, end: datetime | None, info: ValidationInfo
    ) -> datetime | None:
        refuse_all(_run_breaches(info.data.get("start"), end))
        return end

    @field_validator("winner")
    @classmethod
    def _only_when_shipped(cls, winner: str | None, info: ValidationInfo) -> str | None:
        keys = [variant.key for variant in info.data.get("variants", ())]
        refuse_all(_winner_breaches(winner, info.data.get("status"), keys))
        return winner

    @field_validator("overrides")
    @classmethod
    def _of_known_variants(
        cls, overrides: tuple[Override, ...], info: ValidationInfo
    ) -> tuple[Override, ...]:
        keys = [variant.key for variant in info.data.get("variants", ())]
        refuse_all(_override_breaches(overrides, keys, info.data.get("unit")))
        return overrides

    @field_validator("ramp")
    @classmethod
    def _up_to_the_traffic(
        cls, ramp: tuple[RampStep, ...], info: ValidationInfo
    ) -> tuple[RampStep, ...]:
        refuse_all(_ramp_breaches(ramp, info.data))
        return ramp

    @field_validator("analysis")
    @classmethod
    def _within_the_run(cls, analysis: AnalysisPlan, info: ValidationInfo) -> AnalysisPlan:
        refuse_all(_analysis_breaches(analysis, info.data))
        return analysis

    @field_validator("decision")
    @classmethod
    def _before_the_end(cls, decision: DecisionRule, info: ValidationInfo) -> DecisionRule:
        refuse_all(_decision_breaches(decision, info.data))
        return decision

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

    def traffic_at(self, now: datetime) -> float:
        """Share of units that enter at this time, in [0, 1]."""
        if not self.ramp:
            return self.traffic
        taken = [step.traffic for begins, step in self._granted_steps() if begins <= now]
        return taken[-1] if taken else 0.0

    def is_open(self, now: datetime) -> bool:
        """Whether units are assigned at this time, given as an aware `datetime`."""
        return (
            self.status is Status.RUNNING
            and not self.stopped
            and (self.start is None or self.start <= now)
            and (self.end is None or now < self.end)
        )

    def _rules(self) -> Rules:
        attribute, among = texts_of(self.targeting) or ("", None)
        asked = self.targeting if among is None else None
        forced = {
            customer: override for override in self.overrides for customer in override.customers
        }
        runs = self.status is Status.RUNNING and not self.stopped
        return Rules(
            key=self.key,
            seed=self.seed,
            control=self.control,
            variants=self.variants,
            ordinary=runs and not (self.start or self.end or forced),
            runs=runs,
            opens=self.start,
            closes=self.end,
            forced=forced,
            attribute=attribute,
            among=among,
            admits=None if asked is None else asked.compiled(),
            barred=bool(asked or self.holdouts or self.slot),
            holdouts=tuple(_held_out(holdout) for holdout in self.holdouts),
            slot=None if self.slot is None else _stretch(self.slot),
            places=None if self.ramp else self._places(self.traffic),
            steps=tuple(
                (begins, self._places(step.traffic)) for begins, step in self._granted_steps()
            )[::-1],
        )

    def override(self, name: str) -> Override:
        """The override of that name.

        Raises:
            KeyError: when there is none.
        """
        return {override.name: override for override in self.overrides}[name]

    def plan_document(self) -> dict[str, Any]:
        """What this file settles before there are numbers, as JSON: its change is an amendment."""
        return {
            "unit": self.unit.value,
            "exposure": document(self.exposure),
            "metrics": document(self.metrics),
            "analysis": document(self.analysis),
            "decision": document(self.decision),
        }

    def _places(self, traffic: float) -> bytes:
        return places(ranges(self.shares.values(), traffic))

    def _granted_steps(self) -> Iterator[tuple[datetime, RampStep]]:
        """The steps of the ramp that may be taken, and when."""
        if self.start is not None:
            for step in self.ramp[: self.granted]:
                yield self.start + step.after, step

    @cached_property
    def _control(self) -> Variant:
        return next(variant for variant in self.variants if variant.control)

    @cached_property
    def _by_key(self) -> Mapping[str, Variant]:
        return {variant.key: variant for variant in self.variants}


def _held_out(holdout: Holdout) -> HeldOut:
    return HeldOut(holdout.seed, first_place(holdout.share), holdout.holds)


def _stretch(slot: Slot) -> Stretch:
    return Stretch(slot.seed, first_place(slot.lower), first_place(slot.upper))


def _run_breaches(start: datetime | None, end: datetime | None) -> Iterator[Breach]:
    if start is None or end is None:
        return
    if end <= start:
        yield Breach(
            (),
            "end-before-start",
            f"it would end at {end.isoformat()}, no later than its start",
            f"write a time after {start.isoformat()}",
        )
    elif min((end - start) % WEEK, (start - end) % WEEK) > _CLOCK_CHANGE:
        weeks = max(1, round((end - start) / WEEK))
        yield Breach(
            (),
            "whole-weeks",
            f"it would run for {(end - start) / WEEK:.2f} weeks, and weekdays differ",
            f"write {(start + weeks * WEEK).isoformat()}, for {weeks} whole "
            f"week{'s' if weeks > 1 else ''}",
        )


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
        yield _no_such_variant((), "unknown-winner", winner, keys)


def _no_such_variant(at: tuple[str | int, ...], rule: str, key: str, keys: list[str]) -> Breach:
    near = nearest(key, keys)
    message = f"no variant has the key {shown(key)}"
    return Breach(at, rule, message, f"write `{near}`" if near else f"write one of {some(keys)}")


def _override_breaches(
    overrides: tuple[Override, ...], keys: list[str], unit: Unit | None
) -> Iterator[Breach]:
    for index in repeated(override.name for override in overrides):
        message = f"two overrides have the name {shown(overrides[index].name)}"
        yield Breach((index, "name"), "unique-key", message, "give each override its own name")
    for index, override in enumerate(overrides):
        if keys and override.variant not in keys:
            yield _no_such_variant((index, "variant"), "unknown-variant", override.variant, keys)
        if override.customers and unit is Unit.VISITOR:
            yield Breach(
                (index, "customers"),
                "customers-of-visitors",
                "customers are listed, but visitors are assigned",
                "write `unit: customer`, or remove the list and send a signed link",
            )
    listed = [customer for override in overrides for customer in override.customers]
    places = [
        (index, "customers", at)
        for index, override in enumerate(overrides)
        for at, _ in enumerate(override.customers)
    ]
    for place in repeated(listed):
        message = f"the customer {shown(listed[place])} is listed twice"
        yield Breach(places[place], "unique-key", message, "list a customer once")


def _ramp_breaches(ramp: tuple[RampStep, ...], earlier: Mapping[str, Any]) -> Iterator[Breach]:
    if not ramp:
        return
    if "start" in earlier and earlier["start"] is None:
        message = "a ramp counts from the start, and none is written"
        yield Breach((), "ramp-start", message, "write `start:` and a time with a zone")
    if "traffic" in earlier and ramp[-1].traffic != earlier["traffic"]:
        yield Breach(
            (len(ramp) - 1, "traffic"),
            "ramp-end",
            f"the ramp ends at {ramp[-1].traffic:g}, and the traffic is {earlier['traffic']:g}",
            f"write {earlier['traffic']:g} here, or `traffic: {ramp[-1].traffic:g}` above",
        )
    run = _run(earlier)
    if run is not None and ramp[-1].after >= run:
        message = f"its last step comes {_days(ramp[-1].after)} after the start, when it has ended"
        at = (len(ramp) - 1, "after")
        yield Breach(at, "ramp-end", message, "write an earlier step, or a later end")


def _run(earlier: Mapping[str, Any]) -> timedelta | None:
    start, end = earlier.get("start"), earlier.get("end")
    return end - start if start is not None and end is not None else None


def _analysis_breaches(plan: AnalysisPlan, earlier: Mapping[str, Any]) -> Iterator[Breach]:
    run = _run(earlier)
    if run is not None and plan.conversion_window > run:
        yield Breach(
            ("conversion_window",),
            "window-too-long",
            f"the window of {_days(plan.conversion_window)} is longer than the run of {_days(run)}",
            f"write at most {_at_most(run)}, or a later end",
        )
    variants, traffic = earlier.get("variants", ()), earlier.get("traffic")
    if plan.effect is not None and plan.baseline is not None and variants:
        yield from _unseen(plan, variants)
    if plan.daily_units is not None and run is not None and traffic is not None:
        yield from _unreached(plan, run, traffic)


def _unseen(plan: AnalysisPlan, variants: tuple[Variant, ...]) -> Iterator[Breach]:
    """Whether the planned units can show the effect, in the smallest comparison there is."""
    if plan.effect is None or plan.baseline is None:
        return
    control = next(variant for variant in variants if variant.control)
    smallest = min(variant.weight for variant in variants if not variant.control)
    needed = units_needed(
        baseline=plan.baseline,
        lift=plan.effect,
        # Holm's first and strictest level, where several variants are compared.
        alpha=plan.alpha / (len(variants) - 1),
        power=plan.power,
        control=control.weight / 100,
        variant=smallest / 100,
    )
    needed = ceil(needed * look_cost(plan.spending or Spending.OBRIEN_FLEMING, plan.looks or 1))
    if needed > plan.planned_units:
        yield Breach(
            ("planned_units",),
            "effect-unreachable",
            f"{plan.planned_units:,} units do not show a lift of {plan.effect:.1%} from "
            f"{plan.baseline:g} with power {plan.power:g}",
            f"write at least {needed}, or look for a larger effect",
        )


def _unreached(plan: AnalysisPlan, run: timedelta, traffic: float) -> Iterator[Breach]:
    """Whether the planned units can come at all between start and end."""
    days = run / timedelta(days=1)
    coming = int((plan.daily_units or 0) * traffic * days)
    if coming < plan.planned_units:
        weeks = -(-plan.planned_units // max(1, int((plan.daily_units or 0) * traffic * 7)))
        yield Breach(
            ("planned_units",),
            "effect-unreachable",
            f"at {plan.daily_units:,} units a day and traffic {traffic:g}, {coming:,} units come "
            f"in {days:g} days, not {plan.planned_units:,}",
            f"let it run for {weeks} weeks, raise the traffic, or plan fewer units",
        )


def _decision_breaches(decision: DecisionRule, earlier: Mapping[str, Any]) -> Iterator[Breach]:
    run, least = _run(earlier), decision.minimum_runtime
    if run is not None and least is not None and least > run:
        yield Breach(
            ("minimum_runtime",),
            "window-too-long",
            f"{_days(least)} are longer than the run of {_days(run)}",
            f"write at most {_at_most(run)}, or a later end",
        )


def _at_most(run: timedelta) -> str:
    return duration_text(run - run % timedelta(hours=1))


def _days(duration: timedelta) -> str:
    return f"{duration / timedelta(days=1):g} days"
