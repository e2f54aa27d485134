"""Other people's clients, unmodified, against a running Kassa: each finds what `assign` finds."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any

import growthbook
import pytest
import requests
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode

from experiments import Catalog
from experiments.provider import KassaProvider
from tests.provision import node_scripts
from tests.service import doors
from tests.service.processes import serving

CLIENT_KEY = "sdk-of-the-web-shop"
# The ten thousand of the promise take a minute and a half: they are in the slow target.
UNITS = (1_000, pytest.param(10_000, marks=pytest.mark.slow))
MISSING = "the code's default"


@dataclass(frozen=True)
class Doors:
    """A running Kassa, the units that come, and the variant each must find of each experiment."""

    url: str
    catalog: Catalog
    contexts: list[dict[str, Any]]
    expected: list[dict[str, str]]

    def one_flag_each(self) -> list[tuple[str, int]]:
        """Each unit with one of the experiments, in turn."""
        return list(zip(cycle(self.catalog.experiments), range(len(self.contexts))))


@pytest.fixture(scope="module", params=UNITS)
def open_doors(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Doors]:
    directory = tmp_path_factory.mktemp("doors")
    definitions = doors.define(directory / "growth")
    catalog = Catalog.load(definitions)
    contexts = doors.contexts(request.param)
    now = datetime.now(UTC)
    expected = [doors.expected(catalog, context, now=now) for context in contexts]
    with serving(
        directory, KASSA_DEFINITIONS=str(definitions), KASSA_CLIENT_KEYS=CLIENT_KEY
    ) as kassa:
        yield Doors(kassa.url, catalog, contexts, expected)


def test_the_units_meet_every_variant_of_every_experiment(open_doors: Doors) -> None:
    for key, experiment in open_doors.catalog.experiments.items():
        met = Counter(variants[key] for variants in open_doors.expected)
        if experiment.rules.ordinary and not experiment.ramp:
            assert len(met) == len(experiment.variants), key
            assert min(met.values()) > len(open_doors.contexts) // 100, key


def evaluation_context(context: dict[str, Any]) -> EvaluationContext:
    known = {key: value for key, value in context.items() if key != "targetingKey"}
    return EvaluationContext(context["targetingKey"], known)


@pytest.fixture
def ofrep(open_doors: Doors) -> Iterator[OpenFeatureClient]:
    """OpenFeature's Python SDK with its OFREP provider."""
    provider = OFREPProvider(open_doors.url, headers_factory=lambda: {"X-API-Key": CLIENT_KEY})
    api.set_provider(provider)
    yield api.get_client()
    api.clear_providers()


def test_the_python_ofrep_provider_finds_the_variants(
    open_doors: Doors, ofrep: OpenFeatureClient
) -> None:
    def find(asked: tuple[str, int]) -> str:
        flag, unit = asked
        context = evaluation_context(open_doors.contexts[unit])
        return ofrep.get_string_value(flag, MISSING, context)

    asked = open_doors.one_flag_each()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(find, asked))
    assert found == [open_doors.expected[unit][flag] for flag, unit in asked]


def test_the_python_ofrep_provider_falls_back_as_openfeature_says(
    open_doors: Doors, ofrep: OpenFeatureClient
) -> None:
    somebody = EvaluationContext("visitor-1")
    unknown = ofrep.get_string_details("no-such-flag", MISSING, somebody)
    nobody = ofrep.get_string_details("uneven", MISSING, EvaluationContext())
    number = ofrep.get_integer_details("uneven", 7, somebody)
    assert (unknown.value, unknown.error_code) == (MISSING, ErrorCode.FLAG_NOT_FOUND)
    assert (nobody.value, nobody.error_code) == (MISSING, ErrorCode.TARGETING_KEY_MISSING)
    assert (number.value, number.error_code) == (7, ErrorCode.TYPE_MISMATCH)


