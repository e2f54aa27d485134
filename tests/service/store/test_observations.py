"""What analysis reads, against a plain reading of the same rows in Python; on both engines."""

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from analysis.aggregates import Aggregates
from analysis.cells import MOST_VALUES, OTHER, UNKNOWN, Group
from analysis.observations import InterimLook, Observations
from experiments import (
    LEDGER_EVENTS,
    AnalysisPlan,
    Direction,
    Experiment,
    FunnelEvent,
    Guardrail,
    Kind,
    Metric,
    MetricRoles,
    Status,
    Variant,
)
from experiments.attributes import BUILT_IN, Attribute, AttributeType
from service.store.look import OUTSIDE
from service.store.observations import read_observations
from service.store.session import Store, insert_once
from service.store.tables import events, exposures

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
WINDOW = timedelta(hours=72)
TICK = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)
LATER = NOON + timedelta(days=30)
PAID = FunnelEvent.PAYMENT_SUCCEEDED.value

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
    "declined": Metric(
        key="declined",
        name="Declined",
        event=FunnelEvent.PAYMENT_DECLINED,
        kind=Kind.PROPORTION,
        direction=Direction.DECREASE,
    ),
}
COLOURS = Experiment(
    key="colours",
    seed="colours",
    name="Colours",
    hypothesis="Green sells more.",
    owner="growth@example.com",
    status=Status.RUNNING,
    variants=(Variant(key="grey", weight=50, control=True), Variant(key="green", weight=50)),
    metrics=MetricRoles(
        primary="paid", secondary=("revenue",), guardrails=(Guardrail(metric="declined"),)
    ),
    analysis=AnalysisPlan(planned_units=1000, conversion_window=WINDOW),
)


@dataclass(frozen=True)
class Exposure:
    unit: str
    variant: str
    at: datetime
    experiment: str = "colours"
    attributes: Mapping[str, str | bool] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        return {
            "experiment": self.experiment,
            "unit_id": self.unit,
            "variant": self.variant,
            "exposed_at": self.at,
            "reason": "SPLIT",
            "bucket": 0.5,
            "checkout_id": None,
            "definitions": "0" * 64,
            "attributes": dict(self.attributes),
        }


@dataclass(frozen=True)
class Happened:
    key: str
    unit: str
    at: datetime
    name: str = PAID
    value: int | None = None
    currency: str | None = None
    received: datetime | None = None

    def row(self) -> dict[str, Any]:
        return {
            "event_id": self.key,
            "unit_id": self.unit,
            "checkout_id": None,
            "name": self.name,
            "occurred_at": self.at,
            "received_at": self.received or self.at,
            "value": self.value,
            "currency": self.currency,
            "properties": {},
        }


def _fill(store: Store, seen: Iterable[Exposure], happened: Iterable[Happened]) -> None:
    with store.write() as connection:
        connection.execute(exposures.insert(), [each.row() for each in seen])
        insert_once(connection, events, [each.row() for each in happened])


def _read(
    store: Store, as_of: datetime = LATER, segments: Sequence[Attribute] = ()
) -> Observations:
    with store.read() as connection:
        return read_observations(connection, COLOURS, METRICS, as_of=as_of, segments=segments)


@dataclass(frozen=True)
class Expected:
    """The same numbers, counted one row at a time."""

    units: dict[str, int]
    metrics: dict[str, dict[str, Aggregates]]
    funnel: dict[str, dict[str, int]]
    currencies: tuple[str, ...]


