"""Made-up visitors do what was planted, and nothing else that a seed does not decide."""

from __future__ import annotations

import math
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import simulate
from analysis.errors import InvalidSimulation
from analysis.simulate import Batch, Simulation, World, batches
from experiments import AnalysisPlan, Experiment, MetricRoles, Status, Unit, Variant, assign
from experiments.events import FunnelEvent
from experiments.plan import Exposure
from experiments.targeting import Glob

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = 3_600_000_000
EXPERIMENT = Experiment(
    key="exp",
    seed="exp",
    name="Experiment",
    hypothesis="It is faster.",
    owner="growth@example.com",
    status=Status.RUNNING,
    variants=(Variant(key="old", weight=50, control=True), Variant(key="new", weight=50)),
    metrics=MetricRoles(primary="paid"),
    analysis=AnalysisPlan(planned_units=4000),
)


def visitors(
    number: int = 4000, *, experiment: Experiment = EXPERIMENT, **changes: Any
) -> Simulation:
    own = {key: changes.pop(key) for key in ("days", "seed", "start") if key in changes}
    parts: dict[str, Any] = {"start": MONDAY, "days": 7, "seed": 3} | own
    return Simulation(experiment=experiment, visitors=number, world=World(**changes), **parts)


class Told:
    """All batches as one."""

    def __init__(self, simulation: Simulation) -> None:
        self.batches: list[Batch] = list(batches(simulation))

    def exposures(self, name: str) -> Any:
        return np.concatenate([batch.exposures[name] for batch in self.batches])

    def events(self, name: str, event: FunnelEvent | None = None) -> Any:
        column = np.concatenate([batch.events[name] for batch in self.batches])
        if event is None:
            return column
        return column[self.events("name") == event.value]

    def units(self, variant: str) -> set[str]:
        return set(self.exposures("unit_id")[self.exposures("variant") == variant].tolist())

    def paid(self) -> Any:
        """Whether each exposed unit did."""
        payers = set(self.events("unit_id", FunnelEvent.PAYMENT_SUCCEEDED).tolist())
        return np.array([unit in payers for unit in self.exposures("unit_id").tolist()])

    def rate(self, variant: str, event: FunnelEvent = FunnelEvent.PAYMENT_SUCCEEDED) -> float:
        units = self.units(variant)
        return len(units & set(self.events("unit_id", event).tolist())) / len(units)


def near(rate: float, truth: float, units: int) -> bool:
    """Within four standard errors."""
    return abs(rate - truth) <= 4 * math.sqrt(truth * (1 - truth) / units)


def same(one: Batch, other: Batch) -> bool:
    pairs = ((one.exposures, other.exposures), (one.events, other.events))
    return all(
        set(a) == set(b) and all(np.array_equal(a[name], b[name]) for name in a) for a, b in pairs
    )


def test_a_seed_makes_the_same_visitors_again() -> None:
    one, other = Told(visitors(500)), Told(visitors(500))
    assert all(same(*pair) for pair in zip(one.batches, other.batches, strict=True))


def test_another_seed_another_world_or_another_experiment_makes_others() -> None:
    names = {
        visitors().name,
        visitors(seed=4).name,
        visitors(lift=0.1).name,
        visitors(days=8).name,
        visitors(experiment=replace(EXPERIMENT, seed="other")).name,
    }
    assert len(names) == 5
    assert not set(Told(visitors(50)).exposures("unit_id")) & set(
        Told(visitors(50, seed=4)).exposures("unit_id")
    )


def test_everybody_sees_the_variant_that_the_experiment_gives_them() -> None:
    experiment = replace(EXPERIMENT, traffic=0.5)
    told = Told(visitors(1000, experiment=experiment))
    seen = dict(zip(told.exposures("unit_id"), told.exposures("variant"), strict=True))
    name = visitors(1000, experiment=experiment).name
    for number in range(1000):
        given_ = assign(experiment, f"{name}-{number}", now=MONDAY)
        assert seen.get(f"{name}-{number}") == (given_.variant.key if given_.enrolled else None)
    assert set(told.events("unit_id")) <= set(seen)
    assert 400 < len(seen) < 600


def test_only_those_that_the_experiment_is_for_enter() -> None:
    experiment = replace(EXPERIMENT, targeting=Glob("device", "phone"))
    told = Told(visitors(1000, experiment=experiment))
    assert set(told.exposures("device")) == {"phone"}
    assert near(len(told.exposures("unit_id")) / 1000, 0.6, 1000)


