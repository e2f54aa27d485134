from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from analysis.aggregates import Aggregates
from analysis.analyze import analyze
from analysis.errors import InvalidObservations
from analysis.observations import Observations
from analysis.plan import MetricPlan, Plan
from analysis.render import to_html, to_markdown, to_text
from analysis.render.figures import interval_plot
from analysis.report import Action, Finding, Label, Margin, Report, Role, Verdict
from analysis.wording import p_value
from experiments.metrics import Direction, Kind
from experiments.plan import Scale

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
Counts = dict[str, tuple[int, int]]


def test_a_clear_gain_at_the_planned_size_ships(
    make_report: Callable[..., Report], clear_gain: Counts
) -> None:
    decision = make_report(clear_gain).decision
    assert decision.action is Action.SHIP
    assert decision.reasons[0] == (
        "Paid conversion is better with one_page: lift +22.8%, 95% interval +10.8% to +36.2%, "
        "p = 9.4e-05."
    )
    assert decision.reasons[-1] == "24,000 of 20,000 planned units are in (120%)."


def test_a_clear_loss_rolls_back(make_report: Callable[..., Report], clear_gain: Counts) -> None:
    two_page, one_page = clear_gain.values()
    assert make_report({"two_page": one_page, "one_page": two_page}).decision.action is (
        Action.ROLL_BACK
    )


def test_a_gain_in_what_should_fall_rolls_back(
    make_report: Callable[..., Report], clear_gain: Counts
) -> None:
    fewer = MetricPlan(
        "paid_conversion", Kind.PROPORTION, Direction.DECREASE, Role.PRIMARY, "Refunds"
    )
    assert make_report(clear_gain, metrics=(fewer,)).decision.action is Action.ROLL_BACK


def test_no_difference_at_the_planned_size_is_neutral(
    make_report: Callable[..., Report], no_difference: Counts
) -> None:
    decision = make_report(no_difference).decision
    assert decision.action is Action.NEUTRAL
    assert "No difference was shown" in decision.reasons[1]


def test_before_the_planned_size_a_small_p_value_keeps_running(
    make_report: Callable[..., Report],
) -> None:
    # Fixed p 0.006; the always-valid interval still holds no difference.
    report = make_report(
        {"two_page": (12_012, 615), "one_page": (11_988, 710)}, planned_units=40_000
    )
    assert float(str(report.primary.comparisons[0].p_value)) < 0.01
    assert report.decision.action is Action.KEEP_RUNNING
    assert "must not be read" in report.decision.reasons[0]
    assert "always-valid" in report.decision.reasons[1]


@pytest.mark.parametrize(("conversions", "action"), [(815, Action.SHIP), (415, Action.ROLL_BACK)])
def test_before_the_planned_size_the_always_valid_interval_may_decide(
    make_report: Callable[..., Report], conversions: int, action: Action
) -> None:
    counts = {"two_page": (12_012, 615), "one_page": (11_988, conversions)}
    decision = make_report(counts, planned_units=40_000).decision
    assert decision.action is action
    assert "always-valid 95% interval" in decision.reasons[0]


def test_a_mismatch_comes_before_any_difference(make_report: Callable[..., Report]) -> None:
    decision = make_report({"two_page": (12_000, 600), "one_page": (11_000, 900)}).decision
    assert decision.action is Action.FIX_DATA
    assert (
        "two_page 12,000 (designed 50.00%), one_page 11,000 (designed 50.00%)"
        in (decision.reasons[0])
    )


def test_a_mismatch_comes_before_having_nothing_to_read(
    make_report: Callable[..., Report],
) -> None:
    assert make_report({"two_page": (900, 40), "one_page": (0, 0)}).decision.action is (
        Action.FIX_DATA
    )


@pytest.mark.parametrize("planned", [None, 2, 100])
def test_nobody_exposed_keeps_running(make_report: Callable[..., Report], planned: int) -> None:
    decision = make_report({"two_page": (0, 0), "one_page": (0, 0)}, planned_units=planned).decision
    assert decision.action is Action.KEEP_RUNNING
    assert "cannot be compared on Paid conversion yet" in decision.reasons[0]


