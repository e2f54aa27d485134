"""Whether a report is judged by the plan that was locked, and what every reader is told of it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from analysis.lock import hold
from analysis.render import to_csv, to_html, to_json, to_markdown, to_text
from analysis.report import Action, Change, Json, PlanLock, PlanStatus, Report

MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
Counts = dict[str, tuple[int, int]]
PLAN: dict[str, Json] = {
    "analysis": {"alpha": 0.05, "planned_units": 20_000},
    "metrics": {"primary": "paid_conversion", "guardrails": ["refunds"]},
    "unit": "visitor",
}


def held(now: dict[str, Json]) -> PlanLock:
    return hold(PLAN, now, locked_at=MONDAY, digest="d1")


@pytest.fixture
def amended() -> PlanLock:
    return held(
        {
            "analysis": {"alpha": 0.1, "planned_units": 20_000},
            "metrics": {"primary": "paid_conversion", "guardrails": []},
            "unit": "visitor",
            "decision": {"ship_if": "better"},
        }
    )


def test_a_plan_as_it_was_locked_is_planned() -> None:
    assert held(dict(PLAN)) == PlanLock(PlanStatus.PLANNED, MONDAY, "d1")


def test_every_change_is_named_with_what_it_was(amended: PlanLock) -> None:
    assert amended.status is PlanStatus.AMENDED
    assert amended.changes == (
        Change("analysis.alpha", 0.05, 0.1),
        Change("metrics.guardrails", ["refunds"], []),
        Change("decision.ship_if", None, "better"),
    )


def test_a_part_that_says_nothing_is_a_change_too() -> None:
    assert held({**PLAN, "decision": {}}).changes == (Change("decision", None, {}),)


def test_the_json_says_what_changed_and_why_something_is_missing(
    make_report: Callable[..., Report], clear_gain: Counts, amended: PlanLock
) -> None:
    document: Any = to_json(make_report(clear_gain, lock=amended))
    assert document["plan"] == {
        "status": "amended",
        "locked_at": "2026-11-16T09:00:00Z",
        "digest": "d1",
        "changes": [
            {"path": "analysis.alpha", "planned": 0.05, "now": 0.1},
            {"path": "metrics.guardrails", "planned": ["refunds"], "now": []},
            {
                "path": "decision.ship_if",
                "planned": None,
                "planned_reason": "not set",
                "now": "better",
            },
        ],
    }
    unlocked: Any = to_json(make_report(clear_gain))
    assert unlocked["plan"] == {
        "status": "not_locked",
        "locked_at": None,
        "locked_at_reason": "no plan was locked",
        "digest": None,
        "digest_reason": "no plan was locked",
        "changes": [],
    }


def test_an_amendment_is_a_reason_and_changes_no_action(
    make_report: Callable[..., Report], clear_gain: Counts, amended: PlanLock
) -> None:
    decision = make_report(clear_gain, lock=amended).decision
    assert decision.action is make_report(clear_gain).decision.action is Action.SHIP
    assert decision.reasons[-3:] == (
        "The plan was amended: analysis.alpha was 0.05 and is now 0.1.",
        'The plan was amended: metrics.guardrails was ["refunds"] and is now [].',
        "The plan was amended: decision.ship_if was not set and is now better.",
    )


@pytest.mark.parametrize("render", [to_text, to_html, to_markdown])
def test_every_reader_sees_the_status_beside_the_answer(
    make_report: Callable[..., Report],
    clear_gain: Counts,
    amended: PlanLock,
    render: Callable[[Report], str],
) -> None:
    for lock, words in (
        (amended, ("amended", "locked on 2026-11-16 09:00 UTC and changed since")),
        (held(dict(PLAN)), ("planned", "locked on 2026-11-16 09:00 UTC")),
        (PlanLock.absent("a file has no plan"), ("not locked", "a file has no plan")),
    ):
        text = render(make_report(clear_gain, lock=lock)).replace("\\", "")
        assert all(word in text for word in words)
        assert ("analysis.alpha was 0.05 and is now 0.1" in text) is bool(lock.changes)


def test_the_text_says_it_in_the_line_after_the_decision(
    make_report: Callable[..., Report], clear_gain: Counts, amended: PlanLock
) -> None:
    lines = to_text(make_report(clear_gain, lock=amended)).splitlines()
    assert lines[2] == "Plan: amended (locked on 2026-11-16 09:00 UTC and changed since)"


def test_the_spreadsheet_says_it_in_every_row(
    make_report: Callable[..., Report], clear_gain: Counts, amended: PlanLock
) -> None:
    for lock, status in ((amended, "amended"), (held(dict(PLAN)), "planned")):
        (row,) = csv.DictReader(io.StringIO(to_csv(make_report(clear_gain, lock=lock))))
        assert row["plan"] == status


def test_a_hostile_plan_stays_text(make_report: Callable[..., Report], clear_gain: Counts) -> None:
    lock = held({**PLAN, "unit": "<script>alert(1)</script>\x1b[31m"})
    report = make_report(clear_gain, lock=lock)
    page = to_html(report)
    # The one element of that kind is the block of data, which browsers do not run.
    assert re.findall(r"<script[^>]*>", page) == [
        '<script type="application/json" id="kassa-report">'
    ]
    assert "alert(1)</script" not in page
    assert "\x1b" not in to_text(report)


def test_a_plan_that_was_locked_with_numbers_in_sight_says_so(
    make_report: Callable[..., Report], clear_gain: Counts
) -> None:
    for early, late in ((timedelta(minutes=1), False), (timedelta(days=3), True)):
        report = make_report(clear_gain, lock=held(dict(PLAN)), first_exposure=MONDAY - early)
        said = report.decision.reasons[-1]
        assert said.startswith("The plan was locked") is late
    assert said.startswith("The plan was locked 3 days after the first unit came")
