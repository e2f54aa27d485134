"""The funnel's intake: durable, once, and deaf to forged conversions."""

from __future__ import annotations

import io
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from experiments import BROWSER_EVENTS, LEDGER_EVENTS
from tests.service.conftest import Shop, reply


def _send(shop: Shop, *events: Any) -> TestResponse:
    return shop.client.post("/v1/events", json={"events": list(events)})


def _stored(shop: Shop) -> list[str]:
    return [row[0] for row in shop.rows("SELECT event_id FROM events ORDER BY event_id")]


def test_a_batch_is_stored_before_it_is_acknowledged(shop: Shop) -> None:
    sent = [shop.event(name) for name in sorted(BROWSER_EVENTS)]
    answer = _send(shop, *sent)
    assert (answer.status_code, reply(answer)) == (
        202,
        {"accepted": len(sent), "duplicates": 0, "not_kept": 0, "rejected": []},
    )
    assert _stored(shop) == sorted(event["id"] for event in sent)


def test_the_same_event_is_counted_once_however_often_it_comes(shop: Shop) -> None:
    event, other = shop.event(), shop.event()
    once = {"accepted": 1, "duplicates": 1, "not_kept": 0, "rejected": []}
    assert reply(_send(shop, event, event)) == once
    assert reply(_send(shop, event, other)) == once
    assert len(_stored(shop)) == 2


def test_parallel_deliveries_of_one_batch_are_counted_once(shop: Shop) -> None:
    batch = [shop.event() for _ in range(10)]
    app = shop.client.application

    def deliver(_: int) -> int:
        with app.test_client() as client:
            answer = client.post("/v1/events", json={"events": batch})
            assert answer.status_code == 202, answer.text
            return int(reply(answer)["accepted"])

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(deliver, range(8))) == 10
    assert len(_stored(shop)) == 10


@pytest.mark.parametrize("name", sorted(LEDGER_EVENTS))
def test_a_browser_can_not_report_a_payment(shop: Shop, name: str) -> None:
    answer = _send(shop, shop.event(name), shop.event())
    assert answer.status_code == 202
    assert reply(answer)["accepted"] == 1
    (refused,) = reply(answer)["rejected"]
    assert refused["index"] == 0
    assert refused["reason"].startswith("server_only_event")
    assert shop.rows("SELECT count FROM forged_events") == [(1,)]


def test_a_browser_can_not_take_the_id_of_a_conversion(shop: Shop) -> None:
    page = shop.visit()
    shop.pay(page)
    intent = shop.simulator.events_of(page.checkout_id)[0]["data"]["object"]["id"]
    taken = shop.event(id=f"payment_succeeded:{intent}")
    assert reply(_send(shop, taken))["rejected"][0]["reason"].startswith("invalid: id")
    shop.deliver_all(page)
    assert shop.rows("SELECT name FROM events") == [("payment_succeeded",)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": "short"}, "invalid: id"),
        ({"id": 7}, "invalid: id"),
        ({"id": "x" * 65}, "invalid: id"),
        ({"name": "clicked"}, "unknown_event"),
        ({"name": None}, "invalid: name"),
        ({"occurred_at": "yesterday"}, "invalid: occurred_at"),
        ({"occurred_at": "2026-11-23T10:00:00"}, "invalid: occurred_at"),
        ({"occurred_at": 1763892000}, "invalid: occurred_at"),
        ({"occurred_at": "9999-12-31T23:59:59-14:00"}, "invalid: occurred_at"),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "invalid: occurred_at"),
        ({"checkout_id": "../etc"}, "invalid: checkout_id"),
        ({"properties": []}, "invalid: properties"),
        ({"properties": {"a": {"deep": 1}}}, "invalid: properties"),
        ({"properties": {"a": 2**64}}, "invalid: properties"),
        ({"properties": {str(n): n for n in range(21)}}, "invalid: properties"),
        ({"unit_id": "somebody-else"}, "invalid: unit_id"),
        ({"value": 100}, "invalid: value"),
    ],
)
def test_a_bad_event_is_rejected_with_its_reason_and_the_good_ones_kept(
    shop: Shop, changes: dict[str, Any], reason: str
) -> None:
    answer = _send(shop, shop.event(), shop.event() | changes, shop.event())
    assert (answer.status_code, reply(answer)["accepted"]) == (202, 2)
    (rejected,) = reply(answer)["rejected"]
    assert rejected["index"] == 1
    assert rejected["reason"].startswith(reason)
    assert len(_stored(shop)) == 2


