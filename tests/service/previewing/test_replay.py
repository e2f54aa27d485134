"""A definition replayed over the store is what it would have been, on SQLite and PostgreSQL."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest

from analysis.report import Absent
from analysis.rerandomisation import false_alarms
from experiments import Catalog, Cause, DecisionRule, FunnelEvent, Status, Unit, assign
from experiments.bulk import assign_many
from experiments.plan import Exposure, Method, Spending
from experiments.targeting_file import read_targeting
from service.previewing import Replay, read_past, replay, split_of, to_json, to_text
from service.settings import PROJECT
from service.store.observations import read_observations
from service.store.session import Store
from service.store.tables import checkouts, events
from tests.service.previewing.past import Seen, fill, visitors

NOON = datetime(2027, 1, 31, 12, tzinfo=UTC)
CATALOG = Catalog.load(PROJECT / "experiments" / "definitions")
SHIPPED = CATALOG.experiment("one-page-checkout")
PAST = visitors(600, until=NOON, days=20)


@pytest.fixture
def store(migrated_store_url: str) -> Iterator[Store]:
    opened = Store(migrated_store_url)
    yield opened
    opened.close()


def replayed(store: Store, catalog: Catalog = CATALOG, *, days: int = 30, key: str = "") -> Replay:
    key = key or SHIPPED.key
    with store.read() as connection:
        past = read_past(connection, catalog, key, since=NOON - timedelta(days=days), until=NOON)
    return replay(catalog.experiment(key), catalog.metrics, past)


def with_experiment(**changes: object) -> Catalog:
    changed = replace(SHIPPED, key="new-one", seed="new-one", **changes)  # type: ignore[arg-type]  # fields of each test
    return replace(
        CATALOG, experiments=MappingProxyType({**CATALOG.experiments, "new-one": changed})
    )


def test_the_numbers_are_those_of_the_report_where_the_experiment_ran(store: Store) -> None:
    as_assigned = [
        replace(each, variant=assign(SHIPPED, each.unit, now=NOON).variant.key) for each in PAST
    ]
    fill(store, as_assigned)
    found = replayed(store)
    with store.read() as connection:
        report = read_observations(connection, SHIPPED, CATALOG.metrics, as_of=NOON)
    assert found.units == report.units
    split = assign_many(split_of(found.experiment), found.history.units, now=NOON)
    observed = found.history.observed(SHIPPED, split.entered)
    assert observed.metrics == report.metrics
    assert observed.currencies == report.currencies
    assert found.open_windows == report.open_windows


def test_a_draft_that_never_ran_is_replayed(store: Store) -> None:
    fill(store, PAST)
    catalog = with_experiment(
        status=Status.DRAFT,
        start=NOON + timedelta(days=30),
        targeting=read_targeting({"attribute": "country", "in": ["SE"]}),
        traffic=0.5,
        decision=DecisionRule(minimum_runtime=timedelta(days=14)),
    )
    found = replayed(store, catalog, key="new-one")
    swedes = [each for each in PAST if each.country == "SE"]
    assert found.visitors == 600
    assert found.causes[Cause.NOT_TARGETED] == 600 - len(swedes)
    running = replace(SHIPPED, seed="new-one", traffic=0.5)
    entered = [each for each in swedes if assign(running, each.unit, now=NOON).enrolled]
    assert found.causes[Cause.SPLIT] == sum(found.units.values()) == len(entered)
    assert found.baseline == sum(each.paid for each in entered) / len(entered)
    # Another split might let in those whom this one's traffic leaves out, and nobody else.
    assert set(found.history.units.ids) == {each.unit for each in swedes}
    assert found.plan.planned_units == len(entered)


def test_units_count_from_the_event_that_their_exposure_names(store: Store) -> None:
    fill(store, PAST)
    later = timedelta(hours=30)
    submitted = [each for number, each in enumerate(PAST) if number % 3 == 0]
    with store.write() as connection:
        connection.execute(events.insert(), [_told(each, each.at + later) for each in submitted])
    trigger = Exposure(trigger=FunnelEvent.PAYMENT_SUBMITTED)
    found = replayed(store, with_experiment(exposure=trigger), key="new-one")
    counted = [each for each in submitted if each.at + later <= NOON]
    assert found.visitors == 600
    assert found.uncounted == 600 - len(counted)
    assert found.causes == {Cause.SPLIT: len(counted)}
    days = Counter((each.at + later).date() for each in counted)
    assert {day: sum(counts.values()) for day, counts in found.days.items()} == days
    # They paid two minutes after the page, long before the event from which they count.
    assert found.baseline == 0
    assert "each counts from its first payment_submitted" in to_text(found, ALARMS, wanted=0)
    told = to_json(found, ALARMS, wanted=0)["exposure"]
    assert told == {"trigger": "payment_submitted", "never": found.uncounted}


def test_customers_count_from_their_own_event(store: Store) -> None:
    fill(store, PAST[:20])
    with store.write() as connection:
        connection.execute(checkouts.update().values(customer="cus_1"))
        connection.execute(events.insert(), [_told(each, each.at) for each in PAST[:20]])
    trigger = Exposure(trigger=FunnelEvent.PAYMENT_SUBMITTED)
    catalog = with_experiment(exposure=trigger, unit=Unit.CUSTOMER)
    found = replayed(store, catalog, key="new-one")
    assert (sum(found.units.values()), found.uncounted) == (1, 0)
    assert set(found.history.units.ids) == {"cus_1"}


def _told(seen: Seen, at: datetime) -> dict[str, object]:
    """The press on the button, as the page tells it."""
    return {
        "event_id": f"evt_told_{seen.unit}",
        "unit_id": seen.unit,
        "checkout_id": f"chk_{seen.unit}",
        "name": "payment_submitted",
        "occurred_at": at,
        "received_at": at,
        "properties": {},
    }


ALARMS = false_alarms((), alpha=0.05)


def test_days_are_counted_in_utc_and_add_up(store: Store) -> None:
    fill(store, PAST)
    found = replayed(store)
    days = Counter(each.at.date() for each in PAST)
    assert {day: sum(counts.values()) for day, counts in found.days.items()} == days
    assert found.daily_units == pytest.approx(30, rel=0.01)
    assert found.days_needed == pytest.approx(40_000 / found.daily_units)
    recent = replayed(store, days=5)
    assert sum(recent.units.values()) == sum(each.at >= NOON - timedelta(days=5) for each in PAST)


def test_the_units_of_an_hour_are_not_taken_for_those_of_many_days(store: Store) -> None:
    fill(store, visitors(240, until=NOON, days=1)[-10:])
    found = replayed(store)
    assert found.daily_units == sum(found.units.values()) > 0


def test_customers_without_an_id_are_told_apart(store: Store) -> None:
    fill(store, PAST[:10])
    found = replayed(store, with_experiment(unit=Unit.CUSTOMER), key="new-one")
    assert found.causes == {Cause.NO_UNIT: 10}
    assert sum(found.units.values()) == 0
    assert isinstance(found.days_needed, Absent)
    assert isinstance(found.detectable, Absent)
    assert isinstance(found.sample_ratio.ok, Absent)


def test_a_primary_mean_tells_the_lift_it_can_show(store: Store) -> None:
    fill(store, PAST)
    roles = replace(SHIPPED.metrics, primary="revenue_per_visitor", secondary=())
    found = replayed(store, with_experiment(metrics=roles), key="new-one")
    assert isinstance(found.baseline, float)
    assert 0 < float(found.detectable) < 0.2  # type: ignore[arg-type]  # present


def test_planned_looks_show_only_a_larger_lift(store: Store) -> None:
    fill(store, PAST)
    looked = replace(
        SHIPPED.analysis, method=Method.GROUP_SEQUENTIAL, looks=5, spending=Spending.POCOCK
    )
    once = replayed(store, with_experiment(), key="new-one").detectable
    often = replayed(store, with_experiment(analysis=looked), key="new-one").detectable
    assert isinstance(once, float)
    # The lift grows about as the root of the units that Pocock's five looks cost.
    assert often == pytest.approx(once * 1.2126**0.5, rel=0.02)


def test_nobody_seen_is_a_replay_of_nothing(store: Store) -> None:
    found = replayed(store)
    assert (found.visitors, found.causes, found.days) == (0, {}, {})