def _expected(seen: list[Exposure], happened: list[Happened], as_of: datetime) -> Expected:
    mine = {e.unit: e for e in seen if e.experiment == "colours" and e.at <= as_of}
    units = {key: sum(e.variant == key for e in mine.values()) for key in ("grey", "green")}
    values: dict[tuple[str, str], list[int]] = defaultdict(list)
    currencies: set[str] = set()
    for event in {each.key: each for each in reversed(happened)}.values():
        exposure = mine.get(event.unit)
        if exposure is None or (event.received or event.at) > as_of:
            continue
        # A browser's clock may be wrong: its events happened when they arrived.
        happened_at = event.at if event.name in LEDGER_EVENTS else event.received or event.at
        # Stripe tells whole seconds: up to a second early is still after.
        if not -SECOND < happened_at - exposure.at < WINDOW:
            continue
        values[event.name, event.unit].append(event.value or 0)
        if event.name == PAID and event.currency:
            currencies.add(event.currency)

    def sums(name: str, value: Mapping[str, int]) -> dict[str, Aggregates]:
        return {
            variant: Aggregates(
                count,
                float(sum(value[u] for u in value if mine[u].variant == variant)),
                float(sum(value[u] ** 2 for u in value if mine[u].variant == variant)),
            )
            for variant, count in units.items()
        }

    def having(name: str) -> dict[str, int]:
        return {unit: 1 for found, unit in values if found == name}

    metrics = {
        "paid": sums(PAID, having(PAID)),
        "declined": sums("payment_declined", having("payment_declined")),
    }
    money = {unit: sum(given) for (name, unit), given in values.items() if name == PAID}
    metrics["revenue"] = sums(PAID, money)
    funnel = {
        event.value: {
            variant: sum(mine[unit].variant == variant for unit in having(event.value))
            for variant in units
        }
        for event in FunnelEvent
    }
    return Expected(units, metrics, funnel, tuple(sorted(currencies)))


def _paid(store: Store) -> tuple[int, int]:
    found = _read(store).metrics["paid"]
    return int(found["grey"].total), int(found["green"].total)


def _crowd(chance: random.Random, currencies: list[str]) -> tuple[list[Exposure], list[Happened]]:
    """Units and events whose times crowd around every edge there is."""
    seen, happened = [], []
    for number in range(60):
        unit = f"unit-{number}"
        at = NOON + timedelta(microseconds=chance.randrange(10**9))
        seen += [
            Exposure(unit, chance.choice(["grey", "green"]), at, experiment)
            for experiment in ("colours", "shapes")
            if chance.random() < 0.8
        ]
        for _ in range(chance.randrange(5)):
            edge = chance.choice([-SECOND, timedelta(0), WINDOW, SECOND, WINDOW / 2, -WINDOW])
            when = at + edge + chance.choice([-TICK, timedelta(0), TICK])
            late = chance.choice([timedelta(0), timedelta(days=2), timedelta(days=9)])
            name = chance.choice([PAID, "payment_declined", "checkout_viewed"])
            money = name == PAID and chance.random() < 0.9
            happened.append(
                Happened(
                    f"event-{chance.randrange(120)}",
                    unit,
                    when,
                    name,
                    chance.randrange(-500, 10**6) if money else None,
                    chance.choice(currencies) if money else None,
                    when + late,
                )
            )
    return seen, happened


@pytest.mark.parametrize("currencies", [["usd"], ["usd", "eur"]], ids=["one", "two"])
def test_random_rows_are_counted_as_one_row_at_a_time_would(
    store: Store, currencies: list[str]
) -> None:
    for seed in range(12):
        with store.write() as connection:
            connection.execute(exposures.delete())
            connection.execute(events.delete())
        chance = random.Random(seed)
        seen, happened = _crowd(chance, currencies)
        _fill(store, seen, happened)
        for as_of in (NOON - TICK, NOON + timedelta(seconds=500), NOON + 2 * WINDOW, LATER):
            found, expected = _read(store, as_of), _expected(seen, happened, as_of)
            assert dict(found.units) == expected.units, (seed, as_of)
            assert dict(found.metrics) == expected.metrics, (seed, as_of)
            assert dict(found.funnel) == expected.funnel, (seed, as_of)
            assert found.currencies["revenue"] == expected.currencies, (seed, as_of)


MEMBER = Attribute(key="member", type=AttributeType.BOOLEAN, description="Whether it paid before.")
DEVICE, COUNTRY = BUILT_IN["device"], BUILT_IN["country"]


def _known(unit: Exposure, chance: random.Random) -> Exposure:
    found: dict[str, str | bool] = {}
    if chance.random() < 0.8:
        found["device"] = chance.choice(["phone", "desktop"])
    if chance.random() < 0.8:
        found["member"] = chance.random() < 0.5
    return replace(unit, attributes=found)


def _said(unit: Exposure, attribute: str) -> str:
    value = unit.attributes.get(attribute, UNKNOWN)
    return ("no", "yes")[value] if isinstance(value, bool) else value


