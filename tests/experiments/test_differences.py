"""What differs is told in the words of the files, and what it does to the numbers beside it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from experiments import (
    AnalysisPlan,
    Experiment,
    Guardrail,
    Holdout,
    MetricRoles,
    Override,
    RampStep,
    Slot,
    Status,
    Unit,
    Variant,
)
from experiments.differences import Change, Changed, Difference, differences_of, differing, hazards
from experiments.targeting_file import read_targeting

OLD = Variant(key="old", weight=50, control=True, flow="two_page")
NEW = Variant(key="new", weight=50, flow="one_page")
BEFORE = Experiment(
    key="exp",
    seed="exp",
    name="Experiment",
    hypothesis="It is faster.",
    owner="growth@example.com",
    status=Status.RUNNING,
    variants=(OLD, NEW),
    metrics=MetricRoles(primary="paid_conversion"),
    analysis=AnalysisPlan(planned_units=1000),
)


def changed(after: Experiment, before: Experiment = BEFORE) -> Changed:
    (found,) = differing("experiment", {"exp": before}, {"exp": after})
    return found


def rules(after: Experiment, before: Experiment = BEFORE) -> list[str]:
    return [hazard.rule for hazard in hazards(before, after, changed(after, before))]


def test_the_same_definitions_do_not_differ() -> None:
    assert differing("experiment", {"exp": BEFORE}, {"exp": replace(BEFORE)}) == []


def test_each_value_is_told_with_its_path_before_and_after() -> None:
    later = replace(
        BEFORE,
        start=datetime(2027, 1, 11, 9, tzinfo=UTC),
        traffic=0.5,
        variants=(replace(OLD, weight=40), replace(NEW, weight=60)),
        metrics=MetricRoles(
            primary="paid_conversion", guardrails=(Guardrail(metric="refund_rate", margin=0.01),)
        ),
        analysis=AnalysisPlan(planned_units=1000, conversion_window=timedelta(hours=36)),
    )
    assert changed(later).differences == (
        Difference("traffic", 1.0, 0.5),
        Difference("variants[old].weight", 50.0, 40.0),
        Difference("variants[new].weight", 50.0, 60.0),
        Difference("analysis.conversion_window", "7d", "36h"),
        Difference("start", None, "2027-01-11T09:00:00Z"),
        Difference("metrics.guardrails", None, "refund_rate"),
        Difference("metrics.guardrails[refund_rate].metric", None, "refund_rate"),
        Difference("metrics.guardrails[refund_rate].scale", None, "relative"),
        Difference("metrics.guardrails[refund_rate].margin", None, 0.01),
    )


@pytest.mark.parametrize(
    ("after", "told"), [(0, "0m"), (90, "90m"), (36 * 60, "36h"), (48 * 60, "2d")]
)
def test_a_duration_is_told_in_the_largest_unit_that_is_whole(after: int, told: str) -> None:
    found = differences_of(None, timedelta(minutes=after))
    assert found == (Difference("", None, told),)


def test_variants_in_another_order_differ() -> None:
    assert changed(replace(BEFORE, variants=(NEW, OLD))).differences == (
        Difference("variants", "old, new", "new, old"),
    )


def test_targeting_is_told_as_the_file_says_it() -> None:
    swedes = read_targeting({"all": [{"attribute": "country", "in": ["SE"]}]})
    nordic = read_targeting({"all": [{"attribute": "country", "in": ["SE", "NO"]}]})
    assert differences_of(swedes, nordic) == (Difference("all[1].in", "SE", "SE, NO"),)


def test_a_definition_that_comes_or_goes_is_told_whole() -> None:
    (added,) = differing("experiment", {}, {"exp": BEFORE})
    (removed,) = differing("experiment", {"exp": BEFORE}, {})
    assert (added.change, removed.change) == (Change.ADDED, Change.REMOVED)
    assert Difference("variants[new].weight", None, 50.0) in added.differences
    assert Difference("variants[new].weight", 50.0, None) in removed.differences


HOLDOUT = Holdout(key="global", seed="holdout:global", share=0.02)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (replace(BEFORE, name="Another name", owner="else@example.com"), []),
        (replace(BEFORE, traffic=0.5), ["traffic-lowered"]),
        (replace(BEFORE, overrides=(Override(name="qa", variant="new"),)), []),
        (replace(BEFORE, variants=(OLD, replace(NEW, name="New"))), []),
        (replace(BEFORE, seed="again"), ["seed-changed"]),
        (replace(BEFORE, unit=Unit.CUSTOMER), ["unit-changed", "plan-amended"]),
        (
            replace(BEFORE, variants=(replace(OLD, weight=40), replace(NEW, weight=60))),
            ["weights-changed"],
        ),
        (replace(BEFORE, variants=(NEW, OLD)), ["variants-changed"]),
        (replace(BEFORE, variants=(OLD, replace(NEW, flow="two_page"))), ["variants-changed"]),
        (
            replace(BEFORE, variants=(replace(OLD, control=False), replace(NEW, control=True))),
            ["control-changed"],
        ),
        (replace(BEFORE, layer="ui", slot=Slot("ui", "layer:ui", 0, 0.5)), ["slot-changed"]),
        (replace(BEFORE, holdouts=(HOLDOUT,)), ["population-changed"]),
        (replace(BEFORE, analysis=AnalysisPlan(planned_units=2000)), ["plan-amended"]),
    ],
)
def test_what_must_stay_while_units_are_in_is_a_hazard(
    after: Experiment, expected: list[str]
) -> None:
    assert rules(after) == expected


@pytest.mark.parametrize("status", [Status.PAUSED, Status.STOPPED])
def test_units_stay_in_a_paused_or_stopped_experiment(status: Status) -> None:
    before = replace(BEFORE, status=status)
    assert rules(replace(before, seed="again"), before) == ["seed-changed"]


def test_more_traffic_is_no_hazard_and_less_of_a_step_is() -> None:
    assert rules(BEFORE, replace(BEFORE, traffic=0.5)) == []
    steps = (RampStep(traffic=0.2), RampStep(after=timedelta(days=1), traffic=1.0))
    before = replace(BEFORE, start=datetime(2027, 1, 11, 9, tzinfo=UTC), ramp=steps)
    after = replace(before, ramp=(RampStep(traffic=0.1), steps[1]))
    assert rules(after, before) == ["traffic-lowered"]


def test_less_traffic_of_a_paused_experiment_is_no_hazard() -> None:
    before = replace(BEFORE, status=Status.PAUSED)
    assert rules(replace(before, traffic=0.5), before) == []


@pytest.mark.parametrize(
    ("was", "now", "expected"),
    [
        (Status.DRAFT, Status.RUNNING, []),
        (Status.RUNNING, Status.PAUSED, []),
        (Status.RUNNING, Status.DRAFT, ["status-transition"]),
        (Status.STOPPED, Status.RUNNING, ["status-transition"]),
        (Status.DRAFT, Status.STOPPED, ["status-transition"]),
    ],
)
def test_a_status_that_lint_refuses_is_a_hazard(
    was: Status, now: Status, expected: list[str]
) -> None:
    assert rules(replace(BEFORE, status=now), replace(BEFORE, status=was)) == expected


def test_what_was_shipped_does_not_run_again() -> None:
    before = replace(BEFORE, status=Status.SHIPPED, winner="new")
    (hazard,) = hazards(before, BEFORE, changed(BEFORE, before))
    assert hazard.rule == "status-transition"
    assert "shipped does not become running, for it stays as it is" in hazard.message


def test_a_draft_may_still_change_in_any_way() -> None:
    before = replace(BEFORE, status=Status.DRAFT)
    after = replace(
        BEFORE, seed="again", variants=(NEW, OLD), analysis=AnalysisPlan(planned_units=2)
    )
    assert rules(after, before) == []
