"""Definitions made by programs are held to the same rules as those of files."""

import dataclasses
import itertools
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from experiments import (
    AnalysisPlan,
    Direction,
    Experiment,
    FunnelEvent,
    Kind,
    Method,
    Metric,
    MetricRoles,
    Offer,
    Status,
    Variant,
)
from experiments.errors import RULES

START = datetime(2027, 1, 11, 9, tzinfo=UTC)
PLAIN: dict[str, Any] = {
    "key": "checkout",
    "name": "Checkout",
    "hypothesis": "Fewer steps, more sales.",
    "owner": "growth@example.com",
    "status": Status.RUNNING,
    "variants": (
        Variant(key="a", weight=50, control=True),
        Variant(key="b", weight=50),
    ),
    "metrics": MetricRoles(primary="paid_conversion"),
    "analysis": AnalysisPlan(planned_units=1000),
}


def test_an_experiment_says_what_it_compares() -> None:
    experiment = Experiment(**PLAIN)
    assert experiment.control == experiment.variant("a") == experiment.variants[0]
    assert experiment.variant("b").key == "b"
    assert dict(experiment.shares) == {"a": 0.5, "b": 0.5}
    with pytest.raises(KeyError):
        experiment.variant("c")


def test_what_is_not_said_has_a_default() -> None:
    experiment = Experiment(**PLAIN)
    assert (experiment.version, experiment.unit, experiment.traffic) == (1, "visitor", 1.0)
    assert (experiment.start, experiment.end, experiment.winner) == (None, None, None)
    assert experiment.seed == "checkout"
    assert experiment.metrics == MetricRoles(primary="paid_conversion", secondary=(), guardrails=())
    assert experiment.analysis == AnalysisPlan(
        planned_units=1000, method=Method.FIXED, alpha=0.05, conversion_window=timedelta(days=7)
    )
    assert (experiment.control.flow, experiment.control.name) == (None, None)


@pytest.mark.parametrize(
    "values",
    [
        {"status": "running"},
        {"status": Status.SHIPPED},
        {"winner": "a"},
        {"traffic": 0},
        {"traffic": 1.01},
        {"traffic": float("nan")},
        {"traffic": True},
        {"start": datetime(2027, 1, 11)},  # noqa: DTZ001  # a naive time is what is refused
        {"end": START, "start": START},
        {"variants": PLAIN["variants"][:1]},
        {"variants": [*PLAIN["variants"]]},
        {"variants": tuple(Variant(key=f"v{n}", weight=5, control=n == 0) for n in range(21))},
        {"key": "Checkout"},
        {"key": "checkout\n"},
        {"key": "x" * 65},
        {"seed": ""},
        {"unit": "session"},
        {"holdout": 0.1},
    ],
    ids=str,
)
def test_an_invalid_experiment_cannot_be_made(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Experiment(**{**PLAIN, **values})


def test_a_changed_copy_is_held_to_the_rules_too() -> None:
    with pytest.raises(ValidationError, match="no winner is named"):
        dataclasses.replace(Experiment(**PLAIN), status=Status.SHIPPED)


def test_twenty_variants_are_allowed() -> None:
    variants = tuple(Variant(key=f"v{n}", weight=5, control=n == 0) for n in range(20))
    assert len(Experiment(**{**PLAIN, "variants": variants}).variants) == 20


@pytest.mark.parametrize("window", [timedelta(0), timedelta(-1), timedelta(days=365, seconds=1)])
def test_a_window_that_nobody_can_convert_in_is_refused(window: timedelta) -> None:
    with pytest.raises(ValidationError, match="is not above 0 and at most 365"):
        AnalysisPlan(planned_units=10, conversion_window=window)


def test_a_year_is_the_longest_window() -> None:
    year = timedelta(days=365)
    assert AnalysisPlan(planned_units=10, conversion_window=year).conversion_window == year


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2027-03-15T09:00:00+01:00", "2027-04-12T09:00:00+02:00"),
        ("2027-10-18T09:00:00+02:00", "2027-11-15T09:00:00+01:00"),
    ],
)
def test_weeks_are_whole_where_clocks_change_in_them(start: str, end: str) -> None:
    begins, ends = datetime.fromisoformat(start), datetime.fromisoformat(end)
    assert Experiment(**PLAIN, start=begins, end=ends).end == ends
    with pytest.raises(ValidationError, match="whole week"):
        Experiment(**PLAIN, start=begins, end=ends + timedelta(hours=3))


