from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from analysis.errors import InvalidPlan, UnknownInference, UnknownMetric
from analysis.plan import MetricPlan, Plan, resolve
from analysis.report import Margin, Role
from experiments import (
    AnalysisPlan,
    DecisionRule,
    Experiment,
    Guardrail,
    MetricRoles,
    Scale,
    ShipIf,
    Status,
    Variant,
)
from experiments.events import FunnelEvent
from experiments.metrics import Direction, Kind, Metric
from experiments.plan import Method

DECLARED = {
    "paid": Metric(
        key="paid", name="Paid", event=FunnelEvent.PAYMENT_SUCCEEDED,
        kind=Kind.PROPORTION, direction=Direction.INCREASE,
    ),
    "revenue": Metric(
        key="revenue", name="Revenue", event=FunnelEvent.PAYMENT_SUCCEEDED,
        kind=Kind.MEAN, direction=Direction.INCREASE,
    ),
    "refunded": Metric(
        key="refunded", name="Refunded", event=FunnelEvent.PAYMENT_REFUNDED,
        kind=Kind.PROPORTION, direction=Direction.DECREASE,
    ),
}  # fmt: skip


@pytest.fixture
def experiment() -> Experiment:
    return Experiment(
        key="three-ways",
        seed="three-ways",
        name="Three ways",
        hypothesis="Fewer steps, more payments.",
        owner="growth@example.com",
        status=Status.DRAFT,
        start=None,
        end=None,
        variants=(
            Variant(key="b", weight=20),
            Variant(key="a", weight=50, control=True),
            Variant(key="c", weight=30),
        ),
        metrics=MetricRoles(
            primary="paid", secondary=("revenue",), guardrails=(Guardrail(metric="refunded"),)
        ),
        analysis=AnalysisPlan(alpha=0.01, planned_units=900, conversion_window=timedelta(days=7)),
    )


def test_a_definition_becomes_a_plan_with_the_control_first(experiment: Experiment) -> None:
    plan = resolve(experiment, DECLARED)
    assert plan.variants == ("a", "b", "c")
    assert dict(plan.shares) == pytest.approx({"a": 0.5, "b": 0.2, "c": 0.3})
    assert (plan.alpha, plan.planned_units, plan.method) == (0.01, 900, "fixed")
    assert [(m.key, m.role, m.kind) for m in plan.metrics] == [
        ("paid", Role.PRIMARY, Kind.PROPORTION),
        ("revenue", Role.SECONDARY, Kind.MEAN),
        ("refunded", Role.GUARDRAIL, Kind.PROPORTION),
    ]


def test_a_metric_nobody_declared_is_named(experiment: Experiment) -> None:
    with pytest.raises(UnknownMetric, match="three-ways: metrics not declared: paid, refunded"):
        resolve(experiment, {"revenue": DECLARED["revenue"]})


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"variants": ("two_page",), "shares": {"two_page": 1.0}}, "variants"),
        ({"variants": ("two_page", "two_page")}, "variants"),
        ({"control": "one_page"}, "control"),
        ({"shares": {"two_page": 1.0}}, "shares: one for each"),
        ({"shares": {"two_page": 0.5, "one_page": 0.6}}, "summing to 1"),
        ({"shares": {"two_page": 1.0, "one_page": 0.0}}, "above 0"),
        ({"alpha": 0.0}, "alpha"),
        ({"alpha": 0.5}, "alpha"),
        ({"looks": 5}, "looks: at least 2"),
        ({"method": Method.GROUP_SEQUENTIAL}, "looks: at least 2"),
        ({"method": Method.GROUP_SEQUENTIAL, "looks": 1}, "looks: at least 2"),
        ({"method": Method.GROUP_SEQUENTIAL, "looks": 5, "planned_units": None}, "looks: at least"),
        ({"planned_units": 1}, "planned_units"),
        ({"metrics": ()}, "exactly one primary"),
    ],
)
def test_a_plan_that_does_not_fit_together_is_refused(
    make_plan: Callable[..., Plan], change: dict[str, Any], rule: str
) -> None:
    with pytest.raises(InvalidPlan, match=rule):
        make_plan(**change)


def test_a_metric_stands_in_a_plan_once(
    make_plan: Callable[..., Plan], conversion: MetricPlan
) -> None:
    with pytest.raises(InvalidPlan, match="none twice"):
        make_plan(metrics=(conversion, conversion))


def test_a_role_or_kind_nobody_knows_is_refused() -> None:
    with pytest.raises(InvalidPlan, match="metric 'm': role must be one of primary"):
        MetricPlan("m", Kind.MEAN, Direction.INCREASE, cast("Role", "hope"), "M")
    with pytest.raises(UnknownInference, match="metric 'm': no test for kind 'median'"):
        MetricPlan("m", cast("Kind", "median"), Direction.INCREASE, Role.PRIMARY, "M")
    assert MetricPlan("m", Kind.MEAN, Direction.INCREASE, cast("Role", "primary"), "M").role is (
        Role.PRIMARY
    )


def test_a_definition_that_breaks_a_rule_of_the_plan_is_named() -> None:
    broken = SimpleNamespace(
        key="odd", variants=(SimpleNamespace(key="a", control=True),),
        control=SimpleNamespace(key="a"), shares={"a": 1.0},
        metrics=MetricRoles(primary="paid"), analysis=AnalysisPlan(planned_units=100),
        decision=DecisionRule(), start=None,
    )  # fmt: skip
    with pytest.raises(InvalidPlan, match=r"^odd: variants"):
        resolve(cast("Experiment", broken), DECLARED)


def test_margins_start_and_runtime_come_from_the_definition(experiment: Experiment) -> None:
    start = datetime(2027, 1, 11, 9, tzinfo=UTC)
    found = resolve(
        replace(
            experiment,
            start=start,
            metrics=MetricRoles(
                primary="paid",
                secondary=("revenue",),
                guardrails=(Guardrail(metric="refunded", margin=0.01, scale=Scale.ABSOLUTE),),
            ),
            decision=DecisionRule(
                minimum_runtime=timedelta(days=14), ship_if=ShipIf.NOT_WORSE, margin=0.02
            ),
        ),
        DECLARED,
    )
    assert (found.start, found.minimum_runtime) == (start, timedelta(days=14))
    assert [metric.margin for metric in found.metrics] == [
        Margin(0.02, Scale.RELATIVE),
        None,
        Margin(0.01, Scale.ABSOLUTE),
    ]
    assert [metric.margin for metric in resolve(experiment, DECLARED).metrics] == [None] * 3


def test_a_cap_is_told_beside_the_name(experiment: Experiment) -> None:
    capped = replace(DECLARED["revenue"], cap=100_000)
    found = resolve(experiment, DECLARED | {"revenue": capped})
    assert found.metrics[1].name == "Revenue, at most 100,000 a unit"
