"""History in which nothing differs is split anew, and the plan that judges it keeps its promise."""

import math
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from analysis.aggregates import Aggregates
from analysis.plan import resolve
from analysis.power import detectable_lift, detectable_lift_of_mean
from analysis.report import Action
from analysis.rerandomisation import (
    Frequency,
    History,
    false_alarms,
    read_at_the_end,
    verdicts,
)
from experiments import (
    AnalysisPlan,
    Direction,
    Experiment,
    FunnelEvent,
    Kind,
    Metric,
    MetricRoles,
    Status,
    Variant,
    assign,
)
from experiments.bulk import Units, assign_many

NOON = datetime(2027, 1, 11, 12, tzinfo=UTC)
METRICS = {
    "paid": Metric(
        key="paid",
        name="Paid",
        event=FunnelEvent.PAYMENT_SUCCEEDED,
        kind=Kind.PROPORTION,
        direction=Direction.INCREASE,
    ),
    "revenue": Metric(
        key="revenue",
        name="Revenue",
        event=FunnelEvent.PAYMENT_SUCCEEDED,
        kind=Kind.MEAN,
        direction=Direction.INCREASE,
    ),
}
EXPERIMENT = Experiment(
    key="exp",
    seed="exp",
    name="Experiment",
    hypothesis="It is faster.",
    owner="growth@example.com",
    status=Status.RUNNING,
    variants=(Variant(key="old", weight=50, control=True), Variant(key="new", weight=50)),
    metrics=MetricRoles(primary="paid", secondary=("revenue",)),
    analysis=AnalysisPlan(planned_units=40_000, conversion_window=timedelta(days=7)),
)


def history(count: int, *, seed: int = 3) -> History:
    chance = random.Random(seed)
    paid = {
        f"u{n}": float(chance.randint(1000, 5000)) for n in range(count) if chance.random() < 0.3
    }
    return History.of(
        Units(f"u{n}" for n in range(count)),
        {"paid": dict.fromkeys(paid, 1.0), "revenue": paid},
        {"paid": (), "revenue": ("sek",)},
    )


def test_the_sums_of_a_split_are_those_of_its_units() -> None:
    past = history(500)
    experiment = replace(EXPERIMENT, traffic=0.6)
    observed = past.observed(experiment, assign_many(experiment, past.units, now=NOON).entered)
    for key in ("old", "new"):
        inside = [
            at
            for at, unit in enumerate(past.units.ids)
            if (found := assign(experiment, unit, now=NOON)).enrolled and found.variant.key == key
        ]
        assert observed.units[key] == len(inside)
        for metric in ("paid", "revenue"):
            values = [past.values[metric][at] for at in inside]
            assert observed.metrics[metric][key] == Aggregates(
                len(inside), sum(values), sum(value * value for value in values)
            )


def test_a_plan_is_read_once_all_of_the_history_is_in() -> None:
    plan = resolve(EXPERIMENT, METRICS)
    assert read_at_the_end(plan, 3000).planned_units == 3000
    assert read_at_the_end(plan, 90_000).planned_units == 40_000
    assert read_at_the_end(plan, 0).planned_units == 2


def test_a_plan_raises_no_more_false_alarms_than_it_says() -> None:
    past, count = history(2000), 400
    plan = read_at_the_end(resolve(EXPERIMENT, METRICS), 2000)
    seeds = [f"again:{number}" for number in range(count)]
    alarms = false_alarms(
        verdicts(EXPERIMENT, plan, past, seeds=seeds, as_of=NOON), alpha=plan.alpha
    )
    assert alarms.significant.splits == count
    assert alarms.significant.within(0.05)
    # Never is as wrong as too often: four standard errors around the nominal rate.
    assert abs(alarms.significant.share - 0.05) < 4 * math.sqrt(0.05 * 0.95 / count)
    decided = alarms.actions[Action.SHIP].count + alarms.actions[Action.ROLL_BACK].count
    assert decided == alarms.significant.count
    assert sum(found.count for found in alarms.actions.values()) == count
    assert alarms.mismatch.share < 0.02


def test_the_same_seeds_give_the_same_verdicts() -> None:
    past, plan = history(300), read_at_the_end(resolve(EXPERIMENT, METRICS), 300)
    first, second = (
        list(verdicts(EXPERIMENT, plan, past, seeds=["a", "b"], as_of=NOON)) for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize(
    ("count", "within"), [(0, True), (50, True), (63, True), (65, False), (500, False)]
)
def test_within_is_what_chance_would_make_of_the_nominal_rate(count: int, *, within: bool) -> None:
    assert Frequency(count, 1000).within(0.05) is within


def test_a_share_has_its_monte_carlo_error() -> None:
    assert Frequency(50, 1000).error == pytest.approx(math.sqrt(0.05 * 0.95 / 1000))
    assert (Frequency(0, 0).share, Frequency(0, 0).error) == (0.0, 0.0)


def test_the_detectable_lift_of_a_mean_of_ones_is_near_that_of_the_proportion() -> None:
    arm = Aggregates.of_conversions(10_000, 3000)
    mean = detectable_lift_of_mean(arm, 5000)
    assert mean == pytest.approx(detectable_lift(0.3, 5000), rel=0.03)
