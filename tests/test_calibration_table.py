"""`make calibrate`: what is counted there is what reports say, and a broken promise is told."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from analysis.aggregates import Aggregates
from analysis.distributions import normal_z
from analysis.inference import INFERENCES, proportion
from analysis.inference.group_sequential import Design
from analysis.inference.sequential import always_valid
from analysis.looks import read_looks
from analysis.observations import InterimLook
from analysis.plan import MetricPlan, Plan
from analysis.report import Absent, Action, Estimate, LogRatio, Role
from analysis.srm import ALERT, log_e_value
from bench.calibration import methods, sections
from bench.calibration.__main__ import main
from bench.calibration.lines import Line, Promise, Target, mean, share
from bench.calibration.methods import (
    ALPHA,
    INTERVALS,
    READINGS,
    TRIALS,
    first_stop,
    fractions,
    used,
)
from bench.calibration.pipeline import Experiments
from bench.calibration.printing import broken, to_json, to_text
from bench.calibration.sections import SECTIONS, Effort
from bench.calibration.streams import Stream, chance, daily, one_by_one
from experiments.metrics import Direction, Kind
from experiments.plan import Method, Spending

QUICK = Effort(runs=2000)
# What takes a pair or a visitor at a time is tried in the slow test.
LIGHT = ("many looks", "sample ratio")


def stream(runs: int = 40, *, lift: float = 0.1, rate: float = 0.1) -> Stream:
    return daily(chance(5, lift, rate), rate=rate, per_day=300, lift=lift, runs=runs)


def reading(name: str) -> methods.Reading:
    (found,) = [each for each in READINGS if each.name == name]
    return found


def counts(of: Stream, run: int, look: int) -> tuple[tuple[int, int], tuple[int, int]]:
    x_c, x_t = (int(x[run, look]) for x in of.converted)
    n_c, n_t = (
        int(np.broadcast_to(n, x.shape)[run, look])
        for n, x in zip(of.units, of.converted, strict=True)
    )
    return (x_c, x_t), (n_c, n_t)


def test_the_score_statistic_of_a_stream_is_that_of_the_report() -> None:
    of = stream()
    for run, look in [(0, 0), (3, 7), (11, 27)]:
        expected = normal_z(proportion.score_p(*counts(of, run, look)))
        assert abs(of.z[run, look]) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("crowd", ["daily", "one by one"])
def test_always_valid_stops_where_the_report_would(crowd: str) -> None:
    by_one = one_by_one(chance(1), rate=0.4, visitors=900, runs=30)
    of = stream() if crowd == "daily" else next(iter(by_one))
    stops = reading("always valid, read daily").stops(of)
    covers = methods._keeps_the_lift(of)
    seen = set()
    for run in range(6):
        for look in range(0, stops.shape[1], max(1, stops.shape[1] // 20)):
            (x_c, x_t), (n_c, n_t) = counts(of, run, look)
            arms = (Aggregates.of_conversions(n_c, x_c), Aggregates.of_conversions(n_t, x_t))
            ratio = proportion.compare(*arms, alpha=ALPHA).log_ratio
            said = always_valid(ratio, n_c + n_t, tuned_at=of.planned, alpha=ALPHA)
            shown = not isinstance(said.p_value, Absent) and said.p_value < ALPHA
            assert stops[run, look] == shown
            if isinstance(ratio, LogRatio):
                assert covers[run, look] == methods.holds(
                    Estimate(0.0, said.ci_low, said.ci_high), of.lift
                )
            seen.add(shown)
    assert False in seen
    assert (True in seen) == (crowd == "daily")


@pytest.mark.parametrize("spending", Spending)
def test_planned_looks_stop_and_correct_as_the_report_does(spending: Spending) -> None:
    of = daily(chance(6), rate=0.3, per_day=200, lift=0.1, runs=5)
    taken, shares = fractions(5, 28)
    ended = sections._Ended.of(of.at(np.array(taken)), Design(shares, spending))
    plan, metric = planned(of.planned, spending)
    for run in range(5):
        looks = [look_at(of, run, day) for day in taken]
        found = read_looks(plan, metric, looks, "new")
        number = next((n for n, each in enumerate(found.looks) if each.reached), 4)
        assert ended.look[run] == number
        assert not isinstance(found.estimate, Absent)
        assert ended.corrected[run] == pytest.approx(found.estimate, abs=2e-4)
        lift = found.looks[number].lift
        assert ended.plain[run] == pytest.approx(lift, rel=1e-9)
    stopped = reading(f"{spending.value.replace('_', ' ')}, 5 looks").stops(of)
    assert (stopped.any(axis=1) == (np.abs(ended.stream.z) >= ended.bounds).any(axis=1)).all()


def planned(units: int, spending: Spending) -> tuple[Plan, MetricPlan]:
    metric = MetricPlan("paid", Kind.PROPORTION, Direction.INCREASE, Role.PRIMARY, "Paid")
    shares = {"old": 0.5, "new": 0.5}
    plan = Plan(
        experiment="exp",
        control="old",
        variants=("old", "new"),
        shares=shares,
        alpha=ALPHA,
        method=Method.GROUP_SEQUENTIAL,
        planned_units=units,
        metrics=(metric,),
        looks=5,
        spending=spending,
    )
    return plan, metric


def look_at(of: Stream, run: int, day: int) -> InterimLook:
    (x_c, x_t), (n_c, n_t) = counts(of, run, day)
    sums = {
        "old": Aggregates.of_conversions(n_c, x_c),
        "new": Aggregates.of_conversions(n_t, x_t),
    }
    at = datetime(2026, 1, day + 1, tzinfo=UTC)
    return InterimLook(at, {"old": n_c, "new": n_t}, {"paid": sums})


@pytest.mark.parametrize("units", [1, 2, 31, 500, 4001])
def test_the_bound_of_the_running_ratio_is_where_its_e_value_alerts(units: int) -> None:
    bound = sections._bound(units)

    def alerts(one: int) -> bool:
        return log_e_value({"a": one, "b": units - one}, {"a": 0.5, "b": 0.5}) >= -math.log(ALERT)

    found = [one for one in range(units // 2 + 1) if alerts(one)]
    assert bound == (units / 2 - max(found) if found else math.inf)


def test_a_run_that_stops_used_what_was_in_by_then_and_another_used_all() -> None:
    of = stream(2)
    stops = np.zeros((2, 28), dtype=bool)
    stops[0, [6, 20]] = True
    assert first_stop(stops).tolist() == [6, 27]
    assert used(of, stops).tolist() == [0.25, 1.0]


@pytest.mark.parametrize(
    ("promise", "value", "holds"),
    [
        (Promise.EQUAL, 0.05 + 0.0299, True),
        (Promise.EQUAL, 0.05 + 0.0301, False),
        (Promise.EQUAL, 0.05 - 0.0301, False),
        (Promise.AT_MOST, 0.0, True),
        (Promise.AT_MOST, 0.05 + 0.0301, False),
        (Promise.AT_LEAST, 1.0, True),
        (Promise.AT_LEAST, 0.05 - 0.0301, False),
    ],
)
def test_a_promise_is_broken_beyond_three_standard_errors(
    promise: Promise,
    value: float,
    holds: bool,  # noqa: FBT001 - a column of the table
) -> None:
    line = Line("m", "s", "x", value, 0.01, Target(promise, 0.05))
    assert line.holds is holds
    assert Line("m", "s", "x", value, 0.008, Target(promise, 0.05, 0.006)).holds is holds
    assert Line("m", "s", "x", value, 0.01).holds is None


def test_a_share_has_the_error_of_its_target_and_a_mean_that_of_its_values() -> None:
    nothing = np.zeros(400, dtype=bool)
    assert share("m", "s", "x", nothing, Target(Promise.AT_MOST, 0.05)).error == pytest.approx(
        math.sqrt(0.05 * 0.95 / 400)
    )
    assert share("m", "s", "x", nothing).error == 0.0
    assert mean("m", "s", "x", np.array([1.0, 3.0])).error == pytest.approx(1.0)


def test_a_broken_promise_is_told_and_ends_with_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [Line("m", "s", "x", 0.2, 0.01, Target(Promise.AT_MOST, 0.05))]
    monkeypatch.setattr(sections, "SECTIONS", {"bad": lambda _: iter(lines)})
    monkeypatch.setattr("bench.calibration.__main__.SECTIONS", {"bad": lambda _: iter(lines)})
    assert main(["--quiet"]) == 1
    told = capsys.readouterr().out
    assert "1 of 1 promises DO NOT HOLD" in told
    assert "NO" in told
    assert json.loads(to_json(QUICK, {"bad": lines}))["holds"] is False


def test_a_test_that_is_too_eager_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    eager = methods.Reading("eager", reading("score test, read daily (wrong)").stops, Promise.EQUAL)
    monkeypatch.setattr(sections, "READINGS", (eager,))
    found = {"many looks": list(sections.many_looks(Effort(runs=300)))}
    assert {line.measure for line in broken(found)} == {sections.FALSE_ALARMS}


def test_every_kind_of_metric_is_calibrated() -> None:
    compared = {trial.compare for trial in TRIALS} | {methods.PROPORTION}
    assert compared >= {each.compare for each in INFERENCES.values()}
    assert {interval.name for interval in INTERVALS} >= {"Mee", "Koopman"}


@pytest.mark.parametrize("name", LIGHT)
def test_a_small_run_keeps_its_promises(name: str) -> None:
    found = {name: list(SECTIONS[name](QUICK))}
    assert not broken(found), to_text(QUICK, found)
    assert any(line.holds for line in found[name])


def test_a_run_is_decided_by_its_seed(capsys: pytest.CaptureFixture[str]) -> None:
    def ran(seed: str) -> Any:
        assert main(["sample ratio", "--runs", "500", "--seed", seed, "--format", "json"]) == 0
        return json.loads(capsys.readouterr().out)["lines"]

    assert ran("1") == ran("1") != ran("2")


def test_the_pipeline_ships_what_is_better_and_rolls_back_what_is_worse() -> None:
    assert set(Experiments(seed=2, lift=0.6).decided(2)) == {Action.SHIP}
    assert set(Experiments(seed=2, lift=-0.5).decided(2)) == {Action.ROLL_BACK}
    assert set(Experiments(seed=2, looks=True, lift=0.6).decided(2)) == {Action.SHIP}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(SECTIONS) - {"whole pipeline"}))
def test_every_promise_holds(name: str) -> None:
    found = {name: list(SECTIONS[name](Effort()))}
    assert not broken(found), to_text(Effort(), found)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_thousand_experiments_without_a_difference_seldom_ship_or_roll_back() -> None:
    effort = Effort()
    assert effort.crowds == 2000
    found = {"whole pipeline": list(SECTIONS["whole pipeline"](effort))}
    assert not broken(found), to_text(effort, found)
