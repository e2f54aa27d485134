"""What is worked out here is what scipy says, and scipy stays away from a report of many units."""

import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, special

from analysis.distributions import chi_square_p, root, student_p, student_quantile


@given(st.floats(10_000, 1e12), st.floats(-36, 36))
def test_a_p_value_of_many_degrees_is_scipys(degrees: float, t: float) -> None:
    assert student_p(t, degrees) == pytest.approx(2 * special.stdtr(degrees, -abs(t)), rel=1e-11)


@given(st.floats(10_000, 1e12), st.floats(1e-12, 0.999))
def test_a_quantile_of_many_degrees_is_scipys(degrees: float, alpha: float) -> None:
    expected = -special.stdtrit(degrees, alpha / 2)
    assert student_quantile(alpha, degrees) == pytest.approx(expected, rel=1e-11, abs=1e-12)


@given(st.integers(1, 400), st.floats(0, 1300))
def test_a_chi_square_tail_is_scipys(degrees: int, statistic: float) -> None:
    expected = max(special.chdtrc(degrees, statistic), sys.float_info.min)
    assert chi_square_p(statistic, degrees) == pytest.approx(expected, rel=1e-11)


FUNCTIONS = {
    "cubic": (lambda x: x**3 - 2, 0, 3),
    "exponential": (lambda x: math.exp(x) - 1e-3, -30, 30),
    "flat": (lambda x: math.tanh(1e6 * (x - 1e-7)), -1, 1),
    "step": (lambda x: 1 if x > 0.3 else -1, 0, 1),
    "infinite": (lambda x: math.inf if x > 5 else x - 2, 0, 10),
    "steep": (lambda x: math.copysign(abs(x - 0.1) ** 0.2, x - 0.1), -0.7, 1),
    "at an end": (lambda x: x, 0, 1),
    "falling": (lambda x: 1e-9 - x, -1, 1),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_root_is_brents(name: str) -> None:
    function, low, high = FUNCTIONS[name]
    expected = optimize.brentq(function, low, high, xtol=1e-20, rtol=1e-14, maxiter=500)
    assert root(function, low, high) == pytest.approx(expected, rel=2e-14, abs=1e-20)
    assert root(function, high, low) == pytest.approx(expected, rel=2e-14, abs=1e-20)


def test_a_root_takes_few_steps() -> None:
    asked: list[float] = []

    def watched(x: float) -> float:
        asked.append(x)
        return math.exp(x) - 1e-3

    root(watched, -30, 30)
    assert len(asked) < 20


def test_no_change_of_sign_is_no_root() -> None:
    with pytest.raises(ValueError, match="no sign changes between 1 and 2"):
        root(lambda x: x, 1, 2)


def test_a_report_of_many_units_loads_no_scipy() -> None:
    words = """
import sys
from analysis.aggregates import Aggregates
from analysis.inference import INFERENCES
from analysis.srm import check_sample_ratio
from experiments import Kind
for kind in (Kind.PROPORTION, Kind.MEAN):
    arms = Aggregates(20_000, 900.0, 900.0), Aggregates(20_000, 1000.0, 1000.0)
    INFERENCES[kind].compare(*arms, alpha=0.05)
check_sample_ratio({"a": 10, "b": 12}, {"a": 0.5, "b": 0.5})
print("scipy" in sys.modules, "numpy" in sys.modules)
"""
    ran = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "False"]