def test_days_and_segments_are_counted_as_if_they_were_alone(store: Store) -> None:
    chance = random.Random(7)
    seen, happened = _crowd(chance, ["usd"])
    spread = [
        replace(_known(e, chance), at=e.at + timedelta(days=chance.randrange(3))) for e in seen
    ]
    _fill(store, spread, happened)
    found = _read(store, segments=[DEVICE, MEMBER])
    groups: dict[object, list[Exposure]] = defaultdict(list)
    for each in (e for e in spread if e.experiment == "colours"):
        groups[each.at.date()].append(each)
        for key in ("device", "member"):
            groups[key, _said(each, key)].append(each)
    read: dict[object, Group] = dict(found.days.items())
    for key, by in found.segments.items():
        read |= {(key, value): group for value, group in by.items()}
    assert set(read) == set(groups)
    for name, group in read.items():
        expected = _expected(groups[name], happened, LATER)
        assert dict(group.units) == expected.units, name
        assert dict(group.metrics) == expected.metrics, name


def test_units_that_were_in_another_experiment_are_counted_by_their_variant_there(
    store: Store,
) -> None:
    seen = [
        Exposure(f"u{number}", ("grey", "green")[number % 2], NOON + number * SECOND)
        for number in range(12)
    ]
    others = [
        Exposure(each.unit, ("round", "square")[number % 3 == 0], each.at - SECOND, "shapes")
        for number, each in enumerate(seen[:8])
    ]
    late = Exposure("u9", "round", NOON + 20 * SECOND, "shapes")
    stranger = Exposure("u99", "round", NOON, "shapes")
    _fill(store, [*seen, *others, late, stranger], [Happened("e", "u3", NOON + 30 * SECOND)])
    found = _read(store).beside
    assert {name: dict(group.units) for name, group in found["shapes"].items()} == {
        "round": {"grey": 2, "green": 3},
        OUTSIDE: {"grey": 2, "green": 2},
        "square": {"grey": 2, "green": 1},
    }
    assert found["shapes"]["square"].metrics["paid"]["green"].total == 1


def test_values_of_few_units_are_counted_together(store: Store) -> None:
    codes = [f"{a}{b}" for a in "ABCD" for b in "ABCDE"]
    seen = [
        Exposure(f"{code}-{number}", "grey", NOON, attributes={"country": code})
        for rank, code in enumerate(codes)
        for number in range(30 - rank)
    ]
    _fill(store, seen, [])
    values = _read(store, segments=[COUNTRY]).segments["country"]
    assert list(values) == [*codes[:MOST_VALUES], OTHER]
    assert values[OTHER].units["grey"] == sum(30 - rank for rank in range(MOST_VALUES, 20))


@pytest.mark.parametrize(
    ("after", "conversions"),
    [
        (-SECOND, 0),
        (-SECOND + TICK, 1),  # Stripe's second began before the exposure in it
        (timedelta(0), 1),
        (WINDOW - TICK, 1),
        (WINDOW, 0),
    ],
)
def test_the_window_opens_with_the_exposure_and_ends_before_its_length(
    store: Store, after: timedelta, conversions: int
) -> None:
    _fill(store, [Exposure("u", "green", NOON)], [Happened("e", "u", NOON + after)])
    assert _paid(store) == (0, conversions)


def test_what_arrives_late_counts_from_when_it_arrived(store: Store) -> None:
    arrival = NOON + timedelta(hours=2)
    _fill(store, [Exposure("u", "green", NOON)], [Happened("e", "u", NOON, received=arrival)])
    assert _read(store, arrival - TICK).metrics["paid"]["green"].total == 0
    assert _read(store, arrival).metrics["paid"]["green"].total == 1


def test_a_unit_is_counted_from_the_moment_it_was_exposed(store: Store) -> None:
    _fill(store, [Exposure("u", "green", NOON)], [])
    assert _read(store, NOON - TICK).units == {"grey": 0, "green": 0}
    assert _read(store, NOON).units == {"grey": 0, "green": 1}


def test_a_unit_that_pays_twice_converts_once_and_its_money_adds_up(store: Store) -> None:
    payments = [Happened(f"e{n}", "u", NOON, value=2400, currency="usd") for n in range(2)]
    _fill(store, [Exposure("u", "green", NOON)], payments)
    found = _read(store)
    assert found.metrics["paid"]["green"] == Aggregates(1, 1.0, 1.0)
    assert found.metrics["revenue"]["green"] == Aggregates(1, 4800.0, 4800.0**2)
    assert found.funnel[PAID] == {"grey": 0, "green": 1}


