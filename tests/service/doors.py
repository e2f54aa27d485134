"""Definitions with everything that decides a variant, and units of every kind to decide about."""

import random
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from experiments import Catalog
from experiments.flags import attributes_of, evaluate

_EVEN = ["two_page: 50", "one_page: 50"]
_EXPERIMENTS: Mapping[str, tuple[list[str], str]] = {
    "uneven": (["old: 12.5", "new: 27.25", "other: 60.25"], ""),
    "partial": (_EVEN, "traffic: 0.37\nseed: 'another split'"),
    "left-slot": (_EVEN, "layer: checkout"),
    "right-slot": (["old: 80", "new: 20"], "layer: checkout\ntraffic: 0.9\nholdout: quarter"),
    "countries": (_EVEN, "targeting: {attribute: country, in: [SE, NO]}"),
    "elsewhere": (_EVEN, "targeting: {attribute: country, not_in: [SE, US]}"),
    "large-orders": (_EVEN, "targeting: {attribute: amount, min: 1000, max: 50000}"),
    "english": (_EVEN, 'targeting: {attribute: locale, glob: "en-*"}'),
    "new-app": (_EVEN, 'targeting: {attribute: app_version, semver: ">=2.0.0-rc.1 <100000.0.0"}'),
    "insiders": (_EVEN, "targeting: {attribute: insider, in: [true]}"),
    "nested": (
        _EVEN,
        (
            "targeting: {any: [{all: [{attribute: country, in: [SE]}, {not: {attribute: device, "
            'in: [phone]}}]}, {not: {attribute: app_version, semver: "!=2.1.0"}}]}'
        ),
    ),
    "customers": (
        _EVEN,
        (
            "unit: customer\ntraffic: 0.6\noverrides: [{name: qa, variant: one_page, "
            "customers: [cus_1, cus_2]}]"
        ),
    ),
    "ramped": (
        _EVEN,
        "start: 2026-01-05T00:00:00Z\nramp: [{traffic: 0.25}, {after: 24h, traffic: 1.0}]",
    ),
    "shipped": (_EVEN, "winner: one_page"),
    "paused": (_EVEN, ""),
    "over": (_EVEN, "end: 2026-01-05T00:00:00Z"),
}
_STATUS = {"shipped": "shipped", "paused": "paused"}
_LAYERS = """\
version: 1
layers:
  - key: checkout
    slots:
      - {experiment: left-slot, from: 0, to: 40}
      - {experiment: right-slot, from: 40, to: 95}
holdouts:
  - {key: everybody, share: 0.05, global: true}
  - {key: quarter, share: 0.1}
  - {key: past, share: 0.5, global: true, end: 2026-01-05T00:00:00Z}
"""
_ATTRIBUTES = """\
version: 1
attributes:
  - {key: app_version, type: version, description: Version of the phone app.}
  - {key: insider, type: boolean, description: Whether the visitor works for us.}
"""
_VALUES: Mapping[str, list[Any]] = {
    "country": ["SE", "NO", "US", "DE", 7, True],
    "device": ["phone", "tablet", "desktop", 0],
    "locale": ["en-GB", "en-US", "sv-SE", "en", "", 3.5],
    "amount": [999, 1000, 2400, 50_000, 50_001, 1000.5, "2400", True],
    "app_version": ["1.9.9", "2.0.0-rc.1", "2.1.0", "2.1.0+7", "99999.9.9", "100000.0.0", "2.1", 2],
    "insider": [True, False, "true", 1, 0],
    "customer": ["cus_1", "cus_2", "cus_3", "cus_4", "cus_5", "cus_6"],
}


def define(directory: Path) -> Path:
    """Write the definitions; returns their directory, which goes into `KASSA_DEFINITIONS`."""
    definitions = directory / "definitions"
    definitions.mkdir(parents=True)
    (directory / "layers.yaml").write_text(_LAYERS, encoding="utf-8")
    (directory / "attributes.yaml").write_text(_ATTRIBUTES, encoding="utf-8")
    for key in _EXPERIMENTS:
        (definitions / f"{key}.yaml").write_text(definition(key), encoding="utf-8")
    return definitions


def definition(key: str) -> str:
    """The file of one experiment."""
    weights, more = _EXPERIMENTS[key]
    variants = [weight.split(": ") for weight in weights]
    lines = [
        f"  - {{key: {name}, weight: {weight}{', control: true' if not at else ''}}}"
        for at, (name, weight) in enumerate(variants)
    ]
    return "\n".join(
        [
            "version: 1",
            f"name: The {key} experiment",
            "hypothesis: More visitors pay.",
            "owner: growth@example.com",
            f"status: {_STATUS.get(key, 'running')}",
            more,
            "variants:",
            *lines,
            "metrics: {primary: paid_conversion}",
            "analysis: {planned_units: 40000}",
            "",
        ]
    )


def contexts(count: int, *, seed: int = 1) -> list[dict[str, Any]]:
    """Units with whatever is known of them: much, little, or of another type than it should be."""
    chance = random.Random(seed)
    names = ["visitor", "zoë", "🛒"]
    return [
        {"targetingKey": f"{chance.choice(names)}-{chance.getrandbits(48):x}"}
        | {name: chance.choice(each) for name, each in _VALUES.items() if chance.random() < 0.8}
        for _ in range(count)
    ]


def expected(catalog: Catalog, context: Mapping[str, Any], *, now: datetime) -> dict[str, str]:
    """The variant of each experiment, as `assign` has it."""
    known = {key: value for key, value in context.items() if key != "targetingKey"}
    return {
        key: evaluate(
            experiment, context["targetingKey"], attributes_of(known), now=now
        ).variant.key
        for key, experiment in catalog.experiments.items()
    }


def growthbook_attributes(context: Mapping[str, Any]) -> dict[str, Any]:
    """The same for GrowthBook's SDKs, which call the unit `id`."""
    return {"id" if key == "targetingKey" else key: value for key, value in context.items()}
