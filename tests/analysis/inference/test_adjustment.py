"""CUPED and Lin's adjustment from six sums, against public results and statsmodels on raw data."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from analysis.aggregates import Aggregates
from analysis.inference import mean
from analysis.inference.adjustment import cuped, lin
from analysis.report import Absent, Contrast, Label, Number

Arms = tuple[Aggregates, Aggregates]
ADJUSTMENTS = [cuped, lin]

# Sums (units, y, y^2, x, x^2, xy) of tea-tasting's simulated users and of Hillstrom's mails.
ORDERS = (
    Aggregates(2023, 1073, 2073, 1090, 2720, 1691),
    Aggregates(1977, 1133, 2121, 1006, 2380, 1551),
)
HAS_ORDER = (
    Aggregates(2023, 698, 698, 611, 611, 446),
    Aggregates(1977, 759, 759, 582, 582, 437),
)
CONVERSION = (
    Aggregates(21306, 122, 122, 5132245.81, 2597172414.5563, 38725.18),
    Aggregates(21307, 267, 267, 5174105.18, 2700687619.2752, 86340.81),
)


def number(value: Number) -> float:
    assert not isinstance(value, Absent)
    return value


def error(contrast: Contrast) -> float:
    return math.sqrt(number(contrast.variance))


def sums(y: Any, x: Any) -> Aggregates:
    return Aggregates(len(y), *(float(s.sum()) for s in (y, y * y, x, x * x, y * x)))


# Own numpy and scipy on raw data (difference, p), and tea-tasting 1.14 (lift, its interval).
@pytest.mark.parametrize(
    ("arms", "difference", "p_value", "lift"),
    [
        (ORDERS, 0.058303892608663976, 0.007330409808686615,
         (0.11154726483206412, 0.02880682688997549, 0.20094199383435463)),
        (HAS_ORDER, 0.042976025954843566, 0.0010365414753214868,
         (0.1252912125614376, 0.0486795420696815, 0.20749977688021892)),
        (CONVERSION, 0.006783432860043896, 1.7472135756027445e-13,
         (1.1824267529654544, 0.7636144062338217, 1.7006960904966975)),
    ],
)  # fmt: skip
def test_cuped_from_sums_is_cuped_on_raw_data(
    arms: Arms, difference: float, p_value: float, lift: tuple[float, float, float]
) -> None:
    found = cuped(*arms, alpha=0.05)
    assert found.absolute.estimate == pytest.approx(difference, rel=1e-9)
    assert found.p_value == pytest.approx(p_value, rel=1e-9)
    relative = found.relative
    assert (relative.estimate, relative.ci_low, relative.ci_high) == pytest.approx(lift, rel=1e-9)


# statsmodels 0.15, OLS with the interaction and HC2 errors on raw data.
@pytest.mark.parametrize(
    ("arms", "difference", "hc2"),
    [
        (ORDERS, 0.058316767075399456, 0.02172294445063402),
        (HAS_ORDER, 0.04297537471633189, 0.013087328486843821),
        (CONVERSION, 0.006783764234216752, 0.0009200760074475367),
    ],
)
def test_lin_from_sums_estimates_what_the_regression_does_with_almost_its_hc2_error(
    arms: Arms, difference: float, hc2: float
) -> None:
    found = lin(*arms, alpha=0.05)
    assert found.absolute.estimate == pytest.approx(difference, rel=1e-9)
    assert error(found) == pytest.approx(hc2, rel=1e-3)


@pytest.mark.parametrize("units", [60, 200])
def test_lin_is_statsmodels_interacted_regression_with_equal_errors_within_a_variant(
    units: int,
) -> None:
    from statsmodels.regression.linear_model import OLS  # noqa: PLC0415 - takes seconds to load

    rng = np.random.default_rng(units)
    x = rng.gamma(2, 1, (2, units)) + np.array([[0], [0.3]])
    y = x * [[0.5], [0.9]] + rng.normal(0, 1, (2, units)) + [[10], [11]]
    found = lin(*map(sums, y, x), alpha=0.05)
    centered, mean_and_slope = x - x.mean(), []
    for each, covariate in zip(y, centered, strict=True):
        # Each variant on its own line: the interacted model, arm by arm.
        fit = OLS(each, np.stack([np.ones(units), covariate], axis=1)).fit()
        mean_and_slope.append((fit.params[0], fit.bse[0]))
    (low, low_error), (high, high_error) = mean_and_slope
    assert found.absolute.estimate == pytest.approx(high - low, rel=1e-9)
    assert error(found) == pytest.approx(math.hypot(low_error, high_error), rel=1e-9)


@pytest.mark.parametrize("adjust", ADJUSTMENTS)
def test_a_covariate_that_foretells_nothing_changes_nothing(
    adjust: Callable[..., Contrast],
) -> None:
    plain = [Aggregates(1000, 500, 900), Aggregates(1000, 560, 1000)]
    constant = [
        Aggregates(a.units, a.total, a.total_squares, 3.0 * a.units, 9.0 * a.units, 3 * a.total)
        for a in plain
    ]
    found, bare = adjust(*constant, alpha=0.05), mean.compare(*plain, alpha=0.05)
    assert found.absolute == bare.absolute
    assert found.relative == bare.relative
    assert found.p_value == bare.p_value


@pytest.mark.parametrize("adjust", ADJUSTMENTS)
def test_it_sharpens_by_what_the_correlation_says(adjust: Callable[..., Contrast]) -> None:
    rng, units, correlation = np.random.default_rng(3), 20_000, 0.6
    x = rng.normal(0, 1, (2, units))
    y = 5 + correlation * x + math.sqrt(1 - correlation**2) * rng.normal(0, 1, (2, units))
    arms = [sums(*pair) for pair in zip(y, x, strict=True)]
    sharper = error(adjust(*arms, alpha=0.05)) / error(mean.compare(*arms, alpha=0.05))
    assert sharper == pytest.approx(math.sqrt(1 - correlation**2), rel=0.02)


@pytest.mark.parametrize("adjust", ADJUSTMENTS)
def test_too_few_units_stay_labelled_and_none_have_no_number(
    adjust: Callable[..., Contrast],
) -> None:
    few = Aggregates(9, 9, 11, 4, 6, 5)
    assert adjust(few, few, alpha=0.05).labels == (Label.TOO_FEW_UNITS,)
    # Three units have nearly all of it; that their past foretold it makes no more of them.
    x = np.array([400.0, 500, 600] + [0] * 97)
    heavy = sums(x + 1 + np.arange(100) % 2, x)
    assert adjust(heavy, heavy, alpha=0.05).labels == (Label.TOO_FEW_UNITS,)
    nobody = Aggregates(0, 0, 0)
    assert isinstance(adjust(nobody, few, alpha=0.05).p_value, Absent)
    assert isinstance(adjust(nobody, nobody, alpha=0.05).p_value, Absent)
    two = Aggregates(2, 3, 5, 1, 1, 2)
    assert not isinstance(adjust(two, few, alpha=0.05).p_value, Absent)


@pytest.mark.parametrize("adjust", ADJUSTMENTS)
def test_what_the_covariate_foretells_altogether_leaves_nothing_to_test(
    adjust: Callable[..., Contrast],
) -> None:
    x = np.arange(50, dtype=float)
    arm = sums(2 * x + 1, x)
    assert isinstance(adjust(arm, arm, alpha=0.05).p_value, Absent)


@pytest.mark.parametrize("adjust", ADJUSTMENTS)
def test_false_alarms_and_coverage_are_nominal(adjust: Callable[..., Contrast]) -> None:
    """Zeros and heavy values, half foretold by the covariate; a shift of 0 and of 0.4."""
    rng, runs, units = np.random.default_rng(12), 1200, (250, 400)
    alarms = held = 0
    for _ in range(runs):
        arms = []
        for number_of, shift in zip(units, (0.0, 0.4), strict=True):
            x = rng.exponential(1, number_of)
            y = x + rng.lognormal(0, 0.5, number_of) * (rng.random(number_of) < 0.7)
            arms.append((sums(y, x), sums(y + shift, x)))
        alarms += number(adjust(arms[0][0], arms[1][0], alpha=0.05).p_value) < 0.05
        absolute = adjust(arms[0][0], arms[1][1], alpha=0.05).absolute
        held += number(absolute.ci_low) <= 0.4 <= number(absolute.ci_high)
    error_of_rate = 4 * math.sqrt(0.05 * 0.95 / runs)
    assert abs(alarms / runs - 0.05) < error_of_rate
    assert abs(held / runs - 0.95) < error_of_rate