def test_a_decision_on_few_conversions_carries_the_warning(
    make_report: Callable[..., Report],
) -> None:
    decision = make_report(
        {"two_page": (400, 2), "one_page": (400, 40)}, planned_units=800
    ).decision
    assert decision.action is Action.SHIP
    assert any("fewer than 10 conversions" in reason for reason in decision.reasons)


@pytest.mark.parametrize("other", [1010, 800])
def test_one_of_several_variants_may_ship_alone(
    make_report: Callable[..., Report], other: int
) -> None:
    report = make_report(
        {"a": (10_000, 1000), "b": (10_000, other), "c": (10_000, 1200)},
        control="a", variants=("a", "b", "c"), shares=dict.fromkeys("abc", 1 / 3),
    )  # fmt: skip
    assert report.decision.action is Action.SHIP
    assert "better with c" in report.decision.reasons[0]
    assert not any("with b" in reason for reason in report.decision.reasons)


def test_two_looks_at_one_control_need_more_than_one_look(
    make_report: Callable[..., Report],
) -> None:
    counts = {"a": (10_000, 1000), "b": (10_000, 1000), "c": (10_000, 1088)}
    shares = dict.fromkeys("abc", 1 / 3)
    report = make_report(counts, control="a", variants=("a", "b", "c"), shares=shares)
    single = report.primary.comparisons[1]
    assert float(str(single.p_value)) < 0.05 < float(str(single.adjusted_p_value))
    assert report.decision.action is Action.NEUTRAL


THREE = {"control": "a", "variants": ("a", "b", "c"), "shares": dict.fromkeys("abc", 1 / 3)}
ACTIONS = {Finding.BETTER: Action.SHIP, Finding.WORSE: Action.ROLL_BACK}


@pytest.mark.parametrize("planned", [None, 30_000, 60_000])
def test_headline_figure_and_decision_never_disagree(
    make_report: Callable[..., Report], planned: int | None
) -> None:
    for b, c in ((1000, 1088), (1000, 1180), (1000, 1130), (910, 1000), (1080, 1090)):
        counts = {"a": (10_000, 1000), "b": (10_000, b), "c": (10_000, c)}
        report = make_report(counts, planned_units=planned, **THREE)
        found = [x.finding(report.primary.direction, report.progress)
                 for x in report.primary.comparisons]  # fmt: skip
        decided = next((ACTIONS[f] for f in ACTIONS if f in found), None)
        assert decided in (report.decision.action, None)
        if decided is None:
            assert report.decision.action in (Action.NEUTRAL, Action.KEEP_RUNNING)
        assert [row.verdict for row in interval_plot(report).rows] == found
        page = to_html(report)
        for finding in found:
            assert f'<span class="chip {finding}">{finding}</span>' in page


def test_sentences_and_tables_say_when_a_p_value_is_adjusted(
    make_report: Callable[..., Report],
) -> None:
    counts = {"a": (10_000, 1000), "b": (10_000, 1000), "c": (10_000, 1088)}
    report = make_report(counts, **THREE)
    c = report.primary.comparisons[1]
    assert f"adjusted p = {p_value(c.adjusted_p_value)}" in " ".join(report.decision.reasons)
    both = f"{p_value(c.p_value)}, adjusted p {p_value(c.adjusted_p_value)}"
    assert both in to_text(report)
    assert both in to_markdown(report)
    alone = make_report({"two_page": (10_000, 1000), "one_page": (10_000, 1088)})
    assert "adjusted p" not in to_text(alone) + " ".join(alone.decision.reasons)


def test_before_the_planned_size_the_always_valid_p_value_is_adjusted_too(
    make_report: Callable[..., Report],
) -> None:
    counts = {"a": (10_000, 1000), "b": (10_000, 1000), "c": (10_000, 1145)}
    report = make_report(counts, planned_units=60_000, **THREE)
    running = report.primary.comparisons[1].sequential
    assert float(str(running.p_value)) < 0.05 < float(str(running.adjusted_p_value))
    assert report.decision.action is Action.KEEP_RUNNING
    assert "adjusted p = " in report.decision.reasons[-1]


