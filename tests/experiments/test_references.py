"""The last value that is still right, of each rule with a limit."""

from math import ceil
from pathlib import Path

import pytest

from experiments import lint
from experiments.sizing import look_cost, units_needed

EXPERIMENT = """\
version: 1
name: One-page checkout
hypothesis: Fewer steps, more sales.
owner: growth@example.com
status: running
start: 2027-01-11T09:00:00Z
end: 2027-02-08T09:00:00Z
traffic: 0.6
variants:
  - {key: two_page, weight: 50, control: true}
  - {key: one_page, weight: 50}
metrics: {primary: paid}
analysis: {planned_units: 40000}
"""
METRICS = """\
metrics:
  - {key: paid, name: Paid, event: payment_succeeded, kind: proportion, direction: increase}
"""
ENOUGH = units_needed(baseline=0.5, lift=0.1, alpha=0.05, power=0.8, control=0.5, variant=0.5)
LOOKS = "method: group_sequential, looks: 5, spending: pocock"
LOOKED = ceil(ENOUGH * look_cost("pocock", 5))

# What is written instead, and one step further, where the rule is broken.
LIMITS = {
    "two planned units for each variant": (
        "planned_units: 40000",
        "planned_units: 4",
        "planned_units: 3",
        "unreachable-variant",
    ),
    "a conversion window as long as the run": (
        "planned_units: 40000",
        "planned_units: 40000, conversion_window: 28d",
        "planned_units: 40000, conversion_window: 29d",
        "window-too-long",
    ),
    "a minimum runtime as long as the run": (
        "metrics:",
        "decision: {minimum_runtime: 28d}\nmetrics:",
        "decision: {minimum_runtime: 29d}\nmetrics:",
        "window-too-long",
    ),
    "just the units that show the effect": (
        "planned_units: 40000",
        f"planned_units: {ENOUGH}, baseline: 0.5, effect: 0.1",
        f"planned_units: {ENOUGH - 1}, baseline: 0.5, effect: 0.1",
        "effect-unreachable",
    ),
    "just the units that show the effect at planned looks": (
        "planned_units: 40000",
        f"planned_units: {LOOKED}, baseline: 0.5, effect: 0.1, {LOOKS}",
        f"planned_units: {LOOKED - 1}, baseline: 0.5, effect: 0.1, {LOOKS}",
        "effect-unreachable",
    ),
    "just the units that come": (
        "planned_units: 40000",
        "planned_units: 16800, daily_units: 1000",
        "planned_units: 16801, daily_units: 1000",
        "effect-unreachable",
    ),
    "a step of the ramp before the end": (
        "variants:",
        "ramp: [{traffic: 0.1}, {after: 671h, traffic: 0.6}]\nvariants:",
        "ramp: [{traffic: 0.1}, {after: 672h, traffic: 0.6}]\nvariants:",
        "ramp-end",
    ),
    "bounds that meet in one number": (
        "metrics:",
        "targeting: {all: [{attribute: amount, min: 5}, {attribute: amount, max: 5}]}\nmetrics:",
        "targeting: {all: [{attribute: amount, min: 5}, {attribute: amount, max: 4}]}\nmetrics:",
        "contradictory-targeting",
    ),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_a_rule_begins_just_beyond_its_limit(tmp_path: Path, limit: str) -> None:
    old, within, beyond, rule = LIMITS[limit]
    definitions = tmp_path / "definitions"
    definitions.mkdir()
    (tmp_path / "metrics.yaml").write_text(METRICS)
    for new, rules in ((within, set()), (beyond, {rule})):
        (definitions / "checkout.yaml").write_text(EXPERIMENT.replace(old, new, 1))
        assert {problem.rule for problem in lint([definitions])} == rules


def test_a_metrics_window_may_be_as_long_as_the_run(tmp_path: Path) -> None:
    definitions = tmp_path / "definitions"
    definitions.mkdir()
    (definitions / "checkout.yaml").write_text(EXPERIMENT)
    for days, rules in ((28, set()), (29, {"window-too-long"})):
        metrics = METRICS.replace("increase}", f"increase, window: {days}d}}")
        (tmp_path / "metrics.yaml").write_text(metrics)
        assert {problem.rule for problem in lint([definitions])} == rules


def test_several_variants_need_more_units_than_one(tmp_path: Path) -> None:
    three = EXPERIMENT.replace("weight: 50}", "weight: 25}\n  - {key: other, weight: 25}")
    plan = "planned_units: {}, baseline: 0.5, effect: 0.1"
    needed = units_needed(baseline=0.5, lift=0.1, alpha=0.025, power=0.8, control=0.5, variant=0.25)
    definitions = tmp_path / "definitions"
    definitions.mkdir()
    (tmp_path / "metrics.yaml").write_text(METRICS)
    for units, rules in ((needed, set()), (needed - 1, {"effect-unreachable"})):
        text = three.replace("planned_units: 40000", plan.format(units))
        (definitions / "checkout.yaml").write_text(text)
        assert {problem.rule for problem in lint([definitions])} == rules


def test_conditions_that_rule_each_other_out_are_told_of_once(tmp_path: Path) -> None:
    listed = ", ".join(f"{{attribute: country, in: [{each}]}}" for each in ("SE", "NO", "DK"))
    definitions = tmp_path / "definitions"
    definitions.mkdir()
    (tmp_path / "metrics.yaml").write_text(METRICS)
    (definitions / "checkout.yaml").write_text(f"{EXPERIMENT}targeting: {{all: [{listed}]}}\n")
    (problem,) = lint([definitions])
    assert problem.rule == "contradictory-targeting"
    assert "targeting.all[1]" in problem.message


@pytest.mark.parametrize(
    ("status", "rules"),
    [("paused", ["slots-overlap"]), ("draft", ["slots-overlap"]), ("stopped", [])],
)
def test_an_experiment_that_may_still_assign_needs_its_slot_for_itself(
    tmp_path: Path, status: str, rules: list[str]
) -> None:
    definitions = tmp_path / "definitions"
    definitions.mkdir()
    (tmp_path / "metrics.yaml").write_text(METRICS)
    (tmp_path / "layers.yaml").write_text(
        "version: 1\nlayers:\n  - key: ui\n    slots:\n"
        "      - {experiment: first, from: 0, to: 60}\n"
        "      - {experiment: second, from: 50, to: 100}\n"
    )
    (definitions / "first.yaml").write_text(f"{EXPERIMENT}layer: ui\n")
    second = EXPERIMENT.replace("status: running", f"status: {status}")
    (definitions / "second.yaml").write_text(f"{second}layer: ui\n")
    assert [problem.rule for problem in lint([definitions, tmp_path / "layers.yaml"])] == rules