@pytest.mark.parametrize("days", [1, 3, 28])
def test_the_planted_rates_are_those_of_the_visitors(days: int) -> None:
    told = Told(visitors(60_000, days=days, baseline=0.3, lift=0.2))
    assert near(told.rate("old"), 0.3, 30_000)
    assert near(told.rate("new"), 0.36, 30_000)


def test_without_a_lift_the_variants_differ_by_chance_alone() -> None:
    told = Told(visitors(60_000, lift=0.0))
    assert near(told.rate("new"), 0.3, 30_000)


def test_novelty_halves_and_what_is_left_is_the_lift() -> None:
    world = World(lift=0.1, novelty=0.4, novelty_half_life=timedelta(days=2))
    after = np.array([0, 48, 96, 10_000]) * HOUR
    assert world.lift_after(after) == pytest.approx([0.5, 0.3, 0.2, 0.1])
    told = Told(
        visitors(80_000, days=14, lift=0.0, novelty=0.5, novelty_half_life=timedelta(days=1))
    )
    day = (told.exposures("exposed_at") - simulate._micros(MONDAY)) // (24 * HOUR)
    paid = told.paid()
    new = told.exposures("variant") == "new"
    lifts = [
        paid[new & when].mean() / paid[~new & when].mean() - 1 for when in (day == 0, day >= 7)
    ]
    assert lifts[0] > 0.2
    assert abs(lifts[1]) < 0.08


def test_people_come_and_buy_by_the_clock_and_the_calendar() -> None:
    told = Told(visitors(60_000, days=7))
    hour = (told.exposures("exposed_at") - simulate._micros(MONDAY)) // HOUR
    by_day = np.bincount(hour // 24, minlength=7)
    assert by_day[6] > 1.2 * by_day[1:4].mean()
    by_hour = np.bincount(hour % 24, minlength=24)
    assert by_hour[19] > 8 * by_hour[3]
    paid = told.paid()
    evening, morning = (hour % 24 >= 17) & (hour % 24 <= 22), hour % 24 < 12
    assert paid[evening].mean() > 1.05 * paid[morning].mean()


def test_bots_look_often_and_never_pay() -> None:
    told = Told(visitors(20_000, bots=0.1))
    units, views = np.unique(
        told.events("unit_id", FunnelEvent.CHECKOUT_VIEWED), return_counts=True
    )
    bots = set(units[views > 1])
    assert near(len(bots) / 20_000, 0.1, 20_000)
    assert views[views > 1].mean() > 20
    others = set(told.events("unit_id")[told.events("name") != FunnelEvent.CHECKOUT_VIEWED.value])
    assert not bots & others
    assert near(told.rate("old"), 0.3 * 0.9, 10_000)


def test_beacons_get_lost_in_the_variant_that_is_asked_for_and_payments_never_do() -> None:
    told = Told(visitors(40_000, lost={"new": 0.2}))
    assert told.rate("old", FunnelEvent.CHECKOUT_VIEWED) == 1.0
    assert near(told.rate("new", FunnelEvent.CHECKOUT_VIEWED), 0.8, 20_000)
    assert near(told.rate("new"), 0.3, 20_000)
    assert len(told.exposures("unit_id")) == 40_000


def test_refunds_come_days_later_and_give_all_back() -> None:
    told = Told(visitors(20_000, refunds=0.2))
    event = FunnelEvent.PAYMENT_SUCCEEDED
    paid = dict(
        zip(
            told.events("unit_id", event),
            zip(told.events("value", event), told.events("occurred_at", event), strict=True),
            strict=True,
        )
    )
    back = FunnelEvent.PAYMENT_REFUNDED
    rows = list(
        zip(
            told.events("unit_id", back),
            told.events("value", back),
            told.events("occurred_at", back),
            strict=True,
        )
    )
    assert near(len(rows) / len(paid), 0.2, len(paid))
    assert all(paid[unit][0] == value for unit, value, _ in rows)
    waited = np.array([when - paid[unit][1] for unit, _, when in rows]) / (24 * HOUR)
    assert waited.min() >= 0
    assert 4 < waited.mean() < 6


def test_orders_are_log_normal_about_their_median() -> None:
    told = Told(visitors(20_000, order_value=1000))
    logs = np.log(told.events("value", FunnelEvent.PAYMENT_SUCCEEDED))
    assert np.median(logs) == pytest.approx(math.log(1000), abs=0.05)
    assert logs.std() == pytest.approx(0.6, abs=0.03)
    assert (told.events("value", FunnelEvent.CHECKOUT_VIEWED) == -1).all()


def test_a_card_is_tried_again_and_each_try_ends_one_way() -> None:
    told = Told(visitors(20_000))
    tries = len(told.events("unit_id", FunnelEvent.PAYMENT_SUBMITTED))
    refused = len(told.events("unit_id", FunnelEvent.PAYMENT_DECLINED))
    paid = told.events("unit_id", FunnelEvent.PAYMENT_SUCCEEDED)
    assert tries == refused + len(paid)
    assert len(set(paid)) == len(paid)
    assert 0.5 < len(paid) / tries < 0.95


def test_some_of_it_comes_late_and_nothing_before_it_happened() -> None:
    told = Told(visitors(20_000, late=0.1))
    delay = told.events("received_at") - told.events("occurred_at")
    assert delay.min() >= 0
    assert (delay > HOUR).mean() == pytest.approx(0.1 * math.exp(-1 / 6), abs=0.01)
    began = dict(zip(told.exposures("unit_id"), told.exposures("exposed_at"), strict=True))
    since = told.events("occurred_at") - np.array([began[u] for u in told.events("unit_id")])
    assert since.min() >= 0


def test_ids_are_of_one_event_each() -> None:
    told = Told(visitors(5000, bots=0.05))
    ids = told.events("event_id").tolist()
    assert len(set(ids)) == len(ids)
    assert max(map(len, ids)) <= 128


@settings(max_examples=25)
@given(
    number=st.integers(1, 800),
    days=st.integers(1, 4),
    most=st.integers(5, 200),
    seed=st.integers(0, 10**6),
)
def test_batches_are_of_one_day_each_in_order_and_nobody_is_left_out(
    number: int, days: int, most: int, seed: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulate, "_BATCH", most)
        found = list(batches(visitors(number, days=days, seed=seed)))
    assert sum(batch.visitors for batch in found) == number
    assert max(batch.visitors for batch in found) <= most
    assert [batch.number for batch in found] == list(range(len(found)))
    times = np.concatenate([batch.exposures["exposed_at"] for batch in found])
    assert (np.diff(times) >= 0).all()
    for batch in found:
        since: Any = batch.exposures["exposed_at"] - simulate._micros(batch.day)
        assert ((since >= 0) & (since < 24 * HOUR)).all()
    units = np.concatenate([batch.exposures["unit_id"] for batch in found])
    assert len(set(units)) == number


def test_ten_times_the_visitors_take_no_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulate, "_BATCH", 500)

    def most(number: int) -> int:
        tracemalloc.start()
        for _ in batches(visitors(number)):
            pass
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    most(500)
    assert most(20_000) < 1.5 * most(2000)


