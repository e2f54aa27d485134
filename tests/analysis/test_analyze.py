from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from analysis.aggregates import Aggregates
from analysis.analyze import analyze
from analysis.errors import InvalidObservations
from analysis.inference.sequential import always_valid
from analysis.multiplicity import benjamini_hochberg, dunnett, holm
from analysis.observations import Observations
from analysis.outcome_loss import Arrived
from analysis.plan import MetricPlan, Plan
from analysis.render import to_csv, to_html, to_json, to_markdown, to_text
from analysis.report import Absent, Action, Label, LogRatio, Report, Role, Sequential
from experiments.metrics import Direction, Kind

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
THREE = {
    "variants": ("a", "b", "c"), "control": "a", "shares": {"a": 0.5, "b": 0.25, "c": 0.25},
}  # fmt: skip


def test_the_numbers_of_a_published_experiment_come_out(make_report: Callable[..., Report]) -> None:
    report = make_report({"two_page": (145_274, 17_489), "one_page": (145_310, 17_264)})
    comparison = report.primary.comparisons[0]
    assert comparison.p_value == pytest.approx(0.18988337448195103, rel=1e-9)
    assert comparison.relative.ci_high == pytest.approx(0.00655477997835785, rel=1e-6)
    assert report.units == {"two_page": 145_274, "one_page": 145_310}
    assert report.checks.sample_ratio.ok is True
    assert report.checks.contradictory_units == 3
    assert report.checks.duplicate_rows == 12
    assert isinstance(report.checks.outcome_loss.ok, Absent)


def test_a_reading_before_the_planned_size_is_labelled_too_early(
    make_report: Callable[..., Report], clear_gain: dict[str, tuple[int, int]]
) -> None:
    early = make_report(clear_gain, planned_units=24_001)
    assert early.progress.information_fraction == 24_000 / 24_001
    assert early.primary.comparisons[0].labels == (Label.TOO_EARLY,)
    reached = make_report(clear_gain, planned_units=24_000)
    assert reached.primary.comparisons[0].labels == ()


def test_a_report_without_a_planned_size_is_read_as_the_end(
    make_report: Callable[..., Report], clear_gain: dict[str, tuple[int, int]]
) -> None:
    report = make_report(clear_gain, planned_units=None)
    assert isinstance(report.progress.information_fraction, Absent)
    assert isinstance(report.progress.planned_units, Absent)
    assert report.primary.comparisons[0].labels == ()


def test_a_sample_ratio_mismatch_labels_every_comparison(
    make_report: Callable[..., Report],
) -> None:
    report = make_report({"two_page": (12_000, 600), "one_page": (11_000, 700)})
    assert report.primary.comparisons[0].labels == (Label.SAMPLE_RATIO_MISMATCH,)
    assert "sequential" in Label.SAMPLE_RATIO_MISMATCH.applies_to
    assert "sequential" not in Label.TOO_EARLY.applies_to


def test_the_sequence_is_tuned_at_the_planned_units_of_the_two_variants(
    make_report: Callable[..., Report],
) -> None:
    counts = {"a": (1000, 100), "b": (500, 60), "c": (500, 55)}
    at_plan = make_report(counts, planned_units=2000, **THREE)
    elsewhere = make_report(counts, planned_units=9000, **THREE)
    first = [r.primary.comparisons[0] for r in (at_plan, elsewhere)]
    variance = 1 / 100 - 1 / 1000 + 1 / 60 - 1 / 500
    log_ratio = LogRatio(math.log(0.12 / 0.1), variance)
    for comparison, tuned_at in zip(first, (1500, 6750), strict=True):
        alone = always_valid(log_ratio, 1500, tuned_at=tuned_at, alpha=0.05)
        assert comparison.sequential.ci_low == pytest.approx(alone.ci_low, rel=1e-12)
        assert comparison.sequential.p_value == pytest.approx(alone.p_value, rel=1e-12)
    assert first[0].sequential.ci_low != first[1].sequential.ci_low


def test_without_a_plan_there_is_no_always_valid_sequence(
    make_report: Callable[..., Report], clear_gain: dict[str, tuple[int, int]]
) -> None:
    report = make_report(clear_gain, planned_units=None)
    reason = "no number of units was planned to tune it at"
    assert report.primary.comparisons[0].sequential == Sequential.absent(reason)
    assert f"no always-valid interval: {reason}" in to_text(report)
    assert report.decision.action is Action.SHIP