def with_guardrail(
    plan: Callable[..., Plan],
    refunds: tuple[int, int],
    planned: int,
    *,
    margin: Margin | None = None,
    paid: tuple[int, int] = (1000, 1200),
) -> Report:
    metrics = (
        MetricPlan("paid", Kind.PROPORTION, Direction.INCREASE, Role.PRIMARY, "Paid"),
        MetricPlan(
            "refunds", Kind.PROPORTION, Direction.DECREASE, Role.GUARDRAIL, "Refunds", margin
        ),
    )
    counts = {"paid": paid, "refunds": refunds}
    arms = {
        key: {
            variant: Aggregates.of_conversions(10_000, count)
            for variant, count in zip(("two_page", "one_page"), pair, strict=True)
        }
        for key, pair in counts.items()
    }
    observations = Observations({"two_page": 10_000, "one_page": 10_000}, arms)
    made = plan(metrics=metrics, planned_units=planned)
    return analyze(made, observations, as_of=NOON, generated_at=NOON)


@pytest.mark.parametrize("planned", [20_000, 30_000])
def test_a_guardrail_that_got_worse_vetoes_a_gain(
    make_plan: Callable[..., Plan], planned: int
) -> None:
    decision = with_guardrail(make_plan, (200, 320), planned).decision
    assert decision.action is Action.ROLL_BACK
    assert decision.reasons[0].startswith("Guardrail Refunds got worse: one_page: lift +60.0%")
    assert decision.reasons[1].startswith("Paid, one_page: lift +20.0%")


@pytest.mark.parametrize("refunds", [(200, 205), (320, 200)])
def test_a_guardrail_that_held_or_improved_lets_a_gain_ship(
    make_plan: Callable[..., Plan], refunds: tuple[int, int]
) -> None:
    assert with_guardrail(make_plan, refunds, 20_000).decision.action is Action.SHIP


POINT = Margin(0.01, Scale.ABSOLUTE)


@pytest.mark.parametrize("planned", [20_000, 30_000])
@pytest.mark.parametrize("margin", [POINT, Margin(0.5, Scale.RELATIVE)])
def test_a_guardrail_within_its_margin_lets_a_gain_ship(
    make_plan: Callable[..., Plan], planned: int, margin: Margin
) -> None:
    report = with_guardrail(make_plan, (1000, 950), planned, margin=margin, paid=(1000, 1250))
    assert report.metrics[1].verdict(report.progress) is Verdict.PASSED
    assert report.decision.action is Action.SHIP
    assert report.decision.reasons[1].startswith("Guardrail Refunds passed with one_page: margin ")


def test_a_loss_that_is_shown_but_within_the_margin_is_tolerated(
    make_plan: Callable[..., Plan],
) -> None:
    wide = Margin(0.05, Scale.ABSOLUTE)
    report = with_guardrail(make_plan, (1000, 1200), 20_000, margin=wide)
    guardrail = report.metrics[1]
    found = guardrail.comparisons[0].finding(guardrail.direction, report.progress)
    assert found is Finding.WORSE
    assert report.decision.action is Action.SHIP


def test_a_loss_that_is_shown_and_may_exceed_the_margin_rolls_back(
    make_plan: Callable[..., Plan],
) -> None:
    report = with_guardrail(make_plan, (1000, 1150), 20_000, margin=POINT)
    assert report.metrics[1].verdict(report.progress) is Verdict.FAILED
    assert report.decision.action is Action.ROLL_BACK
    assert "margin 1 pp, 95% interval of the difference" in report.decision.reasons[0]


