"""The Bayesian reading: two integrals, against a closed form, scipy's own and draws."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.aggregates import Aggregates
from analysis.inference.bayesian import _grid, _integrals, _sums, posterior
from analysis.render import to_html, to_json, to_markdown, to_text
from analysis.report import Posterior, Report
from experiments.metrics import Direction

Pair = tuple[int, int]
ARMS = st.tuples(st.integers(0, 400), st.integers(0, 400)).map(lambda pair: (sum(pair), pair[0]))


def read(control: Pair, treatment: Pair, direction: Direction = Direction.INCREASE) -> Posterior:
    """Of (units, conversions)."""
    arms = (Aggregates.of_conversions(*pair) for pair in (control, treatment))
    return posterior(*arms, direction=direction)


def chance_above(first: tuple[float, float], second: tuple[float, float]) -> float:
    """P(first > second) of beta distributions with whole parameters: Evan Miller's closed form."""
    from scipy.special import betaln  # noqa: PLC0415 - loading scipy is put off until needed

    (a1, b1), (a2, b2) = first, second
    return math.fsum(
        math.exp(betaln(a2 + i, b1 + b2) - math.log(b1 + i) - betaln(1 + i, b1) - betaln(a2, b2))
        for i in range(int(a1))
    )


GOLDEN = [
    ((12_012, 615), (11_988, 754)),
    ((500, 0), (500, 4)),
    ((40, 2), (42, 9)),
    ((10, 0), (10, 0)),
    ((7, 7), (7, 5)),
    ((44_700, 8_502), (45_489, 8_279)),
]


@pytest.mark.parametrize(("control", "treatment"), GOLDEN)
def test_both_are_those_of_the_closed_form(control: Pair, treatment: Pair) -> None:
    (n_c, x_c), (n_t, x_t) = control, treatment
    c, t = (1.0 + x_c, 1.0 + n_c - x_c), (1.0 + x_t, 1.0 + n_t - x_t)
    found = read(control, treatment)
    assert found.better == pytest.approx(chance_above(t, c), rel=1e-9)
    # E max(p_c - p_t, 0), each mean times the chance with one more conversion of that arm.
    raised_c, raised_t = (c[0] + 1, c[1]), (t[0] + 1, t[1])
    loss = c[0] / sum(c) * chance_above(raised_c, t) - t[0] / sum(t) * chance_above(c, raised_t)
    assert found.expected_loss == pytest.approx(loss, rel=1e-6, abs=1e-12)


def test_both_are_those_of_scipys_double_integral() -> None:
    from scipy.integrate import dblquad  # noqa: PLC0415 - loading scipy is put off until needed
    from scipy.stats import beta  # noqa: PLC0415 - see above

    c, t = beta(3, 39), beta(10, 34)
    better, _ = dblquad(lambda y, x: c.pdf(x) * t.pdf(y), 0, 1, lambda x: x, 1)
    loss, _ = dblquad(lambda y, x: (x - y) * c.pdf(x) * t.pdf(y), 0, 1, 0, lambda x: x)
    found = read((40, 2), (42, 9))
    assert found.better == pytest.approx(better, rel=1e-6)
    assert found.expected_loss == pytest.approx(loss, rel=1e-6)


def test_both_are_those_of_a_million_draws() -> None:
    rng, size = np.random.default_rng(4), 1_000_000
    draws = rng.beta(616, 11_398, size), rng.beta(651, 11_338, size)
    found = read((12_012, 615), (11_988, 650))
    assert found.better == pytest.approx((draws[1] > draws[0]).mean(), abs=0.002)
    loss = np.maximum(draws[0] - draws[1], 0).mean()
    assert found.expected_loss == pytest.approx(loss, rel=0.02)


@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        ((51, 51), (70, 60)), ((755, 11_235), (616, 11_398)), ((51, 1e6), (60, 1e6)),
        ((1e6, 1e3), (1e6, 9e2)), ((8503, 36_199), (8280, 37_211)), ((200, 300), (60, 440)),
    ],
)  # fmt: skip
def test_sums_without_scipy_are_the_integrals_with_it(
    lower: tuple[float, float], higher: tuple[float, float]
) -> None:
    grid = _grid(lower, higher)
    assert grid is not None
    seen, expected = _sums(lower, higher, grid), _integrals(lower, higher)
    assert seen[0] == pytest.approx(expected[0], abs=1e-10)
    assert seen[1] == pytest.approx(expected[1], rel=2e-10)


