from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # it has no stubs

from analysis.observations import Exclusion
from analysis.render import to_json
from analysis.report import Margin, Report
from experiments.plan import Scale

NUMBER = {"type": ["number", "null"]}
INTERVAL = {
    "type": "object",
    "required": ["estimate", "ci_low", "ci_high"],
    "properties": dict.fromkeys(("estimate", "ci_low", "ci_high"), NUMBER),
}
CHECK = {"required": ["ok", "p_value"], "properties": {"ok": {"type": ["boolean", "null"]}}}
COMPARISON = {
    "required": [
        "variant", "control", "test", "absolute", "relative", "p_value", "adjusted_p_value",
        "sequential",
    ],
    "properties": {
        "variant": {"type": "string"},
        "control": {"type": "string"},
        "test": {"type": "string", "minLength": 1},
        "absolute": INTERVAL,
        "relative": INTERVAL,
        "p_value": NUMBER,
        "adjusted_p_value": NUMBER,
        "sequential": {
            "required": ["ci_low", "ci_high", "p_value"],
            "properties": dict.fromkeys(("ci_low", "ci_high", "p_value"), NUMBER),
        },
        "labels": {"type": "array", "items": {"required": ["label", "applies_to", "meaning"]}},
        "non_inferiority": {
            "required": [
                "margin", "scale", "alpha", "always_valid", "ci_low", "ci_high", "verdict",
            ],
        },
    },
}  # fmt: skip
GUARDRAIL = {
    "required": ["margin", "scale", "verdict"],
    "additionalProperties": False,
    "properties": {
        "margin": {"type": "number", "exclusiveMinimum": 0},
        "scale": {"enum": ["relative", "absolute"]},
        "verdict": {"enum": ["passed", "failed", "undecided"]},
    },
}
PLAN = {
    "required": ["status", "locked_at", "digest", "changes"],
    "properties": {
        "status": {"enum": ["planned", "amended", "not_locked"]},
        "changes": {"type": "array", "items": {"required": ["path", "planned", "now"]}},
    },
}
METRIC = {
    "required": ["metric", "role", "kind", "direction", "variants", "comparisons"],
    "properties": {
        "role": {"enum": ["primary", "secondary", "guardrail"]},
        "kind": {"enum": ["proportion", "mean", "ratio"]},
        "direction": {"enum": ["increase", "decrease"]},
        "variants": {
            "additionalProperties": {
                "required": ["units", "value", "sum"],
                "properties": {"units": {"type": "integer"}, "value": NUMBER},
            }
        },
        "comparisons": {"type": "array", "items": COMPARISON},
        "guardrail": GUARDRAIL,
        "not_worse": GUARDRAIL,
    },
}
SCHEMA = {
    "type": "object",
    "required": [
        "schema", "experiment", "generated_at", "as_of", "analysis", "units", "checks", "metrics",
        "segments", "time_series", "decision", "plan",
    ],
    "properties": {
        "plan": PLAN,
        "schema": {"const": "kassa.report/1"},
        "generated_at": {"pattern": r"^\d{4}-\d\d-\d\dT[\d:.]+Z$"},
        "as_of": {"pattern": r"^\d{4}-\d\d-\d\dT[\d:.]+Z$"},
        "analysis": {
            "required": ["method", "alpha", "information_fraction", "planned_units"],
            "properties": {
                "information_fraction": NUMBER, "planned_units": {"type": ["integer", "null"]},
            },
        },
        "units": {"additionalProperties": {"type": "integer"}},
        "checks": {
            "required": [
                "sample_ratio", "contradictory_units", "duplicate_rows", "outcome_loss",
            ],
            "properties": {
                "sample_ratio": {
                    "required": ["ok", "p_value", "sequential_p_value"],
                },
                "contradictory_units": {"type": "integer"},
                "duplicate_rows": {"type": "integer"},
                "outcome_loss": CHECK,
            },
        },
        "metrics": {"type": "array", "minItems": 1, "items": METRIC},
        "segments": {"type": "array"},
        "time_series": {"type": "array"},
        "decision": {
            "required": ["action", "reasons"],
            "properties": {
                "action": {"enum": ["ship", "roll_back", "keep_running", "neutral", "fix_data"]},
                "reasons": {"type": "array", "minItems": 1, "items": {"pattern": r"\.$"}},
            },
        },
    },
}  # fmt: skip

COUNTS = [
    {"two_page": (12_012, 615), "one_page": (11_988, 634)},
    {"two_page": (12_012, 0), "one_page": (11_988, 4)},
    {"two_page": (0, 0), "one_page": (0, 0)},
    {"two_page": (900, 0), "one_page": (1200, 0)},
]


def objects(document: Any) -> Iterator[dict[str, Any]]:
    """Every object of a document, however deep."""
    if isinstance(document, dict):
        yield document
    children = document.values() if isinstance(document, dict) else document
    for child in children if isinstance(document, dict | list) else ():
        yield from objects(child)


