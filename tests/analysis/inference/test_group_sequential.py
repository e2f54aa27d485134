"""Bounds of planned looks against published tables, and what they promise, by simulation."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.distributions import normal_p, normal_z
from analysis.inference.group_sequential import Design
from experiments.plan import Spending
from tests.shared_data import golden, needs_shared_data

FIVE = (0.2, 0.4, 0.6, 0.8, 1.0)
SEED = 20_261_130


def equal(looks: int) -> tuple[float, ...]:
    return tuple((number + 1) / looks for number in range(looks))


# gsDesign (sfLDOF and sfLDPocock, one-sided 0.025), as its documentation prints them.
@pytest.mark.parametrize(
    ("spending", "bounds"),
    [
        (Spending.OBRIEN_FLEMING, (4.877, 3.357, 2.680, 2.290, 2.031)),
        (Spending.POCOCK, (2.438, 2.427, 2.410, 2.397, 2.386)),
    ],
)
def test_five_looks_have_the_bounds_of_the_tables(
    spending: Spending, bounds: tuple[float, ...]
) -> None:
    assert Design(FIVE, spending).bounds(0.05) == pytest.approx(bounds, abs=6e-4)


@needs_shared_data
@pytest.mark.parametrize(
    ("name", "spending"),
    [
        ("obrien_fleming_per_side", Spending.OBRIEN_FLEMING),
        ("pocock_type", Spending.POCOCK),
    ],
)
def test_an_independent_integration_gives_the_same_bounds(name: str, spending: Spending) -> None:
    designs = golden("lan_demets_bounds")["designs"][name]
    assert len(designs) > 5
    for looks, design in designs.items():
        found = Design(equal(int(looks)), spending).bounds(0.05)
        for bound, expected in zip(found, design["z"], strict=True):
            assert bound == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("spending", Spending)
@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.2])
def test_one_look_at_the_end_is_the_ordinary_test(spending: Spending, alpha: float) -> None:
    (bound,) = Design((1.0,), spending).bounds(alpha)
    assert bound == pytest.approx(normal_z(alpha), abs=1e-9)
    (p_value,) = Design((1.0,), spending).repeated_p([2.1])
    assert p_value == pytest.approx(normal_p(2.1), rel=1e-6)


# Written down anew, from the papers.
_SPENT_BY_ONE_SIDE: dict[Spending, Callable[[float, float], float]] = {
    Spending.OBRIEN_FLEMING: lambda t, a: (
        2 * NormalDist().cdf(NormalDist().inv_cdf(a / 2) / math.sqrt(t))
    ),
    Spending.POCOCK: lambda t, a: a * math.log(1 + (math.e - 1) * t),
    Spending.POWER: lambda t, a: a * t**3,
}


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=6, unique=True),
    st.sampled_from(Spending),
    st.sampled_from([0.01, 0.05, 0.1]),
)
def test_all_looks_together_spend_what_the_function_says(
    parts: list[int], spending: Spending, alpha: float
) -> None:
    fractions = tuple(part / 40 for part in sorted(parts))
    design = Design(fractions, spending)
    bounds = design.bounds(alpha)
    # The chance to have crossed the upper bound by the last look, with no difference.
    spent = design.stagewise_p(bounds[-1], alpha=alpha)
    promised = _SPENT_BY_ONE_SIDE[spending](fractions[-1], alpha / 2)
    reachable = [bound for bound in bounds if bound < 9.5]
    assert spent == pytest.approx(promised, abs=1e-9 if len(reachable) == len(bounds) else 1e-15)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=5), st.sampled_from(Spending))
def test_the_p_value_is_below_alpha_exactly_when_a_look_reached_its_bound(
    z: list[float], spending: Spending
) -> None:
    design = Design(FIVE[: len(z)], spending)
    reached = any(abs(one) >= bound for one, bound in zip(z, design.bounds(0.05), strict=True))
    p_value = min(design.repeated_p(z))
    assert 0 < p_value <= 1
    assert (p_value <= 0.05 + 1e-9) if reached else (p_value >= 0.05 - 1e-9)


def test_the_stage_wise_order_is_that_of_the_ends() -> None:
    """Out above early is further up than out above late, and that than anything at the end."""
    first = Design(FIVE[:2], Spending.POCOCK).stagewise_p(2.5, alpha=0.05)
    later = Design(FIVE[:3], Spending.POCOCK).stagewise_p(4.0, alpha=0.05)
    last = Design(FIVE, Spending.POCOCK).stagewise_p(2.0, alpha=0.05)
    below = Design(FIVE[:2], Spending.POCOCK).stagewise_p(-2.5, alpha=0.05)
    assert first < later < last < below


def _paths(drift: float, runs: int) -> Any:
    """z at five equal looks of a difference whose z at the end has this mean."""
    rng = np.random.default_rng(SEED)
    steps = rng.normal(drift / 5, math.sqrt(1 / 5), size=(runs, 5))
    return np.cumsum(steps, axis=1) / np.sqrt(FIVE)


@pytest.mark.parametrize("spending", Spending)
def test_five_looks_cry_wolf_no_more_often_than_planned(spending: Spending) -> None:
    runs = 200_000
    bounds = Design(FIVE, spending).bounds(0.05)
    alarms = (np.abs(_paths(0.0, runs)) >= bounds).any(axis=1).mean()
    assert alarms == pytest.approx(0.05, abs=3 * math.sqrt(0.05 * 0.95 / runs))


@pytest.mark.parametrize("drift", [0.0, 1.5, 3.0])
def test_the_estimate_is_as_often_above_the_truth_as_below_it(drift: float) -> None:
    """The plain estimate where it stopped is not: what stops early was lucky."""
    runs = 1_500
    bounds = np.array(Design(FIVE, Spending.POCOCK).bounds(0.05))
    above = naive_above = 0
    for path in _paths(drift, runs):
        crossed = np.abs(path) >= bounds
        over = int(crossed.argmax()) if crossed.any() else 4
        design = Design(FIVE[: over + 1], Spending.POCOCK)
        # Above the truth exactly where, under the truth, such an end is rarer than one in two.
        above += design.stagewise_p(path[over], alpha=0.05, drift=drift) < 0.5
        naive_above += path[over] / math.sqrt(FIVE[over]) > drift
    error = 3 * math.sqrt(0.25 / runs)
    assert above / runs == pytest.approx(0.5, abs=error)
    if drift == 3.0:
        assert naive_above / runs > 0.5 + error


def test_the_estimate_solves_for_that_drift() -> None:
    design = Design(FIVE[:2], Spending.OBRIEN_FLEMING)
    drift = design.drift_at(0.5, 3.6, alpha=0.05)
    assert design.stagewise_p(3.6, alpha=0.05, drift=drift) == pytest.approx(0.5, abs=1e-9)
    assert 0 < drift < 3.6 / math.sqrt(0.4)