@given(offset=st.integers(-23 * 60, 23 * 60))
def test_times_are_kept_in_utc(offset: int) -> None:
    local = START.astimezone(timezone(timedelta(minutes=offset)))
    experiment = Experiment(**{**PLAIN, "start": local})
    assert experiment.start == START
    assert experiment.start is not None
    assert experiment.start.tzinfo is UTC


@given(hundredths=st.lists(st.integers(1, 5000), min_size=2, max_size=20))
def test_weights_are_accepted_exactly_when_they_sum_to_100(hundredths: list[int]) -> None:
    variants = tuple(
        Variant(key=f"v{index}", weight=each / 100, control=index == 0)
        for index, each in enumerate(hundredths)
    )
    if sum(hundredths) == 10000:
        assert Experiment(**{**PLAIN, "variants": variants}).variants == variants
    else:
        with pytest.raises(ValidationError, match="the weights sum to"):
            Experiment(**{**PLAIN, "variants": variants})


@given(
    cuts=st.sets(st.integers(1, 9999), min_size=1, max_size=19),
)
def test_any_hundredths_that_sum_to_100_are_weights(cuts: set[int]) -> None:
    edges = sorted({0, 10000, *cuts})
    weights = [(after - before) / 100 for before, after in itertools.pairwise(edges)]
    variants = tuple(
        Variant(key=f"v{index}", weight=weight, control=index == 0)
        for index, weight in enumerate(weights)
    )
    experiment = Experiment(**{**PLAIN, "variants": variants})
    assert sum(experiment.shares.values()) == pytest.approx(1)


def test_facts_are_frozen() -> None:
    experiment = Experiment(**PLAIN)
    for fact, name in ((experiment, "traffic"), (experiment.control, "weight")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(fact, name, 0.1)
    assert hash(experiment) == hash(Experiment(**PLAIN))


def test_metrics_and_offers_are_facts_too() -> None:
    metric = Metric(
        key="revenue",
        name="Revenue",
        event=FunnelEvent.PAYMENT_SUCCEEDED,
        kind=Kind.RATIO,
        direction=Direction.INCREASE,
    )
    offer = Offer(key="plan", name="Plan", description="A plan.", amount=2400, currency="usd")
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(metric, "kind", Kind.MEAN)  # noqa: B010  # mypy would refuse the assignment
    with pytest.raises(ValidationError, match="less than or equal to 99999999"):
        dataclasses.replace(offer, amount=100_000_000)


def test_a_validators_rule_is_one_of_the_listed() -> None:
    with pytest.raises(ValidationError) as refusal:
        Experiment(**{**PLAIN, "winner": "c", "end": START, "start": START})
    assert {error["type"] for error in refusal.value.errors()} == {
        "winner-not-shipped",
        "unknown-winner",
        "end-before-start",
    }
    assert {error["type"] for error in refusal.value.errors()} <= set(RULES)


@pytest.mark.parametrize(
    ("written", "mend"),
    [
        ("7 days", "write 7d"),
        ("1 Day", "write 1d"),
        ("72 hours", "write 72h"),
        ("72hrs", "write 72h"),
        ("30 min", "write 30m"),
        ("30 minutes", "write 30m"),
        ("3 months", "write a whole number and d, h or m, such as 7d, 72h or 30m"),
        ("7.5 days", "write a whole number and d, h or m, such as 7d, 72h or 30m"),
    ],
)
def test_a_duration_in_words_is_answered_with_what_was_meant(written: str, mend: str) -> None:
    values: dict[str, Any] = {"planned_units": 100, "conversion_window": written}
    with pytest.raises(ValidationError) as refused:
        AnalysisPlan(**values)
    (error,) = refused.value.errors()
    assert error["ctx"]["mend"] == mend
