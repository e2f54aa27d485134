"""`kassa power`: what the plan of a test is told to need, by definition and by options."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from service.cli.power import power

DEFINITION = """\
version: 1
name: Checkout
hypothesis: It sells more.
owner: growth@example.com
status: draft
unit: visitor
seed: checkout
traffic: 0.5
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


def asked(*words: str) -> Result:
    return CliRunner().invoke(power, list(words))


def planned(*words: str) -> dict[str, Any]:
    ran = asked(*words, "--format", "json")
    assert ran.exit_code == 0, ran.output
    document: dict[str, Any] = json.loads(ran.output)
    return document


@pytest.fixture
def define(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes one experiment, with another analysis, and is where the definitions are."""

    def write(analysis: str = "planned_units: 40000", variants: str = "") -> None:
        definitions = tmp_path / "definitions"
        definitions.mkdir()
        (tmp_path / "metrics.yaml").write_text(METRICS)
        text = DEFINITION.replace("planned_units: 40000", analysis)
        if variants:
            text = text.replace("  - {key: one_page, weight: 50}\n", variants)
        (definitions / "checkout.yaml").write_text(text)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("KASSA_DEFINITIONS", str(definitions))

    return write


def test_a_lift_needs_what_the_published_table_says() -> None:
    plan = planned("--baseline", "0.05", "--lift", "0.031")
    assert (plan["units_per_variant"], plan["units"], plan["method"]) == (314_914, 629_828, "fixed")
    assert "expected_units" not in plan


def test_planned_looks_cost_units_and_end_sooner() -> None:
    plan = planned(
        "--baseline", "0.05", "--lift", "0.031", "--looks", "5", "--daily-visitors", "9000"
    )
    assert plan["method"] == "group_sequential"
    assert plan["units_per_variant"] == pytest.approx(314_914 * 1.0247, rel=1e-4)
    assert plan["expected_units"] == pytest.approx(0.8038 * plan["units"], rel=1e-3)
    assert (plan["days"], plan["expected_days"]) == (72, 58)
    assert "false_alarms_if_read_daily" not in plan


def test_what_visitors_show_undoes_what_a_lift_needs() -> None:
    for method in ("fixed", "group_sequential", "always_valid"):
        said = ("--baseline", "0.3", "--method", method)
        units = planned(*said, "--lift", "0.05")["units"]
        assert planned(*said, "--visitors", str(units))["lift"] == pytest.approx(0.05, rel=1e-3)


def test_a_mean_is_planned_by_its_deviation() -> None:
    said = ("--baseline", "3200", "--deviation", "9000")
    plan = planned(*said, "--lift", "0.03")
    assert plan["units_per_variant"] == 137_969
    assert planned(*said, "--visitors", str(plan["units"]))["lift"] == pytest.approx(0.03, rel=1e-4)


def test_the_definition_says_what_the_options_do_not(define: Any) -> None:
    define(
        "planned_units: 2000000, baseline: 0.05, effect: 0.05, daily_units: 20000, power: 0.9, "
        "method: group_sequential, looks: 4, spending: pocock"
    )
    plan = planned("checkout")
    assert (plan["lift"], plan["power"], plan["looks"], plan["spending"]) == (
        0.05,
        0.9,
        4,
        "pocock",
    )
    # Half of 20,000 a day enter.
    assert plan["days"] == -(-plan["units"] // 10_000)
    assert planned("checkout", "--power", "0.8")["units"] < plan["units"]
    assert planned("checkout", "--visitors", "100000")["lift"] > 0.05
    assert planned("checkout", "--lift", "0.1")["lift"] == 0.1


def test_without_an_effect_the_planned_units_are_asked_what_they_show(define: Any) -> None:
    define()
    assert planned("checkout", "--baseline", "0.55")["lift"] == pytest.approx(0.0253, abs=1e-4)
    assert "--baseline" in asked("checkout").output


def test_uneven_and_several_variants_need_more(define: Any) -> None:
    others = "  - {key: one_page, weight: 25}\n  - {key: three_page, weight: 25}\n"
    define("planned_units: 800000, baseline: 0.3, effect: 0.05", others)
    plan, two = planned("checkout"), planned("--baseline", "0.3", "--lift", "0.05")
    assert plan["alpha"] == 0.025
    # A treatment has a quarter of the units: as many in all as 1/0.5 + 1/0.25 to 1/0.5 + 1/0.5.
    assert plan["units"] > two["units"] * 1.5
    assert plan["units"] == pytest.approx(3 * plan["units_per_variant"], abs=1)


def test_the_text_says_what_looking_every_day_would_cost() -> None:
    ran = asked("--baseline", "0.55", "--visitors", "84000", "--daily-visitors", "3000")
    assert "read daily it raises a false alarm in 27.5%, not 5%" in ran.output
    early = asked("--baseline", "0.05", "--lift", "0.1", "--method", "always_valid")
    assert "on average" in early.output
    assert "28 looks" in early.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--lift or --visitors"),
        (("--baseline", "0.1", "--lift", "0.1", "--visitors", "100"), "one of the two"),
        (("--lift", "0.1"), "--baseline"),
        (("--baseline", "1.4", "--lift", "0.1"), "above 0 and below 1"),
        (("--baseline", "0.1", "--lift", "0"), "must not be 0"),
    ],
)
def test_what_cannot_be_planned_is_refused_with_a_reason(words: tuple[str, ...], said: str) -> None:
    ran = asked(*words)
    assert ran.exit_code == 2
    assert said in ran.output
