"""What a report says of planned looks, from the first to the last."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.aggregates import Aggregates
from analysis.analyze import analyze
from analysis.inference import proportion
from analysis.inference.group_sequential import Design
from analysis.looks import read_looks
from analysis.observations import InterimLook, Observations
from analysis.plan import MetricPlan, Plan
from analysis.render import to_csv, to_html, to_json, to_markdown, to_text
from analysis.report import Absent, Action, Finding, Label, Margin, Report, Role
from experiments.metrics import Direction, Kind
from experiments.plan import Method, Scale, Spending
from tests.analysis.conftest import NOON

PLANNED = {"method": Method.GROUP_SEQUENTIAL, "looks": 5}
# Conversions of (control, treatment) among 2,000 units each, then 4,000, …
NOTHING = [(100, 104), (205, 210), (300, 311), (410, 405), (512, 509)]
A_GAIN = [(100, 130), (205, 262), (300, 390), (410, 520), (512, 640)]
A_LOSS = [(treated, control) for control, treated in A_GAIN]


def looks_of(counts: Sequence[tuple[int, int]]) -> tuple[InterimLook, ...]:
    return tuple(
        InterimLook(
            at=NOON - timedelta(days=10 - number),
            units=dict.fromkeys(("two_page", "one_page"), 2000 * number),
            metrics={
                "paid_conversion": {
                    variant: Aggregates.of_conversions(2000 * number, count)
                    for variant, count in zip(("two_page", "one_page"), pair, strict=True)
                }
            },
        )
        for number, pair in enumerate(counts, start=1)
    )


@pytest.fixture
def report(make_plan: Callable[..., Plan]) -> Callable[..., Report]:
    """The report after so many looks; what came since the last look is a tenth more of the same."""

    def make(counts: Sequence[tuple[int, int]], taken: int, **changes: Any) -> Report:
        units, pair = (2000 * taken, counts[taken - 1]) if taken else (1500, (80, 81))
        seen = Observations(
            units=dict.fromkeys(("two_page", "one_page"), units),
            metrics={
                "paid_conversion": {
                    variant: Aggregates.of_conversions(units, count)
                    for variant, count in zip(("two_page", "one_page"), pair, strict=True)
                }
            },
            looks=looks_of(counts[:taken]),
        )
        plan = make_plan(**(PLANNED | changes))
        return analyze(plan, seen, as_of=NOON, generated_at=NOON)

    return make


def test_before_the_first_look_nothing_is_read_and_the_report_says_what_it_waits_for(
    report: Callable[..., Report],
) -> None:
    found = report(NOTHING, 0)
    (comparison,) = found.primary.comparisons
    assert comparison.planned is not None
    assert isinstance(comparison.planned.p_value, Absent)
    assert found.decision.action is Action.KEEP_RUNNING
    assert any("look 1 of 5 waits for 4,000 units" in reason for reason in found.decision.reasons)


@pytest.mark.parametrize("taken", [1, 2, 3, 4])
def test_without_a_difference_it_goes_on(report: Callable[..., Report], taken: int) -> None:
    found = report(NOTHING, taken)
    assert found.decision.action is Action.KEEP_RUNNING
    assert f"look {taken + 1} of 5 waits for" in " ".join(found.decision.reasons)
    (comparison,) = found.primary.comparisons
    assert comparison.planned is not None
    assert [look.reached for look in comparison.planned.looks] == [False] * taken
    assert isinstance(comparison.planned.estimate, Absent)


def test_after_the_last_look_without_a_difference_there_is_nothing_to_ship(
    report: Callable[..., Report],
) -> None:
    found = report(NOTHING, 5)
    assert found.decision.action is Action.NEUTRAL
    (comparison,) = found.primary.comparisons
    assert comparison.planned is not None
    assert not isinstance(comparison.planned.estimate, Absent)


@pytest.mark.parametrize(
    ("counts", "action", "finding"),
    [(A_GAIN, Action.SHIP, Finding.BETTER), (A_LOSS, Action.ROLL_BACK, Finding.WORSE)],
)
def test_a_look_that_reaches_its_bound_decides_long_before_the_end(
    report: Callable[..., Report],
    counts: list[tuple[int, int]],
    action: Action,
    finding: Finding,
) -> None:
    waiting, stopped = report(counts, 2), report(counts, 3)
    assert waiting.decision.action is Action.KEEP_RUNNING
    assert stopped.decision.action is action
    (comparison,) = stopped.primary.comparisons
    assert comparison.finding(Direction.INCREASE, stopped.progress) is finding
    looks = comparison.planned
    assert looks is not None
    assert [look.reached for look in looks.looks] == [False, False, True]
    assert "repeated 95% interval" in stopped.decision.reasons[0]


def test_what_was_decided_at_a_look_stays_decided(report: Callable[..., Report]) -> None:
    faded = [*A_GAIN[:3], (410, 440), (512, 530)]
    found = report(faded, 5)
    assert found.decision.action is Action.SHIP
    (comparison,) = found.primary.comparisons
    reading = comparison.reading(early=False)
    assert not isinstance(reading.p_value, Absent)
    assert not isinstance(reading.ci_low, Absent)
    assert reading.p_value < 0.05
    assert reading.ci_low > 0


def test_the_direction_is_that_of_the_look_that_decided(report: Callable[..., Report]) -> None:
    turned = [*A_GAIN[:3], (430, 425), (530, 520)]
    found = report(turned, 5)
    (comparison,) = found.primary.comparisons
    assert not isinstance(comparison.absolute.estimate, Absent)
    assert comparison.absolute.estimate < 0
    assert found.decision.action is Action.SHIP
    reading = comparison.reading(early=False)
    assert not isinstance(reading.estimate, Absent)
    assert reading.estimate > 0


def test_a_look_at_too_few_units_spends_nothing_and_keeps_its_number(
    make_plan: Callable[..., Plan],
) -> None:
    revenue = MetricPlan("revenue", Kind.MEAN, Direction.INCREASE, Role.PRIMARY, "Revenue")
    plan = make_plan(metrics=(revenue,), **PLANNED)

    def arm(units: int, buyers: int, amount: float) -> Aggregates:
        return Aggregates(units, buyers * amount, buyers * amount**2)

    looks = tuple(
        InterimLook(
            NOON,
            {"two_page": 2000 * n, "one_page": 2000 * n},
            {"revenue": {"two_page": arm(2000 * n, a, 50.0), "one_page": arm(2000 * n, b, 50.0)}},
        )
        for n, (a, b) in enumerate([(2, 25), (60, 62)], start=1)
    )
    found = read_looks(plan, revenue, looks, "one_page")
    assert [look.number for look in found.looks] == [2]
    assert found.due == 2
    assert [look.bound for look in found.looks] == pytest.approx(
        Design((0.4,), Spending.OBRIEN_FLEMING).bounds(0.05)
    )


def test_the_estimate_where_it_stopped_is_nearer_to_nothing_than_the_plain_one(
    report: Callable[..., Report],
) -> None:
    (comparison,) = report(A_GAIN, 3, spending=Spending.POCOCK).primary.comparisons
    looks = comparison.planned
    assert looks is not None
    stopped = next(look for look in looks.looks if look.reached)
    assert not isinstance(looks.estimate, Absent)
    assert not isinstance(stopped.lift, Absent)
    assert 0 < looks.estimate < stopped.lift


def test_a_repeated_interval_is_that_of_the_ordinary_test_at_the_level_of_its_bound(
    report: Callable[..., Report],
) -> None:
    (comparison,) = report(A_GAIN, 2).primary.comparisons
    assert comparison.planned is not None
    second = comparison.planned.looks[1]
    bound = Design((0.2, 0.4), Spending.OBRIEN_FLEMING).bounds(0.05)[1]
    assert second.bound == bound == pytest.approx(3.357, abs=1e-3)
    arms = [Aggregates.of_conversions(4000, count) for count in A_GAIN[1]]
    level = math.erfc(bound / math.sqrt(2))
    ordinary = proportion.compare(*arms, alpha=level).relative
    assert (second.ci_low, second.ci_high) == (ordinary.ci_low, ordinary.ci_high)
    assert second.z == pytest.approx(2.7, abs=0.1)


def test_guardrails_are_watched_all_the_time(
    make_plan: Callable[..., Plan], conversion: MetricPlan
) -> None:
    guardrail = MetricPlan(
        "refunds", Kind.PROPORTION, Direction.DECREASE, Role.GUARDRAIL, "Refunds",
        Margin(0.02, Scale.RELATIVE),
    )  # fmt: skip
    plan = make_plan(metrics=(conversion, guardrail), **PLANNED)
    arms = {
        "paid_conversion": {"two_page": (1500, 80), "one_page": (1500, 81)},
        "refunds": {"two_page": (1500, 60), "one_page": (1500, 160)},
    }
    seen = Observations(
        units={"two_page": 1500, "one_page": 1500},
        metrics={
            metric: {key: Aggregates.of_conversions(*pair) for key, pair in by_variant.items()}
            for metric, by_variant in arms.items()
        },
    )
    found = analyze(plan, seen, as_of=NOON, generated_at=NOON)
    assert found.decision.action is Action.ROLL_BACK
    primary, refunds = found.metrics
    assert primary.comparisons[0].labels == (Label.PLANNED_LOOKS,)
    assert refunds.comparisons[0].planned is None
    assert refunds.comparisons[0].labels == (Label.TOO_EARLY,)


def test_with_several_variants_the_adjusted_p_value_decides(
    make_plan: Callable[..., Plan], conversion: MetricPlan
) -> None:
    variants = ("two_page", "one_page", "express")
    shares = dict.fromkeys(variants, 1 / 3)
    plan = make_plan(variants=variants, shares=shares, planned_units=30_000, **PLANNED)
    arms = {"two_page": 600, "one_page": 690, "express": 606}
    metrics = {
        "paid_conversion": {k: Aggregates.of_conversions(10_000, n) for k, n in arms.items()}
    }
    units = dict.fromkeys(variants, 10_000)
    looks = tuple(
        InterimLook(
            NOON,
            dict.fromkeys(variants, 2000 * n),
            {
                "paid_conversion": {
                    k: Aggregates.of_conversions(2000 * n, arms[k] * n // 5) for k in variants
                }
            },
        )
        for n in range(1, 6)
    )
    found = analyze(plan, Observations(units, metrics, looks=looks), as_of=NOON, generated_at=NOON)
    one_page = found.primary.comparisons[0].planned
    assert one_page is not None
    assert not isinstance(one_page.p_value, Absent)
    assert one_page.adjusted_p_value == pytest.approx(2 * one_page.p_value)


@given(
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 2000)), min_size=1, max_size=5),
    st.sampled_from(Spending),
)
def test_the_interval_leaves_no_difference_out_exactly_when_a_look_stopped(
    more: list[tuple[int, int]], spending: Spending
) -> None:
    """Whatever comes: p-value, interval and bound say the same."""
    metric = MetricPlan("paid_conversion", Kind.PROPORTION, Direction.INCREASE, Role.PRIMARY, "P")
    plan = Plan(
        "x", "two_page", ("two_page", "one_page"), {"two_page": 0.5, "one_page": 0.5}, 0.05,
        Method.GROUP_SEQUENTIAL, 20_000, (metric,), looks=5, spending=spending,
    )  # fmt: skip
    totals = [
        (sum(c for c, _ in more[: n + 1]), sum(t for _, t in more[: n + 1]))
        for n in range(len(more))
    ]
    found = read_looks(plan, metric, looks_of(totals), "one_page")
    # An exact test may say otherwise than the interval: that is what its label is for.
    if any(min(x, 2000 * n - x) < 10 for n, pair in enumerate(totals, 1) for x in pair):
        return
    assert not isinstance(found.p_value, Absent)
    for look in found.looks:
        assert not isinstance(look.ci_low, Absent)
        assert not isinstance(look.ci_high, Absent)
        assert look.reached is not (look.ci_low <= 0 <= look.ci_high)
    assert any(look.reached for look in found.looks) is (found.p_value < 0.05)


def test_every_rendering_tells_of_each_look(report: Callable[..., Report]) -> None:
    found = report(A_GAIN, 3)
    for text in (to_text(found), to_markdown(found), to_html(found)):
        assert "3 of 5" in text
        assert "at its bound" in text
        assert "12,000" in text
        assert "median-unbiased" in text.casefold()
    assert "Lan &amp; DeMets 1983" in to_html(found)
    document: Any = to_json(found)
    (comparison,) = document["metrics"][0]["comparisons"]
    looks = comparison["planned_looks"]
    assert [look["reached"] for look in looks["looks"]] == [False, False, True]
    assert looks["next_units"] == 16_000
    assert document["analysis"]["spending"] == "obrien_fleming"
    head, row = to_csv(found).splitlines()[:2]
    assert dict(zip(head.split(","), row.split(","), strict=False))["looks"] == "3"


def test_a_report_without_planned_looks_says_nothing_of_them(
    make_report: Callable[..., Report],
) -> None:
    found = make_report({"two_page": (12_000, 615), "one_page": (12_000, 634)})
    document: Any = to_json(found)
    assert "planned_looks" not in document["metrics"][0]["comparisons"][0]
    assert "spending" not in document["analysis"]
    assert "planned look" not in to_html(found).casefold()


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.02, 0.4])
def test_five_looks_at_real_counts_cry_wolf_no_more_often_than_planned(
    make_plan: Callable[..., Plan], rate: float
) -> None:
    rng, runs = np.random.default_rng(7), 600
    plan = make_plan(**PLANNED)
    drawn = rng.binomial(2000, rate, size=(runs, 5, 2)).cumsum(axis=1)
    bounds = Design((0.2, 0.4, 0.6, 0.8, 1.0), Spending.OBRIEN_FLEMING).bounds(0.05)
    alarms = 0
    for run in drawn:
        looks = looks_of([(int(control), int(treated)) for control, treated in run])
        found = read_looks(plan, plan.metrics[0], looks, "one_page")
        assert [look.bound for look in found.looks] == pytest.approx(list(bounds))
        alarms += any(look.reached for look in found.looks)
    assert abs(alarms / runs - 0.05) <= 3 * math.sqrt(0.05 * 0.95 / runs)