def test_several_variants_share_the_primary_metrics_alpha(
    make_report: Callable[..., Report],
) -> None:
    report = make_report({"a": (1000, 100), "b": (500, 70), "c": (500, 69)}, **THREE)
    raw = [float(str(c.p_value)) for c in report.primary.comparisons]
    seen = [c.adjusted_p_value for c in report.primary.comparisons]
    assert seen == dunnett(raw, [0.5, 0.5])
    assert raw[0] < float(str(seen[0])) < holm(raw)[0]
    running = report.primary.comparisons[0].sequential
    assert running.adjusted_p_value == min(1.0, 2 * float(str(running.p_value)))


def test_exact_p_values_of_several_variants_are_holms(make_report: Callable[..., Report]) -> None:
    report = make_report({"a": (1000, 100), "b": (500, 70), "c": (500, 7)}, **THREE)
    raw = [float(str(c.p_value)) for c in report.primary.comparisons]
    assert [c.adjusted_p_value for c in report.primary.comparisons] == holm(raw)


def metric(key: str, role: Role) -> MetricPlan:
    return MetricPlan(key, Kind.PROPORTION, Direction.INCREASE, role, key.title())


def test_secondary_metrics_share_one_family_and_guardrails_none(
    make_plan: Callable[..., Plan],
) -> None:
    keys = {"p": Role.PRIMARY, "s": Role.SECONDARY, "t": Role.SECONDARY, "g": Role.GUARDRAIL}
    plan = make_plan(metrics=tuple(metric(key, role) for key, role in keys.items()))
    arms = {
        key: {
            "two_page": Aggregates.of_conversions(10_000, 1000),
            "one_page": Aggregates.of_conversions(10_000, 1000 + 20 * index),
        }
        for index, key in enumerate(keys, start=2)
    }
    observations = Observations({"two_page": 10_000, "one_page": 10_000}, arms)
    report = analyze(plan, observations, as_of=NOON, generated_at=NOON)
    raw = {m.key: m.comparisons[0].p_value for m in report.metrics}
    seen = {m.key: m.comparisons[0].adjusted_p_value for m in report.metrics}
    assert seen["p"] == raw["p"]
    assert seen["g"] == raw["g"]
    family = benjamini_hochberg([float(str(raw["s"])), float(str(raw["t"]))])
    assert [seen["s"], seen["t"]] == family
    assert seen["t"] != raw["t"]


@pytest.mark.parametrize(
    ("observations", "rule"),
    [
        (Observations({"two_page": 1}, {}), "units: variants"),
        (Observations({"two_page": 1, "one_page": 1}, {}), "metric 'paid_conversion': needs"),
        (
            Observations(
                {"two_page": 1, "one_page": 1},
                {"paid_conversion": {"two_page": Aggregates.of_conversions(1, 1)}},
            ),
            "metric 'paid_conversion': needs",
        ),
    ],
)
def test_observations_that_do_not_fit_the_plan_are_refused(
    make_plan: Callable[..., Plan], observations: Observations, rule: str
) -> None:
    with pytest.raises(InvalidObservations, match=rule):
        analyze(make_plan(), observations, as_of=NOON, generated_at=NOON)


def test_a_time_without_a_zone_is_refused(make_plan: Callable[..., Plan]) -> None:
    arms = {
        "two_page": Aggregates.of_conversions(1, 1),
        "one_page": Aggregates.of_conversions(1, 1),
    }
    observations = Observations({"two_page": 1, "one_page": 1}, {"paid_conversion": arms})
    with pytest.raises(InvalidObservations, match="time zone"):
        analyze(make_plan(), observations, as_of=NOON.replace(tzinfo=None), generated_at=NOON)


def test_the_same_numbers_always_give_the_same_report(
    make_report: Callable[..., Report], clear_gain: dict[str, tuple[int, int]]
) -> None:
    assert make_report(clear_gain) == make_report(dict(reversed(clear_gain.items())))


def test_a_ratio_shows_its_base(make_plan: Callable[..., Plan]) -> None:
    plan = make_plan(
        metrics=(MetricPlan("auth", Kind.RATIO, Direction.INCREASE, Role.PRIMARY, "Approvals"),)
    )
    sums: Any = Aggregates(100, 80, 90, 120, 200, 100)
    observations = Observations(
        {"two_page": 100, "one_page": 100}, {"auth": {"two_page": sums, "one_page": sums}}
    )
    report = analyze(plan, observations, as_of=NOON, generated_at=NOON)
    assert report.primary.variants["one_page"].base_sum == 120
    assert report.primary.variants["one_page"].value == 80 / 120


