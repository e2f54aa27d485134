"""What units' journeys make of the whole: the parts add up, exactly."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.journey import Attempts, Milestone, mix_and_rate, steps, whole_factor

counts = st.lists(st.integers(0, 10**6), min_size=6, max_size=6).map(
    lambda found: sorted(found, reverse=True)
)


@given(counts, counts)
def test_the_factors_of_the_steps_multiply_to_the_whole_ratio(
    control: list[int], treatment: list[int]
) -> None:
    reached = {
        milestone: {"a": a, "b": b}
        for milestone, a, b in zip(Milestone, control, treatment, strict=True)
    }
    found = steps(reached, control="a", variant="b")
    until = sum(1 for a, b in zip(control[1:], treatment[1:], strict=True) if a and b)
    assert [step.milestone for step in found] == list(Milestone)[1 : until + 1]
    if found:
        whole = (treatment[until] / treatment[0]) / (control[until] / control[0])
        assert whole_factor(found) == pytest.approx(whole, rel=1e-12)


def test_a_step_is_a_share_of_those_who_got_to_the_one_before() -> None:
    reached = {
        Milestone.EXPOSED: {"a": 1000, "b": 1000},
        Milestone.DETAILS: {"a": 500, "b": 600},
        Milestone.ATTEMPT: {"a": 400, "b": 450},
    }
    details, attempt = steps(reached, control="a", variant="b")
    assert (details.control, details.treatment, details.factor) == (0.5, 0.6, 1.2)
    assert (attempt.control, attempt.treatment) == (0.8, 0.75)


METHODS = st.lists(
    st.tuples(st.integers(0, 1000), st.integers(0, 1000), st.floats(0, 1), st.floats(0, 1)),
    min_size=1,
    max_size=6,
)


@given(METHODS)
def test_mix_and_rate_add_up_to_the_difference_of_the_rates(
    methods: list[tuple[int, int, float, float]],
) -> None:
    attempts = [
        Attempts(f"method {number}", {"a": n, "b": m}, {"a": round(n * p), "b": round(m * q)})
        for number, (n, m, p, q) in enumerate(methods)
    ]
    found = mix_and_rate(attempts, control="a", variant="b")
    whole = [
        (
            sum(each.authorized[arm] for each in attempts),
            sum(each.counted[arm] for each in attempts),
        )
        for arm in "ab"
    ]
    if not (whole[0][1] and whole[1][1]):
        assert found is None
        return
    assert found is not None
    rates = [good / counted for good, counted in whole]
    assert (found.control, found.treatment) == (rates[0], rates[1])
    assert found.mix + found.rate == pytest.approx(rates[1] - rates[0], abs=1e-12)


def test_the_same_rates_by_other_methods_are_mix_alone() -> None:
    attempts = [
        Attempts("card", {"a": 800, "b": 500}, {"a": 720, "b": 450}),
        Attempts("debit", {"a": 200, "b": 500}, {"a": 100, "b": 250}),
    ]
    found = mix_and_rate(attempts, control="a", variant="b")
    assert found is not None
    assert found.rate == pytest.approx(0, abs=1e-15)
    assert found.mix == pytest.approx(0.7 - 0.82)
    assert all(part.mix < 0 for part in found.parts)


def test_other_rates_of_the_same_methods_are_rate_alone() -> None:
    attempts = [
        Attempts("card", {"a": 800, "b": 400}, {"a": 720, "b": 320}),
        Attempts("debit", {"a": 200, "b": 100}, {"a": 100, "b": 60}),
    ]
    found = mix_and_rate(attempts, control="a", variant="b")
    assert found is not None
    assert found.mix == pytest.approx(0, abs=1e-15)
    assert math.isclose(found.rate, -0.06)
    assert [part.method for part in found.parts] == ["card", "debit"]


def test_a_method_that_one_variant_alone_has_is_mix() -> None:
    attempts = [
        Attempts("card", {"a": 500, "b": 250}, {"a": 450, "b": 225}),
        Attempts("debit", {"b": 250}, {"b": 250}),
    ]
    found = mix_and_rate(attempts, control="a", variant="b")
    assert found is not None
    assert found.rate == pytest.approx(0, abs=1e-15)
    assert found.mix == pytest.approx(0.05)
