"""Flags over HTTP: OFREP's shapes, errors and caching, kept exposures, and pages of any origin."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
import yaml
from sqlalchemy import insert
from werkzeug.test import TestResponse

from service.settings import PROJECT
from service.store.tables import exposures
from tests.service import doors
from tests.service.conftest import API_KEY, MakeShop, Shop, reply

CLIENT_KEY = "sdk-of-the-web-shop"
FLAGS = "/ofrep/v1/evaluate/flags"
DOCUMENT = PROJECT.parent / "shared" / "data" / "ofrep" / "openapi.yaml"


@pytest.fixture
def door(make_shop: MakeShop, tmp_path: Path) -> Shop:
    """An application with definitions of every kind."""
    return make_shop(doors.define(tmp_path / "growth"), client_keys=(CLIENT_KEY,))


def ask(shop: Shop, flag: str | None = None, /, **context: Any) -> TestResponse:
    return shop.client.post(
        f"{FLAGS}/{flag}" if flag else FLAGS,
        json={"context": {"targetingKey": "visitor-1"} | context},
        headers={"X-API-Key": CLIENT_KEY},
    )


def send(shop: Shop, body: bytes, flag: str = "uneven", **headers: str) -> TestResponse:
    return shop.client.post(
        f"{FLAGS}/{flag}",
        data=body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {CLIENT_KEY}"} | headers,
    )


def expose(shop: Shop, experiment: str, variant: str, unit_id: str = "visitor-1") -> None:
    """As if the unit had been shown the variant before."""
    row = {
        "experiment": experiment,
        "unit_id": unit_id,
        "variant": variant,
        "exposed_at": shop.clock() - timedelta(days=1),
        "reason": "SPLIT",
        "bucket": 0.5,
        "definitions": "earlier",
        "attributes": {},
    }
    with shop.store.write() as connection:
        connection.execute(insert(exposures), [row])


def unit_with(shop: Shop, experiment: str, cause: str, **context: Any) -> str:
    """A visitor whom the experiment meets for that cause."""
    for number in range(1000):
        unit = f"visitor-{number}"
        found = reply(ask(shop, experiment, **context, targetingKey=unit))
        if found["metadata"]["cause"] == cause:
            return unit
    raise AssertionError(f"nobody is {cause} in {experiment}")


def test_a_flag_is_an_experiment_and_its_value_the_key_of_the_variant(door: Shop) -> None:
    answer = ask(door, "uneven")
    found = reply(answer)
    assert answer.status_code == 200
    assert set(found) == {"key", "value", "variant", "reason", "metadata"}
    assert (found["key"], found["reason"]) == ("uneven", "SPLIT")
    assert found["value"] == found["variant"] in {"old", "new", "other"}
    assert found["metadata"] == {
        "experiment": "The uneven experiment",
        "cause": "split",
        "reason": "SPLIT",
        "bucket": found["metadata"]["bucket"],
        "definitions": door.catalog.version,
    }


def test_all_flags_come_at_once_and_agree_with_each_alone(door: Shop) -> None:
    for context in doors.contexts(20):
        answer = reply(ask(door, **context))
        assert answer["flags"] == [
            reply(ask(door, key, **context)) for key in door.catalog.experiments
        ]
        assert answer["metadata"] == {"version": door.catalog.version}


def test_every_reason_is_one_that_ofrep_knows_and_the_metadata_says_the_rest(door: Shop) -> None:
    met: dict[str, set[tuple[str, str]]] = {}
    for context in doors.contexts(200):
        for flag in reply(ask(door, **context))["flags"]:
            meant = flag["metadata"]
            met.setdefault(meant["cause"], set()).add((flag["reason"], meant["reason"]))
    assert met == {
        "split": {("SPLIT", "SPLIT")},
        "override": {("TARGETING_MATCH", "TARGETING_MATCH")},
        "shipped": {("STATIC", "STATIC")},
        "not_running": {("DISABLED", "DISABLED")},
        "not_targeted": {("UNKNOWN", "DEFAULT")},
        "held_out": {("UNKNOWN", "DEFAULT")},
        "other_slot": {("UNKNOWN", "DEFAULT")},
        "outside_traffic": {("UNKNOWN", "DEFAULT")},
        "no_unit": {("UNKNOWN", "DEFAULT")},
    }


def test_to_evaluate_is_not_to_expose(door: Shop) -> None:
    ask(door)
    ask(door, "uneven")
    assert door.rows("SELECT * FROM exposures") == []
    assert "Set-Cookie" not in ask(door).headers


@pytest.mark.parametrize("shown", ["old", "new", "other"])
def test_who_was_shown_a_variant_keeps_it(door: Shop, shown: str) -> None:
    drawn = reply(ask(door, "uneven"))["variant"]
    expose(door, "uneven", shown)
    for found in (reply(ask(door, "uneven")), flag_in(ask(door), "uneven")):
        cause, reason = ("split", "SPLIT") if shown == drawn else ("kept", "CACHED")
        assert (found["variant"], found["reason"]) == (shown, "SPLIT")
        assert (found["metadata"]["cause"], found["metadata"]["reason"]) == (cause, reason)


def flag_in(answer: TestResponse, key: str) -> dict[str, Any]:
    (found,) = [flag for flag in reply(answer)["flags"] if flag["key"] == key]
    return dict(found)


@pytest.mark.parametrize(
    ("experiment", "cause"),
    [
        ("partial", "outside_traffic"),
        ("left-slot", "other_slot"),
        ("countries", "not_targeted"),
    ],
)
def test_who_would_not_enter_now_keeps_a_variant_while_the_experiment_runs(
    door: Shop, experiment: str, cause: str
) -> None:
    unit = unit_with(door, experiment, cause)
    expose(door, experiment, "one_page", unit)
    found = reply(ask(door, experiment, targetingKey=unit))
    assert (found["variant"], found["metadata"]["cause"]) == ("one_page", "kept")


def test_who_was_shown_one_experiment_of_a_layer_enters_no_other_of_it(door: Shop) -> None:
    unit = unit_with(door, "right-slot", "split")
    expose(door, "left-slot", "one_page", unit)
    for found in (
        reply(ask(door, "right-slot", targetingKey=unit)),
        flag_in(ask(door, targetingKey=unit), "right-slot"),
    ):
        assert found["metadata"]["cause"] == "other_slot"


@pytest.mark.parametrize(
    ("experiment", "cause", "variant"),
    [
        ("right-slot", "held_out", "new"),
        ("paused", "not_running", "one_page"),
        ("over", "not_running", "one_page"),
        ("shipped", "shipped", "two_page"),
    ],
)
def test_a_holdout_and_the_end_of_an_experiment_beat_what_was_shown(
    door: Shop, experiment: str, cause: str, variant: str
) -> None:
    unit = unit_with(door, experiment, cause)
    before = reply(ask(door, experiment, targetingKey=unit))
    expose(door, experiment, variant, unit)
    assert reply(ask(door, experiment, targetingKey=unit)) == before


def test_a_customer_keeps_a_variant_in_experiments_about_customers(door: Shop) -> None:
    expose(door, "customers", "one_page", "cus_6")
    expose(door, "customers", "one_page", "visitor-1")
    assert reply(ask(door, "customers", customer="cus_6"))["variant"] == "one_page"
    assert reply(ask(door, "customers"))["metadata"]["cause"] == "no_unit"


def test_each_unit_keeps_what_it_was_shown_in_each_experiment(door: Shop) -> None:
    expose(door, "uneven", "new")
    expose(door, "partial", "two_page")
    expose(door, "customers", "two_page", "visitor-1")
    expose(door, "customers", "one_page", "cus_6")
    expose(door, "uneven", "other", "cus_6")
    every = ask(door, customer="cus_6")
    for key, variant in {"uneven": "new", "partial": "two_page", "customers": "one_page"}.items():
        assert flag_in(every, key)["variant"] == variant


def test_what_no_condition_can_name_is_as_if_it_were_not_there(door: Shop) -> None:
    odd = {"country": ["SE"], "cart": {"lines": 2}, "amount": None}
    assert reply(ask(door, **odd)) == reply(ask(door))


def test_a_page_that_knows_the_flags_is_told_so(door: Shop) -> None:
    first = ask(door)
    tag = first.headers["ETag"]

    def again(tag: str, **context: Any) -> TestResponse:
        body = {"context": {"targetingKey": "visitor-1"} | context}
        headers = {"X-API-Key": CLIENT_KEY, "If-None-Match": tag}
        return door.client.post(FLAGS, json=body, headers=headers)

    known = again(tag)
    assert (known.status_code, known.data, known.headers["ETag"]) == (304, b"", tag)
    assert again(tag.strip('"')).status_code == 304
    assert again('"another"').status_code == 200
    assert again(tag, targetingKey="visitor-2").status_code == 200
    drawn = flag_in(first, "uneven")["variant"]
    expose(door, "uneven", "old" if drawn != "old" else "new")
    changed = again(tag)
    assert (changed.status_code, changed.headers["ETag"] != tag) == (200, True)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b" ", "PARSE_ERROR"),
        (b"{", "PARSE_ERROR"),
        (b'{"context": {"targetingKey": "a", "targetingKey": "b"}}', "PARSE_ERROR"),
        (b'{"context": {"targetingKey": "a", "amount": NaN}}', "PARSE_ERROR"),
        (b'{"context": {"targetingKey": "\\u0000"}}', "PARSE_ERROR"),
        (b'{"context": {"targetingKey": "\\ud800"}}', "PARSE_ERROR"),
        (b"[]", "INVALID_CONTEXT"),
        (b"{}", "INVALID_CONTEXT"),
        (b'{"context": null}', "INVALID_CONTEXT"),
        (b'{"context": "visitor-1"}', "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": 17}}', "INVALID_CONTEXT"),
        (b'{"context": {}}', "TARGETING_KEY_MISSING"),
        (b'{"context": {"targetingKey": null}}', "TARGETING_KEY_MISSING"),
        (b'{"context": {"targetingKey": ""}}', "TARGETING_KEY_MISSING"),
    ],
)
def test_a_request_that_cannot_be_evaluated_says_why(door: Shop, body: bytes, code: str) -> None:
    one = send(door, body)
    assert (one.status_code, one.mimetype) == (400, "application/json")
    assert reply(one) == {
        "key": "uneven",
        "errorCode": code,
        "errorDetails": reply(one)["errorDetails"],
    }
    every = door.client.post(
        FLAGS, data=body, content_type="application/json", headers={"X-API-Key": CLIENT_KEY}
    )
    assert every.status_code == 400
    assert reply(every) == {key: value for key, value in reply(one).items() if key != "key"}


def test_a_flag_that_is_no_experiment_is_not_found(door: Shop) -> None:
    answer = ask(door, "no-such-flag")
    assert answer.status_code == 404
    assert reply(answer) == {
        "key": "no-such-flag",
        "errorCode": "FLAG_NOT_FOUND",
        "errorDetails": "no experiment has the key 'no-such-flag'",
    }


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-Key": "another-key-of-somebody"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {CLIENT_KEY}"},
        {"Authorization": "Bearer ключ"},
    ],
)
def test_nobody_evaluates_without_a_key(door: Shop, headers: dict[str, str]) -> None:
    sent = {name: value.encode().decode("latin-1") for name, value in headers.items()}
    answer = door.client.post(FLAGS, json={"context": {"targetingKey": "v"}}, headers=sent)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": CLIENT_KEY},
        {"Authorization": f"Bearer {CLIENT_KEY}"},
        {"X-API-Key": API_KEY},
        {"Authorization": f"bearer {API_KEY}"},
    ],
)
def test_public_keys_and_the_merchants_own_evaluate(door: Shop, headers: dict[str, str]) -> None:
    answer = door.client.post(FLAGS, json={"context": {"targetingKey": "v"}}, headers=headers)
    assert answer.status_code == 200


def test_a_public_key_opens_nothing_else(door: Shop) -> None:
    headers = {"Authorization": f"Bearer {CLIENT_KEY}"}
    assert door.client.post("/v1/checkouts", json={}, headers=headers).status_code == 401


def test_bodies_have_the_limits_they_have_everywhere(door: Shop) -> None:
    context = b'{"context": {"targetingKey": "v", "more": "%s"}}'
    assert send(door, context % (b"x" * 70_000)).status_code == 413
    text = door.client.post(FLAGS, data=b"{}", headers={"X-API-Key": CLIENT_KEY})
    assert text.status_code == 415


def test_without_the_store_clients_are_asked_to_come_back(door: Shop) -> None:
    door.store.close()
    lost = make_unreachable(door)
    answer = ask(door)
    lost()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def make_unreachable(shop: Shop) -> Any:
    """Let every connection fail; returns what mends it."""
    from sqlalchemy import event  # noqa: PLC0415 - only here is the engine touched
    from sqlalchemy.exc import OperationalError  # noqa: PLC0415

    def fail(*_: Any) -> None:
        raise OperationalError("connect", {}, Exception("gone"))

    event.listen(shop.store.engine, "do_connect", fail)
    return lambda: event.remove(shop.store.engine, "do_connect", fail)


PREFLIGHTS = [(FLAGS, "POST"), (f"{FLAGS}/uneven", "POST"), (f"/api/features/{CLIENT_KEY}", "GET")]


@pytest.mark.parametrize(("path", "method"), PREFLIGHTS)
def test_a_page_of_any_origin_may_ask(door: Shop, path: str, method: str) -> None:
    headers = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type,if-none-match,x-api-key",
    }
    answer = door.client.options(path, headers=headers)
    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Methods"] == method
    allowed = answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert set(allowed) == {"authorization", "x-api-key", "content-type", "if-none-match"}
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_page_of_any_origin_may_read_every_answer(door: Shop) -> None:
    answers = [
        ask(door),
        ask(door, "no-such-flag"),
        send(door, b"{"),
        door.client.post(FLAGS, json={}),
        features(door),
        features(door, "another-key-of-somebody"),
    ]
    assert [answer.status_code for answer in answers] == [200, 404, 400, 401, 200, 401]
    for answer in answers:
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "ETag" in answer.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Origin" not in door.client.get("/").headers


def features(shop: Shop, key: str = CLIENT_KEY, **headers: str) -> TestResponse:
    return shop.client.get(f"/api/features/{key}", headers=headers)


def test_growthbook_gets_every_experiment_as_a_feature(door: Shop) -> None:
    answer = features(door)
    found = reply(answer)
    assert set(found) == {"status", "features", "dateUpdated"}
    assert list(found["features"]) == list(door.catalog.experiments)
    assert answer.headers["Cache-Control"] == "public, max-age=5"


def test_growthbook_is_told_when_nothing_has_changed(door: Shop) -> None:
    first = features(door)
    tag = first.headers["ETag"]
    known = features(door, **{"If-None-Match": tag})
    assert (known.status_code, known.data) == (304, b"")
    door.clock.pass_by(minutes=1)
    later = features(door)
    assert later.headers["ETag"] == tag
    assert reply(later)["dateUpdated"] != reply(first)["dateUpdated"]


def test_a_stop_of_an_experiment_by_its_end_changes_the_features(
    make_shop: MakeShop, tmp_path: Path
) -> None:
    definitions = doors.define(tmp_path / "growth")
    file = definitions / "over.yaml"
    shop = make_shop(definitions, client_keys=(CLIENT_KEY,))
    end = (shop.clock() + timedelta(hours=1)).isoformat()
    text = file.read_text(encoding="utf-8").replace("2026-01-05T00:00:00Z", end)
    file.write_text(text, encoding="utf-8")
    shop = make_shop(definitions, client_keys=(CLIENT_KEY,))
    before = features(shop)
    shop.clock.pass_by(hours=2)
    after = features(shop)
    assert before.headers["ETag"] != after.headers["ETag"]
    assert [len(reply(each)["features"]["over"]["rules"]) for each in (before, after)] == [1, 0]


def schema(name: str) -> dict[str, Any]:
    """One of OFREP's schemas, from the protocol's own document."""
    document = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))
    components = document["components"]
    # As it is written, any value is also a flag without a value, and so matches two of `oneOf`.
    components["schemas"]["codeDefaultFlag"]["not"] = {"required": ["value"]}
    return {"$ref": f"#/components/schemas/{name}", "components": components}


@pytest.mark.skipif(not DOCUMENT.is_file(), reason="OFREP's document is not beside the project")
def test_every_answer_fits_the_protocols_own_document(door: Shop) -> None:
    for context in doors.contexts(50):
        jsonschema.validate(reply(ask(door, **context)), schema("bulkEvaluationSuccess"))
    for key in door.catalog.experiments:
        jsonschema.validate(reply(ask(door, key)), schema("serverEvaluationSuccess"))
    jsonschema.validate(reply(ask(door, "no-such-flag")), schema("flagNotFound"))
    for body in (b"{", b"{}", b'{"context": {}}'):
        jsonschema.validate(reply(send(door, body)), schema("evaluationFailure"))
        every = door.client.post(
            FLAGS, data=body, content_type="application/json", headers={"X-API-Key": CLIENT_KEY}
        )
        jsonschema.validate(reply(every), schema("bulkEvaluationFailure"))


def test_a_secret_key_opens_nothing_from_an_address(door: Shop) -> None:
    assert features(door, API_KEY).status_code == 401
    assert features(door, CLIENT_KEY).status_code == 200
