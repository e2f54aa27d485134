"""What GrowthBook's SDKs read is what Kassa means: conditions, and whole features."""

import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import growthbook
import pytest
from growthbook.core import evalCondition

from experiments import Catalog
from experiments.growthbook import condition, feature
from experiments.operation import Switch
from experiments.targeting_file import read_targeting
from tests.provision import node_scripts
from tests.service import doors

VERSIONS = [
    "1.0.0",
    "2.0.0-rc.1",
    "2.0.0",
    "2.1.0",
    "2.1.0+7",
    "10.0.0",
    "100000.0.0",
    "2.1",
    "v2.0.0",
]
VALUES: dict[str, list[Any]] = {
    "country": ["SE", "NO", "US", "se", "", 7, True],
    "locale": ["en-GB", "en", "sv-SE", "EN-GB", "xen-GB", "en-\n", "en/GB", 0, False],
    "amount": [0, 999, 1000, 1000.5, 50_000, 50_001, -1, "1000", "abc", True, False],
    "level": [0, 1, 1.0, 2, True, False, "1", "true"],
    "app_version": [*VERSIONS, "", 2, 2.1, True, "null"],
}
LEAVES: list[dict[str, Any]] = [
    {"attribute": "country", "in": ["SE", "NO"]},
    {"attribute": "country", "not_in": ["SE", "US"]},
    {"attribute": "level", "in": [1]},
    {"attribute": "level", "in": [True]},
    {"attribute": "level", "in": [False, "1", 2.0]},
    {"attribute": "level", "not_in": [0]},
    {"attribute": "level", "not_in": [True, "true"]},
    {"attribute": "amount", "min": 1000},
    {"attribute": "amount", "max": 50_000},
    {"attribute": "amount", "min": 1000, "max": 50_000.0},
    {"attribute": "amount", "min": 0, "max": 0},
    {"attribute": "locale", "glob": "en-*"},
    {"attribute": "locale", "glob": "??"},
    {"attribute": "locale", "glob": "*"},
    {"attribute": "locale", "glob": "*/*"},
    {"attribute": "app_version", "semver": ">=2.1.0 <3.0.0"},
    {"attribute": "app_version", "semver": "2.1.0"},
    {"attribute": "app_version", "semver": "!=2.1.0"},
    {"attribute": "app_version", "semver": ">2.0.0-rc.1 <=10.0.0"},
    {"attribute": "app_version", "semver": "<2.0.0"},
    {"attribute": "app_version", "semver": ">99999.0.0"},
]


def some_targeting(chance: random.Random, levels: int) -> dict[str, Any]:
    shape = chance.choice(["leaf", "all", "any", "not"]) if levels else "leaf"
    if shape == "leaf":
        return chance.choice(LEAVES)
    if shape == "not":
        return {"not": some_targeting(chance, levels - 1)}
    return {shape: [some_targeting(chance, levels - 1) for _ in range(chance.randint(1, 3))]}


def some_attributes(chance: random.Random) -> dict[str, Any]:
    return {
        name: chance.choice(values) for name, values in VALUES.items() if chance.random() < 0.75
    }


def test_both_sdks_admit_whom_the_targeting_admits() -> None:
    chance = random.Random(5)
    each = [
        (leaf, {leaf["attribute"]: value}) for leaf in LEAVES for value in VALUES[leaf["attribute"]]
    ]
    missing: list[tuple[dict[str, Any], dict[str, Any]]] = [
        (targeting, {}) for leaf in LEAVES for targeting in (leaf, {"not": leaf})
    ]
    mixed = [(some_targeting(chance, 3), some_attributes(chance)) for _ in range(4000)]
    asked = [
        (read_targeting(written), attributes) for written, attributes in each + missing + mixed
    ]
    ours = [targeting.compiled()(attributes) for targeting, attributes in asked]
    theirs = [(condition(targeting), attributes) for targeting, attributes in asked]
    assert [evalCondition(attributes, made) for made, attributes in theirs] == ours
    assert node_scripts.run("conditions.mjs", theirs) == ours
    assert 0.2 < sum(ours) / len(ours) < 0.8


WHEN = {
    "before the ramp and in a past holdout": datetime(2026, 1, 4, tzinfo=UTC),
    "at the first step": datetime(2026, 1, 5, tzinfo=UTC),
    "at the second step": datetime(2026, 1, 6, tzinfo=UTC),
    "later": datetime(2026, 3, 2, tzinfo=UTC),
}
SWITCHES = {
    "nothing": {},
    "stops": {"uneven": Switch(stopped=True), "shipped": Switch(stopped=True)},
    "grants": {"ramped": Switch(granted=2)},
}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.load(doors.define(tmp_path_factory.mktemp("growth") / "experiments"))


@pytest.mark.parametrize("switched", SWITCHES)
@pytest.mark.parametrize("when", WHEN)
def test_features_say_what_assign_says_at_any_time_and_however_operators_switch(
    catalog: Catalog, when: str, switched: str
) -> None:
    now, operated = WHEN[when], catalog.operated(SWITCHES[switched])
    sdk = growthbook.GrowthBook(
        features={key: feature(each, now=now) for key, each in operated.experiments.items()}
    )
    for context in doors.contexts(150):
        sdk.set_attributes(doors.growthbook_attributes(context))
        found = {key: sdk.eval_feature(key).value for key in operated.experiments}
        assert found == doors.expected(operated, context, now=now)


def test_the_experiment_is_told_as_growthbook_tells_it(catalog: Catalog) -> None:
    made = feature(catalog.experiment("right-slot"), now=WHEN["later"])
    assert made["defaultValue"] == "old"
    (rule,) = made["rules"]
    assert rule == {
        "id": "experiment",
        "key": "right-slot",
        "name": "The right-slot experiment",
        "seed": "right-slot",
        "hashVersion": 2,
        "hashAttribute": "id",
        "variations": ["old", "new"],
        "meta": [{"key": "old", "name": "old"}, {"key": "new", "name": "new"}],
        "weights": [0.8, 0.2],
        "coverage": 0.9,
        "filters": [
            {"attribute": "id", "seed": seed, "hashVersion": 2, "ranges": [edges]}
            for seed, edges in (
                ("holdout:everybody", [0.05, 1.0]),
                ("holdout:quarter", [0.1, 1.0]),
                ("layer:checkout", [0.4, 0.95]),
            )
        ],
    }


def test_an_override_that_is_over_is_told_to_nobody(catalog: Catalog) -> None:
    experiment = catalog.experiment("customers")
    (override,) = experiment.overrides
    ended = replace(experiment, overrides=(replace(override, until=WHEN["later"]),))
    assert len(feature(ended, now=WHEN["at the second step"])["rules"]) == 2
    assert len(feature(ended, now=WHEN["later"])["rules"]) == 1
