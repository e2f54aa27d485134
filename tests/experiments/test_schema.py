"""The schema editors use is the one that judges."""

from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
from babel.numbers import list_currencies

import experiments
from experiments import BROWSER_EVENTS, LEDGER_EVENTS, FunnelEvent, json_schema
from experiments.document import parse, read
from experiments.offers import CURRENCIES

SHIPPED = Path(experiments.__file__).parent
FILES = {
    "experiment": SHIPPED / "definitions" / "one-page-checkout.yaml",
    "metrics": SHIPPED / "metrics.yaml",
    "offers": SHIPPED / "offers.yaml",
}


def content(kind: str) -> dict[str, Any]:
    return dict(parse(*read(FILES[kind])).content)


@pytest.mark.parametrize("kind", FILES)
def test_shipped_files_fit_the_json_schema(kind: str) -> None:
    schema = json_schema(kind)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(content(kind))
    assert ("version" in schema["required"]) == (kind == "experiment")
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize(
    "change",
    [
        {"key": "one-page-checkout"},
        {"hypotesis": "x"},
        {"targeting": {}},
        {"status": "runing"},
        {"traffic": 60},
        {"traffic": "0.6"},
        {"variants": []},
        {"analysis": {"planned_units": 10, "conversion_window": "7 days"}},
        {"metrics": {"primary": "Paid Conversion"}},
    ],
    ids=str,
)
def test_the_json_schema_refuses_what_lint_refuses(change: dict[str, Any]) -> None:
    validator = jsonschema.Draft202012Validator(json_schema("experiment"))
    assert not validator.is_valid({**content("experiment"), **change})


def test_the_json_schema_explains_every_key_to_the_editor() -> None:
    properties = json_schema("experiment")["properties"]
    assert all(entry["description"] for entry in properties.values())


def test_there_is_no_schema_of_anything_else() -> None:
    with pytest.raises(KeyError):
        json_schema("holdouts")


def test_currencies_are_in_circulation() -> None:
    assert {code.upper() for code in CURRENCIES} <= list_currencies()
    assert {"usd", "eur", "gbp", "sek", "jpy"} <= CURRENCIES
    assert len(CURRENCIES) > 150


def test_the_browser_may_report_six_events_and_the_ledger_five() -> None:
    assert {event.value for event in LEDGER_EVENTS} == {
        "payment_declined",
        "payment_processing",
        "payment_succeeded",
        "payment_refunded",
        "payment_disputed",
    }
    assert {event.value for event in BROWSER_EVENTS} == {
        "checkout_viewed",
        "details_completed",
        "payment_form_ready",
        "payment_info_completed",
        "payment_submitted",
        "validation_failed",
    }
    assert len(FunnelEvent) == 11