def test_few_conversions_and_rates_far_apart_are_left_to_scipy() -> None:
    assert _grid((49, 1000), (60, 1000)) is None
    assert _grid((5e10, 9.5e11), (6e10, 9.4e11)) is None
    assert read((10**12, 5 * 10**10), (10**12, 6 * 10**10)).better == pytest.approx(1)


def test_many_conversions_load_no_scipy() -> None:
    words = """
import sys
from analysis.aggregates import Aggregates
from analysis.inference import BELIEFS
from experiments.metrics import Direction, Kind
arms = Aggregates(20_000, 900, 900), Aggregates(20_000, 1000, 1000)
BELIEFS[Kind.PROPORTION](*arms, direction=Direction.INCREASE)
sys.exit("scipy" in sys.modules or "numpy" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", words], check=False).returncode == 0


def test_a_trillion_units_are_no_trouble() -> None:
    found = read((10**12, 5 * 10**10), (10**12, 5 * 10**10 + 10**6))
    z = 1e-6 / math.sqrt(2 * 0.05 * 0.95 / 1e12)
    assert found.better == pytest.approx(0.5 * math.erfc(-z / math.sqrt(2)), rel=1e-6)


@given(ARMS, ARMS)
def test_one_of_the_two_is_better_and_their_losses_differ_by_the_difference_of_means(
    control: Pair, treatment: Pair
) -> None:
    there, back = read(control, treatment), read(treatment, control)
    assert there.better + back.better == pytest.approx(1, abs=1e-9)
    assert there.expected_loss >= 0
    (n_c, x_c), (n_t, x_t) = control, treatment
    means = (1 + x_c) / (2 + n_c), (1 + x_t) / (2 + n_t)
    assert there.expected_loss - back.expected_loss == pytest.approx(means[0] - means[1], abs=1e-9)
    # Where less is better the two change places.
    assert read(control, treatment, Direction.DECREASE).better == pytest.approx(
        back.better, abs=1e-12
    )


def test_nothing_counted_is_the_prior() -> None:
    found = read((0, 0), (0, 0))
    assert found.better == pytest.approx(0.5)
    assert found.expected_loss == pytest.approx(1 / 6)
    assert found.prior == (1, 1)


def test_of_rates_drawn_from_the_prior_it_is_right_as_often_as_it_says() -> None:
    rng, runs = np.random.default_rng(8), 1500
    rates = rng.random((runs, 2))
    counts = rng.binomial(25, rates)
    found = [read((25, int(x_c)), (25, int(x_t))) for x_c, x_t in counts]
    said, truth = np.array([f.better for f in found]), rates[:, 1] > rates[:, 0]
    for low, high in ((0.05, 0.5), (0.5, 0.95), (0.95, 1.0)):
        among = (said >= low) & (said < high)
        error = math.sqrt(said[among].mean() * (1 - said[among].mean()) / among.sum())
        assert abs(truth[among].mean() - said[among].mean()) < 4 * error
    loss = np.maximum(rates[:, 0] - rates[:, 1], 0)
    expected = np.array([f.expected_loss for f in found])
    assert abs((loss - expected).mean()) < 4 * (loss - expected).std() / math.sqrt(runs)


def test_every_rendering_names_chance_loss_and_prior(
    make_report: Callable[..., Report], no_difference: dict[str, Pair]
) -> None:
    report = make_report(no_difference)
    said = "72.18% likely better, expected loss if shipped 0.049 pp"
    for rendering in (to_text, to_markdown, to_html):
        words = " ".join(rendering(report).replace("\\", "").split())
        assert said in words
        assert "prior Beta(1, 1)" in words
    document: Any = to_json(report)
    json = document["metrics"][0]["comparisons"][0]["bayesian"]
    assert json["probability_to_beat_control"] == pytest.approx(0.7218, abs=1e-4)
    assert json["prior"] == {"distribution": "beta", "parameters": [1, 1]}
