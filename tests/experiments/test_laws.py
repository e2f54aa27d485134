"""What holds for every definition and every unit: laws, and simulations with a seed."""

import itertools
import math
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from fnv_hash_fast import fnv1a_32
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from experiments import (
    AnalysisPlan,
    Cause,
    Experiment,
    Holdout,
    Layer,
    MetricRoles,
    Override,
    RampStep,
    Slot,
    Status,
    Unit,
    Variant,
    assign,
    bucket,
    kept,
    standing,
)
from experiments.bucketing import PLACES
from experiments.bulk import Units
from experiments.layers import SlotEntry

NOW = datetime(2027, 1, 20, 12, tzinfo=UTC)
UNITS = st.text(min_size=1, max_size=40)
KEYS = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)


def experiment(weights: Sequence[float] = (50, 50), **values: Any) -> Experiment:
    variants = tuple(
        Variant(key=f"v{index}", weight=weight, control=index == 0)
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
        "analysis": AnalysisPlan(planned_units=10**9),
    }
    return Experiment(**{**plain, **values})


def holdout(share: float, **values: Any) -> Holdout:
    return Holdout(**{"key": "h1", "share": share, **values})


@st.composite
def edges(draw: st.DrawFn, *, most: int = 6) -> list[float]:
    """Where consecutive parts of 100 percent begin and end, to two decimals."""
    cuts = draw(st.sets(st.integers(1, 9999), min_size=1, max_size=most))
    return [cut / 100 for cut in [0, *sorted(cuts), 10000]]


@st.composite
def weights(draw: st.DrawFn) -> list[float]:
    return [round(b - a, 2) for a, b in itertools.pairwise(draw(edges()))]


@given(unit=UNITS, weights=weights(), less=st.floats(0.001, 1), more=st.floats(0.001, 1))
def test_more_traffic_moves_nobody(
    unit: str, weights: list[float], less: float, more: float
) -> None:
    less, more = sorted((less, more))
    before = assign(experiment(weights, traffic=less), unit, now=NOW)
    if before.enrolled:
        assert assign(experiment(weights, traffic=more), unit, now=NOW) == before


@given(unit=UNITS, steps=st.sets(st.floats(0.001, 1), min_size=2, max_size=5), data=st.data())
def test_a_step_of_the_ramp_moves_nobody(unit: str, steps: set[float], data: st.DataObject) -> None:
    ramp = tuple(
        RampStep(after=timedelta(hours=hours), traffic=traffic)
        for hours, traffic in enumerate(sorted(steps))
    )
    started = NOW - timedelta(hours=data.draw(st.integers(0, 6)))
    made = experiment(start=started, traffic=ramp[-1].traffic, ramp=ramp, granted=len(ramp))
    before = assign(made, unit, now=NOW)
    if before.enrolled:
        for hours in range(6):
            assert assign(made, unit, now=NOW + timedelta(hours=hours)) == before


@given(unit=UNITS, weights=weights(), by=st.floats(0.01, 20), data=st.data())
def test_a_neighbours_weight_moves_nobody_who_was_shown_a_variant(
    unit: str, weights: list[float], by: float, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(weights) - 2))
    by = min(round(by, 2), round(weights[place] - 0.01, 2))
    changed = [*weights]
    changed[place], changed[place + 1] = (
        round(weights[place] - by, 2),
        round(weights[place + 1] + by, 2),
    )
    if min(changed) <= 0:
        return
    old, new = experiment(weights), experiment(changed)
    before, after = assign(old, unit, now=NOW), assign(new, unit, now=NOW)
    if before.variant.key not in {f"v{place}", f"v{place + 1}"}:
        # By the hash alone nobody beyond the two neighbours moves.
        assert after.variant.key == before.variant.key
    # And whoever was shown a variant keeps it, whatever the weights have become.
    assert kept(new, after, before.variant.key).variant.key == before.variant.key


def layered(cuts: list[float]) -> list[Experiment]:
    """Experiments that share a layer, one slot after the other."""
    slots: list[dict[str, Any]] = [
        {"experiment": f"e{index}", "from": lower, "to": upper}
        for index, (lower, upper) in enumerate(itertools.pairwise(cuts))
    ]
    entries = tuple(SlotEntry(**slot) for slot in slots)
    layer = Layer(key="checkout", seed="layer:checkout", slots=entries)
    keys = [slot["experiment"] for slot in slots]
    return [experiment(key=key, layer="checkout", slot=layer.slot_of(key)) for key in keys]


