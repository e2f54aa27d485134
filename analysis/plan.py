"""What was agreed before the data came: metrics, level and size, settled and checked."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from analysis.aggregates import Aggregates
from analysis.errors import InvalidPlan, UnknownInference, UnknownMetric
from analysis.inference import ADJUSTMENTS, INFERENCES, Comparing
from analysis.inference.adjustment import Adjustment
from analysis.report import Contrast, Margin, Role
from experiments.definition import Experiment
from experiments.metrics import Direction, Kind, Metric
from experiments.plan import DecisionRule, Method, Scale, Spending


@dataclass(frozen=True, slots=True)
class MetricPlan:
    """One metric of the plan: how it is counted, which way is good, what it is for.

    Attributes:
        margin: The loss that would be too much. A guardrail that has one must be shown to stay
            within it before anything ships; a primary metric that has one ships when it is shown
            to. None: a guardrail must not be shown to get worse, a primary metric must get better.
        adjustment: How a covariate is taken out of its values; its sums then hold the covariate
            where a ratio's hold the base. None where there is none.

    Raises:
        UnknownInference: If no test is registered for the kind.
        InvalidPlan: If the role is unknown or cannot have a margin, the margin is not above 0, or
            a ratio is to be adjusted.
    """

    key: str
    kind: Kind
    direction: Direction
    role: Role
    name: str
    margin: Margin | None = None
    adjustment: Adjustment | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "role", _role(self.key, self.role))
        if self.margin is not None:
            _refuse_margin(self.key, self.role, self.margin)
        if self.kind not in INFERENCES:
            raise UnknownInference(f"metric {self.key!r}: no test for kind {self.kind!r}")
        if self.adjustment is not None and self.kind is Kind.RATIO:
            raise InvalidPlan(f"metric {self.key!r}: a ratio cannot be adjusted by a covariate")

    def compare(self, control: Aggregates, treatment: Aggregates, *, alpha: float) -> Contrast:
        """Its test of two variants, at a two-sided level."""
        test: Comparing = INFERENCES[self.kind].compare
        if self.adjustment is not None:
            test = ADJUSTMENTS[self.adjustment]
        return test(control, treatment, alpha=alpha)


@dataclass(frozen=True)
class Plan:
    """An experiment as analysis needs it.

    Attributes:
        experiment: Key of the experiment, or the name of a file.
        control: Key of the variant that all others are compared with.
        variants: All variant keys, control first, at least two.
        shares: Designed share of every variant, above 0, summing to 1.
        alpha: Two-sided chance of a false alarm, above 0 and below 0.5.
        method: Whether the numbers decide at the end alone, or at planned looks.
        planned_units: Units over all variants at which the fixed test, or the last look, is read;
            None where nobody planned, and the numbers at hand are read as the end.
        metrics: In the order of the report; exactly one is primary.
        start: When the experiment begins, in UTC; None means with the first exposure.
        minimum_runtime: Before which nothing ships; None where nobody set one.
        looks: With planned looks how many, at equal parts of the planned units; else None.
        spending: How planned looks divide alpha.

    Raises:
        InvalidPlan: If any of these rules is broken.
    """

    experiment: str
    control: str
    variants: tuple[str, ...]
    shares: Mapping[str, float]
    alpha: float
    method: Method
    planned_units: int | None
    metrics: tuple[MetricPlan, ...]
    start: datetime | None = None
    minimum_runtime: timedelta | None = None
    looks: int | None = None
    spending: Spending = Spending.OBRIEN_FLEMING

    def __post_init__(self) -> None:
        broken = [message for message, holds in self._rules() if not holds]
        if broken:
            raise InvalidPlan(f"{self.experiment}: {'; '.join(broken)}")

    @property
    def units_at_looks(self) -> tuple[int, ...]:
        """The units over all variants that each planned look waits for; none without looks."""
        planned, looks = self.planned_units, self.looks
        if planned is None or looks is None:
            return ()
        return tuple(math.ceil(planned * number / looks) for number in range(1, looks + 1))

    def _rules(self) -> tuple[tuple[str, bool], ...]:
        keys = [metric.key for metric in self.metrics]
        primaries = [metric for metric in self.metrics if metric.role is Role.PRIMARY]
        shares = self.shares.values()
        return (
            (
                "variants: at least two, none twice",
                len(set(self.variants)) == len(self.variants) > 1,
            ),
            ("control: must be the first variant", self.variants[:1] == (self.control,)),
            ("shares: one for each variant", set(self.shares) == set(self.variants)),
            (
                "shares: above 0, summing to 1",
                all(share > 0 for share in shares) and math.isclose(sum(shares), 1, abs_tol=1e-9),
            ),
            ("alpha: above 0 and below 0.5", 0 < self.alpha < 0.5),
            (
                "looks: at least 2 of the planned units, with group_sequential alone",
                (self.looks is not None and self.looks >= 2 and self.planned_units is not None)
                if self.method is Method.GROUP_SEQUENTIAL
                else self.looks is None,
            ),
            ("planned_units: at least 2", self.planned_units is None or self.planned_units >= 2),
            ("metrics: none twice", len(set(keys)) == len(keys)),
            ("metrics: exactly one primary", len(primaries) == 1),
        )


def resolve(experiment: Experiment, metrics: Mapping[str, Metric]) -> Plan:
    """The plan of a defined experiment, with every name looked up.

    Args:
        experiment: A valid definition.
        metrics: The declared metrics by key.

    Raises:
        UnknownMetric: If the experiment names a metric that is not declared.
        UnknownInference: If a metric's kind has no test.
        InvalidPlan: If the parts do not fit together.
    """
    others = [variant.key for variant in experiment.variants if not variant.control]
    return Plan(
        experiment=experiment.key,
        control=experiment.control.key,
        variants=(experiment.control.key, *others),
        shares=experiment.shares,
        alpha=experiment.analysis.alpha,
        method=experiment.analysis.method,
        planned_units=experiment.analysis.planned_units,
        metrics=_metric_plans(experiment, metrics),
        start=experiment.start,
        minimum_runtime=experiment.decision.minimum_runtime,
        looks=experiment.analysis.looks,
        spending=experiment.analysis.spending or Spending.OBRIEN_FLEMING,
    )


def _metric_plans(experiment: Experiment, metrics: Mapping[str, Metric]) -> tuple[MetricPlan, ...]:
    roles = experiment.metrics
    unknown = sorted(set(roles.keys) - set(metrics))
    if unknown:
        raise UnknownMetric(f"{experiment.key}: metrics not declared: {', '.join(unknown)}")
    return (
        _metric_plan(metrics[roles.primary], Role.PRIMARY, _loss_of(experiment.decision)),
        *(_metric_plan(metrics[key], Role.SECONDARY) for key in roles.secondary),
        *(
            _metric_plan(metrics[each.metric], Role.GUARDRAIL, _margin(each.margin, each.scale))
            for each in roles.guardrails
        ),
    )


def _metric_plan(metric: Metric, role: Role, margin: Margin | None = None) -> MetricPlan:
    cap = "" if metric.cap is None else f", at most {metric.cap:,} a unit"
    return MetricPlan(
        metric.key, metric.kind, metric.direction, role, f"{metric.name}{cap}", margin
    )


def _loss_of(decision: DecisionRule) -> Margin | None:
    """What may be lost of the primary metric: only `not_worse` has a margin."""
    return _margin(decision.margin, Scale.RELATIVE)


def _margin(size: float | None, scale: Scale) -> Margin | None:
    return None if size is None else Margin(size, scale)


def _refuse_margin(key: str, role: Role, margin: Margin) -> None:
    if role is Role.SECONDARY:
        raise InvalidPlan(f"metric {key!r}: a secondary metric decides nothing and has no margin")
    if not (margin.size > 0 and math.isfinite(margin.size)):
        raise InvalidPlan(f"metric {key!r}: margin must be above 0, not {margin.size}")


def _role(key: str, role: str) -> Role:
    try:
        return Role(role)
    except ValueError as exc:
        raise InvalidPlan(f"metric {key!r}: role must be one of {', '.join(Role)}") from exc
