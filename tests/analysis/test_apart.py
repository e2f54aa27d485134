"""Parts of the units are judged like the whole, and never decide."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from analysis.aggregates import Aggregates
from analysis.analyze import analyze
from analysis.apart import MOST_DAYS
from analysis.cells import Cell, by_day, by_segment, together
from analysis.observations import Observations
from analysis.plan import MetricPlan, Plan
from analysis.render import to_csv, to_html, to_json, to_markdown, to_text
from analysis.report import Absent, Action, Label, Report
from experiments.metrics import Kind
from experiments.plan import Method
from tests.analysis.conftest import NOON

VARIANTS = ("two_page", "one_page")
FIRST = date(2026, 11, 1)
Counts = Mapping[tuple[str, int, str], tuple[int, int]]
"""Units and conversions by variant, day and device."""


def observed(counts: Counts) -> Observations:
    cells = [
        Cell(
            variant,
            FIRST + timedelta(days=day),
            (device,),
            units,
            {"paid_conversion": Aggregates.of_conversions(units, paid)},
        )
        for (variant, day, device), (units, paid) in counts.items()
    ]
    axes = VARIANTS, ("paid_conversion",)
    whole = together(cells, *axes)
    return Observations(
        units=whole.units,
        metrics=whole.metrics,
        days=by_day(cells, *axes),
        segments=by_segment(cells, ["device"], *axes),
    )


@pytest.fixture
def judged(make_plan: Callable[..., Plan]) -> Callable[..., Report]:
    def make(counts: Counts, **changes: object) -> Report:
        return analyze(make_plan(**changes), observed(counts), as_of=NOON, generated_at=NOON)

    return make


def drawn(lifts: Mapping[str, float], *, days: int = 6, seed: int = 3) -> Counts:
    rng = np.random.default_rng(seed)
    found = {}
    for day in range(days):
        for device, lift in lifts.items():
            for variant in VARIANTS:
                units = int(rng.poisson(400))
                rate = 0.3 * (1 + lift * (variant == "one_page"))
                found[variant, day, device] = units, int(rng.binomial(units, rate))
    return found


def test_a_segment_has_the_numbers_that_its_units_alone_would_have(
    judged: Callable[..., Report],
) -> None:
    counts = drawn({"phone": 0.2, "desktop": 0.0})
    whole = judged(counts)
    alone = judged({key: pair for key, pair in counts.items() if key[2] == "phone"})
    segment = next(s for s in whole.segments[0].segments if s.value == "phone")
    (found,), (expected,) = segment.metrics[0].comparisons, alone.primary.comparisons
    assert found.relative == expected.relative
    assert found.sequential.ci_low == expected.sequential.ci_low
    assert found.p_value == expected.p_value
    assert found.adjusted_p_value != expected.adjusted_p_value


def test_an_attribute_with_one_value_makes_no_segments(judged: Callable[..., Report]) -> None:
    report = judged(drawn({"phone": 0.2}, days=1))
    assert report.segments == ()
    assert isinstance(report.checks.segment_ratio.ok, Absent)
    assert isinstance(report.checks.day_ratio.ok, Absent)
    assert "Segments" not in to_text(report)


def test_the_last_day_has_the_numbers_of_the_whole(judged: Callable[..., Report]) -> None:
    report = judged(drawn({"phone": 0.1}))
    assert [point.day for point in report.days] == [FIRST + timedelta(days=n) for n in range(6)]
    (last,), (whole,) = report.days[-1].metrics[0].comparisons, report.primary.comparisons
    assert last.relative == whole.relative
    assert sum(sum(point.units.values()) for point in report.days) == sum(report.units.values())


def test_a_day_has_the_numbers_that_a_report_of_its_units_would_have(
    judged: Callable[..., Report],
) -> None:
    counts = drawn({"phone": 0.1, "desktop": 0.1})
    until = judged({key: pair for key, pair in counts.items() if key[1] <= 2})
    point = judged(counts).days[2]
    assert point.metrics[0].comparisons[0].relative == until.primary.comparisons[0].relative


def test_of_a_long_experiment_some_days_are_left_out_and_never_the_last(
    judged: Callable[..., Report],
) -> None:
    report = judged(drawn({"phone": 0.0}, days=2 * MOST_DAYS + 5))
    assert len(report.days) <= MOST_DAYS
    assert report.days[-1].day == FIRST + timedelta(days=2 * MOST_DAYS + 4)
    assert sum(sum(point.units.values()) for point in report.days) == sum(report.units.values())
    steps = {b.day - a.day for a, b in zip(report.days, report.days[1:], strict=False)}
    assert steps == {timedelta(days=3)}


def test_p_values_of_segments_are_one_family(judged: Callable[..., Report]) -> None:
    report = judged(drawn({"phone": 0.2, "desktop": 0.0, "tablet": 0.0}))
    pairs = [
        (c.p_value, c.adjusted_p_value)
        for segment in report.segments[0].segments
        for c in segment.metrics[0].comparisons
    ]
    alone = sorted(p for p, _ in pairs if not isinstance(p, Absent))
    for p, adjusted in pairs:
        assert not isinstance(p, Absent)
        rest = [alone[rank - 1] * 3 / rank for rank in range(alone.index(p) + 1, 4)]
        assert adjusted == pytest.approx(min(rest))


def test_lifts_that_differ_between_segments_are_told(judged: Callable[..., Report]) -> None:
    same = judged(drawn({"phone": 0.1, "desktop": 0.1})).segments[0].one_lift["one_page"]
    apart = judged(drawn({"phone": 0.4, "desktop": -0.2})).segments[0].one_lift["one_page"]
    assert not isinstance(same, Absent)
    assert not isinstance(apart, Absent)
    assert apart < 1e-6
    assert same > 0.05


def test_one_lift_of_two_segments_is_a_z_test_of_their_log_ratios(
    judged: Callable[..., Report],
) -> None:
    counts: Counts = {
        ("two_page", 0, "phone"): (1000, 300), ("one_page", 0, "phone"): (1000, 340),
        ("two_page", 0, "desktop"): (800, 200), ("one_page", 0, "desktop"): (800, 190),
    }  # fmt: skip
    found = judged(counts).segments[0].one_lift["one_page"]
    logs = math.log(340 / 300) - math.log(190 / 200)
    variance = 1 / 300 - 1 / 1000 + 1 / 340 - 1 / 1000 + 1 / 200 - 1 / 800 + 1 / 190 - 1 / 800
    z = logs / math.sqrt(variance)
    assert found == pytest.approx(math.erfc(abs(z) / math.sqrt(2)), rel=1e-9)


def test_amounts_in_several_currencies_have_no_lift_to_compare(
    make_plan: Callable[..., Plan], conversion: MetricPlan
) -> None:
    seen = observed(drawn({"phone": 0.4, "desktop": -0.2}))
    plan = make_plan(metrics=(replace(conversion, kind=Kind.MEAN),))
    one, two = (
        analyze(
            plan,
            replace(seen, currencies={"paid_conversion": currencies}),
            as_of=NOON,
            generated_at=NOON,
        )
        .segments[0]
        .one_lift["one_page"]
        for currencies in (("eur",), ("eur", "usd"))
    )
    assert not isinstance(one, Absent)
    assert isinstance(two, Absent)


def test_a_segment_carries_its_labels_wherever_it_is_shown(judged: Callable[..., Report]) -> None:
    counts = dict(drawn({"phone": 0.2, "desktop": 0.2}))
    counts |= {(variant, 0, "tablet"): (60, 4) for variant in VARIANTS}
    report = judged(counts, planned_units=None)
    for render in (to_text, to_markdown, to_html):
        rows = [row for row in render(report).split("<tr>") if "device tablet" in row]
        line = next(line for row in rows for line in row.splitlines() if "device tablet" in line)
        assert "too few conversions" in (rows[-1] if render is to_html else line)


def test_one_lift_is_denied_at_the_nominal_rate(judged: Callable[..., Report]) -> None:
    runs = 400
    p_values = [
        judged(drawn({"phone": 0.1, "desktop": 0.1, "tablet": 0.1}, days=1, seed=seed))
        .segments[0]
        .one_lift["one_page"]
        for seed in range(runs)
    ]
    denied = sum(not isinstance(p, Absent) and p < 0.05 for p in p_values) / runs
    assert abs(denied - 0.05) < 3 * math.sqrt(0.05 * 0.95 / runs)


def test_experiments_that_change_each_others_lift_are_told_of(
    make_plan: Callable[..., Plan],
) -> None:
    alone = observed(drawn({"big button": 0.4, "small button": -0.2, "not in it": 0.1}))
    seen = replace(alone, segments={}, beside={"buttons": alone.segments["device"]})
    report = analyze(make_plan(), seen, as_of=NOON, generated_at=NOON)
    (by,) = report.segments
    p_value = by.one_lift["one_page"]
    assert by.attribute == "experiment buttons"
    assert not isinstance(p_value, Absent)
    assert p_value < 1e-6
    assert isinstance(report.checks.segment_ratio.ok, Absent), "what is met later is no attribute"
    assert "experiment buttons big button" in to_text(report)


def test_planned_looks_are_of_the_whole_alone(judged: Callable[..., Report]) -> None:
    counts = drawn({"phone": 0.1, "desktop": 0.1})
    report = judged(counts, method=Method.GROUP_SEQUENTIAL, looks=3)
    (part,) = report.segments[0].segments[0].metrics[0].comparisons
    assert part.planned is None
    assert part.labels == (Label.TOO_EARLY,)
    assert report.primary.comparisons[0].planned is not None


def test_units_lost_in_one_segment_alone_are_found_and_end_all_trust(
    judged: Callable[..., Report],
) -> None:
    counts = dict(drawn({"phone": 0.2, "desktop": 0.2, "tablet": 0.2}, days=9))
    for day in range(9):
        units, paid = counts["one_page", day, "tablet"]
        counts["one_page", day, "tablet"] = units - units // 11, min(paid, units - units // 11)
    report = judged(counts, planned_units=2000)
    assert report.checks.sample_ratio.ok is True
    assert report.checks.segment_ratio.ok is False
    assert report.checks.segment_ratio.where == "device tablet"
    assert report.decision.action is Action.FIX_DATA
    assert "Sample ratio mismatch in device tablet" in report.decision.reasons[0]
    assert Label.SAMPLE_RATIO_MISMATCH in report.primary.comparisons[0].labels


def test_a_day_that_lost_one_variant_is_found(judged: Callable[..., Report]) -> None:
    counts = dict(drawn({"phone": 0.0}, days=30))
    counts["one_page", 17, "phone"] = 290, 80
    report = judged(counts)
    assert report.checks.day_ratio.ok is False
    assert report.checks.day_ratio.where == "2026-11-18"
    assert report.decision.action is Action.FIX_DATA


def test_parts_are_read_together(judged: Callable[..., Report]) -> None:
    counts = drawn({"phone": 0.0}, days=5)
    units = [[counts[variant, day, "phone"][0] for variant in VARIANTS] for day in range(5)]
    alone = [
        float(chi2_contingency([pair, [sum(pair) * 5e9] * 2], correction=False).pvalue)
        for pair in units
    ]
    assert judged(counts).checks.day_ratio.p_value == pytest.approx(
        min(1.0, 5 * min(alone)), rel=1e-6
    )


def test_days_without_a_unit_are_told_where_many_were_to_come(
    judged: Callable[..., Report],
) -> None:
    counts = {key: pair for key, pair in drawn({"phone": 0.0}).items() if key[1] not in (2, 3)}
    report = judged(counts)
    assert report.checks.gaps == (FIRST + timedelta(days=2), FIRST + timedelta(days=3))
    assert any("no unit came on 2 days" in reason.lower() for reason in report.decision.reasons)
    few = dict.fromkeys(counts, (4, 1))
    assert judged(few).checks.gaps == ()


def test_segments_and_days_reach_every_rendering(judged: Callable[..., Report]) -> None:
    report = judged(drawn({"phone": 0.2, "<b>desktop": 0.0}))
    for text in (to_text(report), to_markdown(report), to_html(report), to_csv(report)):
        assert "desktop" in text
        assert "device" in text
    page = to_html(report)
    assert "<b>desktop" not in page
    assert "Paid conversion over time" in page
    assert page.count("<polyline") == 1
    document: Any = to_json(report)
    assert {part["value"] for part in document["segments"]} == {"phone", "<b>desktop"}
    assert len(document["time_series"]) == 6


def test_without_a_planned_size_a_line_says_that_its_days_are_not_to_be_read(
    judged: Callable[..., Report],
) -> None:
    page = to_html(judged(drawn({"phone": 0.2}), planned_units=None))
    assert "only the last may be read" in page
    assert "hold at every day" not in page


def test_the_line_says_since_when_a_difference_is_shown(judged: Callable[..., Report]) -> None:
    report = judged(drawn({"phone": 0.5}, days=9))
    shown = [
        point.day
        for point in report.days
        for c in point.metrics[0].comparisons
        if not isinstance(c.sequential.ci_low, Absent) and c.sequential.ci_low > 0
    ]
    first = shown[0]
    assert shown == [point.day for point in report.days if point.day >= first]
    assert f"since {first.day} November 2026" in to_html(report)


def test_a_metric_of_the_plan_is_in_every_part(
    judged: Callable[..., Report], conversion: MetricPlan
) -> None:
    report = judged(drawn({"phone": 0.2}), metrics=(replace(conversion, name="Sold"),))
    assert {m.name for point in report.days for m in point.metrics} == {"Sold"}