@given(unit=UNITS, cuts=edges())
def test_of_the_experiments_of_a_layer_a_unit_enters_exactly_one(
    unit: str, cuts: list[float]
) -> None:
    assert sum(assign(each, unit, now=NOW).enrolled for each in layered(cuts)) == 1


@given(unit=UNITS, cuts=edges(most=3), moved=edges(most=3))
def test_a_unit_stays_in_its_experiment_of_a_layer_wherever_the_slots_move(
    unit: str, cuts: list[float], moved: list[float]
) -> None:
    (first,) = [
        assignment for each in layered(cuts) if (assignment := assign(each, unit, now=NOW)).enrolled
    ]
    found = [(each, assign(each, unit, now=NOW)) for each in layered(moved)]
    held = standing(found, {first.experiment: first.variant.key})
    entered = {each.experiment: each.variant.key for each in held if each.enrolled}
    if first.experiment in {each.key for each, _ in found}:
        assert entered == {first.experiment: first.variant.key}
    else:
        # Its experiment is gone, and with it what it was shown.
        assert len(entered) == 1


@given(unit=UNITS, keys=st.sets(KEYS, min_size=2, max_size=5), share=st.floats(0.01, 0.5))
def test_a_held_out_unit_sees_nothing_of_any_experiment(
    unit: str, keys: set[str], share: float
) -> None:
    held = holdout(share, **{"global": True})
    seen = [assign(experiment(key=key, holdouts=(held,)), unit, now=NOW) for key in sorted(keys)]
    out = {assignment.cause is Cause.HELD_OUT for assignment in seen}
    assert len(out) == 1
    if out == {True}:
        for assignment in seen:
            assert assignment.variant.control
            assert not assignment.enrolled
            # Not even what it was shown before the holdout began.
            made = experiment(key=assignment.experiment, holdouts=(held,))
            assert kept(made, assignment, "v1") == assignment


def test_a_holdout_holds_in_its_period_alone() -> None:
    begins, ends = NOW, NOW + timedelta(days=1)
    made = experiment(holdouts=(holdout(0.5, start=begins, end=ends),))
    units = (f"visitor-{number}" for number in range(100))
    unit = next(each for each in units if assign(made, each, now=NOW).cause is Cause.HELD_OUT)
    for moment, cause in (
        (begins - timedelta(microseconds=1), Cause.SPLIT),
        (begins, Cause.HELD_OUT),
        (ends - timedelta(microseconds=1), Cause.HELD_OUT),
        (ends, Cause.SPLIT),
    ):
        assert assign(made, unit, now=moment).cause is cause


def test_edges_of_holdouts_and_slots_count_once() -> None:
    unit, at = "visitor-1", bucket("holdout:h1", "visitor-1")
    for share, cause in ((at, Cause.SPLIT), (math.nextafter(at, 1), Cause.HELD_OUT)):
        made = experiment(holdouts=(holdout(share, seed="holdout:h1"),))
        assert assign(made, unit, now=NOW).cause is cause
    for lower, upper, cause in (
        (at, 1.0, Cause.SPLIT),
        (math.nextafter(at, 1), 1.0, Cause.OTHER_SLOT),
        (0.0, at, Cause.OTHER_SLOT),
        (0.0, math.nextafter(at, 1), Cause.SPLIT),
    ):
        slot = Slot("checkout", "holdout:h1", lower, upper)
        made = experiment(layer="checkout", slot=slot)
        assert assign(made, unit, now=NOW).cause is cause


def test_a_listed_customer_is_shown_the_variant_until_the_override_ends() -> None:
    ends = NOW + timedelta(days=1)
    listed = Override(name="qa", variant="v1", until=ends, customers=("cus_1",))
    made = experiment((99.99, 0.01), unit=Unit.CUSTOMER, overrides=(listed,))
    for moment, cause in (
        (NOW, Cause.OVERRIDE),
        (ends - timedelta(microseconds=1), Cause.OVERRIDE),
        (ends, Cause.SPLIT),
    ):
        found = assign(made, "cus_1", now=moment)
        assert found.cause is cause
        assert found.variant.key == ("v1" if cause is Cause.OVERRIDE else "v0")
    assert assign(made, "cus_2", now=NOW).cause is Cause.SPLIT


