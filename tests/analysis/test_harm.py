"""Harm that is shown while an experiment runs: what the decision and every rendering make of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from analysis.render import to_csv, to_html, to_json, to_markdown, to_text
from analysis.report import Action, Finding, Harm, Margin, PlannedLooks, Report, Verdict
from experiments.metrics import Direction
from experiments.plan import Method, Scale

Counts = dict[str, tuple[int, int]]


@pytest.fixture
def few_and_harmed() -> Counts:
    """Far from the end, and too few conversions for the always-valid sequence."""
    return {"two_page": (2_000, 40), "one_page": (2_000, 8)}


@pytest.mark.parametrize(
    "method", [{"method": Method.FIXED}, {"method": Method.GROUP_SEQUENTIAL, "looks": 5}]
)
def test_harm_rolls_back_before_anything_else_may_be_read(
    make_report: Callable[..., Report], few_and_harmed: Counts, method: dict[str, object]
) -> None:
    report = make_report(few_and_harmed, planned_units=40_000, **method)
    assert report.decision.action is Action.ROLL_BACK
    assert "harm e-value 3e+03 (alarm at 40)" in report.decision.reasons[0]
    comparison = report.primary.comparisons[0]
    assert comparison.finding(report.primary.direction, report.progress) is Finding.WORSE


def test_half_as_much_harm_keeps_running(make_report: Callable[..., Report]) -> None:
    report = make_report({"two_page": (2_000, 40), "one_page": (2_000, 24)}, planned_units=40_000)
    assert report.decision.action is Action.KEEP_RUNNING
    harm = report.primary.comparisons[0].harm
    assert harm is not None
    assert 1 < harm.e_value < harm.alarm_at
    assert "harm e-value" not in " ".join(report.decision.reasons)


def test_variants_of_the_primary_metric_share_the_alarm(make_report: Callable[..., Report]) -> None:
    shares = {"two_page": 0.5, "one_page": 0.25, "three_page": 0.25}
    report = make_report(
        {"two_page": (2_000, 40), "one_page": (1_000, 20), "three_page": (1_000, 2)},
        variants=tuple(shares), shares=shares, planned_units=40_000,
    )  # fmt: skip
    found = {c.variant: c.harm for c in report.primary.comparisons}
    assert all(harm is not None and harm.alarm_at == 80 for harm in found.values())
    one_page = found["one_page"]
    assert one_page is not None
    # By its designed third of the two a rate as the control's says nothing.
    assert one_page.e_value < 1


@pytest.mark.parametrize(
    ("margin", "verdict", "action"),
    [(0.001, Verdict.FAILED, Action.ROLL_BACK), (0.05, Verdict.PASSED, Action.KEEP_RUNNING)],
)
def test_a_harmed_guardrail_rolls_back_unless_the_harm_stays_within_its_margin(
    guarded: Callable[..., Report], margin: float, verdict: Verdict, action: Action
) -> None:
    report = guarded((60, 120), Margin(margin, Scale.ABSOLUTE), planned_units=400_000)
    guardrail = report.metrics[1]
    harm = guardrail.comparisons[0].harm
    assert harm is not None
    assert harm.shown
    assert guardrail.verdict(report.progress) is verdict
    assert report.decision.action is action


def test_without_a_plan_there_is_nothing_to_watch(
    make_report: Callable[..., Report], few_and_harmed: Counts
) -> None:
    assert make_report(few_and_harmed, planned_units=None).primary.comparisons[0].harm is None


def test_a_broken_split_is_no_harm(make_report: Callable[..., Report]) -> None:
    report = make_report({"two_page": (2_000, 60), "one_page": (1_000, 2)}, planned_units=40_000)
    assert report.decision.action is Action.FIX_DATA


def test_every_rendering_tells_of_harm(
    make_report: Callable[..., Report], few_and_harmed: Counts
) -> None:
    report = make_report(few_and_harmed, planned_units=40_000)
    for rendering in (to_text, to_markdown, to_html):
        assert "one_page: harm e-value" in rendering(report).replace("\\", "")
    document: Any = to_json(report)
    json = document["metrics"][0]["comparisons"][0]["harm"]
    assert json == {"e_value": pytest.approx(2996.998, rel=1e-6), "alarm_at": 40, "shown": True}
    [row] = csv.DictReader(io.StringIO(to_csv(report)))
    assert row["harm_alarm_at"] == "40.0"


def test_an_alarm_after_a_look_that_gained_is_still_one(
    make_report: Callable[..., Report],
) -> None:
    report = make_report({"two_page": (9_000, 900), "one_page": (9_000, 950)})
    (comparison,) = report.primary.comparisons
    gained = PlannedLooks((), 5, 3, None, 0.05, 0.01, 0.1, 0.001, 0.001, gain=True)
    for e_value, expected in ((1.0, Finding.BETTER), (41.0, Finding.WORSE)):
        read = replace(comparison, planned=gained, harm=Harm(e_value, 40.0))
        assert read.finding(Direction.INCREASE, report.progress) is expected