@pytest.mark.parametrize(
    ("planned", "action", "words"),
    [
        (20_000, Action.NEUTRAL, "is not shown safe with one_page: margin 1 pp"),
        (30_000, Action.KEEP_RUNNING, "is not shown safe with one_page yet: margin 1 pp"),
    ],
)
def test_a_gain_waits_for_a_guardrail_until_the_end_and_does_not_ship_without_it(
    make_plan: Callable[..., Plan], planned: int, action: Action, words: str
) -> None:
    report = with_guardrail(make_plan, (1000, 1060), planned, margin=POINT, paid=(1000, 1250))
    assert report.metrics[1].verdict(report.progress) is Verdict.UNDECIDED
    assert report.decision.action is action
    assert words in report.decision.reasons[0]
    assert report.decision.reasons[1].startswith("Paid is better with one_page")


def test_a_guardrail_with_a_margin_does_not_ship_what_gained_nothing(
    make_plan: Callable[..., Plan],
) -> None:
    report = with_guardrail(make_plan, (1000, 990), 20_000, margin=POINT, paid=(1000, 1001))
    assert report.decision.action is Action.NEUTRAL


def test_the_variant_whose_guardrails_passed_ships_alone(make_plan: Callable[..., Plan]) -> None:
    metrics = (
        MetricPlan("paid", Kind.PROPORTION, Direction.INCREASE, Role.PRIMARY, "Paid"),
        MetricPlan("r", Kind.PROPORTION, Direction.DECREASE, Role.GUARDRAIL, "Refunds", POINT),
    )
    counts = {"paid": (1000, 1250, 1260), "r": (1000, 1060, 1000)}
    arms = {
        key: {v: Aggregates.of_conversions(10_000, n) for v, n in zip("abc", found, strict=True)}
        for key, found in counts.items()
    }
    seen = Observations(dict.fromkeys("abc", 10_000), arms)
    plan = make_plan(metrics=metrics, planned_units=30_000, **THREE)
    report = analyze(plan, seen, as_of=NOON, generated_at=NOON)
    assert report.metrics[1].verdict(report.progress) is Verdict.UNDECIDED
    assert report.decision.action is Action.SHIP
    assert not any("with b" in reason for reason in report.decision.reasons)


def not_worse(size: float) -> tuple[MetricPlan, ...]:
    margin = Margin(size, Scale.ABSOLUTE)
    return (
        MetricPlan(
            "paid_conversion", Kind.PROPORTION, Direction.INCREASE, Role.PRIMARY, "Paid", margin
        ),
    )


@pytest.mark.parametrize(
    ("conversions", "action"),
    [
        (615, Action.SHIP),  # no difference, and none that matters
        (580, Action.NEUTRAL),  # a loss of a point is not excluded
        (500, Action.ROLL_BACK),
        (800, Action.SHIP),
    ],
)
def test_not_worse_ships_what_stays_within_the_margin(
    make_report: Callable[..., Report], conversions: int, action: Action
) -> None:
    counts = {"two_page": (12_000, 615), "one_page": (12_000, conversions)}
    decision = make_report(counts, metrics=not_worse(0.007)).decision
    assert decision.action is action
    assert "margin 0.7 pp, 95% interval of the difference" in " ".join(decision.reasons) or (
        action is Action.ROLL_BACK
    )


def test_not_worse_says_so_when_a_small_loss_is_shown(make_report: Callable[..., Report]) -> None:
    counts = {"two_page": (120_000, 6150), "one_page": (120_000, 5900)}
    report = make_report(counts, metrics=not_worse(0.01))
    (comparison,) = report.primary.comparisons
    assert comparison.finding(Direction.INCREASE, report.progress) is Finding.WORSE
    assert report.decision.action is Action.SHIP
    assert report.decision.reasons[0].startswith("Paid is not worse by its margin with one_page")


DAY = timedelta(days=1)


