"""What pages tell of a hard time: names, states and numbers, stored as they are, or refused."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select

from experiments import FrictionEvent
from service.checkout.flows import SECTIONS
from service.errors import Refused
from service.settings import PROJECT
from service.store.tables import events
from service.web.friction import ERRORS, PROPERTIES, TARGETS, check_properties
from tests.service.conftest import Shop, reply

SOUND: dict[str, dict[str, Any]] = {
    "step_shown": {"step": "details"},
    "element_ready": {"element": "payment", "milliseconds": 840},
    "field_left": {"section": "contact", "field": "email", "state": "incomplete"},
    "field_corrected": {"section": "address", "field": "address", "after": "error"},
    "error_shown": {"section": "contact", "code": "email_wrong"},
    "section_timed": {"section": "payment", "milliseconds": 0},
    "rage_clicked": {"target": "elsewhere", "section": "payment"},
    "events_omitted": {"count": 1},
}
OUTSIDE = ("rage_clicked", "section")


def test_every_event_of_friction_has_its_properties_and_its_line_in_the_docs() -> None:
    assert PROPERTIES.keys() == set(FrictionEvent) == SOUND.keys()
    documented = (PROJECT / "docs" / "checkout.md").read_text()
    for event, model in PROPERTIES.items():
        (line,) = re.findall(rf"^\| `{event}` \|.*$", documented, re.MULTILINE)
        assert [name for name in model.model_fields if f"`{name}`" not in line] == []


def test_the_page_names_what_is_pressed_as_the_server_takes_it() -> None:
    script = (PROJECT / "service" / "static" / "js" / "friction.js").read_text()
    (places,) = re.findall(r"const PLACES = \[(.*?)\];", script)
    assert {*re.findall(r'"([a-z-]+)"', places), "link", "button", "elsewhere"} == TARGETS


def test_they_are_stored_like_every_event_and_count_nobody(shop: Shop) -> None:
    sent = [shop.event(name, properties=properties) for name, properties in SOUND.items()]
    assert reply(shop.client.post("/v1/events", json={"events": sent}))["accepted"] == len(SOUND)
    with shop.store.read() as connection:
        rows = connection.execute(select(events.c.name, events.c.properties, events.c.value)).all()
    assert {row.name: row.properties for row in rows} == SOUND
    assert {row.value for row in rows} == {None}
    assert shop.rows("SELECT * FROM exposures") == []


def test_one_that_tells_too_much_is_refused_with_its_index_and_the_others_are_kept(
    shop: Shop,
) -> None:
    sent = [
        shop.event(name, properties=properties | {"value": "ada@example.com"})
        for name, properties in SOUND.items()
    ]
    answer = reply(shop.client.post("/v1/events", json={"events": [shop.event(), *sent]}))
    reason = "invalid: properties.value: is not a field of this request"
    assert answer["rejected"] == [{"index": n, "reason": reason} for n in range(1, 1 + len(SOUND))]
    assert shop.rows("SELECT name FROM events") == [("checkout_viewed",)]


@pytest.mark.parametrize(
    ("name", "changes", "rule"),
    [
        ("step_shown", {"step": "ada@example.com"}, "step: must be one of checkout, details, pay"),
        ("step_shown", {"step": None}, "step: must be a string"),
        ("element_ready", {"element": "name"}, "element: must be one of address, contact, pay"),
        ("element_ready", {"milliseconds": -1}, "milliseconds: must be at least 0"),
        ("element_ready", {"milliseconds": 86_400_001}, "milliseconds: must be at most 86400000"),
        ("element_ready", {"milliseconds": 1.5}, "milliseconds: must be a whole number"),
        ("element_ready", {"milliseconds": True}, "milliseconds: must be a whole number"),
        ("section_timed", {"milliseconds": "12"}, "milliseconds: must be a whole number"),
        ("section_timed", {"section": "Ada"}, "section: must be one of"),
        ("field_left", {"field": "ada@example.com"}, "field: must match"),
        ("field_left", {"field": "4242424242424242"}, "field: must match"),
        ("field_left", {"state": "ada"}, "state: must be 'empty', 'incomplete' or 'complete'"),
        ("field_corrected", {"after": "typing"}, "after: must be"),
        ("error_shown", {"code": "Your card was declined."}, "code: must be one of address_inc"),
        ("rage_clicked", {"target": "Ada Lovelace"}, "target: must be one of action, button"),
        ("rage_clicked", {"target": "h2"}, "target: must be one of action, button"),
        ("events_omitted", {"count": 0}, "count: must be at least 1"),
    ],
)
def test_what_is_no_name_state_or_number_of_ours_is_refused_with_its_rule(
    name: str, changes: dict[str, Any], rule: str
) -> None:
    with pytest.raises(Refused) as refused:
        check_properties(FrictionEvent(name), SOUND[name] | changes)
    assert str(refused.value).startswith(f"invalid: properties.{rule}")


@pytest.mark.parametrize(
    ("name", "missing"),
    [(n, each) for n, sound in SOUND.items() for each in sound if (n, each) != OUTSIDE],
)
def test_whatever_is_missing_is_named(name: str, missing: str) -> None:
    told = {k: v for k, v in SOUND[name].items() if k != missing}
    with pytest.raises(Refused, match=rf"^invalid: properties\.{missing}: is required$"):
        check_properties(FrictionEvent(name), told)


def test_clicks_outside_of_sections_are_told_without_one() -> None:
    check_properties(FrictionEvent.RAGE_CLICKED, {"target": "action"})


def test_every_sentence_that_can_be_shown_as_an_error_has_a_code() -> None:
    said = (PROJECT / "templates" / "checkout" / "texts.html").read_text()
    names = set(re.findall(r'data-text="(\w+)"', said))
    at_work = {"checking_details", "paying", "invoicing", "authenticating", "asking"}
    no_errors = {"error_title", "not_charged", "leaving", "opening"} | at_work
    assert names - no_errors == ERRORS - {"doubt", "other"}
    assert all(f'data-error="{section}"' in _section(section) for section in SECTIONS)


def _section(name: str) -> str:
    return (PROJECT / "templates" / "checkout" / "sections" / f"{name}.html").read_text()
