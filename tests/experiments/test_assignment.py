"""Who sees what, and why."""

import dataclasses
import itertools
import json
import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import growthbook
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments import (
    AnalysisPlan,
    Assignment,
    Cause,
    Experiment,
    Holdout,
    MetricRoles,
    Override,
    RampStep,
    Reason,
    Slot,
    Status,
    Unit,
    Variant,
    assign,
    bucket,
    kept,
    standing,
)
from experiments.bulk import CAUSES, Units, assign_many

NOW = datetime(2027, 1, 20, 12, tzinfo=UTC)
VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "bucketing.json").read_text("utf-8"))
UNITS = st.text(min_size=1, max_size=40)


def experiment(
    weights: Sequence[float] = (50, 50), *, control: int = 0, **values: Any
) -> Experiment:
    variants = tuple(
        Variant(key=f"v{index}", weight=weight, control=index == control)
        for index, weight in enumerate(weights)
    )
    plain: dict[str, Any] = {
        "key": "checkout",
        "name": "Checkout",
        "hypothesis": "Fewer steps, more sales.",
        "owner": "growth@example.com",
        "status": Status.RUNNING,
        "variants": variants,
        "metrics": MetricRoles(primary="paid_conversion"),
        "analysis": AnalysisPlan(planned_units=1000),
    }
    return Experiment(**{**plain, **values})


@st.composite
def weights(draw: st.DrawFn) -> list[float]:
    cuts = draw(st.sets(st.integers(1, 9999), min_size=1, max_size=19))
    edges = [0, *sorted(cuts), 10000]
    return [(after - before) / 100 for before, after in itertools.pairwise(edges)]


def grid_case(seed: int) -> tuple[str, list[float], float, list[str]]:
    """A seed with uneven weights, partial traffic and 20,000 units of its own."""
    chance = random.Random(seed)
    cuts = sorted(chance.sample(range(1, 10000), chance.randint(1, 5)))
    edges = [0, *cuts, 10000]
    uneven = [(after - before) / 100 for before, after in itertools.pairwise(edges)]
    traffic = 1.0 if seed % 10 == 0 else chance.random() or 1.0
    units = [f"{chance.getrandbits(128):032x}" for _ in range(20_000)]
    return f"seed-{seed}-{chance.random()}", uneven, traffic, units


@pytest.mark.parametrize("seed", range(50))
def test_growthbook_finds_the_same_variant_for_20_000_units(seed: int) -> None:
    name, uneven, traffic, units = grid_case(seed)
    ours = experiment(uneven, seed=name, traffic=traffic)
    theirs = growthbook.Experiment(
        key="checkout",
        seed=name,
        hashVersion=2,
        variations=list(range(len(uneven))),
        weights=list(ours.shares.values()),
        coverage=traffic,
    )
    peer = growthbook.GrowthBook()
    enrolled = 0
    for unit in units:
        assignment = assign(ours, unit, now=NOW)
        peer.set_attributes({"id": unit})
        result = peer.run(theirs)
        assert assignment.enrolled == result.inExperiment
        if result.inExperiment:
            enrolled += 1
            assert assignment.variant.key == f"v{result.variationId}"
            assert assignment.bucket == result.bucket
    # The comparison says something only where units are both in and out, as the traffic has it.
    assert abs(enrolled - 20_000 * traffic) < 5 * (20_000 * traffic * (1 - traffic)) ** 0.5 + 100


@pytest.mark.parametrize(
    "golden",
    VECTORS["assignments"],
    ids=lambda golden: f"{golden['seed']} {golden['unit']} {golden['weights']}",
)
def test_an_assignment_never_changes(golden: dict[str, Any]) -> None:
    found = experiment(golden["weights"], seed=golden["seed"], traffic=golden["traffic"])
    assignment = assign(found, golden["unit"], now=NOW)
    if golden["variant"] is None:
        assert assignment.reason is Reason.DEFAULT
    else:
        assert assignment.reason is Reason.SPLIT
        assert assignment.variant.key == f"v{golden['variant']}"


@given(unit=UNITS, weights=weights(), less=st.floats(0.001, 1), more=st.floats(0.001, 1))
def test_more_traffic_moves_nobody(
    unit: str, weights: list[float], less: float, more: float
) -> None:
    less, more = sorted((less, more))
    before = assign(experiment(weights, traffic=less), unit, now=NOW)
    after = assign(experiment(weights, traffic=more), unit, now=NOW)
    if before.enrolled:
        assert after == before


