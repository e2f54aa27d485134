"""Who was seen lately is read from what the store has, on SQLite and on PostgreSQL."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from experiments import AnalysisPlan, Experiment, MetricRoles, Status, Unit, Variant
from service.store.session import Store
from service.store.tables import checkouts, exposures
from service.store.visitors import Visitor, first_sights, read_kept, read_visitors

NOON = datetime(2027, 1, 11, 12, tzinfo=UTC)
SINCE, UNTIL = NOON - timedelta(days=7), NOON + timedelta(days=7)


def shown(number: int, unit: str | None, at: datetime = NOON, **more: Any) -> dict[str, Any]:
    return {
        "checkout_id": f"chk_{number}",
        "created_at": at,
        "expires_at": at + timedelta(days=1),
        "mode": "payment",
        "currency": "sek",
        "amount": 2400,
        "lines": [],
        "offer": "wool-blanket",
        "customer": None,
        "locale": "sv",
        "attributes": {},
        "metadata": {},
        "unit_id": unit,
        "preview": False,
        **more,
    }


def exposed(unit: str, at: datetime = NOON, **more: Any) -> dict[str, Any]:
    return {
        "experiment": "exp",
        "unit_id": unit,
        "variant": "new",
        "exposed_at": at,
        "reason": "SPLIT",
        "bucket": 0.5,
        "checkout_id": None,
        "definitions": "0" * 64,
        "attributes": {},
        **more,
    }


def fill(store: Store, *, orders: list[dict[str, Any]], seen: list[dict[str, Any]]) -> None:
    with store.write() as connection:
        for table, rows in ((checkouts, orders), (exposures, seen)):
            if rows:
                connection.execute(table.insert(), rows)


def visitors(store: Store, **more: Any) -> tuple[Visitor, ...]:
    with store.read() as connection:
        return read_visitors(connection, since=SINCE, until=UNTIL, **more)


EXPERIMENT = Experiment(
    key="exp",
    seed="exp",
    name="Experiment",
    hypothesis="It is faster.",
    owner="growth@example.com",
    status=Status.DRAFT,
    variants=(Variant(key="old", weight=50, control=True), Variant(key="new", weight=50)),
    metrics=MetricRoles(primary="paid_conversion"),
    analysis=AnalysisPlan(planned_units=1000),
)


def sights(store: Store, experiment: Experiment = EXPERIMENT, **more: Any) -> dict[str, datetime]:
    with store.read() as connection:
        seen = first_sights(experiment, since=SINCE, until=UNTIL, **more)
        rows = list(connection.execute(select(seen)))
        assert all((row.experiment, row.variant) == (experiment.key, "old") for row in rows)
        return {row.unit_id: row.exposed_at for row in rows}


def test_a_visitor_has_what_the_order_and_the_exposure_tell(store: Store) -> None:
    fill(
        store,
        orders=[shown(1, "ada", customer="cus_1", attributes={"plan": "pro", "deep": {"a": 1}})],
        seen=[exposed("ada", NOON + timedelta(seconds=3), attributes={"country": "SE"})],
    )
    (ada,) = visitors(store)
    assert (ada.unit_id, ada.customer) == ("ada", "cus_1")
    assert ada.seen_at == NOON + timedelta(seconds=3)
    assert ada.attributes == {
        "country": "SE",
        "currency": "sek",
        "amount": 2400,
        "locale": "sv",
        "offer": "wool-blanket",
        "plan": "pro",
    }


def test_the_first_visit_of_the_period_counts(store: Store) -> None:
    fill(
        store,
        orders=[
            shown(1, "ada", NOON + timedelta(days=1), amount=9900),
            shown(2, "ada", NOON, amount=100, locale=None),
            shown(3, "ada", SINCE - timedelta(seconds=1), amount=1),
        ],
        seen=[],
    )
    (ada,) = visitors(store)
    assert (ada.seen_at, ada.attributes["amount"], ada.attributes["locale"]) == (NOON, 100, "sv")


def test_previews_unseen_orders_and_other_days_are_left_out(store: Store) -> None:
    fill(
        store,
        orders=[
            shown(1, "preview", preview=True),
            shown(2, None),
            shown(3, "early", SINCE - timedelta(seconds=1)),
            shown(4, "late", UNTIL + timedelta(seconds=1)),
            shown(5, "first", SINCE),
            shown(6, "last", UNTIL),
        ],
        seen=[exposed("long-ago", SINCE - timedelta(days=1))],
    )
    assert [visitor.unit_id for visitor in visitors(store)] == ["first", "last"]
    assert sights(store) == {"first": SINCE, "last": UNTIL}


def test_exposures_of_customers_name_no_visitors(store: Store) -> None:
    fill(
        store,
        orders=[shown(1, "ada", customer="cus_1"), shown(2, "grace")],
        seen=[exposed("cus_1", experiment="loyal")],
    )
    found = visitors(store, customer_experiments=["loyal"])
    assert [visitor.unit_id for visitor in found] == ["ada", "grace"]
    assert set(sights(store, customer_experiments=["loyal"])) == {"ada", "grace"}
    loyal = replace(EXPERIMENT, key="loyal", unit=Unit.CUSTOMER)
    assert set(sights(store, loyal, customer_experiments=["loyal"])) == {"cus_1"}


def test_first_sights_are_when_visitors_were_seen(store: Store) -> None:
    fill(
        store,
        orders=[shown(1, "ada"), shown(2, "ada", NOON + timedelta(hours=1)), shown(3, "grace")],
        seen=[exposed("ada", NOON + timedelta(seconds=3)), exposed("joan")],
    )
    assert sights(store) == {visitor.unit_id: visitor.seen_at for visitor in visitors(store)}


def test_what_was_shown_is_kept_by_experiment(store: Store) -> None:
    fill(store, orders=[], seen=[exposed("ada"), exposed("ada", experiment="b", variant="old")])
    with store.read() as connection:
        assert read_kept(connection, "exp") == {"ada": "new"}
        assert read_kept(connection, "none") == {}
