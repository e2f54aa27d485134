"""Many at once is the same as one at a time."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from experiments import (
    AnalysisPlan,
    Cause,
    Experiment,
    Holdout,
    MetricRoles,
    Override,
    RampStep,
    Slot,
    Status,
    Unit,
    Variant,
    assign,
)
from experiments.bucketing import PLACES, place
from experiments.bulk import CAUSES, Units, assign_many
from experiments.targeting_file import read_targeting

ROOT = Path(__file__).parents[2]
VECTORS = json.loads((ROOT / "tests" / "vectors" / "bucketing.json").read_text("utf-8"))
# Lone surrogates too: JavaScript has them, and GrowthBook hashes them.
TEXT = st.text(st.characters(codec=None), max_size=40)


@pytest.mark.parametrize("golden", VECTORS["buckets"], ids=lambda golden: json.dumps(golden)[:60])
def test_a_golden_bucket_is_the_same_in_bulk(golden: dict[str, Any]) -> None:
    assert Units([golden["unit"]]).places(golden["seed"]) / PLACES == [golden["bucket"]]


@given(seed=TEXT, units=st.lists(TEXT, max_size=30))
@example(seed="", units=[])
@example(seed="", units=[""])
@example(seed="s", units=["", "a", "zoë", "🛒x", "\ud83d", "\ude00", "a" * 400])
def test_units_of_any_text_and_length_stand_where_place_puts_them(
    seed: str, units: list[str]
) -> None:
    assert Units(units).places(seed).tolist() == [place(seed, unit) for unit in units]


def test_units_made_ready_once_stand_right_under_every_seed() -> None:
    units = Units(f"visitor-{number}" for number in range(40_000))
    for seed in ("checkout", "holdout:global", "zoë"):
        assert units.places(seed).tolist() == [place(seed, unit) for unit in units.ids]


NOON = datetime(2027, 1, 11, 12, tzinfo=UTC)
COUNTRIES = ("SE", "NO", "DE")
VALUES = st.one_of(
    st.sampled_from(COUNTRIES), st.sampled_from([0, 1, True, False, 1.0, 2500]), st.none()
)
ATTRIBUTES = st.fixed_dictionaries({"country": VALUES, "amount": VALUES}).map(
    lambda known: {name: value for name, value in known.items() if value is not None}
)
CONDITIONS = st.sampled_from(
    [
        {"attribute": "country", "in": ["SE", "NO"]},
        {"attribute": "country", "not_in": ["DE"]},
        {"attribute": "amount", "in": [1]},
        {"attribute": "amount", "in": [True]},
        {"attribute": "amount", "min": 1, "max": 2000},
        {"attribute": "country", "glob": "*E"},
        {"attribute": "app_version", "semver": ">=1.0.0"},
    ]
)
TARGETING = st.recursive(
    CONDITIONS,
    lambda below: st.one_of(
        st.lists(below, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(below, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        below.map(lambda part: {"not": part}),
    ),
    max_leaves=4,
).map(read_targeting)
UNITS = st.lists(
    st.one_of(st.sampled_from(["ada", "grace", "zoë"]), st.text(min_size=1, max_size=12)),
    min_size=1,
    max_size=40,
)
HOLDOUTS = st.lists(
    st.builds(
        Holdout,
        key=st.sampled_from(["global", "q1"]),
        seed=st.sampled_from(["holdout:global", "holdout:q1"]),
        share=st.floats(0.01, 0.5),
        start=st.sampled_from([None, NOON]),
        end=st.sampled_from([None, NOON + timedelta(days=1)]),
    ),
    max_size=2,
)
SLOTS = st.one_of(
    st.none(),
    st.builds(Slot, st.just("ui"), st.just("layer:ui"), st.floats(0, 0.4), st.floats(0.5, 1)),
)


@st.composite
def experiments(draw: st.DrawFn) -> Experiment:
    weights = draw(st.sampled_from([(50, 50), (10, 90), (33.33, 33.33, 33.34), (70, 20, 10)]))
    control = draw(st.integers(0, len(weights) - 1))
    variants = tuple(
        Variant(key=f"v{at}", weight=weight, control=at == control)
        for at, weight in enumerate(weights)
    )
    keys = [variant.key for variant in variants]
    status = draw(st.sampled_from([Status.RUNNING, Status.RUNNING, Status.RUNNING, *Status]))
    traffic = draw(st.sampled_from([1.0, 0.5, 0.25]))
    start = draw(st.sampled_from([None, NOON]))
    ramped = start is not None and draw(st.booleans())
    override = st.builds(
        Override,
        name=st.just("qa"),
        variant=st.sampled_from(keys),
        until=st.sampled_from([None, NOON + timedelta(hours=2)]),
        customers=st.lists(st.sampled_from(["ada", "grace"]), unique=True).map(tuple),
    )
    return Experiment(
        key="exp",
        seed="exp",
        name="Experiment",
        hypothesis="It is faster.",
        owner="growth@example.com",
        status=status,
        start=start,
        unit=Unit.CUSTOMER,
        traffic=traffic,
        variants=variants,
        winner=draw(st.sampled_from(keys)) if status is Status.SHIPPED else None,
        targeting=draw(st.one_of(st.none(), TARGETING)),
        overrides=draw(st.lists(override, max_size=1).map(tuple)),
        ramp=(
            (
                RampStep(traffic=traffic / 4),
                RampStep(after=timedelta(hours=1), traffic=traffic),
            )
            if ramped
            else ()
        ),
        metrics=MetricRoles(primary="paid_conversion"),
        analysis=AnalysisPlan(planned_units=1000),
        slot=draw(SLOTS),
        holdouts=tuple(draw(HOLDOUTS)),
        stopped=draw(st.sampled_from([False, False, False, True])),
        granted=draw(st.integers(1, 2)),
    )


@given(
    experiment=experiments(),
    units=UNITS,
    hours=st.sampled_from([-1, 0, 0.5, 1, 3, 48]),
    data=st.data(),
)
def test_many_are_assigned_as_each_would_be(
    experiment: Experiment, units: list[str], hours: float, data: st.DataObject
) -> None:
    now = NOON + timedelta(hours=hours)
    known = data.draw(st.lists(ATTRIBUTES, min_size=len(units), max_size=len(units)))
    ready = Units(units)
    many = assign_many(experiment, ready, now=now, attributes=known)
    each = [
        assign(experiment, unit, now=now, attributes=attributes)
        for unit, attributes in zip(units, known, strict=True)
    ]
    assert [many[at] for at in range(len(units))] == each
    assert many.enrolled.tolist() == [one.enrolled for one in each]
    assert [CAUSES[code] for code in many.cause] == [one.cause for one in each]
    keys = [variant.key for variant in experiment.variants]
    assert many.entered.tolist() == [
        keys.index(one.variant.key) if one.enrolled else -1 for one in each
    ]
    nothing_known = assign_many(experiment, ready, now=now)
    assert [nothing_known[at] for at in range(len(units))] == [
        assign(experiment, unit, now=now) for unit in units
    ]


def test_every_cause_of_an_assignment_is_drawn_by_the_law_above() -> None:
    # A law about cases that never happen would say nothing.
    seen: set[Cause] = set()

    @settings(max_examples=300, derandomize=True, database=None)
    @given(experiment=experiments(), units=UNITS, hours=st.sampled_from([-1, 0.5, 3]))
    def draw(experiment: Experiment, units: list[str], hours: float) -> None:
        now = NOON + timedelta(hours=hours)
        seen.update(CAUSES[code] for code in assign_many(experiment, Units(units), now=now).cause)

    draw()
    assert seen == set(Cause) - {Cause.KEPT, Cause.NO_UNIT}


def test_an_empty_id_is_refused_as_for_one(running: Experiment) -> None:
    with pytest.raises(ValueError, match="nobody to assign"):
        assign_many(running, Units(["ada", ""]), now=NOON)


def test_attributes_for_fewer_units_are_refused(running: Experiment) -> None:
    with pytest.raises(ValueError, match="1 attributes are given for 2 units"):
        assign_many(running, Units(["ada", "grace"]), now=NOON, attributes=[{}])


@pytest.fixture
def running() -> Experiment:
    return Experiment(
        key="exp",
        seed="exp",
        name="Experiment",
        hypothesis="It is faster.",
        owner="growth@example.com",
        status=Status.RUNNING,
        variants=(
            Variant(key="old", weight=50, control=True),
            Variant(key="new", weight=50),
        ),
        metrics=MetricRoles(primary="paid_conversion"),
        analysis=AnalysisPlan(planned_units=1000),
    )


def test_assigning_one_visitor_loads_no_arrays() -> None:
    code = "import sys, experiments; print('numpy' in sys.modules)"
    fresh = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert fresh.stdout.strip() == "False"