@pytest.mark.parametrize("counts", COUNTS)
@pytest.mark.parametrize("planned", [None, 20_000, 40_000])
def test_every_report_has_the_published_shape(
    make_report: Callable[..., Report], counts: dict[str, tuple[int, int]], planned: int | None
) -> None:
    document = json.loads(json.dumps(to_json(make_report(counts, planned_units=planned))))
    Draft202012Validator(SCHEMA).validate(document)


@pytest.mark.parametrize("counts", COUNTS)
def test_every_gap_has_its_reason_beside_it_and_nothing_else_has(
    make_report: Callable[..., Report], counts: dict[str, tuple[int, int]]
) -> None:
    found = 0
    for item in objects(to_json(make_report(counts, planned_units=None))):
        for name, value in item.items():
            found += value is None
            assert (value is None) is (f"{name}_reason" in item), name
    assert found


def test_no_document_holds_an_infinity(make_report: Callable[..., Report]) -> None:
    text = json.dumps(to_json(make_report(COUNTS[1])), allow_nan=False)
    relative = json.loads(text)["metrics"][0]["comparisons"][0]["relative"]
    assert relative["ci_high"] is None
    assert relative["ci_high_reason"] == "the numbers set no upper limit"
    assert relative["estimate_reason"] == "the control has no conversions to compare with"
    assert relative["ci_low"] < 0.1


@pytest.mark.parametrize("planned", [None, 20_000, 40_000])
def test_a_guardrail_has_its_margin_and_verdict_beside_it(
    guarded: Callable[..., Report], planned: int | None
) -> None:
    report = guarded((240, 245), Margin(0.012, Scale.ABSOLUTE), planned_units=planned)
    document: Any = json.loads(json.dumps(to_json(report)))
    Draft202012Validator(SCHEMA).validate(document)
    primary, guardrail = document["metrics"]
    assert guardrail["guardrail"] == {"margin": 0.012, "scale": "absolute", "verdict": "passed"}
    (comparison,) = guardrail["comparisons"]
    found = report.metrics[1].comparisons[0].tolerance
    assert found is not None
    assert comparison["non_inferiority"] == {
        "margin": 0.012, "scale": "absolute", "alpha": 0.05, "always_valid": planned == 40_000,
        "ci_low": found.ci_low, "ci_high": found.ci_high, "verdict": "passed",
    }  # fmt: skip
    assert "guardrail" not in primary
    assert "non_inferiority" not in primary["comparisons"][0]


def test_the_runtime_is_there_once_it_is_known(make_report: Callable[..., Report]) -> None:
    unknown: Any = to_json(make_report(COUNTS[0]))
    assert unknown["analysis"]["started_at_reason"] == "no first exposure is known"
    assert "minimum_runtime_days" not in unknown["analysis"]
    began = datetime(2026, 11, 18, tzinfo=UTC)
    known: Any = to_json(
        make_report(COUNTS[0], first_exposure=began, minimum_runtime=timedelta(days=14))
    )
    assert known["analysis"]["started_at"] == "2026-11-18T00:00:00Z"
    assert known["analysis"]["runtime_days"] == 5.5
    assert known["analysis"]["minimum_runtime_days"] == 14


def test_numbers_keep_their_full_precision(make_report: Callable[..., Report]) -> None:
    report = make_report(COUNTS[0])
    document: Any = json.loads(json.dumps(to_json(report)))
    comparison = document["metrics"][0]["comparisons"][0]
    assert comparison["p_value"] == report.primary.comparisons[0].p_value
    assert document["metrics"][0]["variants"]["two_page"] == {
        "units": 12_012, "value": 615 / 12_012, "sum": 615,
    }  # fmt: skip


def test_labels_say_what_they_make_unreadable(make_report: Callable[..., Report]) -> None:
    document: Any = to_json(make_report(COUNTS[0], planned_units=40_000))
    (label,) = document["metrics"][0]["comparisons"][0]["labels"]
    assert label["label"] == "too early"
    assert "p_value" in label["applies_to"]
    assert "sequential" not in label["applies_to"]


def test_what_was_left_out_and_the_funnel_are_there(make_report: Callable[..., Report]) -> None:
    report = make_report(
        COUNTS[0],
        funnel={
            "checkout_viewed": {"two_page": 12_000, "one_page": 11_900},
            "payment_succeeded": {"two_page": 600, "one_page": 630},
        },
        exclusions=(Exclusion("late", rows=4, units=1, affected_units=3),),
    )
    document: Any = to_json(report)
    assert document["funnel"] == [
        {
            "event": "checkout_viewed",
            "told_by": "page",
            "variants": {"two_page": 12_000, "one_page": 11_900},
        },
        {
            "event": "payment_succeeded",
            "told_by": "ledger",
            "variants": {"two_page": 600, "one_page": 630},
        },
    ]
    assert document["exclusions"] == [
        {"reason": "late", "rows": 4, "units": 1, "affected_units": 3}
    ]