def test_events_of_units_never_exposed_are_nobodys(store: Store) -> None:
    elsewhere = Exposure("other", "green", NOON, experiment="shapes")
    _fill(store, [elsewhere], [Happened("e1", "other", NOON), Happened("e2", "nobody", NOON)])
    found = _read(store)
    assert found.units == {"grey": 0, "green": 0}
    assert _paid(store) == (0, 0)


def test_money_in_two_currencies_is_told_apart(store: Store) -> None:
    _fill(
        store,
        [Exposure("a", "green", NOON), Exposure("b", "grey", NOON)],
        [
            Happened("e1", "a", NOON, value=100, currency="usd"),
            Happened("e2", "b", NOON, value=100, currency="eur"),
        ],
    )
    found = _read(store)
    assert found.currencies["revenue"] == ("eur", "usd")
    assert found.metrics["paid"]["green"].total == 1


def test_large_money_keeps_its_value(store: Store) -> None:
    largest = 99_999_999 * 9_999
    paid = [Happened(f"e{n}", "u", NOON, value=largest, currency="usd") for n in range(2)]
    _fill(store, [Exposure("u", "green", NOON)], paid)
    found = _read(store).metrics["revenue"]["green"]
    assert found.total == 2 * largest
    assert found.total_squares == pytest.approx((2 * largest) ** 2, rel=1e-14)


def test_a_variant_that_was_removed_is_not_counted_as_another(store: Store) -> None:
    _fill(store, [Exposure("u", "purple", NOON)], [Happened("e", "u", NOON)])
    assert _read(store).units == {"grey": 0, "green": 0}
    assert _paid(store) == (0, 0)


def test_an_empty_store_counts_nothing_in_every_variant(store: Store) -> None:
    found = _read(store)
    assert found.units == {"grey": 0, "green": 0}
    assert found.funnel.keys() == {event.value for event in FunnelEvent}
    assert found.metrics["paid"] == {"grey": Aggregates(0, 0, 0), "green": Aggregates(0, 0, 0)}


def _looks(store: Store, due: tuple[int, ...], as_of: datetime = LATER) -> list[InterimLook]:
    with store.read() as connection:
        found = read_observations(
            connection, COLOURS, METRICS, as_of=as_of, units_at_looks=due
        ).looks
    return list(found)


def test_a_look_waits_for_its_units_and_the_last_of_their_windows(store: Store) -> None:
    hour = timedelta(hours=1)
    seen = [Exposure(f"u{n}", "green" if n % 2 else "grey", NOON + n * hour) for n in range(4)]
    _fill(store, seen, [])
    second, fourth = NOON + hour + WINDOW, NOON + 3 * hour + WINDOW
    assert _looks(store, (2, 4, 6), second - TICK) == []
    assert [look.at for look in _looks(store, (2, 4, 6), second)] == [second]
    assert [look.at for look in _looks(store, (2, 4, 6))] == [second, fourth]
    assert [look.units for look in _looks(store, (2, 4))] == [
        {"grey": 1, "green": 1},
        {"grey": 2, "green": 2},
    ]


def test_a_look_says_the_same_whenever_it_is_read(store: Store) -> None:
    """What came after it is in none of its numbers: not later units, nor what arrived late."""
    due = NOON + SECOND + WINDOW
    seen = [Exposure("a", "grey", NOON), Exposure("b", "green", NOON + SECOND)]
    paid = [Happened("e1", "a", NOON, received=due), Happened("e2", "b", NOON + SECOND * 9)]
    _fill(store, seen, paid)
    (before,) = _looks(store, (2,), due)
    later = [Exposure("c", "green", NOON + 2 * SECOND)]
    _fill(store, later, [Happened("e3", "c", NOON + 3 * SECOND)])
    late = Happened("e4", "b", NOON + SECOND, value=9, currency="usd", received=due + TICK)
    with store.write() as connection:
        insert_once(connection, events, [late.row()])
    (after,) = _looks(store, (2,))
    assert after == before
    assert after.metrics["paid"] == {"grey": Aggregates(1, 1, 1), "green": Aggregates(1, 1, 1)}


def test_without_planned_looks_there_are_none(store: Store) -> None:
    _fill(store, [Exposure("u", "green", NOON)], [])
    assert _looks(store, ()) == []