def _revenue(make_plan: Callable[..., Plan], *currencies: str) -> Report:
    revenue = MetricPlan("revenue", Kind.MEAN, Direction.INCREASE, Role.PRIMARY, "Revenue")
    arms = {"two_page": Aggregates(1000, 900_000, 9e9), "one_page": Aggregates(1000, 950_000, 9e9)}
    observations = Observations(
        units={variant: arm.units for variant, arm in arms.items()},
        metrics={"revenue": arms},
        currencies={"revenue": currencies},
    )
    return analyze(make_plan(metrics=(revenue,)), observations, as_of=NOON, generated_at=NOON)


def test_money_of_one_currency_says_which(make_plan: Callable[..., Plan]) -> None:
    report = _revenue(make_plan, "usd")
    assert report.primary.name == "Revenue (minor units of USD)"
    assert report.primary.currency == "usd"
    assert to_json(report)["metrics"][0]["currency"] == "usd"  # type: ignore[index,call-overload]  # JSON


def test_money_of_several_currencies_is_never_added_up(make_plan: Callable[..., Plan]) -> None:
    report = _revenue(make_plan, "eur", "usd")
    reason = "amounts in eur, usd can't be added up"
    comparison = report.primary.comparisons[0]
    for number in (
        report.primary.variants["one_page"].value,
        report.primary.variants["one_page"].sum,
        comparison.relative.estimate,
        comparison.absolute.ci_low,
        comparison.p_value,
        comparison.adjusted_p_value,
        comparison.sequential.p_value,
    ):
        assert number == Absent(reason)
    for rendered in (to_text(report), to_html(report), to_markdown(report), to_csv(report)):
        assert "950" not in rendered
    assert reason in to_text(report)
    assert report.decision.action is Action.KEEP_RUNNING


def test_units_inside_their_conversion_window_are_not_yet_in(
    make_report: Callable[..., Report], clear_gain: dict[str, tuple[int, int]]
) -> None:
    closed = make_report(clear_gain, planned_units=20_000, open_windows=4000)
    assert not closed.progress.early
    report = make_report(clear_gain, planned_units=20_000, open_windows=4001)
    assert report.progress.early
    assert report.progress.information_fraction == 1.2
    assert Label.TOO_EARLY in report.primary.comparisons[0].labels
    said = "4,001 units are still inside their conversion window"
    assert said in " ".join(report.decision.reasons)
    for rendered in (to_text(report), to_html(report), to_markdown(report)):
        assert said in rendered
    assert to_json(report)["checks"]["open_windows"] == 4001  # type: ignore[index,call-overload]  # JSON
    one = to_text(make_report(clear_gain, planned_units=None, open_windows=1))
    assert "1 unit is still inside its conversion window" in one
    assert "conversion window" not in to_html(make_report(clear_gain))


def test_more_open_windows_than_units_are_refused() -> None:
    for wrong in (-1, 3):
        with pytest.raises(InvalidObservations, match="open_windows"):
            Observations({"a": 1, "b": 1}, {}, open_windows=wrong)


@pytest.mark.parametrize(
    ("arrived", "ok", "reason"),
    [
        (None, None, "outcomes were not compared with Stripe's"),
        ({}, None, "no payment has succeeded yet"),
        ({"two_page": Arrived(90, 0), "one_page": Arrived(80, 0)}, True, "no outcome was lost"),
        ({"two_page": Arrived(900, 9), "one_page": Arrived(900, 8)}, True, None),
        ({"two_page": Arrived(900, 0), "one_page": Arrived(900, 60)}, False, None),
    ],
)
def test_lost_outcomes_are_compared_where_somebody_knows_them(
    make_plan: Callable[..., Plan],
    arrived: dict[str, Arrived] | None,
    ok: bool | None,  # noqa: FBT001 - a case of the table
    reason: str | None,
) -> None:
    arms = {key: Aggregates.of_conversions(9000, 900) for key in ("two_page", "one_page")}
    seen = Observations(dict.fromkeys(arms, 9000), {"paid_conversion": arms}, arrived=arrived)
    report = analyze(make_plan(), seen, as_of=NOON, generated_at=NOON)
    check = report.checks.outcome_loss
    assert isinstance(check.ok, Absent) if ok is None else check.ok is ok
    found = check.p_value
    assert (found.reason if isinstance(found, Absent) else None) == reason
    told = any("arrived by themselves less often" in each for each in report.decision.reasons)
    assert told is (ok is False)
    assert ("lost outcomes: " in to_text(report)) is (ok is not None)
