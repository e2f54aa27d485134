"""What is promised about error rates, counted on seeded simulations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

from analysis.aggregates import Aggregates
from analysis.inference import INFERENCES, proportion
from analysis.inference.sequential import always_valid
from analysis.report import Absent, Label, LogRatio, Margin, Number
from analysis.tolerance import Running, tolerance
from experiments.metrics import Direction, Kind
from experiments.plan import Scale

Arms = Callable[[Any, float, int], list[Aggregates]]
RUNS, UNITS = 1500, 1200


def within(rate: float, nominal: float, runs: int) -> bool:
    """Whether a counted rate fits a nominal one, at four standard errors."""
    return abs(rate - nominal) <= 4 * math.sqrt(nominal * (1 - nominal) / runs)


def conversions(rng: Any, lift: float, runs: int) -> list[Aggregates]:
    counts = rng.binomial(UNITS, 0.12 * (1 + lift), runs)
    return [Aggregates.of_conversions(UNITS, int(count)) for count in counts]


def revenue(rng: Any, lift: float, runs: int) -> list[Aggregates]:
    spent = rng.lognormal(3, 0.6, (runs, UNITS)) * (rng.random((runs, UNITS)) < 0.3) * (1 + lift)
    return [
        Aggregates(UNITS, total, squares)
        for total, squares in zip(spent.sum(1), (spent**2).sum(1), strict=True)
    ]


def approvals(rng: Any, lift: float, runs: int) -> list[Aggregates]:
    attempts = rng.geometric(0.55, (runs, UNITS))
    chance = np.clip(rng.beta(4.25, 4.25, (runs, UNITS)), 0, 1) * (1 + lift)
    approved = rng.binomial(attempts, np.minimum(chance, 1) * 0.9)
    sums = (approved, approved**2, attempts, attempts**2, approved * attempts)
    return [
        Aggregates(UNITS, *map(float, row)) for row in np.stack([s.sum(1) for s in sums], axis=1)
    ]


KINDS: dict[Kind, tuple[Arms, float]] = {
    Kind.PROPORTION: (conversions, 0.15),
    Kind.MEAN: (revenue, 0.15),
    Kind.RATIO: (approvals, 0.0),
}


def number(value: Number) -> float:
    assert not isinstance(value, Absent)
    return value


def test_every_inference_is_calibrated_here() -> None:
    assert set(KINDS) == set(INFERENCES)


@pytest.mark.parametrize("kind", KINDS)
def test_false_alarms_come_at_the_nominal_rate(kind: Kind) -> None:
    rng, (draw, _) = np.random.default_rng(2026), KINDS[kind]
    pairs = zip(draw(rng, 0.0, RUNS), draw(rng, 0.0, RUNS), strict=True)
    compared = [INFERENCES[kind].compare(a, b, alpha=0.05) for a, b in pairs]
    alarms = sum(number(contrast.p_value) < 0.05 for contrast in compared) / RUNS
    assert within(alarms, 0.05, RUNS), alarms


@pytest.mark.parametrize("kind", KINDS)
def test_intervals_hold_the_true_lift_at_the_nominal_rate(kind: Kind) -> None:
    rng, (draw, lift) = np.random.default_rng(11), KINDS[kind]
    pairs = zip(draw(rng, 0.0, RUNS), draw(rng, lift, RUNS), strict=True)
    held = 0
    for control, treatment in pairs:
        relative = INFERENCES[kind].compare(control, treatment, alpha=0.05).relative
        held += number(relative.ci_low) <= lift <= number(relative.ci_high)
    assert within(held / RUNS, 0.95, RUNS), held / RUNS


def test_the_small_counts_rule_keeps_false_alarms_at_or_below_the_level() -> None:
    rng = np.random.default_rng(5)
    counts = rng.binomial(40, 0.1, (400, 2))
    pairs = [[Aggregates.of_conversions(40, int(x)) for x in row] for row in counts]
    compared = [INFERENCES[Kind.PROPORTION].compare(a, b, alpha=0.05) for a, b in pairs]
    assert {contrast.test for contrast in compared} == {"Boschloo's exact test"}
    alarms = sum(number(contrast.p_value) < 0.05 for contrast in compared) / 400
    assert alarms <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / 400)


def spent(rng: Any, units: int, paying: float) -> Aggregates:
    values = rng.lognormal(3, 0.6, units) * (rng.random(units) < paying)
    return Aggregates(units, float(values.sum()), float((values**2).sum()))


def alarms_by_label(pairs: Iterable[tuple[Aggregates, Aggregates]], kind: Kind) -> dict[bool, Any]:
    """False alarms at 5 % among comparisons with the label "too few units" and without it."""
    seen: dict[bool, list[bool]] = {True: [], False: []}
    for control, treatment in pairs:
        contrast = INFERENCES[kind].compare(control, treatment, alpha=0.05)
        alarm = not isinstance(contrast.p_value, Absent) and contrast.p_value < 0.05
        seen[Label.TOO_FEW_UNITS in contrast.labels].append(alarm)
    return {few: np.array(alarms) for few, alarms in seen.items()}


def test_means_of_too_few_payers_alarm_too_often_and_carry_the_label() -> None:
    rng = np.random.default_rng(30)
    pairs = ((spent(rng, 1000, 0.004), spent(rng, 9000, 0.004)) for _ in range(1000))
    alarms = alarms_by_label(pairs, Kind.MEAN)
    assert len(alarms[True]) == 1000
    assert alarms[True].mean() > 0.09


@pytest.mark.parametrize("times", [1, 3, 9])
def test_means_without_the_label_alarm_in_seven_percent_at_most(times: int) -> None:
    rng = np.random.default_rng(31)
    pairs = ((spent(rng, 1000, 0.06), spent(rng, 1000 * times, 0.06)) for _ in range(1500))
    alarms = alarms_by_label(pairs, Kind.MEAN)[False]
    assert len(alarms) > 1300
    assert alarms.mean() <= 0.07 + 3 * math.sqrt(0.07 * 0.93 / 1500)


def attempted(rng: Any, units: int) -> Aggregates:
    base = rng.geometric(0.55, units)
    top = rng.binomial(base, 0.9 * rng.beta(4.25, 4.25, units))
    sums = (top, top**2, base, base**2, top * base)
    return Aggregates(units, *(float(s.sum()) for s in sums))


@pytest.mark.parametrize(("units", "few"), [(8, True), (140, False)])
def test_ratios_over_few_units_keep_their_level_by_students_t(
    units: int,
    few: bool,  # noqa: FBT001 - a column of the table
) -> None:
    rng = np.random.default_rng(32)
    pairs = ((attempted(rng, units), attempted(rng, units)) for _ in range(1500))
    alarms = alarms_by_label(pairs, Kind.RATIO)[few]
    assert len(alarms) > 1400
    assert alarms.mean() <= 0.06 + 2 * math.sqrt(0.06 * 0.94 / 1500)


def peeking(rng: Any, *, lift: float, runs: int) -> tuple[float, float, float]:
    """Shares of runs, over 28 daily looks: naive alarms, always-valid alarms, lift always held."""
    days, arriving = 28, 300
    x_c = np.cumsum(rng.binomial(arriving, 0.3, (runs, days)), axis=1)
    x_t = np.cumsum(rng.binomial(arriving, 0.3 * (1 + lift), (runs, days)), axis=1)
    n = arriving * np.arange(1, days + 1)
    pooled = (x_c + x_t) / (2 * n)
    z = (x_t - x_c) / n / np.sqrt(pooled * (1 - pooled) * 2 / n)
    naive = (np.abs(z) > 1.959964).any(axis=1).mean()
    estimates, variances = np.log(x_t / x_c), 1 / x_t + 1 / x_c - 2 / n
    alarmed, held = np.zeros(runs, bool), np.ones(runs, bool)
    for run, day in np.ndindex(runs, days):
        log_ratio = LogRatio(float(estimates[run, day]), float(variances[run, day]))
        look = always_valid(log_ratio, int(2 * n[day]), tuned_at=2 * days * arriving, alpha=0.05)
        alarmed[run] |= number(look.p_value) < 0.05
        held[run] &= number(look.ci_low) <= lift <= number(look.ci_high)
    return float(naive), float(alarmed.mean()), float(held.mean())


def test_daily_peeking_breaks_the_fixed_test_and_not_the_always_valid_one() -> None:
    naive, always, held = peeking(np.random.default_rng(28), lift=0.0, runs=1000)
    assert naive > 0.2
    assert always <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / 1000)
    assert held == pytest.approx(1 - always)


def test_the_always_valid_interval_holds_a_real_lift_at_every_look() -> None:
    _, found, held = peeking(np.random.default_rng(29), lift=0.08, runs=1000)
    assert held >= 0.95 - 4 * math.sqrt(0.05 * 0.95 / 1000)
    assert found > 0.5


MARGINS = {
    (Kind.PROPORTION, Scale.ABSOLUTE): (conversions, 0.02, 0.02 / 0.12),
    (Kind.PROPORTION, Scale.RELATIVE): (conversions, 0.15, 0.15),
    (Kind.MEAN, Scale.RELATIVE): (revenue, 0.1, 0.1),
    (Kind.RATIO, Scale.RELATIVE): (approvals, 0.05, 0.05),
}


@pytest.mark.parametrize(("kind", "scale"), MARGINS)
@pytest.mark.parametrize("direction", Direction)
def test_a_loss_of_exactly_the_margin_passes_in_half_of_alpha(
    kind: Kind, scale: Scale, direction: Direction
) -> None:
    rng, (draw, size, loss) = np.random.default_rng(77), MARGINS[kind, scale]
    lost = -loss if direction is Direction.INCREASE else loss
    margin, passed = Margin(size, scale), 0
    for control, treatment in zip(draw(rng, 0.0, RUNS), draw(rng, lost, RUNS), strict=True):
        contrast = INFERENCES[kind].compare(control, treatment, alpha=0.05)
        found = tolerance(contrast, margin, alpha=0.05, running=None)
        passed += found.excludes_loss(direction)
    assert within(passed / RUNS, 0.025, RUNS), passed / RUNS


@pytest.mark.parametrize("scale", Scale)
def test_a_loss_of_exactly_the_margin_seldom_passes_at_any_of_28_looks(scale: Scale) -> None:
    rng, days, arriving, runs = np.random.default_rng(78), 28, 300, 400
    margin = Margin(0.03, Scale.ABSOLUTE) if scale is Scale.ABSOLUTE else Margin(0.1, scale)
    passed = 0
    for _ in range(runs):
        sold = np.cumsum(rng.binomial(arriving, [[0.3], [0.27]], (2, days)), axis=1)
        passed += any(
            tolerance(
                proportion.compare(
                    *(Aggregates.of_conversions(arriving * day, int(x[day - 1])) for x in sold),
                    alpha=0.05,
                ),
                margin,
                alpha=0.05,
                running=Running(2 * arriving * day, 2 * arriving * days),
            ).excludes_loss(Direction.INCREASE)
            for day in range(1, days + 1)
        )
    assert passed / runs <= 0.025 + 4 * math.sqrt(0.025 * 0.975 / runs)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_many_runs_pin_both_rates_to_half_a_percent(kind: Kind) -> None:
    rng, (draw, lift) = np.random.default_rng(99), KINDS[kind]
    alarms = held = 0
    batches, size = 15, 1000
    for _ in range(batches):
        same = zip(draw(rng, 0.0, size), draw(rng, 0.0, size), strict=True)
        alarms += sum(
            number(INFERENCES[kind].compare(a, b, alpha=0.05).p_value) < 0.05 for a, b in same
        )
        for a, b in zip(draw(rng, 0.0, size), draw(rng, lift, size), strict=True):
            relative = INFERENCES[kind].compare(a, b, alpha=0.05).relative
            held += number(relative.ci_low) <= lift <= number(relative.ci_high)
    runs = batches * size
    assert abs(alarms / runs - 0.05) < 0.0075
    assert abs(held / runs - 0.95) < 0.0075