def test_shares_inside_layers_and_holdouts_are_what_they_say() -> None:
    slot = Slot("checkout", "layer:checkout", 0.2, 0.7)
    made = experiment((20, 80), traffic=0.5, layer="checkout", slot=slot, holdouts=(holdout(0.1),))
    chance = random.Random(11)
    count = 100_000
    seen = [assign(made, f"{chance.getrandbits(128):032x}", now=NOW) for _ in range(count)]
    for cause, share in (
        (Cause.HELD_OUT, 0.1),
        (Cause.OTHER_SLOT, 0.9 * 0.5),
        (Cause.OUTSIDE_TRAFFIC, 0.9 * 0.5 * 0.5),
        (Cause.SPLIT, 0.9 * 0.5 * 0.5),
    ):
        found = sum(assignment.cause is cause for assignment in seen)
        assert abs(found - count * share) < 4 * math.sqrt(count * share * (1 - share)), cause
    inside = [assignment.variant.key for assignment in seen if assignment.enrolled]
    share = inside.count("v1") / len(inside)
    assert abs(share - 0.8) < 4 * math.sqrt(0.16 / len(inside))


def some_units(count: int, *, seed: int) -> Units:
    chance = random.Random(seed)
    return Units([f"{chance.getrandbits(128):032x}" for _ in range(count)])


# Keys that differ in their last characters alone are where weak hashes show.
SEEDS = [f"experiment-{number}" for number in range(46)]


def pairwise_z(found: Sequence[Any]) -> Any:
    """Correlations of all pairs, as z: of independent uniforms they are standard normal."""
    centred = np.stack(found) - np.mean(found, axis=1, keepdims=True)
    centred /= centred.std(axis=1, keepdims=True)
    count = centred.shape[1]
    pairs = np.triu_indices(len(centred), k=1)
    return (centred @ centred.T / count)[pairs] * math.sqrt(count)


def test_a_thousand_pairs_of_experiments_are_uncorrelated() -> None:
    units = some_units(100_000, seed=3)
    z = pairwise_z([units.places(seed) / PLACES for seed in SEEDS])
    assert len(z) >= 1_000
    assert stats.kstest(z, "norm").pvalue > 0.001
    assert abs(z).max() < 5
    assert 0.9 < z.std() < 1.1


def test_the_older_hash_of_growthbook_would_have_been_caught() -> None:
    units = some_units(10_000, seed=3)
    z = pairwise_z(
        [[fnv1a_32((unit + seed).encode()) % 1000 / 1000 for unit in units.ids] for seed in SEEDS]
    )
    assert z.std() > 2


def test_layers_and_holdouts_are_independent_of_every_split() -> None:
    count = 100_000
    units = some_units(count, seed=4)
    seeds = ["one-page-checkout", "layer:checkout", "holdout:h1", "holdout:one-page-checkout"]
    centred = np.stack([units.places(seed) / PLACES for seed in seeds]) - 0.5
    for first, second in itertools.combinations(range(len(seeds)), 2):
        correlation = np.corrcoef(centred[first], centred[second])[0, 1]
        assert abs(correlation) * math.sqrt(count) < 4


@pytest.mark.parametrize("weights", [(50, 50), (33.33, 33.33, 33.34), (1, 9, 90)])
def test_shares_match_the_weights_over_200_seeds(weights: tuple[float, ...]) -> None:
    """One chi-square test for each seed; their p-values must themselves be uniform."""
    count = 20_000
    units = some_units(count, seed=5)
    lower = np.cumsum((0, *weights))[:-1] / 100
    expected = np.array(weights) / 100 * count
    p_values = []
    for number in range(200):
        found = np.searchsorted(
            lower + 1e-12, units.places(f"seed-{number}") / PLACES, side="right"
        )
        counts = np.bincount(np.maximum(found, 1) - 1, minlength=len(weights))
        p_values.append(stats.chisquare(counts, expected).pvalue)
    assert stats.kstest(p_values, "uniform").pvalue > 0.001
