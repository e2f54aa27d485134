"""What is worked out once for assignment says the same as the definition it was worked out from."""

import itertools

from hypothesis import example, given, settings
from hypothesis import strategies as st

from experiments.bucketing import PLACES, ranges
from experiments.rules import OUTSIDE, places
from experiments.targeting import All, AnyOf, In, Not, NotIn, Targeting, texts_of

TEXTS = In("country", ("SE", "NO"))


@st.composite
def uneven_shares(draw: st.DrawFn) -> list[float]:
    cuts = draw(st.sets(st.integers(1, 9999), min_size=1, max_size=19))
    edges = [0, *sorted(cuts), 10000]
    return [(after - before) / 100 / 100 for before, after in itertools.pairwise(edges)]


@settings(max_examples=30)
@given(shares=uneven_shares(), coverage=st.floats(0.0001, 1))
@example(shares=[0.1] * 10, coverage=1.0)
@example(shares=[0.3333, 0.3333, 0.3334], coverage=0.3)
def test_each_place_has_the_first_range_that_holds_its_position(
    shares: list[float], coverage: float
) -> None:
    edges = ranges(shares, coverage)
    for place, found in enumerate(places(edges)):
        holding = (at for at, (lower, upper) in enumerate(edges) if lower <= place / PLACES < upper)
        assert found == next(holding, OUTSIDE)


def test_without_ranges_every_place_is_outside() -> None:
    assert set(places(())) == {OUTSIDE}
    assert len(places(())) == PLACES


def test_one_list_of_texts_is_asked_without_a_call() -> None:
    assert texts_of(TEXTS) == ("country", frozenset({"SE", "NO"}))
    assert texts_of(All((TEXTS,))) == texts_of(TEXTS)


def test_every_other_targeting_is_asked_by_its_function() -> None:
    others: list[Targeting | None] = [
        None,
        In("amount", (1, 2)),
        In("plan", ("pro", 1)),
        NotIn("country", ("SE",)),
        Not(TEXTS),
        AnyOf((TEXTS,)),
        All((TEXTS, TEXTS)),
    ]
    assert [texts_of(other) for other in others] == [None] * len(others)
