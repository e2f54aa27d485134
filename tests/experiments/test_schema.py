"""The schema editors use is the one that judges."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
from babel.numbers import list_currencies

import experiments
from experiments import BROWSER_EVENTS, KINDS, LEDGER_EVENTS, FunnelEvent, json_schema
from experiments.document import parse, read
from experiments.offers import CURRENCIES

SHIPPED = Path(experiments.__file__).parent
FILES = {
    "experiment": SHIPPED / "definitions" / "one-page-checkout.yaml",
    "metrics": SHIPPED / "metrics.yaml",
    "offers": SHIPPED / "offers.yaml",
    "layers": SHIPPED / "layers.yaml",
    "attributes": SHIPPED / "attributes.yaml",
}


def content(kind: str) -> dict[str, Any]:
    return dict(parse(*read(FILES[kind])).content)


@pytest.mark.parametrize("kind", FILES)
def test_shipped_files_fit_the_json_schema(kind: str) -> None:
    schema = json_schema(kind)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(content(kind))
    assert ("version" in schema.get("required", [])) == (kind == "experiment")
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


def mappings(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema of a mapping, however deep it stands."""
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for part in schema.values():
            yield from mappings(part)
    if isinstance(schema, list):
        for part in schema:
            yield from mappings(part)


@pytest.mark.parametrize("kind", KINDS)
def test_the_json_schema_explains_every_key_to_the_editor(kind: str) -> None:
    for mapping in mappings(json_schema(kind)):
        said = [mapping["description"]]
        said += [entry["description"] for entry in mapping["properties"].values()]
        for description in said:
            assert len(description) > 10, description
            # These are words for programmers.
            assert not re.search(r"None|Attributes:|Raises|pydantic", description), description


@pytest.mark.parametrize("kind", KINDS)
def test_the_json_schema_takes_no_key_that_lint_refuses(kind: str) -> None:
    found = list(mappings(json_schema(kind)))
    assert found
    assert all(mapping["additionalProperties"] is False for mapping in found)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bound_or_a_default_in_the_json_schema_is_one_editors_understand(kind: str) -> None:
    schema = json_schema(kind)
    assert not re.search(r'"(gt|ge|lt|le|max_length|min_length)":', json.dumps(schema))
    for mapping in mappings(schema):
        for entry in mapping["properties"].values():
            if "default" in entry:
                alone = {**entry, "$defs": schema.get("$defs", {})}
                jsonschema.Draft202012Validator(alone).validate(entry["default"])


@pytest.mark.parametrize("kind", KINDS)
def test_the_json_schema_that_is_shipped_is_the_one_in_force(kind: str) -> None:
    shipped = SHIPPED / "schemas" / f"{kind}.schema.json"
    assert json.loads(shipped.read_text("utf-8")) == json_schema(kind), "run `make schemas`"


def test_no_other_json_schema_is_shipped() -> None:
    shipped = (SHIPPED / "schemas").iterdir()
    assert {file.name for file in shipped} == {f"{kind}.schema.json" for kind in KINDS}


@pytest.mark.parametrize("file", sorted(SHIPPED.rglob("*.yaml")), ids=lambda file: file.name)
def test_the_first_line_of_a_shipped_file_leads_editors_to_its_schema(file: Path) -> None:
    first = file.read_text("utf-8").splitlines()[0]
    told = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert told
    assert (file.parent / told[1]).resolve() == SHIPPED / "schemas" / f"{kind_of(file)}.schema.json"


def kind_of(file: Path) -> str:
    if file.parent.name != "definitions":
        return file.stem
    return "tests" if file.name.endswith(".test.yaml") else "experiment"


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
