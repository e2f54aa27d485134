"""Totals, days and segments are added up from the same cells."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from analysis.aggregates import Aggregates
from analysis.cells import MOST_VALUES, OTHER, Cell, by_day, by_segment, together

VARIANTS, METRICS = ("control", "treatment"), ("paid", "revenue")
FIRST = date(2026, 11, 1)


def cell(
    variant: str, day: date | None, values: tuple[str, ...], units: int, paid: int, spent: int
) -> Cell:
    sums = {
        "paid": Aggregates.of_conversions(units, min(units, paid)),
        "revenue": Aggregates(units, spent, spent**2),
    }
    return Cell(variant, day, values, units, sums)


cells = st.lists(
    st.builds(
        cell,
        st.sampled_from(VARIANTS),
        st.builds(lambda number: FIRST + timedelta(number), st.integers(0, 5)),
        st.tuples(st.sampled_from("abc"), st.sampled_from("xy")),
        st.integers(1, 99),
        st.integers(0, 99),
        st.integers(0, 10**6),
    ),
    max_size=30,
)


@given(cells)
def test_days_and_segments_add_up_to_the_whole(found: list[Cell]) -> None:
    whole = together(found, VARIANTS, METRICS)
    days = by_day(found, VARIANTS, METRICS)
    segments = by_segment(found, ("letter", "mark"), VARIANTS, METRICS)
    assert list(days) == sorted(days)
    for parts in (days, segments["letter"], segments["mark"]):
        for variant in VARIANTS:
            assert sum(part.units[variant] for part in parts.values()) == whole.units[variant]
            for metric in METRICS:
                total = sum(part.metrics[metric][variant].total for part in parts.values())
                assert total == whole.metrics[metric][variant].total


@given(cells, st.randoms())
def test_the_order_of_cells_changes_nothing(found: list[Cell], random: object) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert together(shuffled, VARIANTS, METRICS) == together(found, VARIANTS, METRICS)
    args = ("letter", "mark"), VARIANTS, METRICS
    assert by_segment(shuffled, *args) == by_segment(found, *args)


def test_a_variant_without_units_is_there_with_none() -> None:
    whole = together([cell("control", FIRST, (), 5, 2, 10)], VARIANTS, METRICS)
    assert whole.units == {"control": 5, "treatment": 0}
    assert whole.metrics["paid"]["treatment"] == Aggregates(0, 0, 0)


def test_units_of_an_unknown_day_are_in_the_whole_and_in_no_day() -> None:
    found = [cell("control", None, (), 5, 2, 10), cell("control", FIRST, (), 3, 1, 0)]
    assert together(found, VARIANTS, METRICS).units["control"] == 8
    assert {
        day: group.units["control"] for day, group in by_day(found, VARIANTS, METRICS).items()
    } == {FIRST: 3}


def test_values_of_few_units_are_shown_together_and_last() -> None:
    found = [
        cell("control", FIRST, (f"v{number:02}",), 100 - number, 0, 0)
        for number in range(MOST_VALUES + 3)
    ]
    found.append(cell("treatment", FIRST, (OTHER,), 1_000, 0, 0))
    values = by_segment(found, ["code"], VARIANTS, METRICS)["code"]
    assert list(values) == [*(f"v{number:02}" for number in range(MOST_VALUES)), OTHER]
    rest = sum(100 - number for number in range(MOST_VALUES, MOST_VALUES + 3))
    assert values[OTHER].units == {"control": rest, "treatment": 1_000}
