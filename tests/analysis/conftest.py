"""Small builders and the golden files, for every test of analysis."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from analysis.aggregates import Aggregates
from analysis.analyze import analyze
from analysis.observations import Exclusion, Observations
from analysis.plan import MetricPlan, Plan
from analysis.report import Margin, PlanLock, Report, Role
from experiments.metrics import Direction, Kind
from experiments.plan import Method

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def facts() -> dict[str, Any]:
    """Counts and results of public experiments, from facts.json beside this file."""
    content: dict[str, Any] = json.loads(Path(__file__).with_name("facts.json").read_text("utf-8"))
    return content


@pytest.fixture
def conversion() -> MetricPlan:
    return MetricPlan(
        "paid_conversion", Kind.PROPORTION, Direction.INCREASE, Role.PRIMARY, "Paid conversion"
    )


@pytest.fixture
def make_plan(conversion: MetricPlan) -> Callable[..., Plan]:
    """A valid plan of two_page against one_page, with any part replaced."""

    def make(**changes: Any) -> Plan:
        parts: dict[str, Any] = {
            "experiment": "one-page-checkout",
            "control": "two_page",
            "variants": ("two_page", "one_page"),
            "shares": {"two_page": 0.5, "one_page": 0.5},
            "alpha": 0.05,
            "method": Method.FIXED,
            "planned_units": 20_000,
            "metrics": (conversion,),
        }
        return Plan(**(parts | changes))

    return make


@pytest.fixture
def make_report(make_plan: Callable[..., Plan]) -> Callable[..., Report]:
    """A report of (units, conversions) by variant; keyword arguments go to the plan."""

    def make(
        counts: dict[str, tuple[int, int]],
        *,
        funnel: dict[str, dict[str, int]] | None = None,
        exclusions: tuple[Exclusion, ...] = (),
        open_windows: int = 0,
        first_exposure: datetime | None = None,
        lock: PlanLock | None = None,
        **changes: Any,
    ) -> Report:
        observations = Observations(
            units={variant: units for variant, (units, _) in counts.items()},
            metrics={
                "paid_conversion": {
                    variant: Aggregates.of_conversions(*pair) for variant, pair in counts.items()
                }
            },
            funnel=funnel or {},
            contradictory_units=3,
            duplicate_rows=12,
            open_windows=open_windows,
            first_exposure=first_exposure,
            exclusions=exclusions,
        )
        plan = make_plan(**changes)
        locked: dict[str, Any] = {} if lock is None else {"lock": lock}
        return analyze(plan, observations, as_of=NOON, generated_at=NOON, **locked)

    return make


@pytest.fixture
def guarded(make_plan: Callable[..., Plan], conversion: MetricPlan) -> Callable[..., Report]:
    """A report with a guardrail of refunds, by (control, treatment) of 12,000 units each."""

    def make(refunds: tuple[int, int], margin: Margin, **changes: Any) -> Report:
        guardrail = MetricPlan(
            "refunds", Kind.PROPORTION, Direction.DECREASE, Role.GUARDRAIL, "Refunds", margin
        )
        variants = ("two_page", "one_page")
        arms = {
            key: {
                variant: Aggregates.of_conversions(12_000, count)
                for variant, count in zip(variants, counts, strict=True)
            }
            for key, counts in {"paid_conversion": (615, 754), "refunds": refunds}.items()
        }
        plan = make_plan(metrics=(conversion, guardrail), **changes)
        seen = Observations(dict.fromkeys(variants, 12_000), arms)
        return analyze(plan, seen, as_of=NOON, generated_at=NOON)

    return make


@pytest.fixture
def clear_gain() -> dict[str, tuple[int, int]]:
    return {"two_page": (12_012, 615), "one_page": (11_988, 754)}


@pytest.fixture
def no_difference() -> dict[str, tuple[int, int]]:
    return {"two_page": (12_012, 615), "one_page": (11_988, 634)}
