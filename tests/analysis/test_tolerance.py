"""Non-inferiority, against statsmodels and by its own laws."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import test_proportions_2indep as proportions_test
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from analysis.aggregates import Aggregates
from analysis.analyze import analyze
from analysis.errors import InvalidPlan
from analysis.inference import mean, proportion
from analysis.observations import Observations
from analysis.plan import MetricPlan, Plan
from analysis.report import Absent, Margin, Number, Role, Tolerance, Verdict
from analysis.tolerance import Running, tolerance
from experiments.metrics import Direction, Kind
from experiments.plan import Scale

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LOSS = st.floats(0.001, 0.2)
COUNTS = [
    (300, 1000, 290, 990),
    (900, 10_000, 880, 10_100),
    (40, 400, 55, 380),
    (620, 700, 610, 720),
]


def number(value: Number) -> float:
    assert not isinstance(value, Absent)
    return value


def conversions(counts: tuple[int, int, int, int]) -> tuple[Aggregates, Aggregates]:
    x_c, n_c, x_t, n_t = counts
    return Aggregates.of_conversions(n_c, x_c), Aggregates.of_conversions(n_t, x_t)


def fixed(counts: tuple[int, int, int, int], margin: Margin) -> Tolerance:
    contrast = proportion.compare(*conversions(counts), alpha=0.05)
    return tolerance(contrast, margin, alpha=0.05, running=None)


@pytest.mark.parametrize("counts", COUNTS)
@pytest.mark.parametrize("size", [0.005, 0.02, 0.05, 0.1])
@pytest.mark.parametrize("scale", Scale)
@pytest.mark.parametrize("direction", Direction)
def test_statsmodels_finds_the_same_proportions_non_inferior(
    counts: tuple[int, int, int, int], size: float, scale: Scale, direction: Direction
) -> None:
    x_c, n_c, x_t, n_t = counts
    sign, alternative = (-1, "larger") if direction is Direction.INCREASE else (1, "smaller")
    compare, value = (
        ("diff", sign * size) if scale is Scale.ABSOLUTE else ("ratio", 1 + sign * size)
    )
    expected = proportions_test(
        x_t, n_t, x_c, n_c, value=value, method="score", compare=compare,
        alternative=alternative, correction=False,
    )  # fmt: skip
    assert fixed(counts, Margin(size, scale)).excludes_loss(direction) is bool(
        expected.pvalue < 0.025
    )


@pytest.mark.parametrize("size", [1.0, 4.0, 8.0, 20.0])
def test_statsmodels_finds_the_same_means_non_inferior(size: float) -> None:
    rng = np.random.default_rng(7)
    control, treatment = rng.gamma(2, 25, 900), rng.gamma(2, 24.5, 850)
    arms = [Aggregates(len(x), float(x.sum()), float((x**2).sum())) for x in (control, treatment)]
    contrast = mean.compare(*arms, alpha=0.05)
    found = tolerance(contrast, Margin(size, Scale.ABSOLUTE), alpha=0.05, running=None)
    _, p, _ = CompareMeans(DescrStatsW(treatment), DescrStatsW(control)).ttest_ind(
        alternative="larger", usevar="unequal", value=-size
    )
    assert found.excludes_loss(Direction.INCREASE) is bool(p < 0.025)


@given(size=LOSS, wider=LOSS, scale=st.sampled_from(Scale), direction=st.sampled_from(Direction))
def test_a_wider_margin_never_fails_what_a_narrower_passes(
    size: float, wider: float, scale: Scale, direction: Direction
) -> None:
    narrow, wide = (fixed(COUNTS[0], Margin(s, scale)) for s in (size, size + wider))
    assert wide.excludes_loss(direction) or not narrow.excludes_loss(direction)


def test_the_interval_is_the_one_the_report_shows() -> None:
    contrast = proportion.compare(*conversions(COUNTS[1]), alpha=0.05)
    for scale, shown in ((Scale.RELATIVE, contrast.relative), (Scale.ABSOLUTE, contrast.absolute)):
        found = tolerance(contrast, Margin(0.01, scale), alpha=0.05, running=None)
        assert (found.ci_low, found.ci_high) == (shown.ci_low, shown.ci_high)
        assert found.always_valid is False


def test_before_the_end_the_interval_is_wider_on_both_scales() -> None:
    contrast = proportion.compare(*conversions(COUNTS[1]), alpha=0.05)
    for scale in Scale:
        margin = Margin(0.01, scale)
        end = tolerance(contrast, margin, alpha=0.05, running=None)
        now = tolerance(contrast, margin, alpha=0.05, running=Running(20_100, 40_000))
        assert now.always_valid
        assert number(now.ci_low) < number(end.ci_low)
        assert number(now.ci_high) > number(end.ci_high)


@pytest.mark.parametrize("scale", Scale)
def test_before_the_end_the_interval_is_narrowest_where_it_is_tuned(scale: Scale) -> None:
    contrast = proportion.compare(*conversions(COUNTS[1]), alpha=0.05)
    widths = []
    for tuned_at in (5_000, 20_100, 100_000):
        running = Running(20_100, tuned_at)
        found = tolerance(contrast, Margin(0.01, scale), alpha=0.05, running=running)
        widths.append(number(found.ci_high) - number(found.ci_low))
    assert widths[1] < min(widths[0], widths[2])


@pytest.mark.parametrize("scale", Scale)
def test_without_enough_to_be_always_valid_nothing_is_excluded(scale: Scale) -> None:
    contrast = proportion.compare(*conversions((3, 900, 4, 900)), alpha=0.05)
    found = tolerance(contrast, Margin(0.5, scale), alpha=0.05, running=Running(1800, 4000))
    assert isinstance(found.ci_low, Absent)
    assert not any(found.excludes_loss(direction) for direction in Direction)


def test_an_interval_without_an_upper_limit_never_holds_what_should_fall() -> None:
    found = fixed((0, 1000, 3, 1000), Margin(0.5, Scale.RELATIVE))
    assert found.ci_high == math.inf
    assert not found.excludes_loss(Direction.DECREASE)


def judged(plan: Callable[..., Plan], **changes: Any) -> Tolerance:
    """The primary metric's tolerance with two variants against a control."""
    margin = Margin(0.02, Scale.ABSOLUTE)
    metric = MetricPlan("m", Kind.PROPORTION, Direction.INCREASE, Role.PRIMARY, "M", margin)
    arms = {key: Aggregates.of_conversions(9000, 900) for key in "abc"}
    three = {"control": "a", "variants": ("a", "b", "c"), "shares": dict.fromkeys("abc", 1 / 3)}
    made = plan(metrics=(metric,), planned_units=None, **three, **changes)
    seen = Observations(dict.fromkeys("abc", 9000), {"m": arms})
    found = analyze(made, seen, as_of=NOON, generated_at=NOON).primary.comparisons[0].tolerance
    assert found is not None
    return found


