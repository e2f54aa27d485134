"""Kassa in OpenFeature's own SDK, in one process."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason

from experiments import Catalog
from experiments.provider import KassaProvider
from tests.service import doors

NOW = datetime(2026, 3, 2, tzinfo=UTC)
SOMEBODY = EvaluationContext("visitor-1")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.load(doors.define(tmp_path_factory.mktemp("growth") / "experiments"))


@pytest.fixture
def client(catalog: Catalog) -> Iterator[OpenFeatureClient]:
    api.set_provider(KassaProvider(lambda: catalog, lambda: NOW))
    yield api.get_client()
    api.clear_providers()


def test_a_flag_is_the_key_of_the_variant_that_assign_finds(
    catalog: Catalog, client: OpenFeatureClient
) -> None:
    reasons = set()
    for context in doors.contexts(300):
        known = {key: value for key, value in context.items() if key != "targetingKey"}
        asked = EvaluationContext(context["targetingKey"], known)
        for key, variant in doors.expected(catalog, context, now=NOW).items():
            found = client.get_string_details(key, "the code's default", asked)
            assert found.value == found.variant == variant
            reasons.add(found.reason)
    assert reasons == {
        Reason.SPLIT,
        Reason.DEFAULT,
        Reason.DISABLED,
        Reason.STATIC,
        Reason.TARGETING_MATCH,
    }


def test_what_decided_is_in_the_metadata(catalog: Catalog, client: OpenFeatureClient) -> None:
    found = client.get_string_details("paused", "the code's default", SOMEBODY)
    assert found.flag_metadata == {
        "experiment": "The paused experiment",
        "cause": "not_running",
        "reason": "DISABLED",
        "bucket": found.flag_metadata["bucket"],
        "definitions": catalog.version,
    }


def test_a_flag_that_is_no_experiment_leaves_the_codes_default(client: OpenFeatureClient) -> None:
    found = client.get_string_details("no-such-flag", "mine", SOMEBODY)
    assert (found.value, found.error_code) == ("mine", ErrorCode.FLAG_NOT_FOUND)
    assert (
        client.get_boolean_details("no-such-flag", default_value=True).error_code
        == ErrorCode.FLAG_NOT_FOUND
    )


@pytest.mark.parametrize("key", [None, ""])
def test_without_a_unit_there_is_no_variant(client: OpenFeatureClient, key: str | None) -> None:
    found = client.get_string_details("uneven", "mine", EvaluationContext(key))
    assert (found.value, found.error_code) == ("mine", ErrorCode.TARGETING_KEY_MISSING)


@pytest.mark.parametrize(
    ("kind", "default"), [("boolean", True), ("integer", 7), ("float", 0.5), ("object", {"a": 1})]
)
def test_a_variant_is_text_and_nothing_else(
    client: OpenFeatureClient, kind: str, default: Any
) -> None:
    found = getattr(client, f"get_{kind}_details")("uneven", default, SOMEBODY)
    assert (found.value, found.error_code) == (default, ErrorCode.TYPE_MISMATCH)


def test_definitions_that_change_are_seen_at_once(catalog: Catalog, tmp_path: Path) -> None:
    in_force = [catalog]
    api.set_provider(KassaProvider(lambda: in_force[0], lambda: NOW))
    client = api.get_client()
    assert client.get_string_value("paused", "mine", SOMEBODY) == "two_page"
    definitions = doors.define(tmp_path / "growth")
    (definitions / "paused.yaml").unlink()
    in_force[0] = Catalog.load(definitions)
    assert client.get_string_value("paused", "mine", SOMEBODY) == "mine"
    api.clear_providers()