def test_before_the_minimum_runtime_a_gain_keeps_running(
    make_report: Callable[..., Report], clear_gain: Counts
) -> None:
    early = {"minimum_runtime": 14 * DAY, "first_exposure": NOON - 5 * DAY - DAY / 10}
    decision = make_report(clear_gain, **early).decision
    assert decision.action is Action.KEEP_RUNNING
    assert decision.reasons[0] == (
        "Nothing ships before a minimum runtime of 14 days: 8.9 days are left."
    )
    assert decision.reasons[1].startswith("Paid conversion, one_page: lift +22.8%")


def test_after_the_minimum_runtime_a_gain_ships(
    make_report: Callable[..., Report], clear_gain: Counts
) -> None:
    for ran, action in ((14 * DAY, Action.SHIP), (13.99 * DAY, Action.KEEP_RUNNING)):
        made = make_report(clear_gain, minimum_runtime=14 * DAY, first_exposure=NOON - ran)
        assert made.decision.action is action


def test_a_start_after_the_first_exposure_begins_the_runtime(
    make_report: Callable[..., Report], clear_gain: Counts
) -> None:
    made = make_report(
        clear_gain, minimum_runtime=2 * DAY, first_exposure=NOON - 9 * DAY, start=NOON - DAY
    )
    assert made.progress.time_left == DAY
    assert made.decision.action is Action.KEEP_RUNNING


def test_a_loss_or_a_mismatch_does_not_wait_for_the_minimum_runtime(
    make_report: Callable[..., Report], clear_gain: Counts
) -> None:
    early = {"minimum_runtime": 14 * DAY, "first_exposure": NOON - DAY}
    two_page, one_page = clear_gain.values()
    lost = make_report({"two_page": one_page, "one_page": two_page}, **early)
    assert lost.decision.action is Action.ROLL_BACK
    torn = make_report({"two_page": (12_000, 600), "one_page": (11_000, 900)}, **early)
    assert torn.decision.action is Action.FIX_DATA


def test_a_minimum_runtime_needs_to_know_when_it_began(
    make_report: Callable[..., Report], clear_gain: Counts
) -> None:
    with pytest.raises(InvalidObservations, match="first_exposure: needed"):
        make_report(clear_gain, minimum_runtime=14 * DAY)
    nobody = {"two_page": (0, 0), "one_page": (0, 0)}
    assert make_report(nobody, minimum_runtime=DAY).decision.action is Action.KEEP_RUNNING


def test_a_guardrail_without_conversions_in_control_says_why_there_is_no_lift(
    make_plan: Callable[..., Plan],
) -> None:
    decision = with_guardrail(make_plan, (0, 30), 20_000).decision
    assert "lift undefined (the control has no conversions to compare with)" in decision.reasons[0]


@pytest.mark.parametrize("kind", [Kind.MEAN, Kind.RATIO])
@pytest.mark.parametrize("planned", [None, 6])
def test_three_units_an_arm_never_ship_however_clear(
    make_plan: Callable[..., Plan], kind: Kind, planned: int | None
) -> None:
    metric = MetricPlan("revenue", kind, Direction.INCREASE, Role.PRIMARY, "Revenue")
    low, high = ((10, 11, 12), (50, 51, 52))
    arms = {
        variant: Aggregates(3, sum(spent), sum(v * v for v in spent), 3, 3, sum(spent))
        for variant, spent in (("two_page", low), ("one_page", high))
    }
    observations = Observations({"two_page": 3, "one_page": 3}, {"revenue": arms})
    plan = make_plan(metrics=(metric,), planned_units=planned)
    report = analyze(plan, observations, as_of=NOON, generated_at=NOON)
    (comparison,) = report.primary.comparisons
    assert float(str(comparison.p_value)) < 1e-4
    assert Label.TOO_FEW_UNITS in comparison.labels
    assert "p_value" in Label.TOO_FEW_UNITS.applies_to
    assert comparison.finding(metric.direction, report.progress) is Finding.UNDECIDED
    assert report.decision.action is Action.KEEP_RUNNING
    assert report.decision.reasons[-1] == Label.TOO_FEW_UNITS.meaning
    for rendered in (to_text(report), to_html(report), to_markdown(report)):
        assert "too few units" in rendered
