"""What became of the units is said alike in every rendering."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from analysis.journey import Attempts, Journeys, Leaving, Milestone
from analysis.render import to_html, to_json, to_markdown, to_text
from analysis.render.journeys import MOST_LEAVINGS, journey_tables
from analysis.report import Report

COUNTS = {"two_page": (12_000, 600), "one_page": (12_000, 660)}
REACHED = {
    Milestone.EXPOSED: (12_000, 12_000),
    Milestone.DETAILS: (6_000, 7_200),
    Milestone.ATTEMPT: (900, 1_000),
    Milestone.AUTHORIZED: (610, 670),
    Milestone.PAID: (600, 660),
    Milestone.KEPT: (590, 650),
}


@pytest.fixture
def travelled(make_report: Callable[..., Report]) -> Callable[..., Report]:
    def make(**parts: Any) -> Report:
        milestones = {
            milestone: dict(zip(COUNTS, pair, strict=True)) for milestone, pair in REACHED.items()
        }
        return replace(make_report(COUNTS), journeys=Journeys(milestones, **parts))

    return make


def left(number: int, units: int) -> Leaving:
    return Leaving(
        Milestone.EXPOSED, "phone", f"left the field f{number}", "address", {"one_page": units}
    )


def test_without_journeys_nothing_is_said(make_report: Callable[..., Report]) -> None:
    assert journey_tables(make_report(COUNTS)) == ()
    assert "journeys" not in to_json(make_report(COUNTS))


def test_the_step_lifts_multiply_to_the_whole_that_is_told(
    travelled: Callable[..., Report],
) -> None:
    document: Any = to_json(travelled())
    whole = 1.0
    for step in document["journeys"]["steps"]:
        whole *= step["factor"]
    assert whole == pytest.approx(650 / 590, rel=1e-12)
    (path,) = journey_tables(travelled())
    assert path.rows[1] == ("details complete", "6,000 (50.00%)", "7,200 (60.00%)", "+20.0%")
    assert "+10.2% of one_page" in path.note


def test_ways_to_leave_that_few_took_are_told_together(travelled: Callable[..., Report]) -> None:
    ways = tuple(left(number, 100 - number) for number in range(MOST_LEAVINGS + 2))
    _, table = journey_tables(travelled(leavings=ways))
    assert len(table.rows) == MOST_LEAVINGS + 1
    assert table.rows[0][2] == "left the field f0"
    assert table.rows[-1][0] == "2 other ways"
    assert table.rows[-1][-1].startswith("175 ")


def test_a_way_to_leave_tells_of_every_device(travelled: Callable[..., Report]) -> None:
    found = left(1, 30), replace(left(1, 50), device="desktop")
    _, table = journey_tables(travelled(leavings=found))
    assert table.rows == (
        ("exposed", "address", "left the field f1", "0 (0.00%)",
         "80 (0.67%): desktop 50, phone 30"),
    )  # fmt: skip


def test_methods_and_their_rates_are_told_apart(travelled: Callable[..., Report]) -> None:
    attempts = (
        Attempts("card", {"two_page": 800, "one_page": 500}, {"two_page": 720, "one_page": 450}),
        Attempts("debit", {"two_page": 200, "one_page": 500}, {"two_page": 100, "one_page": 250}),
    )
    declines = {"do_not_honor": {"two_page": 80, "one_page": 50}}
    report = travelled(attempts=attempts, declines=declines)
    _, methods, reasons = journey_tables(report)
    assert "difference of -12.000 pp, other methods make -12.000 pp" in methods.note
    assert reasons.rows == (("do_not_honor", "80 (8.00%)", "50 (5.00%)"),)
    document: Any = to_json(report)
    (found,) = document["journeys"]["authorization"]
    assert found["by_mix"] + found["by_rate"] == pytest.approx(
        found["rate"] - found["control_rate"]
    )


@pytest.mark.parametrize("render", [to_text, to_markdown, to_html])
def test_every_rendering_for_people_has_every_table(
    travelled: Callable[..., Report], render: Callable[[Report], str]
) -> None:
    report = travelled(
        leavings=(left(1, 5),),
        attempts=(Attempts("card", {"two_page": 9, "one_page": 9}, {"two_page": 9}),),
        declines={"<expired>": {"one_page": 9}},
    )
    text = render(report)
    for table in journey_tables(report):
        assert table.title in text
    assert "<expired>" not in text or render is to_text