@pytest.mark.parametrize("item", [None, 7, "event", [], True])
def test_an_event_that_is_no_object_is_rejected(shop: Shop, item: Any) -> None:
    assert reply(_send(shop, item))["rejected"][0]["reason"].startswith("invalid")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[", 400),
        (b"[" * 60_000, 400),
        (b'{"events": ["\\ud800"]}', 400),
        (b'{"events": ["\\u0000"]}', 400),
        (b'{"events": [NaN]}', 400),
        (b'{"events": [1e400]}', 400),
        (b'{"events": [' + b"9" * 5000 + b"]}", 400),
        (b'{"events": [], "events": []}', 400),
        (b'{"events": ["\xff"]}', 400),
        ('{"events": []}'.encode("utf-16"), 400),
        (b'\xef\xbb\xbf{"events": []}', 400),
        (b"[]", 422),
        (b'"text"', 422),
        (b"{}", 422),
        (b'{"events": []}', 422),
        (b'{"events": {}}', 422),
        (json.dumps({"events": [1] * 101}).encode(), 422),
        (b" " * 65_537, 413),
    ],
)
def test_garbage_is_refused_and_nothing_is_stored(shop: Shop, body: bytes, status: int) -> None:
    answer = shop.client.post("/v1/events", data=body, content_type="application/json")
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert _stored(shop) == []


def test_a_body_without_a_length_is_refused(shop: Shop) -> None:
    answer = shop.client.post(
        "/v1/events",
        input_stream=io.BytesIO(b'{"events": []}'),
        content_type="application/json",
        headers={"Transfer-Encoding": "chunked"},
    )
    assert answer.status_code == 411


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_that_needs_no_preflight_is_refused(shop: Shop, kind: str) -> None:
    body = json.dumps({"events": [shop.event()]})
    answer = shop.client.post("/v1/events", data=body, content_type=kind)
    assert answer.status_code == 415


@pytest.mark.parametrize("edit", [lambda c: c[:-1], lambda c: "x" + c, lambda _: "", lambda _: "é"])
def test_an_edited_cookie_is_a_new_visitor_and_no_error(shop: Shop, edit: Any) -> None:
    _send(shop, shop.event())
    cookie = shop.client.get_cookie("kassa_visitor")
    assert cookie is not None
    shop.client.set_cookie("kassa_visitor", edit(cookie.value))
    assert _send(shop, shop.event()).status_code == 202
    units = shop.rows("SELECT DISTINCT unit_id FROM events")
    assert len(units) == 2


def test_events_belong_to_the_visitor_of_the_cookie(shop: Shop) -> None:
    shop.visit()
    _send(shop, shop.event())
    _send(shop, shop.event("details_completed"))
    ((unit_id,),) = shop.rows("SELECT DISTINCT unit_id FROM events")
    assert shop.rows("SELECT unit_id FROM exposures") == [(unit_id,)]


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(body=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_body_is_ever_an_error_of_ours(shop: Shop, body: bytes) -> None:
    answer = shop.client.post("/v1/events", data=body, content_type="application/json")
    assert answer.status_code in {400, 411, 422}


_json = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner),
    max_leaves=8,
)


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(changes=st.dictionaries(st.sampled_from(["id", "name", "occurred_at", "properties"]), _json))
def test_accepted_duplicate_and_rejected_add_up_to_what_was_sent(
    shop: Shop, changes: dict[str, Any]
) -> None:
    batch = [shop.event(), shop.event() | changes, shop.event(id=str(uuid.uuid4()))]
    answer = shop.client.post("/v1/events", json={"events": [*batch, batch[0]]})
    if answer.status_code == 202:
        counts = reply(answer)
        assert counts["accepted"] + counts["duplicates"] + len(counts["rejected"]) == 4
    else:
        assert answer.status_code == 400, "a lone surrogate or NUL"