@pytest.mark.parametrize("traffic", [0.01, 0.2, 0.6, 1.0])
def test_the_share_inside_is_the_traffic_and_each_variant_takes_its_weight(traffic: float) -> None:
    chance = random.Random(5)
    uneven = (12.5, 27.5, 60)
    found = experiment(uneven, traffic=traffic)
    count = 40_000
    seen = Counter(
        assignment.variant.key
        for assignment in (
            assign(found, f"{chance.getrandbits(96):x}", now=NOW) for _ in range(count)
        )
        if assignment.enrolled
    )
    for index, weight in enumerate(uneven):
        share = traffic * weight / 100
        assert abs(seen[f"v{index}"] - count * share) < 4 * (count * share * (1 - share)) ** 0.5


@given(unit=UNITS, seed=st.text(min_size=1, max_size=20).filter(str.strip))
def test_a_visitor_keeps_the_variant(unit: str, seed: str) -> None:
    first = assign(experiment(seed=seed), unit, now=NOW)
    later = assign(
        experiment(seed=seed, name="Another name", owner="another owner"),
        unit,
        now=NOW + timedelta(days=300),
    )
    assert first == later
    assert first.bucket == bucket(seed, unit)


def test_the_seed_is_the_key_where_none_is_given() -> None:
    assert assign(experiment(), "u", now=NOW) == assign(experiment(seed="checkout"), "u", now=NOW)
    assert experiment(seed="other").seed == "other"


def test_units_outside_the_traffic_see_the_control_and_are_not_enrolled() -> None:
    found = experiment((50, 50), control=1, traffic=0.0001)
    outside = assign(found, "visitor-2", now=NOW)
    assert outside == Assignment(
        "checkout",
        "visitor-2",
        found.variants[1],
        Cause.OUTSIDE_TRAFFIC,
        seed="checkout",
    )
    assert outside.reason is Reason.DEFAULT
    assert outside.bucket == bucket("checkout", "visitor-2")
    assert not outside.enrolled


@pytest.mark.parametrize("status", [Status.DRAFT, Status.PAUSED, Status.STOPPED])
def test_an_experiment_that_does_not_run_shows_everyone_the_control(status: Status) -> None:
    found = experiment((1, 99), status=status)
    for number in range(50):
        assignment = assign(found, f"visitor-{number}", now=NOW)
        assert assignment.variant is found.control
        assert assignment.reason is Reason.DISABLED
        assert not assignment.enrolled


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (NOW - timedelta(seconds=1), Reason.DISABLED),
        (NOW, Reason.SPLIT),
        (NOW + timedelta(weeks=1, seconds=-1), Reason.SPLIT),
        (NOW + timedelta(weeks=1), Reason.DISABLED),
    ],
)
def test_units_are_assigned_from_the_start_until_just_before_the_end(
    now: datetime, reason: Reason
) -> None:
    found = experiment(start=NOW, end=NOW + timedelta(weeks=1))
    assert assign(found, "visitor", now=now).reason is reason


def test_once_shipped_everyone_gets_the_winner() -> None:
    found = experiment((99, 1), status=Status.SHIPPED, winner="v1", traffic=0.1)
    for number in range(50):
        assignment = assign(found, f"visitor-{number}", now=NOW)
        assert assignment.variant.key == "v1"
        assert assignment.reason is Reason.STATIC
        assert not assignment.enrolled


def test_a_kept_assignment_is_enrolled() -> None:
    split = assign(experiment(), "visitor", now=NOW)
    assert kept(experiment(), split, "v0").enrolled


def test_nobody_cannot_be_assigned() -> None:
    with pytest.raises(ValueError, match="unit_id is empty"):
        assign(experiment(), "", now=NOW)


def test_reasons_are_openfeatures() -> None:
    assert {reason.value for reason in Reason} <= {
        "STATIC",
        "DEFAULT",
        "TARGETING_MATCH",
        "SPLIT",
        "CACHED",
        "DISABLED",
        "UNKNOWN",
        "STALE",
        "ERROR",
    }


def test_a_changed_copy_has_its_own_split() -> None:
    whole = experiment()
    half = dataclasses.replace(whole, traffic=0.5)
    assert [found.rules.places_at(NOW).count(0) for found in (whole, half)] == [5000, 2500]