def test_variants_that_may_each_ship_share_alpha(make_plan: Callable[..., Plan]) -> None:
    found = judged(make_plan)
    alone = proportion.compare(*conversions((900, 9000, 900, 9000)), alpha=0.025).absolute
    assert found.alpha == 0.025
    assert found.ci_low == alone.ci_low


def test_a_margin_is_above_zero_and_no_secondary_metric_has_one() -> None:
    for role, size, rule in (
        (Role.GUARDRAIL, 0.0, "must be above 0"),
        (Role.GUARDRAIL, math.inf, "must be above 0"),
        (Role.SECONDARY, 0.1, "has no margin"),
    ):
        with pytest.raises(InvalidPlan, match=f"metric 'm': .*{rule}"):
            MetricPlan("m", Kind.MEAN, Direction.INCREASE, role, "M", Margin(size, Scale.RELATIVE))


def test_money_in_several_currencies_is_held_against_no_margin(
    make_plan: Callable[..., Plan], conversion: MetricPlan
) -> None:
    margin = Margin(0.5, Scale.RELATIVE)
    refunds = MetricPlan("r", Kind.MEAN, Direction.DECREASE, Role.GUARDRAIL, "R", margin)
    arms = {variant: Aggregates(10_000, 9000, 20_000) for variant in ("two_page", "one_page")}
    paid = {variant: Aggregates.of_conversions(10_000, 900) for variant in arms}
    seen = Observations(
        dict.fromkeys(arms, 10_000), {"paid_conversion": paid, "r": arms}, {"r": ("eur", "usd")}
    )
    report = analyze(make_plan(metrics=(conversion, refunds)), seen, as_of=NOON, generated_at=NOON)
    guardrail = report.metrics[1]
    assert guardrail.verdict(report.progress) is Verdict.UNDECIDED
    found = guardrail.comparisons[0].tolerance
    assert found is not None
    assert found.ci_low == Absent("amounts in eur, usd can't be added up")
