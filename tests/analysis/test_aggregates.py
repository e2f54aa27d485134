from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.aggregates import Aggregates, added
from analysis.errors import InvalidAggregates, InvalidObservations
from analysis.observations import Exclusion, Observations

pairs = st.lists(st.tuples(st.integers(-500, 500), st.integers(0, 9)), max_size=40)


def summed(values: list[tuple[int, int]]) -> Aggregates:
    return Aggregates(
        units=len(values),
        total=sum(v for v, _ in values),
        total_squares=sum(v * v for v, _ in values),
        base_total=sum(b for _, b in values),
        base_squares=sum(b * b for _, b in values),
        cross=sum(v * b for v, b in values),
    )


@given(pairs, pairs)
def test_adding_aggregates_equals_aggregating_together(
    some: list[tuple[int, int]], others: list[tuple[int, int]]
) -> None:
    assert added([summed(some), summed(others)]) == summed(some + others)


def test_nothing_adds_up_to_nothing() -> None:
    assert added([]) == Aggregates(0, 0.0, 0.0)


@given(st.lists(st.floats(-1e9, 1e9), max_size=30))
def test_sums_of_real_values_are_never_refused(values: list[float]) -> None:
    squares = math.fsum(v * v for v in values)
    assert Aggregates(len(values), sum(values), squares).units == len(values)


@pytest.mark.parametrize(
    ("sums", "field"),
    [
        ((-1, 0, 0), "units"),
        ((3, 1, -1), "total_squares"),
        ((3, 1, 1, 1, -1), "base_squares"),
        ((3, math.nan, 1), "total"),
        ((3, 1, math.inf), "total_squares"),
        ((3, 4, 4), "total"),
        ((0, 1, 1), "total"),
        ((3, 1, 1, 9, 9), "base_total"),
        ((3, 1, 1, 1, 1, 2), "cross"),
    ],
)
def test_sums_that_no_units_can_have_are_refused(sums: tuple[float, ...], field: str) -> None:
    with pytest.raises(InvalidAggregates, match=f"^{field}:"):
        Aggregates(*sums)  # type: ignore[arg-type] # wrong on purpose


def test_more_conversions_than_units_are_refused() -> None:
    with pytest.raises(InvalidAggregates):
        Aggregates.of_conversions(10, 11)
    assert Aggregates.of_conversions(10, 10).total == 10


def test_a_metric_cannot_count_more_units_than_were_exposed() -> None:
    counted = {"m": {"a": Aggregates.of_conversions(11, 1)}}
    with pytest.raises(InvalidObservations, match="m: counts 11 units in variant 'a', 10 were"):
        Observations(units={"a": 10}, metrics=counted)
    with pytest.raises(InvalidObservations, match="viewed"):
        Observations(units={"a": 10}, metrics={}, funnel={"viewed": {"b": 1}})


@pytest.mark.parametrize("counts", [{"contradictory_units": -1}, {"duplicate_rows": -1}])
def test_negative_counts_are_refused(counts: dict[str, int]) -> None:
    with pytest.raises(InvalidObservations):
        Observations(units={"a": 10}, metrics={}, **counts)  # type: ignore[arg-type] # a mapping of names


def test_an_exclusion_counts_what_it_touched() -> None:
    with pytest.raises(InvalidObservations, match="late"):
        Exclusion("late", rows=-1, units=0)
    assert Exclusion("late", rows=3, units=2).affected == 2
    assert Exclusion("late", rows=3, units=0, affected_units=3).affected == 3