def test_the_node_ofrep_provider_finds_the_variants(open_doors: Doors) -> None:
    asked = open_doors.one_flag_each()
    given = [(flag, open_doors.contexts[unit]) for flag, unit in asked]
    found = node_scripts.run("ofrep-server.mjs", given, open_doors.url, CLIENT_KEY)
    assert [each["value"] for each in found] == [
        open_doors.expected[unit][flag] for flag, unit in asked
    ]


def test_the_node_ofrep_provider_falls_back_as_openfeature_says(open_doors: Doors) -> None:
    given = [("no-such-flag", {"targetingKey": "visitor-1"}), ("uneven", {})]
    unknown, nobody = node_scripts.run("ofrep-server.mjs", given, open_doors.url, CLIENT_KEY)
    assert (unknown["value"], unknown["errorCode"]) == (MISSING, "FLAG_NOT_FOUND")
    assert (nobody["value"], nobody["errorCode"]) == (MISSING, "TARGETING_KEY_MISSING")
    (refused,) = node_scripts.run("ofrep-server.mjs", given[:1], open_doors.url, "another-key")
    assert (refused["value"], refused["errorCode"]) == (MISSING, "GENERAL")


def test_the_web_ofrep_provider_finds_the_variants(open_doors: Doors) -> None:
    given = {"flags": list(open_doors.catalog.experiments), "contexts": open_doors.contexts}
    found = node_scripts.run("ofrep-web.mjs", given, open_doors.url, CLIENT_KEY)
    assert found == open_doors.expected


def test_the_python_growthbook_sdk_finds_the_variants(open_doors: Doors) -> None:
    sdk = growthbook.GrowthBook(api_host=open_doors.url, client_key=CLIENT_KEY)
    sdk.load_features()
    for context, expected in zip(open_doors.contexts, open_doors.expected, strict=True):
        sdk.set_attributes(doors.growthbook_attributes(context))
        assert {key: sdk.eval_feature(key).value for key in sdk.get_features()} == expected
    sdk.destroy()


def test_the_javascript_growthbook_sdk_finds_the_variants(open_doors: Doors) -> None:
    units = [doors.growthbook_attributes(context) for context in open_doors.contexts]
    found = node_scripts.run("growthbook.mjs", units, open_doors.url, CLIENT_KEY)
    assert found == open_doors.expected


def test_the_provider_in_process_finds_the_variants(open_doors: Doors) -> None:
    api.set_provider(KassaProvider(lambda: open_doors.catalog))
    client = api.get_client()
    for context, expected in zip(open_doors.contexts[:1000], open_doors.expected, strict=False):
        known = evaluation_context(context)
        found = {key: client.get_string_value(key, MISSING, known) for key in expected}
        assert found == expected
    api.clear_providers()


def test_an_operators_stop_reaches_every_door(tmp_path: Path) -> None:
    definitions = doors.define(tmp_path / "growth")
    with serving(
        tmp_path, KASSA_DEFINITIONS=str(definitions), KASSA_CLIENT_KEYS=CLIENT_KEY
    ) as kassa:
        assert _found_by_each_door(kassa.url) == ("split", "other", 1)
        stopped = kassa.command("stop", "uneven", "--reason", "cards are declined")
        assert stopped.returncode == 0, stopped.stderr
        deadline = time.monotonic() + 10
        while _found_by_each_door(kassa.url) != ("stopped", "old", 0):
            assert time.monotonic() < deadline
            time.sleep(0.1)


def _found_by_each_door(url: str) -> tuple[str, str, int]:
    """What OFREP says of a visitor who is drawn into `other`, and how many rules GrowthBook has."""
    body = {"context": {"targetingKey": "visitor-1"}}
    headers = {"X-API-Key": CLIENT_KEY}
    flag = requests.post(
        f"{url}/ofrep/v1/evaluate/flags/uneven", json=body, headers=headers, timeout=5
    ).json()
    told = requests.get(f"{url}/api/features/{CLIENT_KEY}", timeout=5).json()
    rules = told["features"]["uneven"]["rules"]
    return flag["metadata"]["cause"], flag["variant"], len(rules)