@pytest.mark.parametrize(
    ("said", "changes"),
    [
        ("baseline: ", {"baseline": 1.0}),
        ("lift: ", {"lift": -1.0}),
        ("lift: ", {"lift": 0.1, "novelty": -1.2}),
        ("novelty_half_life: ", {"novelty_half_life": timedelta(0)}),
        ("bots: ", {"bots": 1.0}),
        ("lost of new: ", {"lost": {"new": -0.1}}),
        ("late: ", {"late": 1.0}),
        ("refunds: ", {"refunds": 1.1}),
        ("order_value: ", {"order_value": 0}),
        ("lost: no variant newer", {"lost": {"newer": 0.1}}),
        ("baseline, lift: ", {"baseline": 0.8, "lift": 0.2}),
        ("visitors, days: ", {"days": 0}),
        ("seed: ", {"seed": -1}),
        ("start: ", {"start": MONDAY + timedelta(minutes=1)}),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(said: str, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidSimulation, match=said):
        visitors(**changes)


@pytest.mark.parametrize(
    ("said", "experiment"),
    [
        ("must be of visitors", replace(EXPERIMENT, unit=Unit.CUSTOMER)),
        (
            "must count from checkout_viewed",
            replace(EXPERIMENT, exposure=Exposure(trigger=FunnelEvent.PAYMENT_SUBMITTED)),
        ),
        ("must be open", replace(EXPERIMENT, status=Status.DRAFT)),
        ("must be open", replace(EXPERIMENT, start=MONDAY + timedelta(days=1))),
        ("must be open", replace(EXPERIMENT, end=MONDAY + timedelta(days=6))),
    ],
)
def test_an_experiment_that_nobody_could_visit_is_refused(
    said: str, experiment: Experiment
) -> None:
    with pytest.raises(InvalidSimulation, match=said):
        visitors(experiment=experiment)