def test_assignments_are_equal_when_they_say_the_same() -> None:
    first, again = (assign(experiment(), "visitor", now=NOW) for _ in range(2))
    other = assign(experiment(seed="another"), "visitor", now=NOW)
    assert first == again
    assert len({first, again, other}) == 2
    assert first != "visitor"
    assert "'visitor'" in repr(first)


@pytest.mark.parametrize("country", ["SE", "DE", None])
def test_a_targeting_says_the_same_however_it_is_asked(country: str | None) -> None:
    one = {"attribute": "country", "in": ["SE", "NO"]}
    known = {} if country is None else {"country": country}
    asked = [
        assign(experiment(targeting=targeting), "visitor", now=NOW, attributes=known)
        for targeting in (one, {"all": [one]}, {"any": [one]}, {"not": {"not": one}})
    ]
    assert set(asked) == {asked[0]}
    assert asked[0].cause is (Cause.SPLIT if country == "SE" else Cause.NOT_TARGETED)


def test_a_ramp_is_at_every_time_the_same_as_its_traffic_then() -> None:
    ramp = (
        RampStep(traffic=0.1),
        RampStep(after=timedelta(days=1), traffic=0.5),
        RampStep(after=timedelta(days=2), traffic=1.0, approval=True),
    )
    ramped = experiment(start=NOW, ramp=ramp, granted=2)
    approved = dataclasses.replace(ramped, granted=3)
    days = [(ramped, 0, 0.1), (ramped, 1, 0.5), (ramped, 2, 0.5), (approved, 2, 1.0)]
    for found, day, traffic in days:
        now = NOW + timedelta(days=day)
        assert found.traffic_at(now) == traffic
        for unit in map(str, range(300)):
            assert assign(found, unit, now=now) == assign(
                experiment(traffic=traffic), unit, now=now
            )


def test_an_override_holds_for_listed_customers_until_its_time() -> None:
    override = Override(name="qa", variant="v1", customers=("ada",), until=NOW)
    listing = experiment((99.99, 0.01), unit=Unit.CUSTOMER, overrides=(override,))
    times = [NOW - timedelta(hours=hours) for hours in (1, 0)]
    found = [assign(listing, "ada", now=now) for now in times]
    assert found == [assign_many(listing, Units(["ada"]), now=now)[0] for now in times]
    assert [each.variant.key for each in found] == ["v1", "v0"]
    assert found[0].cause is Cause.OVERRIDE
    assert assign(listing, "grace", now=NOW - timedelta(hours=1)).cause is not Cause.OVERRIDE


def test_a_holdout_and_a_slot_end_before_their_upper_edge() -> None:
    """One unit, and edges at its own position and just above it."""
    at, above = bucket("a seed", "visitor"), bucket("a seed", "visitor") + 0.0001
    held = [
        experiment(holdouts=(Holdout(key="all", seed="a seed", share=share),))
        for share in (at, above)
    ]
    slots = [
        experiment(slot=Slot("ui", "a seed", *edges))
        for edges in ((0, at), (at, above), (above, 1))
    ]
    causes = [assign(each, "visitor", now=NOW).cause for each in (*held, *slots)]
    assert causes == [
        Cause.SPLIT,
        Cause.HELD_OUT,
        Cause.OTHER_SLOT,
        Cause.SPLIT,
        Cause.OTHER_SLOT,
    ]
    for each, cause in zip((*held, *slots), causes, strict=True):
        assert CAUSES[assign_many(each, Units(["visitor"]), now=NOW).cause[0]] is cause


def both(first: Experiment, second: Experiment, shown: str) -> list[Cause]:
    """What one unit gets of two experiments, which was shown the first."""
    found = [(each, assign(each, "visitor", now=NOW)) for each in (first, second)]
    return [each.cause for each in standing(found, {first.key: shown})]


def test_experiments_without_a_layer_do_not_exclude_each_other() -> None:
    first, second = experiment(), experiment(key="other")
    shown = assign(first, "visitor", now=NOW).variant.key
    assert both(first, second, shown) == [Cause.SPLIT, Cause.SPLIT]


@pytest.mark.parametrize(
    ("status", "other"),
    [(Status.RUNNING, Cause.OTHER_SLOT), (Status.PAUSED, Cause.SPLIT)],
)
def test_only_an_experiment_that_runs_keeps_its_units_from_others_of_the_layer(
    status: Status, other: Cause
) -> None:
    first, second = (experiment(key=key, layer="ui") for key in ("first", "second"))
    assert both(dataclasses.replace(first, status=status), second, "v0")[1] is other
